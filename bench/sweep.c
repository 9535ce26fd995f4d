// SPDX-License-Identifier: GPL-2.0-only
#include "sweep.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <linux/bpf.h>

#include "daemon/sweep.h"
#include "figures.h"
#include "world.h"

#define SWEEPS 7
#define SKIPPED(rows) ((rows) / 1024 + 16)
#define SHOTS 60
#define SHOT_MS 20

/* One sweep over everything, in ms of the clock. */
static int sweep_once(struct sweep *sweep, double *ret)
{
	__u64 began = table_clock();
	int error = sweep_run(sweep);

	*ret = (double)(table_clock() - began) / 1e6;
	if (error)
		fprintf(stderr, "bench: cannot sweep\n");
	return error;
}

static void say(const char *figure, const struct figures *f)
{
	printf("%s\t%.1f\t%.1f\t%.1f\n", figure, figures_quantile(f, 0.5), figures_quantile(f, 0.25), figures_quantile(f, 0.75));
	fflush(stdout);
}

/* Packets of known flows, with or without another process that sweeps all the time on another CPU. */
static int traffic(struct world *w, struct sweep *sweep, __u32 flows, bool swept)
{
	static const struct bench_row row = { "known flow in", TEAL, DRIVE_XDP, DATA, ALL, TEAL_SENT_IN, XDP_REDIRECT, false, false, 0 };
	struct figures ns = {};
	double each;
	int error = 0;
	pid_t child = -1;

	fflush(stdout);
	if (swept) {
		child = fork();
		if (!child) {
			cpu_set_t others;

			CPU_ZERO(&others);
			for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) /* all but this one */
				CPU_SET(cpu, &others);
			CPU_CLR(sched_getcpu(), &others);
			sched_setaffinity(0, sizeof(others), &others);
			while (!sweep_run(sweep))
				;
			_exit(1);
		}
	}
	for (int i = 0; i < SHOTS && !error; i++) {
		error = world_measure(w, &row, flows, SHOT_MS, &each);
		if (!error)
			figures_add(&ns, each);
	}
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	if (!error)
		say(swept ? "a packet while another CPU sweeps, ns" : "a packet, ns", &ns);
	figures_free(&ns);
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
		say("a sweep that deletes all of them, ms", &ms);
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
		say("a sweep that deletes nothing, ms", &ms);
	figures_free(&ms);
	if (!error)
		error = traffic(&w, sweep, flows, false) ?: traffic(&w, sweep, flows, true) ?: expire(&w, sweep, flows);
	sweep_free(sweep);
	world_close(&w);
	return error;
}
