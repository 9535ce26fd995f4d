// SPDX-License-Identifier: GPL-2.0-only
#include "table/index.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

bool index_has(enum table table)
{
	return table == TABLE_services || table == TABLE_endpoints;
}

static enum table index_of(enum table table)
{
	return table == TABLE_services ? TABLE_service_slots : TABLE_endpoint_slots;
}

static int slot_read(const struct tables *t, enum table table, const struct teal_service_key *key, __u32 *ret_place,
		     struct teal_slot *ret)
{
	*ret_place = teal_slot_of(key, t->rows[index_of(table)]);
	return bpf_map_lookup_elem(t->fd[index_of(table)], ret_place, ret) ? -errno : 0;
}

static int slot_write(const struct tables *t, enum table table, __u32 place, const struct teal_slot *slot)
{
	return bpf_map_update_elem(t->fd[index_of(table)], &place, slot, BPF_ANY) ? -errno : 0;
}

static bool slot_is_free(const struct teal_slot *slot)
{
	static const struct teal_service_key nothing;

	return !memcmp(&slot->key, &nothing, sizeof(nothing));
}

int index_put(const struct tables *t, enum table table, const struct teal_service_key *key, const void *row)
{
	struct teal_slot slot;
	__u32 place;
	int error = slot_read(t, table, key, &place, &slot);

	if (error)
		return error;
	if (!slot_is_free(&slot) && memcmp(&slot.key, key, sizeof(*key)) != 0) {
		if (slot.more)
			return 0;
		slot.more = 1;
		return slot_write(t, table, place, &slot);
	}
	slot.key = *key;
	if (table == TABLE_services)
		memcpy(&slot.service, row, sizeof(slot.service));
	else
		memcpy(&slot.endpoint, row, sizeof(slot.endpoint));
	return slot_write(t, table, place, &slot);
}

/* The place stays free until another key comes; `more` stays, for who else hashes there is not known here. */
int index_delete(const struct tables *t, enum table table, const struct teal_service_key *key)
{
	struct teal_slot slot;
	__u32 place;
	int error = slot_read(t, table, key, &place, &slot);

	if (error || memcmp(&slot.key, key, sizeof(*key)) != 0)
		return error;
	slot = (struct teal_slot){ .more = slot.more };
	return slot_write(t, table, place, &slot);
}

static int places_mend(const struct tables *t, enum table table)
{
	struct teal_service_key key, next;
	struct teal_endpoint row; /* the larger of the two */
	int error;

	for (error = table_next(t, table, NULL, &next); !error; error = table_next(t, table, &key, &next)) {
		key = next;
		error = table_get(t, table, &key, &row) ?: index_put(t, table, &key, &row);
		if (error)
			return error;
	}
	return error == -ENOENT ? 0 : error;
}

int index_mend(const struct tables *t, struct error *e)
{
	int error = places_mend(t, TABLE_services) ?: places_mend(t, TABLE_endpoints);

	return error ? error_set(e, EXIT_FAILED, -error, "cannot write the index of the tables: %s", strerror(-error)) : 0;
}
