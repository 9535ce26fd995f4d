// SPDX-License-Identifier: GPL-2.0-only
/* The rules that hold for every packet: what may change, which addresses may appear, and how the sums must stand. */
#include "fuzz.h"

#include <stdarg.h>
#include <string.h>

enum action { ACTION_PASS, ACTION_SENT, ACTION_DROP, ACTION_REFUSE, ACTION_NONE };

static const enum action actions[] = {
#define X(action, name, sentence) [TEAL_##action##_##name] = ACTION_##action,
	TEAL_VERDICTS(X)
#undef X
	[TEAL_NEXT] = ACTION_NONE,
};

static const char *const names[] = {
#define X(action, name, sentence) [TEAL_##action##_##name] = #action "_" #name,
	TEAL_VERDICTS(X)
#undef X
	[TEAL_NEXT] = "no verdict",
};

void complain(struct complaint *complaint, const char *rule, const char *format, ...)
{
	va_list arguments;

	if (complaint->rule)
		return;
	complaint->rule = rule;
	va_start(arguments, format);
	vsnprintf(complaint->text, sizeof(complaint->text), format, arguments);
	va_end(arguments);
}

/* What XDP and tc call these. */
enum { XDP_IS_DROP = 1, XDP_IS_PASS, XDP_IS_TX, XDP_IS_REDIRECT, TC_IS_NEXT = -1, TC_IS_SHOT = 2, TC_IS_REDIRECT = 7 };

static void check_returned(const struct input *input, const struct outcome *o, struct complaint *complaint)
{
	const bool xdp = input->hook == LAB_XDP;
	const bool passed = o->returned == (xdp ? (int)XDP_IS_PASS : (int)TC_IS_NEXT);
	const bool dropped = o->returned == (xdp ? (int)XDP_IS_DROP : (int)TC_IS_SHOT);
	const bool sent = xdp ? o->returned == XDP_IS_TX || o->returned == XDP_IS_REDIRECT : o->returned == TC_IS_REDIRECT;
	const enum action action = actions[o->verdict];

	if (o->verdicts != 1)
		complain(complaint, "each packet is counted under one reason", "%d reasons were counted", o->verdicts);
	if ((action == ACTION_PASS && !passed) || (action == ACTION_SENT && !sent) || (action == ACTION_DROP && !dropped) ||
	    (action == ACTION_REFUSE && !dropped && !sent))
		complain(complaint, "what happens is what is counted", "%s, but the program returned %d", names[o->verdict],
			 o->returned);
}

/* One's complement sum modulo 0xffff: what two packets agree in whose checksums are equally right or wrong. */
static __u32 sum_of(const __u8 *bytes, size_t length)
{
	__u64 sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : bytes[i] * 256U;
	return sum % 0xffff;
}

static __u32 sum_addresses(const struct view *v)
{
	return sum_of(v->source, 16) + sum_of(v->destination, 16);
}

static __u32 sum_transport(const struct view *v, const __u8 *bytes)
{
	const __u32 addresses = !v->ipv6 && v->protocol == 1 ? 0 : sum_addresses(v);

	return (addresses + sum_of(bytes + v->transport, v->end - v->transport)) % 0xffff;
}

static size_t checksum_field(__u8 protocol)
{
	return protocol == TCP ? 16 : protocol == UDP ? 6 : 2;
}

static void check_transport_sum(const struct view *in, const __u8 *before, const struct view *out, const __u8 *after,
				struct complaint *complaint)
{
	const size_t field = in->transport + checksum_field(in->protocol);

	if (in->later || field + 2 > in->end)
		return;
	if (in->protocol == UDP && !in->transport_checksum) {
		if (out->transport_checksum)
			complain(complaint, "UDP without a checksum stays without", "it is %04x", out->transport_checksum);
		return;
	}
	if (in->protocol == UDP && !out->transport_checksum)
		complain(complaint, "a UDP checksum that comes out as 0 is sent as ffff", "it was %04x",
			 in->transport_checksum);
	if (sum_transport(in, before) != sum_transport(out, after))
		complain(complaint, "the transport checksum is as right as it was",
			 "protocol %u: sums differ, %04x before, %04x after", in->protocol, sum_transport(in, before),
			 sum_transport(out, after));
}

static void check_sums(const struct view *in, const __u8 *before, const struct view *out, const __u8 *after,
		       struct complaint *complaint)
{
	struct view was, is;

	if (!in->ipv6 && sum_of(before + in->network, in->header) != sum_of(after + out->network, out->header))
		complain(complaint, "the IPv4 header's checksum is as right as it was", "sums differ");
	if (in->protocol == TCP || in->protocol == UDP || in->quotes)
		check_transport_sum(in, before, out, after, complaint);
	if (!in->quotes)
		return;
	view_quoted(&was, before, in);
	view_quoted(&is, after, out);
	if (was.kind != VIEW_WHOLE || is.kind != VIEW_WHOLE)
		return;
	if (!was.ipv6 && sum_of(before + was.network, was.header) != sum_of(after + is.network, is.header))
		complain(complaint, "the quoted IPv4 header's checksum is as right as it was", "sums differ");
	check_transport_sum(&was, before, &is, after, complaint);
}

/* --- only what may change has changed --- */

static void allow(__u8 *want, const __u8 *got, size_t at, size_t size, size_t end)
{
	if (at + size <= end)
		memcpy(want + at, got + at, size);
}

static void allow_network(__u8 *want, const __u8 *got, const struct view *v, size_t end)
{
	if (v->ipv6) {
		allow(want, got, v->network + 8, 32, end);
		return;
	}
	allow(want, got, v->network + 10, 2, end);
	allow(want, got, v->network + 12, 8, end);
}

static void allow_transport(__u8 *want, const __u8 *got, const struct view *v)
{
	if (v->protocol == TCP || v->protocol == UDP)
		allow(want, got, v->transport, 4, v->end);
	allow(want, got, v->transport + checksum_field(v->protocol), 2, v->end);
}

static void check_rest(const struct input *input, const struct outcome *o, const struct view *in,
		       struct complaint *complaint)
{
	static __u8 want[FUZZ_ROOM];
	/* What this host sends itself has not been forwarded yet. */
	const bool sent = actions[o->verdict] == ACTION_SENT && input->hook != LAB_TC_EGRESS;
	const size_t ttl = in->network + (in->ipv6 ? 7 : 8);
	struct view quoted;

	memcpy(want, input->bytes, input->length);
	if (sent) {
		allow(want, o->bytes, 0, 12, input->length);
		want[ttl]--;
		if (in->ttl <= 1)
			complain(complaint, "a packet whose time to live is used up is never sent on", "it was %u", in->ttl);
	}
	allow_network(want, o->bytes, in, in->end);
	if (!in->later && (in->protocol == TCP || in->protocol == UDP || in->quotes))
		allow_transport(want, o->bytes, in);
	if (in->quotes) {
		view_quoted(&quoted, input->bytes, in);
		if (quoted.has_addresses)
			allow_network(want, o->bytes, &quoted, in->end);
		if (quoted.kind == VIEW_WHOLE)
			allow_transport(want, o->bytes, &quoted);
	}
	for (size_t i = 0; i < input->length; i++)
		if (want[i] != o->bytes[i])
			complain(complaint, "nothing changes but addresses, ports, checksums and what forwarding changes",
				 "byte %zu was to be %02x and is %02x (network at %zu, transport at %zu)", i, want[i],
				 o->bytes[i], in->network, in->transport);
}

/* --- only addresses that may appear appear --- */

static bool same(const __u8 *a, const __u8 *b)
{
	return !memcmp(a, b, 16);
}

static void check_way_in(const struct outcome *o, const struct view *in, const struct view *out, struct complaint *complaint)
{
	const __u16 service = world_service(in->destination, in->destination_port, in->protocol);
	const struct endpoint *to = world_endpoint(out->destination, out->destination_port, in->protocol);
	const bool moved = !same(in->source, out->source) || in->source_port != out->source_port;

	if (in->later) {
		if (!world_is_backend(out->destination) || (moved && !world_is_source(out->source)))
			complain(complaint, "a fragment for a VIP goes to a backend", "it does not");
		return;
	}
	if (!service || !to || to->service != service)
		complain(complaint, "a client's packet goes to a backend of its service", "service %u, port %u", service,
			 out->destination_port);
	if (moved && !(world_has_source(service) && world_is_source(out->source)))
		complain(complaint, "a client's address is kept, or becomes the service's source address", "it is another");
	/* What the stack will forward gets that address on its way out. */
	if (!moved && actions[o->verdict] == ACTION_SENT && world_has_source(service) && !world_is_source(in->source))
		complain(complaint, "backends of a service with a source address see only that", "they see the client's");
}

static void check_way_back(const struct view *in, const struct view *out, struct complaint *complaint)
{
	const struct endpoint *from = world_endpoint(in->source, in->source_port, in->protocol);
	const bool moved = !same(in->destination, out->destination) || in->destination_port != out->destination_port;

	if (in->later) {
		if (!world_is_backend(in->source) || !(world_is_vip(out->source) || same(in->source, out->source)))
			complain(complaint, "a fragment of a backend comes from the VIP", "it does not");
		return;
	}
	if (!from) {
		complain(complaint, "only packets to a VIP or from a backend change", "this came from elsewhere");
		return;
	}
	if (!same(in->source, out->source) && (!same(out->source, from->vip) || out->source_port != from->vip_port))
		complain(complaint, "a backend's packet comes from its VIP and port", "it comes from port %u", out->source_port);
	if (moved && !(from->source && world_is_source(in->destination) && world_is_client(out->destination)))
		complain(complaint, "a backend's packet goes where the backend sent it, or to the client behind the source address",
			 "it goes elsewhere");
}

/* From a client to a backend whose service has a source address, as the host's stack hands it out. */
static void check_way_source(const struct view *in, const struct view *out, struct complaint *complaint)
{
	const struct endpoint *to = world_endpoint(in->destination, in->destination_port, in->protocol);

	if ((!in->later && (!to || !to->source)) || !same(in->destination, out->destination) || !world_is_source(out->source))
		complain(complaint, "only packets to a VIP or from a backend change", "this is neither");
}

static void check_quote(const struct input *input, const struct outcome *o, const struct view *in, const struct view *out,
			struct complaint *complaint)
{
	struct view was, is;

	view_quoted(&was, input->bytes, in);
	view_quoted(&is, o->bytes, out);
	if (was.kind != VIEW_WHOLE) {
		complain(complaint, "an error that quotes nothing of ours is left alone", "it changed");
		return;
	}
	if (world_is_vip(in->destination) && !world_endpoint(was.destination, was.destination_port, was.protocol)) {
		if (!same(out->destination, is.source) || !world_endpoint(is.source, is.source_port, is.protocol))
			complain(complaint, "an error for a backend quotes what the backend sent", "it quotes port %u",
				 is.source_port);
	} else if (!world_service(is.destination, is.destination_port, is.protocol) || !same(out->destination, is.source)) {
		complain(complaint, "an error for a client quotes what the client sent", "it quotes port %u",
			 is.destination_port);
	} else if (!same(out->source, is.destination) && !same(out->source, in->source)) {
		complain(complaint, "an error for a client comes from the VIP", "it comes from elsewhere");
	}
}

static void check_link(const struct outcome *o, const struct view *in, const struct view *out, struct complaint *complaint)
{
	const struct endpoint *to = world_endpoint(out->destination, out->destination_port, in->protocol);
	__u8 link[6];

	if (o->verdict != TEAL_SENT_IN || !to || in->fragment)
		return;
	network_next_hop(to->host, link);
	if (memcmp(link, o->bytes, 6))
		complain(complaint, "a frame for a backend goes to its next hop", "it goes to ..:%02x, the backend is %s",
			 o->bytes[5], network_host(to->host)->name);
}

static void check_change(const struct input *input, const struct outcome *o, const struct view *in, const struct view *out,
			 struct complaint *complaint)
{
	if (o->length != input->length)
		complain(complaint, "a frame keeps its length", "%u bytes became %u", input->length, o->length);
	if (in->kind != VIEW_WHOLE || out->kind != VIEW_WHOLE) {
		complain(complaint, "what cannot be read is not changed", "%s changed it", names[o->verdict]);
		return;
	}
	if (o->verdict == TEAL_PASS_NOT_OURS || o->verdict == TEAL_PASS_NO_FLOW || o->verdict == TEAL_PASS_SYN_ACK ||
	    o->verdict == TEAL_PASS_BACK_STACK)
		complain(complaint, "what is passed untouched is untouched", "%s changed it", names[o->verdict]);
	check_rest(input, o, in, complaint);
	check_sums(in, input->bytes, out, o->bytes, complaint);
	if (in->quotes)
		check_quote(input, o, in, out, complaint);
	else if (world_is_vip(in->destination) && !(world_endpoint(in->source, in->source_port, in->protocol) &&
						    !world_service(in->destination, in->destination_port, in->protocol)))
		check_way_in(o, in, out, complaint);
	else if (world_endpoint(in->source, in->source_port, in->protocol) ||
		 (in->later && !world_is_source(out->source) && world_is_backend(in->source)))
		check_way_back(in, out, complaint);
	else
		check_way_source(in, out, complaint);
	if (actions[o->verdict] == ACTION_SENT)
		check_link(o, in, out, complaint);
}

/* --- refusals, and packets that are not ours --- */

/* With what the pseudo-header has besides: a refusal may be shorter than the packet. */
static __u32 refusal_sum(const struct view *v, const __u8 *bytes)
{
	return (sum_transport(v, bytes) + TCP + v->end - v->transport) % 0xffff;
}

static void check_refusal(const struct input *input, const struct outcome *o, const struct view *in, const struct view *out,
			  struct complaint *complaint)
{
	if (out->kind != VIEW_WHOLE || out->protocol != TCP || !(out->flags & RST) || in->flags & RST)
		complain(complaint, "a refusal is a RST, and never answers one", "flags %02x to %02x", out->flags, in->flags);
	else if (!same(out->source, in->destination) || !same(out->destination, in->source) ||
		 out->source_port != in->destination_port || out->destination_port != in->source_port)
		complain(complaint, "a refusal goes from where the packet went to where it came from", "it does not");
	else if ((!out->ipv6 && sum_of(o->bytes + out->network, out->header) != sum_of(input->bytes + in->network, in->header)) ||
		 refusal_sum(out, o->bytes) != refusal_sum(in, input->bytes))
		complain(complaint, "a refusal's checksums are as right as those of the packet", "they are not");
	else if (in->flags & ACK ? out->sequence != in->acknowledged :
				   out->acknowledged != in->sequence + in->payload + !!(in->flags & SYN) + !!(in->flags & FIN))
		complain(complaint, "a refusal is within the sender's window (RFC 9293, 3.10.7.1)", "sequence %u, acknowledges %u",
			 out->sequence, out->acknowledged);
}

/* Whose business a packet is at all, as far as its addresses tell. */
static bool may_be_ours(const struct input *input, const struct view *v)
{
	struct view quoted = {};

	if (!v->has_addresses)
		return false;
	if (v->quotes)
		view_quoted(&quoted, input->bytes, v);
	return world_is_vip(v->destination) || world_is_backend(v->source) || world_is_source(v->destination) ||
	       world_is_backend(v->destination) || (quoted.has_addresses && world_is_backend(quoted.destination));
}

void check(const struct input *input, const struct outcome *o, struct complaint *complaint)
{
	const bool same_bytes = o->length == input->length && !memcmp(o->bytes, input->bytes, input->length);
	const enum action action = actions[o->verdict];
	struct view in, out;

	view_frame(&in, input->bytes, input->length, input->segment);
	view_frame(&out, o->bytes, o->length, input->segment);
	check_returned(input, o, complaint);
	if (!may_be_ours(input, &in) && (o->verdict != TEAL_PASS_NOT_OURS || !same_bytes))
		complain(complaint, "what is not ours is passed byte for byte", "%s", names[o->verdict]);
	if (action == ACTION_REFUSE && o->returned != (input->hook == LAB_XDP ? (int)XDP_IS_DROP : (int)TC_IS_SHOT))
		check_refusal(input, o, &in, &out, complaint);
	else if ((action == ACTION_PASS || action == ACTION_SENT) && !same_bytes)
		check_change(input, o, &in, &out, complaint);
	else if (action == ACTION_SENT)
		complain(complaint, "what is sent on is translated", "%s left it as it was", names[o->verdict]);
	check_flow(input, o, &in, &out, complaint);
}
