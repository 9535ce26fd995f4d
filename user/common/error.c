/* SPDX-License-Identifier: GPL-2.0-only */
#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char cut_mark[] = "...";

/*
 * Only printable ASCII passes: names and values come from files and arguments, and the sentence goes
 * to terminals, journals and JSON, which control characters and broken UTF-8 would upset.
 */
static void text_escape(const char *from, char *to, size_t size)
{
	size_t used = 0, room = size - sizeof(cut_mark);

	for (; *from; from++) {
		unsigned char c = (unsigned char)*from;
		char piece[5] = { (char)c };

		if (c == '\n')
			strcpy(piece, "\\n");
		else if (c == '\t')
			strcpy(piece, "\\t");
		else if (c < ' ' || c > '~')
			snprintf(piece, sizeof(piece), "\\x%02x", c);
		if (used + strlen(piece) > room) {
			strcpy(to + used, cut_mark);
			return;
		}
		used = (size_t)(stpcpy(to + used, piece) - to);
	}
	to[used] = '\0';
}

int error_set(struct error *e, enum exit_code code, int err, const char *format, ...)
{
	if (e->code == EXIT_DONE) {
		char raw[2 * sizeof(e->text)];
		va_list arguments;

		va_start(arguments, format);
		vsnprintf(raw, sizeof(raw), format, arguments);
		va_end(arguments);
		text_escape(raw, e->text, sizeof(e->text));
		e->code = code;
	}
	return err ? -err : -EINVAL;
}
