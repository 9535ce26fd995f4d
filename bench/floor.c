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

static struct floor_row row_of(const struct floor_fill *f)
{
	const size_t width = f->plan->ipv6 ? 16 : 4;
	const __u8 *from = f->plan->destination + 16 - width, *to = f->backend + 16 - width;
	struct floor_row row = {
		.port = htons(f->port),
		.device = f->device,
		.delta = delta(frame_sum(f->port, to, width), frame_sum(f->plan->destination_port, from, width)),
		.network_delta = delta(frame_sum(0, to, width), frame_sum(0x100, from, width)),
	};

	memcpy(row.link, f->link, sizeof(row.link));
	return row;
}

static int put4(const struct floor_fill *f, __u32 flow)
{
	struct floor_key4 key = {
		.source = htonl(flow_client(f->client, flow)),
		.source_port = htons(flow_port(flow)),
		.destination_port = htons(f->plan->destination_port),
		.protocol = TCP,
	};
	struct floor_row4 row = { .row = row_of(f) };

	memcpy(&key.destination, f->plan->destination + 12, sizeof(key.destination));
	memcpy(row.address, f->backend + 12, sizeof(row.address));
	return bpf_map_update_elem(f->table, &key, &row, BPF_ANY) ? -errno : 0;
}

static int put6(const struct floor_fill *f, __u32 flow)
{
	struct floor_key6 key = {
		.source_port = htons(flow_port(flow)),
		.destination_port = htons(f->plan->destination_port),
		.protocol = TCP,
	};
	struct floor_row6 row = { .row = row_of(f) };

	memcpy(key.source, f->plan->source, 12);
	key.source[3] = htonl(flow_client(f->client, flow));
	memcpy(key.destination, f->plan->destination, sizeof(key.destination));
	memcpy(row.address, f->backend, sizeof(row.address));
	return bpf_map_update_elem(f->table, &key, &row, BPF_ANY) ? -errno : 0;
}

int floor_fill(const struct floor_fill *f)
{
	int error = 0;

	for (__u32 flow = f->from; flow < f->to && !error; flow++)
		error = f->plan->ipv6 ? put6(f, flow) : put4(f, flow);
	return error;
}
