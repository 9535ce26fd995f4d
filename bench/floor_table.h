/* SPDX-License-Identifier: GPL-2.0-only */
/* Rows for the floor's table. */
#ifndef TEAL_BENCH_FLOOR_TABLE_H
#define TEAL_BENCH_FLOOR_TABLE_H

#include "tests/packet/frame.h"

struct floor_fill {
	int table;		 /* descriptor: floor4 or floor6, as the plan's family */
	const struct plan *plan; /* of a client's packet */
	__u32 client;		 /* the last 32 bits of the first client's address */
	__u32 from, to;		 /* flows */
	__u8 backend[16];	 /* IPv4: mapped */
	__u16 port;
	__u32 device;		 /* out of which they go */
	__u8 link[12];		 /* link addresses, destination and source */
};

/* Puts the flows into the table.  Returns 0 or a negative errno. */
int floor_fill(const struct floor_fill *f);

#endif
