/* SPDX-License-Identifier: GPL-2.0-only */
/* Two services, web and api, on tables of their own. */
#ifndef TEAL_UNIT_OPERATIONS_H
#define TEAL_UNIT_OPERATIONS_H

#include "operation/record.h"
#include "table/service.h"

extern struct tables *t;
extern struct service web, api; /* as services_find() found them */

void two_begin(void);
void two_end(void);
void services_find(void);

/* A service's entry in the books, without what its pointers point to; @ret_first  the first client of its preview, or NULL. */
struct record_service booked(const char *name, struct prefix *ret_first);

/* A canary of web on green; a preview for clients, the last of whom is NULL. */
void canary(unsigned int percent);
void prefixes_set(struct service *s, enum teal_color color, const char *const *texts);

#endif
