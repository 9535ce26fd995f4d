// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layers 2 to 4: ICMP errors about flows.  The quoted packet is built whole, as it was where the error arose and as its
 * sender knows it, and cut to what is quoted: so each checksum in it, and the one around it, is summed from scratch.
 */
#include "row.h"

#define FLOW_ON(who) .flow = { IS, who, TEAL_ESTABLISHED, 5000, 0 }
#define UDP_FLOW_ON(who) .udp = true, .flow = { IS, who, TEAL_ESTABLISHED, 0, 0 }
#define SENT .flags = ACK | PSH, .sequence = 70000, .acknowledged = 5000, .payload = 1400
#define QUOTES(error_, from_, to_, bytes_, ...) \
	.quote = { .error = error_, .from = from_, .to = to_, .bytes = bytes_, .packet = { __VA_ARGS__ } }

/* A router on the clients' side about what the VIP sent to the client. */
#define ABOUT_VIP(error, bytes, ...) .from = ROUTER, .to = VIP, QUOTES(error, VIP, CLIENT, bytes, __VA_ARGS__)
#define TO_BACKEND(who) .verdict = TEAL_PASS_ICMP_IN, .becomes = (who)

/* A router on the backends' side, or a backend, about what the client sent: as the backend would have got it. */
#define ABOUT_CLIENT(who, error, bytes, ...) \
	.from = (who), .to = CLIENT, QUOTES(error, CLIENT, BLUE, bytes, __VA_ARGS__)
#define TO_CLIENT .verdict = TEAL_PASS_NOT_OURS, .at_egress = TEAL_PASS_ICMP_BACK, .becomes = VIP

#define TO_STACK .verdict = TEAL_PASS_NOT_OURS

static const struct row rows[] = {
	ROW("ICMP error from the network to a VIP about a flow, all of it quoted: to the backend, as it sent the packet",
	    FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(TOO_LARGE, 0, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(UNREACHABLE, 0, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TIME_EXCEEDED, 0, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(BAD_HEADER, 0, SENT), TO_BACKEND(BLUE) } }),
	ROW("the same with only 8 quoted bytes of layer 4, and with 9, 16, 18, 19, 20 and 548",
	    FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(TOO_LARGE, 8, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 9, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 16, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 18, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 19, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 20, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 548, SENT), TO_BACKEND(BLUE) } }),
	ROW("fewer than 8 quoted bytes of layer 4 name no flow: passed", FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(TOO_LARGE, 7, SENT), TO_STACK }, { ABOUT_VIP(TOO_LARGE, 1, SENT), TO_STACK } }),
	ROW("ICMP error about UDP, 8 bytes and all of it quoted", UDP_FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(TOO_LARGE, 8, .payload = 1400), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(UNREACHABLE, 0, .payload = 1401), TO_BACKEND(BLUE) },
		       { ABOUT_CLIENT(CORE, TIME_EXCEEDED, 8, .payload = 60), TO_CLIENT },
		       { ABOUT_CLIENT(BLUE, UNREACHABLE, 0, .payload = 61), TO_CLIENT } }),
	ROW("ICMP error about UDP without a checksum: the quoted 0 stays 0", UDP_FLOW_ON(BLUE), .only = NOT_IPV6,
	    .steps = { { ABOUT_VIP(TOO_LARGE, 8, .payload = 1400, .no_checksum = true), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 0, .payload = 1400, .no_checksum = true), TO_BACKEND(BLUE) },
		       { ABOUT_CLIENT(CORE, TIME_EXCEEDED, 8, .payload = 60, .no_checksum = true), TO_CLIENT } }),
	ROW("a quoted UDP checksum that comes out as 0 becomes 0xffff, for 0 would mean none", UDP_FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(TOO_LARGE, 0, .payload = 1400, .zero = ZERO_OUT), TO_BACKEND(BLUE) },
		       { ABOUT_CLIENT(CORE, TIME_EXCEEDED, 8, .payload = 60, .zero = ZERO_OUT), TO_CLIENT } }),
	ROW("quoted IPv4 options: ports and checksum are found behind them", FLOW_ON(BLUE), .only = NOT_IPV6,
	    .steps = { { ABOUT_VIP(TOO_LARGE, 8, SENT, .options = 8), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 20, SENT, .options = 40), TO_BACKEND(BLUE) },
		       { ABOUT_CLIENT(CORE, TIME_EXCEEDED, 0, SENT, .options = 12), TO_CLIENT } }),
	ROW("ICMP error that quotes an IPv6 packet's first fragment, or extension headers: ports are found behind them",
	    UDP_FLOW_ON(BLUE), .only = NOT_IPV4,
	    .steps = { { ABOUT_VIP(TOO_LARGE, 0, .payload = 1400, .extensions = { { FRAGMENT } }, .piece_size = 1000),
			 TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 8, .payload = 1400, .extensions = { { HOP_BY_HOP, 1 }, { FRAGMENT } },
				   .piece_size = 1000),
			 TO_BACKEND(BLUE) },
		       { ABOUT_CLIENT(CORE, TOO_LARGE, 0, .payload = 1400, .extensions = { { FRAGMENT } },
				      .piece_size = 1000),
			 TO_CLIENT },
		       { ABOUT_CLIENT(CORE, UNREACHABLE, 8, .payload = 60, .extensions = { { DESTINATION, 2 } }), TO_CLIENT },
		       { ABOUT_VIP(TOO_LARGE, 7, .payload = 60, .extensions = { { DESTINATION } }), TO_STACK },
		       { ABOUT_VIP(UNREACHABLE, 0, .payload = 60, .protocol = 59, .extensions = { { DESTINATION } }),
			 TO_STACK } }),
	ROW("an ICMP error whose own header has IPv4 options, and one on a VLAN", FLOW_ON(BLUE), .only = NOT_IPV6,
	    .steps = { { ABOUT_VIP(TOO_LARGE, 8, SENT), .packet = { .options = 4 }, TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 8, SENT), .packet = { .tag = 7 }, TO_BACKEND(BLUE) } }),
	ROW("an ICMPv6 error behind extension headers, and one on a VLAN", FLOW_ON(BLUE), .only = NOT_IPV4,
	    .steps = { { ABOUT_VIP(TOO_LARGE, 8, SENT), .packet = { .extensions = { { DESTINATION } } },
			 TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 8, SENT), .packet = { .tag = 7 }, TO_BACKEND(BLUE) } }),
	ROW("what was quoted had lost hops, and had its own DSCP, id and options: all kept", FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(TIME_EXCEEDED, 0, SENT, .ttl = 1, .tos = 0xb9, .id = 0xbeef, .fragment = 0x4000,
				   .tcp_options = 12),
			 .packet = { .ttl = 250, .tos = 0xc0, .id = 4711 }, TO_BACKEND(BLUE) },
		       { ABOUT_CLIENT(CORE, TIME_EXCEEDED, 0, SENT, .ttl = 1, .tos = 0x10, .id = 99,
				      .tcp_options = 40),
			 .packet = { .ttl = 17, .tos = 0xc0, .padding = 6 }, TO_CLIENT } }),
	ROW("ICMP error about a flow that is pending, ending or closing: to its backend",
	    .pending = { IS, BLUE, 1000, 0, 0, 0 },
	    .steps = { { ABOUT_VIP(TOO_LARGE, 8, .flags = SYN | ACK, .sequence = 9000, .acknowledged = 1001),
			 TO_BACKEND(BLUE) },
		       { ABOUT_CLIENT(BLUE, UNREACHABLE, 8, .flags = SYN, .sequence = 1000), TO_CLIENT } }),
	ROW("ICMP error about a flow that has ended but is still known: to its backend",
	    .flow = { IS, BLUE, TEAL_CLOSING, 5000, 0 },
	    .steps = { { ABOUT_VIP(TOO_LARGE, 0, SENT), TO_BACKEND(BLUE) } }),
	ROW("ICMP errors keep nothing alive: the flow's last packet stays its last", .flow = { IS, BLUE,
	    TEAL_ESTABLISHED, 5000, 100 },
	    .steps = { { ABOUT_VIP(UNREACHABLE, 0, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_CLIENT(CORE, TIME_EXCEEDED, 0, SENT), TO_CLIENT } }),
	ROW("after a switch: to the backend that has the flow, not to the active one", FLOW_ON(BLUE),
	    .steps = { TO_GREEN,
		       { ABOUT_VIP(TOO_LARGE, 8, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_CLIENT(CORE, TOO_LARGE, 8, SENT), TO_CLIENT } }),
	ROW("ICMP error from a backend or behind it to a client: quoted destination becomes the VIP, outer source the VIP",
	    FLOW_ON(BLUE),
	    .steps = { { ABOUT_CLIENT(BLUE, UNREACHABLE, 0, SENT), TO_CLIENT },
		       { ABOUT_CLIENT(CORE, TIME_EXCEEDED, 8, SENT), TO_CLIENT },
		       { ABOUT_CLIENT(CORE, TOO_LARGE, 0, SENT), TO_CLIENT },
		       { ABOUT_CLIENT(CORE, BAD_HEADER, 20, SENT), TO_CLIENT } }),
	ROW("the same to a client with 8, 16, 18, 19 and 20 quoted bytes of layer 4", FLOW_ON(BLUE),
	    .steps = { { ABOUT_CLIENT(CORE, TOO_LARGE, 8, SENT), TO_CLIENT },
		       { ABOUT_CLIENT(CORE, TOO_LARGE, 16, SENT), TO_CLIENT },
		       { ABOUT_CLIENT(CORE, TOO_LARGE, 18, SENT), TO_CLIENT },
		       { ABOUT_CLIENT(CORE, TOO_LARGE, 19, SENT), TO_CLIENT },
		       { ABOUT_CLIENT(CORE, TOO_LARGE, 20, SENT), TO_CLIENT },
		       { ABOUT_CLIENT(CORE, TOO_LARGE, 7, SENT), TO_STACK } }),
	ROW("TTL or hop limit 1: the edge's own Time Exceeded comes from the VIP, quoting the client's own packet",
	    FLOW_ON(BLUE),
	    .steps = { { ABOUT_CLIENT(EDGE, TIME_EXCEEDED, 0, SENT, .ttl = 1), .verdict = TEAL_PASS_ICMP_BACK,
			 .becomes = VIP },
		       { ABOUT_CLIENT(EDGE, TIME_EXCEEDED, 8, SENT, .ttl = 1), .verdict = TEAL_PASS_ICMP_BACK,
			 .becomes = VIP } }),
	ROW("larger than the outgoing MTU: the edge's own answer comes from the VIP, quoting the client's own packet",
	    FLOW_ON(BLUE),
	    .steps = { { ABOUT_CLIENT(EDGE, TOO_LARGE, 548, SENT, .fragment = 0x4000), .verdict = TEAL_PASS_ICMP_BACK,
			 .becomes = VIP } }),
	ROW("ICMP with no matching flow: passed, no state changed",
	    .steps = { { ABOUT_VIP(TOO_LARGE, 0, SENT), TO_STACK },
		       { ABOUT_VIP(UNREACHABLE, 8, .protocol = UDP, .source_port = DNS_PORT, .payload = 5), TO_STACK },
		       { ABOUT_CLIENT(CORE, TIME_EXCEEDED, 0, SENT), TO_STACK },
		       { ABOUT_CLIENT(EDGE, TIME_EXCEEDED, 0, SENT), TO_STACK } }),
	ROW("ICMP error about another port of the client, of the VIP, or another protocol: passed", FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(TOO_LARGE, 0, SENT, .destination_port = 41000), TO_STACK },
		       { ABOUT_VIP(TOO_LARGE, 0, SENT, .source_port = 80), TO_STACK },
		       { ABOUT_VIP(TOO_LARGE, 0, .protocol = UDP, .source_port = WEB_PORT, .payload = 5), TO_STACK } }),
	ROW("ICMP error about a flow of another backend than the quoted one: passed", FLOW_ON(GREEN),
	    .steps = { { ABOUT_CLIENT(CORE, TOO_LARGE, 0, SENT), TO_STACK } }),
	ROW("ICMP error to a VIP that quotes what a stranger sent: passed", FLOW_ON(BLUE),
	    .steps = { { .from = ROUTER, .to = VIP, QUOTES(TOO_LARGE, STRANGER, CLIENT, 0, SENT), TO_STACK },
		       { .from = ROUTER, .to = STRANGER, QUOTES(TOO_LARGE, VIP, CLIENT, 0, SENT), TO_STACK } }),
	ROW("ICMP error that quotes a later fragment names no flow: passed", FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(TIME_EXCEEDED, 0, SENT, .extensions = { { FRAGMENT } }, .piece_at = 400,
				   .piece_size = 400),
			 TO_STACK } }),
	ROW("echo request and reply to a VIP, with a packet in it that looks quoted: passed", FLOW_ON(BLUE),
	    .only = NOT_IPV6,
	    .steps = { { CLIENT_SENDS(.protocol = ICMP, .icmp_type = 8, .icmp_word = 0x12340001, .payload = 56) },
		       { CLIENT_SENDS(.protocol = ICMP, .icmp_type = 0, .payload = 56) },
		       { CLIENT_SENDS(.protocol = ICMP, .icmp_type = 5, .payload = 56) } }),
	ROW("echo request and reply to an IPv6 VIP, neighbour discovery, router advertisement: passed", FLOW_ON(BLUE),
	    .only = NOT_IPV4,
	    .steps = { { CLIENT_SENDS(.protocol = ICMPV6, .icmp_type = 128, .icmp_word = 0x12340001, .payload = 56) },
		       { CLIENT_SENDS(.protocol = ICMPV6, .icmp_type = 129, .payload = 56) },
		       { CLIENT_SENDS(.protocol = ICMPV6, .icmp_type = 134, .payload = 24) },
		       { CLIENT_SENDS(.protocol = ICMPV6, .icmp_type = 135, .payload = 24) } }),
};

const struct rows rows_icmp = ROWS("Layers 2 to 4: ICMP errors", rows);

#define SOURCED .flags = TEAL_SERVICE_SOURCE

/* What the backend would have got came from the source address, and there the errors go: to the edge itself. */
#define ABOUT_SOURCE(who, error, bytes, ...) \
	.from = (who), .to = SOURCE, QUOTES(error, SOURCE, BLUE, bytes, __VA_ARGS__), \
	.verdict = TEAL_PASS_ICMP_BACK, .becomes = VIP

static const struct row source_rows[] = {
	ROW("source NAT, ICMP error from the network to a VIP about a flow: both quoted ends become the backend's",
	    SOURCED, FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(TOO_LARGE, 0, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TOO_LARGE, 8, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(UNREACHABLE, 18, SENT), TO_BACKEND(BLUE) },
		       { ABOUT_VIP(TIME_EXCEEDED, 20, SENT), TO_BACKEND(BLUE) } }),
	ROW("source NAT, ICMP error from a backend or behind it to the source address: the client's, from the VIP",
	    SOURCED, FLOW_ON(BLUE),
	    .steps = { { ABOUT_SOURCE(BLUE, UNREACHABLE, 0, SENT) },
		       { ABOUT_SOURCE(CORE, TIME_EXCEEDED, 8, SENT) },
		       { ABOUT_SOURCE(CORE, TOO_LARGE, 18, SENT) },
		       { ABOUT_SOURCE(CORE, TOO_LARGE, 20, SENT) } }),
	ROW("source NAT, ICMP errors about UDP, with and without all of it", SOURCED, UDP_FLOW_ON(BLUE),
	    .steps = { { ABOUT_VIP(UNREACHABLE, 8, .payload = 50), TO_BACKEND(BLUE) },
		       { ABOUT_SOURCE(CORE, TIME_EXCEEDED, 8, .payload = 50) },
		       { ABOUT_SOURCE(BLUE, UNREACHABLE, 0, .payload = 51) } }),
	ROW("source NAT, ICMP errors about a pending flow", SOURCED, .pending = { IS, BLUE, 1000, 0, 0, 0 },
	    .steps = { { ABOUT_SOURCE(BLUE, UNREACHABLE, 8, .flags = SYN, .sequence = 1000) },
		       { ABOUT_VIP(TOO_LARGE, 8, .flags = SYN | ACK, .sequence = 9000), TO_BACKEND(BLUE) } }),
	ROW("source NAT, by way of the stack: the edge's own errors name the client, and come from the VIP", SOURCED,
	    FLOW_ON(BLUE),
	    .steps = { { .from = EDGE, .to = CLIENT, QUOTES(TIME_EXCEEDED, CLIENT, BLUE, 0, SENT, .ttl = 1),
			 .verdict = TEAL_PASS_ICMP_BACK, .becomes = VIP } }),
	ROW("source NAT, ICMP error to the source address about a port that no flow has: the host's (passed)", SOURCED,
	    FLOW_ON(BLUE),
	    .steps = { { .from = CORE, .to = SOURCE, QUOTES(TOO_LARGE, SOURCE, BLUE, 0, SENT, .source_port = 1999),
			 TO_STACK },
		       { .from = CORE, .to = SOURCE, QUOTES(TOO_LARGE, SOURCE, GREEN, 0, SENT), TO_STACK } }),
};

const struct rows rows_icmp_source = ROWS("Layers 2 to 4: ICMP errors with source NAT", source_rows);
