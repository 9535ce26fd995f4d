// SPDX-License-Identifier: GPL-2.0-only
/* Can a connection be opened?  Nothing is sent by it. */
#include "daemon/probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"

struct tcp {
	struct probe probe;
	uv_poll_t poll;
	int fd;
};

static socklen_t sockaddr_fill(const struct endpoint *endpoint, struct sockaddr_storage *ret)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (address_is_ipv4(endpoint->address)) {
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons(endpoint->port);
		memcpy(&ipv4->sin_addr, endpoint->address + 12, sizeof(ipv4->sin_addr));
		return sizeof(*ipv4);
	}
	ipv6->sin6_family = AF_INET6;
	ipv6->sin6_port = htons(endpoint->port);
	memcpy(&ipv6->sin6_addr, endpoint->address, sizeof(ipv6->sin6_addr));
	return sizeof(*ipv6);
}

static void tcp_closed(uv_handle_t *handle)
{
	struct tcp *tcp = handle->data;

	tcp->probe.probes->closing--;
	free(tcp);
}

/*
 * By RST and not by FIN, as HAProxy does: thousands of checks a second would otherwise leave as many sockets in
 * TIME_WAIT for a minute.
 */
static void tcp_close(struct tcp *tcp)
{
	const struct linger reset = { .l_onoff = 1 };

	uv_poll_stop(&tcp->poll);
	setsockopt(tcp->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(tcp->fd);
	tcp->probe.probes->closing++;
	uv_close((uv_handle_t *)&tcp->poll, tcp_closed);
}

static void tcp_ready(uv_poll_t *poll, int status, int events)
{
	struct tcp *tcp = poll->data;
	socklen_t size = sizeof(int);
	int error = 0;

	(void)events;
	if (getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		error = errno;
	if (!error && status < 0)
		error = -status;
	tcp_close(tcp);
	tcp->probe.done(tcp->probe.data, error ? probe_connect_reason(error) : NULL);
}

/* Whether connect() failed for this host's own troubles: out of ports, memory, rights. */
static bool is_own_fault(int error)
{
	return error != ECONNREFUSED && error != ENETUNREACH && error != EHOSTUNREACH && error != ETIMEDOUT &&
	       error != ECONNRESET;
}

static int tcp_start(struct probes *probes, const struct probe_target *target, probe_done done, void *data,
		     struct probe **ret)
{
	struct sockaddr_storage address;
	socklen_t size = sockaddr_fill(&target->endpoint, &address);
	_cleanup_close_ int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct tcp *tcp;
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, size) && errno != EINPROGRESS)
		error = errno;
	if (error && is_own_fault(error))
		return -error;
	tcp = calloc(1, sizeof(*tcp));
	if (!tcp)
		return -ENOMEM;
	tcp->probe = (struct probe){ &probe_tcp, probes, done, data };
	error = uv_poll_init(probes->loop, &tcp->poll, fd);
	if (error) {
		free(tcp);
		return error;
	}
	tcp->poll.data = tcp;
	tcp->fd = fd;
	fd = -1;
	/* A socket whose connect() failed at once polls as ready, and tells why by SO_ERROR or EPOLLHUP. */
	uv_poll_start(&tcp->poll, UV_WRITABLE, tcp_ready);
	*ret = &tcp->probe;
	return 0;
}

static const char *tcp_cancel(struct probe *probe)
{
	tcp_close((struct tcp *)probe);
	return "no answer to connect";
}

const struct probe_kind probe_tcp = { tcp_start, tcp_cancel };
