// SPDX-License-Identifier: GPL-2.0-only
/* The rules about flows: who may open, change and end one, and where its packets go. */
#include "fuzz.h"

#include <string.h>

#define WINDOW (16U << 20)
#define NOTED (4U << 20) /* how far behind the note of what the backend acknowledged may be */

/* And is not being ended by a backend's `reset`. */
static bool is_open(const struct rows *rows)
{
	const struct endpoint *backend = rows->is_flow ? world_backend(rows->flow.backend) : NULL;

	return rows->is_flow && rows->flow.state < TEAL_CLOSING && !(backend && backend->reset);
}

static bool is_dropped(enum teal_verdict verdict)
{
	return verdict == TEAL_DROP_TRUNCATED || verdict == TEAL_DROP_MALFORMED || verdict == TEAL_DROP_FRAGMENT ||
	       verdict == TEAL_DROP_REWRITE || verdict == TEAL_REFUSE_NO_BACKEND || verdict == TEAL_REFUSE_NO_PORT ||
	       verdict == TEAL_REFUSE_FULL || verdict == TEAL_DROP_PAUSED;
}

static bool is_absurd(__u8 flags)
{
	const __u8 xmas = FIN | PSH | URG;

	return !(flags & 0x3f) || (flags & SYN && flags & (FIN | RST)) || (flags & (xmas | ACK)) == xmas;
}

static bool flow_same(const struct teal_flow *a, const struct teal_flow *b)
{
	return a->state == b->state && a->backend == b->backend && a->source_port == b->source_port;
}

/* Whatever the packet was: rows change only in ways that there are. */
static void check_rows(const struct outcome *o, struct complaint *complaint)
{
	const struct rows *was = &o->before, *is = &o->after;

	if (is_open(was) && !is->is_flow)
		complain(complaint, "an open flow's row is never removed by a packet", "state %u", was->flow.state);
	if (is_open(was) && is->is_flow && was->flow.backend != is->flow.backend)
		complain(complaint, "an open flow keeps its backend", "%u became %u", was->flow.backend, is->flow.backend);
	if (!was->is_flow && is->is_flow && !was->is_pending)
		complain(complaint, "no flow without a pending row before it", "backend %u", is->flow.backend);
	if (!was->is_flow && is->is_flow && was->is_pending && was->pending.backend != is->flow.backend)
		complain(complaint, "a flow keeps the backend that its pending row named", "%u became %u",
			 was->pending.backend, is->flow.backend);
}

/* A row that was not there, or another one than before. */
static bool opened(const struct outcome *o)
{
	return o->after.is_flow && (!o->before.is_flow || o->before.flow.backend != o->after.flow.backend ||
				    (o->before.flow.state >= TEAL_CLOSING && o->after.flow.state <= TEAL_CLIENT_ENDING &&
				     o->before.is_pending && !o->after.is_pending));
}

static bool proves(const struct rows *was, const struct view *in)
{
	return was->is_pending && was->pending.answered && (in->flags & (SYN | ACK | RST)) == ACK &&
	       in->acknowledged == was->pending.backend_sequence + 1;
}

/* Addresses that nobody may send from: RFC 1122, section 3.2.1.3; RFC 4291, sections 2.5.2, 2.5.3 and 2.7. */
static bool is_nobodys(const __u8 address[16])
{
	static const __u8 zero[16], all[4] = { 255, 255, 255, 255 }, mapped[12] = { [10] = 255, 255 };
	const __u8 *four = address + 12;

	if (memcmp(address, mapped, sizeof(mapped)))
		return address[0] == 255 || (!memcmp(address, zero, 15) && address[15] <= 1);
	return four[0] == 127 || four[0] >> 4 == 14 || !memcmp(four, zero, 4) || !memcmp(four, all, 4);
}

static void check_client_tcp(const struct outcome *o, const struct view *in, struct complaint *complaint)
{
	const struct rows *was = &o->before, *is = &o->after;

	if (is_absurd(in->flags)) {
		if (o->verdict != TEAL_DROP_FLAGS)
			complain(complaint, "flags that no host sends are dropped", "flags %02x, verdict %u", in->flags,
				 o->verdict);
		if (opened(o) || (was->is_flow && !flow_same(&was->flow, &is->flow)) || was->is_pending != is->is_pending)
			complain(complaint, "flags that no host sends change no row", "flags %02x", in->flags);
		return;
	}
	if (opened(o) && !proves(was, in))
		complain(complaint, "only the acknowledgment of the backend's number opens a flow",
			 "flags %02x acknowledges %u, the backend's is %u", in->flags, in->acknowledged,
			 was->pending.backend_sequence);
	if (!(in->flags & SYN) && !was->is_flow && !was->is_pending && (is->is_flow || is->is_pending))
		complain(complaint, "what is not a SYN and belongs to no flow makes no state", "flags %02x", in->flags);
	if (!(in->flags & SYN) && !was->is_flow && !was->is_pending && o->verdict != TEAL_PASS_NO_FLOW &&
	    !is_nobodys(in->source))
		complain(complaint, "what is not a SYN and belongs to no flow is passed up", "flags %02x, verdict %u", in->flags,
			 o->verdict);
	if (is_open(was) && is->is_flow && !(in->flags & (FIN | RST)) && was->flow.state != is->flow.state &&
	    was->flow.state < TEAL_CLIENT_ENDING)
		complain(complaint, "a plain packet changes no flow's state", "flags %02x: %u became %u", in->flags,
			 was->flow.state, is->flow.state);
	/* While a FIN is noted, what was acknowledged lies up to a window before it. */
	if (is_open(was) && was->flow.state < TEAL_CLIENT_ENDING && is->is_flow && in->flags & RST &&
	    is->flow.state == TEAL_RESET_BY_CLIENT && in->sequence - was->flow.acked > WINDOW + NOTED)
		complain(complaint, "a RST out of the window changes nothing", "sequence %u, acknowledged %u", in->sequence,
			 was->flow.acked);
}

/* Whose backend the packet must reach, when it reaches one. */
static void check_backend(const struct outcome *o, const struct view *in, const struct view *out,
			  struct complaint *complaint)
{
	const struct endpoint *to = world_endpoint(out->destination, out->destination_port, in->protocol);
	const struct rows *was = &o->before;

	if (!to || world_is_vip(out->destination))
		return;
	if (is_open(was) && to->backend != was->flow.backend)
		complain(complaint, "a packet of an open flow goes to the flow's backend", "%u, not %u", to->backend,
			 was->flow.backend);
	if (is_open(was) || !was->is_pending || in->protocol != TCP || in->flags & SYN)
		return;
	if (was->is_flow && was->flow.state == TEAL_RESET_BY_CLIENT && !(in->flags & RST) && !proves(was, in)) {
		if (to->backend != was->flow.backend)
			complain(complaint, "what proves no handshake stays where a client's RST was seen", "%u, not %u",
				 to->backend, was->flow.backend);
	} else if (to->backend != was->pending.backend) {
		complain(complaint, "a packet of a pending flow goes to the backend that it began with", "%u, not %u",
			 to->backend, was->pending.backend);
	}
}

static void check_client(const struct outcome *o, const struct view *in, const struct view *out,
			 struct complaint *complaint)
{
	if (in->protocol == TCP)
		check_client_tcp(o, in, complaint);
	else if (!o->before.is_flow && o->after.is_flow)
		complain(complaint, "only a reply opens a UDP flow", "the client's packet did");
	if (is_nobodys(in->source) && o->verdict != TEAL_DROP_SOURCE && o->verdict != TEAL_DROP_FLAGS &&
	    o->verdict != TEAL_DROP_UDP6_CHECKSUM)
		complain(complaint, "what no host can have sent is dropped", "verdict %u", o->verdict);
	if (o->verdict == TEAL_PASS_NOT_OURS)
		complain(complaint, "a whole packet for a service is ours", "it was passed as not ours");
	if (is_open(&o->before) && is_dropped(o->verdict))
		complain(complaint, "a packet of an open flow is not dropped", "verdict %u", o->verdict);
	check_backend(o, in, out, complaint);
}

static void check_backend_says(const struct input *input, const struct outcome *o, const struct view *in,
			       const struct view *out, struct complaint *complaint)
{
	const struct endpoint *from = world_endpoint(in->source, in->source_port, in->protocol);
	const struct rows *was = &o->before;
	const bool flow = is_open(was) && was->flow.backend == from->backend;

	if (is_open(was) && !flow && (!o->after.is_flow || !flow_same(&was->flow, &o->after.flow)))
		complain(complaint, "another backend's packet changes no flow", "state %u became %u", was->flow.state,
			 o->after.flow.state);
	if (opened(o) && !(in->protocol == UDP && was->is_pending && was->pending.backend == from->backend))
		complain(complaint, "only a UDP reply of the pending row's backend opens a flow", "protocol %u", in->protocol);
	if (flow && is_dropped(o->verdict))
		complain(complaint, "a packet of an open flow is not dropped", "verdict %u", o->verdict);
	if (flow && o->verdict == TEAL_PASS_NOT_OURS && !(in->ipv6 && in->protocol == UDP && !in->transport_checksum))
		complain(complaint, "a backend's packet of an open flow is ours", "it was passed as not ours");
	if (flow && input->hook == LAB_TC_EGRESS && o->verdict == TEAL_PASS_BACK_EGRESS && !world_is_vip(out->source))
		complain(complaint, "what leaves by tc egress comes from the VIP", "it does not");
	if (!was->is_flow && !was->is_pending && o->verdict != TEAL_PASS_NOT_OURS)
		complain(complaint, "a backend's packet without a flow is not ours", "verdict %u", o->verdict);
}

void check_flow(const struct input *input, const struct outcome *o, const struct view *in, const struct view *out,
		struct complaint *complaint)
{
	if (!o->keyed || input->linear)
		return;
	check_rows(o, complaint);
	if (world_service(in->destination, in->destination_port, in->protocol)) {
		if (input->hook != LAB_TC_EGRESS)
			check_client(o, in, out, complaint);
	} else {
		check_backend_says(input, o, in, out, complaint);
	}
}
