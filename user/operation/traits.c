// SPDX-License-Identifier: GPL-2.0-only
/* What the configuration wants of a service besides its backends: source address, flags, policy. */
#include "operation/services.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"

static const struct teal_source no_source;

static bool is_same(const struct teal_source *one, const struct teal_source *other)
{
	return !memcmp(one, other, sizeof(*one));
}

/* A packet from a host to itself never leaves it. */
static int backends_are_others(const char *name, const struct teal_source *source, const struct backend_set *backends,
			       struct error *e)
{
	char text[ADDRESS_TEXT_SIZE];

	for (unsigned int i = 0; i < backends->count; i++)
		if (!memcmp(backends->endpoints[i].address, source->address, sizeof(source->address)))
			return error_set(e, EXIT_FAILED, EINVAL,
					 "%s cannot be the address of a backend of %s, for it is the service's source: "
					 "give one of them another address",
					 address_format(source->address, text), name);
	return 0;
}

/* Flow rows of a service, closing ones included. */
static int service_rows(const struct tables *t, __u16 service, __u64 *ret, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count = 0;
	int error = backend_list(t, service, &list, &count, e);

	*ret = 0;
	for (unsigned int i = 0; i < count && !error; i++)
		*ret += backend_rows(&list[i]);
	return error;
}

static int source_stays(const struct tables *t, const char *name, __u16 service, const struct teal_source *wanted,
			struct error *e)
{
	char old[ADDRESS_TEXT_SIZE], new[ADDRESS_TEXT_SIZE];
	struct teal_source source;
	__u32 id = service;
	__u64 rows = 0;
	int error = table_get(t, TABLE_sources, &id, &source);

	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot read the source of %s: %s", name, strerror(-error));
	if (is_same(&source, &no_source) || is_same(&source, wanted))
		return 0;
	error = service_rows(t, service, &rows, e);
	if (error || !rows)
		return error;
	return error_set(e, EXIT_FAILED, EBUSY,
			 "the source of %s cannot change from %s to %s while it has %llu connections, some of which may "
			 "live by it: wait until they end, or give the service at the new address another name and VIP",
			 name, address_format(source.address, old), address_format(wanted->address, new), rows);
}

int service_traits_check(const struct tables *t, const char *name, const struct teal_service_key *listen,
			 const struct service_traits *wanted, const struct backend_set backends[TEAL_COLORS],
			 struct error *e)
{
	struct teal_service row;
	int error = 0;

	if (!(wanted->flags & TEAL_SERVICE_SOURCE))
		return 0;
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS && !error; color++)
		error = backends_are_others(name, &wanted->source, &backends[color], e);
	/* Also a removed one of the same address, which is taken up again. */
	if (!error && !table_get(t, TABLE_services, listen, &row) && row.id)
		error = source_stays(t, name, row.id, &wanted->source, e);
	return error;
}

int service_source_check(const struct tables *t, const struct service *s, const struct backend_set *backends,
			 struct error *e)
{
	struct teal_source source;
	__u32 id = s->id;
	int error;

	if (!(s->flags & TEAL_SERVICE_SOURCE))
		return 0;
	error = table_get(t, TABLE_sources, &id, &source);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot read the source of %s: %s", s->info.name,
				 strerror(-error));
	return backends_are_others(s->info.name, &source, backends, e);
}

/* Every endpoint of a service that has, or ever had, a source says so: its replies are to be looked up there. */
static int endpoints_mark(const struct tables *t, const struct backend *list, unsigned int count)
{
	int error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		struct endpoint endpoint = { .port = list[i].row.port };
		struct teal_endpoint way_back;
		struct teal_service_key key;

		memcpy(endpoint.address, list[i].row.address, sizeof(endpoint.address));
		service_key_set(&key, &endpoint, list[i].row.protocol);
		if (table_get(t, TABLE_endpoints, &key, &way_back) || way_back.backend != list[i].id)
			continue;
		if (way_back.has_source)
			continue;
		way_back.has_source = 1;
		error = table_put(t, TABLE_endpoints, &key, &way_back);
	}
	return error;
}

/* Backends that are down now follow a policy that has changed. */
static int resets_follow(const struct tables *t, struct roster *roster, struct backend *list, unsigned int count,
			 __u8 policy)
{
	int error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		__u8 reset = !!(policy & TEAL_POLICY_RESET);

		if (list[i].row.health != TEAL_DOWN || list[i].row.reset == reset)
			continue;
		list[i].row.reset = reset;
		error = roster_put(t, roster, &list[i]);
	}
	return error;
}

/* The flags last: by then everything stands that they make the data path look for. */
static int flags_set(const struct tables *t, struct service *s, __u16 flags)
{
	struct teal_service_key key;
	struct teal_service row;

	s->flags = (s->flags & ~TEAL_SERVICE_CONFIGURED) | flags;
	service_key_set(&key, &s->listen, s->protocol);
	if (table_get(t, TABLE_services, &key, &row) || row.flags == s->flags)
		return 0; /* a new one: service_open() writes it */
	row.flags = s->flags;
	return table_put(t, TABLE_services, &key, &row);
}

/* The row first: then endpoints may say that there is one. */
static int source_set(const struct tables *t, const struct service *s, const struct teal_source *wanted,
		      const struct backend *list, unsigned int count)
{
	struct teal_source now;
	__u32 id = s->id;
	int error = table_get(t, TABLE_sources, &id, &now);

	if (!error && !is_same(&now, wanted))
		error = table_put(t, TABLE_sources, &id, wanted);
	return error ?: endpoints_mark(t, list, count);
}

int service_traits_set(const struct tables *t, struct roster *roster, struct service *s,
		       const struct service_traits *wanted, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	__u8 changed = s->info.policy ^ wanted->policy;
	unsigned int count = 0;
	__u32 id = s->id;
	int error = roster_list(roster, s->id, 0, &list, &count);

	if (!error && changed) {
		s->info.policy = wanted->policy;
		s->info.stale = true;
		error = table_put(t, TABLE_service_info, &id, &s->info);
	}
	if (!error && changed & TEAL_POLICY_RESET)
		error = resets_follow(t, roster, list, count, wanted->policy);
	if (!error && wanted->flags & TEAL_SERVICE_SOURCE)
		error = source_set(t, s, &wanted->source, list, count);
	if (!error)
		error = flags_set(t, s, wanted->flags);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the service %s: %s", s->info.name,
				 strerror(-error));
	return 0;
}
