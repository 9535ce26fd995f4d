// SPDX-License-Identifier: GPL-2.0-only
#include "frame.h"

#include <string.h>

static __u8 *put8(__u8 *at, __u8 value)
{
	*at = value;
	return at + 1;
}

static __u8 *put16(__u8 *at, __u16 value)
{
	return put8(put8(at, value >> 8), value);
}

static __u8 *put32(__u8 *at, __u32 value)
{
	return put16(put16(at, value >> 16), value);
}

static __u8 *put(__u8 *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

static __u8 *put_link(__u8 *at, const struct plan *plan)
{
	at = put(at, plan->link_to, 6);
	at = put(at, plan->link_from, 6);
	if (plan->tag)
		at = put16(put16(at, plan->inner_tag ? 0x88a8 : 0x8100), plan->tag);
	if (plan->inner_tag)
		at = put16(put16(at, 0x8100), plan->inner_tag);
	if (plan->ethertype)
		return put16(at, plan->ethertype);
	return put16(at, plan->ipv6 ? 0x86dd : 0x0800);
}

static __u8 ttl_of(const struct plan *plan)
{
	return plan->ttl == TTL_USUAL ? 64 : plan->ttl;
}

/* Lengths and the checksum are filled in by frame_build(), when they are known. */
static __u8 *put_ipv4(__u8 *at, const struct plan *plan)
{
	at = put8(at, 0x40 | (5 + plan->options / 4));
	at = put8(at, plan->tos);
	at = put16(at, 0);
	at = put16(at, plan->id);
	at = put16(at, plan->fragment);
	at = put8(at, ttl_of(plan));
	at = put8(at, plan->protocol ?: TCP);
	at = put16(at, 0);
	at = put(at, plan->source + 12, 4);
	at = put(at, plan->destination + 12, 4);
	for (int i = 0; i < plan->options; i++) /* no operation, then end of list */
		at = put8(at, i < plan->options - 1 ? 1 : 0);
	return at;
}

static __u8 type_of(const struct extension *extension, const struct plan *plan)
{
	if (!extension->type)
		return plan->protocol ?: TCP;
	return extension->type == HOP_BY_HOP ? 0 : extension->type;
}

static __u8 *put_extension(__u8 *at, const struct extension *extension, const struct plan *plan)
{
	at = put8(at, type_of(extension + 1, plan));
	if (extension->type == FRAGMENT)
		return put32(put16(put8(at, 0), extension->fragment), 0x7ea17ea1 ^ plan->id);
	at = put8(at, extension->eights);
	if (extension->type == ROUTING) { /* type 253: for experiments (RFC 3692) */
		at = put32(put8(put8(at, 253), extension->segments_left), 0);
	} else {
		at = put32(put16(at, 0x0104), 0); /* PadN over the rest of the first 8 bytes */
	}
	for (int i = 0; i < extension->eights; i++)
		at = put32(put32(at, 0x01060000), 0);
	return at;
}

static __u8 *put_ipv6(__u8 *at, const struct plan *plan, __u8 **ret_divisible)
{
	const struct extension *extension = plan->extensions;

	at = put32(at, 6U << 28 | (__u32)plan->tos << 20 | plan->flow_label);
	at = put16(at, 0);
	at = put8(at, type_of(extension, plan));
	at = put8(at, ttl_of(plan));
	at = put(at, plan->source, 16);
	at = put(at, plan->destination, 16);
	for (; extension->type; extension++) {
		at = put_extension(at, extension, plan);
		if (extension->type == FRAGMENT)
			*ret_divisible = at;
	}
	return at;
}

static __u8 *put_tcp(__u8 *at, const struct plan *plan)
{
	at = put16(at, plan->source_port);
	at = put16(at, plan->destination_port);
	at = put32(at, plan->sequence);
	at = put32(at, plan->acknowledged);
	at = put8(at, (5 + plan->tcp_options / 4) << 4);
	at = put8(at, plan->flags);
	at = put16(at, plan->window ?: 0x2000);
	at = put16(at, 0);
	at = put16(at, plan->urgent);
	for (int i = 0; i < plan->tcp_options; i += 4) /* "maximum segment size", for something to lose */
		at = put32(at, 0x02040500 + i);
	return at;
}

static __u8 *put_udp(__u8 *at, const struct plan *plan)
{
	at = put16(at, plan->source_port);
	at = put16(at, plan->destination_port);
	at = put16(at, 8 + plan->payload);
	return put16(at, 0);
}

static bool is_icmp(const struct plan *plan)
{
	return plan->protocol == ICMP || plan->protocol == ICMPV6;
}

static __u8 *put_icmp(__u8 *at, const struct plan *plan)
{
	struct frame quoted;
	size_t size;

	at = put16(put8(put8(at, plan->icmp_type), plan->icmp_code), 0);
	at = put32(at, plan->icmp_word);
	if (!plan->quoted)
		return at;
	frame_build(&quoted, plan->quoted);
	size = quoted.packet;
	if (plan->quoted_bytes)
		size = quoted.transport - quoted.network + plan->quoted_bytes;
	return put(at, quoted.bytes + quoted.network, size);
}

__u16 frame_sum(__u32 sum, const __u8 *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* RFC 9293 section 3.1, RFC 768 and RFC 8200 section 8.1: the pseudo-header, then everything behind it. */
static __u16 transport_checksum(const struct frame *frame, const struct plan *plan)
{
	const size_t width = plan->ipv6 ? 16 : 4;
	const size_t length = frame->network + frame->packet - frame->transport;
	__u32 sum = (plan->protocol ?: TCP) + (length >> 16) + (length & 0xffff);

	if (plan->protocol == ICMP) /* RFC 792: no pseudo-header */
		return ~frame_sum(0, frame->bytes + frame->transport, length);
	sum = frame_sum(sum, plan->source + 16 - width, width);
	sum = frame_sum(sum, plan->destination + 16 - width, width);
	return ~frame_sum(sum, frame->bytes + frame->transport, length);
}

/* Where in the transport header the checksum stands. */
static size_t checksum_offset(const struct plan *plan)
{
	return plan->protocol == UDP ? 6 : is_icmp(plan) ? 2 : 16;
}

static void fill_transport_checksum(struct frame *frame, const struct plan *plan)
{
	__u8 *field = frame->bytes + frame->transport + checksum_offset(plan);
	__u16 checksum;

	if (plan->no_checksum)
		return;
	checksum = transport_checksum(frame, plan);
	put16(field, plan->protocol == UDP && !checksum ? 0xffff : checksum);
}

/* Of the whole packet one piece is left: RFC 791 section 3.2, RFC 8200 section 4.5. */
static void cut(struct frame *frame, const struct plan *plan)
{
	__u8 *divisible = frame->bytes + frame->divisible;
	const size_t head = frame->divisible - frame->network, all = frame->packet - head;
	const size_t left = all - plan->piece_at, size = left < plan->piece_size ? left : plan->piece_size;
	const __u16 more = size < left;

	memmove(divisible, divisible + plan->piece_at, size);
	memset(divisible + size, 0, all - size);
	if (plan->ipv6)
		put16(divisible - 6, plan->piece_at | more);
	else
		put16(frame->bytes + frame->network + 6, more << 13 | plan->piece_at / 8);
	frame->packet = head + size;
}

static void fill_network(struct frame *frame, const struct plan *plan)
{
	__u8 *network = frame->bytes + frame->network;

	if (plan->ipv6) {
		put16(network + 4, frame->packet - 40);
	} else {
		put16(network + 2, frame->packet);
		put16(network + 10, ~frame_sum(0, network, 20 + plan->options));
	}
}

static __u8 *put_transport(__u8 *at, const struct plan *plan)
{
	switch (plan->protocol ?: TCP) {
	case TCP: return put_tcp(at, plan);
	case UDP: return put_udp(at, plan);
	case ICMP:
	case ICMPV6: return put_icmp(at, plan);
	default: return at;
	}
}

void frame_build(struct frame *frame, const struct plan *plan)
{
	const __u8 protocol = plan->protocol ?: TCP;
	__u8 *at = put_link(frame->bytes, plan), *network = at, *divisible = at;

	memset(at, 0, sizeof(frame->bytes) - (at - frame->bytes));
	frame->network = at - frame->bytes;
	if (plan->ipv6) {
		at = put_ipv6(at, plan, &divisible);
	} else {
		at = put_ipv4(at, plan);
		divisible = at;
	}
	frame->transport = at - frame->bytes;
	at = put_transport(at, plan);
	frame->payload = at - frame->bytes;
	for (int i = 0; i < plan->payload; i++)
		at = put8(at, 'a' + i % 23);
	if (plan->salt)
		put16(frame->bytes + frame->payload, plan->salt);
	frame->packet = at - network;
	if (protocol == TCP || protocol == UDP || is_icmp(plan))
		fill_transport_checksum(frame, plan);
	if (plan->piece_size) {
		frame->divisible = divisible - frame->bytes;
		cut(frame, plan);
		at = network + frame->packet;
	}
	fill_network(frame, plan);
	for (int i = 0; i < plan->padding; i++)
		at = put8(at, 0xee);
	frame->length = at - frame->bytes;
}

/* What would be the checksum, once more put into the sum, makes it all ones. */
__u16 frame_salt(const struct plan *plan)
{
	struct frame frame;

	frame_build(&frame, plan);
	memset(frame.bytes + frame.payload, 0, 2);
	memset(frame.bytes + frame.transport + checksum_offset(plan), 0, 2);
	return transport_checksum(&frame, plan);
}
