/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEAL_PACKET_PERCPU_H
#define TEAL_PACKET_PERCPU_H

#include <bpf/libbpf.h>

/* Fills the first rows of a per-CPU array with zeros, on every CPU.  Returns 0 or a negative errno. */
int percpu_clear(const struct bpf_map *map, __u32 rows);

#endif
