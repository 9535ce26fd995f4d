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
 *
 * Whatever is passed and would be forwarded goes through the egress program too, which must leave it alone.
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
	__u32 acked;
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

	/* What must come of it. */
	enum teal_verdict verdict;
	enum host becomes; /* who takes the VIP's (way in) or the backend's (way back) place; NOBODY: unchanged */
	struct flow_says flow;
	struct pending_says pending;
	enum host opened, ended, revived, deleted, refused; /* whose counter goes up by one (revived: ended, down) */
	enum host counted;    /* whose packets_in goes up though nothing leaves; otherwise it follows from `becomes` */
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
};

enum { ROW_STEPS = 12 };

struct row {
	const char *sentence;
	const char *file;
	int line;
	unsigned int only; /* the flags above */
	bool udp;
	enum host active; /* whom new flows get at first; 0: BLUE */
	struct flow_says flow;	     /* of CLIENT at CLIENT_PORT, before the first step */
	struct pending_says pending;
	struct step steps[ROW_STEPS];
	/* A row that steps cannot say: does all by itself, complains by row_complain(). */
	void (*run)(struct lab *lab, const struct row *row, const struct combination *combination);
};

struct rows {
	const char *name; /* of the table in cases.md */
	const struct row *rows;
	int count;
};

extern const struct rows rows_tcp, rows_ends, rows_reuse, rows_udp, rows_layers, rows_headers, rows_topology;
extern const struct rows rows_sweep, rows_wire;

#define ROW(sentence_, ...) { .sentence = (sentence_), .file = __FILE__, .line = __LINE__, __VA_ARGS__ }
#define ROWS(name_, array) { .name = (name_), .rows = (array), .count = sizeof(array) / sizeof(*(array)) }

/* The vocabulary of steps.  Arguments of the packet are fields of struct plan. */
#define CLIENT_SENDS(...) .from = CLIENT, .to = VIP, .packet = { __VA_ARGS__ }
#define BACKEND_SENDS(who, ...) .from = (who), .to = CLIENT, .packet = { __VA_ARGS__ }
#define GOES_TO(who) .verdict = TEAL_SENT_IN, .becomes = (who)
#define GOES_BACK .verdict = TEAL_SENT_BACK, .becomes = VIP
#define FLOW(backend_, state_, acked_) .flow = { IS, backend_, state_, acked_, 0 }
#define PENDING(backend_, sequence_) .pending = { IS, backend_, sequence_, 0, 0, 0 }
#define ANSWERED(backend_, sequence_, answer_) .pending = { IS, backend_, sequence_, 1, answer_, 0 }
#define NO_FLOW .flow = { .change = GONE }
#define NO_PENDING .pending = { .change = GONE }

bool row_applies(const struct row *row, const struct combination *combination);
void row_run(struct lab *lab, const struct row *row, const struct combination *combination);
void row_name(const struct combination *combination, char *name, size_t size);

/* Says what is wrong in the test that is running.  @context is a const struct row. */
void row_complain(void *context, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *row_verdict(enum teal_verdict verdict);

#endif
