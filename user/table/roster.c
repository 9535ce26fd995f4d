// SPDX-License-Identifier: GPL-2.0-only
#include "table/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int roster_read(const struct tables *t, struct roster *ret, struct error *e)
{
	struct roster r = { .services = t->rows[TABLE_service_info], .free_at = 1, .service_at = 1 };
	int error = backend_rows_read(t, &r.rows, &r.count);

	*ret = r;
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot read the table of backends: %s", strerror(-error));
	ret->next = calloc(r.count + 1, sizeof(*ret->next));
	ret->first = calloc(r.services + 1, sizeof(*ret->first));
	if (!ret->next || !ret->first)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (__u32 id = r.count; id-- > 1;) {
		__u32 service = r.rows[id].service;

		if (!service || service >= r.services)
			continue;
		ret->next[id] = ret->first[service];
		ret->first[service] = id;
	}
	return 0;
}

void roster_free(struct roster *roster)
{
	free(roster->rows);
	free(roster->next);
	free(roster->first);
	*roster = (struct roster){};
}

bool roster_has(const struct roster *roster, __u32 service)
{
	return service < roster->services && roster->first[service];
}

int roster_list(const struct roster *roster, __u16 service, unsigned int room, struct backend **ret,
		unsigned int *ret_count)
{
	__u32 first = service < roster->services ? roster->first[service] : 0;
	struct backend *list;
	unsigned int count = 0;

	for (__u32 id = first; id; id = roster->next[id])
		count++;
	list = calloc(count + room + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	count = 0;
	for (__u32 id = first; id; id = roster->next[id])
		list[count++] = (struct backend){ .id = id, .row = roster->rows[id] };
	*ret = list;
	*ret_count = count;
	return 0;
}

__u32 roster_free_id(const struct roster *roster, __u32 *at)
{
	for (; *at < roster->count; ++*at)
		if (!roster->rows[*at].service)
			return (*at)++;
	return 0;
}

/* Where in its service's list an id belongs. */
static __u32 *place_of(struct roster *roster, __u32 service, __u32 id)
{
	__u32 *place = &roster->first[service];

	while (*place && *place < id)
		place = &roster->next[*place];
	return place;
}

int roster_put(const struct tables *t, struct roster *roster, const struct backend *b)
{
	const __u32 old = roster->rows[b->id].service, service = b->row.service;
	int error = table_put(t, TABLE_backends, &b->id, &b->row);
	__u32 *place;

	if (error)
		return error;
	roster->rows[b->id] = b->row;
	if (old == service)
		return 0;
	if (old && old < roster->services) {
		place = place_of(roster, old, b->id);
		*place = roster->next[b->id];
	}
	if (service && service < roster->services) {
		place = place_of(roster, service, b->id);
		roster->next[b->id] = *place;
		*place = b->id;
	}
	return 0;
}
