/* SPDX-License-Identifier: GPL-2.0-only */
/* Backends whose replies do not come back through this host, as far as what the kernel saw of them tells. */
#ifndef TEAL_REPLIES_H
#define TEAL_REPLIES_H

#include "operation/host.h"
#include "table/service.h"

/*
 * Looks for backends that clients were sent to and of whom nothing ever came back, and that are not known to be down.
 * @ret   room for `room` findings
 * Returns how many there are, or a negative errno with a sentence.
 */
int replies_check(const struct tables *t, struct finding *ret, unsigned int room, struct error *e);

#endif
