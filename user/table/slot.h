/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dispatch slots and the tables that go into them.  A color's table is pinned as tables/SERVICE/COLOR, the canary's,
 * which is made of both colors', as tables/SERVICE/canary; while one is replaced its successor is pinned with a ~ behind
 * its name until it stands in its place.
 */
#ifndef TEAL_SLOT_H
#define TEAL_SLOT_H

#include "table/service.h"

/* A service's tables: those of its colors, by enum teal_color, and this one. */
enum slot_table {
	SLOT_CANARY = TEAL_COLORS,
	SLOT_TABLES,
};

/* Which table stands in the slot.  Returns 0, -ENOENT if the slot is empty, or another negative errno. */
int slot_find(const struct tables *t, __u16 service, const char *name, unsigned int *ret_table);

/*
 * Which color is active: the truth is the table in the slot.  The canary's table does not say whose it is, and while it
 * stands there service_info does, which was written before it.
 * Returns 0, -ENOENT if the slot is empty, or another negative errno.
 */
int slot_get(const struct tables *t, __u16 service, const char *name, enum teal_color *ret);

/*
 * The switch: puts a pinned table into the slot.  When this returns, no packet can be dispatched
 * by the old one any more (the kernel waits for an RCU grace period, kernel/bpf/syscall.c:maybe_wait_bpf_programs).
 * Returns 0, -ENOENT if there is no such table, or another negative errno.
 */
int slot_put(const struct tables *t, __u16 service, const char *name, unsigned int table);

/* Empties the slot: new flows of the service find no backend.  Returns 0 or a negative errno. */
int slot_clear(const struct tables *t, __u16 service);

/*
 * Replaces a pinned table by one of `size` slots, and puts that into the dispatch slot if `in_slot` says so.
 * Returns 0 or a negative errno; on failure the old table stands.
 */
int slot_table_replace(const struct tables *t, __u16 service, const char *name, unsigned int table, bool in_slot,
		       const __u32 *slots, __u32 size);

/* What stands in a pinned table; give *ret to free().  Returns 0, -ENOENT if there is none, or another negative errno. */
int slot_table_read(const struct tables *t, const char *name, unsigned int table, __u32 **ret, __u32 *ret_size);

/*
 * The slot of `previews`: has it hold the color's pinned table, which costs a grace period only if it does not already;
 * or empties it.  Return 0, -ENOENT if the color has no table, or another negative errno.
 */
int slot_preview_put(const struct tables *t, __u16 service, const char *name, enum teal_color color);
int slot_preview_clear(const struct tables *t, __u16 service);

/* Finishes or undoes a replacement that was killed in its midst.  Returns 0 or a negative errno. */
int slot_recover(const struct tables *t, __u16 service, const char *name);

/* Removes a table (all: and their directory).  Missing ones are fine.  Returns 0 or a negative errno. */
int slot_table_remove(const struct tables *t, const char *name, unsigned int table);
int slot_tables_remove(const struct tables *t, const char *name);

#endif
