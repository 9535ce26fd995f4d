/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands that go on until somebody ends them, by ^C or SIGTERM; and what must not be ended half way. */
#ifndef TEAL_INTERRUPT_H
#define TEAL_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP interrupt what waits (EINTR) and are remembered. */
void interrupt_catch(void);

/* The signal that came, or 0. */
int interrupt_came(void);

/* Sleeps so many milliseconds, or until a signal comes.  Returns whether one has. */
bool interrupt_sleep(unsigned int ms);

/*
 * While such a variable is in scope those signals wait: between the tables and the books an impatient ^C would leave a
 * reboot with something else than what is.
 */
#define _cleanup_interrupts_ __attribute__((cleanup(interrupts_release)))
sigset_t interrupts_hold(void);
void interrupts_release(const sigset_t *before);

#endif
