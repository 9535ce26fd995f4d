/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Health checks: every backend of a service that has `health:` is asked in turn, on the daemon's loop, and what is
 * found stands in `checks`, in the health of its row in `backends`, and in its service's tables.
 * Which backends there are is read from the tables again and again: they are the truth, whoever changes them.
 */
#ifndef TEAL_DAEMON_HEALTH_H
#define TEAL_DAEMON_HEALTH_H

#include <uv.h>

#include "common/error.h"
#include "config/config.h"
#include "table/table.h"

struct health;

/*
 * Begins to check.  What earlier checks found counts on.
 * @tables, @config  must live as long as this, the latter until health_follow()
 * Returns 0, or a negative errno with a sentence.
 */
int health_begin(uv_loop_t *loop, const struct tables *tables, const struct config *config, struct health **ret,
		 struct error *e);

/* Another configuration: what it asks in the same way is asked on, whatever else it changes. */
void health_follow(struct health *health, const struct config *config);

/* Ends every check, and the commands that run.  Runs the loop until all is let go of. */
void health_end(struct health *health);

#endif
