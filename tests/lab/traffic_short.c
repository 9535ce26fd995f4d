// SPDX-License-Identifier: GPL-2.0-only
/* The new connections: so many a second, each reads who greets, exchanges a few bytes and closes. */
#include "traffic.h"

#include <stdlib.h>
#include <sys/queue.h>

#define BURST 64 /* opened at most before the loop sees to the others again */

struct visit {
	struct stream stream; /* first */
	LIST_ENTRY(visit) list;
};
LIST_HEAD(visit_list, visit);
static struct visit_list live = LIST_HEAD_INITIALIZER(live), dead = LIST_HEAD_INITIALIZER(dead);

static struct address target;
static unsigned int rate;
static int64_t begun;
static uint64_t made;

static void short_greeted(struct stream *s)
{
	books_answer(s->started, s->name);
	draw_answer(s->started, names[s->name].color);
	stream_say(s, 8 + s->key % 32);
}

/* Every way in which a connection can end is tried: half are closed by us, a quarter by the server, some reset. */
static void short_echoed(struct stream *s)
{
	static const enum farewell manners[] = { BY_FIN, BY_SERVER, BY_FIN, BY_RST, BY_FIN, BY_SERVER, BY_FIN, BY_FIN };

	stream_close(s, manners[s->key % 8]);
}

static void short_ended(struct stream *s, enum end end)
{
	struct visit *visit = (struct visit *)s;

	if (end != END_FINE) {
		books.failed++;
		draw_failure(s->started);
	}
	LIST_REMOVE(visit, list);
	LIST_INSERT_HEAD(&dead, visit, list);
}

static const struct stream_events events = { NEW, short_greeted, short_echoed, short_ended };

void short_open(const struct address *to, const struct options *o, int64_t start)
{
	target = *to;
	rate = o->rate;
	begun = start;
}

static void short_begin(int64_t now)
{
	struct visit *visit = LIST_FIRST(&dead);

	if (visit)
		LIST_REMOVE(visit, list);
	else
		visit = room(NULL, sizeof(*visit));
	books.made++;
	if (stream_open(&visit->stream, &target, ++made, &events)) {
		LIST_INSERT_HEAD(&dead, visit, list);
		books.failed++;
		draw_failure(now);
		return;
	}
	LIST_INSERT_HEAD(&live, visit, list);
}

void short_tick(int64_t now)
{
	for (int burst = 0; burst < BURST && made < (uint64_t)((now - begun) * rate / SECOND); burst++)
		short_begin(now);
}

void short_check(int64_t now)
{
	struct visit *next;

	for (struct visit *visit = LIST_FIRST(&live); visit; visit = next) {
		next = LIST_NEXT(visit, list);
		stream_check(&visit->stream, now);
	}
}

bool short_waits(void)
{
	return !LIST_EMPTY(&live);
}
