/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz: packets that nobody would send, one after another, through the real programs.  What each does is held against
 * rules that need no knowledge of how the programs work: check.c, which shares no line with bpf/.
 *
 * An episode is a row of inputs that begins with the same tables each time, so it can be run again, cut down to the
 * inputs that matter, and kept as a file (see corpus/).
 */
#ifndef TEAL_TEST_FUZZ_H
#define TEAL_TEST_FUZZ_H

#include "../packet/lab.h"

#include <stdbool.h>
#include <stdio.h>

#define FUZZ_ROOM 4096	  /* bytes of a frame: more than XDP keeps in one buffer */
#define FUZZ_EPISODE 256  /* inputs */
#define FUZZ_TABLE_ROWS 48

/* --- chance (chance.c): the same seed, the same numbers --- */

struct chance {
	__u64 state;
};
__u32 chance_below(struct chance *c, __u32 bound); /* bound > 0 */
bool chance_percent(struct chance *c, __u32 percent);

/* --- one packet for one program --- */

struct input {
	enum lab_hook hook;
	enum device device;
	__u16 segment; /* tc: gso_size, or 0 */
	__u16 linear;  /* XDP: bytes in the first buffer, 0: as many as fit */
	__u16 length;
	__u8 bytes[FUZZ_ROOM];
};

/* A client's rows in the tables, IPv4 or IPv6. */
struct rows {
	bool is_flow, is_pending;
	struct teal_flow flow;
	struct teal_pending pending;
};

struct outcome {
	int returned; /* what the program returned */
	enum teal_verdict verdict; /* TEAL_NEXT: none was counted */
	int verdicts; /* how many were counted, but for UNRECORDED */
	bool unrecorded;
	bool keyed; /* `before` and `after` are about the client of the packet */
	__u16 service;
	struct rows before, after;
	__u16 length;
	__u8 bytes[FUZZ_ROOM + 64];
};

/* --- the world (world.c, run.c): programs, tables, and what is configured --- */

extern struct lab world_lab;

struct endpoint {
	__u8 address[16], vip[16];
	__u16 port, vip_port, service;
	__u8 protocol;
	enum host host;
	bool source; /* its service has a source address */
	bool reset;  /* its connections are being ended */
	__u32 backend;
};

int world_open(void);
void world_close(void);
/* Every episode begins here. */
void world_reset(void);
/* Returns whether the kernel ran it (it does not take every length). */
bool world_run(const struct input *input, struct outcome *outcome);

const struct endpoint *world_endpoint(const __u8 *address, __u16 port, __u8 protocol);
const struct endpoint *world_backend(__u32 backend);
bool world_is_backend(const __u8 *address); /* at any port */
bool world_is_vip(const __u8 *address);
__u16 world_service(const __u8 *address, __u16 port, __u8 protocol); /* its id, 0: none */
bool world_has_source(__u16 service);
bool world_is_source(const __u8 *address);
/* Packets to a VIP have come from there in this episode, or the tables began with it. */
void world_note_client(const __u8 *address);
bool world_is_client(const __u8 *address);

/* --- a frame as its reader sees it (view.c) --- */

enum view_kind {
	VIEW_OTHER,  /* not IP, or not within reach: two tags, too many extension headers, on its way elsewhere */
	VIEW_BROKEN, /* IP, and cut off or in contradiction to itself */
	VIEW_WHOLE,
};

struct view {
	enum view_kind kind;
	bool ipv6, has_addresses;
	int tags;
	size_t network, header; /* offset and length of the IP header, extensions included */
	size_t transport, end;	/* offsets; `end` of the IP packet */
	__u8 source[16], destination[16];
	__u8 ttl, protocol;
	bool fragment, later; /* any fragment; one without the transport header */
	bool quotes;	      /* an ICMP error with the packet that it is about */
	size_t quoted;	      /* offset of that */
	__u16 source_port, destination_port, transport_checksum; /* TCP, UDP */
	__u32 sequence, acknowledged, payload;
	__u8 flags;
};

void view_frame(struct view *v, const __u8 *bytes, size_t length, size_t segment);
/* The packet that an ICMP error quotes: it may be cut off anywhere behind the addresses. */
void view_quoted(struct view *v, const __u8 *bytes, const struct view *outer);

/* --- the rules (check.c, check_flow.c) --- */

struct complaint {
	const char *rule; /* NULL: none; the same pointer is the same rule */
	char text[320];
};

void check(const struct input *input, const struct outcome *outcome, struct complaint *complaint);
void check_flow(const struct input *input, const struct outcome *outcome, const struct view *in, const struct view *out,
		struct complaint *complaint);
/* Only the first one is kept. */
void complain(struct complaint *complaint, const char *rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- where inputs come from (seeds.c, mutate.c) --- */

/* Outputs that a later input may answer or quote: the last few. */
struct memory {
	struct {
		bool ipv6, in; /* in: it went to a backend */
		__u16 length;
		__u8 bytes[512];
	} packets[16];
	unsigned int count;
};

void seeds_make(struct chance *c, struct memory *memory, struct input *input);
void seeds_note(struct memory *memory, const struct input *input, const struct outcome *outcome);
void mutate(struct chance *c, const struct input *other, struct input *input);

/* --- files (episode.c) --- */

struct episode {
	int count;
	struct input inputs[FUZZ_EPISODE];
};

int episode_read(const char *path, struct episode *episode);
int episode_write(const char *path, const struct episode *episode, const char *comment);
/* Runs it anew.  Returns the number of the input that somebody complained about, or -1. */
int episode_run(const struct episode *episode, struct complaint *complaint);
/* Leaves out what is not needed for the last input to be complained about by that rule. */
void episode_cut(struct episode *episode, const char *rule);

#endif
