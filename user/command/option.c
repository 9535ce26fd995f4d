// SPDX-License-Identifier: GPL-2.0-only
/* From the words behind the dashes to what was asked for. */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "command/command.h"

const struct option_row option_rows[OPTION_COUNT] = {
#define X(symbol, name, argument, takers, sentence) [OPTION_##symbol] = { name, argument, sentence, takers },
	OPTIONS(X)
#undef X
};

#define FIRST 256 /* beyond every letter: no option has one */

static void long_options_make(struct option to[OPTION_COUNT + 1])
{
	for (int i = 0; i < OPTION_COUNT; i++)
		to[i] = (struct option){ .name = option_rows[i].name,
					 .has_arg = !*option_rows[i].argument	      ? no_argument :
						    *option_rows[i].argument == '[' ? optional_argument :
									       required_argument,
					 .val = FIRST + i };
	to[OPTION_COUNT] = (struct option){};
}

/* What getopt_long() did not understand, in a sentence of ours. */
static int option_refuse(const char *word, bool has_no_value, struct error *e)
{
	const char *name = word + strspn(word, "-");
	size_t length = strcspn(name, "=");
	char fitting[128] = "";
	int count = 0, last = 0;

	if (strncmp(word, "--", 2) != 0)
		return error_set(e, EXIT_USAGE, EINVAL, "there is no option '%s': options are written out, as in --json", word);
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (strncmp(option_rows[i].name, name, length) != 0 || strlen(fitting) > sizeof(fitting) - 32)
			continue;
		last = i;
		strcat(strcat(fitting, count++ ? " or --" : "--"), option_rows[i].name);
		if (strlen(option_rows[i].name) == length) {
			count = 1;
			break;
		}
	}
	if (count > 1)
		return error_set(e, EXIT_USAGE, EINVAL, "'%s' could be %s: write a little more of it", word, fitting);
	if (count && has_no_value)
		return error_set(e, EXIT_USAGE, EINVAL, "--%s takes something behind it: write --%s %s", option_rows[last].name,
				 option_rows[last].name, option_rows[last].argument);
	if (count)
		return error_set(e, EXIT_USAGE, EINVAL, "--%s takes nothing behind it: leave '%s' out", option_rows[last].name,
				 name + length);
	return error_set(e, EXIT_USAGE, EINVAL, "there is no option '%s': see 'teal --help'", word);
}

static int from_take(struct command_options *o, const char *value, struct error *e)
{
	if (o->from_count == FROM_MAX)
		return error_set(e, EXIT_USAGE, E2BIG, "--from was given more than %u times: name wider prefixes", FROM_MAX);
	o->from[o->from_count++] = value;
	return 0;
}

static int option_take(enum command_option option, struct command_options *o, const char *value, struct error *e)
{
	o->given[option] = value ?: "";
	switch (option) {
	case OPTION_JSON: o->json = true; return 0;
	case OPTION_QUIET: o->quiet = true; return 0;
	case OPTION_NO_COLOR: o->no_color = true; return 0;
	case OPTION_PIN_DIR: o->pin_dir = value; break;
	case OPTION_STATE_DIR: o->state_dir = value; break;
	case OPTION_CONFIG: o->config_file = value; break;
	case OPTION_FORCE: o->force = true; return 0;
	case OPTION_VERDICTS: o->verdicts = true; return 0;
	case OPTION_COLOR: o->color = value; return 0;
	case OPTION_CLIENT: o->client = value; return 0;
	case OPTION_RESET: o->reset = true; return 0;
	case OPTION_OFF: o->off = true; return 0;
	case OPTION_WHY: o->why = value; return 0;
	case OPTION_MAX: return argument_time("max", value, &o->max_seconds, e);
	case OPTION_GUARD: return argument_time("guard", value, &o->guard_seconds, e);
	case OPTION_LIMIT: return argument_number("limit", value, &o->limit, e);
	case OPTION_FROM: return from_take(o, value, e);
	case OPTION_WAIT: o->wait = true; return value ? argument_time("wait", value, &o->wait_seconds, e) : 0;
	default: return 0; /* deploy's own, which reads them out of `given` */
	}
	return value && *value ? 0 : error_set(e, EXIT_USAGE, EINVAL, "--%s was given an empty name: leave it out for the usual place",
				      option_rows[option].name);
}

int options_take(int argc, char **argv, struct command_options *ret, struct error *e)
{
	struct option options[OPTION_COUNT + 1];
	int option, error = 0;

	long_options_make(options);
	opterr = 0;
	while (!error && (option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		char letter[3] = { '-', (char)optopt, '\0' };

		if (option >= FIRST)
			error = option_take(option - FIRST, ret, optarg, e);
		else
			error = option_refuse(optopt > 0 && optopt < FIRST ? letter : argv[optind - 1], option == ':', e);
	}
	return error;
}

int options_check(const struct command *command, const struct command_options *o, struct error *e)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (o->given[i] && option_rows[i].takers && !(option_rows[i].takers & command->options))
			return error_set(e, EXIT_USAGE, EINVAL, "--%s is not for 'teal %s': write that as: teal %s %s", option_rows[i].name,
					 command->name, command->name, command->arguments);
	return 0;
}
