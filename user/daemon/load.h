/* SPDX-License-Identifier: GPL-2.0-only */
/* Loading: the programs, and the tables they share with everybody else. */
#ifndef TEAL_LOAD_H
#define TEAL_LOAD_H

#include <stdbool.h>

#include "common/error.h"
#include "config/config.h"
#include "table/table.h"

struct teal_bpf;

/*
 * Makes `pin_dir` (0700) with its folders links/ and tables/, on a BPF file system that is mounted if need be.
 * Returns 0 or a negative errno with a sentence.
 */
int load_directory(const char *pin_dir, struct error *e);

/* Whether tables are there already.  The caller holds LOCK_DAEMON, or somebody might be making them. */
bool load_is_done(const char *pin_dir);

/*
 * Loads the programs.  Tables that are pinned already are adopted as they are, rows and all; the others are made
 * with the configuration's limits and pinned.  The caller holds LOCK_TABLES.
 * @ret  give it to teal_bpf__destroy(): what is pinned and attached stays
 * Returns 0, or a negative errno with a sentence: no right, a kernel without a needed feature, another layout.
 */
int load(const char *pin_dir, const struct config *config, struct teal_bpf **ret, struct error *e);

/* Tables keep the size and the seed that they were made with: warns of a configuration that wants others. */
void load_sizes_tell(const struct tables *t, const struct config *config);

/*
 * Pins the tables that are loaded, for whoever finds the pins gone: what is pinned already stays.  The caller holds LOCK_TABLES.
 * Returns 0, or a negative errno with a sentence.
 */
int load_pin(struct teal_bpf *bpf, const char *pin_dir, struct error *e);

/* Removes all pins of tables and the directory itself.  Returns 0 or a negative errno with a sentence. */
int load_remove(const char *pin_dir, struct error *e);

#endif
