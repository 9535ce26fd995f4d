/* SPDX-License-Identifier: GPL-2.0-only */
/* How the kernel's tick counter and its monotonic clock go together: the data path tells the time by the former. */
#ifndef TEAL_CLOCK_H
#define TEAL_CLOCK_H

#include <linux/types.h>

/*
 * Measures it, which takes some ticks (6 of them).  Needs the right to load BPF programs.
 * @ret_tick    ns of a tick
 * @ret_origin  monotonic ns when the counter was 0; a number that wraps round, as the counter does not begin with the clock
 * Returns 0 or a negative errno; -ERANGE if the counter does not stand where any known rate would have brought it.
 */
int clock_measure(__u64 *ret_tick, __u64 *ret_origin);

#endif
