/* SPDX-License-Identifier: GPL-2.0-only */
/* Small JSON files that must outlive a crash: written whole and atomically, read with suspicion. */
#ifndef TEAL_DURABLE_H
#define TEAL_DURABLE_H

#include <jansson.h>

/* Makes STATE_DIR/FOLDER (mode 0700) unless it is there, its name durable.  Returns 0 or a negative errno. */
int durable_folder(const char *state_dir, const char *folder);

/*
 * Replaces STATE_DIR/FOLDER/NAME.json (temporary file, fsync, rename, fsync of the folder), and makes the folder (mode
 * 0700) if it is missing.  One writer at a time is the caller's business.
 * Returns 0 or a negative errno; then the old file stands.
 */
int durable_write(const char *state_dir, const char *folder, const char *name, const json_t *json);

/* Reads it.  Returns 0, -ENOENT, -EINVAL for what is no JSON object or far too big, or another negative errno. */
int durable_read(const char *state_dir, const char *folder, const char *name, json_t **ret);

#endif
