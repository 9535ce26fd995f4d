/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet of an open flow that changes no row and can leave at once: nearly all of them.  It is served with no write to
 * anything that two CPUs share.  NOT_PLAIN for every other, of which nothing has been touched.
 */
#ifndef TEAL_BPF_PLAIN_H
#define TEAL_BPF_PLAIN_H

#include "step.h"

#define NOT_PLAIN -2 /* no action of either hook */

/* Whether nothing about the packet stands against sending it. */
static __always_inline bool plain_can_leave(const struct packet *p, const struct teal_nexthop *hop)
{
	return !p->is_tagged && p->ttl > 1 && wire_length(p) <= hop->mtu;
}

/* @hop  by which it is sent; NULL: it goes on by the stack */
static __always_inline int plain_end(void *ctx, void *data, struct rewrite *r, const struct teal_nexthop *hop,
				     enum teal_verdict verdict, const enum hook hook, const bool ipv6)
{
	if (hop)
		rewrite_send(r, hop);
	if (hook == HOOK_XDP) {
		rewrite_xdp_plain(data, r, ipv6);
	} else if (rewrite_tc_plain(ctx, data, r, hook, ipv6)) {
		verdict_count(TEAL_DROP_REWRITE);
		return TC_ACT_SHOT;
	}
	verdict_count(verdict);
	if (!hop)
		return hook == HOOK_XDP ? (int)XDP_PASS : (int)TC_ACT_UNSPEC;
	if (hook != HOOK_XDP)
		return tc_send(hop->to_device);
	return hop->transmit ? (int)XDP_TX : (int)bpf_redirect(hop->to_device, 0);
}

static __always_inline int plain_in(void *ctx, void *data, const struct packet *p, const struct teal_service *service,
				    const enum hook hook, const bool ipv6)
{
	const __u16 id = service->id;
	const struct teal_backend *backend;
	const struct teal_nexthop *hop;
	const struct teal_flow *flow;
	struct teal_flow6_key key; /* apart from the packet, of which so nothing need stand in memory */
	struct rewrite r;
	__u32 chosen;

	if (hook == HOOK_TC_EGRESS)
		return NOT_PLAIN;
	flow_key_set(&key, &p->source, p->source_port, id);
	flow = bpf_map_lookup_elem(FLOWS(ipv6), FLOW_KEY(key, ipv6));
	if (!flow_is_plain(flow, &p->segment) || flow->source_port || service->flags & TEAL_SERVICE_MOVE)
		return NOT_PLAIN;
	chosen = flow->backend;
	backend = backend_get(chosen, id);
	hop = bpf_map_lookup_elem(&nexthops, &chosen);
	if (!backend || backend->reset || !hop || !nexthop_is_fresh(hop, p))
		return NOT_PLAIN;
	r = rewrite_of(p, ipv6);
	rewrite_to_backend(&r, backend);
	if (hop->verdict == TEAL_SENT_IN && plain_can_leave(p, hop)) {
		count_in(chosen, p);
		return plain_end(ctx, data, &r, hop, TEAL_SENT_IN, hook, ipv6);
	}
	if (hop->verdict != TEAL_PASS_IN_LOCAL && hop->verdict != TEAL_PASS_IN_STACK)
		return NOT_PLAIN;
	count_in(chosen, p);
	return plain_end(ctx, data, &r, NULL, hop->verdict, hook, ipv6);
}

static __always_inline int plain_back(void *ctx, void *data, const struct packet *p, const struct teal_endpoint *from,
				      const enum hook hook, const bool ipv6)
{
	const __u16 service = from->service;
	const __u32 id = from->backend;
	const struct teal_backend *backend;
	const struct teal_nexthop *hop;
	const struct teal_flow *flow;
	struct teal_flow6_key key;
	struct rewrite r;

	if (from->has_source)
		return NOT_PLAIN;
	flow_key_set(&key, &p->destination, p->destination_port, service);
	flow = bpf_map_lookup_elem(FLOWS(ipv6), FLOW_KEY(key, ipv6));
	if (!flow_is_plain_back(flow, &p->segment) || flow->backend != id)
		return NOT_PLAIN;
	backend = backend_get(id, service);
	if (!backend || backend->reset)
		return NOT_PLAIN;
	r = rewrite_of(p, ipv6);
	rewrite_from_vip(&r, backend);
	if (hook == HOOK_TC_EGRESS) {
		count_out(id, p);
		return plain_end(ctx, data, &r, NULL, TEAL_PASS_BACK_EGRESS, hook, ipv6);
	}
	hop = nexthop_back_slot(&p->destination, service, ipv6);
	if (!hop || !nexthop_back_is_fresh(hop, p, &p->destination, service))
		return NOT_PLAIN;
	if (hop->verdict == TEAL_SENT_BACK && plain_can_leave(p, hop)) {
		count_out(id, p);
		return plain_end(ctx, data, &r, hop, TEAL_SENT_BACK, hook, ipv6);
	}
	if (hop->verdict != TEAL_PASS_IN_STACK)
		return NOT_PLAIN;
	verdict_count(TEAL_PASS_BACK_STACK); /* egress will do the rest */
	return hook == HOOK_XDP ? (int)XDP_PASS : (int)TC_ACT_UNSPEC;
}

static __always_inline int plain_family(void *ctx, void *data, void *end, struct packet *p, const enum hook hook,
					const bool ipv6)
{
	const struct teal_service *service;
	const struct teal_endpoint *endpoint;

	if (data + PLAIN_BYTES(ipv6) > end || !parse_plain(ctx, p, data, end, hook, ipv6))
		return NOT_PLAIN;
	service = service_lookup(&p->destination, p->destination_port, p->segment.protocol);
	if (service)
		return plain_in(ctx, data, p, service, hook, ipv6);
	endpoint = endpoint_lookup(&p->source, p->source_port, p->segment.protocol);
	if (endpoint)
		return plain_back(ctx, data, p, endpoint, hook, ipv6);
	if (hook == HOOK_TC_EGRESS && endpoint_lookup(&p->destination, p->destination_port, p->segment.protocol))
		return NOT_PLAIN;
	verdict_count(TEAL_PASS_NOT_OURS);
	return hook == HOOK_XDP ? (int)XDP_PASS : (int)TC_ACT_UNSPEC;
}

static __always_inline int plain_way(void *ctx, const enum hook hook)
{
	const struct cursor c = cursor_at(ctx, 0, hook);
	const struct ethhdr *ethernet = c.at;
	struct packet p = { .segment.now = clock_now() };

	if (c.at + sizeof(*ethernet) > c.end)
		return NOT_PLAIN;
	if (hook == HOOK_XDP) {
		p.device = ((struct xdp_md *)ctx)->ingress_ifindex;
	} else {
		p.device = ((struct __sk_buff *)ctx)->ifindex;
		p.gso_size = ((struct __sk_buff *)ctx)->gso_size;
		p.is_tagged = ((struct __sk_buff *)ctx)->vlan_present;
	}
	if (ethernet->h_proto == bpf_htons(ETH_P_IP))
		return plain_family(ctx, c.at, c.end, &p, hook, false);
	if (ethernet->h_proto == bpf_htons(ETH_P_IPV6))
		return plain_family(ctx, c.at, c.end, &p, hook, true);
	return NOT_PLAIN;
}

/* Not inline, so that what they keep on the stack is gone when the whole way begins. */
static __noinline int plain_xdp(struct xdp_md *ctx)
{
	return plain_way(ctx, HOOK_XDP);
}

static __noinline int plain_ingress(struct __sk_buff *ctx)
{
	return plain_way(ctx, HOOK_TC_INGRESS);
}

static __noinline int plain_egress(struct __sk_buff *ctx)
{
	return plain_way(ctx, HOOK_TC_EGRESS);
}

#endif
