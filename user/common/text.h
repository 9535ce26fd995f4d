/* SPDX-License-Identifier: GPL-2.0-only */
/* Text that came from somebody else (arguments, environment, files), made fit for a terminal and for JSON. */
#ifndef TEAL_TEXT_H
#define TEAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies `from` into `to` (`size` bytes, NUL included; cut at the end of a character, with "..." if it is too long).
 * UTF-8 that shows something passes; control characters, what turns the direction of writing, and bytes that are no UTF-8
 * are written as \n, \t or \xNN.  Returns `to`.
 */
const char *text_clean(const char *from, char *to, size_t size);

/* Whether text_clean() would leave it as it is, whatever its length. */
bool text_is_clean(const char *text);

#endif
