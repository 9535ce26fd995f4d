/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A command line as words, to be executed without a shell.  Words are parted by spaces, tabs and newlines.  Within '...'
 * everything stands for itself; within "..." a backslash makes the next \ or " stand for itself; elsewhere it does so with
 * any character.  Nothing else has a meaning: no variables, no globs, no pipes, no redirections.
 */
#ifndef TEAL_WORDS_H
#define TEAL_WORDS_H

#include "common/error.h"

/*
 * Splits.  @what  whose words they are, for the sentence, such as "--run"
 * Give *ret, which ends with NULL and has at least one word, to words_free().
 * Returns 0, or a negative errno with a sentence (EXIT_USAGE).
 */
int words_split(const char *what, const char *text, char ***ret, struct error *e);
void words_free(char **words);

/*
 * The program that the first word means, found in PATH unless it has a slash.  Give *ret to free().
 * Returns 0, or a negative errno with a sentence (EXIT_USAGE): it is nowhere, or is not executable.
 */
int words_program(const char *what, char **words, char **ret, struct error *e);

#endif
