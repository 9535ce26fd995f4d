// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sweep: rows are put into the tables with the age they are to have, the iterator runs to its end, and
 * what is gone must be exactly what had expired.
 */
#include "row.h"
#include "teal.skel.h"

#include <string.h>

struct aged {
	enum host backend;
	__u8 protocol;
	enum teal_state state;
	unsigned int age;
	bool expired;
	bool live; /* it counts as ended only now */
};

/* The timeouts of lab.c, with a second on either side. */
static const struct aged aged[] = {
	{ BLUE, TCP, TEAL_ESTABLISHED, 0, false, true },
	{ BLUE, TCP, TEAL_ESTABLISHED, 7858, false, true },
	{ BLUE, TCP, TEAL_ESTABLISHED, 7861, true, true },
	{ GREEN, TCP, TEAL_ESTABLISHED, 100000, true, true },
	{ BLUE, TCP, TEAL_CLIENT_FIN, 7858, false, true },
	{ BLUE, TCP, TEAL_CLIENT_FIN, 7861, true, true },
	{ GREEN, TCP, TEAL_BACKEND_FIN, 7858, false, true },
	{ GREEN, TCP, TEAL_BACKEND_FIN, 7861, true, true },
	{ BLUE, TCP, TEAL_CLOSING, 58, false, false },
	{ BLUE, TCP, TEAL_CLOSING, 61, true, false },
	{ BLUE, TCP, TEAL_RESET_BY_CLIENT, 8, false, false },
	{ BLUE, TCP, TEAL_RESET_BY_CLIENT, 11, true, false },
	{ GREEN, TCP, TEAL_RESET, 8, false, false },
	{ GREEN, TCP, TEAL_RESET, 11, true, false },
	{ GREEN, UDP, TEAL_ESTABLISHED, 178, false, true },
	{ GREEN, UDP, TEAL_ESTABLISHED, 181, true, true },
};

enum { AGED = sizeof(aged) / sizeof(*aged) };

static void put_aged(struct lab *lab, bool ipv6, int i, struct lab_row *row)
{
	lab_key(row, ipv6, CLIENT, CLIENT_PORT + i, lab_service(ipv6, aged[i].protocol));
	row->flow.backend = lab_backend(aged[i].backend, ipv6, aged[i].protocol);
	row->flow.state = aged[i].state;
	row->flow.seen = lab_now() - aged[i].age * LAB_SECOND;
	lab_put(lab, ipv6 ? FLOWS6 : FLOWS4, row);
}

static void complain_number(const struct row *row, enum host backend, const char *what, __u64 want, __u64 got)
{
	if (want != got)
		row_complain((void *)row, "%s, %s: expected %+lld, got %+lld", network_host(backend)->name, what,
			     (long long)want, (long long)got);
}

static void compare_counts(const struct row *row, bool ipv6, const struct lab_picture *before,
			   const struct lab_picture *after)
{
	for (int backend = BLUE; backend <= GREEN; backend++) {
		for (int udp = 0; udp < 2; udp++) {
			__u32 id = lab_backend(backend, ipv6, udp ? UDP : TCP);
			const struct teal_counters *old = &before->counters[id], *new = &after->counters[id];
			__u64 ended = 0, deleted = 0;

			for (int i = 0; i < AGED; i++) {
				if ((int)aged[i].backend != backend || (aged[i].protocol == UDP) != udp)
					continue;
				ended += aged[i].expired && aged[i].live;
				deleted += aged[i].expired;
			}
			complain_number(row, backend, "ended", ended, new->ended - old->ended);
			complain_number(row, backend, "deleted", deleted, new->deleted - old->deleted);
			complain_number(row, backend, "opened", 0, new->opened - old->opened);
		}
	}
}

/* Rows of the other family lie there too, all expired: the sweep of this one must not touch them. */
static void run_sweep(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture before, after;
	const bool ipv6 = combination->ipv6;
	const enum lab_table table = ipv6 ? FLOWS6 : FLOWS4, other = ipv6 ? FLOWS4 : FLOWS6;
	struct lab_row rows[AGED], others[AGED];
	int error;

	for (int i = 0; i < AGED; i++) {
		put_aged(lab, ipv6, i, &rows[i]);
		put_aged(lab, !ipv6, i, &others[i]);
	}
	lab_look(lab, &before);
	error = lab_sweep(lab, ipv6);
	if (error)
		row_complain((void *)row, "the sweep does not run: %s", strerror(-error));
	lab_look(lab, &after);
	for (int i = 0; i < AGED; i++) {
		const struct lab_row *left = lab_get(&after, table, &rows[i]);

		if (!left != aged[i].expired)
			row_complain((void *)row, "%s, state %d, %u s old: expected %s, got %s",
				     aged[i].protocol == UDP ? "UDP" : "TCP", aged[i].state, aged[i].age,
				     aged[i].expired ? "deleted" : "kept", left ? "kept" : "deleted");
		else if (left && memcmp(&left->flow, &rows[i].flow, sizeof(left->flow)))
			row_complain((void *)row, "a row that is kept has changed");
	}
	if (after.count[table] + after.count[other] != before.count[table] + before.count[other] - 8)
		row_complain((void *)row, "expected 8 rows less, got %d",
			     before.count[table] + before.count[other] - after.count[table] - after.count[other]);
	compare_counts(row, ipv6, &before, &after);
}

/* A row that lost its backend's row is judged as TCP, and leaves. */
static void run_orphan(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture after;
	const bool ipv6 = combination->ipv6;
	const enum lab_table table = ipv6 ? FLOWS6 : FLOWS4;
	struct lab_row young, old;

	lab_key(&young, ipv6, CLIENT, 1, 4000);
	young.flow = (struct teal_flow){ .backend = 1000000, .seen = lab_now() - 7000 * LAB_SECOND };
	lab_key(&old, ipv6, CLIENT, 2, 4000);
	old.flow = (struct teal_flow){ .backend = 1000000, .seen = lab_now() - 8000 * LAB_SECOND };
	lab_put(lab, table, &young);
	lab_put(lab, table, &old);
	if (lab_sweep(lab, ipv6))
		row_complain((void *)row, "the sweep does not run");
	lab_look(lab, &after);
	if (!lab_get(&after, table, &young))
		row_complain((void *)row, "the young row: expected kept, got deleted");
	if (lab_get(&after, table, &old))
		row_complain((void *)row, "the old row: expected deleted, got kept");
}

/* More rows than one batch of an iterator, all of them expired. */
static void run_many(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture before, after;
	const bool ipv6 = combination->ipv6;
	const __u32 backend = lab_backend(BLUE, ipv6, TCP);
	struct lab_row flow;

	for (int port = 1; port <= 3000; port++) {
		lab_key(&flow, ipv6, CLIENT, port, lab_service(ipv6, TCP));
		flow.flow = (struct teal_flow){ .backend = backend, .seen = lab_now() - 8000 * LAB_SECOND };
		lab_put(lab, ipv6 ? FLOWS6 : FLOWS4, &flow);
	}
	lab_look(lab, &before);
	if (lab_sweep(lab, ipv6))
		row_complain((void *)row, "the sweep does not run");
	lab_look(lab, &after);
	complain_number(row, BLUE, "rows left", 0, after.count[ipv6 ? FLOWS6 : FLOWS4]);
	complain_number(row, BLUE, "deleted", 3000, after.counters[backend].deleted - before.counters[backend].deleted);
	complain_number(row, BLUE, "ended", 3000, after.counters[backend].ended - before.counters[backend].ended);
}

/* Rows that somebody reset two hours ago: in the client's name, the same with a source port, and by the backend. */
static void run_room(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture after;
	const bool ipv6 = combination->ipv6;
	const enum lab_table table = ipv6 ? FLOWS6 : FLOWS4;
	const struct teal_flow doubted = { .backend = lab_backend(BLUE, ipv6, TCP), .state = TEAL_RESET_BY_CLIENT,
					   .seen = lab_now() - 7000 * LAB_SECOND };
	struct lab_row kept, sourced, reset;

	lab_key(&kept, ipv6, CLIENT, 1, lab_service(ipv6, TCP));
	kept.flow = doubted;
	lab_key(&sourced, ipv6, CLIENT, 2, lab_service(ipv6, TCP));
	sourced.flow = doubted;
	sourced.flow.source_port = 2000;
	lab_key(&reset, ipv6, CLIENT, 3, lab_service(ipv6, TCP));
	reset.flow = doubted;
	reset.flow.state = TEAL_RESET;
	lab_put(lab, table, &kept);
	lab_put(lab, table, &sourced);
	lab_put(lab, table, &reset);
	lab->bpf->bss->sweep_has_room[ipv6] = true;
	if (lab_sweep(lab, ipv6))
		row_complain((void *)row, "the sweep does not run");
	lab_look(lab, &after);
	if (!lab_get(&after, table, &kept))
		row_complain((void *)row, "a RST in the client's name: expected kept, got deleted");
	if (lab_get(&after, table, &sourced) || lab_get(&after, table, &reset))
		row_complain((void *)row, "with a source port, or reset by the backend: expected deleted, got kept");
	lab->bpf->bss->sweep_has_room[ipv6] = false;
	if (lab_sweep(lab, ipv6))
		row_complain((void *)row, "the sweep does not run");
	lab_look(lab, &after);
	if (lab_get(&after, table, &kept))
		row_complain((void *)row, "without room: expected deleted, got kept");
}

static const struct row rows[] = {
	ROW("a RST in the client's name that nobody gainsays: the row is kept for the next word while there is room",
	    .only = NOT_TC | NOT_STACK, .run = run_room),
	ROW("rows expired by each timeout are deleted, others kept; live ones count as ended, all as deleted",
	    .only = NOT_TC | NOT_STACK, .run = run_sweep),
	ROW("a row whose backend is unknown is judged as TCP", .only = NOT_TC | NOT_STACK, .run = run_orphan),
	ROW("three thousand expired rows: one sweep deletes and counts each once", .only = NOT_TC | NOT_STACK,
	    .run = run_many),
};

const struct rows rows_sweep = ROWS("Sweep", rows);
