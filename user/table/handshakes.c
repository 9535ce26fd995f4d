// SPDX-License-Identifier: GPL-2.0-only
#include "table/handshakes.h"

#include <errno.h>

#include "common/cleanup.h"

#define WORDS (sizeof(struct teal_handshakes) / sizeof(__u64))

void handshakes_add(struct teal_handshakes *sum, const struct teal_handshakes *more)
{
	const __u64 *from = (const __u64 *)more;
	__u64 *to = (__u64 *)sum;

	for (size_t i = 0; i < WORDS; i++)
		to[i] += from[i];
}

void handshakes_subtract(struct teal_handshakes *later, const struct teal_handshakes *earlier)
{
	const __u64 *from = (const __u64 *)earlier;
	__u64 *to = (__u64 *)later;

	for (size_t i = 0; i < WORDS; i++)
		to[i] -= to[i] >= from[i] ? from[i] : 0;
}

int handshakes_get(const struct tables *t, __u32 backend, struct teal_handshakes *ret)
{
	_cleanup_free_ struct teal_handshakes *each = calloc(t->cpus, sizeof(*each));
	struct teal_handshakes sum = {};
	int error = each ? table_get(t, TABLE_handshakes, &backend, each) : -ENOMEM;

	if (error)
		return error;
	for (int cpu = 0; cpu < t->cpus; cpu++)
		handshakes_add(&sum, &each[cpu]);
	*ret = sum;
	return 0;
}

__u32 handshakes_time(const struct teal_handshakes *h, unsigned int percent)
{
	__u64 all = 0, seen = 0;

	for (int i = 0; i < TEAL_HANDSHAKE_BUCKETS; i++)
		all += h->times[i];
	for (int i = 0; i < TEAL_HANDSHAKE_BUCKETS && all; i++) {
		seen += h->times[i];
		if (seen * 100 >= all * percent)
			return 1U << i;
	}
	return 0;
}
