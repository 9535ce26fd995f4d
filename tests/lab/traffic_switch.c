// SPDX-License-Identifier: GPL-2.0-only
/* Runs the switch command when it is due, in the edge's namespace, and notes when it began and when it returned. */
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 64

struct change *changes;
unsigned int change_count;

static struct watch child = { .fd = -1 }; /* the pidfd of the command that runs */
static char *words[WORDS + 1];
static int namespace = -1, complaint = -1;
static int64_t begun, step;
static unsigned int wanted;

/* Ends the word that begins at TEXT, whose backslashes each take a space (or a backslash) into it, and returns what
 * is behind it, or NULL at the end. */
static char *word_end(char *text)
{
	char *to = text;

	for (; *text && *text != ' '; text++) {
		if (*text == '\\' && text[1])
			text++;
		*to++ = *text;
	}
	text = *text ? text + 1 : NULL;
	*to = '\0';
	return text;
}

/* Splits at spaces.  There is no shell, and only a backslash to quote with. */
static void words_split(const char *command)
{
	char *rest = strdup(command), *word;
	unsigned int count = 0;

	while (rest && count < WORDS) {
		word = rest;
		rest = word_end(word);
		if (*word)
			words[count++] = word;
	}
	if (!count || rest)
		die("the switch command has no words, or more than %d", WORDS);
}

/* The word with the first %s in it replaced.  The caller frees it, or ends. */
static char *word_fill(const char *word, enum color color)
{
	const char *mark = strstr(word, "%s");
	char *filled = NULL;

	if (asprintf(&filled, "%.*s%s%s", mark ? (int)(mark - word) : (int)strlen(word), word,
		     mark ? color_names[color] : "", mark ? mark + 2 : "") < 0)
		return NULL;
	return filled;
}

const char *switch_line(const struct change *change)
{
	static char line[64];
	size_t length = 0;

	line[0] = '\0';
	for (unsigned int i = 0; words[i] && words[i][0] != '-' && length < sizeof(line) - 1; i++) {
		const char *base = i ? NULL : strrchr(words[0], '/');
		char *word = word_fill(base ? base + 1 : words[i], change->to);

		length += snprintf(line + length, sizeof(line) - length, "%s%s", i ? " " : "", word ? word : "?");
		free(word);
	}
	return line;
}

/* Does not do anything: that the loop wakes up is enough, switch_tick() looks. */
static void child_ready(struct watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
}

void switch_open(const struct options *o, int64_t start)
{
	begun = start;
	if (!o->command)
		return;
	if (!o->switches && !o->every)
		die("a switch command needs --switches N or --every MS");
	wanted = o->switches ? o->switches : (o->seconds * 1000 - 1) / o->every;
	step = o->switches ? o->seconds * SECOND / (o->switches + 1) : o->every * MS;
	words_split(o->command);
	changes = room(NULL, (wanted + 1) * sizeof(*changes));
	if (o->netns && (namespace = open(o->netns, O_RDONLY | O_CLOEXEC)) < 0)
		die("cannot open %s: %s", o->netns, strerror(errno));
	complaint = memfd_create("complaint", MFD_CLOEXEC);
	if (complaint < 0)
		die("cannot make a memory file: %s", strerror(errno));
}

_Noreturn static void child_run(enum color to)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (unsigned int i = 0; words[i]; i++)
		words[i] = word_fill(words[i], to);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(complaint, STDERR_FILENO);
	if (!words[0] || (namespace >= 0 && setns(namespace, CLONE_NEWNET)))
		_exit(126);
	signal(SIGPIPE, SIG_DFL);
	if (words[0])
		execvp(words[0], words);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", words[0] ?: "nothing", strerror(errno));
	_exit(127);
}

static void switch_begin(void)
{
	struct change *change = &changes[change_count];
	enum color now = change_count ? changes[change_count - 1].to : color_first_seen();
	pid_t pid;

	*change = (struct change){ .to = now == GREEN ? BLUE : GREEN, .started = now_ns() };
	(void)ftruncate(complaint, 0);
	(void)lseek(complaint, 0, SEEK_SET);
	pid = fork();
	if (pid < 0)
		die("cannot fork: %s", strerror(errno));
	if (!pid)
		child_run(change->to);
	child = (struct watch){ child_ready, (int)syscall(SYS_pidfd_open, pid, 0) };
	if (child.fd < 0 || loop_add(&child, EPOLLIN))
		die("cannot watch the switch command: %s", strerror(errno));
	change_count++;
}

/* Notes the end of the command, if that has come. */
static void switch_reap(void)
{
	struct change *change = &changes[change_count - 1];
	siginfo_t info = {};
	char *line_end;
	ssize_t length;

	if (waitid(P_PIDFD, child.fd, &info, WEXITED | WNOHANG) || !info.si_pid)
		return;
	change->returned = now_ns();
	change->code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	length = pread(complaint, change->said, sizeof(change->said) - 1, 0);
	change->said[length > 0 ? length : 0] = '\0';
	line_end = strchr(change->said, '\n');
	if (line_end)
		*line_end = '\0';
	loop_close(&child);
	samples_add(&books.switching, change->returned - change->started);
	books.switches_failed += change->code != 0;
}

void switch_tick(int64_t now)
{
	if (child.fd >= 0)
		switch_reap();
	if (child.fd < 0 && change_count < wanted && now >= begun + (change_count + 1) * step)
		switch_begin();
}

bool switch_waits(void)
{
	return child.fd >= 0 || change_count < wanted;
}

bool switch_near(int64_t from, int64_t to)
{
	return change_count && changes[change_count - 1].started <= to &&
	       changes[change_count - 1].started + AFTER_SWITCH >= from;
}
