// SPDX-License-Identifier: GPL-2.0-only
#include "operation/health.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "operation/services.h"

/* The row as it is to be.  Returns false if it is not the one that was checked any more, or is so already. */
static bool row_change(struct teal_backend *row, const struct service *s, const struct health_change *change)
{
	if (row->service != s->id || row->port != change->endpoint.port ||
	    memcmp(row->address, change->endpoint.address, sizeof(row->address)) != 0)
		return false;
	if (row->health == TEAL_REMOVED || row->health == change->health)
		return false;
	row->health = change->health;
	row->reset = change->health == TEAL_DOWN && s->info.policy & TEAL_POLICY_RESET;
	return true;
}

/* Counts who is left, and makes the tables of them. */
static int tables_follow(const struct tables *t, const struct service *s, struct health_outcome *ret, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	struct health_outcome outcome = { .policy = s->info.policy };
	unsigned int count = 0;
	int error = backend_list(t, s->id, &list, &count, e);

	if (!error)
		error = service_tables_make(t, s, list, count, e);
	if (error)
		return error;
	for (unsigned int i = 0; i < count; i++) {
		if (list[i].row.health == TEAL_REMOVED)
			continue;
		outcome.configured[list[i].row.color]++;
		outcome.usable[list[i].row.color] += list[i].row.health != TEAL_DOWN;
	}
	*ret = outcome;
	return 0;
}

int health_write(const struct tables *t, const char *service, const struct health_change *changes, unsigned int count,
		 struct health_outcome *ret, struct error *e)
{
	struct service s;
	int error = service_find(t, service, &s, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < count && !error; i++) {
		struct teal_backend row;

		error = table_get(t, TABLE_backends, &changes[i].backend, &row);
		if (error || !row_change(&row, &s, &changes[i]))
			continue;
		error = service_stale_set(t, s.id, true);
		if (!error)
			error = table_put(t, TABLE_backends, &changes[i].backend, &row);
	}
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the health of %s: %s", service, strerror(-error));
	return tables_follow(t, &s, ret, e);
}

const char *health_reasons(const struct tables *t, const struct backend *list, unsigned int count,
			   enum teal_color color, char *text, size_t size)
{
	const size_t rest = sizeof(" and 4294967295 more");
	unsigned int more = 0;
	size_t at = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < count; i++) {
		struct endpoint endpoint = { .port = list[i].row.port };
		char one[TEAL_REASON_SIZE + ADDRESS_TEXT_SIZE + 8], address[ADDRESS_TEXT_SIZE];
		struct teal_check check = {};

		if (list[i].row.color != color || list[i].row.health != TEAL_DOWN)
			continue;
		memcpy(endpoint.address, list[i].row.address, sizeof(endpoint.address));
		table_get(t, TABLE_checks, &list[i].id, &check);
		check.reason[sizeof(check.reason) - 1] = '\0';
		snprintf(one, sizeof(one), "%s%s%s%s%s", at ? ", " : "", endpoint_format(&endpoint, address),
			 check.reason[0] ? " (" : "", check.reason, check.reason[0] ? ")" : "");
		if (more || at + strlen(one) + rest > size)
			more++;
		else
			at = (size_t)(stpcpy(text + at, one) - text);
	}
	if (more)
		snprintf(text + at, size - at, "%s%u more", at ? " and " : "", more);
	return text;
}

int health_forget(const struct tables *t, struct roster *roster, struct service *s, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	const struct teal_check never = {};
	unsigned int count = 0;
	int error = roster_list(roster, s->id, 0, &list, &count);

	for (unsigned int i = 0; i < count && !error; i++) {
		if (list[i].row.health != TEAL_UP && list[i].row.health != TEAL_DOWN)
			continue;
		if (list[i].row.health == TEAL_DOWN)
			list[i].row.reset = 0;
		list[i].row.health = TEAL_UNKNOWN;
		s->info.stale = true;
		error = service_stale_set(t, s->id, true);
		if (!error)
			error = roster_put(t, roster, &list[i]);
		if (!error)
			error = table_put(t, TABLE_checks, &list[i].id, &never);
	}
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the health of %s: %s", s->info.name,
				 strerror(-error));
	return 0;
}
