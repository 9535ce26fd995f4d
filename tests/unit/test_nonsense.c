/* SPDX-License-Identifier: GPL-2.0-only */
/* What the books may hold after a torn write or a slip of the hand, none of which may be taken for a record. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operation/record.h"

static char directory[SCRATCH_SIZE], file[SCRATCH_SIZE + 16];

static void directory_begin(void)
{
	CU_ASSERT_TRUE_FATAL(scratch_make(directory));
	snprintf(file, sizeof(file), "%s/state.json", directory);
}

#define ONE(fields) "{\"services\": {\"web\": {" fields "}}}"
#define FOUR(active, previous, generation, switched_at)                                                                \
	"\"active\": " active ", \"previous\": " previous ", \"generation\": " generation                              \
	", \"switched_at\": " switched_at
#define FIELDS FOUR("\"blue\"", "null", "1", "2")
#define WEB "service \"web\": "
#define RANGE WEB "a number is out of range"
#define CANARY WEB "canary must have a color and a percent from 1 to 100"
#define PREVIEW WEB "preview must have a color and a list of clients"
#define BACKEND WEB "a backend must be written as ADDRESS:PORT"

struct nonsense {
	const char *sentence, *text, *why;
};

static void rows_check(const struct nonsense *rows, size_t count)
{
	directory_begin();
	for (size_t i = 0; i < count; i++) {
		struct record *record = NULL;
		struct error e = { 0 };
		char wanted[512];

		snprintf(wanted, sizeof(wanted),
			 "%s is not a record that teal wrote (%s): mend it, or move it away to begin "
			 "with the configuration",
			 file, rows[i].why);
		CU_ASSERT_TRUE_FATAL(file_write(file, rows[i].text, strlen(rows[i].text)));
		ROW_CHECK(record_read(directory, &record, &e) == -EINVAL && !record, "%s: not refused",
			  rows[i].sentence);
		ROW_CHECK(!strcmp(e.text, wanted), "%s:\n\twanted \"%s\"\n\tgot    \"%s\"", rows[i].sentence, wanted,
			  e.text);
		ROW_CHECK(e.code == EXIT_FAILED, "%s: code %d", rows[i].sentence, e.code);
	}
	scratch_remove(directory);
}

static void nonsense_is_refused(void)
{
	static const struct nonsense rows[] = {
		{ "an empty file", "", "line 1: '[' or '{' expected near end of file" },
		{ "not JSON", "hello", "line 1: '[' or '{' expected near 'hello'" },
		{ "a list", "[]", "Expected object, got array" },
		{ "a number", "7", "line 1: '[' or '{' expected near '7'" },
		{ "cut short", "{\"services\": {\"web\": {\"active\"", "line 1: ':' expected near end of file" },
		{ "text behind the end", "{\"services\": {}} {}", "line 1: end of file expected near '{'" },
		{ "nothing in it", "{}", "Object item not found: services" },
		{ "another key", "{\"services\": {}, \"x\": {}}", "1 object item(s) left unpacked: x" },
		{ "services in a list", "{\"services\": []}", "services must be an object" },
		{ "a service that is a word", "{\"services\": {\"web\": \"blue\"}}",
		  WEB "Expected object, got string" },
		{ "an empty service", ONE(""), WEB "Object item not found: active" },
		{ "a service twice", "{\"services\": {\"web\": {" FIELDS "}, \"web\": {" FIELDS "}}}",
		  "line 1: duplicate object key near '\"web\"'" },
		{ "a service without a name", "{\"services\": {\"\": {" FIELDS "}}}",
		  "service \"\": no service can have that name" },
		{ "a name that is too long", "{\"services\": {\"a2345678901234567890123456789012\": {" FIELDS "}}}",
		  "service \"a2345678901234567890123456789012\": no service can have that name" },
		{ "a name that would redraw the terminal", "{\"services\": {\"\\u001b[2J\": 1}}",
		  "service \"\\x1b[2J\": Expected object, got integer" },
		{ "a NUL in a name", "{\"services\": {\"web\\u0000x\": {" FIELDS "}}}",
		  "line 1: NUL byte in object key not supported near '\"web\\u0000x\"'" },
		{ "an unknown key", ONE(FIELDS ", \"activ\": 1"), WEB "1 object item(s) left unpacked: activ" },
		{ "no active", ONE("\"previous\": null, \"generation\": 1"), WEB "Object item not found: active" },
		{ "no color active", ONE(FOUR("null", "null", "1", "2")), WEB "Expected string, got null" },
		{ "another color", ONE(FOUR("\"teal\"", "null", "1", "2")), WEB "active must be blue or green" },
		{ "another previous color", ONE(FOUR("\"blue\"", "\"none\"", "1", "2")),
		  WEB "previous must be blue, green or null" },
		{ "a number as a color", ONE(FOUR("\"blue\"", "0", "1", "2")),
		  WEB "previous must be blue, green or null" },
		{ "a negative generation", ONE(FOUR("\"blue\"", "null", "-1", "2")), RANGE },
		{ "a generation beyond 32 bits", ONE(FOUR("\"blue\"", "null", "4294967296", "2")), RANGE },
		{ "half a generation", ONE(FOUR("\"blue\"", "null", "1.5", "2")), WEB "Expected integer, got real" },
		{ "a time before time", ONE(FOUR("\"blue\"", "null", "1", "-2")), RANGE },
		{ "a time beyond 64 bits", ONE(FOUR("\"blue\"", "null", "1", "99999999999999999999")),
		  "line 1: too big integer near '99999999999999999999'" },
	};

	rows_check(rows, COUNT(rows));
}

static void nonsense_about_what_was_set_at_run_time_is_refused(void)
{
	static const struct nonsense rows[] = {
		{ "backends in one word", ONE(FIELDS ", \"blue\": \"10.0.1.11:8443\""), WEB "backends must be a list" },
		{ "backends that are null", ONE(FIELDS ", \"green\": null"), WEB "backends must be a list" },
		{ "no port", ONE(FIELDS ", \"blue\": [\"10.0.1.11:8443\", \"10.0.1.12\"]"), BACKEND },
		{ "a backend that is a number", ONE(FIELDS ", \"green\": [8443]"), BACKEND },
		{ "a canary that is a color", ONE(FIELDS ", \"canary\": \"green\""), CANARY },
		{ "a canary that is null", ONE(FIELDS ", \"canary\": null"), CANARY },
		{ "a canary without a share", ONE(FIELDS ", \"canary\": {\"color\": \"green\"}"), CANARY },
		{ "a canary of nothing", ONE(FIELDS ", \"canary\": {\"color\": \"green\", \"percent\": 0}"), CANARY },
		{ "a canary of too much", ONE(FIELDS ", \"canary\": {\"color\": \"green\", \"percent\": 101}"), CANARY },
		{ "a canary of half a percent", ONE(FIELDS ", \"canary\": {\"color\": \"green\", \"percent\": 0.5}"), CANARY },
		{ "a canary in another color", ONE(FIELDS ", \"canary\": {\"color\": \"teal\", \"percent\": 5}"), CANARY },
		{ "a canary on the active color", ONE(FIELDS ", \"canary\": {\"color\": \"blue\", \"percent\": 5}"),
		  WEB "the canary's color must not be the active one" },
		{ "a preview that is a color", ONE(FIELDS ", \"preview\": \"green\""), PREVIEW },
		{ "a preview of nobody known", ONE(FIELDS ", \"preview\": {\"color\": \"green\"}"), PREVIEW },
		{ "a preview of one in a word", ONE(FIELDS ", \"preview\": {\"color\": \"green\", \"from\": \"192.0.2.1\"}"),
		  PREVIEW },
		{ "a preview of a host name", ONE(FIELDS ", \"preview\": {\"color\": \"green\", \"from\": [\"home\"]}"),
		  WEB "a client of the preview must be written as ADDRESS or ADDRESS/BITS" },
		{ "a history that is a word", ONE(FIELDS ", \"history\": \"release 1\""),
		  WEB "history must be an entry of the history" },
	};

	rows_check(rows, COUNT(rows));
}

/* Whatever byte a torn write ends at, no half of a record is taken for a whole. */
static void no_cut_is_taken_for_the_whole(void)
{
	static const char whole[] = ONE(FIELDS ", \"blue\": [\"10.0.1.11:8443\", \"10.0.1.12:8443\"]");

	directory_begin();
	for (size_t size = 0; size <= strlen(whole); size++) {
		int wanted = size < strlen(whole) ? -EINVAL : 0;
		struct record *record = NULL;
		struct error e = { 0 };

		CU_ASSERT_TRUE_FATAL(file_write(file, whole, size));
		ROW_CHECK(record_read(directory, &record, &e) == wanted, "%zu bytes: %s", size, e.text);
		ROW_CHECK(!record == (wanted != 0), "%zu bytes: written although refused", size);
		record_free(record);
	}
	scratch_remove(directory);
}

static void what_is_no_file_is_refused(void)
{
	struct record *record = NULL;
	struct error e = { 0 };

	directory_begin();
	CU_ASSERT_EQUAL_FATAL(mkfifo(file, 0600), 0);
	CU_ASSERT_EQUAL(record_read(directory, &record, &e), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(unlink(file), 0);
	CU_ASSERT_EQUAL_FATAL(mkdir(file, 0700), 0);
	CU_ASSERT_EQUAL(record_read(directory, &record, &e), -EINVAL);
	CU_ASSERT_EQUAL_FATAL(rmdir(file), 0);
	CU_ASSERT_TRUE_FATAL(file_write(file, "", 0));
	CU_ASSERT_EQUAL_FATAL(truncate(file, 1L << 40), 0);
	CU_ASSERT_EQUAL(record_read(directory, &record, &e), -EINVAL);
	CU_ASSERT_EQUAL(record_read(file, &record, &e), -ENOTDIR);
	CU_ASSERT_PTR_NULL(record);
	scratch_remove(directory);
}

CU_TestInfo nonsense_tests[] = {
	{ "nonsense is refused", nonsense_is_refused },
	{ "nonsense about what was set at run time is refused", nonsense_about_what_was_set_at_run_time_is_refused },
	{ "no cut is taken for the whole", no_cut_is_taken_for_the_whole },
	{ "what is no file is refused", what_is_no_file_is_refused },
	CU_TEST_INFO_NULL,
};
