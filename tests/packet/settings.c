// SPDX-License-Identifier: GPL-2.0-only
/* What the control side would have written: each of these is undone by lab_reset(). */
#include "lab.h"
#include "teal.skel.h"

#include <bpf/bpf.h>
#include <string.h>
#include <unistd.h>

#define AGO (LAB_SECOND / 10) /* in the past, also by the coarse clock */

static void put(struct lab *lab, const struct bpf_map *map, const void *key, const void *row)
{
	lab->is_changed = true;
	lab_must(bpf_map__update_elem(map, key, bpf_map__key_size(map), row, bpf_map__value_size(map), BPF_ANY),
		 bpf_map__name(map));
}

void lab_drop_table(struct lab *lab, __u16 service)
{
	__u32 slot = service;

	bpf_map__delete_elem(lab->bpf->maps.dispatch, &slot, sizeof(slot), 0);
	lab->active[service] = NOBODY;
}

static void change_backend(struct lab *lab, __u32 id, enum teal_health health, bool reset)
{
	const struct bpf_map *map = lab->bpf->maps.backends;
	struct teal_backend row;

	lab_must(bpf_map__lookup_elem(map, &id, sizeof(id), &row, sizeof(row), 0), "backends");
	row.health = health;
	row.reset = reset;
	put(lab, map, &id, &row);
}

void lab_health(struct lab *lab, __u32 backend, enum teal_health health)
{
	change_backend(lab, backend, health, false);
}

void lab_cut(struct lab *lab, __u32 backend, bool reset)
{
	change_backend(lab, backend, TEAL_UP, reset);
}

void lab_preview(struct lab *lab, __u16 service, enum host client, int bits, enum host backend)
{
	const bool ipv6 = service > 2;
	struct teal_preview_key key = { .prefix = 32 + (ipv6 ? 0 : 96) + bits, .service = service };
	__u32 slot = service, yes = 1, id = lab_backend(backend, ipv6, service % 2 ? TCP : UDP);
	int table = lab_table(id, id);

	network_address(client, ipv6, key.address);
	put(lab, lab->bpf->maps.preview_clients, &key, &yes);
	put(lab, lab->bpf->maps.previews, &slot, &table);
	close(table);
}

void lab_pause(struct lab *lab, __u16 service, unsigned int seconds)
{
	struct teal_pause row = { .until = lab_now() + (seconds ? seconds * LAB_SECOND : -AGO) };
	__u32 slot = service;

	put(lab, lab->bpf->maps.pauses, &slot, &row);
}

void lab_watch(struct lab *lab, bool on)
{
	struct teal_monitor row = { .until = lab_now() + (on ? 3600 * LAB_SECOND : -AGO) };
	__u32 only = 0;

	put(lab, lab->bpf->maps.monitor, &only, &row);
}

void lab_refuse_when_full(struct lab *lab)
{
	struct teal_meta row;
	__u32 only = 0;

	lab_must(bpf_map__lookup_elem(lab->bpf->maps.meta, &only, sizeof(only), &row, sizeof(row), 0), "meta");
	row.refuse_when_full = 1;
	put(lab, lab->bpf->maps.meta, &only, &row);
}

void lab_one_buffer(struct lab *lab, __u16 service, bool ipv6)
{
	const struct teal_device row = { 1, 1, 1 };

	(void)service;
	(void)ipv6;
	for (int device = FRONT; device < DEVICES; device++) {
		__u32 id = network_device(device);

		put(lab, lab->bpf->maps.devices, &id, &row);
	}
}

void lab_udp_share_taken(struct lab *lab, __u16 service, bool ipv6)
{
	const struct teal_udp_rows rows = { .count = 1 };
	struct teal_meta row;
	__u32 only = 0, family = ipv6;

	(void)service;
	lab_must(bpf_map__lookup_elem(lab->bpf->maps.meta, &only, sizeof(only), &row, sizeof(row), 0), "meta");
	row.udp_most = 1;
	put(lab, lab->bpf->maps.meta, &only, &row);
	put(lab, lab->bpf->maps.udp_rows, &family, &rows);
}

/* The key stays in the hash beside it, where it is to be found if the place says so. */
static void take_slot(struct lab *lab, const struct bpf_map *map, __u32 slots, const struct teal_service_key *key, bool more)
{
	const struct teal_slot stranger = { .key = { .address = { [0] = 0xfd, [15] = 9 }, .port = 9, .protocol = TEAL_TCP },
					    .more = more, .service = { .id = 9 } };
	__u32 place = teal_slot_of(key, slots);

	put(lab, map, &place, &stranger);
}

void lab_take_service_slot(struct lab *lab, __u16 service, bool more)
{
	const bool udp = service % 2 == 0;
	struct teal_service_key key = { .port = udp ? DNS_PORT : WEB_PORT, .protocol = udp ? TEAL_UDP : TEAL_TCP };

	network_address(VIP, service > 2, key.address);
	take_slot(lab, lab->bpf->maps.service_slots, TEAL_SERVICE_SLOTS, &key, more);
}

void lab_take_endpoint_slot(struct lab *lab, __u32 backend, bool more)
{
	struct teal_backend row;
	struct teal_service_key key = {};

	lab_must(bpf_map__lookup_elem(lab->bpf->maps.backends, &backend, sizeof(backend), &row, sizeof(row), 0),
		 "backends");
	key.port = row.port;
	key.protocol = row.protocol;
	memcpy(key.address, row.address, sizeof(key.address));
	take_slot(lab, lab->bpf->maps.endpoint_slots, TEAL_ENDPOINT_SLOTS, &key, more);
}

void lab_port(struct lab_row *row, __u32 backend, __u16 port, const struct lab_row *client)
{
	const struct teal_snat_key key = { .backend = backend, .port = port };

	memset(row, 0, sizeof(*row));
	memcpy(row->key, &key, sizeof(key));
	if (client)
		memcpy(row->client, client->key, sizeof(row->client));
}
