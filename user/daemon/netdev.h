/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says of network devices, and that something about them has changed. */
#ifndef TEAL_NETDEV_H
#define TEAL_NETDEV_H

#include <stdbool.h>

#include <linux/types.h>

struct netdev {
	__u32 index;
	char name[16];
	char driver[32];   /* empty: unknown */
	bool is_ethernet;
	__u64 xdp_features; /* the kernel's enum netdev_xdp_act; valid if `features_known` (Linux 6.3 and newer) */
	bool features_known;
};

#define NETDEV_XDP_BASIC 1ULL	  /* takes an XDP program of its own */
#define NETDEV_XDP_REDIRECT 2ULL  /* whose frames may go to other devices */
#define NETDEV_XDP_NDO_XMIT 4ULL  /* takes frames that others redirect to it, now */
#define NETDEV_XDP_NDO_XMIT_SG 64ULL /* those that are in several buffers too */

struct nlmsghdr;
typedef int netdev_answer(const struct nlmsghdr *message, void *data); /* returns one of MNL_CB_* */

/* One netlink request, and `answer` for each message that comes back.  Returns 0 or a negative errno. */
int netdev_request(int bus, struct nlmsghdr *message, netdev_answer *answer, void *data);

/* All devices of this network namespace; give *ret to free().  Returns 0 or a negative errno. */
int netdev_list(struct netdev **ret, unsigned int *ret_count);

/* How an XDP program is attached there: XDP_ATTACHED_DRV, XDP_ATTACHED_SKB..., XDP_ATTACHED_NONE if that cannot be told. */
__u8 netdev_xdp_mode(__u32 index);

/*
 * Descriptors that become readable when a link or its XDP features change; netdev_drain() empties one.
 * netdev_watch_features() returns -ENOTSUP on kernels without them.  Both return a descriptor or a negative errno.
 */
int netdev_watch_links(void);
int netdev_watch_features(void);
void netdev_drain(int fd);

#endif
