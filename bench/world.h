/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A world: one family and protocol, an edge of its own, and flows that teal's programs have made themselves.  What is
 * measured in it is held against teal's own counters: each repetition must have taken the way that the row is about.
 */
#ifndef TEAL_BENCH_WORLD_H
#define TEAL_BENCH_WORLD_H

#include "drive.h"
#include "edge.h"

enum world_name { TCP4, TCP6, UDP4, UDP6, WORLDS };

#define ALL (1U << TCP4 | 1U << TCP6 | 1U << UDP4 | 1U << UDP6)
#define TCPS (1U << TCP4 | 1U << TCP6)
#define UDPS (1U << UDP4 | 1U << UDP6)

enum program { RETURNS, PARSES, FLOOR, TEAL };
enum packet_kind { DATA, BACK, SYN_PACKET, NOT_OURS };

struct bench_row {
	const char *name;
	enum program program;
	enum drive_hook hook;
	enum packet_kind kind;
	unsigned int worlds;
	enum teal_verdict verdict; /* that teal must count for every repetition */
	int answer;		   /* that the program must return */
	bool stack;		   /* the backends' device takes no redirected frames */
	bool silent;		   /* each packet is its flow's first in two seconds */
	__u32 quick;		   /* the most flows in a quick run */
};

/* Flows are made in as many steps, each a packet. */
#define STEPS 3

struct world {
	const char *name;
	bool ipv6, udp;
	enum world_name id;
	struct edge edge;
	struct drive drive;
	__u32 filled; /* flows */
};

/* All that can fail says what went wrong and returns a negative errno.  @rows  of the tables of flows */
int world_open(struct world *w, enum world_name id, __u32 rows);
void world_close(struct world *w);

/* More flows, up to `flows`, in the floor's table as well. */
int world_fill(struct world *w, __u32 flows);

/* The name of a step, or NULL. */
const char *world_step(const struct world *w, int step);

/* One figure, ns, once caches and what is remembered of next hops are as they would be in its midst. */
int world_measure(struct world *w, const struct bench_row *row, __u32 flows, double shot_ms, double *ret);

/* The same of packets each of which is its flow's first in two seconds, one flow after the other. */
int world_measure_silent(struct world *w, const struct bench_row *row, __u32 flows, double *ret);

/*
 * What each step takes that makes a flow, ns: some thousand newcomers' flows, one after the other, beside those that there
 * are.  They are deleted again.
 */
int world_measure_steps(struct world *w, double ret_ns[STEPS]);

/* Gives all flows that time as when they were last seen, ns from now. */
int world_stamp(struct world *w, __s64 from_now);

/* Whether no row was written since they were filled, as nothing may be that is called a known flow's steady state. */
int world_check(struct world *w);

void stay_on_one_cpu(void);

#define SECOND_NS 1000000000LL

#endif
