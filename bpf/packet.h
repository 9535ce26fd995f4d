/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet as the steps see it, and the one bounds check. */
#ifndef TEAL_BPF_PACKET_H
#define TEAL_BPF_PACKET_H

#include "teal/tables.h"
#include <bpf/bpf_endian.h>

/* Where a program stands.  A constant in every function it is passed to: the compiler folds it away. */
enum hook {
	HOOK_XDP,
	HOOK_TC_INGRESS,
	HOOK_TC_EGRESS,
};

/* An IPv4 address is kept IPv4-mapped, so that the steps need not tell the families apart. */
union address {
	__u8 bytes[16];
	__be32 words[4];
	__u64 halves[2];
};

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
};

/*
 * What a flow's fate depends on.  Apart from the rest of the packet and without pointers, so that functions which the
 * verifier checks once, on their own, can take it.
 */
struct segment {
	struct teal_flow6_key key __attribute__((aligned(8))); /* of the flow; IPv4's is its tail */
	enum teal_protocol protocol;
	__u8 flags; /* TCP */
	__u64 now;  /* monotonic ns, coarse: a few ms behind at most */
	__u32 sequence;	    /* TCP */
	__u32 acknowledged; /* TCP */
	__u32 payload;	    /* bytes behind the transport header */
	__u32 pad;
};

struct packet {
	void *ctx; /* struct xdp_md or struct __sk_buff */
	void *ethernet, *network; /* headers; only XDP writes through them, tc's move with every helper */
	void *transport;
	__sum16 *check; /* the transport checksum; kept because old verifiers forget which protocol it was */
	union address source, destination;
	struct segment segment;
	__u32 device; /* came in, or (tc egress) goes out here */
	__u32 out;    /* the device of a packet that is sent */
	__u32 length; /* bytes of the IP packet */
	__u16 gso_size; /* of a super-packet: payload bytes of each packet on the wire, otherwise 0 */
	__u16 source_port, destination_port; /* host order */
	__u16 network_offset;		     /* from the start of the frame */
	__u16 transport_offset;
	__u16 network_checksum; /* IPv4 */
	__u8 ttl;		/* or hop limit */
	bool tagged;		/* carries a VLAN tag */
	bool no_checksum;	/* UDP without one */
	bool transmit;		/* out of the device it came in by */
};

struct cursor {
	void *at, *end;
};

/* The next `size` bytes, or NULL when the packet ends before that. */
static __always_inline void *pull(struct cursor *c, __u32 size)
{
	void *header = c->at;

	if (header + size > c->end)
		return NULL;
	c->at = header + size;
	return header;
}

static __always_inline void address_set4(union address *to, __be32 address)
{
	to->halves[0] = 0;
	to->words[2] = bpf_htonl(0xffff);
	to->words[3] = address;
}

static __always_inline void address_set6(union address *to, const __be32 address[4])
{
	to->words[0] = address[0];
	to->words[1] = address[1];
	to->words[2] = address[2];
	to->words[3] = address[3];
}

/* Such an address must not come by wire (RFC 4038, section 4.2), and would be taken for IPv4's. */
static __always_inline bool address_is_mapped(const union address *address)
{
	return !address->halves[0] && address->words[2] == bpf_htonl(0xffff);
}

/* `bytes` is a row's field, aligned like one. */
static __always_inline bool address_is(const union address *address, const __u8 *bytes)
{
	const union address *other = (const union address *)bytes;

	return address->halves[0] == other->halves[0] && address->halves[1] == other->halves[1];
}

#endif
