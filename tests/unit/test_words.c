/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/words.h"

static void words_are_parted_as_the_rules_say(void)
{
	static const struct {
		const char *sentence, *text, *words; /* joined by | */
	} rows[] = {
		{ "plain words", "./release 42", "./release|42" },
		{ "blanks around and between", " \t a  b\n", "a|b" },
		{ "single quotes", "sh -c 'echo $A \"x\" \\n'", "sh|-c|echo $A \"x\" \\n" },
		{ "double quotes", "a \"b c\" \"d\\\"e\\\\f\\n\"", "a|b c|d\"e\\f\\n" },
		{ "a backslash", "a\\ b \\'c", "a b|'c" },
		{ "a backslash at the end stands for itself", "a\\", "a\\" },
		{ "an empty word", "a '' b", "a||b" },
		{ "quotes within a word", "a'b'\"c\"d", "abcd" },
		{ "nothing else means anything", "a * $B `c` | d > e # f ~", "a|*|$B|`c`|||d|>|e|#|f|~" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error e = { 0 };
		char joined[128] = "", **words = NULL;
		int error = words_split("--run", rows[i].text, &words, &e);

		for (char **word = words; !error && *word; word++)
			snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s", word == words ? "" : "|",
				 *word);
		ROW_CHECK(!error && !strcmp(joined, rows[i].words), "%s: got %s (%s)", rows[i].sentence, joined, e.text);
		words_free(words);
	}
}

static void what_is_no_command_is_refused(void)
{
	static const struct {
		const char *text, *sentence;
	} rows[] = {
		{ "", "--run needs a command to run, and there is none in \"\"" },
		{ " \n", "--run needs a command to run, and there is none in \" \\n\"" },
		{ "'' a", "--run needs a command to run, and there is none in \"'' a\"" },
		{ "a 'b", "the ' in the command of --run is not closed: \"a 'b\"" },
		{ "a \"b\\\"", "the \" in the command of --run is not closed: \"a \"b\\\"\"" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error e = { 0 };
		char **words = NULL;
		int error = words_split("--run", rows[i].text, &words, &e);

		ROW_CHECK(error == -EINVAL && e.code == EXIT_USAGE && !strcmp(e.text, rows[i].sentence), "%s: got %s",
			  rows[i].text, e.text);
		if (!error)
			words_free(words);
	}
}

static void a_program_is_found_or_refused(void)
{
	char directory[SCRATCH_SIZE], path[SCRATCH_SIZE + 16], *found = NULL, *path_now = getenv("PATH"), *saved = strdup(path_now ? path_now : "");
	char *good[] = { "tool", NULL }, *pipe[] = { "nonesuch", "|", "wc", NULL }, *variable[] = { "A=1", "tool", NULL };
	struct error e = { 0 };

	CU_ASSERT_TRUE_FATAL(scratch_make(directory));
	snprintf(path, sizeof(path), "%s/tool", directory);
	CU_ASSERT_TRUE_FATAL(file_write(path, "#!/bin/sh\n", 10));
	setenv("PATH", directory, 1);
	CU_ASSERT_EQUAL(words_program("--run", good, &found, &e), -ENOENT); /* there, and not executable */
	CU_ASSERT_STRING_EQUAL(e.text, "there is no program 'tool' for --run: write its whole path");
	chmod(path, 0700);
	e = (struct error){ 0 };
	CU_ASSERT_EQUAL_FATAL(words_program("--run", good, &found, &e), 0);
	CU_ASSERT_STRING_EQUAL(found, path);
	free(found);
	good[0] = directory; /* a directory is no program */
	CU_ASSERT_EQUAL(words_program("--run", good, &found, &e), -ENOENT);
	e = (struct error){ 0 };
	CU_ASSERT_EQUAL(words_program("--run", pipe, &found, &e), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "no shell runs it, so write sh -c '...'"));
	e = (struct error){ 0 };
	CU_ASSERT_EQUAL(words_program("--run", variable, &found, &e), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "no shell runs it, so write sh -c '...'"));
	setenv("PATH", saved, 1);
	free(saved);
	scratch_remove(directory);
}

CU_TestInfo words_tests[] = {
	{ "words are parted as the rules say", words_are_parted_as_the_rules_say },
	{ "what is no command is refused", what_is_no_command_is_refused },
	{ "a program is found or refused", a_program_is_found_or_refused },
	CU_TEST_INFO_NULL,
};
