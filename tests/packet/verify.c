// SPDX-License-Identifier: GPL-2.0-only
#include "verify.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A reader over a frame: what lies behind the end reads as 0, and `short_` remembers it. */
struct reader {
	const __u8 *bytes;
	size_t at, end;
	bool short_;
	struct field *fields;
	int count, room;
	const char *prefix; /* of the names: "quoted " within an ICMP error */
};

static __u32 take(struct reader *r, int size)
{
	__u32 value = 0;

	for (int i = 0; i < size; i++, r->at++) {
		if (r->at >= r->end)
			r->short_ = true;
		value = value << 8 | (r->at < r->end ? r->bytes[r->at] : 0);
	}
	return value;
}

static void __attribute__((format(printf, 3, 4))) note(struct reader *r, const char *name, const char *format, ...)
{
	struct field *field = &r->fields[r->count];
	va_list arguments;

	if (r->short_ || r->count == r->room)
		return;
	r->count++;
	snprintf(field->name, sizeof(field->name), "%s%s", r->prefix ?: "", name);
	va_start(arguments, format);
	vsnprintf(field->value, sizeof(field->value), format, arguments);
	va_end(arguments);
}

/* Up to 32 bytes in full, and a sum over all of them. */
static void note_bytes(struct reader *r, const char *name, size_t length)
{
	char text[FIELD_VALUE];
	__u32 hash = 2166136261U; /* FNV-1a */
	int used = 0;

	if (!length)
		return;
	for (size_t i = 0; i < length; i++) {
		__u8 byte = take(r, 1);

		hash = (hash ^ byte) * 16777619U;
		if (i < 32)
			used += snprintf(text + used, sizeof(text) - used, "%02x", byte);
	}
	note(r, name, "%zu bytes %s%s (%08x)", length, text, length > 32 ? "..." : "", hash);
}

static void note_address(struct reader *r, const char *name, int family)
{
	char text[INET6_ADDRSTRLEN];
	__u8 address[16];

	for (int i = 0; i < (family == AF_INET6 ? 16 : 4); i++)
		address[i] = take(r, 1);
	note(r, name, "%s", inet_ntop(family, address, text, sizeof(text)));
}

static void note_link_address(struct reader *r, const char *name)
{
	__u32 high = take(r, 3), low = take(r, 3);

	note(r, name, "%02x:%02x:%02x:%02x:%02x:%02x", high >> 16, high >> 8 & 255, high & 255, low >> 16,
	     low >> 8 & 255, low & 255);
}

static void note_number(struct reader *r, const char *name, int size)
{
	__u32 value = take(r, size);

	note(r, name, "%u (0x%x)", value, value);
}

static void note_flags(struct reader *r)
{
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };
	__u8 flags = take(r, 1);
	char text[64] = "none";
	int used = 0;

	for (int i = 0; i < 8; i++)
		if (flags & 1 << i)
			used += snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "", names[i]);
	note(r, "TCP flags", "%s", text);
}

static void read_tcp(struct reader *r)
{
	__u8 size;

	note_number(r, "TCP source port", 2);
	note_number(r, "TCP destination port", 2);
	note_number(r, "TCP sequence", 4);
	note_number(r, "TCP acknowledgment", 4);
	size = take(r, 1);
	note(r, "TCP data offset", "%u, reserved %u", size >> 4, size & 15);
	note_flags(r);
	note_number(r, "TCP window", 2);
	note_number(r, "TCP checksum", 2);
	note_number(r, "TCP urgent pointer", 2);
	if (size >> 4 > 5)
		note_bytes(r, "TCP options", (size >> 4) * 4 - 20);
}

static void read_udp(struct reader *r)
{
	note_number(r, "UDP source port", 2);
	note_number(r, "UDP destination port", 2);
	note_number(r, "UDP length", 2);
	note_number(r, "UDP checksum", 2);
}

/* Where the transport header begins, of which protocol it is, and where the IP packet ends. */
struct layout {
	size_t source, destination; /* of the addresses */
	int width;
	size_t network, header, transport, end;
	__u8 protocol;
	bool fragment;
};

static void read_ipv4(struct reader *r, struct layout *l)
{
	__u8 first = take(r, 1);
	__u16 length, fragment;

	l->network = r->at - 1;
	l->header = (first & 15) * 4;
	note(r, "IPv4 version", "%u, header length %u", first >> 4, first & 15);
	note_number(r, "IPv4 type of service", 1);
	length = take(r, 2);
	note(r, "IPv4 total length", "%u", length);
	note_number(r, "IPv4 id", 2);
	fragment = take(r, 2);
	note(r, "IPv4 fragment", "0x%04x", fragment);
	note_number(r, "IPv4 time to live", 1);
	l->protocol = take(r, 1);
	note(r, "IPv4 protocol", "%u", l->protocol);
	note_number(r, "IPv4 checksum", 2);
	l->width = 4;
	l->source = r->at;
	note_address(r, "IPv4 source", AF_INET);
	l->destination = r->at;
	note_address(r, "IPv4 destination", AF_INET);
	if (l->header > 20)
		note_bytes(r, "IPv4 options", l->header - 20);
	l->transport = r->at;
	l->end = l->network + length;
	l->fragment = fragment & 0x3fff;
}

static void read_ipv6(struct reader *r, struct layout *l)
{
	__u32 first = take(r, 4);
	__u16 length;
	__u8 next;

	l->network = r->at - 4;
	note(r, "IPv6 version", "%u", first >> 28);
	note(r, "IPv6 traffic class", "%u (0x%x)", first >> 20 & 255, first >> 20 & 255);
	note(r, "IPv6 flow label", "0x%05x", first & 0xfffff);
	length = take(r, 2);
	note(r, "IPv6 payload length", "%u", length);
	next = take(r, 1);
	note(r, "IPv6 next header", "%u", next);
	note_number(r, "IPv6 hop limit", 1);
	l->width = 16;
	l->source = r->at;
	note_address(r, "IPv6 source", AF_INET6);
	l->destination = r->at;
	note_address(r, "IPv6 destination", AF_INET6);
	while ((next == 0 || next == 43 || next == 44 || next == 60) && !r->short_) {
		__u8 type = next;
		__u8 eights;

		next = take(r, 1);
		eights = take(r, 1);
		note(r, "IPv6 extension", "type %u, then %u, length %u", type, next, eights);
		l->fragment |= type == 44;
		note_bytes(r, "IPv6 extension data", 6 + (type == 44 ? 0 : eights * 8));
	}
	l->protocol = next;
	l->transport = r->at;
	l->end = l->network + 40 + length;
}

/* The header of the transport protocol, as far as it is there. */
static void read_transport(struct reader *r, const struct layout *l)
{
	if (l->fragment)
		return;
	if (l->protocol == 6)
		read_tcp(r);
	else if (l->protocol == 17)
		read_udp(r);
}

static bool is_icmp(const struct layout *l)
{
	return l->protocol == (l->width == 4 ? 1 : 58);
}

/* Whether the type is an error's, behind which stands the packet that it is about. */
static bool is_error(__u8 type, int width)
{
	return width == 16 ? type < 128 : type == 3 || type == 11 || type == 12;
}

/* The quoted packet.  It may end anywhere; what is there of it is read. */
static void read_quote(struct reader *r, int width, struct layout *ret)
{
	struct reader quote = *r;

	quote.prefix = "quoted ";
	if (width == 4)
		read_ipv4(&quote, ret);
	else
		read_ipv6(&quote, ret);
	read_transport(&quote, ret);
	r->count = quote.count;
	r->at = quote.at < r->end ? quote.at : r->end;
}

/* @ret_quote  where the quoted packet stands, if there is one: else its width stays 0 */
static void read_icmp(struct reader *r, const struct layout *l, struct layout *ret_quote)
{
	__u8 type = take(r, 1);

	note(r, "ICMP type", "%u", type);
	note_number(r, "ICMP code", 1);
	note_number(r, "ICMP checksum", 2);
	note_number(r, "ICMP rest of header", 4);
	if (is_error(type, l->width) && r->at < r->end)
		read_quote(r, l->width, ret_quote);
}

/* Returns whether there is an IP packet in the frame that is all there. */
static bool read_frame(struct reader *r, struct layout *l, struct layout *quote)
{
	__u16 type;

	note_link_address(r, "link destination");
	note_link_address(r, "link source");
	type = take(r, 2);
	while (type == 0x8100 || type == 0x88a8) {
		note(r, "VLAN tag", "0x%04x, type 0x%04x", take(r, 2), type);
		type = take(r, 2);
	}
	note(r, "Ethernet type", "0x%04x", type);
	if (type == 0x0800)
		read_ipv4(r, l);
	else if (type == 0x86dd)
		read_ipv6(r, l);
	else
		return false;
	if (is_icmp(l) && !l->fragment)
		read_icmp(r, l, quote);
	else
		read_transport(r, l);
	if (r->short_ || l->end > r->end || l->end < r->at)
		return false;
	note_bytes(r, "payload", l->end - r->at);
	note_bytes(r, "padding", r->end - r->at);
	return true;
}

int verify_fields(const __u8 *bytes, size_t length, struct field *fields, int room)
{
	struct reader r = { .bytes = bytes, .end = length, .fields = fields, .room = room };
	struct layout l = {}, quote = {};

	read_frame(&r, &l, &quote);
	return r.count;
}

void verify_same(const __u8 *expected, size_t expected_length, const __u8 *got, size_t got_length,
		 complain_fn *complain, void *context)
{
	struct field want[64], have[64];
	int wanted = verify_fields(expected, expected_length, want, 64);
	int had = verify_fields(got, got_length, have, 64);
	bool told = false;

	if (expected_length != got_length)
		complain(context, "length of the frame: expected %zu, got %zu", expected_length, got_length);
	for (int i = 0; i < wanted || i < had; i++) {
		const char *name = i < wanted ? want[i].name : have[i].name;
		const char *left = i < wanted ? want[i].value : "nothing";
		const char *right = i < had ? have[i].value : "nothing";

		if (i < wanted && i < had && strcmp(want[i].name, have[i].name)) {
			complain(context, "header: expected %s %s, got %s %s", name, left, have[i].name, right);
			return;
		}
		if (!strcmp(left, right))
			continue;
		complain(context, "%s: expected %s, got %s", name, left, right);
		told = true;
	}
	for (size_t i = 0; !told && i < expected_length && i < got_length; i++) {
		if (expected[i] == got[i])
			continue;
		complain(context, "byte %zu: expected 0x%02x, got 0x%02x", i, expected[i], got[i]);
		told = true;
	}
}

/* All ones, if the checksum among the bytes is right: RFC 1071 section 1, step 3. */
static __u32 words(const __u8 *bytes, size_t length)
{
	__u32 sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (__u32)bytes[i] * 256 + bytes[i + 1];
	return length % 2 ? sum + bytes[length - 1] * 256U : sum;
}

static bool all_ones(__u32 sum)
{
	return sum && sum % 0xffff == 0;
}

/* The checksum of a transport protocol, where all of the packet is there. */
static void verify_transport(const __u8 *bytes, const struct layout *l, const char *prefix, complain_fn *complain,
			     void *context)
{
	const size_t size = l->end - l->transport;
	__u32 sum = 0;

	if (l->protocol == 17 && !bytes[l->transport + 6] && !bytes[l->transport + 7]) {
		if (l->width == 16)
			complain(context, "%sUDP over IPv6 without a checksum", prefix);
		return;
	}
	if (l->protocol != 1) {
		sum = words(bytes + l->source, l->width) + words(bytes + l->destination, l->width);
		sum += l->protocol + size;
	}
	if (!all_ones(sum + words(bytes + l->transport, size)))
		complain(context, "the %s%s checksum is wrong", prefix,
			 l->protocol == 6 ? "TCP" : l->protocol == 17 ? "UDP" : "ICMP");
}

void verify_checksums(const __u8 *bytes, size_t length, complain_fn *complain, void *context)
{
	struct field fields[64];
	struct reader r = { .bytes = bytes, .end = length, .fields = fields, .room = 64 };
	struct layout l = {}, quote = {};

	if (!read_frame(&r, &l, &quote))
		return;
	if (l.width == 4 && !all_ones(words(bytes + l.network, l.header)))
		complain(context, "the IPv4 header's checksum is wrong");
	if (!l.fragment && (l.protocol == 6 || l.protocol == 17 || is_icmp(&l)))
		verify_transport(bytes, &l, "", complain, context);
	if (quote.width == 4 && !all_ones(words(bytes + quote.network, quote.header)))
		complain(context, "the quoted IPv4 header's checksum is wrong");
	if (quote.width && !quote.fragment && quote.end <= l.end && (quote.protocol == 6 || quote.protocol == 17))
		verify_transport(bytes, &quote, "quoted ", complain, context);
}
