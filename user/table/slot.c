// SPDX-License-Identifier: GPL-2.0-only
#include "table/slot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"

#define SWAPS_TOGETHER 128U /* swapped by one system call: each needs a descriptor meanwhile */

/* The id of the map that is pinned at `path`, or 0. */
static __u32 pinned_id(const char *path)
{
	_cleanup_close_ int fd = path ? bpf_obj_get(path) : -1;
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return 0;
	return info.id;
}

static char *slot_path(const struct tables *t, const char *name, unsigned int table, const char *suffix)
{
	return table_path(t, "tables/%s/%s%s", name, table == SLOT_CANARY ? "canary" : color_name(table), suffix);
}

int slot_find(const struct tables *t, __u16 service, const char *name, unsigned int *ret_table)
{
	__u32 slot = service, id = 0;
	int error = table_get(t, TABLE_dispatch, &slot, &id);

	if (error)
		return error;
	for (unsigned int table = 0; table < SLOT_TABLES; table++) {
		_cleanup_free_ char *path = slot_path(t, name, table, "");
		_cleanup_free_ char *successor = slot_path(t, name, table, "~");

		if (!path || !successor)
			return -ENOMEM;
		if (id == pinned_id(path) || id == pinned_id(successor)) {
			*ret_table = table;
			return 0;
		}
	}
	return -ENOENT;
}

int slot_get(const struct tables *t, __u16 service, const char *name, enum teal_color *ret)
{
	struct teal_service_info info;
	__u32 id = service;
	unsigned int table = 0;
	int error = slot_find(t, service, name, &table);

	if (!error && table == SLOT_CANARY)
		error = table_get(t, TABLE_service_info, &id, &info);
	if (error)
		return error;
	*ret = table == SLOT_CANARY ? info.active : (enum teal_color)table;
	return 0;
}

/* Puts the table pinned as `name` into a slot of either array. */
static int slot_fill(const struct tables *t, enum table array, __u16 service, const char *name, unsigned int table)
{
	_cleanup_free_ char *path = slot_path(t, name, table, "");
	_cleanup_close_ int fd = path ? bpf_obj_get(path) : -1;
	__u32 slot = service;

	if (!path)
		return -ENOMEM;
	return fd < 0 ? -errno : table_put(t, array, &slot, &fd);
}

static int slot_empty(const struct tables *t, enum table array, __u16 service)
{
	__u32 slot = service, id;
	int error = table_get(t, array, &slot, &id); /* deleting waits for a grace period, also of what is not there */

	if (!error)
		error = table_delete(t, array, &slot);
	return error == -ENOENT ? 0 : error;
}

int slot_put(const struct tables *t, __u16 service, const char *name, unsigned int table)
{
	return slot_fill(t, TABLE_dispatch, service, name, table);
}

int slot_clear(const struct tables *t, __u16 service)
{
	return slot_empty(t, TABLE_dispatch, service);
}

int slot_preview_put(const struct tables *t, __u16 service, const char *name, enum teal_color color)
{
	_cleanup_free_ char *path = slot_path(t, name, color, "");
	__u32 slot = service, id = 0;

	if (!path)
		return -ENOMEM;
	if (!table_get(t, TABLE_previews, &slot, &id) && id == pinned_id(path))
		return 0;
	return slot_fill(t, TABLE_previews, service, name, color);
}

int slot_preview_clear(const struct tables *t, __u16 service)
{
	return slot_empty(t, TABLE_previews, service);
}

/* A filled table that no packet sees yet.  Returns its descriptor or a negative errno. */
static int table_make(const __u32 *slots, __u32 size)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	_cleanup_free_ __u32 *keys = malloc(size * sizeof(*keys));
	_cleanup_close_ int fd = -1;
	__u32 count = size;
	int made;

	if (!keys)
		return -ENOMEM;
	for (__u32 i = 0; i < size; i++)
		keys[i] = i;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "dispatch_table", sizeof(__u32), sizeof(__u32), size, &options);
	if (fd < 0)
		return -errno;
	if (bpf_map_update_batch(fd, keys, slots, &count, NULL))
		return -errno;
	made = fd;
	fd = -1;
	return made;
}

/* Makes the directory tables/SERVICE.  Returns 0 or a negative errno. */
static int directory_make(const struct tables *t, const char *name)
{
	_cleanup_free_ char *all = table_path(t, "tables"), *own = table_path(t, "tables/%s", name);

	if (!all || !own)
		return -ENOMEM;
	if ((mkdir(all, 0700) && errno != EEXIST) || (mkdir(own, 0700) && errno != EEXIST))
		return -errno;
	return 0;
}

/* What stands in the table pinned at `path`. */
static int pinned_read(const char *path, __u32 **ret, __u32 *ret_size)
{
	_cleanup_free_ __u32 *keys = NULL, *found = NULL;
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct bpf_map_info info = {};
	__u32 length = sizeof(info), position, count;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	count = info.max_entries;
	keys = calloc(count, sizeof(*keys));
	found = calloc(count, sizeof(*found));
	if (!keys || !found)
		return -ENOMEM;
	if (bpf_map_lookup_batch(fd, NULL, &position, keys, found, &count, NULL) && errno != ENOENT)
		return -errno;
	if (count != info.max_entries)
		return -EIO;
	*ret_size = count;
	*ret = found;
	found = NULL;
	return 0;
}

int slot_table_read(const struct tables *t, const char *name, unsigned int table, __u32 **ret, __u32 *ret_size)
{
	_cleanup_free_ char *path = slot_path(t, name, table, "");

	return path ? pinned_read(path, ret, ret_size) : -ENOMEM;
}

/* Whether the table pinned at `path` is filled just so. */
static bool table_is_same(const char *path, const __u32 *slots, __u32 size)
{
	_cleanup_free_ __u32 *found = NULL;
	__u32 count = 0;

	if (pinned_read(path, &found, &count) || !found || count != size)
		return false;
	return !memcmp(slots, found, size * sizeof(*slots));
}

int slot_recover(const struct tables *t, __u16 service, const char *name)
{
	__u32 slot = service, id = 0;
	int error = table_get(t, TABLE_dispatch, &slot, &id);

	if (error && error != -ENOENT)
		return error;
	for (unsigned int table = 0; table < SLOT_TABLES; table++) {
		_cleanup_free_ char *path = slot_path(t, name, table, "");
		_cleanup_free_ char *successor = slot_path(t, name, table, "~");
		__u32 left = pinned_id(successor);

		if (!path || !successor)
			return -ENOMEM;
		if (left && (left == id ? rename(successor, path) : unlink(successor)))
			return -errno;
	}
	return 0;
}

void slot_swaps_free(struct slot_swaps *swaps)
{
	for (unsigned int i = 0; i < swaps->count; i++) {
		free(swaps->list[i].path);
		free(swaps->list[i].successor);
	}
	free(swaps->list);
	*swaps = (struct slot_swaps){};
}

/* The pinned table at `path`, or its successor if there is one, is to stand in the slot.  Takes both strings. */
static int swap_add(struct slot_swaps *swaps, __u16 service, char *path, char *successor)
{
	if (swaps->count == swaps->room) {
		unsigned int room = swaps->room * 2 + 1;
		struct slot_swap *list = reallocarray(swaps->list, room, sizeof(*list));

		if (!list) {
			free(path);
			free(successor);
			return -ENOMEM;
		}
		swaps->list = list;
		swaps->room = room;
	}
	swaps->list[swaps->count++] = (struct slot_swap){ service, path, successor };
	return 0;
}

/* At most SWAPS_TOGETHER of them in one system call; *ret_done is how many of them stand in their slots, also on failure. */
static int swaps_put(const struct tables *t, const struct slot_swap *list, unsigned int count, __u32 *ret_done)
{
	__u32 slots[SWAPS_TOGETHER], fds[SWAPS_TOGETHER], open = 0;
	int error = 0, fd;

	*ret_done = 0;
	for (; open < count; open++) {
		fd = bpf_obj_get(list[open].successor ?: list[open].path);
		if (fd < 0)
			break;
		slots[open] = list[open].slot;
		fds[open] = fd;
	}
	if (open < count) {
		error = -errno;
	} else {
		*ret_done = count;
		if (bpf_map_update_batch(t->fd[TABLE_dispatch], slots, fds, ret_done, NULL))
			error = -errno;
	}
	while (open)
		close((int)fds[--open]);
	return error;
}

int slots_swap(const struct tables *t, struct slot_swaps *swaps)
{
	int error = 0;

	for (unsigned int at = 0; at < swaps->count && !error; at += SWAPS_TOGETHER) {
		const unsigned int left = swaps->count - at, count = left < SWAPS_TOGETHER ? left : SWAPS_TOGETHER;
		__u32 done;

		error = swaps_put(t, &swaps->list[at], count, &done);
		for (unsigned int i = at; i < at + done; i++)
			if (swaps->list[i].successor && rename(swaps->list[i].successor, swaps->list[i].path) && !error)
				error = -errno;
	}
	slot_swaps_free(swaps);
	return error;
}

/* Has the table stand in the slot unless it does: each swap costs a grace period. */
static int slot_put_once(const struct tables *t, struct slot_swaps *swaps, __u16 service, const char *name,
			 unsigned int table)
{
	unsigned int now;
	char *path;

	if (!slot_find(t, service, name, &now) && now == table)
		return 0;
	path = slot_path(t, name, table, "");
	return path ? swap_add(swaps, service, path, NULL) : -ENOMEM;
}

/* Pins a new table under `successor`. */
static int successor_make(const char *successor, const __u32 *slots, __u32 size)
{
	_cleanup_close_ int fd = table_make(slots, size);

	if (fd < 0)
		return fd;
	return bpf_obj_pin(fd, successor) ? -errno : 0;
}

int slot_table_prepare(const struct tables *t, struct slot_swaps *swaps, __u16 service, const char *name,
		       unsigned int table, bool in_slot, const __u32 *slots, __u32 size)
{
	_cleanup_free_ char *path = slot_path(t, name, table, ""), *successor = slot_path(t, name, table, "~");
	int error;

	if (!path || !successor)
		return -ENOMEM;
	error = directory_make(t, name);
	if (error)
		return error;
	if (table_is_same(path, slots, size))
		return in_slot ? slot_put_once(t, swaps, service, name, table) : 0;
	error = successor_make(successor, slots, size);
	if (error)
		return error;
	if (!in_slot)
		return rename(successor, path) ? -errno : 0;
	error = swap_add(swaps, service, path, successor);
	path = successor = NULL; /* theirs now */
	return error;
}

int slot_table_remove(const struct tables *t, const char *name, unsigned int table)
{
	_cleanup_free_ char *path = slot_path(t, name, table, ""), *successor = slot_path(t, name, table, "~");

	if (!path || !successor)
		return -ENOMEM;
	if ((unlink(path) && errno != ENOENT) || (unlink(successor) && errno != ENOENT))
		return -errno;
	return 0;
}

int slot_tables_remove(const struct tables *t, const char *name)
{
	_cleanup_free_ char *own = table_path(t, "tables/%s", name);
	int error = 0;

	if (!own)
		return -ENOMEM;
	for (unsigned int table = 0; table < SLOT_TABLES && !error; table++)
		error = slot_table_remove(t, name, table);
	if (!error && rmdir(own) && errno != ENOENT)
		error = -errno;
	return error;
}
