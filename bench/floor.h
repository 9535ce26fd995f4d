/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The floor: what no program that sends a known flow to its backend can do without.  One hash lookup, the other address
 * and port with their checksums, the link addresses and the time to live, and the device; all of it from one row.  No
 * services, no states, no counters, no way back, no expiry; it knows nothing but plain headers.
 */
#ifndef TEAL_BENCH_FLOOR_H
#define TEAL_BENCH_FLOOR_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

struct floor_key4 {
	__be32 source, destination;
	__be16 source_port, destination_port;
	__u8 protocol, pad[3];
};
_Static_assert(sizeof(struct floor_key4) == 16, "the key that the floor's figure is known for");

struct floor_key6 {
	__be32 source[4], destination[4];
	__be16 source_port, destination_port;
	__u8 protocol, pad[3];
};

struct floor_row {
	__be16 port;
	__u16 delta;	     /* of the transport checksum */
	__u16 network_delta; /* IPv4: of the header's, the time to live in it */
	__u8 link[12];	     /* destination and source */
	__u16 pad;
	__u32 device;
};

struct floor_row4 {
	struct floor_row row;
	__be32 address[1];
};

struct floor_row6 {
	struct floor_row row;
	__be32 address[4];
};

#endif
