// SPDX-License-Identifier: GPL-2.0-only
/* traffic talk: one connection by hand, for people and for scenarios that must see it live over a switch. */
#include "traffic.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Hands on what there is.  Returns false at the end. */
static bool pass(int from, int to)
{
	char bytes[4096];
	ssize_t got = read(from, bytes, sizeof(bytes));

	for (ssize_t put = 0, sent = 0; sent < got; sent += put) {
		put = write(to, bytes + sent, got - sent);
		if (put <= 0)
			return false;
	}
	return got > 0;
}

int talk(const struct options *o)
{
	struct pollfd ends[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	struct address to;

	if (!o->target || address_parse(o->target, &to))
		die("talk takes --target ADDRESS:PORT");
	ends[1].fd = socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ends[1].fd < 0 || connect(ends[1].fd, (struct sockaddr *)&to.storage, to.length))
		die("cannot connect to %s: %s", o->target, strerror(errno));
	while (poll(ends, 2, -1) > 0) {
		if (ends[0].revents && !pass(STDIN_FILENO, ends[1].fd)) {
			shutdown(ends[1].fd, SHUT_WR);
			ends[0].fd = -1;
		}
		if (ends[1].revents && !pass(ends[1].fd, STDOUT_FILENO))
			return ends[0].fd == -1 ? 0 : 1; /* not we ended it */
	}
	return 1;
}
