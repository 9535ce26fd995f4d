// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long one packet takes: teal's programs beside a program that returns at once, one that only parses, and the floor.
 *
 * In each world (see world.h) flows become more and more; at each size the rows are measured in interleaved rounds.
 */
#include "packet.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <bpf/bpf.h>

#include "figures.h"
#include "world.h"

#define SILENT_LEAST 4096
#define SILENT_MOST 65536 /* flows whose rows are written and looked at in every round */

static const struct bench_row rows[] = {
	{ "returns at once", RETURNS, DRIVE_XDP, DATA, ALL, 0, XDP_PASS, false, false, 65536 },
	{ "only parses", PARSES, DRIVE_XDP, DATA, ALL, 0, XDP_PASS, false, false, 65536 },
	{ "the floor", FLOOR, DRIVE_XDP, DATA, ALL, 0, XDP_REDIRECT, false, false, 65536 },
	{ "known flow in, XDP to redirect", TEAL, DRIVE_XDP, DATA, ALL, TEAL_SENT_IN, XDP_REDIRECT, false, false, 65536 },
	{ "known flow in, silent for two seconds", TEAL, DRIVE_XDP, DATA, TCPS, TEAL_SENT_IN, XDP_REDIRECT, false, true, 0 },
	{ "known flow in, XDP to stack", TEAL, DRIVE_XDP, DATA, ALL, TEAL_PASS_IN_STACK, XDP_PASS, true, false, 0 },
	{ "way back, XDP to redirect", TEAL, DRIVE_XDP, BACK, ALL, TEAL_SENT_BACK, XDP_REDIRECT, false, false, 1 },
	{ "SYN to pending, XDP", TEAL, DRIVE_XDP, SYN_PACKET, TCPS, TEAL_SENT_IN, XDP_REDIRECT, false, false, 1 },
	{ "unanswered datagram, XDP", TEAL, DRIVE_XDP, SYN_PACKET, UDPS, TEAL_SENT_IN, XDP_REDIRECT, false, false, 1 },
	{ "not ours, XDP", TEAL, DRIVE_XDP, NOT_OURS, ALL, TEAL_PASS_NOT_OURS, XDP_PASS, false, false, 1 },
	{ "returns at once, tc", RETURNS, DRIVE_INGRESS, DATA, ALL, 0, -1, false, false, 0 },
	{ "the floor, tc", FLOOR, DRIVE_INGRESS, DATA, ALL, 0, 7, false, false, 0 },
	{ "known flow in, tc to redirect", TEAL, DRIVE_INGRESS, DATA, ALL, TEAL_SENT_IN, 7, false, false, 0 },
	{ "way back, tc to redirect", TEAL, DRIVE_INGRESS, BACK, ALL, TEAL_SENT_BACK, 7, false, false, 0 },
	{ "way back, tc egress", TEAL, DRIVE_EGRESS, BACK, ALL, TEAL_PASS_BACK_EGRESS, -1, false, false, 0 },
	{ "not ours, tc", TEAL, DRIVE_INGRESS, NOT_OURS, ALL, TEAL_PASS_NOT_OURS, -1, false, false, 0 },
};
#define ROWS (sizeof(rows) / sizeof(*rows))
struct bench {
	const struct packet_options *options;
	struct world world;
	struct figures ns[ROWS + STEPS], ratio[ROWS + STEPS]; /* the rows', then those of the steps that make a flow */
};

static bool row_applies(const struct bench *b, const struct bench_row *row, __u32 flows)
{
	if (!(row->worlds & 1U << b->world.id))
		return false;
	if ((row->kind == NOT_OURS && flows > 1) || (row->silent && (flows < SILENT_LEAST || flows > SILENT_MOST)))
		return false;
	return !b->options->quick || (row->quick >= flows && (b->world.id == TCP4 || flows == 1));
}

/* The row against which a row's figure is held: the floor at the same hook. */
static int floor_of(const struct bench_row *row)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].program == FLOOR && (rows[i].hook == DRIVE_XDP) == (row->hook == DRIVE_XDP))
			return (int)i;
	return -1;
}

static int row_measure(struct bench *b, const struct bench_row *row, __u32 flows, double *ret)
{
	if (row->silent)
		return world_measure_silent(&b->world, row, flows, ret);
	return world_measure(&b->world, row, flows, b->options->shot_ms, ret);
}

static int measure_round(struct bench *b, __u32 flows, int round)
{
	double ns[ROWS + STEPS] = {};
	int error = 0;

	for (size_t i = 0; i < ROWS && !error; i++) {
		/* Every round begins elsewhere, so that no row always follows the same one. */
		const size_t at = (i + round) % ROWS;

		if (!row_applies(b, &rows[at], flows))
			continue;
		if (rows[at].stack)
			error = edge_redirects(&b->world.edge, false);
		if (rows[at].stack && !error)
			nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL); /* what is remembered of next hops ends */
		if (!error)
			error = row_measure(b, &rows[at], flows, &ns[at]);
		if (rows[at].stack) {
			edge_redirects(&b->world.edge, true);
			nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);
		}
	}
	if (!error && !b->options->quick)
		error = world_measure_steps(&b->world, ns + ROWS);
	for (size_t i = 0; i < ROWS + STEPS && !error; i++) {
		const int floor = i < ROWS ? floor_of(&rows[i]) : floor_of(&rows[0]);

		if (ns[i] > 0)
			figures_add(&b->ns[i], ns[i]);
		if (ns[i] > 0 && floor >= 0 && ns[floor] > 0)
			figures_add(&b->ratio[i], ns[i] / ns[floor]);
	}
	return error;
}

static void line_print(const struct bench *b, const char *name, __u32 flows, const struct figures *ns,
		       const struct figures *ratio)
{
	if (!ns->count)
		return;
	printf("%s\t%s\t%u\t%.1f\t%.1f\t%.1f\t", b->world.name, name, flows, figures_quantile(ns, 0.25),
	       figures_quantile(ns, 0.5), figures_quantile(ns, 0.75));
	if (ratio && ratio->count)
		printf("%.2f\n", figures_quantile(ratio, 0.5));
	else
		printf("\n");
}

/* The steady state has written nothing, or the figures are of something else. */
static int measure_size(struct bench *b, __u32 flows)
{
	int error = world_fill(&b->world, flows);

	/* Many flows take longer, and their figures scatter less. */
	const int rounds = flows > PACKET_MANY ? (b->options->rounds + 1) / 2 : b->options->rounds;

	for (int round = 0; round < rounds && !error; round++)
		error = measure_round(b, flows, round);
	if (!error)
		error = world_check(&b->world);
	for (size_t i = 0; i < ROWS + STEPS; i++) {
		if (!error)
			line_print(b, i < ROWS ? rows[i].name : world_step(&b->world, (int)(i - ROWS)), flows, &b->ns[i], &b->ratio[i]);
		figures_free(&b->ns[i]);
		figures_free(&b->ratio[i]);
	}
	fflush(stdout);
	return error;
}

static int measure_world(const struct packet_options *options, enum world_name id)
{
	struct bench b = { .options = options };
	__u32 most = options->flows[options->sizes - 1];
	int error;

	/* As many rows as the tables have by default, or what is asked for. */
	if (most < PACKET_ROWS)
		most = PACKET_ROWS;
	error = world_open(&b.world, id, most);
	for (int i = 0; i < options->sizes && !error && (!options->quick || !i || id == TCP4); i++)
		error = measure_size(&b, options->flows[i]);
	world_close(&b.world);
	return error;
}

int packet_run(const struct packet_options *options)
{
	int error = edge_enter();

	stay_on_one_cpu();
	printf("world\trow\tflows\tq1\tmedian\tq3\tratio\n");
	for (int i = 0; i < WORLDS && !error; i++)
		if (!options->quick || i == TCP4 || i == TCP6)
			error = measure_world(options, i);
	return error;
}
