// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a test run cannot show: by which device a packet really leaves.  Here the programs are attached to the
 * devices, a frame is put on the wire at the far end of one, and read at the far end of another.  By way of the
 * stack or straight, the same frame has to arrive: translated, one hop less to live, at one device only.
 */
#include "row.h"
#include "teal.skel.h"
#include "verify.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE = 500, SILENCE = 10 }; /* ms to wait for a frame, and for another that must not come */

struct wire {
	int far[DEVICES]; /* sockets at the far ends */
	struct bpf_link *links[DEVICES];
	struct bpf_tc_hook hooks[DEVICES];
};

/* A far end takes XDP frames only with a program of its own: this one passes all. */
static int far_program(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_flags = BPF_F_XDP_HAS_FRAGS);
	static int program = -1;
	const struct bpf_insn pass[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
					 { .code = BPF_JMP | BPF_EXIT } };

	if (program < 0)
		program = bpf_prog_load(BPF_PROG_TYPE_XDP, "far", "GPL", pass, 2, &options);
	return program;
}

static int far_open(enum device device)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "%s-far", network_device_name(network_device(device)));
	at.sll_ifindex = if_nametoindex(name);
	bpf_xdp_attach(at.sll_ifindex, far_program(), 0, NULL);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &(int){ 1 }, sizeof(int)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool attach_tc(struct wire *wire, enum device device, enum bpf_tc_attach_point point,
		      const struct bpf_program *program)
{
	struct bpf_tc_hook hook = { .sz = sizeof(hook), .ifindex = network_device(device), .attach_point = point };
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(program));

	wire->hooks[device] = hook;
	wire->hooks[device].attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	if (point == BPF_TC_EGRESS) /* the first of the two: makes the hook for both */
		bpf_tc_hook_create(&wire->hooks[device]);
	return !bpf_tc_attach(&hook, &options);
}

static bool wire_open(struct wire *wire, struct lab *lab, enum lab_hook hook)
{
	bool ready = true;

	memset(wire, 0, sizeof(*wire));
	for (int device = FRONT; device < DEVICES; device++) {
		wire->far[device] = far_open(device);
		ready = ready && wire->far[device] >= 0;
		ready = ready && attach_tc(wire, device, BPF_TC_EGRESS, lab->bpf->progs.teal_egress);
		if (hook == LAB_TC_INGRESS) {
			ready = ready && attach_tc(wire, device, BPF_TC_INGRESS, lab->bpf->progs.teal_ingress);
		} else {
			wire->links[device] = bpf_program__attach_xdp(lab->bpf->progs.teal_xdp, network_device(device));
			ready = ready && wire->links[device];
		}
	}
	return ready;
}

static void wire_close(struct wire *wire)
{
	for (int device = FRONT; device < DEVICES; device++) {
		bpf_link__destroy(wire->links[device]);
		bpf_tc_hook_destroy(&wire->hooks[device]);
		if (wire->far[device] >= 0)
			close(wire->far[device]);
	}
}

/*
 * Multicast, and ICMP: where a packet goes back out of the device it came by, the stack also tells its sender
 * that there is a shorter way (a redirect).
 */
static bool is_chatter(const struct frame *frame)
{
	const __u16 type = frame->bytes[12] << 8 | frame->bytes[13];

	return frame->bytes[0] & 1 || (type == ETH_P_IP && frame->bytes[23] == IPPROTO_ICMP) ||
	       (type == ETH_P_IPV6 && frame->bytes[20] == IPPROTO_ICMPV6);
}

/* The next frame on any wire that is not the kernel's own chatter.  Returns its device, or NO_DEVICE. */
static enum device wire_read(struct wire *wire, int patience, struct frame *frame)
{
	const __u64 until = lab_now() + patience * (LAB_SECOND / 1000);
	struct pollfd fds[DEVICES] = {};

	for (int device = 0; device < DEVICES; device++)
		fds[device] = (struct pollfd){ .fd = device ? wire->far[device] : -1, .events = POLLIN };
	while (lab_now() < until) {
		poll(fds, DEVICES, patience);
		for (int device = FRONT; device < DEVICES; device++) {
			ssize_t length = recv(wire->far[device], frame->bytes, sizeof(frame->bytes), 0);

			if (length < 34 || is_chatter(frame))
				continue;
			frame->length = length;
			return device;
		}
	}
	return NO_DEVICE;
}

/* Puts a frame on one wire and compares what arrives at another. */
static bool wire_carries(struct wire *wire, const struct row *row, const struct plan *in, enum device from,
			 const struct plan *out, enum device to)
{
	struct frame frame, expected;
	enum device device;

	frame_build(&frame, in);
	frame_build(&expected, out);
	if (send(wire->far[from], frame.bytes, frame.length, 0) != (ssize_t)frame.length) {
		row_complain((void *)row, "the frame cannot be put on the wire");
		return false;
	}
	device = wire_read(wire, PATIENCE, &frame);
	if (device != to) {
		row_complain((void *)row, "device out: expected %s, got %s", network_device_name(network_device(to)),
			     network_device_name(network_device(device)));
		return false;
	}
	verify_same(expected.bytes, expected.length, frame.bytes, frame.length, row_complain, (void *)row);
	verify_checksums(frame.bytes, frame.length, row_complain, (void *)row);
	device = wire_read(wire, SILENCE, &frame);
	if (device)
		row_complain((void *)row, "a second frame leaves by %s", network_device_name(network_device(device)));
	return true;
}

/* A packet from one to another as it is on the wire there. */
static struct plan between(enum host from, enum host to, bool ipv6, bool udp)
{
	struct plan plan = { .ipv6 = ipv6, .protocol = udp ? UDP : TCP, .payload = udp ? 48 : 0 };
	const __u16 backend_port = udp ? DNS_BACKEND_PORT : WEB_BACKEND_PORT, vip_port = udp ? DNS_PORT : WEB_PORT;

	network_address(from, ipv6, plan.source);
	network_address(to, ipv6, plan.destination);
	plan.source_port = network_is_backend(from) ? backend_port : from == VIP ? vip_port : CLIENT_PORT;
	plan.destination_port = network_is_backend(to) ? backend_port : to == VIP ? vip_port : CLIENT_PORT;
	return plan;
}

static void take_link(struct plan *plan, enum host host, bool leaves)
{
	network_next_hop(host, leaves ? plan->link_to : plan->link_from);
	network_link_address(network_host(host)->device, leaves ? plan->link_from : plan->link_to);
	plan->ttl = leaves ? 63 : 64;
}

/* With source NAT the backend's side of a packet is between the source address and the backend. */
static void take_source(const struct row *row, struct plan *plan, bool back)
{
	if (!(row->flags & TEAL_SERVICE_SOURCE))
		return;
	network_address(SOURCE, plan->ipv6, back ? plan->destination : plan->source);
	*(back ? &plan->destination_port : &plan->source_port) = SOURCE_PORT;
}

/* From client to backend, or from backend to client, with these fields. */
static bool carry(struct wire *wire, const struct row *row, const struct combination *combination, bool back,
		  const struct plan *fields)
{
	const enum host backend = row->active, from = back ? backend : CLIENT, to = back ? CLIENT : backend;
	struct plan in = back ? between(backend, CLIENT, combination->ipv6, row->udp) :
				between(CLIENT, VIP, combination->ipv6, row->udp);
	struct plan out = back ? between(VIP, CLIENT, combination->ipv6, row->udp) :
				 between(CLIENT, backend, combination->ipv6, row->udp);

	take_link(&in, from, false);
	take_link(&out, to, true);
	take_source(row, back ? &in : &out, back);
	in.payload = out.payload = fields->payload ?: in.payload;
	in.piece_at = out.piece_at = fields->piece_at;
	in.piece_size = out.piece_size = fields->piece_size;
	memcpy(in.extensions, fields->extensions, sizeof(in.extensions));
	memcpy(out.extensions, fields->extensions, sizeof(out.extensions));
	in.flags = out.flags = fields->flags;
	in.sequence = out.sequence = fields->sequence;
	in.acknowledged = out.acknowledged = fields->acknowledged;
	return wire_carries(wire, row, &in, network_host(from)->device, &out, network_host(to)->device);
}

/* The client's flow, established or pending, and where its service has a source address, its port. */
static void put_flow(struct lab *lab, const struct row *row, bool ipv6, bool pending)
{
	const __u8 protocol = row->udp ? UDP : TCP;
	const __u32 backend = lab_backend(row->active, ipv6, protocol);
	const __u16 source_port = row->flags & TEAL_SERVICE_SOURCE ? SOURCE_PORT : 0;
	struct lab_row client, port;

	lab_key(&client, ipv6, CLIENT, CLIENT_PORT, lab_service(ipv6, protocol));
	lab_port(&port, backend, source_port, &client);
	if (pending)
		client.pending = (struct teal_pending){ .seen = lab_now(), .backend = backend, .client_sequence = 1000,
							.source_port = source_port };
	else
		client.flow = (struct teal_flow){ .seen = lab_now(), .backend = backend, .acked = 1001,
						  .source_port = source_port };
	lab_put(lab, (pending ? PENDING4 : FLOWS4) + ipv6, &client);
	if (source_port)
		lab_put(lab, (pending ? LENT4 : SNAT4) + ipv6, &port);
}

static bool wire_begin(struct wire *wire, struct lab *lab, const struct row *row,
		       const struct combination *combination, bool pending)
{
	const __u16 service = lab_service(combination->ipv6, row->udp ? UDP : TCP);

	lab_switch(lab, service, row->active);
	lab_flags(lab, service, row->flags);
	put_flow(lab, row, combination->ipv6, pending);
	if (wire_open(wire, lab, combination->hook))
		return true;
	row_complain((void *)row, "the programs cannot be attached");
	return false;
}

/* The port is already lent to the SYN, as if it came again: so it is known here. */
static void run_wire_source(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static const struct plan syn = { .flags = SYN, .sequence = 1000 }, datagram = {},
				 syn_ack = { .flags = SYN | ACK, .sequence = 9000, .acknowledged = 1001 },
				 ack = { .flags = ACK, .sequence = 1001, .acknowledged = 9001, .payload = 300 };
	struct wire wire;

	if (wire_begin(&wire, lab, row, combination, true))
		(void)(carry(&wire, row, combination, false, row->udp ? &datagram : &syn) &&
		       carry(&wire, row, combination, true, row->udp ? &datagram : &syn_ack) &&
		       carry(&wire, row, combination, false, row->udp ? &datagram : &ack) &&
		       carry(&wire, row, combination, true, row->udp ? &datagram : &ack));
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
		(void)(carry(&wire, row, combination, false, &first) && carry(&wire, row, combination, false, &second) &&
		       carry(&wire, row, combination, true, &first) && carry(&wire, row, combination, true, &second));
	wire_close(&wire);
}

/* A SYN is refused: the RST comes back to the client. */
static void run_wire_refused(struct lab *lab, const struct row *row, const struct combination *combination)
{
	struct plan in = between(CLIENT, VIP, combination->ipv6, false), out = between(VIP, CLIENT, combination->ipv6, false);
	struct wire wire;

	take_link(&in, CLIENT, false);
	take_link(&out, CLIENT, true);
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
	struct plan in = between(BLUE, CLIENT, combination->ipv6, false),
		    out = between(CLIENT, BLUE, combination->ipv6, false);
	struct wire wire;

	take_link(&in, BLUE, false);
	take_link(&out, BLUE, true);
	take_source(row, &in, true);
	take_source(row, &out, false);
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
		(void)(carry(&wire, row, combination, false, &datagram) &&
		       carry(&wire, row, combination, true, &datagram) &&
		       carry(&wire, row, combination, false, &datagram));
	else if (carry(&wire, row, combination, false, &syn) && carry(&wire, row, combination, true, &syn_ack) &&
		 carry(&wire, row, combination, false, &ack))
		carry(&wire, row, combination, true, &reset);
	wire_close(&wire);
}

/* In tc the kernel has taken the outer tag off the frame already. */
static void run_wire_tags(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture before, after;
	const __u32 backend = lab_backend(row->active, combination->ipv6, row->udp ? UDP : TCP);
	struct plan plan = between(CLIENT, VIP, combination->ipv6, row->udp);
	struct frame frame, other;
	struct wire wire;

	take_link(&plan, CLIENT, false);
	plan.flags = ACK;
	plan.tag = 7;
	plan.inner_tag = 8;
	frame_build(&frame, &plan);
	if (wire_begin(&wire, lab, row, combination, false)) {
		const int far = wire.far[network_host(CLIENT)->device];

		lab_look(lab, &before);
		if (send(far, frame.bytes, frame.length, 0) != (ssize_t)frame.length)
			row_complain((void *)row, "the frame cannot be put on the wire");
		wire_read(&wire, SILENCE, &other);
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
