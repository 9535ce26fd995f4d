/* SPDX-License-Identifier: GPL-2.0-only */
/* What the unit tests share: one suite a file, and rows that say what they are about when they fail. */
#ifndef TEAL_UNIT_H
#define TEAL_UNIT_H

#include <CUnit/CUnit.h>
#include <stdbool.h>

/* The one list of suites: each is an array NAME_tests of CU_TestInfo in test_NAME.c. */
#define SUITES(X)                                                                                                      \
	X(error) X(address) X(config) X(refusal) X(maglev) X(record) X(nonsense) X(refresh) X(traits) X(health)        \
	X(checks) X(canary) X(operations) X(moments) X(history) X(handshakes) X(words) X(deploy) X(evidence) X(index) \
	X(growth) X(finish)

#define DECLARE(name) extern CU_TestInfo name##_tests[];
SUITES(DECLARE)
#undef DECLARE

/* A failure is the sentence that the format makes. */
#define ROW_CHECK(ok, ...) row_check(ok, __FILE__, __LINE__, __VA_ARGS__)
void row_check(bool ok, const char *file, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A directory of the test's own, "/tmp/teal-unit.XXXXXX"; scratch_remove() takes it away with all that is in it. */
#define SCRATCH_SIZE 32
bool scratch_make(char path[SCRATCH_SIZE]);
void scratch_remove(const char *path);

/* Writes a file from `size` bytes; false if it cannot. */
bool file_write(const char *path, const void *bytes, unsigned long size);

#endif
