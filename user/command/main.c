// SPDX-License-Identifier: GPL-2.0-only
/* teal: the table of commands, and the way from the command line to one of them. */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/libbpf.h>

#include "command/command.h"
#include "command/output.h"

#define DEFAULT_CONFIG "/etc/teal/teal.yaml"

/* Usage, prefixes and arity come from here; 'make lint' holds the manual's synopsis against it. */
static const struct command commands[] = {
	{ "status", "[SERVICE] [--verdicts]", 0, 1, OPTION_VERDICTS, true, status_run, status_print,
	  "services, colors, backends, health, flows; or what became of the packets" },
	{ "switch", "SERVICE... COLOR [--force] [--wait[=T]] [--why TEXT]", 2, -1, OPTION_FORCE | OPTION_WAIT | OPTION_WHY,
	  true, switch_run, switch_print, "send new connections to a color, in one step" },
	{ "rollback", "SERVICE [--force] [--why TEXT]", 1, 1, OPTION_FORCE | OPTION_WHY, true, rollback_run,
	  rollback_print, "switch back to the previous color" },
	{ "drain", "SERVICE [COLOR] [--wait[=T]] [--reset] [--force]", 1, 2, OPTION_WAIT | OPTION_RESET | OPTION_FORCE,
	  true, drain_run, drain_print, "connections left on the color that is not active; wait for their end, or end them" },
	{ "canary", "SERVICE COLOR PERCENT | off [--force]", 2, 3, OPTION_FORCE, true, canary_run, canary_print,
	  "give a share of the new connections to the color that is not active" },
	{ "preview", "SERVICE COLOR --from PREFIX... | --off [--force]", 1, -1, OPTION_FROM | OPTION_OFF | OPTION_FORCE,
	  true, preview_run, preview_print, "give a color to some clients only" },
	{ "pause", "SERVICE [--max T]", 1, 1, OPTION_MAX, true, pause_run, pause_print,
	  "hold new connections back for a while, keep the others" },
	{ "resume", "SERVICE", 1, 1, 0, true, resume_run, resume_print, "let new connections in again" },
	{ "backends", "SERVICE COLOR [ADDRESS:PORT...]", 2, -1, 0, true, backends_run, backends_print,
	  "show a color's backends, or replace them" },
	{ "flows", "[SERVICE] [--color COLOR] [--client PREFIX] [--limit N]", 0, 1,
	  OPTION_COLOR | OPTION_CLIENT | OPTION_LIMIT, true, flows_run, flows_print, "the connections there are" },
	{ "deploy", "SERVICE [--color COLOR] [--backends A,B] [--run CMD] [--smoke CMD] [--preview PREFIX,...] [--canary 5%:1m,25%:5m] [--guard T] [--drain T] [--on-rollback CMD] [--timeout T] [--config FILE] [--why TEXT] [--force] [--yes] | --resume | --abort", 1, 1, OPTION_COLOR | OPTION_FORCE | OPTION_WHY | OPTION_CONFIG | OPTION_DEPLOY, true, deploy_command_run, deploy_command_print,
	  "bring a release up on the idle color, try it, switch, watch, and go back if it is worse" },
	{ "history", "[SERVICE] [--limit N]", 0, 1, OPTION_LIMIT, false, history_run, history_print,
	  "who switched what, when and why" },
	{ "monitor", "", 0, 0, 0, true, monitor_run, monitor_print, "events as they happen, until ^C" },
	{ "top", "", 0, 0, 0, true, top_run, top_print, "the live picture, until q" },
	{ "doctor", "[--config FILE]", 0, 0, OPTION_CONFIG, false, doctor_run, doctor_print,
	  "what would stop this host from working, and the command that mends it" },
	{ "version", "", 0, 0, 0, false, version_run, version_print, "the version" },
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *to)
{
	fprintf(to, "Usage: teal COMMAND [ARGUMENTS] [OPTIONS]\n\n"
		    "Blue/green: moves new connections from one set of backends to the other in one step,\n"
		    "while existing connections stay where they began.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  teal %s %s\n      %s\n", commands[i].name, commands[i].arguments, commands[i].sentence);
	fprintf(to, "\nWith every command:\n"
		    "  --json                 the answer as JSON\n"
		    "  --quiet                no answer, only errors\n"
		    "  --no-color             plain text\n"
		    "  --pin-dir DIRECTORY    where the tables are pinned (default " DEFAULT_PIN_DIR ")\n"
		    "  --state-dir DIRECTORY  where the books are kept (default " DEFAULT_STATE_DIR ")\n"
		    "\nA unique prefix of a command is enough.\n"
		    "Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a gate, 4 deadline passed.\n");
}

/* The command of that name or unique prefix, or NULL with a sentence. */
static const struct command *command_find(const char *name, struct error *e)
{
	const struct command *found = NULL;
	char fitting[128] = "";
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

#define DEPLOY_OPTION_FIRST 256 /* beyond every letter */

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },	       { "quiet", no_argument, NULL, 'q' },
	{ "no-color", no_argument, NULL, 'n' },	       { "pin-dir", required_argument, NULL, 'p' },
	{ "state-dir", required_argument, NULL, 's' }, { "force", no_argument, NULL, 'f' },
	{ "wait", optional_argument, NULL, 'w' },      { "verdicts", no_argument, NULL, 'v' },
	{ "color", required_argument, NULL, 'c' },     { "client", required_argument, NULL, 'l' },
	{ "limit", required_argument, NULL, 'm' },     { "config", required_argument, NULL, 'g' },
	{ "reset", no_argument, NULL, 'r' },	       { "max", required_argument, NULL, 'x' },
	{ "from", required_argument, NULL, 'F' },      { "off", no_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },	       { "version", no_argument, NULL, 'V' },
	{ "why", required_argument, NULL, 'y' },
#define X(symbol, name, value) { name, value, NULL, DEPLOY_OPTION_FIRST + DEPLOY_OPTION_##symbol },
	DEPLOY_OPTIONS(X)
#undef X
	{},
};

/* Takes one option.  @special  gathers the bits of those that not every command takes. */
static int option_take(int option, struct command_options *o, unsigned int *special, struct error *e)
{
	switch (option) {
	case 'j': o->json = true; return 0;
	case 'q': o->quiet = true; return 0;
	case 'n': o->no_color = true; return 0;
	case 'p': o->pin_dir = optarg; return 0;
	case 's': o->state_dir = optarg; return 0;
	case 'f': *special |= OPTION_FORCE; o->force = true; return 0;
	case 'v': *special |= OPTION_VERDICTS; o->verdicts = true; return 0;
	case 'c': *special |= OPTION_COLOR; o->color = optarg; return 0;
	case 'l': *special |= OPTION_CLIENT; o->client = optarg; return 0;
	case 'g': *special |= OPTION_CONFIG; o->config_file = optarg; return 0;
	case 'r': *special |= OPTION_RESET; o->reset = true; return 0;
	case 'o': *special |= OPTION_OFF; o->off = true; return 0;
	case 'x': *special |= OPTION_MAX; return argument_time("max", optarg, &o->max_seconds, e);
	case 'F':
		*special |= OPTION_FROM;
		if (o->from_count == FROM_MAX)
			return error_set(e, EXIT_USAGE, E2BIG, "--from was given more than %u times: name wider prefixes", FROM_MAX);
		o->from[o->from_count++] = optarg;
		return 0;
	case 'y': *special |= OPTION_WHY; o->why = optarg; return 0;
	case 'm': *special |= OPTION_LIMIT; return argument_number("limit", optarg, &o->limit, e);
	case 'w':
		*special |= OPTION_WAIT;
		o->wait = true;
		return optarg ? argument_time("wait", optarg, &o->wait_seconds, e) : 0;
	case DEPLOY_OPTION_FIRST ... DEPLOY_OPTION_FIRST + DEPLOY_OPTION_COUNT - 1:
		*special |= OPTION_DEPLOY;
		o->deploy[option - DEPLOY_OPTION_FIRST] = optarg ?: "";
		return 0;
	default: return error_set(e, EXIT_USAGE, EINVAL, "an option was not understood: see 'teal --help'");
	}
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

/* From the words to the command's exit code. */
static int main_run(int argc, char **argv, struct error *e)
{
	struct command_context c = {
		.options = { .pin_dir = DEFAULT_PIN_DIR, .state_dir = DEFAULT_STATE_DIR, .config_file = DEFAULT_CONFIG },
	};
	const struct command *command;
	unsigned int special = 0;
	int option, error = 0;

	while (!error && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == 'h') {
			usage(stdout);
			return 0;
		}
		if (option == 'V')
			return printf("teal " TEAL_VERSION "\n") < 0;
		error = option_take(option, &c.options, &special, e);
	}
	if (error)
		return error;
	argc -= optind;
	argv += optind;
	if (!argc) {
		usage(stderr);
		return error_set(e, EXIT_USAGE, EINVAL, "no command was given: 'teal status' is a good one to begin with");
	}
	command = command_find(argv[0], e);
	if (!command)
		return -EINVAL;
	if (argc - 1 < command->fewest || (command->most >= 0 && argc - 1 > command->most))
		return error_set(e, EXIT_USAGE, EINVAL, "write it as: teal %s %s", command->name, command->arguments);
	if (special & ~command->options)
		return error_set(e, EXIT_USAGE, EINVAL, "one of the options is not for this command, which is: teal %s %s",
				 command->name, command->arguments);
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

	umask(077);
	libbpf_set_print(libbpf_quiet);
	if (!main_run(argc, argv, &e) && !fflush(stdout))
		return EXIT_DONE;
	if (!e.text[0])
		error_set(&e, EXIT_FAILED, errno, "cannot print the answer: %s", strerror(errno));
	fprintf(stderr, "teal: %s\n", e.text);
	return e.code;
}
