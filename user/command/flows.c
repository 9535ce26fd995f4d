// SPDX-License-Identifier: GPL-2.0-only
/* teal flows: the connections there are. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"

#define BATCH 4096

/* What to show, and what has been found. */
struct search {
	const struct command_context *context;
	struct service *services;
	unsigned int service_count;
	struct backend *backends;
	unsigned int backend_count;
	__u16 service;		/* 0: all */
	enum teal_color color;	/* TEAL_NO_COLOR: both */
	__u8 client[16];	/* the prefix */
	unsigned int client_bits; /* of 128; 0: everybody */
	__u64 now;
	json_t *found;
};

/* "198.51.100.0/24", "2001:db8::/32" or one address. */
static int prefix_parse(const char *text, struct search *search, struct error *e)
{
	char address[ADDRESS_TEXT_SIZE];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	unsigned int all, bits;
	char *end = "";

	if (length < sizeof(address)) {
		memcpy(address, text, length);
		address[length] = '\0';
		if (!address_parse(address, search->client)) {
			all = address_is_ipv4(search->client) ? 32 : 128;
			bits = slash ? strtoul(slash + 1, &end, 10) : all;
			if (bits <= all && !*end && (!slash || slash[1])) {
				search->client_bits = 128 - all + bits;
				return 0;
			}
		}
	}
	return error_set(e, EXIT_USAGE, EINVAL, "'%s' is no client: write an address, or a prefix such as 198.51.100.0/24",
			 text);
}

static bool prefix_holds(const struct search *search, const __u8 client[16])
{
	unsigned int bytes = search->client_bits / 8, rest = search->client_bits % 8;

	if (memcmp(search->client, client, bytes))
		return false;
	return !rest || !((search->client[bytes] ^ client[bytes]) >> (8 - rest));
}

static const char *state_name(enum teal_protocol protocol, enum teal_state state)
{
	static const char *const names[] = { "established",	  "client closed", "backend closed", "client closing",
					     "both closing",	  "closing",	   "reset by client", "reset",
					     "replaced" };

	if (protocol == TEAL_UDP)
		return "answered";
	return state < sizeof(names) / sizeof(*names) ? names[state] : "unknown";
}

static const struct service *service_of(const struct search *search, __u16 id)
{
	for (unsigned int i = 0; i < search->service_count; i++)
		if (search->services[i].id == id)
			return &search->services[i];
	return NULL;
}

/* backend_list() is in the order of the ids. */
static const struct backend *backend_of(const struct search *search, __u32 id)
{
	unsigned int low = 0, high = search->backend_count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (search->backends[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < search->backend_count && search->backends[low].id == id ? &search->backends[low] : NULL;
}

static void flow_add(struct search *search, const struct teal_flow6_key *key, const struct teal_flow *flow)
{
	const struct backend *backend = backend_of(search, flow->backend);
	const struct service *service = service_of(search, key->service);
	struct endpoint client = { .port = key->port }, to = {};
	char from_text[ADDRESS_TEXT_SIZE], to_text[ADDRESS_TEXT_SIZE];
	__s64 idle = search->now - flow->seen;

	if (!backend || (search->service && key->service != search->service) || !prefix_holds(search, key->client) ||
	    (search->color != TEAL_NO_COLOR && backend->row.color != search->color))
		return;
	memcpy(client.address, key->client, sizeof(client.address));
	to.port = backend->row.port;
	memcpy(to.address, backend->row.address, sizeof(to.address));
	json_array_append_new(search->found,
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "service",
					service ? service->info.name : "(removed)", "client",
					endpoint_format(&client, from_text), "backend", endpoint_format(&to, to_text),
					"color", color_name(backend->row.color), "state",
					state_name(backend->row.protocol, flow->state), "idle_seconds",
					(json_int_t)(idle > 0 ? idle / 1000000000 : 0)));
}

static bool is_enough(const struct search *search)
{
	return search->context->options.limit && json_array_size(search->found) >= search->context->options.limit;
}

/* Either table, some thousand rows a system call. */
static int table_walk(struct search *search, enum table table, size_t key_size)
{
	_cleanup_free_ char *keys = malloc(BATCH * key_size);
	_cleanup_free_ struct teal_flow *flows = malloc(BATCH * sizeof(*flows));
	int fd = search->context->tables->fd[table], error = 0;
	struct teal_flow6_key key = { .client = { [10] = 0xff, [11] = 0xff } };
	size_t ahead = sizeof(key) - key_size; /* IPv4's key is the tail of IPv6's */
	__u32 position, count;

	if (!keys || !flows)
		return -ENOMEM;
	for (bool first = true; !error && !is_enough(search); first = false) {
		count = BATCH;
		if (bpf_map_lookup_batch(fd, first ? NULL : &position, &position, keys, flows, &count, NULL))
			error = -errno;
		if (error && error != -ENOENT)
			return error;
		for (__u32 i = 0; i < count && !is_enough(search); i++) {
			memcpy((char *)&key + ahead, keys + i * key_size, key_size);
			flow_add(search, &key, &flows[i]);
		}
	}
	return 0;
}

static int search_prepare(struct search *search, const char *service, struct error *e)
{
	const struct command_options *options = &search->context->options;
	struct service only = {};
	int error = 0;

	search->color = TEAL_NO_COLOR;
	search->now = table_clock();
	if (options->color)
		error = argument_color(options->color, &search->color, e);
	if (!error && options->client)
		error = prefix_parse(options->client, search, e);
	if (!error && service)
		error = service_find(search->context->tables, service, &only, e);
	if (!error && service)
		search->service = only.id;
	if (!error)
		error = service_list(search->context->tables, &search->services, &search->service_count, e);
	if (!error)
		error = backend_list(search->context->tables, 0, &search->backends, &search->backend_count, e);
	return error;
}

int flows_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	struct search search = { .context = c, .found = json_array() };
	int error = search_prepare(&search, argc ? argv[0] : NULL, e);

	if (!error) {
		error = table_walk(&search, TABLE_flows4, sizeof(struct teal_flow4_key));
		if (!error)
			error = table_walk(&search, TABLE_flows6, sizeof(struct teal_flow6_key));
		if (error)
			error_set(e, EXIT_FAILED, -error, "cannot read the flow tables: %s", strerror(-error));
	}
	free(search.services);
	free(search.backends);
	*ret_answer = json_pack("{s:o}", "flows", search.found);
	return error;
}

void flows_print(const struct command_context *c, const json_t *answer)
{
	static const char *const headings[] = { "service", "client", "backend", "color", "state", ">idle" };
	const json_t *flows = json_object_get(answer, "flows"), *flow;
	struct grid *grid = grid_new(headings, 6);
	char idle[CELL_SIZE];
	size_t i;

	(void)c;
	json_array_foreach (flows, i, flow) {
		const char *service, *client, *backend, *color, *state;
		json_int_t seconds;

		json_unpack((json_t *)flow, "{s:s, s:s, s:s, s:s, s:s, s:I}", "service", &service, "client", &client,
			    "backend", &backend, "color", &color, "state", &state, "idle_seconds", &seconds);
		grid_add(grid, style_color(color),
			 (const char *[]){ service, client, backend, color, state, duration_format(seconds, idle) });
	}
	grid_print(grid, 0);
}
