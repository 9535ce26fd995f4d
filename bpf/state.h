/* SPDX-License-Identifier: GPL-2.0-only */
/* A flow's row: its key, how long it lives, and how its state changes. */
#ifndef TEAL_BPF_STATE_H
#define TEAL_BPF_STATE_H

#include "event.h"
#include "maps.h"
#include "packet.h"

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

/* The key of either family. */
#define FLOW_KEY(key, ipv6) ((ipv6) ? (const void *)&(key) : (const void *)&(key).client[12])
static __always_inline const void *key_of(const struct segment *s, const bool ipv6)
{
	return FLOW_KEY(s->key, ipv6);
}

/* Written in the words that it is read in: see union service_key. */
static __always_inline void flow_key_set(struct teal_flow6_key *key, const union address *client, __u16 port,
					 __u16 service)
{
	const union {
		__u16 halves[2];
		__u32 word;
	} last = { .halves = { port, service } };
	__u32 *words = (__u32 *)key;

	__builtin_memcpy(key->client, client->bytes, sizeof(key->client));
	words[4] = last.word;
}

static __always_inline void key_set(struct segment *s, const union address *client, __u16 port, __u16 service)
{
	flow_key_set(&s->key, client, port, service);
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

/* Whether a TCP packet is one of those in the midst of a connection: it acknowledges, and does nothing else. */
static __always_inline bool tcp_flags_are_plain(__u8 flags)
{
	return (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG)) == TCP_ACK;
}

/* Whether the flow is neither over nor expired (the sweep may not have come by yet). */
static __always_inline bool flow_is_open(const struct teal_flow *flow, const struct segment *s)
{
	const struct teal_meta *m;

	if (flow->state >= TEAL_CLOSING)
		return false;
	if (!is_older(s->now, flow->seen, SECOND))
		return true;
	m = meta_get();
	return m && !is_older(s->now, flow->seen, flow_lifetime(m, s->protocol, flow->state));
}

/* Notes that the flow lives, at most once a second. */
static __always_inline void flow_touch(struct teal_flow *flow, const struct segment *s)
{
	if (is_older(s->now, flow->seen, SECOND))
		flow->seen = s->now;
}

/*
 * How many steps ago the backend of a UDP flow answered, as far as it is noted: that is done once in ANSWER_STEPS.  Clocks of
 * two CPUs differ by a tick: the difference is signed.
 */
#define ANSWER_STEPS 2
static __always_inline __s32 flow_unanswered(const struct teal_flow *flow, const struct segment *s)
{
	return (__s32)((__u32)(s->now >> TEAL_ANSWER_STEP) - flow->acked);
}

/* A flow's state and what was acknowledged: they change together, or FINs on two CPUs would overwrite each other. */
union flow_phase {
	struct {
		enum teal_state state;
		__u32 acked;
	};
	__u64 word;
};

static __always_inline union flow_phase flow_phase(const struct teal_flow *flow)
{
	return (union flow_phase){ .word = *(volatile __u64 *)&flow->state };
}

/* Moves a flow from what was read to what follows from it, unless another CPU was first. */
static __always_inline bool flow_move(struct teal_flow *flow, const struct segment *s, union flow_phase from,
				      enum teal_state state, __u32 acked)
{
	const union flow_phase to = { .state = state, .acked = acked };
	const __u32 backend = flow->backend;
	struct teal_counters *count;

	if (__sync_val_compare_and_swap((__u64 *)&flow->state, from.word, to.word) != from.word)
		return false;
	if ((to.state >= TEAL_CLOSING) == (from.state >= TEAL_CLOSING))
		return true;
	count = counters_get(backend);
	if (count)
		count->ended += to.state >= TEAL_CLOSING ? 1 : -1;
	if (to.state >= TEAL_CLOSING)
		event_flow(s, TEAL_EVENT_ENDED, backend, to.state);
	return true;
}

/* The same again with whatever another CPU made of it: what moved is judged anew, a few times. */
#define FLOW_TRIES 3

/*
 * A client's RST or FIN: believed only near what the backend has acknowledged, for anybody can send one.
 * A FIN is only noted: the backend's acknowledgment of just that number will prove it.
 */
static __always_inline void flow_client_ends(struct teal_flow *flow, const struct segment *s)
{
	const __u32 end = s->sequence + s->payload + 1;

	for (int tries = 0; tries < FLOW_TRIES; tries++) {
		const union flow_phase now = flow_phase(flow);
		const bool ending = now.state == TEAL_CLIENT_ENDING || now.state == TEAL_BOTH_ENDING;
		/* While a FIN is noted, what was acknowledged lies up to a window before it. */
		const __u32 back = ending ? WINDOW : 0;

		if (s->sequence - now.acked + back > WINDOW + back)
			return;
		flow->seen = s->now;
		if (s->flags & TCP_RST) {
			if (flow_move(flow, s, now, TEAL_RESET_BY_CLIENT, now.acked))
				return;
		} else if (now.state == TEAL_ESTABLISHED || now.state == TEAL_CLIENT_ENDING) {
			if (flow_move(flow, s, now, TEAL_CLIENT_ENDING, end))
				return;
		} else if (now.state == TEAL_BACKEND_FIN || now.state == TEAL_BOTH_ENDING) {
			if (flow_move(flow, s, now, TEAL_BOTH_ENDING, end))
				return;
		} else {
			return;
		}
	}
}

/* The state after the backend has acknowledged `acked`: just the noted FIN makes it true, more makes it false. */
static __always_inline enum teal_state flow_acknowledged(union flow_phase now, __u32 acked)
{
	const bool both = now.state == TEAL_BOTH_ENDING;

	if ((__s32)(acked - now.acked) < 0 || (!both && now.state != TEAL_CLIENT_ENDING))
		return now.state;
	if (acked == now.acked)
		return both ? TEAL_CLOSING : TEAL_CLIENT_FIN;
	return both ? TEAL_BACKEND_FIN : TEAL_ESTABLISHED;
}

/* The state after the backend's FIN or RST. */
static __always_inline enum teal_state flow_backend_ended(enum teal_state state, __u8 flags)
{
	if (flags & TCP_RST)
		return TEAL_RESET;
	switch (state) {
	case TEAL_ESTABLISHED:
		return TEAL_BACKEND_FIN;
	case TEAL_CLIENT_FIN:
		return TEAL_CLOSING;
	case TEAL_CLIENT_ENDING:
		return TEAL_BOTH_ENDING;
	default:
		return state;
	}
}

/* The backend ended an open flow the hard way, which is evidence for the guard. */
static __always_inline void handshakes_aborted(__u32 backend)
{
	struct teal_handshakes *seen = handshakes_get(backend);

	if (seen)
		seen->aborted++;
}

/* A UDP packet from the backend. */
static __always_inline void flow_answered(struct teal_flow *flow, const struct segment *s)
{
	const union flow_phase now = flow_phase(flow);

	flow_touch(flow, s);
	if (flow_unanswered(flow, s) >= ANSWER_STEPS)
		flow_move(flow, s, now, now.state, (__u32)(s->now >> TEAL_ANSWER_STEP));
}

/*
 * Whether the backend has begun anew in an open flow's row: it knew nothing of that connection any more when the client port's
 * next SYN came.  One that comes again, late, acknowledges what lies a little behind.
 */
static __always_inline bool flow_is_begun_anew(union flow_phase now, const struct segment *s)
{
	return (s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) && now.acked - s->acknowledged > WINDOW;
}

/* What an open flow's packet from the backend changes in its row. */
static __always_inline void flow_backend_says(struct teal_flow *flow, const struct segment *s)
{
	const bool ends = s->flags & (TCP_FIN | TCP_RST), second = is_older(s->now, flow->seen, SECOND);

	for (int tries = 0; tries < FLOW_TRIES; tries++) {
		const union flow_phase now = flow_phase(flow);
		const __s32 ahead = s->flags & TCP_ACK ? (__s32)(s->acknowledged - now.acked) : 0;
		enum teal_state state = s->flags & TCP_ACK ? flow_acknowledged(now, s->acknowledged) : now.state;
		__u32 acked = now.acked;

		if (ahead > 0 && (ahead > ACKED_STEP || second || ends || state != now.state))
			acked = s->acknowledged;
		if (flow_is_begun_anew(now, s)) {
			state = TEAL_ESTABLISHED;
			acked = s->acknowledged;
		}
		if (ends)
			state = flow_backend_ended(state, s->flags);
		if (second || ends)
			flow->seen = s->now;
		if (state == now.state && acked == now.acked)
			return;
		if (!flow_move(flow, s, now, state, acked))
			continue;
		if (s->flags & TCP_RST && now.state < TEAL_CLOSING)
			handshakes_aborted(flow->backend);
		return;
	}
}

/* The edge itself ends an open flow: TEAL_RESET, as if the backend had. */
static __always_inline void flow_abort(struct teal_flow *flow, const struct segment *s)
{
	for (int tries = 0; tries < FLOW_TRIES; tries++) {
		const union flow_phase now = flow_phase(flow);

		if (now.state >= TEAL_CLOSING || flow_move(flow, s, now, TEAL_RESET, now.acked))
			return;
	}
}

#endif
