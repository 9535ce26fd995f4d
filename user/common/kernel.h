/* SPDX-License-Identifier: GPL-2.0-only */
/* What the running kernel has. */
#ifndef TEAL_COMMON_KERNEL_H
#define TEAL_COMMON_KERNEL_H

#include <stdbool.h>

/* Whether programs may call that function of the kernel's.  False where the kernel has no BTF. */
bool kernel_has_function(const char *name);

#endif
