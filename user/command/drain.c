// SPDX-License-Identifier: GPL-2.0-only
/* teal drain: how many connections are left on a color, and, with --wait, until there are none. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "command/output.h"

#define POLL_MS 100
#define TELL_MS 1000

/* One line a second; on a terminal it is the same line again and again. */
static void progress(const struct command_context *c, const struct service *s, enum teal_color color, __u64 left,
		     double per_second)
{
	bool terminal = isatty(STDERR_FILENO);
	char number[CELL_SIZE], estimate[CELL_SIZE + 32] = "", seconds[CELL_SIZE];

	if (c->options.quiet || c->options.json)
		return;
	if (per_second > 0)
		snprintf(estimate, sizeof(estimate), ", about %s at this rate",
			 duration_format((json_int_t)(left / per_second) + 1, seconds));
	fprintf(stderr, "%s%s: %s left on %s%s%s", terminal ? "\r" : "", s->info.name,
		number_format((json_int_t)left, number), color_name(color), estimate, terminal ? "\033[K" : "\n");
}

static void progress_end(const struct command_context *c)
{
	if (!c->options.quiet && !c->options.json && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}

int drain_wait(struct command_context *c, const struct service *s, enum teal_color color, __u64 *ret_left,
	       struct error *e)
{
	const struct timespec step = { .tv_nsec = POLL_MS * 1000000L };
	const __u64 deadline = c->options.wait_seconds * 1000ULL;
	__u64 began = table_clock(), first, waited, told = 0, left;
	int error = color_flows(c->tables, s->id, color, &first, e);

	for (left = first; !error && left; error = color_flows(c->tables, s->id, color, &left, e)) {
		waited = (table_clock() - began) / 1000000;
		if (waited >= told) {
			progress(c, s, color, left, waited && first > left ? (first - left) * 1000.0 / waited : 0);
			told += TELL_MS;
		}
		if (deadline && waited >= deadline) {
			error = error_set(e, EXIT_DEADLINE, ETIMEDOUT,
					  "%llu connections are left on %s of %s after %u s: they go on; wait longer with --wait=T",
					  left, color_name(color), s->info.name, c->options.wait_seconds);
			break;
		}
		nanosleep(&step, NULL);
	}
	progress_end(c);
	*ret_left = left;
	return error;
}

int drain_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
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
	if (color == s.info.active)
		return error_set(e, EXIT_REFUSED, EBUSY,
				 "%s is the active color of %s and gets all new connections: switch to %s first",
				 color_name(color), s.info.name, color_name(color_other(color)));
	error = c->options.wait ? drain_wait(c, &s, color, &left, e) : color_flows(c->tables, s.id, color, &left, e);
	*ret_answer = json_pack("{s:s, s:s, s:I}", "service", s.info.name, "color", color_name(color), "flows",
				(json_int_t)left);
	return error;
}

void drain_print(const struct command_context *c, const json_t *answer)
{
	const char *service, *color;
	json_int_t left;
	char number[CELL_SIZE];

	(void)c;
	if (json_unpack((json_t *)answer, "{s:s, s:s, s:I}", "service", &service, "color", &color, "flows", &left))
		return;
	if (left)
		printf("%s%s%s: %s %s left on %s%s%s\n", style_bold(), service, style_none(), number_format(left, number),
		       left == 1 ? "connection" : "connections", style_color(color), color, style_none());
	else
		printf("%s%s%s: %s%s%s is empty\n", style_bold(), service, style_none(), style_color(color), color,
		       style_none());
}
