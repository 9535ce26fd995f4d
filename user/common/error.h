/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Refusals.  A function that can be refused takes a `struct error *`, writes one sentence into it
 * (what, why, what to do) and returns a negative errno; whoever stands at the top prints it once.
 */
#ifndef TEAL_ERROR_H
#define TEAL_ERROR_H

/* The exit codes of both binaries. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3,  /* by a gate: unhealthy, locked, not active */
	EXIT_DEADLINE = 4,
};

struct error {
	enum exit_code code; /* EXIT_DONE: nothing said yet */
	char text[512];	     /* one sentence without a newline; control characters already escaped */
};

/*
 * Says why something is refused.  The first sentence is kept: it is the cause, later ones are its echo.
 * @code  what the process will exit with
 * @err   errno, positive, that the caller shall see (0 counts as EINVAL)
 * Returns -err, so that a function can `return error_set(e, EXIT_FAILED, ENOENT, "...")`.
 */
int error_set(struct error *e, enum exit_code code, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
