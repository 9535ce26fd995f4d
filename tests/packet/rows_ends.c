// SPDX-License-Identifier: GPL-2.0-only
/* TCP state: how flows end.  The backend has acknowledged 5000 when a row begins. */
#include "row.h"

#include <string.h>

#define WINDOW (16U << 20)
#define STEP (4U << 20)

#define FLOW_ON(who, state) .flow = { IS, who, state, 5000, 0 }
#define CLIENT_FIN_AT(sequence_) CLIENT_SENDS(.flags = FIN | ACK, .sequence = (sequence_), .acknowledged = 1)
#define CLIENT_RST_AT(sequence_) CLIENT_SENDS(.flags = RST, .sequence = (sequence_))
#define BACKEND_ACKS(number) BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 1, .acknowledged = (number))
#define BACKEND_FIN_ACKS(number) BACKEND_SENDS(BLUE, .flags = FIN | ACK, .sequence = 1, .acknowledged = (number))
#define BACKEND_FIN BACKEND_FIN_ACKS(5000)

/* A thousand packets of one kind are no steps. */
static void run_many_resets(struct lab *lab, const struct row *row, const struct combination *combination)
{
	static struct lab_picture before, after;
	struct plan plan = { .ipv6 = combination->ipv6, .flags = RST, .source_port = CLIENT_PORT,
			     .destination_port = WEB_PORT };
	const enum lab_table table = combination->ipv6 ? FLOWS6 : FLOWS4;
	struct lab_row flow;

	network_address(CLIENT, plan.ipv6, plan.source);
	network_address(VIP, plan.ipv6, plan.destination);
	lab_key(&flow, plan.ipv6, CLIENT, CLIENT_PORT, lab_service(plan.ipv6, TCP));
	flow.flow = (struct teal_flow){ .seen = lab_now(), .backend = lab_backend(BLUE, plan.ipv6, TCP),
	  .acked = 5000 };
	lab_put(lab, table, &flow);
	lab_look(lab, &before);
	for (int i = 0; i < 1000; i++) {
		struct frame frame;

		plan.sequence = 5001 + WINDOW + i * 4273U * 1000U; /* no multiple of it comes back into the window */
		if (plan.sequence - 5000 <= WINDOW)
			continue;
		frame_build(&frame, &plan);
		lab_run(lab, combination->hook, network_device(FRONT), 0, &frame);
	}
	lab_look(lab, &after);
	if (memcmp(before.rows[table], after.rows[table], sizeof(before.rows[table])))
		row_complain((void *)row, "the flow has changed");
	if (after.counters[flow.flow.backend].packets_in < before.counters[flow.flow.backend].packets_in + 900)
		row_complain((void *)row, "not every reset was forwarded");
	if (after.counters[flow.flow.backend].ended != before.counters[flow.flow.backend].ended)
		row_complain((void *)row, "the flow counts as ended");
}

static const struct row rows[] = {
	ROW("FIN from the client: noted, and final once the backend acknowledges it: half-closed",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_FIN_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_CLIENT_ENDING, 5001) },
		       { CLIENT_FIN_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_CLIENT_ENDING, 5001) },
		       { BACKEND_ACKS(5000), GOES_BACK },
		       { BACKEND_ACKS(5001), GOES_BACK, FLOW(BLUE, TEAL_CLIENT_FIN, 5001) },
		       { CLIENT_FIN_AT(5000), GOES_TO(BLUE) },
		       { BACKEND_ACKS(5001), GOES_BACK } }),
	ROW("FIN from the client with data: final once the backend acknowledges all of it",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_SENDS(.flags = FIN | ACK, .sequence = 5000, .payload = 100), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_CLIENT_ENDING, 5101) },
		       { BACKEND_ACKS(5100), GOES_BACK },
		       { BACKEND_ACKS(5101), GOES_BACK, FLOW(BLUE, TEAL_CLIENT_FIN, 5101) } }),
	ROW("FIN in the client's name that the backend does not take for one: the flow stays open",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_FIN_AT(9000), GOES_TO(BLUE), FLOW(BLUE, TEAL_CLIENT_ENDING, 9001) },
		       { BACKEND_ACKS(5000), GOES_BACK },
		       { CLIENT_SENDS(.flags = ACK | PSH, .sequence = 5000, .payload = 1400), GOES_TO(BLUE) },
		       { BACKEND_ACKS(9002), GOES_BACK, FLOW(BLUE, TEAL_ESTABLISHED, 9002) } }),
	ROW("a false FIN in the client's name, and the backend's FIN: half-closed, not closing",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_FIN_AT(9000), GOES_TO(BLUE), FLOW(BLUE, TEAL_CLIENT_ENDING, 9001) },
		       { BACKEND_FIN, GOES_BACK, FLOW(BLUE, TEAL_BOTH_ENDING, 9001) },
		       { BACKEND_ACKS(9500), GOES_BACK, FLOW(BLUE, TEAL_BACKEND_FIN, 9500) } }),
	ROW("after a false FIN, the client's RST and FIN are judged as before",
	    FLOW_ON(BLUE, TEAL_CLIENT_ENDING),
	    .steps = { { CLIENT_RST_AT(4999 - WINDOW), GOES_TO(BLUE) },
		       { CLIENT_FIN_AT(5001 + WINDOW), GOES_TO(BLUE) },
		       { CLIENT_FIN_AT(4000), GOES_TO(BLUE), FLOW(BLUE, TEAL_CLIENT_ENDING, 4001) },
		       { CLIENT_RST_AT(4000), GOES_TO(BLUE), FLOW(BLUE, TEAL_RESET_BY_CLIENT, 4001),
			 .ended = BLUE } }),
	ROW("FIN from the backend: half-closed",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { BACKEND_FIN, GOES_BACK, FLOW(BLUE, TEAL_BACKEND_FIN, 5000) },
		       { BACKEND_FIN, GOES_BACK, FLOW(BLUE, TEAL_BACKEND_FIN, 5000) },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .payload = 7), GOES_TO(BLUE) } }),
	ROW("half-closed keeps the established timeout",
	    .flow = { IS, BLUE, TEAL_CLIENT_FIN, 5000, 7000 },
	    .steps = { TO_GREEN,
		       { CLIENT_SENDS(.flags = SYN, .sequence = 1), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_CLIENT_FIN, 5000) } }),
	ROW("FIN from both, the client first: closing, a retransmitted FIN still reaches the same backend",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_FIN_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_CLIENT_ENDING, 5001) },
		       { BACKEND_FIN_ACKS(5001), GOES_BACK, FLOW(BLUE, TEAL_CLOSING, 5001), .ended = BLUE },
		       TO_GREEN,
		       { CLIENT_FIN_AT(5000), GOES_TO(BLUE) },
		       { BACKEND_FIN_ACKS(5001), GOES_BACK },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5001, .acknowledged = 2), GOES_TO(BLUE) } }),
	ROW("FIN from both, the client first, the backend acknowledges before its own: closing",
	    FLOW_ON(BLUE, TEAL_CLIENT_FIN),
	    .steps = { { BACKEND_FIN, GOES_BACK, FLOW(BLUE, TEAL_CLOSING, 5000), .ended = BLUE } }),
	ROW("FIN from both, the backend first: closing, a retransmitted FIN still reaches the same backend",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { BACKEND_FIN, GOES_BACK, FLOW(BLUE, TEAL_BACKEND_FIN, 5000) },
		       { CLIENT_FIN_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_BOTH_ENDING, 5001) },
		       TO_GREEN,
		       { CLIENT_FIN_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_BOTH_ENDING, 5001) },
		       { BACKEND_FIN, GOES_BACK, FLOW(BLUE, TEAL_BOTH_ENDING, 5001) },
		       { BACKEND_ACKS(5001), GOES_BACK, FLOW(BLUE, TEAL_CLOSING, 5001), .ended = BLUE },
		       { BACKEND_FIN, GOES_BACK } }),
	ROW("FIN from both at once: closing when both are acknowledged",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_FIN_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_CLIENT_ENDING, 5001) },
		       { BACKEND_FIN, GOES_BACK, FLOW(BLUE, TEAL_BOTH_ENDING, 5001) },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5001, .acknowledged = 2), GOES_TO(BLUE) },
		       { BACKEND_ACKS(5001), GOES_BACK, FLOW(BLUE, TEAL_CLOSING, 5001), .ended = BLUE } }),
	ROW("closing: every packet sets its 60 seconds anew, in either direction",
	    .flow = { IS, BLUE, TEAL_CLOSING, 5000, 50 },
	    .steps = { { CLIENT_FIN_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_CLOSING, 5000) },
		       { .act = AGE, .seconds = 50 },
		       { BACKEND_FIN, GOES_BACK, FLOW(BLUE, TEAL_CLOSING, 5000) } }),
	ROW("FIN from the client within the window: noted, up to its last byte",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_FIN_AT(5000 + WINDOW), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_CLIENT_ENDING, 5001 + WINDOW) } }),
	ROW("FIN from the client outside the window: forwarded, no change",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_FIN_AT(4999), GOES_TO(BLUE) },
		       { CLIENT_FIN_AT(5001 + WINDOW), GOES_TO(BLUE) } }),
	ROW("RST from the backend: closing, 10 s; what follows still goes the same way",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 1), GOES_BACK, FLOW(BLUE, TEAL_RESET, 5000),
			 .ended = BLUE },
		       { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 1), GOES_BACK },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .payload = 9), GOES_TO(BLUE) },
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 1, .payload = 9), GOES_BACK } }),
	ROW("RST from the backend on a half-closed flow: closing",
	    FLOW_ON(BLUE, TEAL_CLIENT_FIN),
	    .steps = { { BACKEND_SENDS(BLUE, .flags = RST | ACK, .sequence = 1), GOES_BACK,
			 FLOW(BLUE, TEAL_RESET, 5000), .ended = BLUE } }),
	ROW("RST from the client within the window: forwarded, closing",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_RST_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_RESET_BY_CLIENT, 5000), .ended = BLUE },
		       { CLIENT_RST_AT(5000), GOES_TO(BLUE) },
		       { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 1), GOES_BACK } }),
	ROW("RST from the client at the window's last byte, and over the wrap of numbers: closing",
	    .flow = { IS, BLUE, TEAL_ESTABLISHED, 0xfffffff0, 0 },
	    .steps = { { CLIENT_RST_AT(WINDOW - 16), GOES_TO(BLUE), FLOW(BLUE, TEAL_RESET_BY_CLIENT, 0xfffffff0),
			 .ended = BLUE } }),
	ROW("client aborts with data in flight: its RST, 3 MiB ahead of the acknowledgment, closes",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_SENDS(.flags = RST | ACK, .sequence = 5000 + (3U << 20)), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_RESET_BY_CLIENT, 5000), .ended = BLUE } }),
	ROW("RST from the client outside the window: forwarded, no change",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_RST_AT(4999), GOES_TO(BLUE) },
		       { CLIENT_RST_AT(5001 + WINDOW), GOES_TO(BLUE) },
		       { CLIENT_RST_AT(0x80000000), GOES_TO(BLUE) } }),
	ROW("1,000 RSTs out of window: the flow lives",
	    .run = run_many_resets),
	ROW("after a client's RST, a packet of the backend other than RST makes the flow live again",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_RST_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_RESET_BY_CLIENT, 5000), .ended = BLUE },
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 1, .acknowledged = 5000, .payload = 100),
			 GOES_BACK,
			 FLOW(BLUE, TEAL_ESTABLISHED, 5000), .revived = BLUE } }),
	ROW("after a client's RST, data of the client makes the flow live again; a bare ACK does not",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { CLIENT_RST_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_RESET_BY_CLIENT, 5000), .ended = BLUE },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5000), GOES_TO(BLUE) },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .payload = 1), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_ESTABLISHED, 5000), .revived = BLUE } }),
	ROW("after a client's RST, the backend's FIN is not lost",
	    FLOW_ON(BLUE, TEAL_RESET_BY_CLIENT),
	    .steps = { { BACKEND_FIN, GOES_BACK, FLOW(BLUE, TEAL_BACKEND_FIN, 5000), .revived = BLUE } }),
	ROW("RST from the client on a half-closed flow: closing",
	    FLOW_ON(BLUE, TEAL_BACKEND_FIN),
	    .steps = { { CLIENT_RST_AT(5000), GOES_TO(BLUE), FLOW(BLUE, TEAL_RESET_BY_CLIENT, 5000),
			 .ended = BLUE } }),
	ROW("nothing that follows a backend's RST makes the flow live again",
	    FLOW_ON(BLUE, TEAL_RESET),
	    .steps = { { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .payload = 1), GOES_TO(BLUE) },
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 1, .payload = 1), GOES_BACK } }),
	ROW("what the backend acknowledges is noted after 4 MiB at once",
	    FLOW_ON(BLUE, TEAL_ESTABLISHED),
	    .steps = { { BACKEND_ACKS(5000 + STEP), GOES_BACK },
		       { BACKEND_ACKS(5001 + STEP), GOES_BACK, FLOW(BLUE, TEAL_ESTABLISHED, 5001 + STEP) },
		       { BACKEND_ACKS(5000), GOES_BACK } }),
	ROW("what the backend acknowledges is noted after a second, but never backwards, nor without the ACK flag",
	    .flow = { IS, BLUE, TEAL_ESTABLISHED, 5000, 2 },
	    .steps = { { BACKEND_ACKS(5001), GOES_BACK, FLOW(BLUE, TEAL_ESTABLISHED, 5001) },
		       { .act = AGE, .seconds = 2 },
		       { BACKEND_ACKS(4000), GOES_BACK, FLOW(BLUE, TEAL_ESTABLISHED, 5001) },
		       { .act = AGE, .seconds = 2 },
		       { BACKEND_SENDS(BLUE, .flags = PSH, .acknowledged = 6000), GOES_BACK,
			 FLOW(BLUE, TEAL_ESTABLISHED, 5001) } }),
};

const struct rows rows_ends = ROWS("TCP state: ending", rows);
