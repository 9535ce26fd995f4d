/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The time: monotonic ns, to within a tick of the kernel's clock (1 to 10 ms).  The kernel's own coarse clock is a call, and
 * a call costs as much as a third of a packet's way; the tick counter is a load.  They run alike (kernel/time/tick-sched.c:
 * tick_do_update_jiffies64 counts ticks of the monotonic clock), so two numbers make the one of the other.
 */
#ifndef TEAL_BPF_CLOCK_H
#define TEAL_BPF_CLOCK_H

#include <bpf/bpf_helpers.h>

/* Measured by whoever loads the programs (common/clock.h), and constants from then on; 0: not measured. */
const volatile __u64 clock_tick;   /* ns of a tick */
const volatile __u64 clock_origin; /* monotonic ns when the counter was 0, as a number that wraps round */

static __always_inline __u64 clock_now(void)
{
	return clock_tick ? bpf_jiffies64() * clock_tick + clock_origin : bpf_ktime_get_coarse_ns();
}

#endif
