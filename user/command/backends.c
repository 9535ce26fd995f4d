// SPDX-License-Identifier: GPL-2.0-only
/* teal backends: show a color's backends, or replace them at once. */
#include <errno.h>
#include <string.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/lock.h"
#include "operation/record.h"
#include "operation/services.h"

static json_t *set_json(const struct service *s, enum teal_color color, const struct backend_set *set)
{
	json_t *list = json_array();
	char text[ADDRESS_TEXT_SIZE];

	for (unsigned int i = 0; i < set->count; i++)
		json_array_append_new(list, json_string(endpoint_format(&set->endpoints[i], text)));
	return json_pack("{s:s, s:s, s:o}", "service", s->info.name, "color", color_name(color), "backends", list);
}

/* The addresses of the command line. */
static int set_parse(const struct service *s, char **argv, int count, struct endpoint *to, struct error *e)
{
	for (int i = 0; i < count; i++) {
		if (endpoint_parse(argv[i], &to[i]))
			return error_set(e, EXIT_USAGE, EINVAL,
					 "'%s' is no backend: write ADDRESS:PORT, or [ADDRESS]:PORT for IPv6", argv[i]);
		if (address_is_ipv4(to[i].address) != address_is_ipv4(s->listen.address))
			return error_set(e, EXIT_USAGE, EAFNOSUPPORT,
					 "'%s' is of another address family than %s listens on: give it a backend of the same",
					 argv[i], s->info.name);
		for (int n = 0; n < i; n++)
			if (!memcmp(&to[n], &to[i], sizeof(*to)))
				return error_set(e, EXIT_USAGE, EINVAL, "'%s' is named twice: leave one out", argv[i]);
	}
	return 0;
}

/* One endpoint in both colors would leave no way to tell whose packet comes back. */
static int set_check(const struct service *s, enum teal_color color, const struct backend_set sets[TEAL_COLORS],
		     struct error *e)
{
	const struct backend_set *own = &sets[color], *other = &sets[color_other(color)];
	char text[ADDRESS_TEXT_SIZE];

	for (unsigned int i = 0; i < own->count; i++)
		for (unsigned int n = 0; n < other->count; n++)
			if (!memcmp(&own->endpoints[i], &other->endpoints[n], sizeof(*own->endpoints)))
				return error_set(e, EXIT_REFUSED, EEXIST,
						 "%s is a backend of %s (%s) already: an endpoint belongs to one service and color, "
						 "so give one of them another port",
						 endpoint_format(&own->endpoints[i], text), s->info.name,
						 color_name(color_other(color)));
	return 0;
}

/* Set at run time: state, which stands over the configuration, also after a restart or a reboot. */
static int set_record(const char *state_dir, const struct service *s, enum teal_color color,
		      const struct backend_set *set, struct error *e)
{
	struct record_service *entry;
	struct record *record;
	struct endpoint *copy = calloc(set->count + 1, sizeof(*copy));
	int error = record_read(state_dir, &record, e);

	if (error) {
		free(copy);
		return error;
	}
	entry = copy ? record_obtain(record, s->info.name) : NULL;
	if (entry) {
		memcpy(copy, set->endpoints, set->count * sizeof(*copy));
		free(entry->colors[color].backends);
		entry->colors[color].backends = copy;
		entry->colors[color].count = set->count;
		entry->colors[color].at_run_time = true;
		error = record_write(state_dir, record, e);
	} else {
		free(copy);
		error = error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	}
	record_free(record);
	return error;
}

static int set_replace(struct command_context *c, const struct service *s, enum teal_color color,
		       struct backend_set sets[TEAL_COLORS], struct error *e)
{
	int error = set_check(s, color, sets, e);

	if (!error)
		error = service_source_check(c->tables, s, &sets[color], e);
	if (!error)
		error = record_check(c->options.state_dir, e);
	if (!error)
		error = -services_tidy(c->tables);
	if (!error)
		error = backends_set(c->tables, s, sets, e);
	return error ?: set_record(c->options.state_dir, s, color, &sets[color], e);
}

int backends_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	_cleanup_free_ struct endpoint *wanted = calloc(argc, sizeof(*wanted));
	struct backend_set sets[TEAL_COLORS] = {};
	const struct endpoint *owned[TEAL_COLORS];
	_cleanup_close_ int lock = -1;
	enum teal_color color;
	struct service s;
	int error = wanted ? argument_color(argv[1], &color, e) : -ENOMEM;

	if (!error && argc > 2)
		error = lock = lock_take(c->options.pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	if (error >= 0)
		error = service_find(c->tables, argv[0], &s, e);
	if (!error)
		error = set_parse(&s, argv + 2, argc - 2, wanted, e);
	if (!error)
		error = backends_get(c->tables, s.id, sets, e);
	if (error)
		return error;
	owned[TEAL_BLUE] = sets[TEAL_BLUE].endpoints;
	owned[TEAL_GREEN] = sets[TEAL_GREEN].endpoints;
	if (argc > 2) {
		sets[color] = (struct backend_set){ wanted, argc - 2 };
		error = set_replace(c, &s, color, sets, e);
	}
	if (!error)
		*ret_answer = set_json(&s, color, &sets[color]);
	free((void *)owned[TEAL_BLUE]);
	free((void *)owned[TEAL_GREEN]);
	return error;
}

void backends_print(const struct command_context *c, const json_t *answer)
{
	const char *service, *color;
	const json_t *list, *backend;
	size_t i;

	(void)c;
	if (json_unpack((json_t *)answer, "{s:s, s:s, s:o}", "service", &service, "color", &color, "backends", &list))
		return;
	if (!json_array_size(list))
		printf("%s of %s has no backends\n", color, service);
	json_array_foreach (list, i, backend)
		printf("%s%s%s\n", style_color(color), json_string_value(backend), style_none());
}
