/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Step 5, rewrite: one decision (struct rewrite), two appliers.  XDP owns the frame's bytes and its checksums
 * are complete.  tc must also serve packets whose checksum is still to be filled in (CHECKSUM_PARTIAL): there
 * the field holds only the pseudo-header's sum, so addresses count and ports do not; and such as a device has summed
 * (CHECKSUM_COMPLETE), where its sum must stay right.  The kernel's helpers know how; what is plain mostly needs none.
 */
#ifndef TEAL_BPF_REWRITE_H
#define TEAL_BPF_REWRITE_H

#include "checksum.h"
#include "desk.h"
#include "packet.h"

/* Where in the packet a rewrite is to be done. */
static __always_inline struct rewrite rewrite_of(const struct packet *p, const bool ipv6)
{
	return (struct rewrite){
		.network_offset = p->network_offset,
		.transport_offset = p->transport_offset,
		.protocol = p->segment.protocol,
		.has_no_checksum = p->has_no_checksum,
		.has_no_ports = p->fragment == FRAGMENT_LATER,
		.is_ipv6 = ipv6,
	};
}

/* The deltas are known where an end is a backend's or a VIP. */
static __always_inline void end_set(struct end *end, const __u8 *address, __u16 port, __u16 address_delta,
				    __u16 port_delta)
{
	end->address = *(const union address *)address;
	end->port = port;
	end->address_delta = address_delta;
	end->port_delta = port_delta;
	end->is_new = 1;
}

/* Otherwise they follow from what the packet has there. */
static __always_inline void end_replace(struct end *end, const union address *old, __u16 old_port, const __u8 *address,
					__u16 port)
{
	end_set(end, address, port, address_delta(old, (const union address *)address), port_delta(old_port, port));
}

/* The word of an IPv4 header that holds the time to live shrinks by this. */
#define TTL_DELTA ((__u16)~bpf_htons(0x0100))

static __always_inline void rewrite_ipv6(struct ipv6hdr *ip, const struct rewrite *r)
{
	if (r->destination.is_new)
		__builtin_memcpy(ip->daddr, r->destination.address.words, sizeof(ip->daddr));
	if (r->source.is_new)
		__builtin_memcpy(ip->saddr, r->source.address.words, sizeof(ip->saddr));
	if (r->is_sent)
		ip->hop_limit--;
}

static __always_inline void rewrite_ipv4(struct iphdr *ip, const struct rewrite *r)
{
	__u32 sum = 0;

	if (r->destination.is_new) {
		ip->daddr = r->destination.address.words[3];
		sum += r->destination.address_delta;
	}
	if (r->source.is_new) {
		ip->saddr = r->source.address.words[3];
		sum += r->source.address_delta;
	}
	if (r->is_sent) {
		ip->ttl--;
		sum += TTL_DELTA;
	}
	ip->check = checksum_add(ip->check, sum);
}

static __always_inline void rewrite_ports(struct udphdr *ports, const struct rewrite *r)
{
	if (r->destination.is_new)
		ports->dest = bpf_htons(r->destination.port);
	if (r->source.is_new)
		ports->source = bpf_htons(r->source.port);
}

static __always_inline void rewrite_transport(struct udphdr *ports, __sum16 *check, const struct rewrite *r)
{
	__u32 sum = 0;

	rewrite_ports(ports, r);
	if (r->destination.is_new)
		sum += r->destination.address_delta + r->destination.port_delta;
	if (r->source.is_new)
		sum += r->source.address_delta + r->source.port_delta;
	if (r->has_no_checksum)
		return;
	*check = checksum_add(*check, sum);
	if (r->protocol == TEAL_UDP && !*check)
		*check = 0xffff; /* 0 would mean "none" */
}

/*
 * The same where the checksum is still to be filled in: the field holds the pseudo-header's sum, which knows no ports
 * (include/linux/skbuff.h: CHECKSUM_PARTIAL).
 */
static __always_inline void rewrite_transport_partial(struct udphdr *ports, __sum16 *check, const struct rewrite *r)
{
	__u32 sum = 0;

	rewrite_ports(ports, r);
	if (r->destination.is_new)
		sum += r->destination.address_delta;
	if (r->source.is_new)
		sum += r->source.address_delta;
	*check = ~checksum_add(~*check, sum);
	if (r->protocol == TEAL_UDP && !*check)
		*check = 0xffff;
}

/* @link, @network  where these headers are readable */
static __always_inline void rewrite_headers(__u32 *link, void *network, const struct rewrite *r, const bool ipv6)
{
	if (ipv6)
		rewrite_ipv6(network, r);
	else
		rewrite_ipv4(network, r);
	if (r->is_sent) {
		link[0] = r->link[0];
		link[1] = r->link[1];
		link[2] = r->link[2];
	}
}

/* A frame of which parse_plain() has found all headers readable. */
static __always_inline void rewrite_xdp_plain(void *data, const struct rewrite *r, const bool ipv6)
{
	void *network = data + sizeof(struct ethhdr);
	void *transport = network + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	struct tcphdr *tcp = transport;
	struct udphdr *udp = transport;

	rewrite_headers(data, network, r, ipv6);
	rewrite_transport(udp, r->protocol == TEAL_TCP ? &tcp->check : &udp->check, r);
}

static __always_inline long rewrite_xdp(struct xdp_md *ctx, const struct rewrite *r, const bool ipv6)
{
	struct cursor c = cursor_at(ctx, 0, HOOK_XDP);
	void *link = pull(&c, sizeof(struct ethhdr)), *network;

	c = cursor_at(ctx, r->network_offset & OFFSET_MASK, HOOK_XDP);
	network = pull(&c, ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	if (!link || !network)
		return -EFAULT;
	rewrite_headers(link, network, r, ipv6);
	if (r->has_no_ports)
		return 0;
	c = cursor_at(ctx, r->transport_offset & OFFSET_MASK, HOOK_XDP);
	if (r->protocol == TEAL_TCP) {
		struct tcphdr *tcp = pull(&c, sizeof(*tcp));

		if (!tcp)
			return -EFAULT;
		rewrite_transport((struct udphdr *)tcp, &tcp->check, r); /* ports stand in the same place */
	} else {
		struct udphdr *udp = pull(&c, sizeof(*udp));

		if (!udp)
			return -EFAULT;
		rewrite_transport(udp, &udp->check, r);
	}
	return 0;
}

/* IPv6 has no checksum that would balance a new hop limit: a device's own sum of the packet, where there is one, is told. */
static __always_inline void hop_limit_tell(struct __sk_buff *ctx, __u8 old, __u8 new)
{
	bpf_csum_update(ctx, (__u32)(__u16)~bpf_htons(old) + bpf_htons(new));
}

static __always_inline long rewrite_tc_network(struct __sk_buff *ctx, const struct rewrite *r, const bool ipv6)
{
	const __u32 size = ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	/* A packet in pieces has no sum of its own that a device made; the kernel may have summed each piece. */
	const __u64 flags = ipv6 && r->has_no_ports ? BPF_F_RECOMPUTE_CSUM : 0;
	union {
		struct iphdr ipv4;
		struct ipv6hdr ipv6;
	} header;
	long error = bpf_skb_load_bytes(ctx, r->network_offset, &header, size);

	if (error)
		return error;
	if (ipv6)
		rewrite_ipv6(&header.ipv6, r);
	else
		rewrite_ipv4(&header.ipv4, r);
	if (ipv6 && r->is_sent)
		hop_limit_tell(ctx, 1, 0);
	return bpf_skb_store_bytes(ctx, r->network_offset, &header, size, flags);
}

static __always_inline long rewrite_tc_checksum(struct __sk_buff *ctx, const struct rewrite *r, const bool ipv6)
{
	const __u32 offset = r->transport_offset + (r->protocol == TEAL_TCP ? 16 : 6);
	const __u64 flags = r->protocol == TEAL_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u32 addresses = 0, ports = 0;
	long error = -EINVAL;

	if (r->destination.is_new) {
		addresses += r->destination.address_delta;
		ports += r->destination.port_delta;
	}
	if (r->source.is_new) {
		addresses += r->source.address_delta;
		ports += r->source.port_delta;
	}
	/* Only newer kernels know the flag that keeps a device's own sum of an IPv6 packet right. */
	if (ipv6)
		error = bpf_l4_csum_replace(ctx, offset, 0, addresses, flags | BPF_F_PSEUDO_HDR | BPF_F_IPV6);
	if (error == -EINVAL)
		error = bpf_l4_csum_replace(ctx, offset, 0, addresses, flags | BPF_F_PSEUDO_HDR);
	return error || !ports ? error : bpf_l4_csum_replace(ctx, offset, 0, ports, flags);
}

static __always_inline long rewrite_tc_ports(struct __sk_buff *ctx, const struct rewrite *r)
{
	const __be16 destination = bpf_htons(r->destination.port), source = bpf_htons(r->source.port);
	const __u64 flags = r->has_no_checksum ? BPF_F_RECOMPUTE_CSUM : 0; /* as nothing else balances them then */
	long error = 0;

	if (r->destination.is_new)
		error = bpf_skb_store_bytes(ctx, r->transport_offset + 2, &destination, sizeof(destination), flags);
	if (r->source.is_new && !error)
		error = bpf_skb_store_bytes(ctx, r->transport_offset, &source, sizeof(source), flags);
	return error;
}

static __always_inline long rewrite_tc(struct __sk_buff *ctx, const struct rewrite *r, const bool ipv6)
{
	long error = rewrite_tc_network(ctx, r, ipv6);

	if (!error && !r->has_no_ports && !r->has_no_checksum)
		error = rewrite_tc_checksum(ctx, r, ipv6);
	if (!error && !r->has_no_ports)
		error = rewrite_tc_ports(ctx, r);
	if (!error && r->is_sent)
		error = bpf_skb_store_bytes(ctx, 0, r->link, sizeof(r->link), 0);
	return error;
}

/* A plain frame's headers up to the ports, as one helper's call writes them: each costs a third of all the rest. */
struct plain_head {
	__u16 pad; /* so that words stand on whole words, which a stack asks for */
	__u16 ethernet[7];
	union {
		struct iphdr ipv4;
		struct ipv6hdr ipv6;
		__u32 words[11]; /* with the ports behind them */
	};
};

static __always_inline long rewrite_tc_head(struct __sk_buff *ctx, const void *data, const struct rewrite *r,
					    const bool ipv6)
{
	const __u32 words = (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) / sizeof(__u32);
	const __u16 *link = r->is_sent ? (const __u16 *)r->link : data;
	const __u32 *network = data + sizeof(struct ethhdr);
	struct plain_head head;
	long error;

	for (__u32 i = 0; i < 6; i++)
		head.ethernet[i] = link[i];
	head.ethernet[6] = ((const struct ethhdr *)data)->h_proto;
	for (__u32 i = 0; i <= words; i++)
		head.words[i] = network[i];
	if (ipv6)
		rewrite_ipv6(&head.ipv6, r);
	else
		rewrite_ipv4(&head.ipv4, r);
	rewrite_ports((struct udphdr *)&head.words[words], r);
	if (ipv6 && r->is_sent)
		hop_limit_tell(ctx, 1, 0);
	error = bpf_skb_store_bytes(ctx, 0, head.ethernet, sizeof(head.ethernet) + (words + 1) * sizeof(__u32), 0);
	return error || r->has_no_checksum ? error : rewrite_tc_checksum(ctx, r, ipv6);
}

/*
 * The same written in place, without a helper, where the program can see how the packet's checksum stands.
 * Returns false and has done nothing where it cannot, or where a device's own sum must be told of every change.
 */
static __always_inline bool rewrite_tc_direct(struct __sk_buff *ctx, void *data, const struct rewrite *r, const bool ipv6)
{
	void *network = data + sizeof(struct ethhdr);
	void *transport = network + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	struct tcphdr *tcp = transport;
	struct udphdr *udp = transport;
	__sum16 *check = r->protocol == TEAL_TCP ? &tcp->check : &udp->check;
	struct sk_buff *packet = kernel_packet(ctx);
	__u64 state;

	if (!packet)
		return false;
	state = BPF_CORE_READ_BITFIELD(packet, ip_summed);
	if (state == CHECKSUM_COMPLETE)
		return false;
	rewrite_headers(data, network, r, ipv6);
	if (state == CHECKSUM_PARTIAL)
		rewrite_transport_partial(udp, check, r);
	else
		rewrite_transport(udp, check, r);
	return true;
}

/*
 * A frame of which parse_plain() has found all headers readable.  At egress every packet of the host's own would have to pay
 * for what makes packets writable in place, so there it is not done.  Returns 0 or a negative errno.
 */
static __always_inline long rewrite_tc_plain(struct __sk_buff *ctx, void *data, const struct rewrite *r,
					     const enum hook hook, const bool ipv6)
{
	if (hook == HOOK_TC_INGRESS && rewrite_tc_direct(ctx, data, r, ipv6))
		return 0;
	return rewrite_tc_head(ctx, data, r, ipv6);
}

/* Returns 0 or a negative errno: then the packet may be half changed. */
static __always_inline long rewrite(void *ctx, const struct rewrite *r, const enum hook hook, const bool ipv6)
{
	return hook == HOOK_XDP ? rewrite_xdp(ctx, r, ipv6) : rewrite_tc(ctx, r, ipv6);
}

static __always_inline int rewrite_any(void *ctx, struct rewrite *r, const enum hook hook)
{
	return r->is_ipv6 ? rewrite(ctx, r, hook, true) : rewrite(ctx, r, hook, false);
}
ASIDE(rewrite_any, struct rewrite)

#endif
