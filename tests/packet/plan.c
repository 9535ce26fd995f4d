// SPDX-License-Identifier: GPL-2.0-only
/* What a step's packet is, and what a verdict has to make of it. */
#include "run.h"

#include <string.h>

bool run_has_source(const struct run *run)
{
	return run->row->flags & TEAL_SERVICE_SOURCE;
}

static __u16 service_port(const struct run *run)
{
	return run->protocol == UDP ? DNS_PORT : WEB_PORT;
}

static __u16 backend_port(const struct run *run)
{
	return run->protocol == UDP ? DNS_BACKEND_PORT : WEB_BACKEND_PORT;
}

/* A backend may be a client too: what it sends to the VIP it sends as one. */
enum host run_client(const struct step *step)
{
	const struct quote *quote = &step->quote;

	if (quote->error && quote->from != VIP)
		return quote->from == SOURCE ? CLIENT : quote->from;
	if (quote->error)
		return quote->to;
	return network_is_backend(step->from) && step->to != VIP ? step->to : step->from;
}

static void set_source(const struct run *run, struct plan *plan, enum host host, __u16 port)
{
	network_address(host, run->combination->ipv6, plan->source);
	plan->source_port = port;
}

static void set_destination(const struct run *run, struct plan *plan, enum host host, __u16 port)
{
	network_address(host, run->combination->ipv6, plan->destination);
	plan->destination_port = port;
}

/* The port at which a host takes part in the row's flow. */
static __u16 port_of(const struct run *run, enum host host)
{
	if (host == VIP)
		return service_port(run);
	if (host == SOURCE)
		return run->source_port;
	if (network_is_backend(host))
		return backend_port(run);
	return host == STRANGER ? service_port(run) : CLIENT_PORT;
}

/* Fills in the ends that the plan does not have. */
static void take_ends(const struct run *run, struct plan *plan, enum host from, enum host to)
{
	static const __u8 nothing[16];
	const bool answers = network_is_backend(from) && to != VIP && to != SOURCE;

	if (!memcmp(plan->source, nothing, sizeof(nothing)))
		network_address(from, plan->ipv6, plan->source);
	if (!memcmp(plan->destination, nothing, sizeof(nothing)))
		network_address(to, plan->ipv6, plan->destination);
	if (!plan->source_port)
		plan->source_port = to == VIP ? CLIENT_PORT : port_of(run, from);
	if (!plan->destination_port)
		plan->destination_port = answers ? CLIENT_PORT : port_of(run, to);
}

/* RFC 792 and RFC 4443. */
static void set_error(struct plan *plan, enum icmp_error error, bool ipv6)
{
	static const struct {
		__u8 type4, code4, type6, code6;
		__u32 word;
	} numbers[] = { [UNREACHABLE] = { 3, 1, 1, 3, 0 },
			[TOO_LARGE] = { 3, 4, 2, 0, 1400 },
			[TIME_EXCEEDED] = { 11, 0, 3, 0, 0 },
			[BAD_HEADER] = { 12, 0, 4, 1, 20 } };

	plan->protocol = ipv6 ? ICMPV6 : ICMP;
	plan->icmp_type = ipv6 ? numbers[error].type6 : numbers[error].type4;
	plan->icmp_code = ipv6 ? numbers[error].code6 : numbers[error].code4;
	plan->icmp_word = error == BAD_HEADER && !ipv6 ? numbers[error].word << 24 : numbers[error].word;
}

static struct plan quoted, quoted_after;

static void icmp_after(struct run *run, struct plan *plan, enum teal_verdict verdict)
{
	const enum host becomes = run->step->becomes, client = run_client(run->step);

	quoted_after = *plan->quoted;
	plan->quoted = &quoted_after;
	if (verdict == TEAL_PASS_ICMP_IN) {
		set_source(run, &quoted_after, becomes, backend_port(run));
		if (run_has_source(run))
			set_destination(run, &quoted_after, SOURCE, run->source_port);
		network_address(becomes, plan->ipv6, plan->destination);
	} else {
		set_destination(run, &quoted_after, VIP, service_port(run));
		if (run_has_source(run)) {
			set_source(run, &quoted_after, client, CLIENT_PORT);
			network_address(client, plan->ipv6, plan->destination);
		}
		network_address(VIP, plan->ipv6, plan->source);
	}
}

static void take_quote(struct run *run, struct plan *plan)
{
	const struct quote *quote = &run->step->quote;

	set_error(plan, quote->error, plan->ipv6);
	quoted = quote->packet;
	quoted.ipv6 = plan->ipv6;
	quoted.protocol = quoted.protocol ?: run->protocol;
	take_ends(run, &quoted, quote->from, quote->to);
	plan->quoted = &quoted;
	plan->quoted_bytes = quote->bytes;
	if (quoted.zero == ZERO_OUT) {
		struct plan after = *plan;

		icmp_after(run, &after, run->step->at_egress ?: run->step->verdict);
		quoted.salt = frame_salt(&quoted_after);
	}
}

struct plan run_plan(struct run *run)
{
	const struct step *step = run->step;
	const bool answers = run->way_back && (step->to != EDGE || step->becomes);
	struct plan plan = step->packet;

	plan.ipv6 = run->combination->ipv6;
	if (step->quote.error)
		take_quote(run, &plan);
	if (!plan.protocol)
		plan.protocol = run->protocol;
	take_ends(run, &plan, step->from, answers && run_has_source(run) ? SOURCE : step->to);
	if (step->from == EDGE)
		return plan; /* its link header is not yet anybody's */
	network_next_hop(step->from, plan.link_from);
	network_link_address(network_host(step->from)->device, plan.link_to);
	return plan;
}

/* RFC 9293 section 3.10.7.1: the RST that answers a segment; all else of it stays (section 3.5.3). */
static struct plan turned(struct plan plan)
{
	struct plan back = plan;

	memcpy(back.link_to, plan.link_from, sizeof(back.link_to));
	memcpy(back.link_from, plan.link_to, sizeof(back.link_from));
	memcpy(back.source, plan.destination, sizeof(back.source));
	memcpy(back.destination, plan.source, sizeof(back.destination));
	back.source_port = plan.destination_port;
	back.destination_port = plan.source_port;
	back.ttl = 64;
	back.window = WINDOW_ZERO;
	if (plan.flags & ACK) {
		back.flags = RST;
		back.sequence = plan.acknowledged;
		back.acknowledged = 0;
	} else {
		back.flags = RST | ACK;
		back.sequence = 0;
		back.acknowledged = plan.sequence + plan.payload + !!(plan.flags & SYN) + !!(plan.flags & FIN);
	}
	return back;
}

/* Out of a device: one hop less to live, and the link addresses of the next one. */
static void send_to(struct plan *plan, enum host target)
{
	plan->ttl = (plan->ttl ?: 64) - 1;
	network_next_hop(target, plan->link_to);
	network_link_address(network_host(target)->device, plan->link_from);
}

struct plan run_plan_after(struct run *run, struct plan plan, enum teal_verdict verdict)
{
	const enum host becomes = run->step->becomes, client = run_client(run->step);
	const __u16 client_port = run->key_port;

	switch (verdict) {
	case TEAL_SENT_IN:
		send_to(&plan, becomes);
		/* fallthrough */
	case TEAL_SENT_OUT:
		if (run_has_source(run))
			set_source(run, &plan, SOURCE, run->source_port);
		set_destination(run, &plan, becomes, backend_port(run));
		break;
	case TEAL_PASS_IN_SOURCE:
		set_source(run, &plan, SOURCE, run->source_port);
		break;
	case TEAL_PASS_BACK_STACK:
		break;
	case TEAL_PASS_BACK_SOURCE:
		set_destination(run, &plan, client, client_port);
		break;
	case TEAL_SENT_BACK:
		send_to(&plan, client);
		/* fallthrough */
	case TEAL_PASS_BACK_LOCAL:
		if (run_has_source(run))
			set_destination(run, &plan, client, client_port);
		/* fallthrough */
	case TEAL_PASS_BACK_EGRESS:
		set_source(run, &plan, VIP, service_port(run));
		break;
	case TEAL_PASS_ICMP_IN:
	case TEAL_PASS_ICMP_BACK:
		icmp_after(run, &plan, verdict);
		break;
	case TEAL_REFUSE_NO_BACKEND:
	case TEAL_REFUSE_NO_PORT:
	case TEAL_REFUSE_FULL:
	case TEAL_REFUSE_RESET:
	case TEAL_REFUSE_LOCAL:
		return turned(plan);
	default:
		if (becomes && !run->way_back && verdict != TEAL_PASS_NOT_OURS)
			set_destination(run, &plan, becomes, backend_port(run));
	}
	return plan;
}
