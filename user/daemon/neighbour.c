// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/neighbour.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "daemon/log.h"
#include "daemon/netdev.h"

#define LOOK_MS 2000
#define ROWS_AT_ONCE 256

/* Where redirected frames went: the device, and the link address that stood in them. */
struct hop {
	__u32 device;
	__u8 address[6];
	__u8 pad[2];
};

struct hops {
	struct hop *list;
	unsigned int count, room;
};

static int hop_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hop));
}

static int hops_add(struct hops *hops, const struct teal_nexthop *row)
{
	struct hop hop = { .device = row->to_device };
	struct hop *more;

	memcpy(hop.address, row->destination, sizeof(hop.address));
	if (hops->count && !hop_compare(&hop, &hops->list[hops->count - 1]))
		return 0; /* as another CPU said, most likely */
	if (hops->count == hops->room) {
		more = reallocarray(hops->list, hops->room * 2 + 64, sizeof(*more));
		if (!more)
			return -ENOMEM;
		hops->list = more;
		hops->room = hops->room * 2 + 64;
	}
	hops->list[hops->count++] = hop;
	return 0;
}

/* Adds what the data path has asked the routing tables for since then: it does so every few ms while there is traffic. */
static int hops_read(const struct tables *t, enum table table, __u64 since, struct hops *hops)
{
	_cleanup_free_ struct teal_nexthop *rows = calloc((size_t)ROWS_AT_ONCE * t->cpus, sizeof(*rows));
	__u32 keys[ROWS_AT_ONCE], position, count, *from = NULL;
	int error = 0, ended = 0;

	if (!rows)
		return -ENOMEM;
	for (; !error && !ended; from = &position) {
		count = ROWS_AT_ONCE;
		ended = bpf_map_lookup_batch(t->fd[table], from, &position, keys, rows, &count, NULL);
		if (ended && errno != ENOENT)
			return -errno;
		for (size_t i = 0; i < (size_t)count * t->cpus && !error; i++)
			if (rows[i].until > since && (rows[i].verdict == TEAL_SENT_IN || rows[i].verdict == TEAL_SENT_BACK))
				error = hops_add(hops, &rows[i]);
	}
	return error;
}

struct search {
	const struct hops *hops;
	struct mnl_socket *socket;
};

/*
 * "Somebody sends to it", and no more: nothing is made or changed.  The kernel does not confirm that, and that a neighbour
 * is gone by now (all that it could complain of) does not matter.
 */
static void neighbour_use(struct mnl_socket *socket, const struct ndmsg *neighbour, const struct nlattr *address)
{
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ndmsg *use;

	message->nlmsg_type = RTM_NEWNEIGH;
	message->nlmsg_flags = NLM_F_REQUEST;
	use = mnl_nlmsg_put_extra_header(message, sizeof(*use));
	use->ndm_family = neighbour->ndm_family;
	use->ndm_ifindex = neighbour->ndm_ifindex;
	use->ndm_flags = NTF_USE | (neighbour->ndm_flags & NTF_EXT_LEARNED); /* left out, it would be taken away */
	mnl_attr_put(message, NDA_DST, mnl_attr_get_payload_len(address), mnl_attr_get_payload(address));
	mnl_socket_sendto(socket, message, message->nlmsg_len);
}

static int neighbour_answer(const struct nlmsghdr *message, void *data)
{
	const struct ndmsg *neighbour = mnl_nlmsg_get_payload(message);
	const struct nlattr *field, *address = NULL, *link = NULL;
	struct hop hop = { .device = neighbour->ndm_ifindex };
	const struct search *search = data;

	if (neighbour->ndm_state != NUD_STALE)
		return MNL_CB_OK;
	mnl_attr_for_each(field, message, sizeof(*neighbour)) {
		if (mnl_attr_get_type(field) == NDA_DST)
			address = field;
		else if (mnl_attr_get_type(field) == NDA_LLADDR)
			link = field;
		else if (mnl_attr_get_type(field) == NDA_FLAGS_EXT && mnl_attr_get_u32(field) & NTF_EXT_MANAGED)
			return MNL_CB_OK; /* the kernel asks it without being told */
	}
	if (!address || !link || mnl_attr_get_payload_len(link) != sizeof(hop.address))
		return MNL_CB_OK;
	memcpy(hop.address, mnl_attr_get_payload(link), sizeof(hop.address));
	if (bsearch(&hop, search->hops->list, search->hops->count, sizeof(hop), hop_compare))
		neighbour_use(search->socket, neighbour, address);
	return MNL_CB_OK;
}

/* Goes through the kernel's neighbours.  Returns 0 or a negative errno. */
static int neighbours_use(const struct hops *hops)
{
	struct search search = { .hops = hops, .socket = mnl_socket_open(NETLINK_ROUTE) };
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ndmsg *all;
	int error;

	if (!search.socket)
		return -errno;
	message->nlmsg_type = RTM_GETNEIGH;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	all = mnl_nlmsg_put_extra_header(message, sizeof(*all));
	all->ndm_family = AF_UNSPEC;
	error = netdev_request(NETLINK_ROUTE, message, neighbour_answer, &search);
	mnl_socket_close(search.socket);
	return error;
}

static void neighbours_look(uv_timer_t *timer)
{
	struct neighbours *n = timer->data;
	const __u64 now = table_clock();
	struct hops hops = {};
	int error = hops_read(n->tables, TABLE_nexthops, n->looked_at, &hops);

	if (!error)
		error = hops_read(n->tables, TABLE_nexthops_back, n->looked_at, &hops);
	if (!error && hops.count) {
		qsort(hops.list, hops.count, sizeof(*hops.list), hop_compare);
		error = neighbours_use(&hops);
	}
	free(hops.list);
	if (error && error != n->error)
		log_error("cannot tell the kernel which neighbours are in use: %s", strerror(-error));
	n->error = error;
	n->looked_at = now;
}

void neighbours_watch(uv_loop_t *loop, const struct tables *t, struct neighbours *n)
{
	*n = (struct neighbours){ .tables = t, .looked_at = table_clock() };
	uv_timer_init(loop, &n->timer);
	n->timer.data = n;
	uv_timer_start(&n->timer, neighbours_look, LOOK_MS, LOOK_MS);
}
