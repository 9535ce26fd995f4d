/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A command: a row in the table of main.c and a file of its own.  It builds its answer once, as JSON; with --json
 * that is printed, otherwise the row's printer makes text of it.
 */
#ifndef TEAL_COMMAND_H
#define TEAL_COMMAND_H

#include <jansson.h>

#include "common/error.h"
#include "table/service.h"

#define FROM_MAX 256

/* Options of `teal deploy` alone: symbol, name as written, whether it takes a value. */
#define DEPLOY_OPTIONS(X)                                                                                     \
	X(BACKENDS, "backends", 1) X(RUN, "run", 1) X(SMOKE, "smoke", 1) X(PREVIEW, "preview", 1)             \
	X(CANARY, "canary", 1) X(GUARD, "guard", 1) X(DRAIN, "drain", 1) X(ON_ROLLBACK, "on-rollback", 1)     \
	X(TIMEOUT, "timeout", 1) X(YES, "yes", 0) X(RESUME, "resume", 0) X(ABORT, "abort", 0)

enum deploy_option {
#define X(symbol, name, value) DEPLOY_OPTION_##symbol,
	DEPLOY_OPTIONS(X)
#undef X
	DEPLOY_OPTION_COUNT,
};

/* What was asked for. */
struct command_options {
	const char *pin_dir, *state_dir, *config_file;
	bool json, quiet, no_color;
	bool force, wait, verdicts, reset, off;
	unsigned int wait_seconds; /* with `wait`; 0: until it is done */
	unsigned int max_seconds; /* 0: not given */
	const char *color, *client, *why;
	const char *from[FROM_MAX]; /* --from, as often as it was given */
	unsigned int from_count;
	unsigned int limit; /* 0: no limit */
	const char *deploy[DEPLOY_OPTION_COUNT]; /* values, "" of an option without one; NULL: not given */
};

struct command_context {
	struct command_options options;
	struct tables *tables; /* NULL for a command that needs none */
	bool lines;	       /* JSON: one object a line, for events came before the answer */
};

/* Options that only some commands take, as bits. */
enum {
	OPTION_FORCE = 1,
	OPTION_WAIT = 2,
	OPTION_VERDICTS = 4,
	OPTION_COLOR = 8,
	OPTION_CLIENT = 16,
	OPTION_LIMIT = 32,
	OPTION_CONFIG = 64,
	OPTION_RESET = 128,
	OPTION_MAX = 256,
	OPTION_FROM = 512,
	OPTION_OFF = 1024,
	OPTION_WHY = 2048,
	OPTION_DEPLOY = 4096, /* DEPLOY_OPTIONS, all of them */
};

struct command {
	const char *name;
	const char *arguments; /* as usage shows them */
	int fewest, most;      /* arguments; most < 0: any number */
	unsigned int options;
	bool needs_tables;
	/*
	 * Does it.  Returns 0 and the answer, or a negative errno with a sentence.  An answer may come with an
	 * error: it is printed, and then the sentence.
	 */
	int (*run)(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e);
	/* For a command that prints while it runs, and so has no answer at its end, it does nothing. */
	void (*print)(const struct command_context *c, const json_t *answer);
	const char *sentence;
};

#define COMMAND(name)                                                                                      \
	int name##_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e); \
	void name##_print(const struct command_context *c, const json_t *answer)

COMMAND(status);
COMMAND(switch);
COMMAND(rollback);
COMMAND(drain);
COMMAND(canary);
COMMAND(preview);
COMMAND(pause);
COMMAND(resume);
COMMAND(backends);
COMMAND(flows);
COMMAND(deploy_command);
COMMAND(history);
COMMAND(monitor);
COMMAND(top);
COMMAND(doctor);
COMMAND(version);

/*
 * What words of the command line mean: blue or green; a whole number from 1 on; a time such as 30, 30s, 5m or 1h, in
 * seconds.  Return 0, or -EINVAL with a sentence (EXIT_USAGE).
 */
int argument_color(const char *text, enum teal_color *ret, struct error *e);
int argument_number(const char *option, const char *text, unsigned int *ret, struct error *e);
int argument_time(const char *option, const char *text, unsigned int *ret, struct error *e);

/* A whole number from 0 to 100, with or without a % behind it. */
int argument_percent(const char *text, unsigned int *ret, struct error *e);

/*
 * Waits until a color has no live flows, telling how many are left on the way.
 * Returns 0, or -ETIMEDOUT with a sentence (EXIT_DEADLINE), or another negative errno with one.
 */
int drain_wait(struct command_context *c, const struct service *s, enum teal_color color, __u64 *ret_left,
	       struct error *e);

/*
 * What a service is in besides its color: canary, preview, pause, resets.  conditions_json() adds them to its object;
 * conditions_print() says them, a line each.
 * @list  its backends
 * Returns 0, or a negative errno with a sentence.
 */
int conditions_json(const struct tables *t, const struct service *s, const struct backend *list, unsigned int count,
		    json_t *object, struct error *e);
void conditions_print(const json_t *service);

/* The same of the last deployment: an object, or null where there is none to tell of. */
json_t *deployment_json(const char *state_dir, const char *service);
void deployment_print(const json_t *deployment, const char *service);

#endif
