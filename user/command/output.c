// SPDX-License-Identifier: GPL-2.0-only
#include "command/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool styled;

void output_style(bool no_color)
{
	const char *variable = getenv("NO_COLOR");

	styled = !no_color && !(variable && *variable) && isatty(STDOUT_FILENO);
}

const char *style_color(const char *color_name)
{
	if (!styled)
		return "";
	return !strcmp(color_name, "blue") ? "\033[1;34m" : !strcmp(color_name, "green") ? "\033[1;32m" : "";
}

const char *style_bold(void)
{
	return styled ? "\033[1m" : "";
}

const char *style_dim(void)
{
	return styled ? "\033[2m" : "";
}

const char *style_bad(void)
{
	return styled ? "\033[1;31m" : "";
}

const char *style_none(void)
{
	return styled ? "\033[0m" : "";
}

const char *number_format(json_int_t number, char text[CELL_SIZE])
{
	char digits[32];
	size_t length = snprintf(digits, sizeof(digits), "%lld", (long long)number), at = 0;

	for (size_t i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0 && digits[i - 1] != '-')
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return text;
}

const char *duration_format(json_int_t seconds, char text[CELL_SIZE])
{
	long long s = seconds;

	if (s < 120)
		snprintf(text, CELL_SIZE, "%lld s", s);
	else if (s < 7200)
		snprintf(text, CELL_SIZE, "%lld min", s / 60);
	else if (s < 172800)
		snprintf(text, CELL_SIZE, "%lld h", s / 3600);
	else
		snprintf(text, CELL_SIZE, "%lld d", s / 86400);
	return text;
}

struct row {
	const char *style;
	char **cells;
};

struct grid {
	const char *const *headings;
	unsigned int columns, count;
	struct row *rows;
};

struct grid *grid_new(const char *const *headings, unsigned int columns)
{
	struct grid *grid = calloc(1, sizeof(*grid));

	if (!grid)
		abort();
	grid->headings = headings;
	grid->columns = columns;
	return grid;
}

void grid_add(struct grid *grid, const char *style, const char *const *cells)
{
	struct row *rows = realloc(grid->rows, (grid->count + 1) * sizeof(*rows));
	struct row row = { .style = style, .cells = calloc(grid->columns, sizeof(*row.cells)) };

	if (!rows || !row.cells)
		abort();
	for (unsigned int i = 0; i < grid->columns; i++)
		if (!(row.cells[i] = strdup(cells[i])))
			abort();
	grid->rows = rows;
	grid->rows[grid->count++] = row;
}

/* Columns of a UTF-8 text that uses no wide characters. */
static int width(const char *text)
{
	int columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

/* Prints a cell after @blank columns of space, and returns how many are to come before the next one, if there is one. */
static int cell_print(const char *text, int room, bool right, int blank)
{
	int space = room - width(text);

	if (!*text)
		return blank + room + 2;
	printf("%*s%s", blank + (right ? space : 0), "", text);
	return (right ? 0 : space) + 2;
}

void grid_print(struct grid *grid, int indent)
{
	int *room = calloc(grid->columns, sizeof(*room)), blank = 0;

	if (!room)
		abort();
	for (unsigned int i = 0; i < grid->columns; i++) {
		room[i] = width(grid->headings[i]) - (*grid->headings[i] == '>');
		for (unsigned int r = 0; r < grid->count; r++)
			room[i] = width(grid->rows[r].cells[i]) > room[i] ? width(grid->rows[r].cells[i]) : room[i];
	}
	printf("%*s%s", indent, "", style_dim());
	for (unsigned int i = 0; i < grid->columns; i++) {
		bool right = *grid->headings[i] == '>';

		blank = cell_print(grid->headings[i] + right, room[i], right, blank);
	}
	printf("%s\n", style_none());
	for (unsigned int r = 0; r < grid->count; r++) {
		printf("%*s%s", indent, "", grid->rows[r].style);
		blank = 0;
		for (unsigned int i = 0; i < grid->columns; i++)
			blank = cell_print(grid->rows[r].cells[i], room[i], *grid->headings[i] == '>', blank);
		printf("%s\n", *grid->rows[r].style ? style_none() : "");
		for (unsigned int i = 0; i < grid->columns; i++)
			free(grid->rows[r].cells[i]);
		free(grid->rows[r].cells);
	}
	free(room);
	free(grid->rows);
	free(grid);
}
