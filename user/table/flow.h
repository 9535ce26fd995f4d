/* SPDX-License-Identifier: GPL-2.0-only */
/* The flows there are, of both address families. */
#ifndef TEAL_FLOW_H
#define TEAL_FLOW_H

#include "table/service.h"

/* Sees one row; the key's client is IPv4-mapped where it is IPv4's.  Returns false to end the walk. */
typedef bool (*flow_visit)(void *argument, const struct teal_flow6_key *key, const struct teal_flow *flow);

/*
 * Shows every row to `visit`, some thousand a system call, while flows come and go.
 * Returns 0 or a negative errno.
 */
int flows_walk(const struct tables *t, flow_visit visit, void *argument);

/* The backend of that id in what backend_list() gave, which is in the order of the ids; or NULL. */
const struct backend *backend_of(const struct backend *list, unsigned int count, __u32 id);

#endif
