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
#define DEFAULT_CONFIG "/etc/teal/teal.yaml"

/*
 * Every option: symbol, name as written, what stands behind it ("": nothing, "[=T]": perhaps something), who takes it
 * (a bit; 0: every command), what it does.  Parsing, help and completion come from here.
 */
#define OPTIONS(X)                                                                                                 \
	X(JSON, "json", "", 0, "the answer as JSON")                                                               \
	X(QUIET, "quiet", "", 0, "no answer, only errors")                                                         \
	X(NO_COLOR, "no-color", "", 0, "plain text")                                                               \
	X(PIN_DIR, "pin-dir", "DIRECTORY", 0, "where the tables are pinned (default " DEFAULT_PIN_DIR ")")         \
	X(STATE_DIR, "state-dir", "DIRECTORY", 0, "where the books are kept (default " DEFAULT_STATE_DIR ")")      \
	X(HELP, "help", "", 0, "how the command is written, and what its options do")                              \
	X(VERSION, "version", "", 0, "the version")                                                                \
	X(FORCE, "force", "", TAKES_FORCE, "go on although a gate refuses, which says so")                         \
	X(WAIT, "wait", "[=T]", TAKES_WAIT, "wait until the old color is empty, at most T (30s, 5m)") \
	X(WHY, "why", "TEXT", TAKES_WHY, "what the history is to say of it")                                       \
	X(VERDICTS, "verdicts", "", TAKES_VERDICTS, "what became of the packets, by reason")                       \
	X(COLOR, "color", "COLOR", TAKES_COLOR, "blue or green")                                                   \
	X(CLIENT, "client", "PREFIX", TAKES_CLIENT, "only clients with such addresses, as in 198.51.100.0/24")     \
	X(LIMIT, "limit", "N", TAKES_LIMIT, "so many and no more")                                                 \
	X(CONFIG, "config", "FILE", TAKES_CONFIG, "teald's configuration (default " DEFAULT_CONFIG ")")            \
	X(RESET, "reset", "", TAKES_RESET, "end the connections that are left then, at both ends")                 \
	X(MAX, "max", "T", TAKES_MAX, "until then at the latest, as in 30s (the default)")                         \
	X(FROM, "from", "PREFIX...", TAKES_FROM, "these clients, as in 192.0.2.0/24")                              \
	X(OFF, "off", "", TAKES_OFF, "nobody any more")                                                            \
	X(GUARD, "guard", "T", TAKES_GUARD, "so long teald goes back if the new color does worse") \
	X(BACKENDS, "backends", "A,B", TAKES_DEPLOY, "the color gets these backends first, as ADDRESS:PORT")       \
	X(RUN, "run", "CMD", TAKES_DEPLOY, "this brings the release up")                                           \
	X(SMOKE, "smoke", "CMD", TAKES_DEPLOY, "this tries it, and must end with 0")                               \
	X(PREVIEW, "preview", "PREFIX,...", TAKES_DEPLOY, "these clients get it while --smoke tries it")           \
	X(CANARY, "canary", "5%:1m,25%:5m", TAKES_DEPLOY, "shares of the new connections, and for how long")       \
	X(DRAIN, "drain", "T", TAKES_DEPLOY, "wait that long for the old color's connections to end")              \
	X(ON_ROLLBACK, "on-rollback", "CMD", TAKES_DEPLOY, "this runs if a canary or a switch is taken back")      \
	X(TIMEOUT, "timeout", "T", TAKES_DEPLOY, "how long --run, --smoke and health may take (2m)")               \
	X(YES, "yes", "", TAKES_DEPLOY, "do not ask")                                                              \
	X(RESUME, "resume", "", TAKES_DEPLOY, "go on with a deployment that was stopped or killed")                \
	X(ABORT, "abort", "", TAKES_DEPLOY, "undo it")

enum command_option {
#define X(symbol, name, argument, takers, sentence) OPTION_##symbol,
	OPTIONS(X)
#undef X
	OPTION_COUNT,
};

struct option_row {
	const char *name, *argument, *sentence;
	unsigned int takers;
};
extern const struct option_row option_rows[OPTION_COUNT]; /* by enum command_option */

/* Who takes an option. */
enum {
	TAKES_FORCE = 1,
	TAKES_WAIT = 2,
	TAKES_VERDICTS = 4,
	TAKES_COLOR = 8,
	TAKES_CLIENT = 16,
	TAKES_LIMIT = 32,
	TAKES_CONFIG = 64,
	TAKES_RESET = 128,
	TAKES_MAX = 256,
	TAKES_FROM = 512,
	TAKES_OFF = 1024,
	TAKES_WHY = 2048,
	TAKES_GUARD = 4096,
	TAKES_DEPLOY = 8192, /* what only that takes */
};

/* What was asked for. */
struct command_options {
	const char *given[OPTION_COUNT]; /* the value, "" of an option without one; NULL: not given */
	const char *pin_dir, *state_dir, *config_file;
	bool json, quiet, no_color;
	bool force, wait, verdicts, reset, off;
	unsigned int wait_seconds; /* with `wait`; 0: until it is done */
	unsigned int max_seconds, guard_seconds; /* 0: not given */
	const char *color, *client, *why;
	const char *from[FROM_MAX]; /* --from, as often as it was given */
	unsigned int from_count;
	unsigned int limit; /* 0: no limit */
};

struct command_context {
	struct command_options options;
	struct tables *tables; /* NULL for a command that needs none */
	bool lines;	       /* JSON: one object a line, for events came before the answer */
};

struct command {
	const char *name;
	const char *arguments; /* as usage shows them */
	int fewest, most;      /* arguments; most < 0: any number */
	unsigned int options; /* TAKES_ bits */
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
 * Takes the options out of a command line, wherever they stand; what is left begins at argv[optind].
 * Returns 0, or a negative errno with a sentence (EXIT_USAGE).
 */
int options_take(int argc, char **argv, struct command_options *ret, struct error *e);
/* Refuses what a command does not take.  Returns 0, or -EINVAL with a sentence (EXIT_USAGE). */
int options_check(const struct command *command, const struct command_options *o, struct error *e);

/* All commands, or one with its options. */
void usage_print(FILE *to, const struct command *commands, size_t count);
void usage_print_command(FILE *to, const struct command *command);

/* Prints what the last of these words could become, a line each. */
void complete(const struct command *commands, size_t count, int argc, char **argv);

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
