// SPDX-License-Identifier: GPL-2.0-only
#include "drive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "common/cleanup.h"
#include "floor_table.h"
#include "packet.skel.h"
#include "tests/packet/network.h"

static int complain(int error, const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(-error));
	return error;
}

int drive_open(struct drive *d, __u32 rows)
{
	int error;

	d->bpf = packet_bpf__open();
	if (!d->bpf)
		return complain(-errno, "the bench's own programs");
	bpf_map__set_max_entries(d->bpf->maps.floor4, rows);
	bpf_map__set_max_entries(d->bpf->maps.floor6, rows);
	error = packet_bpf__load(d->bpf);
	if (!error)
		return 0;
	drive_close(d);
	return complain(error, "the kernel does not take the bench's own programs");
}

void drive_close(struct drive *d)
{
	packet_bpf__destroy(d->bpf);
	d->bpf = NULL;
}

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* Tells the trampoline what to do. */
static int drive_setup(struct drive *d, const struct shot *shot, struct frame *frame)
{
	struct bench_setup *setup = &d->bpf->bss->setup;
	const struct bpf_map *slot = shot->hook == DRIVE_XDP ? d->bpf->maps.xdp_program : d->bpf->maps.tc_program;
	struct plan plan = shot->plan;
	__u32 only = 0;

	frame_build(frame, &plan);
	plan.padding = (plan.ipv6 ? FRAME6 : FRAME4) - frame->length;
	frame_build(frame, &plan);
	memcpy(setup->frame, frame->bytes, frame->length);
	setup->client = shot->client;
	setup->mask = shot->flows - 1;
	setup->walk = shot->walk;
	setup->back = shot->back;
	setup->vary = shot->vary;
	d->bpf->bss->state.next = shot->first;
	return bpf_map_update_elem(bpf_map__fd(slot), &only, &shot->program, BPF_ANY) ? -errno : 0;
}

static int drive_trampoline(const struct drive *d, const struct shot *shot)
{
	const struct bpf_program *xdp = shot->plan.ipv6 ? d->bpf->progs.trampoline_xdp6 : d->bpf->progs.trampoline_xdp4;
	const struct bpf_program *tc = shot->plan.ipv6 ? d->bpf->progs.trampoline_tc6 : d->bpf->progs.trampoline_tc4;

	return bpf_program__fd(shot->hook == DRIVE_XDP ? xdp : tc);
}

int drive_run(struct drive *d, const struct shot *shot, struct shot_result *ret)
{
	struct frame frame;
	struct xdp_md xdp = { .ingress_ifindex = shot->device };
	struct __sk_buff skb = { .ifindex = shot->device };
	struct bench_state before;
	LIBBPF_OPTS(bpf_test_run_opts, run, .repeat = (int)shot->repeat);
	int error = drive_setup(d, shot, &frame);
	double began;

	if (error)
		return complain(error, "the program cannot be called by the trampoline");
	before = d->bpf->bss->state;
	xdp.data_end = frame.length;
	run.data_in = frame.bytes;
	run.data_size_in = frame.length;
	run.ctx_in = shot->hook == DRIVE_XDP ? (void *)&xdp : (void *)&skb;
	run.ctx_size_in = shot->hook == DRIVE_XDP ? sizeof(xdp) : sizeof(skb);
	began = cpu_ns();
	if (bpf_prog_test_run_opts(drive_trampoline(d, shot), &run))
		return complain(-errno, "the kernel did not run the program");
	ret->ns = (cpu_ns() - began) / shot->repeat;
	ret->answer = (int)run.retval;
	ret->missed = d->bpf->bss->state.missed - before.missed;
	if (d->bpf->bss->state.runs - before.runs != shot->repeat || d->bpf->bss->state.lost != before.lost)
		return complain(-EPROTO, "the program under test did not run in every repetition");
	return 0;
}

int drive_floor_fill(struct drive *d, const struct plan *plan, __u32 client, __u32 from, __u32 to)
{
	struct floor_fill fill = {
		.table = bpf_map__fd(plan->ipv6 ? d->bpf->maps.floor6 : d->bpf->maps.floor4),
		.plan = plan,
		.client = client,
		.from = from,
		.to = to,
		.port = 8443,
		.device = network_device(REAR),
	};
	int error;

	network_address(BLUE, plan->ipv6, fill.backend);
	network_next_hop(BLUE, fill.link);
	network_link_address(REAR, fill.link + 6);
	error = floor_fill(&fill);
	return error ? complain(error, "the floor's table") : 0;
}

/* Runs an iterator over the table to its end.  Returns 0 or a negative errno. */
static int iterate(const struct bpf_program *program, int table)
{
	union bpf_iter_link_info over = { .map.map_fd = table };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &over, .link_info_len = sizeof(over));
	struct bpf_link *link = bpf_program__attach_iter(program, &options);
	int error = link ? 0 : -errno;
	char text[256];
	ssize_t size;

	if (link) {
		_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(link));

		do
			size = fd < 0 ? -1 : read(fd, text, sizeof(text));
		while (size > 0 || (size < 0 && errno == EAGAIN));
		error = size < 0 ? -errno : 0;
	}
	bpf_link__destroy(link);
	return error ? complain(error, "cannot walk over the flows") : 0;
}

int drive_stamp(struct drive *d, int table, __u64 seen)
{
	d->bpf->bss->stamp = seen;
	return iterate(d->bpf->progs.flows_stamp, table);
}

int drive_written(struct drive *d, int table, __u64 *ret)
{
	int error;

	d->bpf->bss->written = 0;
	error = iterate(d->bpf->progs.flows_written, table);
	*ret = d->bpf->bss->written;
	return error;
}
