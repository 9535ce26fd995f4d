/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All backends by service, read once: for whoever has many services to look at and holds LOCK_TABLES, so
 * that nobody else changes the table meanwhile.  What its holder changes goes through roster_put().
 */
#ifndef TEAL_ROSTER_H
#define TEAL_ROSTER_H

#include "table/service.h"

struct roster {
	struct teal_backend *rows; /* by id, free ones included */
	__u32 count;
	__u32 *next;		   /* by id: the next one of the same service, 0: there is none */
	__u32 *first;		   /* by service: its first one */
	__u32 services;
	__u32 free_at, service_at; /* ids below these are taken */
};

/* Reads it.  Give it to roster_free(), also after a failure.  Returns 0 or a negative errno with a sentence. */
int roster_read(const struct tables *t, struct roster *ret, struct error *e);
void roster_free(struct roster *roster);
#define _cleanup_roster_ __attribute__((cleanup(roster_free)))

/* Whether any row, a removed backend's included, carries that service's id. */
bool roster_has(const struct roster *roster, __u32 service);

/*
 * As backend_list() of one service, without counters.
 * @room  places for so many more behind them
 * Give *ret to free().  Returns 0 or -ENOMEM.
 */
int roster_list(const struct roster *roster, __u16 service, unsigned int room, struct backend **ret,
		unsigned int *ret_count);

/* A free row's id from *at on, which moves behind it; or 0. */
__u32 roster_free_id(const struct roster *roster, __u32 *at);

/* Writes a row into the table and here.  Returns 0 or a negative errno. */
int roster_put(const struct tables *t, struct roster *roster, const struct backend *b);

#endif
