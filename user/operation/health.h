/* SPDX-License-Identifier: GPL-2.0-only */
/* What health checks found, written where the data path and people read it.  The caller holds LOCK_TABLES. */
#ifndef TEAL_HEALTH_H
#define TEAL_HEALTH_H

#include "table/service.h"

/* Nobody checks the service any more: all its backends count as usable, whatever the last checks said. */
int health_forget(const struct tables *t, const struct service *s, struct error *e);

#endif
