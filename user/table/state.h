/* SPDX-License-Identifier: GPL-2.0-only */
/* What a flow's state is called. */
#ifndef TEAL_STATE_H
#define TEAL_STATE_H

#include "teal/tables.h"

static inline const char *flow_state_name(enum teal_protocol protocol, enum teal_state state)
{
	static const char *const names[] = { "established",	  "client closed", "backend closed", "client closing",
					     "both closing",	  "closing",	   "reset by client", "reset",
					     "replaced" };

	if (protocol == TEAL_UDP)
		return "answered";
	return state < sizeof(names) / sizeof(*names) ? names[state] : "unknown";
}

#endif
