// SPDX-License-Identifier: GPL-2.0-only
#include "operation/switch.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "operation/health.h"
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

int switch_record(const char *state_dir, const struct service *s, struct error *e)
{
	struct record_service *entry;
	struct record *record;
	int error = record_read(state_dir, &record, e);

	if (error)
		return error;
	entry = record_obtain(record, s->info.name);
	if (entry) {
		entry->active = s->info.active;
		entry->previous = s->info.previous;
		entry->generation = s->info.generation;
		entry->switched_at = s->info.switched_at;
		error = record_write(state_dir, record, e);
	} else {
		error = error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	}
	record_free(record);
	return error;
}

/* The step itself, then the row that people read. */
static int switch_tables(const struct tables *t, struct service *s, enum teal_color color, struct error *e)
{
	__u32 id = s->id;
	int error = slot_put(t, s->id, s->info.name, color);

	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot switch %s: %s; nothing was changed", s->info.name,
				 strerror(-error));
	if (s->info.active != color) {
		s->info.previous = s->info.active;
		s->info.active = color;
	}
	s->info.generation++;
	s->info.switched_at = time(NULL);
	error = table_put(t, TABLE_service_info, &id, &s->info);
	if (error)
		return error_set(e, EXIT_FAILED, -error,
				 "%s was switched to %s, but its row in service_info could not be written: %s",
				 s->info.name, color_name(color), strerror(-error));
	return 0;
}

int switch_color(const struct tables *t, const char *state_dir, struct service *s, enum teal_color color, bool force,
		 struct switch_result *ret, struct error *e)
{
	struct switch_result result = { .from = s->info.active, .to = color };
	__u64 began = table_clock();
	enum teal_color slot;
	int error = switch_check(t, s, color, force, e);

	if (!error)
		error = record_check(state_dir, e);
	if (!error)
		slot_recover(t, s->id, s->info.name);
	if (!error && (slot_get(t, s->id, s->info.name, &slot) || slot != color)) {
		error = switch_tables(t, s, color, e);
		if (!error)
			error = switch_record(state_dir, s, e);
	}
	if (!error && result.from != color)
		error = color_flows(t, s->id, result.from, &result.draining, e);
	if (error)
		return error;
	result.generation = s->info.generation;
	result.milliseconds = (table_clock() - began) / 1e6;
	*ret = result;
	return 0;
}
