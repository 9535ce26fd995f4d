// SPDX-License-Identifier: GPL-2.0-only
/*
 * The picture, a seismograph: a row is a quarter of a second, a block of it some milliseconds, and its color is the
 * color of the server that answered the connections which began then.
 */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROW (250 * MS)
#define CELLS 36
#define ROWS 4		/* not yet printed, a ring */
#define SETTLE (60 * MS) /* a row is printed so long after its end: its answers must have come */

struct cell {
	uint16_t answers[COLORS];
	bool failed;
};

struct row {
	struct cell cells[CELLS];
	unsigned int answers[COLORS], failed;
};

static struct row rows[ROWS];
static int64_t begun, printed; /* rows */
static unsigned int long_wanted, told;
static bool drawing, painting;

const char *paint(const char *sequence)
{
	return painting ? sequence : "";
}

void draw_open(const struct options *o, int64_t start)
{
	const char *plain = getenv("NO_COLOR");

	drawing = o->draw;
	painting = isatty(STDOUT_FILENO) && !(plain && *plain);
	begun = start;
	long_wanted = o->count;
	if (!drawing)
		return;
	printf("%s    time  a row is %lld ms; its blocks show who  new connections by%s%s\n", paint("\033[2m"), ROW / MS,
	       o->count ? "   long-lived" : "", paint("\033[0m"));
	printf("%s          answered the connections begun then   color%s%s\n\n", paint("\033[2m"),
	       o->count ? "                kept" : "", paint("\033[0m"));
}

/* The cell of a moment; what comes later than its row was printed goes to the next one. */
static struct cell *cell_at(int64_t started, struct row **ret)
{
	int64_t at = started - begun;

	if (at < printed * ROW)
		at = printed * ROW;
	*ret = &rows[at / ROW % ROWS];
	return &(*ret)->cells[at % ROW * CELLS / ROW];
}

void draw_answer(int64_t started, enum color color)
{
	struct row *row;

	if (!drawing)
		return;
	cell_at(started, &row)->answers[color]++;
	row->answers[color]++;
}

void draw_failure(int64_t started)
{
	struct row *row;

	if (!drawing)
		return;
	cell_at(started, &row)->failed = true;
	row->failed++;
}

/* Stands above the row in which it began, or, if it returned too late for that, above a later one. */
static void switches_print(int64_t until)
{
	for (; told < change_count && changes[told].started < until && changes[told].returned; told++) {
		const struct change *change = &changes[told];

		printf("  ── %s%s%s  ", paint("\033[1m"), switch_line(change), paint("\033[0m"));
		if (change->code)
			printf("%sfailed (exit code %d): %s%s ──\n", paint("\033[1;31m"), change->code, change->said,
			       paint("\033[0m"));
		else
			printf("→ returned after %.1f ms ──\n", (change->returned - change->started) / 1e6);
	}
}

/* Colors differ in shape too, for those who print without them or do not tell them apart. */
static void cell_print(const struct cell *cell)
{
	if (cell->failed)
		printf("%s×", paint("\033[1;31m"));
	else if (cell->answers[BLUE] && cell->answers[GREEN])
		printf("%s▒", paint("\033[36m"));
	else if (cell->answers[BLUE])
		printf("%s█", paint("\033[34m"));
	else if (cell->answers[GREEN])
		printf("%s%s", paint("\033[32m"), painting ? "█" : "░");
	else
		printf("%s·", paint("\033[2m"));
	printf("%s", paint("\033[0m"));
}

static void row_print(struct row *row)
{
	printf("%6.2f s  ", printed * (double)ROW / SECOND);
	for (int i = 0; i < CELLS; i++)
		cell_print(&row->cells[i]);
	printf("  %sblue %3u%s  %sgreen %3u%s", paint(row->answers[BLUE] ? "\033[34m" : "\033[2m"), row->answers[BLUE],
	       paint("\033[0m"), paint(row->answers[GREEN] ? "\033[32m" : "\033[2m"), row->answers[GREEN],
	       paint("\033[0m"));
	if (long_wanted)
		printf("  %s%llu/%u%s", paint(books.kept < long_wanted ? "\033[1;31m" : ""),
		       (unsigned long long)books.kept, long_wanted, paint("\033[0m"));
	if (row->failed)
		printf("  %s%u failed%s", paint("\033[1;31m"), row->failed, paint("\033[0m"));
	printf("\n");
	fflush(stdout);
	memset(row, 0, sizeof(*row));
}

static void rows_print(int64_t until)
{
	for (; until >= begun + (printed + 1) * ROW; printed++) {
		switches_print(begun + (printed + 1) * ROW);
		row_print(&rows[printed % ROWS]);
	}
}

void draw_tick(int64_t now)
{
	if (drawing)
		rows_print(now - SETTLE);
}

/* The last row is shorter; it is left out if there is nothing in it. */
void draw_flush(int64_t now)
{
	const struct row *last;

	if (!drawing)
		return;
	rows_print(now);
	last = &rows[printed % ROWS];
	rows_print(last->answers[BLUE] + last->answers[GREEN] + last->failed ? now + ROW : now);
	switches_print(now);
	drawing = false;
}
