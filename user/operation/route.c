// SPDX-License-Identifier: GPL-2.0-only
#include "operation/route.h"

#include <errno.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "common/address.h"

static int route_answer(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *field;
	unsigned int *index = data;

	mnl_attr_for_each(field, message, sizeof(struct rtmsg))
		if (mnl_attr_get_type(field) == RTA_OIF)
			*index = mnl_attr_get_u32(field);
	return MNL_CB_STOP; /* the answer is one message */
}

static int route_ask(struct mnl_socket *socket, struct nlmsghdr *message, unsigned int *ret_index)
{
	char answer[8192];
	ssize_t size;

	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -errno;
	size = mnl_socket_recvfrom(socket, answer, sizeof(answer));
	if (size < 0 || mnl_cb_run(answer, size, message->nlmsg_seq, mnl_socket_get_portid(socket), route_answer,
				   ret_index) < 0)
		return -errno;
	return *ret_index ? 0 : -ENETUNREACH;
}

int route_device(const __u8 address[16], unsigned int *ret_index)
{
	const bool ipv4 = address_is_ipv4(address);
	struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct rtmsg *route;
	int error;

	if (!socket)
		return -errno;
	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = 1;
	route = mnl_nlmsg_put_extra_header(message, sizeof(*route));
	route->rtm_family = ipv4 ? AF_INET : AF_INET6;
	route->rtm_dst_len = ipv4 ? 32 : 128;
	mnl_attr_put(message, RTA_DST, ipv4 ? 4 : 16, ipv4 ? address + 12 : address);
	*ret_index = 0;
	error = route_ask(socket, message, ret_index);
	mnl_socket_close(socket);
	return error;
}
