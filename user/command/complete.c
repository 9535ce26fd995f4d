// SPDX-License-Identifier: GPL-2.0-only
/* teal --complete WORD...: what the last of these words could become, a line each, for dist/teal.bash. */
#include <string.h>

#include "command/command.h"
#include "common/cleanup.h"

static void offer(const char *begun, const char *before, const char *word)
{
	char whole[64];

	snprintf(whole, sizeof(whole), "%s%s", before, word);
	if (!strncmp(whole, begun, strlen(begun)))
		puts(whole);
}

/* Whether the word is an option with something behind it as a word of its own. */
static bool takes_word(const char *word)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (!strncmp(word, "--", 2) && !strcmp(word + 2, option_rows[i].name))
			return *option_rows[i].argument && *option_rows[i].argument != '[';
	return false;
}

static void offer_services(const char *begun, const char *pin_dir)
{
	_cleanup_free_ struct service *list = NULL;
	struct tables *tables = NULL;
	struct error e = {};
	unsigned int count = 0;

	if (!tables_open(pin_dir, &tables, &e) && !service_list(tables, &list, &count, &e))
		for (unsigned int i = 0; i < count; i++)
			offer(begun, "", list[i].info.name);
	tables_close(tables);
}

static void offer_colors(const char *begun)
{
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
		offer(begun, "", color_name(color));
}

void complete(const struct command *commands, size_t count, int argc, char **argv)
{
	const char *begun = argc ? argv[argc - 1] : "", *last = argc > 1 ? argv[argc - 2] : "", *pin_dir = DEFAULT_PIN_DIR;
	const struct command *command = NULL;
	int arguments = 0;

	for (int i = 0; i + 1 < argc; i++) {
		if (takes_word(argv[i])) {
			pin_dir = !strcmp(argv[i], "--pin-dir") && i + 2 < argc ? argv[i + 1] : pin_dir;
			i++;
		} else if (*argv[i] != '-') {
			for (size_t n = 0; n < count && !command; n++)
				command = strcmp(commands[n].name, argv[i]) ? NULL : &commands[n];
			arguments++;
		}
	}
	if (takes_word(last)) {
		if (!strcmp(last, "--color"))
			offer_colors(begun);
		return; /* anything else is theirs: bash goes on with files */
	}
	if (*begun == '-') {
		for (int i = 0; i < OPTION_COUNT; i++)
			if (!option_rows[i].takers || (command && option_rows[i].takers & command->options))
				offer(begun, "--", option_rows[i].name);
	} else if (!arguments) {
		for (size_t n = 0; n < count; n++)
			offer(begun, "", commands[n].name);
	} else if (command) {
		/* Its arguments are services first (any number of them, of switch), and then a color. */
		if (strstr(command->arguments, "SERVICE") && (arguments == 1 || strstr(command->arguments, "SERVICE...")))
			offer_services(begun, pin_dir);
		if (arguments > 1 && strstr(command->arguments, " COLOR") && (arguments == 2 || strstr(command->arguments, "SERVICE...")))
			offer_colors(begun);
	}
}
