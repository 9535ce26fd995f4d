/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"
#include "operation/history.h"

static char directory[SCRATCH_SIZE], file[SCRATCH_SIZE + 24];

static void directory_begin(void)
{
	CU_ASSERT_TRUE_FATAL(scratch_make(directory));
	snprintf(file, sizeof(file), "%s/" HISTORY_FILE, directory);
}

static int append(const char *service, unsigned int generation, const char *why, struct error *e)
{
	const struct history_entry entry = { service, TEAL_BLUE, TEAL_GREEN, why, generation, 12, false };
	char *line = history_line(&entry);
	int error = history_append(directory, line, e);

	free(line);
	return error;
}

static json_t *read_all(const char *service, unsigned int limit, unsigned int *ret_unread)
{
	struct error e = { 0 };
	json_t *list = NULL;

	CU_ASSERT_EQUAL_FATAL(history_read(directory, service, limit, &list, ret_unread, &e), 0);
	return list;
}

static const char *why_of(const json_t *list, size_t i)
{
	return json_string_value(json_object_get(json_array_get(list, i), "why"));
}

static void text_is_made_fit_for_a_terminal(void)
{
	static const struct {
		const char *sentence, *from, *to;
		bool clean;
	} rows[] = {
		{ "plain", "release 42", "release 42", true },
		{ "umlauts", "f\xc3\xbcr gr\xc3\xbcn \xe2\x86\x92", "f\xc3\xbcr gr\xc3\xbcn \xe2\x86\x92", true },
		{ "an escape sequence", "\033[2Jgone", "\\x1b[2Jgone", false },
		{ "a newline and a tab", "a\nb\tc", "a\\nb\\tc", false },
		{ "C1 control, as UTF-8", "a\xc2\x9b" "b", "a\\xc2\\x9bb", false },
		{ "the direction of writing", "a\xe2\x80\xae" "b", "a\\xe2\\x80\\xaeb", false },
		{ "no UTF-8", "a\xff\xc3(", "a\\xff\\xc3(", false },
		{ "longer than need be", "\xc0\xaf", "\\xc0\\xaf", false },
		{ "a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80", false },
		{ "cut off", "\xe2\x86", "\\xe2\\x86", false },
	};
	char text[64];

	for (size_t i = 0; i < COUNT(rows); i++) {
		text_clean(rows[i].from, text, sizeof(text));
		ROW_CHECK(!strcmp(text, rows[i].to), "%s: got \"%s\"", rows[i].sentence, text);
		ROW_CHECK(text_is_clean(rows[i].from) == rows[i].clean, "%s: clean or not", rows[i].sentence);
	}
	CU_ASSERT_STRING_EQUAL(text_clean("123456789", text, 10), "123456789");
	CU_ASSERT_STRING_EQUAL(text_clean("1234567890", text, 10), "123456...");
	CU_ASSERT_STRING_EQUAL(text_clean("12345\xc3\xbc" "789", text, 10), "12345...");
}

static void what_is_appended_is_read(void)
{
	struct error e = { 0 };
	unsigned int unread;
	struct stat status;
	json_t *list;

	directory_begin();
	list = read_all(NULL, 0, &unread);
	CU_ASSERT_EQUAL(json_array_size(list), 0);
	json_decref(list);
	CU_ASSERT_EQUAL(append("web", 1, "first", &e), 0);
	CU_ASSERT_EQUAL(append("api", 1, NULL, &e), 0);
	CU_ASSERT_EQUAL(append("web", 2, "\033]0;evil\a\xff", &e), 0);
	CU_ASSERT_EQUAL(stat(file, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
	list = read_all(NULL, 0, &unread);
	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 3);
	CU_ASSERT_STRING_EQUAL(why_of(list, 0), "first");
	CU_ASSERT_STRING_EQUAL(why_of(list, 1), "");
	CU_ASSERT_STRING_EQUAL(why_of(list, 2), "\\x1b]0;evil\\x07\\xff");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(list, 0), "connections")), 12);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(list, 0), "uid")), getuid());
	json_decref(list);
	list = read_all("web", 1, &unread);
	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 1);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(list, 0), "generation")), 2);
	json_decref(list);
	CU_ASSERT_EQUAL(e.code, EXIT_DONE);
	scratch_remove(directory);
}

/* A crash in the midst of a line, somebody's own line, and a file that tries to write to the terminal. */
static void a_torn_or_a_foreign_line_is_left_out(void)
{
	static const char nonsense[] = "hello\n{\"at\":\"x\"}\n\n"
				       "{\"at\":\"\\u001b[2J\",\"service\":\"web\",\"from\":\"blue\",\"to\":\"green\",\"generation\":1,"
				       "\"connections\":0,\"uid\":0,\"user\":null,\"login\":null,\"sudo\":null,\"why\":\"\"}\n"
				       "{\"at\":\"2026-11-";
	struct error e = { 0 };
	unsigned int unread;
	json_t *list;

	directory_begin();
	CU_ASSERT_TRUE_FATAL(file_write(file, nonsense, sizeof(nonsense) - 1));
	CU_ASSERT_EQUAL(append("web", 7, "after", &e), 0);
	list = read_all(NULL, 0, &unread);
	CU_ASSERT_EQUAL(unread, 4);
	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 2);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json_array_get(list, 0), "at")), "\\x1b[2J");
	CU_ASSERT_STRING_EQUAL(why_of(list, 1), "after");
	json_decref(list);
	scratch_remove(directory);
}

/* Each file is filled up to its last byte but one, so that the next entry needs a new one. */
static void full_files_make_room(void)
{
	char path[SCRATCH_SIZE + 32];
	unsigned int unread;
	struct error e = { 0 };
	struct stat status;
	json_t *list;

	directory_begin();
	for (unsigned int i = 1; i <= 7; i++) {
		CU_ASSERT_EQUAL_FATAL(append("web", i, "", &e), 0);
		CU_ASSERT_EQUAL(stat(file, &status), 0);
		CU_ASSERT_TRUE(status.st_size < 1000);
		CU_ASSERT_EQUAL(truncate(file, HISTORY_FILE_MAX - 1), 0);
	}
	snprintf(path, sizeof(path), "%s.%d", file, HISTORY_KEPT);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s.%d", file, HISTORY_KEPT + 1);
	CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
	list = read_all(NULL, 0, &unread);
	CU_ASSERT_EQUAL(json_array_size(list), HISTORY_KEPT + 1);
	for (size_t i = 0; i < json_array_size(list); i++) { /* the oldest are gone, and no other is */
		json_int_t got = json_integer_value(json_object_get(json_array_get(list, i), "generation"));

		ROW_CHECK(got == (json_int_t)i + 7 - HISTORY_KEPT, "entry %zu is generation %lld", i, (long long)got);
	}
	json_decref(list);
	scratch_remove(directory);
}

static void a_line_is_found_in_any_file_or_not_at_all(void)
{
	const struct history_entry first = { "web", TEAL_BLUE, TEAL_GREEN, "first", 1, 12, true };
	const struct history_entry last = { "web", TEAL_GREEN, TEAL_BLUE, "last", 2, 12, false };
	char *lines[] = { history_line(&first), history_line(&last), "{\"at\"" };
	bool lacks[COUNT(lines)];
	struct error e = { 0 };
	unsigned int unread;
	json_t *list;

	directory_begin();
	history_lacks(directory, lines, COUNT(lines), lacks);
	CU_ASSERT_TRUE(lacks[0] && lacks[1] && lacks[2]);
	CU_ASSERT_EQUAL(history_append(directory, lines[0], &e), 0);
	CU_ASSERT_EQUAL(truncate(file, HISTORY_FILE_MAX - 1), 0); /* with NULs, as a crash leaves them */
	CU_ASSERT_EQUAL(history_append(directory, lines[1], &e), 0);
	history_lacks(directory, lines, COUNT(lines), lacks);
	CU_ASSERT_TRUE(!lacks[0] && !lacks[1] && lacks[2]);
	list = read_all(NULL, 0, &unread);
	CU_ASSERT_TRUE(json_is_null(json_object_get(json_array_get(list, 0), "user")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(list, 0), "uid")), -1);
	json_decref(list);
	free(lines[0]);
	free(lines[1]);
	scratch_remove(directory);
}

static void what_cannot_be_written_is_told(void)
{
	struct error e = { 0 };
	char wanted[256];

	directory_begin();
	CU_ASSERT_EQUAL(mkdir(file, 0700), 0);
	CU_ASSERT_EQUAL(append("web", 1, "", &e), -EISDIR);
	snprintf(wanted, sizeof(wanted), "%s cannot be written (Is a directory), so this switch is missing in the history: ",
		 file);
	ROW_CHECK(!strncmp(e.text, wanted, strlen(wanted)), "got \"%s\"", e.text);
	CU_ASSERT_EQUAL(rmdir(file), 0);
	CU_ASSERT_EQUAL(symlink("/dev/null", file), 0);
	CU_ASSERT_EQUAL(append("web", 1, "", &e), -ELOOP);
	scratch_remove(directory);
}

CU_TestInfo history_tests[] = {
	{ "text is made fit for a terminal", text_is_made_fit_for_a_terminal },
	{ "what is appended is read", what_is_appended_is_read },
	{ "a torn or a foreign line is left out", a_torn_or_a_foreign_line_is_left_out },
	{ "full files make room", full_files_make_room },
	{ "a line is found in any file, or not at all", a_line_is_found_in_any_file_or_not_at_all },
	{ "what cannot be written is told", what_cannot_be_written_is_told },
	CU_TEST_INFO_NULL,
};
