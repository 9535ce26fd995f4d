/* SPDX-License-Identifier: GPL-2.0-only */
/* What the running kernel has. */
#ifndef TEAL_COMMON_KERNEL_H
#define TEAL_COMMON_KERNEL_H

#include <stdbool.h>

/* Whether programs at tc may see what the kernel itself knows of a packet (since Linux 6.2).  False where it has no BTF. */
bool kernel_shows_packet(void);

#endif
