/* SPDX-License-Identifier: GPL-2.0-only */
#include "common/words.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"

#define BLANKS " \t\r\n"

/*
 * One word from *text on, unquoted in place: it never grows.  Moves *text behind it.
 * Returns the word, NULL at the end, or sets *ret_quote to the quote that does not end.
 */
static char *word_take(char **text, char *ret_quote)
{
	char *from = *text + strspn(*text, BLANKS), *word = from, *to = from, quote = 0;

	if (!*from) {
		*text = from;
		return NULL;
	}
	for (; *from && (quote || !strchr(BLANKS, *from)); from++) {
		if (quote ? *from == quote : *from == '\'' || *from == '"') {
			quote = quote ? 0 : *from;
			continue;
		}
		if (*from == '\\' && quote != '\'' && from[1] && (!quote || from[1] == '\\' || from[1] == '"'))
			from++;
		*to++ = *from;
	}
	*ret_quote = quote;
	*text = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

int words_split(const char *what, const char *text, char ***ret, struct error *e)
{
	_cleanup_free_ char *copy = strdup(text);
	char **words = calloc(strlen(text) / 2 + 2, sizeof(*words)), *rest = copy, *word, quote = 0;
	unsigned int count = 0;
	bool memory = copy && words;

	while (memory && !quote && (word = word_take(&rest, &quote))) {
		words[count] = strdup(word);
		memory = words[count++];
	}
	if (memory && !quote && count && *words[0]) {
		*ret = words;
		return 0;
	}
	words_free(words);
	if (!memory)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	if (quote)
		return error_set(e, EXIT_USAGE, EINVAL, "the %c in the command of %s is not closed: \"%.200s\"", quote, what,
				 text);
	return error_set(e, EXIT_USAGE, EINVAL, "%s needs a command to run, and there is none in \"%.200s\"", what, text);
}

void words_free(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
	free(words);
}

/* Whether somebody took us for a shell. */
static bool is_for_a_shell(char **words)
{
	static const char *const marks[] = { "|", "||", "&", "&&", ";", ">", ">>", "<" };

	if (strchr(words[0], '=') || strpbrk(words[0], "|&;<>$*`"))
		return true;
	for (char **word = words; *word; word++)
		for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
			if (!strcmp(*word, marks[i]))
				return true;
	return false;
}

static bool is_executable(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode) && !access(path, X_OK);
}

int words_program(const char *what, char **words, char **ret, struct error *e)
{
	const char *path = getenv("PATH") ?: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *end;
	bool found = false;
	char *file = NULL;

	if (strchr(words[0], '/')) {
		file = strdup(words[0]);
		found = file && is_executable(file);
	}
	for (; !file && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		if (end == path)
			continue; /* an empty entry means "here", which nobody wants as root */
		if (asprintf(&file, "%.*s/%s", (int)(end - path), path, words[0]) < 0)
			return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
		found = is_executable(file);
		if (!found) {
			free(file);
			file = NULL;
		}
	}
	if (found) {
		*ret = file;
		return 0;
	}
	free(file);
	return error_set(e, EXIT_USAGE, ENOENT, "there is no program '%s' for %s: %s", words[0], what,
			 is_for_a_shell(words) ? "no shell runs it, so write sh -c '...' for what needs one" :
						 "write its whole path");
}
