/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The programs attached to the devices, and the wires at whose far ends frames are put and read.
 */
#ifndef TEAL_TEST_WIRE_H
#define TEAL_TEST_WIRE_H

#include <bpf/libbpf.h>

#include "row.h"

enum { WIRE_PATIENCE = 500, WIRE_SILENCE = 10 }; /* ms to wait for a frame, and for another that must not come */

struct wire {
	int far[DEVICES]; /* sockets at the far ends */
	struct bpf_link *links[DEVICES];
	struct bpf_tc_hook hooks[DEVICES];
};

/* Attaches to all devices.  Returns false if that fails; wire_close() is owed all the same. */
bool wire_open(struct wire *wire, struct lab *lab, enum lab_hook hook);
void wire_close(struct wire *wire);

/* The same for a row whose client has a flow, established or pending, and with `source:` its port.  Complains by itself. */
bool wire_begin(struct wire *wire, struct lab *lab, const struct row *row, const struct combination *combination,
		bool pending);

/* The next frame on any wire that is not the kernel's own chatter, within so many ms.  Returns its device, or NO_DEVICE. */
enum device wire_read(struct wire *wire, int patience, struct frame *frame);

/* Puts a frame on one wire and compares what arrives at another.  Complains, and returns whether it is worth going on. */
bool wire_carries(struct wire *wire, const struct row *row, const struct plan *in, enum device from, const struct plan *out,
		  enum device to);

/* From the row's client to its backend, or from backend to client, with these fields. */
bool wire_carry(struct wire *wire, const struct row *row, const struct combination *combination, bool back,
		const struct plan *fields);

/* A packet from one to another as it is on the wire there; its link addresses, as it comes to the edge or leaves it. */
struct plan wire_plan(enum host from, enum host to, bool ipv6, bool udp);
void wire_take_link(struct plan *plan, enum host host, bool leaves);

/* With source NAT the backend's side of a packet is between the source address and the backend. */
void wire_take_source(const struct row *row, struct plan *plan, bool back);

#endif
