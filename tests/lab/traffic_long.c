// SPDX-License-Identifier: GPL-2.0-only
/* The long-lived connections: all opened first, then each says something several times a second, in turn. */
#include "traffic.h"

#include <stdlib.h>

#define OPENING_AT_ONCE 200
#define CLOSING_AT_ONCE 500
#define ECHOES_A_SECOND 5000 /* of all together; more would measure this process and not the edge */

static struct stream *streams;
static unsigned int count, opened, opening, closed, closing;
static int64_t interval, begun, turns;
static struct address target;
static bool finishing;

static void long_greeted(struct stream *s)
{
	(void)s;
	opening--;
	books.opened++;
	books.kept++;
}

static void long_echoed(struct stream *s)
{
	(void)s;
}

static void long_ended(struct stream *s, enum end end)
{
	closing -= s->closing;
	if (s->name < 0)
		opening--;
	else if (end != END_FINE)
		books.kept--;
}

static const struct stream_events events = { LONG, long_greeted, long_echoed, long_ended };

static void long_open_more(void)
{
	while (opened < count && opening < OPENING_AT_ONCE) {
		struct stream *s = &streams[opened];

		if (stream_open(s, &target, opened, &events))
			s->watch.fd = -1;
		else
			opening++;
		opened++;
	}
}

void long_open(const struct address *to, const struct options *o)
{
	target = *to;
	count = o->count;
	interval = o->interval ? o->interval * MS : 300 * MS;
	if (!o->interval && interval < count * (SECOND / ECHOES_A_SECOND))
		interval = count * (SECOND / ECHOES_A_SECOND);
	streams = room(NULL, (count + 1) * sizeof(*streams));
	long_open_more();
}

bool long_opening(void)
{
	long_open_more();
	return opened < count || opening;
}

/* Whose turn it is by now says something: mostly a line, now and then several segments. */
void long_tick(int64_t now)
{
	if (!begun)
		begun = now;
	if (!count)
		return;
	for (; turns < (now - begun) * count / interval; turns++) {
		struct stream *s = &streams[turns % count];

		if (s->watch.fd >= 0 && !stream_waits(s))
			stream_say(s, turns % 16 == 7 ? 4000 : 24 + turns % 64);
	}
}

void long_check(int64_t now)
{
	for (unsigned int i = 0; i < opened; i++)
		if (streams[i].watch.fd >= 0)
			stream_check(&streams[i], now);
}

/* Whether an echo, or in the end an answer to the close, is still on its way. */
bool long_waits(void)
{
	for (unsigned int i = 0; i < opened; i++)
		if (streams[i].watch.fd >= 0 && (finishing || stream_waits(&streams[i])))
			return true;
	return false;
}

/* Not all at once: so many FINs in a burst are more than the queues of a machine hold. */
bool long_close(void)
{
	finishing = true;
	for (; closed < opened && closing < CLOSING_AT_ONCE; closed++) {
		if (streams[closed].watch.fd < 0)
			continue;
		closing++;
		stream_close(&streams[closed], BY_FIN);
	}
	return closed < opened;
}
