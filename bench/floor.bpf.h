/* SPDX-License-Identifier: GPL-2.0-only */
/* The floor's steps: see floor.h. */
#ifndef TEAL_BENCH_FLOOR_BPF_H
#define TEAL_BENCH_FLOOR_BPF_H

#include "floor.h"
#include "teal/tables.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FLOOR_TABLE(name_, key_, row_)                  \
	struct {                                        \
		__uint(type, BPF_MAP_TYPE_HASH);        \
		__uint(max_entries, 1 << 20);           \
		__uint(map_flags, TEAL_NO_PREALLOC);   \
		__type(key, key_);                      \
		__type(value, row_);                    \
	} name_ SEC(".maps")
FLOOR_TABLE(floor4, struct floor_key4, struct floor_row4);
FLOOR_TABLE(floor6, struct floor_key6, struct floor_row6);

/* The headers that a plain frame begins with. */
struct plain4 {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct tcphdr tcp; /* UDP's ports stand in the same place */
} __attribute__((packed));

struct plain6 {
	struct ethhdr ethernet;
	struct ipv6hdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static __always_inline bool is_plain4(const struct plain4 *p, const void *end)
{
	return (void *)(p + 1) <= end && p->ethernet.h_proto == bpf_htons(ETH_P_IP) && p->ip.version == 4 &&
	       p->ip.ihl == 5 && !(p->ip.frag_off & bpf_htons(0x3fff)) && p->ip.protocol == IPPROTO_TCP &&
	       p->tcp.doff >= 5;
}

static __always_inline bool is_plain6(const struct plain6 *p, const void *end)
{
	return (void *)(p + 1) <= end && p->ethernet.h_proto == bpf_htons(ETH_P_IPV6) && p->ip.version == 6 &&
	       p->ip.nexthdr == IPPROTO_TCP && p->tcp.doff >= 5;
}

/* RFC 1624, equation 3. */
static __always_inline __u16 floor_sum(__u16 checksum, __u32 delta)
{
	__u32 sum = (__u16)~checksum + delta;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Returns the device to send it out of, 0 if there is no such flow, -1 if it is no plain TCP packet. */
static __always_inline int floor_way4(void *data, void *end)
{
	struct plain4 *p = data;
	struct floor_key4 key = {};
	const struct floor_row4 *found;

	if (!is_plain4(p, end))
		return -1;
	key.source = p->ip.saddr;
	key.destination = p->ip.daddr;
	key.source_port = p->tcp.source;
	key.destination_port = p->tcp.dest;
	key.protocol = p->ip.protocol;
	found = bpf_map_lookup_elem(&floor4, &key);
	if (!found)
		return 0;
	p->ip.daddr = found->address[0];
	p->ip.ttl--;
	p->ip.check = floor_sum(p->ip.check, found->row.network_delta);
	p->tcp.dest = found->row.port;
	p->tcp.check = floor_sum(p->tcp.check, found->row.delta);
	__builtin_memcpy(&p->ethernet, found->row.link, sizeof(found->row.link));
	return found->row.device;
}

static __always_inline int floor_way6(void *data, void *end)
{
	struct plain6 *p = data;
	struct floor_key6 key = {};
	const struct floor_row6 *found;

	if (!is_plain6(p, end))
		return -1;
	__builtin_memcpy(key.source, p->ip.saddr, sizeof(key.source));
	__builtin_memcpy(key.destination, p->ip.daddr, sizeof(key.destination));
	key.source_port = p->tcp.source;
	key.destination_port = p->tcp.dest;
	key.protocol = p->ip.nexthdr;
	found = bpf_map_lookup_elem(&floor6, &key);
	if (!found)
		return 0;
	__builtin_memcpy(p->ip.daddr, found->address, sizeof(found->address));
	p->ip.hop_limit--;
	p->tcp.dest = found->row.port;
	p->tcp.check = floor_sum(p->tcp.check, found->row.delta);
	__builtin_memcpy(&p->ethernet, found->row.link, sizeof(found->row.link));
	return found->row.device;
}

#endif
