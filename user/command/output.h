/* SPDX-License-Identifier: GPL-2.0-only */
/* Text for people: columns that stand under each other, colors as colors, numbers that can be read. */
#ifndef TEAL_OUTPUT_H
#define TEAL_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CELL_SIZE 64

/* Whether to write escape sequences: a terminal, and neither --no-color nor NO_COLOR (no-color.org). */
void output_style(bool no_color);

/* Escape sequences, or empty strings. */
const char *style_color(const char *color_name); /* "blue", "green" */
const char *style_bold(void);
const char *style_dim(void);
const char *style_bad(void);
const char *style_none(void);

/* 1234567 as "1,234,567".  Returns `text`. */
const char *number_format(json_int_t number, char text[CELL_SIZE]);

/* Seconds as "45 s", "12 min", "3 h", "9 d". */
const char *duration_format(json_int_t seconds, char text[CELL_SIZE]);

/* A table of text cells; right-aligned where a column's heading begins with '>'. */
struct grid;
struct grid *grid_new(const char *const *headings, unsigned int columns);
/* Adds a row of `columns` cells; `style` (an escape sequence or "") colors the whole row. */
void grid_add(struct grid *grid, const char *style, const char *const *cells);
/* Prints with `indent` spaces in front, and frees. */
void grid_print(struct grid *grid, int indent);

#endif
