// SPDX-License-Identifier: GPL-2.0-only
/* The result: as JSON for the scenarios, as a table for people. */
#include "traffic.h"

#include <jansson.h>
#include <string.h>

static const char *const end_sentences[] = {
#define X(name, sentence) sentence,
	ENDS(X)
#undef X
};

static json_t *samples_json(struct samples *s)
{
	return json_pack("{s:f, s:f, s:f}", "p50", samples_ms(s, 0.5), "p99", samples_ms(s, 0.99), "max",
			 samples_ms(s, 1));
}

static json_t *errors_json(void)
{
	static const char *const kinds[] = { "long-lived", "new" };
	json_t *list = json_array();

	for (int kind = 0; kind < KINDS; kind++)
		for (int end = 1; end < END_COUNT; end++)
			if (books.ends[kind][end])
				json_array_append_new(list, json_sprintf("%s: %s x%llu", kinds[kind], end_sentences[end],
									 (unsigned long long)books.ends[kind][end]));
	for (unsigned int i = 0; i < change_count; i++)
		if (changes[i].code)
			json_array_append_new(list, json_sprintf("switch %u to %s: exit code %d: %s", i + 1,
								 color_names[changes[i].to], changes[i].code,
								 changes[i].said));
	if (switch_waits())
		json_array_append_new(list, json_string("not every switch was made before the time was over"));
	if (!(books.opened + books.made))
		json_array_append_new(list, json_string("nothing was tried"));
	return list;
}

static json_t *details_json(void)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < books.detail_count; i++)
		json_array_append_new(list, json_string(books.details[i]));
	return list;
}

static json_t *names_json(void)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < name_count; i++)
		json_object_set_new(object, names[i].text, json_integer(names[i].made));
	return object;
}

static json_t *switches_json(void)
{
	json_t *object = json_pack("{s:i, s:i, s:f, s:f, s:f}", "made", change_count, "failed", books.switches_failed,
				   "p50_ms", samples_ms(&books.switching, 0.5), "p99_ms",
				   samples_ms(&books.switching, 0.99), "max_ms", samples_ms(&books.switching, 1));

	json_object_set_new(object, "first_new_ms", samples_json(&books.first_new));
	json_object_set_new(object, "last_old_ms", samples_json(&books.last_old));
	return object;
}

static json_t *long_json(const struct options *o)
{
	return json_pack("{s:i, s:I, s:I, s:I, s:I, s:f, s:o, s:o}", "wanted", o->count, "opened",
			 (json_int_t)books.opened, "kept", (json_int_t)books.kept, "echoes", (json_int_t)books.echoes,
			 "lost", (json_int_t)books.lost, "worst_echo_ms", samples_ms(&books.echo, 1), "echo_ms",
			 samples_json(&books.echo), "echo_ms_after_switch", samples_json(&books.echo_after));
}

static json_t *new_json(void)
{
	json_t *object = json_pack("{s:I, s:I, s:I, s:{s:I, s:I}, s:o}", "made", (json_int_t)books.made, "failed",
				   (json_int_t)books.failed, "stale", (json_int_t)books.stale, "by_color", "blue",
				   (json_int_t)books.by_color[BLUE], "green", (json_int_t)books.by_color[GREEN],
				   "by_name", names_json());

	json_object_set_new(object, "connect_ms", samples_json(&books.connect));
	json_object_set_new(object, "connect_ms_after_switch", samples_json(&books.connect_after));
	return object;
}

int books_json(const struct options *o)
{
	json_t *all = json_pack("{s:o, s:o, s:o, s:I, s:o, s:o}", "long", long_json(o), "new", new_json(), "switches",
				switches_json(), "retransmits", (json_int_t)books.retransmits, "errors", errors_json(),
				"details", details_json());
	const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(6);
	int error = o->json ? json_dump_file(all, o->json, flags) : json_dumpf(all, stdout, flags);

	if (!o->json)
		printf("\n");
	json_decref(all);
	if (error)
		fprintf(stderr, "traffic: cannot write %s\n", o->json ? o->json : "the result");
	return error;
}

/* 12345 as "12 345". */
static const char *number(uint64_t value)
{
	static char texts[4][32];
	static unsigned int next;
	char digits[32], *text = texts[next++ % 4], *to = text;
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ' ';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

static void line(const char *what, const char *figure, const char *more, bool good)
{
	printf("  %s%s%s  %-44s %12s  %s%s%s\n", paint(good ? "\033[32m" : "\033[1;31m"), good ? "✓" : "✗",
	       paint("\033[0m"), what, figure, paint("\033[2m"), more, paint("\033[0m"));
}

/* Of everything that went wrong, only what did. */
static void complain(void)
{
	json_t *errors = errors_json(), *text;
	size_t i;

	json_array_foreach (errors, i, text) {
		printf("  %s%s%s\n", paint("\033[1;31m"), json_string_value(text), paint("\033[0m"));
	}
	for (unsigned int d = 0; d < books.detail_count; d++)
		printf("    %s\n", books.details[d]);
	json_decref(errors);
}

void books_table(const struct options *o)
{
	bool kept = books.kept == books.opened && books.opened == o->count;
	char text[64], more[64];

	printf("\n");
	line("new connections made", number(books.made), "", true);
	line("  answered by blue", number(books.by_color[BLUE]), "", true);
	line("  answered by green", number(books.by_color[GREEN]), "", true);
	line("  failed", number(books.failed), "", !books.failed);
	line("  on the old color after the switch returned", number(books.stale), "", !books.stale);
	if (o->count) {
		snprintf(text, sizeof(text), "%s of %s", number(books.kept), number(o->count));
		line("long-lived connections kept", text, "", kept);
		snprintf(more, sizeof(more), "worst %.1f ms", samples_ms(&books.echo, 1));
		line("  their echoes, every byte compared", number(books.echoes), more, true);
	}
	if (o->command) {
		line("switches", number(change_count), "", !books.switches_failed && !switch_waits());
		snprintf(text, sizeof(text), "%.1f ms", samples_ms(&books.switching, 0.5));
		snprintf(more, sizeof(more), "worst %.1f ms", samples_ms(&books.switching, 1));
		line("  time of one, median", text, more, true);
	}
	complain();
	printf("\n");
}
