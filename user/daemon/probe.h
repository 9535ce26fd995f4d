/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One question to one backend, asked without waiting: a kind of check a file (probe_tcp.c, probe_http.c, probe_exec.c).
 * How long it may take is the asker's business: probe_cancel() when the time is over.
 */
#ifndef TEAL_PROBE_H
#define TEAL_PROBE_H

#include <uv.h>

#include "config/config.h"

/* What the probes of a daemon share. */
struct probes;

struct probe_target {
	const char *service;
	enum teal_color color;
	struct endpoint endpoint;
	const struct config_health *config; /* must live as long as the probe */
};

/*
 * The answer.  The probe is over when this is called.
 * @reason  why it is not good, in words; NULL: it is good
 */
typedef void (*probe_done)(void *data, const char *reason);

struct probe;
struct probe_kind {
	/*
	 * Asks.  Returns 0, after which `done` is called once, or never if probe_cancel() comes first; or a negative errno
	 * if this host could not even ask, which says nothing of the backend.
	 */
	int (*start)(struct probes *probes, const struct probe_target *target, probe_done done, void *data,
		     struct probe **ret);
	/* Ends it without an answer.  Returns what was still waited for, in words. */
	const char *(*cancel)(struct probe *probe);
};

extern const struct probe_kind probe_tcp, probe_http, probe_exec;

/* What every kind's own structure begins with. */
struct probe {
	const struct probe_kind *kind;
	struct probes *probes;
	probe_done done;
	void *data;
};

struct http; /* libcurl's side */

struct probes {
	uv_loop_t *loop;
	struct http *http;
	unsigned int closing; /* handles that the loop has not let go of yet */
};

/* Returns 0 or a negative errno. */
int probes_begin(uv_loop_t *loop, struct probes *ret);

/* When no probe is left and the loop has run until `closing` is 0. */
void probes_end(struct probes *probes);

/* probe_http.c */
int http_begin(struct probes *probes);
void http_stop(struct probes *probes); /* its handles are then closing */
void http_end(struct probes *probes);

const struct probe_kind *probe_kind_of(enum health_type type);

/* Why connect() failed, in words. */
const char *probe_connect_reason(int error);

#endif
