// SPDX-License-Identifier: GPL-2.0-only
#include "operation/reset.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/cleanup.h"
#include "operation/lock.h"
#include "operation/probe.h"
#include "table/flow.h"

#define ROUNDS 5
#define ROUNDS_MIN 2	 /* the first may meet a socket that has just sent a challenge, or lose a packet */
#define ROUND_MS 600	 /* Linux: tcp_invalid_ratelimit, 500 ms between two challenges of a socket */
#define BURST 20	 /* flows, then a millisecond's rest: some ten thousand a second, two small packets each */

/* Down, and the policy is that such a backend's connections are ended: that is the health checks' to take back. */
static bool is_healths(const struct teal_backend *row, const struct service *s)
{
	return row->health == TEAL_DOWN && s->info.policy & TEAL_POLICY_RESET;
}

/* Sets or clears the mark on the backends of a color, removed ones included: they have flows too. */
static int reset_mark(const struct tables *t, const struct service *s, enum teal_color color, bool on, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count = 0;
	int error = backend_list(t, s->id, &list, &count, e);

	for (unsigned int i = 0; i < count && !error; i++) {
		struct teal_backend *row = &list[i].row;

		if (row->color != color || row->reset == on || (!on && is_healths(row, s)))
			continue;
		row->reset = on;
		error = table_put(t, TABLE_backends, &list[i].id, row);
		if (error)
			error_set(e, EXIT_FAILED, -error, "cannot write the backends of %s: %s", s->info.name,
				  strerror(-error));
	}
	return error;
}

int reset_clear(const struct tables *t, const struct service *s, enum teal_color color, struct error *e)
{
	return reset_mark(t, s, color, false, e);
}

bool reset_is_on(const struct backend *list, unsigned int count, enum teal_color color)
{
	for (unsigned int i = 0; i < count; i++)
		if (list[i].row.color == color && list[i].row.reset)
			return true;
	return false;
}

int resets_tidy(const struct tables *t, struct backend *list, unsigned int count)
{
	int error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		struct service s = { .id = list[i].row.service };
		__u32 id = s.id;

		if (!list[i].row.reset || backend_rows(&list[i]) || table_get(t, TABLE_service_info, &id, &s.info) ||
		    is_healths(&list[i].row, &s))
			continue;
		list[i].row.reset = 0;
		error = table_put(t, TABLE_backends, &list[i].id, &list[i].row);
	}
	return error;
}

/* One walk over the flows that provokes the ends of some. */
struct provocation {
	const struct service *service;
	struct backend *backends;
	unsigned int backend_count;
	bool down;	       /* those of backends that are down are meant, by on_down: reset; otherwise a color's */
	enum teal_color color;
	const bool *stop;      /* becomes true when somebody is in a hurry; NULL: nobody will be */
	struct endpoint source; /* the service's, or zeros */
	struct probe probe;
	bool first; /* later, those that one end has seen reset are asked too: the other may have missed it */
	unsigned int sent;
	int error; /* the first one: the rest is tried all the same */
};

static bool is_meant(const struct provocation *p, const struct backend *b)
{
	return p->down ? is_healths(&b->row, p->service) && b->row.reset : b->row.color == p->color;
}

static bool is_stopped(const struct provocation *p)
{
	return p->stop && *(volatile const bool *)p->stop;
}

static void provoke(struct provocation *p, const struct endpoint *from, const struct endpoint *to)
{
	int error = probe_send(&p->probe, from, to);

	if (error && !p->error && error != -EAGAIN && error != -ENOBUFS)
		p->error = error;
}

static bool provoke_flow(void *argument, const struct teal_flow6_key *key, const struct teal_flow *flow)
{
	static const struct timespec rest = { .tv_nsec = 1000000 };
	struct provocation *p = argument;
	const struct backend *b = backend_of(p->backends, p->backend_count, flow->backend);
	struct endpoint client = { .port = key->port }, backend = {}, seen;

	if (is_stopped(p))
		return false;
	if (!b || key->service != p->service->id || !is_meant(p, b))
		return true;
	if (flow->state >= TEAL_CLOSING && (p->first || flow->state != TEAL_RESET))
		return true;
	memcpy(client.address, key->client, sizeof(client.address));
	memcpy(backend.address, b->row.address, sizeof(backend.address));
	backend.port = b->row.port;
	seen = client; /* whom the backend believes to talk to */
	if (flow->source_port) {
		seen = p->source;
		seen.port = flow->source_port;
	}
	provoke(p, &p->service->listen, &client);
	provoke(p, &seen, &backend);
	if (++p->sent % BURST == 0)
		nanosleep(&rest, NULL);
	return true;
}

/* What is sent leaves by this network namespace, so it must be the one that is served. */
static int namespace_check(const struct tables *t, const struct probe *probe, struct error *e)
{
	struct teal_meta meta = {};
	__u32 only = 0;
	__u64 cookie;
	socklen_t size = sizeof(cookie);

	if (table_get(t, TABLE_meta, &only, &meta) || !meta.netns ||
	    getsockopt(probe->ipv4, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) || cookie == meta.netns)
		return 0;
	return error_set(e, EXIT_FAILED, EXDEV,
			 "this is not the network namespace that teald serves, so idle connections cannot be reached from "
			 "here: run it there (nsenter --net=...)");
}

/* The backends as they are now, and the live flows of those that are meant. */
static int backends_look(const struct tables *t, struct provocation *p, __u64 *ret_flows, struct error *e)
{
	int error;

	free(p->backends);
	p->backends = NULL;
	error = backend_list(t, p->service->id, &p->backends, &p->backend_count, e);
	if (error)
		return error;
	*ret_flows = 0;
	for (unsigned int i = 0; i < p->backend_count; i++)
		if (is_meant(p, &p->backends[i]))
			*ret_flows += backend_flows(&p->backends[i]);
	return 0;
}

static int provocation_prepare(const struct tables *t, struct provocation *p, struct error *e)
{
	struct teal_source source = {};
	__u32 id = p->service->id;
	int error;

	if (!table_get(t, TABLE_sources, &id, &source))
		memcpy(p->source.address, source.address, sizeof(p->source.address));
	error = probe_open(&p->probe);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot open a raw socket to reach idle connections: %s",
				 strerror(-error));
	return namespace_check(t, &p->probe, e);
}

/*
 * Round after round until nobody is left.
 * @ret_had  how many there were
 * Returns 0 or a negative errno with a sentence.
 */
static int provoke_all(const struct tables *t, struct provocation *p, __u64 *ret_had, __u64 *ret_left, struct error *e)
{
	static const struct timespec pause = { .tv_nsec = ROUND_MS * 1000000L };
	__u64 left = 0;
	int error = backends_look(t, p, &left, e);

	*ret_had = left;
	if (!error)
		error = provocation_prepare(t, p, e);
	for (int round = 0; round < ROUNDS && !error && !is_stopped(p) && (left || round < ROUNDS_MIN); round++) {
		p->first = round == 0;
		error = flows_walk(t, provoke_flow, p);
		if (error)
			error_set(e, EXIT_FAILED, -error, "cannot read the flow tables: %s", strerror(-error));
		nanosleep(&pause, NULL);
		if (!error)
			error = backends_look(t, p, &left, e);
	}
	probe_close(&p->probe);
	free(p->backends);
	if (!error && left && p->error)
		error = error_set(e, EXIT_FAILED, -p->error,
				  "cannot send to the ends of idle connections (%s): %llu of %s of %s are left, and end as soon "
				  "as either end says something",
				  strerror(-p->error), left, p->down ? "backends that are down" : color_name(p->color),
				  p->service->info.name);
	*ret_left = left;
	return error;
}

static int active_check(const struct service *s, enum teal_color color, bool force, struct error *e)
{
	if (s->info.active != color || force)
		return 0;
	return error_set(e, EXIT_REFUSED, EBUSY,
			 "%s is the active color of %s: its connections are reset only with --force, and new ones come all the "
			 "time",
			 color_name(color), s->info.name);
}

/* The mark, written under the lock, where the color that was not active may have become it. */
static int reset_turn(const struct tables *t, const struct service *s, enum teal_color color, bool on, bool force,
		      struct error *e)
{
	_cleanup_close_ int lock = lock_take(t->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	struct service now;
	int error = lock < 0 ? lock : service_find(t, s->info.name, &now, e);

	if (!error && on)
		error = active_check(&now, color, force, e);
	return error ?: reset_mark(t, &now, color, on, e);
}

int reset_color(const struct tables *t, const struct service *s, enum teal_color color, bool force,
		struct reset_result *ret, struct error *e)
{
	struct provocation p = { .service = s, .color = color, .probe = { -1, -1 } };
	struct reset_result result = {};
	__u64 had;
	int error = active_check(s, color, force, e);

	if (!error)
		error = color_flows(t, s->id, color, &result.ended, e);
	if (!error && result.ended)
		error = reset_turn(t, s, color, true, force, e);
	if (error || !result.ended) {
		*ret = result;
		return error;
	}
	if (s->protocol == TEAL_TCP)
		error = provoke_all(t, &p, &had, &result.left, e);
	else
		error = color_flows(t, s->id, color, &result.left, e);
	result.stays = result.left || s->protocol != TEAL_TCP;
	if (!error && !result.stays)
		error = reset_turn(t, s, color, false, force, e);
	*ret = result;
	return error;
}

int reset_down(const struct tables *t, const char *service, const bool *stop, struct reset_result *ret, struct error *e)
{
	struct provocation p = { .down = true, .stop = stop, .probe = { -1, -1 } };
	struct reset_result result = {};
	struct service s;
	int error = service_find(t, service, &s, e);

	p.service = &s;
	if (!error && s.protocol == TEAL_TCP)
		error = provoke_all(t, &p, &result.ended, &result.left, e);
	result.stays = result.left;
	*ret = result;
	return error;
}
