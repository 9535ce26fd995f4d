// SPDX-License-Identifier: GPL-2.0-only
#include "operation/switch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "operation/health.h"
#include "operation/history.h"
#include "operation/reset.h"
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

/* All of them in one file, written once. */
int switch_record_all(const char *state_dir, const struct service *services, unsigned int count, struct error *e)
{
	struct record *record;
	int error = record_read(state_dir, &record, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < count && !error; i++)
		if (!switch_entry(record, &services[i]))
			error = error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	if (!error)
		error = record_write(state_dir, record, e);
	record_free(record);
	return error;
}

int switch_record(const char *state_dir, const struct service *s, struct error *e)
{
	return switch_record_all(state_dir, s, 1, e);
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

/* Whether slot and row say that color: a switch that was killed between the two left them apart. */
static bool is_switched(const struct tables *t, const struct service *s, unsigned int table, enum teal_color color)
{
	struct teal_service_info row;
	__u32 id = s->id;

	return table == (unsigned int)color && !table_get(t, TABLE_service_info, &id, &row) && row.active == color;
}

/* The same of the books. */
static bool is_recorded(const char *state_dir, const struct service *s)
{
	struct record *record = NULL;
	struct error ignored = {};
	const struct record_service *entry =
		record_read(state_dir, &record, &ignored) ? NULL : record_find(record, s->info.name);
	bool recorded = entry && entry->active == s->info.active && entry->generation == s->info.generation &&
			entry->canary == s->info.canary;

	record_free(record);
	return recorded;
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
static int services_swap(const struct tables *t, const char *state_dir, struct service *services, unsigned int count,
			 const struct switch_request *request, struct before *before, bool *ret_changed, struct error *e)
{
	int error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		struct service *s = &services[i];

		before[i] = (struct before){ .service = *s, .table = SLOT_TABLES };
		slot_recover(t, s->id, s->info.name);
		slot_find(t, s->id, s->info.name, &before[i].table);
		if (is_switched(t, s, before[i].table, request->color)) {
			*ret_changed |= !is_recorded(state_dir, s);
			continue;
		}
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

/* Durable in the books already, so that a history that cannot be written is only told of. */
static void switch_tell(const char *state_dir, const struct service *s, const char *why, struct switch_result *result)
{
	const struct history_entry entry = {
		.service = s->info.name,
		.from = result->from == result->to ? color_other(result->to) : result->from,
		.to = result->to,
		.why = why,
		.generation = result->generation,
		.connections = result->draining,
	};

	history_append(state_dir, &entry, &result->unwritten);
}

static int services_switch(const struct tables *t, const char *state_dir, struct service *services, unsigned int count,
			   const struct switch_request *request, struct switch_result *ret, struct error *e)
{
	enum teal_color color = request->color;
	_cleanup_free_ struct before *before = calloc(count, sizeof(*before));
	__u64 began = table_clock();
	bool changed = false;
	int error;

	if (!before)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	error = services_check(t, state_dir, services, count, color, request->force, e);
	if (error)
		return error;
	error = services_swap(t, state_dir, services, count, request, before, &changed, e);
	if (!error && changed)
		error = switch_record_all(state_dir, services, count, e);
	if (error) {
		services_undo(t, before, count, e);
		for (unsigned int i = 0; i < count; i++)
			if (before[i].touched)
				services[i] = before[i].service;
		return error;
	}
	for (unsigned int i = 0; i < count && !error; i++) {
		struct service *s = &services[i];

		ret[i] = (struct switch_result){ .from = before[i].service.info.active,
						 .to = color,
						 .canary = before[i].service.info.canary,
						 .generation = s->info.generation };
		slot_table_remove(t, s->info.name, SLOT_CANARY); /* of no use any more, and of no harm */
		if (ret[i].from != color)
			error = color_flows(t, s->id, ret[i].from, &ret[i].draining, e);
		if (before[i].service.info.generation != s->info.generation)
			switch_tell(state_dir, s, request->why, &ret[i]);
	}
	for (unsigned int i = 0; i < count; i++)
		ret[i].milliseconds = (table_clock() - began) / 1e6;
	return error;
}

int switch_services(const struct tables *t, const char *state_dir, struct service *services, unsigned int count,
		    const struct switch_request *request, struct switch_result *ret, struct error *e)
{
	sigset_t held, before;
	int error;

	/* Between the slot and the books an impatient ^C would leave a reboot with the old color: it has to wait. */
	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &held, &before);
	error = services_switch(t, state_dir, services, count, request, ret, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int switch_color(const struct tables *t, const char *state_dir, struct service *s, const struct switch_request *request,
		 struct switch_result *ret, struct error *e)
{
	return switch_services(t, state_dir, s, 1, request, ret, e);
}
