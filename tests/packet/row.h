/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test is a row: a sentence, what the tables hold before, and steps.  A step is a packet with everything that
 * must come of it, or something that happens between packets (a switch, time).  What a step does not name must
 * not happen: tables, counters and verdicts are compared as a whole.
 *
 * A row runs over IPv4 and IPv6, through XDP and tc, and with devices that take redirected frames ("straight") and
 * devices that do not ("stack"), unless it says otherwise.  Rows are written for "straight"; for "stack"
 *
 *      SENT_IN    becomes PASS_IN_STACK, same addresses, hop limit and link addresses untouched
 *      SENT_BACK  becomes PASS_BACK_STACK with not a byte changed, and PASS_BACK_EGRESS at tc egress
 *      REFUSE     is dropped in XDP, for the RST could not leave; in tc it leaves all the same.  On the way back it is
 *                 PASS_BACK_STACK first, and refused at tc egress
 *
 * Whatever is passed and would be forwarded goes through the egress program too, which must leave it alone.
 *
 * A row whose service has TEAL_SERVICE_SOURCE is written like any other.  Its backends' packets to the client then go to
 * the source address and the flow's port, and what goes to a backend comes from there; by way of the stack at tc egress
 * (PASS_IN_SOURCE), and the way back is PASS_BACK_SOURCE first.  A row that begins with a flow has SOURCE_PORT.
 */
#ifndef TEAL_TEST_ROW_H
#define TEAL_TEST_ROW_H

#include "lab.h"

/* What becomes of the client's row in a table.  SAME: there or not, not a byte of it changes. */
enum change { SAME, GONE, IS };

struct flow_says {
	enum change change;
	enum host backend;
	enum teal_state state;
	__u32 acked; /* UDP: seconds since the backend answered */
	unsigned int age; /* before the first step: seconds since the last packet */
};

struct pending_says {
	enum change change;
	enum host backend;
	__u32 client_sequence;
	__u32 answered;
	__u32 backend_sequence;
	unsigned int age;
};

/* What an ICMP error says, in either family's numbers. */
enum icmp_error { NO_ERROR, UNREACHABLE, TOO_LARGE, TIME_EXCEEDED, BAD_HEADER };

/* The packet that an ICMP error is about: as a step's own packet, with what is quoted of it. */
struct quote {
	enum icmp_error error; /* NO_ERROR: the step is no ICMP error */
	enum host from, to;
	struct plan packet;
	__u16 bytes; /* of the transport part, 0: all */
};

enum act {
	PACKET,
	SWITCH,	       /* new flows go to .host */
	DROP_TABLE,    /* the service's slot is emptied */
	HEALTH,	       /* .host's becomes .health */
	EVICT,	       /* the client's pending row is pushed out */
	AGE,	       /* the client's rows grow older by .seconds */
	NO_FORWARDING, /* the edge no longer forwards from the clients' device */
	FORWARDING,    /* it does again, and what was remembered of that is forgotten */
	NEIGHBOUR,     /* .host's link address becomes known */
	ON_CPU,	       /* from here on packets run on the CPU of number .seconds */
	RESET,	       /* .host's connections are to be ended */
	PAUSE,	       /* new flows wait for .seconds */
	PREVIEW,       /* the client's new flows go to .host */
	TAKE_PORT,     /* another flow, whom nobody knows, has the flow's source port */
	FORGET_PORT,   /* the source port that was lent is no longer in the LRU table */
	FORGET_PIECES, /* what was noted of first fragments is pushed out */
};

/* Packets that a step runs over and over, each time cut or said to be shorter: see row.c. */
enum repeat { ONCE, EVERY_LENGTH, EVERY_SAID_LENGTH };

struct step {
	enum act act;
	enum host host;
	enum teal_health health;
	unsigned int seconds;

	/* The packet.  Ports, addresses and link addresses follow from the ends, unless the plan has its own. */
	enum host from, to;
	struct plan packet;
	void (*damage)(struct frame *frame); /* done to the built frame; nothing is to be rewritten then */
	enum repeat repeat;
	__u16 segment; /* gso_size; tc only */
	struct quote quote;

	/* What must come of it. */
	enum teal_verdict verdict;
	enum teal_verdict at_egress; /* tc egress's, of what was passed; 0: what follows from `verdict` */
	enum host becomes; /* who takes the VIP's (way in) or the backend's (way back) place; NOBODY: unchanged */
	struct flow_says flow;
	struct pending_says pending;
	enum host opened, ended, revived, deleted, refused; /* whose counter goes up by one (revived: ended, down) */
	enum host counted;    /* whose packets_in goes up though nothing leaves; otherwise it follows from `becomes` */
	bool claims;	      /* a source port that the flow did not have before */
	unsigned int unrecorded; /* times PASS_UNRECORDED is counted besides, by each program that sees it */
};

/* Where a row does not apply. */
enum {
	NOT_IPV4 = 1,
	NOT_IPV6 = 2,
	NOT_XDP = 4,
	NOT_TC = 8,
	NOT_STRAIGHT = 16,
	NOT_STACK = 32,
	SMALL = 64, /* flow tables of LAB_SMALL_ROWS rows, */
	FULL = 128, /* and full of other clients' flows to BLUE */
};

struct combination {
	bool ipv6, stack;
	enum lab_hook hook; /* LAB_XDP or LAB_TC_INGRESS */
	bool summed;	    /* tc: a device has summed the packets (CHECKSUM_COMPLETE) */
};

enum { ROW_STEPS = 12, SOURCE_PORT = 2000 };

struct row {
	const char *sentence;
	const char *file;
	int line;
	unsigned int only; /* the flags above */
	bool udp;
	enum host active; /* whom new flows get at first; 0: BLUE */
	__u16 flags;	  /* TEAL_SERVICE_* of its service */
	bool watched;	  /* somebody wants events: exactly those that follow from the counters must come */
	bool refuses_when_full;
	struct flow_says flow;	     /* of CLIENT at CLIENT_PORT, before the first step */
	struct pending_says pending;
	struct step steps[ROW_STEPS];
	/* What else is to be different before the first step. */
	void (*prepare)(struct lab *lab, __u16 service, bool ipv6);
	/* A row that steps cannot say: does all by itself, complains by row_complain(). */
	void (*run)(struct lab *lab, const struct row *row, const struct combination *combination);
};

struct rows {
	const char *name; /* of the table in cases.md */
	const struct row *rows;
	int count;
};

extern const struct rows rows_tcp, rows_ends, rows_reuse, rows_udp, rows_layers, rows_headers, rows_topology;
extern const struct rows rows_sweep, rows_wire, rows_refuse, rows_source, rows_fragments, rows_icmp, rows_icmp_source;
extern const struct rows rows_control, rows_local, rows_evidence, rows_ports, rows_cpus;

#define ROW(sentence_, ...) { .sentence = (sentence_), .file = __FILE__, .line = __LINE__, __VA_ARGS__ }
#define ROWS(name_, array) { .name = (name_), .rows = (array), .count = sizeof(array) / sizeof(*(array)) }

/* The vocabulary of steps.  Arguments of the packet are fields of struct plan. */
#define CLIENT_SENDS(...) .from = CLIENT, .to = VIP, .packet = { __VA_ARGS__ }
#define BACKEND_SENDS(who, ...) .from = (who), .to = CLIENT, .packet = { __VA_ARGS__ }
#define GOES_TO(who) .verdict = TEAL_SENT_IN, .becomes = (who)
#define REFUSED(reason) .verdict = TEAL_REFUSE_##reason
#define GOES_BACK .verdict = TEAL_SENT_BACK, .becomes = VIP
#define FLOW(backend_, state_, acked_) .flow = { IS, backend_, state_, acked_, 0 }
#define PENDING(backend_, sequence_) .pending = { IS, backend_, sequence_, 0, 0, 0 }
#define ANSWERED(backend_, sequence_, answer_) .pending = { IS, backend_, sequence_, 1, answer_, 0 }
#define NO_FLOW .flow = { .change = GONE }
#define NO_PENDING .pending = { .change = GONE }

/* Whole steps: a handshake, in which the client begins at 1000 and the backend at 9000; a switch. */
#define SYN_TO(who) { CLIENT_SENDS(.flags = SYN, .sequence = 1000), GOES_TO(who), PENDING(who, 1000) }
#define SYN_ACK_FROM(who)                                                                            \
	{ BACKEND_SENDS(who, .flags = SYN | ACK, .sequence = 9000, .acknowledged = 1001), GOES_BACK, \
	  ANSWERED(who, 1000, 9000) }
#define ACK_TO(who)                                                                         \
	{ CLIENT_SENDS(.flags = ACK, .sequence = 1001, .acknowledged = 9001), GOES_TO(who), \
	  FLOW(who, TEAL_ESTABLISHED, 1001), NO_PENDING, .opened = who }
#define TO_GREEN { .act = SWITCH, .host = GREEN }

bool row_applies(const struct row *row, const struct combination *combination);
void row_run(struct lab *lab, const struct row *row, const struct combination *combination);
void row_name(const struct combination *combination, char *name, size_t size);

/* Says what is wrong in the test that is running.  @context is a const struct row. */
void row_complain(void *context, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *row_verdict(enum teal_verdict verdict);

#endif
