// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "packet.skel.h"
#include "table/service.h"
#include "teal.skel.h"
#include "tests/packet/network.h"

#define STEP_FLOWS 4096 /* that are made for a figure */
#define CHUNK 65536	/* flows that are made at a time; each is a pending row for a while */
#define WARM 32768	/* repetitions before a measurement */
#define AHEAD_NS (3600 * SECOND_NS) /* flows that were "last seen" in an hour are not silent for a second till then */

static const struct {
	const char *name;
	bool ipv6, udp;
} worlds[WORLDS] = {
	[TCP4] = { "IPv4 TCP", false, false },
	[TCP6] = { "IPv6 TCP", true, false },
	[UDP4] = { "IPv4 UDP", false, true },
	[UDP6] = { "IPv6 UDP", true, true },
};

static const char *const steps[2][STEPS] = {
	{ "SYN, never seen before", "SYN-ACK", "ACK that confirms" },
	{ "first datagram", "answer that confirms", NULL },
};

const char *world_step(const struct world *w, int step)
{
	return steps[w->udp][step];
}

static struct plan plan_of(const struct world *w, enum packet_kind kind)
{
	struct plan plan = {
		.ipv6 = w->ipv6,
		.protocol = w->udp ? UDP : TCP,
		.flags = ACK,
		.sequence = FLOW_SEQUENCE + 1,
		.acknowledged = FLOW_ANSWER + 1,
		.source_port = FIRST_PORT,
		.destination_port = w->udp ? 53 : 443,
		.payload = w->udp ? 18 : 0,
	};

	network_address(REMOTE, w->ipv6, plan.source);
	network_address(kind == NOT_OURS ? STRANGER : VIP, w->ipv6, plan.destination);
	if (kind == SYN_PACKET) {
		plan.flags = SYN;
		plan.acknowledged = 0;
		plan.sequence = FLOW_SEQUENCE;
	}
	if (kind == BACK) {
		memcpy(plan.destination, plan.source, sizeof(plan.destination));
		network_address(BLUE, w->ipv6, plan.source);
		plan.source_port = w->udp ? 5353 : 8443;
		plan.destination_port = FIRST_PORT;
		plan.sequence = FLOW_ANSWER + 1;
		plan.acknowledged = FLOW_SEQUENCE + 1;
	}
	return plan;
}

static int program_fd(const struct world *w, const struct bench_row *row)
{
	static const char *const programs[] = { [RETURNS] = "returns", [PARSES] = "parse", [FLOOR] = "floor" };
	const bool xdp = row->hook == DRIVE_XDP;
	const struct teal_bpf *teal = w->edge.bpf;
	char name[32];

	if (row->program == TEAL && xdp)
		return bpf_program__fd(teal->progs.teal_xdp);
	if (row->program == TEAL)
		return bpf_program__fd(row->hook == DRIVE_INGRESS ? teal->progs.teal_ingress : teal->progs.teal_egress);
	snprintf(name, sizeof(name), "%s_%s", programs[row->program], xdp ? "xdp" : "tc");
	if (row->program != RETURNS)
		snprintf(name + strlen(name), sizeof(name) - strlen(name), "_%s%d", w->udp ? "udp" : "tcp", w->ipv6 ? 6 : 4);
	return bpf_program__fd(bpf_object__find_program_by_name(w->drive.bpf->obj, name));
}

static struct shot shot_of(const struct world *w, const struct bench_row *row, __u32 flows)
{
	const bool back = row->kind == BACK;

	return (struct shot){
		.hook = row->hook,
		.program = program_fd(w, row),
		/* A packet is back at egress when it leaves by the clients' device. */
		.device = network_device(back && row->hook != DRIVE_EGRESS ? REAR : FRONT),
		.plan = plan_of(w, row->kind),
		.back = back,
		.vary = row->kind == SYN_PACKET && !w->udp,
		.client = row->kind == SYN_PACKET ? STRANGERS : CLIENTS,
		.flows = flows,
	};
}

static const char *const verdict_names[] = {
#define X(action, name, sentence) #action "_" #name,
	TEAL_VERDICTS(X)
#undef X
};

/* Whether all repetitions, and nothing else, were counted as that. */
static int verdicts_check(const struct world *w, const __u64 *before, enum teal_verdict wanted, __u32 repeat,
			  const char *what)
{
	__u64 after[TEAL_VERDICT_COUNT];
	int error = edge_verdicts(&w->edge, after);

	for (int verdict = 0; verdict < TEAL_VERDICT_COUNT && (!error || error == -EPROTO); verdict++) {
		const __u64 more = after[verdict] - before[verdict], right = verdict == (int)wanted ? repeat : 0;

		if (more == right)
			continue;
		fprintf(stderr, "bench: %s, %s: %llu of %u repetitions were counted as %s, not %llu: no figure\n",
			w->name, what, (unsigned long long)more, repeat, verdict_names[verdict],
			(unsigned long long)right);
		error = -EPROTO;
	}
	return error;
}

/* Runs the shot, and holds against teal's counters what the row says.  @ret  may be NULL */
static int measure(struct world *w, const struct bench_row *row, const struct shot *shot, double *ret)
{
	__u64 before[TEAL_VERDICT_COUNT], begun = 0, begun_now = 0;
	struct shot_result result;
	int error = edge_verdicts(&w->edge, before) ?: edge_begun(&w->edge, &begun);

	if (!error && row->hook == DRIVE_EGRESS)
		error = edge_forget_sent(&w->edge);
	if (!error)
		error = drive_run(&w->drive, shot, &result);
	if (!error && row->program == TEAL)
		error = verdicts_check(w, before, row->verdict, shot->repeat, row->name);
	/* Each SYN has another sequence number, so each must have made a row; UDP's row stands until it is answered. */
	if (!error && row->kind == SYN_PACKET && !w->udp)
		error = edge_begun(&w->edge, &begun_now);
	if (!error && row->kind == SYN_PACKET && !w->udp && begun_now - begun != shot->repeat) {
		fprintf(stderr, "bench: %s, %s: %u repetitions made %llu pending rows: no figure\n", w->name, row->name,
			shot->repeat, (unsigned long long)(begun_now - begun));
		error = -EPROTO;
	}
	if (error)
		return error;
	if (result.answer != row->answer || result.missed) {
		fprintf(stderr, "bench: %s, %s: it returned %d, not %d, and did not find %llu flows: no figure\n",
			w->name, row->name, result.answer, row->answer, (unsigned long long)result.missed);
		return -EPROTO;
	}
	if (ret)
		*ret = result.ns;
	return 0;
}

static int flows_table(const struct world *w)
{
	return bpf_map__fd(w->ipv6 ? w->edge.bpf->maps.flows6 : w->edge.bpf->maps.flows4);
}

int world_stamp(struct world *w, __s64 from_now)
{
	return drive_stamp(&w->drive, flows_table(w), table_clock() + from_now);
}

int world_measure(struct world *w, const struct bench_row *row, __u32 flows, double shot_ms, double *ret)
{
	struct shot shot = shot_of(w, row, flows);
	double ns = 0;
	int error;

	shot.repeat = WARM;
	error = measure(w, row, &shot, &ns);
	if (error)
		return error;
	shot.repeat = (__u32)(shot_ms * 1e6 / ns) + 1;
	return measure(w, row, &shot, ret);
}

int world_measure_silent(struct world *w, const struct bench_row *row, __u32 flows, double *ret)
{
	struct shot shot = shot_of(w, row, flows);
	__u64 written = 0;
	int error = world_stamp(w, -2 * SECOND_NS);

	shot.walk = true;
	shot.repeat = flows;
	if (!error)
		error = measure(w, row, &shot, ret);
	if (!error)
		error = drive_written(&w->drive, flows_table(w), &written);
	if (!error && written != flows) {
		fprintf(stderr, "bench: %s, %s: %llu of %u rows were written: no figure\n", w->name, row->name,
			(unsigned long long)written, flows);
		error = -EPROTO;
	}
	return error ?: world_stamp(w, AHEAD_NS);
}

/* The packets that make flows, one flow after the other.  @ret_ns  what each step took; may be NULL */
static int flows_make(struct world *w, __u32 client, __u32 from, __u32 count, double ret_ns[STEPS])
{
	static const struct bench_row in = { "making flows", TEAL, DRIVE_XDP, DATA, ALL, TEAL_SENT_IN, XDP_REDIRECT, false, false, 0 };
	static const struct bench_row back = { "making flows", TEAL, DRIVE_XDP, BACK, ALL, TEAL_SENT_BACK, XDP_REDIRECT, false, false, 0 };
	const bool udp = w->udp;

	for (int step = 0; step < STEPS && world_step(w, step); step++) {
		struct shot shot = shot_of(w, step == 1 ? &back : &in, 1);
		int error;

		if (step == 0 && !udp)
			shot.plan = plan_of(w, SYN_PACKET);
		if (step == 1 && !udp) {
			shot.plan.flags = SYN | ACK;
			shot.plan.sequence = FLOW_ANSWER;
		}
		shot.client = client;
		shot.walk = true;
		shot.first = from;
		shot.repeat = count;
		error = measure(w, step == 1 ? &back : &in, &shot, ret_ns ? &ret_ns[step] : NULL);
		if (error)
			return error;
	}
	return 0;
}

/* Holds against teal's counters that so many flows were confirmed since. */
static int opened_check(const struct world *w, __u64 before, __u32 wanted)
{
	__u64 now;
	int error = edge_opened(&w->edge, &now);

	if (error || now - before == wanted)
		return error;
	fprintf(stderr, "bench: %s: %llu flows were confirmed, not %u: no figure\n", w->name,
		(unsigned long long)(now - before), wanted);
	return -EPROTO;
}

int world_fill(struct world *w, __u32 flows)
{
	const struct plan plan = plan_of(w, DATA);
	__u64 before = 0;
	int error = edge_opened(&w->edge, &before);
	__u32 from = w->filled;

	for (__u32 at = from; at < flows && !error; at += CHUNK)
		error = flows_make(w, CLIENTS, at, flows - at < CHUNK ? flows - at : CHUNK, NULL);
	if (!error)
		error = drive_floor_fill(&w->drive, &plan, CLIENTS, from, flows);
	if (!error)
		error = opened_check(w, before, flows - from);
	w->filled = flows;
	return error ?: world_stamp(w, AHEAD_NS);
}

/* Deletes the flows that were made for a figure, in the books too. */
static int flows_forget(struct world *w, __u32 client, __u32 count)
{
	struct teal_udp_rows rows;
	struct service service;
	struct error e = {};
	char name[8];
	const __u32 family = w->ipv6;
	int error;

	snprintf(name, sizeof(name), "%s%d", w->udp ? "dns" : "web", w->ipv6);
	error = service_find(w->edge.tables, name, &service, &e);
	for (__u32 flow = 0; flow < count && !error; flow++) {
		const __be32 address = htonl(flow_client(client, flow));
		struct teal_flow4_key key4 = { .port = flow_port(flow), .service = service.id };
		struct teal_flow6_key key6 = { .port = flow_port(flow), .service = service.id };

		network_address(REMOTE, true, key6.client);
		memcpy(key4.client, &address, sizeof(address));
		memcpy(key6.client + 12, &address, sizeof(address));
		error = w->ipv6 ? table_delete(w->edge.tables, TABLE_flows6, &key6) :
				  table_delete(w->edge.tables, TABLE_flows4, &key4);
	}
	if (!error && w->udp)
		error = table_get(w->edge.tables, TABLE_udp_rows, &family, &rows);
	if (!error && w->udp) {
		rows.count -= count;
		error = table_put(w->edge.tables, TABLE_udp_rows, &family, &rows);
	}
	if (error)
		fprintf(stderr, "bench: %s: cannot delete the flows of a figure: %s\n", w->name, strerror(-error));
	return error;
}

int world_measure_steps(struct world *w, double ret_ns[STEPS])
{
	__u64 before = 0;
	int error = edge_opened(&w->edge, &before);

	if (!error)
		error = flows_make(w, NEWCOMERS, 0, STEP_FLOWS, ret_ns);
	if (!error)
		error = opened_check(w, before, STEP_FLOWS);
	return error ?: flows_forget(w, NEWCOMERS, STEP_FLOWS);
}

int world_check(struct world *w)
{
	__u64 written = 0;
	int error = drive_written(&w->drive, flows_table(w), &written);

	if (!error && written) {
		fprintf(stderr, "bench: %s: %llu rows of known flows were written: no figures\n", w->name,
			(unsigned long long)written);
		error = -EPROTO;
	}
	return error;
}

int world_open(struct world *w, enum world_name id, __u32 rows)
{
	int error;

	*w = (struct world){ .name = worlds[id].name, .ipv6 = worlds[id].ipv6, .udp = worlds[id].udp, .id = id };
	rows += STEP_FLOWS;
	error = edge_open(&w->edge, w->udp ? 2 * rows : rows); /* UDP may have half of a table */
	return error ?: drive_open(&w->drive, rows);
}

void world_close(struct world *w)
{
	drive_close(&w->drive);
	edge_close(&w->edge);
}

void stay_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}
