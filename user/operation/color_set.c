// SPDX-License-Identifier: GPL-2.0-only
#include "operation/color_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/interrupt.h"
#include "operation/record.h"

int color_set_parse(const struct service *s, char **texts, int count, struct endpoint *to, struct error *e)
{
	for (int i = 0; i < count; i++) {
		if (endpoint_parse(texts[i], &to[i]))
			return error_set(e, EXIT_USAGE, EINVAL,
					 "'%s' is no backend: write ADDRESS:PORT, or [ADDRESS]:PORT for IPv6", texts[i]);
		if (address_is_ipv4(to[i].address) != address_is_ipv4(s->listen.address))
			return error_set(e, EXIT_USAGE, EAFNOSUPPORT,
					 "'%s' is of another address family than %s listens on: give it a backend of the same",
					 texts[i], s->info.name);
		if (!address_is_reachable(to[i].address))
			return error_set(e, EXIT_USAGE, EADDRNOTAVAIL,
					 "'%s' is an address that packets of other hosts cannot go to: let the backend listen on "
					 "another one, and name that",
					 texts[i]);
		for (int n = 0; n < i; n++)
			if (!memcmp(&to[n], &to[i], sizeof(*to)))
				return error_set(e, EXIT_USAGE, EINVAL, "'%s' is named twice: leave one out", texts[i]);
	}
	return 0;
}

/* A packet from where a service listens would be nobody's to tell: its answer, or a backend's? */
static int listen_check(const struct tables *t, const struct service *s, const struct backend_set *set, struct error *e)
{
	for (unsigned int i = 0; i < set->count; i++) {
		struct teal_service_info info = {};
		struct teal_service_key key;
		struct teal_service row;
		char text[ADDRESS_TEXT_SIZE];
		__u32 id;

		service_key_set(&key, &set->endpoints[i], s->protocol);
		if (table_get(t, TABLE_services, &key, &row))
			continue;
		id = row.id;
		table_get(t, TABLE_service_info, &id, &info);
		return error_set(e, EXIT_REFUSED, EEXIST,
				 "%s is where %s listens, so it cannot be a backend of %s (the packets would go round): give it "
				 "another address or port",
				 listen_format(&set->endpoints[i], s->protocol, text), info.name, s->info.name);
	}
	return 0;
}

/* One endpoint in both colors would leave no way to tell whose packet comes back. */
static int set_check(const struct service *s, enum teal_color color, const struct backend_set sets[TEAL_COLORS],
		     struct error *e)
{
	const struct backend_set *own = &sets[color], *other = &sets[color_other(color)];
	char text[ADDRESS_TEXT_SIZE];

	for (unsigned int i = 0; i < own->count; i++)
		for (unsigned int n = 0; n < other->count; n++)
			if (!memcmp(&own->endpoints[i], &other->endpoints[n], sizeof(*own->endpoints)))
				return error_set(e, EXIT_REFUSED, EEXIST,
						 "%s is a backend of %s (%s) already: an endpoint belongs to one service and color, "
						 "so give one of them another port",
						 endpoint_format(&own->endpoints[i], text), s->info.name,
						 color_name(color_other(color)));
	return 0;
}

static int set_record(const char *state_dir, const struct service *s, enum teal_color color,
		      const struct backend_set *set, bool at_run_time, struct error *e)
{
	struct record_service *entry;
	struct record *record;
	struct endpoint *copy = calloc(set->count + 1, sizeof(*copy));
	int error = record_read(state_dir, &record, e);

	if (error) {
		free(copy);
		return error;
	}
	entry = copy ? record_obtain(record, s->info.name) : NULL;
	if (entry) {
		memcpy(copy, set->endpoints, set->count * sizeof(*copy));
		free(entry->colors[color].backends);
		entry->colors[color].backends = copy;
		entry->colors[color].count = set->count;
		entry->colors[color].at_run_time = at_run_time;
		error = record_write(state_dir, record, e);
	} else {
		free(copy);
		error = error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	}
	record_free(record);
	return error;
}

int color_set_replace(const struct tables *t, const char *state_dir, const struct service *s, enum teal_color color,
		      const struct backend_set *set, bool at_run_time, struct error *e)
{
	_cleanup_interrupts_ sigset_t signals = interrupts_hold();
	struct backend_set sets[TEAL_COLORS], wanted[TEAL_COLORS];
	struct error second = {};
	bool tried = false;
	int error = backends_get(t, s->id, sets, e);

	if (error)
		return error;
	memcpy(wanted, sets, sizeof(wanted));
	wanted[color] = *set;
	error = set_check(s, color, wanted, e) ?: listen_check(t, s, set, e);
	if (!error)
		error = service_source_check(t, s, set, e);
	if (!error)
		error = record_check(state_dir, e);
	if (!error && services_tidy(t))
		error = error_set(e, EXIT_FAILED, EIO, "cannot tidy the tables");
	if (!error) {
		tried = true;
		error = backends_set(t, s, wanted, e);
	}
	if (!error)
		error = set_record(state_dir, s, color, set, at_run_time, e);
	if (error && tried)
		backends_set(t, s, sets, &second); /* back to what the books say; the cause is told already */
	free((void *)sets[TEAL_BLUE].endpoints);
	free((void *)sets[TEAL_GREEN].endpoints);
	return error;
}

int color_set_is_at_run_time(const char *state_dir, const struct service *s, enum teal_color color, bool *ret,
			     struct error *e)
{
	const struct record_service *entry;
	struct record *record;
	int error = record_read(state_dir, &record, e);

	if (error)
		return error;
	entry = record_find(record, s->info.name);
	*ret = entry && entry->colors[color].at_run_time;
	record_free(record);
	return 0;
}
