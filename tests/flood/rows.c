// SPDX-License-Identifier: GPL-2.0-only
/* Counts the rows of a pinned table, which may be a million: too many for a table printed as JSON. */
#include "rows.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 16384

/* Of all tables of flows, the service's id ends the key. */
static int is_of(const __u8 *key, __u32 size, int service)
{
	__u16 id;

	memcpy(&id, key + size - sizeof(id), sizeof(id));
	return service < 0 || id == service;
}

long rows_count(const char *pin, int service)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info), count, place = 0, *from = NULL;
	int fd = bpf_obj_get(pin), error = 0;
	__u8 *keys, *values;
	long rows = 0;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size)) {
		error = -errno;
		close(fd);
		return error;
	}
	keys = calloc(BATCH, info.key_size);
	values = calloc(BATCH, info.value_size);
	while (!error && keys && values) {
		count = BATCH;
		error = bpf_map_lookup_batch(fd, from, &place, keys, values, &count, NULL) ? -errno : 0;
		for (__u32 i = 0; (!error || error == -ENOENT) && i < count; i++)
			rows += is_of(keys + (size_t)i * info.key_size, info.key_size, service);
		from = &place;
	}
	free(keys);
	free(values);
	close(fd);
	return error == -ENOENT ? rows : error;
}
