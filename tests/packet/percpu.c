// SPDX-License-Identifier: GPL-2.0-only
#include "percpu.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"

int percpu_clear(const struct bpf_map *map, __u32 rows)
{
	/* The kernel takes a row of every CPU, each in whole words. */
	const size_t size = (size_t)libbpf_num_possible_cpus() * ((bpf_map__value_size(map) + 7) & ~7U);
	_cleanup_free_ void *zero = calloc(1, size);
	int error = zero ? 0 : -ENOMEM;

	for (__u32 row = 0; row < rows && !error; row++)
		error = bpf_map__update_elem(map, &row, sizeof(row), zero, size, BPF_ANY);
	return error;
}
