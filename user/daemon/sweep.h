/* SPDX-License-Identifier: GPL-2.0-only */
/* The sweep: expired flows leave the tables, by an iterator program in the kernel. */
#ifndef TEAL_SWEEP_H
#define TEAL_SWEEP_H

struct teal_bpf;
struct sweep;

/* Prepares the iterators over both flow tables.  Returns 0 or a negative errno; give *ret to sweep_free(). */
int sweep_new(struct teal_bpf *bpf, struct sweep **ret);

/* Walks both tables once (about 0.3 us a row), and lets others have the CPU now and then.  Returns 0 or a negative errno. */
int sweep_run(struct sweep *sweep);

void sweep_free(struct sweep *sweep);

#endif
