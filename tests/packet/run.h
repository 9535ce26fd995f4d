/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between row.c, which runs a row's steps, plan.c, which says what a step's packet is and has to become, way.c, which runs
 * it through the programs, and compare.c and tables.c, which compare counters and tables before and after.
 */
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
	__u16 key_port;	   /* the client's */
	__u16 source_port; /* of the client's flow, where the service has a source address */
	bool way_back;
	bool failed;
	__u64 begun;		   /* monotonic ns before the packet */
	enum lab_hook first;	   /* of the programs on its way */
	struct frame sent;	   /* as it came */
};

/* Where the running step is, for complaints: "step 1, client to VIP: ", and more as it gets more exact. */
extern char run_where[160];

bool run_has_source(const struct run *run);

/* The host whose flow the step is about. */
enum host run_client(const struct step *step);

/* The plan of a step's packet: what it does not say follows from its ends. */
struct plan run_plan(struct run *run);

/* The same packet as it has to be after a program's verdict. */
struct plan run_plan_after(struct run *run, struct plan plan, enum teal_verdict verdict);

/* A frame through every program on its way, and everything that must come of it. */
void run_frame(struct run *run, struct frame *frame, const struct plan *plan, enum teal_verdict verdict);

/* The note that a first fragment has to leave, if `before` is one and has become `after`. */
void run_expect_note(struct run *run, const struct plan *before, const struct plan *after, enum teal_verdict verdict);

/* Adds to a table of a picture, or takes from it. */
void run_want(struct run *run, enum lab_table table, const struct lab_row *row);
void run_want_gone(struct run *run, enum lab_table table, const struct lab_row *row);

/* Like row_complain(), and ends the row.  @context is a struct run. */
void run_complain(void *context, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A client's rows as the tables hold them. */
void run_flow_row(struct lab_row *row, const struct flow_says *says, const struct run *run);
void run_pending_row(struct lab_row *row, const struct pending_says *says, const struct run *run);

/* Complain of whatever is not as run->want and run->step have it. */
void run_compare_counts(struct run *run);
void run_compare_handshakes(struct run *run);
void run_compare_events(struct run *run, enum teal_verdict verdict);
void run_compare_tables(struct run *run);

#endif
