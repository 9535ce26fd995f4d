/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEAL_BENCH_PACKET_H
#define TEAL_BENCH_PACKET_H

#include <stdbool.h>

#include <linux/types.h>

#define PACKET_SIZES 8
#define PACKET_ROWS 1048576U  /* of each flow table, as teal has them by default */
#define PACKET_MANY 262144U   /* more flows are measured in half as many rounds: it takes longer and scatters less */

struct packet_options {
	__u32 flows[PACKET_SIZES]; /* rising powers of two */
	int sizes;
	int rounds;
	double shot_ms; /* how long one measurement shall take */
	bool quick;	/* only the rows that stand for the others */
};

/*
 * Prints one line a figure, its columns divided by tabs: world, row, flows, lower quartile, median, upper quartile (ns),
 * and the median of the rounds' ratios to the floor.  Returns 0, or a negative errno and has said what went wrong.
 */
int packet_run(const struct packet_options *options);

#endif
