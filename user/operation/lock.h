/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The locks.  Whoever writes tables holds LOCK_TABLES for as long as it reads, checks, writes and records;
 * the one teald of a pin directory holds LOCK_DAEMON for as long as it lives, and so does the one `teal monitor`
 * LOCK_MONITOR.  All are flock()s of what is in the pin directory, so they end with their holder, however it ends.
 */
#ifndef TEAL_LOCK_H
#define TEAL_LOCK_H

#include <stdbool.h>

#include "common/error.h"

#define LOCK_WAIT_MS 5000
#define LOCK_LOOK_MS 100 /* longer than those who only look hold it */

enum lock {
	LOCK_TABLES, /* the pin directory itself */
	LOCK_DAEMON, /* its folder links/ */
	LOCK_MONITOR, /* the pin of the table `monitor` */
};

/*
 * Takes a lock, waiting at most `wait_ms` milliseconds for another holder.
 * Returns a descriptor (closing it lets go), or a negative errno with a sentence: -EAGAIN and EXIT_REFUSED
 * when somebody else holds it.
 */
int lock_take(const char *pin_dir, enum lock lock, unsigned int wait_ms, struct error *e);

/* Whether somebody holds it.  Looking takes it for an instant, so whoever takes it must be ready to wait LOCK_LOOK_MS. */
bool lock_is_held(const char *pin_dir, enum lock lock);

#endif
