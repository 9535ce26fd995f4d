/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/on_rollback.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/words.h"
#include "daemon/log.h"

#define GRACE_MS 5000 /* between SIGTERM and SIGKILL, as deploy/execute.c gives it */

struct run {
	uv_process_t process;
	uv_timer_t timer;
	unsigned int open; /* handles */
	unsigned int seconds;
	bool late; /* and so it was told to end */
	char service[TEAL_NAME_SIZE];
};

static void run_closed(uv_handle_t *handle)
{
	struct run *run = handle->data;

	if (!--run->open)
		free(run);
}

static void run_close(struct run *run)
{
	uv_close((uv_handle_t *)&run->process, run_closed);
	uv_close((uv_handle_t *)&run->timer, run_closed);
}

static void run_ended(uv_process_t *process, int64_t status, int number)
{
	struct run *run = process->data;

	if (run->late)
		kill(-process->pid, SIGKILL); /* what it has left behind */
	else if (status || number)
		log_warning("%s: the command of --on-rollback ended with exit code %lld, signal %d", run->service,
			    (long long)status, number);
	run_close(run);
}

/* Politely first. */
static void run_late(uv_timer_t *timer)
{
	struct run *run = timer->data;

	kill(-run->process.pid, run->late ? SIGKILL : SIGTERM);
	if (run->late)
		return;
	run->late = true;
	log_warning("%s: the command of --on-rollback was not done after %u s and is ended: give it longer with --timeout",
		    run->service, run->seconds);
	uv_timer_start(timer, run_late, GRACE_MS, 0);
}

/* NULL-ended and in allocated memory: ours and three more. */
static char **environment_make(const struct guard *guard)
{
	uv_env_item_t *items = NULL;
	int count = 0;
	char **all;

	uv_os_environ(&items, &count);
	all = calloc((size_t)count + 4, sizeof(*all));
	for (int i = 0, used = 3; all && i < count; i++)
		if (asprintf(&all[used], "%s=%s", items[i].name, items[i].value) >= 0)
			used++;
	uv_os_free_environ(items, count);
	if (all && (asprintf(&all[0], "TEAL_SERVICE=%s", guard->service) < 0 ||
		    asprintf(&all[1], "TEAL_COLOR=%s", color_name(guard->color)) < 0 ||
		    asprintf(&all[2], "TEAL_WHY=%s", guard->why) < 0)) {
		words_free(all);
		return NULL;
	}
	return all;
}

static int run_spawn(struct run *run, uv_loop_t *loop, const struct guard *guard, struct error *e)
{
	uv_stdio_container_t streams[] = { { .flags = UV_IGNORE },
					   { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
					   { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO } };
	_cleanup_free_ char *program = NULL;
	uv_process_options_t options = { .exit_cb = run_ended, .args = guard->on_rollback, .stdio = streams, .stdio_count = 3,
					 .flags = UV_PROCESS_DETACHED /* a session, so that all of it can be ended */ };
	int error = words_program("--on-rollback", guard->on_rollback, &program, e);
	char **environment = error ? NULL : environment_make(guard);

	options.file = program;
	options.env = environment;
	if (!error)
		error = environment ? uv_spawn(loop, &run->process, &options) : -ENOMEM;
	words_free(environment);
	return error;
}

void on_rollback_run(uv_loop_t *loop, const struct guard *guard)
{
	struct run *run = calloc(1, sizeof(*run));
	struct error e = {};
	int error;

	if (!run) {
		log_error("%s: cannot run the command of --on-rollback: out of memory", guard->service);
		return;
	}
	run->seconds = guard->timeout_s;
	strcpy(run->service, guard->service);
	uv_timer_init(loop, &run->timer);
	run->timer.data = run->process.data = run;
	run->open = 1;
	error = run_spawn(run, loop, guard, &e);
	if (!error) {
		run->open++;
		uv_timer_start(&run->timer, run_late, run->seconds * 1000ULL, 0);
		return;
	}
	log_error("%s: cannot run the command of --on-rollback: %s", guard->service, e.text[0] ? e.text : uv_strerror(error));
	run->open += run->process.loop != NULL; /* one that could not be spawned is a handle nevertheless */
	if (run->open > 1)
		run_close(run);
	else
		uv_close((uv_handle_t *)&run->timer, run_closed);
}
