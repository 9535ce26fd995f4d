// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a test run cannot show: by which device a packet really leaves.  Here the programs are attached to the
 * devices, a frame is put on the wire at the far end of one, and read at the far end of another.  By way of the
 * stack or straight, the same frame has to arrive: translated, one hop less to live, at one device only.
 */
#include "wire.h"

#include <string.h>
#include <sys/socket.h>

/* The port is already lent to the SYN, as if it came again: so it is known here. */
static void run_wire_source(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static const struct plan syn = { .flags = SYN, .sequence = 1000 }, datagram = {},
				 syn_ack = { .flags = SYN | ACK, .sequence = 9000, .acknowledged = 1001 },
				 ack = { .flags = ACK, .sequence = 1001, .acknowledged = 9001, .payload = 300 };
	struct wire wire;

	if (wire_begin(&wire, lab, row, combination, true))
		(void)(wire_carry(&wire, row, combination, false, row->udp ? &datagram : &syn) &&
		       wire_carry(&wire, row, combination, true, row->udp ? &datagram : &syn_ack) &&
		       wire_carry(&wire, row, combination, false, row->udp ? &datagram : &ack) &&
		       wire_carry(&wire, row, combination, true, row->udp ? &datagram : &ack));
	wire_close(&wire);
}

/* A datagram in two pieces either way. */
static void run_wire_pieces(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static const struct plan first = { .payload = 900, .piece_size = 504, .extensions = { { FRAGMENT } } },
				 second = { .payload = 900, .piece_at = 504, .piece_size = 504,
					    .extensions = { { FRAGMENT } } };
	struct wire wire;

	if (wire_begin(&wire, lab, row, combination, false))
		(void)(wire_carry(&wire, row, combination, false, &first) &&
		       wire_carry(&wire, row, combination, false, &second) &&
		       wire_carry(&wire, row, combination, true, &first) &&
		       wire_carry(&wire, row, combination, true, &second));
	wire_close(&wire);
}

/* A SYN is refused: the RST comes back to the client. */
static void run_wire_refused(struct lab *lab, const struct row *row, const struct combination *combination)
{
	struct plan in = wire_plan(CLIENT, VIP, combination->ipv6, false),
		    out = wire_plan(VIP, CLIENT, combination->ipv6, false);
	struct wire wire;

	wire_take_link(&in, CLIENT, false);
	wire_take_link(&out, CLIENT, true);
	in.flags = SYN;
	in.sequence = 1000;
	out.ttl = 64;
	out.flags = RST | ACK;
	out.acknowledged = 1001;
	out.window = WINDOW_ZERO;
	if (wire_begin(&wire, lab, row, combination, false)) {
		in.source_port = out.destination_port = 41000; /* not the flow's */
		lab_switch(lab, lab_service(combination->ipv6, TCP), NOBODY);
		wire_carries(&wire, row, &in, FRONT, &out, FRONT);
	}
	wire_close(&wire);
}

/*
 * The backend's data is refused at tc egress, and the RST goes back in there: to the backend by way of the stack, in the
 * name of whom it talks to.
 */
static void run_wire_cut(struct lab *lab, const struct row *row, const struct combination *combination)
{
	struct plan in = wire_plan(BLUE, CLIENT, combination->ipv6, false),
		    out = wire_plan(CLIENT, BLUE, combination->ipv6, false);
	struct wire wire;

	wire_take_link(&in, BLUE, false);
	wire_take_link(&out, BLUE, true);
	wire_take_source(row, &in, true);
	wire_take_source(row, &out, false);
	in.flags = ACK;
	in.sequence = 70000;
	in.acknowledged = 1001;
	out.flags = RST;
	out.sequence = 1001;
	out.window = WINDOW_ZERO;
	if (wire_begin(&wire, lab, row, combination, false)) {
		lab_cut(lab, lab_backend(BLUE, combination->ipv6, TCP), true);
		wire_carries(&wire, row, &in, REAR, &out, REAR);
	}
	wire_close(&wire);
}

static void run_wire(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static const struct plan syn = { .flags = SYN, .sequence = 1000 }, datagram = {},
				 syn_ack = { .flags = SYN | ACK, .sequence = 9000, .acknowledged = 1001 },
				 ack = { .flags = ACK, .sequence = 1001, .acknowledged = 9001 },
				 reset = { .flags = RST | ACK, .sequence = 9001, .acknowledged = 1001 };
	struct wire wire;

	lab_switch(lab, lab_service(combination->ipv6, row->udp ? UDP : TCP), row->active);
	if (!wire_open(&wire, lab, combination->hook))
		row_complain((void *)row, "the programs cannot be attached");
	else if (row->udp)
		(void)(wire_carry(&wire, row, combination, false, &datagram) &&
		       wire_carry(&wire, row, combination, true, &datagram) &&
		       wire_carry(&wire, row, combination, false, &datagram));
	else if (wire_carry(&wire, row, combination, false, &syn) &&
		 wire_carry(&wire, row, combination, true, &syn_ack) && wire_carry(&wire, row, combination, false, &ack))
		wire_carry(&wire, row, combination, true, &reset);
	wire_close(&wire);
}

/* In tc the kernel has taken the outer tag off the frame already. */
static void run_wire_tags(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture before, after;
	const __u32 backend = lab_backend(row->active, combination->ipv6, row->udp ? UDP : TCP);
	struct plan plan = wire_plan(CLIENT, VIP, combination->ipv6, row->udp);
	struct frame frame, other;
	struct wire wire;

	wire_take_link(&plan, CLIENT, false);
	plan.flags = ACK;
	plan.tag = 7;
	plan.inner_tag = 8;
	frame_build(&frame, &plan);
	if (wire_begin(&wire, lab, row, combination, false)) {
		const int far = wire.far[network_host(CLIENT)->device];

		lab_look(lab, &before);
		if (send(far, frame.bytes, frame.length, 0) != (ssize_t)frame.length)
			row_complain((void *)row, "the frame cannot be put on the wire");
		wire_read(&wire, WIRE_SILENCE, &other);
		lab_look(lab, &after);
		if (after.verdicts[TEAL_PASS_NOT_OURS] == before.verdicts[TEAL_PASS_NOT_OURS])
			row_complain((void *)row, "it was not passed");
		if (after.counters[backend].packets_in != before.counters[backend].packets_in)
			row_complain((void *)row, "it was served");
	}
	wire_close(&wire);
}

static const struct row rows[] = {
	ROW("a handshake and a reset, clients and backend on different devices", .active = BLUE, .run = run_wire),
	ROW("a handshake and a reset, clients and backend on the same device", .active = NEAR, .run = run_wire),
	ROW("a handshake and a reset, a backend behind a router", .active = ROUTED, .run = run_wire),
	ROW("a handshake and a reset, a backend behind a third device", .active = NARROW, .run = run_wire),
	ROW("a handshake and a reset, a backend behind a device that takes no redirected frames", .active = DEAF,
	    .run = run_wire),
	ROW("datagrams both ways, clients and backend on different devices", .udp = true, .active = BLUE,
	    .run = run_wire),
	ROW("source NAT, a handshake and data, clients and backend on different devices", .active = BLUE,
	    .flags = TEAL_SERVICE_SOURCE, .run = run_wire_source),
	ROW("source NAT, a handshake and data, one-armed: clients and backend on the same device", .active = NEAR,
	    .flags = TEAL_SERVICE_SOURCE, .run = run_wire_source),
	ROW("source NAT, a handshake and data, a backend behind a device that takes no redirected frames", .active = DEAF,
	    .flags = TEAL_SERVICE_SOURCE, .run = run_wire_source),
	ROW("source NAT, datagrams both ways", .active = BLUE, .udp = true, .flags = TEAL_SERVICE_SOURCE,
	    .run = run_wire_source),
	ROW("datagrams in pieces both ways: each piece arrives, translated", .active = BLUE, .udp = true,
	    .run = run_wire_pieces),
	ROW("source NAT, datagrams in pieces both ways: each piece arrives, translated", .active = BLUE, .udp = true,
	    .flags = TEAL_SERVICE_SOURCE, .run = run_wire_pieces),
	ROW("a SYN that is refused: the RST comes back to the client", .active = BLUE, .only = NOT_STACK,
	    .run = run_wire_refused),
	ROW("a backend's data that is refused at tc egress: the RST comes back to the backend", .active = BLUE,
	    .only = NOT_STRAIGHT, .run = run_wire_cut),
	ROW("source NAT, a backend's data that is refused at tc egress: the RST comes back to the backend",
	    .active = BLUE, .only = NOT_STRAIGHT, .flags = TEAL_SERVICE_SOURCE, .run = run_wire_cut),
	ROW("two VLAN tags on the wire: passed, not served", .active = BLUE, .run = run_wire_tags),
};

const struct rows rows_wire = ROWS("On the wire", rows);
