// SPDX-License-Identifier: GPL-2.0-only
/* One packet through every program on its way, and what must come of it. */
#include "run.h"
#include "verify.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

static bool verdict_is(enum teal_verdict verdict, const char *action)
{
	return !strncmp(row_verdict(verdict), action, strlen(action));
}

/* Whether the verdict answers with a RST: not every packet is owed one. */
static bool is_turned(const struct run *run, enum lab_hook hook, enum teal_verdict verdict)
{
	const struct step *step = run->step;
	const enum device device = network_host(step->from)->device;

	if (!verdict_is(verdict, "REFUSE") || run->protocol == UDP || step->packet.flags & RST || step->packet.piece_size)
		return false;
	return hook != LAB_XDP || (!run->combination->stack && device != BARE);
}

/* By which device what is sent leaves. */
static enum device sent_by(const struct run *run, enum lab_hook hook, enum teal_verdict verdict)
{
	const struct step *step = run->step;

	if (is_turned(run, hook, verdict))
		return network_host(step->from)->device;
	return network_host(run->way_back ? step->to : step->becomes)->device;
}

/* What a program returns for a verdict. */
static int action_of(const struct run *run, enum lab_hook hook, enum teal_verdict verdict)
{
	const struct step *step = run->step;

	if (verdict_is(verdict, "PASS"))
		return hook == LAB_XDP ? XDP_PASS : TC_ACT_UNSPEC;
	if (verdict_is(verdict, "DROP") || (verdict_is(verdict, "REFUSE") && !is_turned(run, hook, verdict)))
		return hook == LAB_XDP ? XDP_DROP : TC_ACT_SHOT;
	if (hook != LAB_XDP)
		return TC_ACT_REDIRECT;
	if (verdict_is(verdict, "REFUSE"))
		return XDP_TX;
	return sent_by(run, hook, verdict) == network_host(step->from)->device ? XDP_TX : XDP_REDIRECT;
}

/* The flow has a new source port: which one, the pending row tells. */
static void learn_port(struct run *run)
{
	const enum lab_table table = run->combination->ipv6 ? PENDING6 : PENDING4;
	const struct lab_row *row;

	lab_look(run->lab, &run->after);
	row = lab_get(&run->after, table, &run->key);
	run->source_port = row ? row->pending.source_port : 0;
	if (run->source_port < 1024)
		run_complain(run, "the flow's source port: expected 1024 or above, got %u", run->source_port);
}

/* One program on the packet's way.  @plan  what the packet is, and becomes */
static void run_program(struct run *run, enum lab_hook hook, enum device device, enum teal_verdict verdict,
			struct frame *frame, struct plan *plan)
{
	const int action = action_of(run, hook, verdict);
	const int got = lab_run(run->lab, hook, network_device(device), run->step->segment, frame);
	struct frame expected;
	struct plan after;

	if (got < -1) {
		run_complain(run, "the kernel did not run a frame of %zu bytes: %s", frame->length, strerror(-got - 1));
		return;
	}
	run->want.verdicts[verdict]++;
	if (got != action)
		run_complain(run, "action: expected %d, got %d", action, got);
	if (run->step->claims && hook == run->first)
		learn_port(run);
	if (action == XDP_DROP || (action == TC_ACT_SHOT && hook != LAB_XDP))
		return;
	after = run_plan_after(run, *plan, verdict);
	run_expect_note(run, plan, &after, verdict);
	if (run->step->damage || run->step->repeat != ONCE)
		expected = run->sent;
	else
		frame_build(&expected, &after);
	verify_same(expected.bytes, expected.length, frame->bytes, frame->length, run_complain, run);
	if (!run->step->damage && run->step->repeat == ONCE && !run->step->packet.no_checksum)
		verify_checksums(frame->bytes, frame->length, run_complain, run);
	*plan = after;
}

/* What tc ingress has sent passes the egress of the device that it is sent by, which has nothing to do with it any more. */
static void run_sent(struct run *run, enum device device, struct frame *frame)
{
	const struct frame sent = *frame;
	const int got = lab_run(run->lab, LAB_TC_EGRESS, network_device(device), run->step->segment, frame);

	strncat(run_where, "sent: ", sizeof(run_where) - strlen(run_where) - 1);
	if (got != TC_ACT_UNSPEC)
		run_complain(run, "action: expected %d, got %d", TC_ACT_UNSPEC, got);
	verify_same(sent.bytes, sent.length, frame->bytes, frame->length, run_complain, run);
	if (!run->lab->shows_packet)
		run->want.verdicts[TEAL_PASS_NOT_OURS]++;
}

static struct teal_counters *want_counters(struct run *run, enum host host)
{
	return &run->want.counters[lab_backend(host, run->combination->ipv6, run->protocol)];
}

/* Adds to the expected counters what the step says.  Row 0, nobody's, takes what no step names. */
static void expect_counts(struct run *run, size_t bytes)
{
	const struct step *step = run->step;
	const bool counts = !step->quote.error; /* an error is no packet of its flow */
	const enum host in = run->way_back || !counts ? NOBODY : step->becomes ?: step->counted;

	want_counters(run, step->opened)->opened++;
	want_counters(run, step->ended)->ended++;
	want_counters(run, step->revived)->ended--;
	want_counters(run, step->deleted)->deleted++;
	want_counters(run, step->refused)->refused++;
	want_counters(run, in)->packets_in++;
	want_counters(run, in)->bytes_in += bytes;
	if (run->way_back && step->becomes && counts) {
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
	if (step->to == SOURCE)
		return step->becomes ? network_host(run_client(step))->device : NO_DEVICE;
	if (step->to == VIP && !run->way_back)
		return network_host(step->becomes)->device;
	return network_host(step->to)->device;
}

/* What it becomes where redirected frames are not taken: on the way back tc egress decides, if it will see the packet. */
static enum teal_verdict by_stack(const struct run *run, enum teal_verdict verdict)
{
	if (verdict == TEAL_SENT_IN)
		return TEAL_PASS_IN_STACK;
	if (verdict == TEAL_SENT_BACK || (run->way_back && run->step->to != EDGE && verdict_is(verdict, "REFUSE")))
		return TEAL_PASS_BACK_STACK;
	return verdict;
}

/* tc egress's verdict of what was passed with that one. */
static enum teal_verdict at_egress(const struct run *run, enum teal_verdict verdict)
{
	const struct step *step = run->step;

	if (step->at_egress)
		return step->at_egress;
	if (verdict == TEAL_PASS_BACK_STACK || verdict == TEAL_PASS_BACK_SOURCE)
		return verdict_is(step->verdict, "REFUSE") ? step->verdict : TEAL_PASS_BACK_EGRESS;
	if (run_has_source(run) && step->becomes && !run->way_back && verdict != TEAL_PASS_ICMP_IN &&
	    verdict != TEAL_PASS_ICMP_BACK)
		return TEAL_PASS_IN_SOURCE;
	return TEAL_PASS_NOT_OURS;
}

void run_frame(struct run *run, struct frame *frame, const struct plan *plan, enum teal_verdict verdict)
{
	const struct step *step = run->step;
	/* Made on the edge: only egress sees it, on the device by which the routing sends it. */
	const bool leaves = step->from == HERE || step->from == EDGE;
	const enum device made = step->from == EDGE && step->to == VIP ? network_host(VIP)->device : way_out(run);
	struct plan now = *plan;

	if (run->combination->stack && !leaves)
		verdict = by_stack(run, verdict);
	if (verdict == TEAL_PASS_BACK_STACK && run_has_source(run))
		verdict = TEAL_PASS_BACK_SOURCE;
	lab_look(run->lab, &run->before);
	run->want = run->before;
	run->sent = *frame;
	run->begun = lab_now();
	run->first = leaves ? LAB_TC_EGRESS : run->combination->hook;
	run_program(run, run->first, leaves ? made : network_host(step->from)->device, verdict, frame, &now);
	if (!run->failed && !leaves && verdict_is(verdict, "PASS") && way_out(run)) {
		strncat(run_where, "at tc egress: ", sizeof(run_where) - strlen(run_where) - 1);
		run_program(run, LAB_TC_EGRESS, way_out(run), at_egress(run, verdict), frame, &now);
	}
	if (!run->failed && run->first == LAB_TC_INGRESS && action_of(run, run->first, verdict) == TC_ACT_REDIRECT)
		run_sent(run, sent_by(run, run->first, verdict), frame);
	expect_counts(run, run->sent.packet);
	lab_look(run->lab, &run->after);
	run_compare_counts(run);
	run_compare_handshakes(run);
	run_compare_events(run, verdict);
	run_compare_tables(run);
}
