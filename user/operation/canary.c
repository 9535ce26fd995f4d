// SPDX-License-Identifier: GPL-2.0-only
#include "operation/canary.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/interrupt.h"
#include "operation/finish.h"
#include "operation/reset.h"
#include "operation/switch.h"
#include "table/slot.h"

/* As many ranks as the smallest table has slots: a slot's rank does not change when a table grows. */
#define RANK_BITS 12
#define RANKS (1U << RANK_BITS)

/*
 * The order in which slots become the canary's: all of 0..RANKS-1, mixed, or a backend whose slots lie in one row would
 * give more than its part.  Every step can be undone, so no two slots share a rank (the finalizer of MurmurHash3 by Austin
 * Appleby, public domain, on fewer bits).
 */
static __u32 slot_rank(__u32 slot)
{
	__u32 rank = slot & (RANKS - 1);

	rank ^= rank >> (RANK_BITS / 2);
	rank = rank * 0x85ebca6bU & (RANKS - 1);
	rank ^= rank >> (RANK_BITS / 2 - 1);
	rank = rank * 0xc2b2ae35U & (RANKS - 1);
	return rank ^ rank >> (RANK_BITS / 2);
}

void canary_blend(const struct slots *active, const struct slots *canary, unsigned int percent, struct slots *ret)
{
	const __u32 below = (percent * RANKS + 50) / 100;

	for (__u32 i = 0; i < ret->size; i++) {
		const __u32 id = canary->ids[i & (canary->size - 1)];

		ret->ids[i] = id && slot_rank(i) < below ? id : active->ids[i & (active->size - 1)];
	}
}

/* Makes the table, for the slot.  Returns 0, -ENOENT if a color has no table, or another negative errno. */
static int canary_make(const struct tables *t, const struct service *s, const struct teal_service_info *info,
		       struct slot_swaps *swaps)
{
	_cleanup_free_ __u32 *ids = NULL, *active_ids = NULL, *canary_ids = NULL;
	struct slots active = {}, canary = {}, both = {};
	int error = slot_table_read(t, s->info.name, info->active, &active_ids, &active.size);

	if (!error)
		error = slot_table_read(t, s->info.name, info->canary, &canary_ids, &canary.size);
	if (error)
		return error;
	active.ids = active_ids;
	canary.ids = canary_ids;
	both.size = active.size > canary.size ? active.size : canary.size;
	both.ids = ids = calloc(both.size, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	canary_blend(&active, &canary, info->canary_percent, &both);
	return slot_table_prepare(t, swaps, s->id, s->info.name, SLOT_CANARY, true, both.ids, both.size);
}

/* The active color's table takes the slot, then service_info says so. */
static int canary_take_back(const struct tables *t, const struct service *s, struct teal_service_info *info)
{
	__u32 id = s->id;
	int error = slot_put(t, s->id, s->info.name, info->active);

	if (error)
		return error;
	info->canary = TEAL_NO_COLOR;
	info->canary_percent = 0;
	error = table_put(t, TABLE_service_info, &id, info);
	return error ?: slot_table_remove(t, s->info.name, SLOT_CANARY);
}

int canary_follow(const struct tables *t, const struct service *s, struct slot_swaps *swaps)
{
	struct teal_service_info info;
	unsigned int table;
	__u32 id = s->id;
	int error;

	if (slot_find(t, s->id, s->info.name, &table) || table != SLOT_CANARY)
		return 0;
	error = table_get(t, TABLE_service_info, &id, &info);
	if (!error)
		error = canary_make(t, s, &info, swaps);
	return error == -ENOENT ? canary_take_back(t, s, &info) : error;
}

/*
 * Has the service the canary that `info` names, or none.  service_info is written before the slot when there is to be
 * one, and after it when not: while the canary's table stands in the slot, service_info tells whose it is.
 */
static int canary_put(const struct tables *t, const struct service *s, const struct teal_service_info *info)
{
	_cleanup_swaps_ struct slot_swaps swaps = {};
	struct teal_service_info row = *info;
	__u32 id = s->id;
	int error;

	if (info->canary == TEAL_NO_COLOR)
		return canary_take_back(t, s, &row);
	error = table_put(t, TABLE_service_info, &id, info);
	if (!error)
		error = slot_recover(t, s->id, s->info.name);
	if (!error)
		error = canary_make(t, s, info, &swaps);
	return error ?: slots_swap(t, &swaps);
}

/* From what s->info says to what `info` says, and into the books; or all stays as it was. */
static int canary_change(const struct tables *t, const char *state_dir, struct service *s,
			 const struct teal_service_info *info, struct error *e)
{
	_cleanup_interrupts_ sigset_t before = interrupts_hold();
	struct service changed = *s;
	int error;

	changed.info = *info;
	error = canary_put(t, s, info);
	if (error)
		error = error_set(e, EXIT_FAILED, -error, "cannot change the canary of %s: %s; it is what it was",
				  s->info.name, strerror(-error));
	else
		error = switch_record(state_dir, &changed, e);
	if (error)
		canary_put(t, s, &s->info);
	else
		*s = changed;
	return error;
}

int canary_set(const struct tables *t, const char *state_dir, struct service *s, enum teal_color color,
	       unsigned int percent, bool force, struct error *e)
{
	struct teal_service_info info;
	int error;

	if (color == s->info.active)
		return error_set(e, EXIT_REFUSED, EBUSY,
				 "%s is the active color of %s and gets all new connections but a canary's: name the other color",
				 color_name(color), s->info.name);
	error = switch_check(t, s, color, force, e);
	if (!error)
		error = record_check(state_dir, e);
	if (!error)
		error = finish_services(t, state_dir, s, 1, e);
	if (!error)
		error = reset_clear(t, s, color, e);
	if (error || (s->info.canary == color && s->info.canary_percent == percent))
		return error;
	info = s->info;
	info.canary = color;
	info.canary_percent = (__u8)percent;
	return canary_change(t, state_dir, s, &info, e);
}

int canary_end(const struct tables *t, const char *state_dir, struct service *s, struct error *e)
{
	struct teal_service_info info;
	int error;

	if (s->info.canary == TEAL_NO_COLOR)
		return 0;
	error = record_check(state_dir, e);
	if (!error)
		error = finish_services(t, state_dir, s, 1, e);
	if (error)
		return error;
	info = s->info;
	info.canary = TEAL_NO_COLOR;
	info.canary_percent = 0;
	return canary_change(t, state_dir, s, &info, e);
}
