/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The preview: some clients, named by their prefixes, get the other color on the same address and port; everybody else
 * does not.  A second slot, looked at for those clients only.  The caller holds LOCK_TABLES.
 */
#ifndef TEAL_PREVIEW_H
#define TEAL_PREVIEW_H

#include "table/service.h"

/*
 * New flows of clients in `from` get that color from now on, whatever color is active, until preview_end(); clients that
 * were named before and are not any more do not.  Recorded for the next boot.
 * @force  even if none of the color's backends is up
 * Returns 0 and s->info as it is then, or a negative errno with a sentence and nothing changed: EXIT_USAGE for a prefix of
 * another address family than the service's, EXIT_REFUSED for a color without a usable backend or a full table.
 */
int preview_set(const struct tables *t, const char *state_dir, struct service *s, enum teal_color color,
		const struct prefix *from, unsigned int count, bool force, struct error *e);

/* Ends it; without one nothing is changed.  Returns 0, or a negative errno with a sentence. */
int preview_end(const struct tables *t, const char *state_dir, struct service *s, struct error *e);

/* Whose flows it is for; give *ret to free().  Returns 0 or a negative errno with a sentence. */
int preview_get(const struct tables *t, __u16 service, struct prefix **ret, unsigned int *ret_count, struct error *e);

/*
 * The colors' tables have changed: the preview's slot follows, and it ends where its color has no table any more.
 * Returns 0 or a negative errno.
 */
int preview_follow(const struct tables *t, const struct service *s);

/* Forgets whatever there is of one: the service is being removed.  Returns 0 or a negative errno. */
int preview_forget(const struct tables *t, const struct service *s);

#endif
