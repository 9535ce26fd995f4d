// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client of UDP.  A flow is a port of ours: `count` of them stay and say something regularly, `rate` a second
 * ask once.  Each answer must be the question behind the name of a server, and a flow's name must never change.
 */
#include "traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOWEST_PORT 1025
#define PORTS 60000
#define INTERVAL (200 * MS)
#define LOST (5 * SECOND) /* without an answer after so long: a server may have to wait for a CPU */

struct flow {
	struct watch watch; /* first */
	enum kind kind;
	uint64_t key, asked, answered; /* numbers of datagrams */
	int64_t started, since;
	int name;
	LIST_ENTRY(flow) list;
};
LIST_HEAD(flow_list, flow);
static struct flow_list live = LIST_HEAD_INITIALIZER(live), dead = LIST_HEAD_INITIALIZER(dead);

static struct address target;
static unsigned int count, rate, port;
static uint64_t made, turns;
static int64_t begun, interval, lost;
static struct flow *flows;

static int flow_text(const struct flow *flow, uint64_t number, char *text, size_t size)
{
	return snprintf(text, size, "flow %llu asks for the time no. %llu", (unsigned long long)flow->key,
			(unsigned long long)number);
}

/*
 * The next port, always: to the edge a port that was used a moment ago is the old flow, which may well be on the old
 * color.  It begins where the clock says, some 250 a second, so that the next process goes on behind this one.
 */
static int flow_bind(int fd)
{
	struct sockaddr_storage own = { .ss_family = target.storage.ss_family };
	struct sockaddr_in6 *any = (void *)&own; /* the port is where sockaddr_in has it too */

	for (int tries = 0; tries < 1000; tries++) {
		any->sin6_port = htons(LOWEST_PORT + port++ % PORTS);
		if (!bind(fd, (struct sockaddr *)&own, target.length))
			return 0;
		if (errno != EADDRINUSE && errno != EACCES)
			break;
	}
	return -errno;
}

static void flow_end(struct flow *flow, enum end end)
{
	if (end != END_FINE) {
		books_note(flow->kind, end, flow->key, 0, flow->name);
		if (flow->kind == LONG)
			books.kept--;
		else
			books.failed++;
	}
	if (flow->kind == NEW && end != END_FINE)
		draw_failure(flow->started);
	loop_close(&flow->watch);
	LIST_REMOVE(flow, list);
	if (flow->kind == NEW)
		LIST_INSERT_HEAD(&dead, flow, list);
}

static void flow_ask(struct flow *flow)
{
	char text[128];
	int length = flow_text(flow, ++flow->asked, text, sizeof(text));

	flow->since = now_ns();
	if (send(flow->watch.fd, text, length, MSG_NOSIGNAL) != length)
		flow_end(flow, errno == ECONNREFUSED ? END_REFUSED : END_UNREACHABLE);
}

/* Holds an answer against the question.  Returns what is wrong with it, or END_FINE. */
static enum end flow_answer(struct flow *flow, const char *answer, size_t length)
{
	const char *space = memchr(answer, ' ', length);
	char text[128];
	int name = space ? name_find(answer, space - answer) : -1;
	int wanted = flow_text(flow, flow->asked, text, sizeof(text));

	if (name < 0 || length != (size_t)(space - answer) + 1 + wanted || memcmp(space + 1, text, wanted) != 0)
		return END_WRONG;
	if (flow->name < 0 && flow->kind == NEW) {
		books_answer(flow->started, name);
		draw_answer(flow->started, names[name].color);
	}
	if (flow->name >= 0 && flow->name != name)
		return END_CHANGED;
	flow->name = name;
	flow->answered = flow->asked;
	if (flow->kind == LONG) {
		books.echoes++;
		books_echo(flow->since, now_ns());
	} else {
		books_connect(flow->since, now_ns());
	}
	return END_FINE;
}

static void flow_ready(struct watch *watch, uint32_t events)
{
	struct flow *flow = (struct flow *)watch;
	char answer[256];
	ssize_t got = recv(watch->fd, answer, sizeof(answer), 0);
	enum end end;

	(void)events;
	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0)
		end = errno == ECONNREFUSED ? END_REFUSED : END_UNREACHABLE;
	else
		end = flow_answer(flow, answer, got);
	if (end != END_FINE || flow->kind == NEW)
		flow_end(flow, end);
}

static void flow_begin(struct flow *flow, enum kind kind, uint64_t key)
{
	int fd = socket(target.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*flow = (struct flow){ .watch = { flow_ready, fd }, .kind = kind, .key = key, .name = -1, .started = now_ns() };
	if (kind == LONG) {
		books.opened++;
		books.kept++;
	} else {
		books.made++;
	}
	LIST_INSERT_HEAD(&live, flow, list);
	if (fd < 0 || flow_bind(fd) || connect(fd, (struct sockaddr *)&target.storage, target.length) ||
	    loop_add(&flow->watch, EPOLLIN))
		flow_end(flow, END_LOCAL);
	else
		flow_ask(flow);
}

void udp_open(const struct address *to, const struct options *o)
{
	target = *to;
	count = o->count;
	rate = o->rate;
	interval = o->interval ? o->interval * MS : INTERVAL;
	lost = o->patience ? o->patience * MS : LOST;
	flows = room(NULL, (count + 1) * sizeof(*flows));
	port = now_ns() / (4 * MS) % PORTS;
}

void udp_begin(int64_t start)
{
	begun = start;
	for (unsigned int i = 0; i < count; i++)
		flow_begin(&flows[i], LONG, i);
}

void udp_tick(int64_t now, bool more)
{
	for (; more && count && turns < (uint64_t)((now - begun) * count / interval); turns++) {
		struct flow *flow = &flows[turns % count];

		if (flow->watch.fd >= 0 && flow->asked == flow->answered)
			flow_ask(flow);
	}
	for (int burst = 0; more && burst < 64 && made < (uint64_t)((now - begun) * rate / SECOND); burst++) {
		struct flow *flow = LIST_FIRST(&dead);

		if (flow)
			LIST_REMOVE(flow, list);
		else
			flow = room(NULL, sizeof(*flow));
		flow_begin(flow, NEW, ++made);
	}
}

/* A lost datagram ends a new flow.  One that stays goes on: a second loss is another loss. */
void udp_check(int64_t now)
{
	struct flow *next;

	for (struct flow *flow = LIST_FIRST(&live); flow; flow = next) {
		next = LIST_NEXT(flow, list);
		if (flow->asked == flow->answered || now - flow->since < lost)
			continue;
		if (flow->kind == NEW) {
			flow_end(flow, END_STALLED);
		} else {
			books.lost++;
			books_note(LONG, END_STALLED, flow->key, 0, flow->name);
			flow->answered = flow->asked;
		}
	}
}

bool udp_waits(void)
{
	for (struct flow *flow = LIST_FIRST(&live); flow; flow = LIST_NEXT(flow, list))
		if (flow->asked != flow->answered)
			return true;
	return false;
}
