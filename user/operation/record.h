/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The books: what a reboot must not forget.  STATE_DIR/state.json, written whole and atomically
 * (temporary file, fsync, rename, fsync of the directory).  The tables are the truth while the host runs;
 * this is what the next boot begins with.
 */
#ifndef TEAL_RECORD_H
#define TEAL_RECORD_H

#include <stdbool.h>

#include "common/address.h"
#include "common/error.h"

#define RECORD_FILE "state.json"

struct record_service {
	char name[TEAL_NAME_SIZE];
	enum teal_color active, previous;
	__u32 generation;
	__u64 switched_at; /* seconds since 1970, 0: never */
	struct {
		bool at_run_time; /* set by `teal backends`: stands over the configuration */
		struct endpoint *backends;
		unsigned int count;
	} colors[TEAL_COLORS];
	enum teal_color canary; /* TEAL_NO_COLOR: there is none */
	unsigned int canary_percent;
	struct {
		enum teal_color color; /* TEAL_NO_COLOR: there is none */
		struct prefix *from;
		unsigned int count;
	} preview;
	char *untold; /* the history's line of its last switch, which the history may still lack; NULL: it has that */
};

struct record {
	struct record_service *services;
	unsigned int count;
};

/* Reads the books; a missing file is an empty record.  Returns 0 or a negative errno with a sentence in `e`. */
int record_read(const char *state_dir, struct record **ret, struct error *e);

/* Writes them.  Returns 0 or a negative errno with a sentence in `e`; on failure the old file stands untouched. */
int record_write(const char *state_dir, const struct record *record, struct error *e);

/*
 * Proves that record_write() would work (directory there, writable, room on the disk) before
 * anything is changed; makes the directory (mode 0700) if it is missing.
 */
int record_check(const char *state_dir, struct error *e);

/* The entry of that name, or NULL. */
struct record_service *record_find(struct record *record, const char *name);

/* For whoever looks for many: sorts the entries by name; the entry of that name among sorted ones, or NULL. */
void record_sort(struct record *record);
const struct record_service *record_find_sorted(const struct record *record, const char *name);

/* The entry of that name, made empty (active blue, no previous) if it is missing; NULL when memory is out. */
struct record_service *record_obtain(struct record *record, const char *name);

/* Removes the entry of that name, if there is one. */
void record_remove(struct record *record, const char *name);

void record_free(struct record *record);

#endif
