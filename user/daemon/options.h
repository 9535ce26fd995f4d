/* SPDX-License-Identifier: GPL-2.0-only */
/* teald's command line. */
#ifndef TEAL_OPTIONS_H
#define TEAL_OPTIONS_H

#include "common/error.h"

enum daemon_task {
	DAEMON_RUN,
	DAEMON_CHECK,
	DAEMON_DETACH,
	DAEMON_TOLD, /* --help or --version, and it has been told */
};

struct daemon_options {
	const char *config_file, *pin_dir, *state_dir;
};

/* Returns 0, or -EINVAL with a sentence (EXIT_USAGE). */
int daemon_options_take(int argc, char **argv, struct daemon_options *ret, enum daemon_task *ret_task, struct error *e);

#endif
