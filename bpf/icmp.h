/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors about flows: path MTU, unreachable, time exceeded.  They quote the packet that they are about, as it was
 * where the error arose, so the quote must be translated with them.  RFC 5508, section 4, says which fields.
 *
 * They are rare, so they take the host's stack: on the way in rewritten and passed up, on the way back
 * translated at tc egress, which also sees the errors that the edge's own stack makes.
 */
#ifndef TEAL_BPF_ICMP_H
#define TEAL_BPF_ICMP_H

#include "desk.h"
#include "flow.h"
#include "maps.h"
#include "packet.h"
#include "parse.h"
#include "rewrite.h"
#include "service.h"

static __always_inline bool icmp_is_error(__u8 type, const bool ipv6)
{
	return ipv6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;
}

static __always_inline bool quote_load_network(void *ctx, struct quote *q, const enum hook hook, const bool ipv6)
{
	if (ipv6) {
		struct walk w = {};
		struct ipv6hdr ip;

		if (frame_load(ctx, q->network_offset, &ip, sizeof(ip), hook) || ip.version != 6)
			return false;
		w.offset = q->network_offset + sizeof(ip);
		w.next = ip.nexthdr;
		if (is_extension(w.next) && (extensions_walk_aside(ctx, &w, hook) || w.eights > EXTENSION_EIGHTS))
			return false;
		if (w.fragment == FRAGMENT_LATER)
			return false;
		q->protocol = w.next;
		address_set6(&q->source, ip.saddr);
		address_set6(&q->destination, ip.daddr);
		q->transport_offset = w.offset + (w.eights & EXTENSION_EIGHTS) * 8;
	} else {
		struct iphdr ip;

		if (frame_load(ctx, q->network_offset, &ip, sizeof(ip), hook) || ip.version != 4 || ip.ihl < 5 ||
		    ip.frag_off & bpf_htons(0x1fff))
			return false;
		q->protocol = ip.protocol;
		q->network_checksum = ip.check;
		address_set4(&q->source, ip.saddr);
		address_set4(&q->destination, ip.daddr);
		q->transport_offset = q->network_offset + ip.ihl * 4;
	}
	return q->protocol == TEAL_TCP || q->protocol == TEAL_UDP;
}

/* Ports are always quoted; a TCP checksum only where more than the 8 bytes that RFC 792 asks for are. */
static __always_inline bool quote_load_transport(void *ctx, struct quote *q, const struct packet *p,
						 const enum hook hook)
{
	const __u32 end = p->network_offset + p->length, check = q->transport_offset + 16;
	struct udphdr head;

	if (q->transport_offset + sizeof(head) > end || frame_load(ctx, q->transport_offset, &head, sizeof(head), hook))
		return false;
	q->source_port = bpf_ntohs(head.source);
	q->destination_port = bpf_ntohs(head.dest);
	if (q->protocol == TEAL_UDP) {
		q->transport_checksum = head.check;
		q->check_offset = head.check ? q->transport_offset + 6 : 0;
	} else if (check + 2 <= end && !frame_load(ctx, check, &q->transport_checksum, 2, hook)) {
		q->check_offset = check;
	}
	return true;
}

static __always_inline bool quote_load(void *ctx, struct quote *q, const struct packet *p, const enum hook hook,
				       const bool ipv6)
{
	__u8 type;

	if (p->fragment || frame_load(ctx, p->transport_offset, &type, sizeof(type), hook) || !icmp_is_error(type, ipv6))
		return false;
	*q = (struct quote){ .network_offset = p->transport_offset + sizeof(struct icmphdr) };
	return quote_load_network(ctx, q, hook, ipv6) && quote_load_transport(ctx, q, p, hook);
}

/* Puts the quoted packet on the desk.  Returns 0 if the packet is no error, or quotes nothing of use; otherwise 1. */
static __always_inline int quote_read(void *ctx, struct packet *p, const enum hook hook)
{
	struct desk *desk = desk_get();

	if (!desk)
		return 0;
	return address_is_mapped(&p->destination) ? quote_load(ctx, &desk->quote, p, hook, false) :
						    quote_load(ctx, &desk->quote, p, hook, true);
}
ASIDE(quote_read, struct packet)

/* What a 16-bit word's change adds to a sum. */
static __always_inline __u32 word_delta(__u16 old, __u16 new)
{
	return (__u16)~old + new;
}

/* Adds to the checksum at that offset.  Returns 0 or a negative errno. */
static __always_inline long checksum_grow(void *ctx, __u32 offset, __u32 delta, const enum hook hook)
{
	__u16 check;
	long error = frame_load(ctx, offset, &check, sizeof(check), hook);

	check = checksum_add(check, delta);
	return error ?: frame_store(ctx, offset, &check, sizeof(check), hook);
}

/* One address of a network header, at either end. */
static __always_inline long icmp_store_address(void *ctx, __u32 network, const bool source, const union address *address,
					       const enum hook hook, const bool ipv6)
{
	if (ipv6)
		return frame_store(ctx, network + (source ? 8 : 24), address->bytes, 16, hook);
	return frame_store(ctx, network + (source ? 12 : 16), &address->words[3], 4, hook);
}

/* An address of the outer header.  Adds to `sum` what the ICMP checksum sees of that. */
static __always_inline long icmp_outer(void *ctx, const struct packet *p, const bool source,
				       const union address *address, __u32 *sum, const enum hook hook, const bool ipv6)
{
	const __u16 delta = address_delta(source ? &p->source : &p->destination, address);
	long error = icmp_store_address(ctx, p->network_offset, source, address, hook, ipv6);

	if (ipv6) /* ICMPv6 sums the outer addresses too */
		*sum += delta;
	else
		error = error ?: checksum_grow(ctx, p->network_offset + 10, delta, hook);
	return error;
}

/* One end of the quoted packet. */
static __always_inline long icmp_quoted(void *ctx, const struct quote *q, const bool source, const struct end *end,
					const enum hook hook, const bool ipv6)
{
	const __be16 port = bpf_htons(end->port);
	long error;

	if (!end->is_new)
		return 0;
	error = icmp_store_address(ctx, q->network_offset, source, &end->address, hook, ipv6);
	return error ?: frame_store(ctx, q->transport_offset + (source ? 0 : 2), &port, sizeof(port), hook);
}

/*
 * Translates the quote, and the outer addresses that go with it.
 * @quoted  the ends of the quoted packet that become others
 * @outer_source, @outer_destination  NULL: stays
 */
static __always_inline bool icmp_rewrite(void *ctx, const struct packet *p, const struct quote *q,
					 const struct rewrite *quoted, const union address *outer_source,
					 const union address *outer_destination, const enum hook hook, const bool ipv6)
{
	const struct end *from = &quoted->source, *to = &quoted->destination;
	const __u32 addresses = (from->is_new ? from->address_delta : 0) + (to->is_new ? to->address_delta : 0);
	const __u32 ports = (from->is_new ? from->port_delta : 0) + (to->is_new ? to->port_delta : 0);
	const __u16 network = checksum_add(q->network_checksum, addresses);
	__u16 transport = checksum_add(q->transport_checksum, addresses + ports);
	__u32 sum = addresses + ports;
	long error = icmp_quoted(ctx, q, true, from, hook, ipv6) ?: icmp_quoted(ctx, q, false, to, hook, ipv6);

	if (!ipv6) {
		sum += word_delta(q->network_checksum, network);
		error = error ?: frame_store(ctx, q->network_offset + 10, &network, sizeof(network), hook);
	}
	if (q->protocol == TEAL_UDP && !transport)
		transport = 0xffff; /* as it was sent */
	if (q->check_offset) {
		sum += word_delta(q->transport_checksum, transport);
		error = error ?: frame_store(ctx, q->check_offset, &transport, sizeof(transport), hook);
	}
	if (outer_source)
		error = error ?: icmp_outer(ctx, p, true, outer_source, &sum, hook, ipv6);
	if (outer_destination)
		error = error ?: icmp_outer(ctx, p, false, outer_destination, &sum, hook, ipv6);
	return !(error ?: checksum_grow(ctx, p->transport_offset + 2, sum, hook));
}

/* An error of the network about a flow, on its way to the VIP: to the backend that it concerns. */
static __always_inline enum teal_verdict icmp_in(void *ctx, const struct packet *p, const struct quote *q,
						 const enum hook hook, const bool ipv6)
{
	const struct teal_service *service = service_lookup(&q->source, q->source_port, q->protocol);
	struct rewrite quoted = {};
	const struct teal_backend *backend;
	const struct teal_source *source;
	struct segment s = { .protocol = q->protocol, .now = p->segment.now };
	struct choice choice;

	if (!service || !address_is(&p->destination, q->source.bytes))
		return TEAL_NEXT;
	key_set(&s, &q->destination, q->destination_port, service->id);
	choice = flow_peek(&s, ipv6);
	backend = backend_get(choice.backend, service->id);
	if (!backend)
		return TEAL_PASS_NOT_OURS;
	end_set(&quoted.source, backend->address, backend->port, backend->address_delta, backend->port_delta);
	source = choice.source_port ? source_get(service->id) : NULL;
	if (source)
		end_replace(&quoted.destination, &q->destination, q->destination_port, source->address,
			    choice.source_port);
	return icmp_rewrite(ctx, p, q, &quoted, NULL, &quoted.source.address, hook, ipv6) ? TEAL_PASS_ICMP_IN :
											     TEAL_DROP_REWRITE;
}

/*
 * An error from the backend's side, or from this host: the client knows only the VIP.  One that is sent to a service's
 * source address would not leave this host, so it is translated as it comes in; all others as they go out.
 */
static __always_inline enum teal_verdict icmp_back(void *ctx, const struct packet *p, const struct quote *q,
						   const enum hook hook, const bool ipv6)
{
	const struct teal_endpoint *from = endpoint_lookup(&q->destination, q->destination_port, q->protocol);
	struct rewrite quoted = {};
	const struct teal_backend *backend;
	struct segment s = { .protocol = q->protocol, .now = p->segment.now };
	bool is_source;

	if (!from || !address_is(&p->destination, q->source.bytes))
		return TEAL_PASS_NOT_OURS;
	is_source = hook != HOOK_TC_EGRESS && snat_find(&s, from, &q->source, q->source_port, ipv6);
	if (hook != HOOK_TC_EGRESS && !is_source)
		return TEAL_PASS_NOT_OURS;
	if (!is_source)
		key_set(&s, &q->source, q->source_port, from->service);
	backend = backend_get(from->backend, from->service);
	if (!backend || !flow_returns(&s, from->backend, ipv6))
		return TEAL_PASS_NOT_OURS;
	end_set(&quoted.destination, backend->vip, backend->vip_port, ~backend->address_delta, ~backend->port_delta);
	if (is_source)
		end_replace(&quoted.source, &q->source, q->source_port, s.key.client, s.key.port);
	return icmp_rewrite(ctx, p, q, &quoted, &quoted.destination.address, is_source ? &quoted.source.address : NULL,
			    hook, ipv6) ?
		       TEAL_PASS_ICMP_BACK :
		       TEAL_DROP_REWRITE;
}

static __always_inline int icmp(void *ctx, struct packet *p, const enum hook hook, const bool ipv6)
{
	enum teal_verdict verdict = TEAL_NEXT;
	struct desk *desk = desk_get();

	if (!desk)
		return TEAL_PASS_NOT_OURS;
	if (hook != HOOK_TC_EGRESS)
		verdict = icmp_in(ctx, p, &desk->quote, hook, ipv6);
	return verdict == TEAL_NEXT ? icmp_back(ctx, p, &desk->quote, hook, ipv6) : verdict;
}

/* Not static, as ASIDE() has it. */
#define ICMP_ASIDE(name, context, hook, ipv6)                      \
	__noinline int name(struct context *ctx, struct packet *p) \
	{                                                          \
		return p ? icmp(ctx, p, hook, ipv6) : 0;           \
	}
ICMP_ASIDE(icmp_xdp4, xdp_md, HOOK_XDP, false)
ICMP_ASIDE(icmp_xdp6, xdp_md, HOOK_XDP, true)
ICMP_ASIDE(icmp_ingress4, __sk_buff, HOOK_TC_INGRESS, false)
ICMP_ASIDE(icmp_ingress6, __sk_buff, HOOK_TC_INGRESS, true)
ICMP_ASIDE(icmp_egress4, __sk_buff, HOOK_TC_EGRESS, false)
ICMP_ASIDE(icmp_egress6, __sk_buff, HOOK_TC_EGRESS, true)
#undef ICMP_ASIDE

static __always_inline enum teal_verdict icmp_aside(void *ctx, struct packet *p, const enum hook hook, const bool ipv6)
{
	if (!quote_read_aside(ctx, p, hook))
		return TEAL_PASS_NOT_OURS;
	if (hook == HOOK_XDP)
		return ipv6 ? icmp_xdp6(ctx, p) : icmp_xdp4(ctx, p);
	if (hook == HOOK_TC_INGRESS)
		return ipv6 ? icmp_ingress6(ctx, p) : icmp_ingress4(ctx, p);
	return ipv6 ? icmp_egress6(ctx, p) : icmp_egress4(ctx, p);
}

#endif
