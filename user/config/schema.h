/* SPDX-License-Identifier: GPL-2.0-only */
/* The form of the configuration file: which keys there are, and of what type.  What their values mean is config.c's. */
#ifndef TEAL_CONFIG_SCHEMA_H
#define TEAL_CONFIG_SCHEMA_H

#include "config/config.h"
#include "config/source.h"

/* As written in the file.  A pointer is NULL where the key is left out. */

struct raw_device {
	char *name;
	enum device_mode mode;
};

/* Words, of which the first is the default. */
enum raw_verify { VERIFY_DEFAULT, VERIFY_YES, VERIFY_NO };
enum raw_on_switch { ON_SWITCH_KEEP, ON_SWITCH_MOVE };
enum raw_on_down { ON_DOWN_KEEP, ON_DOWN_RESET };
enum raw_all_down { ALL_DOWN_KEEP, ALL_DOWN_REFUSE };
enum raw_affinity { AFFINITY_NONE, AFFINITY_SOURCE };
enum raw_flows_full { FLOWS_FULL_PASS, FLOWS_FULL_REFUSE };

struct raw_health {
	enum health_type type; /* HEALTH_NONE: no health block */
	char *path, *host, *interval, *timeout;
	enum raw_verify verify;
	char **command;
	unsigned int command_count;
	__u32 *rise, *fall;
};

struct raw_guard {
	__u32 *connections, *failures, *failed, *aborted, *slower, *down;
	char *handshake, *check;
};

struct raw_service {
	char *name, *listen, *source;
	struct raw_health health;
	struct raw_guard guard;
	enum raw_on_switch on_switch;
	enum raw_on_down on_down;
	enum raw_all_down all_down;
	enum raw_affinity affinity;
	struct {
		char **backends;
		unsigned int count;
	} colors[TEAL_COLORS];
	enum teal_color active;
};

struct raw_timeouts {
	char *handshake, *established, *closing, *reset, *udp_unanswered, *udp;
};

struct raw_limits {
	__u32 *services, *backends, *flows, *pending;
};

struct raw_config {
	struct raw_device *devices;
	unsigned int device_count;
	struct raw_service *services;
	unsigned int service_count;
	struct raw_timeouts timeouts;
	struct raw_limits limits;
	enum raw_flows_full flows_full;
	__u32 *seed;
};

/* Returns 0 or a negative errno with a sentence.  `ret` is written only on success; give it to raw_config_free(). */
int raw_config_load(struct config_source *source, struct raw_config **ret);
void raw_config_free(struct raw_config *raw);

#endif
