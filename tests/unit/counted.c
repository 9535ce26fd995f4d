/* SPDX-License-Identifier: GPL-2.0-only */
#include "counted.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "teal/tables.h"

static struct counted now;
static int slots = -1;

struct counted counted_take(void)
{
	const struct counted taken = now;

	now = (struct counted){ 0 };
	return taken;
}

void counted_slots(int fd)
{
	slots = fd;
}

static void count_read(unsigned long rows)
{
	now.calls++;
	now.rows += rows;
}

static void count_write(int fd, unsigned long rows)
{
	now.calls++;
	now.writes += rows;
	now.waits += fd == slots;
}

/* The linker's names: __wrap_x is what callers of x get, __real_x is x. */
#define WRAPPED(result, name, parameters, arguments, count) \
	result __real_##name parameters;                    \
	result __wrap_##name parameters;                    \
	result __wrap_##name parameters                     \
	{                                                   \
		result got = __real_##name arguments;       \
                                                            \
		count;                                      \
		return got;                                 \
	}

WRAPPED(int, bpf_map_lookup_elem, (int fd, const void *key, void *value), (fd, key, value), count_read(1))
WRAPPED(int, bpf_map_get_next_key, (int fd, const void *key, void *next), (fd, key, next), count_read(1))
WRAPPED(int, bpf_map_lookup_batch,
	(int fd, void *in, void *out, void *keys, void *values, __u32 *count, const struct bpf_map_batch_opts *options),
	(fd, in, out, keys, values, count, options), count_read(*count))
WRAPPED(int, bpf_obj_get, (const char *path), (path), count_read(0))
WRAPPED(int, bpf_map_update_elem, (int fd, const void *key, const void *value, __u64 flags), (fd, key, value, flags),
	count_write(fd, 1))
WRAPPED(int, bpf_map_delete_elem, (int fd, const void *key), (fd, key), count_write(fd, 1))
WRAPPED(int, bpf_map_update_batch,
	(int fd, const void *keys, const void *values, __u32 *count, const struct bpf_map_batch_opts *options),
	(fd, keys, values, count, options), count_write(fd, *count))
WRAPPED(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
	(at, size, protection, flags, fd, offset), count_read(size / sizeof(struct teal_backend)))
WRAPPED(int, fsync, (int fd), (fd), now.syncs++)
