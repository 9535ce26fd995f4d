// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"

#include <stdio.h>
#include <string.h>

static void compare_counter(struct run *run, __u32 backend, size_t offset, const char *name)
{
	__u64 before = *(__u64 *)((char *)&run->before.counters[backend] + offset);
	__u64 want = *(__u64 *)((char *)&run->want.counters[backend] + offset);
	__u64 got = *(__u64 *)((char *)&run->after.counters[backend] + offset);

	if (want != got)
		run_complain(run, "counters of %s: %s: expected %+lld, got %+lld",
			 network_host(lab_backend_host(backend))->name, name, (long long)(want - before),
			 (long long)(got - before));
}

void run_compare_counts(struct run *run)
{
	for (int verdict = 0; verdict < TEAL_VERDICT_COUNT; verdict++)
		if (run->want.verdicts[verdict] != run->after.verdicts[verdict])
			run_complain(run, "verdict %s: expected %+lld, got %+lld", row_verdict(verdict),
				 (long long)(run->want.verdicts[verdict] - run->before.verdicts[verdict]),
				 (long long)(run->after.verdicts[verdict] - run->before.verdicts[verdict]));
#define COUNTER(name) compare_counter(run, backend, offsetof(struct teal_counters, name), #name)
	for (__u32 backend = 0; backend < LAB_BACKENDS; backend++) {
		COUNTER(opened);
		COUNTER(ended);
		COUNTER(deleted);
		COUNTER(refused);
		COUNTER(packets_in);
		COUNTER(bytes_in);
		COUNTER(packets_out);
		COUNTER(bytes_out);
	}
#undef COUNTER
}

/* What of a backend's handshakes the step names, by what it says of the client's rows. */
static void expect_handshakes(struct run *run)
{
	const struct step *step = run->step;
	const bool ipv6 = run->combination->ipv6, udp = run->protocol == UDP;
	const struct lab_row *before = lab_get(&run->before, ipv6 ? PENDING6 : PENDING4, &run->key);
	const struct pending_says *says = &step->pending;
	const __u32 id = lab_backend(run->way_back ? step->from : says->backend, ipv6, run->protocol);
	struct teal_handshakes *seen = &run->want.handshakes[id];

	if (!run->way_back && says->change == IS && !says->answered) {
		const bool same = before && !step->claims && before->pending.backend == id &&
				  before->pending.client_sequence == says->client_sequence &&
				  (!udp || run->begun - before->pending.seen < 30 * LAB_SECOND);

		seen->begun += !same;
		seen->resent += same && !udp;
	} else if (run->way_back && udp) {
		seen->answered += before && !before->pending.answered && before->pending.backend == id &&
				  (step->opened || step->unrecorded || step->verdict == TEAL_REFUSE_FULL);
	} else if (run->way_back) {
		seen->answered += says->change == IS && says->answered && before && !before->pending.answered;
		seen->aborted += step->ended && step->flow.state == TEAL_RESET && step->verdict != TEAL_REFUSE_RESET;
	}
}

/* The first bucket whose bound, 2^n us, is above that time; the last has no bound. */
static int bucket_of(__u64 ns)
{
	int bucket = 0;

	while (bucket < TEAL_HANDSHAKE_BUCKETS - 1 && 1000ULL << bucket <= ns)
		bucket++;
	return bucket;
}

static void compare_handshake(struct run *run, __u32 backend, const char *name, __u64 before, __u64 want, __u64 got)
{
	if (want != got)
		run_complain(run, "handshakes of %s: %s: expected %+lld, got %+lld",
			     network_host(lab_backend_host(backend))->name, name, (long long)(want - before),
			     (long long)(got - before));
}

/* The time that a handshake took is known to within that of the test run itself. */
static void compare_times(struct run *run, __u32 backend)
{
	const bool ipv6 = run->combination->ipv6;
	const struct lab_row *before = lab_get(&run->before, ipv6 ? PENDING6 : PENDING4, &run->key);
	const __u64 *old = run->before.handshakes[backend].times, *new = run->after.handshakes[backend].times;
	const __u64 answered = run->want.handshakes[backend].answered - run->before.handshakes[backend].answered;
	__u64 told = 0;

	for (int bucket = 0; bucket < TEAL_HANDSHAKE_BUCKETS; bucket++) {
		told += new[bucket] - old[bucket];
		if (new[bucket] != old[bucket] && before &&
		    (bucket < bucket_of(run->begun - before->pending.seen) ||
		     bucket > bucket_of(lab_now() - before->pending.seen)))
			run_complain(run, "handshakes of %s: %llu us counted in bucket %d",
				     network_host(lab_backend_host(backend))->name,
				     (run->begun - before->pending.seen) / 1000, bucket);
	}
	compare_handshake(run, backend, "times", 0, answered, told);
}

void run_compare_handshakes(struct run *run)
{
	expect_handshakes(run);
	run->want.handshakes[0] = run->before.handshakes[0];
	for (__u32 backend = 0; backend < LAB_BACKENDS; backend++) {
		const struct teal_handshakes *before = &run->before.handshakes[backend];
		const struct teal_handshakes *want = &run->want.handshakes[backend];
		const struct teal_handshakes *got = &run->after.handshakes[backend];

		compare_handshake(run, backend, "begun", before->begun, want->begun, got->begun);
		compare_handshake(run, backend, "answered", before->answered, want->answered, got->answered);
		compare_handshake(run, backend, "resent", before->resent, want->resent, got->resent);
		compare_handshake(run, backend, "aborted", before->aborted, want->aborted, got->aborted);
		compare_times(run, backend);
	}
}

static const char *const event_names[] = { "OPENED", "ENDED", "LOST" };

/* An event that must be next among those that came.  @state  ENDED: of the flow; LOST: the verdict */
static void compare_event(struct run *run, int *next, enum teal_event_kind kind, __u32 backend, int state)
{
	const struct teal_event *got = &run->after.event[*next];
	struct teal_flow6_key key = {};

	if ((*next)++ >= run->after.events) {
		run_complain(run, "event: expected %s, got none", event_names[kind]);
		return;
	}
	network_address(run_client(run->step), run->combination->ipv6, key.client);
	if (got->kind != kind)
		run_complain(run, "event: expected %s, got %s", event_names[kind], event_names[got->kind]);
	else if (kind == TEAL_EVENT_LOST ? got->verdict != (enum teal_verdict)state : got->state != state)
		run_complain(run, "event %s: expected %s %d, got %d", event_names[kind],
			     kind == TEAL_EVENT_LOST ? "verdict" : "state", state,
			     kind == TEAL_EVENT_LOST ? (int)got->verdict : got->state);
	else if (got->backend != backend)
		run_complain(run, "event %s: backend: expected %u, got %u", event_names[kind], backend, got->backend);
	else if (memcmp(got->client, key.client, sizeof(got->client)) || got->port != run->key_port ||
		 got->service != lab_service(run->combination->ipv6, run->protocol))
		run_complain(run, "event %s: not this client's: port %u, service %u", event_names[kind], got->port,
			     got->service);
	else if (got->at > lab_now() || got->at + LAB_SECOND / 10 < run->begun)
		run_complain(run, "event %s: at another time", event_names[kind]);
}

void run_compare_events(struct run *run, enum teal_verdict verdict)
{
	const struct step *step = run->step;
	const bool ipv6 = run->combination->ipv6;
	int next = 0;

	if (run->row->watched && step->ended)
		compare_event(run, &next, TEAL_EVENT_ENDED, lab_backend(step->ended, ipv6, run->protocol),
			      step->deleted ? TEAL_REPLACED : step->flow.state);
	if (run->row->watched && step->opened)
		compare_event(run, &next, TEAL_EVENT_OPENED, lab_backend(step->opened, ipv6, run->protocol),
			      step->flow.state);
	if (run->row->watched && strncmp(row_verdict(verdict), "PASS", 4) && strncmp(row_verdict(verdict), "SENT", 4))
		compare_event(run, &next, TEAL_EVENT_LOST, 0, verdict);
	if (next < run->after.events)
		run_complain(run, "events: expected %d, got %d more", next, run->after.events - next);
}
