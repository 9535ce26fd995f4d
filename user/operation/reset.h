/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of a color's connections: both ends of each get a RST that they believe, from the data path, which answers
 * every packet of such a connection with one.
 */
#ifndef TEAL_RESET_H
#define TEAL_RESET_H

#include "table/service.h"

struct reset_result {
	__u64 ended; /* live flows that there were */
	__u64 left;  /* that are still there: of TCP, those whose ends said nothing; of UDP, those that said nothing since */
	bool stays;  /* the color is still being reset: until the last of them is gone, or it gets new flows again */
};

/*
 * Ends the connections of a color: has the data path reset them, and provokes both ends of each that is idle, a bounded
 * number at a time.  Takes a second or two, and LOCK_TABLES for moments of it: the caller must not hold that.
 * UDP has nothing to be reset by: its flows are forgotten, so the next packet of each goes where new flows go.
 * @force  even if the color is the active one
 * Returns 0, or a negative errno with a sentence: -EBUSY and EXIT_REFUSED for the active color.
 */
int reset_color(const struct tables *t, const struct service *s, enum teal_color color, bool force,
		struct reset_result *ret, struct error *e);

/*
 * Provokes both ends of the idle connections of a service's backends that are down, where the policy is that these are
 * ended and the data path resets them already.  Takes some seconds, and no lock: what comes back meanwhile is left alone.
 * @stop  what becomes true when it is to come to an end
 * Returns 0 or a negative errno with a sentence.
 */
int reset_down(const struct tables *t, const char *service, const bool *stop, struct reset_result *ret, struct error *e);

/*
 * A color that is to get new flows is not being reset any more.  The caller holds LOCK_TABLES.
 * Returns 0, or a negative errno with a sentence.
 */
int reset_clear(const struct tables *t, const struct service *s, enum teal_color color, struct error *e);

/* Whether any of a color's backends is being reset, in what backend_list() gave. */
bool reset_is_on(const struct backend *list, unsigned int count, enum teal_color color);

/* Ends resets that have nothing left to end, among all backends.  The caller holds LOCK_TABLES.  Returns 0 or a negative errno. */
int resets_tidy(const struct tables *t, struct backend *list, unsigned int count);

#endif
