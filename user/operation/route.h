/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's routing tables say. */
#ifndef TEAL_ROUTE_H
#define TEAL_ROUTE_H

#include <linux/types.h>

/*
 * The device by which packets of this host to that address leave (IPv4 as ::ffff:a.b.c.d).
 * Returns 0, or a negative errno: -ENETUNREACH and its like where there is no way.
 */
int route_device(const __u8 address[16], unsigned int *ret_index);

#endif
