// SPDX-License-Identifier: GPL-2.0-only
/* teal switch, teal rollback: new connections go to the other color, in one step. */
#include "operation/switch.h"

#include <errno.h>
#include <string.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/lock.h"

/* Switches one service and appends what came of it to the list.  The lock is held. */
static int switch_one(struct command_context *c, struct service *s, enum teal_color color, json_t *list,
		      struct error *e)
{
	struct switch_result result;
	int error = switch_color(c->tables, c->options.state_dir, s, color, c->options.force, &result, e);

	if (error)
		return error;
	json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:f, s:I}", "service", s->info.name, "from",
					      color_name(result.from), "to", color_name(result.to), "generation",
					      (json_int_t)result.generation, "milliseconds", result.milliseconds,
					      "draining", (json_int_t)result.draining));
	return 0;
}

/* One service's answer stands alone, several stand in a list, and none is no answer. */
static json_t *answer_of(json_t *list)
{
	json_t *only = json_array_size(list) == 1 ? json_incref(json_array_get(list, 0)) : NULL;

	if (json_array_size(list) > 1)
		return list;
	json_decref(list);
	return only;
}

/* --wait: until the colors that the services came from are empty. */
static int wait_all(struct command_context *c, const struct service *services, int count, enum teal_color color,
		    struct error *e)
{
	__u64 left;
	int error = 0;

	for (int i = 0; i < count && !error; i++)
		error = drain_wait(c, &services[i], color_other(color), &left, e);
	return error;
}

int switch_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	_cleanup_free_ struct service *services = calloc(argc, sizeof(*services));
	_cleanup_close_ int lock = -1;
	json_t *list = json_array();
	int count = argc - 1, error;
	enum teal_color color;

	error = services && list ? argument_color(argv[count], &color, e) : -ENOMEM;
	if (!error)
		lock = lock_take(c->options.pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	if (lock < 0) {
		json_decref(list);
		return error ?: lock;
	}
	for (int i = 0; i < count && !error; i++)
		error = service_find(c->tables, argv[i], &services[i], e);
	for (int i = 0; i < count && !error; i++) /* all of them, before the first is switched */
		error = switch_check(c->tables, &services[i], color, c->options.force, e);
	for (int i = 0; i < count && !error; i++)
		error = switch_one(c, &services[i], color, list, e);
	*ret_answer = answer_of(list);
	close_p(&lock);
	lock = -1;
	if (!error && c->options.wait)
		error = wait_all(c, services, count, color, e);
	return error;
}

int rollback_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	_cleanup_close_ int lock = lock_take(c->options.pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	struct service s;
	json_t *list;
	int error = lock < 0 ? lock : service_find(c->tables, argv[0], &s, e);

	(void)argc;
	if (error)
		return error;
	if (s.info.previous == TEAL_NO_COLOR)
		return error_set(e, EXIT_REFUSED, ENOENT,
				 "%s was never switched, so there is nothing to go back to: 'teal switch %s COLOR' says where to go",
				 s.info.name, s.info.name);
	list = json_array();
	error = switch_one(c, &s, s.info.previous, list, e);
	*ret_answer = answer_of(list);
	return error;
}

static void one_print(const json_t *answer)
{
	const char *service, *from, *to;
	json_int_t generation, draining;
	double milliseconds;
	char number[CELL_SIZE];

	if (json_unpack((json_t *)answer, "{s:s, s:s, s:s, s:I, s:f, s:I}", "service", &service, "from", &from, "to", &to,
			"generation", &generation, "milliseconds", &milliseconds, "draining", &draining))
		return;
	if (!strcmp(from, to)) {
		printf("%s%s%s is on %s%s%s already, nothing was changed\n", style_bold(), service, style_none(),
		       style_color(to), to, style_none());
		return;
	}
	printf("%s%s%s  %s%s%s → %s%s%s  in %.1f ms; %s %s on %s\n", style_bold(), service, style_none(),
	       style_color(from), from, style_none(), style_color(to), to, style_none(), milliseconds,
	       number_format(draining, number), draining == 1 ? "connection stays" : "connections stay", from);
}

void switch_print(const struct command_context *c, const json_t *answer)
{
	const json_t *one;
	size_t i;

	(void)c;
	if (json_is_object(answer))
		one_print(answer);
	json_array_foreach (answer, i, one)
		one_print(one);
}

void rollback_print(const struct command_context *c, const json_t *answer)
{
	switch_print(c, answer);
}
