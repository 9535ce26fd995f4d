/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * traffic: the lab's servers and clients.  One process, one epoll loop, no threads, so that every time it notes is on
 * one clock and in one order: a connection that it begins after it saw the switch return has begun after it.
 */
#ifndef TEAL_TRAFFIC_H
#define TEAL_TRAFFIC_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MS 1000000LL /* times are in nanoseconds of CLOCK_MONOTONIC */
#define SECOND (1000 * MS)

#define CONNECT_TIMEOUT (3 * SECOND) /* a lost SYN is sent again after 1 s: that passes, and shows in the figures */
#define ANSWER_TIMEOUT (5 * SECOND)
#define AFTER_SWITCH (100 * MS) /* what is called "after a switch" in the figures */

/* A read of this one byte alone tells the echo server to close first, as ^D tells a terminal. */
#define EOT 4

enum color { NEITHER, BLUE, GREEN, COLORS };

/* What became of a connection. */
#define ENDS(X)                                                                                                        \
	X(FINE, "")                                                                                                    \
	X(UNANSWERED, "connect timeout")                                                                               \
	X(REFUSED, "refused")                                                                                          \
	X(RESET, "reset")                                                                                              \
	X(CLOSED, "closed by the other side")                                                                          \
	X(WRONG, "wrong bytes came back")                                                                              \
	X(SILENT, "no greeting")                                                                                       \
	X(STALLED, "echo stalled")                                                                                     \
	X(LINGERED, "our close was not answered")                                                                      \
	X(CHANGED, "another server answered")                                                                          \
	X(UNREACHABLE, "network or host unreachable")                                                                  \
	X(LOCAL, "no local port or descriptor left")
enum end {
#define X(name, sentence) END_##name,
	ENDS(X)
#undef X
	END_COUNT
};
enum kind { LONG, NEW, KINDS };

struct address {
	struct sockaddr_storage storage;
	socklen_t length;
};

struct options {
	const char *name, *listen, *target, *json, *command, *netns, *from, *order;
	unsigned int count;    /* long-lived connections or UDP flows, or bytes of a datagram */
	unsigned int rate;     /* new ones a second */
	unsigned int seconds;
	unsigned int interval; /* ms between two echoes of a long-lived connection; 0: by their number */
	unsigned int switches; /* evenly spaced over the time */
	unsigned int every;    /* ms between two switches, instead */
	unsigned int patience; /* ms after which a datagram without an answer is lost; 0: five seconds */
	bool udp, draw, share;
};

/* --- the loop (traffic_loop.c) --- */

struct watch {
	void (*ready)(struct watch *, uint32_t events);
	int fd;
};

int64_t now_ns(void);
int loop_add(struct watch *watch, uint32_t events);
void loop_close(struct watch *watch);
void loop_wait(int timeout_ms);
/* Set by SIGINT and SIGTERM. */
extern volatile int loop_stop;
void loop_open(void);
int address_parse(const char *text, struct address *ret);
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *room(void *old, size_t bytes); /* realloc() that does not fail */

/* --- one client connection and its echoes (traffic_stream.c) --- */

enum farewell { BY_FIN, BY_RST, BY_SERVER, FAREWELLS };

struct stream;
struct stream_events {
	enum kind kind;
	void (*greeted)(struct stream *);
	void (*echoed)(struct stream *);
	/* The descriptor is closed and -1; the memory must live until the loop comes round. */
	void (*ended)(struct stream *, enum end);
};

struct stream {
	struct watch watch; /* first, so that one is the other */
	const struct stream_events *events;
	uint64_t key;	    /* what it says is made of this */
	int64_t started, since; /* connect(), and when what it now waits for began; ns */
	int64_t connected;
	uint64_t wanted, sent, echoed; /* bytes */
	int name;		       /* names row, -1 before the greeting */
	char greeting[24];
	uint8_t greeted;	       /* bytes of it so far */
	bool closing;
};

/* The addresses of this host that streams come from in turn: "A,B,C", or NULL for what the routes say. */
void stream_from(const char *list);
/* Begins to connect.  Returns 0, or a negative errno and nothing is open. */
int stream_open(struct stream *s, const struct address *to, uint64_t key, const struct stream_events *events);
void stream_say(struct stream *s, unsigned int length);
void stream_close(struct stream *s, enum farewell how);
/* Ends it if what it waits for takes too long. */
void stream_check(struct stream *s, int64_t now);
bool stream_waits(const struct stream *s);
int stream_port(const struct stream *s);

/* --- the crowd (traffic_long.c, traffic_short.c, traffic_udp.c) --- */

void long_open(const struct address *to, const struct options *o);
bool long_opening(void);
void long_tick(int64_t now);
void long_check(int64_t now);
bool long_waits(void);
/* Begins to close as many as may be closing.  Returns whether there are more. */
bool long_close(void);
void short_open(const struct address *to, const struct options *o, int64_t start);
void short_tick(int64_t now);
void short_check(int64_t now);
bool short_waits(void);
void udp_open(const struct address *to, const struct options *o);
void udp_begin(int64_t start);
void udp_tick(int64_t now, bool more);
void udp_check(int64_t now);
bool udp_waits(void);

/* --- switching (traffic_switch.c) --- */

struct change {
	int64_t started, returned;
	int64_t first_new, last_old; /* starts of connections, 0: none */
	int code;
	enum color to;
	char said[160]; /* the first line on its standard error */
};
extern struct change *changes;
extern unsigned int change_count;

void switch_open(const struct options *o, int64_t start);
/* Sees what has returned, then starts what is due. */
void switch_tick(int64_t now);
bool switch_waits(void);
/* Whether a switch began at most AFTER_SWITCH before `to`, or between the two. */
bool switch_near(int64_t from, int64_t to);
const char *switch_line(const struct change *change);

/* --- the books (traffic_books.c) --- */

struct samples {
	uint32_t *us;
	size_t count, room;
};
void samples_add(struct samples *s, int64_t ns);
double samples_ms(struct samples *s, double quantile);

struct name {
	char text[24];
	enum color color;
	uint64_t made; /* new connections that it answered */
};
extern struct name names[16];
extern unsigned int name_count;
int name_find(const char *text, size_t length);
enum color color_first_seen(void);
extern const char *const color_names[COLORS];

/* Whether a connection is kept, and what there is to say of the others. */
struct books {
	uint64_t opened, kept, echoes, lost, retransmits;
	uint64_t made, failed, stale, by_color[COLORS];
	uint64_t ends[KINDS][END_COUNT];
	struct samples echo, connect, echo_after, connect_after, switching, first_new, last_old;
	unsigned int switches_failed;
	char details[20][128];
	unsigned int detail_count;
	int64_t start;
};
extern struct books books;

void books_note(enum kind kind, enum end end, uint64_t key, int port, int name);
void books_echo(int64_t from, int64_t to);
void books_connect(int64_t from, int64_t to);
/* A new connection that began at `started` was answered by that name. */
void books_answer(int64_t started, int name);
/* Holds every answer against the switches.  Call it once, at the end. */
void books_judge(void);
bool books_clean(void);
int books_json(const struct options *o);
void books_table(const struct options *o);

/* --- the picture (traffic_draw.c) --- */

void draw_open(const struct options *o, int64_t start);
void draw_answer(int64_t started, enum color color);
void draw_failure(int64_t started);
void draw_tick(int64_t now);
void draw_flush(int64_t now);
/* An escape sequence, or nothing if standard output takes none. */
const char *paint(const char *sequence);

int serve(const struct options *o);
int load(const struct options *o);
int talk(const struct options *o);
int pieces(const struct options *o);

#endif
