// SPDX-License-Identifier: GPL-2.0-only
/*
 * Evidence: events, for whoever watches, and what is counted of handshakes.  In all other rows nobody watches, and there
 * must be no event; handshakes are compared in every row.
 */
#include "row.h"

#include <string.h>

#define WATCHED .watched = true
#define FLOW_ON(who, state) .flow = { IS, who, state, 5000, 0 }

/* The first bucket whose bound, 2^n us, is above that time; the last has none. */
static int bucket_of(__u64 ns)
{
	int bucket = 0;

	while (bucket < TEAL_HANDSHAKE_BUCKETS - 1 && 1000ULL << bucket <= ns)
		bucket++;
	return bucket;
}

/* A handshake that is answered after one and a half times each power of two, as far as the machine's own time allows. */
static void run_times(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture before, after;
	const bool ipv6 = combination->ipv6;
	const __u32 backend = lab_backend(BLUE, ipv6, TCP);
	struct plan plan = { .ipv6 = ipv6, .flags = SYN | ACK, .sequence = 9000, .acknowledged = 1001,
			     .source_port = WEB_BACKEND_PORT, .destination_port = CLIENT_PORT };
	struct lab_row pending;

	network_address(BLUE, ipv6, plan.source);
	network_address(CLIENT, ipv6, plan.destination);
	for (int n = 0; n < TEAL_HANDSHAKE_BUCKETS + 2; n++) {
		struct frame frame;
		__u64 begun;
		int counted = -1;

		lab_key(&pending, ipv6, CLIENT, CLIENT_PORT, lab_service(ipv6, TCP));
		frame_build(&frame, &plan);
		lab_look(lab, &before);
		begun = lab_now();
		pending.pending = (struct teal_pending){ .seen = begun - (1500ULL << n >> 1), .backend = backend,
							 .client_sequence = 1000 };
		lab_put(lab, ipv6 ? PENDING6 : PENDING4, &pending);
		lab_run(lab, combination->hook, network_device(REAR), 0, &frame);
		for (int bucket = 0; bucket < TEAL_HANDSHAKE_BUCKETS; bucket++) {
			lab_look(lab, &after);
			if (after.handshakes[backend].times[bucket] != before.handshakes[backend].times[bucket])
				counted = bucket;
		}
		if (counted < bucket_of(begun - pending.pending.seen) ||
		    counted > bucket_of(lab_now() - pending.pending.seen))
			row_complain((void *)row, "answered after %llu us: expected bucket %d, got %d",
				     (begun - pending.pending.seen) / 1000, bucket_of(begun - pending.pending.seen),
				     counted);
	}
}

/* A flood of packets that are dropped: whoever watches is told of one a millisecond, not of all. */
static void run_flood(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture picture;
	struct plan plan = { .ipv6 = combination->ipv6, .source_port = CLIENT_PORT, .destination_port = WEB_PORT };
	__u64 begun, allowed;

	network_address(CLIENT, plan.ipv6, plan.source);
	network_address(VIP, plan.ipv6, plan.destination);
	network_cpu(0);
	lab_watch(lab, true);
	lab_look(lab, &picture);
	begun = lab_now();
	for (int i = 0; i < 100; i++) {
		struct frame frame;

		frame_build(&frame, &plan);
		lab_run(lab, combination->hook, network_device(FRONT), 0, &frame);
	}
	/* The data path's clock goes by ticks, and so may be more than a millisecond ahead of where it just was. */
	allowed = 2 + (lab_now() - begun) / (LAB_SECOND / 1000);
	lab_look(lab, &picture);
	if (picture.events < 1 || (__u64)picture.events > allowed)
		row_complain((void *)row, "events of 100 lost packets: expected 1 to %llu, got %d", allowed,
			     picture.events);
}

static const struct row rows[] = {
	ROW("events: a flow that is confirmed has opened; its handshake alone is none", WATCHED,
	    .steps = { SYN_TO(BLUE), SYN_ACK_FROM(BLUE), ACK_TO(BLUE),
		       { CLIENT_SENDS(.flags = ACK, .sequence = 1001, .payload = 9), GOES_TO(BLUE) } }),
	ROW("events, UDP: a flow that is confirmed has opened", WATCHED, .udp = true,
	    .steps = { { CLIENT_SENDS(.payload = 9), GOES_TO(BLUE), PENDING(BLUE, 0) },
		       { BACKEND_SENDS(BLUE, .payload = 9), GOES_BACK, FLOW(BLUE, TEAL_ESTABLISHED, 0), NO_PENDING,
			 .opened = BLUE } }),
	ROW("events: a flow that begins to close has ended, once", WATCHED, FLOW_ON(BLUE, TEAL_CLIENT_FIN),
	    .steps = { { BACKEND_SENDS(BLUE, .flags = FIN | ACK, .sequence = 1, .acknowledged = 5000), GOES_BACK,
			 FLOW(BLUE, TEAL_CLOSING, 5000), .ended = BLUE },
		       { BACKEND_SENDS(BLUE, .flags = FIN | ACK, .sequence = 1, .acknowledged = 5000), GOES_BACK } }),
	ROW("events: half-closed is not ended", WATCHED, FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { BACKEND_SENDS(BLUE, .flags = FIN | ACK, .sequence = 1, .acknowledged = 5000), GOES_BACK,
			 FLOW(BLUE, TEAL_BACKEND_FIN, 5000) } }),
	ROW("events: a flow that either end resets has ended, and tells which", WATCHED, FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_SENDS(.flags = RST, .sequence = 5000), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_RESET_BY_CLIENT, 5000), .ended = BLUE },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .payload = 1), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_ESTABLISHED, 5000), .revived = BLUE },
		       { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 1), GOES_BACK, FLOW(BLUE, TEAL_RESET, 5000),
			 .ended = BLUE } }),
	ROW("events: an expired flow whose successor is confirmed has ended, then the other has opened", WATCHED,
	    .flow = { IS, BLUE, TEAL_ESTABLISHED, 5000, 7870 },
	    .steps = { TO_GREEN, SYN_TO(GREEN), SYN_ACK_FROM(GREEN),
		       { CLIENT_SENDS(.flags = ACK, .sequence = 1001, .acknowledged = 9001), GOES_TO(GREEN),
			 FLOW(GREEN, TEAL_ESTABLISHED, 1001), NO_PENDING, .opened = GREEN, .ended = BLUE,
			 .deleted = BLUE } }),
	ROW("events: with source NAT they name the client, not the source address", WATCHED,
	    .flags = TEAL_SERVICE_SOURCE, FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 1), GOES_BACK, FLOW(BLUE, TEAL_RESET, 5000),
			 .ended = BLUE } }),
	ROW("events: a packet that is refused is lost, and tells why and whose", WATCHED,
	    .steps = { { .act = SWITCH, .host = NOBODY },
		       { CLIENT_SENDS(.flags = SYN, .sequence = 1000), REFUSED(NO_BACKEND) } }),
	ROW("events: a packet that is dropped is lost, and tells why and whose", WATCHED,
	    .steps = { { CLIENT_SENDS(.flags = SYN | FIN), .verdict = TEAL_DROP_FLAGS } }),
	ROW("events: a new flow that waits is lost, and tells why and whose", WATCHED, .flags = TEAL_SERVICE_PAUSED,
	    .steps = { { .act = PAUSE, .seconds = 30 },
		       { CLIENT_SENDS(.flags = SYN, .sequence = 1000), .verdict = TEAL_DROP_PAUSED } }),
	ROW("events: a connection that is ended by the edge has ended, and its packet is lost", WATCHED,
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { .act = RESET, .host = BLUE },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .payload = 9), REFUSED(RESET),
			 FLOW(BLUE, TEAL_RESET, 5000), .ended = BLUE } }),
	ROW("events: packets that are passed or served are none", WATCHED, FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .payload = 9), GOES_TO(BLUE) },
		       { CLIENT_SENDS(.flags = SYN, .destination_port = 80) },
		       { CLIENT_SENDS(.flags = ACK, .source_port = 41000), .verdict = TEAL_PASS_NO_FLOW } }),
	ROW("events: of lost packets one a millisecond is told of, however many there are", .only = NOT_STACK,
	    .run = run_flood),

	ROW("handshakes: each is counted by the time it took, to its power of two", .only = NOT_STACK, .run = run_times),
	ROW("handshakes: a SYN sent again is counted while nobody has answered, and no more after that",
	    .steps = { SYN_TO(BLUE), SYN_TO(BLUE), SYN_TO(BLUE), SYN_ACK_FROM(BLUE),
		       { CLIENT_SENDS(.flags = SYN, .sequence = 1000), GOES_TO(BLUE) }, ACK_TO(BLUE) }),
	ROW("handshakes: begun on one backend and anew on another, when the first is down",
	    .steps = { SYN_TO(BLUE), { .act = HEALTH, .host = BLUE, .health = TEAL_DOWN }, TO_GREEN, SYN_TO(GREEN),
		       SYN_ACK_FROM(GREEN), ACK_TO(GREEN) }),
	ROW("handshakes: an open flow that the backend resets was aborted; one that the client reset, or that was closing, not",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { BACKEND_SENDS(BLUE, .flags = RST | ACK, .sequence = 1, .acknowledged = 5000), GOES_BACK,
			 FLOW(BLUE, TEAL_RESET, 5000), .ended = BLUE },
		       { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 1), GOES_BACK } }),
	ROW("handshakes: the RST of a backend that ends a closing flow aborts nothing", FLOW_ON(BLUE, TEAL_CLOSING),
	    .steps = { { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 1), GOES_BACK } }),
};

const struct rows rows_evidence = ROWS("Evidence: events and handshakes", rows);
