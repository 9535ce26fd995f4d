/* SPDX-License-Identifier: GPL-2.0-only */
/* Between row.c, which runs a row's steps, and compare.c, which compares the tables before and after. */
#ifndef TEAL_TEST_RUN_H
#define TEAL_TEST_RUN_H

#include "row.h"

/* A running step: what it is made from, what must have come of it, and what did. */
struct run {
	struct lab *lab;
	const struct row *row;
	const struct step *step;
	const struct combination *combination;
	struct lab_picture before, want, after;
	struct lab_row key; /* of the client's rows */
	__u8 protocol;
	bool way_back;
	bool failed;
};

/* Like row_complain(), and ends the row.  @context is a struct run. */
void run_complain(void *context, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A client's rows as the tables hold them. */
void run_flow_row(struct lab_row *row, const struct flow_says *says, const struct run *run);
void run_pending_row(struct lab_row *row, const struct pending_says *says, const struct run *run);

/* Complain of whatever is not as run->want and run->step have it. */
void run_compare_counts(struct run *run);
void run_compare_tables(struct run *run);

#endif
