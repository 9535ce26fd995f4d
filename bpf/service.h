/* SPDX-License-Identifier: GPL-2.0-only */
/* Step 2, service: is the packet for one of ours, or does it come back from one of ours? */
#ifndef TEAL_BPF_SERVICE_H
#define TEAL_BPF_SERVICE_H

#include "packet.h"
#include "maps.h"

/*
 * A key as the words that it is written and read in: a processor forwards no store to a load that is wider, and a hash reads
 * four bytes at a time.
 */
union service_key {
	struct teal_service_key key;
	struct {
		__u64 halves[2];
		__u32 last;
	} __attribute__((packed));
} __attribute__((aligned(8)));

static __always_inline void service_key(union service_key *key, const union address *address, __u16 port,
					enum teal_protocol protocol)
{
	const union {
		struct {
			__u16 port;
			enum teal_protocol protocol;
			__u8 pad;
		};
		__u32 word;
	} last = { .port = port, .protocol = protocol };

	key->halves[0] = address->halves[0];
	key->halves[1] = address->halves[1];
	key->last = last.word;
}

/* Whether the place in an index is that key's. */
static __always_inline bool slot_is(const struct teal_slot *slot, const union service_key *key)
{
	const union service_key *there = (const union service_key *)&slot->key;

	return there->halves[0] == key->halves[0] && there->halves[1] == key->halves[1] && there->last == key->last;
}

/* The service that listens there, or NULL. */
static __always_inline const struct teal_service *service_lookup(const union address *address, __u16 port,
								 enum teal_protocol protocol)
{
	const struct teal_service *service = NULL;
	const struct teal_slot *slot;
	union service_key key;
	__u32 place;

	service_key(&key, address, port, protocol);
	place = teal_slot_of(&key.key, TEAL_SERVICE_SLOTS);
	slot = bpf_map_lookup_elem(&service_slots, &place);
	if (!slot)
		return NULL;
	if (slot_is(slot, &key))
		service = &slot->service;
	else if (slot->more)
		service = bpf_map_lookup_elem(&services, &key);
	return service && service->id ? service : NULL;
}

/* The backend that answers from there, or NULL. */
static __always_inline const struct teal_endpoint *endpoint_lookup(const union address *address, __u16 port,
								   enum teal_protocol protocol)
{
	const struct teal_slot *slot;
	union service_key key;
	__u32 place;

	service_key(&key, address, port, protocol);
	place = teal_slot_of(&key.key, TEAL_ENDPOINT_SLOTS);
	slot = bpf_map_lookup_elem(&endpoint_slots, &place);
	if (!slot)
		return NULL;
	if (slot_is(slot, &key))
		return &slot->endpoint;
	return slot->more ? bpf_map_lookup_elem(&endpoints, &key) : NULL;
}

/* Whether some service listens at that address. */
static __always_inline bool address_is_vip(const union address *address)
{
	union service_key key;

	service_key(&key, address, 0, TEAL_ANY);
	return bpf_map_lookup_elem(&services, &key);
}

/* The row of a backend that is (or was) this service's, or NULL. */
static __always_inline const struct teal_backend *backend_get(__u32 id, __u16 service)
{
	const struct teal_backend *backend = bpf_map_lookup_elem(&backends, &id);

	return backend && backend->service == service ? backend : NULL;
}

static __always_inline bool backend_is_usable(const struct teal_backend *backend)
{
	return backend && !backend->reset && backend->health != TEAL_DOWN && backend->health != TEAL_REMOVED;
}

#endif
