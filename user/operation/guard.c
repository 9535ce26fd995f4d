/* SPDX-License-Identifier: GPL-2.0-only */
#include "operation/guard.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "common/durable.h"
#include "common/text.h"
#include "common/words.h"
#include "operation/lock.h"

#define FOLDER "guard"

static const char *const outcomes[] = {
	[GUARD_WATCHING] = "watching",
	[GUARD_PASSED] = "passed",
	[GUARD_ROLLED_BACK] = "rolled back",
};

static json_t *words_json(char **words)
{
	json_t *list = words ? json_array() : json_null();

	for (char **word = words; word && *word; word++)
		json_array_append_new(list, json_string(*word));
	return list;
}

int guard_write(const char *state_dir, const struct guard *guard)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:o, s:I, s:o, s:o}", "service", guard->service, "color",
				 color_name(guard->color), "from", color_name(guard->from), "generation",
				 (json_int_t)guard->generation, "until", (json_int_t)guard->until, "outcome",
				 outcomes[guard->outcome], "why", guard->why, "on_rollback", words_json(guard->on_rollback), "timeout",
				 (json_int_t)guard->timeout_s, "reference",
				 evidence_json(&guard->reference), "before", evidence_json(&guard->before));
	int error = json ? durable_write(state_dir, FOLDER, guard->service, json) : -ENOMEM;

	json_decref(json);
	return error;
}

int guard_prepare(const struct tables *t, const char *state_dir, const struct service *s, enum teal_color color,
		  __u64 until, const struct evidence *reference, char **on_rollback, unsigned int timeout_s,
		  struct error *e)
{
	struct guard guard = { .color = color, .from = color_other(color), .generation = s->info.generation + 1,
			       .until = until, .reference = *reference, .on_rollback = on_rollback,
			       .timeout_s = timeout_s };
	int error = evidence_take(t, s->id, color, &guard.before, e);

	strcpy(guard.service, s->info.name);
	if (error)
		return error;
	error = guard_write(state_dir, &guard);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write what the guard of %s is to go by: %s", s->info.name,
				 strerror(-error));
	return 0;
}

int guard_check(const char *pin_dir, struct error *e)
{
	const struct timespec step = { .tv_nsec = 100000000 };

	for (int tries = 0; tries < 50; tries++) {
		if (lock_is_held(pin_dir, LOCK_DAEMON))
			return 0;
		nanosleep(&step, NULL);
	}
	return error_set(e, EXIT_REFUSED, ESRCH, "teald does not run, and it is what guards a switch: start it, or leave --guard out");
}

static int words_read(const json_t *list, char ***ret)
{
	size_t count = json_array_size(list);
	char **words = count ? calloc(count + 1, sizeof(*words)) : NULL;

	if (count && !words)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *word = json_array_get(list, i);

		words[i] = json_is_string(word) ? strdup(json_string_value(word)) : NULL;
		if (!words[i]) {
			words_free(words);
			return -EINVAL;
		}
	}
	*ret = words;
	return 0;
}

static int guard_unpack(const json_t *json, struct guard *ret)
{
	const char *service, *color, *from, *outcome, *why;
	const json_t *on_rollback, *reference, *before;
	json_int_t generation, until = 0, timeout = GUARD_TIMEOUT_S;
	struct guard read = {};
	int i = 0;

	if (json_unpack((json_t *)json, "{s:s, s:s, s:s, s:I, s?I, s:s, s:s, s:o, s?I, s:o, s:o}", "service", &service, "color",
			&color, "from", &from, "generation", &generation, "until", &until, "outcome", &outcome, "why", &why,
			"on_rollback", &on_rollback, "timeout", &timeout, "reference", &reference, "before", &before) ||
	    color_parse(color, &read.color) || color_parse(from, &read.from) || evidence_read(reference, &read.reference) ||
	    evidence_read(before, &read.before) || strlen(service) >= sizeof(read.service))
		return -EINVAL;
	while (i <= GUARD_ROLLED_BACK && strcmp(outcome, outcomes[i]) != 0)
		i++;
	if (i > GUARD_ROLLED_BACK || words_read(on_rollback, &read.on_rollback))
		return -EINVAL;
	strcpy(read.service, service);
	read.generation = (__u32)generation;
	read.until = until > 0 ? (__u64)until : 0;
	read.timeout_s = timeout > 0 && timeout <= UINT32_MAX ? (unsigned int)timeout : GUARD_TIMEOUT_S;
	read.outcome = i;
	text_clean(why, read.why, sizeof(read.why));
	*ret = read;
	return 0;
}

int guard_read(const char *state_dir, const char *service, struct guard *ret)
{
	json_t *json;
	int error = durable_read(state_dir, FOLDER, service, &json);

	if (error)
		return error;
	error = guard_unpack(json, ret);
	json_decref(json);
	return error;
}

void guard_free(struct guard *guard)
{
	words_free(guard->on_rollback);
	guard->on_rollback = NULL;
}
