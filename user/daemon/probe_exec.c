// SPDX-License-Identifier: GPL-2.0-only
/* Does a program say so?  It is run without a shell, in a session of its own, and told what to look at. */
#include "daemon/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX 128 /* of its last line; a reason has no room for more */
#define READ_MOST (64 << 10) /* bytes that are read after it has ended: some chatter must not hold up the loop */

struct run {
	struct probe probe;
	uv_process_t process;
	uv_pipe_t output;
	unsigned int open; /* handles: `output`, and then `process` */
	bool canceled;
	char line[OUTPUT_MAX]; /* the last one that is not empty, */
	size_t used;
	bool ended;	       /* and whether the next byte begins another */
	char buffer[512];
};

static void run_closed(uv_handle_t *handle)
{
	struct run *run = handle->data;

	run->probe.probes->closing--;
	if (!--run->open)
		free(run);
}

static void run_close(struct run *run)
{
	run->probe.probes->closing += run->open;
	if (run->open > 1)
		uv_close((uv_handle_t *)&run->process, run_closed);
	uv_close((uv_handle_t *)&run->output, run_closed);
}

static void line_add(struct run *run, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n') {
			run->ended = true;
			continue;
		}
		if (run->ended)
			run->used = 0;
		run->ended = false;
		if (run->used < sizeof(run->line) - 1)
			run->line[run->used++] = bytes[i] ?: ' ';
	}
}

static void output_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	struct run *run = handle->data;

	(void)size;
	*ret = uv_buf_init(run->buffer, sizeof(run->buffer));
}

static void output_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	struct run *run = stream->data;

	if (size > 0)
		line_add(run, buffer->base, (size_t)size);
	else if (size < 0)
		uv_read_stop(stream);
}

/* What it said last may still lie in the pipe when its end is told. */
static void output_rest(struct run *run)
{
	size_t sum = 0;
	ssize_t size;
	int fd;

	if (uv_fileno((uv_handle_t *)&run->output, &fd))
		return;
	while (sum < READ_MOST && (size = read(fd, run->buffer, sizeof(run->buffer))) > 0) {
		line_add(run, run->buffer, (size_t)size);
		sum += (size_t)size;
	}
}

static void run_ended(uv_process_t *process, int64_t status, int number)
{
	struct run *run = process->data;
	char reason[2 * OUTPUT_MAX], how[48];

	if (run->canceled) {
		run->probe.probes->closing--;
		run_close(run);
		return;
	}
	output_rest(run);
	run->line[run->used] = '\0';
	if (number)
		snprintf(how, sizeof(how), "killed by signal %d", number);
	else
		snprintf(how, sizeof(how), "exit code %d", (int)status);
	snprintf(reason, sizeof(reason), "%s%s%s", how, run->used ? ": " : "", run->line);
	run->probe.done(run->probe.data, number || status ? reason : NULL);
	run_close(run);
}

static char *variable(const char *name, const char *value)
{
	char *text;

	return asprintf(&text, "%s=%s", name, value) < 0 ? NULL : text;
}

/* Everything the program can learn from its environment. */
static void environment_fill(const struct probe_target *target, char *list[5])
{
	char endpoint[ADDRESS_TEXT_SIZE];

	list[0] = variable("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	list[1] = variable("TEAL_SERVICE", target->service);
	list[2] = variable("TEAL_COLOR", color_name(target->color));
	list[3] = variable("TEAL_BACKEND", endpoint_format(&target->endpoint, endpoint));
	list[4] = NULL;
}

static void environment_free(char *list[5])
{
	for (int i = 0; i < 4; i++)
		free(list[i]);
}

/* Nothing to read, and what it says and complains of into one pipe. */
static int run_spawn(struct run *run, const struct probe_target *target, int output)
{
	char *environment[5];
	uv_stdio_container_t files[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = output },
		{ .flags = UV_INHERIT_FD, .data.fd = output },
	};
	uv_process_options_t options = {
		.exit_cb = run_ended,
		.file = target->config->command[0],
		.args = target->config->command,
		.env = environment,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED, /* a session, so that all of its processes can be ended */
		.stdio = files,
		.stdio_count = 3,
	};
	int error = -ENOMEM;

	environment_fill(target, environment);
	if (environment[0] && environment[1] && environment[2] && environment[3]) {
		run->open++; /* also if it fails: the handle is to be closed all the same */
		error = uv_spawn(run->probe.probes->loop, &run->process, &options);
	}
	environment_free(environment);
	return error;
}

static int exec_start(struct probes *probes, const struct probe_target *target, probe_done done, void *data,
		      struct probe **ret)
{
	struct run *run = calloc(1, sizeof(*run));
	int ends[2] = { -1, -1 };
	int error = run ? 0 : -ENOMEM;

	if (!error && pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		error = -errno;
	if (error) {
		free(run);
		return error;
	}
	run->probe = (struct probe){ &probe_exec, probes, done, data };
	run->open = 1;
	uv_pipe_init(probes->loop, &run->output, 0);
	run->process.data = run->output.data = run;
	/* The program's end of the pipe blocks, as programs expect. */
	fcntl(ends[1], F_SETFL, 0);
	error = uv_pipe_open(&run->output, ends[0]);
	if (error)
		close(ends[0]);
	else
		error = run_spawn(run, target, ends[1]);
	close(ends[1]);
	if (error) {
		run_close(run);
		return error;
	}
	uv_read_start((uv_stream_t *)&run->output, output_alloc, output_read);
	*ret = &run->probe;
	return 0;
}

/* The handles live until the kernel tells the program's end, which SIGKILL makes soon. */
static const char *exec_cancel(struct probe *probe)
{
	struct run *run = (struct run *)probe;

	run->canceled = true;
	probe->probes->closing++;
	if (kill(-run->process.pid, SIGKILL) && errno == ESRCH)
		kill(run->process.pid, SIGKILL);
	return "the command did not end";
}

const struct probe_kind probe_exec = { exec_start, exec_cancel };
