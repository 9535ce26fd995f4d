// SPDX-License-Identifier: GPL-2.0-only
/* Words of the command line that mean something other than themselves. */
#include <errno.h>
#include <string.h>

#include "command/command.h"

int argument_color(const char *text, enum teal_color *ret, struct error *e)
{
	if (!color_parse(text, ret))
		return 0;
	return error_set(e, EXIT_USAGE, EINVAL, "'%s' is no color: it must be blue or green", text);
}

int argument_number(const char *option, const char *text, unsigned int *ret, struct error *e)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !number || number > 1000000000)
		return error_set(e, EXIT_USAGE, EINVAL, "--%s takes a whole number from 1 on, not '%s'", option, text);
	*ret = number;
	return 0;
}

int argument_time(const char *option, const char *text, unsigned int *ret, struct error *e)
{
	char *unit;
	unsigned long number = strtoul(text, &unit, 10);
	unsigned int seconds = !*unit || !strcmp(unit, "s") ? 1 : !strcmp(unit, "m") ? 60 : !strcmp(unit, "h") ? 3600 : 0;

	if (*text < '0' || *text > '9' || !number || number > 1000000 || !seconds)
		return error_set(e, EXIT_USAGE, EINVAL, "--%s takes a time such as 30s, 5m or 1h, not '%s'", option, text);
	*ret = number * seconds;
	return 0;
}

int argument_percent(const char *text, unsigned int *ret, struct error *e)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number = strtoul(text, NULL, 10);

	if (!digits || digits > 3 || (text[digits] && strcmp(text + digits, "%") != 0) || number > 100)
		return error_set(e, EXIT_USAGE, EINVAL, "'%s' is no share: write a whole number from 0 to 100, such as 5 or 5%%",
				 text);
	*ret = number;
	return 0;
}
