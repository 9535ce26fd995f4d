/* SPDX-License-Identifier: GPL-2.0-only */
/* Configuration files as rows: a sentence, the file, and the exact error that it must give. */
#ifndef TEAL_CONFIG_ROWS_H
#define TEAL_CONFIG_ROWS_H

#include <stddef.h>

/* Line 1 of most rows; line 2 begins the list that their own lines 3 and on go into. */
#define DEVICES "devices: [{ name: eth0 }]\n"
#define SERVICES DEVICES "services:\n"
#define WEB SERVICES "  - name: web\n    listen: 203.0.113.10:443/tcp\n"

struct config_row {
	const char *sentence, *yaml, *error; /* the error without "FILE:"; NULL: the file is good */
};

void config_rows_check(const struct config_row *rows, size_t count);

#endif
