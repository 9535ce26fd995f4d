// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"
#include "verify.h"

#include <CUnit/CUnit.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char where[160]; /* prefix of every complaint */

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
	char text[512], *end = text + snprintf(text, sizeof(text), "%s", where);
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
		 combination->hook == LAB_XDP ? "xdp" : "tc", combination->stack ? "stack" : "straight");
}

bool row_applies(const struct row *row, const struct combination *combination)
{
	unsigned int here = combination->ipv6 ? NOT_IPV6 : NOT_IPV4;

	here |= combination->hook == LAB_XDP ? NOT_XDP : NOT_TC;
	here |= combination->stack ? NOT_STACK : NOT_STRAIGHT;
	return !(row->only & here);
}

static enum host client_of(const struct step *step)
{
	return network_is_backend(step->from) ? step->to : step->from;
}

/* The plan of a step's packet: what it does not say follows from its ends. */
static struct plan plan_of(const struct run *run)
{
	static const __u8 nothing[16];
	const struct step *step = run->step;
	struct plan plan = step->packet;
	const bool udp = run->protocol == UDP;
	const __u16 service_port = udp ? DNS_PORT : WEB_PORT, backend_port = udp ? DNS_BACKEND_PORT : WEB_BACKEND_PORT;

	plan.ipv6 = run->combination->ipv6;
	if (!plan.protocol)
		plan.protocol = run->protocol;
	if (!memcmp(plan.source, nothing, sizeof(nothing)))
		network_address(step->from, plan.ipv6, plan.source);
	if (!memcmp(plan.destination, nothing, sizeof(nothing)))
		network_address(step->to, plan.ipv6, plan.destination);
	if (!plan.source_port)
		plan.source_port = network_is_backend(step->from) ? backend_port : CLIENT_PORT;
	if (!plan.destination_port && network_is_backend(step->to))
		plan.destination_port = backend_port;
	else if (!plan.destination_port)
		plan.destination_port = run->way_back ? CLIENT_PORT : service_port;
	network_next_hop(step->from, plan.link_from);
	network_link_address(network_host(step->from)->device, plan.link_to);
	return plan;
}

/* The same packet as it has to leave. */
static struct plan plan_after(const struct run *run, struct plan plan, enum teal_verdict verdict)
{
	const enum host target = run->way_back ? run->step->to : run->step->becomes;
	const bool udp = run->protocol == UDP;

	if (run->way_back) {
		network_address(run->step->becomes, plan.ipv6, plan.source);
		plan.source_port = udp ? DNS_PORT : WEB_PORT;
	} else {
		network_address(run->step->becomes, plan.ipv6, plan.destination);
		plan.destination_port = udp ? DNS_BACKEND_PORT : WEB_BACKEND_PORT;
	}
	if (verdict == TEAL_SENT_IN || verdict == TEAL_SENT_BACK) {
		plan.ttl = (plan.ttl ?: 64) - 1;
		network_next_hop(target, plan.link_to);
		network_link_address(network_host(target)->device, plan.link_from);
	}
	return plan;
}

/* What a program returns for a verdict. */
static int action_of(const struct run *run, enum lab_hook hook, enum teal_verdict verdict)
{
	const struct step *step = run->step;
	enum device out = network_host(run->way_back ? step->to : step->becomes)->device;

	if (!strncmp(row_verdict(verdict), "PASS", 4))
		return hook == LAB_XDP ? XDP_PASS : TC_ACT_UNSPEC;
	if (!strncmp(row_verdict(verdict), "DROP", 4) || !strncmp(row_verdict(verdict), "REFUSE", 6))
		return hook == LAB_XDP ? XDP_DROP : TC_ACT_SHOT;
	if (hook != LAB_XDP)
		return TC_ACT_REDIRECT;
	return out == network_host(step->from)->device ? XDP_TX : XDP_REDIRECT;
}

/* Runs the frame through one program and compares what comes out. */
static void run_program(struct run *run, enum lab_hook hook, __u32 device, enum teal_verdict verdict,
			struct frame *frame, const struct frame *expected)
{
	int action = action_of(run, hook, verdict);
	int got = lab_run(run->lab, hook, device, run->step->segment, frame);

	if (got < -1) {
		run_complain(run, "the kernel did not run a frame of %zu bytes: %s", frame->length, strerror(-got - 1));
		return;
	}
	run->want.verdicts[verdict]++;
	if (got != action)
		run_complain(run, "action: expected %d, got %d", action, got);
	if (action == XDP_DROP || action == TC_ACT_SHOT)
		if (strncmp(row_verdict(verdict), "PASS", 4))
			return;
	verify_same(expected->bytes, expected->length, frame->bytes, frame->length, run_complain, run);
	if (run->step->becomes || (!run->step->damage && run->step->repeat == ONCE && !run->step->packet.no_checksum))
		verify_checksums(frame->bytes, frame->length, run_complain, run);
}

static struct teal_counters *want_counters(struct run *run, enum host host)
{
	return &run->want.counters[lab_backend(host, run->combination->ipv6, run->protocol)];
}

/* Adds to the expected counters what the step says.  Row 0, nobody's, takes what no step names. */
static void expect_counts(struct run *run, size_t bytes)
{
	const struct step *step = run->step;
	const enum host in = run->way_back ? NOBODY : step->becomes ?: step->counted;

	want_counters(run, step->opened)->opened++;
	want_counters(run, step->ended)->ended++;
	want_counters(run, step->revived)->ended--;
	want_counters(run, step->deleted)->deleted++;
	want_counters(run, step->refused)->refused++;
	want_counters(run, in)->packets_in++;
	want_counters(run, in)->bytes_in += bytes;
	if (run->way_back && step->becomes) {
		want_counters(run, step->from)->packets_out++;
		want_counters(run, step->from)->bytes_out += bytes;
	}
	run->want.counters[0] = run->before.counters[0];
	run->want.verdicts[TEAL_PASS_UNRECORDED] += step->unrecorded;
}

/* The device by which the stack would send the passed packet on, or none. */
static enum device way_out(const struct run *run)
{
	const struct step *step = run->step;

	if (step->damage || step->repeat != ONCE || step->to == EDGE)
		return NO_DEVICE;
	if (step->to == VIP && !run->way_back)
		return network_host(step->becomes)->device;
	return network_host(step->to)->device;
}

/* One packet, through every program on its way. */
static void run_frame(struct run *run, struct frame *frame, const struct plan *plan, enum teal_verdict verdict)
{
	const struct step *step = run->step;
	const bool leaves = step->from == HERE || step->from == EDGE; /* made on the edge: only egress sees it */
	struct frame expected = *frame;
	struct plan after;

	if (run->combination->stack && !leaves && verdict == TEAL_SENT_IN)
		verdict = TEAL_PASS_IN_STACK;
	if (run->combination->stack && !leaves && verdict == TEAL_SENT_BACK)
		verdict = TEAL_PASS_BACK_STACK;
	if (step->becomes && verdict != TEAL_PASS_BACK_STACK) {
		after = plan_after(run, *plan, verdict);
		frame_build(&expected, &after);
	}
	lab_look(run->lab, &run->before);
	run->want = run->before;
	if (leaves)
		run_program(run, LAB_TC_EGRESS, network_device(way_out(run)), verdict, frame, &expected);
	else
		run_program(run, run->combination->hook, network_device(network_host(step->from)->device), verdict,
			    frame, &expected);
	if (!run->failed && !leaves && !strncmp(row_verdict(verdict), "PASS", 4) && way_out(run)) {
		strcat(where, "at tc egress: ");
		verdict = verdict == TEAL_PASS_BACK_STACK ? TEAL_PASS_BACK_EGRESS : TEAL_PASS_NOT_OURS;
		if (verdict == TEAL_PASS_BACK_EGRESS) {
			after = plan_after(run, *plan, verdict);
			frame_build(&expected, &after);
		}
		run_program(run, LAB_TC_EGRESS, network_device(way_out(run)), verdict, frame, &expected);
	}
	expect_counts(run, expected.packet);
	lab_look(run->lab, &run->after);
	run_compare_counts(run);
	run_compare_tables(run);
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
	size_t offset = strlen(where);

	for (size_t length = first; length < last && !run->failed; length++) {
		struct frame frame = *whole;
		enum teal_verdict verdict = TEAL_DROP_TRUNCATED;

		snprintf(where + offset, sizeof(where) - offset, "%s%zu bytes: ", said ? "says " : "", length);
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
	struct plan plan = plan_of(run);
	struct plan after = plan_after(run, plan, run->step->verdict);
	struct frame frame;

	if (plan.zero)
		plan.salt = frame_salt(plan.zero == ZERO_IN ? &plan : &after);
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

	switch (step->act) {
	case PACKET:
		run->way_back = network_is_backend(step->from);
		lab_key(&run->key, ipv6, client_of(step),
			(run->way_back ? step->packet.destination_port : step->packet.source_port) ?: CLIENT_PORT,
			service);
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
	}
}

static void fill_before(struct run *run)
{
	const bool ipv6 = run->combination->ipv6;
	const __u16 service = lab_service(ipv6, run->protocol);
	const struct flow_says strangers = { IS, BLUE, TEAL_ESTABLISHED, 1, 0 };
	struct lab_row row;

	if (run->row->active)
		lab_switch(run->lab, service, run->row->active);
	for (int i = run->row->flow.change == IS; run->row->only & FULL && i < LAB_SMALL_ROWS; i++) {
		lab_key(&run->key, ipv6, OTHER, 50000 + i, service);
		run_flow_row(&row, &strangers, run);
		lab_put(run->lab, ipv6 ? FLOWS6 : FLOWS4, &row);
	}
	lab_key(&run->key, ipv6, CLIENT, CLIENT_PORT, service);
	run_flow_row(&row, &run->row->flow, run);
	if (run->row->flow.change == IS)
		lab_put(run->lab, ipv6 ? FLOWS6 : FLOWS4, &row);
	run_pending_row(&row, &run->row->pending, run);
	if (run->row->pending.change == IS)
		lab_put(run->lab, ipv6 ? PENDING6 : PENDING4, &row);
}

void row_run(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct run run; /* its pictures are too large for a stack */

	run = (struct run){ .lab = lab, .row = row, .combination = combination, .protocol = row->udp ? UDP : TCP };
	where[0] = '\0';
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
		snprintf(where, sizeof(where), "step %d, %s to %s: ", i + 1, network_host(run.step->from)->name,
			 network_host(run.step->to)->name);
		run_step(&run);
	}
}
