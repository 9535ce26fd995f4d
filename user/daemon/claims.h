/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who claims an address, port and protocol, once backends set at run time stand in for those of the configuration: the
 * configuration alone may be in order and contradict them.
 */
#ifndef TEAL_CLAIMS_H
#define TEAL_CLAIMS_H

#include "common/address.h"
#include "common/error.h"

struct claim {
	const struct endpoint *endpoint;
	enum teal_protocol protocol;
	const char *service;
	enum teal_color color; /* TEAL_NO_COLOR: the service listens there */
	bool at_run_time;      /* set by 'teal backends' */
};

/* Sorts the claims.  Returns 0, or -EEXIST with a sentence that names both if two are of one endpoint. */
int claims_check(struct claim *claims, unsigned int count, struct error *e);

#endif
