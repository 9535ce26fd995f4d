/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host must be able to do, found out before anything is changed. */
#ifndef TEAL_HOST_H
#define TEAL_HOST_H

#include "config/config.h"
#include "table/table.h"

enum finding_level {
	FINDING_GOOD,
	FINDING_WARNING, /* works, but not as well or not in all cases */
	FINDING_FATAL,	 /* stops teal from working */
};

struct finding {
	enum finding_level level;
	char what[256]; /* a sentence */
	char mend[160]; /* the command that mends it, or empty */
};

#define FINDINGS_MAX 64

/*
 * Looks at everything that can stop teal here: rights, kernel, devices, forwarding.
 * @config  what the host is to do; NULL: only what every host must be able to
 * @ret     room for FINDINGS_MAX
 * Returns how many findings there are, the good ones included.
 */
unsigned int host_check(const struct config *config, struct finding *ret);

/*
 * Looks for addresses that services listen on and this host does not have, which is no fault where a router sends them here.
 * @ret   room for one
 * Returns how many findings there are: 0 or 1, about the first of them.
 */
unsigned int listen_check(const struct config *config, struct finding *ret);

/*
 * Looks for TCP services whose backends have answered no connection by way of this host, though some were begun.
 * @room  of @ret
 * Returns how many findings there are; tables that cannot be read are no finding.
 */
unsigned int answers_check(const struct tables *t, struct finding *ret, unsigned int room);

#endif
