// SPDX-License-Identifier: GPL-2.0-only
#include "operation/switch.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/interrupt.h"
#include "operation/finish.h"
#include "operation/health.h"
#include "operation/history.h"
#include "operation/reset.h"
#include "operation/untold.h"
#include "table/slot.h"

int switch_check(const struct tables *t, const struct service *s, enum teal_color color, bool force, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count, configured = 0, usable = 0;
	char reasons[300];
	int error = backend_list(t, s->id, &list, &count, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < count; i++) {
		if (list[i].row.color != color || list[i].row.health == TEAL_REMOVED)
			continue;
		configured++;
		usable += list[i].row.health != TEAL_DOWN;
	}
	if (!configured)
		return error_set(e, EXIT_REFUSED, ENOENT,
				 "%s of %s has no backend: give it some with 'teal backends %s %s ADDRESS:PORT...'",
				 color_name(color), s->info.name, s->info.name, color_name(color));
	if (!usable && !force)
		return error_set(e, EXIT_REFUSED, EHOSTDOWN,
				 "none of the %u backends of %s of %s is up: %s; mend them, or go on all the same with "
				 "--force",
				 configured, color_name(color), s->info.name,
				 health_reasons(t, list, count, color, reasons, sizeof(reasons)));
	return 0;
}

struct record_service *switch_entry(struct record *record, const struct service *s)
{
	struct record_service *entry = record_obtain(record, s->info.name);

	if (!entry)
		return NULL;
	entry->active = s->info.active;
	entry->previous = s->info.previous;
	entry->generation = s->info.generation;
	entry->switched_at = s->info.switched_at;
	entry->canary = s->info.canary;
	entry->canary_percent = s->info.canary_percent;
	return entry;
}

static int entry_write(struct record *record, const struct service *s, const char *line)
{
	struct record_service *entry = switch_entry(record, s);
	char *copy = entry && line ? strdup(line) : NULL;

	if (!entry || (line && !copy))
		return -ENOMEM;
	if (line) {
		free(entry->untold);
		entry->untold = copy;
	}
	return 0;
}

/* All of them in one file, written once. */
int switch_record_all(const char *state_dir, const struct service *services, char *const *lines, unsigned int count,
		      struct error *e)
{
	struct error untold = {};
	struct record *record;
	int error = record_read(state_dir, &record, e);

	if (error)
		return error;
	untold_tell(state_dir, record, &untold); /* what cannot be told now stays in the books */
	for (unsigned int i = 0; i < count && !error; i++)
		if (entry_write(record, &services[i], lines ? lines[i] : NULL))
			error = error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	if (!error)
		error = record_write(state_dir, record, e);
	record_free(record);
	return error;
}

int switch_record(const char *state_dir, const struct service *s, struct error *e)
{
	return switch_record_all(state_dir, s, NULL, 1, e);
}

/* The step itself, then the row that people read.  A switch that only ends a canary does not count as one. */
static int switch_tables(const struct tables *t, struct service *s, const struct switch_request *request,
			 unsigned int before, struct error *e)
{
	enum teal_color color = request->color;
	__u32 id = s->id;
	int error = slot_put(t, s->id, s->info.name, color);

	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot switch %s to %s: %s; nothing was changed", s->info.name,
				 color_name(color), strerror(-error));
	if (s->info.active != color || before != SLOT_CANARY) {
		s->info.generation++;
		s->info.switched_at = time(NULL);
		s->info.guard_until = request->guard_until;
	}
	if (s->info.active != color) {
		s->info.previous = s->info.active;
		s->info.active = color;
	}
	s->info.canary = TEAL_NO_COLOR;
	s->info.canary_percent = 0;
	error = table_put(t, TABLE_service_info, &id, &s->info);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the row of %s in service_info: %s; nothing was changed",
				 s->info.name, strerror(-error));
	return 0;
}

/* What a service was before it was touched. */
struct before {
	struct service service;
	unsigned int table; /* in its slot; SLOT_TABLES: none */
	bool touched;
};

static int switch_undo(const struct tables *t, const struct before *before)
{
	const struct service *s = &before->service;
	__u32 id = s->id;
	int error = 0;

	/* Before the slot: while it holds the canary's table, service_info tells whose that is. */
	error = table_put(t, TABLE_service_info, &id, &s->info);
	if (!error)
		error = before->table == SLOT_TABLES ? slot_clear(t, s->id) :
						       slot_put(t, s->id, s->info.name, before->table);
	return error;
}

/* Puts back whatever was touched, the last first.  Should that fail, the sentence says so besides the cause. */
static void services_undo(const struct tables *t, const struct before *before, unsigned int count, struct error *e)
{
	const struct error cause = *e;

	for (unsigned int i = count; i-- > 0;) {
		int error = before[i].touched ? switch_undo(t, &before[i]) : 0;

		if (!error)
			continue;
		*e = (struct error){};
		error_set(e, cause.code, -error, "%.300s (and %s could not be put back: %s)", cause.text,
			  before[i].service.info.name, strerror(-error));
	}
}

/* Swaps every slot that has to be.  The order of service_info and slot is that of a single switch. */
static int services_swap(const struct tables *t, struct service *services, unsigned int count,
			 const struct switch_request *request, struct before *before, bool *ret_changed, struct error *e)
{
	int error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		struct service *s = &services[i];

		before[i] = (struct before){ .service = *s, .table = SLOT_TABLES };
		slot_recover(t, s->id, s->info.name);
		slot_find(t, s->id, s->info.name, &before[i].table);
		if (s->info.active == request->color && before[i].table == (unsigned int)request->color)
			continue;
		error = reset_clear(t, s, request->color, e);
		if (error)
			break;
		before[i].touched = *ret_changed = true;
		error = switch_tables(t, s, request, before[i].table, e);
	}
	return error;
}

static int services_check(const struct tables *t, const char *state_dir, const struct service *services,
			  unsigned int count, enum teal_color color, bool force, struct error *e)
{
	int error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		for (unsigned int n = 0; n < i; n++)
			if (services[n].id == services[i].id)
				return error_set(e, EXIT_USAGE, EINVAL, "'%s' is named twice: leave one out",
						 services[i].info.name);
		error = switch_check(t, &services[i], color, force, e);
	}
	return error ?: record_check(state_dir, e);
}

/* What is to be said of them: results and, of those that were switched, the history's lines. */
static int results_make(const struct tables *t, const struct service *services, unsigned int count,
			const struct switch_request *request, const struct before *before, struct switch_result *ret,
			char **lines, struct error *e)
{
	for (unsigned int i = 0; i < count; i++) {
		const struct service *s = &services[i], *was = &before[i].service;
		struct history_entry entry = { .service = s->info.name, .to = request->color, .why = request->why,
					       .generation = s->info.generation };
		int error;

		ret[i] = (struct switch_result){ .from = was->info.active, .to = request->color,
						 .canary = was->info.canary, .generation = s->info.generation };
		entry.from = ret[i].from == ret[i].to ? color_other(ret[i].to) : ret[i].from;
		error = ret[i].from == ret[i].to ? 0 : color_flows(t, s->id, ret[i].from, &ret[i].draining, e);
		if (error)
			return error;
		if (was->info.generation == s->info.generation)
			continue;
		entry.connections = ret[i].draining;
		lines[i] = history_line(&entry);
		if (!lines[i])
			return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	}
	return 0;
}

/* All that can be undone: slots, rows and books. */
static int services_put(const struct tables *t, const char *state_dir, struct service *services, unsigned int count,
			const struct switch_request *request, struct switch_result *ret, char **lines, struct error *e)
{
	_cleanup_free_ struct before *before = calloc(count, sizeof(*before));
	bool changed = false;
	int error;

	if (!before)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	error = services_swap(t, services, count, request, before, &changed, e);
	if (!error)
		error = results_make(t, services, count, request, before, ret, lines, e);
	if (!error && changed)
		error = switch_record_all(state_dir, services, lines, count, e);
	if (!error)
		return 0;
	services_undo(t, before, count, e);
	for (unsigned int i = 0; i < count; i++)
		if (before[i].touched)
			services[i] = before[i].service;
	return error;
}

static int services_switch(const struct tables *t, const char *state_dir, struct service *services, unsigned int count,
			   const struct switch_request *request, struct switch_result *ret, struct error *e)
{
	char **lines = calloc(count + 1, sizeof(*lines));
	__u64 began = table_clock();
	int error;

	if (!lines)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	error = services_check(t, state_dir, services, count, request->color, request->force, e);
	if (!error)
		error = finish_services(t, state_dir, services, count, e);
	if (!error)
		error = services_put(t, state_dir, services, count, request, ret, lines, e);
	for (unsigned int i = 0; i < count && !error; i++) {
		slot_table_remove(t, services[i].info.name, SLOT_CANARY); /* of no use any more, and of no harm */
		if (lines[i])
			history_append(state_dir, lines[i], &ret[i].unwritten);
		ret[i].milliseconds = (table_clock() - began) / 1e6;
	}
	for (unsigned int i = 0; i < count; i++)
		free(lines[i]);
	free(lines);
	return error;
}

int switch_services(const struct tables *t, const char *state_dir, struct service *services, unsigned int count,
		    const struct switch_request *request, struct switch_result *ret, struct error *e)
{
	_cleanup_interrupts_ sigset_t before = interrupts_hold();

	return services_switch(t, state_dir, services, count, request, ret, e);
}

int switch_color(const struct tables *t, const char *state_dir, struct service *s, const struct switch_request *request,
		 struct switch_result *ret, struct error *e)
{
	return switch_services(t, state_dir, s, 1, request, ret, e);
}
