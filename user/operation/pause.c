// SPDX-License-Identifier: GPL-2.0-only
#include "operation/pause.h"

#include <errno.h>
#include <string.h>

#include "operation/services.h"

/* The time is written before the flag that says to look at it. */
int pause_set(const struct tables *t, struct service *s, unsigned int seconds, struct error *e)
{
	const struct teal_pause row = { .until = table_clock() + seconds * 1000000000ULL };
	__u32 id = s->id;
	int error = table_put(t, TABLE_pauses, &id, &row);

	if (!error)
		error = service_flags_change(t, s, TEAL_SERVICE_PAUSED, 0);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot pause %s: %s", s->info.name, strerror(-error));
	return 0;
}

int pause_forget(const struct tables *t, const struct service *s)
{
	const struct teal_pause never = {};
	struct service changed = *s;
	__u32 id = s->id;
	int error = table_put(t, TABLE_pauses, &id, &never); /* with this it is over, flag or no flag */

	return error ?: service_flags_change(t, &changed, 0, TEAL_SERVICE_PAUSED);
}

int pause_end(const struct tables *t, struct service *s, struct error *e)
{
	int error = s->flags & TEAL_SERVICE_PAUSED ? pause_forget(t, s) : 0;

	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot resume %s: %s", s->info.name, strerror(-error));
	s->flags &= ~TEAL_SERVICE_PAUSED;
	return 0;
}

__u64 pause_left(const struct tables *t, const struct service *s)
{
	const __u64 now = table_clock();
	struct teal_pause row;
	__u32 id = s->id;

	if (!(s->flags & TEAL_SERVICE_PAUSED) || table_get(t, TABLE_pauses, &id, &row))
		return 0;
	return row.until > now ? row.until - now : 0;
}

int pauses_tidy(const struct tables *t, const struct teal_service_key *keys, const struct teal_service *rows,
		unsigned int count)
{
	int error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		struct service s = { .id = rows[i].id, .flags = rows[i].flags };
		struct teal_service row = rows[i];

		row.flags &= ~TEAL_SERVICE_PAUSED;
		if (row.flags != rows[i].flags && !pause_left(t, &s))
			error = table_put(t, TABLE_services, &keys[i], &row);
	}
	return error;
}
