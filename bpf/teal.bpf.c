// SPDX-License-Identifier: GPL-2.0-only
/*
 * teal's data path.  To follow a packet, begin at the foot of this file: the entry points hand it to
 * packet_way(), whose lines are the steps, one header each, in the order of the include list.
 */
#include "vmlinux.h"

#include "maps.h"	/* the tables */
#include "packet.h"	/* a packet as the steps see it */
#include "parse.h"	/* 1. where from, where to */
#include "service.h"	/* 2. is it ours */
#include "flow.h"	/* 3. a known flow keeps its backend */
#include "dispatch.h"	/* 4. a new one gets it from the active table */
#include "rewrite.h"	/* 5. the other address, the other port */
#include "forward.h"	/* 6. out of the right device */
#include "icmp.h"	/* errors about flows, aside */
#include "sweep.h"	/* expiry, aside */

/* From client to backend. */
static __always_inline enum teal_verdict way_in(struct packet *p, const struct teal_service *service,
						const enum hook hook, const bool ipv6)
{
	const struct teal_nexthop *hop = NULL;
	const struct teal_backend *backend;
	struct teal_counters *count;
	enum teal_verdict verdict;
	__u32 id = 0;

	if (p->segment.protocol == TEAL_TCP && tcp_flags_are_absurd(p->segment.flags))
		return TEAL_DROP_FLAGS;
	key_set(&p->segment, &p->source, p->source_port, service->id);
	verdict = flow_enter(&p->segment, &id, ipv6);
	if (verdict != TEAL_NEXT)
		return verdict;
	backend = backend_get(id, service->id);
	if (!backend)
		return TEAL_REFUSE_NO_BACKEND;
	count = counters_get(id);
	if (count) {
		count->packets_in++;
		count->bytes_in += p->length;
	}
	hop = nexthop_to_backend(p, id, backend, hook);
	verdict = hop ? forward_verdict(p, hop, TEAL_SENT_IN) : TEAL_PASS_IN_STACK;
	if (verdict == TEAL_DROP_BLACKHOLE)
		return verdict;
	const struct rewrite r = {
		.address = backend->address,
		.port = backend->port,
		.address_delta = backend->address_delta,
		.port_delta = backend->port_delta,
		.hop = verdict == TEAL_SENT_IN ? hop : NULL,
	};
	return rewrite(p, &r, hook, ipv6) ? verdict : TEAL_DROP_REWRITE;
}

/* From backend to client.  What the stack will forward is left as it is, and translated at tc egress. */
static __always_inline enum teal_verdict way_back(struct packet *p, const struct teal_endpoint *from,
						  const enum hook hook, const bool ipv6)
{
	const struct teal_nexthop *hop = NULL;
	const struct teal_backend *backend = backend_get(from->backend, from->service);
	enum teal_verdict verdict = TEAL_PASS_BACK_EGRESS;
	struct teal_counters *count;

	if (!backend)
		return TEAL_PASS_NOT_OURS;
	key_set(&p->segment, &p->destination, p->destination_port, from->service);
	if (hook != HOOK_TC_EGRESS) {
		hop = nexthop_to_client(p, backend, hook, ipv6);
		verdict = hop ? forward_verdict(p, hop, TEAL_SENT_BACK) : TEAL_PASS_BACK_STACK;
		/* A packet must change its flow's state only once, so this is for tc egress to do. */
		if (verdict != TEAL_SENT_BACK)
			return flow_returns(&p->segment, from->backend, ipv6) ? TEAL_PASS_BACK_STACK : TEAL_PASS_NOT_OURS;
	}
	if (!flow_return(&p->segment, from->backend, ipv6))
		return TEAL_PASS_NOT_OURS;
	count = counters_get(from->backend);
	if (count) {
		count->packets_out++;
		count->bytes_out += p->length;
	}
	const struct rewrite r = {
		.address = backend->vip,
		.port = backend->vip_port,
		.address_delta = ~backend->address_delta,
		.port_delta = ~backend->port_delta,
		.source = true,
		.hop = hop,
	};
	return rewrite(p, &r, hook, ipv6) ? verdict : TEAL_DROP_REWRITE;
}

/* An ICMP error of the network about a flow: to the backend that it concerns. */
static __always_inline enum teal_verdict way_in_icmp(struct packet *p, const struct quote *q, const enum hook hook,
						     const bool ipv6)
{
	const struct teal_service *service = service_lookup(&q->source, q->source_port, q->protocol);
	const struct teal_backend *backend;

	if (!service || !address_is(&p->destination, q->source.bytes))
		return TEAL_PASS_NOT_OURS;
	key_set(&p->segment, &q->destination, q->destination_port, service->id);
	backend = backend_get(flow_peek(&p->segment, ipv6), service->id);
	if (!backend)
		return TEAL_PASS_NOT_OURS;
	const struct rewrite r = {
		.address = backend->address,
		.port = backend->port,
		.address_delta = backend->address_delta,
		.port_delta = backend->port_delta,
	};
	return icmp_rewrite(p, q, &r, r.address_delta, hook, ipv6) ? TEAL_PASS_ICMP_IN : TEAL_DROP_REWRITE;
}

/* One from the backend's side, or from this host: the client knows only the VIP. */
static __always_inline enum teal_verdict way_back_icmp(struct packet *p, const struct quote *q, const enum hook hook,
						       const bool ipv6)
{
	const struct teal_endpoint *from = endpoint_lookup(&q->destination, q->destination_port, q->protocol);
	const struct teal_backend *backend;

	if (!from || !address_is(&p->destination, q->source.bytes))
		return TEAL_PASS_NOT_OURS;
	key_set(&p->segment, &q->source, q->source_port, from->service);
	backend = backend_get(from->backend, from->service);
	if (!backend || flow_peek(&p->segment, ipv6) != from->backend)
		return TEAL_PASS_NOT_OURS;
	const struct rewrite r = {
		.address = backend->vip,
		.port = backend->vip_port,
		.address_delta = ~backend->address_delta,
		.port_delta = ~backend->port_delta,
		.source = true,
	};
	return icmp_rewrite(p, q, &r, icmp_source_delta(p, backend->vip), hook, ipv6) ? TEAL_PASS_ICMP_BACK :
										       TEAL_DROP_REWRITE;
}

/* Rare, so parsed anew, in functions that the verifier checks on their own. */
static __always_inline enum teal_verdict way_icmp(void *ctx, const enum hook hook, const bool ipv6)
{
	struct packet p = { .ctx = ctx };
	struct quote q = {};
	struct cursor c;

	parse_context(&p, &c, hook);
	parse_link(&p, &c);
	/* Without extension headers, for their walk would be one more function on the stack. */
	if ((ipv6 ? parse_ipv6(&p, &c, hook, false) : parse_ipv4(&p, &c, hook)) != TEAL_NEXT ||
	    p.segment.protocol != (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) || !quote_parse(&q, &p, &c, ipv6))
		return TEAL_PASS_NOT_OURS;
	return hook == HOOK_TC_EGRESS ? way_back_icmp(&p, &q, hook, ipv6) : way_in_icmp(&p, &q, hook, ipv6);
}

#define WAY_ICMP(name, context, hook, ipv6)                 \
	__noinline int name(struct context *ctx)            \
	{                                                   \
		return ctx ? way_icmp(ctx, hook, ipv6) : 0; \
	}
WAY_ICMP(icmp_xdp4, xdp_md, HOOK_XDP, false)
WAY_ICMP(icmp_xdp6, xdp_md, HOOK_XDP, true)
WAY_ICMP(icmp_ingress4, __sk_buff, HOOK_TC_INGRESS, false)
WAY_ICMP(icmp_ingress6, __sk_buff, HOOK_TC_INGRESS, true)
WAY_ICMP(icmp_egress4, __sk_buff, HOOK_TC_EGRESS, false)
WAY_ICMP(icmp_egress6, __sk_buff, HOOK_TC_EGRESS, true)
#undef WAY_ICMP

static __always_inline enum teal_verdict icmp(void *ctx, const enum hook hook, const bool ipv6)
{
	if (hook == HOOK_XDP)
		return ipv6 ? icmp_xdp6(ctx) : icmp_xdp4(ctx);
	if (hook == HOOK_TC_INGRESS)
		return ipv6 ? icmp_ingress6(ctx) : icmp_ingress4(ctx);
	return ipv6 ? icmp_egress6(ctx) : icmp_egress4(ctx);
}

static __always_inline enum teal_verdict packet_way(struct packet *p, struct cursor *c, const enum hook hook,
						    const bool ipv6)
{
	enum teal_verdict verdict = parse(p, c, hook, ipv6);
	const struct teal_service *service;
	const struct teal_endpoint *from;

	if (verdict != TEAL_NEXT)
		return verdict;
	if (p->segment.protocol == (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return icmp(p->ctx, hook, ipv6);
	if (p->segment.protocol != TEAL_TCP && p->segment.protocol != TEAL_UDP)
		return TEAL_PASS_NOT_OURS;
	service = hook == HOOK_TC_EGRESS ? NULL : service_lookup(&p->destination, p->destination_port, p->segment.protocol);
	if (service)
		return way_in(p, service, hook, ipv6);
	from = endpoint_lookup(&p->source, p->source_port, p->segment.protocol);
	if (from)
		return way_back(p, from, hook, ipv6);
	return TEAL_PASS_NOT_OURS;
}

static __always_inline enum teal_verdict packet(struct packet *p, const enum hook hook)
{
	enum teal_verdict verdict = TEAL_PASS_NOT_OURS;
	struct cursor c;

	p->segment.now = bpf_ktime_get_coarse_ns();
	parse_context(p, &c, hook);
	switch (parse_link(p, &c)) {
	case ETH_P_IP:
		verdict = packet_way(p, &c, hook, false);
		break;
	case ETH_P_IPV6:
		verdict = packet_way(p, &c, hook, true);
		break;
	}
	verdict_count(verdict);
	return verdict;
}

/* Whether the verdict's action is that one: the list of verdicts as a set of bits. */
#define TEAL_ACTION_PASS 0
#define TEAL_ACTION_SENT 1
#define TEAL_ACTION_DROP 2
#define TEAL_ACTION_REFUSE 3
#define X(action, name, sentence) | (TEAL_ACTION_##action == wanted ? 1ULL << TEAL_##action##_##name : 0)
static __always_inline bool verdict_is(enum teal_verdict verdict, const int wanted)
{
	return (0ULL TEAL_VERDICTS(X)) >> verdict & 1;
}
#undef X

SEC("xdp.frags")
int teal_xdp(struct xdp_md *ctx)
{
	struct packet p = { .ctx = ctx };
	enum teal_verdict verdict = packet(&p, HOOK_XDP);

	if (verdict_is(verdict, TEAL_ACTION_SENT))
		return p.transmit ? XDP_TX : bpf_redirect(p.out, 0);
	return verdict_is(verdict, TEAL_ACTION_PASS) ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int teal_ingress(struct __sk_buff *ctx)
{
	struct packet p = { .ctx = ctx };
	enum teal_verdict verdict = packet(&p, HOOK_TC_INGRESS);

	if (verdict_is(verdict, TEAL_ACTION_SENT))
		return bpf_redirect(p.out, 0);
	return verdict_is(verdict, TEAL_ACTION_PASS) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("tc")
int teal_egress(struct __sk_buff *ctx)
{
	struct packet p = { .ctx = ctx };
	enum teal_verdict verdict = packet(&p, HOOK_TC_EGRESS);

	return verdict_is(verdict, TEAL_ACTION_PASS) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("iter/bpf_map_elem")
int teal_sweep4(struct bpf_iter__bpf_map_elem *ctx)
{
	sweep_row(ctx, false);
	return 0;
}

SEC("iter/bpf_map_elem")
int teal_sweep6(struct bpf_iter__bpf_map_elem *ctx)
{
	sweep_row(ctx, true);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
