/* SPDX-License-Identifier: GPL-2.0-only */
/* The live picture: what every color of every service does, second by second.  `teal top` draws it. */
#ifndef TEAL_PICTURE_H
#define TEAL_PICTURE_H

#include "table/handshakes.h"
#include "table/service.h"

struct picture_color {
	__u64 flows;	/* live */
	__u64 opened;	/* since they were configured */
	struct teal_handshakes seen; /* the same */
	unsigned int up, down, unknown; /* backends */
	double per_second;	     /* new connections, since the last look */
	__u32 handshake_us;	     /* half of the handshakes since the last look took no longer; 0: there were none */
};

struct picture_service {
	struct service service;
	struct picture_color colors[TEAL_COLORS];
};

struct picture {
	struct picture_service *services; /* in the order of their names */
	unsigned int count;
	__u64 at; /* monotonic ns */
};

/*
 * Looks.  @before  the last look, for what is counted by the second; NULL: this is the first
 * Give *ret to picture_free().  Returns 0 or a negative errno with a sentence.
 */
int picture_take(const struct tables *t, const struct picture *before, struct picture *ret, struct error *e);
void picture_free(struct picture *picture);

#endif
