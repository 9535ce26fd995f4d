/* SPDX-License-Identifier: GPL-2.0-only */
/* One's complement sums (RFC 1071), and how a checksum follows what it covers. */
#ifndef TEAL_BPF_CHECKSUM_H
#define TEAL_BPF_CHECKSUM_H

#include "packet.h"

/* RFC 1624, equation 3: a checksum after the sum it covers has grown by `delta`, less than 2^17 times 2^15. */
static __always_inline __u16 checksum_add(__u16 checksum, __u32 delta)
{
	__u32 sum = (__u16)~checksum + delta;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline __u16 sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* What a checksum's sum grows by when one address, or port, takes another's place. */
static __always_inline __u16 address_delta(const union address *old, const union address *new)
{
	__u64 sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (__u64)(__u32)~old->words[i] + new->words[i];
	return sum_fold(sum);
}

static __always_inline __u16 port_delta(__u16 old, __u16 new)
{
	return sum_fold((__u32)(__u16)~bpf_htons(old) + bpf_htons(new));
}

#endif
