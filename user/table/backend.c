// SPDX-License-Identifier: GPL-2.0-only
/* Backends as the tables have them; the declarations are service.h's. */
#include "table/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int backend_rows_read(const struct tables *t, struct teal_backend **ret, __u32 *ret_count)
{
	__u32 count = t->rows[TABLE_backends];
	struct teal_backend *rows = calloc(count, sizeof(*rows));
	int error = rows ? table_rows(t, TABLE_backends, 0, count, rows) : -ENOMEM;

	if (error) {
		free(rows);
		return error;
	}
	*ret = rows;
	*ret_count = count;
	return 0;
}

int backend_list(const struct tables *t, __u16 service, struct backend **ret, unsigned int *ret_count,
		 struct error *e)
{
	_cleanup_free_ struct teal_backend *rows = NULL;
	struct backend *list = NULL;
	unsigned int used = 0, wanted = 0;
	__u32 count = 0;
	int error = backend_rows_read(t, &rows, &count);

	for (__u32 id = 1; id < count && !error; id++)
		wanted += rows[id].service && (!service || rows[id].service == service);
	if (!error && !(list = calloc(wanted + 1, sizeof(*list))))
		error = -ENOMEM;
	for (__u32 id = 1; id < count && !error; id++)
		if (rows[id].service && (!service || rows[id].service == service))
			list[used++] = (struct backend){ .id = id, .row = rows[id] };
	if (!error)
		error = counters_read(t, list, used);
	if (error) {
		free(list);
		return error_set(e, EXIT_FAILED, -error, "cannot read the table of backends: %s", strerror(-error));
	}
	*ret = list;
	*ret_count = used;
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
