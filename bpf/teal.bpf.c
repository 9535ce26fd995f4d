// SPDX-License-Identifier: GPL-2.0-only
/*
 * teal's data path.  To follow a packet, begin at the foot of this file: the entry points hand it first to plain_way(),
 * which serves packets of open flows that change nothing, and all others to packet_way().  The lines of both are the steps,
 * one header each, in the order of the include list.
 */
#include "vmlinux.h"

#include "maps.h"	/* the tables */
#include "clock.h"	/* the time */
#include "packet.h"	/* a packet as the steps see it */
#include "desk.h"	/* what they decide about it */
#include "parse.h"	/* 1. where from, where to */
#include "service.h"	/* 2. is it ours */
#include "flow.h"	/* 3. a known flow keeps its backend */
#include "dispatch.h"	/* 4. a new one gets it from the active table */
#include "snat.h"	/* and, where a service wants that, a source port */
#include "rewrite.h"	/* 5. the other address, the other port */
#include "forward.h"	/* 6. out of the right device */
#include "refuse.h"	/* what is not served is told so, aside */
#include "fragment.h"	/* packets in pieces, aside */
#include "icmp.h"	/* errors about flows, aside */
#include "sweep.h"	/* expiry, aside */

static __always_inline void count_in(__u32 backend, const struct packet *p)
{
	struct teal_counters *count = counters_get(backend);

	if (count) {
		count->packets_in++;
		count->bytes_in += p->length;
	}
}

static __always_inline void count_out(__u32 backend, const struct packet *p)
{
	struct teal_counters *count = counters_get(backend);

	if (count) {
		count->packets_out++;
		count->bytes_out += p->length;
	}
}

/* The hop's link addresses, and one hop less to live. */
static __always_inline void rewrite_send(struct rewrite *r, const struct teal_nexthop *hop)
{
	const __u32 *link = (const __u32 *)hop->destination; /* and the source, which stands behind */

	r->link[0] = link[0];
	r->link[1] = link[1];
	r->link[2] = link[2];
	r->is_sent = 1;
}

static __always_inline void rewrite_to_backend(struct rewrite *r, const struct teal_backend *backend)
{
	end_set(&r->destination, backend->address, backend->port, backend->address_delta, backend->port_delta);
}

static __always_inline void rewrite_from_vip(struct rewrite *r, const struct teal_backend *backend)
{
	end_set(&r->source, backend->vip, backend->vip_port, ~backend->address_delta, ~backend->port_delta);
}

/* Rewrites, or says that it could not. */
static __always_inline enum teal_verdict rewritten(void *ctx, struct rewrite *r, enum teal_verdict verdict,
						   const enum hook hook)
{
	return rewrite_any_aside(ctx, r, hook) ? TEAL_DROP_REWRITE : verdict;
}

/*
 * A client on this very host: its packet is on its way out, towards a VIP that is elsewhere.  It is turned to the backend,
 * and the stack is asked anew for the way; what was remembered for other packets does not count here.
 */
static __always_inline enum teal_verdict way_out(void *ctx, struct desk *desk, const struct teal_backend *backend)
{
	struct teal_nexthop hop = {};

	/* What came in by a device gets its answers out of it, and there nobody would translate them. */
	if (((struct __sk_buff *)ctx)->ingress_ifindex)
		return TEAL_REFUSE_UNSERVED;
	nexthop_ask_tc(ctx, &hop, backend, false);
	if (hop.verdict == TEAL_PASS_IN_LOCAL)
		return TEAL_REFUSE_LOCAL;
	if (hop.verdict == TEAL_DROP_BLACKHOLE || hop.verdict == TEAL_PASS_NO_ROUTE || !hop.to_device)
		return TEAL_DROP_BLACKHOLE;
	desk->packet.out = hop.to_device;
	return rewritten(ctx, &desk->rewrite, TEAL_SENT_OUT, HOOK_TC_EGRESS);
}

/*
 * From client to backend.  What the stack will forward keeps its source until tc egress: the stack would not take a packet
 * from its own address.
 */
static __always_inline enum teal_verdict way_in(void *ctx, struct desk *desk, const struct teal_service *service,
						const enum hook hook, const bool ipv6)
{
	struct packet *p = &desk->packet;
	struct rewrite *r = &desk->rewrite;
	const struct teal_nexthop *hop;
	const struct teal_source *source = NULL;
	const struct teal_backend *backend;
	enum teal_verdict verdict;
	struct choice choice;
	int answer;

	key_set(&p->segment, &p->source, p->source_port, service->id);
	if (p->segment.protocol == TEAL_TCP && tcp_flags_are_absurd(p->segment.flags))
		return TEAL_DROP_FLAGS;
	p->segment.service_flags = service->flags;
	answer = ipv6 ? flow_enter6() : flow_enter4();
	if (answer < 0)
		return AS_VERDICT(answer);
	choice = desk->choice;
	backend = backend_get(choice.backend, p->segment.key.service);
	if (!backend)
		return TEAL_REFUSE_NO_BACKEND;
	count_in(choice.backend, p);
	*r = rewrite_of(p, ipv6);
	rewrite_to_backend(r, backend);
	if (choice.source_port)
		source = source_get(p->segment.key.service);
	if (choice.source_port && !source)
		return TEAL_DROP_REWRITE;
	/* Or the compiler asks for the port in its place, of which Linux 6.1 does not know that it says the same. */
	asm volatile("" : "+r"(source));
	if (hook == HOOK_TC_EGRESS && p->fragment)
		return TEAL_DROP_FRAGMENT; /* the other pieces could not be sent after it */
	if (hook == HOOK_TC_EGRESS) {
		if (source)
			end_replace(&r->source, &p->source, p->source_port, source->address, choice.source_port);
		return way_out(ctx, desk, backend);
	}
	hop = nexthop_to_backend(ctx, p, choice.backend, backend, hook);
	verdict = hop ? forward_verdict(p, hop, TEAL_SENT_IN) : TEAL_PASS_IN_STACK;
	if (verdict == TEAL_DROP_BLACKHOLE)
		return verdict;
	if (verdict == TEAL_SENT_IN && hop)
		rewrite_send(r, hop);
	if (verdict == TEAL_SENT_IN && source)
		end_replace(&r->source, &p->source, p->source_port, source->address, choice.source_port);
	fragment_note(p, r, choice.backend, verdict);
	return rewritten(ctx, r, verdict, hook);
}

/* The rest of that for what the stack has forwarded to a backend which is to see the service's source address. */
static __always_inline enum teal_verdict way_in_source(void *ctx, struct desk *desk, const enum hook hook, const bool ipv6)
{
	struct packet *p = &desk->packet;
	struct rewrite *r = &desk->rewrite;
	const struct teal_endpoint *to = endpoint_lookup(&p->destination, p->destination_port, p->segment.protocol);
	const struct teal_source *source = to && to->has_source ? source_get(to->service) : NULL;
	struct choice choice;

	if (!source)
		return TEAL_PASS_NOT_OURS;
	key_set(&p->segment, &p->source, p->source_port, to->service);
	choice = flow_peek(&p->segment, ipv6);
	if (!choice.source_port || choice.backend != to->backend)
		return TEAL_PASS_NOT_OURS;
	*r = rewrite_of(p, ipv6);
	end_replace(&r->source, &p->source, p->source_port, source->address, choice.source_port);
	fragment_note(p, r, 0, TEAL_PASS_IN_SOURCE);
	return rewritten(ctx, r, TEAL_PASS_IN_SOURCE, hook);
}

/*
 * What the stack will forward is left as it is, and translated at tc egress, for a packet must change its flow's state only
 * once; but the stack must know the client.
 */
static __always_inline enum teal_verdict way_back_stack(void *ctx, struct desk *desk, __u32 backend, const bool has_source,
							const enum hook hook, const bool ipv6)
{
	struct packet *p = &desk->packet;
	struct rewrite *r = &desk->rewrite;

	if (!flow_returns(&p->segment, backend, ipv6))
		return TEAL_PASS_NOT_OURS;
	if (!has_source)
		return TEAL_PASS_BACK_STACK;
	*r = rewrite_of(p, ipv6);
	end_replace(&r->destination, &p->destination, p->destination_port, p->segment.key.client, p->segment.key.port);
	fragment_note(p, r, 0, TEAL_PASS_BACK_SOURCE);
	return rewritten(ctx, r, TEAL_PASS_BACK_SOURCE, hook);
}

/* From backend to client. */
static __always_inline enum teal_verdict way_back(void *ctx, struct desk *desk, const struct teal_endpoint *endpoint,
						  const enum hook hook, const bool ipv6)
{
	struct packet *p = &desk->packet;
	struct rewrite *r = &desk->rewrite;
	const struct teal_endpoint from = *endpoint;
	const bool has_source = hook != HOOK_TC_EGRESS && snat_find(&p->segment, &from, &p->destination,
								    p->destination_port, ipv6);
	const struct teal_backend *backend = backend_get(from.backend, from.service);
	const struct teal_nexthop *hop = NULL;
	enum teal_verdict verdict = TEAL_PASS_BACK_EGRESS;
	int answer;

	if (!backend)
		return TEAL_PASS_NOT_OURS;
	if (!has_source)
		key_set(&p->segment, &p->destination, p->destination_port, from.service);
	if (ipv6 && p->has_no_checksum) /* as parse() has it of a client's, but only if it is a flow's */
		return flow_returns(&p->segment, from.backend, ipv6) ? TEAL_DROP_UDP6_CHECKSUM : TEAL_PASS_NOT_OURS;
	if (hook != HOOK_TC_EGRESS) {
		hop = nexthop_to_client(ctx, p, backend, hook, ipv6);
		verdict = hop ? forward_verdict(p, hop, TEAL_SENT_BACK) : TEAL_PASS_BACK_STACK;
		if (verdict == TEAL_PASS_IN_LOCAL && has_source && p->fragment)
			return TEAL_DROP_FRAGMENT; /* both ends change here, and a note tells of one */
		if (verdict == TEAL_PASS_IN_LOCAL)
			verdict = TEAL_PASS_BACK_LOCAL; /* it will not leave, so egress cannot translate it */
		else if (verdict != TEAL_SENT_BACK)
			return way_back_stack(ctx, desk, from.backend, has_source, hook, ipv6);
	}
	answer = ipv6 ? flow_return6(from.backend) : flow_return4(from.backend);
	if (answer <= 0)
		return answer ? AS_VERDICT(answer) : TEAL_PASS_NOT_OURS;
	count_out(from.backend, p);
	*r = rewrite_of(p, ipv6);
	rewrite_from_vip(r, backend);
	if (has_source)
		end_replace(&r->destination, &p->destination, p->destination_port, p->segment.key.client,
			    p->segment.key.port);
	if (verdict == TEAL_SENT_BACK && hop)
		rewrite_send(r, hop);
	fragment_note(p, r, from.backend, verdict);
	return rewritten(ctx, r, verdict, hook);
}

/* Not static, as ASIDE() has it. */
#define ICMP_ASIDE(name, context, hook, ipv6)                      \
	__noinline int name(struct context *ctx, struct packet *p) \
	{                                                          \
		return p ? icmp(ctx, p, hook, ipv6) : 0;           \
	}
ICMP_ASIDE(icmp_xdp4, xdp_md, HOOK_XDP, false)
ICMP_ASIDE(icmp_xdp6, xdp_md, HOOK_XDP, true)
ICMP_ASIDE(icmp_ingress4, __sk_buff, HOOK_TC_INGRESS, false)
ICMP_ASIDE(icmp_ingress6, __sk_buff, HOOK_TC_INGRESS, true)
ICMP_ASIDE(icmp_egress4, __sk_buff, HOOK_TC_EGRESS, false)
ICMP_ASIDE(icmp_egress6, __sk_buff, HOOK_TC_EGRESS, true)
#undef ICMP_ASIDE

static __always_inline enum teal_verdict icmp_aside(void *ctx, struct packet *p, const enum hook hook, const bool ipv6)
{
	if (hook == HOOK_XDP)
		return ipv6 ? icmp_xdp6(ctx, p) : icmp_xdp4(ctx, p);
	if (hook == HOOK_TC_INGRESS)
		return ipv6 ? icmp_ingress6(ctx, p) : icmp_ingress4(ctx, p);
	return ipv6 ? icmp_egress6(ctx, p) : icmp_egress4(ctx, p);
}

/* Every packet that is not plain.  @c  behind the link header */
static __always_inline enum teal_verdict packet_way(void *ctx, struct desk *desk, struct cursor *c, const enum hook hook,
						    const bool ipv6)
{
	struct packet *p = &desk->packet;
	enum teal_verdict verdict = parse(ctx, p, c, hook, ipv6);
	const struct teal_service *service;
	const struct teal_endpoint *from;

	if (verdict != TEAL_NEXT)
		return verdict;
	if (p->fragment == FRAGMENT_LATER)
		return fragment(ctx, p, hook);
	if (p->segment.protocol == (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return icmp_aside(ctx, p, hook, ipv6);
	if (p->segment.protocol != TEAL_TCP && p->segment.protocol != TEAL_UDP)
		return TEAL_PASS_NOT_OURS;
	service = service_lookup(&p->destination, p->destination_port, p->segment.protocol);
	if (service)
		return way_in(ctx, desk, service, hook, ipv6);
	from = endpoint_lookup(&p->source, p->source_port, p->segment.protocol);
	if (from)
		return way_back(ctx, desk, from, hook, ipv6);
	return hook == HOOK_TC_EGRESS ? way_in_source(ctx, desk, hook, ipv6) : TEAL_PASS_NOT_OURS;
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

static __always_inline int xdp_action(const struct packet *p, enum teal_verdict verdict)
{
	verdict_count(verdict);
	if (verdict_is(verdict, TEAL_ACTION_PASS))
		return XDP_PASS;
	if (verdict_is(verdict, TEAL_ACTION_DROP) || !p->out)
		return XDP_DROP;
	return p->transmit ? XDP_TX : bpf_redirect(p->out, 0);
}

static __always_inline int tc_action(const struct packet *p, enum teal_verdict verdict, const enum hook hook)
{
	verdict_count(verdict);
	if (verdict_is(verdict, TEAL_ACTION_PASS))
		return TC_ACT_UNSPEC;
	if (verdict_is(verdict, TEAL_ACTION_DROP) || !p->out)
		return TC_ACT_SHOT;
	if (verdict == TEAL_SENT_OUT) /* its next hop is still to be found */
		return bpf_redirect_neigh(p->out, NULL, 0, 0);
	/* What is refused on its way out goes back in. */
	return bpf_redirect(p->out, hook == HOOK_TC_EGRESS ? BPF_F_INGRESS : 0);
}

static __always_inline int whole_family(void *ctx, const enum hook hook, const bool ipv6)
{
	struct desk *desk = desk_get();
	enum teal_verdict verdict;
	struct packet *p;
	struct cursor c;

	if (!desk)
		return hook == HOOK_XDP ? (int)XDP_PASS : (int)TC_ACT_UNSPEC;
	p = &desk->packet;
	*p = (struct packet){ .segment.now = clock_now() };
	c = parse_context(ctx, p, hook);
	parse_link(p, &c);
	verdict = packet_way(ctx, desk, &c, hook, ipv6);
	if (verdict_is(verdict, TEAL_ACTION_REFUSE))
		refuse_aside(ctx, p, hook);
	if (verdict_is(verdict, TEAL_ACTION_REFUSE) || verdict_is(verdict, TEAL_ACTION_DROP))
		event_lost(&p->segment, verdict);
	return hook == HOOK_XDP ? xdp_action(p, verdict) : tc_action(p, verdict, hook);
}

/* Not static, as ASIDE() has it. */
#define WHOLE(name, context, hook, ipv6)              \
	__noinline int name(struct context *ctx)      \
	{                                             \
		return whole_family(ctx, hook, ipv6); \
	}
WHOLE(whole_xdp4, xdp_md, HOOK_XDP, false)
WHOLE(whole_xdp6, xdp_md, HOOK_XDP, true)
WHOLE(whole_ingress4, __sk_buff, HOOK_TC_INGRESS, false)
WHOLE(whole_ingress6, __sk_buff, HOOK_TC_INGRESS, true)
WHOLE(whole_egress4, __sk_buff, HOOK_TC_EGRESS, false)
WHOLE(whole_egress6, __sk_buff, HOOK_TC_EGRESS, true)
#undef WHOLE

/* The network protocol behind the link header and its one tag, or 0. */
static __always_inline __u16 network_protocol(void *ctx, const enum hook hook)
{
	struct cursor c = cursor_at(ctx, 0, hook);
	struct packet p = {};

	return parse_link(&p, &c);
}

/*
 * A packet of an open flow that changes no row and can leave at once: nearly all of them.  It is served with no write to
 * anything that two CPUs share.  NOT_PLAIN for every other, of which nothing has been touched.
 */
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
	} else if (rewrite_tc_plain(ctx, data, r, ipv6)) {
		verdict_count(TEAL_DROP_REWRITE);
		return TC_ACT_SHOT;
	}
	verdict_count(verdict);
	if (!hop)
		return hook == HOOK_XDP ? (int)XDP_PASS : (int)TC_ACT_UNSPEC;
	return hook == HOOK_XDP && hop->transmit ? (int)XDP_TX : (int)bpf_redirect(hop->to_device, 0);
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

SEC("xdp.frags")
int teal_xdp(struct xdp_md *ctx)
{
	int action = plain_xdp(ctx);

	if (action != NOT_PLAIN)
		return action;
	switch (network_protocol(ctx, HOOK_XDP)) {
	case ETH_P_IP: return whole_xdp4(ctx);
	case ETH_P_IPV6: return whole_xdp6(ctx);
	default: return verdict_count(TEAL_PASS_NOT_OURS), XDP_PASS;
	}
}

SEC("tc")
int teal_ingress(struct __sk_buff *ctx)
{
	int action = plain_ingress(ctx);

	if (action != NOT_PLAIN)
		return action;
	switch (network_protocol(ctx, HOOK_TC_INGRESS)) {
	case ETH_P_IP: return whole_ingress4(ctx);
	case ETH_P_IPV6: return whole_ingress6(ctx);
	default: return verdict_count(TEAL_PASS_NOT_OURS), TC_ACT_UNSPEC;
	}
}

SEC("tc")
int teal_egress(struct __sk_buff *ctx)
{
	int action = plain_egress(ctx);

	if (action != NOT_PLAIN)
		return action;
	switch (network_protocol(ctx, HOOK_TC_EGRESS)) {
	case ETH_P_IP: return whole_egress4(ctx);
	case ETH_P_IPV6: return whole_egress6(ctx);
	default: return verdict_count(TEAL_PASS_NOT_OURS), TC_ACT_UNSPEC;
	}
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
