/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEAL_BENCH_SWEEP_H
#define TEAL_BENCH_SWEEP_H

#include <linux/types.h>

/*
 * Fills teal's table of flows and sweeps it, with and without flows that have expired, and measures packets meanwhile.
 * Prints lines "figure TAB value".  Returns 0, or a negative errno and has said what went wrong.
 */
int sweep_bench_run(__u32 flows);

#endif
