// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live frames: who sends them, who only counts them, and what an edge that does nothing else would do with them.
 * Sender, edge and sink run on one CPU, so plain counters are exact.
 */
#include "vmlinux.h"

#include "flow.h"
#include "floor.bpf.h"

#define CLOCK_EVERY 64 /* frames: asking for the time takes some 25 ns */

struct bench_setup setup;
__u32 out;	      /* the device that the sender sends by, */
__u32 rear;	      /* and that the edge does */
__u64 random;
__u64 sent, received; /* frames */
__u64 missed;	     /* flows that the floor did not find */
__u64 first, last;   /* monotonic ns of a call's first frame, and of its last: the kernel sets each call up for some 20 ms */

/* Pages of live frames come round again with what was done to them: every header is written anew. */
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct plain p = plain_at(data, false);
	__u32 flow;

	if (data + FRAME4 > end)
		return XDP_DROP;
	random = random * 6364136223846793005ULL + 1442695040888963407ULL;
	flow = random >> 32 & setup.mask;
	__builtin_memcpy(data, setup.frame, FRAME4);
	p.ip4->saddr = bpf_htonl(flow_client(setup.client, flow));
	p.tcp->source = bpf_htons(flow_port(flow));
	/* The kernel's own ways look at checksums; the template's are those of the first flow. */
	p.ip4->check = floor_sum(p.ip4->check, bpf_htons(flow / FLOWS_OF_CLIENT));
	p.tcp->check = floor_sum(p.tcp->check,
				 bpf_htons(flow / FLOWS_OF_CLIENT) + bpf_htons(flow % FLOWS_OF_CLIENT));
	if (!first)
		first = bpf_ktime_get_ns();
	if (!(++sent % CLOCK_EVERY))
		last = bpf_ktime_get_ns();
	return bpf_redirect(out, 0);
}

SEC("xdp")
int edge_drop(struct xdp_md *ctx)
{
	(void)ctx;
	received++;
	return XDP_DROP;
}

SEC("xdp")
int edge_redirect(struct xdp_md *ctx)
{
	(void)ctx;
	return bpf_redirect(rear, 0);
}

SEC("xdp")
int edge_floor(struct xdp_md *ctx)
{
	int device = floor_way((void *)(long)ctx->data, (void *)(long)ctx->data_end, false, false);

	if (device > 0)
		return bpf_redirect(device, 0);
	missed++;
	return device ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int sink_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	received++;
	return XDP_DROP;
}

SEC("tc")
int sink_tc(struct __sk_buff *ctx)
{
	/* What else a network says to itself, such as router solicitations, is not counted. */
	if (ctx->protocol == bpf_htons(ETH_P_IP))
		received++;
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
