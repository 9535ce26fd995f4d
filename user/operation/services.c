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

static bool id_is_free(const struct tables *t, __u32 id, const struct backend *list, unsigned int count)
{
	struct teal_service_info info;

	if (table_get(t, TABLE_service_info, &id, &info) || info.name[0])
		return false;
	for (unsigned int i = 0; i < count; i++)
		if (list[i].row.service == id)
			return false;
	return true;
}

/* A service id that no row of any table carries.  Returns 0 when there is none. */
static __u16 id_find(const struct tables *t, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count;

	if (backend_list(t, 0, &list, &count, e))
		return 0;
	for (__u32 id = 1; id < t->rows[TABLE_service_info] && id <= 0xffff; id++)
		if (id_is_free(t, id, list, count))
			return id;
	error_set(e, EXIT_REFUSED, ENOSPC,
		  "all %u rows of the table of services are taken: raise limits: services in the configuration, which "
		  "takes a 'teald --detach' and a start",
		  t->rows[TABLE_service_info] - 1);
	return 0;
}

int service_create(const struct tables *t, const char *name, const struct endpoint *listen,
		   enum teal_protocol protocol, enum teal_color active, struct service *ret, struct error *e)
{
	struct service s = {
		.listen = *listen,
		.protocol = protocol,
		.info = { .active = active,
			  .previous = TEAL_NO_COLOR,
			  .canary = TEAL_NO_COLOR,
			  .preview = TEAL_NO_COLOR },
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
	s.id = row.id ?: id_find(t, e);
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

int service_remove(const struct tables *t, const struct service *s, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	struct teal_service_info gone = {};
	unsigned int count = 0;
	__u32 id = s->id;
	int error = backend_list(t, s->id, &list, &count, e);

	if (error)
		return error;
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
		error = table_put(t, TABLE_backends, &list[i].id, &list[i].row);
	}
	if (!error)
		error = table_put(t, TABLE_service_info, &id, &gone);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot remove the service %s: %s", s->info.name,
				 strerror(-error));
	return 0;
}

/* Frees a removed backend that nothing names any more. */
static int backend_tidy(const struct tables *t, const struct backend *b)
{
	struct endpoint endpoint = { .port = b->row.port };
	const struct teal_backend none = {};
	struct teal_endpoint way_back;
	struct teal_service_key key;

	memcpy(endpoint.address, b->row.address, sizeof(endpoint.address));
	service_key_set(&key, &endpoint, b->row.protocol);
	if (!table_get(t, TABLE_endpoints, &key, &way_back) && way_back.backend == b->id)
		table_delete(t, TABLE_endpoints, &key);
	return table_put(t, TABLE_backends, &b->id, &none);
}

/* Whether a row of `services` belongs to a removed service without backends, or marks a VIP nobody has. */
static bool key_is_stale(const struct tables *t, const struct teal_service_key *key, const struct backend *list,
			 unsigned int count)
{
	struct teal_service_key other, next;
	struct teal_service row;

	if (table_get(t, TABLE_services, key, &row))
		return false;
	if (row.id)
		return id_is_free(t, row.id, list, count);
	for (int error = table_next(t, TABLE_services, NULL, &next); !error;
	     error = table_next(t, TABLE_services, &other, &next)) {
		other = next;
		if (other.protocol != TEAL_ANY && !memcmp(other.address, key->address, sizeof(key->address)))
			return false;
	}
	return true;
}

int services_tidy(const struct tables *t)
{
	_cleanup_free_ struct backend *list = NULL;
	struct teal_service_key key, next;
	struct teal_meta meta = {};
	unsigned int count, left = 0;
	__u32 only = 0;
	struct error ignored = {};
	int error = backend_list(t, 0, &list, &count, &ignored);

	if (!error)
		error = pauses_tidy(t);
	if (!error)
		error = table_get(t, TABLE_meta, &only, &meta);
	if (!error)
		error = resets_tidy(t, list, count);
	for (unsigned int i = 0; i < count && !error; i++) {
		__s64 age = table_clock() - list[i].row.retired;

		if (list[i].row.health == TEAL_REMOVED && !backend_rows(&list[i]) && age > (__s64)meta.handshake_ns)
			error = backend_tidy(t, &list[i]);
		else
			list[left++] = list[i];
	}
	if (error || left == count)
		return error;
	/* Deleting while walking a hash may begin the walk anew; what is stale stays stale, so that ends. */
	for (error = table_next(t, TABLE_services, NULL, &next); !error;
	     error = table_next(t, TABLE_services, &key, &next)) {
		key = next;
		if (key_is_stale(t, &key, list, left))
			table_delete(t, TABLE_services, &key);
	}
	return error == -ENOENT ? 0 : error;
}
