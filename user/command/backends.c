// SPDX-License-Identifier: GPL-2.0-only
/* teal backends: show a color's backends, or replace them at once. */
#include <errno.h>
#include <string.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/color_set.h"
#include "operation/lock.h"

static json_t *set_json(const struct service *s, enum teal_color color, const struct backend_set *set)
{
	json_t *list = json_array();
	char text[ADDRESS_TEXT_SIZE];

	for (unsigned int i = 0; i < set->count; i++)
		json_array_append_new(list, json_string(endpoint_format(&set->endpoints[i], text)));
	return json_pack("{s:s, s:s, s:o}", "service", s->info.name, "color", color_name(color), "backends", list);
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
		error = color_set_parse(&s, argv + 2, argc - 2, wanted, e);
	if (!error)
		error = backends_get(c->tables, s.id, sets, e);
	if (error)
		return error;
	owned[TEAL_BLUE] = sets[TEAL_BLUE].endpoints;
	owned[TEAL_GREEN] = sets[TEAL_GREEN].endpoints;
	if (argc > 2) {
		sets[color] = (struct backend_set){ wanted, argc - 2 };
		error = color_set_replace(c->tables, c->options.state_dir, &s, color, &sets[color], true, e);
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
