// SPDX-License-Identifier: GPL-2.0-only
#include "operation/health.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "operation/services.h"

int health_forget(const struct tables *t, const struct service *s, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	const struct teal_check never = {};
	unsigned int count = 0;
	int error = backend_list(t, s->id, &list, &count, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < count && !error; i++) {
		if (list[i].row.health != TEAL_UP && list[i].row.health != TEAL_DOWN)
			continue;
		if (list[i].row.health == TEAL_DOWN)
			list[i].row.reset = 0;
		list[i].row.health = TEAL_UNKNOWN;
		error = table_put(t, TABLE_backends, &list[i].id, &list[i].row);
		if (!error)
			error = table_put(t, TABLE_checks, &list[i].id, &never);
	}
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the health of %s: %s", s->info.name,
				 strerror(-error));
	return 0;
}
