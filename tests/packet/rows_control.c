// SPDX-License-Identifier: GPL-2.0-only
/* What the control side says of a service's new flows: previews, pauses, affinity, where UDP flows go after a switch. */
#include "row.h"

#define PREVIEWED .flags = TEAL_SERVICE_PREVIEW
#define PAUSED .flags = TEAL_SERVICE_PAUSED
#define MOVES .udp = true, .flags = TEAL_SERVICE_MOVE
#define FLOW_ON(who) .flow = { IS, who, TEAL_ESTABLISHED, 5000, 0 }
#define UDP_FLOW_ON(who) .flow = { IS, who, TEAL_ESTABLISHED, 0, 0 }
#define OTHER_SYN_TO(who) \
	{ .from = OTHER, .to = VIP, .packet = { .flags = SYN, .sequence = 1 }, GOES_TO(who), PENDING(who, 1) }
#define DATA CLIENT_SENDS(.flags = ACK | PSH, .sequence = 5000, .payload = 9)
#define PREVIEW_GREEN { .act = PREVIEW, .host = GREEN }
#define WAIT_FOR(seconds_) { .act = PAUSE, .seconds = seconds_ }

static void preview_network(struct lab *lab, __u16 service, bool ipv6)
{
	lab_preview(lab, service, CLIENT, ipv6 ? 64 : 24, GREEN);
}

static void preview_everybody(struct lab *lab, __u16 service, bool ipv6)
{
	(void)ipv6;
	lab_preview(lab, service, CLIENT, 0, GREEN);
}

static void preview_of_another_service(struct lab *lab, __u16 service, bool ipv6)
{
	lab_preview(lab, service % 2 ? service + 1 : service - 1, CLIENT, ipv6 ? 64 : 24, GREEN);
}

static void take_service_more(struct lab *lab, __u16 service, bool ipv6)
{
	(void)ipv6;
	lab_take_service_slot(lab, service, true);
}

static void take_service(struct lab *lab, __u16 service, bool ipv6)
{
	(void)ipv6;
	lab_take_service_slot(lab, service, false);
}

static void take_endpoint_more(struct lab *lab, __u16 service, bool ipv6)
{
	lab_take_endpoint_slot(lab, lab_backend(BLUE, ipv6, service % 2 ? TCP : UDP), true);
}

static void take_endpoint(struct lab *lab, __u16 service, bool ipv6)
{
	lab_take_endpoint_slot(lab, lab_backend(BLUE, ipv6, service % 2 ? TCP : UDP), false);
}

/* To whom new flows of 32 client ports go: bit 0 blue, bit 1 green. */
static unsigned int spread(struct lab *lab, const struct combination *combination, __u16 service, enum host client)
{
	static struct lab_picture picture;
	unsigned int seen = 0;
	struct plan plan = { .ipv6 = combination->ipv6, .flags = SYN, .destination_port = WEB_PORT };

	network_address(client, plan.ipv6, plan.source);
	network_address(VIP, plan.ipv6, plan.destination);
	lab_share(lab, service, BLUE, GREEN);
	for (int i = 0; i < 32; i++) {
		const struct lab_row *row;
		struct lab_row key;
		struct frame frame;

		plan.source_port = 42000 + i;
		frame_build(&frame, &plan);
		lab_run(lab, combination->hook, network_device(FRONT), 0, &frame);
		lab_look(lab, &picture);
		lab_key(&key, plan.ipv6, client, plan.source_port, service);
		row = lab_get(&picture, plan.ipv6 ? PENDING6 : PENDING4, &key);
		if (row)
			seen |= 1U << (lab_backend_host(row->pending.backend) == GREEN);
	}
	return seen;
}

static void run_affinity(struct lab *lab, const struct row *row, const struct combination *combination)
{
	const __u16 service = lab_service(combination->ipv6, TCP);
	unsigned int first, again;

	lab_flags(lab, service, TEAL_SERVICE_AFFINITY);
	first = spread(lab, combination, service, CLIENT);
	lab_clear(lab, combination->ipv6 ? PENDING6 : PENDING4);
	again = spread(lab, combination, service, CLIENT);
	if (first != 1 && first != 2)
		row_complain((void *)row, "backends of 32 ports of one client: expected one, got %u", first == 3 ? 2 : 0);
	if (first != again)
		row_complain((void *)row, "backend of the same client later: expected the same, got another");
}

static void run_no_affinity(struct lab *lab, const struct row *row, const struct combination *combination)
{
	unsigned int seen = spread(lab, combination, lab_service(combination->ipv6, TCP), CLIENT);

	if (seen != 3)
		row_complain((void *)row, "backends of 32 ports of one client: expected both, got mask %u", seen);
}

static const struct row rows[] = {
	ROW("preview: a client of the prefix gets new flows by the preview's table, others by the active one", PREVIEWED,
	    .steps = { PREVIEW_GREEN, SYN_TO(GREEN), SYN_ACK_FROM(GREEN), ACK_TO(GREEN), OTHER_SYN_TO(BLUE) }),
	ROW("preview, UDP: a client of the prefix gets new flows by the preview's table", PREVIEWED, .udp = true,
	    .steps = { PREVIEW_GREEN, { CLIENT_SENDS(.payload = 9), GOES_TO(GREEN), PENDING(GREEN, 0) },
		       { .from = OTHER, .to = VIP, GOES_TO(BLUE), PENDING(BLUE, 0) } }),
	ROW("preview of a whole network: each of its clients, and nobody else", PREVIEWED, .prepare = preview_network,
	    .steps = { SYN_TO(GREEN), OTHER_SYN_TO(GREEN),
		       { .from = REMOTE, .to = VIP, .packet = { .flags = SYN, .sequence = 1 }, GOES_TO(BLUE),
			 PENDING(BLUE, 1) } }),
	ROW("preview of everybody: a prefix of no bits", PREVIEWED, .prepare = preview_everybody,
	    .steps = { SYN_TO(GREEN),
		       { .from = REMOTE, .to = VIP, .packet = { .flags = SYN, .sequence = 1 }, GOES_TO(GREEN),
			 PENDING(GREEN, 1) } }),
	ROW("preview: clients of another service's preview get the active table", PREVIEWED,
	    .prepare = preview_of_another_service, .steps = { OTHER_SYN_TO(BLUE) }),
	ROW("preview: an established or pending flow stays where it is", PREVIEWED, FLOW_ON(BLUE),
	    .steps = { OTHER_SYN_TO(BLUE), PREVIEW_GREEN, { DATA, GOES_TO(BLUE) }, OTHER_SYN_TO(BLUE) }),
	ROW("preview: a service that has none does not look", .prepare = preview_network, .steps = { SYN_TO(BLUE) }),

	ROW("pause: new flows wait: their SYNs are dropped, no state; when it is over they go on", PAUSED,
	    .steps = { WAIT_FOR(30),
		       { CLIENT_SENDS(.flags = SYN, .sequence = 1000), .verdict = TEAL_DROP_PAUSED },
		       { CLIENT_SENDS(.flags = SYN, .sequence = 1000), .verdict = TEAL_DROP_PAUSED },
		       WAIT_FOR(0), SYN_TO(BLUE) }),
	ROW("pause, UDP: new flows are dropped, no state", PAUSED, .udp = true,
	    .steps = { WAIT_FOR(30), { CLIENT_SENDS(.payload = 9), .verdict = TEAL_DROP_PAUSED } }),
	ROW("pause: across a switch the waiting SYN finds the new color", PAUSED,
	    .steps = { WAIT_FOR(30), { CLIENT_SENDS(.flags = SYN, .sequence = 1000), .verdict = TEAL_DROP_PAUSED },
		       TO_GREEN, WAIT_FOR(0), SYN_TO(GREEN) }),
	ROW("pause: it is not for what has begun: pending and established flows go on", PAUSED, FLOW_ON(BLUE),
	    .steps = { OTHER_SYN_TO(BLUE), WAIT_FOR(30), { DATA, GOES_TO(BLUE) }, OTHER_SYN_TO(BLUE),
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 1, .acknowledged = 5000), GOES_BACK },
		       { .from = BLUE, .to = OTHER, .packet = { .flags = SYN | ACK, .sequence = 9000,
			 .acknowledged = 2 }, GOES_BACK, ANSWERED(BLUE, 1, 9000) } }),
	ROW("pause: until a time that is past is none, whoever forgot to say so", PAUSED,
	    .steps = { WAIT_FOR(0), SYN_TO(BLUE) }),
	ROW("pause: a service that is not paused does not look", .steps = { WAIT_FOR(30), SYN_TO(BLUE) }),
	ROW("pause with no backend in the table: new flows wait all the same", PAUSED,
	    .steps = { { .act = SWITCH, .host = NOBODY }, WAIT_FOR(30),
		       { CLIENT_SENDS(.flags = SYN, .sequence = 1000), .verdict = TEAL_DROP_PAUSED } }),

	ROW("affinity: all flows of a client find the same backend, again and again", .only = NOT_STACK,
	    .run = run_affinity),
	ROW("without affinity a client's ports spread over the backends", .only = NOT_STACK, .run = run_no_affinity),

	ROW("switch while a UDP flow lives, on_switch: move: it moves at once, the old row goes", MOVES,
	    UDP_FLOW_ON(BLUE),
	    .steps = { { CLIENT_SENDS(.payload = 9), GOES_TO(BLUE) }, TO_GREEN,
		       { CLIENT_SENDS(.payload = 9), GOES_TO(GREEN), PENDING(GREEN, 0), NO_FLOW, .ended = BLUE,
			 .deleted = BLUE },
		       { BACKEND_SENDS(BLUE, .payload = 9) },
		       { BACKEND_SENDS(GREEN, .payload = 9), GOES_BACK, FLOW(GREEN, TEAL_ESTABLISHED, 0), NO_PENDING,
			 .opened = GREEN },
		       { CLIENT_SENDS(.payload = 9), GOES_TO(GREEN) } }),
	ROW("on_switch: move, a pending flow moves too", MOVES,
	    .steps = { { CLIENT_SENDS(.payload = 9), GOES_TO(BLUE), PENDING(BLUE, 0) }, TO_GREEN,
		       { CLIENT_SENDS(.payload = 9), GOES_TO(GREEN), PENDING(GREEN, 0) } }),
	ROW("on_switch: move, another backend of the same color in the table is no reason to move", MOVES,
	    UDP_FLOW_ON(BLUE),
	    .steps = { { .act = SWITCH, .host = ROUTED }, { CLIENT_SENDS(.payload = 9), GOES_TO(BLUE) },
		       { BACKEND_SENDS(BLUE, .payload = 9), GOES_BACK } }),
	ROW("on_switch: move, no backend in the table: the flow stays where it is", MOVES, UDP_FLOW_ON(BLUE),
	    .steps = { { .act = SWITCH, .host = NOBODY }, { CLIENT_SENDS(.payload = 9), GOES_TO(BLUE) } }),
	ROW("on_switch: move with source NAT: the old port goes, the new flow has another", .udp = true,
	    .flags = TEAL_SERVICE_MOVE | TEAL_SERVICE_SOURCE, UDP_FLOW_ON(BLUE),
	    .steps = { TO_GREEN,
		       { CLIENT_SENDS(.payload = 9), GOES_TO(GREEN), PENDING(GREEN, 0), NO_FLOW, .ended = BLUE,
			 .deleted = BLUE, .claims = true },
		       { BACKEND_SENDS(GREEN, .payload = 9), GOES_BACK, FLOW(GREEN, TEAL_ESTABLISHED, 0), NO_PENDING,
			 .opened = GREEN } }),
	ROW("on_switch: move is for UDP: an established TCP flow stays", .flags = TEAL_SERVICE_MOVE, FLOW_ON(BLUE),
	    .steps = { TO_GREEN, { DATA, GOES_TO(BLUE) }, OTHER_SYN_TO(GREEN) }),

	ROW("another service has its place in the index, which says so: found in the hash", .prepare = take_service_more,
	    .steps = { SYN_TO(BLUE), SYN_ACK_FROM(BLUE), ACK_TO(BLUE),
		       { CLIENT_SENDS(.flags = ACK, .sequence = 1001, .payload = 9), GOES_TO(BLUE) } }),
	ROW("another service has its place in the index, which says that it is alone: no service, passed",
	    .prepare = take_service, .steps = { { CLIENT_SENDS(.flags = SYN, .sequence = 1000) } }),
	ROW("another backend has its place in the index, which says so: found in the hash", .prepare = take_endpoint_more,
	    .steps = { SYN_TO(BLUE), SYN_ACK_FROM(BLUE), ACK_TO(BLUE),
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 9001, .acknowledged = 1001, .payload = 9),
			 GOES_BACK } }),
	ROW("another backend has its place in the index, which says that it is alone: no backend, passed",
	    .prepare = take_endpoint, FLOW_ON(BLUE),
	    .steps = { { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 9001, .acknowledged = 5000, .payload = 9) } }),
};

const struct rows rows_control = ROWS("What the control side says of new flows", rows);
