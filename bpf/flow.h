/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Step 3, flow: a known flow goes to its backend, whatever color is active; a new one is pending until its
 * far end has proven that it exists.
 *
 * The first packet makes a pending row (LRU: a flood pushes out only other unproven rows).  For TCP the
 * backend's SYN-ACK leaves its sequence number there, and the client's acknowledgment of exactly that number
 * moves the flow to `flows`, where nothing is ever pushed out.  For UDP the first reply does.
 *
 * A pending row of the same client port stands over a flow that has ended, in both directions.
 */
#ifndef TEAL_BPF_FLOW_H
#define TEAL_BPF_FLOW_H

#include "dispatch.h"
#include "maps.h"
#include "packet.h"
#include "service.h"
#include "state.h"

/* Takes a row that has ended, or expired, out of the way of its successor. */
static __always_inline void flow_delete(struct teal_flow *flow, const struct segment *s, const bool ipv6)
{
	struct teal_counters *count = counters_get(flow->backend);
	const union flow_phase now = flow_phase(flow);

	/* One CPU wins the swap, and only that one deletes: the row under the key may be the successor already. */
	if (now.state == TEAL_REPLACED || !flow_move(flow, now, TEAL_REPLACED, now.acked))
		return;
	if (!bpf_map_delete_elem(FLOWS(ipv6), key_of(s, ipv6)) && count)
		count->deleted++;
}

/* The handshake is proven: from pending to flows.  What cannot be recorded goes on by its pending row. */
static __always_inline void flow_confirm(const struct teal_pending *pending, const struct segment *s,
					 struct teal_flow *ended, const bool ipv6)
{
	struct teal_flow row = {
		.seen = s->now,
		.backend = pending->backend,
		.state = s->flags & TCP_FIN ? TEAL_CLIENT_ENDING : TEAL_ESTABLISHED,
		/* TCP: the backend has acknowledged the SYN. */
		.acked = s->flags & TCP_FIN ? s->sequence + s->payload + 1 : s->sequence,
	};
	struct teal_counters *count = counters_get(row.backend);
	long error;

	if (ended)
		flow_delete(ended, s, ipv6);
	error = bpf_map_update_elem(FLOWS(ipv6), key_of(s, ipv6), &row, BPF_NOEXIST);
	if (!error && count)
		count->opened++;
	if (error && error != -EEXIST)
		verdict_count(TEAL_PASS_UNRECORDED);
	else
		bpf_map_delete_elem(PENDING(ipv6), key_of(s, ipv6));
}

/* A new flow: the active table picks. */
static __always_inline int flow_begin(const struct segment *s, const bool ipv6)
{
	struct teal_pending row = {
		.seen = s->now,
		.backend = dispatch_pick(s->key.service, &s->key, ipv6),
		.client_sequence = s->sequence,
	};

	if (!row.backend)
		return AS_ANSWER(TEAL_REFUSE_NO_BACKEND);
	bpf_map_update_elem(PENDING(ipv6), key_of(s, ipv6), &row, BPF_ANY);
	return row.backend;
}

/* A client's packet for a flow that is open: it lives, and may begin to end. */
static __always_inline int flow_enter_open(struct teal_flow *flow, const struct segment *s)
{
	flow_touch(flow, s);
	if (s->flags & (TCP_FIN | TCP_RST))
		flow_client_ends(flow, s);
	return flow->backend;
}

/* Whoever goes on talking shows that a RST in the client's name was false. */
static __always_inline void flow_revive(struct teal_flow *flow, const struct segment *s)
{
	const union flow_phase now = flow_phase(flow);

	if (now.state == TEAL_RESET_BY_CLIENT && flow_move(flow, now, TEAL_ESTABLISHED, now.acked) &&
	    s->flags & TCP_FIN)
		flow_client_ends(flow, s);
}

/* A TCP packet of a client whose flow is not open: it begins one, proves one, or is the last of one. */
static __always_inline int flow_enter_tcp(struct teal_flow *flow, const struct segment *s, const bool ipv6)
{
	struct teal_pending *found = bpf_map_lookup_elem(PENDING(ipv6), key_of(s, ipv6)), pending = {};

	if (found)
		pending = *found; /* at once: this is the LRU table, the row may change hands */
	if (s->flags & TCP_SYN) {
		if (s->flags & TCP_ACK)
			return AS_ANSWER(TEAL_PASS_SYN_ACK);
		if (!found || pending.client_sequence != s->sequence ||
		    !backend_is_usable(backend_get(pending.backend, s->key.service)))
			return flow_begin(s, ipv6);
		return pending.backend;
	}
	if (found && backend_get(pending.backend, s->key.service)) {
		if ((s->flags & (TCP_ACK | TCP_RST)) == TCP_ACK && pending.answered &&
		    s->acknowledged == pending.backend_sequence + 1)
			flow_confirm(&pending, s, flow, ipv6);
		return pending.backend;
	}
	if (!flow)
		return AS_ANSWER(TEAL_PASS_NO_FLOW);
	flow_touch(flow, s);
	if (s->payload && !(s->flags & TCP_RST))
		flow_revive(flow, s);
	return flow->backend;
}

/* A UDP packet of a client whose flow is not confirmed. */
static __always_inline int flow_enter_udp(const struct segment *s, const bool ipv6)
{
	struct teal_pending *pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(s, ipv6));
	const struct teal_meta *m = meta_get();
	__u32 backend;

	if (!pending || !m || is_older(s->now, pending->seen, m->udp_unanswered_ns))
		return flow_begin(s, ipv6);
	backend = pending->backend;
	if (!backend_is_usable(backend_get(backend, s->key.service)))
		return flow_begin(s, ipv6);
	pending->seen = s->now;
	return backend;
}

/*
 * Everything but a plain packet of an open flow that was seen a moment ago.
 * @caller  copied, for before Linux 6.8 a key must stand on the function's own stack
 */
static __always_inline int flow_enter_rare(const struct segment *caller, const bool ipv6)
{
	const struct segment own = *caller, *s = &own;
	struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));

	if (flow && flow_is_open(flow, s))
		return flow_enter_open(flow, s);
	return s->protocol == TEAL_UDP ? flow_enter_udp(s, ipv6) : flow_enter_tcp(flow, s, ipv6);
}

/* Not static: the verifier then checks them once, on their own, and not again on every way that leads here. */
__noinline int flow_enter_rare4(const struct segment *s)
{
	return s ? flow_enter_rare(s, false) : 0;
}

__noinline int flow_enter_rare6(const struct segment *s)
{
	return s ? flow_enter_rare(s, true) : 0;
}

/* Whether nothing about the packet can change its flow's row. */
static __always_inline bool flow_is_plain(const struct teal_flow *flow, const struct segment *s)
{
	return flow && flow->state < TEAL_CLIENT_ENDING && !is_older(s->now, flow->seen, SECOND) &&
	       !(s->flags & (TCP_FIN | TCP_RST));
}

/*
 * A client's packet for a service; the key is set.
 * @ret_backend  the backend it goes to, when the answer is TEAL_NEXT
 */
static __always_inline enum teal_verdict flow_enter(const struct segment *s, __u32 *ret_backend, const bool ipv6)
{
	const struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));
	int answer;

	if (flow_is_plain(flow, s)) {
		*ret_backend = flow->backend;
		return TEAL_NEXT;
	}
	answer = ipv6 ? flow_enter_rare6(s) : flow_enter_rare4(s);
	if (answer < 0)
		return AS_VERDICT(answer);
	*ret_backend = answer;
	return TEAL_NEXT;
}

/* Whether a backend's packet answers the very SYN of the pending row, and not an earlier one of that client port. */
static __always_inline bool pending_is_answered_by(const struct teal_pending *pending, const struct segment *s)
{
	if (s->flags & TCP_ACK && s->acknowledged - pending->client_sequence - 1 <= FAST_OPEN_BYTES)
		return true;
	return pending->answered && s->sequence - pending->backend_sequence - 1 <= FAST_OPEN_BYTES;
}

/* A packet of the backend that a pending row names: what it proves or ends. */
static __always_inline void flow_return_pending(struct teal_pending *pending, struct teal_flow *flow,
						const struct segment *s, const bool ipv6)
{
	struct teal_counters *count = counters_get(pending->backend);

	if (s->protocol == TEAL_UDP) {
		flow_confirm(pending, s, flow, ipv6);
	} else if (!pending_is_answered_by(pending, s)) {
		return;
	} else if (s->flags & TCP_RST) {
		if (count && !pending->answered)
			count->refused++;
		bpf_map_delete_elem(PENDING(ipv6), key_of(s, ipv6));
	} else if (s->flags & TCP_SYN && (!pending->answered || pending->backend_sequence != s->sequence)) {
		pending->backend_sequence = s->sequence;
		pending->answered = 1;
		bpf_map_update_elem(PENDING(ipv6), key_of(s, ipv6), pending, BPF_EXIST);
	}
}

/* How far the backend's acknowledgment is ahead of what is noted. */
static __always_inline __s32 flow_ahead(const struct teal_flow *flow, const struct segment *s)
{
	return s->flags & TCP_ACK ? (__s32)(s->acknowledged - flow->acked) : 0;
}

/* As flow_enter_rare(), of a packet that comes from `backend`.  Returns whether it belongs to a flow of that backend. */
static __always_inline int flow_return_rare(const struct segment *caller, __u32 backend, const bool ipv6)
{
	const struct segment own = *caller, *s = &own;
	struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));
	struct teal_pending *pending;

	if (flow && flow_is_open(flow, s)) {
		if (flow->backend != backend)
			return false;
		flow_backend_says(flow, s);
		return true;
	}
	pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(s, ipv6));
	if (pending) {
		struct teal_pending row = *pending; /* at once, as above */

		if (row.backend == backend) {
			flow_return_pending(&row, flow, s, ipv6);
			return true;
		}
	}
	if (!flow || flow->backend != backend)
		return false;
	flow_touch(flow, s);
	if (!pending && !(s->flags & TCP_RST)) {
		const union flow_phase now = flow_phase(flow);

		if (now.state == TEAL_RESET_BY_CLIENT)
			flow_move(flow, now, s->flags & TCP_FIN ? TEAL_BACKEND_FIN : TEAL_ESTABLISHED, now.acked);
	}
	return true;
}

__noinline int flow_return_rare4(const struct segment *s, __u32 backend)
{
	return s ? flow_return_rare(s, backend, false) : 0;
}

__noinline int flow_return_rare6(const struct segment *s, __u32 backend)
{
	return s ? flow_return_rare(s, backend, true) : 0;
}

/*
 * A packet that comes from a backend's endpoint; the key is set.
 * Returns whether it belongs to a flow of that backend: only then may it be rewritten.
 */
static __always_inline bool flow_return(const struct segment *s, __u32 backend, const bool ipv6)
{
	const struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));

	if (flow_is_plain(flow, s) && flow->backend == backend && flow_ahead(flow, s) <= ACKED_STEP)
		return true;
	return ipv6 ? flow_return_rare6(s, backend) : flow_return_rare4(s, backend);
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

/* The backend of the client's flow, however far it has come, or 0.  Changes nothing. */
static __always_inline __u32 flow_peek(const struct segment *s, const bool ipv6)
{
	const struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));
	const struct teal_pending *pending;

	if (flow && flow->state < TEAL_CLOSING)
		return flow->backend;
	pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(s, ipv6));
	if (pending)
		return pending->backend;
	return flow ? flow->backend : 0;
}

#endif
