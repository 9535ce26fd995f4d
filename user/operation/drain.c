// SPDX-License-Identifier: GPL-2.0-only
#include "operation/drain.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "table/flow.h"

#define POLL_MS 100
#define IDLE_MS 1000	  /* between two walks over the flows */
#define IDLE_SHARE 20	  /* and they take at most a twentieth of the time */
#define RATE_WEIGHT 0.3	  /* of the latest second in the rate that is told */
#define RATE_MS 1000

struct wait {
	const struct tables *tables;
	const struct service *service;
	enum teal_color color;
	struct drain_progress progress;
	__u64 began, idle_at, rate_at, rate_left; /* ns, and flows then */
};

/* The row that has been silent the longest. */
struct silence {
	const struct backend *backends;
	unsigned int count;
	__u16 service;
	enum teal_color color;
	__u64 now, longest; /* ns */
};

static bool silence_see(void *argument, const struct teal_flow6_key *key, const struct teal_flow *flow)
{
	struct silence *silence = argument;
	const struct backend *b = backend_of(silence->backends, silence->count, flow->backend);
	const __s64 idle = (__s64)(silence->now - flow->seen);

	if (b && key->service == silence->service && b->row.color == silence->color && flow->state < TEAL_CLOSING &&
	    idle > (__s64)silence->longest)
		silence->longest = idle;
	return true;
}

/* Nothing that is told is worth failing for. */
static void idle_update(struct wait *w)
{
	_cleanup_free_ struct backend *list = NULL;
	struct silence silence = { .service = w->service->id, .color = w->color, .now = table_clock() };
	struct error ignored = {};
	__u64 took;

	if (silence.now < w->idle_at || backend_list(w->tables, w->service->id, &list, &silence.count, &ignored))
		return;
	silence.backends = list;
	flows_walk(w->tables, silence_see, &silence);
	w->progress.idle_longest = silence.longest / 1000000000;
	took = table_clock() - silence.now;
	w->idle_at = table_clock() + (took * IDLE_SHARE > IDLE_MS * 1000000ULL ? took * IDLE_SHARE : IDLE_MS * 1000000ULL);
}

static void rate_update(struct wait *w)
{
	const __u64 now = table_clock(), span = now - w->rate_at;
	struct drain_progress *p = &w->progress;
	double latest;

	if (span < RATE_MS * 1000000ULL)
		return;
	latest = w->rate_left > p->left ? (double)(w->rate_left - p->left) * 1e9 / (double)span : 0;
	p->per_second = p->per_second > 0 ? p->per_second * (1 - RATE_WEIGHT) + latest * RATE_WEIGHT : latest;
	w->rate_at = now;
	w->rate_left = p->left;
}

/* Somebody (or the guard) switched back: it gets new flows again, and would not become empty. */
static int active_check(const struct tables *t, const struct service *s, enum teal_color color, struct error *e)
{
	struct service now;
	int error = s->info.active == color ? 0 : service_find(t, s->info.name, &now, e);

	if (error || s->info.active == color || now.info.active != color)
		return error;
	return error_set(e, EXIT_REFUSED, ESTALE,
			 "%s is the active color of %s again and gets all new connections, so there is nothing to wait for: 'teal "
			 "history %s' tells who switched back",
			 color_name(color), s->info.name, s->info.name);
}

int color_drain(const struct tables *t, const struct service *s, enum teal_color color, unsigned int seconds,
		unsigned int every_ms, drain_tell tell, void *argument, __u64 *ret_left, struct error *e)
{
	const struct timespec step = { .tv_nsec = POLL_MS * 1000000L };
	struct wait w = { .tables = t, .service = s, .color = color, .began = table_clock() };
	struct drain_progress *p = &w.progress;
	unsigned int told = 0;
	int error = color_flows(t, s->id, color, &p->first, e);

	p->left = w.rate_left = p->first;
	w.rate_at = w.began;
	for (; !error && p->left; error = color_flows(t, s->id, color, &p->left, e)) {
		p->waited_ms = (table_clock() - w.began) / 1000000;
		error = active_check(t, s, color, e);
		if (error)
			break;
		rate_update(&w);
		if (tell && p->waited_ms >= told) {
			idle_update(&w);
			tell(argument, p);
			told = p->waited_ms - p->waited_ms % every_ms + every_ms;
		}
		if (seconds && p->waited_ms >= seconds * 1000ULL) {
			error = error_set(e, EXIT_DEADLINE, ETIMEDOUT,
					  "%llu connections are left on %s of %s after %u s: they go on; wait longer with --wait=T",
					  p->left, color_name(color), s->info.name, seconds);
			break;
		}
		nanosleep(&step, NULL);
	}
	*ret_left = p->left;
	return error;
}
