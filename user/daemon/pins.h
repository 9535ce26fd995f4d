/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the pins are where they were.  A file system that is unmounted, or a directory that is removed, takes nothing from
 * the data path while teald runs, for it holds all tables and links itself; but nobody else reaches them any more, and with
 * teald they would end.  So they are pinned anew within a second.
 */
#ifndef TEAL_PINS_H
#define TEAL_PINS_H

#include <stdbool.h>
#include <sys/stat.h>

struct daemon;

struct pins {
	char *mount_point;  /* of their file system; NULL: unknown */
	struct stat tables; /* of the folder of the services' tables, as it was looked at last */
	bool again;	    /* they were just pinned anew: once more, should somebody have been at removing them */
	char *told;	    /* why they cannot be */
};

/* Begins to look, twice a second. */
void pins_watch(struct daemon *d);

/* After the loop has ended. */
void pins_end(struct daemon *d);

#endif
