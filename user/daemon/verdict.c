// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the checks found, written: `checks` at once, for that table is the health engine's alone; health and tables
 * by a worker, for they take LOCK_TABLES and wait for the kernel's grace periods, and the loop waits for nobody.
 */
#include "daemon/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/ends.h"
#include "daemon/log.h"
#include "operation/lock.h"

#define TOGETHER_MS 20	  /* what changes within that time is written together */
#define AGAIN_MS 200	  /* after it could not be */
#define WORKER_WAIT_MS 1000 /* for the lock */
#define COMPLAIN_NS 10000000000ULL /* of waiting for the lock, until the log says so */

/* One service's changes. */
struct batch {
	const struct target **targets; /* only their ids are looked at by the worker */
	struct health_change *changes;
	unsigned int count;
	char service[TEAL_NAME_SIZE];
	struct health_outcome outcome;
	struct error e;
	int error;
};

struct write {
	uv_work_t work;
	struct health *health;
	const struct tables *tables;
	struct batch *batches;
	unsigned int count;
};

void verdict_note(struct target *target)
{
	int error = table_put(target->health->tables, TABLE_checks, &target->backend, &target->check);

	if (error)
		log_error("cannot write the table checks: %s", strerror(-error));
}

/*
 * In the worker.  The lock is let go of between services: others may have something to do, too.  If somebody holds it for
 * longer, the rest is not tried either, or each would wait as long: all of it is collected anew.
 */
static void write_work(uv_work_t *work)
{
	struct write *write = work->data;

	for (unsigned int i = 0; i < write->count; i++) {
		struct batch *batch = &write->batches[i];
		_cleanup_close_ int lock = lock_take(write->tables->pin_dir, LOCK_TABLES, WORKER_WAIT_MS, &batch->e);

		batch->error = lock < 0 ? lock :
					  health_write(write->tables, batch->service, batch->changes, batch->count,
						       &batch->outcome, &batch->e);
		if (lock < 0)
			return; /* write_done() stops here too */
	}
}

static void change_say(const struct batch *batch, const struct health_change *change, const struct target *target)
{
	char endpoint[ADDRESS_TEXT_SIZE];

	endpoint_format(&change->endpoint, endpoint);
	if (change->health == TEAL_UP)
		log_info("%s: %s (%s) is up", batch->service, endpoint, color_name(target->color));
	else
		log_warning("%s: %s (%s) is down: %s", batch->service, endpoint, color_name(target->color),
			    target->check.reason);
}

static void outcome_say(const struct batch *batch)
{
	const struct health_outcome *outcome = &batch->outcome;

	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
		bool fell = false;

		for (unsigned int i = 0; i < batch->count; i++)
			fell |= batch->changes[i].health == TEAL_DOWN && batch->targets[i] &&
				batch->targets[i]->color == color;
		if (fell && outcome->configured[color] && !outcome->usable[color])
			log_error("%s: no backend of %s is up: %s", batch->service, color_name(color),
				  outcome->policy & TEAL_POLICY_REFUSE ? "new connections are refused" :
									  "all of them stay in use");
	}
}

/* Nobody else has that many ids in hand for long: a target that is gone by now is not in the engine's list any more. */
static void targets_find(const struct health *health, struct batch *batch)
{
	for (unsigned int i = 0; i < batch->count; i++) {
		const struct target *target = health->targets[batch->changes[i].backend];

		batch->targets[i] = target && !memcmp(&target->endpoint, &batch->changes[i].endpoint,
						      sizeof(target->endpoint)) ? target : NULL;
	}
}

static void batch_done(struct health *health, struct batch *batch)
{
	bool fell = false;

	targets_find(health, batch);
	for (unsigned int i = 0; i < batch->count; i++) {
		struct target *target = batch->targets[i] ? health->targets[batch->changes[i].backend] : NULL;

		if (!target)
			continue;
		target->written = batch->changes[i].health;
		fell |= target->written == TEAL_DOWN;
		change_say(batch, &batch->changes[i], target);
	}
	outcome_say(batch);
	if (fell && batch->outcome.policy & TEAL_POLICY_RESET && !health->ending)
		ends_provoke(health, batch->service);
}

static void write_free(struct write *write)
{
	for (unsigned int i = 0; i < write->count; i++) {
		free(write->batches[i].changes);
		free(write->batches[i].targets);
	}
	free(write->batches);
	free(write);
}

static void write_start(uv_timer_t *timer);

static void complain(struct health *health, const struct batch *batch)
{
	__u64 now = uv_hrtime();

	if (batch->error == -ENOENT) /* the service went away meanwhile */
		return;
	if (!health->refused_at)
		health->refused_at = now;
	if (batch->error == -EAGAIN && now - health->refused_at < COMPLAIN_NS)
		return;
	log_error("%s", batch->e.text);
	health->refused_at = now;
}

/* In the loop again. */
static void write_done(uv_work_t *work, int status)
{
	struct write *write = work->data;
	struct health *health = write->health;
	bool failed = status < 0;

	health->write = NULL;
	health->open--;
	for (unsigned int i = 0; i < write->count && !failed; i++) {
		if (write->batches[i].error) {
			complain(health, &write->batches[i]);
			failed = true;
		} else {
			health->refused_at = 0;
			batch_done(health, &write->batches[i]);
		}
	}
	write_free(write);
	if (!health->ending)
		uv_timer_start(&health->write_timer, write_start, failed ? AGAIN_MS : TOGETHER_MS, 0);
}

static struct batch *batch_of(struct write *write, const char service[TEAL_NAME_SIZE], unsigned int room)
{
	struct batch *batch;

	/* Targets of a service mostly have ids beside each other. */
	for (unsigned int i = write->count; i > 0; i--)
		if (!strcmp(write->batches[i - 1].service, service))
			return &write->batches[i - 1];
	batch = &write->batches[write->count];
	batch->changes = calloc(room, sizeof(*batch->changes));
	batch->targets = calloc(room, sizeof(*batch->targets));
	if (!batch->changes || !batch->targets) {
		free(batch->changes);
		free(batch->targets);
		return NULL;
	}
	memcpy(batch->service, service, sizeof(batch->service));
	write->count++;
	return batch;
}

/* Collects what is to be written.  Returns NULL if there is nothing, or no memory. */
static struct write *write_make(struct health *health)
{
	struct write *write;
	unsigned int changed = 0;

	for (__u32 id = 0; id < health->rows; id++)
		changed += health->targets[id] && health->targets[id]->found != health->targets[id]->written;
	write = changed ? calloc(1, sizeof(*write)) : NULL;
	if (!write)
		return NULL;
	write->batches = calloc(changed, sizeof(*write->batches));
	for (__u32 id = 0; id < health->rows && write->batches; id++) {
		const struct target *target = health->targets[id];
		struct batch *batch;

		if (!target || target->found == target->written)
			continue;
		batch = batch_of(write, target->config->name, changed);
		if (batch)
			batch->changes[batch->count++] =
				(struct health_change){ target->backend, target->endpoint, target->found };
	}
	write->work.data = write;
	write->health = health;
	write->tables = health->tables;
	return write;
}

static void write_start(uv_timer_t *timer)
{
	struct health *health = timer->data;
	struct write *write = health->write ? NULL : write_make(health);

	if (!write)
		return;
	if (uv_queue_work(health->loop, &write->work, write_work, write_done)) {
		write_free(write);
		return;
	}
	health->write = write;
	health->open++;
}

void verdict_write_soon(struct health *health)
{
	if (!health->write && !uv_is_active((uv_handle_t *)&health->write_timer))
		uv_timer_start(&health->write_timer, write_start, TOGETHER_MS, 0);
}
