// SPDX-License-Identifier: GPL-2.0-only
/*
 * Source NAT: how ports are found.  A port is lent by an LRU table until its flow is proven; here both tables are large,
 * and filled by hand.
 */
#include "row.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

enum { WIDE_ROWS = 131072, FIRST_PORT = 1024, LAST_PORT = 65535, CLIENTS = 200 };

/* Tables in which every port has room, made when first needed. */
static struct lab *wide_lab(const struct row *row, const struct combination *combination)
{
	static struct lab wide;

	if (!wide.bpf && (lab_open(&wide, WIDE_ROWS) || lab_listen(&wide)))
		row_complain((void *)row, "no room for %d rows", WIDE_ROWS);
	if (!wide.bpf)
		return NULL;
	lab_reset(&wide, true);
	lab_flags(&wide, lab_service(combination->ipv6, TCP), TEAL_SERVICE_SOURCE);
	return &wide;
}

/* Who has a port, or is lent it, in these rows: a client of his own for each. */
static void holder_of(struct lab_row *holder, bool ipv6, __u16 port)
{
	lab_key(holder, ipv6, OTHER, port, lab_service(ipv6, TCP));
}

static void put_port(struct lab *lab, enum lab_table table, bool ipv6, __u16 port)
{
	struct lab_row row, holder;

	holder_of(&holder, ipv6, port);
	lab_port(&row, lab_backend(BLUE, ipv6, TCP), port, &holder);
	lab_put(lab, table + ipv6, &row);
}

/* The holder's pending row, without which a lent port is nobody's. */
static void put_pending(struct lab *lab, bool ipv6, __u16 port)
{
	struct lab_row holder;

	holder_of(&holder, ipv6, port);
	holder.pending = (struct teal_pending){ .seen = lab_now(), .backend = lab_backend(BLUE, ipv6, TCP),
						.source_port = port };
	lab_put(lab, ipv6 ? PENDING6 : PENDING4, &holder);
}

/* A SYN from one of the client's ports.  Returns the source port that it got, or 0; what the program said in *ret. */
static __u16 claim(struct lab *lab, const struct combination *combination, __u16 client_port, int *ret)
{
	struct plan plan = { .ipv6 = combination->ipv6, .flags = SYN, .sequence = 1000, .source_port = client_port,
			     .destination_port = WEB_PORT };
	struct lab_row row;
	struct frame frame;

	network_address(CLIENT, plan.ipv6, plan.source);
	network_address(VIP, plan.ipv6, plan.destination);
	frame_build(&frame, &plan);
	*ret = lab_run(lab, combination->hook, network_device(FRONT), 0, &frame);
	lab_key(&row, plan.ipv6, CLIENT, client_port, lab_service(plan.ipv6, TCP));
	return lab_find(lab, plan.ipv6 ? PENDING6 : PENDING4, &row) ? row.pending.source_port : 0;
}

/* @allowed  whether a claim may get that port */
static void claim_all(struct lab *lab, const struct row *row, const struct combination *combination,
		      bool (*allowed)(__u16 port))
{
	bool seen[LAST_PORT + 1] = {};
	int action;

	for (int i = 0; i < CLIENTS; i++) {
		const __u16 port = claim(lab, combination, 42000 + i, &action);

		if (port < FIRST_PORT || !allowed(port))
			row_complain((void *)row, "claim %d: got port %u", i, port);
		if (seen[port])
			row_complain((void *)row, "claim %d: got port %u a second time", i, port);
		seen[port] = true;
	}
}

static bool is_any(__u16 port)
{
	(void)port;
	return true;
}

static bool is_odd(__u16 port)
{
	return port % 2;
}

/* The ports that Linux does not give to its own sockets. */
static bool is_low(__u16 port)
{
	return port < 32768;
}

static void run_low(struct lab *unused, const struct row *row, const struct combination *combination)
{
	struct lab *lab = wide_lab(row, combination);

	(void)unused;
	if (lab)
		claim_all(lab, row, combination, is_low);
}

static void run_half_taken(struct lab *unused, const struct row *row, const struct combination *combination)
{
	struct lab *lab = wide_lab(row, combination);

	(void)unused;
	for (int port = FIRST_PORT; lab && port <= LAST_PORT; port += 2)
		put_port(lab, SNAT4, combination->ipv6, port);
	if (lab)
		claim_all(lab, row, combination, is_odd);
}

static void run_half_lent(struct lab *unused, const struct row *row, const struct combination *combination)
{
	struct lab *lab = wide_lab(row, combination);

	(void)unused;
	for (int port = FIRST_PORT; lab && port <= LAST_PORT; port += 2) {
		put_port(lab, LENT4, combination->ipv6, port);
		put_pending(lab, combination->ipv6, port);
	}
	if (lab)
		claim_all(lab, row, combination, is_odd);
}

static void run_stale(struct lab *unused, const struct row *row, const struct combination *combination)
{
	struct lab *lab = wide_lab(row, combination);

	(void)unused;
	for (int port = FIRST_PORT; lab && port <= LAST_PORT; port++)
		put_port(lab, LENT4, combination->ipv6, port);
	if (lab)
		claim_all(lab, row, combination, is_any);
}

static void run_all_lent(struct lab *unused, const struct row *row, const struct combination *combination)
{
	struct lab *lab = wide_lab(row, combination);
	int action;

	(void)unused;
	for (int port = FIRST_PORT; lab && port <= LAST_PORT; port++) {
		put_port(lab, LENT4, combination->ipv6, port);
		put_pending(lab, combination->ipv6, port);
	}
	if (lab && !claim(lab, combination, 42000, &action))
		row_complain((void *)row, "a port that is only lent: expected to get one, got none");
}

static void run_exhausted(struct lab *unused, const struct row *row, const struct combination *combination)
{
	static struct lab_picture before, after;
	struct lab *lab = wide_lab(row, combination);
	const __u32 backend = lab_backend(BLUE, combination->ipv6, TCP);
	const int refused = combination->hook == LAB_XDP ? XDP_TX : TC_ACT_REDIRECT;
	int action;

	(void)unused;
	for (int port = FIRST_PORT; lab && port <= LAST_PORT; port++)
		put_port(lab, SNAT4, combination->ipv6, port);
	if (!lab)
		return;
	lab_look(lab, &before);
	if (claim(lab, combination, 42000, &action))
		row_complain((void *)row, "the SYN got a port and a pending row");
	lab_look(lab, &after);
	if (action != refused)
		row_complain((void *)row, "action: expected %d, got %d", refused, action);
	if (after.verdicts[TEAL_REFUSE_NO_PORT] != before.verdicts[TEAL_REFUSE_NO_PORT] + 1)
		row_complain((void *)row, "verdict REFUSE_NO_PORT: expected +1, got %+lld",
			     (long long)(after.verdicts[TEAL_REFUSE_NO_PORT] - before.verdicts[TEAL_REFUSE_NO_PORT]));
	if (memcmp(&after.counters[backend], &before.counters[backend], sizeof(after.counters[backend])) ||
	    memcmp(&after.handshakes[backend], &before.handshakes[backend], sizeof(after.handshakes[backend])))
		row_complain((void *)row, "the backend's counters have changed");
}

/* Flows with ports, expired and not: after the sweep, a port has its row exactly where its flow has. */
static void run_sweep(struct lab *lab, const struct row *row, const struct combination *combination)
{
	const bool ipv6 = combination->ipv6;
	const enum lab_table flows = ipv6 ? FLOWS6 : FLOWS4, ports = ipv6 ? SNAT6 : SNAT4;
	const __u32 backend = lab_backend(BLUE, ipv6, TCP);
	struct lab_row flow, port;

	for (int i = 0; i < CLIENTS; i++) {
		lab_key(&flow, ipv6, CLIENT, 42000 + i, lab_service(ipv6, TCP));
		flow.flow = (struct teal_flow){ .backend = backend, .source_port = 2000 + i,
						.seen = lab_now() - (i % 2 ? 8000 : 10) * LAB_SECOND };
		lab_put(lab, flows, &flow);
		lab_port(&port, backend, 2000 + i, &flow);
		lab_put(lab, ports, &port);
	}
	if (lab_sweep(lab, ipv6))
		row_complain((void *)row, "the sweep does not run");
	for (int i = 0; i < CLIENTS; i++) {
		lab_key(&flow, ipv6, CLIENT, 42000 + i, lab_service(ipv6, TCP));
		lab_port(&port, backend, 2000 + i, NULL);
		if (lab_find(lab, flows, &flow) != !(i % 2))
			row_complain((void *)row, "flow %d: expected %s", i, i % 2 ? "deleted" : "kept");
		if (lab_find(lab, ports, &port) != !(i % 2))
			row_complain((void *)row, "port %d: expected %s", 2000 + i, i % 2 ? "free" : "kept");
	}
}

static const struct row rows[] = {
	ROW("ports are those that Linux does not give to its own sockets, while there are some", .only = NOT_STACK,
	    .run = run_low),
	ROW("half of all ports are other flows': 200 flows get 200 of the others", .only = NOT_STACK,
	    .run = run_half_taken),
	ROW("half of all ports are lent to handshakes that go on: 200 flows get 200 of the others", .only = NOT_STACK,
	    .run = run_half_lent),
	ROW("all ports are lent, and nobody stands behind it any more: 200 flows get 200 of them", .only = NOT_STACK,
	    .run = run_stale),
	ROW("all ports are lent to handshakes that go on: a new flow gets one all the same", .only = NOT_STACK,
	    .run = run_all_lent),
	ROW("all ports are other flows': a new flow is refused with a RST, and counted", .only = NOT_STACK,
	    .run = run_exhausted),
	ROW("expiry: the sweep deletes a flow and its port together, and no other", .only = NOT_STACK | NOT_TC,
	    .run = run_sweep),
};

const struct rows rows_ports = ROWS("Source NAT: how ports are found", rows);
