// SPDX-License-Identifier: GPL-2.0-only
/* teal: the table of commands, and the way from the command line to one of them. */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/libbpf.h>

#include "command/command.h"
#include "command/output.h"
#include "common/standard.h"

/* Usage, prefixes and arity come from here; 'make lint' holds the manual's synopsis against it. */
static const struct command commands[] = {
	{ "status", "[SERVICE] [--verdicts]", 0, 1, TAKES_VERDICTS, true, status_run, status_print,
	  "services, colors, backends, health, flows; or what became of the packets" },
	{ "switch", "SERVICE... COLOR [--force] [--wait[=T]] [--guard T] [--why TEXT]", 2, -1, TAKES_FORCE | TAKES_WAIT | TAKES_GUARD | TAKES_WHY,
	  true, switch_run, switch_print, "send new connections to a color, in one step" },
	{ "rollback", "SERVICE [--force] [--why TEXT]", 1, 1, TAKES_FORCE | TAKES_WHY, true, rollback_run,
	  rollback_print, "switch back to the previous color" },
	{ "drain", "SERVICE [COLOR] [--wait[=T]] [--reset] [--force]", 1, 2, TAKES_WAIT | TAKES_RESET | TAKES_FORCE,
	  true, drain_run, drain_print, "connections left on the idle color; wait for their end, or end them" },
	{ "canary", "SERVICE COLOR PERCENT | off [--force]", 2, 3, TAKES_FORCE, true, canary_run, canary_print,
	  "give a share of the new connections to the color that is not active" },
	{ "preview", "SERVICE COLOR --from PREFIX... | --off [--force]", 1, -1, TAKES_FROM | TAKES_OFF | TAKES_FORCE,
	  true, preview_run, preview_print, "give a color to some clients only" },
	{ "pause", "SERVICE [--max T]", 1, 1, TAKES_MAX, true, pause_run, pause_print,
	  "hold new connections back for a while, keep the others" },
	{ "resume", "SERVICE", 1, 1, 0, true, resume_run, resume_print, "let new connections in again" },
	{ "backends", "SERVICE COLOR [ADDRESS:PORT...]", 2, -1, 0, true, backends_run, backends_print,
	  "show a color's backends, or replace them" },
	{ "flows", "[SERVICE] [--color COLOR] [--client PREFIX] [--limit N]", 0, 1,
	  TAKES_COLOR | TAKES_CLIENT | TAKES_LIMIT, true, flows_run, flows_print, "the connections there are" },
	{ "deploy", "SERVICE [--color COLOR] [--backends A,B] [--run CMD] [--smoke CMD] [--preview PREFIX,...] [--canary 5%:1m,25%:5m] [--guard T] [--drain T] [--reset] [--on-rollback CMD] [--timeout T] [--config FILE] [--why TEXT] [--force] [--yes] | --resume | --abort", 1, 1, TAKES_COLOR | TAKES_FORCE | TAKES_WHY | TAKES_CONFIG | TAKES_GUARD | TAKES_RESET | TAKES_DEPLOY, true, deploy_command_run, deploy_command_print,
	  "bring a release up on the idle color, try it, switch, or go back" },
	{ "history", "[SERVICE] [--limit N]", 0, 1, TAKES_LIMIT, false, history_run, history_print,
	  "who switched what, when and why" },
	{ "monitor", "", 0, 0, 0, true, monitor_run, monitor_print, "events as they happen, until ^C" },
	{ "top", "", 0, 0, 0, true, top_run, top_print, "the live picture, until q" },
	{ "doctor", "[--config FILE]", 0, 0, TAKES_CONFIG, false, doctor_run, doctor_print,
	  "what would stop this host from working, and the command that mends it" },
	{ "version", "", 0, 0, 0, false, version_run, version_print, "the version" },
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* The command of that name or unique prefix, or NULL with a sentence. */
static const struct command *command_find(const char *name, struct error *e)
{
	const struct command *found = NULL;
	char fitting[256] = "";
	unsigned int count = 0;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (strncmp(commands[i].name, name, strlen(name)))
			continue;
		if (!strcmp(commands[i].name, name))
			return &commands[i];
		found = &commands[i];
		snprintf(fitting + strlen(fitting), sizeof(fitting) - strlen(fitting), "%s%s", count++ ? " or " : "",
			 commands[i].name);
	}
	if (count == 1)
		return found;
	if (count)
		error_set(e, EXIT_USAGE, EINVAL, "'%s' could be %s: write a little more of it", name, fitting);
	else
		error_set(e, EXIT_USAGE, EINVAL, "there is no command '%s': see 'teal --help'", name);
	return NULL;
}

/* Runs the command and prints what it says.  Returns 0 or a negative errno. */
static int command_run(const struct command *command, struct command_context *c, int argc, char **argv,
		       struct error *e)
{
	json_t *answer = NULL;
	int error = 0;

	if (command->needs_tables)
		error = tables_open(c->options.pin_dir, &c->tables, e);
	if (!error)
		error = command->run(c, argc, argv, &answer, e);
	if (answer && !c->options.quiet) {
		const size_t form = (c->lines ? JSON_COMPACT : JSON_INDENT(2)) | JSON_REAL_PRECISION(6);

		if (c->options.json && json_dumpf(answer, stdout, form) == 0)
			printf("\n");
		else if (!c->options.json)
			command->print(c, answer);
	}
	json_decref(answer);
	tables_close(c->tables);
	return error;
}

/* A time behind --wait and a blank is a word of its own to getopt_long(). */
static int wait_check(const struct command_options *o, int argc, char **argv, struct error *e)
{
	struct error ignored = {};
	unsigned int seconds;

	if (!o->wait || o->wait_seconds || argc < 3 || argument_time("", argv[argc - 1], &seconds, &ignored))
		return 0;
	return error_set(e, EXIT_USAGE, EINVAL, "the time of --wait stands behind an equals sign: write --wait=%s",
			 argv[argc - 1]);
}

/* --help and --version, wherever they stand. */
static int help_run(const struct command_options *o, int argc, char **argv, struct error *e)
{
	const struct command *command;

	if (!o->given[OPTION_HELP])
		return printf("teal " TEAL_VERSION "\n") < 0;
	if (!argc) {
		usage_print(stdout, commands, COMMANDS);
		return 0;
	}
	command = command_find(argv[0], e);
	if (!command)
		return -EINVAL;
	usage_print_command(stdout, command);
	return 0;
}

/* From the words to the command's exit code. */
static int main_run(int argc, char **argv, struct error *e)
{
	struct command_context c = {
		.options = { .pin_dir = DEFAULT_PIN_DIR, .state_dir = DEFAULT_STATE_DIR, .config_file = DEFAULT_CONFIG },
	};
	const struct command *command;
	int error = options_take(argc, argv, &c.options, e);

	if (error)
		return error;
	argc -= optind;
	argv += optind;
	if (argc && argc < 3 && !strcmp(argv[0], "help")) { /* as --help */
		c.options.given[OPTION_HELP] = "";
		argc--;
		argv++;
	}
	if (c.options.given[OPTION_HELP] || c.options.given[OPTION_VERSION])
		return help_run(&c.options, argc, argv, e);
	if (!argc || !*argv[0]) {
		usage_print(stderr, commands, COMMANDS);
		return error_set(e, EXIT_USAGE, EINVAL, "no command was given: 'teal status' is a good one to begin with");
	}
	command = command_find(argv[0], e);
	if (!command)
		return -EINVAL;
	error = options_check(command, &c.options, e) ?: wait_check(&c.options, argc, argv, e);
	if (error)
		return error;
	if (argc - 1 < command->fewest || (command->most >= 0 && argc - 1 > command->most))
		return error_set(e, EXIT_USAGE, EINVAL, "write it as: teal %s%s%s", command->name,
				 *command->arguments ? " " : "", command->arguments);
	output_style(c.options.no_color);
	return command_run(command, &c, argc - 1, argv + 1, e);
}

static int libbpf_quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

int main(int argc, char **argv)
{
	struct error e = {};

	standard_keep();
	umask(077);
	libbpf_set_print(libbpf_quiet);
	if (argc > 1 && !strcmp(argv[1], "--complete")) {
		complete(commands, COMMANDS, argc - 2, argv + 2);
		return EXIT_DONE;
	}
	if (!main_run(argc, argv, &e) && !fflush(stdout))
		return EXIT_DONE;
	if (!e.text[0])
		error_set(&e, EXIT_FAILED, errno, "what was asked for is done, but the answer cannot be printed: %s",
			  strerror(errno));
	fflush(stdout); /* the answer comes before the sentence, also where both go into one file */
	fprintf(stderr, "teal: %s\n", e.text);
	return e.code;
}
