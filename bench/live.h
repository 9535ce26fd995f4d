/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEAL_BENCH_LIVE_H
#define TEAL_BENCH_LIVE_H

#include <linux/types.h>

#define LIVE_LANES 8

struct live_options {
	__u32 flows; /* a power of two */
	int rounds;
	int slice_ms; /* how long a lane sends in a round */
};

/*
 * Sends through every lane in turn, round after round.  A lane is NAME=PREFIX: the network namespaces PREFIXclient,
 * PREFIXedge and PREFIXsink, in each of which eth0 (the edge: and eth1) is wired to the next.  What the edge does is its
 * name: `drop`, `redirect` and `floor` are put there, all others stand already; `routing` goes to the backend's own address.
 * Prints one line a lane and round, divided by tabs: lane, round, frames sent, frames that arrived, ns of the clock (from a call's
 * first frame to its last), ns of CPU.
 * Returns 0, or a negative errno and has said what went wrong.
 */
int live_run(const struct live_options *options, char *const *lanes, int count);

#endif
