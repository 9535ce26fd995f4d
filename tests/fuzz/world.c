// SPDX-License-Identifier: GPL-2.0-only
/*
 * The world that inputs meet: the packet tests' network, services and backends, and beside each of its services one of
 * every other kind: with a source address, moving, with affinity, paused, with a preview.  Somebody
 * watches the events, some backends' connections are being ended, and the tables are so small that they fill.
 */
#include "fuzz.h"
#include "teal.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KINDS 5 /* of services beside the plain one */
#define PORT_STEP 100
#define ENDPOINTS (2 * 2 * (KINDS + 1) * HOSTS)
#define SOURCE4 "10.0.0.77"
#define SOURCE6 "2001:db8:b::77"

static const __u16 flags_of[KINDS] = { TEAL_SERVICE_SOURCE, TEAL_SERVICE_MOVE, TEAL_SERVICE_AFFINITY, TEAL_SERVICE_PAUSED,
				       TEAL_SERVICE_PREVIEW };

struct lab world_lab;
static struct endpoint endpoints[ENDPOINTS];
static int endpoint_count;
static struct {
	__u16 id, port;
	__u8 protocol, vip[16];
	bool source;
} services[64];
static int service_count;
static __u8 sources[2][16], clients[1024][16];
static unsigned int client_count;

static void must(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "fuzz: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const struct bpf_map *map, const void *key, const void *row)
{
	must(bpf_map_update_elem(bpf_map__fd(map), key, row, BPF_ANY), bpf_map__name(map));
}

static __u16 service_id(int kind, bool ipv6, bool udp)
{
	return kind ? LAB_SERVICES + (kind - 1) * 4 + ipv6 * 2 + udp : lab_service(ipv6, udp ? UDP : TCP);
}

static __u32 backend_id(int kind, enum host host, bool ipv6, bool udp)
{
	return kind ? LAB_BACKENDS * kind + host * 4 + ipv6 * 2 + udp : lab_backend(host, ipv6, udp ? UDP : TCP);
}

/* The rows once more, where the data path looks first.  Places that keys share send it to the hash. */
static void put_slot(const struct bpf_map *map, __u32 slots, struct teal_slot *row)
{
	__u32 place = teal_slot_of(&row->key, slots);
	struct teal_slot old;

	must(bpf_map_lookup_elem(bpf_map__fd(map), &place, &old), bpf_map__name(map));
	row->more = 1;
	if (old.key.port) {
		old.more = 1;
		put(map, &place, &old);
	} else {
		put(map, &place, row);
	}
}

static void add_service(int kind, bool ipv6, bool udp)
{
	struct teal_service_key key = { .protocol = udp ? TEAL_UDP : TEAL_TCP,
					.port = (udp ? DNS_PORT : WEB_PORT) + kind * PORT_STEP };
	struct teal_service row = { .id = service_id(kind, ipv6, udp), .flags = kind ? flags_of[kind - 1] : 0 };
	struct teal_slot slot;
	const __u32 id = row.id;

	network_address(VIP, ipv6, key.address);
	services[service_count].id = row.id;
	services[service_count].port = key.port;
	services[service_count].protocol = key.protocol;
	services[service_count].source = row.flags & TEAL_SERVICE_SOURCE;
	memcpy(services[service_count++].vip, key.address, 16);
	if (!kind)
		return;
	slot = (struct teal_slot){ .key = key, .service = row };
	put(world_lab.bpf->maps.services, &key, &row);
	put_slot(world_lab.bpf->maps.service_slots, TEAL_SERVICE_SLOTS, &slot);
	if (row.flags & TEAL_SERVICE_SOURCE)
		put(world_lab.bpf->maps.sources, &id, sources[ipv6]);
	if (row.flags & TEAL_SERVICE_PAUSED)
		put(world_lab.bpf->maps.pauses, &id, &(struct teal_pause){ .until = lab_now() + 86400 * LAB_SECOND });
}

static void add_backend(int kind, enum host host, bool ipv6, bool udp)
{
	struct endpoint *e = &endpoints[endpoint_count++];
	struct teal_service_key key = {};
	struct teal_endpoint row = {};
	struct teal_backend backend = {};
	struct teal_slot slot;

	network_address(host, ipv6, e->address);
	network_address(VIP, ipv6, e->vip);
	e->port = (udp ? DNS_BACKEND_PORT : WEB_BACKEND_PORT) + kind * PORT_STEP;
	e->vip_port = (udp ? DNS_PORT : WEB_PORT) + kind * PORT_STEP;
	e->service = service_id(kind, ipv6, udp);
	e->protocol = udp ? UDP : TCP;
	e->host = host;
	e->source = kind && flags_of[kind - 1] & TEAL_SERVICE_SOURCE;
	e->reset = kind && host == NARROW;
	e->backend = backend_id(kind, host, ipv6, udp);
	if (!kind)
		return;
	key = (struct teal_service_key){ .port = e->port, .protocol = e->protocol };
	memcpy(key.address, e->address, 16);
	row = (struct teal_endpoint){ .backend = e->backend, .service = e->service, .has_source = e->source };
	backend = (struct teal_backend){ .port = e->port, .vip_port = e->vip_port, .service = e->service,
					 .protocol = e->protocol, .health = TEAL_UP,
					 .color = host == GREEN ? TEAL_GREEN : TEAL_BLUE, .reset = e->reset };
	memcpy(backend.address, e->address, 16);
	memcpy(backend.vip, e->vip, 16);
	lab_deltas(&backend);
	slot = (struct teal_slot){ .key = key, .endpoint = row };
	put(world_lab.bpf->maps.backends, &e->backend, &backend);
	put(world_lab.bpf->maps.endpoints, &key, &row);
	put_slot(world_lab.bpf->maps.endpoint_slots, TEAL_ENDPOINT_SLOTS, &slot);
}

/* Each service's table names backends of all sorts, so that a switch is not needed to reach them. */
static void add_table(const struct bpf_map *map, int kind, bool ipv6, bool udp)
{
	static const enum host names[16] = { BLUE, BLUE, BLUE, GREEN, GREEN, GREEN, ROUTED, NEAR,
					     NARROW, DEAF, LOST, HOLE, BANNED, NOWAY, HERE, BLUE };
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	int table = bpf_map_create(BPF_MAP_TYPE_ARRAY, "fuzz_table", sizeof(__u32), sizeof(__u32), 16, &options);
	__u32 slot = service_id(kind, ipv6, udp);

	must(table < 0, "a dispatch table");
	for (__u32 i = 0; i < 16; i++) {
		__u32 id = backend_id(kind, names[i], ipv6, udp);

		must(bpf_map_update_elem(table, &i, &id, BPF_ANY), "a dispatch table");
	}
	put(map, &slot, &table);
	close(table);
}

static void add_preview(bool ipv6, bool udp)
{
	struct teal_preview_key key = { .prefix = 32 + 128, .service = service_id(KINDS, ipv6, udp) };
	__u32 nothing = 0;

	network_address(OTHER, ipv6, key.address);
	put(world_lab.bpf->maps.preview_clients, &key, &nothing);
	add_table(world_lab.bpf->maps.previews, KINDS, ipv6, udp);
}

int world_open(void)
{
	const __u32 only = 0;
	int error = network_open() ?: lab_open_small(&world_lab, FUZZ_TABLE_ROWS);

	if (error)
		return error;
	lab_reset(&world_lab, true);
	put(world_lab.bpf->maps.monitor, &only, &(struct teal_monitor){ .until = lab_now() + 86400 * LAB_SECOND });
	memset(sources[0] + 10, 0xff, 2);
	inet_pton(AF_INET, SOURCE4, sources[0] + 12);
	inet_pton(AF_INET6, SOURCE6, sources[1]);
	for (int i = 0; i < 4 * (KINDS + 1); i++) {
		const bool ipv6 = i & 1, udp = i & 2;

		add_service(i / 4, ipv6, udp);
		for (int host = BLUE; host < HOSTS; host++)
			add_backend(i / 4, host, ipv6, udp);
		add_table(world_lab.bpf->maps.dispatch, i / 4, ipv6, udp);
	}
	for (int i = 0; i < 4; i++)
		add_preview(i & 1, i & 2);
	return 0;
}

void world_close(void)
{
	lab_close(&world_lab);
}

static void put_flow(enum lab_table table, bool ipv6, int port, __u16 service, enum host host, bool udp,
		     enum teal_state state)
{
	struct lab_row row;

	lab_key(&row, ipv6, CLIENT, CLIENT_PORT + port, service);
	row.flow = (struct teal_flow){ .seen = lab_now(), .state = state, .acked = 5000,
				       .backend = lab_backend(host, ipv6, udp ? UDP : TCP) };
	lab_put(&world_lab, table, &row);
}

static void put_pending(enum lab_table table, bool ipv6, int port, __u16 service, enum host host, bool udp, bool answered)
{
	struct lab_row row;

	lab_key(&row, ipv6, CLIENT, CLIENT_PORT + port, service);
	row.pending = (struct teal_pending){ .seen = lab_now(), .client_sequence = 1000, .backend_sequence = 5000,
					     .answered = answered, .backend = lab_backend(host, ipv6, udp ? UDP : TCP) };
	lab_put(&world_lab, table, &row);
}

/* The client's ports from CLIENT_PORT on: a flow of each state, then pending rows; the rest have nothing. */
static void put_rows(bool ipv6, bool udp)
{
	const enum lab_table flows = ipv6 ? FLOWS6 : FLOWS4, pending = ipv6 ? PENDING6 : PENDING4;
	const __u16 service = lab_service(ipv6, udp ? UDP : TCP);

	for (int state = TEAL_ESTABLISHED; state < (udp ? TEAL_CLIENT_FIN : TEAL_REPLACED); state++)
		put_flow(flows, ipv6, state, service, state % 2 ? GREEN : BLUE, udp, state);
	put_pending(pending, ipv6, TEAL_REPLACED, service, BLUE, udp, false);
	put_pending(pending, ipv6, TEAL_REPLACED + 1, service, GREEN, udp, !udp);
	put_pending(pending, ipv6, TEAL_RESET, service, GREEN, udp, !udp); /* over a flow that has ended */
}

void world_reset(void)
{
	const struct bpf_map *map;
	__u8 key[64], client[16];

	bpf_object__for_each_map(map, world_lab.bpf->obj) {
		if (!lab_is_written_by_packets(bpf_map__name(map)))
			continue;
		while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
			bpf_map_delete_elem(bpf_map__fd(map), key);
	}
	client_count = 0;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		put_rows(ipv6, false);
		put_rows(ipv6, true);
		network_address(CLIENT, ipv6, client);
		world_note_client(client);
	}
}

const struct endpoint *world_endpoint(const __u8 *address, __u16 port, __u8 protocol)
{
	for (int i = 0; i < endpoint_count; i++)
		if (endpoints[i].port == port && endpoints[i].protocol == protocol && !memcmp(endpoints[i].address, address, 16))
			return &endpoints[i];
	return NULL;
}

const struct endpoint *world_backend(__u32 backend)
{
	for (int i = 0; i < endpoint_count; i++)
		if (endpoints[i].backend == backend)
			return &endpoints[i];
	return NULL;
}

bool world_is_backend(const __u8 *address)
{
	for (int i = 0; i < endpoint_count; i++)
		if (!memcmp(endpoints[i].address, address, 16))
			return true;
	return false;
}

bool world_is_vip(const __u8 *address)
{
	return !memcmp(services[0].vip, address, 16) || !memcmp(services[1].vip, address, 16);
}

__u16 world_service(const __u8 *address, __u16 port, __u8 protocol)
{
	for (int i = 0; i < service_count; i++)
		if (services[i].port == port && services[i].protocol == protocol && !memcmp(services[i].vip, address, 16))
			return services[i].id;
	return 0;
}

bool world_has_source(__u16 service)
{
	for (int i = 0; i < service_count; i++)
		if (services[i].id == service)
			return services[i].source;
	return false;
}

bool world_is_source(const __u8 *address)
{
	return !memcmp(sources[0], address, 16) || !memcmp(sources[1], address, 16);
}

bool world_is_client(const __u8 *address)
{
	for (unsigned int i = 0; i < client_count; i++)
		if (!memcmp(clients[i], address, 16))
			return true;
	return false;
}

void world_note_client(const __u8 *address)
{
	if (client_count < sizeof(clients) / sizeof(*clients) && !world_is_client(address))
		memcpy(clients[client_count++], address, 16);
}
