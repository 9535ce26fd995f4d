/* SPDX-License-Identifier: GPL-2.0-only */
/* Step 1, parse: from a frame to the addresses, ports and flags that the other steps work on. */
#ifndef TEAL_BPF_PARSE_H
#define TEAL_BPF_PARSE_H

#include "packet.h"
#include "service.h"

#define EXTENSION_HEADERS 6 /* IPv6: the most that are walked */
#define EXTENSION_EIGHTS 0x7f /* and the most that they may take, in 8 bytes: 1 kB */
#define LINEAR_BYTES 256    /* tc: how much of a packet is made directly readable */

/* What is wrong with a packet is our business only if its address is a service's. */
static __always_inline enum teal_verdict parse_refuse(const struct packet *p, enum teal_verdict reason)
{
	return address_is_vip(&p->destination) ? reason : TEAL_PASS_NOT_OURS;
}

/* Settles how long the IP packet is.  A super-packet too large for the header's field says 0 there (BIG TCP). */
static __always_inline bool parse_length(void *ctx, struct packet *p, __u32 said, const enum hook hook)
{
	const __u32 frame = frame_length(ctx, hook);

	p->length = said;
	if (hook != HOOK_XDP && !said && p->gso_size)
		p->length = frame - p->network_offset;
	return p->network_offset + p->length <= frame;
}

static __always_inline enum teal_verdict parse_ipv4(void *ctx, struct packet *p, struct cursor *c, const enum hook hook)
{
	struct iphdr *ip = pull(c, sizeof(*ip));
	__u32 header;

	if (!ip)
		return TEAL_PASS_NOT_OURS;
	address_set4(&p->source, ip->saddr);
	address_set4(&p->destination, ip->daddr);
	p->ttl = ip->ttl;
	p->segment.protocol = ip->protocol;
	header = ip->ihl * 4;
	if (ip->version != 4 || header < sizeof(*ip))
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	if (header > sizeof(*ip) && !pull(c, header - sizeof(*ip)))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	if (!parse_length(ctx, p, bpf_ntohs(ip->tot_len), hook))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	if (p->length < header)
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	if (ip->frag_off & bpf_htons(0x3fff)) { /* more fragments, or an offset */
		p->fragment = ip->frag_off & bpf_htons(0x1fff) ? FRAGMENT_LATER : FRAGMENT_FIRST;
		p->fragment_id = ip->id;
	}
	p->transport_offset = p->network_offset + header;
	return TEAL_NEXT;
}

static __always_inline bool is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_FRAGMENT;
}

/* Where a walk along extension headers has led. */
struct walk {
	__u32 offset; /* of the first header */
	__u32 eights; /* 8-byte units walked */
	__u32 fragment_id;
	__u8 next; /* kind of the header there */
	enum fragment fragment;
	__u8 pad[2];
};

/* IPv6's extension headers, from the one of kind `w->next` on.  Returns 0, or AS_ANSWER() of a verdict. */
static __always_inline int extensions_walk(void *ctx, struct walk *w, const enum hook hook)
{
	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		union {
			struct ipv6_opt_hdr option;
			struct frag_hdr fragment;
		} header; /* each has at least 8 bytes */

		if (!is_extension(w->next))
			break;
		if (frame_load(ctx, w->offset + w->eights * 8, &header, sizeof(header), hook))
			return AS_ANSWER(TEAL_DROP_TRUNCATED);
		w->eights++;
		if (w->next == IPPROTO_FRAGMENT) {
			w->fragment_id = header.fragment.identification;
			if (header.fragment.frag_off & bpf_htons(0xfff8))
				w->fragment = FRAGMENT_LATER;
			else if (header.fragment.frag_off & bpf_htons(1)) /* otherwise it is all: RFC 6946 */
				w->fragment = FRAGMENT_FIRST;
		} else {
			if (w->next == IPPROTO_ROUTING && header.option.segments_left) /* not yet where it is going */
				return AS_ANSWER(TEAL_PASS_NOT_OURS);
			w->eights += header.option.hdrlen;
		}
		w->next = header.option.nexthdr;
		if (w->fragment == FRAGMENT_LATER)
			break;
	}
	return 0;
}

ASIDE(extensions_walk, struct walk)

static __always_inline enum teal_verdict parse_ipv6(void *ctx, struct packet *p, struct cursor *c, const enum hook hook)
{
	struct ipv6hdr *ip = pull(c, sizeof(*ip));
	__u32 payload, header = sizeof(*ip);
	__u8 next;

	if (!ip)
		return TEAL_PASS_NOT_OURS;
	address_set6(&p->source, ip->saddr);
	address_set6(&p->destination, ip->daddr);
	p->ttl = ip->hop_limit;
	if (address_is_mapped(&p->source) || address_is_mapped(&p->destination))
		return TEAL_PASS_NOT_OURS;
	if (ip->version != 6)
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	payload = bpf_ntohs(ip->payload_len);
	if (!parse_length(ctx, p, payload ? payload + sizeof(*ip) : 0, hook))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	next = ip->nexthdr;
	if (is_extension(next)) {
		struct walk w = { .offset = p->network_offset + header, .next = next };
		int answer = extensions_walk_aside(ctx, &w, hook);
		__u32 size = (w.eights & EXTENSION_EIGHTS) * 8; /* the mask is the verifier's bound */

		if (answer < 0)
			return parse_refuse(p, AS_VERDICT(answer));
		if (p->network_offset + header + w.eights * 8 > frame_length(ctx, hook))
			return parse_refuse(p, TEAL_DROP_TRUNCATED);
		if (w.eights > EXTENSION_EIGHTS)
			return TEAL_PASS_NOT_OURS;
		*c = cursor_at(ctx, (p->network_offset + header) & OFFSET_MASK, hook);
		if (!pull(c, size))
			return parse_refuse(p, TEAL_DROP_TRUNCATED);
		next = w.next;
		header += size;
		p->fragment = w.fragment;
		p->fragment_id = w.fragment_id;
	}
	if (p->length < header)
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	p->segment.protocol = next;
	p->transport_offset = p->network_offset + header;
	return TEAL_NEXT;
}

static __always_inline void parse_ports(struct packet *p, const struct udphdr *ports)
{
	p->source_port = bpf_ntohs(ports->source);
	p->destination_port = bpf_ntohs(ports->dest);
}

static __always_inline void parse_segment(struct packet *p, const struct tcphdr *tcp, __u32 payload)
{
	parse_ports(p, (const struct udphdr *)tcp); /* they stand in the same place */
	p->segment.sequence = bpf_ntohl(tcp->seq);
	p->segment.acknowledged = bpf_ntohl(tcp->ack_seq);
	p->segment.flags = tcp->flags;
	p->segment.payload = payload;
}

static __always_inline enum teal_verdict parse_tcp(struct packet *p, struct cursor *c)
{
	__u32 left = p->length - (p->transport_offset - p->network_offset);
	struct tcphdr *tcp = pull(c, sizeof(*tcp));

	if (!tcp || left < sizeof(*tcp))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	if (tcp->doff < 5 || tcp->doff * 4u > left)
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	parse_segment(p, tcp, left - tcp->doff * 4u);
	return TEAL_NEXT;
}

static __always_inline enum teal_verdict parse_udp(struct packet *p, struct cursor *c, const bool ipv6)
{
	__u32 left = p->length - (p->transport_offset - p->network_offset);
	struct udphdr *udp = pull(c, sizeof(*udp));

	if (!udp || left < sizeof(*udp))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	if (bpf_ntohs(udp->len) < sizeof(*udp) || (bpf_ntohs(udp->len) > left && !p->gso_size && !p->fragment))
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	p->segment.payload = left - sizeof(*udp);
	p->has_no_checksum = !udp->check;
	parse_ports(p, udp);
	if (ipv6 && p->has_no_checksum && address_is_vip(&p->destination)) /* RFC 8200, section 8.1 */
		return TEAL_DROP_UDP6_CHECKSUM;
	return TEAL_NEXT;
}

/* From the link header to the network header.  Returns the network protocol in host order, or 0. */
static __always_inline __u16 parse_link(struct packet *p, struct cursor *c)
{
	struct ethhdr *ethernet = pull(c, sizeof(*ethernet));
	__be16 protocol;

	if (!ethernet)
		return 0;
	protocol = ethernet->h_proto;
	p->network_offset = sizeof(*ethernet);
	if (protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD)) {
		struct vlan_hdr *tag = pull(c, sizeof(*tag));

		if (!tag || p->is_tagged) /* tc: the outer one of two is not in the frame */
			return 0;
		protocol = tag->h_vlan_encapsulated_proto;
		p->is_tagged = true;
		p->network_offset += sizeof(*tag);
	}
	return bpf_ntohs(protocol);
}

/* The context's own facts, and a cursor over what is directly readable. */
static __always_inline struct cursor parse_context(void *ctx, struct packet *p, const enum hook hook)
{
	if (hook == HOOK_XDP) {
		struct xdp_md *xdp = ctx;

		p->device = xdp->ingress_ifindex;
		p->is_several = frame_length(ctx, hook) > xdp->data_end - xdp->data;
	} else {
		struct __sk_buff *skb = ctx;

		if (skb->data_end - skb->data < LINEAR_BYTES && skb->len > skb->data_end - skb->data)
			bpf_skb_pull_data(skb, skb->len < LINEAR_BYTES ? skb->len : LINEAR_BYTES);
		p->device = skb->ifindex;
		p->gso_size = skb->gso_size;
		p->is_tagged = skb->vlan_present;
	}
	return cursor_at(ctx, 0, hook);
}

/* The network header and what it carries. */
static __always_inline enum teal_verdict parse(void *ctx, struct packet *p, struct cursor *c, const enum hook hook,
					       const bool ipv6)
{
	enum teal_verdict verdict = ipv6 ? parse_ipv6(ctx, p, c, hook) : parse_ipv4(ctx, p, c, hook);

	if (verdict != TEAL_NEXT || p->fragment == FRAGMENT_LATER)
		return verdict;
	if (p->segment.protocol == TEAL_TCP)
		return parse_tcp(p, c);
	if (p->segment.protocol == TEAL_UDP)
		return parse_udp(p, c, ipv6);
	return TEAL_NEXT;
}

/* What parse_plain() needs to read: a TCP header's worth behind the network header, of UDP too. */
#define PLAIN_BYTES(ipv6) \
	(sizeof(struct ethhdr) + ((ipv6) ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + sizeof(struct tcphdr))

/*
 * The same for a packet with nothing unusual about it: whole, untagged, without options or extensions.
 * @data  the frame, PLAIN_BYTES() of which are readable
 * @end   of what is readable, for XDP
 * Returns false for any other, of which parse() will tell more.
 */
static __always_inline bool parse_plain(void *ctx, struct packet *p, const void *data, const void *end,
					const enum hook hook, const bool ipv6)
{
	const __u32 header = ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	const void *transport = data + sizeof(struct ethhdr) + header;
	const struct tcphdr *tcp = transport;
	const struct udphdr *udp = transport;
	__u32 left;

	p->network_offset = sizeof(struct ethhdr);
	p->transport_offset = sizeof(struct ethhdr) + header;
	if (ipv6) {
		const struct ipv6hdr *ip = data + sizeof(struct ethhdr);

		if (ip->version != 6)
			return false;
		address_set6(&p->source, ip->saddr);
		address_set6(&p->destination, ip->daddr);
		if (address_is_mapped(&p->source) || address_is_mapped(&p->destination))
			return false;
		p->ttl = ip->hop_limit;
		p->segment.protocol = ip->nexthdr;
		p->length = bpf_ntohs(ip->payload_len) + header;
	} else {
		const struct iphdr *ip = data + sizeof(struct ethhdr);

		if (ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff))
			return false;
		address_set4(&p->source, ip->saddr);
		address_set4(&p->destination, ip->daddr);
		p->ttl = ip->ttl;
		p->segment.protocol = ip->protocol;
		p->length = bpf_ntohs(ip->tot_len);
	}
	if (sizeof(struct ethhdr) + p->length > (hook == HOOK_XDP ? (__u64)(end - data) : frame_length(ctx, hook)))
		return false;
	left = p->length - header;
	if (p->segment.protocol == TEAL_TCP) {
		if (p->length < header + sizeof(*tcp) || tcp->doff < 5 || tcp->doff * 4u > left)
			return false;
		parse_segment(p, tcp, left - tcp->doff * 4u);
		return true;
	}
	if (p->segment.protocol == TEAL_UDP) {
		if (p->length < header + sizeof(*udp) || !udp->check || bpf_ntohs(udp->len) < sizeof(*udp) ||
		    bpf_ntohs(udp->len) > left)
			return false;
		p->segment.payload = left - sizeof(*udp);
		parse_ports(p, udp);
		return true;
	}
	return false;
}

#endif
