// SPDX-License-Identifier: GPL-2.0-only
/* teal history: who switched what, when and why. */
#include "operation/history.h"

#include <string.h>

#include "command/command.h"
#include "command/output.h"

int history_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	struct error unloaded = {};
	unsigned int unread;
	struct service s;
	json_t *list;
	int error = history_read(c->options.state_dir, argc ? argv[0] : NULL, c->options.limit, &list, &unread, e);

	if (error)
		return error;
	if (argc && !json_array_size(list) && !tables_open(c->options.pin_dir, &c->tables, &unloaded))
		error = service_find(c->tables, argv[0], &s, e); /* or a mistyped name would look like a quiet service */
	if (error)
		json_decref(list);
	else
		*ret_answer = json_pack("{s:o, s:I}", "history", list, "unread", (json_int_t)unread);
	return error;
}

/* "alice, as root by sudo": as much of it as is known and differs. */
static void who_format(const json_t *entry, char text[3 * CELL_SIZE])
{
	const char *user = json_string_value(json_object_get(entry, "user"));
	const char *login = json_string_value(json_object_get(entry, "login"));
	const char *sudo = json_string_value(json_object_get(entry, "sudo"));
	char uid[CELL_SIZE];

	if (json_integer_value(json_object_get(entry, "uid")) < 0) {
		strcpy(text, "nobody knows");
		return;
	}
	snprintf(uid, sizeof(uid), "uid %lld", (long long)json_integer_value(json_object_get(entry, "uid")));
	user = user ?: uid;
	login = login ?: sudo;
	if (!login || !strcmp(login, user))
		snprintf(text, (size_t)3 * CELL_SIZE, "%s", user);
	else
		snprintf(text, (size_t)3 * CELL_SIZE, "%s as %s", login, user);
	if (sudo && login && strcmp(sudo, login) != 0)
		snprintf(text + strlen(text), (size_t)3 * CELL_SIZE - strlen(text), " (sudo: %s)", sudo);
}

void history_print(const struct command_context *c, const json_t *answer)
{
	static const char *const headings[] = { "when", "service", "from", "to", ">generation", ">connections", "who", "why" };
	const json_t *list = json_object_get(answer, "history"), *entry;
	json_int_t unread = json_integer_value(json_object_get(answer, "unread"));
	struct grid *grid = grid_new(headings, 8);
	char generation[CELL_SIZE], connections[CELL_SIZE], who[3 * CELL_SIZE];
	size_t i;

	(void)c;
	json_array_foreach (list, i, entry) {
		const char *at, *service, *from, *to, *why;
		json_int_t number, live;

		json_unpack((json_t *)entry, "{s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "at", &at, "service", &service, "from",
			    &from, "to", &to, "generation", &number, "connections", &live, "why", &why);
		who_format(entry, who);
		grid_add(grid, style_color(to),
			 (const char *[]){ at, service, from, to, number_format(number, generation),
					   number_format(live, connections), who, why });
	}
	if (json_array_size(list))
		grid_print(grid, 0);
	else
		printf("nothing was switched yet\n");
	if (unread)
		printf("(%lld lines of the files are no entries and were left out)\n", (long long)unread);
}
