/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole way: every packet that is not plain, step by step.  Begin at the foot. */
#ifndef TEAL_BPF_WHOLE_H
#define TEAL_BPF_WHOLE_H

#include "fragment.h"
#include "icmp.h"
#include "refuse.h"
#include "step.h"

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
	/* An answer would reach nobody; or would be a new flow of the service that it claims to come from, and so on for ever. */
	if (address_is_nobodys(&p->source) || service_lookup(&p->source, p->source_port, p->segment.protocol))
		return TEAL_DROP_SOURCE;
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
_Static_assert(TEAL_VERDICT_COUNT <= 64, "a bit each");
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
	return hook == HOOK_TC_EGRESS ? bpf_redirect(p->out, BPF_F_INGRESS) : tc_send(p->out);
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

#endif
