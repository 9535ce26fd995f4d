/* SPDX-License-Identifier: GPL-2.0-only */
/* What each device can do with a frame that is sent out by it: the table `devices`. */
#ifndef TEAL_CAPABILITY_H
#define TEAL_CAPABILITY_H

struct teal_bpf;

/* Writes the table anew, as the devices are now.  Returns 0 or a negative errno. */
int capability_write(struct teal_bpf *bpf);

#endif
