// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/capability.h"

#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"
#include "daemon/netdev.h"
#include "teal.skel.h"
#include "teal/tables.h"

/*
 * On kernels that do not tell, only where teal's own program runs in the driver and the far end is a wire; and before
 * Linux 6.3, when they began to, none redirects a frame in several buffers (net/core/filter.c: xdp_do_redirect()).
 */
static __u32 can_redirect_xdp(const struct netdev *device)
{
	const __u64 several = NETDEV_XDP_NDO_XMIT | NETDEV_XDP_NDO_XMIT_SG;

	if (device->features_known)
		return (device->xdp_features & several) == several ? 2 : !!(device->xdp_features & NETDEV_XDP_NDO_XMIT);
	return strcmp(device->driver, "veth") && netdev_xdp_mode(device->index) == XDP_ATTACHED_DRV;
}

/* A veth forgets to tell its far end of a transmitted frame, unless an XDP program runs there too. */
static bool can_transmit_xdp(const struct netdev *device)
{
	return strcmp(device->driver, "veth") && netdev_xdp_mode(device->index) == XDP_ATTACHED_DRV;
}

int capability_write(struct teal_bpf *bpf)
{
	_cleanup_free_ struct netdev *list = NULL;
	int table = bpf_map__fd(bpf->maps.devices);
	unsigned int count = 0;
	__u32 key, next;
	int error = netdev_list(&list, &count);

	if (error)
		return error;
	for (error = bpf_map_get_next_key(table, NULL, &next); !error;
	     error = bpf_map_get_next_key(table, &key, &next)) {
		bool exists = false;

		key = next;
		for (unsigned int i = 0; i < count && !exists; i++)
			exists = list[i].index == key;
		if (!exists)
			bpf_map_delete_elem(table, &key);
	}
	for (unsigned int i = 0; i < count; i++) {
		const struct teal_device row = {
			.can_redirect_xdp = can_redirect_xdp(&list[i]),
			.can_redirect_tc = list[i].is_ethernet,
			.can_transmit_xdp = can_transmit_xdp(&list[i]),
		};

		if (bpf_map_update_elem(table, &list[i].index, &row, BPF_ANY))
			return -errno;
	}
	return 0;
}
