/* SPDX-License-Identifier: GPL-2.0-only */
#include "config/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "500ms", "2s", "2h11m": each unit once, the bigger before the smaller.  Returns 0 or -EINVAL. */
static int duration_parse(const char *value, __u64 *ret_ms)
{
	static const struct {
		const char *name;
		__u64 ms;
	} units[] = { { "h", HOUR }, { "m", MINUTE }, { "s", SECOND }, { "ms", 1 } };
	unsigned int unit = 0;
	__u64 sum = 0;

	do {
		size_t digits = strspn(value, "0123456789"), length;

		length = strspn(value + digits, "hms");
		if (!digits || digits > 9 || !length)
			return -EINVAL;
		while (unit < 4 &&
		       (strlen(units[unit].name) != length || memcmp(value + digits, units[unit].name, length) != 0))
			unit++;
		if (unit == 4)
			return -EINVAL;
		sum += strtoull(value, NULL, 10) * units[unit++].ms;
		value += digits + length;
	} while (*value);
	*ret_ms = sum;
	return 0;
}

int duration_read(struct config_source *source, const char *path, const char *value, __u64 unit, __u64 least,
		  __u64 limit, __u32 *ret)
{
	const char *key = strrchr(path, '.') + 1;
	unsigned int line;
	__u64 ms;

	if (!value)
		return 0;
	config_find(source, &line, "%s", path);
	if (duration_parse(value, &ms))
		return config_refuse(source, line,
				     "\"%s\" must be a duration such as 500ms, 2s or 2h11m, not \"%.60s\"", key, value);
	if (ms < least || ms % unit || ms > limit * HOUR)
		return config_refuse(source, line, "\"%s\" must be %sat least %llu%s and at most %lluh, not %.60s", key,
				     unit == SECOND ? "whole seconds, " : "", least < SECOND ? least : least / SECOND,
				     least < SECOND ? "ms" : "s", limit, value);
	*ret = (__u32)(ms / unit);
	return 0;
}

int number_read(struct config_source *source, const char *path, const __u32 *value, __u32 least, __u32 most,
		__u32 *ret)
{
	unsigned int line;

	if (!value)
		return 0;
	if (*value < least || *value > most) {
		config_find(source, &line, "%s", path);
		return config_refuse(source, line, "\"%s\" must be from %u to %u, not %u", strrchr(path, '.') + 1,
				     least, most, *value);
	}
	*ret = *value;
	return 0;
}
