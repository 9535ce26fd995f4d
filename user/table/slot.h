/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dispatch slots and the tables that go into them.  A color's table is pinned as tables/SERVICE/COLOR;
 * while it is replaced its successor is pinned as tables/SERVICE/COLOR~ until it stands in its place.
 */
#ifndef TEAL_SLOT_H
#define TEAL_SLOT_H

#include "table/service.h"

/*
 * Which color's table stands in the slot: the truth about what is active.
 * Returns 0, -ENOENT if the slot is empty, or another negative errno.
 */
int slot_get(const struct tables *t, __u16 service, const char *name, enum teal_color *ret);

/*
 * The switch: puts the color's pinned table into the slot.  When this returns, no packet can be dispatched
 * by the old one any more (the kernel waits for an RCU grace period, kernel/bpf/syscall.c:maybe_wait_bpf_programs).
 * Returns 0, -ENOENT if the color has no table, or another negative errno.
 */
int slot_put(const struct tables *t, __u16 service, const char *name, enum teal_color color);

/* Empties the slot: new flows of the service find no backend.  Returns 0 or a negative errno. */
int slot_clear(const struct tables *t, __u16 service);

/*
 * Makes a table of `size` slots the color's own, and puts it into the dispatch slot if the color is `active`.
 * Returns 0 or a negative errno; on failure the old table stands.
 */
int slot_table_replace(const struct tables *t, __u16 service, const char *name, enum teal_color color, bool active,
		       const __u32 *slots, __u32 size);

/* Finishes or undoes a replacement that was killed in its midst.  Returns 0 or a negative errno. */
int slot_recover(const struct tables *t, __u16 service, const char *name);

/* Removes the color's table (both: and their directory).  Missing ones are fine.  Returns 0 or a negative errno. */
int slot_table_remove(const struct tables *t, const char *name, enum teal_color color);
int slot_tables_remove(const struct tables *t, const char *name);

#endif
