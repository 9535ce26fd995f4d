/* SPDX-License-Identifier: GPL-2.0-only */
/* The steps of a packet's way, in their order, and what the plain way and the whole way both do with them. */
#ifndef TEAL_BPF_STEP_H
#define TEAL_BPF_STEP_H

#include "parse.h"    /* 1. where from, where to */
#include "service.h"  /* 2. is it ours */
#include "flow.h"     /* 3. a known flow keeps its backend */
#include "dispatch.h" /* 4. a new one gets it from the active table */
#include "rewrite.h"  /* 5. the other address, the other port */
#include "forward.h"  /* 6. out of the right device */

static __always_inline void count_in(__u32 backend, const struct packet *p)
{
	struct teal_counters *count = counters_get(backend);

	if (count) {
		count->packets_in++;
		count->bytes_in += p->length;
	}
}

static __always_inline void count_out(__u32 backend, const struct packet *p)
{
	struct teal_counters *count = counters_get(backend);

	if (count) {
		count->packets_out++;
		count->bytes_out += p->length;
	}
}

/* The hop's link addresses, and one hop less to live. */
static __always_inline void rewrite_send(struct rewrite *r, const struct teal_nexthop *hop)
{
	const __u32 *link = (const __u32 *)hop->destination; /* and the source, which stands behind */

	r->link[0] = link[0];
	r->link[1] = link[1];
	r->link[2] = link[2];
	r->is_sent = 1;
}

static __always_inline void rewrite_to_backend(struct rewrite *r, const struct teal_backend *backend)
{
	end_set(&r->destination, backend->address, backend->port, backend->address_delta, backend->port_delta);
}

static __always_inline void rewrite_from_vip(struct rewrite *r, const struct teal_backend *backend)
{
	end_set(&r->source, backend->vip, backend->vip_port, ~backend->address_delta, ~backend->port_delta);
}

#endif
