// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/guard.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"
#include "config/config.h"
#include "daemon/log.h"
#include "daemon/on_rollback.h"
#include "operation/guard.h"
#include "operation/lock.h"
#include "operation/switch.h"

#define LOCK_MS 1000

/* A service that is guarded. */
struct watch {
	struct watch *next;
	__u16 id;
	struct guard guard;
	struct evidence_watch looks; /* at the new color */
};

struct guards {
	uv_timer_t timer;
	const struct tables *tables;
	struct config *const *config; /* where the daemon keeps it */
	const char *pin_dir, *state_dir;
	struct teal_service_info *rows; /* room for all of service_info */
	__u32 *keys;
	struct watch *watches;
};

static void watch_free(struct watch *watch)
{
	guard_free(&watch->guard);
	free(watch);
}

/* Without the file (deleted, or broken) the old color's whole past must do, and the new one begins now. */
static int guard_make(const struct guards *g, __u16 id, const struct teal_service_info *info, struct guard *ret)
{
	struct guard guard = { .color = info->active, .from = color_other(info->active), .generation = info->generation };
	struct error e = {};
	int error;

	strcpy(guard.service, info->name);
	error = evidence_take(g->tables, id, guard.from, &guard.reference, &e);
	if (!error)
		error = evidence_take(g->tables, id, guard.color, &guard.before, &e);
	if (!error)
		error = guard_write(g->state_dir, &guard);
	*ret = guard;
	return error;
}

/* The watch of that service; a new one if there is none, or the one that there is belongs to an earlier switch. */
static struct watch *watch_obtain(struct guards *g, __u16 id, const struct teal_service_info *info)
{
	struct watch *watch = g->watches;
	int error;

	while (watch && watch->id != id)
		watch = watch->next;
	if (watch && watch->guard.generation == info->generation)
		return watch;
	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch)
			return NULL;
		watch->id = id;
		watch->next = g->watches;
		g->watches = watch;
	}
	guard_free(&watch->guard);
	error = guard_read(g->state_dir, info->name, &watch->guard);
	if (!error && watch->guard.generation != info->generation) {
		guard_free(&watch->guard);
		error = -ESTALE;
	}
	if (error) {
		log_warning("%s: what its guard is to go by cannot be read (%s), so it begins now", info->name, strerror(-error));
		error = guard_make(g, id, info, &watch->guard);
	}
	if (error)
		log_error("%s: cannot be guarded: %s", info->name, strerror(-error));
	else
		log_info("%s: guarding %s, for %lld s", info->name, color_name(info->active),
			 (long long)info->guard_until - (long long)table_seconds());
	watch->guard.generation = info->generation;
	watch->looks = (struct evidence_watch){ .began = watch->guard.before };
	return watch;
}

/* Who is not guarded any more: the time is over, or somebody switched. */
static void watches_tidy(struct guards *g)
{
	for (struct watch **at = &g->watches; *at;) {
		const struct teal_service_info *info = &g->rows[(*at)->id];
		struct watch *watch = *at;

		if (info->guard_until && info->generation == watch->guard.generation) {
			at = &watch->next;
			continue;
		}
		*at = watch->next;
		watch_free(watch);
	}
}

static void outcome_write(const struct guards *g, struct guard *guard, enum guard_outcome outcome, const char *why)
{
	int error;

	guard->outcome = outcome;
	snprintf(guard->why, sizeof(guard->why), "%s", why);
	error = guard_write(g->state_dir, guard);
	if (error)
		log_error("%s: cannot write what became of its guard: %s", guard->service, strerror(-error));
}

/* The verdicts */

static void roll_back(struct guards *g, struct watch *watch, const char *why)
{
	char reason[EVIDENCE_WHY_SIZE + 64];
	const struct switch_request request = { .color = watch->guard.from, .force = true, .why = reason };
	struct guard *guard = &watch->guard;
	struct error e = {};
	_cleanup_close_ int lock = lock_take(g->pin_dir, LOCK_TABLES, LOCK_MS, &e);
	struct switch_result result;
	struct service s = {};
	int error = lock < 0 ? lock : service_find(g->tables, guard->service, &s, &e);

	if (!error && (s.info.generation != guard->generation || s.info.active != guard->color))
		return; /* somebody was faster */
	snprintf(reason, sizeof(reason), "the guard of %s rolled back: %s", color_name(guard->color), why);
	/* Before the switch: whoever sees the generation change finds the reason there. */
	if (!error)
		outcome_write(g, guard, GUARD_ROLLED_BACK, why);
	if (!error)
		error = switch_color(g->tables, g->state_dir, &s, &request, &result, &e);
	if (error) {
		log_error("%s: %s, and it cannot be rolled back now: %s", guard->service, why, e.text);
		return;
	}
	log_error("%s: rolled back from %s to %s: %s", guard->service, color_name(guard->color), color_name(guard->from), why);
	if (result.unwritten.text[0])
		log_warning("%s", result.unwritten.text);
	if (guard->on_rollback)
		on_rollback_run(g->timer.loop, guard);
}

static void pass(struct guards *g, struct watch *watch)
{
	struct error e = {};
	_cleanup_close_ int lock = lock_take(g->pin_dir, LOCK_TABLES, LOCK_MS, &e);
	struct service s = {};
	__u32 id = watch->id;
	int error = lock < 0 ? lock : service_find(g->tables, watch->guard.service, &s, &e);

	if (!error && (s.info.generation != watch->guard.generation || s.info.active != watch->guard.color))
		return; /* somebody is just switching, or was killed doing so */
	if (!error)
		outcome_write(g, &watch->guard, GUARD_PASSED, "");
	s.info.guard_until = 0;
	if (!error && !table_put(g->tables, TABLE_service_info, &id, &s.info))
		log_info("%s: %s did no worse than %s while it was guarded", watch->guard.service,
			 color_name(watch->guard.color), color_name(watch->guard.from));
}

static void service_look(struct guards *g, __u16 id, const struct teal_service_info *info)
{
	const struct evidence_limits limits = config_guard(*g->config, info->name);
	struct watch *watch = watch_obtain(g, id, info);
	char why[EVIDENCE_WHY_SIZE];
	struct evidence now;
	struct error e = {};

	if (!watch)
		return;
	if (evidence_take(g->tables, id, watch->guard.color, &now, &e)) {
		log_error("%s: %s", info->name, e.text);
		return;
	}
	if (evidence_watch(&watch->looks, &limits, &now, &watch->guard.reference, color_name(watch->guard.from), why))
		roll_back(g, watch, why);
	else if (table_seconds() >= info->guard_until)
		pass(g, watch);
}

/* All of service_info in one system call: most of the time nobody in it is guarded. */
static void guards_look(uv_timer_t *timer)
{
	struct guards *g = timer->data;
	__u32 count = g->tables->rows[TABLE_service_info], position;

	if (bpf_map_lookup_batch(g->tables->fd[TABLE_service_info], NULL, &position, g->keys, g->rows, &count, NULL) &&
	    errno != ENOENT)
		return;
	watches_tidy(g);
	for (__u32 i = 0; i < count; i++)
		if (g->rows[i].name[0] && g->rows[i].guard_until && g->rows[i].active < TEAL_COLORS)
			service_look(g, (__u16)g->keys[i], &g->rows[i]);
}

int guards_new(uv_loop_t *loop, const struct tables *t, struct config *const *config, const char *pin_dir,
	       const char *state_dir, struct guards **ret)
{
	struct guards *g = calloc(1, sizeof(*g));

	if (g) {
		g->rows = calloc(t->rows[TABLE_service_info], sizeof(*g->rows));
		g->keys = calloc(t->rows[TABLE_service_info], sizeof(*g->keys));
	}
	if (!g || !g->rows || !g->keys) {
		guards_free(g);
		return -ENOMEM;
	}
	g->tables = t;
	g->config = config;
	g->pin_dir = pin_dir;
	g->state_dir = state_dir;
	uv_timer_init(loop, &g->timer);
	g->timer.data = g;
	uv_timer_start(&g->timer, guards_look, EVIDENCE_LOOK_MS, EVIDENCE_LOOK_MS);
	*ret = g;
	return 0;
}

/* After the loop has ended. */
void guards_free(struct guards *g)
{
	if (!g)
		return;
	while (g->watches) {
		struct watch *watch = g->watches;

		g->watches = watch->next;
		watch_free(watch);
	}
	free(g->rows);
	free(g->keys);
	free(g);
}
