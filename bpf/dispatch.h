/* SPDX-License-Identifier: GPL-2.0-only */
/* Step 4, dispatch: a new flow gets its backend from the table in its service's slot. */
#ifndef TEAL_BPF_DISPATCH_H
#define TEAL_BPF_DISPATCH_H

#include "maps.h"

/* Finalizer of MurmurHash3 (Austin Appleby, public domain): every bit of the input moves every bit out. */
static __always_inline __u32 hash_mix(__u32 hash, __u32 word)
{
	hash ^= word;
	hash ^= hash >> 16;
	hash *= 0x85ebca6b;
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35;
	hash ^= hash >> 16;
	return hash;
}

/* The same client port finds the same slot on every edge that has the same seed. */
static __always_inline __u32 dispatch_hash(const struct teal_flow6_key *key, const bool ipv6)
{
	const struct teal_meta *m = meta_get();
	const __u32 *words = (const __u32 *)key;
	__u32 hash = m ? m->seed : 0;

	if (ipv6) {
		hash = hash_mix(hash, words[0]);
		hash = hash_mix(hash, words[1]);
		hash = hash_mix(hash, words[2]);
	}
	hash = hash_mix(hash, words[3]);
	return hash_mix(hash, key->port);
}

/*
 * The backend for a new flow, or 0.  The slot is looked up here and nowhere else, once a packet: only
 * then does the kernel's grace period make a finished switch final for every packet.
 */
static __always_inline __u32 dispatch_pick(__u32 service, const struct teal_flow6_key *key, const bool ipv6)
{
	struct bpf_map *table = bpf_map_lookup_elem(&dispatch, &service);
	__u32 slot, *backend;

	if (!table)
		return 0;
	slot = dispatch_hash(key, ipv6) & (table->max_entries - 1);
	backend = bpf_map_lookup_elem(table, &slot);
	return backend ? *backend : 0;
}

#endif
