/* SPDX-License-Identifier: GPL-2.0-only */
#include "common/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char cut_mark[] = "...";

/*
 * The UTF-8 character at `text` (RFC 3629: no surrogates, nothing longer than need be).
 * Returns its length in bytes, or 0 for what is none.
 */
static size_t character_read(const unsigned char *text, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = *text < 0x80 ? 1 : *text < 0xc2 ? 0 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : *text < 0xf5 ? 4 : 0;
	uint32_t code = length < 2 ? *text : *text & (0x7fU >> length);

	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (!length || code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret = code;
	return length;
}

/* Unicode's Cc, the line and paragraph separators, and the marks that turn the direction of writing (UAX 9). */
static bool is_harmful(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f || code == 0x61c || code == 0xfeff;
}

/* One character, or one byte of what is none, as it is to be written.  Returns how many bytes of `text` that was. */
static size_t piece_take(const char *text, char piece[20], bool *ret_clean)
{
	uint32_t code = 0;
	size_t length = character_read((const unsigned char *)text, &code), bytes = length ? length : 1, used = 0;

	*ret_clean = length && !is_harmful(code);
	if (*ret_clean) {
		memcpy(piece, text, length);
		piece[length] = '\0';
	} else if (*text == '\n' || *text == '\t') {
		strcpy(piece, *text == '\n' ? "\\n" : "\\t");
	} else {
		for (size_t i = 0; i < bytes; i++)
			used += (size_t)snprintf(piece + used, 20 - used, "\\x%02x", (unsigned char)text[i]);
	}
	return bytes;
}

const char *text_clean(const char *from, char *to, size_t size)
{
	size_t used = 0, room = size - sizeof(cut_mark), whole = 0; /* `whole`: where a mark would still find room */
	char piece[20];
	bool clean;

	while (*from) {
		from += piece_take(from, piece, &clean);
		if (used + strlen(piece) >= size) {
			strcpy(to + whole, cut_mark);
			return to;
		}
		used = (size_t)(stpcpy(to + used, piece) - to);
		whole = used <= room ? used : whole;
	}
	to[used] = '\0';
	return to;
}

bool text_is_clean(const char *text)
{
	char piece[20];
	bool clean = true;

	while (*text && clean)
		text += piece_take(text, piece, &clean);
	return clean;
}
