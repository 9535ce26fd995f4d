// SPDX-License-Identifier: GPL-2.0-only
#include "table/table.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/cleanup.h"
#include "table/index.h"

static const char *const names[] = {
#define X(name, kind, key, row, rows, flags) [TABLE_##name] = #name,
	TEAL_TABLES(X)
#undef X
#define X(name) [TABLE_##name] = #name,
	TEAL_OTHER_TABLES(X)
#undef X
};

const char *table_name(enum table table)
{
	return names[table];
}

static int table_open(struct tables *t, enum table table, struct error *e)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	_cleanup_free_ char *path = table_path(t, "%s", names[table]);

	if (!path)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	t->fd[table] = bpf_obj_get(path);
	if (t->fd[table] < 0 && errno == ENOENT)
		return error_set(e, EXIT_FAILED, ENOENT,
				 "teal is not loaded in %s: start teald there, or name the right place with --pin-dir",
				 t->pin_dir);
	if (t->fd[table] < 0 && (errno == EACCES || errno == EPERM))
		return error_set(e, EXIT_FAILED, EPERM,
				 "no right to open %s: the tables are root's, so run this as root (sudo)", path);
	if (t->fd[table] < 0)
		return error_set(e, EXIT_FAILED, errno, "cannot open %s: %s", path, strerror(errno));
	if (bpf_obj_get_info_by_fd(t->fd[table], &info, &size))
		return error_set(e, EXIT_FAILED, errno, "cannot read what %s is: %s", path, strerror(errno));
	t->rows[table] = info.max_entries;
	return 0;
}

/* Another version's row of meta may have another size; that it begins with the layout is what all have in common. */
static int layout_read(int meta, __u32 *ret)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info), only = 0;
	_cleanup_free_ __u32 *row = NULL;

	if (bpf_obj_get_info_by_fd(meta, &info, &size))
		return -errno;
	row = calloc(1, info.value_size + sizeof(*row));
	if (!row)
		return -ENOMEM;
	if (bpf_map_lookup_elem(meta, &only, row))
		return -errno;
	*ret = *row;
	return 0;
}

int tables_layout_check(const char *pin_dir, struct error *e)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int meta = -1;
	__u32 layout = 0;
	int error;

	if (asprintf(&path, "%s/%s", pin_dir, table_name(TABLE_meta)) < 0)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	meta = bpf_obj_get(path);
	if (meta < 0) /* nothing is loaded, or whoever opens the tables will say why not */
		return 0;
	error = layout_read(meta, &layout);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot read the table %s: %s", path, strerror(-error));
	if (!layout || layout == TEAL_LAYOUT)
		return 0;
	return error_set(e, EXIT_FAILED, EPROTO,
			 "the tables in %s have layout %u and teal %s knows layout %u, so it leaves them alone, and traffic flows on "
			 "by them: put back the version that loaded them, or, which ends the connections that they carry, run "
			 "'teald --detach' and then start teald; active colors, backends and the history stay in the books",
			 pin_dir, layout, TEAL_VERSION, TEAL_LAYOUT);
}

int tables_open(const char *pin_dir, struct tables **ret, struct error *e)
{
	_cleanup_tables_ struct tables *t = calloc(1, sizeof(*t));
	int error;

	if (!t || !(t->pin_dir = strdup(pin_dir)))
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	memset(t->fd, -1, sizeof(t->fd));
	t->cpus = libbpf_num_possible_cpus();
	if (t->cpus < 1)
		return error_set(e, EXIT_FAILED, EIO, "cannot read the number of CPUs from /sys/devices/system/cpu");
	/* The layout first: another one may have other tables. */
	error = tables_layout_check(pin_dir, e);
	for (int i = 0; !error && i < TABLE_COUNT; i++)
		error = table_open(t, i, e);
	if (error)
		return error;
	*ret = t;
	t = NULL;
	return 0;
}

void tables_close(struct tables *t)
{
	if (!t)
		return;
	for (int i = 0; i < TABLE_COUNT; i++)
		close_p(&t->fd[i]);
	free(t->pin_dir);
	free(t);
}

int table_get(const struct tables *t, enum table table, const void *key, void *ret_row)
{
	return bpf_map_lookup_elem(t->fd[table], key, ret_row) ? -errno : 0;
}

int table_put(const struct tables *t, enum table table, const void *key, const void *row)
{
	if (bpf_map_update_elem(t->fd[table], key, row, BPF_ANY))
		return -errno;
	return index_has(table) ? index_put(t, table, key, row) : 0;
}

int table_delete(const struct tables *t, enum table table, const void *key)
{
	int error = index_has(table) ? index_delete(t, table, key) : 0;

	if (error)
		return error;
	return bpf_map_delete_elem(t->fd[table], key) ? -errno : 0;
}

int table_rows(const struct tables *t, enum table table, __u32 first, __u32 count, void *ret_rows)
{
	_cleanup_free_ __u32 *keys = calloc(count, sizeof(*keys));
	__u32 before = first - 1, position, found = count;

	if (!keys)
		return -ENOMEM;
	if (bpf_map_lookup_batch(t->fd[table], first ? &before : NULL, &position, keys, ret_rows, &found, NULL) &&
	    errno != ENOENT)
		return -errno;
	return found == count ? 0 : -EIO;
}

int table_next(const struct tables *t, enum table table, const void *key, void *ret_next)
{
	return bpf_map_get_next_key(t->fd[table], key, ret_next) ? -errno : 0;
}

char *table_path(const struct tables *t, const char *format, ...)
{
	_cleanup_free_ char *name = NULL;
	va_list arguments;
	char *path;
	int length;

	va_start(arguments, format);
	length = vasprintf(&name, format, arguments);
	va_end(arguments);
	if (length < 0)
		name = NULL;
	return length < 0 || asprintf(&path, "%s/%s", t->pin_dir, name) < 0 ? NULL : path;
}

__u64 table_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}
