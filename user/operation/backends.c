// SPDX-License-Identifier: GPL-2.0-only
#include "operation/services.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "table/slot.h"

/* One's complement sum of 16-bit words as they stand in memory, folded. */
static __u16 sum_fold(__u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* How much a checksum's sum grows when `old` becomes `new` (RFC 1624): the words of new plus those of ~old. */
static __u16 delta(const void *new, const void *old, size_t size)
{
	__u64 sum = 0;

	for (size_t at = 0; at < size; at += sizeof(__u16)) {
		__u16 word;

		memcpy(&word, (const char *)new + at, sizeof(word));
		sum += word;
		memcpy(&word, (const char *)old + at, sizeof(word));
		sum += (__u16)~word;
	}
	return sum_fold(sum);
}

static struct teal_backend backend_row(const struct service *s, const struct endpoint *endpoint, enum teal_color color)
{
	struct teal_backend row = {
		.port = endpoint->port,
		.vip_port = s->listen.port,
		.service = s->id,
		.protocol = s->protocol,
		.color = color,
		.health = TEAL_UNKNOWN,
	};
	__u16 new = __builtin_bswap16(endpoint->port), old = __builtin_bswap16(s->listen.port);

	memcpy(row.address, endpoint->address, sizeof(row.address));
	memcpy(row.vip, s->listen.address, sizeof(row.vip));
	row.address_delta = delta(row.address, row.vip, sizeof(row.address));
	row.port_delta = delta(&new, &old, sizeof(new));
	return row;
}

static bool is_endpoint(const struct backend *b, const struct endpoint *endpoint)
{
	return b->row.port == endpoint->port && !memcmp(b->row.address, endpoint->address, sizeof(b->row.address));
}

static struct backend *list_find(struct backend *list, unsigned int count, const struct endpoint *endpoint)
{
	for (unsigned int i = 0; i < count; i++)
		if (is_endpoint(&list[i], endpoint))
			return &list[i];
	return NULL;
}

/* Refuses an endpoint that another service holds, or still has flows on. */
static int endpoint_check(const struct tables *t, __u16 service, const struct endpoint *endpoint,
			  enum teal_protocol protocol, struct error *e)
{
	struct teal_service_info info = {};
	struct teal_service_key key;
	struct teal_endpoint owner;
	char text[ADDRESS_TEXT_SIZE];
	struct backend b = {};
	__u32 id;

	service_key_set(&key, endpoint, protocol);
	if (table_get(t, TABLE_endpoints, &key, &owner) || owner.service == service)
		return 0;
	b.id = owner.backend;
	id = owner.service;
	if (table_get(t, TABLE_backends, &b.id, &b.row) || counters_get(t, b.id, &b.counters) ||
	    table_get(t, TABLE_service_info, &id, &info))
		return error_set(e, EXIT_FAILED, EIO, "cannot read who owns the endpoint %s",
				 listen_format(endpoint, protocol, text));
	if (b.row.health == TEAL_REMOVED && !backend_rows(&b))
		return 0;
	if (b.row.health == TEAL_REMOVED)
		return error_set(e, EXIT_REFUSED, EBUSY,
				 "%s still carries %llu flows of the service it was taken from%s%s: an endpoint belongs to "
				 "one service, so wait until they end, or use another port",
				 listen_format(endpoint, protocol, text), backend_rows(&b), info.name[0] ? ", " : "",
				 info.name);
	return error_set(e, EXIT_FAILED, EEXIST,
			 "%s is a backend of %s (%s) already: an endpoint belongs to one service and color, so give one "
			 "of them another port",
			 listen_format(endpoint, protocol, text), info.name, color_name(b.row.color));
}

/* The next row of `backends` that is free, from *at on.  Returns its id, or 0. */
static __u32 id_free(const struct tables *t, __u32 *at)
{
	struct teal_backend row;

	for (; *at < t->rows[TABLE_backends]; ++*at)
		if (!table_get(t, TABLE_backends, at, &row) && !row.service)
			return (*at)++;
	return 0;
}

int backends_check(const struct tables *t, __u16 service, enum teal_protocol protocol,
		   const struct backend_set wanted[TEAL_COLORS], struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count = 0;
	__u32 at = 1;
	int error = service ? backend_list(t, service, &list, &count, e) : 0;

	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS && !error; color++) {
		for (unsigned int i = 0; i < wanted[color].count && !error; i++) {
			const struct endpoint *endpoint = &wanted[color].endpoints[i];

			error = endpoint_check(t, service, endpoint, protocol, e);
			if (!error && !list_find(list, count, endpoint) && !id_free(t, &at))
				error = error_set(e, EXIT_REFUSED, ENOSPC,
						  "all %u rows of the table of backends are taken: raise limits: backends "
						  "in the configuration, which takes a 'teald --detach' and a start",
						  t->rows[TABLE_backends]);
		}
	}
	return error;
}

/* What was counted of whoever had this id before is not this backend's.  Returns 0 or a negative errno. */
static int evidence_clear(const struct tables *t, __u32 id)
{
	_cleanup_free_ void *zero = calloc(t->cpus, sizeof(struct teal_handshakes));
	int error = zero ? table_put(t, TABLE_counters, &id, zero) : -ENOMEM;

	return error ?: table_put(t, TABLE_handshakes, &id, zero);
}

/* Writes a backend's rows, with the id it has or a free one; health is to be found out anew.  Returns 0 or a negative errno. */
static int backend_put(const struct tables *t, const struct service *s, struct backend *known,
		       const struct endpoint *endpoint, enum teal_color color, __u32 *at)
{
	struct teal_endpoint way_back = { .service = s->id };
	struct backend b = { .row = backend_row(s, endpoint, color) };
	const struct teal_source none = {};
	const struct teal_check never = {};
	struct teal_service_key key;
	struct teal_source source;
	__u32 service = s->id;
	int error;

	if (known && known->row.color == color && known->row.health != TEAL_REMOVED)
		return 0;
	b.id = known ? known->id : id_free(t, at);
	if (!b.id)
		return -ENOSPC;
	error = table_get(t, TABLE_sources, &service, &source);
	way_back.has_source = !error && memcmp(&source, &none, sizeof(none)) != 0;
	if (!error && !known)
		error = evidence_clear(t, b.id);
	if (!error)
		error = table_put(t, TABLE_checks, &b.id, &never);
	if (!error)
		error = table_put(t, TABLE_backends, &b.id, &b.row);
	way_back.backend = b.id;
	service_key_set(&key, endpoint, s->protocol);
	if (!error)
		error = table_put(t, TABLE_endpoints, &key, &way_back);
	return error;
}

static bool is_wanted(const struct backend *b, const struct backend_set wanted[TEAL_COLORS])
{
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
		for (unsigned int i = 0; i < wanted[color].count; i++)
			if (is_endpoint(b, &wanted[color].endpoints[i]))
				return true;
	return false;
}

/*
 * Backends that are no longer wanted: no new flows, and their ids stay theirs until the old ones end.  They leave the
 * tables before their rows say so: killed in between, no table names a row that may soon be free.
 */
static int backends_retire(const struct tables *t, const struct service *s,
			   const struct backend_set wanted[TEAL_COLORS], struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	_cleanup_free_ bool *goes = NULL;
	unsigned int count = 0;
	int error = backend_list(t, s->id, &list, &count, e);

	goes = calloc(count + 1, sizeof(*goes));
	if (!goes)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < count && !error; i++) {
		goes[i] = list[i].row.health != TEAL_REMOVED && !is_wanted(&list[i], wanted);
		if (goes[i])
			list[i].row.health = TEAL_REMOVED;
	}
	if (!error)
		error = service_tables_make(t, s, list, count, e);
	for (unsigned int i = 0; i < count && !error; i++) {
		if (!goes[i])
			continue;
		list[i].row.retired = table_clock();
		error = table_put(t, TABLE_backends, &list[i].id, &list[i].row);
	}
	return error;
}

int backends_set(const struct tables *t, const struct service *s, const struct backend_set wanted[TEAL_COLORS],
		 struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	enum teal_color active = s->info.active;
	unsigned int count;
	__u32 at = 1;
	int error = backends_check(t, s->id, s->protocol, wanted, e);

	if (!error)
		error = backend_list(t, s->id, &list, &count, e);
	if (error)
		return error;
	if (!wanted[active].count && !slot_get(t, s->id, s->info.name, &active))
		return error_set(e, EXIT_REFUSED, EBUSY,
				 "%s is the active color of %s and would be left without a backend: switch to the other "
				 "color first",
				 color_name(active), s->info.name);
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS && !error; color++) {
		for (unsigned int i = 0; i < wanted[color].count && !error; i++) {
			const struct endpoint *endpoint = &wanted[color].endpoints[i];

			error = backend_put(t, s, list_find(list, count, endpoint), endpoint, color, &at);
		}
	}
	if (!error)
		error = backends_retire(t, s, wanted, e);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the backends of %s: %s", s->info.name,
				 strerror(-error));
	return 0;
}

int backends_get(const struct tables *t, __u16 service, struct backend_set ret[TEAL_COLORS], struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	struct endpoint *endpoints[TEAL_COLORS] = {};
	unsigned int count, used[TEAL_COLORS] = {};
	int error = backend_list(t, service, &list, &count, e);

	if (error)
		return error;
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
		endpoints[color] = calloc(count + 1, sizeof(**endpoints));
		if (!endpoints[color]) {
			free(endpoints[TEAL_BLUE]);
			return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
		}
	}
	for (unsigned int i = 0; i < count; i++) {
		struct endpoint *to = &endpoints[list[i].row.color][used[list[i].row.color]];

		if (list[i].row.health == TEAL_REMOVED)
			continue;
		used[list[i].row.color]++;
		to->port = list[i].row.port;
		memcpy(to->address, list[i].row.address, sizeof(to->address));
	}
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
		ret[color] = (struct backend_set){ .endpoints = endpoints[color], .count = used[color] };
	return 0;
}
