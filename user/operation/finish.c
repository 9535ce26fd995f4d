/* SPDX-License-Identifier: GPL-2.0-only */
#include "operation/finish.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "operation/guard.h"
#include "operation/switch.h"
#include "table/slot.h"

#define WHY "the command that switched was killed before it could write this down: teald has done so"

bool finish_is_recorded(const struct teal_service_info *row, const struct record_service *entry)
{
	return entry && entry->active == row->active && entry->previous == row->previous &&
	       entry->generation == row->generation && entry->canary == row->canary &&
	       (row->canary == TEAL_NO_COLOR || entry->canary_percent == row->canary_percent);
}

bool finish_is_in_slot(const struct tables *t, __u16 service, const struct teal_service_info *row)
{
	unsigned int table;

	if (slot_find(t, service, row->name, &table))
		return true; /* none, or nobody's: there is nothing to follow */
	return table == SLOT_CANARY ? row->canary != TEAL_NO_COLOR :
				      row->active == table && row->canary == TEAL_NO_COLOR;
}

/* Until when the switch was to be guarded: whoever made it wrote that down before.  0: it was not. */
static __u64 guard_until(const char *state_dir, const struct teal_service_info *row)
{
	struct guard guard;
	__u64 until = 0;

	if (guard_read(state_dir, row->name, &guard))
		return 0;
	if (guard.generation == row->generation && guard.color == row->active && guard.outcome == GUARD_WATCHING)
		until = guard.until;
	guard_free(&guard);
	return until;
}

/* The row follows the slot; s->info is as the slot has it already, but counts no switch yet. */
static int row_finish(const struct tables *t, const char *state_dir, struct service *s, const struct teal_service_info *row)
{
	__u32 id = s->id;

	if (s->info.active != row->active) {
		s->info.generation++;
		s->info.switched_at = time(NULL);
		s->info.guard_until = guard_until(state_dir, &s->info);
	}
	return table_put(t, TABLE_service_info, &id, &s->info);
}

/* A service that was left, beside what the books said of it. */
struct left {
	struct service *service;
	enum teal_color from;
	bool switched;
};

/* Whether it was left, and then its row is finished and its entry made. */
static int service_finish(const struct tables *t, const char *state_dir, struct service *s, struct record *record,
			  struct left *left, bool *ret_left, struct error *e)
{
	const struct record_service *entry;
	struct teal_service_info row;
	__u32 id = s->id;
	int error = table_get(t, TABLE_service_info, &id, &row);
	const bool follows = !error && (row.active != s->info.active || row.canary != s->info.canary);

	if (!error && follows)
		error = row_finish(t, state_dir, s, &row);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the row of %s in service_info: %s", s->info.name,
				 strerror(-error));
	entry = record_find(record, s->info.name);
	*ret_left = follows || !finish_is_recorded(&s->info, entry);
	if (!*ret_left)
		return 0;
	left->service = s;
	left->switched = entry && s->info.generation > entry->generation;
	left->from = entry && entry->active != s->info.active ? entry->active : color_other(s->info.active);
	return switch_entry(record, s) ? 0 : error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
}

static int service_tell(const struct tables *t, const char *state_dir, const struct left *left, struct error *e)
{
	const struct service *s = left->service;
	struct history_entry entry = {
		.service = s->info.name, .from = left->from, .to = s->info.active, .why = WHY, .generation = s->info.generation
	};
	int error = left->switched ? color_flows(t, s->id, left->from, &entry.connections, e) : 0;

	return error || !left->switched ? error : history_append(state_dir, &entry, e);
}

/* Durable in the books already: a history that cannot be written keeps nobody else out of it. */
static int services_tell(const struct tables *t, const char *state_dir, const struct left *left, unsigned int count,
			 finish_tell *tell, void *argument, struct error *e)
{
	int error = 0;

	for (unsigned int i = 0; i < count; i++) {
		int told = service_tell(t, state_dir, &left[i], e);

		error = error ?: told;
		tell(argument, left[i].service, left[i].from, left[i].switched);
	}
	return error;
}

int finish_all(const struct tables *t, const char *state_dir, finish_tell *tell, void *argument, struct error *e)
{
	_cleanup_free_ struct service *list = NULL;
	_cleanup_free_ struct left *left = NULL;
	struct record *record = NULL;
	unsigned int count = 0, used = 0;
	int error = service_list(t, &list, &count, e);

	if (error)
		return error;
	left = calloc(count + 1, sizeof(*left));
	if (!left)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	error = record_read(state_dir, &record, e);
	for (unsigned int i = 0; i < count && !error; i++) {
		bool is_left = false;

		error = service_finish(t, state_dir, &list[i], record, &left[used], &is_left, e);
		used += is_left;
	}
	if (!error && used)
		error = record_check(state_dir, e) ?: record_write(state_dir, record, e);
	record_free(record);
	return error ?: services_tell(t, state_dir, left, used, tell, argument, e);
}
