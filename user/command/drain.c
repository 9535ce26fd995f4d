// SPDX-License-Identifier: GPL-2.0-only
/* teal drain: how many connections are left on a color; --wait: until there are none; --reset: and then end them. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "command/output.h"
#include "operation/drain.h"
#include "operation/reset.h"

#define TELL_MS 1000
#define BAR_MS 200 /* on a terminal */
#define BAR_WIDTH 20

struct drain {
	struct command_context *context;
	const struct service *service;
	enum teal_color color;
	bool terminal;
};

/* Full when nothing is left. */
static const char *bar_format(const struct drain_progress *p, char text[BAR_WIDTH * 3 + 1])
{
	const unsigned int full = p->first > p->left ? (p->first - p->left) * BAR_WIDTH / p->first : 0;

	*text = '\0';
	for (unsigned int i = 0; i < BAR_WIDTH; i++)
		strcat(text, i < full ? "█" : "░");
	return text;
}

/* Seconds until none is left if it goes on like that; 0: it does not go on. */
static json_int_t estimate(const struct drain_progress *p)
{
	return p->per_second > 0.01 ? (json_int_t)((double)p->left / p->per_second) + 1 : 0;
}

/* One object a line: what is read by a program is read as it comes. */
static void event_print(const struct drain *d, const struct drain_progress *p)
{
	const json_int_t seconds = estimate(p);
	json_t *event = json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:o, s:I}", "event", "draining", "service",
				  d->service->info.name, "color", color_name(d->color), "flows", (json_int_t)p->left,
				  "idle_longest_seconds", (json_int_t)p->idle_longest, "per_second", p->per_second,
				  "estimate_seconds", seconds ? json_integer(seconds) : json_null(), "waited_ms",
				  (json_int_t)p->waited_ms);

	if (event && !json_dumpf(event, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6))) {
		printf("\n");
		fflush(stdout);
	}
	json_decref(event);
}

static void progress_tell(void *argument, const struct drain_progress *p)
{
	const struct drain *d = argument;
	char number[CELL_SIZE], seconds[CELL_SIZE], bar[BAR_WIDTH * 3 + 1], rate[2 * CELL_SIZE] = "";

	if (d->context->options.quiet)
		return;
	if (d->context->options.json) {
		if (d->context->lines)
			event_print(d, p);
		return;
	}
	if (estimate(p))
		snprintf(rate, sizeof(rate), ", %.1f a second, about %s at this rate", p->per_second,
			 duration_format(estimate(p), seconds));
	fprintf(stderr, "%s%s: %s%s%s left on %s%s; the longest silent for %s%s", d->terminal ? "\r" : "",
		d->service->info.name, d->terminal ? bar_format(p, bar) : "", d->terminal ? " " : "",
		number_format((json_int_t)p->left, number), color_name(d->color), rate,
		duration_format((json_int_t)p->idle_longest, seconds), d->terminal ? "\033[K" : "\n");
}

int drain_wait(struct command_context *c, const struct service *s, enum teal_color color, __u64 *ret_left,
	       struct error *e)
{
	struct drain d = { .context = c, .service = s, .color = color, .terminal = isatty(STDERR_FILENO) };
	int error = color_drain(c->tables, s, color, c->options.wait_seconds, d.terminal ? BAR_MS : TELL_MS, progress_tell,
				&d, ret_left, e);

	if (d.terminal && !c->options.quiet && !c->options.json)
		fprintf(stderr, "\r\033[K");
	return error;
}

/* --reset: at once, or at the deadline for what is left then. */
static int drain_reset(struct command_context *c, const struct service *s, enum teal_color color, __u64 *ret_left,
		       struct reset_result *ret, struct error *e)
{
	int error = c->options.wait ? drain_wait(c, s, color, ret_left, e) : -ETIMEDOUT;

	if (error != -ETIMEDOUT)
		return error;
	*e = (struct error){};
	error = reset_color(c->tables, s, color, c->options.force, ret, e);
	*ret_left = ret->left;
	if (!error && ret->left && s->protocol == TEAL_TCP)
		error = error_set(e, EXIT_DEADLINE, ETIMEDOUT,
				  "%llu of %llu connections on %s of %s said nothing that could be answered with a reset: they end "
				  "as soon as either end does",
				  ret->left, ret->ended, color_name(color), s->info.name);
	return error;
}

/* What must be right before anybody waits. */
static int drain_check(const struct command_context *c, const struct service *s, enum teal_color color, struct error *e)
{
	const struct command_options *o = &c->options;

	if (o->reset && o->wait && !o->wait_seconds)
		return error_set(e, EXIT_USAGE, EINVAL,
				 "--reset with --wait and no time would never come: write --wait=T, or leave --wait out to reset "
				 "them now");
	if (color != s->info.active || (o->reset && o->force))
		return 0;
	return error_set(e, EXIT_REFUSED, EBUSY,
			 "%s is the active color of %s and gets all new connections: switch to %s first%s", color_name(color),
			 s->info.name, color_name(color_other(color)),
			 o->reset ? ", or reset its connections all the same with --force" : "");
}

int drain_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	struct reset_result reset = {};
	enum teal_color color;
	struct service s;
	__u64 left = 0;
	int error = service_find(c->tables, argv[0], &s, e);

	if (error)
		return error;
	color = color_other(s.info.active);
	if (argc > 1)
		error = argument_color(argv[1], &color, e);
	if (error)
		return error;
	error = drain_check(c, &s, color, e);
	if (error)
		return error;
	c->lines = c->options.wait;
	if (c->options.reset)
		error = drain_reset(c, &s, color, &left, &reset, e);
	else if (c->options.wait)
		error = drain_wait(c, &s, color, &left, e);
	else
		error = color_flows(c->tables, s.id, color, &left, e);
	*ret_answer = json_pack("{s:s, s:s, s:I, s:I, s:I}", "service", s.info.name, "color", color_name(color), "flows",
				(json_int_t)left, "reset", s.protocol == TEAL_TCP ? (json_int_t)reset.ended : 0, "forgotten",
				s.protocol == TEAL_TCP ? 0 : (json_int_t)reset.ended);
	return error;
}

void drain_print(const struct command_context *c, const json_t *answer)
{
	const char *service, *color;
	json_int_t left, reset, forgotten;
	char number[CELL_SIZE];

	(void)c;
	if (json_unpack((json_t *)answer, "{s:s, s:s, s:I, s:I, s:I}", "service", &service, "color", &color, "flows", &left,
			"reset", &reset, "forgotten", &forgotten))
		return;
	if (forgotten) {
		printf("%s%s%s: %s %s on %s%s%s forgotten: the next packet of each goes where new ones go\n", style_bold(), service,
		       style_none(), number_format(forgotten, number), forgotten == 1 ? "flow" : "flows", style_color(color), color,
		       style_none());
		return;
	}
	if (reset)
		printf("%s%s%s: %s %s on %s%s%s reset\n", style_bold(), service, style_none(), number_format(reset, number),
		       reset == 1 ? "connection" : "connections", style_color(color), color, style_none());
	if (left)
		printf("%s%s%s: %s %s left on %s%s%s\n", style_bold(), service, style_none(), number_format(left, number),
		       left == 1 ? "connection" : "connections", style_color(color), color, style_none());
	else
		printf("%s%s%s: %s%s%s is empty\n", style_bold(), service, style_none(), style_color(color), color,
		       style_none());
}
