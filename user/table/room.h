/* SPDX-License-Identifier: GPL-2.0-only */
/* How full the flow tables are. */
#ifndef TEAL_ROOM_H
#define TEAL_ROOM_H

#include "table/table.h"

#define ROOM_ALARM 80 /* percent, from which on people are told */

struct room {
	__u64 rows, most;
};

/* Of flows4 and flows6, in this order.  Returns 0 or a negative errno with a sentence. */
int room_get(const struct tables *t, struct room ret[2], struct error *e);

static inline unsigned int room_percent(const struct room *room)
{
	return room->most ? room->rows * 100 / room->most : 0;
}

#endif
