/* SPDX-License-Identifier: GPL-2.0-only */
/* Repeated measurements, and what is told of them: median and quartiles. */
#ifndef TEAL_BENCH_FIGURES_H
#define TEAL_BENCH_FIGURES_H

#include <stddef.h>

struct figures {
	double *each;
	size_t count, room;
};

/* Fails only by ending the program, when memory is out. */
void figures_add(struct figures *f, double value);
void figures_free(struct figures *f);

/* @share  0.5: the median, 0.25 and 0.75: the quartiles; of none: 0 */
double figures_quantile(const struct figures *f, double share);

#endif
