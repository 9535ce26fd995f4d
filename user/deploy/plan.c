/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "common/words.h"
#include "deploy/deploy.h"
#include "operation/color_set.h"

/* "1m" and the like in seconds, up to a comma or the end.  Returns 0, or -EINVAL. */
static int time_take(const char **text, unsigned int *ret)
{
	char *end;
	unsigned long number = strtoul(*text, &end, 10);
	unsigned int unit = *end == 'h' ? 3600 : *end == 'm' ? 60 : 1;

	if (**text < '0' || **text > '9' || !number || number > 100000)
		return -EINVAL;
	end += *end && strchr("smh", *end);
	if (*end && *end != ',')
		return -EINVAL;
	*ret = (unsigned int)number * unit;
	*text = end;
	return 0;
}

int deploy_steps_parse(const char *text, struct deploy_step steps[DEPLOY_STEPS_MAX], unsigned int *ret, struct error *e)
{
	const char *at = text;
	unsigned int count = 0;

	do {
		char *end;
		unsigned long percent = strtoul(at, &end, 10);

		if (count == DEPLOY_STEPS_MAX)
			return error_set(e, EXIT_USAGE, EINVAL, "--canary takes at most %d steps", DEPLOY_STEPS_MAX);
		if (*at < '0' || *at > '9' || !percent || percent > 99 || (*end == '%' ? *++end : *end) != ':')
			break;
		at = end + 1;
		steps[count].percent = (unsigned int)percent;
		if (time_take(&at, &steps[count].seconds))
			break;
		if (count && steps[count].percent <= steps[count - 1].percent)
			return error_set(e, EXIT_USAGE, EINVAL, "each step of --canary must be higher than the one before: '%s'",
					 text);
		count++;
		if (!*at) {
			*ret = count;
			return 0;
		}
	} while (*at++ == ',');
	return error_set(e, EXIT_USAGE, EINVAL, "--canary takes steps such as 5%%:1m,25%%:5m, not '%s'", text);
}

int deploy_list_split(const char *what, const char *text, char ***ret, struct error *e)
{
	_cleanup_free_ char *spaced = strdup(text);

	if (!spaced)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (char *comma = spaced; (comma = strchr(comma, ','));)
		*comma = ' ';
	return words_split(what, spaced, ret, e);
}

static int command_check(const char *what, const char *text, struct error *e)
{
	_cleanup_free_ char *program = NULL;
	char **words;
	int error = text ? words_split(what, text, &words, e) : 0;

	if (!text || error)
		return error;
	error = words_program(what, words, &program, e);
	words_free(words);
	return error;
}

static int list_check(const struct service *s, const char *text, struct error *e)
{
	_cleanup_free_ struct endpoint *endpoints = NULL;
	int error, count = 0;
	char **words = NULL;

	if (!text[strspn(text, ", ")])
		return error_set(e, EXIT_USAGE, EINVAL, "--backends takes backends such as 10.0.2.11:8443,10.0.2.12:8443, not '%s'",
				 text);
	error = deploy_list_split("--backends", text, &words, e);
	if (error)
		return error;
	while (words && words[count])
		count++;
	endpoints = calloc(count + 1, sizeof(*endpoints));
	error = endpoints ? color_set_parse(s, words, count, endpoints, e) : -ENOMEM;
	words_free(words);
	return error;
}

static int prefix_read(const struct service *s, const char *text, struct prefix *ret, struct error *e)
{
	if (prefix_parse(text, ret))
		return error_set(e, EXIT_USAGE, EINVAL,
				 "'%s' is no client: write an address, or a prefix such as 198.51.100.0/24", text);
	if (address_is_ipv4(ret->address) != address_is_ipv4(s->listen.address))
		return error_set(e, EXIT_USAGE, EAFNOSUPPORT,
				 "'%s' is of another address family than %s listens on: name clients of the same", text, s->info.name);
	return 0;
}

int deploy_prefixes_read(const struct service *s, const char *text, struct prefix **ret, unsigned int *ret_count,
			 struct error *e)
{
	unsigned int count = 0;
	char **words = NULL;
	int error = text[strspn(text, ", ")] ? deploy_list_split("--preview", text, &words, e) :
					       error_set(e, EXIT_USAGE, EINVAL, "--preview takes clients, not '%s'", text);

	if (error)
		return error;
	while (words && words[count])
		count++;
	*ret = calloc(count + 1, sizeof(**ret));
	for (unsigned int i = 0; *ret && i < count && !error; i++)
		error = prefix_read(s, words[i], &(*ret)[i], e);
	words_free(words);
	*ret_count = count;
	return *ret || error ? error : error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
}

static int clients_check(const struct service *s, const char *text, struct error *e)
{
	_cleanup_free_ struct prefix *prefixes = NULL;
	unsigned int count;

	return deploy_prefixes_read(s, text, &prefixes, &count, e);
}

/* The journal is JSON, and so UTF-8. */
static int text_check(const char *what, const char *text, struct error *e)
{
	json_t *json = text ? json_string(text) : json_null();

	if (!json)
		return error_set(e, EXIT_USAGE, EILSEQ, "what %s was given is not UTF-8 text", what);
	json_decref(json);
	return 0;
}

int deploy_plan_check(const struct deploy_plan *plan, const struct service *s, struct error *e)
{
	const struct {
		const char *what, *text;
		bool command;
	} texts[] = {
		{ "--why", plan->why, false },
		{ "--backends", plan->backends, false }, { "--run", plan->run, true },
		{ "--smoke", plan->smoke, true },	 { "--preview", plan->preview, false },
		{ "--canary", plan->canary, false },	 { "--on-rollback", plan->on_rollback, true },
	};
	struct deploy_step steps[DEPLOY_STEPS_MAX];
	unsigned int count;
	int error = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts) && !error; i++) {
		error = text_check(texts[i].what, texts[i].text, e);
		if (!error && texts[i].command)
			error = command_check(texts[i].what, texts[i].text, e);
	}
	if (!error && plan->canary)
		error = deploy_steps_parse(plan->canary, steps, &count, e);
	if (!error && plan->backends)
		error = list_check(s, plan->backends, e);
	if (!error && plan->preview)
		error = clients_check(s, plan->preview, e);
	if (!error && plan->preview && !plan->smoke)
		error = error_set(e, EXIT_USAGE, EINVAL, "--preview is for the time of the smoke test: say which with --smoke");
	if (!error && plan->reset && !plan->drain_s)
		error = error_set(e, EXIT_USAGE, EINVAL, "--reset ends what --drain leaves: say how long that may take with --drain");
	if (!error && plan->on_rollback && !plan->guard_s && !plan->canary)
		error = error_set(e, EXIT_USAGE, EINVAL, "--on-rollback needs something that can roll back: --canary or --guard");
	return error;
}
