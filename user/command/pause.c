// SPDX-License-Identifier: GPL-2.0-only
/* teal pause, teal resume: new connections wait for a while. */
#include "operation/pause.h"

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/lock.h"

static json_t *pause_json(const struct tables *t, const struct service *s)
{
	const __u64 left = pause_left(t, s);

	return json_pack("{s:s, s:o}", "service", s->info.name, "paused_for",
			 left ? json_integer((json_int_t)((left + 999999999) / 1000000000)) : json_null());
}

int pause_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	const unsigned int seconds = c->options.max_seconds ?: PAUSE_SECONDS;
	_cleanup_close_ int lock = lock_take(c->options.pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	struct service s;
	int error = lock < 0 ? lock : service_find(c->tables, argv[0], &s, e);

	(void)argc;
	if (!error)
		error = pause_set(c->tables, &s, seconds, e);
	if (!error)
		*ret_answer = pause_json(c->tables, &s);
	return error;
}

int resume_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	_cleanup_close_ int lock = lock_take(c->options.pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	struct service s;
	int error = lock < 0 ? lock : service_find(c->tables, argv[0], &s, e);

	(void)argc;
	if (!error)
		error = pause_end(c->tables, &s, e);
	if (!error)
		*ret_answer = pause_json(c->tables, &s);
	return error;
}

void pause_print(const struct command_context *c, const json_t *answer)
{
	const char *service;
	json_t *left;
	char text[CELL_SIZE];

	(void)c;
	if (json_unpack((json_t *)answer, "{s:s, s:o}", "service", &service, "paused_for", &left))
		return;
	if (json_is_integer(left))
		printf("%s%s%s  new connections wait for at most %s; 'teal resume %s' ends that\n", style_bold(), service,
		       style_none(), duration_format(json_integer_value(left), text), service);
	else
		printf("%s%s%s  new connections do not wait\n", style_bold(), service, style_none());
}

void resume_print(const struct command_context *c, const json_t *answer)
{
	pause_print(c, answer);
}
