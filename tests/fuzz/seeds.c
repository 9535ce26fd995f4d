// SPDX-License-Identifier: GPL-2.0-only
/* Packets that somebody might send: the mutations begin with these. */
#include "fuzz.h"

#include <string.h>

#define PICK(c, array) ((array)[chance_below(c, sizeof(array) / sizeof(*(array)))])

static const __u32 numbers[] = { 0, 999, 1000, 1001, 5000, 5001, 5002, 0x7fffffff, 0x80000000, 0xffffffff,
				 5000 + (16 << 20), 5001 + (16 << 20), 5000 + (24 << 20), 4999 };
static const __u8 flag_sets[] = { SYN, SYN, SYN, SYN | ACK, SYN | ACK, ACK, ACK, ACK, ACK | PSH, ACK | PSH, ACK | FIN,
				  ACK | FIN, RST, RST | ACK, FIN, 0, 0xff, SYN | FIN, SYN | RST, SYN | ECE | CWR, ACK | URG };

static void fill_tcp(struct chance *c, struct plan *plan)
{
	plan->flags = PICK(c, flag_sets);
	plan->sequence = PICK(c, numbers);
	plan->acknowledged = PICK(c, numbers);
	plan->tcp_options = chance_percent(c, 30) ? chance_below(c, 11) * 4 : 0;
}

static __u16 payload_length(struct chance *c)
{
	switch (chance_below(c, 8)) {
	case 0: return 1 + chance_below(c, 64);
	case 1: return chance_below(c, 1460);
	case 2: return chance_percent(c, 20) ? 1460 + chance_below(c, 2400) : 7;
	default: return 0;
	}
}

static void fill_network(struct chance *c, struct plan *plan)
{
	static const __u16 fragments[] = { 0x4000, 0x8000, 0x2000, 0x2001, 0x00b9, 0x1fff, 1 };
	static const __u8 types[] = { HOP_BY_HOP, DESTINATION, DESTINATION, ROUTING, FRAGMENT };

	plan->ttl = chance_percent(c, 90) ? 64 : chance_below(c, 3) ?: TTL_ZERO;
	plan->tos = chance_percent(c, 20) ? chance_below(c, 256) : 0;
	plan->id = 1 + chance_below(c, 3);
	plan->payload = payload_length(c);
	plan->padding = chance_percent(c, 10) ? chance_below(c, 20) : 0;
	plan->tag = chance_percent(c, 8) ? 1 + chance_below(c, 4000) : 0;
	plan->inner_tag = plan->tag && chance_percent(c, 20) ? 8 : 0;
	if (!plan->ipv6) {
		plan->options = chance_percent(c, 10) ? chance_below(c, 11) * 4 : 0;
		plan->fragment = chance_percent(c, 15) ? PICK(c, fragments) : chance_percent(c, 50) ? 0x4000 : 0;
		return;
	}
	plan->flow_label = chance_percent(c, 20) ? chance_below(c, 1 << 20) : 0;
	if (chance_percent(c, 75))
		return;
	for (__u32 i = 0, count = 1 + chance_below(c, 7); i < count; i++) {
		const __u8 type = PICK(c, types);

		plan->extensions[i] = (struct extension){ .type = type,
							  .eights = type == FRAGMENT ? 0 : chance_below(c, 3),
							  .segments_left = chance_percent(c, 10) };
		if (type == FRAGMENT)
			plan->extensions[i].fragment = (PICK(c, fragments) & 0x1fff) << 3 | chance_below(c, 2);
		if (type == FRAGMENT && chance_percent(c, 30))
			plan->extensions[i].fragment = 0;
	}
}

/* One of the services of the protocol, or one of their backends. */
static __u16 port_of(struct chance *c, bool udp, bool backend)
{
	const __u16 base = backend ? (udp ? DNS_BACKEND_PORT : WEB_BACKEND_PORT) : (udp ? DNS_PORT : WEB_PORT);

	if (chance_percent(c, 3))
		return chance_below(c, 65536);
	return base + (chance_percent(c, 65) ? 0 : 100 * chance_below(c, 6));
}

static enum host some_client(struct chance *c)
{
	static const enum host hosts[] = { CLIENT, CLIENT, CLIENT, OTHER, REMOTE, SILENT, NEAR, BLUE, EDGE };

	return PICK(c, hosts);
}

static enum host some_backend(struct chance *c)
{
	static const enum host hosts[] = { BLUE, BLUE, BLUE, GREEN, GREEN, GREEN, ROUTED, NEAR, NARROW,
					   DEAF, LOST, HOLE, BANNED, NOWAY, HERE };

	return PICK(c, hosts);
}

static void take_frame(const struct frame *frame, struct input *input)
{
	input->length = frame->length < FUZZ_ROOM ? frame->length : FUZZ_ROOM;
	memcpy(input->bytes, frame->bytes, input->length);
}

/* So that the checksum comes out as 0 once the packet is translated, if `other` is where it goes or comes from. */
static void salt(struct plan *plan, bool in, enum host other)
{
	struct plan translated = *plan;

	network_address(other, plan->ipv6, in ? translated.destination : translated.source);
	if (in)
		translated.destination_port = plan->destination_port - DNS_PORT + DNS_BACKEND_PORT;
	else
		translated.source_port = plan->source_port - DNS_BACKEND_PORT + DNS_PORT;
	plan->salt = frame_salt(&translated);
}

static void make_plain(struct chance *c, struct input *input)
{
	struct plan plan = { .ipv6 = chance_percent(c, 50), .protocol = chance_percent(c, 65) ? TCP : UDP };
	const bool in = chance_percent(c, 60), udp = plan.protocol == UDP;
	enum host from = in ? some_client(c) : some_backend(c), to = in ? VIP : some_client(c);
	const __u16 client_port = chance_percent(c, 95) ? CLIENT_PORT + chance_below(c, 16) : chance_below(c, 65536);
	struct frame frame;

	if (chance_percent(c, 4))
		to = STRANGER;
	network_address(from, plan.ipv6, plan.source);
	network_address(to, plan.ipv6, plan.destination);
	plan.source_port = in ? client_port : port_of(c, udp, true);
	plan.destination_port = in ? port_of(c, udp, false) : client_port;
	if (!udp)
		fill_tcp(c, &plan);
	else
		plan.no_checksum = chance_percent(c, 10);
	fill_network(c, &plan);
	if (udp && plan.payload > 1 && chance_percent(c, 10))
		salt(&plan, in, in ? some_backend(c) : VIP);
	if (chance_percent(c, 2))
		plan.protocol = chance_below(c, 256);
	network_link_address(in ? FRONT : REAR, plan.link_to);
	memcpy(plan.link_from, (__u8[]){ 2, 0, 0, 0, 0xaa, 7 }, 6);
	frame_build(&frame, &plan);
	take_frame(&frame, input);
	input->device = in ? FRONT : REAR;
}

/* Whoever got that packet answers it: addresses and ports exchanged, and numbers that fit. */
static bool make_answer(struct chance *c, const struct memory *memory, struct input *input)
{
	const __u32 row = chance_below(c, 16);
	struct plan plan = {};
	struct frame frame;
	struct view v;

	view_frame(&v, memory->packets[row].bytes, memory->packets[row].length, 0);
	if (v.kind != VIEW_WHOLE || v.fragment || (v.protocol != TCP && v.protocol != UDP))
		return false;
	plan.ipv6 = v.ipv6;
	plan.protocol = v.protocol;
	fill_network(c, &plan);
	memcpy(plan.source, v.destination, 16);
	memcpy(plan.destination, v.source, 16);
	plan.source_port = v.destination_port;
	plan.destination_port = v.source_port;
	if (v.protocol == TCP) {
		fill_tcp(c, &plan);
		if (chance_percent(c, 80))
			plan.flags = v.flags & ACK ? ACK : v.flags & SYN ? SYN | ACK : ACK | FIN;
		plan.sequence = v.flags & ACK && chance_percent(c, 90) ? v.acknowledged : 7000;
		plan.acknowledged = v.sequence + v.payload + !!(v.flags & SYN) + !!(v.flags & FIN);
	}
	input->device = memory->packets[row].in ? REAR : FRONT;
	if (!memory->packets[row].in) { /* the client sees the VIP, and answers it */
		input->device = FRONT;
	}
	network_link_address(input->device, plan.link_to);
	memcpy(plan.link_from, (__u8[]){ 2, 0, 0, 0, 0xaa, 7 }, 6);
	frame_build(&frame, &plan);
	take_frame(&frame, input);
	return true;
}

static void fix_sum(__u8 *field, __u16 sum)
{
	field[0] = (__u16)~sum >> 8;
	field[1] = (__u16)~sum & 255;
}

/* An ICMP error about a packet that came out, or about one that somebody only claims to have got. */
static void make_error(struct chance *c, const struct memory *memory, struct input *input)
{
	static const __u8 types4[] = { 3, 3, 3, 11, 12, 4, 5 }, types6[] = { 1, 2, 2, 3, 4 };
	const __u32 row = chance_below(c, 16);
	struct plan plan = { .payload = 8 };
	struct frame frame;
	struct view v;
	__u8 *icmp;
	__u32 quoted, sum = 0;

	view_frame(&v, memory->packets[row].bytes, memory->packets[row].length, 0);
	if (v.kind != VIEW_WHOLE) {
		make_plain(c, input);
		memcpy(frame.bytes, input->bytes, 512);
		view_frame(&v, input->bytes, input->length, 0);
	} else {
		memcpy(frame.bytes, memory->packets[row].bytes, 512);
	}
	if (v.kind != VIEW_WHOLE || v.network > 22)
		return;
	quoted = v.transport - v.network + (chance_percent(c, 50) ? 8 : 8 + chance_below(c, 60));
	quoted = v.network + quoted > 512 || v.network + quoted > v.end ? v.end - v.network : quoted;
	quoted = quoted > 480 ? 480 : quoted;
	__u8 packet[512];

	memcpy(packet, frame.bytes + v.network, quoted);
	plan.ipv6 = v.ipv6;
	plan.protocol = v.ipv6 ? 58 : 1;
	plan.payload = 8 + quoted;
	memcpy(plan.destination, v.source, 16);
	network_address(chance_percent(c, 50) ? REMOTE : some_backend(c), v.ipv6, plan.source);
	frame_build(&frame, &plan);
	icmp = frame.bytes + frame.transport;
	memset(icmp, 0, 8);
	icmp[0] = v.ipv6 ? PICK(c, types6) : PICK(c, types4);
	icmp[1] = chance_below(c, 5);
	icmp[6] = 5;
	icmp[7] = 0xdc;
	memcpy(icmp + 8, packet, quoted);
	if (v.ipv6) {
		sum = 58 + 8 + quoted;
		sum = frame_sum(sum, plan.source, 16);
		sum = frame_sum(sum, plan.destination, 16);
	}
	fix_sum(icmp + 2, frame_sum(sum, icmp, 8 + quoted));
	take_frame(&frame, input);
	input->device = chance_percent(c, 60) ? FRONT : REAR;
}

void seeds_make(struct chance *c, struct memory *memory, struct input *input)
{
	const __u32 kind = chance_below(c, 100);

	input->segment = input->linear = 0;
	input->length = 0;
	if (kind < 12)
		make_error(c, memory, input);
	else if (kind >= 45 || !make_answer(c, memory, input))
		make_plain(c, input);
	if (!input->length)
		make_plain(c, input);
	input->hook = chance_below(c, 10) < 5 ? LAB_XDP : chance_percent(c, 60) ? LAB_TC_INGRESS : LAB_TC_EGRESS;
	if (chance_percent(c, 5))
		input->device = FRONT + chance_below(c, DEVICES - FRONT);
	if (input->hook != LAB_XDP && chance_percent(c, 5))
		input->segment = 1 + chance_below(c, 1460);
	if (input->hook == LAB_XDP && chance_percent(c, 5))
		input->linear = 14 + chance_below(c, input->length > 14 ? input->length - 14 : 1);
}

void seeds_note(struct memory *memory, const struct input *input, const struct outcome *outcome)
{
	const unsigned int row = memory->count % 16;
	struct view v;

	if (outcome->verdict == TEAL_NEXT || outcome->verdict == TEAL_PASS_NOT_OURS || outcome->length > 512)
		return;
	view_frame(&v, outcome->bytes, outcome->length, 0);
	if (v.kind != VIEW_WHOLE)
		return;
	memory->packets[row].ipv6 = v.ipv6;
	memory->packets[row].in = !world_is_vip(v.source);
	memory->packets[row].length = outcome->length;
	memcpy(memory->packets[row].bytes, outcome->bytes, outcome->length);
	memory->count++;
	(void)input;
}
