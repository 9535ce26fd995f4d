/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the history may lack.  It is written after the books, so a switch that was killed between the two is durable and
 * told nowhere: therefore the books keep the history's line until the next switch, and whoever comes next looks for it.
 */
#ifndef TEAL_UNTOLD_H
#define TEAL_UNTOLD_H

#include "operation/record.h"

/* Whether the history has every line that the books keep. */
bool untold_is_empty(const char *state_dir, const struct record *record);

/*
 * Appends those that it lacks, and takes all that it has from `record`, which is for the caller to write.  The caller
 * holds LOCK_TABLES.  Returns 0, or a negative errno with a sentence; then the books go on keeping what could not be told.
 */
int untold_tell(const char *state_dir, struct record *record, struct error *e);

#endif
