/* SPDX-License-Identifier: GPL-2.0-only */
#include "operation/untold.h"

#include <errno.h>

#include "common/cleanup.h"
#include "operation/history.h"

/* Whose lines the books keep, those lines, and whether the history lacks them. */
struct untold {
	struct record_service **services;
	char **lines;
	bool *lacks;
	unsigned int count;
};

static void untold_p(struct untold *u)
{
	free(u->services);
	free(u->lines);
	free(u->lacks);
}
#define _cleanup_untold_ __attribute__((cleanup(untold_p)))

static int untold_read(const char *state_dir, const struct record *record, struct untold *ret)
{
	ret->services = calloc(record->count + 1, sizeof(*ret->services));
	ret->lines = calloc(record->count + 1, sizeof(*ret->lines));
	ret->lacks = calloc(record->count + 1, sizeof(*ret->lacks));
	if (!ret->services || !ret->lines || !ret->lacks)
		return -ENOMEM;
	for (unsigned int i = 0; i < record->count; i++) {
		if (!record->services[i].untold)
			continue;
		ret->services[ret->count] = &record->services[i];
		ret->lines[ret->count++] = record->services[i].untold;
	}
	if (ret->count)
		history_lacks(state_dir, ret->lines, ret->count, ret->lacks);
	return 0;
}

bool untold_is_empty(const char *state_dir, const struct record *record)
{
	_cleanup_untold_ struct untold u = {};

	if (untold_read(state_dir, record, &u))
		return false;
	for (unsigned int i = 0; i < u.count; i++)
		if (u.lacks[i])
			return false;
	return true;
}

int untold_tell(const char *state_dir, struct record *record, struct error *e)
{
	_cleanup_untold_ struct untold u = {};
	int error = untold_read(state_dir, record, &u);

	if (error)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < u.count && !error; i++) {
		if (u.lacks[i])
			error = history_append(state_dir, u.lines[i], e);
		if (error)
			break;
		free(u.lines[i]);
		u.services[i]->untold = NULL;
	}
	return error;
}
