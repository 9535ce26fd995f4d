/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables of include/teal/tables.h as BPF maps, and the switch. */
#ifndef TEAL_BPF_MAPS_H
#define TEAL_BPF_MAPS_H

#include "teal/tables.h"
#include <bpf/bpf_helpers.h>

#define X(name_, kind, key_, row, rows, flags) \
	struct {                               \
		__uint(type, BPF_MAP_TYPE_##kind); \
		__type(key, key_);             \
		__type(value, row);            \
		__uint(max_entries, rows);     \
		__uint(map_flags, flags);      \
	} name_ SEC(".maps");
TEAL_TABLES(X)
#undef X

/* hash slot -> backend id.  Their number is a power of two, and differs from service to service. */
struct dispatch_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_INNER_MAP);
};

/* dispatch: service id -> the table that new flows use now.  Replacing a slot is the switch. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, __u32);
	__uint(max_entries, 1024);
	__array(values, struct dispatch_table);
} dispatch SEC(".maps");

/* previews: the same for the clients in `preview_clients`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, __u32);
	__uint(max_entries, 1024);
	__array(values, struct dispatch_table);
} previews SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20); /* bytes */
} events SEC(".maps");

static __always_inline const struct teal_meta *meta_get(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&meta, &only);
}

static __always_inline void verdict_count(enum teal_verdict verdict)
{
	__u32 row = verdict;
	__u64 *packets = bpf_map_lookup_elem(&verdicts, &row);

	if (packets)
		++*packets;
}

/* A function that answers with a number gives a verdict in this way; the number itself is not negative. */
#define AS_ANSWER(verdict) (-1 - (int)(verdict))
#define AS_VERDICT(answer) ((enum teal_verdict)(-1 - (answer)))

static __always_inline struct teal_counters *counters_get(__u32 backend)
{
	return bpf_map_lookup_elem(&counters, &backend);
}

static __always_inline struct teal_handshakes *handshakes_get(__u32 backend)
{
	return bpf_map_lookup_elem(&handshakes, &backend);
}

#endif
