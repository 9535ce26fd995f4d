// SPDX-License-Identifier: GPL-2.0-only
#include "operation/services.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "operation/pause.h"
#include "operation/preview.h"
#include "operation/reset.h"
#include "table/slot.h"

/* The row that says only "this address is a VIP". */
static void vip_key(struct teal_service_key *key, const __u8 address[16])
{
	*key = (struct teal_service_key){ .protocol = TEAL_ANY };
	memcpy(key->address, address, sizeof(key->address));
}

/* A service id that no row of any table carries.  Returns 0 when there is none. */
static __u16 id_find(const struct tables *t, struct roster *roster, struct error *e)
{
	struct teal_service_info info;

	while (roster->service_at < t->rows[TABLE_service_info] && roster->service_at <= 0xffff) {
		const __u32 id = roster->service_at++;

		if (!roster_has(roster, id) && !table_get(t, TABLE_service_info, &id, &info) && !info.name[0])
			return id;
	}
	error_set(e, EXIT_REFUSED, ENOSPC,
		  "all %u rows of the table of services are taken: raise limits: services in the configuration, which "
		  "takes a 'teald --detach' and a start",
		  t->rows[TABLE_service_info] - 1);
	return 0;
}

int service_stale_set(const struct tables *t, __u16 service, bool stale)
{
	struct teal_service_info info;
	__u32 id = service;
	int error = table_get(t, TABLE_service_info, &id, &info);

	if (error || info.stale == stale)
		return error;
	info.stale = stale;
	return table_put(t, TABLE_service_info, &id, &info);
}

int service_create(const struct tables *t, struct roster *roster, const char *name, const struct endpoint *listen,
		   enum teal_protocol protocol, enum teal_color active, struct service *ret, struct error *e)
{
	struct service s = {
		.listen = *listen,
		.protocol = protocol,
		.info = { .active = active,
			  .previous = TEAL_NO_COLOR,
			  .canary = TEAL_NO_COLOR,
			  .preview = TEAL_NO_COLOR,
			  .stale = true },
	};
	struct teal_service_info old = {};
	const struct teal_source none = {};
	struct teal_service_key key;
	struct teal_service row = {};
	__u32 id;
	int error;

	service_key_set(&key, listen, protocol);
	if (!table_get(t, TABLE_services, &key, &row)) {
		id = row.id;
		error = table_get(t, TABLE_service_info, &id, &old);
		if (error || old.name[0])
			return error_set(e, EXIT_FAILED, EEXIST, "the service %s listens there already", old.name);
	}
	s.id = row.id ?: id_find(t, roster, e);
	if (!s.id)
		return -ENOSPC;
	id = s.id;
	strncpy(s.info.name, name, sizeof(s.info.name) - 1);
	error = row.id ? 0 : table_put(t, TABLE_sources, &id, &none); /* a new id never had one */
	if (!error)
		error = table_put(t, TABLE_service_info, &id, &s.info);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the service %s: %s", name, strerror(-error));
	*ret = s;
	return 0;
}

int service_open(const struct tables *t, const struct service *s, struct error *e)
{
	struct teal_service row = { .id = s->id, .flags = s->flags }, vip = {};
	struct teal_service_key key;
	int error;

	vip_key(&key, s->listen.address);
	error = table_put(t, TABLE_services, &key, &vip);
	service_key_set(&key, &s->listen, s->protocol);
	if (!error)
		error = table_put(t, TABLE_services, &key, &row);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot open the service %s: %s", s->info.name,
				 strerror(-error));
	return 0;
}

int service_flags_get(const struct tables *t, const struct service *s, __u16 *ret)
{
	struct teal_service_key key;
	struct teal_service row;
	int error;

	service_key_set(&key, &s->listen, s->protocol);
	error = table_get(t, TABLE_services, &key, &row);
	if (!error)
		*ret = row.flags;
	return error;
}

int service_flags_change(const struct tables *t, struct service *s, __u16 set, __u16 clear)
{
	struct teal_service row = { .id = s->id };
	struct teal_service_key key;
	int error = service_flags_get(t, s, &row.flags);

	if (error)
		return error;
	row.flags = (row.flags & ~clear) | set;
	s->flags = row.flags;
	service_key_set(&key, &s->listen, s->protocol);
	return table_put(t, TABLE_services, &key, &row);
}

int service_remove(const struct tables *t, struct roster *roster, const struct service *s, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	struct teal_service_info gone = {};
	unsigned int count = 0;
	__u32 id = s->id;
	int error = roster_list(roster, s->id, 0, &list, &count);

	if (!error)
		error = slot_clear(t, s->id);
	if (!error)
		error = preview_forget(t, s);
	if (!error)
		error = pause_forget(t, s);
	if (!error)
		error = slot_tables_remove(t, s->info.name);
	for (unsigned int i = 0; i < count && !error; i++) {
		if (list[i].row.health != TEAL_REMOVED)
			list[i].row.retired = table_clock();
		list[i].row.health = TEAL_REMOVED;
		error = roster_put(t, roster, &list[i]);
	}
	if (!error)
		error = table_put(t, TABLE_service_info, &id, &gone);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot remove the service %s: %s", s->info.name,
				 strerror(-error));
	return 0;
}
