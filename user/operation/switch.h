/* SPDX-License-Identifier: GPL-2.0-only */
/* The switch, and what must be written down with it.  It ends a canary.  The caller holds LOCK_TABLES. */
#ifndef TEAL_SWITCH_H
#define TEAL_SWITCH_H

#include "operation/record.h"
#include "table/service.h"

/* What is wanted, and what the history is to say of it. */
struct switch_request {
	enum teal_color color;
	bool force;	   /* even if none of its backends is up */
	const char *why;   /* as somebody wrote it; NULL: they did not say */
	__u64 guard_until; /* as table_seconds(), for service_info; 0: nobody watches */
};

struct switch_result {
	enum teal_color from, to; /* the same if that color was active already */
	enum teal_color canary;	  /* whose canary ended with it; TEAL_NO_COLOR: there was none */
	__u32 generation;
	double milliseconds; /* from the first check to the durable record */
	__u64 draining;	     /* live flows left on the color it came from */
	struct error unwritten; /* why the history has no entry of it; empty: it has one, or nothing was switched */
};

/*
 * Refuses a color that nobody would answer on: without backends, or (unless `force`) with none that is up.
 * Returns 0, or a negative errno with a sentence (EXIT_REFUSED).
 */
int switch_check(const struct tables *t, const struct service *s, enum teal_color color, bool force, struct error *e);

/*
 * Sends the new flows of a service to a color, in one step, records it for the next boot, and writes it into the history.
 * One that was killed in its midst is finished first.  A history that cannot be written is told of and stops nothing.
 * Returns 0, or a negative errno with a sentence.  Refused (EXIT_REFUSED) before anything changes if the color has no
 * usable backend or the books cannot be written.
 */
int switch_color(const struct tables *t, const char *state_dir, struct service *s, const struct switch_request *request,
		 struct switch_result *ret, struct error *e);

/*
 * The same for several services, all or nothing: all are checked before the first is switched, and if one of them cannot
 * be, or the books cannot be written, those that were switched are put back.
 * @ret  room for `count`
 */
int switch_services(const struct tables *t, const char *state_dir, struct service *services, unsigned int count,
		    const struct switch_request *request, struct switch_result *ret, struct error *e);

/* The entry of a service in the books, with what the tables say of it but the preview's clients.  NULL when memory is out. */
struct record_service *switch_entry(struct record *record, const struct service *s);

/* Writes that into the books.  Returns 0 or a negative errno with a sentence. */
int switch_record(const char *state_dir, const struct service *s, struct error *e);

/*
 * The same of several services, in one writing.
 * @lines  of each that was switched the history's line, which the books keep until the history has it; else NULL
 */
int switch_record_all(const char *state_dir, const struct service *services, char *const *lines, unsigned int count,
		      struct error *e);

#endif
