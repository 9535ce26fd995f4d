/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The history: who switched what, when and why.  STATE_DIR/history.jsonl, one JSON object a line, appended and never
 * changed; a full file becomes history.jsonl.1, and that one .2, up to HISTORY_KEPT.
 */
#ifndef TEAL_HISTORY_H
#define TEAL_HISTORY_H

#include <jansson.h>

#include "common/address.h"
#include "common/error.h"

#define HISTORY_FILE "history.jsonl"
#define HISTORY_FILE_MAX (1U << 20) /* bytes: some four thousand switches */
#define HISTORY_KEPT 4		    /* older files beside the current one */
#define HISTORY_WHY_SIZE 512	    /* a reason with its NUL */

struct history_entry {
	const char *service;
	enum teal_color from, to;
	const char *why; /* whatever somebody wrote; NULL: they wrote nothing */
	__u32 generation;
	__u64 connections; /* live on `from` at that moment */
	bool by_nobody;	   /* whoever switched was killed: we only tell of it */
};

/* The line that tells of it, with the time and with who runs this process.  To be freed; NULL when memory is out. */
char *history_line(const struct history_entry *entry);

/*
 * Appends a line, and returns once it is durable.  The caller holds LOCK_TABLES.
 * Returns 0, or a negative errno with a sentence; then the file is as it was.
 */
int history_append(const char *state_dir, const char *line, struct error *e);

/* Of each of these lines, whether the history lacks it.  A file that cannot be read has none. */
void history_lacks(const char *state_dir, char *const *lines, unsigned int count, bool *ret_lacks);

/*
 * The entries, oldest first, as an array; a missing file is an empty history.
 * @service  NULL: those of all
 * @limit    the newest so many; 0: all
 * @ret_unread  how many lines were no entries and were left out
 * Returns 0 or a negative errno with a sentence.
 */
int history_read(const char *state_dir, const char *service, unsigned int limit, json_t **ret, unsigned int *ret_unread,
		 struct error *e);

#endif
