/* SPDX-License-Identifier: GPL-2.0-only */
/* The drain: a color's connections end by themselves, and somebody waits for that. */
#ifndef TEAL_DRAIN_H
#define TEAL_DRAIN_H

#include "table/service.h"

struct drain_progress {
	__u64 first, left;    /* live flows when the wait began, and now */
	double per_second;    /* at which they have been ending lately */
	__u64 idle_longest;   /* seconds since the last packet of the one that has been silent the longest */
	unsigned int waited_ms;
};

/* Is told how it goes; NULL: nobody is. */
typedef void (*drain_tell)(void *argument, const struct drain_progress *progress);

/*
 * Waits until a color has no live flows.
 * @seconds   at most; 0: for as long as it takes
 * @every_ms  between two calls of `tell`
 * Returns 0 and what is left, or -ETIMEDOUT with a sentence (EXIT_DEADLINE), or another negative errno with one: -ESTALE
 * (EXIT_REFUSED) if it has become the active color meanwhile.
 */
int color_drain(const struct tables *t, const struct service *s, enum teal_color color, unsigned int seconds,
		unsigned int every_ms, drain_tell tell, void *argument, __u64 *ret_left, struct error *e);

#endif
