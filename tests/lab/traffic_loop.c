// SPDX-License-Identifier: GPL-2.0-only
/* The loop, the clock, and what stands under all the rest. */
#include "traffic.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 100000

static int epoll = -1;
volatile int loop_stop;

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "traffic: ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	exit(2);
}

void *room(void *old, size_t bytes)
{
	void *new = realloc(old, bytes);

	if (!new)
		die("out of memory");
	return new;
}

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

static void stop(int number)
{
	(void)number;
	loop_stop = 1;
}

void loop_open(void)
{
	struct rlimit limit = { DESCRIPTORS, DESCRIPTORS };
	const struct sigaction action = { .sa_handler = stop };

	/* Without the right to raise the hard limit, what there is must do. */
	if (setrlimit(RLIMIT_NOFILE, &limit) && !getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		die("cannot make an epoll: %s", strerror(errno));
}

int loop_add(struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, watch->fd, &event) ? -errno : 0;
}

/*
 * Not by close() alone: a switch command that was just forked holds the descriptor too until it executes, and so long
 * the epoll would go on to speak of it.
 */
void loop_close(struct watch *watch)
{
	epoll_ctl(epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	close(watch->fd);
	watch->fd = -1;
}

void loop_wait(int timeout_ms)
{
	struct epoll_event events[256];
	int count = epoll_wait(epoll, events, 256, timeout_ms);

	for (int i = 0; i < count; i++) {
		struct watch *watch = events[i].data.ptr;

		watch->ready(watch, events[i].events);
	}
}

int address_parse(const char *text, struct address *ret)
{
	struct sockaddr_in *four = (void *)&ret->storage;
	struct sockaddr_in6 *six = (void *)&ret->storage;
	const char *colon = strrchr(text, ':');
	char host[64] = "", *end;
	unsigned long port;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (*end || end == colon + 1 || port > 65535)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	memcpy(host, text, colon - text);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		ret->length = sizeof(*six);
		return inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1 ? 0 : -EINVAL;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	ret->length = sizeof(*four);
	return inet_pton(AF_INET, host, &four->sin_addr) == 1 ? 0 : -EINVAL;
}
