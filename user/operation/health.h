/* SPDX-License-Identifier: GPL-2.0-only */
/* What health checks found, written where the data path and people read it.  The caller holds LOCK_TABLES. */
#ifndef TEAL_HEALTH_H
#define TEAL_HEALTH_H

#include "table/roster.h"

/* What a backend is found to be. */
struct health_change {
	__u32 backend;
	struct endpoint endpoint; /* whose it must still be */
	enum teal_health health;  /* TEAL_UP or TEAL_DOWN */
};

/* What became of a service when changes of its backends' health were written. */
struct health_outcome {
	unsigned int usable[TEAL_COLORS], configured[TEAL_COLORS]; /* backends, now */
	__u8 policy;
};

/*
 * Writes changes of the health of a service's backends, and with them its tables: new flows follow in one step.
 * Connections of those that are down are ended if its policy says so.  A backend that was taken away or given to
 * somebody else in the meantime is left alone.
 * Returns 0, or a negative errno with a sentence.
 */
int health_write(const struct tables *t, const char *service, const struct health_change *changes, unsigned int count,
		 struct health_outcome *ret, struct error *e);

/*
 * Who of a color is down, and why: "10.0.1.11:80 (connect refused), 10.0.1.12:80 (...) and 3 more", as many as there is
 * room for.  Returns `text`.
 */
const char *health_reasons(const struct tables *t, const struct backend *list, unsigned int count,
			   enum teal_color color, char *text, size_t size);

/*
 * Nobody checks the service any more: all its backends count as usable, whatever the last checks said.  Its tables follow
 * with backends_begin(), which s->info.stale tells.  Returns 0, or a negative errno with a sentence.
 */
int health_forget(const struct tables *t, struct roster *roster, struct service *s, struct error *e);

#endif
