/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * on_down: reset, for connections that are idle: the data path answers whatever their ends say with a RST, so both are made
 * to say something.
 */
#ifndef TEAL_ENDS_H
#define TEAL_ENDS_H

#include "daemon/target.h"

/* A backend of that service went down, and its policy is TEAL_POLICY_RESET.  A worker does it; one at a time. */
void ends_provoke(struct health *health, const char *service);

/* When the health engine ends: after the worker. */
void ends_free(struct health *health);

#endif
