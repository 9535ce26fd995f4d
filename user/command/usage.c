// SPDX-License-Identifier: GPL-2.0-only
/* What --help says: all of it is in the lists of commands and options. */
#include <string.h>

#include "command/command.h"

static const struct {
	const char *name, *argument, *sentence;
	unsigned int takers;
} rows[OPTION_COUNT] = {
#define X(symbol, name, argument, takers, sentence) [OPTION_##symbol] = { name, argument, sentence, takers },
	OPTIONS(X)
#undef X
};

#define COLUMN 30 /* of the sentences */

/* A line for each option that `takers` has a bit of; 0: those of every command. */
static void options_print(FILE *to, unsigned int takers)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const char *space = *rows[i].argument && *rows[i].argument != '[' ? " " : "";

		if (takers ? rows[i].takers & takers : !rows[i].takers)
			fprintf(to, "  --%s%s%-*s  %s\n", rows[i].name, space,
				COLUMN - (int)(6 + strlen(rows[i].name) + strlen(space)), rows[i].argument, rows[i].sentence);
	}
}

static void end_print(FILE *to)
{
	fprintf(to, "\nWith every command:\n");
	options_print(to, 0);
	fprintf(to, "\nA unique prefix of a command is enough.\n"
		    "Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a gate, 4 deadline passed.\n");
}

void usage_print(FILE *to, const struct command *commands, size_t count)
{
	fprintf(to, "Usage: teal COMMAND [ARGUMENTS] [OPTIONS]\n\n"
		    "Blue/green: moves new connections from one set of backends to the other in one step,\n"
		    "while existing connections stay where they began.\n\n");
	for (size_t i = 0; i < count; i++)
		fprintf(to, "  teal %s%s%s\n      %s\n", commands[i].name, *commands[i].arguments ? " " : "",
			commands[i].arguments, commands[i].sentence);
	end_print(to);
	fprintf(to, "'teal COMMAND --help' tells of one command, 'man teal' all.\n");
}

void usage_print_command(FILE *to, const struct command *command)
{
	fprintf(to, "Usage: teal %s%s%s\n\n%s\n", command->name, *command->arguments ? " " : "", command->arguments,
		command->sentence);
	if (command->options) {
		fprintf(to, "\n");
		options_print(to, command->options);
	}
	end_print(to);
}
