/* SPDX-License-Identifier: GPL-2.0-only */
/* Variables that give back what they hold when they go out of scope (systemd's habit). */
#ifndef TEAL_CLEANUP_H
#define TEAL_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void free_p(void *memory)
{
	free(*(void **)memory);
}

static inline void fclose_p(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define _cleanup_close_ __attribute__((cleanup(close_p)))
#define _cleanup_free_ __attribute__((cleanup(free_p)))
#define _cleanup_fclose_ __attribute__((cleanup(fclose_p)))

#endif
