/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Step 5, rewrite: one decision (struct rewrite), two appliers.  XDP owns the frame's bytes and its checksums
 * are complete.  tc must also serve packets whose checksum is still to be filled in (CHECKSUM_PARTIAL): there
 * the field holds only the pseudo-header's sum, so addresses count and ports do not; the kernel's helpers know.
 */
#ifndef TEAL_BPF_REWRITE_H
#define TEAL_BPF_REWRITE_H

#include "packet.h"
#include "maps.h"

struct rewrite {
	const __u8 *address; /* the new one, of 16 bytes */
	__u16 port;	     /* host order */
	__u16 address_delta; /* one's complement difference new - old, as the checksums take it */
	__u16 port_delta;
	bool source;			 /* it replaces the source; otherwise the destination */
	const struct teal_nexthop *hop; /* link addresses for a packet that is sent, and one hop less to live; or NULL */
};

/* RFC 1624, equation 3: a checksum after the sum it covers has grown by `delta`. */
static __always_inline __u16 checksum_add(__u16 checksum, __u32 delta)
{
	__u32 sum = (__u16)~checksum + delta;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The word of an IPv4 header that holds the time to live shrinks by this. */
#define TTL_DELTA ((__u16)~bpf_htons(0x0100))

static __always_inline void rewrite_xdp_link(const struct packet *p, const struct teal_nexthop *hop)
{
	struct ethhdr *ethernet = p->ethernet;

	__builtin_memcpy(ethernet->h_dest, hop->destination, sizeof(ethernet->h_dest));
	__builtin_memcpy(ethernet->h_source, hop->source, sizeof(ethernet->h_source));
}

static __always_inline void rewrite_xdp(const struct packet *p, const struct rewrite *r, const bool ipv6)
{
	const __be32 *address = (const __be32 *)r->address;
	struct udphdr *ports = p->transport; /* TCP's stand in the same place */
	__u32 delta = r->address_delta + r->port_delta;

	if (ipv6) {
		struct ipv6hdr *ip = p->network;
		__be32 *old = r->source ? ip->saddr : ip->daddr;

		old[0] = address[0];
		old[1] = address[1];
		old[2] = address[2];
		old[3] = address[3];
		if (r->hop)
			ip->hop_limit--;
	} else {
		struct iphdr *ip = p->network;
		__u32 sum = r->address_delta;

		if (r->source)
			ip->saddr = address[3];
		else
			ip->daddr = address[3];
		if (r->hop) {
			ip->ttl--;
			sum += TTL_DELTA;
		}
		ip->check = checksum_add(ip->check, sum);
	}
	*(r->source ? &ports->source : &ports->dest) = bpf_htons(r->port);
	if (!p->no_checksum) {
		__u16 check = checksum_add(*p->check, delta);

		*p->check = !check && p->segment.protocol == TEAL_UDP ? 0xffff : check; /* UDP: 0 would mean "none" */
	}
	if (r->hop)
		rewrite_xdp_link(p, r->hop);
}

/* IPv4 from the time to live to the destination, as one piece: the header's sum stays what it is. */
struct ipv4_tail {
	__u8 ttl;
	__u8 protocol;
	__sum16 check;
	__be32 saddr;
	__be32 daddr;
};

static __always_inline long rewrite_tc_network(const struct packet *p, const struct rewrite *r, const bool ipv6)
{
	const __be32 *address = (const __be32 *)r->address;
	struct ipv4_tail tail;
	__u32 sum = r->address_delta;
	__u8 hop_limit = p->ttl - 1;

	if (ipv6) {
		long error = bpf_skb_store_bytes(p->ctx, p->network_offset + (r->source ? 8 : 24), address, 16, 0);

		if (r->hop && !error)
			error = bpf_skb_store_bytes(p->ctx, p->network_offset + 7, &hop_limit, 1, 0);
		return error;
	}
	__builtin_memcpy(&tail, p->network + 8, sizeof(tail));
	if (r->source)
		tail.saddr = address[3];
	else
		tail.daddr = address[3];
	if (r->hop) {
		tail.ttl--;
		sum += TTL_DELTA;
	}
	tail.check = checksum_add(tail.check, sum);
	return bpf_skb_store_bytes(p->ctx, p->network_offset + 8, &tail, sizeof(tail), 0);
}

static __always_inline long rewrite_tc_checksum(const struct packet *p, const struct rewrite *r, const bool ipv6)
{
	const __u32 offset = p->transport_offset + (p->segment.protocol == TEAL_TCP ? 16 : 6);
	const __u64 flags = p->segment.protocol == TEAL_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	long error = -EINVAL;

	/* Only newer kernels know the flag that keeps a device's own sum of an IPv6 packet right. */
	if (ipv6)
		error = bpf_l4_csum_replace(p->ctx, offset, 0, r->address_delta, flags | BPF_F_PSEUDO_HDR | BPF_F_IPV6);
	if (error == -EINVAL)
		error = bpf_l4_csum_replace(p->ctx, offset, 0, r->address_delta, flags | BPF_F_PSEUDO_HDR);
	return error ?: bpf_l4_csum_replace(p->ctx, offset, 0, r->port_delta, flags);
}

static __always_inline long rewrite_tc(const struct packet *p, const struct rewrite *r, const bool ipv6)
{
	__be16 port = bpf_htons(r->port);
	long error = rewrite_tc_network(p, r, ipv6);

	if (!error && !p->no_checksum)
		error = rewrite_tc_checksum(p, r, ipv6);
	if (!error)
		error = bpf_skb_store_bytes(p->ctx, p->transport_offset + (r->source ? 0 : 2), &port, sizeof(port), 0);
	if (!error && r->hop) /* destination and source stand side by side, there as in the header */
		error = bpf_skb_store_bytes(p->ctx, 0, r->hop->destination, 12, 0);
	return error;
}

static __always_inline bool rewrite(const struct packet *p, const struct rewrite *r, const enum hook hook,
				    const bool ipv6)
{
	if (hook != HOOK_XDP)
		return !rewrite_tc(p, r, ipv6);
	rewrite_xdp(p, r, ipv6);
	return true;
}

#endif
