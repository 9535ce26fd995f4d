/* SPDX-License-Identifier: GPL-2.0-only */
/* What the code under test asks of the kernel, counted: the linker leads its calls of libbpf and fsync() past here (Makefile). */
#ifndef TEAL_UNIT_COUNTED_H
#define TEAL_UNIT_COUNTED_H

struct counted {
	unsigned long calls;  /* of everything below but fsync */
	unsigned long rows;   /* that came with them */
	unsigned long writes; /* rows written or deleted */
	unsigned long waits;  /* calls that change slots: each waits for a grace period */
	unsigned long syncs;
};

/* All since the last call of this. */
struct counted counted_take(void);

/* The descriptor of the array of maps whose changes are waits; -1: none. */
void counted_slots(int fd);

#endif
