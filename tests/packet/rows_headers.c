// SPDX-License-Identifier: GPL-2.0-only
/* Layers 2 to 4: headers that no host sends.  Provably for a VIP: dropped and counted.  Otherwise: passed. */
#include "row.h"

#include <string.h>

#define TO_VIP .from = CLIENT, .to = VIP
#define TO_STRANGER .from = CLIENT, .to = STRANGER
#define MALFORMED .verdict = TEAL_DROP_MALFORMED
#define CUT .verdict = TEAL_DROP_TRUNCATED
#define A_SYN .packet = { .flags = SYN, .sequence = 1000, .payload = 10 }

/* A packet that no flow has, from the address that ends in these bytes. */
#define FROM(...) TO_VIP, .packet = { .flags = ACK, .source = { __VA_ARGS__ } }
#define FROM_NOBODY(...) { FROM(__VA_ARGS__), .verdict = TEAL_DROP_SOURCE }
#define FROM_SOMEBODY(...) { FROM(__VA_ARGS__), .verdict = TEAL_PASS_NO_FLOW }

static void put16(__u8 *at, int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static int get16(const __u8 *at)
{
	return at[0] << 8 | at[1];
}

static bool is_ipv6(const struct frame *frame)
{
	return frame->bytes[frame->network] >> 4 == 6;
}

static void header_length_0(struct frame *frame)
{
	frame->bytes[frame->network] = 0x40;
}

static void header_length_4(struct frame *frame)
{
	frame->bytes[frame->network] = 0x44;
}

static void header_length_15(struct frame *frame)
{
	frame->bytes[frame->network] = 0x4f;
}

static void version_5(struct frame *frame)
{
	frame->bytes[frame->network] = (frame->bytes[frame->network] & 0x0f) | 0x50;
}

/* The field of the IP packet's length, as the family has it. */
static __u8 *length_field(struct frame *frame)
{
	return frame->bytes + frame->network + (is_ipv6(frame) ? 4 : 2);
}

static void one_byte_longer(struct frame *frame)
{
	put16(length_field(frame), get16(length_field(frame)) + 1);
}

static void longest(struct frame *frame)
{
	put16(length_field(frame), 0xffff);
}

static void data_offset_0(struct frame *frame)
{
	frame->bytes[frame->transport + 12] = 0;
}

static void data_offset_4(struct frame *frame)
{
	frame->bytes[frame->transport + 12] = 0x40;
}

static void data_offset_15(struct frame *frame)
{
	frame->bytes[frame->transport + 12] = 0xf0;
}

static void udp_length_0(struct frame *frame)
{
	put16(frame->bytes + frame->transport + 4, 0);
}

static void udp_length_7(struct frame *frame)
{
	put16(frame->bytes + frame->transport + 4, 7);
}

static void udp_length_too_long(struct frame *frame)
{
	put16(frame->bytes + frame->transport + 4, 19);
}

/* The first extension header claims 2048 bytes. */
static void extension_too_long(struct frame *frame)
{
	frame->bytes[frame->network + 41] = 255;
}

/* The first extension header reaches beyond the packet, but not beyond the frame's padding. */
static void extension_into_padding(struct frame *frame)
{
	frame->bytes[frame->network + 41] = 5;
}

static void source_unspecified(struct frame *frame)
{
	if (is_ipv6(frame))
		memset(frame->bytes + frame->network + 8, 0, 16);
	else
		memset(frame->bytes + frame->network + 12, 0, 4);
}

static const struct row rows[] = {
	ROW("truncated anywhere, TCP with options and data: dropped once its address is known",
	    .steps = { { TO_VIP, .packet = { .flags = SYN, .tcp_options = 20, .payload = 30 },
			 .repeat = EVERY_LENGTH } }),
	ROW("truncated anywhere, UDP: dropped once its address is known", .udp = true,
	    .steps = { { TO_VIP, .packet = { .payload = 30 }, .repeat = EVERY_LENGTH } }),
	ROW("truncated anywhere, IPv4 options: dropped once its address is known", .only = NOT_IPV6,
	    .steps = { { TO_VIP, .packet = { .flags = SYN, .options = 40 }, .repeat = EVERY_LENGTH } }),
	ROW("truncated anywhere, IPv6 extension headers: dropped once its address is known", .only = NOT_IPV4,
	    .steps = { { TO_VIP, .packet = { .flags = SYN, .extensions = { { HOP_BY_HOP, 1 }, { DESTINATION } } },
			 .repeat = EVERY_LENGTH } }),
	ROW("truncated anywhere, VLAN tag: dropped once its address is known",
	    .steps = { { TO_VIP, .packet = { .flags = SYN, .tag = 9 }, .repeat = EVERY_LENGTH } }),
	ROW("an IP length that ends inside the headers, TCP: dropped",
	    .steps = { { TO_VIP, .packet = { .flags = SYN, .payload = 30 }, .repeat = EVERY_SAID_LENGTH } }),
	ROW("an IP length that ends inside the headers, UDP: dropped", .udp = true,
	    .steps = { { TO_VIP, .packet = { .payload = 30 }, .repeat = EVERY_SAID_LENGTH } }),
	ROW("an IP length that ends inside the headers, IPv4 options: dropped", .only = NOT_IPV6,
	    .steps = { { TO_VIP, .packet = { .flags = SYN, .options = 12 }, .repeat = EVERY_SAID_LENGTH } }),
	ROW("IHL < 5: dropped", .only = NOT_IPV6,
	    .steps = { { TO_VIP, A_SYN, .damage = header_length_0, MALFORMED },
		       { TO_VIP, A_SYN, .damage = header_length_4, MALFORMED } }),
	ROW("IHL beyond the frame: dropped", .only = NOT_IPV6,
	    .steps = { { TO_VIP, .packet = { .flags = SYN }, .damage = header_length_15, CUT } }),
	ROW("IHL beyond the packet but within the frame's padding: dropped", .only = NOT_IPV6,
	    .steps = { { TO_VIP, .packet = { .flags = SYN, .padding = 40 }, .damage = header_length_15, MALFORMED } }),
	ROW("another version than the Ethernet type says: dropped",
	    .steps = { { TO_VIP, A_SYN, .damage = version_5, MALFORMED } }),
	ROW("total length beyond the frame, TCP: dropped",
	    .steps = { { TO_VIP, A_SYN, .damage = one_byte_longer, CUT }, { TO_VIP, A_SYN, .damage = longest, CUT } }),
	ROW("total length beyond the frame, UDP: dropped", .udp = true,
	    .steps = { { TO_VIP, .packet = { .payload = 4 }, .damage = one_byte_longer, CUT },
		       { TO_VIP, .packet = { .payload = 4 }, .damage = longest, CUT } }),
	ROW("data offset < 5: dropped",
	    .steps = { { TO_VIP, A_SYN, .damage = data_offset_0, MALFORMED },
		       { TO_VIP, A_SYN, .damage = data_offset_4, MALFORMED } }),
	ROW("data offset beyond the packet: dropped",
	    .steps = { { TO_VIP, A_SYN, .damage = data_offset_15, MALFORMED },
		       { TO_VIP, .packet = { .flags = SYN, .padding = 60 }, .damage = data_offset_15, MALFORMED } }),
	ROW("UDP length < 8: dropped", .udp = true,
	    .steps = { { TO_VIP, .packet = { .payload = 10 }, .damage = udp_length_0, MALFORMED },
		       { TO_VIP, .packet = { .payload = 10 }, .damage = udp_length_7, MALFORMED } }),
	ROW("UDP length beyond the packet: dropped", .udp = true,
	    .steps = { { TO_VIP, .packet = { .payload = 10 }, .damage = udp_length_too_long, MALFORMED },
		       { TO_VIP, .packet = { .payload = 10, .padding = 20 }, .damage = udp_length_too_long,
			 MALFORMED } }),
	ROW("source address that no host has, unspecified: dropped, no state",
	    .steps = { { TO_VIP, A_SYN, .damage = source_unspecified, .verdict = TEAL_DROP_SOURCE } }),
	ROW("source address that no host has (loopback, multicast, broadcast), IPv4: dropped, no state", .only = NOT_IPV6,
	    .steps = { FROM_NOBODY([12] = 127, 0, 0, 1), FROM_NOBODY([12] = 127, 255, 255, 254),
		       FROM_NOBODY([12] = 224, 0, 0, 1), FROM_NOBODY([12] = 239, 255, 255, 255),
		       FROM_NOBODY([12] = 255, 255, 255, 255) }),
	ROW("source address that no host has (loopback, multicast), IPv6: dropped, no state", .only = NOT_IPV4,
	    .steps = { FROM_NOBODY([15] = 1), FROM_NOBODY([0] = 0xff, 0x02, [15] = 1), FROM_NOBODY([0] = 0xff, 0x0e) }),
	ROW("source addresses that only look like those, IPv4: served", .only = NOT_IPV6,
	    .steps = { FROM_SOMEBODY([12] = 126, 255, 255, 255), FROM_SOMEBODY([12] = 128, 0, 0, 1),
		       FROM_SOMEBODY([12] = 223, 255, 255, 255), FROM_SOMEBODY([12] = 240, 0, 0, 1),
		       FROM_SOMEBODY([12] = 255, 255, 255, 254) }),
	ROW("source addresses that only look like those, IPv6: served", .only = NOT_IPV4,
	    .steps = { FROM_SOMEBODY([15] = 2), FROM_SOMEBODY([0] = 0xfe, 0xff, [15] = 1), FROM_SOMEBODY([7] = 1, [15] = 1),
		       FROM_SOMEBODY([11] = 1, [15] = 1) }),
	ROW("IPv6 extension header beyond the frame: dropped", .only = NOT_IPV4,
	    .steps = { { TO_VIP, .packet = { .flags = SYN, .extensions = { { DESTINATION } } },
			 .damage = extension_too_long, CUT } }),
	ROW("IPv6 extension header beyond the packet but within the frame's padding: dropped", .only = NOT_IPV4,
	    .steps = { { TO_VIP, .packet = { .flags = SYN, .extensions = { { DESTINATION } }, .padding = 60 },
			 .damage = extension_into_padding, MALFORMED } }),
	ROW("the same to another address, IP header: passed byte for byte", .only = NOT_IPV6,
	    .steps = { { TO_STRANGER, A_SYN, .damage = header_length_0 },
		       { TO_STRANGER, A_SYN, .damage = header_length_4 },
		       { TO_STRANGER, .packet = { .flags = SYN }, .damage = header_length_15 } }),
	ROW("the same to another address, TCP: passed byte for byte",
	    .steps = { { TO_STRANGER, A_SYN, .damage = version_5 },
		       { TO_STRANGER, A_SYN, .damage = longest },
		       { TO_STRANGER, A_SYN, .damage = data_offset_0 },
		       { TO_STRANGER, A_SYN, .damage = data_offset_15 } }),
	ROW("the same to another address, UDP: passed byte for byte", .udp = true,
	    .steps = { { TO_STRANGER, .packet = { .payload = 10 }, .damage = udp_length_7 },
		       { TO_STRANGER, .packet = { .payload = 10 }, .damage = udp_length_too_long } }),
	ROW("the same to another address, IPv6 extension header: passed byte for byte", .only = NOT_IPV4,
	    .steps = { { TO_STRANGER, .packet = { .flags = SYN, .extensions = { { DESTINATION } } },
			 .damage = extension_too_long } }),
};

const struct rows rows_headers = ROWS("Layers 2 to 4: headers that no host sends", rows);
