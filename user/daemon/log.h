/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's log: standard error, a line each; under systemd with the journal's priorities (sd-daemon(3)). */
#ifndef TEAL_LOG_H
#define TEAL_LOG_H

void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
