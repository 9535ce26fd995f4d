// SPDX-License-Identifier: GPL-2.0-only
/* One phase after another, each journaled before and after; and what becomes of a failure. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/interrupt.h"
#include "deploy/deploy.h"

static const deploy_phase_run phases[] = {
#define X(symbol, name, sentence) [DEPLOY_##symbol] = deploy_##name,
	DEPLOY_PHASES(X)
#undef X
};

static bool is_wanted(const struct deploy_plan *plan, enum deploy_phase phase)
{
	switch (phase) {
	case DEPLOY_BACKENDS: return plan->backends;
	case DEPLOY_RUN: return plan->run;
	case DEPLOY_SMOKE: return plan->smoke;
	case DEPLOY_CANARY: return plan->canary;
	case DEPLOY_GUARD: return plan->guard_s;
	case DEPLOY_DRAIN: return plan->drain_s;
	default: return true;
	}
}

/* Ends it in that state, for that reason.  An error of the journal's is the second one, and not told of. */
static void deploy_end(struct deploy *d, enum deploy_state state, const char *why)
{
	struct error second = {};

	d->state = state;
	snprintf(d->why, sizeof(d->why), "%s", why);
	if (deploy_write(d, &second))
		fprintf(stderr, "teal: %s\n", second.text);
}

static int deploy_interrupted(struct deploy *d, struct error *e)
{
	char why[64];

	snprintf(why, sizeof(why), "signal %d (%s)", interrupt_came(), strsignal(interrupt_came()));
	deploy_end(d, DEPLOY_STOPPED, why);
	return error_set(e, EXIT_FAILED, EINTR,
			 "stopped by %s in the phase %s: 'teal deploy %s --resume' goes on from there, --abort undoes it", why,
			 deploy_phase_name(d->phase), d->service);
}

/* A phase failed: all goes back to where it was, unless it was the drain, which only waits. */
static int deploy_failed(struct deploy *d, int error, struct error *e)
{
	const struct error cause = *e;
	struct error second = {};
	bool switched = d->phase > DEPLOY_SWITCH || (d->phase == DEPLOY_SWITCH && d->passed);

	if (d->phase == DEPLOY_DRAIN && error == -ETIMEDOUT) {
		deploy_end(d, DEPLOY_DONE, cause.text);
		return error;
	}
	if (deploy_undo(d, cause.text, &second)) {
		snprintf(d->why, sizeof(d->why), "%.300s; %.200s", cause.text, second.text);
		deploy_end(d, DEPLOY_UNDOING, d->why);
		*e = (struct error){};
		return error_set(e, EXIT_FAILED, -error,
				 "%.250s (and it could not be undone: %.120s; try 'teal deploy %s --abort')", cause.text,
				 second.text, d->service);
	}
	deploy_end(d, switched ? DEPLOY_ROLLED_BACK : DEPLOY_FAILED, cause.text);
	*e = (struct error){};
	error_set(e, cause.code, -error, "%s: %.400s; %s", deploy_phase_name(d->phase), cause.text,
		  switched			? "new connections are back on the old color" :
		  d->phase < DEPLOY_CANARY	? "nothing has changed for clients" :
		  d->plan.canary		? "the canary was ended, and all is as it was" :
						  "all is as it was");
	return error;
}

static int phase_go(struct deploy *d, struct error *e)
{
	__u64 began = table_clock();
	char text[256] = "";
	int error;

	d->state = DEPLOY_RUNNING;
	d->passed = false;
	d->why[0] = '\0';
	d->phase_began = (__u64)time(NULL);
	d->phase_clock = table_seconds();
	error = deploy_write(d, e);
	if (!error && interrupt_came())
		error = -EINTR;
	if (!error)
		error = phases[d->phase](d, text, e);
	if (error)
		return error;
	d->passed = true;
	error = deploy_write(d, e);
	if (!error)
		d->tell(d, text, (double)(table_clock() - began) / 1e9);
	return error;
}

int deploy_go(struct deploy *d, struct error *e)
{
	int error = 0;

	d->phase += d->passed; /* killed after a phase had ended well and before the next began */
	while (!error && d->phase < DEPLOY_PHASE_COUNT) {
		if (is_wanted(&d->plan, d->phase))
			error = phase_go(d, e);
		d->phase += !error;
	}
	if (error == -EINTR)
		return deploy_interrupted(d, e);
	if (error)
		return deploy_failed(d, error, e);
	d->phase = DEPLOY_PHASE_COUNT - 1;
	deploy_end(d, DEPLOY_DONE, "");
	return 0;
}

int deploy_abort(struct deploy *d, struct error *e)
{
	char why[128];
	int error;

	snprintf(why, sizeof(why), "deployment aborted in the phase %s", deploy_phase_name(d->phase));
	error = deploy_undo(d, why, e);
	if (!error)
		deploy_end(d, DEPLOY_ABORTED, why);
	return error;
}
