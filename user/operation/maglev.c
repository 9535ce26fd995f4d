/* SPDX-License-Identifier: GPL-2.0-only */
#include "operation/maglev.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/cleanup.h"

#define SLOTS_MIN 4096U
#define SLOTS_MAX 65536U
#define SLOTS_PER_MEMBER 100U /* the paper's section 5.3: keeps the shares within 1 % of each other */

/* A member's walk over the slots, and its claim to the next turn. */
struct turn {
	const struct maglev_member *member;
	__u32 next; /* the slot it would take next */
	__u32 skip; /* odd */
	__u64 credit;
};

__u32 maglev_size(unsigned int members)
{
	__u32 size = SLOTS_MIN;

	while (size < SLOTS_MAX && (__u64)members * SLOTS_PER_MEMBER > size)
		size *= 2;
	return size;
}

/* The finalizer of splitmix64 (Vigna, https://prng.di.unimi.it/splitmix64.c, public domain). */
static __u64 mix(__u64 x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static __u64 endpoint_hash(const struct endpoint *endpoint, __u32 seed)
{
	__be64 half[2];

	/* Read in a fixed byte order: edges of different architectures must agree. */
	memcpy(half, endpoint->address, sizeof(half));
	return mix(mix(mix(seed ^ be64toh(half[0])) ^ be64toh(half[1])) ^ endpoint->port);
}

/* By endpoint; the rest only settles what happens if one endpoint is named twice. */
static int turn_compare(const void *a, const void *b)
{
	const struct maglev_member *x = ((const struct turn *)a)->member, *y = ((const struct turn *)b)->member;
	int order = memcmp(x->endpoint.address, y->endpoint.address, sizeof(x->endpoint.address));

	if (order)
		return order;
	if (x->endpoint.port != y->endpoint.port)
		return x->endpoint.port < y->endpoint.port ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	return (x->backend > y->backend) - (x->backend < y->backend);
}

/*
 * Takes the first free slot on the member's walk.
 * `taken_by` holds UINT_MAX for a free slot; there must be one, which the odd skip is sure to come by.
 */
static void turn_take(struct turn *turn, __u32 index, __u32 *taken_by, __u32 mask)
{
	while (taken_by[turn->next] != UINT_MAX)
		turn->next = (turn->next + turn->skip) & mask;
	taken_by[turn->next] = index;
}

/*
 * Round after round each member takes a turn; a lighter one sits out until its weights of all rounds add up to the
 * heaviest's, as in Envoy (source/extensions/load_balancing_policies/maglev) and Katran (MaglevHashV2).
 * As in Envoy, everybody has a turn in the first round, so that no member, however light, is left without a slot.
 */
static void turns_take(struct turn *turns, unsigned int count, __u32 heaviest, __u32 *taken_by, __u32 size)
{
	for (__u32 left = size; left;) {
		for (unsigned int i = 0; i < count && left; i++) {
			turns[i].credit += turns[i].member->weight;
			if (turns[i].credit < heaviest)
				continue;
			turns[i].credit -= heaviest;
			turn_take(&turns[i], i, taken_by, size - 1);
			left--;
		}
	}
}

int maglev_fill(const struct maglev_member *members, unsigned int count, __u32 seed, __u32 *slots, __u32 size)
{
	_cleanup_free_ struct turn *turns = NULL;
	__u32 heaviest = 0;

	if (!count || count > size || (size & (size - 1)))
		return -EINVAL;
	for (unsigned int i = 0; i < count; i++) {
		if (!members[i].weight)
			return -EINVAL;
		if (members[i].weight > heaviest)
			heaviest = members[i].weight;
	}
	turns = calloc(count, sizeof(*turns));
	if (!turns)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		__u64 hash = endpoint_hash(&members[i].endpoint, seed);

		turns[i].member = &members[i];
		turns[i].next = (__u32)hash & (size - 1);
		turns[i].skip = ((__u32)(hash >> 32) & (size - 1)) | 1;
		turns[i].credit = heaviest - members[i].weight;
	}
	qsort(turns, count, sizeof(*turns), turn_compare);
	memset(slots, 0xff, size * sizeof(*slots));
	turns_take(turns, count, heaviest, slots, size);
	for (__u32 i = 0; i < size; i++)
		slots[i] = turns[slots[i]].member->backend;
	return 0;
}
