// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fragments: each is cut out of a packet that was built whole, as it came and as it has to leave, so that what is put
 * together at the far end is right to the last bit.  All go by way of the stack, the first leaves a note for the others.
 */
#include "row.h"

#define FLOW_ON(who) .flow = { IS, who, TEAL_ESTABLISHED, 5000, 0 }
#define UDP_FLOW_ON(who) .udp = true, .flow = { IS, who, TEAL_ESTABLISHED, 0, 0 }
#define ACK_PSH .flags = ACK | PSH, .sequence = 5000, .acknowledged = 5000
#define IN_PIECES .extensions = { { FRAGMENT } } /* IPv6; IPv4 does not look at it */
#define PIECE(at, size) IN_PIECES, .id = 77, .payload = 1000, .piece_at = (at), .piece_size = (size)
#define BY_STACK(who) .verdict = TEAL_PASS_IN_STACK, .becomes = (who)
#define FIRST_BACK .verdict = TEAL_PASS_BACK_STACK, .becomes = VIP
#define LATER_BACK .verdict = TEAL_PASS_NOT_OURS, .at_egress = TEAL_PASS_BACK_EGRESS, .becomes = VIP
#define LATER_BACK_SOURCE .verdict = TEAL_PASS_BACK_SOURCE, .becomes = VIP
#define LOST_TO_VIP .verdict = TEAL_DROP_FRAGMENT
#define PASSED .verdict = TEAL_PASS_NOT_OURS
#define SOURCED .flags = TEAL_SERVICE_SOURCE

/* Three pieces of a datagram either way. */
#define BOTH_WAYS_IN_THREE(...)                                                                               \
	.steps = { { CLIENT_SENDS(PIECE(0, 400), __VA_ARGS__), BY_STACK(BLUE) },                              \
		   { CLIENT_SENDS(PIECE(400, 400), __VA_ARGS__), BY_STACK(BLUE) },                            \
		   { CLIENT_SENDS(PIECE(800, 400), __VA_ARGS__), BY_STACK(BLUE) },                            \
		   { BACKEND_SENDS(BLUE, PIECE(0, 400), __VA_ARGS__), FIRST_BACK },                           \
		   { BACKEND_SENDS(BLUE, PIECE(400, 400), __VA_ARGS__), LATER_BACK },                         \
		   { BACKEND_SENDS(BLUE, PIECE(800, 400), __VA_ARGS__), LATER_BACK } }

static const struct row rows[] = {
	ROW("fragments to a VIP, UDP: the first decides and leaves a note, the rest follow it, in both directions",
	    UDP_FLOW_ON(BLUE), BOTH_WAYS_IN_THREE()),
	ROW("fragments to a VIP, TCP: the first decides and leaves a note, the rest follow it, in both directions",
	    FLOW_ON(BLUE), BOTH_WAYS_IN_THREE(ACK_PSH)),
	ROW("fragments to a VIP, client on the edge host itself: lost together and counted, never only the first sent on",
	    .udp = true,
	    .steps = { { .from = EDGE, .to = VIP, .packet = { PIECE(0, 400) }, LOST_TO_VIP, PENDING(BLUE, 0),
			 .counted = BLUE },
		       { .from = EDGE, .to = VIP, .packet = { PIECE(400, 400) }, LOST_TO_VIP } }),
	ROW("fragments to a VIP: the first that begins a flow decides for the rest, also across a switch", .udp = true,
	    .steps = { { CLIENT_SENDS(PIECE(0, 504)), BY_STACK(BLUE), PENDING(BLUE, 0) },
		       TO_GREEN,
		       { CLIENT_SENDS(PIECE(504, 504)), BY_STACK(BLUE) } }),
	ROW("fragments to a VIP, the last before the middle one: both follow the first", UDP_FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(0, 400)), BY_STACK(BLUE) },
		       { CLIENT_SENDS(PIECE(800, 400)), BY_STACK(BLUE) },
		       { CLIENT_SENDS(PIECE(400, 400)), BY_STACK(BLUE) },
		       { CLIENT_SENDS(PIECE(400, 400)), BY_STACK(BLUE) } }),
	ROW("fragments to a VIP: the header alone in the first, its smallest size", UDP_FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(0, 8)), BY_STACK(BLUE) },
		       { CLIENT_SENDS(PIECE(8, 1000)), BY_STACK(BLUE) } }),
	ROW("fragments to a VIP, TCP: a first one that ends inside the header is dropped and counted", FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(0, 8), ACK_PSH), .verdict = TEAL_DROP_TRUNCATED },
		       { CLIENT_SENDS(PIECE(8, 1000), ACK_PSH), LOST_TO_VIP } }),
	ROW("a fragment whose first was not seen is dropped and counted", UDP_FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(400, 400)), LOST_TO_VIP }, { CLIENT_SENDS(PIECE(800, 400)), LOST_TO_VIP } }),
	ROW("a fragment whose first was not seen, TCP, is dropped and counted", FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(400, 400), ACK_PSH), LOST_TO_VIP } }),
	ROW("a fragment of another packet than the noted one: dropped and counted", UDP_FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(0, 400)), BY_STACK(BLUE) },
		       { CLIENT_SENDS(IN_PIECES, .id = 78, .payload = 1000, .piece_at = 400, .piece_size = 400),
			 LOST_TO_VIP },
		       { .from = OTHER, .to = VIP, .packet = { PIECE(400, 400) }, LOST_TO_VIP } }),
	ROW("a fragment of the same number but another protocol: dropped and counted", UDP_FLOW_ON(BLUE),
	    .only = NOT_IPV6,
	    .steps = { { CLIENT_SENDS(PIECE(0, 400)), BY_STACK(BLUE) },
		       { CLIENT_SENDS(PIECE(400, 400), .protocol = TCP), LOST_TO_VIP } }),
	ROW("a flood has pushed the note out: the rest is dropped and counted", UDP_FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(0, 400)), BY_STACK(BLUE) },
		       { .act = FORGET_PIECES },
		       { CLIENT_SENDS(PIECE(400, 400)), LOST_TO_VIP } }),
	ROW("the same number again for another packet: the new first counts", .udp = true,
	    .steps = { { CLIENT_SENDS(PIECE(0, 400)), BY_STACK(BLUE), PENDING(BLUE, 0) },
		       TO_GREEN,
		       { CLIENT_SENDS(PIECE(0, 400), .source_port = 41000), BY_STACK(GREEN), PENDING(GREEN, 0) },
		       { CLIENT_SENDS(PIECE(400, 400), .source_port = 41000), BY_STACK(GREEN) } }),
	ROW("the first fragment is refused: the rest is dropped", .udp = true,
	    .steps = { { .act = SWITCH, .host = NOBODY },
		       { CLIENT_SENDS(PIECE(0, 400)), REFUSED(NO_BACKEND) },
		       { CLIENT_SENDS(PIECE(400, 400)), LOST_TO_VIP } }),
	ROW("the first fragment is nobody's: the rest of it is dropped, for its address is a VIP", FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(0, 400), .destination_port = 80, .protocol = UDP), PASSED },
		       { CLIENT_SENDS(PIECE(400, 400), .destination_port = 80, .protocol = UDP), LOST_TO_VIP } }),
	ROW("fragments to another address: passed byte for byte, the first and the others",
	    .steps = { { .from = CLIENT, .to = STRANGER, .packet = { PIECE(0, 400), ACK_PSH }, PASSED },
		       { .from = CLIENT, .to = STRANGER, .packet = { PIECE(400, 400), ACK_PSH }, PASSED },
		       { .from = CLIENT, .to = STRANGER, .packet = { PIECE(800, 400), .protocol = UDP }, PASSED } }),
	ROW("fragments of other protocols to a VIP: passed byte for byte", .only = NOT_IPV6,
	    .steps = { { CLIENT_SENDS(PIECE(0, 400), .protocol = ICMP, .icmp_type = 8), PASSED },
		       { CLIENT_SENDS(PIECE(400, 400), .protocol = ICMP, .icmp_type = 8), PASSED } }),
	ROW("fragments of other protocols to an IPv6 VIP: passed byte for byte", .only = NOT_IPV4,
	    .steps = { { CLIENT_SENDS(PIECE(0, 400), .protocol = ICMPV6, .icmp_type = 128), PASSED },
		       { CLIENT_SENDS(PIECE(400, 400), .protocol = ICMPV6, .icmp_type = 128), PASSED } }),
	ROW("fragments of a backend that belong to no flow: passed byte for byte", .udp = true,
	    .steps = { { BACKEND_SENDS(BLUE, PIECE(0, 400)), PASSED }, { BACKEND_SENDS(BLUE, PIECE(400, 400)), PASSED } }),
	ROW("fragments with IPv4 options: the same rewrite", .only = NOT_IPV6, UDP_FLOW_ON(BLUE),
	    BOTH_WAYS_IN_THREE(.options = 8)),
	ROW("fragments on a VLAN: served, tag kept both ways", UDP_FLOW_ON(BLUE), BOTH_WAYS_IN_THREE(.tag = 7)),
	ROW("fragments with padding: kept", UDP_FLOW_ON(BLUE), BOTH_WAYS_IN_THREE(.padding = 9)),
	ROW("fragments without a UDP checksum: stay without", .only = NOT_IPV6, UDP_FLOW_ON(BLUE),
	    BOTH_WAYS_IN_THREE(.no_checksum = true)),
	ROW("fragments, other extension headers before and behind the fragment header: walked", .only = NOT_IPV4,
	    UDP_FLOW_ON(BLUE), .steps = {
		{ CLIENT_SENDS(.extensions = { { HOP_BY_HOP }, { FRAGMENT }, { DESTINATION, 1 } }, .payload = 600,
			       .piece_size = 400), BY_STACK(BLUE) },
		{ CLIENT_SENDS(.extensions = { { HOP_BY_HOP }, { FRAGMENT }, { DESTINATION, 1 } }, .payload = 600,
			       .piece_at = 400, .piece_size = 400), BY_STACK(BLUE) },
		{ BACKEND_SENDS(BLUE, .extensions = { { DESTINATION }, { FRAGMENT } }, .payload = 600,
				.piece_size = 400), FIRST_BACK },
		{ BACKEND_SENDS(BLUE, .extensions = { { DESTINATION }, { FRAGMENT } }, .payload = 600,
				.piece_at = 400, .piece_size = 400), LATER_BACK } }),
	ROW("fragments to a VIP whose extension headers end in another piece: dropped and counted", .only = NOT_IPV4,
	    UDP_FLOW_ON(BLUE), .steps = {
		{ CLIENT_SENDS(.extensions = { { FRAGMENT }, { DESTINATION, 3 } }, .payload = 600, .piece_size = 16),
		  .verdict = TEAL_DROP_TRUNCATED } }),
	ROW("IPv6 atomic fragment: as a whole packet", .only = NOT_IPV4, FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(ACK_PSH, IN_PIECES, .payload = 100), GOES_TO(BLUE) },
		       { BACKEND_SENDS(BLUE, ACK_PSH, IN_PIECES, .payload = 100), GOES_BACK } }),
	ROW("IPv6 atomic fragment, UDP, with other extension headers: as a whole packet", .only = NOT_IPV4,
	    UDP_FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(.extensions = { { HOP_BY_HOP }, { FRAGMENT }, { DESTINATION } }, .payload = 100),
			 GOES_TO(BLUE) },
		       { BACKEND_SENDS(BLUE, .extensions = { { FRAGMENT } }, .payload = 100), GOES_BACK } }),
	ROW("IPv6 atomic fragment that opens a flow, and one without a backend, which gets its RST", .only = NOT_IPV4,
	    .steps = { { CLIENT_SENDS(.flags = SYN, .sequence = 1000, IN_PIECES), GOES_TO(BLUE), PENDING(BLUE, 1000) },
		       { .act = SWITCH, .host = NOBODY },
		       { CLIENT_SENDS(.flags = SYN, .sequence = 2000, IN_PIECES), REFUSED(NO_BACKEND) } }),
	ROW("fragments with source NAT, UDP: at each end of the stack the first leaves a note, in both directions", SOURCED,
	    UDP_FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(0, 504)), BY_STACK(BLUE) },
		       { CLIENT_SENDS(PIECE(504, 504)), BY_STACK(BLUE) },
		       { BACKEND_SENDS(BLUE, PIECE(0, 504)), FIRST_BACK },
		       { BACKEND_SENDS(BLUE, PIECE(504, 504)), LATER_BACK_SOURCE } }),
	ROW("fragments with source NAT, TCP: at each end of the stack the first leaves a note, in both directions", SOURCED,
	    FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(PIECE(0, 504), ACK_PSH), BY_STACK(BLUE) },
		       { CLIENT_SENDS(PIECE(504, 800), ACK_PSH), BY_STACK(BLUE) },
		       { BACKEND_SENDS(BLUE, PIECE(0, 504), ACK_PSH), FIRST_BACK },
		       { BACKEND_SENDS(BLUE, PIECE(504, 800), ACK_PSH), LATER_BACK_SOURCE } }),
	ROW("fragments to a backend on the edge host: passed up rewritten, all of them", .udp = true, .active = HERE,
	    .steps = { { CLIENT_SENDS(PIECE(0, 504)), .verdict = TEAL_PASS_IN_LOCAL, .becomes = HERE,
			 PENDING(HERE, 0) },
		       { CLIENT_SENDS(PIECE(504, 504)), .verdict = TEAL_PASS_IN_LOCAL, .becomes = HERE },
		       { BACKEND_SENDS(HERE, PIECE(0, 504)), .verdict = TEAL_PASS_BACK_EGRESS, .becomes = VIP,
			 FLOW(HERE, TEAL_ESTABLISHED, 0), NO_PENDING, .opened = HERE },
		       { BACKEND_SENDS(HERE, PIECE(504, 504)), .verdict = TEAL_PASS_BACK_EGRESS, .becomes = VIP } }),
	ROW("fragments towards a blackhole: dropped, all of them", .udp = true, .active = HOLE,
	    .steps = { { CLIENT_SENDS(PIECE(0, 504)), .verdict = TEAL_DROP_BLACKHOLE, PENDING(HOLE, 0),
			 .counted = HOLE },
		       { CLIENT_SENDS(PIECE(504, 504)), LOST_TO_VIP } }),
};

const struct rows rows_fragments = ROWS("Layers 2 to 4: fragments", rows);
