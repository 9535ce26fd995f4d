// SPDX-License-Identifier: GPL-2.0-only
/* One client connection: connects, reads who greets, says bytes and holds what comes back against them. */
#include "traffic.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * What a stream says at an offset: letters that depend on the stream and on all of the offset, so that a byte of
 * another stream, a lost one, a doubled one or one out of order is seen.  (splitmix64, public domain, S. Vigna)
 */
static void pattern(uint64_t key, uint64_t offset, char *bytes, size_t length)
{
	uint64_t block = ~0ULL, z = 0;

	for (size_t i = 0; i < length; i++, offset++) {
		if (offset / 8 != block) {
			block = offset / 8;
			z = (key << 32) + block * 0x9e3779b97f4a7c15ULL + 0x9e3779b97f4a7c15ULL;
			z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
			z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
			z ^= z >> 31;
		}
		bytes[i] = '0' + (z >> offset % 8 * 8 & 63); /* never EOT */
	}
}

int stream_port(const struct stream *s)
{
	struct sockaddr_in6 own = {}; /* the port is where sockaddr_in has it too */
	socklen_t length = sizeof(own);

	return getsockname(s->watch.fd, (struct sockaddr *)&own, &length) ? 0 : ntohs(own.sin6_port);
}

static void stream_end(struct stream *s, enum end end)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	if (!getsockopt(s->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &length))
		books.retransmits += info.tcpi_total_retrans;
	if (end != END_FINE)
		books_note(s->events->kind, end, s->key, stream_port(s), s->name);
	loop_close(&s->watch);
	s->events->ended(s, end);
}

static enum end end_of(int error)
{
	switch (error) {
	case ECONNREFUSED: return END_REFUSED;
	case ECONNRESET:
	case EPIPE: return END_RESET;
	case ETIMEDOUT: return END_UNANSWERED;
	case EADDRNOTAVAIL:
	case EMFILE:
	case ENFILE:
	case ENOBUFS: return END_LOCAL;
	default: return END_UNREACHABLE;
	}
}

/* Sends what is wanted and not yet sent.  Returns false when that ended the stream. */
static bool stream_push(struct stream *s)
{
	char bytes[4096];

	while (s->connected && s->sent < s->wanted) {
		size_t length = s->wanted - s->sent < sizeof(bytes) ? s->wanted - s->sent : sizeof(bytes);
		ssize_t sent;

		pattern(s->key, s->sent, bytes, length);
		sent = send(s->watch.fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			return true;
		if (sent < 0) {
			stream_end(s, end_of(errno));
			return false;
		}
		s->sent += sent;
	}
	return true;
}

void stream_say(struct stream *s, unsigned int length)
{
	s->wanted += length;
	s->since = now_ns();
	stream_push(s);
}

bool stream_waits(const struct stream *s)
{
	return s->closing || s->name < 0 || s->echoed < s->wanted;
}

/* Takes bytes of the greeting.  Returns how many, or -1 if it is none. */
static ssize_t stream_greet(struct stream *s, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n') {
			s->name = name_find(s->greeting, s->greeted);
			return s->name < 0 ? -1 : (ssize_t)i + 1;
		}
		if (s->greeted >= sizeof(s->greeting) - 1)
			return -1;
		s->greeting[s->greeted++] = bytes[i];
	}
	return length;
}

/* Takes what came.  Returns false when that ended the stream. */
static bool stream_take(struct stream *s, const char *bytes, size_t length)
{
	const uint64_t key = s->key;
	bool was_greeted = s->name >= 0;
	ssize_t greeting = was_greeted ? 0 : stream_greet(s, bytes, length);
	char right[4096];

	if (greeting >= 0) {
		length -= greeting;
		if (length)
			pattern(s->key, s->echoed, right, length);
		if (length > s->sent - s->echoed || (length && memcmp(right, bytes + greeting, length) != 0))
			greeting = -1;
	}
	if (greeting < 0) {
		stream_end(s, END_WRONG);
		return false;
	}
	s->echoed += length;
	if (!was_greeted && s->name >= 0) {
		s->events->greeted(s);
	} else if (length && s->echoed == s->wanted) {
		books_echo(s->since, now_ns());
		books.echoes++;
		s->events->echoed(s);
	}
	return s->watch.fd >= 0 && s->key == key; /* still the same stream: the place of one that ended is used again */
}

/* Returns false when the connection did not come about. */
static bool stream_connected(struct stream *s, uint32_t events)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (s->connected)
		return true;
	if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return false;
	getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error) {
		stream_end(s, end_of(error));
		return false;
	}
	s->connected = s->since = now_ns();
	books_connect(s->started, s->connected);
	return true;
}

/* Edge-triggered: reads until there is nothing, or an end that came with the data would be missed. */
static void stream_ready(struct watch *watch, uint32_t events)
{
	struct stream *s = (struct stream *)watch;
	char bytes[4096];
	ssize_t got;

	if (!stream_connected(s, events) || !stream_push(s))
		return;
	for (;;) {
		got = recv(watch->fd, bytes, sizeof(bytes), 0);
		if (got <= 0)
			break;
		if (!stream_take(s, bytes, got))
			return;
	}
	if (got == 0)
		stream_end(s, s->closing ? END_FINE : END_CLOSED);
	else if (errno != EAGAIN && errno != EINTR)
		stream_end(s, end_of(errno));
}

static struct address own[64];
static unsigned int own_count, own_next;

void stream_from(const char *list)
{
	char text[80], *rest, *copy = list ? strdup(list) : NULL;

	for (char *each = copy ? strtok_r(copy, ",", &rest) : NULL; each; each = strtok_r(NULL, ",", &rest)) {
		snprintf(text, sizeof(text), strchr(each, ':') ? "[%s]:0" : "%s:0", each);
		if (own_count == sizeof(own) / sizeof(own[0]) || address_parse(text, &own[own_count]))
			die("--from takes up to 64 addresses, separated by commas, not '%s'", list);
		own_count++;
	}
	free(copy);
}

/* The port is found by connect(): by bind() each would need one of its own, whatever the target. */
static int stream_bind(int fd)
{
	const struct address *address = &own[own_next++ % (own_count ? own_count : 1)];
	int on = 1;

	if (!own_count)
		return 0;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (const struct sockaddr *)&address->storage, address->length) ? -errno : 0;
}

int stream_open(struct stream *s, const struct address *to, uint64_t key, const struct stream_events *events)
{
	int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, error = 0;

	if (fd < 0)
		return -errno;
	*s = (struct stream){ .watch = { stream_ready, fd }, .events = events, .key = key, .name = -1 };
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	s->started = s->since = now_ns();
	error = stream_bind(fd);
	if (!error && connect(fd, (const struct sockaddr *)&to->storage, to->length) && errno != EINPROGRESS)
		error = -errno;
	if (!error)
		error = loop_add(&s->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	if (error) {
		books_note(events->kind, end_of(-error), key, 0, -1);
		close(fd);
	}
	return error;
}

void stream_close(struct stream *s, enum farewell how)
{
	static const struct linger at_once = { .l_onoff = 1 };
	static const char eot = EOT;

	s->closing = true;
	s->since = now_ns();
	switch (how) {
	case BY_RST:
		setsockopt(s->watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		stream_end(s, END_FINE);
		break;
	case BY_SERVER:
		(void)send(s->watch.fd, &eot, 1, MSG_NOSIGNAL);
		break;
	default:
		shutdown(s->watch.fd, SHUT_WR);
		break;
	}
}

void stream_check(struct stream *s, int64_t now)
{
	if (!s->connected) {
		if (now - s->started > CONNECT_TIMEOUT)
			stream_end(s, END_UNANSWERED);
	} else if (stream_waits(s) && now - s->since > ANSWER_TIMEOUT) {
		stream_end(s, s->closing ? END_LINGERED : s->name < 0 ? END_SILENT : END_STALLED);
	}
}
