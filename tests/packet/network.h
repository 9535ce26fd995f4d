/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The edge host's surroundings: a network namespace of the test's own, with real devices, addresses, routes and
 * permanent neighbours, so that the kernel's routing answers for real.  No packet moves in it.
 */
#ifndef TEAL_TEST_NETWORK_H
#define TEAL_TEST_NETWORK_H

#include <linux/types.h>
#include <stdbool.h>

/* Everybody a row can name.  From BLUE on they are backends. */
enum host {
	NOBODY,
	CLIENT,	  /* on the wire at `front` */
	OTHER,	  /* a second client there */
	REMOTE,	  /* a client behind a router at `front` */
	SILENT,	  /* a client there whose link address nobody knows */
	VIP,	  /* of the services; not an address of the edge */
	STRANGER, /* an address beside the VIP that is no VIP */
	EDGE,	  /* the edge host itself: what it sends, only egress sees */
	SOURCE,	  /* the edge's address that backends see where a service has `source:` */
	ROUTER,	  /* on the way to the clients: makes ICMP errors */
	CORE,	  /* the same on the way to the backends */
	BLUE,	  /* on the wire at `rear` */
	GREEN,
	ROUTED, /* behind a router at `rear` */
	NEAR,	/* on the clients' own wire */
	LOST,	/* at `rear`, its link address unknown */
	NARROW, /* behind a device with the smallest MTU that IPv6 allows */
	DEAF,	/* behind a device that takes no redirected frames */
	HOLE,	/* its route is a blackhole */
	BANNED, /* prohibited */
	NOWAY,	/* unreachable */
	HERE,	/* on the edge host */
	HOSTS,
};

enum device { NO_DEVICE, FRONT, REAR, SLIM, BARE, DEVICES };

#define SLIM_MTU 1280
#define WIDE_MTU 9000

struct host_row {
	const char *name, *ipv4, *ipv6;
	enum device device;
	__u8 next_hop; /* last byte of the link address that frames for it go to */
};

/* Moves the process into the new namespace.  Returns 0, or -errno with the reason on stderr. */
int network_open(void);

const struct host_row *network_host(enum host host);
bool network_is_backend(enum host host);

/* The address in 16 bytes, an IPv4 one IPv4-mapped. */
void network_address(enum host host, bool ipv6, __u8 address[16]);

/* Link address of whoever frames for that host go to, or of the edge's own device. */
void network_next_hop(enum host host, __u8 address[6]);
void network_link_address(enum device device, __u8 address[6]);

__u32 network_device(enum device device); /* ifindex */
const char *network_device_name(__u32 id);

/* Whether the edge forwards what comes in at `front`. */
void network_forwarding(bool on);

/* Ties the thread to a CPU, as far as there are so many; -1: to none. */
void network_cpu(int cpu);

/* Whether the link address of a silent or lost host is known. */
void network_neighbour(enum host host, bool known);

#endif
