/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEAL_BENCH_FILL_H
#define TEAL_BENCH_FILL_H

#include <linux/types.h>

#include "common/address.h"

struct fill_options {
	const char *pin_dir;
	const char *front, *rear;	   /* devices: where clients' packets come in, and backends' */
	struct endpoint listen, backend; /* of a TCP service by IPv4, whose new flows all go to that backend */
	__u32 from, to;			   /* flows */
};

/*
 * Makes flows in a running teal, in the edge's own network namespace: its attached programs are given each flow's SYN,
 * SYN-ACK and ACK.  Returns 0 once the counters say that all of them are confirmed, or a negative errno and has said what
 * went wrong.
 */
int fill_run(const struct fill_options *options);

#endif
