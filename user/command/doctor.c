// SPDX-License-Identifier: GPL-2.0-only
/* teal doctor: what would stop this host from working, and the command that mends it. */
#include <errno.h>
#include <string.h>

#include "command/command.h"
#include "command/output.h"
#include "operation/host.h"
#include "operation/lock.h"
#include "operation/replies.h"

static void finding_add(json_t *list, enum finding_level level, const char *what, const char *mend)
{
	static const char *const levels[] = { "good", "warning", "fatal" };

	json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "level", levels[level], "what", what, "mend", mend));
}

/* Whether a teald has loaded what is needed; that none has is no fault of the host's. */
static void tables_check(struct command_context *c, json_t *list)
{
	struct finding findings[FINDINGS_MAX];
	struct error e = {};
	unsigned int count;
	int error = tables_open(c->options.pin_dir, &c->tables, &e);

	if (error) {
		finding_add(list, FINDING_WARNING, e.text, error == -ENOENT ? "teald --config FILE" : "");
		return;
	}
	finding_add(list, FINDING_GOOD, "teal is loaded, and its tables are of this version", "");
	if (!lock_is_held(c->options.pin_dir, LOCK_DAEMON))
		finding_add(list, FINDING_WARNING,
			    "teald does not run: traffic goes on, but no backend is checked and no ended connection is forgotten",
			    "systemctl start teald");
	count = answers_check(c->tables, findings, FINDINGS_MAX);
	for (unsigned int i = 0; i < count; i++)
		finding_add(list, findings[i].level, findings[i].what, findings[i].mend);
}

/* Where the tables are: backends that clients do not hear of. */
static void replies_add(struct command_context *c, json_t *list)
{
	struct finding findings[FINDINGS_MAX];
	struct error e = {};
	int count = c->tables ? replies_check(c->tables, findings, FINDINGS_MAX, &e) : 0;

	for (int i = 0; i < count; i++)
		finding_add(list, findings[i].level, findings[i].what, findings[i].mend);
	if (count < 0)
		finding_add(list, FINDING_WARNING, e.text, "");
}

int doctor_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	struct finding findings[FINDINGS_MAX];
	struct config *config = NULL;
	json_t *list = json_array();
	struct error unread = {};
	unsigned int count, fatal = 0;

	(void)argc;
	(void)argv;
	if (config_read(c->options.config_file, &config, &unread)) {
		finding_add(list, FINDING_FATAL, unread.text, "");
		fatal++;
	}
	count = host_check(config, findings);
	if (config && count < FINDINGS_MAX)
		count += listen_check(config, findings + count);
	for (unsigned int i = 0; i < count; i++) {
		finding_add(list, findings[i].level, findings[i].what, findings[i].mend);
		fatal += findings[i].level == FINDING_FATAL;
	}
	config_free(config);
	tables_check(c, list);
	replies_add(c, list);
	*ret_answer = json_pack("{s:o}", "findings", list);
	if (!fatal)
		return 0;
	return error_set(e, EXIT_FAILED, 0, "%u of these would stop teal on this host: mend them from the top", fatal);
}

void doctor_print(const struct command_context *c, const json_t *answer)
{
	const json_t *findings = json_object_get(answer, "findings"), *finding;
	size_t i;

	(void)c;
	json_array_foreach (findings, i, finding) {
		const char *level, *what, *mend;

		json_unpack((json_t *)finding, "{s:s, s:s, s:s}", "level", &level, "what", &what, "mend", &mend);
		if (!strcmp(level, "good"))
			printf("%s✓%s %s\n", style_color("green"), style_none(), what);
		else
			printf("%s%s%s %s\n", style_bad(), !strcmp(level, "fatal") ? "✗" : "!", style_none(), what);
		if (*mend)
			printf("    %s\n", mend);
	}
}
