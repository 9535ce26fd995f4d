// SPDX-License-Identifier: GPL-2.0-only
#include "table/flow.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"

#define BATCH 4096

/* Returns 0, 1 if `visit` has seen enough, or a negative errno. */
static int table_walk(const struct tables *t, enum table table, size_t key_size, flow_visit visit, void *argument)
{
	_cleanup_free_ char *keys = malloc(BATCH * key_size);
	_cleanup_free_ struct teal_flow *flows = malloc(BATCH * sizeof(*flows));
	struct teal_flow6_key key = { .client = { [10] = 0xff, [11] = 0xff } };
	const size_t ahead = sizeof(key) - key_size; /* IPv4's key is the tail of IPv6's */
	__u32 position, count;
	int error = 0;

	if (!keys || !flows)
		return -ENOMEM;
	for (bool first = true; !error; first = false) {
		count = BATCH;
		if (bpf_map_lookup_batch(t->fd[table], first ? NULL : &position, &position, keys, flows, &count, NULL))
			error = -errno;
		if (error && error != -ENOENT)
			return error;
		for (__u32 i = 0; i < count; i++) {
			memcpy((char *)&key + ahead, keys + i * key_size, key_size);
			if (!visit(argument, &key, &flows[i]))
				return 1;
		}
	}
	return 0;
}

int flows_walk(const struct tables *t, flow_visit visit, void *argument)
{
	int done = table_walk(t, TABLE_flows4, sizeof(struct teal_flow4_key), visit, argument);

	if (!done)
		done = table_walk(t, TABLE_flows6, sizeof(struct teal_flow6_key), visit, argument);
	return done < 0 ? done : 0;
}

const struct backend *backend_of(const struct backend *list, unsigned int count, __u32 id)
{
	unsigned int low = 0, high = count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (list[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && list[low].id == id ? &list[low] : NULL;
}
