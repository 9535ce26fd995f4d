// SPDX-License-Identifier: GPL-2.0-only
#include "common/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t came;

static void note(int number)
{
	came = number;
}

void interrupt_catch(void)
{
	struct sigaction action = { .sa_handler = note };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

int interrupt_came(void)
{
	return came;
}

/* In short steps: a signal that comes just before nanosleep() would otherwise be noticed only at its end. */
bool interrupt_sleep(unsigned int ms)
{
	const unsigned int step = 100;

	for (; ms && !came; ms -= ms < step ? ms : step) {
		struct timespec time = { .tv_nsec = (ms < step ? ms : step) * 1000000L };

		nanosleep(&time, NULL);
	}
	return came;
}

sigset_t interrupts_hold(void)
{
	sigset_t held, before;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &held, &before);
	return before;
}

void interrupts_release(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}
