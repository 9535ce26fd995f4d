// SPDX-License-Identifier: GPL-2.0-only
/* As it was before: back to the old color, canary and preview off, the idle color's backends put back. */
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "deploy/deploy.h"
#include "operation/canary.h"
#include "operation/color_set.h"
#include "operation/lock.h"
#include "operation/preview.h"
#include "operation/switch.h"

/* Only what is ours: a switch of somebody else's, before or after, stands. */
static int traffic_put_back(struct deploy *d, struct service *s, const char *why, bool *ret_taken, struct error *e)
{
	const struct switch_request request = { .color = d->from, .force = true, .why = why };
	struct switch_result result;
	int error = 0;

	*ret_taken = false;
	if (s->info.active == d->color && d->phase >= DEPLOY_SWITCH) {
		error = switch_color(d->tables, d->state_dir, s, &request, &result, e);
		*ret_taken = !error;
		if (!error && result.unwritten.text[0])
			fprintf(stderr, "teal: %s\n", result.unwritten.text);
	}
	if (!error && s->info.canary == d->color && d->phase >= DEPLOY_CANARY) {
		error = canary_end(d->tables, d->state_dir, s, e);
		*ret_taken |= !error;
	}
	if (!error && s->info.preview == d->color && d->plan.preview && d->phase >= DEPLOY_SMOKE)
		error = preview_end(d->tables, d->state_dir, s, e);
	return error;
}

static int backends_put_back(const struct deploy *d, const struct service *s, struct error *e)
{
	_cleanup_free_ struct endpoint *endpoints = NULL;
	struct backend_set set = {};
	int error;

	if (!d->before || s->info.active == d->color)
		return 0;
	while (d->before[set.count])
		set.count++;
	set.endpoints = endpoints = calloc(set.count + 1, sizeof(*endpoints));
	error = endpoints ? color_set_parse(s, d->before, (int)set.count, endpoints, e) : -ENOMEM;
	return error ?: color_set_replace(d->tables, d->state_dir, s, d->color, &set, d->before_at_run_time, e);
}

int deploy_undo(struct deploy *d, const char *why, struct error *e)
{
	_cleanup_close_ int lock = -1;
	bool taken = false;
	struct service s = {};
	int error;

	d->state = DEPLOY_UNDOING;
	error = deploy_write(d, e);
	if (!error)
		error = lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	if (error >= 0)
		error = service_find(d->tables, d->service, &s, e);
	if (!error)
		error = traffic_put_back(d, &s, why, &taken, e);
	if (!error)
		error = backends_put_back(d, &s, e);
	if (error)
		return error;
	close_p(&lock);
	lock = -1;
	/* Traffic was taken from the new color by us: whoever wants to know is told.  teald tells of its own rollbacks. */
	if (taken && d->plan.on_rollback) {
		struct error failed = {};

		if (deploy_execute(d, &s, "--on-rollback", d->plan.on_rollback, EXIT_FAILED, &failed))
			fprintf(stderr, "teal: %s\n", failed.text);
	}
	return 0;
}
