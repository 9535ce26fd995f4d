// SPDX-License-Identifier: GPL-2.0-only
/*
 * teal's data path.  To follow a packet, begin at the foot of this file: the entry points hand it first to the plain way, which
 * serves packets of open flows that change nothing, and all others to the whole way.  The lines of both are the steps, one
 * header each, in the order in which step.h includes them.
 */
#include "vmlinux.h"

#include "maps.h"   /* the tables */
#include "clock.h"  /* the time */
#include "packet.h" /* a packet as the steps see it */
#include "desk.h"   /* what they decide about it */
#include "step.h"   /* parse, service, flow, dispatch, rewrite, forward */
#include "plain.h"  /* packets of open flows */
#include "whole.h"  /* every packet: new flows, ends, pieces, errors, refusals */
#include "sweep.h"  /* expiry, aside */

/* The network protocol behind the link header and its one tag, or 0. */
static __always_inline __u16 network_protocol(void *ctx, const enum hook hook)
{
	struct cursor c = cursor_at(ctx, 0, hook);
	struct packet p = { .is_tagged = hook != HOOK_XDP && ((struct __sk_buff *)ctx)->vlan_present };

	return parse_link(&p, &c);
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
	int action = tc_was_sent(ctx) ? (int)TC_ACT_UNSPEC : plain_egress(ctx);

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
