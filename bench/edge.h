/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An edge to measure: teal's programs and tables in a network namespace and a BPF file system of the bench's own, filled
 * by the very functions that teald fills them with.
 */
#ifndef TEAL_BENCH_EDGE_H
#define TEAL_BENCH_EDGE_H

#include "table/table.h"

struct teal_bpf;

struct edge {
	struct teal_bpf *bpf;
	struct tables *tables;
	char home[64]; /* its folder: pins, books, configuration */
};

/* The namespaces; once a process, before everything else.  Says what went wrong and returns a negative errno. */
int edge_enter(void);

/*
 * @flows  rows of each flow table
 * Says what went wrong and returns a negative errno.
 */
int edge_open(struct edge *edge, __u32 flows);
void edge_close(struct edge *edge);

/* Whether the backends' device takes redirected frames; if not, everything is the host's stack's to forward. */
int edge_redirects(struct edge *edge, bool redirects);

/* tc egress takes the next packet for one that the host itself sends, whatever ingress has sent before. */
int edge_forget_sent(const struct edge *edge);

/* Packets so far, by verdict, the CPUs' together. */
int edge_verdicts(const struct edge *edge, __u64 ret[TEAL_VERDICT_COUNT]);

/* Rows that the flow tables have gained so far, all backends' together. */
int edge_opened(const struct edge *edge, __u64 *ret);

/* Pending rows made so far, all backends' together. */
int edge_begun(const struct edge *edge, __u64 *ret);

/* Rows that the flow tables hold now, by the same counters. */
int edge_rows(const struct edge *edge, __u64 *ret);

#endif
