/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operation/record.h"

static char directory[SCRATCH_SIZE], file[SCRATCH_SIZE + 16];

static void directory_begin(void)
{
	CU_ASSERT_TRUE_FATAL(scratch_make(directory));
	snprintf(file, sizeof(file), "%s/state.json", directory);
}

/* The files in a directory, by count: what a writer leaves behind would show. */
static unsigned int files_count(const char *path)
{
	DIR *stream = opendir(path);
	unsigned int count = 0;

	while (stream && readdir(stream))
		count++;
	if (stream)
		closedir(stream);
	return count - 2; /* "." and ".." */
}

static void file_text(const char *path, char *text, size_t size)
{
	FILE *in = fopen(path, "r");
	size_t got = in ? fread(text, 1, size - 1, in) : 0;

	if (in)
		fclose(in);
	text[got] = '\0';
}

/* Two services, one with green backends set at run time. */
static struct record *record_example(void)
{
	struct record *record = calloc(1, sizeof(*record));
	struct record_service *web = record_obtain(record, "web"), *dns;

	web->active = TEAL_GREEN;
	web->previous = TEAL_BLUE;
	web->generation = 4294967295U;
	web->switched_at = 1753600000;
	web->colors[TEAL_GREEN].at_run_time = true;
	web->colors[TEAL_GREEN].backends = calloc(2, sizeof(struct endpoint));
	web->colors[TEAL_GREEN].count = 2;
	endpoint_parse("10.0.1.11:8443", &web->colors[TEAL_GREEN].backends[0]);
	endpoint_parse("[2001:db8::11]:8443", &web->colors[TEAL_GREEN].backends[1]);
	dns = record_obtain(record, "dns");
	dns->colors[TEAL_BLUE].at_run_time = true; /* set to none at all */
	dns->canary = TEAL_GREEN;
	dns->canary_percent = 5;
	dns->preview.color = TEAL_GREEN;
	dns->preview.from = calloc(2, sizeof(struct prefix));
	dns->preview.count = 2;
	prefix_parse("192.0.2.0/24", &dns->preview.from[0]);
	prefix_parse("2001:db8::1", &dns->preview.from[1]);
	return record;
}

static const char example_text[] = "{\n"
				   "  \"services\": {\n"
				   "    \"web\": {\n"
				   "      \"active\": \"green\",\n"
				   "      \"previous\": \"blue\",\n"
				   "      \"generation\": 4294967295,\n"
				   "      \"switched_at\": 1753600000,\n"
				   "      \"green\": [\n"
				   "        \"10.0.1.11:8443\",\n"
				   "        \"[2001:db8::11]:8443\"\n"
				   "      ]\n"
				   "    },\n"
				   "    \"dns\": {\n"
				   "      \"active\": \"blue\",\n"
				   "      \"previous\": null,\n"
				   "      \"generation\": 0,\n"
				   "      \"switched_at\": 0,\n"
				   "      \"blue\": [],\n"
				   "      \"canary\": {\n"
				   "        \"color\": \"green\",\n"
				   "        \"percent\": 5\n"
				   "      },\n"
				   "      \"preview\": {\n"
				   "        \"color\": \"green\",\n"
				   "        \"from\": [\n"
				   "          \"192.0.2.0/24\",\n"
				   "          \"2001:db8::1\"\n"
				   "        ]\n"
				   "      }\n"
				   "    }\n"
				   "  }\n"
				   "}\n";

static void what_is_written_is_read(void)
{
	struct record *record = record_example(), *again = NULL;
	struct record_service *web, *dns;
	struct error e = { 0 };

	directory_begin();
	CU_ASSERT_EQUAL(record_write(directory, record, &e), 0);
	record_free(record);
	CU_ASSERT_EQUAL_FATAL(record_read(directory, &again, &e), 0);
	CU_ASSERT_EQUAL(again->count, 2);
	web = record_find(again, "web");
	dns = record_find(again, "dns");
	CU_ASSERT_FATAL(web && dns);
	CU_ASSERT_EQUAL(web->active, TEAL_GREEN);
	CU_ASSERT_EQUAL(web->previous, TEAL_BLUE);
	CU_ASSERT_EQUAL(web->generation, 4294967295U);
	CU_ASSERT_EQUAL(web->switched_at, 1753600000);
	CU_ASSERT_FALSE(web->colors[TEAL_BLUE].at_run_time);
	CU_ASSERT_TRUE(web->colors[TEAL_GREEN].at_run_time);
	CU_ASSERT_EQUAL_FATAL(web->colors[TEAL_GREEN].count, 2);
	CU_ASSERT_EQUAL(web->colors[TEAL_GREEN].backends[0].port, 8443);
	CU_ASSERT_TRUE(address_is_ipv4(web->colors[TEAL_GREEN].backends[0].address));
	CU_ASSERT_FALSE(address_is_ipv4(web->colors[TEAL_GREEN].backends[1].address));
	CU_ASSERT_EQUAL(dns->active, TEAL_BLUE);
	CU_ASSERT_EQUAL(dns->previous, TEAL_NO_COLOR);
	CU_ASSERT_TRUE(dns->colors[TEAL_BLUE].at_run_time);
	CU_ASSERT_EQUAL(dns->colors[TEAL_BLUE].count, 0);
	CU_ASSERT_EQUAL(web->canary, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(web->preview.color, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(dns->canary, TEAL_GREEN);
	CU_ASSERT_EQUAL(dns->canary_percent, 5);
	CU_ASSERT_EQUAL(dns->preview.color, TEAL_GREEN);
	CU_ASSERT_EQUAL_FATAL(dns->preview.count, 2);
	CU_ASSERT_EQUAL(dns->preview.from[0].bits, 120);
	CU_ASSERT_EQUAL(dns->preview.from[1].bits, 128);
	CU_ASSERT_EQUAL(e.code, EXIT_DONE);
	record_free(again);
	scratch_remove(directory);
}

static void the_file_is_for_people_too(void)
{
	struct record *record = record_example();
	struct error e = { 0 };
	struct stat status;
	char text[4096];

	directory_begin();
	CU_ASSERT_TRUE(file_write(file, "old", 3));
	chmod(file, 0666);
	CU_ASSERT_EQUAL(record_write(directory, record, &e), 0);
	file_text(file, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, example_text);
	CU_ASSERT_EQUAL(stat(file, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
	CU_ASSERT_EQUAL(files_count(directory), 1);
	record_free(record);
	scratch_remove(directory);
}

static void a_missing_file_is_an_empty_record(void)
{
	struct record *record = NULL;
	struct error e = { 0 };

	directory_begin();
	CU_ASSERT_EQUAL(record_read(directory, &record, &e), 0);
	CU_ASSERT_FATAL(record && !record->count);
	CU_ASSERT_PTR_NULL(record_find(record, "web"));
	record_free(record);
	scratch_remove(directory);
	record = NULL;
	CU_ASSERT_EQUAL(record_read(directory, &record, &e), 0); /* the directory is gone too */
	CU_ASSERT_PTR_NOT_NULL(record);
	record_free(record);
	CU_ASSERT_EQUAL(e.code, EXIT_DONE);
}

static void entries_are_found_made_and_removed(void)
{
	struct record *record = calloc(1, sizeof(*record));
	struct record_service *entry;

	CU_ASSERT_PTR_NULL(record_find(record, "a"));
	record_remove(record, "a");
	for (const char *name = "a\0b\0c\0"; *name; name += 2) {
		entry = record_obtain(record, name);
		if (!entry)
			break; /* the count below tells */
		CU_ASSERT_STRING_EQUAL(entry->name, name);
		CU_ASSERT_EQUAL(entry->active, TEAL_BLUE);
		CU_ASSERT_EQUAL(entry->previous, TEAL_NO_COLOR);
		CU_ASSERT_EQUAL(entry->generation, 0);
		CU_ASSERT_FALSE(entry->colors[TEAL_BLUE].at_run_time || entry->colors[TEAL_GREEN].at_run_time);
		entry->generation = (__u32)*name;
		entry->colors[TEAL_BLUE].backends = calloc(1, sizeof(struct endpoint));
	}
	CU_ASSERT_EQUAL(record->count, 3);
	CU_ASSERT_PTR_EQUAL(record_obtain(record, "b"), record_find(record, "b"));
	record_remove(record, "b");
	CU_ASSERT_EQUAL(record->count, 2);
	CU_ASSERT_PTR_NULL(record_find(record, "b"));
	CU_ASSERT_EQUAL(record_find(record, "a")->generation, 'a');
	CU_ASSERT_EQUAL(record_find(record, "c")->generation, 'c');
	record_remove(record, "c");
	record_remove(record, "a");
	CU_ASSERT_EQUAL(record->count, 0);
	record_free(record);
	record_free(NULL);
}

static void a_check_makes_the_directory_and_leaves_nothing_in_it(void)
{
	char path[SCRATCH_SIZE + 8];
	struct error e = { 0 };
	struct stat status;

	directory_begin();
	snprintf(path, sizeof(path), "%s/state", directory);
	CU_ASSERT_EQUAL(record_check(path, &e), 0);
	CU_ASSERT_EQUAL(stat(path, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0700);
	CU_ASSERT_EQUAL(files_count(path), 0);
	CU_ASSERT_EQUAL(record_check(path, &e), 0);
	scratch_remove(directory);
}

static void a_leftover_of_a_killed_writer_does_no_harm(void)
{
	struct record *record = record_example();
	char path[SCRATCH_SIZE + 24], text[4096];
	struct error e = { 0 };

	directory_begin();
	snprintf(path, sizeof(path), "%s/state.json.new", directory);
	CU_ASSERT_TRUE_FATAL(file_write(path, "{\"serv", 6));
	CU_ASSERT_EQUAL(record_write(directory, record, &e), 0);
	CU_ASSERT_TRUE_FATAL(file_write(path, "{\"serv", 6));
	CU_ASSERT_EQUAL(record_check(directory, &e), 0);
	CU_ASSERT_EQUAL(files_count(directory), 1);
	file_text(file, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, example_text);
	record_free(record);
	scratch_remove(directory);
}

/* What a later write would stumble over is found before anything is changed. */
static void a_check_refuses_what_a_write_would_meet(void)
{
	static const struct {
		const char *sentence, *path, *why;
		int result;
	} rows[] = {
		{ "a file instead of the directory", "plain", "Not a directory", -ENOTDIR },
		{ "a directory under a file", "plain/state", "Not a directory", -ENOTDIR },
		{ "no directory above", "missing/state", "No such file or directory", -ENOENT },
		{ "where no directory can be made", "/proc/teal", "No such file or directory", -ENOENT },
		{ "where no file can be made", "/proc", "No such file or directory", -ENOENT },
	};
	struct record *record = record_example();
	char path[128], wanted[512];

	directory_begin();
	snprintf(path, sizeof(path), "%s/plain", directory);
	CU_ASSERT_TRUE_FATAL(file_write(path, "", 0));
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool absolute = *rows[i].path == '/';
		struct error e = { 0 };
		int error;

		snprintf(path, sizeof(path), "%s%s%s", absolute ? "" : directory, absolute ? "" : "/", rows[i].path);
		snprintf(wanted, sizeof(wanted),
			 "the state directory %s cannot be written (%s): mend that or name another with "
			 "--state-dir, for without it a reboot would forget which color is active",
			 path, rows[i].why);
		error = record_check(path, &e);
		ROW_CHECK(error == rows[i].result, "%s: returned %d", rows[i].sentence, error);
		ROW_CHECK(!strcmp(e.text, wanted), "%s:\n\twanted \"%s\"\n\tgot    \"%s\"", rows[i].sentence, wanted,
			  e.text);
		e = (struct error){ 0 };
		ROW_CHECK(record_write(path, record, &e) == error, "%s: a write returns something else",
			  rows[i].sentence);
		ROW_CHECK(e.code == EXIT_FAILED && strstr(e.text, path), "%s: got \"%s\"", rows[i].sentence, e.text);
	}
	record_free(record);
	scratch_remove(directory);
}

/* A change is written into what stands in the file, so that must be readable before anything is changed. */
static void a_check_refuses_nonsense(void)
{
	struct error e = { 0 };

	directory_begin();
	CU_ASSERT_TRUE_FATAL(file_write(file, "{", 1));
	CU_ASSERT_EQUAL(record_check(directory, &e), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "/state.json is not a record that teal wrote (line 1: "));
	CU_ASSERT_EQUAL(files_count(directory), 1);
	scratch_remove(directory);
}

/* In a mount namespace of its own: a disk of two pages, then the same read-only. */
static void a_full_and_a_read_only_disk_leave_the_old_file(void)
{
	struct record *record = record_example();
	struct error e = { 0 };
	char text[4096], name[16];

	directory_begin();
	CU_ASSERT_EQUAL(record_write(directory, record, &e), 0);
	CU_ASSERT_EQUAL_FATAL(unshare(CLONE_NEWNS), 0);
	CU_ASSERT_EQUAL_FATAL(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(mount("teal-unit", directory, "tmpfs", 0, "size=8k"), 0);
	CU_ASSERT_EQUAL(record_write(directory, record, &e), 0);
	CU_ASSERT_EQUAL(e.code, EXIT_DONE);
	CU_ASSERT_EQUAL(record_check(directory, &e), -ENOSPC);
	for (unsigned int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "service-%u", i);
		CU_ASSERT_PTR_NOT_NULL_FATAL(record_obtain(record, name));
	}
	e = (struct error){ 0 };
	CU_ASSERT_EQUAL(record_write(directory, record, &e), -ENOSPC);
	ROW_CHECK(strstr(e.text,
			 "/state.json cannot be written (No space left on device): until it can, a reboot would come "
			 "back on what was recorded before"),
		  "got \"%s\"", e.text);
	CU_ASSERT_EQUAL(files_count(directory), 1);
	CU_ASSERT_EQUAL(mount("none", directory, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	CU_ASSERT_EQUAL(record_write(directory, record, &e), -EROFS);
	CU_ASSERT_EQUAL(record_check(directory, &e), -EROFS);
	file_text(file, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, example_text);
	CU_ASSERT_EQUAL(umount(directory), 0);
	record_free(record);
	scratch_remove(directory);
}

CU_TestInfo record_tests[] = {
	{ "what is written is read", what_is_written_is_read },
	{ "the file is for people too", the_file_is_for_people_too },
	{ "a missing file is an empty record", a_missing_file_is_an_empty_record },
	{ "entries are found, made and removed", entries_are_found_made_and_removed },
	{ "a check makes the directory and leaves nothing in it",
	  a_check_makes_the_directory_and_leaves_nothing_in_it },
	{ "a leftover of a killed writer does no harm", a_leftover_of_a_killed_writer_does_no_harm },
	{ "a check refuses what a write would meet", a_check_refuses_what_a_write_would_meet },
	{ "a full and a read-only disk leave the old file", a_full_and_a_read_only_disk_leave_the_old_file },
	{ "a check refuses nonsense", a_check_refuses_nonsense },
	CU_TEST_INFO_NULL,
};
