/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guard: for a time after a switch, compares what the new color does with what the old one did, and goes back at once
 * if it does worse.  What it goes by stands in service_info and in operation/guard.h's file, so it survives its daemon.
 */
#ifndef TEAL_DAEMON_GUARD_H
#define TEAL_DAEMON_GUARD_H

#include <uv.h>

#include "table/table.h"

struct guards;
struct config;

/* Begins to look, twice a second.  Keeps all of its arguments; @config  is followed when it is read again.  Returns 0 or -ENOMEM. */
int guards_new(uv_loop_t *loop, const struct tables *t, struct config *const *config, const char *pin_dir,
	       const char *state_dir, struct guards **ret);
void guards_free(struct guards *guards);

#endif
