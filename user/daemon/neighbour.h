/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Neighbours in use.  A frame that the data path redirects does not pass the kernel's neighbour entry, so the kernel takes
 * that neighbour for unused: it would never ask again, nor notice that another link address has come (a failover without
 * announcement).  It is told of the use here.
 */
#ifndef TEAL_NEIGHBOUR_H
#define TEAL_NEIGHBOUR_H

#include <uv.h>

#include "table/table.h"

struct neighbours {
	const struct tables *tables;
	__u64 looked_at; /* monotonic ns */
	int error;	 /* of the last look */
	uv_timer_t timer;
};

/* From now on the loop tells the kernel, every two seconds, which of its stale neighbours redirected frames have gone to. */
void neighbours_watch(uv_loop_t *loop, const struct tables *t, struct neighbours *n);

#endif
