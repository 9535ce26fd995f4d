/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

static void the_first_sentence_is_kept(void)
{
	struct error e = { 0 };

	CU_ASSERT_EQUAL(error_set(&e, EXIT_REFUSED, EBUSY, "%s is busy", "web"), -EBUSY);
	CU_ASSERT_EQUAL(error_set(&e, EXIT_FAILED, ENOENT, "an echo"), -ENOENT);
	CU_ASSERT_EQUAL(e.code, EXIT_REFUSED);
	CU_ASSERT_STRING_EQUAL(e.text, "web is busy");
}

static void no_errno_counts_as_einval(void)
{
	struct error e = { 0 };

	CU_ASSERT_EQUAL(error_set(&e, EXIT_USAGE, 0, "what"), -EINVAL);
	CU_ASSERT_EQUAL(e.code, EXIT_USAGE);
}

static void only_printable_ascii_passes(void)
{
	static const struct {
		const char *sentence, *from, *to;
	} rows[] = {
		{ "plain text stays", "a \"b\" ~ \\", "a \"b\" ~ \\" },
		{ "a newline would make two log lines", "a\nb\tc", "a\\nb\\tc" },
		{ "an escape sequence would reach the terminal", "\033[31mred", "\\x1b[31mred" },
		{ "so would DEL and C1 controls", "\x7f\xc2\x9b", "\\x7f\\xc2\\x9b" },
		{ "broken UTF-8 would upset JSON", "\xff\xfe", "\\xff\\xfe" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error e = { 0 };

		error_set(&e, EXIT_FAILED, EINVAL, "%s", rows[i].from);
		ROW_CHECK(!strcmp(e.text, rows[i].to), "%s: got \"%s\"", rows[i].sentence, e.text);
	}
}

static void a_long_sentence_is_cut_and_says_so(void)
{
	struct error e = { 0 };
	char text[4096];

	for (int bytes = '\n'; bytes <= 'x'; bytes += 'x' - '\n') {
		e = (struct error){ 0 };
		memset(text, bytes, sizeof(text));
		error_set(&e, EXIT_FAILED, EINVAL, "%.4096s", text);
		CU_ASSERT(strlen(e.text) >= sizeof(e.text) - 5 && strlen(e.text) < sizeof(e.text));
		CU_ASSERT_STRING_EQUAL(e.text + strlen(e.text) - 3, "...");
	}
}

CU_TestInfo error_tests[] = {
	{ "the first sentence is kept", the_first_sentence_is_kept },
	{ "no errno counts as EINVAL", no_errno_counts_as_einval },
	{ "only printable ASCII passes", only_printable_ascii_passes },
	{ "a long sentence is cut and says so", a_long_sentence_is_cut_and_says_so },
	CU_TEST_INFO_NULL,
};
