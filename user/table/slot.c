// SPDX-License-Identifier: GPL-2.0-only
#include "table/slot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"

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

static char *color_path(const struct tables *t, const char *name, enum teal_color color, const char *suffix)
{
	return table_path(t, "tables/%s/%s%s", name, color_name(color), suffix);
}

int slot_get(const struct tables *t, __u16 service, const char *name, enum teal_color *ret)
{
	__u32 slot = service, id = 0;
	int error = table_get(t, TABLE_dispatch, &slot, &id);

	if (error)
		return error;
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
		_cleanup_free_ char *path = color_path(t, name, color, "");
		_cleanup_free_ char *successor = color_path(t, name, color, "~");

		if (!path || !successor)
			return -ENOMEM;
		if (id == pinned_id(path) || id == pinned_id(successor)) {
			*ret = color;
			return 0;
		}
	}
	return -ENOENT;
}

int slot_put(const struct tables *t, __u16 service, const char *name, enum teal_color color)
{
	_cleanup_free_ char *path = color_path(t, name, color, "");
	_cleanup_close_ int table = path ? bpf_obj_get(path) : -1;
	__u32 slot = service;

	if (!path)
		return -ENOMEM;
	return table < 0 ? -errno : table_put(t, TABLE_dispatch, &slot, &table);
}

int slot_clear(const struct tables *t, __u16 service)
{
	__u32 slot = service;
	int error = table_delete(t, TABLE_dispatch, &slot);

	return error == -ENOENT ? 0 : error;
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

/* Whether the table pinned at `path` is filled just so. */
static bool table_is_same(const char *path, const __u32 *slots, __u32 size)
{
	_cleanup_free_ __u32 *keys = calloc(size, sizeof(*keys)), *found = calloc(size, sizeof(*found));
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct bpf_map_info info = {};
	__u32 length = sizeof(info), position, count = size;

	if (fd < 0 || !keys || !found || bpf_obj_get_info_by_fd(fd, &info, &length) || info.max_entries != size)
		return false;
	if (bpf_map_lookup_batch(fd, NULL, &position, keys, found, &count, NULL) && errno != ENOENT)
		return false;
	return count == size && !memcmp(slots, found, size * sizeof(*slots));
}

int slot_recover(const struct tables *t, __u16 service, const char *name)
{
	__u32 slot = service, id = 0;
	int error = table_get(t, TABLE_dispatch, &slot, &id);

	if (error && error != -ENOENT)
		return error;
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
		_cleanup_free_ char *path = color_path(t, name, color, "");
		_cleanup_free_ char *successor = color_path(t, name, color, "~");
		__u32 left = pinned_id(successor);

		if (!path || !successor)
			return -ENOMEM;
		if (left && (left == id ? rename(successor, path) : unlink(successor)))
			return -errno;
	}
	return 0;
}

/* Puts the color into the slot unless it stands there: each swap costs a grace period. */
static int slot_put_once(const struct tables *t, __u16 service, const char *name, enum teal_color color)
{
	enum teal_color now;

	if (!slot_get(t, service, name, &now) && now == color)
		return 0;
	return slot_put(t, service, name, color);
}

int slot_table_replace(const struct tables *t, __u16 service, const char *name, enum teal_color color, bool active,
		       const __u32 *slots, __u32 size)
{
	_cleanup_free_ char *path = color_path(t, name, color, ""), *successor = color_path(t, name, color, "~");
	_cleanup_close_ int table = -1;
	__u32 slot = service;
	int error;

	if (!path || !successor)
		return -ENOMEM;
	error = directory_make(t, name);
	if (!error)
		error = slot_recover(t, service, name);
	if (error)
		return error;
	if (table_is_same(path, slots, size))
		return active ? slot_put_once(t, service, name, color) : 0;
	table = table_make(slots, size);
	if (table < 0)
		return table;
	if (bpf_obj_pin(table, successor))
		return -errno;
	if (active)
		error = table_put(t, TABLE_dispatch, &slot, &table);
	if (!error && rename(successor, path))
		error = -errno;
	return error;
}

int slot_table_remove(const struct tables *t, const char *name, enum teal_color color)
{
	_cleanup_free_ char *path = color_path(t, name, color, ""), *successor = color_path(t, name, color, "~");

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
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS && !error; color++)
		error = slot_table_remove(t, name, color);
	if (!error && rmdir(own) && errno != ENOENT)
		error = -errno;
	return error;
}
