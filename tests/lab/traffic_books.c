// SPDX-License-Identifier: GPL-2.0-only
/* What is counted, what is measured, and the judgement over both. */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>

struct books books;
struct name names[16];
unsigned int name_count;
const char *const color_names[COLORS] = { "neither", "blue", "green" };

static const char *const end_sentences[] = {
#define X(name, sentence) sentence,
	ENDS(X)
#undef X
};

/* A new connection that was answered. */
struct answer {
	int64_t started;
	enum color color;
};
static struct answer *answers;
static size_t answer_count, answer_room;

void samples_add(struct samples *s, int64_t ns)
{
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 1024;
		s->us = room(s->us, s->room * sizeof(*s->us));
	}
	s->us[s->count++] = ns < 0 ? 0 : ns / 1000;
}

static int sample_compare(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

	return one < other ? -1 : one > other;
}

double samples_ms(struct samples *s, double quantile)
{
	size_t at = quantile * s->count;

	if (!s->count)
		return 0;
	qsort(s->us, s->count, sizeof(*s->us), sample_compare);
	return s->us[at < s->count ? at : s->count - 1] / 1000.0;
}

int name_find(const char *text, size_t length)
{
	for (unsigned int i = 0; i < name_count; i++)
		if (strlen(names[i].text) == length && !memcmp(names[i].text, text, length))
			return i;
	if (!length || length >= sizeof(names->text) || name_count == sizeof(names) / sizeof(*names))
		return -1;
	memcpy(names[name_count].text, text, length);
	for (enum color color = BLUE; color < COLORS; color++)
		if (length >= strlen(color_names[color]) && !memcmp(text, color_names[color], strlen(color_names[color])))
			names[name_count].color = color;
	return name_count++;
}

enum color color_first_seen(void)
{
	return name_count ? names[0].color : NEITHER;
}

void books_note(enum kind kind, enum end end, uint64_t key, int port, int name)
{
	static const char *const kinds[] = { "long-lived", "new" };

	books.ends[kind][end]++;
	if (books.detail_count < sizeof(books.details) / sizeof(*books.details))
		snprintf(books.details[books.detail_count++], sizeof(*books.details),
			 "at %.3f s: %s connection %llu, local port %d, of %s: %s",
			 books.start ? (now_ns() - books.start) / 1e9 : 0.0, kinds[kind], (unsigned long long)key, port,
			 name < 0 ? "nobody yet" : names[name].text, end_sentences[end]);
}

void books_echo(int64_t from, int64_t to)
{
	if (!books.start)
		return;
	samples_add(&books.echo, to - from);
	if (switch_near(from, to))
		samples_add(&books.echo_after, to - from);
}

void books_connect(int64_t from, int64_t to)
{
	if (!books.start)
		return;
	samples_add(&books.connect, to - from);
	if (switch_near(from, to))
		samples_add(&books.connect_after, to - from);
}

void books_answer(int64_t started, int name)
{
	if (answer_count == answer_room) {
		answer_room = answer_room ? answer_room * 2 : 4096;
		answers = room(answers, answer_room * sizeof(*answers));
	}
	answers[answer_count++] = (struct answer){ started, names[name].color };
	names[name].made++;
	books.by_color[names[name].color]++;
}

static int answer_compare(const void *a, const void *b)
{
	int64_t one = ((const struct answer *)a)->started, other = ((const struct answer *)b)->started;

	return one < other ? -1 : one > other;
}

/* One answer, and the switch before its beginning, if there was one. */
static void answer_judge(const struct answer *answer, struct change *change)
{
	enum color right = change ? change->to : color_first_seen();

	if (change && answer->color == change->to && !change->first_new)
		change->first_new = answer->started;
	if (change && answer->color != change->to)
		change->last_old = answer->started;
	/* Switched by somebody else, if at all.  Before a switch returned either is right; after one that failed, who knows. */
	if (!change_count)
		return;
	if (change && (change->code || !change->returned || answer->started <= change->returned))
		return;
	books.stale += answer->color != right;
}

void books_judge(void)
{
	unsigned int next = 0;

	qsort(answers, answer_count, sizeof(*answers), answer_compare);
	for (size_t i = 0; i < answer_count; i++) {
		while (next < change_count && changes[next].started <= answers[i].started)
			next++;
		answer_judge(&answers[i], next ? &changes[next - 1] : NULL);
	}
	for (unsigned int i = 0; i < change_count; i++) {
		if (changes[i].first_new)
			samples_add(&books.first_new, changes[i].first_new - changes[i].started);
		if (changes[i].last_old)
			samples_add(&books.last_old, changes[i].last_old - changes[i].started);
	}
}

bool books_clean(void)
{
	for (int kind = 0; kind < KINDS; kind++)
		for (int end = 1; end < END_COUNT; end++)
			if (books.ends[kind][end])
				return false;
	return !books.failed && !books.stale && !books.lost && !books.switches_failed && books.kept == books.opened &&
	       !switch_waits() && books.opened + books.made;
}
