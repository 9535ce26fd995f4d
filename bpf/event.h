/* SPDX-License-Identifier: GPL-2.0-only */
/* What is told to whoever watches; nothing is, and it costs nothing, while nobody does. */
#ifndef TEAL_BPF_EVENT_H
#define TEAL_BPF_EVENT_H

#include "maps.h"
#include "packet.h"

#define EVENT_GAP 1000000ULL /* ns between two lost packets that are told of, a CPU */

/* When a CPU last told of a lost packet.  Nobody else's business, so not pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} event_lost_at SEC(".maps");

static __always_inline bool event_is_wanted(__u64 now)
{
	__u32 only = 0;
	const struct teal_monitor *m = bpf_map_lookup_elem(&monitor, &only);

	return m && m->until > now;
}

static __always_inline void event_send(const struct segment *s, enum teal_event_kind kind, __u32 backend,
				       enum teal_verdict verdict, enum teal_state state)
{
	struct teal_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return;
	event->at = s->now;
	event->backend = backend;
	event->verdict = verdict;
	__builtin_memcpy(event->client, s->key.client, sizeof(event->client));
	event->port = s->key.port;
	event->service = s->key.service;
	event->kind = kind;
	event->state = state;
	event->pad[0] = event->pad[1] = 0;
	bpf_ringbuf_submit(event, 0);
}

/* Not static, as ASIDE() has it. */
__noinline int event_flow_send(const struct segment *s, __u32 backend, __u32 kind, __u32 state)
{
	if (s)
		event_send(s, kind, backend, 0, state);
	return 0;
}

static __always_inline void event_flow(const struct segment *s, enum teal_event_kind kind, __u32 backend,
				       enum teal_state state)
{
	if (event_is_wanted(s->now))
		event_flow_send(s, backend, kind, state);
}

__noinline int event_lost(const struct segment *s, __u32 verdict)
{
	__u32 only = 0;
	__u64 *last = bpf_map_lookup_elem(&event_lost_at, &only);

	if (!s || !last || !event_is_wanted(s->now) || s->now - *last < EVENT_GAP)
		return 0;
	*last = s->now;
	event_send(s, TEAL_EVENT_LOST, 0, verdict, 0);
	return 0;
}

#endif
