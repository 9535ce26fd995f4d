/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Source NAT, for services whose backends would not answer by way of the edge: to a backend the packet comes from the
 * service's source address, and from a port that no other flow towards that backend has.
 *
 * A port is a flow's own only once the flow is proven (`snat4`, `snat6`).  Until then it is lent by an LRU table, as
 * pending rows are: a flood takes ports only from others that have proven nothing.
 */
#ifndef TEAL_BPF_SNAT_H
#define TEAL_BPF_SNAT_H

#include "dispatch.h"
#include "maps.h"
#include "packet.h"
#include "service.h"
#include "state.h"

#define SNAT_FIRST_PORT 1024
#define SNAT_LOW_PORTS (32768 - SNAT_FIRST_PORT) /* those that Linux does not give to its own sockets by default */
#define SNAT_ALL_PORTS (65536 - SNAT_FIRST_PORT)
#define SNAT_LOW_TRIES 8
#define SNAT_LENT_TRIES 24 /* so many that are only lent mean a flood: only then the last of them will do */
#define SNAT_TRIES 256	  /* so of 60,000 flows towards one backend none misses the ports that are left */

#define SNAT(ipv6) ((ipv6) ? (void *)&snat6 : (void *)&snat4)
#define SNAT_PENDING(ipv6) ((ipv6) ? (void *)&snat_pending6 : (void *)&snat_pending4)

/* Whether a row of either table names this flow. */
static __always_inline bool snat_names(const void *row, const struct segment *s, const bool ipv6)
{
	const __u32 *a = row, *b = key_of(s, ipv6);

	if (a[0] != b[0] || a[1] != b[1])
		return false;
	return !ipv6 || (a[2] == b[2] && a[3] == b[3] && a[4] == b[4]);
}

/* Whose the port is, or to whom it is lent: the row that says so, or NULL. */
static __always_inline const void *snat_row(__u32 backend, __u16 port, const bool ipv6)
{
	const struct teal_snat_key key = { .backend = backend, .port = port };

	return bpf_map_lookup_elem(SNAT(ipv6), &key) ?: bpf_map_lookup_elem(SNAT_PENDING(ipv6), &key);
}

/* Whether the port is (still) lent to this flow, or its own. */
static __always_inline bool snat_is_own(const struct segment *s, __u32 backend, __u16 port, const bool ipv6)
{
	const void *row = snat_row(backend, port, ipv6);

	return row && snat_names(row, s, ipv6);
}

/* Whether the port that was lent to this flow is another's by now: what this flow sends must not get in there. */
static __always_inline bool snat_is_anothers(const struct segment *s, __u32 backend, __u16 port, const bool ipv6)
{
	const void *row = port ? snat_row(backend, port, ipv6) : NULL;

	return row && !snat_names(row, s, ipv6);
}

/* Whether nobody stands behind a row that lends a port any more. */
static __always_inline bool snat_is_stale(const struct teal_snat_key *key, const bool ipv6)
{
	const void *row = bpf_map_lookup_elem(SNAT_PENDING(ipv6), key);
	const struct teal_pending *pending;
	struct teal_flow6_key flow = {};

	if (!row)
		return true;
	__builtin_memcpy(&flow, row, ipv6 ? sizeof(struct teal_flow6_key) : sizeof(struct teal_flow4_key));
	pending = bpf_map_lookup_elem(PENDING(ipv6), &flow);
	return !pending || pending->backend != key->backend || pending->source_port != key->port;
}

/* The search for a port: what it needs to know, and how far it is. */
struct snat_search {
	const struct segment *s;
	struct teal_snat_key key;
	__u32 hash;
	__u32 lent_count; /* of ports that are only lent, to others; a byte */
	__u16 lent;	  /* one of these that will do */
	__u16 found;
};

/* One try.  Returns 1 when the search is over. */
static __always_inline long snat_try(__u32 i, struct snat_search *search, const bool ipv6)
{
	const struct segment *s = search->s;
	const __u32 ports = i < SNAT_LOW_TRIES ? SNAT_LOW_PORTS : SNAT_ALL_PORTS;

	search->hash = hash_mix(search->hash, i);
	search->key.port = SNAT_FIRST_PORT + search->hash % ports;
	if (bpf_map_lookup_elem(SNAT(ipv6), &search->key))
		return 0;
	if (!bpf_map_update_elem(SNAT_PENDING(ipv6), &search->key, key_of(s, ipv6), BPF_NOEXIST)) {
		search->found = search->key.port;
		return 1;
	}
	search->lent_count = (search->lent_count + 1) & 0xff;
	if (search->lent_count < SNAT_LENT_TRIES && !snat_is_stale(&search->key, ipv6))
		return 0;
	search->lent = search->key.port;
	return 1;
}

/* For bpf_loop(), whose body the verifier checks once. */
static long snat_try4(__u32 i, struct snat_search *search)
{
	return snat_try(i, search, false);
}

static long snat_try6(__u32 i, struct snat_search *search)
{
	return snat_try(i, search, true);
}

/* A port towards the backend, lent to this flow; or 0. */
static __always_inline __u16 snat_claim(const struct segment *s, __u32 backend, const bool ipv6)
{
	struct snat_search search = {
		.s = s,
		.key = { .backend = backend },
		/* A SYN that is sent again tries other ports. */
		.hash = hash_mix(dispatch_hash(s, s->key.port, ipv6), (__u32)(s->now >> 20) ^ s->sequence),
		/* 0 for the first two years; were that known to the verifier, it would follow every count. */
		.lent_count = s->now >> 56,
	};

	bpf_loop(SNAT_TRIES, ipv6 ? (void *)snat_try6 : (void *)snat_try4, &search, 0);
	if (search.found || !search.lent)
		return search.found;
	search.key.port = search.lent;
	return bpf_map_update_elem(SNAT_PENDING(ipv6), &search.key, key_of(s, ipv6), BPF_ANY) ? 0 : search.lent;
}

/*
 * The flow is proven: the port becomes its own.
 * @ret_taken  whether this call made it so, and not another CPU's
 * Returns 0, -EADDRINUSE if another flow was proven with that port first, or what the table says (-EBUSY is Linux 6.1's word
 * for a lock that this CPU holds, and no reason to refuse anybody).
 */
static __always_inline int snat_take(const struct segment *s, __u32 backend, __u16 port, bool *ret_taken,
				      const bool ipv6)
{
	const struct teal_snat_key key = { .backend = backend, .port = port };
	int error = bpf_map_update_elem(SNAT(ipv6), &key, key_of(s, ipv6), BPF_NOEXIST);
	const void *row;

	*ret_taken = !error;
	if (error != -EEXIST)
		return error;
	row = bpf_map_lookup_elem(SNAT(ipv6), &key);
	return row && snat_names(row, s, ipv6) ? 0 : -EADDRINUSE;
}

/* The flow's row goes, and its port with it. */
static __always_inline void snat_release(__u32 backend, __u16 port, const bool ipv6)
{
	const struct teal_snat_key key = { .backend = backend, .port = port };

	if (port)
		bpf_map_delete_elem(SNAT(ipv6), &key);
}

/* The flow's pending row goes, and the port is lent no longer. */
static __always_inline void snat_abandon(const struct segment *s, __u32 backend, __u16 port, const bool ipv6)
{
	const struct teal_snat_key key = { .backend = backend, .port = port };
	const void *row = port ? bpf_map_lookup_elem(SNAT_PENDING(ipv6), &key) : NULL;

	if (row && snat_names(row, s, ipv6))
		bpf_map_delete_elem(SNAT_PENDING(ipv6), &key);
}

/* The address that the service's backends see, or NULL if it never had one. */
static __always_inline const struct teal_source *source_get(__u32 service)
{
	const struct teal_source *source = bpf_map_lookup_elem(&sources, &service);
	const union address *address = (const union address *)source;

	return source && (address->halves[0] || address->halves[1]) ? source : NULL;
}

/*
 * The flow that a backend's packet to the source address belongs to: sets the segment's key to it.
 * Returns whether there is one.
 */
static __always_inline bool snat_find(struct segment *s, const struct teal_endpoint *from, const union address *to,
				      __u16 port, const bool ipv6)
{
	const struct teal_snat_key key = { .backend = from->backend, .port = port };
	const struct teal_source *source = from->has_source ? source_get(from->service) : NULL;
	union address client;
	const void *row;

	if (!source || !address_is(to, source->address))
		return false;
	row = bpf_map_lookup_elem(SNAT(ipv6), &key);
	if (!row)
		row = bpf_map_lookup_elem(SNAT_PENDING(ipv6), &key);
	if (!row)
		return false;
	if (ipv6) {
		s->key = *(const struct teal_flow6_key *)row;
	} else {
		const struct teal_flow4_key *flow = row;

		address_set4(&client, *(const __be32 *)flow->client);
		__builtin_memcpy(s->key.client, client.bytes, sizeof(s->key.client));
		s->key.port = flow->port;
		s->key.service = flow->service;
	}
	return s->key.service == from->service;
}

#endif
