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

struct raw_health {
	enum health_type type; /* HEALTH_NONE: no health block */
	char *path, *interval, *timeout;
	__u32 *rise, *fall;
};

struct raw_service {
	char *name, *listen;
	struct raw_health health;
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
	__u32 *seed;
};

/* Returns 0 or a negative errno with a sentence.  `ret` is written only on success; give it to raw_config_free(). */
int raw_config_load(struct config_source *source, struct raw_config **ret);
void raw_config_free(struct raw_config *raw);

#endif
