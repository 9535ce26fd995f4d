// SPDX-License-Identifier: GPL-2.0-only
/* A part of teal status: what a service is in besides its color. */
#include <errno.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/pause.h"
#include "operation/preview.h"
#include "operation/reset.h"

static json_t *canary_json(const struct service *s)
{
	if (s->info.canary == TEAL_NO_COLOR)
		return json_null();
	return json_pack("{s:s, s:i}", "color", color_name(s->info.canary), "percent", (int)s->info.canary_percent);
}

static int preview_json(const struct tables *t, const struct service *s, json_t **ret, struct error *e)
{
	_cleanup_free_ struct prefix *from = NULL;
	char text[ADDRESS_TEXT_SIZE];
	unsigned int count = 0;
	json_t *list;
	int error;

	if (s->info.preview == TEAL_NO_COLOR) {
		*ret = json_null();
		return 0;
	}
	error = preview_get(t, s->id, &from, &count, e);
	if (error)
		return error;
	list = json_array();
	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(list, json_string(prefix_format(&from[i], text)));
	*ret = json_pack("{s:s, s:o}", "color", color_name(s->info.preview), "from", list);
	return 0;
}

/* The colors whose connections are being ended. */
static json_t *resets_json(const struct backend *list, unsigned int count)
{
	json_t *resets = json_array();

	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
		if (reset_is_on(list, count, color))
			json_array_append_new(resets, json_string(color_name(color)));
	return resets;
}

int conditions_json(const struct tables *t, const struct service *s, const struct backend *list, unsigned int count,
		    json_t *object, struct error *e)
{
	const __u64 left = pause_left(t, s), now = table_seconds();
	json_t *preview = NULL;
	int error = preview_json(t, s, &preview, e);

	if (error)
		return error;
	json_object_set_new(object, "canary", canary_json(s));
	json_object_set_new(object, "preview", preview);
	json_object_set_new(object, "paused_for",
			    left ? json_integer((json_int_t)((left + 999999999) / 1000000000)) : json_null());
	json_object_set_new(object, "guarded_for",
			    s->info.guard_until > now ? json_integer((json_int_t)(s->info.guard_until - now)) : json_null());
	json_object_set_new(object, "resetting", resets_json(list, count));
	return 0;
}

void conditions_print(const json_t *service)
{
	const json_t *canary = json_object_get(service, "canary"), *preview = json_object_get(service, "preview");
	const json_t *paused = json_object_get(service, "paused_for"), *each;
	const json_t *guarded = json_object_get(service, "guarded_for");
	const char *color;
	char text[CELL_SIZE];
	int percent;
	size_t i;

	if (!json_unpack((json_t *)canary, "{s:s, s:i}", "color", &color, "percent", &percent))
		printf(" canary: %d %% of the new connections go to %s%s%s\n", percent, style_color(color), color, style_none());
	if (json_is_object(preview)) {
		color = json_string_value(json_object_get(preview, "color"));
		printf(" preview: %s%s%s for", style_color(color), color, style_none());
		json_array_foreach (json_object_get(preview, "from"), i, each)
			printf("%s %s", i ? "," : "", json_string_value(each));
		printf("\n");
	}
	if (json_is_integer(paused))
		printf(" %spaused%s: new connections wait, for %s at most\n", style_bad(), style_none(),
		       duration_format(json_integer_value(paused), text));
	if (json_is_integer(guarded))
		printf(" guarded: teald goes back if it does worse, for %s to come\n",
		       duration_format(json_integer_value(guarded), text));
	json_array_foreach (json_object_get(service, "resetting"), i, each)
		printf(" %sreset%s: what is left on %s is being ended\n", style_bad(), style_none(), json_string_value(each));
}
