/* SPDX-License-Identifier: GPL-2.0-only */
/* The command of --on-rollback: whoever wants to know is told that the guard has rolled back. */
#ifndef TEAL_DAEMON_ON_ROLLBACK_H
#define TEAL_DAEMON_ON_ROLLBACK_H

#include <uv.h>

#include "operation/guard.h"

/*
 * Begins guard->on_rollback, in a session of its own and with TEAL_SERVICE, TEAL_COLOR and TEAL_WHY in its environment.
 * Past guard->timeout_s it is ended, with its children.  What goes wrong is told to the log.
 */
void on_rollback_run(uv_loop_t *loop, const struct guard *guard);

#endif
