/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet in somebody else's name that makes a host show where a connection of its stands: a SYN.  Whatever its number,
 * a host that has the connection answers with a challenge ACK (RFC 5961, section 4), which says exactly what it expects
 * next, at most twice a second a connection on Linux.
 */
#ifndef TEAL_PROBE_H
#define TEAL_PROBE_H

#include "common/address.h"

struct probe {
	int ipv4, ipv6; /* raw sockets */
};

/* Takes CAP_NET_RAW.  Returns 0 or a negative errno. */
int probe_open(struct probe *ret);
void probe_close(struct probe *p);
#define _cleanup_probe_ __attribute__((cleanup(probe_close)))

/* Sends one.  Both ends are of the same family.  Returns 0 or a negative errno. */
int probe_send(const struct probe *p, const struct endpoint *from, const struct endpoint *to);

/* The packet itself, with its checksums but IPv4's own, which the kernel makes; at most PROBE_SIZE.  Returns its length. */
#define PROBE_SIZE 60
size_t probe_make(const struct endpoint *from, const struct endpoint *to, __u32 sequence, __u8 packet[PROBE_SIZE]);

#endif
