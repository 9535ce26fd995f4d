/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Expiry, run by the daemon as an iterator over a flow table: a row is judged when it is looked at and
 * deleted at once, so none that came alive in between is lost.
 */
#ifndef TEAL_BPF_SWEEP_H
#define TEAL_BPF_SWEEP_H

#include "flow.h"

#define SWEEP_ROWS 1024 /* a power of two; some 0.4 ms of walking */

/*
 * A byte for the reader, who takes one at a time: each ends one read, and with it the walk's hold on the CPU and on RCU,
 * for which the grace period of a switch waits.
 */
static __always_inline void sweep_rest(const struct bpf_iter_meta *walk)
{
	const char rest = '.';

	if (walk->seq_num % SWEEP_ROWS == SWEEP_ROWS - 1)
		bpf_seq_write(walk->seq, &rest, sizeof(rest));
}

/* Whether flows4, flows6 are less than half full.  Written by the daemon. */
bool sweep_has_room[2];

/*
 * How long the flow's row is kept without a packet, in ns.  A RST in the client's name may be anybody's: of 256 one is within
 * the window, and a connection that is silent anyway says nothing against it.  It is no longer live, no drain waits for it;
 * but while there is room its row stays as long as an idle connection's, for its next word to revive.  Not where it has a
 * source port: of those there are too few.
 */
static __always_inline __s64 sweep_lifetime(const struct teal_meta *m, enum teal_protocol protocol,
					    const struct teal_flow *flow, const bool ipv6)
{
	if (flow->state == TEAL_RESET_BY_CLIENT && !flow->source_port && sweep_has_room[ipv6])
		return m->established_ns;
	return flow_lifetime(m, protocol, flow->state);
}

/*
 * An iterator runs in process context: a packet may interrupt it on the same CPU and count in the same row,
 * so its own counting is one instruction.
 */
static __always_inline void sweep_count(const struct teal_flow *flow)
{
	struct teal_counters *count = counters_get(flow->backend);

	if (!count)
		return;
	__sync_fetch_and_add(&count->deleted, 1);
	if (flow->state < TEAL_CLOSING)
		__sync_fetch_and_add(&count->ended, 1);
}

static __always_inline void sweep_row(struct bpf_iter__bpf_map_elem *ctx, const bool ipv6)
{
	__u64 now = bpf_ktime_get_ns(); /* iterators may not ask the coarse clock */
	const struct teal_meta *m = meta_get();
	const struct teal_backend *backend;
	struct teal_flow *found = ctx->value, flow;
	void *row_key = ctx->key;
	struct segment s = {};
	enum teal_protocol protocol;
	union flow_phase phase, gone;

	if (!found || !row_key || !m)
		return;
	sweep_rest(ctx->meta);
	/* The phase before the time: should the row become a successor's meanwhile, either is new, or the swap below fails. */
	phase = flow_phase(found);
	asm volatile("" ::: "memory");
	flow = *found;
	backend = bpf_map_lookup_elem(&backends, &flow.backend);
	protocol = backend ? backend->protocol : TEAL_TCP;
	if (!is_older(now, flow.seen, sweep_lifetime(m, protocol, &flow, ipv6)))
		return;
	/*
	 * As flow_delete() does: whoever wins the swap deletes, for the row under the key may be a successor already.  One that
	 * is replaced has been won by somebody.
	 */
	gone = phase;
	gone.state = TEAL_REPLACED;
	if (phase.state == TEAL_REPLACED ||
	    __sync_val_compare_and_swap((__u64 *)&found->state, phase.word, gone.word) != phase.word)
		return;
	if (ipv6)
		s.key = *(struct teal_flow6_key *)row_key;
	else
		__builtin_memcpy(&s.key.client[12], row_key, sizeof(struct teal_flow4_key));
	if (bpf_map_delete_elem(FLOWS(ipv6), key_of(&s, ipv6))) {
		__sync_val_compare_and_swap((__u64 *)&found->state, gone.word, phase.word); /* for the next sweep */
		return;
	}
	snat_release(flow.backend, flow.source_port, ipv6);
	udp_rows_give(protocol, ipv6);
	sweep_count(&flow);
}

#endif
