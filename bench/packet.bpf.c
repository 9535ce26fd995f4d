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
int return_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

SEC("tc")
int return_tc(struct __sk_buff *ctx)
{
	(void)ctx;
	return TC_ACT_UNSPEC;
}

#define PARSE(name, section, context, family, pass, drop)                                     \
	SEC(section)                                                                          \
	int name(struct context *ctx)                                                         \
	{                                                                                     \
		const struct plain##family *p = DATA(ctx);                                    \
		return is_plain##family(p, END(ctx)) && p->tcp.source && p->tcp.dest ? pass : drop; \
	}
PARSE(parse_xdp4, "xdp.frags", xdp_md, 4, XDP_PASS, XDP_DROP)
PARSE(parse_xdp6, "xdp.frags", xdp_md, 6, XDP_PASS, XDP_DROP)
PARSE(parse_tc4, "tc", __sk_buff, 4, TC_ACT_UNSPEC, TC_ACT_SHOT)
PARSE(parse_tc6, "tc", __sk_buff, 6, TC_ACT_UNSPEC, TC_ACT_SHOT)

#define FLOOR(name, section, context, family, drop)                \
	SEC(section)                                               \
	int name(struct context *ctx)                              \
	{                                                          \
		int device = floor_way##family(DATA(ctx), END(ctx)); \
		if (device > 0)                                    \
			return bpf_redirect(device, 0);            \
		state.missed++;                                    \
		return drop;                                       \
	}
FLOOR(floor_xdp4, "xdp.frags", xdp_md, 4, XDP_DROP)
FLOOR(floor_xdp6, "xdp.frags", xdp_md, 6, XDP_DROP)
FLOOR(floor_tc4, "tc", __sk_buff, 4, TC_ACT_SHOT)
FLOOR(floor_tc6, "tc", __sk_buff, 6, TC_ACT_SHOT)

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
