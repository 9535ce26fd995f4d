/* SPDX-License-Identifier: GPL-2.0-only */
/* What the steps hand to each other beside the packet: the choice of a backend, the decision how to rewrite. */
#ifndef TEAL_BPF_DESK_H
#define TEAL_BPF_DESK_H

#include "packet.h"

/* One end of a packet, to be another. */
struct end {
	union address address;
	__u16 port;	     /* host order */
	__u16 address_delta; /* one's complement difference new - old, as the checksums take it */
	__u16 port_delta;
	__u8 is_new; /* 0: this end stays */
	__u8 pad;
};

struct rewrite {
	struct end destination, source;
	__u32 link[3]; /* with `is_sent`: link addresses, destination and source, as they stand in a frame */
	__u16 network_offset, transport_offset;
	enum teal_protocol protocol;
	__u8 has_no_checksum;
	__u8 has_no_ports; /* a fragment that is not the first: only addresses change */
	__u8 is_sent;	   /* straight out of a device: one hop less to live, new link addresses */
	__u8 is_ipv6;
	__u8 pad[3];
};

/* The packet that an ICMP error quotes: what is needed of it, and where it stands. */
struct quote {
	union address source, destination;
	__u16 source_port, destination_port;
	__u16 network_offset, transport_offset;
	__u16 check_offset; /* of the transport checksum; 0: the quote does not reach that far, or it is not used */
	__u16 network_checksum, transport_checksum;
	enum teal_protocol protocol;
	__u8 pad;
};

/* What a flow's packets need to know of it. */
struct choice {
	__u32 backend;
	__u16 source_port; /* as in struct teal_flow */
	__u16 pad;
};

/*
 * What the whole way works on, a CPU: no packet interrupts another, and a program's stack is too small.  Nobody else's
 * business, so not pinned.  Functions that the verifier checks on their own take it from here, and so their maps' keys: before
 * Linux 6.8 those could not stand on a caller's stack.
 */
struct desk {
	struct packet packet;
	struct choice choice; /* flow_enter()'s */
	struct rewrite rewrite;
	struct quote quote;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct desk);
	__uint(max_entries, 1);
} desks SEC(".maps");

static __always_inline struct desk *desk_get(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&desks, &only);
}

#endif
