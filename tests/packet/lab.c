// SPDX-License-Identifier: GPL-2.0-only
#include "lab.h"
#include "common/clock.h"
#include "common/kernel.h"
#include "percpu.h"
#include "teal.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void lab_must(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "packet: %s: %s\n", what, strerror(errno));
	exit(1);
}

int lab_table_fd(const struct lab *lab, enum lab_table table)
{
	const struct bpf_map *maps[] = { lab->bpf->maps.flows4,	       lab->bpf->maps.flows6,
					 lab->bpf->maps.pending4,      lab->bpf->maps.pending6,
					 lab->bpf->maps.snat4,	       lab->bpf->maps.snat6,
					 lab->bpf->maps.snat_pending4, lab->bpf->maps.snat_pending6,
					 lab->bpf->maps.fragments };

	return bpf_map__fd(maps[table]);
}

__u64 lab_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * LAB_SECOND + now.tv_nsec;
}

__u16 lab_service(bool ipv6, __u8 protocol)
{
	return 1 + ipv6 * 2 + (protocol == UDP);
}

__u32 lab_backend(enum host host, bool ipv6, __u8 protocol)
{
	return host ? host * 4 + ipv6 * 2 + (protocol == UDP) : 0;
}

enum host lab_backend_host(__u32 backend)
{
	return backend < LAB_BACKENDS ? (enum host)(backend / 4) : NOBODY;
}

static __u16 sum_difference(__u16 more, __u16 less)
{
	__u32 sum = more + (0xffffU - less);

	return htons((sum & 0xffff) + (sum >> 16));
}

void lab_deltas(struct teal_backend *backend)
{
	backend->address_delta = sum_difference(frame_sum(0, backend->address, 16), frame_sum(0, backend->vip, 16));
	backend->port_delta = sum_difference(backend->port, backend->vip_port);
}

/* A row once more, where its key hashes to.  The lab's addresses are such that no two of them share a place. */
static void fill_slot(const struct lab *lab, const struct bpf_map *map, __u32 slots, const struct teal_slot *slot)
{
	__u32 place = teal_slot_of(&slot->key, slots);
	struct teal_slot there;

	lab_must(bpf_map__lookup_elem(map, &place, sizeof(place), &there, sizeof(there), 0), bpf_map__name(map));
	if (!lab->is_filled && there.key.address[15] && memcmp(&there.key, &slot->key, sizeof(there.key))) {
		fprintf(stderr, "packet: two keys share a place in %s: choose other addresses\n", bpf_map__name(map));
		exit(1);
	}
	lab_must(bpf_map__update_elem(map, &place, sizeof(place), slot, sizeof(*slot), BPF_ANY), bpf_map__name(map));
}

static void fill_backend(struct lab *lab, enum host host, bool ipv6, bool udp, bool has_source)
{
	struct teal_backend row = {
		.port = udp ? DNS_BACKEND_PORT : WEB_BACKEND_PORT,
		.vip_port = udp ? DNS_PORT : WEB_PORT,
		.service = lab_service(ipv6, udp ? UDP : TCP),
		.protocol = udp ? TEAL_UDP : TEAL_TCP,
		.color = host == GREEN ? TEAL_GREEN : TEAL_BLUE,
		.health = TEAL_UP,
	};
	struct teal_service_key key = { .port = row.port, .protocol = row.protocol };
	__u32 id = lab_backend(host, ipv6, udp ? UDP : TCP);
	struct teal_endpoint endpoint = { .backend = id, .service = row.service, .has_source = has_source };

	network_address(host, ipv6, row.address);
	network_address(VIP, ipv6, row.vip);
	lab_deltas(&row);
	memcpy(key.address, row.address, sizeof(key.address));
	lab_must(bpf_map__update_elem(lab->bpf->maps.backends, &id, sizeof(id), &row, sizeof(row), BPF_ANY), "backends");
	lab_must(bpf_map__update_elem(lab->bpf->maps.endpoints, &key, sizeof(key), &endpoint, sizeof(endpoint), BPF_ANY),
	     "endpoints");
	fill_slot(lab, lab->bpf->maps.endpoint_slots, TEAL_ENDPOINT_SLOTS,
		  &(struct teal_slot){ .key = key, .endpoint = endpoint });
}

static void fill_vip(struct lab *lab, bool ipv6, __u16 port, enum teal_protocol protocol, __u16 flags)
{
	struct teal_service_key key = { .port = port, .protocol = protocol };
	struct teal_service row = { .id = protocol ? lab_service(ipv6, protocol) : 0, .flags = flags };

	network_address(VIP, ipv6, key.address);
	lab_must(bpf_map__update_elem(lab->bpf->maps.services, &key, sizeof(key), &row, sizeof(row), BPF_ANY),
		 "services");
	fill_slot(lab, lab->bpf->maps.service_slots, TEAL_SERVICE_SLOTS,
		  &(struct teal_slot){ .key = key, .service = row });
}

void lab_flags(struct lab *lab, __u16 service, __u16 flags)
{
	const bool ipv6 = service > 2, udp = service % 2 == 0, has_source = flags & TEAL_SERVICE_SOURCE;
	struct teal_source source = {};
	__u32 id = service;

	fill_vip(lab, ipv6, udp ? DNS_PORT : WEB_PORT, udp ? TEAL_UDP : TEAL_TCP, flags);
	for (int host = BLUE; host < HOSTS; host++)
		fill_backend(lab, host, ipv6, udp, has_source);
	if (has_source)
		network_address(SOURCE, ipv6, source.address);
	lab_must(bpf_map__update_elem(lab->bpf->maps.sources, &id, sizeof(id), &source, sizeof(source), BPF_ANY),
		 "sources");
	lab->is_changed = true;
}

static void fill_devices(struct lab *lab, bool redirect)
{
	for (int device = FRONT; device < DEVICES; device++) {
		const bool sends = redirect && device != BARE;
		struct teal_device row = { sends ? 2 : 0, sends, sends };
		__u32 id = network_device(device);

		lab_must(bpf_map__update_elem(lab->bpf->maps.devices, &id, sizeof(id), &row, sizeof(row), BPF_ANY),
		     "devices");
	}
}

static void fill_meta(struct lab *lab)
{
	struct teal_meta meta = {
		.layout = TEAL_LAYOUT,
		.seed = 0x7ea1,
		.handshake_ns = 60 * LAB_SECOND,
		.established_ns = 7860 * LAB_SECOND,
		.closing_ns = 60 * LAB_SECOND,
		.reset_ns = 10 * LAB_SECOND,
		.udp_unanswered_ns = 30 * LAB_SECOND,
		.udp_ns = 180 * LAB_SECOND,
	};
	__u32 only = 0;

	lab_must(bpf_map__update_elem(lab->bpf->maps.meta, &only, sizeof(only), &meta, sizeof(meta), BPF_ANY), "meta");
}

/* Clients of previews, pauses, who watches.  A table left in `previews` is nobody's without the service's flag. */
static void clear_settings(struct lab *lab)
{
	const struct teal_monitor nobody = {};
	const struct teal_pause over = {};
	struct teal_preview_key key;
	__u32 only = 0;

	while (!bpf_map__get_next_key(lab->bpf->maps.preview_clients, NULL, &key, sizeof(key)))
		bpf_map__delete_elem(lab->bpf->maps.preview_clients, &key, sizeof(key), 0);
	for (__u32 service = 1; service < LAB_SERVICES; service++)
		lab_must(bpf_map__update_elem(lab->bpf->maps.pauses, &service, sizeof(service), &over, sizeof(over),
					      BPF_ANY),
			 "pauses");
	lab_must(bpf_map__update_elem(lab->bpf->maps.monitor, &only, sizeof(only), &nobody, sizeof(nobody), BPF_ANY),
		 "monitor");
}

static void fill(struct lab *lab)
{
	clear_settings(lab);
	fill_meta(lab);
	fill_vip(lab, false, 0, TEAL_ANY, 0);
	fill_vip(lab, true, 0, TEAL_ANY, 0);
	for (int service = 1; service < LAB_SERVICES; service++)
		lab_flags(lab, service, 0);
	lab->is_filled = true;
}

static int load(struct lab *lab)
{
	int error;

	/* On a machine that is too busy for that, the programs ask the kernel's coarse clock, as teald has them do. */
	clock_measure(&lab->bpf->rodata->clock_tick, &lab->bpf->rodata->clock_origin);
	lab->shows_packet = kernel_shows_packet();
	lab->bpf->rodata->kernel_shows_packet = lab->shows_packet;
	error = teal_bpf__load(lab->bpf);
	if (error) {
		lab_close(lab);
		return error;
	}
	fill(lab);
	return 0;
}

int lab_open(struct lab *lab, __u32 flow_rows)
{
	const __u32 wide = flow_rows > 4096 ? flow_rows : 0;

	*lab = (struct lab){ .small = flow_rows, .bpf = teal_bpf__open() };
	if (!lab->bpf)
		return -errno;
	/* Pictures are taken often: small tables, except where their size is the point. */
	bpf_map__set_max_entries(lab->bpf->maps.flows4, flow_rows ?: 4096);
	bpf_map__set_max_entries(lab->bpf->maps.flows6, flow_rows ?: 4096);
	bpf_map__set_max_entries(lab->bpf->maps.pending4, wide ?: 16384);
	bpf_map__set_max_entries(lab->bpf->maps.pending6, wide ?: 16384);
	bpf_map__set_max_entries(lab->bpf->maps.snat4, wide ?: 4096);
	bpf_map__set_max_entries(lab->bpf->maps.snat6, wide ?: 4096);
	bpf_map__set_max_entries(lab->bpf->maps.snat_pending4, wide ?: 4096);
	bpf_map__set_max_entries(lab->bpf->maps.snat_pending6, wide ?: 4096);
	bpf_map__set_max_entries(lab->bpf->maps.fragments, 1024);
	return load(lab);
}

int lab_open_small(struct lab *lab, __u32 rows)
{
	struct bpf_map *map;

	*lab = (struct lab){ .bpf = teal_bpf__open() };
	if (!lab->bpf)
		return -errno;
	bpf_object__for_each_map(map, lab->bpf->obj)
		if (lab_is_written_by_packets(bpf_map__name(map)))
			bpf_map__set_max_entries(map, rows);
	return load(lab);
}

bool lab_is_written_by_packets(const char *table)
{
	return !strncmp(table, "flows", 5) || !strncmp(table, "pending", 7) || !strncmp(table, "snat", 4) ||
	       !strcmp(table, "fragments");
}

void lab_close(struct lab *lab)
{
	ring_buffer__free(lab->events);
	teal_bpf__destroy(lab->bpf);
	*lab = (struct lab){};
}

int lab_table(__u32 one, __u32 other)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	int table = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lab_table", sizeof(__u32), sizeof(__u32), LAB_SLOTS, &options);

	lab_must(table < 0, "a dispatch table");
	for (__u32 i = 0; i < LAB_SLOTS; i++)
		lab_must(bpf_map_update_elem(table, &i, i % 2 ? &other : &one, BPF_ANY), "a dispatch table");
	return table;
}

void lab_share(struct lab *lab, __u16 service, enum host one, enum host other)
{
	const __u8 protocol = service % 2 ? TCP : UDP;
	__u32 slot = service;
	int table = lab_table(lab_backend(one, service > 2, protocol), lab_backend(other, service > 2, protocol));

	lab_must(bpf_map__update_elem(lab->bpf->maps.dispatch, &slot, sizeof(slot), &table, sizeof(table), BPF_ANY),
		 "dispatch");
	close(table);
	lab->active[service] = one == other ? one : NOBODY;
}

void lab_switch(struct lab *lab, __u16 service, enum host host)
{
	lab_share(lab, service, host, host);
}

static void clear_per_cpu(const struct bpf_map *map, __u32 rows)
{
	lab_must(percpu_clear(map, rows), bpf_map__name(map));
}

void lab_clear(struct lab *lab, enum lab_table table)
{
	__u8 key[sizeof(struct teal_fragment_key)], next[sizeof(key)] = {};
	const int fd = lab_table_fd(lab, table);
	int error = bpf_map_get_next_key(fd, NULL, key);

	while (!error) {
		error = bpf_map_get_next_key(fd, key, next);
		bpf_map_delete_elem(fd, key);
		memcpy(key, next, sizeof(key));
	}
}

void lab_reset(struct lab *lab, bool redirect)
{
	for (int table = 0; table < LAB_TABLES; table++)
		lab_clear(lab, table);
	clear_per_cpu(lab->bpf->maps.nexthops, LAB_BACKENDS);
	clear_per_cpu(lab->bpf->maps.nexthops_back, TEAL_NEXTHOP_SLOTS);
	clear_per_cpu(lab->bpf->maps.event_lost_at, 1);
	if (lab->is_changed)
		fill(lab);
	lab->is_changed = false;
	for (int service = 1; service < LAB_SERVICES; service++)
		if (lab->active[service] != BLUE) /* each switch waits for a grace period */
			lab_switch(lab, service, BLUE);
	fill_devices(lab, redirect);
	network_forwarding(true);
	network_neighbour(LOST, false);
	network_neighbour(SILENT, false);
}

void lab_key(struct lab_row *row, bool ipv6, enum host client, __u16 port, __u16 service)
{
	struct teal_flow6_key six = { .port = port, .service = service };
	struct teal_flow4_key four = { .port = port, .service = service };

	memset(row, 0, sizeof(*row));
	network_address(client, ipv6, six.client);
	memcpy(four.client, six.client + 12, sizeof(four.client));
	if (ipv6)
		memcpy(row->key, &six, sizeof(six));
	else
		memcpy(row->key, &four, sizeof(four));
}

void lab_put(struct lab *lab, enum lab_table table, const struct lab_row *row)
{
	lab_must(bpf_map_update_elem(lab_table_fd(lab, table), row->key, &row->flow, BPF_ANY), "a flow");
}

void lab_delete(struct lab *lab, enum lab_table table, const struct lab_row *row)
{
	bpf_map_delete_elem(lab_table_fd(lab, table), row->key);
}

int lab_run(struct lab *lab, enum lab_hook hook, __u32 device, __u16 segment, struct frame *frame)
{
	struct xdp_md xdp = { .data_end = frame->length, .ingress_ifindex = device };
	struct __sk_buff skb = { .ifindex = device, .gso_size = segment };
	const struct bpf_program *programs[] = { lab->bpf->progs.teal_xdp, lab->bpf->progs.teal_ingress,
						 lab->bpf->progs.teal_egress };
	static _Thread_local __u8 out[FRAME_ROOM + 64];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame->bytes, .data_size_in = frame->length, .data_out = out,
		    .data_size_out = sizeof(out));

	if (hook != LAB_XDP && lab->is_summed)
		run.flags = BPF_F_TEST_SKB_CHECKSUM_COMPLETE;
	run.ctx_in = hook == LAB_XDP ? (void *)&xdp : (void *)&skb;
	run.ctx_size_in = hook == LAB_XDP ? sizeof(xdp) : sizeof(skb);
	if (bpf_prog_test_run_opts(bpf_program__fd(programs[hook]), &run))
		return -errno - 1;
	memcpy(frame->bytes, out, run.data_size_out);
	frame->length = run.data_size_out;
	return (int)run.retval;
}

void lab_forget_sent(struct lab *lab)
{
	clear_per_cpu(lab->bpf->maps.sent_by, 1);
}
