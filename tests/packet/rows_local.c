// SPDX-License-Identifier: GPL-2.0-only
/*
 * Topology: a client on the edge host itself, whose packets only tc egress sees, on their way to a VIP that is elsewhere;
 * and a backend as a client of its own VIP.
 */
#include "row.h"

#define FLOW_ON(who) .flow = { IS, who, TEAL_ESTABLISHED, 5000, 0 }
#define EDGE_SENDS(...) .from = EDGE, .to = VIP, .packet = { __VA_ARGS__ }
#define EDGE_GETS(who, ...) .from = (who), .to = EDGE, .packet = { __VA_ARGS__ }, .verdict = TEAL_PASS_BACK_LOCAL, \
			    .becomes = VIP
#define GOES_OUT_TO(who) .verdict = TEAL_SENT_OUT, .becomes = (who)
#define SYN_OUT_TO(who) { EDGE_SENDS(.flags = SYN, .sequence = 1000), GOES_OUT_TO(who), PENDING(who, 1000) }
#define HANDSHAKE_WITH(who)                                                                                     \
	SYN_OUT_TO(who),                                                                                        \
	{ EDGE_GETS(who, .flags = SYN | ACK, .sequence = 9000, .acknowledged = 1001), ANSWERED(who, 1000, 9000) }, \
	{ EDGE_SENDS(.flags = ACK, .sequence = 1001, .acknowledged = 9001), GOES_OUT_TO(who),                   \
	  FLOW(who, TEAL_ESTABLISHED, 1001), NO_PENDING, .opened = who }

static const struct row rows[] = {
	ROW("client on the edge host itself: works: out to the backend, and back, as from the VIP",
	    .steps = { HANDSHAKE_WITH(BLUE),
		       { EDGE_SENDS(.flags = ACK | PSH, .sequence = 1001, .acknowledged = 9001, .payload = 517),
			 GOES_OUT_TO(BLUE) },
		       { EDGE_GETS(BLUE, .flags = ACK, .sequence = 9001, .acknowledged = 1518, .payload = 1400) },
		       { EDGE_SENDS(.flags = FIN | ACK, .sequence = 1518, .acknowledged = 10401), GOES_OUT_TO(BLUE),
			 FLOW(BLUE, TEAL_CLIENT_ENDING, 1519) },
		       { EDGE_GETS(BLUE, .flags = FIN | ACK, .sequence = 10401, .acknowledged = 1519),
			 FLOW(BLUE, TEAL_CLOSING, 1519), .ended = BLUE } }),
	ROW("client on the edge host itself, UDP: works", .udp = true,
	    .steps = { { EDGE_SENDS(.payload = 33), GOES_OUT_TO(BLUE), PENDING(BLUE, 0) },
		       { EDGE_GETS(BLUE, .payload = 34), FLOW(BLUE, TEAL_ESTABLISHED, 0), NO_PENDING, .opened = BLUE },
		       { EDGE_SENDS(.payload = 35), GOES_OUT_TO(BLUE) },
		       { EDGE_GETS(BLUE, .payload = 36) } }),
	ROW("client on the edge host itself: a backend behind a router, a neighbour yet unknown, a device that takes no redirect",
	    .active = ROUTED,
	    .steps = { SYN_OUT_TO(ROUTED), { .act = SWITCH, .host = LOST },
		       { EDGE_SENDS(.flags = SYN, .sequence = 2000), GOES_OUT_TO(LOST), PENDING(LOST, 2000) },
		       { .act = SWITCH, .host = DEAF },
		       { EDGE_SENDS(.flags = SYN, .sequence = 3000), GOES_OUT_TO(DEAF), PENDING(DEAF, 3000) } }),
	ROW("client on the edge host itself: across a switch its flow stays, the next one goes to the new color",
	    .steps = { HANDSHAKE_WITH(BLUE), TO_GREEN,
		       { EDGE_SENDS(.flags = ACK, .sequence = 1001, .payload = 1), GOES_OUT_TO(BLUE) },
		       { EDGE_SENDS(.flags = SYN, .sequence = 5, .source_port = 41000), GOES_OUT_TO(GREEN),
			 PENDING(GREEN, 5) } }),
	ROW("client on the edge host itself, with source NAT: works", .flags = TEAL_SERVICE_SOURCE,
	    .steps = { { EDGE_SENDS(.flags = SYN, .sequence = 1000), GOES_OUT_TO(BLUE), PENDING(BLUE, 1000),
			 .claims = true },
		       { EDGE_GETS(BLUE, .flags = SYN | ACK, .sequence = 9000, .acknowledged = 1001),
			 ANSWERED(BLUE, 1000, 9000) },
		       { EDGE_SENDS(.flags = ACK, .sequence = 1001, .acknowledged = 9001), GOES_OUT_TO(BLUE),
			 FLOW(BLUE, TEAL_ESTABLISHED, 1001), NO_PENDING, .opened = BLUE },
		       { EDGE_GETS(BLUE, .flags = ACK, .sequence = 9001, .acknowledged = 1001, .payload = 7) } }),
	ROW("client on the edge host itself and the backend too: refused with a RST, never half works", .active = HERE,
	    .steps = { { EDGE_SENDS(.flags = SYN, .sequence = 1000), REFUSED(LOCAL), PENDING(HERE, 1000),
			 .counted = HERE } }),
	ROW("client on the edge host itself and the backend too, UDP: dropped and counted", .active = HERE, .udp = true,
	    .steps = { { EDGE_SENDS(.payload = 9), REFUSED(LOCAL), PENDING(HERE, 0), .counted = HERE } }),
	ROW("client on the edge host itself, no backend in the table: refused with a RST",
	    .steps = { { .act = SWITCH, .host = NOBODY },
		       { EDGE_SENDS(.flags = SYN, .sequence = 1000, .payload = 3), REFUSED(NO_BACKEND) } }),
	ROW("client on the edge host itself, connections being ended: its data gets a RST", 
	    .steps = { HANDSHAKE_WITH(BLUE), { .act = RESET, .host = BLUE },
		       { EDGE_SENDS(.flags = ACK | PSH, .sequence = 1001, .acknowledged = 9001, .payload = 5),
			 REFUSED(RESET), FLOW(BLUE, TEAL_RESET, 1001), .ended = BLUE },
		       { .from = BLUE, .to = EDGE, .packet = { .flags = ACK, .sequence = 9001, .payload = 9 },
			 REFUSED(RESET) } }),
	ROW("client on the edge host itself, the backend refuses: the RST reaches it from the VIP",
	    .steps = { SYN_OUT_TO(BLUE),
		       { EDGE_GETS(BLUE, .flags = RST | ACK, .acknowledged = 1001), NO_PENDING, .refused = BLUE } }),
	ROW("client on the edge host itself, no way to the backend: dropped and counted", .active = HOLE,
	    .steps = { { EDGE_SENDS(.flags = SYN, .sequence = 1), .verdict = TEAL_DROP_BLACKHOLE, PENDING(HOLE, 1),
			 .counted = HOLE },
		       { .act = SWITCH, .host = BANNED },
		       { EDGE_SENDS(.flags = SYN, .sequence = 2), .verdict = TEAL_DROP_BLACKHOLE, PENDING(BANNED, 2),
			 .counted = BANNED } }),
	ROW("client on the edge host itself: other ports of the VIP, other addresses: passed",
	    .steps = { { EDGE_SENDS(.flags = SYN, .destination_port = 80) },
		       { .from = EDGE, .to = STRANGER, .packet = { .flags = SYN } } }),
	ROW("client on the edge host itself: what belongs to no flow is passed, and absurd flags are dropped",
	    .steps = { { EDGE_SENDS(.flags = ACK, .sequence = 5), .verdict = TEAL_PASS_NO_FLOW },
		       { EDGE_SENDS(.flags = 0), .verdict = TEAL_DROP_FLAGS } }),

	ROW("backend as a client of its own VIP, another backend gets it: works like any client",
	    .active = GREEN,
	    .steps = { { .from = BLUE, .to = VIP, .packet = { .flags = SYN, .sequence = 1000 }, GOES_TO(GREEN),
			 PENDING(GREEN, 1000) },
		       { .from = GREEN, .to = BLUE, .packet = { .flags = SYN | ACK, .sequence = 9000,
			 .acknowledged = 1001 }, GOES_BACK, ANSWERED(GREEN, 1000, 9000) },
		       { .from = BLUE, .to = VIP, .packet = { .flags = ACK, .sequence = 1001, .acknowledged = 9001 },
			 GOES_TO(GREEN), FLOW(GREEN, TEAL_ESTABLISHED, 1001), NO_PENDING, .opened = GREEN } }),
	ROW("backend as a client of its own VIP gets itself, without source NAT: as routing allows, counted",
	    .steps = { { .from = BLUE, .to = VIP, .packet = { .flags = SYN, .sequence = 1000 }, GOES_TO(BLUE),
			 PENDING(BLUE, 1000) } }),
};

const struct rows rows_local = ROWS("Topology: clients where the edge and the backends are", rows);
