/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands that go on until somebody ends them, by ^C or SIGTERM. */
#ifndef TEAL_INTERRUPT_H
#define TEAL_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP interrupt what waits (EINTR) and are remembered. */
void interrupt_catch(void);

/* The signal that came, or 0. */
int interrupt_came(void);

/* Sleeps so many milliseconds, or until a signal comes.  Returns whether one has. */
bool interrupt_sleep(unsigned int ms);

#endif
