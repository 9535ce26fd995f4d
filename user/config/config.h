/* SPDX-License-Identifier: GPL-2.0-only */
/* /etc/teal/teal.yaml: what is desired.  What is, stands in the tables. */
#ifndef TEAL_CONFIG_H
#define TEAL_CONFIG_H

#include "common/address.h"
#include "common/error.h"
#include "config/guard.h"

enum device_mode { MODE_AUTO, MODE_NATIVE, MODE_GENERIC, MODE_TC };

enum health_type { HEALTH_NONE, HEALTH_TCP, HEALTH_HTTP, HEALTH_HTTPS, HEALTH_EXEC };

struct config_device {
	char name[16];
	enum device_mode mode;
};

/* HTTP states that count as good. */
struct config_expect {
	__u16 first, last;
};

struct config_health {
	enum health_type type;
	char *path; /* http, https; NULL otherwise */
	char *host; /* the same; NULL: the backend's address */
	struct config_expect *expect;
	unsigned int expect_count;
	bool verify;	/* https: the certificate must be good for the host */
	char **command; /* exec: the argv, ends with NULL */
	__u32 interval_ms, timeout_ms;
	__u32 rise, fall; /* results in a row that make it up, or down */
};

struct config_service {
	char name[TEAL_NAME_SIZE];
	struct endpoint listen;
	enum teal_protocol protocol;
	enum teal_color active; /* the first start only */
	struct config_health health;
	struct evidence_limits guard; /* when the other color counts as worse */
	__u8 source[16]; /* with has_source: what backends see instead of the client's address */
	bool has_source;
	bool move;	  /* on_switch: UDP flows follow a switch at once */
	bool reset_down;  /* on_down: connections of a backend that goes down are ended */
	bool refuse_down; /* all_down: new flows are refused; otherwise everybody stays in use */
	bool affinity;	  /* all flows of a client go to the same backend */
	struct {
		struct endpoint *backends;
		unsigned int count;
	} colors[TEAL_COLORS];
	unsigned int line; /* where its entry begins in the file */
};

/* Seconds. */
struct config_timeouts {
	__u32 handshake;      /* 130: a SYN's last retransmission on Linux comes after 127 s */
	__u32 established;    /* 7860: 2 h 11 min, behind Linux's first keepalive and its probes */
	__u32 closing;	      /* 60 */
	__u32 reset;	      /* 10 */
	__u32 udp_unanswered; /* 30 */
	__u32 udp;	      /* 180 */
};

/* Rows; taken when the tables are made. */
struct config_limits {
	__u32 services; /* 1024 */
	__u32 backends; /* 4096 */
	__u32 flows;	/* 1048576, per address family */
	__u32 pending;	/* 262144 */
};

struct config {
	struct config_device *devices;
	unsigned int device_count;
	struct config_service *services;
	unsigned int service_count;
	struct config_timeouts timeouts;
	struct config_limits limits;
	bool refuse_when_full; /* flows_full: a new flow is refused; otherwise it goes on unrecorded */
	__u32 seed; /* of the flow hash; the same on edges that share a VIP; 0x7ea1 by default */
};

/*
 * Reads and checks a whole configuration file.
 * @ret_config  written only on success; give it to config_free()
 * Returns 0, or a negative errno with "FILE:LINE: reason, what to do" in `e` (exit code EXIT_FAILED).
 */
int config_read(const char *file, struct config **ret_config, struct error *e);
void config_free(struct config *config);

/* The limits of a service's guard: the usual ones for a service that is not there, or without a configuration. */
struct evidence_limits config_guard(const struct config *config, const char *service);

#endif
