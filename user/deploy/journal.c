/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>

#include "common/cleanup.h"
#include "common/durable.h"
#include "common/text.h"
#include "common/words.h"
#include "deploy/deploy.h"

#define FOLDER "deploy"
#define NUMBER_MAX 1000000000 /* of seconds, in a plan */

static const char *const phases[] = {
#define X(symbol, name, sentence) [DEPLOY_##symbol] = #name,
	DEPLOY_PHASES(X)
#undef X
};

static const char *const states[] = {
#define X(symbol, name) [DEPLOY_##symbol] = name,
	DEPLOY_STATES(X)
#undef X
};

const char *deploy_phase_name(enum deploy_phase phase)
{
	return phases[phase];
}

const char *deploy_state_name(enum deploy_state state)
{
	return states[state];
}

/* The texts of a plan, by their names in the journal. */
#define PLAN_TEXTS(X) X(backends) X(run) X(smoke) X(preview) X(canary) X(on_rollback) X(why)

/* Writing */

/* Arguments need not be UTF-8, which JSON must be; such a text cannot be journaled, so the plan's check refuses it. */
static json_t *text_json(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *plan_json(const struct deploy_plan *plan)
{
	json_t *json = json_pack("{s:I, s:I, s:I, s:b, s:b}", "guard", (json_int_t)plan->guard_s, "drain",
				 (json_int_t)plan->drain_s, "timeout", (json_int_t)plan->timeout_s, "force", plan->force, "reset",
				 plan->reset);

#define X(name) json_object_set_new(json, #name, text_json(plan->name));
	PLAN_TEXTS(X)
#undef X
	return json;
}

static json_t *before_json(const struct deploy *d)
{
	json_t *list = json_array();

	if (!d->before) {
		json_decref(list);
		return json_null();
	}
	for (char **text = d->before; *text; text++)
		json_array_append_new(list, json_string(*text));
	return json_pack("{s:o, s:b}", "backends", list, "at_run_time", d->before_at_run_time);
}

int deploy_write(const struct deploy *d, struct error *e)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o}", "service",
				 d->service, "color", color_name(d->color), "from", color_name(d->from), "phase",
				 phases[d->phase], "state", states[d->state], "passed", d->passed, "step", d->step,
				 "generation", (json_int_t)d->generation, "began", (json_int_t)d->began, "phase_began",
				 (json_int_t)d->phase_began, "pid", (json_int_t)getpid(), "why", d->why, "plan",
				 plan_json(&d->plan), "before", before_json(d), "reference", evidence_json(&d->reference));
	int error = json ? durable_write(d->state_dir, FOLDER, d->service, json) : -ENOMEM;

	json_decref(json);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the journal %s/" FOLDER "/%s.json: %s", d->state_dir,
				 d->service, strerror(-error));
	return 0;
}

/* Reading */

static int number_read(const json_t *json, const char *name, json_int_t most, unsigned int *ret)
{
	const json_t *value = json_object_get(json, name);
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || number > most)
		return -EINVAL;
	*ret = (unsigned int)number;
	return 0;
}

static int text_read(const json_t *json, const char *name, char **ret)
{
	const json_t *value = json_object_get(json, name);

	if (!json_is_string(value))
		return json_is_null(value) ? 0 : -EINVAL;
	*ret = strdup(json_string_value(value));
	return *ret ? 0 : -ENOMEM;
}

static int plan_read(const json_t *json, struct deploy_plan *ret)
{
	int error = number_read(json, "guard", NUMBER_MAX, &ret->guard_s);

	error = error ?: number_read(json, "drain", NUMBER_MAX, &ret->drain_s);
	error = error ?: number_read(json, "timeout", NUMBER_MAX, &ret->timeout_s);
	ret->force = json_is_true(json_object_get(json, "force"));
	ret->reset = json_is_true(json_object_get(json, "reset"));
#define X(name) error = error ?: text_read(json, #name, &ret->name);
	PLAN_TEXTS(X)
#undef X
	return error;
}

static int before_read(const json_t *json, struct deploy *ret)
{
	const json_t *list = json_object_get(json, "backends"), *text;
	size_t i;

	if (json_is_null(json))
		return 0;
	ret->before = json_is_array(list) ? calloc(json_array_size(list) + 1, sizeof(*ret->before)) : NULL;
	ret->before_at_run_time = json_is_true(json_object_get(json, "at_run_time"));
	if (!ret->before)
		return -EINVAL;
	json_array_foreach (list, i, text) {
		ret->before[i] = json_is_string(text) ? strdup(json_string_value(text)) : NULL;
		if (!ret->before[i])
			return -EINVAL;
	}
	return 0;
}

static int name_find(const char *const *names, int count, const char *name)
{
	int i = 0;

	while (i < count && strcmp(names[i], name) != 0)
		i++;
	return i;
}

static int journal_read(const json_t *json, struct deploy *ret)
{
	const char *service, *color, *from, *phase, *state, *why;
	const json_t *plan, *before, *reference;
	json_int_t began, phase_began;
	int passed;

	if (json_unpack((json_t *)json, "{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:s, s:o, s:o, s:o}", "service", &service,
			"color", &color, "from", &from, "phase", &phase, "state", &state, "passed", &passed, "began", &began,
			"phase_began", &phase_began, "why", &why, "plan", &plan, "before", &before, "reference",
			&reference) ||
	    strlen(service) >= sizeof(ret->service) || color_parse(color, &ret->color) || color_parse(from, &ret->from) ||
	    number_read(json, "step", DEPLOY_STEPS_MAX, &ret->step) ||
	    number_read(json, "generation", UINT32_MAX, &ret->generation) || evidence_read(reference, &ret->reference))
		return -EINVAL;
	ret->phase = name_find(phases, DEPLOY_PHASE_COUNT, phase);
	ret->state = name_find(states, DEPLOY_STATE_COUNT, state);
	if (ret->phase == DEPLOY_PHASE_COUNT || ret->state == DEPLOY_STATE_COUNT)
		return -EINVAL;
	strcpy(ret->service, service);
	ret->passed = passed;
	ret->began = (__u64)began;
	ret->phase_began = (__u64)phase_began;
	text_clean(why, ret->why, sizeof(ret->why));
	return plan_read(plan, &ret->plan) ?: before_read(before, ret);
}

int deploy_read(const char *state_dir, const char *service, struct deploy *ret, struct error *e)
{
	struct deploy d = { .state_dir = state_dir, .lock = -1 };
	json_t *json;
	int error = durable_read(state_dir, FOLDER, service, &json);

	if (error == -ENOENT)
		return error;
	if (!error) {
		error = journal_read(json, &d);
		json_decref(json);
	}
	if (error) {
		deploy_free(&d);
		return error_set(e, EXIT_FAILED, -error,
				 "%s/" FOLDER "/%s.json is no journal that teal wrote (%s): nobody knows how far the last deployment "
				 "of %s came, so bring its colors into order and move that file away",
				 state_dir, service, strerror(-error), service);
	}
	*ret = d;
	return 0;
}

void deploy_free(struct deploy *d)
{
#define X(name) free(d->plan.name);
	PLAN_TEXTS(X)
#undef X
	words_free(d->before);
	close_p(&d->lock);
	*d = (struct deploy){ .lock = -1 };
}

/* The lock */

static int lock_open(const char *state_dir, const char *service, int flags)
{
	_cleanup_free_ char *path = NULL;
	int error = flags & O_CREAT ? durable_folder(state_dir, FOLDER) : 0, fd;

	if (error)
		return error;
	if (asprintf(&path, "%s/" FOLDER "/%s.lock", state_dir, service) < 0)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	return fd < 0 ? -errno : fd;
}

int deploy_lock(const char *state_dir, const char *service, struct error *e)
{
	int fd = lock_open(state_dir, service, O_CREAT);

	if (fd < 0)
		return error_set(e, EXIT_FAILED, -fd, "cannot lock the deployments of %s in %s: %s", service, state_dir,
				 strerror(-fd));
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	close(fd);
	return error_set(e, EXIT_REFUSED, EAGAIN,
			 "%s is being deployed by another process: 'teal status %s' tells how far it is; end it with ^C, or "
			 "wait",
			 service, service);
}

bool deploy_is_locked(const char *state_dir, const char *service)
{
	_cleanup_close_ int fd = lock_open(state_dir, service, 0);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB);
}
