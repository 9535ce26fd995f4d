// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP state: a client port used again while its last flow is ending.  The new incarnation begins at 7000 (client)
 * and 20000 (backend); the old one's numbers lie around 5000.
 */
#include "row.h"

#define OLD_ON(who, state) .flow = { IS, who, state, 5000, 0 }
#define NEW_SYN_TO(who) { CLIENT_SENDS(.flags = SYN, .sequence = 7000), GOES_TO(who), PENDING(who, 7000) }
#define NEW_SYN_ACK_FROM(who)                                                                         \
	{ BACKEND_SENDS(who, .flags = SYN | ACK, .sequence = 20000, .acknowledged = 7001), GOES_BACK, \
	  ANSWERED(who, 7000, 20000) }
#define NEW_ACK CLIENT_SENDS(.flags = ACK, .sequence = 7001, .acknowledged = 20001)
#define REPLACES(old, new) FLOW(new, TEAL_ESTABLISHED, 7001), NO_PENDING, .opened = new, .deleted = old

/* The whole way to the new flow, whatever the end of the old one was. */
#define REUSE(state)                                                                               \
	OLD_ON(BLUE, state),                                                                       \
	.steps = { TO_GREEN, NEW_SYN_TO(GREEN), NEW_SYN_ACK_FROM(GREEN),                           \
		   { NEW_ACK, GOES_TO(GREEN), REPLACES(BLUE, GREEN) },                             \
		   { CLIENT_SENDS(.flags = ACK, .sequence = 7001, .payload = 50), GOES_TO(GREEN) }, \
		   { BACKEND_SENDS(GREEN, .flags = ACK, .sequence = 20001, .payload = 50), GOES_BACK } }

static const struct row rows[] = {
	ROW("SYN on a closing flow: a new flow on the active color, which replaces the old one", REUSE(TEAL_CLOSING)),
	ROW("SYN on a flow that the backend reset: a new flow on the active color", REUSE(TEAL_RESET)),
	ROW("SYN on a flow that the client reset: a new flow on the active color", REUSE(TEAL_RESET_BY_CLIENT)),
	ROW("SYN on a closing flow, the same color: a new flow on the same backend",
	    OLD_ON(BLUE, TEAL_CLOSING),
	    .steps = { NEW_SYN_TO(BLUE), NEW_SYN_ACK_FROM(BLUE),
		       { NEW_ACK, GOES_TO(BLUE), REPLACES(BLUE, BLUE) } }),
	ROW("the old row is just being deleted by another CPU: the new flow stays pending, for a later packet to confirm",
	    OLD_ON(BLUE, TEAL_REPLACED), ANSWERED(GREEN, 7000, 20000),
	    .steps = { { NEW_ACK, GOES_TO(GREEN), .unrecorded = 1 } }),
	ROW("first data of the new flow confirms it too",
	    OLD_ON(BLUE, TEAL_CLOSING),
	    .steps = { TO_GREEN, NEW_SYN_TO(GREEN), NEW_SYN_ACK_FROM(GREEN),
		       { CLIENT_SENDS(.flags = ACK | PSH, .sequence = 7001, .acknowledged = 20001, .payload = 100),
			 GOES_TO(GREEN), REPLACES(BLUE, GREEN) } }),
	ROW("before the new flow is confirmed, a late FIN of the old backend reaches the client, and changes nothing",
	    OLD_ON(BLUE, TEAL_CLOSING),
	    .steps = { TO_GREEN, NEW_SYN_TO(GREEN),
		       { BACKEND_SENDS(BLUE, .flags = FIN | ACK, .sequence = 1, .acknowledged = 5000), GOES_BACK },
		       NEW_SYN_ACK_FROM(GREEN),
		       { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 1), GOES_BACK },
		       { NEW_ACK, GOES_TO(GREEN), REPLACES(BLUE, GREEN) } }),
	ROW("before the new flow is confirmed, late data of the old backend does not wake the old flow",
	    OLD_ON(BLUE, TEAL_RESET_BY_CLIENT),
	    .steps = { TO_GREEN, NEW_SYN_TO(GREEN),
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 1, .acknowledged = 5000, .payload = 1400),
			 GOES_BACK },
		       NEW_SYN_ACK_FROM(GREEN),
		       { NEW_ACK, GOES_TO(GREEN), REPLACES(BLUE, GREEN) } }),
	ROW("before the new flow is confirmed, a late segment of the client's old incarnation confirms nothing",
	    OLD_ON(BLUE, TEAL_CLOSING),
	    .steps = { TO_GREEN, NEW_SYN_TO(GREEN), NEW_SYN_ACK_FROM(GREEN),
		       { CLIENT_SENDS(.flags = FIN | ACK, .sequence = 5000, .acknowledged = 2), GOES_TO(GREEN) },
		       { NEW_ACK, GOES_TO(GREEN), REPLACES(BLUE, GREEN) } }),
	ROW("on the same backend, a late FIN of the old incarnation does not take the new one's pending row",
	    OLD_ON(BLUE, TEAL_CLOSING),
	    .steps = { NEW_SYN_TO(BLUE),
		       { BACKEND_SENDS(BLUE, .flags = FIN | ACK, .sequence = 1, .acknowledged = 5000), GOES_BACK },
		       NEW_SYN_ACK_FROM(BLUE),
		       { NEW_ACK, GOES_TO(BLUE), REPLACES(BLUE, BLUE) } }),
	ROW("on the same backend, a late RST of the old incarnation does not take the new one's pending row",
	    OLD_ON(BLUE, TEAL_RESET_BY_CLIENT),
	    .steps = { NEW_SYN_TO(BLUE),
		       { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 4321), GOES_BACK },
		       NEW_SYN_ACK_FROM(BLUE),
		       { NEW_ACK, GOES_TO(BLUE), REPLACES(BLUE, BLUE) } }),
	ROW("the backend refuses the new flow: its pending row goes, the old row stays as it was",
	    OLD_ON(BLUE, TEAL_CLOSING),
	    .steps = { NEW_SYN_TO(BLUE),
		       { BACKEND_SENDS(BLUE, .flags = RST | ACK, .acknowledged = 7001), GOES_BACK, NO_PENDING,
			 .refused = BLUE } }),
	ROW("a late segment of the old backend, after the new flow is confirmed elsewhere, does not close it",
	    .flow = { IS, GREEN, TEAL_ESTABLISHED, 7001, 0 },
	    .steps = { { BACKEND_SENDS(BLUE, .flags = FIN | ACK, .sequence = 1, .acknowledged = 5000) },
		       { BACKEND_SENDS(BLUE, .flags = RST, .sequence = 1) },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 7001, .payload = 50), GOES_TO(GREEN) } }),
	ROW("a late segment of the client's old incarnation, after the new flow is confirmed, does not close it",
	    .flow = { IS, GREEN, TEAL_ESTABLISHED, 7001, 0 },
	    .steps = { { CLIENT_SENDS(.flags = FIN | ACK, .sequence = 5000, .acknowledged = 2), GOES_TO(GREEN) },
		       { CLIENT_SENDS(.flags = RST, .sequence = 5000), GOES_TO(GREEN) } }),
	ROW("a RST and a SYN in the client's name: the connection goes on both ways, and lives again when that handshake is over",
	    OLD_ON(BLUE, TEAL_RESET_BY_CLIENT),
	    .steps = { TO_GREEN, NEW_SYN_TO(GREEN), NEW_SYN_ACK_FROM(GREEN),
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .acknowledged = 2, .payload = 1400), GOES_TO(BLUE) },
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 2, .acknowledged = 6400, .payload = 50), GOES_BACK },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 6400, .acknowledged = 52), GOES_TO(BLUE) },
		       { .act = AGE, .seconds = 61 },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 6400, .acknowledged = 52), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_RESET_BY_CLIENT, 5000) },
		       { CLIENT_SENDS(.flags = ACK, .sequence = 6400, .acknowledged = 52, .payload = 10), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_ESTABLISHED, 5000), .revived = BLUE } }),
	ROW("the same with the connection's own backend, whose word makes it live again", OLD_ON(BLUE, TEAL_RESET_BY_CLIENT),
	    .steps = { NEW_SYN_TO(BLUE), NEW_SYN_ACK_FROM(BLUE),
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5000, .acknowledged = 2, .payload = 1400), GOES_TO(BLUE) },
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 2, .acknowledged = 6400), GOES_BACK },
		       { .act = AGE, .seconds = 61 },
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 2, .acknowledged = 6400, .payload = 9), GOES_BACK,
			 FLOW(BLUE, TEAL_ESTABLISHED, 5000), .revived = BLUE } }),
	ROW("SYN on an open flow whose backend has forgotten it: what it answers begins the row anew, however its numbers lie",
	    OLD_ON(BLUE, TEAL_BACKEND_FIN),
	    .steps = { { CLIENT_SENDS(.flags = SYN, .sequence = 0xc0001000), GOES_TO(BLUE) },
		       { BACKEND_SENDS(BLUE, .flags = SYN | ACK, .sequence = 20000, .acknowledged = 0xc0001001), GOES_BACK,
			 FLOW(BLUE, TEAL_ESTABLISHED, 0xc0001001) },
		       { CLIENT_SENDS(.flags = FIN | ACK, .sequence = 0xc0001001, .acknowledged = 20001), GOES_TO(BLUE),
			 FLOW(BLUE, TEAL_CLIENT_ENDING, 0xc0001002) } }),
	ROW("a SYN-ACK that comes again, late, changes nothing of what has come since", OLD_ON(BLUE, TEAL_BOTH_ENDING),
	    .steps = { { BACKEND_SENDS(BLUE, .flags = SYN | ACK, .sequence = 9000, .acknowledged = 3000), GOES_BACK },
		       { BACKEND_SENDS(BLUE, .flags = ACK, .sequence = 9001, .acknowledged = 5000), GOES_BACK,
			 FLOW(BLUE, TEAL_CLOSING, 5000), .ended = BLUE } }),
	ROW("a closing flow whose client port stays silent is nobody's: the SYN of another port does not touch it",
	    OLD_ON(BLUE, TEAL_CLOSING),
	    .steps = { TO_GREEN,
		       { CLIENT_SENDS(.flags = ACK, .sequence = 5001, .acknowledged = 2), GOES_TO(BLUE) },
		       { CLIENT_SENDS(.flags = SYN, .sequence = 7000, .source_port = CLIENT_PORT + 1), GOES_TO(GREEN),
			 PENDING(GREEN, 7000) } }),
};

const struct rows rows_reuse = ROWS("TCP state: the client port used again", rows);
