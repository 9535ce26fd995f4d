// SPDX-License-Identifier: GPL-2.0-only
/* teal flows: the connections there are. */
#include <errno.h>
#include <string.h>

#include "command/command.h"
#include "command/output.h"
#include "table/flow.h"
#include "table/state.h"

/* What to show, and what has been found. */
struct search {
	const struct command_context *context;
	struct service *services;
	unsigned int service_count;
	struct backend *backends;
	unsigned int backend_count;
	__u16 service;		/* 0: all */
	enum teal_color color;	/* TEAL_NO_COLOR: both */
	struct prefix client;	/* without bits: everybody */
	bool ended;		/* those that have ended and wait for their expiry, or the others */
	__u64 now;
	json_t *found;
};

static const struct service *service_of(const struct search *search, __u16 id)
{
	for (unsigned int i = 0; i < search->service_count; i++)
		if (search->services[i].id == id)
			return &search->services[i];
	return NULL;
}

static bool flow_add(void *argument, const struct teal_flow6_key *key, const struct teal_flow *flow)
{
	struct search *search = argument;
	const struct backend *backend = backend_of(search->backends, search->backend_count, flow->backend);
	const struct service *service = service_of(search, key->service);
	struct endpoint client = { .port = key->port }, to = {};
	char from_text[ADDRESS_TEXT_SIZE], to_text[ADDRESS_TEXT_SIZE];
	const unsigned int limit = search->context->options.limit;
	__s64 idle = search->now - flow->seen;

	if (!backend || (search->service && key->service != search->service) || !prefix_holds(&search->client, key->client) ||
	    (search->color != TEAL_NO_COLOR && backend->row.color != search->color) ||
	    (flow->state >= TEAL_CLOSING) != search->ended)
		return true;
	memcpy(client.address, key->client, sizeof(client.address));
	to.port = backend->row.port;
	memcpy(to.address, backend->row.address, sizeof(to.address));
	json_array_append_new(search->found,
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "service",
					service ? service->info.name : "(removed)", "client",
					endpoint_format(&client, from_text), "backend", endpoint_format(&to, to_text),
					"color", color_name(backend->row.color), "state",
					flow_state_name(backend->row.protocol, flow->state), "idle_seconds",
					(json_int_t)(idle > 0 ? idle / 1000000000 : 0)));
	return !limit || json_array_size(search->found) < limit;
}

/* The live ones first: one that has ended goes on to hold its row for a minute, and there may be thousands of those. */
static int search_run(struct search *search)
{
	const unsigned int limit = search->context->options.limit;
	int error = flows_walk(search->context->tables, flow_add, search);

	if (error || (limit && json_array_size(search->found) >= limit))
		return error;
	search->ended = true;
	return flows_walk(search->context->tables, flow_add, search);
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
	if (!error && options->client && prefix_parse(options->client, &search->client))
		error = error_set(e, EXIT_USAGE, EINVAL,
				  "'%s' is no client: write an address, or a prefix such as 198.51.100.0/24",
				  options->client);
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
		error = search_run(&search);
		if (error)
			error_set(e, EXIT_FAILED, -error, "cannot read the flow tables: %s", strerror(-error));
	}
	free(search.services);
	free(search.backends);
	if (error)
		json_decref(search.found);
	else
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
