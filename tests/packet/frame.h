/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A frame, from a description of its headers.  Nothing here is shared with the data path: what it gets wrong
 * must not be wrong here in the same way.  Checksums are summed byte by byte, from scratch.
 */
#ifndef TEAL_TEST_FRAME_H
#define TEAL_TEST_FRAME_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define FRAME_ROOM 12288

/* TCP flags, as on the wire. */
enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, URG = 0x20, ECE = 0x40, CWR = 0x80 };

enum { TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58 };

/* What a field cannot say by being 0. */
enum ttl { TTL_USUAL, TTL_ZERO = 256 };
#define WINDOW_ZERO 0x10000U

/* IPv6 extension headers of a plan, in their order; a row of 0 ends them. */
struct extension {
	__u8 type;	    /* 0 cannot be told from the end: hop-by-hop is HOP_BY_HOP here */
	__u8 eights;	    /* length behind the first 8 bytes, in units of 8 */
	__u8 segments_left; /* routing */
	__u16 fragment;	    /* fragment: offset and more-fragments bit as in the header */
};
enum { HOP_BY_HOP = 255, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60 };

/* Whether a packet's transport checksum is to come out as 0, as it comes in or as it leaves. */
enum zero { AS_IT_COMES, ZERO_IN, ZERO_OUT };

struct plan {
	/* Link.  Zero tags: untagged. */
	__u8 link_to[6], link_from[6];
	__u16 tag, inner_tag; /* VLAN ids */
	__u16 ethertype;      /* 0: by the family */
	__u16 padding;	      /* bytes behind the IP packet */
	/* Network.  An IPv4 address is the last four bytes. */
	bool ipv6;
	__u8 source[16], destination[16];
	__u16 ttl;	/* 0: 64, TTL_ZERO: 0 */
	__u8 tos;	/* DSCP and ECN: type of service or traffic class */
	__u16 id;	/* IPv4, and part of the one in an IPv6 fragment header */
	__u16 fragment; /* IPv4: flags and offset as in the header */
	__u8 options;	/* IPv4: bytes of options, a multiple of 4 */
	__u32 flow_label;
	struct extension extensions[9];
	/* Transport. */
	__u8 protocol; /* 0: TCP */
	__u16 source_port, destination_port;
	__u32 sequence, acknowledged;
	__u8 flags;
	__u8 tcp_options; /* bytes, a multiple of 4 */
	__u32 window;	  /* 0: 0x2000, WINDOW_ZERO: 0 */
	__u16 urgent;
	bool no_checksum; /* UDP: sent without */
	__u16 salt;	  /* the payload's first two bytes, if not 0 */
	__u16 payload;	  /* bytes */
	enum zero zero;	  /* read by whoever makes the plan, not by frame_build() */
	/* ICMP. */
	__u8 icmp_type, icmp_code;
	__u32 icmp_word;	   /* what stands behind the checksum: an echo's numbers, an error's MTU */
	const struct plan *quoted; /* the packet that an error is about */
	__u16 quoted_bytes;	   /* that are quoted behind its IP header; 0: all */
	/*
	 * One piece of the packet, which is first built whole: what stands behind the IPv4 header, or behind the fragment
	 * header among the extensions, is divided.
	 */
	__u16 piece_at;	  /* its first byte, a multiple of 8 */
	__u16 piece_size; /* bytes, 0: the packet is whole */
};

struct frame {
	__u8 bytes[FRAME_ROOM];
	size_t length;
	size_t network, transport, payload; /* offsets */
	size_t divisible;		    /* offset of what is divided when the packet comes in pieces */
	size_t packet;			    /* length of the IP packet */
};

void frame_build(struct frame *frame, const struct plan *plan);

/* The salt with which the transport checksum of that plan comes out as 0. */
__u16 frame_salt(const struct plan *plan);

/* One's complement sum of `length` bytes as big-endian words, added to `sum`, folded to 16 bits. */
__u16 frame_sum(__u32 sum, const __u8 *bytes, size_t length);

#endif
