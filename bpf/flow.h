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

#define SECOND 1000000000LL
#define WINDOW (16U << 20)	/* bytes behind the last known acknowledgment in which a client's RST or FIN is believed */
#define FAST_OPEN_BYTES 65535	/* the most that a SYN can carry, and its SYN-ACK acknowledge */
#define ACKED_STEP (4 << 20)	/* bytes after which a backend's acknowledgment is noted anew */

#define FLOWS(ipv6) ((ipv6) ? (void *)&flows6 : (void *)&flows4)
#define PENDING(ipv6) ((ipv6) ? (void *)&pending6 : (void *)&pending4)

/* No flags, all of them (Xmas), or SYN together with an end: no host sends these. */
static __always_inline bool tcp_flags_are_absurd(__u8 flags)
{
	const __u8 xmas = TCP_FIN | TCP_PSH | TCP_URG;

	flags &= xmas | TCP_SYN | TCP_RST | TCP_ACK;
	return !flags || (flags & TCP_SYN && flags & (TCP_FIN | TCP_RST)) || (flags & (xmas | TCP_ACK)) == xmas;
}

/* The key of either family: IPv4's is the tail of IPv6's. */
struct flow_key {
	struct teal_flow6_key six;
} __attribute__((aligned(8)));

static __always_inline const void *key_of(const struct flow_key *key, const bool ipv6)
{
	return ipv6 ? (const void *)&key->six : (const void *)&key->six.client[12];
}

static __always_inline void flow_key_set(struct flow_key *key, const union address *client, __u16 port, __u16 service)
{
	__builtin_memcpy(key->six.client, client->bytes, sizeof(key->six.client));
	key->six.port = port;
	key->six.service = service;
}

/* Whether `seen` lies more than `span` back.  Clocks of two CPUs differ by a tick: the difference is signed. */
static __always_inline bool is_older(__u64 now, __u64 seen, __s64 span)
{
	return (__s64)(now - seen) > span;
}

/* How long a flow in that state lives without a packet, in ns. */
static __always_inline __s64 flow_lifetime(const struct teal_meta *m, enum teal_protocol protocol,
					   enum teal_state state)
{
	if (protocol == TEAL_UDP)
		return m->udp_ns;
	if (state < TEAL_CLOSING)
		return m->established_ns;
	return state == TEAL_CLOSING ? m->closing_ns : m->reset_ns;
}

/* Whether the flow is neither over nor expired (the sweep may not have come by yet). */
static __always_inline bool flow_is_open(const struct teal_flow *flow, const struct packet *p)
{
	const struct teal_meta *m;

	if (flow->state >= TEAL_CLOSING)
		return false;
	if (!is_older(p->now, flow->seen, SECOND))
		return true;
	m = meta_get();
	return m && !is_older(p->now, flow->seen, flow_lifetime(m, p->protocol, flow->state));
}

/* Notes that the flow lives, at most once a second. */
static __always_inline void flow_touch(struct teal_flow *flow, const struct packet *p)
{
	if (is_older(p->now, flow->seen, SECOND))
		flow->seen = p->now;
}

/*
 * Moves a flow from one state to another, unless another CPU was first.  Compare-and-swap in place loses
 * no transition; a whole-row update would, when both ends close at once on two CPUs.
 */
static __always_inline bool flow_move(struct teal_flow *flow, enum teal_state from, enum teal_state to)
{
	struct teal_counters *count = counters_get(flow->backend);

	if (__sync_val_compare_and_swap((__u32 *)&flow->state, (__u32)from, (__u32)to) != (__u32)from)
		return false;
	if (count)
		count->ended += (to >= TEAL_CLOSING) - (from >= TEAL_CLOSING);
	return true;
}

/* FIN of one side.  Another CPU may see the other side's at this moment, so the move is tried again. */
static __always_inline void flow_fin(struct teal_flow *flow, enum teal_state half, enum teal_state other_half)
{
	for (int tries = 0; tries < 3; tries++) {
		enum teal_state state = *(volatile enum teal_state *)&flow->state;

		if (state == TEAL_ESTABLISHED) {
			if (flow_move(flow, state, half))
				return;
		} else if (state == other_half) {
			if (flow_move(flow, state, TEAL_CLOSING))
				return;
		} else {
			return;
		}
	}
}

/* A client's RST or FIN: believed only near what the backend has acknowledged, for anybody can send one. */
static __always_inline void flow_client_ends(struct teal_flow *flow, const struct packet *p)
{
	if (p->sequence - flow->acked > WINDOW)
		return;
	flow->seen = p->now;
	if (p->flags & TCP_RST)
		flow_move(flow, flow->state, TEAL_RESET_BY_CLIENT);
	else
		flow_fin(flow, TEAL_CLIENT_FIN, TEAL_BACKEND_FIN);
}

static __always_inline void flow_backend_ends(struct teal_flow *flow, const struct packet *p)
{
	flow->seen = p->now;
	if (p->flags & TCP_RST)
		flow_move(flow, flow->state, TEAL_RESET);
	else
		flow_fin(flow, TEAL_BACKEND_FIN, TEAL_CLIENT_FIN);
}

/* Takes a row that has ended, or expired, out of the way of its successor. */
static __always_inline void flow_delete(const struct flow_key *key, struct teal_flow *flow, const bool ipv6)
{
	struct teal_counters *count = counters_get(flow->backend);
	enum teal_state state = flow->state;

	/* One CPU wins the swap, and only that one deletes: the row under the key may be the successor already. */
	if (state == TEAL_REPLACED || !flow_move(flow, state, TEAL_REPLACED))
		return;
	if (!bpf_map_delete_elem(FLOWS(ipv6), key_of(key, ipv6)) && count)
		count->deleted++;
}

/* The handshake is proven: from pending to flows.  What cannot be recorded goes on by its pending row. */
static __always_inline void flow_confirm(const struct flow_key *key, const struct teal_pending *pending,
					 const struct packet *p, struct teal_flow *ended, const bool ipv6)
{
	struct teal_flow row = {
		.seen = p->now,
		.backend = pending->backend,
		.state = p->flags & TCP_FIN ? TEAL_CLIENT_FIN : TEAL_ESTABLISHED,
		.acked = p->sequence, /* TCP: the backend has acknowledged the SYN */
	};
	struct teal_counters *count = counters_get(row.backend);
	long error;

	if (ended)
		flow_delete(key, ended, ipv6);
	error = bpf_map_update_elem(FLOWS(ipv6), key_of(key, ipv6), &row, BPF_NOEXIST);
	if (!error && count)
		count->opened++;
	if (error && error != -EEXIST)
		verdict_count(TEAL_PASS_UNRECORDED);
	else
		bpf_map_delete_elem(PENDING(ipv6), key_of(key, ipv6));
}

/* A new flow: the active table picks. */
static __always_inline enum teal_verdict flow_begin(const struct flow_key *key, const struct packet *p,
						    __u32 *ret_backend, const bool ipv6)
{
	struct teal_pending row = {
		.seen = p->now,
		.backend = dispatch_pick(key->six.service, &key->six, ipv6),
		.client_sequence = p->sequence,
	};

	if (!row.backend)
		return TEAL_DROP_NO_BACKEND;
	bpf_map_update_elem(PENDING(ipv6), key_of(key, ipv6), &row, BPF_ANY);
	*ret_backend = row.backend;
	return TEAL_NEXT;
}

/* A TCP packet of a client whose flow is not open: it begins one, proves one, or is the last of one. */
static __always_inline enum teal_verdict flow_enter_tcp(const struct flow_key *key, struct teal_flow *flow,
							const struct packet *p, __u32 *ret_backend,
							const bool ipv6)
{
	struct teal_pending *found = bpf_map_lookup_elem(PENDING(ipv6), key_of(key, ipv6)), pending = {};

	if (found)
		pending = *found;
	if (p->flags & TCP_SYN) {
		if (p->flags & TCP_ACK)
			return TEAL_PASS_SYN_ACK;
		if (!found || pending.client_sequence != p->sequence ||
		    !backend_is_usable(backend_get(pending.backend, key->six.service)))
			return flow_begin(key, p, ret_backend, ipv6);
		*ret_backend = pending.backend;
		return TEAL_NEXT;
	}
	if (found && backend_get(pending.backend, key->six.service)) {
		if ((p->flags & (TCP_ACK | TCP_RST)) == TCP_ACK && pending.answered &&
		    p->acknowledged == pending.backend_sequence + 1)
			flow_confirm(key, &pending, p, flow, ipv6);
		*ret_backend = pending.backend;
		return TEAL_NEXT;
	}
	if (!flow)
		return TEAL_PASS_NO_FLOW;
	*ret_backend = flow->backend;
	flow_touch(flow, p);
	if (p->payload && !(p->flags & TCP_RST) && flow->state == TEAL_RESET_BY_CLIENT &&
	    flow_move(flow, TEAL_RESET_BY_CLIENT, TEAL_ESTABLISHED) && p->flags & TCP_FIN)
		flow_client_ends(flow, p);
	return TEAL_NEXT;
}

/* A UDP packet of a client whose flow is not confirmed. */
static __always_inline enum teal_verdict flow_enter_udp(const struct flow_key *key, const struct packet *p,
							__u32 *ret_backend, const bool ipv6)
{
	struct teal_pending *pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(key, ipv6));
	const struct teal_meta *m = meta_get();

	if (!pending || !m || is_older(p->now, pending->seen, m->udp_unanswered_ns) ||
	    !backend_is_usable(backend_get(pending->backend, key->six.service)))
		return flow_begin(key, p, ret_backend, ipv6);
	*ret_backend = pending->backend;
	pending->seen = p->now;
	return TEAL_NEXT;
}

/*
 * A client's packet for a service.
 * @ret_backend  the backend it goes to, when the answer is TEAL_NEXT
 */
static __always_inline enum teal_verdict flow_enter(const struct packet *p, __u16 service, __u32 *ret_backend,
						    const bool ipv6)
{
	struct teal_flow *flow;
	struct flow_key key;

	flow_key_set(&key, &p->source, p->source_port, service);
	flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(&key, ipv6));
	if (flow && flow_is_open(flow, p)) {
		*ret_backend = flow->backend;
		flow_touch(flow, p);
		if (p->flags & (TCP_FIN | TCP_RST))
			flow_client_ends(flow, p);
		return TEAL_NEXT;
	}
	if (p->protocol == TEAL_UDP)
		return flow_enter_udp(&key, p, ret_backend, ipv6);
	return flow_enter_tcp(&key, flow, p, ret_backend, ipv6);
}

/* Whether a backend's packet answers the very SYN of the pending row, and not an earlier one of that client port. */
static __always_inline bool pending_is_answered_by(const struct teal_pending *pending, const struct packet *p)
{
	if (p->flags & TCP_ACK && p->acknowledged - pending->client_sequence - 1 <= FAST_OPEN_BYTES)
		return true;
	return pending->answered && p->sequence - pending->backend_sequence - 1 <= FAST_OPEN_BYTES;
}

/* A packet of the backend that a pending row names: what it proves or ends. */
static __always_inline void flow_return_pending(const struct flow_key *key, struct teal_flow *flow,
						struct teal_pending pending, const struct packet *p, const bool ipv6)
{
	struct teal_counters *count = counters_get(pending.backend);

	if (p->protocol == TEAL_UDP) {
		flow_confirm(key, &pending, p, flow, ipv6);
	} else if (!pending_is_answered_by(&pending, p)) {
		return;
	} else if (p->flags & TCP_RST) {
		if (count && !pending.answered)
			count->refused++;
		bpf_map_delete_elem(PENDING(ipv6), key_of(key, ipv6));
	} else if (p->flags & TCP_SYN && (!pending.answered || pending.backend_sequence != p->sequence)) {
		pending.backend_sequence = p->sequence;
		pending.answered = 1;
		bpf_map_update_elem(PENDING(ipv6), key_of(key, ipv6), &pending, BPF_EXIST);
	}
}

/* What an open flow's packet from the backend changes in its row. */
static __always_inline void flow_return_note(struct teal_flow *flow, const struct packet *p)
{
	__s32 ahead = p->acknowledged - flow->acked;
	bool second = is_older(p->now, flow->seen, SECOND);

	if (p->flags & TCP_ACK && (ahead > ACKED_STEP || (second && ahead > 0)))
		flow->acked = p->acknowledged;
	if (second)
		flow->seen = p->now;
	if (p->flags & (TCP_FIN | TCP_RST))
		flow_backend_ends(flow, p);
}

/*
 * A packet that comes from a backend's endpoint.
 * Returns whether it belongs to a flow of that backend: only then may it be rewritten.
 */
static __always_inline bool flow_return(const struct packet *p, const struct teal_endpoint *from, const bool ipv6)
{
	struct teal_pending *pending;
	struct teal_flow *flow;
	struct flow_key key;

	flow_key_set(&key, &p->destination, p->destination_port, from->service);
	flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(&key, ipv6));
	if (flow && flow_is_open(flow, p)) {
		if (flow->backend != from->backend)
			return false;
		flow_return_note(flow, p);
		return true;
	}
	pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(&key, ipv6));
	if (pending) {
		const struct teal_pending row = *pending; /* at once: this is the LRU table, the row may change hands */

		if (row.backend == from->backend) {
			flow_return_pending(&key, flow, row, p, ipv6);
			return true;
		}
	}
	if (!flow || flow->backend != from->backend)
		return false;
	flow_touch(flow, p);
	if (!pending && flow->state == TEAL_RESET_BY_CLIENT && !(p->flags & TCP_RST))
		flow_move(flow, TEAL_RESET_BY_CLIENT, p->flags & TCP_FIN ? TEAL_BACKEND_FIN : TEAL_ESTABLISHED);
	return true;
}

/* Whether flow_return() would call the packet a flow's.  Changes nothing. */
static __always_inline bool flow_returns(const struct packet *p, const struct teal_endpoint *from, const bool ipv6)
{
	const struct teal_pending *pending;
	const struct teal_flow *flow;
	struct flow_key key;

	flow_key_set(&key, &p->destination, p->destination_port, from->service);
	flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(&key, ipv6));
	if (flow && flow->backend == from->backend)
		return true;
	pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(&key, ipv6));
	return pending && pending->backend == from->backend;
}

/* The backend of the client's flow with the service, however far it has come, or 0.  Changes nothing. */
static __always_inline __u32 flow_peek(const union address *client, __u16 port, __u16 service, const bool ipv6)
{
	const struct teal_pending *pending;
	const struct teal_flow *flow;
	struct flow_key key;

	flow_key_set(&key, client, port, service);
	flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(&key, ipv6));
	if (flow && flow->state < TEAL_CLOSING)
		return flow->backend;
	pending = bpf_map_lookup_elem(PENDING(ipv6), key_of(&key, ipv6));
	if (pending)
		return pending->backend;
	return flow ? flow->backend : 0;
}

#endif
