// SPDX-License-Identifier: GPL-2.0-only
#include "redirect.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/types.h>

#include "flow.h"
#include "live.skel.h"

static int redirect_attach(const char *from, const char *to)
{
	struct live_bpf *bpf = live_bpf__open_and_load();
	const __u32 device = if_nametoindex(from);
	int error = -errno;

	if (bpf && device) {
		bpf->bss->rear = if_nametoindex(to);
		error = bpf_xdp_attach((int)device, bpf_program__fd(bpf->progs.edge_redirect), XDP_FLAGS_DRV_MODE, NULL);
	}
	live_bpf__destroy(bpf);
	if (error)
		fprintf(stderr, "bench: no redirect from %s to %s: %s\n", from, to, strerror(-error));
	return error;
}

int redirect_run(const char *front, const char *rear)
{
	return redirect_attach(front, rear) ?: redirect_attach(rear, front);
}
