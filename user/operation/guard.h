/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guard of a switch goes by: STATE_DIR/guard/SERVICE.json, written by whoever switches, just before, and ended
 * by teald, which watches until service_info.guard_until and rolls back if the new color does worse than the old one did.
 */
#ifndef TEAL_GUARD_H
#define TEAL_GUARD_H

#include "operation/evidence.h"

enum guard_outcome {
	GUARD_WATCHING,
	GUARD_PASSED,
	GUARD_ROLLED_BACK,
};

struct guard {
	char service[TEAL_NAME_SIZE];
	enum teal_color color, from;
	__u32 generation; /* that the switch gives the service */
	struct evidence reference; /* what the old color did before the switch */
	struct evidence before;	   /* the new color's counters at the switch */
	char **on_rollback;	   /* a command's words, or NULL */
	enum guard_outcome outcome;
	char why[EVIDENCE_WHY_SIZE]; /* of a rollback */
};

/* Both return 0 or a negative errno; guard_read() -ENOENT where there was never a guard, -EINVAL for nonsense. */
int guard_write(const char *state_dir, const struct guard *guard);
/* Give *ret to guard_free(). */
int guard_read(const char *state_dir, const char *service, struct guard *ret);
void guard_free(struct guard *guard);

#endif
