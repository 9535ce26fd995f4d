// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"

#include <stdio.h>
#include <string.h>

static void compare_counter(struct run *run, __u32 backend, size_t offset, const char *name)
{
	__u64 before = *(__u64 *)((char *)&run->before.counters[backend] + offset);
	__u64 want = *(__u64 *)((char *)&run->want.counters[backend] + offset);
	__u64 got = *(__u64 *)((char *)&run->after.counters[backend] + offset);

	if (want != got)
		run_complain(run, "counters of %s: %s: expected %+lld, got %+lld",
			 network_host(lab_backend_host(backend))->name, name, (long long)(want - before),
			 (long long)(got - before));
}

void run_compare_counts(struct run *run)
{
	for (int verdict = 0; verdict < TEAL_VERDICT_COUNT; verdict++)
		if (run->want.verdicts[verdict] != run->after.verdicts[verdict])
			run_complain(run, "verdict %s: expected %+lld, got %+lld", row_verdict(verdict),
				 (long long)(run->want.verdicts[verdict] - run->before.verdicts[verdict]),
				 (long long)(run->after.verdicts[verdict] - run->before.verdicts[verdict]));
#define COUNTER(name) compare_counter(run, backend, offsetof(struct teal_counters, name), #name)
	for (__u32 backend = 0; backend < LAB_BACKENDS; backend++) {
		COUNTER(opened);
		COUNTER(ended);
		COUNTER(deleted);
		COUNTER(refused);
		COUNTER(packets_in);
		COUNTER(bytes_in);
		COUNTER(packets_out);
		COUNTER(bytes_out);
	}
#undef COUNTER
}

static void describe(char *text, size_t size, const struct lab_row *row, bool pending)
{
	static const char *const states[] = { "ESTABLISHED", "CLIENT_FIN", "BACKEND_FIN",     "CLIENT_ENDING",
					      "BOTH_ENDING", "CLOSING",	   "RESET_BY_CLIENT", "RESET",
					      "REPLACED" };
	const double age = row ? (double)(__s64)(lab_now() - row->flow.seen) / LAB_SECOND : 0;

	if (!row)
		snprintf(text, size, "no row");
	else if (pending)
		snprintf(text, size, "%s, client's %u, %sanswered %u, seen %.1f s ago",
			 network_host(lab_backend_host(row->pending.backend))->name, row->pending.client_sequence,
			 row->pending.answered ? "" : "not ", row->pending.backend_sequence, age);
	else
		snprintf(text, size, "%s, %s, acknowledged %u, seen %.1f s ago",
			 network_host(lab_backend_host(row->flow.backend))->name,
			 row->flow.state <= TEAL_REPLACED ? states[row->flow.state] : "?", row->flow.acked, age);
}

/* `want` holds everything but when it was seen: that must be now, to within the second that the data path saves. */
static bool row_is(const struct lab_row *want, const struct lab_row *got, bool pending)
{
	if (!got || (__s64)(lab_now() - got->flow.seen) > (__s64)(LAB_SECOND * 3 / 2))
		return false;
	if (want->flow.backend != got->flow.backend)
		return false;
	if (!pending)
		return want->flow.state == got->flow.state && want->flow.acked == got->flow.acked;
	return want->pending.client_sequence == got->pending.client_sequence &&
	       want->pending.answered == got->pending.answered &&
	       (!want->pending.answered || want->pending.backend_sequence == got->pending.backend_sequence);
}

void run_flow_row(struct lab_row *row, const struct flow_says *says, const struct run *run)
{
	*row = run->key;
	row->flow.backend = lab_backend(says->backend, run->combination->ipv6, run->protocol);
	row->flow.state = says->state;
	row->flow.acked = says->acked;
	row->flow.seen = lab_now() - says->age * LAB_SECOND;
}

void run_pending_row(struct lab_row *row, const struct pending_says *says, const struct run *run)
{
	*row = run->key;
	row->pending.backend = lab_backend(says->backend, run->combination->ipv6, run->protocol);
	row->pending.client_sequence = says->client_sequence;
	row->pending.answered = says->answered;
	row->pending.backend_sequence = says->backend_sequence;
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
		right = change == GONE ? !after : row_is(want, after, pending);
	if (right)
		return;
	describe(expected, sizeof(expected), change == SAME ? before : change == GONE ? NULL : want, pending);
	describe(got, sizeof(got), after, pending);
	run_complain(run, "%s: expected %s%s, got %s", pending ? "pending" : "flow", change == SAME ? "as before " : "",
		 expected, got);
}

/* Nobody else's row may change. */
static void compare_strangers(struct run *run, enum lab_table table)
{
	static const char *const names[] = { "flows4", "flows6", "pending4", "pending6" };
	const struct lab_picture *pictures[] = { &run->before, &run->after };

	for (int side = 0; side < 2; side++) {
		for (int i = 0; i < pictures[side]->count[table]; i++) {
			const struct lab_row *row = &pictures[side]->rows[table][i], *other;
			bool own = (table % 2 == FLOWS6) == run->combination->ipv6 &&
				   !memcmp(row->key, run->key.key, sizeof(row->key));

			if (own)
				continue;
			other = lab_get(pictures[!side], table, row);
			if (!other || memcmp(other, row, sizeof(*row)))
				run_complain(run, "a row of %s that is not this client's has %s", names[table],
					 other ? "changed" : side ? "appeared" : "gone");
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
	for (int table = 0; table < LAB_TABLES; table++)
		compare_strangers(run, table);
}
