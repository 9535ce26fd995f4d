// SPDX-License-Identifier: GPL-2.0-only
#include "table/room.h"

#include "common/cleanup.h"
#include "table/service.h"

/* Rows are counted where backends are: opened and not yet deleted.  A walk over a million of them would take seconds. */
int room_get(const struct tables *t, struct room ret[2], struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count = 0;
	int error = backend_list(t, 0, &list, &count, e);

	if (error)
		return error;
	ret[0] = (struct room){ .most = t->rows[TABLE_flows4] };
	ret[1] = (struct room){ .most = t->rows[TABLE_flows6] };
	for (unsigned int i = 0; i < count; i++)
		ret[!address_is_ipv4(list[i].row.address)].rows += backend_rows(&list[i]);
	return 0;
}
