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
struct link_held;

/* What is attached, and from where. */
struct attach {
	struct teal_bpf *bpf;
	const char *pin_dir;
	struct link_held *held; /* the links once more: they stay attached when the file system of their pins is unmounted */
	unsigned int missing;	/* devices of the configuration that are not there at the moment */
};

/*
 * Serves the configured devices, and no others.  Called again it mends what is missing: a device that came back, the pin
 * of a link that is held.
 * Returns 0, or a negative errno with a sentence.
 */
int attach(struct attach *a, const struct config *config, struct error *e);

/* Whether every link that is held has its pin. */
bool attach_is_pinned(const struct attach *a);

/* Lets go of the links; what is pinned stays attached. */
void attach_end(struct attach *a);

/* Takes every program of teal's off every device.  Returns 0 or a negative errno with a sentence. */
int attach_remove(const char *pin_dir, struct error *e);

#endif
