/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real programs with real tables: load, fill, run one packet (lab.c), take a picture of every table (picture.c).
 */
#ifndef TEAL_TEST_LAB_H
#define TEAL_TEST_LAB_H

#include "frame.h"
#include "network.h"
#include "teal/tables.h"

struct teal_bpf;
struct ring_buffer;

enum { CLIENT_PORT = 40000, WEB_PORT = 443, WEB_BACKEND_PORT = 8443, DNS_PORT = 53, DNS_BACKEND_PORT = 5353 };

enum { LAB_BACKENDS = HOSTS * 4, LAB_SERVICES = 5, LAB_SLOTS = 8, LAB_ROWS = 128, LAB_EVENTS = 16 };

#define LAB_SECOND 1000000000ULL

struct lab {
	struct teal_bpf *bpf;
	enum host active[LAB_SERVICES]; /* whom the service's table names in every slot */
	bool small;			/* its flow tables hold only LAB_SMALL_ROWS */
	bool is_filled;
	bool is_changed; /* by a row, other than what packets write */
	bool shows_packet; /* the programs can see what the kernel knows of a packet */
	bool is_summed;	 /* tc: packets come with a device's sum, and whoever does not keep it right is told on */
	struct ring_buffer *events;
};
#define LAB_SMALL_ROWS 4

enum lab_hook { LAB_XDP, LAB_TC_INGRESS, LAB_TC_EGRESS };

/* Tables that packets write rows of, all kept alike: key and row as bytes.  IPv4's first, IPv6's behind it. */
enum lab_table { FLOWS4, FLOWS6, PENDING4, PENDING6, SNAT4, SNAT6, LENT4, LENT6, FRAGMENTS, LAB_TABLES };

struct lab_row {
	__u8 key[sizeof(struct teal_fragment_key)]; /* shorter keys: zeros behind */
	union {
		struct teal_flow flow;
		struct teal_pending pending;
		__u8 client[sizeof(struct teal_flow6_key)]; /* SNAT and LENT: the key of a flow */
		struct teal_fragment fragment;
	};
};

struct lab_picture {
	__u64 verdicts[TEAL_VERDICT_COUNT];
	struct teal_counters counters[LAB_BACKENDS];
	struct teal_handshakes handshakes[LAB_BACKENDS];
	int count[LAB_TABLES];
	struct lab_row rows[LAB_TABLES][LAB_ROWS];
	int events; /* since the last picture */
	struct teal_event event[LAB_EVENTS];
};

/* Loads the programs.  @flow_rows  of each flow table, 0: as they come.  Returns 0 or -errno. */
int lab_open(struct lab *lab, __u32 flow_rows);
/* The same with `rows` in every hash table that packets write, so that it is soon emptied. */
int lab_open_small(struct lab *lab, __u32 rows);
bool lab_is_written_by_packets(const char *table);
void lab_close(struct lab *lab);

/* Prints the size of each program, and how much of it the verifier had to look at. */
void lab_print_programs(const struct lab *lab);

/* Empties what packets write and sets every service, backend, device and slot to what a row may take for granted. */
void lab_reset(struct lab *lab, bool redirect);

__u16 lab_service(bool ipv6, __u8 protocol);
__u32 lab_backend(enum host host, bool ipv6, __u8 protocol);
enum host lab_backend_host(__u32 backend);

/* The switch: the service's slot gets a new table that names `host` everywhere (NOBODY: names none). */
void lab_switch(struct lab *lab, __u16 service, enum host host);
void lab_drop_table(struct lab *lab, __u16 service);
void lab_health(struct lab *lab, __u32 backend, enum teal_health health);

void lab_cut(struct lab *lab, __u32 backend, bool reset); /* struct teal_backend's `reset` */

/* The service's flags become these.  With TEAL_SERVICE_SOURCE its backends see SOURCE. */
void lab_flags(struct lab *lab, __u16 service, __u16 flags);

/* Clients whose address begins like `client`'s, for `bits` of its family's bits, get new flows at `backend`. */
void lab_preview(struct lab *lab, __u16 service, enum host client, int bits, enum host backend);

/* New flows of the service wait for so many seconds, 0: no longer than until now. */
void lab_pause(struct lab *lab, __u16 service, unsigned int seconds);

/* Slots of the service's new table name `one` and `other` in turn. */
void lab_share(struct lab *lab, __u16 service, enum host one, enum host other);

int lab_table(__u32 one, __u32 other); /* a new inner table whose slots name these backends in turn */

/* Whether somebody watches the events. */
void lab_watch(struct lab *lab, bool on);

void lab_refuse_when_full(struct lab *lab);

/* No device takes a redirected frame that is in several buffers.  For a row's `prepare`. */
void lab_one_buffer(struct lab *lab, __u16 service, bool ipv6);

/* UDP has all the rows of that family's flow table that it may have.  For a row's `prepare`. */
void lab_udp_share_taken(struct lab *lab, __u16 service, bool ipv6);

/*
 * Another key takes a service's place in service_slots, or that of `backend`'s endpoint in endpoint_slots.
 * @more  whether the place says that there are others
 */
void lab_take_service_slot(struct lab *lab, __u16 service, bool more);
void lab_take_endpoint_slot(struct lab *lab, __u32 backend, bool more);

/* A port of the service's source address towards a backend, and who has it: a row's key of SNAT and LENT. */
void lab_port(struct lab_row *row, __u32 backend, __u16 port, const struct lab_row *client);

/* A client's row in one of the tables.  lab_get returns NULL if there is none. */
void lab_key(struct lab_row *row, bool ipv6, enum host client, __u16 port, __u16 service);
const struct lab_row *lab_get(const struct lab_picture *picture, enum lab_table table, const struct lab_row *key);
bool lab_find(struct lab *lab, enum lab_table table, struct lab_row *row); /* reads the row of that key, if there is one */
void lab_put(struct lab *lab, enum lab_table table, const struct lab_row *row);
void lab_delete(struct lab *lab, enum lab_table table, const struct lab_row *row);
void lab_clear(struct lab *lab, enum lab_table table); /* all of its rows */

int lab_table_fd(const struct lab *lab, enum lab_table table);
void lab_must(int error, const char *what); /* ends the process, saying errno */

/* Opens the ring of events.  Returns 0 or -errno. */
int lab_listen(struct lab *lab);

/* Reads every table, and the events since the last time.  Counters are summed over CPUs. */
void lab_look(struct lab *lab, struct lab_picture *picture);

/*
 * Runs one frame through one program.
 * @device   ifindex: where it came in or (egress) goes out
 * @segment  tc: gso_size of a super-packet, or 0
 * @frame    in and out
 * Returns what the program returned, or -errno (below -1) if the kernel did not run it.
 */
int lab_run(struct lab *lab, enum lab_hook hook, __u32 device, __u16 segment, struct frame *frame);

/* tc egress takes the next packet for the host's own, whatever ingress has sent before. */
void lab_forget_sent(struct lab *lab);

/* Whether the kernel can run packets with a device's sum. */
bool lab_can_sum(struct lab *lab);

/* Runs the sweep over a family's flows to its end.  Returns 0 or -errno. */
int lab_sweep(struct lab *lab, bool ipv6);

__u64 lab_now(void); /* monotonic ns */

/* A backend's deltas: what sums over its packets grow by when it takes the VIP's place. */
void lab_deltas(struct teal_backend *backend);

#endif
