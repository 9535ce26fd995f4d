/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <CUnit/Basic.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

void row_check(bool ok, const char *file, unsigned int line, const char *format, ...)
{
	char sentence[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	CU_assertImplementation(ok, line, sentence, file, "", CU_FALSE);
}

bool scratch_make(char path[SCRATCH_SIZE])
{
	snprintf(path, SCRATCH_SIZE, "/tmp/teal-unit.XXXXXX");
	return mkdtemp(path);
}

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void scratch_remove(const char *path)
{
	nftw(path, entry_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

bool file_write(const char *path, const void *bytes, unsigned long size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "w");

	return file && fwrite(bytes, 1, size, file) == size && !fflush(file);
}

int main(void)
{
#define SUITE(name) { #name, NULL, NULL, NULL, NULL, name##_tests },
	CU_SuiteInfo suites[] = { SUITES(SUITE) CU_SUITE_INFO_NULL };
#undef SUITE
	unsigned int failed, run;

	setvbuf(stdout, NULL, _IOLBF, 0); /* seen as they come, also by a pipe */
	if (CU_initialize_registry() || CU_register_suites(suites)) {
		fprintf(stderr, "unit: %s\n", CU_get_error_msg());
		return EXIT_FAILURE;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	run = CU_get_number_of_tests_run();
	failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	printf("unit: %u passed, %u failed\n", run - failed, failed);
	return failed || !run ? EXIT_FAILURE : EXIT_SUCCESS;
}
