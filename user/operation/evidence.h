/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a color's backends did, as the kernel and the health checks saw it, and whether one did worse than the other: what
 * a canary's steps and the guard of a switch judge by.
 */
#ifndef TEAL_EVIDENCE_H
#define TEAL_EVIDENCE_H

#include <jansson.h>

#include "table/handshakes.h"
#include "table/service.h"

struct evidence {
	struct teal_handshakes seen;
	__u64 opened, refused;		/* as in struct teal_counters */
	unsigned int up, down, unknown; /* backends, now */
	__u32 check_us;			/* what a good health check took, on the average; 0: there was none */
	__u64 waiting;			/* connections that began more than a second ago and got no answer at all */
};

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

#define EVIDENCE_WHY_SIZE 200

/* What the backends of a color did since they were configured.  Returns 0 or a negative errno with a sentence. */
int evidence_take(const struct tables *t, __u16 service, enum teal_color color, struct evidence *ret, struct error *e);

/* What was done between two looks at the same color; what is no counter is that of `later`. */
struct evidence evidence_since(const struct evidence *later, const struct evidence *earlier);

/*
 * Whether `now` is worse than `other`, what the color of that name did.  Writes why, as a sentence without its end.
 */
bool evidence_is_worse(const struct evidence_limits *limits, const struct evidence *now, const struct evidence *other,
		       const char *other_name, char why[EVIDENCE_WHY_SIZE]);

/*
 * A color that is looked at twice a second: what counts is what it did since the beginning, and what it did lately, for
 * what goes wrong later must not hide behind what went well before.
 */
#define EVIDENCE_LOOK_MS 500
#define EVIDENCE_SECOND 2 /* looks that are a second */
#define EVIDENCE_LATELY 10

struct evidence_watch {
	struct evidence began;
	struct evidence looks[EVIDENCE_LATELY]; /* the oldest is overwritten first */
	unsigned int count;
};

/* Takes the next look, and judges as evidence_is_worse() does. */
bool evidence_watch(struct evidence_watch *watch, const struct evidence_limits *limits, const struct evidence *now,
		    const struct evidence *other, const char *other_name, char why[EVIDENCE_WHY_SIZE]);

json_t *evidence_json(const struct evidence *evidence);
/* Returns 0, or -EINVAL for what evidence_json() did not make. */
int evidence_read(const json_t *json, struct evidence *ret);

#endif
