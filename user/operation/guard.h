/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guard of a switch goes by: STATE_DIR/guard/SERVICE.json, written by whoever switches, just before, and ended
 * by teald, which watches until service_info.guard_until and rolls back if the new color does worse than the old one did.
 */
#ifndef TEAL_GUARD_H
#define TEAL_GUARD_H

#include "operation/evidence.h"

#define GUARD_TIMEOUT_S 120 /* of a command, where nobody said how long it may take */

enum guard_outcome {
	GUARD_WATCHING,
	GUARD_PASSED,
	GUARD_ROLLED_BACK,
};

struct guard {
	char service[TEAL_NAME_SIZE];
	enum teal_color color, from;
	__u32 generation; /* that the switch gives the service */
	__u64 until; /* as service_info.guard_until is to be, should the switch be killed before it writes that */
	struct evidence reference; /* what the old color did before the switch */
	struct evidence before;	   /* the new color's counters at the switch */
	char **on_rollback;	   /* a command's words, or NULL */
	unsigned int timeout_s;	   /* that the command may take */
	enum guard_outcome outcome;
	char why[EVIDENCE_WHY_SIZE]; /* of a rollback */
};

/*
 * Makes it durable before the switch that it guards, which gives the service the next generation.
 * @s          as it is before
 * @until      what the switch will write into service_info.guard_until
 * @reference  what the old color did
 * @on_rollback  a command's words, or NULL; @timeout_s  that it may take
 * Returns 0, or a negative errno with a sentence.
 */
int guard_prepare(const struct tables *t, const char *state_dir, const struct service *s, enum teal_color color,
		  __u64 until, const struct evidence *reference, char **on_rollback, unsigned int timeout_s,
		  struct error *e);

/*
 * A guard is teald's, so it must be there: whoever holds LOCK_DAEMON is.  Waits a moment for one that is being restarted.
 * Returns 0, or -ESRCH with a sentence (EXIT_REFUSED).
 */
int guard_check(const char *pin_dir, struct error *e);

/* Both return 0 or a negative errno; guard_read() -ENOENT where there was never a guard, -EINVAL for nonsense. */
int guard_write(const char *state_dir, const struct guard *guard);
/* Give *ret to guard_free(). */
int guard_read(const char *state_dir, const char *service, struct guard *ret);
void guard_free(struct guard *guard);

#endif
