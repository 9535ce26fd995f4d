/* SPDX-License-Identifier: GPL-2.0-only */
/* service_slots and endpoint_slots, kept beside `services` and `endpoints`.  Written by table_put() and table_delete() alone. */
#ifndef TEAL_INDEX_H
#define TEAL_INDEX_H

#include "table/table.h"

/* Whether that table has an index. */
bool index_has(enum table table);

/* The row of that key, as it stands in the table now.  Returns 0 or a negative errno. */
int index_put(const struct tables *t, enum table table, const struct teal_service_key *key, const void *row);

/* The key is to be deleted from the table.  Returns 0 or a negative errno. */
int index_delete(const struct tables *t, enum table table, const struct teal_service_key *key);

/*
 * Writes what is missing there: whoever wrote a row may have been killed before he came to its place.  The caller holds
 * LOCK_TABLES.  Returns 0 or a negative errno with a sentence.
 */
int index_mend(const struct tables *t, struct error *e);

#endif
