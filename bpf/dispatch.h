/* SPDX-License-Identifier: GPL-2.0-only */
/* Step 4, dispatch: a new flow gets its backend from the table in its service's slot. */
#ifndef TEAL_BPF_DISPATCH_H
#define TEAL_BPF_DISPATCH_H

#include "maps.h"
#include "packet.h"

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

/*
 * The same client port finds the same slot on every edge that has the same seed.
 * @port  the client's, or 0 where all its flows are to go one way
 */
static __always_inline __u32 dispatch_hash(const struct segment *s, __u16 port, const bool ipv6)
{
	const struct teal_meta *m = meta_get();
	const __u32 *words = (const __u32 *)&s->key;
	__u32 hash = m ? m->seed : 0;

	if (ipv6) {
		hash = hash_mix(hash, words[0]);
		hash = hash_mix(hash, words[1]);
		hash = hash_mix(hash, words[2]);
	}
	hash = hash_mix(hash, words[3]);
	return hash_mix(hash, port);
}

/* Whether `previews` decides about this client. */
static __always_inline bool dispatch_is_preview(const struct segment *s)
{
	struct teal_preview_key key = { .prefix = 32 + 128, .service = s->key.service };

	__builtin_memcpy(key.address, s->key.client, sizeof(key.address));
	return bpf_map_lookup_elem(&preview_clients, &key);
}

/*
 * The backend for a new flow, or 0.  A slot is looked up here and nowhere else, once a packet: only
 * then does the kernel's grace period make a finished switch final for every packet.
 */
static __always_inline __u32 dispatch_pick(const struct segment *s, const bool ipv6)
{
	__u32 service = s->key.service, slot, *backend;
	struct bpf_map *table;

	if (s->service_flags & TEAL_SERVICE_PREVIEW && dispatch_is_preview(s))
		table = bpf_map_lookup_elem(&previews, &service);
	else
		table = bpf_map_lookup_elem(&dispatch, &service);
	if (!table)
		return 0;
	slot = dispatch_hash(s, s->service_flags & TEAL_SERVICE_AFFINITY ? 0 : s->key.port, ipv6) &
	       (table->max_entries - 1);
	backend = bpf_map_lookup_elem(table, &slot);
	return backend ? *backend : 0;
}

/* Whether the service's new flows wait. */
static __always_inline bool dispatch_is_paused(const struct segment *s)
{
	const __u32 service = s->key.service;
	const struct teal_pause *pause;

	if (!(s->service_flags & TEAL_SERVICE_PAUSED))
		return false;
	pause = bpf_map_lookup_elem(&pauses, &service);
	return pause && pause->until > s->now;
}

#endif
