/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attaching: the programs at the devices.  XDP and tcx links are pinned as links/DEVICE:HOOK, so they outlive the
 * daemon; a new daemon puts its program into the pinned link in one step, without a gap.  On kernels without tcx
 * (before 6.6) a clsact filter of a fixed place takes its role.
 */
#ifndef TEAL_ATTACH_H
#define TEAL_ATTACH_H

#include "common/error.h"
#include "config/config.h"

struct teal_bpf;

/*
 * Serves the configured devices, and no others.  Called again it mends what is missing (a device that came back).
 * @ret_missing  how many of the devices are not there at the moment
 * Returns 0, or a negative errno with a sentence; -ENODEV only if no device at all is there.
 */
int attach(struct teal_bpf *bpf, const char *pin_dir, const struct config *config, unsigned int *ret_missing,
	   struct error *e);

/* Takes every program of teal's off every device.  Returns 0 or a negative errno with a sentence. */
int attach_remove(const char *pin_dir, struct error *e);

#endif
