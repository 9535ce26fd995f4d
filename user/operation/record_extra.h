/* SPDX-License-Identifier: GPL-2.0-only */
/* A canary, a preview and the history's line as they stand in the books; a part of record.c. */
#ifndef TEAL_RECORD_EXTRA_H
#define TEAL_RECORD_EXTRA_H

#include <jansson.h>

#include "operation/record.h"

/* Each may be NULL: there is none.  Returns NULL, or what is wrong. */
const char *record_extra_read(const json_t *canary, const json_t *preview, const json_t *history,
			      struct record_service *service);

/* Adds them to the service's object.  Returns 0, or -1 when memory is out. */
int record_extra_write(const struct record_service *service, json_t *json);

#endif
