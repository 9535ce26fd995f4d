// SPDX-License-Identifier: GPL-2.0-only
/* teal switch, teal rollback: new connections go to the other color, in one step. */
#include "operation/switch.h"

#include <errno.h>
#include <string.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/guard.h"
#include "operation/lock.h"

static json_t *result_json(const struct service *s, const struct switch_result *r, unsigned int guard_s)
{
	json_t *guarded = guard_s && r->from != r->to ? json_integer(guard_s) : json_null();

	return json_pack("{s:s, s:s, s:s, s:I, s:f, s:I, s:o, s:o}", "service", s->info.name, "from", color_name(r->from), "to",
			 color_name(r->to), "generation", (json_int_t)r->generation, "milliseconds", r->milliseconds,
			 "draining", (json_int_t)r->draining, "canary_ended",
			 r->canary == TEAL_NO_COLOR ? json_null() : json_string(color_name(r->canary)), "guarded_for", guarded);
}

/* What the guards are to go by: what the old colors have done so far. */
static int guards_prepare(struct command_context *c, const struct service *services, unsigned int count,
			  const struct switch_request *request, struct error *e)
{
	struct evidence old;
	int error = record_check(c->options.state_dir, e);

	for (unsigned int i = 0; i < count && !error; i++) {
		if (services[i].info.active == request->color)
			continue;
		error = evidence_take(c->tables, services[i].id, services[i].info.active, &old, e);
		if (!error)
			error = guard_prepare(c->tables, c->options.state_dir, &services[i], request->color,
					      request->guard_until, &old, NULL, 0, e);
	}
	return error;
}

/* All of them or none.  The lock is held. */
static int switch_all(struct command_context *c, struct service *services, unsigned int count, enum teal_color color,
		      json_t *list, struct error *e)
{
	_cleanup_free_ struct switch_result *results = calloc(count, sizeof(*results));
	const unsigned int guard_s = c->options.guard_seconds;
	const struct switch_request request = { .color = color,
						.force = c->options.force,
						.why = c->options.why,
						.guard_until = guard_s ? table_seconds() + guard_s : 0 };
	int error;

	if (!results)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	error = guard_s ? guards_prepare(c, services, count, &request, e) : 0;
	if (!error)
		error = switch_services(c->tables, c->options.state_dir, services, count, &request, results, e);
	for (unsigned int i = 0; i < count && !error; i++) {
		json_array_append_new(list, result_json(&services[i], &results[i], guard_s));
		if (results[i].unwritten.text[0])
			fprintf(stderr, "teal: %s\n", results[i].unwritten.text);
	}
	return error;
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
	if (!error && c->options.guard_seconds)
		error = guard_check(c->options.pin_dir, e);
	if (!error)
		lock = lock_take(c->options.pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	if (lock < 0) {
		json_decref(list);
		return error ?: lock;
	}
	for (int i = 0; i < count && !error; i++)
		error = service_find(c->tables, argv[i], &services[i], e);
	if (!error)
		error = switch_all(c, services, count, color, list, e);
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
	enum teal_color back;
	struct service s;
	json_t *list;
	int error = lock < 0 ? lock : service_find(c->tables, argv[0], &s, e);

	(void)argc;
	if (error)
		return error;
	/* The last step was the canary, if there is one: that is what is taken back, and no more. */
	back = s.info.canary != TEAL_NO_COLOR ? s.info.active : s.info.previous;
	if (back == TEAL_NO_COLOR)
		return error_set(e, EXIT_REFUSED, ENOENT,
				 "%s was never switched, so there is nothing to go back to: 'teal switch %s COLOR' says where to go",
				 s.info.name, s.info.name);
	list = json_array();
	error = switch_all(c, &s, 1, back, list, e);
	*ret_answer = answer_of(list);
	return error;
}

static void one_print(const json_t *answer)
{
	const char *service, *from, *to, *canary;
	json_int_t generation, draining;
	double milliseconds;
	char number[CELL_SIZE];

	if (json_unpack((json_t *)answer, "{s:s, s:s, s:s, s:I, s:f, s:I}", "service", &service, "from", &from, "to", &to,
			"generation", &generation, "milliseconds", &milliseconds, "draining", &draining))
		return;
	canary = json_string_value(json_object_get(answer, "canary_ended"));
	if (!strcmp(from, to) && canary) {
		printf("%s%s%s  the canary on %s%s%s is over: all new connections go to %s%s%s\n", style_bold(), service,
		       style_none(), style_color(canary), canary, style_none(), style_color(to), to, style_none());
		return;
	}
	if (!strcmp(from, to)) {
		printf("%s%s%s is on %s%s%s already, nothing was changed\n", style_bold(), service, style_none(),
		       style_color(to), to, style_none());
		return;
	}
	printf("%s%s%s  %s%s%s → %s%s%s  in %.1f ms; %s %s on %s\n", style_bold(), service, style_none(),
	       style_color(from), from, style_none(), style_color(to), to, style_none(), milliseconds,
	       number_format(draining, number), draining == 1 ? "connection stays" : "connections stay", from);
	if (json_is_integer(json_object_get(answer, "guarded_for")))
		printf("%s%s%s  for %s teald goes back to %s%s%s if %s does worse\n", style_bold(), service, style_none(),
		       duration_format(json_integer_value(json_object_get(answer, "guarded_for")), number), style_color(from), from,
		       style_none(), to);
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
