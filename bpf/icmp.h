/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors about flows: path MTU, unreachable, time exceeded.  They quote the packet that they are about, as it was
 * where the error arose, so the quote must be translated with them.  RFC 5508, section 4, says which fields.
 *
 * They are rare, so they take the host's stack: on the way in rewritten and passed up, on the way back
 * translated at tc egress, which also sees the errors that the edge's own stack makes.
 */
#ifndef TEAL_BPF_ICMP_H
#define TEAL_BPF_ICMP_H

#include "flow.h"
#include "maps.h"
#include "packet.h"
#include "rewrite.h"
#include "service.h"

/* The quoted packet: what is needed of it, and where it stands. */
struct quote {
	union address source, destination;
	void *network, *transport, *icmp; /* XDP only, as in struct packet */
	void *check;			  /* the transport checksum */
	__u16 network_offset, transport_offset, icmp_offset, check_offset;
	__u16 source_port, destination_port;
	__u16 icmp_checksum, network_checksum, transport_checksum;
	enum teal_protocol protocol;
	bool has_checksum; /* the quote reaches as far as the transport checksum, and it is used */
};

static __always_inline bool icmp_is_error(__u8 type, const bool ipv6)
{
	return ipv6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;
}

static __always_inline bool quote_parse_network(struct quote *q, struct cursor *c, const bool ipv6)
{
	if (ipv6) {
		struct ipv6hdr *ip = pull(c, sizeof(*ip));

		if (!ip || ip->version != 6)
			return false;
		q->network = ip;
		q->protocol = ip->nexthdr;
		address_set6(&q->source, ip->saddr);
		address_set6(&q->destination, ip->daddr);
		q->transport_offset = q->network_offset + sizeof(*ip);
	} else {
		struct iphdr *ip = pull(c, sizeof(*ip));

		if (!ip || ip->version != 4 || ip->ihl < 5 || ip->frag_off & bpf_htons(0x1fff))
			return false;
		q->network = ip;
		q->protocol = ip->protocol;
		q->network_checksum = ip->check;
		address_set4(&q->source, ip->saddr);
		address_set4(&q->destination, ip->daddr);
		q->transport_offset = q->network_offset + ip->ihl * 4;
		if (ip->ihl > 5 && !pull(c, (ip->ihl - 5) * 4))
			return false;
	}
	return true;
}

/* Ports are always quoted; a TCP checksum only where more than the 8 bytes that RFC 792 asks for are. */
static __always_inline bool quote_parse_transport(struct quote *q, const struct packet *p, struct cursor *c)
{
	const __u32 end = p->network_offset + p->length;
	struct udphdr *head = pull(c, sizeof(*head));
	struct tcphdr *tcp;

	if (!head || q->transport_offset + sizeof(*head) > end)
		return false;
	q->transport = head;
	q->source_port = bpf_ntohs(head->source);
	q->destination_port = bpf_ntohs(head->dest);
	if (q->protocol == TEAL_UDP) {
		q->check = &head->check;
		q->check_offset = q->transport_offset + 6;
		q->transport_checksum = head->check;
		q->has_checksum = head->check;
		return true;
	}
	tcp = (void *)head;
	if (q->protocol != TEAL_TCP)
		return false;
	if (q->transport_offset + sizeof(*tcp) <= end && pull(c, sizeof(*tcp) - sizeof(*head))) {
		q->check = &tcp->check;
		q->check_offset = q->transport_offset + 16;
		q->transport_checksum = tcp->check;
		q->has_checksum = true;
	}
	return true;
}

/* The error at the cursor, behind the network header.  Returns false if it is none, or quotes nothing of use. */
static __always_inline bool quote_parse(struct quote *q, const struct packet *p, struct cursor *c, const bool ipv6)
{
	struct icmphdr *icmp = pull(c, sizeof(*icmp));

	if (!icmp || !icmp_is_error(icmp->type, ipv6))
		return false;
	q->icmp = icmp;
	q->icmp_checksum = icmp->checksum;
	q->icmp_offset = p->transport_offset;
	q->network_offset = p->transport_offset + sizeof(*icmp);
	return quote_parse_network(q, c, ipv6) && quote_parse_transport(q, p, c);
}

/* What a 16-bit word's change adds to a sum. */
static __always_inline __u32 word_delta(__u16 old, __u16 new)
{
	return (__u16)~old + new;
}

/* Writes `size` bytes into the frame, through the pointer where there is one. */
static __always_inline long icmp_write(const struct packet *p, void *at, __u32 offset, const void *bytes,
				       const __u32 size, const enum hook hook)
{
	if (hook != HOOK_XDP)
		return bpf_skb_store_bytes(p->ctx, offset, bytes, size, 0);
	__builtin_memcpy(at, bytes, size);
	return 0;
}

/* What a sum grows by when the packet's source becomes that address. */
static __always_inline __u32 icmp_source_delta(const struct packet *p, const __u8 *address)
{
	const __u16 *new = (const __u16 *)address, *old = (const __u16 *)p->source.bytes;
	__u32 sum = 0;

	for (int i = 0; i < 8; i++)
		sum += word_delta(old[i], new[i]);
	return (sum & 0xffff) + (sum >> 16);
}

/* One address of a network header, at either end. */
static __always_inline long icmp_write_address(const struct packet *p, void *network, __u32 offset, const bool source,
					       const __u8 *address, const enum hook hook, const bool ipv6)
{
	const __u32 field = ipv6 ? (source ? 8 : 24) : (source ? 12 : 16);

	if (ipv6)
		return icmp_write(p, network + field, offset + field, address, 16, hook);
	return icmp_write(p, network + field, offset + field, address + 12, 4, hook);
}

/*
 * Translates the quote and the outer address that goes with it: on the way in the quote's source and the outer
 * destination become the backend's, on the way back the quote's destination and the outer source become the VIP.
 */
static __always_inline bool icmp_rewrite(const struct packet *p, const struct quote *q, const struct rewrite *r,
					 __u32 outer_delta, const enum hook hook, const bool ipv6)
{
	const __u32 delta = r->address_delta + r->port_delta, port_field = r->source ? 2 : 0;
	__u16 network = checksum_add(q->network_checksum, r->address_delta);
	__u16 transport = checksum_add(q->transport_checksum, delta);
	__be16 port = bpf_htons(r->port);
	__u32 sum = r->address_delta + r->port_delta;
	__u16 icmp, outer = checksum_add(p->network_checksum, outer_delta);
	long error;

	if (!ipv6)
		sum += word_delta(q->network_checksum, network);
	else
		sum += outer_delta; /* ICMPv6 sums the outer addresses too */
	if (q->has_checksum)
		sum += word_delta(q->transport_checksum, transport);
	sum = (sum & 0xffff) + (sum >> 16);
	icmp = checksum_add(q->icmp_checksum, sum);

	error = icmp_write_address(p, q->network, q->network_offset, !r->source, r->address, hook, ipv6);
	error = error ?: icmp_write_address(p, p->network, p->network_offset, r->source, r->address, hook, ipv6);
	error = error ?: icmp_write(p, q->transport + port_field, q->transport_offset + port_field, &port, 2, hook);
	error = error ?: icmp_write(p, q->icmp + 2, q->icmp_offset + 2, &icmp, 2, hook);
	if (!ipv6) {
		error = error ?: icmp_write(p, q->network + 10, q->network_offset + 10, &network, 2, hook);
		error = error ?: icmp_write(p, p->network + 10, p->network_offset + 10, &outer, 2, hook);
	}
	if (q->has_checksum)
		error = error ?: icmp_write(p, q->check, q->check_offset, &transport, 2, hook);
	return !error;
}

#endif
