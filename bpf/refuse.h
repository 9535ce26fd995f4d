/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Refusal: a TCP packet that cannot be served is turned round, as the RST that its sender is owed (RFC 9293, section
 * 3.10.7.1).  It stays as long as it is: a RST may carry data and options (section 3.5.3), and cutting would cost more.
 */
#ifndef TEAL_BPF_REFUSE_H
#define TEAL_BPF_REFUSE_H

#include "packet.h"
#include "maps.h"
#include "rewrite.h"

#define REFUSE_TTL 64

/* Two fields of the same size that stand side by side change places: no sum over them changes. */
static __always_inline long refuse_swap(void *ctx, __u32 offset, const __u32 size, const enum hook hook)
{
	__u8 both[32], swapped[32];
	long error = frame_load(ctx, offset, both, 2 * size, hook);

	if (error)
		return error;
	__builtin_memcpy(swapped, both + size, size);
	__builtin_memcpy(swapped + size, both, size);
	return frame_store(ctx, offset, swapped, 2 * size, hook);
}

static __always_inline long refuse_network(void *ctx, const struct packet *p, const enum hook hook)
{
	const __u8 limit = REFUSE_TTL;
	struct iphdr ip;
	__u32 word;
	long error;

	if (!address_is_mapped(&p->source)) {
		error = refuse_swap(ctx, p->network_offset + 8, 16, hook);
		if (hook != HOOK_XDP)
			hop_limit_tell(ctx, p->ttl, limit);
		return error ?: frame_store(ctx, p->network_offset + 7, &limit, 1, hook);
	}
	error = frame_load(ctx, p->network_offset, &ip, sizeof(ip), hook);
	if (error)
		return error;
	word = ip.saddr;
	ip.saddr = ip.daddr;
	ip.daddr = word;
	ip.check = checksum_add(ip.check, (__u16)~bpf_htons(ip.ttl << 8) + bpf_htons(REFUSE_TTL << 8));
	ip.ttl = REFUSE_TTL;
	return frame_store(ctx, p->network_offset, &ip, sizeof(ip), hook);
}

/* TCP from the sequence number to the window. */
struct tcp_middle {
	__be32 sequence, acknowledged;
	__u8 offset, flags;
	__be16 window;
};

static __always_inline long refuse_transport(void *ctx, const struct packet *p, const enum hook hook)
{
	const __u32 check_offset = p->transport_offset + 16;
	struct tcp_middle old, new;
	long error = refuse_swap(ctx, p->transport_offset, 2, hook);
	__s64 grows;
	__sum16 check;

	error = error ?: frame_load(ctx, p->transport_offset + 4, &old, sizeof(old), hook);
	if (error)
		return error;
	new = old;
	new.window = 0;
	if (p->segment.flags & TCP_ACK) {
		new.sequence = old.acknowledged;
		new.acknowledged = 0;
		new.flags = TCP_RST;
	} else {
		new.sequence = 0;
		new.acknowledged = bpf_htonl(p->segment.sequence + p->segment.payload + !!(p->segment.flags & TCP_SYN) +
					     !!(p->segment.flags & TCP_FIN));
		new.flags = TCP_RST | TCP_ACK;
	}
	grows = bpf_csum_diff((__be32 *)&old, sizeof(old), (__be32 *)&new, sizeof(new), 0);
	if (grows < 0)
		return grows;
	error = frame_store(ctx, p->transport_offset + 4, &new, sizeof(new), hook);
	if (hook != HOOK_XDP)
		return error ?: bpf_l4_csum_replace(ctx, check_offset, 0, grows, 0);
	error = error ?: frame_load(ctx, check_offset, &check, sizeof(check), hook);
	grows = (grows & 0xffff) + (grows >> 16 & 0xffff);
	check = checksum_add(check, grows);
	return error ?: frame_store(ctx, check_offset, &check, sizeof(check), hook);
}

/* Turns the packet round where it is TCP and no RST itself; p->out then says by which device it leaves. */
static __always_inline int refuse(void *ctx, struct packet *p, const enum hook hook)
{
	const __u32 id = p->device;
	const struct teal_device *device;

	p->out = 0; /* the way it would have taken */
	if (p->segment.protocol != TEAL_TCP || p->segment.flags & TCP_RST || p->fragment)
		return 0;
	if (hook == HOOK_XDP) {
		device = bpf_map_lookup_elem(&devices, &id);
		if (!device || (!device->can_transmit_xdp && !device->can_redirect_xdp))
			return 0;
		p->transmit = device->can_transmit_xdp;
	}
	if (!refuse_swap(ctx, 0, 6, hook) && !refuse_network(ctx, p, hook) && !refuse_transport(ctx, p, hook))
		p->out = id;
	return 0;
}
ASIDE(refuse, struct packet)

#endif
