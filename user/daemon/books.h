/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether slots, service_info and books agree: what a switch that was killed left undone is finished within a second. */
#ifndef TEAL_DAEMON_BOOKS_H
#define TEAL_DAEMON_BOOKS_H

#include <uv.h>

#include "table/table.h"

struct books;

/* Finishes, and tells the log.  For whoever holds LOCK_TABLES and is about to change tables or books.  Returns whether it is done. */
bool books_finish(const struct tables *t, const char *state_dir, bool tell_failure);

/* Looks at once, then again and again.  Keeps its arguments.  Returns 0 or -ENOMEM. */
int books_new(uv_loop_t *loop, const struct tables *t, const char *state_dir, struct books **ret);

/* After the loop has ended. */
void books_free(struct books *books);

#endif
