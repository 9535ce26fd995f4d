// SPDX-License-Identifier: GPL-2.0-only
/* teal canary: a share of the new connections goes to the color that is not active. */
#include "operation/canary.h"

#include <errno.h>
#include <string.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/lock.h"

/* What is in force now; `ended` is whose canary it was. */
static json_t *canary_json(const struct service *s, enum teal_color ended)
{
	const bool on = s->info.canary != TEAL_NO_COLOR;
	json_t *canary = on ? json_pack("{s:s, s:i}", "color", color_name(s->info.canary), "percent",
					(int)s->info.canary_percent) :
			      json_null();

	return json_pack("{s:s, s:s, s:o, s:o}", "service", s->info.name, "active", color_name(s->info.active), "canary",
			 canary, "ended", ended == TEAL_NO_COLOR || on ? json_null() : json_string(color_name(ended)));
}

/* "COLOR PERCENT", or "off" with a color or without, which is 0. */
static int share_parse(int argc, char **argv, enum teal_color *ret_color, unsigned int *ret_percent, struct error *e)
{
	const bool off = !strcmp(argv[argc - 1], "off"), colored = argc == 3 || !off;
	int error = colored ? argument_color(argv[1], ret_color, e) : 0;

	if (error)
		return error;
	if (argc == 2 && !off)
		return error_set(e, EXIT_USAGE, EINVAL,
				 "write it as: teal canary SERVICE COLOR PERCENT, or: teal canary SERVICE off");
	*ret_percent = 0;
	return off ? 0 : argument_percent(argv[2], ret_percent, e);
}

int canary_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	_cleanup_close_ int lock = -1;
	enum teal_color color = TEAL_NO_COLOR, before;
	unsigned int percent = 0;
	struct service s;
	int error = share_parse(argc, argv, &color, &percent, e);

	if (!error)
		error = lock = lock_take(c->options.pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	if (error >= 0)
		error = service_find(c->tables, argv[0], &s, e);
	if (error)
		return error;
	before = s.info.canary;
	if (!percent && before != TEAL_NO_COLOR && color != TEAL_NO_COLOR && color != before)
		error = error_set(e, EXIT_REFUSED, ENOENT, "the canary of %s is on %s, not on %s: name that, or no color",
				  s.info.name, color_name(before), color_name(color));
	else if (percent)
		error = canary_set(c->tables, c->options.state_dir, &s, color, percent, c->options.force, e);
	else
		error = canary_end(c->tables, c->options.state_dir, &s, e);
	if (!error)
		*ret_answer = canary_json(&s, before);
	return error;
}

void canary_print(const struct command_context *c, const json_t *answer)
{
	const char *service, *active, *color, *ended;
	json_t *canary, *was;
	int percent;

	(void)c;
	if (json_unpack((json_t *)answer, "{s:s, s:s, s:o, s:o}", "service", &service, "active", &active, "canary", &canary,
			"ended", &was))
		return;
	ended = json_string_value(was);
	printf("%s%s%s  ", style_bold(), service, style_none());
	if (!json_unpack(canary, "{s:s, s:i}", "color", &color, "percent", &percent))
		printf("%d %% of the new connections go to %s%s%s, the others to %s%s%s\n", percent, style_color(color), color,
		       style_none(), style_color(active), active, style_none());
	else if (ended)
		printf("the canary on %s%s%s is over: all new connections go to %s%s%s\n", style_color(ended), ended,
		       style_none(), style_color(active), active, style_none());
	else
		printf("there is no canary: all new connections go to %s%s%s\n", style_color(active), active, style_none());
}
