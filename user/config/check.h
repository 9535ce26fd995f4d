/* SPDX-License-Identifier: GPL-2.0-only */
/* What one entry of the configuration cannot know of the others: names, endpoints and limits that they share. */
#ifndef TEAL_CONFIG_CHECK_H
#define TEAL_CONFIG_CHECK_H

#include "config/config.h"
#include "config/source.h"

/* Returns 0 or a negative errno with a sentence.  Takes n log n time, so that thousands of services are no matter. */
int config_check(struct config_source *source, const struct config *config);

#endif
