// SPDX-License-Identifier: GPL-2.0-only
/* Topology: a flow's packets on different CPUs, one after another and at once. */
#include "row.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define ON(cpu) { .act = ON_CPU, .seconds = cpu }

enum { RACES = 300, RACERS = 2 };

/* One packet to be run by two CPUs at the same time. */
struct race {
	struct lab *lab;
	enum lab_hook hook;
	__u32 device;
	struct frame frame;
	pthread_barrier_t start;
};

struct racer {
	struct race *race;
	int cpu;
	int action;
};

static void *run_racer(void *context)
{
	struct racer *racer = context;
	struct race *race = racer->race;
	struct frame frame = race->frame;

	network_cpu(racer->cpu);
	pthread_barrier_wait(&race->start);
	racer->action = lab_run(race->lab, race->hook, race->device, 0, &frame);
	return NULL;
}

/* Returns whether both ran, and said the same. */
static bool run_race(struct race *race)
{
	struct racer racers[RACERS];
	pthread_t threads[RACERS];
	int started = 0;

	if (pthread_barrier_init(&race->start, NULL, RACERS))
		return false;
	for (; started < RACERS; started++) {
		racers[started] = (struct racer){ .race = race, .cpu = started };
		if (pthread_create(&threads[started], NULL, run_racer, &racers[started]))
			return false;
	}
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&race->start);
	return racers[0].action == racers[1].action && racers[0].action >= 0;
}

/* The packet that confirms: the client's acknowledgment, or the backend's first datagram. */
static void confirming(struct race *race, const struct combination *combination, bool udp, __u16 client_port)
{
	struct plan plan = { .ipv6 = combination->ipv6, .protocol = udp ? UDP : TCP, .flags = ACK, .sequence = 1001,
			     .acknowledged = 9001, .payload = udp ? 9 : 0 };

	network_address(udp ? BLUE : CLIENT, plan.ipv6, plan.source);
	network_address(udp ? CLIENT : VIP, plan.ipv6, plan.destination);
	plan.source_port = udp ? DNS_BACKEND_PORT : client_port;
	plan.destination_port = udp ? client_port : WEB_PORT;
	race->device = network_device(udp ? REAR : FRONT);
	frame_build(&race->frame, &plan);
}

static void run_races(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture before, after;
	static struct race race;
	const bool ipv6 = combination->ipv6;
	const __u8 protocol = row->udp ? UDP : TCP;
	const __u32 backend = lab_backend(BLUE, ipv6, protocol);
	__u64 opened = 0;

	race.lab = lab;
	race.hook = combination->hook;
	for (int i = 0; i < RACES; i++) {
		struct lab_row pending;

		lab_key(&pending, ipv6, CLIENT, CLIENT_PORT + i % 64, lab_service(ipv6, protocol));
		pending.pending = (struct teal_pending){ .seen = lab_now(), .backend = backend, .client_sequence = 1000,
							 .backend_sequence = 9000, .answered = !row->udp };
		lab_put(lab, ipv6 ? PENDING6 : PENDING4, &pending);
		confirming(&race, combination, row->udp, CLIENT_PORT + i % 64);
		lab_look(lab, &before);
		if (!run_race(&race))
			row_complain((void *)row, "race %d: the two packets did not go the same way", i);
		lab_look(lab, &after);
		opened = after.counters[backend].opened - before.counters[backend].opened;
		if (opened != 1 || !lab_get(&after, ipv6 ? FLOWS6 : FLOWS4, &pending) ||
		    lab_get(&after, ipv6 ? PENDING6 : PENDING4, &pending)) {
			row_complain((void *)row, "race %d: expected one flow and no pending row, got %llu opened", i,
				     opened);
			return;
		}
		lab_delete(lab, ipv6 ? FLOWS6 : FLOWS4, &pending);
	}
}

/* The sweep, again and again, on the other CPU. */
struct sweeper {
	struct lab *lab;
	bool ipv6;
	atomic_bool is_over;
	atomic_uint count;
};

static void *run_sweeper(void *context)
{
	struct sweeper *sweeper = context;

	network_cpu(1);
	for (; !sweeper->is_over && !lab_sweep(sweeper->lab, sweeper->ipv6); sweeper->count++)
		continue;
	sweeper->is_over = true;
	return NULL;
}

/* The reply to an expired flow's successor.  Returns whether that has a row after the sweep has come by twice. */
static bool run_successor(struct sweeper *sweeper, const struct combination *combination, __u16 port)
{
	const bool ipv6 = combination->ipv6;
	const __u32 backend = lab_backend(BLUE, ipv6, UDP);
	static struct race race;
	struct lab_row flow, pending;
	unsigned int seen;
	bool kept;

	confirming(&race, combination, true, port);
	lab_key(&flow, ipv6, CLIENT, port, lab_service(ipv6, UDP));
	pending = flow;
	pending.pending = (struct teal_pending){ .seen = lab_now(), .backend = backend };
	flow.flow = (struct teal_flow){ .seen = lab_now() - 181 * LAB_SECOND, .backend = backend };
	lab_put(sweeper->lab, ipv6 ? PENDING6 : PENDING4, &pending);
	lab_put(sweeper->lab, ipv6 ? FLOWS6 : FLOWS4, &flow);
	lab_run(sweeper->lab, combination->hook, race.device, 0, &race.frame);
	for (seen = sweeper->count; sweeper->count - seen < 2 && !sweeper->is_over;)
		continue;
	/* The sweep that was just deleting the old row leaves the new flow its pending one. */
	kept = lab_find(sweeper->lab, ipv6 ? FLOWS6 : FLOWS4, &flow) ||
	       lab_find(sweeper->lab, ipv6 ? PENDING6 : PENDING4, &pending);
	lab_delete(sweeper->lab, ipv6 ? FLOWS6 : FLOWS4, &flow);
	return kept;
}

enum { SUCCESSORS = 4000 };

static void run_successors(struct lab *lab, const struct row *row, const struct combination *combination)
{
	struct sweeper sweeper = { .lab = lab, .ipv6 = combination->ipv6 };
	pthread_t thread;
	int lost = 0;

	network_cpu(0);
	if (pthread_create(&thread, NULL, run_sweeper, &sweeper)) {
		row_complain((void *)row, "no thread to sweep");
		return;
	}
	for (int i = 0; i < SUCCESSORS; i++)
		lost += !run_successor(&sweeper, combination, CLIENT_PORT + i);
	if (sweeper.is_over)
		row_complain((void *)row, "the sweep does not run");
	sweeper.is_over = true;
	pthread_join(thread, NULL);
	if (lost)
		row_complain((void *)row, "%d of %d successors were swept away", lost, SUCCESSORS);
}

static const struct row rows[] = {
	ROW("request and reply on different CPUs: the same row",
	    .steps = { ON(0), { CLIENT_SENDS(.flags = SYN, .sequence = 1000), GOES_TO(BLUE), PENDING(BLUE, 1000) },
		       ON(1), { BACKEND_SENDS(BLUE, .flags = SYN | ACK, .sequence = 9000, .acknowledged = 1001),
			 GOES_BACK, ANSWERED(BLUE, 1000, 9000) },
		       ON(0), { CLIENT_SENDS(.flags = ACK, .sequence = 1001, .acknowledged = 9001), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_ESTABLISHED, 1001), NO_PENDING, .opened = BLUE },
		       ON(1), { BACKEND_SENDS(BLUE, .flags = FIN | ACK, .sequence = 9001, .acknowledged = 1001),
			 GOES_BACK, FLOW(BLUE, TEAL_BACKEND_FIN, 1001) } }),
	ROW("the same flow moving between CPUs: the same row",
	    .flow = { IS, BLUE, TEAL_ESTABLISHED, 5000, 0 },
	    .steps = { ON(0), { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .payload = 9), GOES_TO(BLUE) },
		       ON(1), { CLIENT_SENDS(.flags = FIN | ACK, .sequence = 5009), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_CLIENT_ENDING, 5010) },
		       ON(0), { CLIENT_SENDS(.flags = FIN | ACK, .sequence = 5009), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_CLIENT_ENDING, 5010) },
		       ON(1), { BACKEND_SENDS(BLUE, .flags = FIN | ACK, .sequence = 1, .acknowledged = 5010), GOES_BACK,
			 FLOW(BLUE, TEAL_CLOSING, 5010), .ended = BLUE } }),
	ROW("two packets of one new flow at once on two CPUs, TCP: one flow, counted once", .only = NOT_STACK,
	    .run = run_races),
	ROW("two packets of one new flow at once on two CPUs, UDP: one flow, counted once", .only = NOT_STACK, .udp = true,
	    .run = run_races),
	ROW("an expired flow's successor that is confirmed while the sweep comes by is not taken for it",
	    .only = NOT_STACK | NOT_TC | SMALL, .udp = true, .run = run_successors),
};

const struct rows rows_cpus = ROWS("Topology: CPUs", rows);
