// SPDX-License-Identifier: GPL-2.0-only
/* Backends as the tables have them; the declarations are service.h's. */
#include "table/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"

/* Counters read in one system call: 64 bytes a CPU each, those of so many other ids between two wanted ones included. */
#define TOGETHER 512
#define BETWEEN 8

static void counters_sum(const struct tables *t, const struct teal_counters *each, struct teal_counters *ret)
{
	struct teal_counters sum = {};

	for (int cpu = 0; cpu < t->cpus; cpu++) {
		const __u64 *from = (const __u64 *)&each[cpu];
		__u64 *to = (__u64 *)&sum;

		for (size_t i = 0; i < sizeof(sum) / sizeof(*to); i++)
			to[i] += from[i];
	}
	*ret = sum;
}

int counters_get(const struct tables *t, __u32 backend, struct teal_counters *ret)
{
	_cleanup_free_ struct teal_counters *each = calloc(t->cpus, sizeof(*each));
	int error = each ? table_get(t, TABLE_counters, &backend, each) : -ENOMEM;

	if (!error)
		counters_sum(t, each, ret);
	return error;
}

/* Those of all backends of a list, which is in the order of the ids: many at a time where they stand close together. */
static int counters_read(const struct tables *t, struct backend *list, unsigned int count)
{
	_cleanup_free_ struct teal_counters *each = calloc((size_t)TOGETHER * t->cpus, sizeof(*each));
	int error = each ? 0 : -ENOMEM;

	for (unsigned int i = 0, past; i < count && !error; i = past) {
		const __u32 first = list[i].id;

		for (past = i + 1; past < count && list[past].id - first < TOGETHER &&
				   list[past].id - list[past - 1].id <= BETWEEN;
		     past++)
			;
		error = table_rows(t, TABLE_counters, first, list[past - 1].id - first + 1, each);
		for (unsigned int n = i; n < past && !error; n++)
			counters_sum(t, &each[(size_t)(list[n].id - first) * t->cpus], &list[n].counters);
	}
	return error;
}

/* The whole table where it is, for reading; give it back by munmap().  Returns NULL with errno where that cannot be. */
static const struct teal_backend *rows_map(const struct tables *t, size_t *ret_size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t size = ((size_t)t->rows[TABLE_backends] * sizeof(struct teal_backend) + page - 1) / page * page;
	void *rows = mmap(NULL, size, PROT_READ, MAP_SHARED, t->fd[TABLE_backends], 0);

	if (rows == MAP_FAILED)
		return NULL;
	*ret_size = size;
	return rows;
}

int backend_rows_read(const struct tables *t, struct teal_backend **ret, __u32 *ret_count)
{
	__u32 count = t->rows[TABLE_backends];
	struct teal_backend *rows = calloc(count, sizeof(*rows));
	size_t size;
	const struct teal_backend *mapped = rows ? rows_map(t, &size) : NULL;

	if (!mapped) {
		free(rows);
		return rows ? -errno : -ENOMEM;
	}
	memcpy(rows, mapped, (size_t)count * sizeof(*rows));
	munmap((void *)mapped, size);
	*ret = rows;
	*ret_count = count;
	return 0;
}

/* Those of a service (0: of all), in the order of their ids, without their counters. */
static int rows_collect(const struct tables *t, __u16 service, struct backend **ret, unsigned int *ret_count)
{
	const __u32 count = t->rows[TABLE_backends];
	struct backend *list;
	unsigned int used = 0, room = 0;
	size_t size;
	const struct teal_backend *rows = rows_map(t, &size);

	if (!rows)
		return -errno;
	for (__u32 id = 1; id < count; id++)
		room += rows[id].service && (!service || rows[id].service == service);
	list = calloc(room + 1, sizeof(*list));
	/* Rows may change meanwhile where nobody holds the lock: there are never more than there is room for. */
	for (__u32 id = 1; list && id < count && used < room; id++) {
		if (!rows[id].service || (service && rows[id].service != service))
			continue;
		list[used] = (struct backend){ .id = id, .row = rows[id] };
		used += list[used].row.service && (!service || list[used].row.service == service);
	}
	munmap((void *)rows, size);
	*ret = list;
	*ret_count = used;
	return list ? 0 : -ENOMEM;
}

int backend_list(const struct tables *t, __u16 service, struct backend **ret, unsigned int *ret_count,
		 struct error *e)
{
	struct backend *list = NULL;
	unsigned int count = 0;
	int error = rows_collect(t, service, &list, &count);

	if (!error)
		error = counters_read(t, list, count);
	if (error) {
		free(list);
		return error_set(e, EXIT_FAILED, -error, "cannot read the table of backends: %s", strerror(-error));
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

static int backend_compare(const void *a, const void *b)
{
	const struct backend *x = a, *y = b;

	if (x->row.service != y->row.service)
		return (x->row.service > y->row.service) - (x->row.service < y->row.service);
	return (x->id > y->id) - (x->id < y->id);
}

void backends_sort(struct backend *list, unsigned int count)
{
	qsort(list, count, sizeof(*list), backend_compare);
}

const struct backend *backends_of(const struct backend *list, unsigned int count, __u16 service,
				  unsigned int *ret_count)
{
	unsigned int low = 0, high = count, past;

	while (low < high) {
		const unsigned int middle = (low + high) / 2;

		if (list[middle].row.service < service)
			low = middle + 1;
		else
			high = middle;
	}
	for (past = low; past < count && list[past].row.service == service; past++)
		;
	*ret_count = past - low;
	return &list[low];
}

int color_flows(const struct tables *t, __u16 service, enum teal_color color, __u64 *ret, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count = 0;
	__u64 flows = 0;
	int error = backend_list(t, service, &list, &count, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < count; i++)
		if (list[i].row.color == color)
			flows += backend_flows(&list[i]);
	*ret = flows;
	return 0;
}
