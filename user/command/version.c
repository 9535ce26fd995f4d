// SPDX-License-Identifier: GPL-2.0-only
/* teal version */
#include "command/command.h"

int version_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	(void)c;
	(void)argc;
	(void)argv;
	*ret_answer = json_pack("{s:s, s:i}", "version", TEAL_VERSION, "layout", (int)TEAL_LAYOUT);
	return *ret_answer ? 0 : error_set(e, EXIT_FAILED, 0, "out of memory");
}

void version_print(const struct command_context *c, const json_t *answer)
{
	(void)c;
	printf("teal %s (table layout %lld)\n", json_string_value(json_object_get(answer, "version")),
	       (long long)json_integer_value(json_object_get(answer, "layout")));
}
