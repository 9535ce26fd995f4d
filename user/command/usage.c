// SPDX-License-Identifier: GPL-2.0-only
/* What --help says: all of it is in the lists of commands and options. */
#include <string.h>

#include "command/command.h"

#define COLUMN 25 /* of the sentences */
#define COLUMNS 80

/* "teal NAME ARGUMENTS", broken before an argument where a line would become too long. */
static void synopsis_print(FILE *to, const char *before, const struct command *command)
{
	int column = fprintf(to, "%steal %s", before, command->name);

	for (const char *at = command->arguments, *end; *at; at = end) {
		end = at + 1;
		while (*end && !(*end == ' ' && (end[1] == '[' || end[1] == '|')))
			end++;
		if (*at == ' ')
			at++;
		if (column + 1 + (end - at) > COLUMNS)
			column = fprintf(to, "\n         ") - 1;
		column += fprintf(to, " %.*s", (int)(end - at), at);
	}
	fprintf(to, "\n");
}

/* A line for each option that `takers` has a bit of; 0: those of every command. */
static void options_print(FILE *to, unsigned int takers)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const char *space = *option_rows[i].argument && *option_rows[i].argument != '[' ? " " : "";

		if (takers ? option_rows[i].takers & takers : !option_rows[i].takers)
			fprintf(to, "  --%s%s%-*s  %s\n", option_rows[i].name, space,
				COLUMN - (int)(6 + strlen(option_rows[i].name) + strlen(space)), option_rows[i].argument, option_rows[i].sentence);
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
		    "Blue/green: moves new connections from one set of backends to the other in one\n"
		    "step, while existing connections stay where they began.\n\n");
	for (size_t i = 0; i < count; i++) {
		synopsis_print(to, "  ", &commands[i]);
		fprintf(to, "      %s\n", commands[i].sentence);
	}
	end_print(to);
	fprintf(to, "'teal COMMAND --help' tells of one command, 'man teal' all.\n");
}

void usage_print_command(FILE *to, const struct command *command)
{
	synopsis_print(to, "Usage: ", command);
	fprintf(to, "\n%s\n", command->sentence);
	if (command->options) {
		fprintf(to, "\n");
		options_print(to, command->options);
	}
	end_print(to);
}
