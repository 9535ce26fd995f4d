/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF file system: where it is mounted, and mounting it where nobody has. */
#ifndef TEAL_MOUNT_H
#define TEAL_MOUNT_H

#include <stdbool.h>

#include "common/error.h"

/* Whether `path` is on one. */
bool mount_is_bpffs(const char *path);

/* Where the file system that `path` is on is mounted, in allocated memory; NULL if that cannot be found out. */
char *mount_point_of(const char *path);

/*
 * Mounts a BPF file system there (mode 0700) unless there is one.
 * @for_all  only if others will see it too: a service manager may have given this process mounts of its own, and one there
 *           would hide from it what others mount later
 * Returns 0, or a negative errno with a sentence.
 */
int mount_bpffs(const char *mount_point, bool for_all, struct error *e);

#endif
