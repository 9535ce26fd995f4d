/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Services and their backends, made to be what is wanted.  The caller holds LOCK_TABLES.
 *
 * Ids are names inside the tables: a row of `backends` is given out again only when no flow row carries its id
 * any more and every pending row that might has grown too old to count.
 */
#ifndef TEAL_SERVICES_H
#define TEAL_SERVICES_H

#include "table/roster.h"
#include "table/slot.h"

/* What a color is to consist of. */
struct backend_set {
	const struct endpoint *endpoints;
	unsigned int count;
};

/*
 * Checks, without changing anything, that the service can have those backends: no endpoint of another service,
 * and ids enough besides those that were found free for others since roster->free_at was 1.
 * @service  0: one that is not there yet
 * Returns 0, or a negative errno with a sentence.
 */
int backends_check(const struct tables *t, struct roster *roster, __u16 service, enum teal_protocol protocol,
		   const struct backend_set wanted[TEAL_COLORS], struct error *e);

/*
 * Gives both colors of a service the backends they are to have.  Those that stay keep their ids and their flows;
 * those that go keep their flows until these end.  New flows follow at once, in one step a color.
 * Returns 0, or a negative errno with a sentence (-EBUSY and EXIT_REFUSED: the active color would be left empty).
 */
int backends_set(const struct tables *t, const struct service *s, const struct backend_set wanted[TEAL_COLORS],
		 struct error *e);

/* The same in steps, so that many services can wait for one grace period. */
struct backends_change {
	struct backend *list; /* as they are going to be */
	unsigned int count;
	bool *goes;	      /* of each, whether it is among those that are to be removed */
	bool made;	      /* there was something to be changed */
};

/*
 * Step 1: the rows of new backends and the tables without those that go.  What was right already is not written again.
 * Then comes slots_swap(), and backends_finish().  backends_check() comes first, roster->free_at is 1 for the first service.
 * Give *ret to backends_change_free(), also after a failure.  Returns 0, or a negative errno with a sentence.
 */
int backends_begin(const struct tables *t, struct roster *roster, const struct service *s,
		   const struct backend_set wanted[TEAL_COLORS], struct slot_swaps *swaps, struct backends_change *ret,
		   struct error *e);

/*
 * Step 2, once the tables stand in their slots: the rows of those that go.  They leave the tables before their rows say so:
 * killed in between, no table names a row that may soon be free.
 */
int backends_finish(const struct tables *t, struct roster *roster, const struct service *s,
		    struct backends_change *change, struct error *e);
void backends_change_free(struct backends_change *change);

/* What the configuration wants of a service besides its backends. */
struct service_traits {
	__u16 flags;		  /* of TEAL_SERVICE_CONFIGURED */
	__u8 policy;		  /* TEAL_POLICY_* */
	struct teal_source source; /* with TEAL_SERVICE_SOURCE */
};
#define TEAL_SERVICE_CONFIGURED (TEAL_SERVICE_SOURCE | TEAL_SERVICE_MOVE | TEAL_SERVICE_AFFINITY)

/*
 * Checks, without changing anything, that a service which listens there can have those traits and those backends: its
 * source address cannot become another one while flows live by it, and is not a backend's.
 * Returns 0, or a negative errno with a sentence.
 */
int service_traits_check(const struct tables *t, const char *name, const struct teal_service_key *listen,
			 const struct service_traits *wanted, const struct backend_set backends[TEAL_COLORS],
			 struct error *e);

/* As the last of these: the backends alone, which `teal backends` may change at run time. */
int service_source_check(const struct tables *t, const struct service *s, const struct backend_set *backends,
			 struct error *e);

/*
 * Gives a service its traits, in *s too.  The tables of its backends follow with backends_set() or
 * service_tables_refresh().  Returns 0, or a negative errno with a sentence.
 */
int service_traits_set(const struct tables *t, struct roster *roster, struct service *s,
		       const struct service_traits *wanted, struct error *e);

/*
 * Makes the tables of a service anew from its backends as they stand in `backends` now, and swaps in those that differ,
 * one step each.  Backends that are down are left out; when all of a color are, `all_down` decides (s->info.policy):
 * all stay in, or new flows are refused.  To be called after whatever changes a backend's health or a service's policy.
 * Returns 0, or a negative errno with a sentence; the tables that were not reached stand as they were.
 */
int service_tables_refresh(const struct tables *t, const struct service *s, struct error *e);

/* The same from rows as they are going to be. */
int service_tables_make(const struct tables *t, const struct service *s, const struct backend *list,
			unsigned int count, struct error *e);

/* The same in steps: make ready, slots_swap(), follow. */
int service_tables_prepare(const struct tables *t, const struct service *s, const struct backend *list,
			   unsigned int count, struct slot_swaps *swaps, struct error *e);
int service_tables_follow(const struct tables *t, const struct service *s, struct error *e);

/*
 * Whether the tables may lag behind backends and policy.  Set before the first of these changes, cleared once the tables
 * stand, so that whoever comes after one that was killed knows whose tables are to be made anew, and need not make all.
 * Returns 0 or a negative errno.
 */
int service_stale_set(const struct tables *t, __u16 service, bool stale);

/*
 * The service that listens there, made if need be, without backends and not open to packets yet.
 * A removed service of the same address, whose flows are still ending, is taken up again.
 * Returns 0, or a negative errno with a sentence.
 */
int service_create(const struct tables *t, struct roster *roster, const char *name, const struct endpoint *listen,
		   enum teal_protocol protocol, enum teal_color active, struct service *ret, struct error *e);

/* Lets packets in.  Returns 0 or a negative errno with a sentence. */
int service_open(const struct tables *t, const struct service *s, struct error *e);

/* A service's flags (TEAL_SERVICE_...) as they stand in `services` now.  Returns 0 or a negative errno. */
int service_flags_get(const struct tables *t, const struct service *s, __u16 *ret);

/* Sets and clears some of them, in one step for the data path; s->flags follows.  Returns 0 or a negative errno. */
int service_flags_change(const struct tables *t, struct service *s, __u16 set, __u16 clear);

/* Takes no new flows any more and forgets the name; existing flows go on until they end. */
int service_remove(const struct tables *t, struct roster *roster, const struct service *s, struct error *e);

/*
 * Gives back the ids, endpoints and addresses that no flow uses any more, and takes away what is left of pauses and
 * resets that are over, and of services that were never opened, for whoever made them was killed.
 * Returns 0 or a negative errno.
 */
int services_tidy(const struct tables *t);

/* What both colors consist of now (without removed backends); give each .endpoints to free(). */
int backends_get(const struct tables *t, __u16 service, struct backend_set ret[TEAL_COLORS], struct error *e);

#endif
