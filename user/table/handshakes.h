/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel saw of backends' new connections, summed and told in words. */
#ifndef TEAL_HANDSHAKES_H
#define TEAL_HANDSHAKES_H

#include "table/table.h"

/* A backend's row, summed over the CPUs.  Returns 0 or a negative errno. */
int handshakes_get(const struct tables *t, __u32 backend, struct teal_handshakes *ret);

/* sum += more; the difference later - earlier, a counter that was begun anew counting from 0. */
void handshakes_add(struct teal_handshakes *sum, const struct teal_handshakes *more);
void handshakes_subtract(struct teal_handshakes *later, const struct teal_handshakes *earlier);

/*
 * The time within which `percent` of the answered handshakes were, in us: the upper end of a bucket, so exact to a factor
 * of two; 0 where none was answered.
 */
__u32 handshakes_time(const struct teal_handshakes *h, unsigned int percent);

#endif
