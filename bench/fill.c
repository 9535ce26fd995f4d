// SPDX-License-Identifier: GPL-2.0-only
#include "fill.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"
#include "drive.h"
#include "table/service.h"

#define CHUNK 16384 /* flows at a time: as many pending rows at once */

/* The program that is attached there, by its pinned link.  Returns a descriptor or a negative errno. */
static int program_open(const char *pin_dir, const char *device, const char *hook)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int link = -1;
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	int program;

	if (asprintf(&path, "%s/links/%s:%s", pin_dir, device, hook) < 0)
		return -ENOMEM;
	link = bpf_obj_get(path);
	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &size))
		return -errno;
	program = bpf_prog_get_fd_by_id(info.prog_id);
	return program < 0 ? -errno : program;
}

static int opened(const char *pin_dir, __u64 *ret)
{
	_cleanup_tables_ struct tables *t = NULL;
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count = 0;
	struct error e = {};
	int error = tables_open(pin_dir, &t, &e);

	if (!error)
		error = backend_list(t, 0, &list, &count, &e);
	if (error)
		fprintf(stderr, "bench: %s\n", e.text);
	*ret = 0;
	for (unsigned int i = 0; i < count; i++)
		*ret += list[i].counters.opened;
	return error;
}

static int flows_make(struct drive *d, const struct fill_options *o, int program, enum drive_hook hook)
{
	struct shot shot = { .hook = hook, .program = program, .client = CLIENTS, .walk = true, .flows = 1 };
	struct shot_result ignored;

	for (__u32 from = o->from; from < o->to; from += CHUNK) {
		shot.first = from;
		shot.repeat = o->to - from < CHUNK ? o->to - from : CHUNK;
		for (int step = 0; step < 3; step++) {
			struct plan plan = { .source_port = FIRST_PORT, .destination_port = o->listen.port };
			int error;

			memset(plan.source + 10, 0xff, 2);
			memcpy(plan.destination, o->listen.address, sizeof(plan.destination));
			plan.flags = step == 0 ? SYN : step == 1 ? SYN | ACK : ACK;
			plan.sequence = step == 1 ? FLOW_ANSWER : FLOW_SEQUENCE + (step == 2);
			plan.acknowledged = step == 0 ? 0 : step == 1 ? FLOW_SEQUENCE + 1 : FLOW_ANSWER + 1;
			if (step == 1) {
				memcpy(plan.destination, plan.source, sizeof(plan.destination));
				memcpy(plan.source, o->backend.address, sizeof(plan.source));
				plan.source_port = o->backend.port;
				plan.destination_port = FIRST_PORT;
			}
			shot.plan = plan;
			shot.back = step == 1;
			shot.device = if_nametoindex(step == 1 ? o->rear : o->front);
			error = drive_run(d, &shot, &ignored);
			if (error)
				return error;
		}
	}
	return 0;
}

int fill_run(const struct fill_options *o)
{
	int xdp = program_open(o->pin_dir, o->front, "xdp"), tc = program_open(o->pin_dir, o->front, "ingress");
	struct drive d = {};
	__u64 before, after;
	int error;

	if (xdp < 0 && tc < 0) {
		fprintf(stderr, "bench: no program of teal's is attached at %s: %s\n", o->front, strerror(-tc));
		return tc;
	}
	error = opened(o->pin_dir, &before);
	if (!error)
		error = drive_open(&d, 1);
	if (!error)
		error = flows_make(&d, o, xdp >= 0 ? xdp : tc, xdp >= 0 ? DRIVE_XDP : DRIVE_INGRESS);
	drive_close(&d);
	if (!error)
		error = opened(o->pin_dir, &after);
	if (!error && after - before != o->to - o->from) {
		fprintf(stderr, "bench: of %u flows %llu were confirmed\n", o->to - o->from,
			(unsigned long long)(after - before));
		error = -EPROTO;
	}
	close_p(&xdp);
	close_p(&tc);
	return error;
}
