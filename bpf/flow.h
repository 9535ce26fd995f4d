/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Step 3, flow: a known flow goes to its backend, whatever color is active; a new one is pending until its
 * far end has proven that it exists.
 *
 * The first packet makes a pending row (LRU: a flood pushes out only other unproven rows).  For TCP the
 * backend's SYN-ACK leaves its sequence number there, and the client's acknowledgment of exactly that number
 * moves the flow to `flows`, where nothing is ever pushed out.  For UDP the first reply does.
 *
 * A pending row of the same client port stands over a flow that has ended, in both directions; over one that ended by a RST
 * in the client's name only for what fits that handshake, and for as long as one may take.
 */
#ifndef TEAL_BPF_FLOW_H
#define TEAL_BPF_FLOW_H

#include "desk.h"
#include "dispatch.h"
#include "maps.h"
#include "packet.h"
#include "pending.h"
#include "service.h"
#include "state.h"

/* Whether the flow's connections are being ended by force: all that is left to say to its packet is RST. */
static __always_inline bool flow_is_cut(struct teal_flow *flow, const struct segment *s)
{
	const struct teal_backend *backend;

	if (s->protocol != TEAL_TCP || s->flags & TCP_RST)
		return false;
	backend = backend_get(flow->backend, s->key.service);
	if (!backend || !backend->reset)
		return false;
	flow_abort(flow, s);
	return true;
}

/* A client's packet for a flow that is open: it lives, and may begin to end. */
static __always_inline void flow_enter_open(struct teal_flow *flow, const struct segment *s)
{
	flow_touch(flow, s);
	if (s->flags & (TCP_FIN | TCP_RST))
		flow_client_ends(flow, s);
}

/* Whoever goes on talking shows that a RST in the client's name was false. */
static __always_inline void flow_revive(struct teal_flow *flow, const struct segment *s)
{
	const union flow_phase now = flow_phase(flow);

	if (now.state == TEAL_RESET_BY_CLIENT && flow_move(flow, s, now, TEAL_ESTABLISHED, now.acked) &&
	    s->flags & TCP_FIN)
		flow_client_ends(flow, s);
}

/*
 * What was found in neither table, flows first, may have moved from the one to the other in between, by another CPU's
 * packet: flows are looked into once more.
 */
static __always_inline struct teal_flow *flow_moved(const struct segment *s, const bool ipv6)
{
	return bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));
}

/* A TCP packet of a client whose flow is not open: it begins one, proves one, or is the last of one. */
static __always_inline int flow_enter_tcp(struct teal_flow *flow, const struct segment *s, struct choice *choice,
					  const bool ipv6)
{
	struct teal_pending *found = bpf_map_lookup_elem(PENDING(ipv6), key_of(s, ipv6)), pending = {};

	if (found)
		pending = *found; /* at once: this is the LRU table, the row may change hands */
	choose(choice, pending.backend, pending.source_port);
	if (s->flags & TCP_SYN) {
		if (s->flags & TCP_ACK)
			return AS_ANSWER(TEAL_PASS_SYN_ACK);
		if (!found || pending.client_sequence != s->sequence || pending_is_over(&pending, s) ||
		    !pending_is_usable(&pending, s, ipv6))
			return flow_begin(s, dispatch_pick(s, ipv6), choice, ipv6);
		pending_resent(found, &pending);
		return 0;
	}
	if (found && !pending_is_passed_by(&pending, flow, s) && backend_get(pending.backend, s->key.service)) {
		if (snat_is_anothers(s, pending.backend, pending.source_port, ipv6))
			return AS_ANSWER(TEAL_REFUSE_NO_PORT);
		return pending_is_proven_by(&pending, s) ? flow_confirm(&pending, s, flow, ipv6) : 0;
	}
	if (!flow && !found)
		flow = flow_moved(s, ipv6);
	if (!flow)
		return AS_ANSWER(TEAL_PASS_NO_FLOW);
	if (flow_is_cut(flow, s))
		return AS_ANSWER(TEAL_REFUSE_RESET);
	flow_touch(flow, s);
	if (s->payload && !(s->flags & TCP_RST) && (!found || pending_is_over(&pending, s)))
		flow_revive(flow, s);
	return choose(choice, flow->backend, flow->source_port);
}

/*
 * Whether a UDP flow of that backend is to move: its backend's flows are being ended, or the service wants its flows to
 * go where new ones go, and that is another color.
 */
static __always_inline bool flow_is_to_move(const struct segment *s, __u32 backend, __u32 picked)
{
	const struct teal_backend *now = backend_get(backend, s->key.service), *then;

	if (now && now->reset)
		return true;
	if (!now || !(s->service_flags & TEAL_SERVICE_MOVE))
		return false;
	then = backend_get(picked, s->key.service);
	return then && now->color != then->color;
}

/*
 * Whether a UDP flow's client talks to nobody: its backend is down and has been silent for as long as one is waited for that
 * never answered, or is none any more and has been silent for a flow's whole life.  Only if there is somebody else to talk
 * to; and not while the backend is up, for services that take and never answer are right in that.
 */
static __always_inline bool flow_is_deserted(const struct teal_flow *flow, const struct segment *s, __u32 picked)
{
	const struct teal_backend *backend = backend_get(flow->backend, s->key.service);
	const struct teal_meta *m = meta_get();
	__u64 patience;

	if (!backend || !m || (backend->health != TEAL_DOWN && backend->health != TEAL_REMOVED))
		return false;
	patience = backend->health == TEAL_DOWN ? m->udp_unanswered_ns : m->udp_ns;
	return flow_unanswered(flow, s) - ANSWER_STEPS > (__s32)(patience >> TEAL_ANSWER_STEP) &&
	       backend_is_usable(backend_get(picked, s->key.service));
}

/* A UDP packet of a client whose flow is not confirmed, or may have to move. */
static __always_inline int flow_enter_udp(struct teal_flow *flow, const struct segment *s, struct choice *choice,
					  const bool ipv6)
{
	const __u32 picked = dispatch_pick(s, ipv6);
	const struct teal_meta *m = meta_get();
	struct teal_pending *found, pending;

	if (flow && flow_is_open(flow, s)) {
		if (!flow_is_to_move(s, flow->backend, picked) && !flow_is_deserted(flow, s, picked)) {
			flow_touch(flow, s);
			return choose(choice, flow->backend, flow->source_port);
		}
		flow_delete(flow, s, ipv6);
	}
	found = bpf_map_lookup_elem(PENDING(ipv6), key_of(s, ipv6));
	if (!flow && !found) {
		flow = flow_moved(s, ipv6);
		if (flow)
			return choose(choice, flow->backend, flow->source_port);
	}
	if (!found || !m)
		return flow_begin(s, picked, choice, ipv6);
	pending = *found; /* at once, as above */
	if (is_older(s->now, pending.seen, m->udp_unanswered_ns) || !pending_is_usable(&pending, s, ipv6) ||
	    flow_is_to_move(s, pending.backend, picked))
		return flow_begin(s, picked, choice, ipv6);
	found->seen = s->now;
	return choose(choice, pending.backend, pending.source_port);
}

/*
 * A client's packet for a service, on the desk; the key is set.
 * @ret  where it goes
 * Returns 0, or AS_ANSWER() of a verdict.
 */
static __always_inline int flow_enter(const struct segment *s, struct choice *ret, const bool ipv6)
{
	struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));

	if (s->protocol == TEAL_UDP)
		return flow_enter_udp(flow, s, ret, ipv6);
	if (!flow || !flow_is_open(flow, s))
		return flow_enter_tcp(flow, s, ret, ipv6);
	if (flow_is_cut(flow, s))
		return AS_ANSWER(TEAL_REFUSE_RESET);
	flow_enter_open(flow, s);
	return choose(ret, flow->backend, flow->source_port);
}

/* Not static, as ASIDE() has it. */
__noinline int flow_enter4(void)
{
	struct desk *desk = desk_get();

	return desk ? flow_enter(&desk->packet.segment, &desk->choice, false) : 0;
}

__noinline int flow_enter6(void)
{
	struct desk *desk = desk_get();

	return desk ? flow_enter(&desk->packet.segment, &desk->choice, true) : 0;
}

/* Whether the packet changes nothing in the flow's row: the flow is open, was seen a moment ago, and nothing ends. */
static __always_inline bool flow_is_plain(const struct teal_flow *flow, const struct segment *s)
{
	return flow && flow->state < TEAL_CLIENT_ENDING && !is_older(s->now, flow->seen, SECOND) &&
	       (s->protocol == TEAL_UDP || tcp_flags_are_plain(s->flags));
}

/* The same of a packet from the backend: how far it, or its acknowledgment, is ahead of what is noted counts too. */
static __always_inline bool flow_is_plain_back(const struct teal_flow *flow, const struct segment *s)
{
	return flow_is_plain(flow, s) &&
	       (s->protocol == TEAL_UDP ? flow_unanswered(flow, s) < ANSWER_STEPS :
					  (__s32)(s->acknowledged - flow->acked) <= ACKED_STEP);
}

/* A packet of the backend that a pending row names: what it proves or ends.  Returns true, or AS_ANSWER() of a verdict. */
static __always_inline int flow_return_pending(struct teal_pending *pending, struct teal_flow *flow,
						const struct segment *s, const bool ipv6)
{
	struct teal_counters *count = counters_get(pending->backend);

	if (s->protocol == TEAL_UDP) {
		if (!pending->answered)
			handshake_answered(pending);
		return flow_confirm(pending, s, flow, ipv6) ?: true;
	}
	if (!pending_is_answered_by(pending, s))
		return true;
	if (s->flags & TCP_RST) {
		if (count && !pending->answered)
			count->refused++;
		pending_delete(pending, s, ipv6);
	} else if (s->flags & TCP_SYN && (!pending->answered || pending->backend_sequence != s->sequence)) {
		if (!pending->answered)
			handshake_answered(pending);
		pending->backend_sequence = s->sequence;
		pending->answered = 1;
		bpf_map_update_elem(PENDING(ipv6), key_of(s, ipv6), pending, BPF_EXIST);
	}
	return true;
}

/*
 * A packet on the desk that comes from `backend`; the key is set.
 * Returns whether it belongs to a flow of that backend (only then may it be rewritten), or AS_ANSWER() of a verdict.
 */
static __always_inline int flow_return(const struct segment *s, __u32 backend, const bool ipv6)
{
	struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));
	struct teal_pending *pending;
	bool stands = false; /* the pending row, over a flow that has ended */

	if (flow && flow_is_open(flow, s)) {
		if (flow->backend != backend)
			return false;
		if (flow_is_cut(flow, s))
			return AS_ANSWER(TEAL_REFUSE_RESET);
		if (s->protocol == TEAL_UDP)
			flow_answered(flow, s);
		else
			flow_backend_says(flow, s);
		return true;
	}
	pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(s, ipv6));
	if (pending) {
		struct teal_pending row = *pending; /* at once, as above */

		stands = !flow || flow->state != TEAL_RESET_BY_CLIENT || !pending_is_over(&row, s);
		if (stands && row.backend == backend)
			return flow_return_pending(&row, flow, s, ipv6);
	}
	if (!flow && !pending)
		flow = flow_moved(s, ipv6);
	if (!flow || flow->backend != backend)
		return false;
	if (flow_is_cut(flow, s))
		return AS_ANSWER(TEAL_REFUSE_RESET);
	flow_touch(flow, s);
	if (!stands && !(s->flags & TCP_RST)) {
		const union flow_phase now = flow_phase(flow);

		if (now.state == TEAL_RESET_BY_CLIENT)
			flow_move(flow, s, now, s->flags & TCP_FIN ? TEAL_BACKEND_FIN : TEAL_ESTABLISHED, now.acked);
	}
	return true;
}

__noinline int flow_return4(__u32 backend)
{
	struct desk *desk = desk_get();

	return desk ? flow_return(&desk->packet.segment, backend, false) : 0;
}

__noinline int flow_return6(__u32 backend)
{
	struct desk *desk = desk_get();

	return desk ? flow_return(&desk->packet.segment, backend, true) : 0;
}

/* Whether flow_return() would call the packet a flow's.  Changes nothing. */
static __always_inline bool flow_returns(const struct segment *s, __u32 backend, const bool ipv6)
{
	const struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));
	const struct teal_pending *pending;

	if (flow && flow->backend == backend)
		return true;
	pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(s, ipv6));
	return pending && pending->backend == backend;
}

/* Where the client's flow goes, however far it has come; backend 0: there is none.  Changes nothing. */
static __always_inline struct choice flow_peek(const struct segment *s, const bool ipv6)
{
	const struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));
	const struct teal_pending *pending;

	if (flow && flow_is_open(flow, s))
		return (struct choice){ .backend = flow->backend, .source_port = flow->source_port };
	pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(s, ipv6));
	if (pending && !pending_is_passed_by(pending, flow, s))
		return (struct choice){ .backend = pending->backend, .source_port = pending->source_port };
	if (flow)
		return (struct choice){ .backend = flow->backend, .source_port = flow->source_port };
	return (struct choice){};
}

#endif
