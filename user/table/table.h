/* SPDX-License-Identifier: GPL-2.0-only */
/* The pinned tables: the database that daemon, CLI and data path share.  Nobody keeps a copy. */
#ifndef TEAL_TABLE_H
#define TEAL_TABLE_H

#include <stdbool.h>

#include "common/error.h"
#include "teal/tables.h"

#define DEFAULT_PIN_DIR "/sys/fs/bpf/teal"
#define DEFAULT_STATE_DIR "/var/lib/teal"

enum table {
#define X(name, kind, key, row, rows, flags) TABLE_##name,
	TEAL_TABLES(X)
#undef X
#define X(name) TABLE_##name,
	TEAL_OTHER_TABLES(X)
#undef X
	TABLE_COUNT,
};

struct tables {
	char *pin_dir;
	int fd[TABLE_COUNT];
	__u32 rows[TABLE_COUNT]; /* the most there can be */
	int cpus;		 /* rows of a per-CPU table come that many at a time */
};

/* The table's name, which is its pin's too. */
const char *table_name(enum table table);

/*
 * Whether the tables that are pinned in `pin_dir`, if any are, are of this version's layout.
 * Returns 0, or -EPROTO with a sentence, or another negative errno with one.
 */
int tables_layout_check(const char *pin_dir, struct error *e);

/*
 * Opens what is pinned in `pin_dir`.
 * Returns 0, or a negative errno with a sentence: nothing loaded there, no right to it, another layout.
 */
int tables_open(const char *pin_dir, struct tables **ret, struct error *e);
void tables_close(struct tables *t);
static inline void tables_close_p(struct tables **t)
{
	tables_close(*t);
}
#define _cleanup_tables_ __attribute__((cleanup(tables_close_p)))

/* One row.  All return 0 or a negative errno; table_get() of a missing key -ENOENT. */
int table_get(const struct tables *t, enum table table, const void *key, void *ret_row);
int table_put(const struct tables *t, enum table table, const void *key, const void *row);
int table_delete(const struct tables *t, enum table table, const void *key);

/*
 * Rows `first` to `first` + `count` - 1 of an array, in one system call; of a per-CPU one each is t->cpus rows.
 * Returns 0 or a negative errno; there must be that many.
 */
int table_rows(const struct tables *t, enum table table, __u32 first, __u32 count, void *ret_rows);

/* The key after `key` (NULL: the first) in a hash.  Returns 0, or -ENOENT after the last. */
int table_next(const struct tables *t, enum table table, const void *key, void *ret_next);

/* "PIN_DIR/..." in allocated memory, or NULL when memory is out. */
char *table_path(const struct tables *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Monotonic ns, the clock of every `seen`. */
__u64 table_clock(void);

/* The same in seconds: of guards, which must not end or go on because somebody sets the clock. */
static inline __u64 table_seconds(void)
{
	return table_clock() / 1000000000;
}

#endif
