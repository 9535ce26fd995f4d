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
 * Tables that are ready and are to go into their dispatch slots together: each system call that swaps waits for a grace
 * period, however many slots it swaps (before Linux 6.8: one each).
 */
struct slot_swap {
	__u32 slot;
	char *path;
	char *successor; /* to be renamed to `path`; NULL: `path` itself goes into the slot */
};

struct slot_swaps {
	struct slot_swap *list;
	unsigned int count, room;
};

/*
 * Replaces a pinned table by one of `size` slots.  If `in_slot` says so, that is to stand in the dispatch slot: it waits
 * beside the old one for slots_swap().  slot_recover() comes first.  Returns 0 or a negative errno; on failure the old
 * table stands.
 */
int slot_table_prepare(const struct tables *t, struct slot_swaps *swaps, __u16 service, const char *name,
		       unsigned int table, bool in_slot, const __u32 *slots, __u32 size);

/*
 * Swaps all of them in and empties the list.  When this returns, no packet can be dispatched by an old table any more.
 * Returns 0 or a negative errno; then some may stand in their slots, each of them whole, and the others as they were.
 */
int slots_swap(const struct tables *t, struct slot_swaps *swaps);
void slot_swaps_free(struct slot_swaps *swaps);
#define _cleanup_swaps_ __attribute__((cleanup(slot_swaps_free)))

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
