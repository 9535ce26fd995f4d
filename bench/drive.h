/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs the trampoline over a program: so many repetitions, timed, each with the next flow's frame. */
#ifndef TEAL_BENCH_DRIVE_H
#define TEAL_BENCH_DRIVE_H

#include "flow.h"
#include "tests/packet/frame.h"

enum drive_hook { DRIVE_XDP, DRIVE_INGRESS, DRIVE_EGRESS };

/* The first client of the flows that are known, of those that never will be, and of those for a while (the last 32 bits). */
#define CLIENTS 0x64400000U  /* 100.64.0.0 */
#define STRANGERS 0x64600000U /* 100.96.0.0 */
#define NEWCOMERS 0x64700000U /* 100.112.0.0 */

#define FLOW_SEQUENCE 1000 /* the sequence numbers with which clients begin, and backends */
#define FLOW_ANSWER 5000

struct packet_bpf;

struct drive {
	struct packet_bpf *bpf;
};

struct shot {
	enum drive_hook hook;
	int program;	   /* descriptor of the program under test */
	__u32 device;	   /* where the frame comes in, or goes out */
	struct plan plan;  /* the frame but for the client's address and port */
	bool back;	   /* the client is the destination */
	bool vary;	   /* another TCP sequence number in every frame */
	__u32 client;
	__u32 flows;	   /* a power of two: so many, in random order */
	bool walk;	   /* instead: one after the other, beginning with... */
	__u32 first;
	__u32 repeat;
};

struct shot_result {
	double ns;	/* of CPU time, a repetition */
	int answer;	/* of the last one */
	__u64 missed;	/* repetitions whose flow the floor did not find */
};

/* @rows  of the floor's tables.  Says what went wrong and returns a negative errno. */
int drive_open(struct drive *d, __u32 rows);
void drive_close(struct drive *d);

/* Says what went wrong and returns a negative errno: what ran otherwise than it was to counts as wrong. */
int drive_run(struct drive *d, const struct shot *shot, struct shot_result *ret);

/* Puts flows number `from` up to `to` into the floor's table, on the way to the packet tests' blue backend. */
int drive_floor_fill(struct drive *d, const struct plan *plan, __u32 client, __u32 from, __u32 to);

/*
 * Gives every row of a table of flows that time as the one at which its flow was last seen.
 * Says what went wrong and returns a negative errno.
 */
int drive_stamp(struct drive *d, int table, __u64 seen);

/* How many rows no longer carry it. */
int drive_written(struct drive *d, int table, __u64 *ret);

#endif
