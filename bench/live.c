// SPDX-License-Identifier: GPL-2.0-only
#include "live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include "common/cleanup.h"
#include "drive.h"
#include "floor_table.h"
#include "live.skel.h"

#define BATCH 64	/* frames at a time: a veth's ring has room for 256 */
#define BURST 65536	/* frames of one system call */
#define PORT 443
#define BACKEND_PORT 8443

enum place { CLIENT_PLACE, EDGE_PLACE, SINK_PLACE, PLACES };

struct lane {
	const char *name;
	int netns[PLACES];
	__u32 devices[PLACES]; /* eth0 of each */
	__u32 rear;	       /* the edge's eth1 */
	struct live_bpf *bpf;
};

static const char *const place_names[PLACES] = { "client", "edge", "sink" };

/* Link addresses, as bench/live.sh gives them. */
static const __u8 edge_link[6] = { 2, 0, 0, 0, 0xed, 0 }, edge_rear_link[6] = { 2, 0, 0, 0, 0xed, 1 };
static const __u8 sink_link[6] = { 2, 0, 0, 0, 0x51, 0 }, client_link[6] = { 2, 0, 0, 0, 0xc1, 0 };

static int complain(const struct lane *lane, int error, const char *what)
{
	fprintf(stderr, "bench: %s: %s: %s\n", lane->name, what, strerror(-error));
	return error;
}

static bool is(const struct lane *lane, const char *name)
{
	return !strcmp(lane->name, name);
}

/* Whether its packets reach the sink as XDP frames. */
static bool is_xdp(const struct lane *lane)
{
	return !is(lane, "routing") && !is(lane, "nft");
}

static int enter(const struct lane *lane, enum place place)
{
	return setns(lane->netns[place], CLONE_NEWNET) ? -errno : 0;
}

static int lane_open(struct lane *lane, const char *name, const char *prefix)
{
	lane->name = name;
	lane->bpf = live_bpf__open_and_load();
	if (!lane->bpf)
		return complain(lane, -errno, "the kernel does not take the bench's own programs");
	for (int place = 0; place < PLACES; place++) {
		char path[128];

		snprintf(path, sizeof(path), "/run/netns/%s%s", prefix, place_names[place]);
		lane->netns[place] = open(path, O_RDONLY | O_CLOEXEC);
		if (lane->netns[place] < 0 || enter(lane, place))
			return complain(lane, -errno, path);
		lane->devices[place] = if_nametoindex("eth0");
		if (place == EDGE_PLACE)
			lane->rear = if_nametoindex("eth1");
		if (!lane->devices[place])
			return complain(lane, -errno, "eth0");
	}
	return 0;
}

static struct plan lane_plan(const struct lane *lane)
{
	struct plan plan = {
		.flags = ACK,
		.sequence = FLOW_SEQUENCE + 1,
		.acknowledged = FLOW_ANSWER + 1,
		.source_port = FIRST_PORT,
		.destination_port = is(lane, "routing") ? BACKEND_PORT : PORT,
		.padding = FRAME4 - 54,
	};
	const __u32 client = htonl(CLIENTS);

	memset(plan.source + 10, 0xff, 2);
	memset(plan.destination + 10, 0xff, 2);
	memcpy(plan.source + 12, &client, sizeof(client));
	inet_pton(AF_INET, is(lane, "routing") ? "10.0.1.11" : "203.0.113.10", plan.destination + 12);
	memcpy(plan.link_to, edge_link, sizeof(plan.link_to));
	memcpy(plan.link_from, client_link, sizeof(plan.link_from));
	return plan;
}

static int lane_attach(const struct lane *lane, enum place place, __u32 device, const struct bpf_program *program)
{
	int error = enter(lane, place) ?: bpf_xdp_attach((int)device, bpf_program__fd(program), XDP_FLAGS_DRV_MODE, NULL);

	return error ? complain(lane, error, "cannot attach a program") : 0;
}

static int lane_attach_sink(const struct lane *lane)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)lane->devices[SINK_PLACE], .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(lane->bpf->progs.sink_tc));
	int error = enter(lane, SINK_PLACE);

	if (!error && is_xdp(lane))
		return lane_attach(lane, SINK_PLACE, lane->devices[SINK_PLACE], lane->bpf->progs.sink_xdp);
	if (!error)
		error = bpf_tc_hook_create(&hook);
	if (!error)
		error = bpf_tc_attach(&hook, &options);
	return error ? complain(lane, error, "cannot attach a program at the sink") : 0;
}

static int lane_fill_floor(const struct lane *lane, const struct plan *plan, __u32 flows)
{
	struct floor_fill fill = {
		.table = bpf_map__fd(lane->bpf->maps.floor4),
		.plan = plan,
		.client = CLIENTS,
		.to = flows,
		.port = BACKEND_PORT,
		.device = lane->rear,
	};
	int error;

	inet_pton(AF_INET, "10.0.1.11", fill.backend + 12);
	memcpy(fill.link, sink_link, sizeof(sink_link));
	memcpy(fill.link + 6, edge_rear_link, sizeof(edge_rear_link));
	error = floor_fill(&fill);
	return error ? complain(lane, error, "the floor's table") : 0;
}

/* The programs and the frame.  The sender's `out` is the client's device, the edge's own another. */
static int lane_prepare(struct lane *lane, __u32 flows)
{
	const struct plan plan = lane_plan(lane);
	struct frame frame;
	int error = 0;

	frame_build(&frame, &plan);
	memcpy(lane->bpf->bss->setup.frame, frame.bytes, FRAME4);
	lane->bpf->bss->setup.mask = flows - 1;
	lane->bpf->bss->setup.client = CLIENTS;
	lane->bpf->bss->out = lane->devices[CLIENT_PLACE];
	lane->bpf->bss->rear = lane->rear;
	if (!is(lane, "drop"))
		error = lane_attach_sink(lane);
	if (!error && is(lane, "floor"))
		error = lane_fill_floor(lane, &plan, flows);
	if (error)
		return error;
	if (is(lane, "drop"))
		return lane_attach(lane, EDGE_PLACE, lane->devices[EDGE_PLACE], lane->bpf->progs.edge_drop);
	if (is(lane, "redirect"))
		return lane_attach(lane, EDGE_PLACE, lane->devices[EDGE_PLACE], lane->bpf->progs.edge_redirect);
	if (is(lane, "floor"))
		return lane_attach(lane, EDGE_PLACE, lane->devices[EDGE_PLACE], lane->bpf->progs.edge_floor);
	return 0;
}

static __u64 clock_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/*
 * What arrives faster than it can be handled at once is left to a thread of the kernel's: its time counts too.
 * Returns a descriptor of its schedstat, whose first number is ns on the CPU, or -1 if it is not found.
 */
static int softirq_open(int cpu)
{
	char wanted[32], path[64];

	snprintf(wanted, sizeof(wanted), "ksoftirqd/%d\n", cpu);
	for (int pid = 2; pid < 1000; pid++) {
		char name[32] = "";
		_cleanup_fclose_ FILE *comm = NULL;

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		comm = fopen(path, "r");
		if (!comm || !fgets(name, sizeof(name), comm) || strcmp(name, wanted))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
		return open(path, O_RDONLY | O_CLOEXEC);
	}
	return -1;
}

static int softirq = -1;

static __u64 cpu_time(void)
{
	char text[64] = "";

	if (softirq >= 0 && pread(softirq, text, sizeof(text) - 1, 0) < 0)
		text[0] = '\0';
	return clock_now(CLOCK_THREAD_CPUTIME_ID) + strtoull(text, NULL, 10);
}

static int lane_burst(const struct lane *lane)
{
	__u8 frame[FRAME4] = {};
	struct xdp_md context = { .data_end = FRAME4, .ingress_ifindex = lane->devices[CLIENT_PLACE] };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = BURST, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = BATCH);

	return bpf_prog_test_run_opts(bpf_program__fd(lane->bpf->progs.generate), &run) ? -errno : 0;
}

/* @print  or only warm it up */
static int lane_send(const struct lane *lane, int round, int slice_ms, bool print)
{
	const __u64 cpu = cpu_time(), sent = lane->bpf->bss->sent, received = lane->bpf->bss->received;
	int error = enter(lane, CLIENT_PLACE);
	__u64 took = 0;

	do {
		lane->bpf->bss->first = 0;
		if (!error)
			error = lane_burst(lane);
		took += lane->bpf->bss->last - lane->bpf->bss->first;
	} while (!error && took < slice_ms * 1000000ULL);
	if (error)
		return complain(lane, error, "the kernel did not send live frames");
	if (is(lane, "floor") && lane->bpf->bss->missed)
		return complain(lane, -EPROTO, "the floor did not find flows");
	if (print)
		printf("%s\t%d\t%llu\t%llu\t%llu\t%llu\n", lane->name, round, (unsigned long long)(lane->bpf->bss->sent - sent),
		       (unsigned long long)(lane->bpf->bss->received - received), (unsigned long long)took,
		       (unsigned long long)(cpu_time() - cpu));
	return 0;
}

static void stay_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	softirq = softirq_open(sched_getcpu());
}

int live_run(const struct live_options *options, char *const *names, int count)
{
	struct lane lanes[LIVE_LANES] = {};
	int error = count <= LIVE_LANES ? 0 : -E2BIG;

	for (int i = 0; i < count && !error; i++) {
		char *prefix = strchr(names[i], '=');

		if (!prefix)
			return -EINVAL;
		*prefix = '\0';
		error = lane_open(&lanes[i], names[i], prefix + 1);
		if (!error)
			error = lane_prepare(&lanes[i], options->flows);
	}
	stay_on_one_cpu();
	for (int i = 0; i < count && !error; i++)
		error = lane_send(&lanes[i], 0, options->slice_ms, false);
	for (int round = 0; round < options->rounds && !error; round++)
		for (int i = 0; i < count && !error; i++)
			error = lane_send(&lanes[(i + round) % count], round, options->slice_ms, true);
	for (int i = 0; i < count; i++)
		live_bpf__destroy(lanes[i].bpf);
	return error;
}
