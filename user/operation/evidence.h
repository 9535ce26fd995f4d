/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a color's backends did, as the kernel and the health checks saw it, and whether one did worse than the other: what
 * a canary's steps and the guard of a switch judge by.
 */
#ifndef TEAL_EVIDENCE_H
#define TEAL_EVIDENCE_H

#include <jansson.h>

#include "config/guard.h"
#include "table/handshakes.h"
#include "table/service.h"

struct evidence {
	struct teal_handshakes seen;
	__u64 opened, refused;		/* as in struct teal_counters */
	unsigned int up, down, unknown; /* backends, now */
	__u32 check_us;			/* what a good health check took, on the average; 0: there was none */
	__u64 waiting;			/* connections that began more than a second ago and got no answer at all */
};

#define EVIDENCE_WHY_SIZE 200

/* What the backends of a color did since they were configured.  Returns 0 or a negative errno with a sentence. */
int evidence_take(const struct tables *t, __u16 service, enum teal_color color, struct evidence *ret, struct error *e);

/* What was done between two looks at the same color; what is no counter is that of `later`. */
struct evidence evidence_since(const struct evidence *later, const struct evidence *earlier);

/*
 * Whether `now` is worse than `other`, what the color of that name did.  Writes why, as a sentence without its end.
 */
bool evidence_is_worse(const struct evidence_limits *limits, const struct evidence *now, const struct evidence *other,
		       const char *other_name, char why[EVIDENCE_WHY_SIZE]);

/*
 * A color that is looked at twice a second: what counts is what it did since the beginning, and what it did lately, for
 * what goes wrong later must not hide behind what went well before.
 */
#define EVIDENCE_LOOK_MS 500
#define EVIDENCE_SECOND 2 /* looks that are a second */
#define EVIDENCE_LATELY 10
#define EVIDENCE_CHECKS 3 /* health checks that are slow, in a row: one may meet a host that is busy for a moment */

struct evidence_watch {
	struct evidence began;
	struct evidence looks[EVIDENCE_LATELY]; /* the oldest is overwritten first */
	unsigned int count;
	__u32 check_us;	  /* of the last look, */
	unsigned int slow; /* and how many in a row were slow: several looks may see the same one */
};

/* Takes the next look, and judges as evidence_is_worse() does. */
bool evidence_watch(struct evidence_watch *watch, const struct evidence_limits *limits, const struct evidence *now,
		    const struct evidence *other, const char *other_name, char why[EVIDENCE_WHY_SIZE]);

json_t *evidence_json(const struct evidence *evidence);
/* Returns 0, or -EINVAL for what evidence_json() did not make. */
int evidence_read(const json_t *json, struct evidence *ret);

#endif
