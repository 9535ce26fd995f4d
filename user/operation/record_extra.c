/* SPDX-License-Identifier: GPL-2.0-only */
#include "operation/record_extra.h"

#include <string.h>

static const char *canary_read(const json_t *json, struct record_service *service)
{
	const char *color;
	json_int_t percent;

	if (json_unpack((json_t *)json, "{s:s, s:I !}", "color", &color, "percent", &percent) ||
	    color_parse(color, &service->canary) || percent < 1 || percent > 100)
		return "canary must have a color and a percent from 1 to 100";
	if (service->canary == service->active)
		return "the canary's color must not be the active one";
	service->canary_percent = (unsigned int)percent;
	return NULL;
}

static const char *preview_read(const json_t *json, struct record_service *service)
{
	const char *color;
	json_t *from;

	if (json_unpack((json_t *)json, "{s:s, s:o !}", "color", &color, "from", &from) ||
	    color_parse(color, &service->preview.color) || !json_is_array(from))
		return "preview must have a color and a list of clients";
	service->preview.from = calloc(json_array_size(from) + 1, sizeof(*service->preview.from));
	if (!service->preview.from)
		return "out of memory";
	for (size_t i = 0; i < json_array_size(from); i++) {
		const char *text = json_string_value(json_array_get(from, i));

		if (!text || prefix_parse(text, &service->preview.from[i]))
			return "a client of the preview must be written as ADDRESS or ADDRESS/BITS";
	}
	service->preview.count = (unsigned int)json_array_size(from);
	return NULL;
}

/* An object in the books, so that people can read it; a line in the history. */
static const char *history_line_read(const json_t *history, struct record_service *service)
{
	if (!json_is_object(history))
		return "history must be an entry of the history";
	service->untold = json_dumps(history, JSON_COMPACT);
	return service->untold ? NULL : "out of memory";
}

const char *record_extra_read(const json_t *canary, const json_t *preview, const json_t *history,
			      struct record_service *service)
{
	const char *wrong = NULL;

	service->canary = service->preview.color = TEAL_NO_COLOR;
	if (canary)
		wrong = canary_read(canary, service);
	if (!wrong && preview)
		wrong = preview_read(preview, service);
	return wrong || !history ? wrong : history_line_read(history, service);
}

static json_t *prefixes_json(const struct prefix *from, unsigned int count)
{
	json_t *list = json_array();
	char text[ADDRESS_TEXT_SIZE];

	for (unsigned int i = 0; i < count; i++) {
		if (json_array_append_new(list, json_string(prefix_format(&from[i], text)))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int record_extra_write(const struct record_service *service, json_t *json)
{
	int error = 0;

	if (service->canary != TEAL_NO_COLOR)
		error = json_object_set_new(json, "canary",
					    json_pack("{s:s, s:i}", "color", color_name(service->canary), "percent",
						      (int)service->canary_percent));
	if (!error && service->preview.color != TEAL_NO_COLOR)
		error = json_object_set_new(json, "preview",
					    json_pack("{s:s, s:o}", "color", color_name(service->preview.color), "from",
						      prefixes_json(service->preview.from, service->preview.count)));
	if (!error && service->untold)
		error = json_object_set_new(json, "history", json_loads(service->untold, 0, NULL));
	return error;
}
