/* SPDX-License-Identifier: GPL-2.0-only */
/* Step 2, service: is the packet for one of ours, or does it come back from one of ours? */
#ifndef TEAL_BPF_SERVICE_H
#define TEAL_BPF_SERVICE_H

#include "packet.h"
#include "maps.h"

static __always_inline void service_key(struct teal_service_key *key, const union address *address, __u16 port,
					enum teal_protocol protocol)
{
	__builtin_memcpy(key->address, address->bytes, sizeof(key->address));
	key->port = port;
	key->protocol = protocol;
	key->pad = 0;
}

/* Whether the place in an index is that key's. */
static __always_inline bool slot_is(const struct teal_slot *slot, const struct teal_service_key *key)
{
	return address_is((const union address *)key->address, slot->key.address) && slot->key.port == key->port &&
	       slot->key.protocol == key->protocol;
}

/* The service that listens there, or NULL. */
static __always_inline const struct teal_service *service_lookup(const union address *address, __u16 port,
								 enum teal_protocol protocol)
{
	const struct teal_service *service = NULL;
	const struct teal_slot *slot;
	struct teal_service_key key;
	__u32 place;

	service_key(&key, address, port, protocol);
	place = teal_slot_of(&key, TEAL_SERVICE_SLOTS);
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
	struct teal_service_key key;
	__u32 place;

	service_key(&key, address, port, protocol);
	place = teal_slot_of(&key, TEAL_ENDPOINT_SLOTS);
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
	struct teal_service_key key;

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
