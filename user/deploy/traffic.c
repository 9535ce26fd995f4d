// SPDX-License-Identifier: GPL-2.0-only
/* The phases that clients take part in: canary, switch, guard, drain. */
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/interrupt.h"
#include "common/words.h"
#include "deploy/deploy.h"
#include "operation/canary.h"
#include "operation/guard.h"
#include "operation/lock.h"
#include "operation/reset.h"
#include "operation/switch.h"

#define POLL_MS 200
#define LATE_S 15 /* that teald may be away (restarted, upgraded) at the end of a guard */

/* Canary */

static int canary_put(const struct deploy *d, unsigned int percent, struct error *e)
{
	_cleanup_close_ int lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	struct service s = {};
	int error = lock < 0 ? lock : deploy_service(d, &s, e);

	return error ?: canary_set(d->tables, d->state_dir, &s, d->color, percent, false, e);
}

/*
 * What the old color did: since the deployment began, if that was enough to go by, or else as long as it has been there.
 */
static struct evidence reference_of(const struct deploy *d, const struct evidence *old_now)
{
	struct evidence since = evidence_since(old_now, &d->reference);

	return since.seen.begun >= d->limits.connections ? since : *old_now;
}

/* Refuses if the new color does worse than the old one. */
static int canary_judge(const struct deploy *d, const struct service *s, struct evidence_watch *watch, __u64 *ret_new,
			struct error *e)
{
	char why[EVIDENCE_WHY_SIZE];
	struct evidence old, new;
	int error = evidence_take(d->tables, s->id, d->from, &old, e);

	if (!error)
		error = evidence_take(d->tables, s->id, d->color, &new, e);
	if (error)
		return error;
	old = reference_of(d, &old);
	*ret_new = evidence_since(&new, &watch->began).opened;
	if (!evidence_watch(watch, &d->limits, &new, &old, color_name(d->from), why))
		return 0;
	return error_set(e, EXIT_REFUSED, ECANCELED, "the canary on %s does worse: %s", color_name(d->color), why);
}

static int canary_watch(const struct deploy *d, const struct deploy_step *step, __u64 *ret_new, struct error *e)
{
	__u64 began = table_clock(), waited = 0;
	struct evidence_watch watch = {};
	struct service s = {};
	char note[128];
	int error = deploy_service(d, &s, e);

	if (!error)
		error = evidence_take(d->tables, s.id, d->color, &watch.began, e);
	while (!error && waited < step->seconds) {
		snprintf(note, sizeof(note), "%u%% of the new connections, %llu s to go: %llu so far", step->percent,
			 step->seconds - waited, *ret_new);
		d->note(d, note);
		if (interrupt_sleep(EVIDENCE_LOOK_MS))
			return -EINTR;
		error = deploy_service(d, &s, e);
		if (!error)
			error = canary_judge(d, &s, &watch, ret_new, e);
		waited = (table_clock() - began) / 1000000000;
	}
	return error;
}

int deploy_canary(struct deploy *d, char text[256], struct error *e)
{
	struct deploy_step steps[DEPLOY_STEPS_MAX];
	unsigned int count, used = 0;
	int error = deploy_steps_parse(d->plan.canary, steps, &count, e);

	for (unsigned int i = d->step; !error && i < count; i++) {
		__u64 new = 0;

		d->step = i;
		error = deploy_write(d, e);
		if (!error)
			error = canary_put(d, steps[i].percent, e);
		if (!error)
			error = canary_watch(d, &steps[i], &new, e);
		if (used < 200)
			used += (unsigned int)snprintf(text + used, 256 - used, "%s%u%%: %llu connections", used ? ", " : "",
						       steps[i].percent, new);
	}
	return error;
}

/* Switch */

static int guard_begin(const struct deploy *d, const struct service *s, __u64 until, struct error *e)
{
	char **on_rollback = NULL;
	struct evidence old;
	int error = evidence_take(d->tables, s->id, d->from, &old, e);

	if (!error && d->plan.on_rollback)
		error = words_split("--on-rollback", d->plan.on_rollback, &on_rollback, e);
	if (error)
		return error;
	old = reference_of(d, &old);
	error = guard_prepare(d->tables, d->state_dir, s, d->color, until, &old, on_rollback, d->plan.timeout_s, e);
	words_free(on_rollback);
	return error;
}

int deploy_switch(struct deploy *d, char text[256], struct error *e)
{
	const char *name = d->plan.why ?: "teal deploy";
	struct switch_request request = { .color = d->color, .why = name };
	_cleanup_close_ int lock = -1;
	struct switch_result result;
	struct service s = {};
	int error = d->plan.guard_s ? guard_check(d->pin_dir, e) : 0;

	if (!error)
		error = lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	if (error >= 0)
		error = service_find(d->tables, d->service, &s, e);
	/* Killed after the step: it is only finished.  Otherwise the service must be what it was. */
	if (!error && s.info.active != d->color)
		error = deploy_service(d, &s, e);
	request.guard_until = d->plan.guard_s ? table_seconds() + d->plan.guard_s : 0;
	if (!error && d->plan.guard_s && s.info.generation == d->generation)
		error = guard_begin(d, &s, request.guard_until, e);
	if (!error)
		error = switch_color(d->tables, d->state_dir, &s, &request, &result, e);
	if (error)
		return error;
	if (result.unwritten.text[0])
		fprintf(stderr, "teal: %s\n", result.unwritten.text);
	d->generation = result.generation;
	snprintf(text, 256, "%s → %s in %.1f ms, generation %u; %llu connections stay on %s", color_name(d->from),
		 color_name(d->color), result.milliseconds, result.generation, result.draining, color_name(d->from));
	return 0;
}

/* Guard */

/* teald has rolled back: that is somebody's switch too, but one that was asked for. */
static int guard_rolled_back(const struct deploy *d, struct error *e)
{
	struct guard guard;
	bool is_ours = !guard_read(d->state_dir, d->service, &guard);
	char why[EVIDENCE_WHY_SIZE] = "";

	if (is_ours) {
		is_ours = guard.outcome == GUARD_ROLLED_BACK && guard.generation == d->generation;
		strcpy(why, guard.why);
		guard_free(&guard);
	}
	if (!is_ours)
		return 0;
	return error_set(e, EXIT_REFUSED, ECANCELED, "the guard rolled %s back to %s: %s", d->service, color_name(d->from), why);
}

/*
 * After a reboot (or a 'teald --detach') the row has forgotten that it is guarded, and the counters begin anew: so does the
 * guard, for all of its time, against what its file says of the old color.
 */
static int guard_resume(const struct deploy *d, struct error *e)
{
	_cleanup_close_ int lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	struct service s = {};
	struct guard guard;
	__u32 id;
	int error = lock < 0 ? lock : deploy_service(d, &s, e);

	if (error || s.info.guard_until || guard_read(d->state_dir, d->service, &guard))
		return error;
	if (guard.outcome == GUARD_WATCHING && guard.generation == d->generation) {
		guard.until = s.info.guard_until = table_seconds() + d->plan.guard_s;
		error = evidence_take(d->tables, s.id, d->color, &guard.before, e);
		if (!error && guard_write(d->state_dir, &guard))
			error = error_set(e, EXIT_FAILED, EIO, "cannot write what the guard of %s is to go by", d->service);
		id = s.id;
		if (!error && table_put(d->tables, TABLE_service_info, &id, &s.info))
			error = error_set(e, EXIT_FAILED, errno, "cannot write the row of %s in service_info", d->service);
	}
	guard_free(&guard);
	return error;
}

int deploy_guard(struct deploy *d, char text[256], struct error *e)
{
	struct service s = {};
	char note[64];
	int resumed = service_find(d->tables, d->service, &s, e);

	/* Somebody else's switch is looked into below. */
	if (!resumed && s.info.generation == d->generation && !s.info.guard_until)
		resumed = guard_resume(d, e);
	if (resumed)
		return resumed;
	for (;;) {
		__u64 now = table_seconds();
		int error = service_find(d->tables, d->service, &s, e);

		if (!error && s.info.generation != d->generation)
			error = guard_rolled_back(d, e);
		if (!error)
			error = deploy_service(d, &s, e);
		if (error)
			return error;
		if (!s.info.guard_until)
			break;
		if (now > s.info.guard_until + LATE_S)
			return error_set(e, EXIT_FAILED, ESRCH,
					 "teald was not there to end the guard of %s: 'systemctl status teald' tells why",
					 d->service);
		snprintf(note, sizeof(note), "%llu s to go", now < s.info.guard_until ? s.info.guard_until - now : 0);
		d->note(d, note);
		if (interrupt_sleep(POLL_MS))
			return -EINTR;
	}
	snprintf(text, 256, "%s did no worse than %s", color_name(d->color), color_name(d->from));
	return 0;
}

/* Drain */

/* --reset: at the deadline, for what is left then. */
static int drain_reset(struct deploy *d, const struct service *s, char text[256], struct error *e)
{
	struct reset_result reset = {};
	int error = reset_color(d->tables, s, d->from, false, &reset, e);

	if (!error && reset.left && s->protocol == TEAL_TCP)
		error = error_set(e, EXIT_DEADLINE, ETIMEDOUT,
				  "%llu of %llu connections on %s said nothing that could be answered with a reset: they end as soon as "
				  "either end does",
				  reset.left, reset.ended, color_name(d->from));
	snprintf(text, 256, "after %u s %llu connections on %s were %s", d->plan.drain_s, reset.ended, color_name(d->from),
		 s->protocol == TEAL_TCP ? "reset" : "forgotten");
	return error;
}

int deploy_drain(struct deploy *d, char text[256], struct error *e)
{
	__u64 began = table_clock(), left = 0;
	struct service s = {};
	char note[64];

	for (;;) {
		int error = deploy_service(d, &s, e);

		if (!error)
			error = color_flows(d->tables, s.id, d->from, &left, e);
		if (error)
			return error;
		if (!left)
			break;
		if (table_clock() - began > d->plan.drain_s * 1000000000ULL)
			return d->plan.reset ? drain_reset(d, &s, text, e) : error_set(e, EXIT_DEADLINE, ETIMEDOUT,
					 "%s has all new connections, and %llu are left on %s after %u s: they go on; wait for them "
					 "with 'teal drain %s --wait'",
					 color_name(d->color), left, color_name(d->from), d->plan.drain_s, d->service);
		snprintf(note, sizeof(note), "%llu connections are left on %s", left, color_name(d->from));
		d->note(d, note);
		if (interrupt_sleep(POLL_MS))
			return -EINTR;
	}
	snprintf(text, 256, "%s is empty", color_name(d->from));
	return 0;
}
