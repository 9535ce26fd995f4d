// SPDX-License-Identifier: GPL-2.0-only
#include "sweep.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/bpf.h>

#include "daemon/sweep.h"
#include "figures.h"
#include "world.h"

#define SWEEPS 7
#define SKIPPED(rows) ((rows) / 1024 + 16)
#define SHOTS 40
#define SHOT_MS 20

/* One sweep over everything, in ms of the clock. */
static int sweep_once(struct sweep *sweep, double *ret)
{
	__u64 began = table_clock();
	int error = sweep_table(sweep, false);

	*ret = (double)(table_clock() - began) / 1e6;
	if (error)
		fprintf(stderr, "bench: cannot sweep\n");
	return error;
}

static void say(const char *figure, int digits, const struct figures *f)
{
	printf("%s\t%.*f\t%.*f\t%.*f\n", figure, digits, figures_quantile(f, 0.5), digits, figures_quantile(f, 0.25), digits,
	       figures_quantile(f, 0.75));
	fflush(stdout);
}

/* A process that sweeps all the time on the other CPUs, once it is told to go on.  Returns its pid or a negative errno. */
static pid_t sweeper_start(struct sweep *sweep)
{
	cpu_set_t others;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child)
		return child > 0 ? child : -errno;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a stopped process would outlive a ^C */
	CPU_ZERO(&others);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		CPU_SET(cpu, &others);
	CPU_CLR(sched_getcpu(), &others);
	if (sched_setaffinity(0, sizeof(others), &others))
		_exit(1);
	raise(SIGSTOP);
	while (!sweep_table(sweep, false))
		;
	_exit(1);
}

/* Packets of known flows: beside nothing, and while another CPU sweeps, in turn. */
static int traffic(struct world *w, struct sweep *sweep, __u32 flows)
{
	static const struct bench_row row = { "known flow in", TEAL, DRIVE_XDP, DATA, ALL, TEAL_SENT_IN, XDP_REDIRECT, false, false, 0 };
	static const struct timespec begun = { .tv_nsec = 2000000 };
	struct figures alone = {}, swept = {}, times = {};
	double ns, ns_swept;
	const pid_t child = sweeper_start(sweep);
	int status = 0, error = child < 0 ? (int)child : 0;

	if (!error && waitpid(child, &status, WUNTRACED) == child && !WIFSTOPPED(status)) {
		fprintf(stderr, "bench: there is one CPU only, so none that sweeps while another has traffic\n");
		return 0;
	}
	for (int i = 0; i < SHOTS && !error; i++) {
		error = world_measure(w, &row, flows, SHOT_MS, &ns);
		kill(child, SIGCONT);
		nanosleep(&begun, NULL);
		if (!error)
			error = world_measure(w, &row, flows, SHOT_MS, &ns_swept);
		kill(child, SIGSTOP);
		if (error)
			break;
		figures_add(&alone, ns);
		figures_add(&swept, ns_swept);
		figures_add(&times, ns_swept / ns);
	}
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	if (!error) {
		say("a packet, ns", 0, &alone);
		say("a packet while another CPU sweeps, ns", 0, &swept);
		say("so many times as long", 2, &times);
	}
	figures_free(&alone);
	figures_free(&swept);
	figures_free(&times);
	return error;
}

/*
 * All flows expire at once.  Where a walk is broken off (after every 1,024 rows) and taken up again in a bucket of which a row
 * was deleted, the kernel skips another one, which is for the next sweep; more must not be left, or the figure is of something else.
 */
static int expire(struct world *w, struct sweep *sweep, __u32 flows)
{
	struct figures ms = {};
	double took;
	__u64 before = 0, after = 0;
	int error = world_stamp(w, -SECOND_NS * 100000);

	if (!error)
		error = edge_rows(&w->edge, &before);
	if (!error)
		error = sweep_once(sweep, &took);
	if (!error)
		error = edge_rows(&w->edge, &after);
	if (!error && (before != flows || after > SKIPPED(flows))) {
		fprintf(stderr, "bench: of %u expired flows the sweep left %llu of %llu rows\n", flows, (unsigned long long)after,
			(unsigned long long)before);
		error = -EPROTO;
	}
	if (!error) {
		figures_add(&ms, took);
		say("a sweep that deletes all of them, ms", 0, &ms);
	}
	figures_free(&ms);
	return error;
}

int sweep_bench_run(__u32 flows)
{
	struct world w;
	struct sweep *sweep = NULL;
	struct figures ms = {};
	double took;
	int error = edge_enter();

	stay_on_one_cpu();
	if (error)
		return error;
	error = world_open(&w, TCP4, flows);
	if (!error)
		error = world_fill(&w, flows) ?: sweep_new(w.edge.bpf, &sweep);
	for (int i = 0; i < SWEEPS && !error; i++) {
		error = sweep_once(sweep, &took);
		figures_add(&ms, took);
	}
	if (!error)
		say("a sweep that deletes nothing, ms", 0, &ms);
	figures_free(&ms);
	if (!error)
		error = traffic(&w, sweep, flows) ?: expire(&w, sweep, flows);
	sweep_free(sweep);
	world_close(&w);
	return error;
}
