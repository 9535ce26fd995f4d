/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Step 6, forward: straight to the other device where the kernel's routing and neighbour tables say so, or up the
 * stack.  Asking them costs as much as all the rest of a packet's way, so the answer is remembered a few
 * milliseconds: per backend on the way in, per client and service on the way back, a CPU each.  What is asked
 * must not depend on the packet (a fixed source, no ports), or policy routes and ECMP would flap.
 */
#ifndef TEAL_BPF_FORWARD_H
#define TEAL_BPF_FORWARD_H

#include "clock.h"
#include "dispatch.h"
#include "maps.h"
#include "packet.h"

#define NEXTHOP_LIFETIME 8000000ULL /* ns */

/* What the answer of the routing tables means for a packet; `sent` if it can leave straight away. */
static __always_inline enum teal_verdict nexthop_verdict(long answer, enum teal_verdict sent)
{
	switch (answer) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return sent;
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		return TEAL_PASS_IN_LOCAL;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return TEAL_PASS_NO_NEIGHBOUR;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return TEAL_PASS_NO_FORWARDING;
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return TEAL_PASS_NO_ROUTE;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
		return TEAL_DROP_BLACKHOLE;
	default:
		return TEAL_PASS_IN_STACK;
	}
}

/*
 * How a frame that came in by `from` can be sent out by `to`, if at all: a redirect into a device that cannot take
 * the frame would lose it without a trace.  A veth, for one, takes redirected frames before it can transmit.
 */
static __always_inline bool hop_can_send(struct teal_nexthop *hop, __u32 from, __u32 to, const enum hook hook)
{
	const struct teal_device *device = bpf_map_lookup_elem(&devices, &to);

	hop->transmit = hook == HOOK_XDP && from == to && device && device->can_transmit_xdp;
	hop->several = device && device->can_redirect_xdp > 1;
	return hop->transmit ||
	       (device && (hook == HOOK_XDP ? device->can_redirect_xdp : device->can_redirect_tc));
}

/*
 * Asks the kernel for the way to the backend, or (`back`) from its VIP to the client that the hop is about, and writes
 * the answer into the hop.
 */
static __always_inline int nexthop_ask(void *ctx, struct teal_nexthop *hop, const struct teal_backend *backend,
				       const bool back, const __u32 device, const enum hook hook)
{
	const union address *to = (const union address *)(back ? hop->address : backend->address);
	const union address *from = (const union address *)backend->vip;
	const enum teal_verdict sent = back ? TEAL_SENT_BACK : TEAL_SENT_IN;
	struct bpf_fib_lookup fib = {
		.mtu = 1, /* not 0: then the MTU of the route comes back in its place */
		.ifindex = device,
	};
	long answer;

	if (address_is_mapped(to)) {
		fib.family = AF_INET;
		fib.source[0] = back ? from->words[3] : 0;
		fib.destination[0] = to->words[3];
	} else {
		fib.family = AF_INET6;
		if (back)
			__builtin_memcpy(fib.source, from->words, sizeof(fib.source));
		__builtin_memcpy(fib.destination, to->words, sizeof(fib.destination));
	}
	answer = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	hop->verdict = nexthop_verdict(answer, sent);
	if (hop->verdict == sent && !hop_can_send(hop, device, fib.ifindex, hook))
		hop->verdict = TEAL_PASS_IN_STACK;
	hop->from_device = device;
	hop->to_device = fib.ifindex;
	hop->mtu = fib.mtu;
	__builtin_memcpy(hop->destination, fib.dmac, sizeof(hop->destination));
	__builtin_memcpy(hop->source, fib.smac, sizeof(hop->source));
	/* An unknown neighbour is asked for anew with every packet: the stack may have found it already. */
	hop->until = answer == BPF_FIB_LKUP_RET_NO_NEIGH ? 0 : clock_now() + NEXTHOP_LIFETIME;
	return 0;
}

/* Not static, as ASIDE() has it. */
__noinline int nexthop_ask_xdp(struct xdp_md *ctx, struct teal_nexthop *hop, const struct teal_backend *backend,
			       bool back)
{
	return hop && backend ? nexthop_ask(ctx, hop, backend, back, ctx->ingress_ifindex, HOOK_XDP) : 0;
}

__noinline int nexthop_ask_tc(struct __sk_buff *ctx, struct teal_nexthop *hop, const struct teal_backend *backend,
			      bool back)
{
	return hop && backend ? nexthop_ask(ctx, hop, backend, back, ctx->ifindex, HOOK_TC_INGRESS) : 0;
}

/* tc, a CPU: the device that the last packet was sent by, until that device's egress has seen it.  Not pinned: nobody else's. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} sent_by SEC(".maps");

/* tc ingress: straight out of the device.  Its egress sees the packet at once, on this CPU: that need not look at it again. */
static __always_inline int tc_send(__u32 device)
{
	__u32 only = 0, *note = bpf_map_lookup_elem(&sent_by, &only);

	if (note)
		*note = device;
	return bpf_redirect(device, 0);
}

/*
 * tc egress: whether that is the packet.  Whatever the stack sends has a route, and what ingress sends has none: so a note that
 * was left behind, as of a device that was down, keeps no other packet from being looked at.
 */
static __always_inline bool tc_was_sent(struct __sk_buff *ctx)
{
	__u32 only = 0, *note = bpf_map_lookup_elem(&sent_by, &only);
	struct sk_buff *packet;

	if (!note || *note != ctx->ifindex)
		return false;
	*note = 0;
	packet = kernel_packet(ctx);
	return packet && !packet->_skb_refdst;
}

static __always_inline bool nexthop_is_fresh(const struct teal_nexthop *hop, const struct packet *p)
{
	return hop->until > p->segment.now && hop->from_device == p->device;
}

/* Bytes of the largest IP packet that this one will be on the wire. */
static __always_inline __u32 wire_length(const struct packet *p)
{
	return p->gso_size ? p->length - p->segment.payload + p->gso_size : p->length;
}

/* What becomes of the packet on that way: the hop's verdict unless the packet itself stands against it. */
static __always_inline enum teal_verdict forward_verdict(struct packet *p, const struct teal_nexthop *hop,
							 enum teal_verdict sent)
{
	if (hop->verdict != sent)
		return hop->verdict;
	if (p->is_tagged || p->fragment)
		return TEAL_PASS_IN_STACK; /* its tag is the stack's to take off, and its fragments' order to keep */
	if (p->is_several && !hop->several)
		return TEAL_PASS_IN_STACK;
	if (p->ttl <= 1)
		return TEAL_PASS_TTL;
	if (wire_length(p) > hop->mtu)
		return TEAL_PASS_TOO_LARGE;
	p->out = hop->to_device;
	p->transmit = hop->transmit;
	return sent;
}

/* The way to a backend.  Returns the hop, or NULL if there is none to remember it in (then: the stack). */
static __always_inline const struct teal_nexthop *nexthop_to_backend(void *ctx, const struct packet *p, __u32 id,
								     const struct teal_backend *backend,
								     const enum hook hook)
{
	struct teal_nexthop *hop = bpf_map_lookup_elem(&nexthops, &id);

	if (hop && !nexthop_is_fresh(hop, p)) {
		if (hook == HOOK_XDP)
			nexthop_ask_xdp(ctx, hop, backend, false);
		else
			nexthop_ask_tc(ctx, hop, backend, false);
	}
	return hop;
}

/* Where the way back to a client is remembered, whoever's it is now; or NULL. */
static __always_inline struct teal_nexthop *nexthop_back_slot(const union address *client, __u16 service,
							      const bool ipv6)
{
	__u32 slot = hash_mix(client->words[3], ipv6 ? client->words[0] ^ client->words[1] ^ client->words[2] : 0);

	slot = (slot ^ service) & (TEAL_NEXTHOP_SLOTS - 1);
	return bpf_map_lookup_elem(&nexthops_back, &slot);
}

static __always_inline bool nexthop_back_is_fresh(const struct teal_nexthop *hop, const struct packet *p,
						  const union address *client, __u16 service)
{
	return nexthop_is_fresh(hop, p) && hop->service == service && address_is(client, hop->address);
}

/* The way back to the client of the packet's key, from the service's VIP. */
static __always_inline const struct teal_nexthop *nexthop_to_client(void *ctx, const struct packet *p,
								    const struct teal_backend *backend,
								    const enum hook hook, const bool ipv6)
{
	const union address *client = (const union address *)p->segment.key.client;
	struct teal_nexthop *hop = nexthop_back_slot(client, backend->service, ipv6);

	if (!hop || nexthop_back_is_fresh(hop, p, client, backend->service))
		return hop;
	hop->service = backend->service;
	__builtin_memcpy(hop->address, client->bytes, sizeof(hop->address));
	if (hook == HOOK_XDP)
		nexthop_ask_xdp(ctx, hop, backend, true);
	else
		nexthop_ask_tc(ctx, hop, backend, true);
	return hop;
}

#endif
