/* SPDX-License-Identifier: GPL-2.0-only */
/* The block `health` of a service. */
#ifndef TEAL_CONFIG_HEALTH_H
#define TEAL_CONFIG_HEALTH_H

#include "config/config.h"
#include "config/schema.h"
#include "config/source.h"

/* Reads what services[i] has; without a block *ret is all zeros.  Returns 0 or a negative errno with a sentence. */
int health_read(struct config_source *source, unsigned int i, const struct raw_health *raw, struct config_health *ret);
void health_free(struct config_health *health);

#endif
