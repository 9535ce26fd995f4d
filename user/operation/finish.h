/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a switch (or a canary) that was killed in its midst left undone: slot, service_info and books say different things.
 * The slot is what traffic follows, so it is right: service_info follows the slot, the books follow service_info, and the
 * history gets its entry.
 */
#ifndef TEAL_FINISH_H
#define TEAL_FINISH_H

#include "operation/history.h"
#include "operation/record.h"
#include "table/service.h"

/* Whether the books say of a service what its row does.  @entry  NULL: they do not know it */
bool finish_is_recorded(const struct teal_service_info *row, const struct record_service *entry);

/* Whether the row says what the slot does.  Without the lock it may say no while somebody is just switching. */
bool finish_is_in_slot(const struct tables *t, __u16 service, const struct teal_service_info *row);

/* Told of each service that was finished: what the history says of it, and whether that was a switch. */
typedef void finish_tell(void *argument, const struct service *s, enum teal_color from, bool switched);

/*
 * Finishes whatever was left, of all services.  The caller holds LOCK_TABLES, so nobody is at it.
 * Returns 0, or a negative errno with a sentence; what was not finished then is finished by the next call.
 */
int finish_all(const struct tables *t, const char *state_dir, finish_tell *tell, void *argument, struct error *e);

/*
 * The same of some, for whoever is about to change them and would cover the traces; services[] follows.  A history that cannot
 * be written hinders nobody: the books keep what it lacks.
 */
int finish_services(const struct tables *t, const char *state_dir, struct service *services, unsigned int count,
		    struct error *e);

#endif
