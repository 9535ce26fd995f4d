/* SPDX-License-Identifier: GPL-2.0-only */
/* A color's backends, replaced at run time.  The caller holds LOCK_TABLES. */
#ifndef TEAL_COLOR_SET_H
#define TEAL_COLOR_SET_H

#include "operation/services.h"

/*
 * What people wrote as backends of a service, into room for `count`.
 * Returns 0, or a negative errno with a sentence (EXIT_USAGE): no ADDRESS:PORT, another family, one named twice.
 */
int color_set_parse(const struct service *s, char **texts, int count, struct endpoint *to, struct error *e);

/*
 * Gives a color other backends, and records that for the next boot.
 * @at_run_time  they stand over the configuration, also after a restart or a reboot; or they are the configuration's own,
 *               put back
 * Returns 0, or a negative errno with a sentence.
 */
int color_set_replace(const struct tables *t, const char *state_dir, const struct service *s, enum teal_color color,
		      const struct backend_set *set, bool at_run_time, struct error *e);

/* Whether they were set at run time.  Returns 0, or a negative errno with a sentence. */
int color_set_is_at_run_time(const char *state_dir, const struct service *s, enum teal_color color, bool *ret,
			     struct error *e);

#endif
