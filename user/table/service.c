// SPDX-License-Identifier: GPL-2.0-only
#include "table/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"
#include "table/slot.h"

#define SPARE 64 /* rows that the kernel may show besides, while others come and go */

static int service_by_name(const void *a, const void *b)
{
	return strcmp(((const struct service *)a)->info.name, ((const struct service *)b)->info.name);
}

/* What stands in `services` and `service_info` together.  Returns false if the row is no (or no longer a) service's. */
static bool service_make(const struct teal_service_key *key, const struct teal_service *row,
			 const struct teal_service_info *infos, __u32 count, struct service *ret)
{
	struct service s = { .id = row->id, .flags = row->flags, .listen.port = key->port, .protocol = key->protocol };

	if (!row->id || row->id >= count || !infos[row->id].name[0])
		return false;
	s.info = infos[row->id];
	s.info.name[sizeof(s.info.name) - 1] = '\0';
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

int service_infos_read(const struct tables *t, struct teal_service_info **ret, __u32 *ret_count)
{
	__u32 count = t->rows[TABLE_service_info];
	struct teal_service_info *infos = calloc(count, sizeof(*infos));
	int error = infos ? table_rows(t, TABLE_service_info, 0, count, infos) : -ENOMEM;

	if (error) {
		free(infos);
		return error;
	}
	*ret = infos;
	*ret_count = count;
	return 0;
}

int service_keys_read(const struct tables *t, struct teal_service_key **ret_keys, struct teal_service **ret_rows,
		      unsigned int *ret_count)
{
	const __u32 most = t->rows[TABLE_services] + SPARE;
	struct teal_service_key *keys = calloc(most, sizeof(*keys));
	struct teal_service *rows = calloc(most, sizeof(*rows));
	__u32 position, count, used = 0;
	int error = keys && rows ? 0 : -ENOMEM;

	/* Rows that come and go meanwhile may be met twice or not at all, but never more of them than there is room for. */
	for (bool first = true; !error && used < most; first = false) {
		count = most - used;
		if (bpf_map_lookup_batch(t->fd[TABLE_services], first ? NULL : &position, &position, &keys[used],
					 &rows[used], &count, NULL))
			error = -errno;
		if (!error || error == -ENOENT)
			used += count;
	}
	if (error && error != -ENOENT) {
		free(keys);
		free(rows);
		return error;
	}
	*ret_keys = keys;
	*ret_rows = rows;
	*ret_count = used;
	return 0;
}

/* As service_list(), in no order and as service_info has them: two system calls, however many there are. */
static int service_rows(const struct tables *t, struct service **ret, unsigned int *ret_count, struct error *e)
{
	_cleanup_free_ struct teal_service_info *infos = NULL;
	_cleanup_free_ struct teal_service_key *keys = NULL;
	_cleanup_free_ struct teal_service *rows = NULL;
	struct service *list = NULL;
	unsigned int count = 0, used = 0;
	__u32 ids = 0;
	int error = service_keys_read(t, &keys, &rows, &count);

	if (!error)
		error = service_infos_read(t, &infos, &ids);
	if (!error && !(list = calloc(count + 1, sizeof(*list))))
		error = -ENOMEM;
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot read the table of services: %s", strerror(-error));
	for (unsigned int i = 0; i < count; i++)
		used += service_make(&keys[i], &rows[i], infos, ids, &list[used]);
	*ret = list;
	*ret_count = used;
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
