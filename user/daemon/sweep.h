/* SPDX-License-Identifier: GPL-2.0-only */
/* The sweep: expired flows leave the tables, by an iterator program in the kernel. */
#ifndef TEAL_SWEEP_H
#define TEAL_SWEEP_H

#include <stdbool.h>

struct teal_bpf;
struct sweep;

/* Prepares the iterators over both flow tables.  Returns 0 or a negative errno; give *ret to sweep_free(). */
int sweep_new(struct teal_bpf *bpf, struct sweep **ret);

/*
 * Walks the table once (about 0.3 us a row; some 10 ms a million places that are empty), and lets others have the CPU now and
 * then.  Returns 0 or a negative errno.
 */
int sweep_table(struct sweep *sweep, bool ipv6);

void sweep_free(struct sweep *sweep);

#endif
