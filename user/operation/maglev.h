/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maglev consistent hashing: which backend each slot of a service's table names.
 * Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4.
 * The paper walks a prime number of slots; here their number is a power of two (so that the data path
 * masks instead of dividing) and every skip is odd, which visits every slot just as well.
 */
#ifndef TEAL_MAGLEV_H
#define TEAL_MAGLEV_H

#include "common/address.h"

struct maglev_member {
	__u32 backend;		  /* id to write into the slots */
	struct endpoint endpoint; /* what its preferences are made from: the same on every edge, whatever its id */
	__u32 weight;		  /* share relative to the others, 1 or more */
};

/* How many slots a table for that many members has: at least 100 each, a power of two from 4096 to 65536. */
__u32 maglev_size(unsigned int members);

/*
 * Fills `slots` (`size` of them, a power of two).  The order of the members does not matter.
 * Returns 0, -EINVAL (no members, a weight of 0, size not a power of two or smaller than the number of members), -ENOMEM.
 */
int maglev_fill(const struct maglev_member *members, unsigned int count, __u32 seed, __u32 *slots, __u32 size);

#endif
