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
	snprintf(field->name, sizeof(field->name), "%s", name);
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
	note(r, "tcp.flags", "%s", text);
}

static void read_tcp(struct reader *r)
{
	__u8 size;

	note_number(r, "tcp.source_port", 2);
	note_number(r, "tcp.destination_port", 2);
	note_number(r, "tcp.sequence", 4);
	note_number(r, "tcp.acknowledged", 4);
	size = take(r, 1);
	note(r, "tcp.data_offset", "%u, reserved %u", size >> 4, size & 15);
	note_flags(r);
	note_number(r, "tcp.window", 2);
	note_number(r, "tcp.checksum", 2);
	note_number(r, "tcp.urgent", 2);
	if (size >> 4 > 5)
		note_bytes(r, "tcp.options", (size >> 4) * 4 - 20);
}

static void read_udp(struct reader *r)
{
	note_number(r, "udp.source_port", 2);
	note_number(r, "udp.destination_port", 2);
	note_number(r, "udp.length", 2);
	note_number(r, "udp.checksum", 2);
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
	note(r, "ip.version", "%u, header length %u", first >> 4, first & 15);
	note_number(r, "ip.tos", 1);
	length = take(r, 2);
	note(r, "ip.total_length", "%u", length);
	note_number(r, "ip.id", 2);
	fragment = take(r, 2);
	note(r, "ip.fragment", "0x%04x", fragment);
	note_number(r, "ip.ttl", 1);
	l->protocol = take(r, 1);
	note(r, "ip.protocol", "%u", l->protocol);
	note_number(r, "ip.checksum", 2);
	l->width = 4;
	l->source = r->at;
	note_address(r, "ip.source", AF_INET);
	l->destination = r->at;
	note_address(r, "ip.destination", AF_INET);
	if (l->header > 20)
		note_bytes(r, "ip.options", l->header - 20);
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
	note(r, "ip.version", "%u", first >> 28);
	note(r, "ip.tos", "%u (0x%x)", first >> 20 & 255, first >> 20 & 255);
	note(r, "ip.flow_label", "0x%05x", first & 0xfffff);
	length = take(r, 2);
	note(r, "ip.payload_length", "%u", length);
	next = take(r, 1);
	note(r, "ip.next_header", "%u", next);
	note_number(r, "ip.hop_limit", 1);
	l->width = 16;
	l->source = r->at;
	note_address(r, "ip.source", AF_INET6);
	l->destination = r->at;
	note_address(r, "ip.destination", AF_INET6);
	while ((next == 0 || next == 43 || next == 44 || next == 60) && !r->short_) {
		__u8 type = next;
		__u8 eights;

		next = take(r, 1);
		eights = take(r, 1);
		note(r, "extension", "type %u, then %u, length %u", type, next, eights);
		l->fragment |= type == 44;
		note_bytes(r, "extension.rest", 6 + (type == 44 ? 0 : eights * 8));
	}
	l->protocol = next;
	l->transport = r->at;
	l->end = l->network + 40 + length;
}

/* Returns whether there is an IP packet in the frame that is all there. */
static bool read_frame(struct reader *r, struct layout *l)
{
	__u16 type;

	note_link_address(r, "link.destination");
	note_link_address(r, "link.source");
	type = take(r, 2);
	while (type == 0x8100 || type == 0x88a8) {
		note(r, "link.tag", "0x%04x, type 0x%04x", take(r, 2), type);
		type = take(r, 2);
	}
	note(r, "link.type", "0x%04x", type);
	if (type == 0x0800)
		read_ipv4(r, l);
	else if (type == 0x86dd)
		read_ipv6(r, l);
	else
		return false;
	if (!l->fragment && l->protocol == 6)
		read_tcp(r);
	else if (!l->fragment && l->protocol == 17)
		read_udp(r);
	if (r->short_ || l->end > r->end || l->end < r->at)
		return false;
	note_bytes(r, "payload", l->end - r->at);
	note_bytes(r, "padding", r->end - r->at);
	return true;
}

int verify_fields(const __u8 *bytes, size_t length, struct field *fields, int room)
{
	struct reader r = { .bytes = bytes, .end = length, .fields = fields, .room = room };
	struct layout l = {};

	read_frame(&r, &l);
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

void verify_checksums(const __u8 *bytes, size_t length, complain_fn *complain, void *context)
{
	struct field fields[64];
	struct reader r = { .bytes = bytes, .end = length, .fields = fields, .room = 64 };
	struct layout l = {};
	size_t size;
	__u32 sum;

	if (!read_frame(&r, &l))
		return;
	if (l.width == 4 && !all_ones(words(bytes + l.network, l.header)))
		complain(context, "the IPv4 header's checksum is wrong");
	if (l.fragment || (l.protocol != 6 && l.protocol != 17))
		return;
	size = l.end - l.transport;
	if (l.protocol == 17 && !bytes[l.transport + 6] && !bytes[l.transport + 7]) {
		if (l.width == 16)
			complain(context, "UDP over IPv6 without a checksum");
		return;
	}
	sum = words(bytes + l.source, l.width) + words(bytes + l.destination, l.width);
	sum += l.protocol + size;
	if (!all_ones(sum + words(bytes + l.transport, size)))
		complain(context, "the %s checksum is wrong", l.protocol == 6 ? "TCP" : "UDP");
}
