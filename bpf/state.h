/* SPDX-License-Identifier: GPL-2.0-only */
/* A flow's row: its key, how long it lives, and how its state changes. */
#ifndef TEAL_BPF_STATE_H
#define TEAL_BPF_STATE_H

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
static __always_inline const void *key_of(const struct segment *s, const bool ipv6)
{
	return ipv6 ? (const void *)&s->key : (const void *)&s->key.client[12];
}

static __always_inline void key_set(struct segment *s, const union address *client, __u16 port, __u16 service)
{
	__builtin_memcpy(s->key.client, client->bytes, sizeof(s->key.client));
	s->key.port = port;
	s->key.service = service;
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
static __always_inline void flow_client_ends(struct teal_flow *flow, const struct segment *s)
{
	if (s->sequence - flow->acked > WINDOW)
		return;
	flow->seen = s->now;
	if (s->flags & TCP_RST)
		flow_move(flow, flow->state, TEAL_RESET_BY_CLIENT);
	else
		flow_fin(flow, TEAL_CLIENT_FIN, TEAL_BACKEND_FIN);
}

static __always_inline void flow_backend_ends(struct teal_flow *flow, const struct segment *s)
{
	flow->seen = s->now;
	if (s->flags & TCP_RST)
		flow_move(flow, flow->state, TEAL_RESET);
	else
		flow_fin(flow, TEAL_BACKEND_FIN, TEAL_CLIENT_FIN);
}

#endif
