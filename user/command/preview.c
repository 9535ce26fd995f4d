// SPDX-License-Identifier: GPL-2.0-only
/* teal preview: some clients get a color of their own. */
#include "operation/preview.h"

#include <errno.h>
#include <string.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/lock.h"

static json_t *preview_json(const struct service *s, const struct prefix *from, unsigned int count)
{
	char text[ADDRESS_TEXT_SIZE];
	json_t *list = json_array();

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(list, json_string(prefix_format(&from[i], text)));
	if (s->info.preview != TEAL_NO_COLOR)
		return json_pack("{s:s, s:{s:s, s:o}}", "service", s->info.name, "preview", "color",
				 color_name(s->info.preview), "from", list);
	json_decref(list);
	return json_pack("{s:s, s:n}", "service", s->info.name, "preview");
}

/* The prefixes behind --from, and those that follow them as words. */
static int prefixes_parse(const struct command_options *o, int argc, char **argv, struct prefix *to, struct error *e)
{
	for (unsigned int i = 0; i < o->from_count + argc; i++) {
		const char *text = i < o->from_count ? o->from[i] : argv[i - o->from_count];

		if (prefix_parse(text, &to[i]))
			return error_set(e, EXIT_USAGE, EINVAL,
					 "'%s' is no client: write an address, or a prefix such as 198.51.100.0/24", text);
	}
	return 0;
}

/* What the words must be, whatever the tables say. */
static int words_check(const struct command_options *o, int argc, struct error *e)
{
	if (o->off ? argc > 2 || o->from_count : argc < 2 || !o->from_count)
		return error_set(e, EXIT_USAGE, EINVAL,
				 "write it as: teal preview SERVICE COLOR --from PREFIX..., or: teal preview SERVICE --off");
	return 0;
}

static int off_check(const struct service *s, enum teal_color color, struct error *e)
{
	if (color == TEAL_NO_COLOR || s->info.preview == TEAL_NO_COLOR || s->info.preview == color)
		return 0;
	return error_set(e, EXIT_REFUSED, ENOENT, "the preview of %s is of %s, not of %s: name that, or no color",
			 s->info.name, color_name(s->info.preview), color_name(color));
}

int preview_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	const unsigned int count = c->options.off ? 0 : c->options.from_count + (argc > 2 ? argc - 2 : 0);
	_cleanup_free_ struct prefix *from = calloc(count + 1, sizeof(*from));
	_cleanup_close_ int lock = -1;
	enum teal_color color = TEAL_NO_COLOR;
	struct service s;
	int error = from ? words_check(&c->options, argc, e) : error_set(e, EXIT_FAILED, ENOMEM, "out of memory");

	if (!error && argc > 1)
		error = argument_color(argv[1], &color, e);
	if (!error && !c->options.off)
		error = prefixes_parse(&c->options, argc - 2, argv + 2, from, e);
	if (!error)
		error = lock = lock_take(c->options.pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	if (error >= 0)
		error = service_find(c->tables, argv[0], &s, e);
	if (error)
		return error;
	if (c->options.off)
		error = off_check(&s, color, e) ?: preview_end(c->tables, c->options.state_dir, &s, e);
	else
		error = preview_set(c->tables, c->options.state_dir, &s, color, from, count, c->options.force, e);
	if (!error)
		*ret_answer = preview_json(&s, from, count);
	return error;
}

void preview_print(const struct command_context *c, const json_t *answer)
{
	const char *service, *color;
	json_t *preview, *from, *each;
	size_t i;

	(void)c;
	if (json_unpack((json_t *)answer, "{s:s, s:o}", "service", &service, "preview", &preview))
		return;
	printf("%s%s%s  ", style_bold(), service, style_none());
	if (json_unpack(preview, "{s:s, s:o}", "color", &color, "from", &from)) {
		printf("there is no preview\n");
		return;
	}
	printf("new connections from");
	json_array_foreach (from, i, each)
		printf("%s %s", i ? "," : "", json_string_value(each));
	printf(" go to %s%s%s\n", style_color(color), color, style_none());
}
