// SPDX-License-Identifier: GPL-2.0-only
#include "floor_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "floor.h"
#include "flow.h"

static __u16 delta(__u32 sum_new, __u32 sum_old)
{
	__u32 sum = sum_new + (0xffff - sum_old);

	return htons((sum & 0xffff) + (sum >> 16));
}

static struct floor_row row_of(const struct floor_fill *f, size_t width)
{
	const __u8 *from = f->plan->destination + 16 - width, *to = f->backend + 16 - width;
	struct floor_row row = {
		.port = htons(f->port),
		.device = f->device,
		.delta = delta(frame_sum(f->port, to, width), frame_sum(f->plan->destination_port, from, width)),
		.network_delta = delta(frame_sum(0, to, width), frame_sum(0x100, from, width)),
	};

	memcpy(row.link, f->link, sizeof(row.link));
	memcpy(row.address, to, width);
	return row;
}

static struct floor_key key_of(const struct floor_fill *f, size_t width, __u32 flow)
{
	const __be32 client = htonl(flow_client(f->client, flow));
	struct floor_key key = {
		.source_port = htons(flow_port(flow)),
		.destination_port = htons(f->plan->destination_port),
		.protocol = f->plan->protocol ?: TCP,
	};
	__u8 *addresses = (__u8 *)key.addresses;

	memcpy(addresses, f->plan->source + 16 - width, width);
	memcpy(addresses + width - sizeof(client), &client, sizeof(client));
	memcpy(addresses + width, f->plan->destination + 16 - width, width);
	return key;
}

int floor_fill(const struct floor_fill *f)
{
	const size_t width = f->plan->ipv6 ? 16 : 4;
	const struct floor_row row = row_of(f, width);

	for (__u32 flow = f->from; flow < f->to; flow++) {
		const struct floor_key key = key_of(f, width, flow);

		if (bpf_map_update_elem(f->table, &key, &row, BPF_ANY))
			return -errno;
	}
	return 0;
}
