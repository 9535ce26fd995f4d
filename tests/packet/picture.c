// SPDX-License-Identifier: GPL-2.0-only
#include "lab.h"
#include "teal.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct lab_picture *seen; /* into which events are read */

const struct lab_row *lab_get(const struct lab_picture *picture, enum lab_table table, const struct lab_row *key)
{
	for (int i = 0; i < picture->count[table]; i++)
		if (!memcmp(picture->rows[table][i].key, key->key, sizeof(key->key)))
			return &picture->rows[table][i];
	return NULL;
}

bool lab_find(struct lab *lab, enum lab_table table, struct lab_row *row)
{
	return !bpf_map_lookup_elem(lab_table_fd(lab, table), row->key, row->client);
}

static void look_at_rows(struct lab *lab, struct lab_picture *picture, enum lab_table table)
{
	struct lab_row *row = picture->rows[table];
	int fd = lab_table_fd(lab, table), error;

	memset(row, 0, sizeof(picture->rows[table]));
	error = bpf_map_get_next_key(fd, NULL, row->key);
	for (picture->count[table] = 0; !error && picture->count[table] < LAB_ROWS - 1; row++) {
		lab_must(bpf_map_lookup_elem(fd, row->key, row->client), "a row");
		picture->count[table]++;
		error = bpf_map_get_next_key(fd, row->key, row[1].key);
	}
}

/* Reads the first rows of a table and adds up the CPUs', which are made of 64-bit words. */
static void sum_per_cpu(const struct bpf_map *map, __u32 rows, __u64 *sums)
{
	const size_t words = bpf_map__value_size(map) / sizeof(__u64), cpus = libbpf_num_possible_cpus();
	__u32 keys[rows], next, count = rows;
	__u64 *values = calloc(rows * cpus, words * sizeof(*values));

	if (!values)
		exit(1);
	lab_must(bpf_map_lookup_batch(bpf_map__fd(map), NULL, &next, keys, values, &count, NULL), bpf_map__name(map));
	memset(sums, 0, rows * words * sizeof(*sums));
	for (size_t i = 0; i < rows * cpus * words; i++)
		sums[i / (cpus * words) * words + i % words] += values[i];
	free(values);
}

static int on_event(void *context, void *data, size_t size)
{
	(void)context;
	if (size == sizeof(struct teal_event) && seen->events < LAB_EVENTS)
		memcpy(&seen->event[seen->events++], data, size);
	return 0;
}

int lab_listen(struct lab *lab)
{
	lab->events = ring_buffer__new(bpf_map__fd(lab->bpf->maps.events), on_event, NULL, NULL);
	return lab->events ? 0 : -errno;
}

void lab_look(struct lab *lab, struct lab_picture *picture)
{
	sum_per_cpu(lab->bpf->maps.verdicts, TEAL_VERDICT_COUNT, picture->verdicts);
	sum_per_cpu(lab->bpf->maps.counters, LAB_BACKENDS, (__u64 *)picture->counters);
	sum_per_cpu(lab->bpf->maps.handshakes, LAB_BACKENDS, (__u64 *)picture->handshakes);
	for (int table = 0; table < LAB_TABLES; table++)
		look_at_rows(lab, picture, table);
	picture->events = 0;
	seen = picture;
	ring_buffer__consume(lab->events);
}
