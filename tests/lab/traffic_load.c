// SPDX-License-Identifier: GPL-2.0-only
/* traffic load, traffic udp: the order of events, from the first connection to the judgement. */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS 1
#define CHECK (100 * MS)
#define ENDING (10 * SECOND) /* longer than every timeout */

/* The client of one protocol, as the run below sees it. */
struct client {
	void (*begin)(const struct address *, const struct options *, int64_t start);
	void (*tick)(int64_t now, bool more);
	void (*check)(int64_t now);
	bool (*waits)(void);
};

static void tcp_begin(const struct address *to, const struct options *o, int64_t start)
{
	short_open(to, o, start);
}

static void tcp_tick(int64_t now, bool more)
{
	if (!more)
		return;
	short_tick(now);
	long_tick(now);
}

static void tcp_check(int64_t now)
{
	short_check(now);
	long_check(now);
}

static bool tcp_waits(void)
{
	return short_waits() || long_waits();
}

static void udp_start(const struct address *to, const struct options *o, int64_t start)
{
	(void)to;
	(void)o;
	udp_begin(start);
}

static const struct client clients[] = {
	{ tcp_begin, tcp_tick, tcp_check, tcp_waits },
	{ udp_start, udp_tick, udp_check, udp_waits },
};

static void step(const struct client *client, int64_t *checked)
{
	loop_wait(TICK_MS);
	if (now_ns() - *checked < CHECK)
		return;
	*checked = now_ns();
	client->check(*checked);
}

static void run(const struct client *client, const struct options *o)
{
	int64_t start = books.start, checked = start, latest = start + 2 * o->seconds * SECOND + 10 * SECOND, now;

	/* A switch is seen to have returned before the next connection begins: so no stale one can hide in between. */
	for (now = start; !loop_stop && now < latest; now = now_ns()) {
		bool more = now < start + o->seconds * SECOND || switch_waits();

		switch_tick(now);
		if (!more)
			break;
		client->tick(now_ns(), true);
		draw_tick(now);
		step(client, &checked);
	}
	for (; client->waits() && now < latest + ENDING; now = now_ns()) {
		switch_tick(now);
		client->tick(now, false);
		step(client, &checked);
	}
	draw_flush(now);
}

/* The end of the long-lived connections is a part of the test too: their FINs must find their way. */
static void part(const struct client *client, const struct options *o)
{
	int64_t latest = now_ns() + ENDING, checked = 0;

	if (o->udp)
		return;
	while ((long_close() || client->waits()) && now_ns() < latest)
		step(client, &checked);
}

int load(const struct options *o)
{
	const struct client *client = &clients[o->udp];
	struct address to;
	int64_t checked = 0;
	int error;

	if (!o->target || address_parse(o->target, &to) || !o->seconds)
		die("load and udp take --target ADDRESS:PORT and --seconds S");
	loop_open();
	stream_from(o->from);
	if (o->udp)
		udp_open(&to, o);
	else
		long_open(&to, o);
	while (!o->udp && long_opening() && !loop_stop)
		step(client, &checked);
	books.start = now_ns();
	switch_open(o, books.start);
	draw_open(o, books.start);
	client->begin(&to, o, books.start);
	run(client, o);
	part(client, o);
	books_judge();
	if (o->draw)
		books_table(o);
	error = o->json || !o->draw ? books_json(o) : 0;
	return !error && books_clean() && books.opened == o->count ? 0 : 1;
}
