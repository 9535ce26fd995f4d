/* SPDX-License-Identifier: GPL-2.0-only */
/* Values as the file writes them: durations and numbers, each refused with the key it stands at. */
#ifndef TEAL_CONFIG_VALUE_H
#define TEAL_CONFIG_VALUE_H

#include "config/source.h"
#include "teal/tables.h"

#define SECOND 1000ULL /* ms */
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/*
 * A duration such as 500ms, 2s or 2h11m.
 * @path    where the value stands; it ends in its key
 * @value   NULL: leaves *ret at what it is, the default
 * @unit    in ms; what *ret counts
 * @least   ms
 * @limit   the longest, in hours
 * Returns 0 or a negative errno with a sentence.
 */
int duration_read(struct config_source *source, const char *path, const char *value, __u64 unit, __u64 least,
		  __u64 limit, __u32 *ret);

/* The same for a number; NULL leaves the default. */
int number_read(struct config_source *source, const char *path, const __u32 *value, __u32 least, __u32 most,
		__u32 *ret);

#endif
