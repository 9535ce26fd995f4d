// SPDX-License-Identifier: GPL-2.0-only
#include "wire.h"
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

bool wire_open(struct wire *wire, struct lab *lab, enum lab_hook hook)
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

void wire_close(struct wire *wire)
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

enum device wire_read(struct wire *wire, int patience, struct frame *frame)
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

bool wire_carries(struct wire *wire, const struct row *row, const struct plan *in, enum device from, const struct plan
		  *out, enum device to)
{
	struct frame frame, expected;
	enum device device;

	frame_build(&frame, in);
	frame_build(&expected, out);
	if (send(wire->far[from], frame.bytes, frame.length, 0) != (ssize_t)frame.length) {
		row_complain((void *)row, "the frame cannot be put on the wire");
		return false;
	}
	device = wire_read(wire, WIRE_PATIENCE, &frame);
	if (device != to) {
		row_complain((void *)row, "device out: expected %s, got %s", network_device_name(network_device(to)),
			     network_device_name(network_device(device)));
		return false;
	}
	verify_same(expected.bytes, expected.length, frame.bytes, frame.length, row_complain, (void *)row);
	verify_checksums(frame.bytes, frame.length, row_complain, (void *)row);
	device = wire_read(wire, WIRE_SILENCE, &frame);
	if (device)
		row_complain((void *)row, "a second frame leaves by %s", network_device_name(network_device(device)));
	return true;
}

struct plan wire_plan(enum host from, enum host to, bool ipv6, bool udp)
{
	struct plan plan = { .ipv6 = ipv6, .protocol = udp ? UDP : TCP, .payload = udp ? 48 : 0 };
	const __u16 backend_port = udp ? DNS_BACKEND_PORT : WEB_BACKEND_PORT, vip_port = udp ? DNS_PORT : WEB_PORT;

	network_address(from, ipv6, plan.source);
	network_address(to, ipv6, plan.destination);
	plan.source_port = network_is_backend(from) ? backend_port : from == VIP ? vip_port : CLIENT_PORT;
	plan.destination_port = network_is_backend(to) ? backend_port : to == VIP ? vip_port : CLIENT_PORT;
	return plan;
}

void wire_take_link(struct plan *plan, enum host host, bool leaves)
{
	network_next_hop(host, leaves ? plan->link_to : plan->link_from);
	network_link_address(network_host(host)->device, leaves ? plan->link_from : plan->link_to);
	plan->ttl = leaves ? 63 : 64;
}

void wire_take_source(const struct row *row, struct plan *plan, bool back)
{
	if (!(row->flags & TEAL_SERVICE_SOURCE))
		return;
	network_address(SOURCE, plan->ipv6, back ? plan->destination : plan->source);
	*(back ? &plan->destination_port : &plan->source_port) = SOURCE_PORT;
}

bool wire_carry(struct wire *wire, const struct row *row, const struct combination *combination, bool back, const
		struct plan *fields)
{
	const enum host backend = row->active, from = back ? backend : CLIENT, to = back ? CLIENT : backend;
	struct plan in = back ? wire_plan(backend, CLIENT, combination->ipv6, row->udp) :
				wire_plan(CLIENT, VIP, combination->ipv6, row->udp);
	struct plan out = back ? wire_plan(VIP, CLIENT, combination->ipv6, row->udp) :
				 wire_plan(CLIENT, backend, combination->ipv6, row->udp);

	wire_take_link(&in, from, false);
	wire_take_link(&out, to, true);
	wire_take_source(row, back ? &in : &out, back);
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

bool wire_begin(struct wire *wire, struct lab *lab, const struct row *row, const struct combination *combination, bool
		pending)
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
