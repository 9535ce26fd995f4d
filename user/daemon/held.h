/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Links that this process holds besides their pins, by the paths of these: whoever unmounts the file system of the pins, or
 * removes them, takes no program off its device while a daemon runs.
 */
#ifndef TEAL_HELD_H
#define TEAL_HELD_H

#include <stdbool.h>

struct link_held;

/* Holds a copy of the descriptor, in the place of what was held for that path.  Without memory it is not held. */
void held_put(struct link_held **held, const char *path, int link);

/* The descriptor that is held for that path, or -1.  It stays the list's. */
int held_get(const struct link_held *held, const char *path);

/* Lets go of it. */
void held_drop(struct link_held **held, const char *path);

/* Whether there is something at each of the paths. */
bool held_are_pinned(const struct link_held *held);
void held_free(struct link_held **held);

#endif
