// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/probe.h"

#include <errno.h>
#include <string.h>

int probes_begin(uv_loop_t *loop, struct probes *ret)
{
	*ret = (struct probes){ .loop = loop };
	return http_begin(ret);
}

void probes_end(struct probes *probes)
{
	http_end(probes);
}

const struct probe_kind *probe_kind_of(enum health_type type)
{
	switch (type) {
	case HEALTH_TCP: return &probe_tcp;
	case HEALTH_HTTP:
	case HEALTH_HTTPS: return &probe_http;
	case HEALTH_EXEC: return &probe_exec;
	default: return NULL;
	}
}

const char *probe_connect_reason(int error)
{
	switch (error) {
	case ECONNREFUSED: return "connect refused";
	case ECONNRESET: return "connection reset";
	case EHOSTUNREACH: return "no route to the host, or nobody answers there";
	case ENETUNREACH: return "no route to the network";
	case ETIMEDOUT: return "no answer to connect";
	default: return strerror(error);
	}
}
