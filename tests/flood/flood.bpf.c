// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live frames that a test run makes are recycled, with all that was done to them, so every packet is written anew as a
 * whole.  The checksums of the frames that flood.c hands over are right with zeros in the fields that vary: what is put
 * there is added to them.
 */
#include "vmlinux.h"

#include "flood.h"
#include <bpf/bpf_helpers.h>

#define MASK 0xff /* offsets, for the verifier */

struct flood_plan plan;
struct flood_target targets[FLOOD_TARGETS];
__u64 count;
static __u8 frame[2 * FLOOD_BYTES];

/* splitmix64 (Steele, Lea, Flood 2014). */
static __always_inline __u64 mix(__u64 z)
{
	z *= 0x9e3779b97f4a7c15ULL;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static __always_inline __u32 put16(__u32 at, __u16 value)
{
	if (!at)
		return 0;
	*(__u16 *)(frame + (at & MASK & ~1U)) = value;
	return value;
}

/* Returns what a sum over it grows by. */
static __always_inline __u32 put32(__u32 at, __u32 value)
{
	return put16(at, value) + put16(at ? at + 2 : 0, value >> 16);
}

static __always_inline void add_check(__u32 at, __u32 sum)
{
	__u16 *check = (__u16 *)(frame + (at & MASK & ~1U));

	if (!at)
		return;
	sum += (__u16)~*check;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*check = ~sum;
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	const __u64 number = count++;
	const __u64 chance = mix(plan.seed + (plan.pairs ? number >> 1 : number)), more = mix(chance);
	const struct flood_frame *f = &plan.frames[number & 1];
	__u32 address = plan.prefix | ((__u32)chance & plan.vary), router = plan.prefix | ((__u32)more & plan.vary), sum = 0;
	__u32 address_sum, router_sum, id_sum;
	__u16 port = chance >> 32;

	if (plan.targets) {
		__u32 row = (__u32)chance % plan.targets;

		if (row < FLOOD_TARGETS) {
			address = targets[row].address;
			port = targets[row].port;
		}
	}
	__builtin_memcpy(frame, f->bytes, FLOOD_BYTES);
	address_sum = put32(f->address, address);
	router_sum = put32(f->router, router);
	id_sum = put16(f->id, chance >> 48);
	sum = put16(f->port, port) + put32(f->sequence, more) + put32(f->acknowledged, (__u32)(more >> 32));
	add_check(f->address_check, address_sum + id_sum);
	add_check(f->router_check, router_sum);
	add_check(f->check, sum + (f->check_address ? address_sum : 0) + (f->check_router ? router_sum : 0));
	if (bpf_xdp_store_bytes(ctx, 0, frame, FLOOD_BYTES))
		return XDP_DROP;
	return bpf_redirect(plan.device, 0);
}

char LICENSE[] SEC("license") = "GPL";
