// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/attach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/cleanup.h"
#include "daemon/capability.h"
#include "daemon/held.h"
#include "daemon/log.h"
#include "daemon/netdev.h"
#include "teal.skel.h"

/* Linux 6.6; Debian 12's headers are older. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS ((enum bpf_attach_type)47)

/* The place of the clsact filters: whoever else stands there keeps it. */
#define CLSACT_HANDLE 0x7ea1
#define CLSACT_PRIORITY 0x7ea1

struct hook {
	const char *name; /* in the pin's name */
	enum bpf_attach_type type;
	enum bpf_tc_attach_point clsact; /* 0: XDP */
};

static const struct hook hooks[] = {
	{ "xdp", BPF_XDP, 0 },
	{ "ingress", TCX_INGRESS, BPF_TC_INGRESS },
	{ "egress", TCX_EGRESS, BPF_TC_EGRESS },
};
enum { XDP, INGRESS, EGRESS, HOOKS };

static struct bpf_program *hook_program(struct teal_bpf *bpf, int hook)
{
	return hook == XDP ? bpf->progs.teal_xdp : hook == INGRESS ? bpf->progs.teal_ingress : bpf->progs.teal_egress;
}

static const char *attach_mode_name(enum device_mode mode)
{
	static const char *const names[] = { "auto", "native", "generic", "tc" };

	return names[mode];
}

/*
 * links/DEVICE:HOOK.  bpffs takes no dots in names, devices do (eth0.100).  Returns allocated memory or NULL.
 */
static char *link_path(const char *pin_dir, const char *device, int hook)
{
	char name[16];
	char *path;

	snprintf(name, sizeof(name), "%s", device);
	for (char *dot = name; (dot = strchr(dot, '.'));)
		*dot = ',';
	return asprintf(&path, "%s/links/%s:%s", pin_dir, name, hooks[hook].name) < 0 ? NULL : path;
}

/*
 * veth and tun hand over packets whose checksum is still to be filled in, which XDP cannot see and would
 * corrupt; they are served in tc although their drivers take XDP programs.
 */
static enum device_mode mode_choose(const struct netdev *device, enum device_mode wanted)
{
	const __u64 needed = NETDEV_XDP_BASIC | NETDEV_XDP_REDIRECT;

	if (wanted != MODE_AUTO)
		return wanted;
	if (!strcmp(device->driver, "veth") || !strcmp(device->driver, "tun") || !device->features_known)
		return MODE_TC;
	return (device->xdp_features & needed) == needed ? MODE_NATIVE : MODE_TC;
}

/* Puts the new program into a link that is pinned already.  Returns 0, or -ENOLINK if its device is gone. */
static int link_update(int link, int program, __u32 index)
{
	struct bpf_link_info info = {};
	struct bpf_prog_info own = {};
	__u32 size = sizeof(info), own_size = sizeof(own);
	_cleanup_close_ int old = -1;
	LIBBPF_OPTS(bpf_link_update_opts, options, .flags = BPF_F_REPLACE);

	if (bpf_obj_get_info_by_fd(link, &info, &size) || bpf_obj_get_info_by_fd(program, &own, &own_size))
		return -errno;
	if (info.xdp.ifindex != index) /* tcx has its index in the same place */
		return -ENOLINK;
	if (info.prog_id == own.id)
		return 0;
	old = bpf_prog_get_fd_by_id(info.prog_id);
	options.old_prog_fd = old;
	return bpf_link_update(link, program, &options) ? -errno : 0;
}

/* Whether a program of that name is attached already, by somebody we do not know of. */
static bool is_attached(__u32 index, const struct hook *hook, const char *name)
{
	__u32 ids[64], count = 64;

	if (bpf_prog_query(index, hook->type, 0, NULL, ids, &count))
		return false;
	for (__u32 i = 0; i < count; i++) {
		_cleanup_close_ int fd = bpf_prog_get_fd_by_id(ids[i]);
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) && !strcmp(info.name, name))
			return true;
	}
	return false;
}

static int clsact_attach(const struct netdev *device, const struct hook *hook, int program, struct error *e)
{
	LIBBPF_OPTS(bpf_tc_hook, place, .ifindex = device->index, .attach_point = hook->clsact);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY, .prog_fd = program,
		    .flags = BPF_TC_F_REPLACE);
	int error = bpf_tc_hook_create(&place);

	if (!error || error == -EEXIST)
		error = bpf_tc_attach(&place, &options);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot attach to tc %s of %s: %s", hook->name, device->name,
				 strerror(-error));
	return 0;
}

/* What to say when XDP refuses. */
static int xdp_refused(const struct netdev *device, enum device_mode mode, int error, struct error *e)
{
	if (error == EBUSY || error == EEXIST)
		return error_set(e, EXIT_FAILED, error,
				 "another XDP program is attached to %s: take it off with 'ip link set dev %s xdp off', or serve "
				 "the device with mode: tc",
				 device->name, device->name);
	return error_set(e, EXIT_FAILED, error,
			 "the driver of %s does not take an XDP program in mode %s (%s): serve the device with mode: auto or tc",
			 device->name, attach_mode_name(mode), strerror(error));
}

static int link_create(struct attach *a, const char *path, const struct netdev *device, int hook,
		       enum device_mode mode, struct error *e)
{
	LIBBPF_OPTS(bpf_link_create_opts, options);
	struct bpf_program *program = hook_program(a->bpf, hook);
	_cleanup_close_ int link = -1;

	if (hook == XDP)
		options.flags = mode == MODE_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	else if (is_attached(device->index, &hooks[hook], bpf_program__name(program)))
		return error_set(e, EXIT_FAILED, EEXIST,
				 "%s is served by another teald already: stop that one with its own 'teald --detach', or use "
				 "its --pin-dir",
				 device->name);
	link = bpf_link_create(bpf_program__fd(program), device->index, hooks[hook].type, &options);
	if (link < 0 && hook != XDP && errno == EINVAL)
		return clsact_attach(device, &hooks[hook], bpf_program__fd(program), e);
	if (link < 0 && hook == XDP)
		return xdp_refused(device, mode, errno, e);
	if (link < 0)
		return error_set(e, EXIT_FAILED, errno, "cannot attach to tc %s of %s: %s", hooks[hook].name,
				 device->name, strerror(errno));
	if (bpf_obj_pin(link, path))
		return error_set(e, EXIT_FAILED, errno, "cannot pin %s: %s", path, strerror(errno));
	held_put(&a->held, path, link);
	log_info("%s: attached %s%s%s", device->name, hooks[hook].name, hook == XDP ? " " : "",
		 hook == XDP ? attach_mode_name(mode) : "");
	return 0;
}

/* The link that is pinned at `path`; one that has lost its pin and is held gets it again.  Returns a descriptor or -1. */
static int link_get(const struct attach *a, const char *path)
{
	int link = bpf_obj_get(path), held;

	if (link >= 0 || errno != ENOENT)
		return link;
	held = held_get(a->held, path);
	if (held >= 0 && bpf_obj_pin(held, path))
		log_warning("cannot pin %s again: %s", path, strerror(errno));
	return held < 0 ? -1 : fcntl(held, F_DUPFD_CLOEXEC, 0);
}

/*
 * Takes the link off its device, then its pin away.  The kernel ends a link that has lost its last pin only some time later,
 * so it is told to: when this returns, the device is free.  Returns whether there was one.
 */
static bool link_drop(struct attach *a, const char *path)
{
	_cleanup_close_ int pinned = bpf_obj_get(path);
	const int held = held_get(a->held, path), link = pinned >= 0 ? pinned : held;

	if (link >= 0 && bpf_link_detach(link) && errno != ENOLINK && errno != ENODEV)
		log_warning("cannot detach %s: %s", path, strerror(errno));
	if (unlink(path) && errno != ENOENT)
		log_warning("cannot remove %s: %s", path, strerror(errno));
	held_drop(&a->held, path);
	return link >= 0;
}

/* One program at one device: the pinned link with the new program in it, or a new link. */
static int hook_attach(struct attach *a, const struct netdev *device, int hook, enum device_mode mode, struct error *e)
{
	_cleanup_free_ char *path = link_path(a->pin_dir, device->name, hook);
	_cleanup_close_ int link = path ? link_get(a, path) : -1;
	int error;

	if (!path)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	if (link >= 0 && hook == XDP && netdev_xdp_mode(device->index) != (mode == MODE_GENERIC ? XDP_ATTACHED_SKB : XDP_ATTACHED_DRV)) {
		link_drop(a, path);
		close_p(&link);
		link = -1;
	}
	if (link >= 0) {
		error = link_update(link, bpf_program__fd(hook_program(a->bpf, hook)), device->index);
		if (!error)
			held_put(&a->held, path, link);
		if (!error)
			return 0;
		if (error != -ENOLINK)
			return error_set(e, EXIT_FAILED, -error, "cannot put the program into %s: %s", path, strerror(-error));
		link_drop(a, path); /* its device went away and took the link along */
	}
	return link_create(a, path, device, hook, mode, e);
}

static void hook_detach(struct attach *a, const char *device, __u32 index, int hook)
{
	_cleanup_free_ char *path = link_path(a->pin_dir, device, hook);
	LIBBPF_OPTS(bpf_tc_hook, place, .ifindex = index, .attach_point = hooks[hook].clsact);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);

	if (path && link_drop(a, path))
		log_info("%s: detached %s", device, hooks[hook].name);
	if (hook == XDP || !index || bpf_tc_query(&place, &options))
		return;
	options.flags = 0;
	options.prog_fd = options.prog_id = 0;
	if (!bpf_tc_detach(&place, &options))
		log_info("%s: detached %s", device, hooks[hook].name);
}

static int device_attach(struct attach *a, const struct config_device *wanted, const struct netdev *device,
			 struct error *e)
{
	enum device_mode mode = mode_choose(device, wanted->mode);
	int way_in = mode == MODE_TC ? INGRESS : XDP, error;

	if (!device->is_ethernet)
		return error_set(e, EXIT_FAILED, EINVAL,
				 "%s is not an Ethernet device, and teal serves no others: name the device that clients' "
				 "packets come in by",
				 device->name);
	/* The new way stands before the old one is taken away, and the way out before the way in. */
	error = hook_attach(a, device, EGRESS, mode, e);
	if (!error)
		error = hook_attach(a, device, way_in, mode, e);
	if (!error)
		hook_detach(a, device->name, device->index, way_in == XDP ? INGRESS : XDP);
	return error;
}

/* Whether a pin in links/ belongs to a device of the configuration (NULL: none). */
static bool is_wanted(const char *pin, const struct config *config)
{
	for (unsigned int i = 0; config && i < config->device_count; i++) {
		_cleanup_free_ char *path = link_path("", config->devices[i].name, XDP);
		const char *own = path ? path + strlen("/links/") : "";

		if (!strncmp(pin, own, strcspn(own, ":") + 1))
			return true;
	}
	return false;
}

/* Detaches and unpins what is served and not wanted (any more). */
static int strangers_unpin(struct attach *a, const struct config *config)
{
	_cleanup_free_ char *path = NULL;
	struct dirent *entry;
	DIR *directory;

	if (asprintf(&path, "%s/links", a->pin_dir) < 0)
		return -ENOMEM;
	directory = opendir(path);
	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(directory))) {
		_cleanup_free_ char *pin = NULL;

		if (entry->d_name[0] == '.' || is_wanted(entry->d_name, config))
			continue;
		if (asprintf(&pin, "%s/%s", path, entry->d_name) >= 0 && link_drop(a, pin))
			log_info("detached %s", entry->d_name);
	}
	closedir(directory);
	return 0;
}

/* The same for clsact filters, which have no pins, and for links that have lost theirs. */
static void strangers_detach(struct attach *a, const struct config *config, const struct netdev *list,
			     unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		bool wanted = false;

		for (unsigned int n = 0; config && n < config->device_count; n++)
			wanted |= !strcmp(config->devices[n].name, list[i].name);
		for (int hook = XDP; !wanted && hook < HOOKS; hook++)
			hook_detach(a, list[i].name, list[i].index, hook);
	}
}

static const struct netdev *device_find(const struct netdev *list, unsigned int count, const char *name)
{
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

int attach(struct attach *a, const struct config *config, struct error *e)
{
	_cleanup_free_ struct netdev *list = NULL;
	unsigned int count = 0, missing = 0;
	int error = netdev_list(&list, &count);

	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot list the network devices: %s", strerror(-error));
	for (unsigned int i = 0; i < config->device_count && !error; i++) {
		const struct netdev *device = device_find(list, count, config->devices[i].name);

		if (device)
			error = device_attach(a, &config->devices[i], device, e);
		else
			missing++;
	}
	if (!error && strangers_unpin(a, config))
		error = error_set(e, EXIT_FAILED, errno, "cannot read %s/links: %s", a->pin_dir, strerror(errno));
	if (error)
		return error;
	strangers_detach(a, config, list, count);
	a->missing = missing;
	error = capability_write(a->bpf);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the table devices: %s", strerror(-error));
	return 0;
}

bool attach_is_pinned(const struct attach *a)
{
	return held_are_pinned(a->held);
}

void attach_end(struct attach *a)
{
	held_free(&a->held);
}

int attach_remove(const char *pin_dir, struct error *e)
{
	_cleanup_free_ struct netdev *list = NULL;
	struct attach a = { .pin_dir = pin_dir };
	unsigned int count = 0;
	int error = strangers_unpin(&a, NULL);

	if (!error)
		error = netdev_list(&list, &count);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot take teal off the devices: %s", strerror(-error));
	strangers_detach(&a, NULL, list, count);
	return 0;
}
