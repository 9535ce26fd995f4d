// SPDX-License-Identifier: GPL-2.0-only
/* A reader of frames, from the RFCs: 791, 8200, 9293, 768, 792, 4443. */
#include "fuzz.h"

#include <string.h>

#define WALKED 6 /* extension headers that teal promises to go behind */

static __u32 read_number(const __u8 *at, int size)
{
	__u32 value = 0;

	while (size--)
		value = value << 8 | *at++;
	return value;
}

static void set_mapped(__u8 *address, const __u8 *four)
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	memcpy(address + 12, four, 4);
}

/* @segment  of a super-packet; one too long for its length field says 0 there */
static void view_ipv4(struct view *v, const __u8 *bytes, size_t length, size_t segment)
{
	const __u8 *ip = bytes + v->network;
	size_t total;
	__u16 fragment;

	v->kind = VIEW_BROKEN;
	if (v->network + 20 > length)
		return;
	v->has_addresses = true;
	set_mapped(v->source, ip + 12);
	set_mapped(v->destination, ip + 16);
	v->ttl = ip[8];
	v->protocol = ip[9];
	v->header = (ip[0] & 15) * 4U;
	total = read_number(ip + 2, 2);
	if (!total && segment)
		total = length - v->network;
	if (ip[0] >> 4 != 4 || v->header < 20 || total < v->header || v->network + total > length)
		return;
	fragment = read_number(ip + 6, 2);
	v->fragment = fragment & 0x3fff;
	v->later = fragment & 0x1fff;
	v->transport = v->network + v->header;
	v->end = v->network + total;
	v->kind = VIEW_WHOLE;
}

/* IPv6's extension headers, from `ip` on.  Returns false if they lead nowhere; then the kind says more. */
static bool walk_extensions(struct view *v, const __u8 *ip, size_t total)
{
	for (int walked = 0; v->protocol == 0 || v->protocol == 43 || v->protocol == 44 || v->protocol == 60; walked++) {
		const __u8 *extension = ip + v->header;
		const bool fragment = v->protocol == 44;

		if (walked == WALKED) {
			v->kind = VIEW_OTHER;
			return false;
		}
		if (v->header + 8 > total)
			return false;
		if (v->protocol == 43 && extension[3]) { /* segments left */
			v->kind = VIEW_OTHER;
			return false;
		}
		v->header += fragment ? 8 : (extension[1] + 1U) * 8;
		v->protocol = extension[0];
		if (v->header > total)
			return false;
		if (fragment) {
			v->later = read_number(extension + 2, 2) & 0xfff8;
			v->fragment |= v->later || extension[3] & 1; /* a second such header does not make it whole */
			if (v->later)
				break;
		}
	}
	return true;
}

static void view_ipv6(struct view *v, const __u8 *bytes, size_t length, size_t segment)
{
	const __u8 *ip = bytes + v->network;
	size_t total;

	v->kind = VIEW_BROKEN;
	if (v->network + 40 > length)
		return;
	v->has_addresses = true;
	memcpy(v->source, ip + 8, 16);
	memcpy(v->destination, ip + 24, 16);
	v->ttl = ip[7];
	v->protocol = ip[6];
	v->header = 40;
	total = 40 + read_number(ip + 4, 2);
	if (total == 40 && segment)
		total = length - v->network;
	if (ip[0] >> 4 != 6 || v->network + total > length)
		return;
	if (!walk_extensions(v, ip, total))
		return;
	v->transport = v->network + v->header;
	v->end = v->network + total;
	v->kind = VIEW_WHOLE;
}

static void view_tcp(struct view *v, const __u8 *at, size_t length)
{
	v->kind = length < 20 || at[12] >> 4 < 5 || (at[12] >> 4) * 4U > length ? VIEW_BROKEN : VIEW_WHOLE;
	if (length < 20)
		return;
	v->sequence = read_number(at + 4, 4);
	v->acknowledged = read_number(at + 8, 4);
	v->flags = at[13] & 0x3f;
	v->transport_checksum = read_number(at + 16, 2);
	if (v->kind == VIEW_WHOLE)
		v->payload = length - (at[12] >> 4) * 4U;
}

static void view_udp(struct view *v, const __u8 *at, size_t length, size_t segment)
{
	const size_t said = length < 8 ? 0 : read_number(at + 4, 2);

	v->kind = length < 8 || said < 8 || (said > length && !v->fragment && !segment) ? VIEW_BROKEN : VIEW_WHOLE;
	if (length >= 8)
		v->transport_checksum = read_number(at + 6, 2);
}

static void view_transport(struct view *v, const __u8 *bytes, size_t segment)
{
	const __u8 *at = bytes + v->transport;
	const size_t length = v->end - v->transport;
	static const __u8 errors4[] = { 3, 4, 5, 11, 12 };

	if (v->protocol == TCP || v->protocol == UDP) {
		v->kind = VIEW_BROKEN;
		if (length < 4)
			return;
		v->source_port = read_number(at, 2);
		v->destination_port = read_number(at + 2, 2);
		if (v->protocol == TCP)
			view_tcp(v, at, length);
		else
			view_udp(v, at, length, segment);
	} else if (v->protocol == (v->ipv6 ? 58 : 1)) {
		v->quoted = v->transport + 8;
		v->quotes = length >= 8 && (v->ipv6 ? at[0] < 128 : !!memchr(errors4, at[0], sizeof(errors4)));
	}
}

void view_frame(struct view *v, const __u8 *bytes, size_t length, size_t segment)
{
	__u16 type;

	*v = (struct view){ .network = 14 };
	if (length < 14)
		return;
	type = read_number(bytes + 12, 2);
	while ((type == 0x8100 || type == 0x88a8) && v->network + 4 <= length && v->tags < 2) {
		type = read_number(bytes + v->network + 2, 2);
		v->network += 4;
		v->tags++;
	}
	if (v->tags > 1)
		return;
	v->ipv6 = type == 0x86dd;
	if (type == 0x0800)
		view_ipv4(v, bytes, length, segment);
	else if (v->ipv6)
		view_ipv6(v, bytes, length, segment);
	if (v->kind == VIEW_WHOLE && !v->later)
		view_transport(v, bytes, segment);
}

void view_quoted(struct view *v, const __u8 *bytes, const struct view *outer)
{
	const size_t end = outer->end;
	size_t room = end - outer->quoted;
	const __u8 *ip = bytes + outer->quoted;

	*v = (struct view){ .network = outer->quoted, .ipv6 = outer->ipv6, .kind = VIEW_BROKEN };
	if (room < (v->ipv6 ? 48 : 28) || ip[0] >> 4 != (v->ipv6 ? 6 : 4))
		return;
	v->has_addresses = true;
	v->header = v->ipv6 ? 40 : (ip[0] & 15) * 4U;
	v->protocol = v->ipv6 ? ip[6] : ip[9];
	if (v->ipv6) {
		memcpy(v->source, ip + 8, 16);
		memcpy(v->destination, ip + 24, 16);
	} else {
		set_mapped(v->source, ip + 12);
		set_mapped(v->destination, ip + 16);
		v->later = read_number(ip + 6, 2) & 0x1fff;
	}
	if (v->ipv6 && !walk_extensions(v, ip, room)) {
		v->kind = VIEW_BROKEN;
		return;
	}
	v->transport = v->network + v->header;
	v->end = end;
	if (v->header < 20 || v->transport + 8 > end || v->later || (v->protocol != TCP && v->protocol != UDP))
		return;
	v->kind = VIEW_WHOLE;
	v->source_port = read_number(bytes + v->transport, 2);
	v->destination_port = read_number(bytes + v->transport + 2, 2);
	if (v->protocol == UDP)
		v->transport_checksum = read_number(bytes + v->transport + 6, 2);
	else if (v->transport + 18 <= end)
		v->transport_checksum = read_number(bytes + v->transport + 16, 2);
}
