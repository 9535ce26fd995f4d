// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/sweep.h"

#include <errno.h>
#include <sched.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/cleanup.h"
#include "teal.skel.h"

struct sweep {
	struct bpf_link *links[2];
};

static int table_attach(struct bpf_program *program, struct bpf_map *table, struct bpf_link **ret)
{
	union bpf_iter_link_info target = { .map.map_fd = bpf_map__fd(table) };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &target, .link_info_len = sizeof(target));

	*ret = bpf_program__attach_iter(program, &options);
	return *ret ? 0 : -errno;
}

int sweep_new(struct teal_bpf *bpf, struct sweep **ret)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));
	int error = sweep ? table_attach(bpf->progs.teal_sweep4, bpf->maps.flows4, &sweep->links[0]) : -ENOMEM;

	if (!error)
		error = table_attach(bpf->progs.teal_sweep6, bpf->maps.flows6, &sweep->links[1]);
	if (error) {
		sweep_free(sweep);
		return error;
	}
	*ret = sweep;
	return 0;
}

int sweep_table(struct sweep *sweep, bool ipv6)
{
	_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(sweep->links[ipv6]));
	char rest; /* reading to the end is what runs the walk; one byte at a time is what breaks it off again and again */
	ssize_t size;

	if (fd < 0)
		return -errno;
	while ((size = read(fd, &rest, sizeof(rest))) > 0 || (size < 0 && errno == EAGAIN))
		sched_yield(); /* whoever waits for this CPU, or for a grace period, does not wait for the whole walk */
	return size < 0 ? -errno : 0;
}

void sweep_free(struct sweep *sweep)
{
	if (!sweep)
		return;
	bpf_link__destroy(sweep->links[0]);
	bpf_link__destroy(sweep->links[1]);
	free(sweep);
}
