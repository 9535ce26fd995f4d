/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TEAL_BENCH_REDIRECT_H
#define TEAL_BENCH_REDIRECT_H

/*
 * Puts a program at both devices of the network namespace that sends every frame on by the other one, untouched: less than
 * this no XDP program can do.  They stay until the devices go.  Returns 0, or a negative errno and has said what went wrong.
 */
int redirect_run(const char *front, const char *rear);

#endif
