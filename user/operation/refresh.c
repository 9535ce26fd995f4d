// SPDX-License-Identifier: GPL-2.0-only
/* The tables of a service, made from its backends: who is down is left out, and only what differs is swapped in. */
#include "operation/services.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "operation/canary.h"
#include "operation/maglev.h"
#include "operation/preview.h"
#include "table/slot.h"

struct members {
	struct maglev_member *list;
	unsigned int count;
	unsigned int configured; /* those that are down included */
};

static void members_p(struct members *members)
{
	free(members->list);
}
#define _cleanup_members_ __attribute__((cleanup(members_p)))

/* Who gets new flows of a color: whoever is not down, and if all are, all or none. */
static int members_collect(const struct backend *list, unsigned int count, enum teal_color color, __u8 policy,
			   struct members *ret)
{
	unsigned int usable = 0;

	ret->list = calloc(count + 1, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		if (list[i].row.color != color || list[i].row.health == TEAL_REMOVED)
			continue;
		ret->configured++;
		usable += list[i].row.health != TEAL_DOWN;
	}
	for (unsigned int i = 0; i < count; i++) {
		struct maglev_member *member = &ret->list[ret->count];

		if (list[i].row.color != color || list[i].row.health == TEAL_REMOVED)
			continue;
		if (list[i].row.health == TEAL_DOWN && (usable || policy & TEAL_POLICY_REFUSE))
			continue;
		*member = (struct maglev_member){ .backend = list[i].id, .endpoint.port = list[i].row.port, .weight = 1 };
		memcpy(member->endpoint.address, list[i].row.address, sizeof(member->endpoint.address));
		ret->count++;
	}
	return 0;
}

/* The table of one color.  Without members its slots are all 0: new flows are refused.  Without backends there is none. */
static int color_table_make(const struct tables *t, struct slot_swaps *swaps, const struct service *s,
			    enum teal_color color, bool in_slot, const struct members *members)
{
	_cleanup_free_ __u32 *slots = NULL;
	__u32 size = maglev_size(members->configured), only = 0;
	struct teal_meta meta;
	int error;

	if (!members->configured)
		return slot_table_remove(t, s->info.name, color);
	slots = calloc(size, sizeof(*slots));
	error = slots ? table_get(t, TABLE_meta, &only, &meta) : -ENOMEM;
	if (!error && members->count)
		error = maglev_fill(members->list, members->count, meta.seed, slots, size);
	return error ?: slot_table_prepare(t, swaps, s->id, s->info.name, color, in_slot, slots, size);
}

static int tables_error(const struct service *s, int error, struct error *e)
{
	if (!error)
		return 0;
	return error_set(e, EXIT_FAILED, -error, "cannot write the tables of %s: %s", s->info.name, strerror(-error));
}

int service_tables_prepare(const struct tables *t, const struct service *s, const struct backend *list,
			   unsigned int count, struct slot_swaps *swaps, struct error *e)
{
	unsigned int in_slot = s->info.active;
	int error = slot_recover(t, s->id, s->info.name);

	slot_find(t, s->id, s->info.name, &in_slot); /* on failure: a new service's, which stands in no slot yet */
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS && !error; color++) {
		_cleanup_members_ struct members members = {};

		error = members_collect(list, count, color, s->info.policy, &members);
		if (!error)
			error = color_table_make(t, swaps, s, color, color == in_slot, &members);
	}
	if (!error)
		error = canary_follow(t, s, swaps);
	return tables_error(s, error, e);
}

int service_tables_follow(const struct tables *t, const struct service *s, struct error *e)
{
	return tables_error(s, preview_follow(t, s), e);
}

int service_tables_make(const struct tables *t, const struct service *s, const struct backend *list,
			unsigned int count, struct error *e)
{
	_cleanup_swaps_ struct slot_swaps swaps = {};
	int error = service_tables_prepare(t, s, list, count, &swaps, e);

	if (!error)
		error = tables_error(s, slots_swap(t, &swaps), e);
	if (!error)
		error = service_tables_follow(t, s, e);
	return error ?: tables_error(s, service_stale_set(t, s->id, false), e);
}

int service_tables_refresh(const struct tables *t, const struct service *s, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count = 0;
	int error = backend_list(t, s->id, &list, &count, e);

	return error ?: service_tables_make(t, s, list, count, e);
}
