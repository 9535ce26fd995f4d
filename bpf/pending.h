/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A flow's first moments: the pending row that it begins with, what the backend's answers are worth, and the step from there
 * into the table of flows.
 */
#ifndef TEAL_BPF_PENDING_H
#define TEAL_BPF_PENDING_H

#include "desk.h"
#include "dispatch.h"
#include "maps.h"
#include "packet.h"
#include "service.h"
#include "snat.h"
#include "state.h"

static __always_inline int choose(struct choice *ret, __u32 backend, __u16 source_port)
{
	ret->backend = backend;
	ret->source_port = source_port;
	return 0;
}

/*
 * UDP's share of the flow table: a spoofed datagram that a backend answers makes a row, and no such flood may take from TCP
 * the rows that its connections need.
 */
static __always_inline struct teal_udp_rows *udp_rows_get(const bool ipv6)
{
	__u32 row = ipv6;

	return bpf_map_lookup_elem(&udp_rows, &row);
}

/* Returns 0, or -E2BIG if UDP has all that it may have. */
static __always_inline int udp_rows_take(const struct segment *s, const bool ipv6)
{
	struct teal_udp_rows *rows = s->protocol == TEAL_UDP ? udp_rows_get(ipv6) : NULL;
	const struct teal_meta *m = meta_get();

	if (!rows)
		return 0;
	if (m && m->udp_most && (__s64)rows->count >= m->udp_most)
		return -E2BIG;
	__sync_fetch_and_add(&rows->count, 1);
	return 0;
}

static __always_inline void udp_rows_give(enum teal_protocol protocol, const bool ipv6)
{
	struct teal_udp_rows *rows = protocol == TEAL_UDP ? udp_rows_get(ipv6) : NULL;

	if (rows)
		__sync_fetch_and_add(&rows->count, -1);
}

/* Takes a row that has ended, or expired, out of the way of its successor. */
static __always_inline void flow_delete(struct teal_flow *flow, const struct segment *s, const bool ipv6)
{
	const __u32 backend = flow->backend; /* now: once it is deleted, the row may be anybody's */
	const __u16 source_port = flow->source_port;
	struct teal_counters *count = counters_get(backend);
	const union flow_phase now = flow_phase(flow), gone = { .state = TEAL_REPLACED, .acked = now.acked };

	/* One CPU wins the swap, and only that one deletes: the row under the key may be the successor already. */
	if (now.state == TEAL_REPLACED || !flow_move(flow, s, now, TEAL_REPLACED, now.acked))
		return;
	if (bpf_map_delete_elem(FLOWS(ipv6), key_of(s, ipv6))) {
		flow_move(flow, s, gone, now.state, now.acked); /* nobody else would: for the next packet, or the sweep */
		return;
	}
	snat_release(backend, source_port, ipv6);
	udp_rows_give(s->protocol, ipv6);
	if (count)
		count->deleted++;
}

/* A pending row has served. */
static __always_inline void pending_delete(const struct teal_pending *pending, const struct segment *s,
					   const bool ipv6)
{
	snat_abandon(s, pending->backend, pending->source_port, ipv6);
	bpf_map_delete_elem(PENDING(ipv6), key_of(s, ipv6));
}

static __always_inline int flow_insert(const struct teal_flow *row, const struct segment *s, const bool ipv6)
{
	int error = udp_rows_take(s, ipv6);

	if (error)
		return error;
	error = bpf_map_update_elem(FLOWS(ipv6), key_of(s, ipv6), row, BPF_NOEXIST);
	if (error)
		udp_rows_give(s->protocol, ipv6);
	return error;
}

/* Whether the row in the way is the flow's own, and not a predecessor's that another CPU, or the sweep, is just deleting. */
static __always_inline bool flow_is_recorded(const struct segment *s, __u32 backend, const bool ipv6)
{
	const struct teal_flow *flow = bpf_map_lookup_elem(FLOWS(ipv6), key_of(s, ipv6));

	return flow && flow->backend == backend && flow_is_open(flow, s);
}

/*
 * The handshake is proven: from pending to flows.  What cannot be recorded goes on by its pending row, or is refused.
 * Returns 0, or AS_ANSWER() of a verdict.
 */
static __always_inline int flow_confirm(const struct teal_pending *pending, const struct segment *s,
					struct teal_flow *ended, const bool ipv6)
{
	struct teal_flow row = {
		.seen = s->now,
		.backend = pending->backend,
		.source_port = pending->source_port,
		.state = s->flags & TCP_FIN ? TEAL_CLIENT_ENDING : TEAL_ESTABLISHED,
		/* TCP: the backend has acknowledged the SYN. */
		.acked = s->flags & TCP_FIN ? s->sequence + s->payload + 1 : s->sequence,
	};
	struct teal_counters *count = counters_get(row.backend);
	const struct teal_meta *m = meta_get();
	bool taken = false;
	int error;

	if (s->protocol == TEAL_UDP)
		row.acked = (__u32)(s->now >> TEAL_ANSWER_STEP);
	if (ended)
		flow_delete(ended, s, ipv6);
	error = row.source_port ? snat_take(s, row.backend, row.source_port, &taken, ipv6) : 0;
	if (!error)
		error = flow_insert(&row, s, ipv6);
	if (!error) {
		if (count)
			count->opened++;
		event_flow(s, TEAL_EVENT_OPENED, row.backend, row.state);
	}
	if (!error || (error == -EEXIST && flow_is_recorded(s, row.backend, ipv6))) {
		pending_delete(pending, s, ipv6);
		return 0;
	}
	if (taken)
		snat_release(row.backend, row.source_port, ipv6);
	if (error == -EADDRINUSE) { /* another flow was proven with its port first */
		pending_delete(pending, s, ipv6);
		return AS_ANSWER(TEAL_REFUSE_NO_PORT);
	}
	if (error == -E2BIG && m && m->refuse_when_full) {
		pending_delete(pending, s, ipv6);
		return AS_ANSWER(TEAL_REFUSE_FULL);
	}
	verdict_count(TEAL_PASS_UNRECORDED);
	if (!pending->answered) { /* UDP: every answer tries anew, and only the first is one to a handshake */
		struct teal_pending row_answered = *pending;

		row_answered.answered = 1;
		bpf_map_update_elem(PENDING(ipv6), key_of(s, ipv6), &row_answered, BPF_EXIST);
	}
	return 0;
}

/* A new flow, to the backend that the active table has picked. */
static __always_inline int flow_begin(const struct segment *s, __u32 backend, struct choice *choice, const bool ipv6)
{
	struct teal_handshakes *seen = handshakes_get(backend);
	struct teal_pending row = {
		.seen = bpf_ktime_get_ns(), /* the coarse clock would not do for the time of a handshake */
		.backend = backend,
		.client_sequence = s->sequence,
	};

	if (dispatch_is_paused(s))
		return AS_ANSWER(TEAL_DROP_PAUSED);
	if (!backend)
		return AS_ANSWER(TEAL_REFUSE_NO_BACKEND);
	if (s->service_flags & TEAL_SERVICE_SOURCE) {
		row.source_port = snat_claim(s, backend, ipv6);
		if (!row.source_port)
			return AS_ANSWER(TEAL_REFUSE_NO_PORT);
	}
	bpf_map_update_elem(PENDING(ipv6), key_of(s, ipv6), &row, BPF_ANY);
	if (seen)
		seen->begun++;
	return choose(choice, backend, row.source_port);
}

/* A SYN that comes again: what it tells of the backend, and from when on its answer is awaited. */
static __always_inline void pending_resent(struct teal_pending *found, const struct teal_pending *pending)
{
	struct teal_handshakes *seen = pending->answered ? NULL : handshakes_get(pending->backend);

	if (!seen)
		return;
	seen->resent++;
	found->seen = bpf_ktime_get_ns();
}

/* The number of the bucket for that time: the first whose bound, 2^n us, is above it. */
static __always_inline __u32 handshake_bucket(__u64 ns)
{
	__u64 us = ns / 1000;
	__u32 bucket = 0;

	for (int i = 0; i < TEAL_HANDSHAKE_BUCKETS - 1; i++)
		bucket += us >> i != 0;
	return bucket;
}

/* The backend's first answer, which may be a while after the client's last word. */
static __always_inline void handshake_answered(const struct teal_pending *pending)
{
	struct teal_handshakes *seen = handshakes_get(pending->backend);
	__u32 bucket = handshake_bucket(bpf_ktime_get_ns() - pending->seen);

	if (!seen)
		return;
	seen->answered++;
	if (bucket < TEAL_HANDSHAKE_BUCKETS)
		seen->times[bucket]++;
}

/* Whether the pending row still leads somewhere. */
static __always_inline bool pending_is_usable(const struct teal_pending *pending, const struct segment *s,
					      const bool ipv6)
{
	return backend_is_usable(backend_get(pending->backend, s->key.service)) &&
	       (!pending->source_port || snat_is_own(s, pending->backend, pending->source_port, ipv6));
}

/* Whether a backend's packet answers the very SYN of the pending row, and not an earlier one of that client port. */
static __always_inline bool pending_is_answered_by(const struct teal_pending *pending, const struct segment *s)
{
	if (s->flags & TCP_ACK && s->acknowledged - pending->client_sequence - 1 <= FAST_OPEN_BYTES)
		return true;
	return pending->answered && s->sequence - pending->backend_sequence - 1 <= FAST_OPEN_BYTES;
}

/* Whether a client's packet proves the handshake: it acknowledges just what the backend's SYN-ACK began with. */
static __always_inline bool pending_is_proven_by(const struct teal_pending *pending, const struct segment *s)
{
	return (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK && pending->answered &&
	       s->acknowledged == pending->backend_sequence + 1;
}

/* Whether the handshake has had all the time that one gets, and nobody has proven it. */
static __always_inline bool pending_is_over(const struct teal_pending *pending, const struct segment *s)
{
	const struct teal_meta *m = meta_get();

	return m && is_older(s->now, pending->seen, m->handshake_ns);
}

/*
 * Whether a client's packet belongs to the flow beside the pending row.  A RST in the client's name may be anybody's, and so
 * may the SYN behind it: the client goes on where it was with all that does not prove that handshake.
 */
static __always_inline bool pending_is_passed_by(const struct teal_pending *pending, const struct teal_flow *flow,
						 const struct segment *s)
{
	return flow && flow->state == TEAL_RESET_BY_CLIENT && !(s->flags & (TCP_SYN | TCP_RST)) &&
	       !pending_is_proven_by(pending, s);
}

#endif
