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

/* IPv4's keys and rows are the same without the words behind the first address's end. */
struct floor_key {
	__be16 source_port, destination_port;
	__u32 protocol;
	__be32 addresses[8]; /* source and destination, of one word each or of four */
};
#define FLOOR_KEY4 16 /* bytes */
#define FLOOR_KEY6 40
_Static_assert(sizeof(struct floor_key) == FLOOR_KEY6, "IPv6 fills it");

struct floor_row {
	__be16 port;
	__u16 delta;	     /* of the transport checksum */
	__u16 network_delta; /* IPv4: of the header's, the time to live in it */
	__u8 link[12];	     /* destination and source */
	__u16 pad;
	__u32 device;
	__be32 address[4];
};
#define FLOOR_ROW4 28
#define FLOOR_ROW6 40
_Static_assert(sizeof(struct floor_row) == FLOOR_ROW6, "IPv6 fills it");

#endif
