// SPDX-License-Identifier: GPL-2.0-only
/* What nobody needs any more is given back. */
#include "operation/services.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "operation/pause.h"
#include "operation/reset.h"

/* Frees a backend that nothing names any more. */
static int backend_tidy(const struct tables *t, struct roster *roster, const struct backend *b)
{
	const struct backend none = { .id = b->id };
	struct endpoint endpoint = { .port = b->row.port };
	struct teal_endpoint way_back;
	struct teal_service_key key;

	memcpy(endpoint.address, b->row.address, sizeof(endpoint.address));
	service_key_set(&key, &endpoint, b->row.protocol);
	if (!table_get(t, TABLE_endpoints, &key, &way_back) && way_back.backend == b->id)
		table_delete(t, TABLE_endpoints, &key);
	return roster_put(t, roster, &none);
}

/* A backend that was removed or whose connections are being ended: the others are let be.  *ret_freed: it is gone now. */
static int backend_look(const struct tables *t, struct roster *roster, __u32 id, __u64 handshake_ns, bool *ret_freed)
{
	struct backend b = { .id = id, .row = roster->rows[id] };
	const __s64 age = table_clock() - b.row.retired;
	int error = counters_get(t, id, &b.counters);

	*ret_freed = false;
	if (!error)
		error = resets_tidy(t, &b, 1);
	if (error)
		return error;
	roster->rows[id].reset = b.row.reset;
	if (b.row.health != TEAL_REMOVED || backend_rows(&b) || age <= (__s64)handshake_ns)
		return 0;
	*ret_freed = true;
	return backend_tidy(t, roster, &b);
}

/* All of `services`, as it stood at the beginning, and who of service_info has a row there. */
struct listing {
	struct teal_service_key *keys;
	struct teal_service *rows;
	unsigned int count;
	struct teal_service_info *infos;
	__u32 info_count;
};

static void listing_free(struct listing *l)
{
	free(l->keys);
	free(l->rows);
	free(l->infos);
}
#define _cleanup_listing_ __attribute__((cleanup(listing_free)))

static bool is_stale(const struct listing *l, const struct roster *roster, unsigned int row)
{
	const __u32 id = l->rows[row].id;

	return id && (id >= l->info_count || !l->infos[id].name[0]) && !roster_has(roster, id);
}

/* Whether a service that stays listens at the address of a row. */
static bool is_vip(const struct listing *l, const struct roster *roster, unsigned int row)
{
	for (unsigned int i = 0; i < l->count; i++)
		if (l->rows[i].id && !is_stale(l, roster, i) &&
		    !memcmp(l->keys[i].address, l->keys[row].address, sizeof(l->keys[i].address)))
			return true;
	return false;
}

/* Rows of removed services without backends, and those that mark a VIP nobody has. */
static int keys_tidy(const struct tables *t, const struct listing *l, const struct roster *roster)
{
	int error = 0;

	for (unsigned int i = 0; i < l->count && !error; i++)
		if (l->rows[i].id ? is_stale(l, roster, i) : !is_vip(l, roster, i))
			error = table_delete(t, TABLE_services, &l->keys[i]);
	return error == -ENOENT ? 0 : error;
}

/* No packet ever came to such a service: it is taken away at once, with everything it has. */
static int unopened_remove(const struct tables *t, struct roster *roster, __u32 id, const char *name)
{
	_cleanup_free_ struct backend *list = NULL;
	const struct teal_service_info none = {};
	unsigned int count = 0;
	int error = roster_list(roster, id, 0, &list, &count);

	if (!error)
		error = slot_clear(t, id);
	if (!error)
		error = slot_tables_remove(t, name);
	for (unsigned int i = 0; i < count && !error; i++)
		error = backend_tidy(t, roster, &list[i]);
	return error ?: table_put(t, TABLE_service_info, &id, &none);
}

/* Services that somebody was killed over before they were opened. */
static int unopened_tidy(const struct tables *t, struct roster *roster, const struct listing *l)
{
	_cleanup_free_ bool *opened = calloc(l->info_count + 1, sizeof(*opened));
	int error = opened ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < l->count && !error; i++)
		if (l->rows[i].id < l->info_count)
			opened[l->rows[i].id] = true;
	for (__u32 id = 1; id < l->info_count && !error; id++)
		if (l->infos[id].name[0] && !opened[id])
			error = unopened_remove(t, roster, id, l->infos[id].name);
	return error;
}

int services_tidy(const struct tables *t)
{
	_cleanup_listing_ struct listing l = {};
	_cleanup_roster_ struct roster roster = {};
	struct teal_meta meta = {};
	bool freed, any = false;
	__u32 only = 0;
	struct error ignored = {};
	int error = roster_read(t, &roster, &ignored);

	if (!error)
		error = service_keys_read(t, &l.keys, &l.rows, &l.count);
	if (!error)
		error = service_infos_read(t, &l.infos, &l.info_count);
	if (!error)
		error = pauses_tidy(t, l.keys, l.rows, l.count);
	if (!error)
		error = table_get(t, TABLE_meta, &only, &meta);
	if (!error)
		error = unopened_tidy(t, &roster, &l);
	for (__u32 id = 1; id < roster.count && !error; id++) {
		if (!roster.rows[id].service || (roster.rows[id].health != TEAL_REMOVED && !roster.rows[id].reset))
			continue;
		error = backend_look(t, &roster, id, meta.handshake_ns, &freed);
		any |= freed;
	}
	return error || !any ? error : keys_tidy(t, &l, &roster);
}
