/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A frame read back, by code of its own: it knows neither the builder's plan nor the data path.
 */
#ifndef TEAL_TEST_VERIFY_H
#define TEAL_TEST_VERIFY_H

#include <linux/types.h>
#include <stddef.h>

#define FIELD_NAME 40
#define FIELD_VALUE 120

struct field {
	char name[FIELD_NAME];
	char value[FIELD_VALUE];
};

/* Says one thing that is wrong, as a sentence.  @context is the caller's. */
typedef void complain_fn(void *context, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads every header of a frame into named fields.  Returns how many, at most `room`. */
int verify_fields(const __u8 *bytes, size_t length, struct field *fields, int room);

/* Complains of each field that differs, and of the first byte that differs without a field showing it. */
void verify_same(const __u8 *expected, size_t expected_length, const __u8 *got, size_t got_length,
		 complain_fn *complain, void *context);

/* Complains of each checksum of a frame that does not sum up.  Frames it cannot read have none. */
void verify_checksums(const __u8 *bytes, size_t length, complain_fn *complain, void *context);

#endif
