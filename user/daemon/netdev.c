// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "common/cleanup.h"

/* include/uapi/linux/netdev.h, which Debian 12's headers do not have yet. */
#define NETDEV_FAMILY "netdev"
#define NETDEV_GROUP "mgmt"
enum { NETDEV_CMD_DEV_GET = 1 };
enum { NETDEV_A_DEV_IFINDEX = 1, NETDEV_A_DEV_XDP_FEATURES = 3 };

static void mnl_close_p(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}
#define _cleanup_mnl_ __attribute__((cleanup(mnl_close_p)))

int netdev_request(int bus, struct nlmsghdr *message, netdev_answer *answer, void *data)
{
	_cleanup_mnl_ struct mnl_socket *socket = mnl_socket_open(bus);
	char buffer[32768];
	unsigned int port;
	ssize_t size;
	int more = MNL_CB_OK;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	port = mnl_socket_get_portid(socket);
	message->nlmsg_seq = time(NULL);
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		more = size < 0 ? -1 : mnl_cb_run(buffer, size, message->nlmsg_seq, port, answer, data);
	}
	return more < 0 ? -errno : 0;
}

struct family {
	__u16 id;
	__u32 group; /* of the notifications, 0: none */
};

static int group_answer(const struct nlattr *groups, struct family *family)
{
	const struct nlattr *group, *field;

	mnl_attr_for_each_nested(group, groups) {
		const char *name = "";
		__u32 id = 0;

		mnl_attr_for_each_nested(field, group) {
			if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GRP_NAME)
				name = mnl_attr_get_str(field);
			else if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GRP_ID)
				id = mnl_attr_get_u32(field);
		}
		if (!strcmp(name, NETDEV_GROUP))
			family->group = id;
	}
	return MNL_CB_OK;
}

static int family_answer(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *field;
	struct family *family = data;

	mnl_attr_for_each(field, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(field) == CTRL_ATTR_FAMILY_ID)
			family->id = mnl_attr_get_u16(field);
		else if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GROUPS)
			group_answer(field, family);
	}
	return MNL_CB_OK;
}

/* A generic netlink request in `buffer`, without its attributes. */
static struct nlmsghdr *generic_request(char *buffer, __u16 family, __u16 flags, __u8 command)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *generic;

	message->nlmsg_type = family;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));
	generic->cmd = command;
	generic->version = 1;
	return message;
}

/* What the generic netlink family of devices is called in this kernel.  Returns 0, or -ENOENT before Linux 6.3. */
static int family_find(struct family *ret)
{
	char buffer[256];
	struct nlmsghdr *message = generic_request(buffer, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY);

	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	*ret = (struct family){};
	return netdev_request(NETLINK_GENERIC, message, family_answer, ret);
}

struct list {
	struct netdev *devices;
	unsigned int count;
};

static int link_answer(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct list *list = data;
	struct netdev *more = realloc(list->devices, (list->count + 1) * sizeof(*more)), *device;
	const struct nlattr *field;

	if (!more)
		return MNL_CB_ERROR;
	list->devices = more;
	device = &more[list->count++];
	*device = (struct netdev){ .index = info->ifi_index, .is_ethernet = info->ifi_type == ARPHRD_ETHER };
	mnl_attr_for_each(field, message, sizeof(*info))
		if (mnl_attr_get_type(field) == IFLA_IFNAME)
			strncpy(device->name, mnl_attr_get_str(field), sizeof(device->name) - 1);
	return MNL_CB_OK;
}

static int features_answer(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *field;
	struct list *list = data;
	__u64 features = 0;
	__u32 index = 0;

	mnl_attr_for_each(field, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(field) == NETDEV_A_DEV_IFINDEX)
			index = mnl_attr_get_u32(field);
		else if (mnl_attr_get_type(field) == NETDEV_A_DEV_XDP_FEATURES)
			features = mnl_attr_get_u64(field);
	}
	for (unsigned int i = 0; i < list->count; i++) {
		if (list->devices[i].index != index)
			continue;
		list->devices[i].xdp_features = features;
		list->devices[i].features_known = true;
	}
	return MNL_CB_OK;
}

#define TRIES 20 /* to list the devices without one coming or going meanwhile: the kernel then breaks the list off */

static int links_ask(struct list *list)
{
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;

	message->nlmsg_type = RTM_GETLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	return netdev_request(NETLINK_ROUTE, message, link_answer, list);
}

static int links_read(struct list *list)
{
	int error = -EINTR;

	for (int tries = 0; tries < TRIES && error == -EINTR; tries++) {
		list->count = 0;
		error = links_ask(list);
	}
	return error;
}

static void features_read(struct list *list)
{
	char buffer[256];
	struct family family;

	if (!family_find(&family))
		netdev_request(NETLINK_GENERIC, generic_request(buffer, family.id, NLM_F_DUMP, NETDEV_CMD_DEV_GET),
			       features_answer, list);
}

static void driver_read(int socket, struct netdev *device)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ask = { .ifr_data = (void *)&info };

	memcpy(ask.ifr_name, device->name, sizeof(ask.ifr_name));
	if (!ioctl(socket, SIOCETHTOOL, &ask))
		memcpy(device->driver, info.driver, sizeof(device->driver) - 1);
}

int netdev_list(struct netdev **ret, unsigned int *ret_count)
{
	_cleanup_close_ int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct list list = {};
	int error = links_read(&list);

	if (error) {
		free(list.devices);
		return error;
	}
	features_read(&list);
	for (unsigned int i = 0; i < list.count; i++)
		driver_read(socket_fd, &list.devices[i]);
	*ret = list.devices;
	*ret_count = list.count;
	return 0;
}

__u8 netdev_xdp_mode(__u32 index)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	return bpf_xdp_query(index, 0, &query) ? XDP_ATTACHED_NONE : query.attach_mode;
}

/* A socket that hears of one multicast group.  It outlives its mnl wrapper. */
static int watch(int bus, __u32 group)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus);
	int made;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		return -errno;
	made = fd;
	fd = -1;
	return made;
}

int netdev_watch_links(void)
{
	return watch(NETLINK_ROUTE, RTNLGRP_LINK);
}

int netdev_watch_features(void)
{
	struct family family;

	return family_find(&family) || !family.group ? -ENOTSUP : watch(NETLINK_GENERIC, family.group);
}

void netdev_drain(int fd)
{
	char buffer[8192];

	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
}
