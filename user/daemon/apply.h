/* SPDX-License-Identifier: GPL-2.0-only */
/* From what is desired (the configuration) to what is (the tables): the difference, checked whole, then applied. */
#ifndef TEAL_APPLY_H
#define TEAL_APPLY_H

#include "common/error.h"
#include "config/config.h"
#include "table/table.h"

/*
 * Makes the tables what the configuration wants: services that are new begin on the color that the books or else
 * the configuration name; which color is active otherwise, and backends set at run time, are left alone.
 * The caller holds LOCK_TABLES.
 * Returns 0, or a negative errno with a sentence.  What a check can find is found before anything is changed.
 */
int apply(const struct tables *t, const char *state_dir, const struct config *config, struct error *e);

#endif
