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

static const struct backend *list_find(const struct backend *list, unsigned int count,
				       const struct endpoint *endpoint)
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

int backends_check(const struct tables *t, struct roster *roster, __u16 service, enum teal_protocol protocol,
		   const struct backend_set wanted[TEAL_COLORS], struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count = 0;
	int error = roster_list(roster, service, 0, &list, &count);

	if (error)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS && !error; color++) {
		for (unsigned int i = 0; i < wanted[color].count && !error; i++) {
			const struct endpoint *endpoint = &wanted[color].endpoints[i];

			if (list_find(list, count, endpoint))
				continue;
			error = endpoint_check(t, service, endpoint, protocol, e);
			if (!error && !roster_free_id(roster, &roster->free_at))
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

static bool is_right(const struct backend *known, enum teal_color color)
{
	return known && known->row.color == color && known->row.health != TEAL_REMOVED;
}

/* The way back from a backend. */
static int endpoint_put(const struct tables *t, const struct service *s, const struct endpoint *endpoint, __u32 backend)
{
	struct teal_endpoint way_back = { .backend = backend, .service = s->id };
	const struct teal_source none = {};
	struct teal_service_key key;
	struct teal_source source;
	__u32 service = s->id;
	int error = table_get(t, TABLE_sources, &service, &source);

	if (error)
		return error;
	way_back.has_source = memcmp(&source, &none, sizeof(none)) != 0;
	service_key_set(&key, endpoint, s->protocol);
	return table_put(t, TABLE_endpoints, &key, &way_back);
}

/* Writes a backend's rows, with the id it has or a free one; health is to be found out anew.  Returns 0 or a negative errno. */
static int backend_put(const struct tables *t, struct roster *roster, const struct service *s,
		       const struct backend *known, const struct endpoint *endpoint, enum teal_color color)
{
	struct backend b = { .row = backend_row(s, endpoint, color) };
	const struct teal_check never = {};
	int error;

	b.id = known ? known->id : roster_free_id(roster, &roster->free_at);
	if (!b.id)
		return -ENOSPC;
	error = known ? 0 : evidence_clear(t, b.id);
	if (!error)
		error = table_put(t, TABLE_checks, &b.id, &never);
	if (!error)
		error = roster_put(t, roster, &b);
	return error ?: endpoint_put(t, s, endpoint, b.id);
}

static bool is_wanted(const struct backend *b, const struct backend_set wanted[TEAL_COLORS])
{
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
		for (unsigned int i = 0; i < wanted[color].count; i++)
			if (is_endpoint(b, &wanted[color].endpoints[i]))
				return true;
	return false;
}

/* Whether the rows are what is wanted already. */
static bool is_same(const struct backend *list, unsigned int count, const struct backend_set wanted[TEAL_COLORS])
{
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
		for (unsigned int i = 0; i < wanted[color].count; i++)
			if (!is_right(list_find(list, count, &wanted[color].endpoints[i]), color))
				return false;
	for (unsigned int i = 0; i < count; i++)
		if (list[i].row.health != TEAL_REMOVED && !is_wanted(&list[i], wanted))
			return false;
	return true;
}

/* The rows of those that are new or come back. */
static int backends_put(const struct tables *t, struct roster *roster, const struct service *s,
			const struct backend *list, unsigned int count, const struct backend_set wanted[TEAL_COLORS])
{
	int error = 0;

	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS && !error; color++) {
		for (unsigned int i = 0; i < wanted[color].count && !error; i++) {
			const struct endpoint *endpoint = &wanted[color].endpoints[i];
			const struct backend *known = list_find(list, count, endpoint);

			if (!is_right(known, color))
				error = backend_put(t, roster, s, known, endpoint, color);
			else if (s->info.stale) /* somebody was killed here */
				error = endpoint_put(t, s, endpoint, known->id);
		}
	}
	return error;
}

/* The service's backends as they are going to be. */
static int change_make(struct roster *roster, const struct service *s, const struct backend_set wanted[TEAL_COLORS],
		       struct backends_change *change)
{
	int error = roster_list(roster, s->id, 0, &change->list, &change->count);

	if (!error && !(change->goes = calloc(change->count + 1, sizeof(*change->goes))))
		error = -ENOMEM;
	for (unsigned int i = 0; i < change->count && !error; i++) {
		change->goes[i] = change->list[i].row.health != TEAL_REMOVED && !is_wanted(&change->list[i], wanted);
		if (change->goes[i])
			change->list[i].row.health = TEAL_REMOVED;
	}
	return error;
}

static int backends_error(const struct service *s, int error, struct error *e)
{
	if (!error)
		return 0;
	return error_set(e, EXIT_FAILED, -error, "cannot write the backends of %s: %s", s->info.name, strerror(-error));
}

int backends_begin(const struct tables *t, struct roster *roster, const struct service *s,
		   const struct backend_set wanted[TEAL_COLORS], struct slot_swaps *swaps, struct backends_change *ret,
		   struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	enum teal_color active = s->info.active;
	unsigned int count = 0;
	int error = roster_list(roster, s->id, 0, &list, &count);

	*ret = (struct backends_change){};
	if (!error && !wanted[active].count && !slot_get(t, s->id, s->info.name, &active))
		return error_set(e, EXIT_REFUSED, EBUSY,
				 "%s is the active color of %s and would be left without a backend: switch to the other "
				 "color first",
				 color_name(active), s->info.name);
	if (!error && !s->info.stale && is_same(list, count, wanted))
		return 0;
	ret->made = true;
	if (!error)
		error = service_stale_set(t, s->id, true);
	if (!error)
		error = backends_put(t, roster, s, list, count, wanted);
	if (!error)
		error = change_make(roster, s, wanted, ret);
	if (error)
		return backends_error(s, error, e);
	return service_tables_prepare(t, s, ret->list, ret->count, swaps, e);
}

int backends_finish(const struct tables *t, struct roster *roster, const struct service *s,
		    struct backends_change *change, struct error *e)
{
	int error = change->made ? service_tables_follow(t, s, e) : 0;

	for (unsigned int i = 0; i < change->count && !error; i++) {
		if (!change->goes[i])
			continue;
		change->list[i].row.retired = table_clock();
		error = roster_put(t, roster, &change->list[i]);
	}
	if (!error && change->made)
		error = service_stale_set(t, s->id, false);
	return backends_error(s, error, e);
}

void backends_change_free(struct backends_change *change)
{
	free(change->list);
	free(change->goes);
	*change = (struct backends_change){};
}

int backends_set(const struct tables *t, const struct service *s, const struct backend_set wanted[TEAL_COLORS],
		 struct error *e)
{
	_cleanup_swaps_ struct slot_swaps swaps = {};
	_cleanup_roster_ struct roster roster = {};
	struct backends_change change = {};
	int error = roster_read(t, &roster, e);

	if (!error)
		error = backends_check(t, &roster, s->id, s->protocol, wanted, e);
	roster.free_at = 1;
	if (!error)
		error = backends_begin(t, &roster, s, wanted, &swaps, &change, e);
	if (!error)
		error = backends_error(s, slots_swap(t, &swaps), e);
	if (!error)
		error = backends_finish(t, &roster, s, &change, e);
	backends_change_free(&change);
	return error;
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
