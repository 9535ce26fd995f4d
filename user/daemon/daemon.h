/* SPDX-License-Identifier: GPL-2.0-only */
/* What teald consists of, for the files that mend it as a whole. */
#ifndef TEAL_DAEMON_H
#define TEAL_DAEMON_H

#include <uv.h>

#include "config/config.h"
#include "daemon/attach.h"
#include "daemon/neighbour.h"
#include "daemon/pins.h"
#include "table/table.h"

struct daemon {
	const char *config_file, *pin_dir, *state_dir;
	struct config *config;
	struct tables *tables;
	struct attach attach; /* with the programs */
	struct sweep *sweep;
	bool is_full[2]; /* the tables of IPv4's and IPv6's flows, nearly, and that was told */
	struct health *health;
	struct guards *guards;
	struct books *books;
	struct pins pins;
	int lock; /* LOCK_DAEMON */
	uv_loop_t loop;
	uv_signal_t terminate, interrupt, hangup;
	uv_timer_t sweep_timer, device_timer, pins_timer;
	uv_poll_t links, features;
	struct neighbours neighbours;
};

/* Tables and devices follow a configuration.  The caller holds LOCK_TABLES.  Returns 0 or a negative errno with a sentence. */
int daemon_apply(struct daemon *d, const struct config *config, struct error *e);

#endif
