// SPDX-License-Identifier: GPL-2.0-only
/* traffic serve: greets with its name, then sends back every byte.  By UDP: the name and the datagram. */
#include "traffic.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536
#define DATAGRAM 65000

/* One client.  What could not be sent back waits here, and nothing is read before it is gone. */
struct guest {
	struct watch watch;
	char *held;
	size_t length, sent;
};

static const char *server_name;

static void guest_bye(struct guest *g)
{
	close(g->watch.fd);
	free(g->held);
	free(g);
}

/* Sends what it can and holds the rest.  Returns 0, 1 if something is held, or -1 when the client is gone. */
static int guest_send(struct guest *g, const char *bytes, size_t length)
{
	ssize_t sent = send(g->watch.fd, bytes, length, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	if (sent == (ssize_t)length)
		return 0;
	if (sent < 0)
		sent = 0;
	g->held = room(g->held, length - sent);
	memcpy(g->held, bytes + sent, length - sent);
	g->length = length - sent;
	g->sent = 0;
	return 1;
}

static int guest_send_held(struct guest *g)
{
	while (g->sent < g->length) {
		ssize_t sent = send(g->watch.fd, g->held + g->sent, g->length - g->sent, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ? 1 : -1;
		g->sent += sent;
	}
	g->length = g->sent = 0;
	return 0;
}

/* Edge-triggered: it goes on until the socket has no more to give or to take. */
static void guest_ready(struct watch *watch, uint32_t events)
{
	struct guest *g = (struct guest *)watch;
	char bytes[CHUNK];
	int state = guest_send_held(g);

	(void)events;
	while (!state) {
		ssize_t got = recv(watch->fd, bytes, sizeof(bytes), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0 || (got == 1 && bytes[0] == EOT)) {
			state = -1;
			break;
		}
		state = guest_send(g, bytes, got);
	}
	if (state < 0)
		guest_bye(g);
}

static void listener_ready(struct watch *watch, uint32_t events)
{
	char hello[64];
	int length = snprintf(hello, sizeof(hello), "%s\n", server_name), fd, on = 1;

	(void)events;
	while ((fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct guest *g = room(NULL, sizeof(*g));

		*g = (struct guest){ .watch = { guest_ready, fd } };
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (guest_send(g, hello, length) < 0 || loop_add(&g->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET))
			guest_bye(g);
	}
}

/*
 * The answer leaves from the address that was asked, which bind() alone does not see to on a host with several: a
 * client, and teal, take an answer from another address for a stranger's.
 */
static void datagram_ready(struct watch *watch, uint32_t events)
{
	static char bytes[DATAGRAM + 64];
	size_t prefix = strlen(server_name) + 1;

	(void)events;
	memcpy(bytes, server_name, prefix - 1);
	bytes[prefix - 1] = ' ';
	for (;;) {
		char control[256];
		struct sockaddr_storage from;
		struct iovec io = { bytes + prefix, DATAGRAM };
		struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &io, .msg_iovlen = 1,
					  .msg_control = control, .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(watch->fd, &message, 0);

		if (got < 0)
			return;
		io = (struct iovec){ bytes, got + prefix };
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
			/* Not back by the device it came in, but by the routes. */
			if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
				((struct in_pktinfo *)CMSG_DATA(c))->ipi_ifindex = 0;
			if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
				((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex = 0;
		}
		(void)sendmsg(watch->fd, &message, MSG_NOSIGNAL);
	}
}

int serve(const struct options *o)
{
	struct watch listener = { o->udp ? datagram_ready : listener_ready, -1 };
	int on = 1, off = 0, buffer = 4 << 20;
	struct address address;

	if (!o->name || !o->listen || address_parse(o->listen, &address))
		die("serve takes --name NAME --listen ADDRESS:PORT");
	server_name = o->name;
	loop_open();
	listener.fd = socket(address.storage.ss_family, (o->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener.fd < 0)
		die("cannot make a socket: %s", strerror(errno));
	setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (o->share)
		setsockopt(listener.fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (address.storage.ss_family == AF_INET6)
		setsockopt(listener.fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (o->udp) {
		setsockopt(listener.fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
		setsockopt(listener.fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
		setsockopt(listener.fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	}
	if (bind(listener.fd, (struct sockaddr *)&address.storage, address.length) ||
	    (!o->udp && listen(listener.fd, 65535)) || loop_add(&listener, EPOLLIN))
		die("cannot listen on %s: %s", o->listen, strerror(errno));
	while (!loop_stop)
		loop_wait(-1);
	return 0;
}
