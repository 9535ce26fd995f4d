/* SPDX-License-Identifier: GPL-2.0-only */
/* The floor's steps: see floor.h. */
#ifndef TEAL_BENCH_FLOOR_BPF_H
#define TEAL_BENCH_FLOOR_BPF_H

#include "floor.h"
#include "teal/tables.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FLOOR_TABLE(name_, family_)                     \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_HASH);        \
		__uint(max_entries, 1 << 20);           \
		__uint(map_flags, TEAL_NO_PREALLOC);    \
		__uint(key_size, FLOOR_KEY##family_);   \
		__uint(value_size, FLOOR_ROW##family_); \
	} floor##family_ SEC(".maps")
FLOOR_TABLE(floor4, 4);
FLOOR_TABLE(floor6, 6);

/* The headers of a plain frame; UDP's ports stand where TCP's do.  Family and protocol are constants wherever it is used. */
struct plain {
	struct ethhdr *ethernet;
	struct iphdr *ip4;
	struct ipv6hdr *ip6;
	struct tcphdr *tcp;
	struct udphdr *udp;
};

static __always_inline struct plain plain_at(void *data, const bool ipv6)
{
	void *ip = data + sizeof(struct ethhdr);
	void *transport = ip + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));

	return (struct plain){ .ethernet = data, .ip4 = ip, .ip6 = ip, .tcp = transport, .udp = transport };
}

static __always_inline bool is_plain(const struct plain *p, const void *end, const bool ipv6, const bool udp)
{
	const __u8 protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;

	if ((udp ? (void *)(p->udp + 1) : (void *)(p->tcp + 1)) > end)
		return false;
	if (ipv6 && (p->ethernet->h_proto != bpf_htons(ETH_P_IPV6) || p->ip6->version != 6 || p->ip6->nexthdr != protocol))
		return false;
	if (!ipv6 && (p->ethernet->h_proto != bpf_htons(ETH_P_IP) || p->ip4->version != 4 || p->ip4->ihl != 5 ||
		      p->ip4->frag_off & bpf_htons(0x3fff) || p->ip4->protocol != protocol))
		return false;
	return udp || p->tcp->doff >= 5;
}

/* RFC 1624, equation 3. */
static __always_inline __u16 floor_sum(__u16 checksum, __u32 delta)
{
	__u32 sum = (__u16)~checksum + delta;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Returns the device to send it out of, 0 if there is no such flow, -1 if it is no plain packet of that kind. */
static __always_inline int floor_way(void *data, void *end, const bool ipv6, const bool udp)
{
	const struct plain p = plain_at(data, ipv6);
	const struct floor_row *found;
	struct floor_key key;

	if (!is_plain(&p, end, ipv6, udp))
		return -1;
	key.source_port = p.tcp->source;
	key.destination_port = p.tcp->dest;
	key.protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
	if (ipv6)
		__builtin_memcpy(key.addresses, &p.ip6->saddr, 32);
	else
		__builtin_memcpy(key.addresses, &p.ip4->saddr, 8);
	found = ipv6 ? bpf_map_lookup_elem(&floor6, &key) : bpf_map_lookup_elem(&floor4, &key);
	if (!found)
		return 0;
	if (ipv6) {
		__builtin_memcpy(&p.ip6->daddr, found->address, 16);
		p.ip6->hop_limit--;
	} else {
		p.ip4->daddr = found->address[0];
		p.ip4->ttl--;
		p.ip4->check = floor_sum(p.ip4->check, found->network_delta);
	}
	p.tcp->dest = found->port;
	if (udp)
		p.udp->check = floor_sum(p.udp->check, found->delta);
	else
		p.tcp->check = floor_sum(p.tcp->check, found->delta);
	__builtin_memcpy(p.ethernet, found->link, sizeof(found->link));
	return found->device;
}

#endif
