// SPDX-License-Identifier: GPL-2.0-only
/* Runs one input, and reads what it changed: the counted reason, and the rows of the client that it is about. */
#include "fuzz.h"
#include "teal.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void read_verdicts(__u64 *sums)
{
	static __u64 values[TEAL_VERDICT_COUNT * 256];
	__u32 keys[TEAL_VERDICT_COUNT], count = TEAL_VERDICT_COUNT, next;
	int cpus = libbpf_num_possible_cpus();
	LIBBPF_OPTS(bpf_map_batch_opts, options);

	if (bpf_map_lookup_batch(bpf_map__fd(world_lab.bpf->maps.verdicts), NULL, &next, keys, values, &count, &options) &&
	    errno != ENOENT) {
		fprintf(stderr, "fuzz: verdicts: %s\n", strerror(errno));
		exit(1);
	}
	for (int i = 0; i < TEAL_VERDICT_COUNT; i++) {
		sums[i] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			sums[i] += values[i * cpus + cpu];
	}
}

static void read_rows(const __u8 *client, __u16 port, __u16 service, bool ipv6, struct rows *rows)
{
	struct teal_flow6_key six = { .port = port, .service = service };
	struct teal_flow4_key four = { .port = port, .service = service };
	const struct teal_bpf *bpf = world_lab.bpf;
	const void *key = ipv6 ? (void *)&six : &four;

	memcpy(six.client, client, 16);
	memcpy(four.client, client + 12, 4);
	rows->is_flow = !bpf_map_lookup_elem(bpf_map__fd(ipv6 ? bpf->maps.flows6 : bpf->maps.flows4), key, &rows->flow);
	rows->is_pending =
		!bpf_map_lookup_elem(bpf_map__fd(ipv6 ? bpf->maps.pending6 : bpf->maps.pending4), key, &rows->pending);
}

/* Whose rows the packet is about, if it is about any. */
static void outcome_key(const struct view *v, struct outcome *o, struct rows *rows)
{
	const bool ports = v->kind == VIEW_WHOLE && !v->fragment && (v->protocol == TCP || v->protocol == UDP);
	const struct endpoint *from;

	o->service = ports ? world_service(v->destination, v->destination_port, v->protocol) : 0;
	o->keyed = o->service;
	if (o->keyed) {
		read_rows(v->source, v->source_port, o->service, v->ipv6, rows);
		return;
	}
	from = ports ? world_endpoint(v->source, v->source_port, v->protocol) : NULL;
	if (!from || from->source)
		return;
	o->keyed = true;
	o->service = from->service;
	read_rows(v->destination, v->destination_port, o->service, v->ipv6, rows);
}

static bool run(const struct input *input, struct outcome *o)
{
	const struct bpf_program *programs[] = { world_lab.bpf->progs.teal_xdp, world_lab.bpf->progs.teal_ingress,
						 world_lab.bpf->progs.teal_egress };
	__u32 device = network_device(input->device);
	struct xdp_md xdp = { .data_end = input->linear ?: input->length, .ingress_ifindex = device };
	struct __sk_buff skb = { .ifindex = device, .gso_size = input->segment };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = input->bytes, .data_size_in = input->length, .data_out = o->bytes,
		    .data_size_out = sizeof(o->bytes));

	if (input->hook == LAB_TC_EGRESS)
		lab_forget_sent(&world_lab);
	opts.ctx_in = input->hook == LAB_XDP ? (void *)&xdp : (void *)&skb;
	opts.ctx_size_in = input->hook == LAB_XDP ? sizeof(xdp) : sizeof(skb);
	if (bpf_prog_test_run_opts(bpf_program__fd(programs[input->hook]), &opts))
		return false;
	o->returned = (int)opts.retval;
	o->length = opts.data_size_out;
	return true;
}

bool world_run(const struct input *input, struct outcome *o)
{
	static __u64 before[TEAL_VERDICT_COUNT];
	__u64 after[TEAL_VERDICT_COUNT];
	struct view v;

	o->verdict = TEAL_NEXT;
	o->verdicts = 0;
	o->unrecorded = false;
	view_frame(&v, input->bytes, input->length, input->segment);
	outcome_key(&v, o, &o->before);
	if (v.has_addresses && (world_is_vip(v.destination)))
		world_note_client(v.source);
	if (!run(input, o))
		return false;
	if (o->keyed)
		outcome_key(&v, o, &o->after);
	read_verdicts(after);
	for (int i = 0; i < TEAL_VERDICT_COUNT; i++) {
		if (after[i] == before[i])
			continue;
		if (i == TEAL_PASS_UNRECORDED) {
			o->unrecorded = true;
			continue;
		}
		o->verdict = i;
		o->verdicts += (int)(after[i] - before[i]);
	}
	memcpy(before, after, sizeof(before));
	return true;
}
