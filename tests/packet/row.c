// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"

#include <CUnit/CUnit.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char run_where[160];

static const char *const verdict_names[] = {
#define X(action, name, sentence) #action "_" #name,
	TEAL_VERDICTS(X)
#undef X
};

const char *row_verdict(enum teal_verdict verdict)
{
	return verdict < TEAL_VERDICT_COUNT ? verdict_names[verdict] : "no verdict";
}

void row_complain(void *context, const char *format, ...)
{
	const struct row *row = context;
	char text[512], *end = text + snprintf(text, sizeof(text), "%s", run_where);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(end, text + sizeof(text) - end, format, arguments);
	va_end(arguments);
	CU_assertImplementation(CU_FALSE, row->line, text, row->file, "", CU_FALSE);
}

void run_complain(void *context, const char *format, ...)
{
	struct run *run = context;
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	run->failed = true;
	row_complain((void *)run->row, "%s", text);
}

void row_name(const struct combination *combination, char *name, size_t size)
{
	snprintf(name, size, "%s, %s, %s", combination->ipv6 ? "ipv6" : "ipv4",
		 combination->summed	     ? "tc with sums" :
		 combination->hook == LAB_XDP ? "xdp" :
						"tc",
		 combination->stack ? "stack" : "straight");
}

bool row_applies(const struct row *row, const struct combination *combination)
{
	unsigned int here = combination->ipv6 ? NOT_IPV6 : NOT_IPV4;

	here |= combination->hook == LAB_XDP ? NOT_XDP : NOT_TC;
	here |= combination->stack ? NOT_STACK : NOT_STRAIGHT;
	return !(row->only & here);
}

/* A frame that ends, or says that it ends, where no frame may.  Nothing is known of it before its addresses are. */
static void run_lengths(struct run *run, const struct frame *whole, const struct plan *plan)
{
	const bool said = run->step->repeat == EVERY_SAID_LENGTH;
	const size_t header = plan->ipv6 ? 40 : 20 + plan->options;
	const size_t addresses = whole->network + (plan->ipv6 ? 40 : 20);
	/* tc's test run takes no frame without the header that the Ethernet type names; a tag's is not looked at. */
	const size_t least = run->combination->hook == LAB_XDP ? 14 : plan->tag ? 15 : addresses;
	const size_t first = said ? 0 : least;
	const size_t last = said ? whole->payload - whole->network - (plan->ipv6 ? 40 : 0) : whole->length;
	size_t offset = strlen(run_where);

	for (size_t length = first; length < last && !run->failed; length++) {
		struct frame frame = *whole;
		enum teal_verdict verdict = TEAL_DROP_TRUNCATED;

		snprintf(run_where + offset, sizeof(run_where) - offset, "%s%zu bytes: ", said ? "says " : "", length);
		if (!said) {
			frame.length = length;
			if (length < addresses)
				verdict = TEAL_PASS_NOT_OURS;
		} else {
			__u8 *field = frame.bytes + frame.network + (plan->ipv6 ? 4 : 2);

			field[0] = length >> 8;
			field[1] = length;
			if (plan->ipv6 ? !length : length < header)
				verdict = TEAL_DROP_MALFORMED;
		}
		run_frame(run, &frame, plan, verdict);
	}
}

static void run_packet(struct run *run)
{
	struct plan plan = run_plan(run);
	struct frame frame;

	if (plan.zero == ZERO_OUT) {
		struct plan after = run_plan_after(run, plan, run->step->verdict);

		plan.salt = frame_salt(&after);
	} else if (plan.zero == ZERO_IN) {
		plan.salt = frame_salt(&plan);
	}
	frame_build(&frame, &plan);
	if (run->step->damage)
		run->step->damage(&frame);
	if (run->step->repeat == ONCE)
		run_frame(run, &frame, &plan, run->step->verdict);
	else
		run_lengths(run, &frame, &plan);
}

static void age_rows(struct run *run)
{
	const enum lab_table tables[] = { run->combination->ipv6 ? FLOWS6 : FLOWS4,
					  run->combination->ipv6 ? PENDING6 : PENDING4 };

	lab_look(run->lab, &run->after);
	for (int i = 0; i < 2; i++) {
		const struct lab_row *row = lab_get(&run->after, tables[i], &run->key);
		struct lab_row older;

		if (!row)
			continue;
		older = *row;
		older.flow.seen -= run->step->seconds * LAB_SECOND; /* first in both kinds of row */
		lab_put(run->lab, tables[i], &older);
	}
}

static void run_step(struct run *run)
{
	const struct step *step = run->step;
	const bool ipv6 = run->combination->ipv6;
	const __u16 service = lab_service(ipv6, run->protocol);
	struct lab_row key, row;

	switch (step->act) {
	case PACKET:
		run->way_back = network_is_backend(step->from) && step->to != VIP && !step->quote.error;
		run->key_port = CLIENT_PORT;
		if (!step->quote.error)
			run->key_port = (run->way_back ? step->packet.destination_port : step->packet.source_port) ?:
						CLIENT_PORT;
		lab_key(&run->key, ipv6, run_client(step), run->key_port, service);
		run_packet(run);
		break;
	case SWITCH:
		lab_switch(run->lab, service, step->host);
		break;
	case DROP_TABLE:
		lab_drop_table(run->lab, service);
		break;
	case HEALTH:
		lab_health(run->lab, lab_backend(step->host, ipv6, run->protocol), step->health);
		break;
	case EVICT:
		lab_delete(run->lab, ipv6 ? PENDING6 : PENDING4, &run->key);
		break;
	case AGE:
		age_rows(run);
		break;
	case NO_FORWARDING:
		network_forwarding(false);
		break;
	case FORWARDING:
		network_forwarding(true);
		usleep(20000); /* the data path may remember a next hop for 8 ms and a tick of the coarse clock */
		break;
	case NEIGHBOUR:
		network_neighbour(step->host, true);
		break;
	case ON_CPU:
		network_cpu(step->seconds);
		break;
	case RESET:
		lab_cut(run->lab, lab_backend(step->host, ipv6, run->protocol), true);
		break;
	case PAUSE:
		lab_pause(run->lab, service, step->seconds);
		break;
	case PREVIEW:
		lab_preview(run->lab, service, CLIENT, ipv6 ? 128 : 32, step->host);
		break;
	case TAKE_PORT:
		lab_key(&key, ipv6, OTHER, CLIENT_PORT, service);
		lab_port(&row, lab_backend(step->host, ipv6, run->protocol), run->source_port, &key);
		lab_put(run->lab, ipv6 ? SNAT6 : SNAT4, &row);
		break;
	case FORGET_PORT:
		lab_port(&row, lab_backend(step->host, ipv6, run->protocol), run->source_port, NULL);
		lab_delete(run->lab, ipv6 ? LENT6 : LENT4, &row);
		break;
	case FORGET_PIECES:
		lab_clear(run->lab, FRAGMENTS);
		break;
	}
}

/* The client's row, and the one of its source port. */
static void fill_row(struct run *run, enum lab_table table, enum lab_table ports, const struct lab_row *row,
		     __u32 backend)
{
	struct lab_row port;

	lab_put(run->lab, table, row);
	lab_port(&port, backend, run->source_port, &run->key);
	if (run->source_port)
		lab_put(run->lab, ports, &port);
}

static void fill_before(struct run *run)
{
	const bool ipv6 = run->combination->ipv6;
	const __u16 service = lab_service(ipv6, run->protocol);
	const struct flow_says strangers = { IS, BLUE, TEAL_ESTABLISHED, 1, 0 };
	struct lab_row row;

	if (run->row->active)
		lab_switch(run->lab, service, run->row->active);
	if (run->row->flags)
		lab_flags(run->lab, service, run->row->flags);
	if (run->row->watched)
		lab_watch(run->lab, true);
	if (run->row->refuses_when_full)
		lab_refuse_when_full(run->lab);
	if (run->row->prepare)
		run->row->prepare(run->lab, service, ipv6);
	for (int i = run->row->flow.change == IS; run->row->only & FULL && i < LAB_SMALL_ROWS; i++) {
		lab_key(&run->key, ipv6, OTHER, 50000 + i, service);
		run_flow_row(&row, &strangers, run);
		lab_put(run->lab, ipv6 ? FLOWS6 : FLOWS4, &row);
	}
	lab_key(&run->key, ipv6, CLIENT, CLIENT_PORT, service);
	if (run_has_source(run) && (run->row->flow.change == IS || run->row->pending.change == IS))
		run->source_port = SOURCE_PORT;
	run_flow_row(&row, &run->row->flow, run);
	if (run->row->flow.change == IS)
		fill_row(run, ipv6 ? FLOWS6 : FLOWS4, ipv6 ? SNAT6 : SNAT4, &row, row.flow.backend);
	run_pending_row(&row, &run->row->pending, run);
	if (run->row->pending.change == IS)
		fill_row(run, ipv6 ? PENDING6 : PENDING4, ipv6 ? LENT6 : LENT4, &row, row.pending.backend);
}

void row_run(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct run run; /* its pictures are too large for a stack */

	run = (struct run){ .lab = lab, .row = row, .combination = combination, .protocol = row->udp ? UDP : TCP };
	run_where[0] = '\0';
	network_cpu(row->run ? -1 : sched_getcpu()); /* what is sent leaves by the same CPU */
	lab->is_summed = combination->summed;
	lab_reset(lab, !combination->stack);
	if (row->run) {
		row->run(lab, row, combination);
		return;
	}
	fill_before(&run);
	for (int i = 0; i < ROW_STEPS && !run.failed; i++) {
		run.step = &row->steps[i];
		if (run.step->act == PACKET && !run.step->from)
			break;
		snprintf(run_where, sizeof(run_where), "step %d, %s to %s: ", i + 1, network_host(run.step->from)->name,
			 network_host(run.step->to)->name);
		run_step(&run);
	}
}
