// SPDX-License-Identifier: GPL-2.0-only
#include "figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void figures_add(struct figures *f, double value)
{
	if (f->count == f->room) {
		f->room = f->room ? 2 * f->room : 16;
		f->each = reallocarray(f->each, f->room, sizeof(*f->each));
		if (!f->each) {
			fprintf(stderr, "bench: out of memory\n");
			exit(1);
		}
	}
	f->each[f->count++] = value;
}

void figures_free(struct figures *f)
{
	free(f->each);
	*f = (struct figures){};
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double figures_quantile(const struct figures *f, double share)
{
	double sorted[f->count + 1], place = share * (double)(f->count - 1);
	size_t below = (size_t)place;

	if (!f->count)
		return 0;
	memcpy(sorted, f->each, f->count * sizeof(*sorted));
	qsort(sorted, f->count, sizeof(*sorted), by_value);
	if (below + 1 >= f->count)
		return sorted[f->count - 1];
	return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}
