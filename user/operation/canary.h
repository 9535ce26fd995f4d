/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The canary: the color that is not active gets a share of the new flows.  One more table in the slot, made of the two
 * colors' tables; raising, lowering and ending it are one step each.  The caller holds LOCK_TABLES.
 */
#ifndef TEAL_CANARY_H
#define TEAL_CANARY_H

#include "table/slot.h"

/*
 * Gives `percent` (1 to 100) of a service's new flows to the color that is not active, and records that for the next boot.
 * Whoever finds the canary at one percentage finds it at every higher one.
 * @force  even if none of its backends is up
 * Returns 0 and s->info as it is then, or a negative errno with a sentence and nothing changed: EXIT_REFUSED if the color
 * is the active one or has no usable backend.
 */
int canary_set(const struct tables *t, const char *state_dir, struct service *s, enum teal_color color,
	       unsigned int percent, bool force, struct error *e);

/*
 * Ends it: the active color gets everything again.  Without a canary nothing is changed.
 * Returns 0, or a negative errno with a sentence.
 */
int canary_end(const struct tables *t, const char *state_dir, struct service *s, struct error *e);

/*
 * The colors' tables have changed: the canary's follows with the next slots_swap(), and ends where its color has no table
 * any more.
 * Returns 0 or a negative errno.
 */
int canary_follow(const struct tables *t, const struct service *s, struct slot_swaps *swaps);

/* A table's slots: backend ids, a power of two of them. */
struct slots {
	__u32 *ids;
	__u32 size;
};

/*
 * Fills ret->ids from both: `percent` of the slots are the canary's, the others the active color's.  A slot for which the
 * canary names nobody (all its backends are down, and new flows are refused then) stays the active color's.
 * ret->size must be the larger of both sizes.
 */
void canary_blend(const struct slots *active, const struct slots *canary, unsigned int percent, struct slots *ret);

#endif
