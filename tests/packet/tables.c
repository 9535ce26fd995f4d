// SPDX-License-Identifier: GPL-2.0-only
/* The tables that packets write, before and after a packet: what a step does not name must not have happened. */
#include "run.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UDP_STEPS 2 /* of TEAL_ANSWER_STEP, between two notes */

static const char *const names[LAB_TABLES] = { "flows4", "flows6",	  "pending4",	   "pending6", "snat4",
					       "snat6",	 "snat_pending4", "snat_pending6", "fragments" };

static void describe(char *text, size_t size, const struct lab_row *row, bool pending)
{
	static const char *const states[] = { "ESTABLISHED", "CLIENT_FIN", "BACKEND_FIN",     "CLIENT_ENDING",
					      "BOTH_ENDING", "CLOSING",	   "RESET_BY_CLIENT", "RESET",
					      "REPLACED" };
	const double age = row ? (double)(__s64)(lab_now() - row->flow.seen) / LAB_SECOND : 0;

	if (!row)
		snprintf(text, size, "no row");
	else if (pending)
		snprintf(text, size, "%s, client's %u, %sanswered %u, source port %u, seen %.1f s ago",
			 network_host(lab_backend_host(row->pending.backend))->name, row->pending.client_sequence,
			 row->pending.answered ? "" : "not ", row->pending.backend_sequence, row->pending.source_port,
			 age);
	else
		snprintf(text, size, "%s, %s, acknowledged %u, source port %u, seen %.1f s ago",
			 network_host(lab_backend_host(row->flow.backend))->name,
			 row->flow.state <= TEAL_REPLACED ? states[row->flow.state] : "?", row->flow.acked,
			 row->flow.source_port, age);
}

/*
 * `want` holds everything but when it was seen: that must be with the packet, to within the second that the data path saves.
 * @begun  before the packet
 * @steps  by how much `acked` may be off: UDP's notes when the backend answered
 */
static bool row_is(const struct lab_row *want, const struct lab_row *got, __u64 begun, bool pending, int steps)
{
	const int off = got ? (int)(want->flow.acked - got->flow.acked) : 0;

	if (!got || (__s64)(begun - got->flow.seen) > (__s64)(LAB_SECOND * 3 / 2))
		return false;
	if (want->flow.backend != got->flow.backend)
		return false;
	if (!pending)
		return want->flow.state == got->flow.state && abs(off) <= steps &&
		       want->flow.source_port == got->flow.source_port;
	return want->pending.source_port == got->pending.source_port &&
	       want->pending.client_sequence == got->pending.client_sequence &&
	       want->pending.answered == got->pending.answered &&
	       (!want->pending.answered || want->pending.backend_sequence == got->pending.backend_sequence);
}

void run_flow_row(struct lab_row *row, const struct flow_says *says, const struct run *run)
{
	*row = run->key;
	row->flow.backend = lab_backend(says->backend, run->combination->ipv6, run->protocol);
	row->flow.state = says->state;
	row->flow.acked = says->acked;
	if (run->protocol == UDP)
		row->flow.acked = (lab_now() - says->acked * LAB_SECOND) >> TEAL_ANSWER_STEP;
	row->flow.source_port = run->source_port;
	row->flow.seen = lab_now() - says->age * LAB_SECOND;
}

void run_pending_row(struct lab_row *row, const struct pending_says *says, const struct run *run)
{
	*row = run->key;
	row->pending.backend = lab_backend(says->backend, run->combination->ipv6, run->protocol);
	row->pending.client_sequence = says->client_sequence;
	row->pending.answered = says->answered;
	row->pending.backend_sequence = says->backend_sequence;
	row->pending.source_port = run->source_port;
	row->pending.seen = lab_now() - says->age * LAB_SECOND;
}

static void compare_row(struct run *run, enum lab_table table, enum change change, const struct lab_row *want)
{
	const struct lab_row *before = lab_get(&run->before, table, &run->key);
	const struct lab_row *after = lab_get(&run->after, table, &run->key);
	const bool pending = table >= PENDING4;
	char expected[160], got[160];
	bool right;

	if (change == SAME)
		right = before ? after && !memcmp(before, after, sizeof(*before)) : !after;
	else
		right = change == GONE ? !after : row_is(want, after, run->begun, pending, run->protocol == UDP ? UDP_STEPS : 0);
	if (right)
		return;
	describe(expected, sizeof(expected), change == SAME ? before : change == GONE ? NULL : want, pending);
	describe(got, sizeof(got), after, pending);
	run_complain(run, "%s: expected %s%s, got %s", pending ? "pending" : "flow", change == SAME ? "as before " : "",
		     expected, got);
}

void run_want_gone(struct run *run, enum lab_table table, const struct lab_row *row)
{
	struct lab_row *rows = run->want.rows[table];
	int *count = &run->want.count[table];

	for (int i = 0; i < *count; i++) {
		if (memcmp(rows[i].key, row->key, sizeof(row->key)))
			continue;
		rows[i] = rows[--*count];
		return;
	}
}

void run_want(struct run *run, enum lab_table table, const struct lab_row *row)
{
	run_want_gone(run, table, row);
	if (run->want.count[table] < LAB_ROWS)
		run->want.rows[table][run->want.count[table]++] = *row;
}

/* Ports go with the rows of their flow: lent while it is pending, its own from when it is in `flows`. */
static void expect_ports(struct run *run)
{
	const struct step *step = run->step;
	const bool ipv6 = run->combination->ipv6;
	const enum lab_table own = ipv6 ? SNAT6 : SNAT4, lent = ipv6 ? LENT6 : LENT4;
	const struct lab_row *flow = lab_get(&run->before, ipv6 ? FLOWS6 : FLOWS4, &run->key);
	const struct lab_row *pending = lab_get(&run->before, ipv6 ? PENDING6 : PENDING4, &run->key);
	struct lab_row port;

	if (step->deleted && flow && flow->flow.source_port) {
		lab_port(&port, flow->flow.backend, flow->flow.source_port, NULL);
		run_want_gone(run, own, &port);
	}
	if (step->pending.change == GONE && pending && pending->pending.source_port) {
		lab_port(&port, pending->pending.backend, pending->pending.source_port, NULL);
		run_want_gone(run, lent, &port);
	}
	if (step->opened && run->source_port) {
		lab_port(&port, lab_backend(step->opened, ipv6, run->protocol), run->source_port, &run->key);
		run_want(run, own, &port);
	}
	if (step->claims) {
		lab_port(&port, lab_backend(step->pending.backend, ipv6, run->protocol), run->source_port, &run->key);
		run_want(run, lent, &port);
	}
}

void run_expect_note(struct run *run, const struct plan *before, const struct plan *after, enum teal_verdict verdict)
{
	const bool source = memcmp(before->source, after->source, sizeof(before->source));
	const bool ipv6 = before->ipv6;
	struct teal_fragment_key key = {};
	struct lab_row row = {};
	enum host host = run->way_back ? run->step->from : run->step->becomes;

	if (!before->piece_size || before->piece_at ||
	    (!source && !memcmp(before->destination, after->destination, sizeof(before->destination))))
		return;
	memcpy(key.source, before->source, sizeof(key.source));
	memcpy(key.destination, before->destination, sizeof(key.destination));
	key.id = ipv6 ? htonl(0x7ea17ea1 ^ before->id) : htons(before->id);
	key.protocol = ipv6 ? 0 : before->protocol;
	memcpy(row.key, &key, sizeof(key));
	memcpy(row.fragment.address, source ? after->source : after->destination, sizeof(row.fragment.address));
	if (verdict == TEAL_PASS_IN_SOURCE || verdict == TEAL_PASS_BACK_SOURCE)
		host = NOBODY;
	row.fragment.backend = lab_backend(host, ipv6, run->protocol);
	row.fragment.verdict = verdict;
	row.fragment.source = source;
	run_want(run, FRAGMENTS, &row);
}

/* Every row but this client's own, and all of those in the tables that have no rows of clients. */
static void compare_others(struct run *run, enum lab_table table)
{
	const struct lab_picture *pictures[] = { &run->want, &run->after };

	for (int side = 0; side < 2; side++) {
		for (int i = 0; i < pictures[side]->count[table]; i++) {
			const struct lab_row *row = &pictures[side]->rows[table][i], *other;
			const bool own = table <= PENDING6 && (table % 2 == FLOWS6) == run->combination->ipv6 &&
					 !memcmp(row->key, run->key.key, sizeof(row->key));

			if (own)
				continue;
			other = lab_get(pictures[!side], table, row);
			if (other && !memcmp(other, row, sizeof(*row)))
				continue;
			if (!other || !side) /* a row that differs is told of once */
				run_complain(run, "%s: a row that %s", names[table],
					     other  ? "is not as it has to be" :
					     side   ? "nobody expects" :
						      "is expected is not there");
		}
	}
}

void run_compare_tables(struct run *run)
{
	const struct step *step = run->step;
	const bool ipv6 = run->combination->ipv6;
	struct lab_row flow, pending;

	run_flow_row(&flow, &step->flow, run);
	run_pending_row(&pending, &step->pending, run);
	compare_row(run, ipv6 ? FLOWS6 : FLOWS4, step->flow.change, &flow);
	compare_row(run, ipv6 ? PENDING6 : PENDING4, step->pending.change, &pending);
	expect_ports(run);
	for (int table = 0; table < LAB_TABLES; table++)
		compare_others(run, table);
}
