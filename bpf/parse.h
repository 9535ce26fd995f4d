/* SPDX-License-Identifier: GPL-2.0-only */
/* Step 1, parse: from a frame to the addresses, ports and flags that the other steps work on. */
#ifndef TEAL_BPF_PARSE_H
#define TEAL_BPF_PARSE_H

#include "packet.h"
#include "maps.h"

#define EXTENSION_HEADERS 6 /* IPv6: the most that are walked */
#define LINEAR_BYTES 256    /* tc: how much of a packet is made directly readable */

/* What is wrong with a packet is our business only if its address is a service's. */
static __always_inline enum teal_verdict parse_refuse(const struct packet *p, enum teal_verdict reason)
{
	struct teal_service_key key = { .protocol = TEAL_ANY };

	__builtin_memcpy(key.address, p->destination.bytes, sizeof(key.address));
	return bpf_map_lookup_elem(&services, &key) ? reason : TEAL_PASS_NOT_OURS;
}

/* Bytes of the whole frame: data_end ends the first buffer, not the packet. */
static __always_inline __u32 frame_length(const struct packet *p, const enum hook hook)
{
	if (hook == HOOK_XDP)
		return bpf_xdp_get_buff_len(p->ctx);
	return ((struct __sk_buff *)p->ctx)->len;
}

/* Settles how long the IP packet is.  A super-packet too large for the header's field says 0 there (BIG TCP). */
static __always_inline bool parse_length(struct packet *p, const struct cursor *c, __u32 said, const enum hook hook)
{
	p->length = said;
	if (hook != HOOK_XDP && !said && p->gso_size)
		p->length = frame_length(p, hook) - p->network_offset;
	if (hook == HOOK_XDP && p->length <= c->end - p->network)
		return true;
	return p->network_offset + p->length <= frame_length(p, hook);
}

static __always_inline enum teal_verdict parse_ipv4(struct packet *p, struct cursor *c, const enum hook hook)
{
	struct iphdr *ip = pull(c, sizeof(*ip));
	__u32 header;

	if (!ip)
		return TEAL_PASS_NOT_OURS;
	p->network = ip;
	address_set4(&p->source, ip->saddr);
	address_set4(&p->destination, ip->daddr);
	p->ttl = ip->ttl;
	p->segment.protocol = ip->protocol;
	p->network_checksum = ip->check;
	header = ip->ihl * 4;
	if (ip->version != 4 || header < sizeof(*ip))
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	if (header > sizeof(*ip) && !pull(c, header - sizeof(*ip)))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	if (!parse_length(p, c, bpf_ntohs(ip->tot_len), hook))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	if (p->length < header)
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	if (ip->frag_off & bpf_htons(0x3fff)) /* more fragments, or an offset */
		return parse_refuse(p, TEAL_DROP_FRAGMENT);
	p->transport_offset = p->network_offset + header;
	return TEAL_NEXT;
}

static __always_inline bool is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_FRAGMENT;
}

/*
 * IPv6's extension headers, from the one of kind `next` at `offset` on.
 * Returns how many times 8 bytes they are long, times 256, and the kind that they lead to; or AS_ANSWER() of a verdict.
 */
static __always_inline int extensions_walk(void *ctx, __u32 offset, __u8 next, const enum hook hook)
{
	__u32 eights = 0;

	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		struct ipv6_opt_hdr extension;

		if (next == IPPROTO_FRAGMENT)
			return AS_ANSWER(TEAL_DROP_FRAGMENT);
		if (!is_extension(next))
			break;
		if (hook == HOOK_XDP ? bpf_xdp_load_bytes(ctx, offset + eights * 8, &extension, sizeof(extension)) :
				       bpf_skb_load_bytes(ctx, offset + eights * 8, &extension, sizeof(extension)))
			return AS_ANSWER(TEAL_DROP_TRUNCATED);
		if (next == IPPROTO_ROUTING && extension.segments_left) /* not yet where it is going */
			return AS_ANSWER(TEAL_PASS_NOT_OURS);
		eights += extension.hdrlen + 1;
		next = extension.nexthdr;
	}
	return eights << 8 | next;
}

/* Not static: the verifier then checks them once, on their own, and not again on every way that leads here. */
__noinline int extensions_walk_xdp(struct xdp_md *ctx, __u32 offset, __u32 next)
{
	return extensions_walk(ctx, offset, next, HOOK_XDP);
}

__noinline int extensions_walk_tc(struct __sk_buff *ctx, __u32 offset, __u32 next)
{
	return extensions_walk(ctx, offset, next, HOOK_TC_INGRESS);
}

/* @walk  whether to go behind extension headers; otherwise a packet that has any is of no known protocol */
static __always_inline enum teal_verdict parse_ipv6(struct packet *p, struct cursor *c, const enum hook hook,
						    const bool walk)
{
	struct ipv6hdr *ip = pull(c, sizeof(*ip));
	__u32 payload, header = sizeof(*ip);
	__u8 next;

	if (!ip)
		return TEAL_PASS_NOT_OURS;
	p->network = ip;
	address_set6(&p->source, ip->saddr);
	address_set6(&p->destination, ip->daddr);
	p->ttl = ip->hop_limit;
	if (address_is_mapped(&p->source) || address_is_mapped(&p->destination))
		return TEAL_PASS_NOT_OURS;
	if (ip->version != 6)
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	payload = bpf_ntohs(ip->payload_len);
	if (!parse_length(p, c, payload ? payload + sizeof(*ip) : 0, hook))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	next = ip->nexthdr;
	if (walk && is_extension(next)) {
		int found = hook == HOOK_XDP ? extensions_walk_xdp(p->ctx, p->network_offset + header, next) :
					       extensions_walk_tc(p->ctx, p->network_offset + header, next);
		__u32 size = (found >> 8 & 0x7ff) * 8; /* the mask is the verifier's bound: 6 headers have 1,536 */

		if (found < 0)
			return parse_refuse(p, AS_VERDICT(found));
		if (!pull(c, size))
			return parse_refuse(p, TEAL_DROP_TRUNCATED);
		next = found;
		header += size;
	}
	if (p->length < header)
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	p->segment.protocol = next;
	p->transport_offset = p->network_offset + header;
	return TEAL_NEXT;
}

static __always_inline enum teal_verdict parse_tcp(struct packet *p, struct cursor *c)
{
	__u32 left = p->length - (p->transport_offset - p->network_offset);
	struct tcphdr *tcp = pull(c, sizeof(*tcp));

	if (!tcp || left < sizeof(*tcp))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	if (tcp->doff < 5 || tcp->doff * 4u > left)
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	p->transport = tcp;
	p->check = &tcp->check;
	p->source_port = bpf_ntohs(tcp->source);
	p->destination_port = bpf_ntohs(tcp->dest);
	p->segment.sequence = bpf_ntohl(tcp->seq);
	p->segment.acknowledged = bpf_ntohl(tcp->ack_seq);
	p->segment.flags = tcp->flags;
	p->segment.payload = left - tcp->doff * 4u;
	return TEAL_NEXT;
}

static __always_inline enum teal_verdict parse_udp(struct packet *p, struct cursor *c, const bool ipv6)
{
	__u32 left = p->length - (p->transport_offset - p->network_offset);
	struct udphdr *udp = pull(c, sizeof(*udp));

	if (!udp || left < sizeof(*udp))
		return parse_refuse(p, TEAL_DROP_TRUNCATED);
	if (bpf_ntohs(udp->len) < sizeof(*udp) || (bpf_ntohs(udp->len) > left && !p->gso_size))
		return parse_refuse(p, TEAL_DROP_MALFORMED);
	p->segment.payload = left - sizeof(*udp);
	p->no_checksum = !udp->check;
	if (ipv6 && p->no_checksum) /* RFC 8200, section 8.1 */
		return parse_refuse(p, TEAL_DROP_UDP6_CHECKSUM);
	p->transport = udp;
	p->check = &udp->check;
	p->source_port = bpf_ntohs(udp->source);
	p->destination_port = bpf_ntohs(udp->dest);
	return TEAL_NEXT;
}

/* From the link header to the network header.  Returns the network protocol in host order, or 0. */
static __always_inline __u16 parse_link(struct packet *p, struct cursor *c)
{
	struct ethhdr *ethernet = pull(c, sizeof(*ethernet));
	__be16 protocol;

	if (!ethernet)
		return 0;
	p->ethernet = ethernet;
	protocol = ethernet->h_proto;
	p->network_offset = sizeof(*ethernet);
	if (protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD)) {
		struct vlan_hdr *tag = pull(c, sizeof(*tag));

		if (!tag)
			return 0;
		protocol = tag->h_vlan_encapsulated_proto;
		p->tagged = true;
		p->network_offset += sizeof(*tag);
	}
	return bpf_ntohs(protocol);
}

/* The context's own facts, and a cursor over what is directly readable. */
static __always_inline void parse_context(struct packet *p, struct cursor *c, const enum hook hook)
{
	if (hook == HOOK_XDP) {
		struct xdp_md *xdp = p->ctx;

		p->device = xdp->ingress_ifindex;
		c->at = (void *)(long)xdp->data;
		c->end = (void *)(long)xdp->data_end;
	} else {
		struct __sk_buff *skb = p->ctx;

		if (skb->data_end - skb->data < LINEAR_BYTES && skb->len > skb->data_end - skb->data)
			bpf_skb_pull_data(skb, skb->len < LINEAR_BYTES ? skb->len : LINEAR_BYTES);
		p->device = skb->ifindex;
		p->gso_size = skb->gso_size;
		p->tagged = skb->vlan_present;
		c->at = (void *)(long)skb->data;
		c->end = (void *)(long)skb->data_end;
	}
}

/* The network header and what it carries. */
static __always_inline enum teal_verdict parse(struct packet *p, struct cursor *c, const enum hook hook,
					       const bool ipv6)
{
	enum teal_verdict verdict = ipv6 ? parse_ipv6(p, c, hook, true) : parse_ipv4(p, c, hook);

	if (verdict != TEAL_NEXT)
		return verdict;
	if (p->segment.protocol == TEAL_TCP)
		return parse_tcp(p, c);
	if (p->segment.protocol == TEAL_UDP)
		return parse_udp(p, c, ipv6);
	return TEAL_NEXT;
}

#endif
