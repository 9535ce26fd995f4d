/* SPDX-License-Identifier: GPL-2.0-only */
/* The block `guard` of a service. */
#ifndef TEAL_CONFIG_GUARD_H
#define TEAL_CONFIG_GUARD_H

#include "teal/tables.h"

/* When a color counts as worse than another. */
struct evidence_limits {
	__u32 connections;  /* new ones below which shares and times say nothing */
	__u32 failures;	    /* the same of failures: a packet may get lost anywhere */
	__u32 failed;	    /* refused, or not answered within a second: percentage points more than the other */
	__u32 aborted;	    /* ended by the backend's RST: the same */
	__u32 slower;	    /* handshakes, health checks: more than so many times as long */
	__u32 handshake_us; /* and longer than this */
	__u32 check_us;
	__u32 down; /* per cent of its backends, if that is more than of the other's */
};

#define EVIDENCE_LIMITS ((struct evidence_limits){ \
	.connections = 10, .failures = 3, .failed = 5, .aborted = 10, .slower = 4, .handshake_us = 5000, .check_us = 50000, .down = 50 })

struct config_source;
struct raw_guard;

/* The defaults where the block leaves something out.  Returns 0 or a negative errno with a sentence. */
int guard_limits_read(struct config_source *source, unsigned int i, const struct raw_guard *raw, struct evidence_limits *ret);

#endif
