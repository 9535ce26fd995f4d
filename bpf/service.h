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

/* The service that listens there, or NULL. */
static __always_inline const struct teal_service *service_lookup(const union address *address, __u16 port,
								 enum teal_protocol protocol)
{
	struct teal_service_key key;

	service_key(&key, address, port, protocol);
	return bpf_map_lookup_elem(&services, &key);
}

/* The backend that answers from there, or NULL. */
static __always_inline const struct teal_endpoint *endpoint_lookup(const union address *address, __u16 port,
								   enum teal_protocol protocol)
{
	struct teal_service_key key;

	service_key(&key, address, port, protocol);
	return bpf_map_lookup_elem(&endpoints, &key);
}

/* The row of a backend that is (or was) this service's, or NULL. */
static __always_inline const struct teal_backend *backend_get(__u32 id, __u16 service)
{
	const struct teal_backend *backend = bpf_map_lookup_elem(&backends, &id);

	return backend && backend->service == service ? backend : NULL;
}

static __always_inline bool backend_is_usable(const struct teal_backend *backend)
{
	return backend && backend->health != TEAL_DOWN && backend->health != TEAL_REMOVED;
}

#endif
