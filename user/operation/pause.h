/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pause: new flows of a service wait (the client sends its SYN again by itself), existing ones go on.  It ends at its
 * time even if nobody comes back: the data path looks at the clock.  The caller holds LOCK_TABLES.
 */
#ifndef TEAL_PAUSE_H
#define TEAL_PAUSE_H

#include "table/service.h"

#define PAUSE_SECONDS 30 /* unless told otherwise */

/* New flows wait from now on for at most that many seconds.  Returns 0, or a negative errno with a sentence. */
int pause_set(const struct tables *t, struct service *s, unsigned int seconds, struct error *e);

/* They wait no longer.  Without a pause nothing is changed.  Returns 0, or a negative errno with a sentence. */
int pause_end(const struct tables *t, struct service *s, struct error *e);

/* Forgets whatever there is of one: the service is being removed.  Returns 0 or a negative errno. */
int pause_forget(const struct tables *t, const struct service *s);

/* How long a service is still paused, in ns; 0: it is not. */
__u64 pause_left(const struct tables *t, const struct service *s);

/*
 * Takes away the flags of pauses that are over: they cost the data path a look-up.
 * @keys, @rows  what service_keys_read() gave
 * Returns 0 or a negative errno.
 */
int pauses_tidy(const struct tables *t, const struct teal_service_key *keys, const struct teal_service *rows,
		unsigned int count);

#endif
