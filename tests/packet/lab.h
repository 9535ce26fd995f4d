/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real programs with real tables: load, fill, run one packet, take a picture of every table.
 */
#ifndef TEAL_TEST_LAB_H
#define TEAL_TEST_LAB_H

#include "frame.h"
#include "network.h"
#include "teal/tables.h"

struct teal_bpf;

enum { CLIENT_PORT = 40000, WEB_PORT = 443, WEB_BACKEND_PORT = 8443, DNS_PORT = 53, DNS_BACKEND_PORT = 5353 };

enum { LAB_BACKENDS = HOSTS * 4, LAB_SERVICES = 5, LAB_SLOTS = 8, LAB_ROWS = 128 };

#define LAB_SECOND 1000000000ULL

struct lab {
	struct teal_bpf *bpf;
	enum host active[LAB_SERVICES]; /* whom the service's table names in every slot */
	bool small;			/* its flow tables hold only LAB_SMALL_ROWS */
};
#define LAB_SMALL_ROWS 4

enum lab_hook { LAB_XDP, LAB_TC_INGRESS, LAB_TC_EGRESS };

/* Tables of flows, all kept alike: key and row as bytes. */
enum lab_table { FLOWS4, FLOWS6, PENDING4, PENDING6, LAB_TABLES };

struct lab_row {
	__u8 key[sizeof(struct teal_flow6_key)]; /* IPv4 keys: zeros behind */
	union {
		struct teal_flow flow;
		struct teal_pending pending;
	};
};

struct lab_picture {
	__u64 verdicts[TEAL_VERDICT_COUNT];
	struct teal_counters counters[LAB_BACKENDS];
	int count[LAB_TABLES];
	struct lab_row rows[LAB_TABLES][LAB_ROWS];
};

/* Loads the programs.  @flow_rows  of each flow table, 0: as they come.  Returns 0 or -errno. */
int lab_open(struct lab *lab, __u32 flow_rows);
/* The same with `rows` in every hash table that packets write, so that it is soon emptied. */
int lab_open_small(struct lab *lab, __u32 rows);
bool lab_is_written_by_packets(const char *table);
void lab_close(struct lab *lab);

/* Prints the size of each program, and how much of it the verifier had to look at. */
void lab_print_programs(const struct lab *lab);

/* Empties what packets write and sets every backend, device and slot to what a row may take for granted. */
void lab_reset(struct lab *lab, bool redirect);

__u16 lab_service(bool ipv6, __u8 protocol);
__u32 lab_backend(enum host host, bool ipv6, __u8 protocol);
enum host lab_backend_host(__u32 backend);

/* The switch: the service's slot gets a new table that names `host` everywhere (NOBODY: names none). */
void lab_switch(struct lab *lab, __u16 service, enum host host);
void lab_drop_table(struct lab *lab, __u16 service);
void lab_health(struct lab *lab, __u32 backend, enum teal_health health);

/* A client's row in one of the tables.  lab_get returns NULL if there is none. */
void lab_key(struct lab_row *row, bool ipv6, enum host client, __u16 port, __u16 service);
const struct lab_row *lab_get(const struct lab_picture *picture, enum lab_table table, const struct lab_row *key);
void lab_put(struct lab *lab, enum lab_table table, const struct lab_row *row);
void lab_delete(struct lab *lab, enum lab_table table, const struct lab_row *row);

/* Reads every table.  Counters are summed over CPUs. */
void lab_look(struct lab *lab, struct lab_picture *picture);

/*
 * Runs one frame through one program.
 * @device   ifindex: where it came in or (egress) goes out
 * @segment  tc: gso_size of a super-packet, or 0
 * @frame    in and out
 * Returns what the program returned, or -errno (below -1) if the kernel did not run it.
 */
int lab_run(struct lab *lab, enum lab_hook hook, __u32 device, __u16 segment, struct frame *frame);

/* Runs the sweep over a family's flows to its end.  Returns 0 or -errno. */
int lab_sweep(struct lab *lab, bool ipv6);

__u64 lab_now(void); /* monotonic ns */

/* A backend's deltas: what sums over its packets grow by when it takes the VIP's place. */
void lab_deltas(struct teal_backend *backend);

#endif
