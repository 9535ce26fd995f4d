// SPDX-License-Identifier: GPL-2.0-only
/* When a backend is asked, and what its answers make of it. */
#include "daemon/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "daemon/log.h"

#define FIRST_WITHIN_MS 1000 /* new backends are asked soon, and not all at once */
#define GRACE_MS 1	     /* the loop may have been busy: whatever has come by now is still looked at */

#define UNABLE_NS 10000000000ULL /* the log says at most that often that this host cannot ask */

static void target_timer(uv_timer_t *timer);

static enum line line_of(const struct target *target)
{
	return target->config->health.type == HEALTH_EXEC ? LINE_COMMANDS : LINE_SOCKETS;
}

static unsigned int line_most(enum line line)
{
	return line == LINE_COMMANDS ? COMMANDS_MOST : SOCKETS_MOST;
}

/* Below `limit`, which is not 0.  Not a secret: it only spreads. */
static __u32 random_below(__u32 limit)
{
	__u32 number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = (__u32)uv_hrtime();
	return number % limit;
}

static void target_wait(struct target *target, __u64 milliseconds)
{
	uv_timer_start(&target->timer, target_timer, milliseconds, 0);
}

static void target_wait_first(struct target *target)
{
	__u32 interval = target->config->health.interval_ms;

	target_wait(target, random_below(interval < FIRST_WITHIN_MS ? interval : FIRST_WITHIN_MS));
}

/* From the beginning of the last check, up to a tenth less than the interval: so they spread, and none comes too late. */
static void target_wait_next(struct target *target)
{
	__u32 interval = target->config->health.interval_ms;
	__u64 took = (uv_hrtime() - target->began) / 1000000, pause = interval - random_below(interval / 10 + 1);

	target_wait(target, took < pause ? pause - took : 0);
}

/* What the last answer makes of the backend. */
static void target_judge(struct target *target, const char *reason)
{
	const struct config_health *config = &target->config->health;
	struct teal_check *check = &target->check;
	enum teal_health found = target->found;

	check->checked_at = target->began / 1000000000;
	if (reason) {
		check->successes = 0;
		check->failures += check->failures < UINT16_MAX;
	} else {
		check->failures = 0;
		check->successes += check->successes < UINT16_MAX;
		check->latency = (__u32)((uv_hrtime() - target->began) / 1000);
	}
	memset(check->reason, 0, sizeof(check->reason));
	for (size_t i = 0; reason && reason[i] && i < sizeof(check->reason) - 1; i++)
		check->reason[i] = reason[i] >= ' ' && reason[i] <= '~' ? reason[i] : '?';
	if (check->failures >= config->fall)
		found = TEAL_DOWN;
	if (check->successes >= config->rise)
		found = TEAL_UP;
	if (found != target->found) {
		target->found = found;
		check->changed_at = (__u64)time(NULL);
		verdict_write_soon(target->health);
	}
	verdict_note(target);
}

static void line_move(struct health *health, enum line line);

/* The check is over, with or without an answer. */
static void target_over(struct target *target)
{
	enum line line = line_of(target);

	target->probe = NULL;
	target->health->running[line]--;
	uv_timer_stop(&target->timer);
	target_wait_next(target);
	line_move(target->health, line);
}

static void target_answered(void *data, const char *reason)
{
	struct target *target = data;

	target_judge(target, reason);
	target_over(target);
}

/* This host could not ask: that says nothing of the backend, but somebody should know. */
static void target_unable(struct target *target, int error)
{
	struct teal_check *check = &target->check;

	memset(check->reason, 0, sizeof(check->reason));
	snprintf(check->reason, sizeof(check->reason), "this host cannot check it: %s", strerror(-error));
	verdict_note(target);
	if (target->health->unable_at && target->began - target->health->unable_at < UNABLE_NS)
		return;
	log_error("%s: %s", target->config->name, check->reason);
	target->health->unable_at = target->began;
}

static void target_start(struct target *target)
{
	const struct probe_kind *kind = probe_kind_of(target->config->health.type);
	const struct probe_target about = { target->config->name, target->color, target->endpoint,
					    &target->config->health };
	int error;

	target->began = uv_hrtime();
	target->late = false;
	target->health->running[line_of(target)]++;
	error = kind->start(&target->health->probes, &about, target_answered, target, &target->probe);
	if (error) {
		target_unable(target, error);
		target->probe = NULL;
		target->health->running[line_of(target)]--;
		target_wait_next(target);
		return;
	}
	target_wait(target, target->config->health.timeout_ms);
}

/* As many of a line as there is room for. */
static void line_move(struct health *health, enum line line)
{
	struct target *target;

	while (!health->holding && health->running[line] < line_most(line) &&
	       (target = TAILQ_FIRST(&health->lines[line]))) {
		TAILQ_REMOVE(&health->lines[line], target, queue);
		target->queued = false;
		target_start(target);
	}
}

void targets_go_on(struct health *health)
{
	health->holding = false;
	for (enum line line = 0; line < LINES; line++)
		line_move(health, line);
}

static void target_timer(uv_timer_t *timer)
{
	struct target *target = timer->data;
	char reason[TEAL_REASON_SIZE];
	const char *waited;

	if (!target->probe) {
		target->queued = true;
		TAILQ_INSERT_TAIL(&target->health->lines[line_of(target)], target, queue);
		line_move(target->health, line_of(target));
		return;
	}
	if (!target->late) {
		target->late = true;
		target_wait(target, GRACE_MS);
		return;
	}
	waited = target->probe->kind->cancel(target->probe);
	snprintf(reason, sizeof(reason), "%s within %u ms", waited, target->config->health.timeout_ms);
	target_answered(target, reason);
}

/* Takes it out of whatever it is in. */
static void target_withdraw(struct target *target)
{
	enum line line = line_of(target);

	uv_timer_stop(&target->timer);
	if (target->queued)
		TAILQ_REMOVE(&target->health->lines[line], target, queue);
	target->queued = false;
	if (!target->probe)
		return;
	target->probe->kind->cancel(target->probe);
	target->probe = NULL;
	target->health->running[line]--;
	line_move(target->health, line);
}

int target_new(struct health *health, __u32 backend, const struct teal_backend *row,
	       const struct config_service *config, struct target **ret)
{
	struct target *target = calloc(1, sizeof(*target));
	int error = target ? table_get(health->tables, TABLE_checks, &backend, &target->check) : -ENOMEM;

	if (error) {
		free(target);
		return error;
	}
	target->health = health;
	target->backend = backend;
	target->endpoint.port = row->port;
	memcpy(target->endpoint.address, row->address, sizeof(row->address));
	target->color = row->color;
	target->service = row->service;
	target->config = config;
	target->found = target->written = row->health;
	uv_timer_init(health->loop, &target->timer);
	target->timer.data = target;
	health->open++;
	target_wait_first(target);
	*ret = target;
	return 0;
}

static void target_closed(uv_handle_t *handle)
{
	struct target *target = handle->data;

	target->health->open--;
	free(target);
}

void target_free(struct target *target)
{
	target_withdraw(target);
	uv_close((uv_handle_t *)&target->timer, target_closed);
}

static bool is_same_text(const char *one, const char *other)
{
	return one && other ? !strcmp(one, other) : one == other;
}

static bool is_same_command(char **one, char **other)
{
	if (!one || !other)
		return one == other;
	for (; *one && *other; one++, other++)
		if (strcmp(*one, *other) != 0)
			return false;
	return *one == *other;
}

/* Whether the same is asked, and the same answers are good. */
static bool is_same_question(const struct config_health *one, const struct config_health *other)
{
	return one->type == other->type && is_same_text(one->path, other->path) && is_same_text(one->host, other->host) &&
	       one->verify == other->verify && is_same_command(one->command, other->command) &&
	       one->expect_count == other->expect_count &&
	       (!one->expect_count || !memcmp(one->expect, other->expect, one->expect_count * sizeof(*one->expect)));
}

/* A question under way is dropped, for it looks at the old configuration; answers to another question do not count. */
void target_follow(struct target *target, const struct config_service *config)
{
	bool same = is_same_question(&target->config->health, &config->health);
	bool asked = target->probe || target->queued;

	target_withdraw(target);
	target->config = config;
	if (!same)
		target->check.successes = target->check.failures = 0;
	if (!same || asked)
		target_wait_first(target);
	else
		target_wait_next(target);
}

void target_adopt(struct target *target, enum teal_health health)
{
	target->found = target->written = health;
	memset(&target->check, 0, sizeof(target->check));
}
