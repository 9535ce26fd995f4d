/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet as the steps see it, and the one bounds check. */
#ifndef TEAL_BPF_PACKET_H
#define TEAL_BPF_PACKET_H

#include "teal/tables.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

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
	__u16 service_flags; /* TEAL_SERVICE_* */
	__u16 pad;
};

/* Which piece of a packet this is.  Only the first has ports. */
enum __attribute__((packed)) fragment {
	FRAGMENT_NONE, /* all of it */
	FRAGMENT_FIRST,
	FRAGMENT_LATER,
};

/* No pointers: so it can be handed to functions that the verifier checks on their own. */
struct packet {
	union address source, destination;
	struct segment segment;
	__u32 device; /* came in, or (tc egress) goes out here */
	__u32 out;    /* the device of a packet that is sent */
	__u32 length; /* bytes of the IP packet */
	__u32 fragment_id; /* as it stands in the packet */
	__u16 gso_size; /* of a super-packet: payload bytes of each packet on the wire, otherwise 0 */
	__u16 source_port, destination_port; /* host order */
	__u16 network_offset;		     /* from the start of the frame */
	__u16 transport_offset;
	enum fragment fragment;
	__u8 ttl;	     /* or hop limit */
	__u8 is_tagged;	     /* carries a VLAN tag */
	__u8 has_no_checksum; /* UDP */
	__u8 transmit;	     /* out of the device it came in by */
	__u8 is_several;     /* XDP: the frame is larger than a buffer, and in several of them */
	__u8 leaves;	     /* fragments: stands at tc egress */
};

struct cursor {
	void *at, *end;
};

/* A cursor over what is directly readable, from `offset` on, which is at most OFFSET_MASK. */
#define OFFSET_MASK 0x7ff
static __always_inline struct cursor cursor_at(void *ctx, __u32 offset, const enum hook hook)
{
	void *data, *end;

	if (hook == HOOK_XDP) {
		data = (void *)(long)((struct xdp_md *)ctx)->data;
		end = (void *)(long)((struct xdp_md *)ctx)->data_end;
	} else {
		data = (void *)(long)((struct __sk_buff *)ctx)->data;
		end = (void *)(long)((struct __sk_buff *)ctx)->data_end;
	}
	return (struct cursor){ .at = data + offset, .end = end };
}

/* Bytes at an offset of the frame, wherever they lie.  Return 0 or a negative errno. */
static __always_inline long frame_load(void *ctx, __u32 offset, void *to, __u32 size, const enum hook hook)
{
	return hook == HOOK_XDP ? bpf_xdp_load_bytes(ctx, offset, to, size) : bpf_skb_load_bytes(ctx, offset, to, size);
}

static __always_inline long frame_store(void *ctx, __u32 offset, const void *from, __u32 size, const enum hook hook)
{
	return hook == HOOK_XDP ? bpf_xdp_store_bytes(ctx, offset, (void *)from, size) :
				  bpf_skb_store_bytes(ctx, offset, from, size, 0);
}

/* Bytes of the whole frame: data_end ends the first buffer, not the packet. */
static __always_inline __u32 frame_length(void *ctx, const enum hook hook)
{
	return hook == HOOK_XDP ? bpf_xdp_get_buff_len(ctx) : ((struct __sk_buff *)ctx)->len;
}

/*
 * Makes of a step that is not every packet's, int STEP(void *ctx, ARGUMENT *a, hook), functions of its own.  Not static: the
 * verifier then checks them once, knowing nothing of their callers, and not again on every way that leads there.
 */
#define ASIDE(step, argument)                                                                                     \
	__noinline int step##_xdp(struct xdp_md *ctx, argument *a)                                                \
	{                                                                                                         \
		return a ? step(ctx, a, HOOK_XDP) : 0;                                                            \
	}                                                                                                         \
	__noinline int step##_tc(struct __sk_buff *ctx, argument *a)                                              \
	{                                                                                                         \
		return a ? step(ctx, a, HOOK_TC_INGRESS) : 0;                                                     \
	}                                                                                                         \
	static __always_inline int step##_aside(void *ctx, argument *a, const enum hook hook)                     \
	{                                                                                                         \
		return hook == HOOK_XDP ? step##_xdp(ctx, a) : step##_tc(ctx, a);                                 \
	}

extern void *bpf_cast_to_kern_ctx(void *ctx) __weak __ksym; /* since Linux 6.2 */

/* Whether the kernel has it: said by whoever loads the programs, and a constant from then on. */
const volatile bool kernel_shows_packet;

/* tc: what the kernel knows of the packet and the context does not say, to be read; or NULL. */
static __always_inline struct sk_buff *kernel_packet(struct __sk_buff *ctx)
{
	return kernel_shows_packet ? bpf_cast_to_kern_ctx(ctx) : NULL;
}

/* The next `size` bytes, or NULL when the packet ends before that. */
static __always_inline void *pull(struct cursor *c, __u32 size)
{
	void *header = c->at;

	if (header + size > c->end)
		return NULL;
	c->at = header + size;
	return header;
}

/* Written in halves, for in halves it is read: a processor forwards no store to a load that is wider. */
static __always_inline void address_set4(union address *to, __be32 address)
{
	const union {
		__be32 words[2];
		__u64 half;
	} mapped = { .words = { bpf_htonl(0xffff), address } };

	to->halves[0] = 0;
	to->halves[1] = mapped.half;
}

static __always_inline void address_set6(union address *to, const __be32 address[4])
{
	const __u64 *halves = (const __u64 *)address;

	to->halves[0] = halves[0];
	to->halves[1] = halves[1];
}

/* Such an address must not come by wire (RFC 4038, section 4.2), and would be taken for IPv4's. */
static __always_inline bool address_is_mapped(const union address *address)
{
	return !address->halves[0] && address->words[2] == bpf_htonl(0xffff);
}

/*
 * Whether no host can have sent from that address: unspecified, loopback, multicast, IPv4's broadcast.  What comes from there
 * the kernel does not forward either (net/ipv4/route.c: ip_route_input_slow; net/ipv6/ip6_output.c: ip6_forward).
 */
static __always_inline bool address_is_nobodys(const union address *address)
{
	const __be32 last = address->words[3];

	if (address_is_mapped(address))
		return !last || address->bytes[12] == 127 || (address->bytes[12] & 0xf0) == 224 || last == 0xffffffff;
	return address->bytes[0] == 0xff ||
	       (!address->halves[0] && !address->words[2] && (!last || last == bpf_htonl(1)));
}

/* `bytes` is a row's field, aligned like one. */
static __always_inline bool address_is(const union address *address, const __u8 *bytes)
{
	const union address *other = (const union address *)bytes;

	return address->halves[0] == other->halves[0] && address->halves[1] == other->halves[1];
}

#endif
