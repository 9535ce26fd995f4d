/* SPDX-License-Identifier: GPL-2.0-only */
/* Between flood.c, which describes a flood, and flood.bpf.c, which makes its packets. */
#ifndef TEAL_TEST_FLOOD_H
#define TEAL_TEST_FLOOD_H

#define FLOOD_BYTES 128	   /* of every frame: what is behind the IP packet is padding */
#define FLOOD_TARGETS 16384 /* connections */

/* A frame with zeros where each packet gets something of its own, and the offsets of these; an offset of 0: it has none. */
struct flood_frame {
	unsigned char bytes[FLOOD_BYTES];
	unsigned short address;	       /* the last 4 bytes of the source; of an ICMP error: of the quoted destination */
	unsigned short port, sequence, acknowledged;
	unsigned short id;	       /* of fragments, 2 bytes */
	unsigned short router;	       /* ICMP: the last 4 bytes of the source */
	unsigned short address_check;  /* the IPv4 header's checksum that covers the address and the id */
	unsigned short router_check;   /* that of the outer header */
	unsigned short check;	       /* of transport or ICMP */
	unsigned short check_address, check_router; /* 1: it covers them */
};

struct flood_plan {
	struct flood_frame frames[2]; /* by turns */
	unsigned int device;
	unsigned int pairs;   /* 1: two frames in a row are about the same connection */
	unsigned int prefix;  /* of spoofed addresses, and the bits of them that vary */
	unsigned int vary;
	unsigned int targets; /* 0: spoofed sources */
	unsigned long long seed;
};

struct flood_target {
	unsigned int address; /* the last 4 bytes, as on the wire */
	unsigned short port;  /* as on the wire */
	unsigned short pad;
};

#endif
