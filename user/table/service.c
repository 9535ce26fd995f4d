// SPDX-License-Identifier: GPL-2.0-only
#include "table/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"
#include "table/slot.h"

static int service_by_name(const void *a, const void *b)
{
	return strcmp(((const struct service *)a)->info.name, ((const struct service *)b)->info.name);
}

/* The `services` row with that key as a service.  Returns false if it is no (or no longer a) service. */
static bool service_read(const struct tables *t, const struct teal_service_key *key, struct service *ret)
{
	struct service s = { .listen.port = key->port, .protocol = key->protocol };
	struct teal_service row;
	__u32 id;

	if (table_get(t, TABLE_services, key, &row) || !row.id)
		return false;
	id = row.id;
	if (table_get(t, TABLE_service_info, &id, &s.info) || !s.info.name[0])
		return false;
	s.id = row.id;
	s.flags = row.flags;
	memcpy(s.listen.address, key->address, sizeof(s.listen.address));
	*ret = s;
	return true;
}

/* What was killed between a slot and service_info, or a flag and service_info: slot and flag are right. */
static void service_reconcile(const struct tables *t, struct service *s)
{
	unsigned int table = SLOT_TABLES;
	int error = slot_find(t, s->id, s->info.name, &table);

	if (!(s->flags & TEAL_SERVICE_PREVIEW))
		s->info.preview = TEAL_NO_COLOR;
	if (table == SLOT_CANARY)
		return;
	s->info.canary = TEAL_NO_COLOR;
	s->info.canary_percent = 0;
	if (error || table == s->info.active)
		return;
	s->info.previous = s->info.active;
	s->info.active = table;
}

/* As service_list(), in no order and as service_info has them. */
static int service_rows(const struct tables *t, struct service **ret, unsigned int *ret_count, struct error *e)
{
	struct service *list = calloc(t->rows[TABLE_services] + 1, sizeof(*list));
	struct teal_service_key key, next;
	unsigned int count = 0;
	int error;

	if (!list)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (error = table_next(t, TABLE_services, NULL, &next); !error && count < t->rows[TABLE_services];
	     error = table_next(t, TABLE_services, &key, &next)) {
		key = next;
		count += service_read(t, &key, &list[count]);
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

int service_list(const struct tables *t, struct service **ret, unsigned int *ret_count, struct error *e)
{
	struct service *list = NULL;
	unsigned int count = 0;
	int error = service_rows(t, &list, &count, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < count; i++)
		service_reconcile(t, &list[i]);
	qsort(list, count, sizeof(*list), service_by_name);
	*ret = list;
	*ret_count = count;
	return 0;
}

/* "a, b, c" of as many names as there is room for. */
static void service_names(struct service *list, unsigned int count, char *text, size_t size)
{
	size_t at = 0;

	qsort(list, count, sizeof(*list), service_by_name);
	for (unsigned int i = 0; i < count && at < size; i++)
		at += snprintf(text + at, size - at, "%s%s", i ? ", " : "", list[i].info.name);
}

int service_find(const struct tables *t, const char *name, struct service *ret, struct error *e)
{
	_cleanup_free_ struct service *list = NULL;
	char known[256] = "";
	unsigned int count = 0;
	int error = service_rows(t, &list, &count, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(list[i].info.name, name))
			continue;
		*ret = list[i];
		service_reconcile(t, ret);
		return 0;
	}
	if (!count)
		return error_set(e, EXIT_FAILED, ENOENT,
				 "there is no service '%s', and no other: name one in teald's configuration", name);
	service_names(list, count, known, sizeof(known));
	return error_set(e, EXIT_FAILED, ENOENT, "there is no service '%s': the services here are %s", name, known);
}

int counters_get(const struct tables *t, __u32 backend, struct teal_counters *ret)
{
	_cleanup_free_ struct teal_counters *each = calloc(t->cpus, sizeof(*each));
	struct teal_counters sum = {};
	int error;

	if (!each)
		return -ENOMEM;
	error = table_get(t, TABLE_counters, &backend, each);
	if (error)
		return error;
	for (int cpu = 0; cpu < t->cpus; cpu++) {
		const __u64 *from = (const __u64 *)&each[cpu];
		__u64 *to = (__u64 *)&sum;

		for (size_t i = 0; i < sizeof(sum) / sizeof(*to); i++)
			to[i] += from[i];
	}
	*ret = sum;
	return 0;
}

int backend_rows_read(const struct tables *t, struct teal_backend **ret, __u32 *ret_count)
{
	__u32 count = t->rows[TABLE_backends], position;
	struct teal_backend *rows = calloc(count, sizeof(*rows));
	_cleanup_free_ __u32 *keys = calloc(count, sizeof(*keys));

	if (!rows || !keys || (bpf_map_lookup_batch(t->fd[TABLE_backends], NULL, &position, keys, rows, &count, NULL) &&
			       errno != ENOENT)) {
		free(rows);
		return rows && keys ? -errno : -ENOMEM;
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
	unsigned int used = 0;
	__u32 count = 0;
	int error = backend_rows_read(t, &rows, &count);

	if (!error && !(list = calloc(count + 1, sizeof(*list))))
		error = -ENOMEM;
	for (__u32 id = 1; id < count && !error; id++) {
		if (!rows[id].service || (service && rows[id].service != service))
			continue;
		list[used] = (struct backend){ .id = id, .row = rows[id] };
		error = counters_get(t, id, &list[used++].counters);
	}
	if (error) {
		free(list);
		return error_set(e, EXIT_FAILED, -error, "cannot read the table of backends: %s", strerror(-error));
	}
	*ret = list;
	*ret_count = used;
	return 0;
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
