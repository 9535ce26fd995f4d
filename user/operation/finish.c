/* SPDX-License-Identifier: GPL-2.0-only */
#include "operation/finish.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "operation/guard.h"
#include "operation/switch.h"
#include "operation/untold.h"
#include "table/slot.h"

#define WHY "the command that switched was killed before it could write down who it was, and why"

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

/* A service that was left. */
struct left {
	struct service *service;
	enum teal_color from; /* as the history has it */
	bool switched;	      /* since the books were written */
};

/* Whether it was left, and then its row is finished. */
static int row_check(const struct tables *t, const char *state_dir, struct service *s, struct record *record,
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
	return 0;
}

/* Its entry in the books, and with that what the history is to say. */
static int entry_finish(const struct tables *t, const struct left *left, struct record *record, struct error *e)
{
	const struct service *s = left->service;
	struct history_entry line = { .service = s->info.name, .from = left->from, .to = s->info.active, .why = WHY,
				      .generation = s->info.generation, .by_nobody = true };
	struct record_service *entry = switch_entry(record, s);
	int error = left->switched ? color_flows(t, s->id, left->from, &line.connections, e) : 0;

	if (error || (entry && !left->switched))
		return error;
	if (entry) {
		free(entry->untold);
		entry->untold = history_line(&line);
	}
	return entry && entry->untold ? 0 : error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
}

/* Rows, then books, then history. */
static int left_finish(const struct tables *t, const char *state_dir, struct service *list, unsigned int count,
		       struct record *record, struct left *left, unsigned int *ret_used, struct error *unwritten,
		       struct error *e)
{
	unsigned int used = 0;
	int error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		bool is_left = false;

		error = row_check(t, state_dir, &list[i], record, &left[used], &is_left, e);
		used += is_left;
	}
	untold_tell(state_dir, record, unwritten);
	for (unsigned int i = 0; i < used && !error; i++)
		error = entry_finish(t, &left[i], record, e);
	if (!error && used)
		error = record_check(state_dir, e) ?: record_write(state_dir, record, e);
	if (error)
		return error;
	*ret_used = used;
	untold_tell(state_dir, record, unwritten);
	return 0;
}

static int finish(const struct tables *t, const char *state_dir, struct service *list, unsigned int count,
		  finish_tell *tell, void *argument, struct error *unwritten, struct error *e)
{
	_cleanup_free_ struct left *left = calloc(count + 1, sizeof(*left));
	struct record *record = NULL;
	unsigned int used = 0;
	int error;

	if (!left)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	error = record_read(state_dir, &record, e);
	if (!error)
		error = left_finish(t, state_dir, list, count, record, left, &used, unwritten, e);
	for (unsigned int i = 0; i < used && tell; i++)
		tell(argument, left[i].service, left[i].from, left[i].switched);
	record_free(record);
	return error;
}

int finish_services(const struct tables *t, const char *state_dir, struct service *services, unsigned int count,
		    struct error *e)
{
	struct error unwritten = {};

	return finish(t, state_dir, services, count, NULL, NULL, &unwritten, e);
}

int finish_all(const struct tables *t, const char *state_dir, finish_tell *tell, void *argument, struct error *e)
{
	_cleanup_free_ struct service *list = NULL;
	struct error unwritten = {};
	unsigned int count = 0;
	int error = service_list(t, &list, &count, e);

	if (!error)
		error = finish(t, state_dir, list, count, tell, argument, &unwritten, e);
	if (!error && unwritten.text[0]) {
		*e = unwritten;
		error = -EIO;
	}
	return error;
}
