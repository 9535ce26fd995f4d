/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEAL_STANDARD_H
#define TEAL_STANDARD_H

/*
 * Whoever starts a program may have closed standard input, output or error.  The next file that is opened would take that
 * number, and what is meant for people be written into it: so these numbers are taken first, by what cannot be written.
 */
void standard_keep(void);

#endif
