// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/interrupt.h"
#include "common/words.h"
#include "deploy/deploy.h"
#include "operation/services.h"

#define POLL_MS 20
#define GRACE_MS 5000 /* between SIGTERM and SIGKILL */

extern char **environ;

/* A command that is ready to be run: all memory is taken before fork(). */
struct execution {
	char *program, **words, **environment;
	bool quiet;
};

static void execution_free(struct execution *x)
{
	free(x->program);
	words_free(x->words);
	words_free(x->environment);
}

/* "ADDRESS:PORT ADDRESS:PORT", what the color consists of now.  NULL with a sentence if it cannot be read. */
static char *backends_text(const struct deploy *d, const struct service *s, struct error *e)
{
	struct backend_set sets[TEAL_COLORS];
	char one[ADDRESS_TEXT_SIZE], *text = NULL;
	size_t size = 0;
	FILE *stream;

	if (backends_get(d->tables, s->id, sets, e))
		return NULL;
	stream = open_memstream(&text, &size);
	for (unsigned int i = 0; stream && i < sets[d->color].count; i++)
		fprintf(stream, "%s%s", i ? " " : "", endpoint_format(&sets[d->color].endpoints[i], one));
	if (stream)
		fclose(stream);
	free((void *)sets[TEAL_BLUE].endpoints);
	free((void *)sets[TEAL_GREEN].endpoints);
	return text;
}

/* Our own environment without what is ours to say, and that.  NULL when memory is out, or with a sentence. */
static char **environment_make(const struct deploy *d, const struct service *s, struct error *e)
{
	static const char *const names[] = { "TEAL_SERVICE=", "TEAL_COLOR=", "TEAL_BACKENDS=", "TEAL_GENERATION=", "TEAL_VIP=" };
	_cleanup_free_ char *backends = backends_text(d, s, e);
	char listen[ADDRESS_TEXT_SIZE], generation[16], **all;
	const char *values[] = { d->service, color_name(d->color), backends, generation,
				 endpoint_format(&s->listen, listen) };
	const size_t own = sizeof(names) / sizeof(*names);
	size_t count = 0, used = 0;

	while (environ[count])
		count++;
	all = backends ? calloc(count + own + 1, sizeof(*all)) : NULL;
	if (!all)
		return NULL;
	snprintf(generation, sizeof(generation), "%u", d->generation);
	for (size_t i = 0; i < own; i++)
		if (asprintf(&all[used], "%s%s", names[i], values[i]) >= 0)
			used++;
	for (size_t i = 0; i < count; i++) {
		bool ours = false;

		for (size_t n = 0; n < own && !ours; n++)
			ours = !strncmp(environ[i], names[n], strlen(names[n]));
		if (!ours && (all[used] = strdup(environ[i])))
			used++;
	}
	return all;
}

static void command_become(const struct execution *x, const sigset_t *mask)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (x->quiet)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	execve(x->program, x->words, x->environment);
	fprintf(stderr, "teal: cannot run %s: %s\n", x->program, strerror(errno));
	_exit(127);
}

/* Ends the whole group but us, who hold the signals back: politely first. */
static void group_end(pid_t command)
{
	const struct timespec step = { .tv_nsec = POLL_MS * 1000000L };
	int status;

	kill(0, SIGTERM);
	for (int waited = 0; waited < GRACE_MS && waitpid(command, &status, WNOHANG) != command; waited += POLL_MS)
		nanosleep(&step, NULL);
	kill(0, SIGKILL); /* us too */
}

/*
 * Between us and the command stands a keeper, which leads its group: if teal is killed, however hard, it ends the command
 * and all that this began, so that --resume never runs it beside itself: until then it holds on to the deployment's lock,
 * for it has all our descriptors.  It ends as the command did.
 */
static void keeper_become(const struct execution *x, pid_t parent, const sigset_t *held, const sigset_t *before)
{
	pid_t command;
	int status;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	command = fork();
	if (!command)
		command_become(x, before);
	while (command > 0) {
		if (sigwaitinfo(held, NULL) != SIGCHLD)
			group_end(command);
		else if (waitpid(command, &status, WNOHANG) == command)
			break;
	}
	if (command > 0 && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	if (command > 0) { /* by that signal too */
		signal(WTERMSIG(status), SIG_DFL);
		sigprocmask(SIG_SETMASK, before, NULL);
		raise(WTERMSIG(status));
	}
	_exit(127);
}

/* It ends its group and then itself. */
static void keeper_end(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* Waits for its end.  Returns 0 and its status, -ETIMEDOUT, or -EINTR; then it was ended. */
static int child_wait(pid_t pid, unsigned int seconds, int *ret_status)
{
	__u64 began = table_clock();

	for (;;) {
		if (waitpid(pid, ret_status, WNOHANG) == pid)
			return 0;
		if (table_clock() - began > seconds * 1000000000ULL || interrupt_came()) {
			keeper_end(pid);
			return interrupt_came() ? -EINTR : -ETIMEDOUT;
		}
		interrupt_sleep(POLL_MS);
	}
}

static int execution_run(const struct execution *x, const struct deploy *d, const char *what, enum exit_code code,
			 struct error *e)
{
	pid_t parent = getpid(), pid;
	sigset_t held, before;
	int error, status;

	signal(SIGCHLD, SIG_DFL); /* whoever started us may have had it ignored, and then no end of a child can be waited for */
	/* Before fork(): a signal that came to the keeper too early for it would be noted by our handler, and lost. */
	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGHUP);
	sigaddset(&held, SIGCHLD);
	sigprocmask(SIG_BLOCK, &held, &before);
	fflush(NULL);
	pid = fork();
	if (!pid)
		keeper_become(x, parent, &held, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return error_set(e, EXIT_FAILED, errno, "cannot start the command of %s: %s", what, strerror(errno));
	error = child_wait(pid, d->plan.timeout_s, &status);
	if (error == -EINTR)
		return error;
	if (error)
		return error_set(e, EXIT_DEADLINE, ETIMEDOUT,
				 "the command of %s (%s) was not done after %u s and was ended: give it longer with --timeout",
				 what, x->words[0], d->plan.timeout_s);
	if (WIFSIGNALED(status))
		return error_set(e, code, ECHILD, "the command of %s (%s) was killed by signal %d (%s)", what, x->words[0],
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		return error_set(e, code, ECHILD, "the command of %s (%s) ended with exit code %d", what, x->words[0],
				 WEXITSTATUS(status));
	return 0;
}

int deploy_execute(const struct deploy *d, const struct service *s, const char *what, const char *command,
		   enum exit_code code, struct error *e)
{
	struct execution x = { .quiet = d->quiet_children };
	int error = words_split(what, command, &x.words, e);

	if (!error)
		error = words_program(what, x.words, &x.program, e);
	if (!error && !(x.environment = environment_make(d, s, e)))
		error = error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	if (!error)
		error = execution_run(&x, d, what, code, e);
	execution_free(&x);
	return error;
}
