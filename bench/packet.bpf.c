// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trampoline, and what stands beside teal's programs.
 *
 * BPF_PROG_TEST_RUN repeats a program on one frame and keeps what the last repetition did to it: a program that rewrites
 * would take another way the second time.  So each repetition begins here: the frame is written anew, the next flow's
 * address and port into it, and then the program under test is called by its only slot, and does not come back.
 * What this costs is in every figure; the row "returns at once" has nothing else.
 */
#include "vmlinux.h"

#include "flow.h"
#include "floor.bpf.h"

struct bench_setup setup;
struct bench_state state;

#define PROGRAM(name_)                                    \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);    \
		__uint(max_entries, 1);                   \
		__type(key, __u32);                       \
		__type(value, __u32);                     \
	} name_ SEC(".maps")
PROGRAM(xdp_program);
PROGRAM(tc_program);

/* Pseudo-random: Knuth's MMIX multiplier; its high bits are the good ones. */
static __always_inline __u32 flow_next(void)
{
	if (setup.walk)
		return state.next++;
	state.random = state.random * 6364136223846793005ULL + 1442695040888963407ULL;
	return state.random >> 32 & setup.mask;
}

static __always_inline void frame_restore(void *data, void *end, const bool ipv6)
{
	const __u32 length = ipv6 ? FRAME6 : FRAME4, transport = ipv6 ? 54 : 34;
	const __u32 source = ipv6 ? 34 : 26, destination = ipv6 ? 50 : 30;
	__u32 flow = flow_next();
	struct tcphdr *tcp = data + transport;
	__be32 client = bpf_htonl(flow_client(setup.client, flow));
	__be16 port = bpf_htons(flow_port(flow));

	state.runs++;
	if (data + length > end)
		return;
	__builtin_memcpy(data, setup.frame, length);
	if (setup.back) {
		*(__be32 *)(data + destination) = client;
		tcp->dest = port;
	} else {
		*(__be32 *)(data + source) = client;
		tcp->source = port;
	}
	if (setup.vary)
		tcp->seq = state.runs;
}

#define DATA(ctx) ((void *)(long)(ctx)->data)
#define END(ctx) ((void *)(long)(ctx)->data_end)

#define TRAMPOLINE(name, section, context, program, ipv6, lost_)      \
	SEC(section)                                                  \
	int name(struct context *ctx)                                 \
	{                                                             \
		frame_restore(DATA(ctx), END(ctx), ipv6);             \
		bpf_tail_call_static(ctx, &program, 0);               \
		state.lost++;                                         \
		return lost_;                                         \
	}
TRAMPOLINE(trampoline_xdp4, "xdp.frags", xdp_md, xdp_program, false, XDP_ABORTED)
TRAMPOLINE(trampoline_xdp6, "xdp.frags", xdp_md, xdp_program, true, XDP_ABORTED)
TRAMPOLINE(trampoline_tc4, "tc", __sk_buff, tc_program, false, TC_ACT_SHOT)
TRAMPOLINE(trampoline_tc6, "tc", __sk_buff, tc_program, true, TC_ACT_SHOT)

SEC("xdp.frags")
int returns_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

SEC("tc")
int returns_tc(struct __sk_buff *ctx)
{
	(void)ctx;
	return TC_ACT_UNSPEC;
}

/* One program for each family and protocol, so that none asks what it is about. */
#define EACH_KIND(MACRO)                       \
	MACRO(tcp4, false, false)              \
	MACRO(tcp6, true, false)               \
	MACRO(udp4, false, true)               \
	MACRO(udp6, true, true)

#define PARSE(kind, ipv6, udp)                                                                    \
	SEC("xdp.frags")                                                                          \
	int parse_xdp_##kind(struct xdp_md *ctx)                                                  \
	{                                                                                         \
		return parse(DATA(ctx), END(ctx), ipv6, udp) ? XDP_PASS : XDP_DROP;               \
	}                                                                                         \
	SEC("tc")                                                                                 \
	int parse_tc_##kind(struct __sk_buff *ctx)                                                \
	{                                                                                         \
		return parse(DATA(ctx), END(ctx), ipv6, udp) ? TC_ACT_UNSPEC : TC_ACT_SHOT;       \
	}
static __always_inline bool parse(void *data, void *end, const bool ipv6, const bool udp)
{
	const struct plain p = plain_at(data, ipv6);

	return is_plain(&p, end, ipv6, udp) && p.tcp->source && p.tcp->dest;
}
EACH_KIND(PARSE)

#define FLOOR(kind, ipv6, udp)                                                                    \
	SEC("xdp.frags")                                                                          \
	int floor_xdp_##kind(struct xdp_md *ctx)                                                  \
	{                                                                                         \
		return floor_answer(floor_way(DATA(ctx), END(ctx), ipv6, udp), XDP_DROP);         \
	}                                                                                         \
	SEC("tc")                                                                                 \
	int floor_tc_##kind(struct __sk_buff *ctx)                                                \
	{                                                                                         \
		return floor_answer(floor_way(DATA(ctx), END(ctx), ipv6, udp), TC_ACT_SHOT);      \
	}
static __always_inline int floor_answer(int device, const int drop)
{
	if (device > 0)
		return bpf_redirect(device, 0);
	state.missed++;
	return drop;
}
EACH_KIND(FLOOR)

/*
 * A flow that was silent for a second has its row written by its next packet.  Whether the packets of a measurement find
 * such rows must not depend on how fast the machine is: all rows are stamped before, and looked at again behind it.
 */
__u64 stamp;   /* monotonic ns */
__u64 written; /* rows that no longer carry it */

SEC("iter/bpf_map_elem")
int flows_stamp(struct bpf_iter__bpf_map_elem *ctx)
{
	struct teal_flow *flow = ctx->value;

	if (flow)
		flow->seen = stamp;
	return 0;
}

SEC("iter/bpf_map_elem")
int flows_written(struct bpf_iter__bpf_map_elem *ctx)
{
	const struct teal_flow *flow = ctx->value;

	if (flow && flow->seen != stamp)
		written++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
