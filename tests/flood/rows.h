/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEAL_TEST_ROWS_H
#define TEAL_TEST_ROWS_H

/*
 * How many rows the pinned hash table has.
 * @service  only those of flows of that service, -1: all
 * Returns the number, or -errno.
 */
long rows_count(const char *pin, int service);

#endif
