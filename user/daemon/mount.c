// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/mount.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/cleanup.h"
#include "daemon/log.h"

bool mount_is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

char *mount_point_of(const char *path)
{
	char *at = realpath(path, NULL), *end;
	struct stat here, above;

	if (!at || stat(at, &here)) {
		free(at);
		return NULL;
	}
	while ((end = strrchr(at, '/')) && end != at) {
		*end = '\0';
		if (!stat(at, &above) && above.st_dev == here.st_dev)
			continue;
		*end = '/';
		break;
	}
	return at;
}

/* Whether what is mounted at or below `point`, as /proc/self/mountinfo writes it, is where `path` is. */
static bool is_below(const char *path, const char *point)
{
	const size_t length = strcmp(point, "/") ? strlen(point) : 0;

	return !strncmp(path, point, length) && (path[length] == '/' || !path[length]);
}

/* Whether mounts come there from others and do not go to them (proc_pid_mountinfo(5): "master:" among the optional fields). */
static bool is_slave(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0, longest = 0;
	bool slave = false;

	while (file && getline(&line, &room, file) > 0) {
		char point[4096];
		int rest = 0;

		if (sscanf(line, "%*s %*s %*s %*s %4095s %*s%n", point, &rest) != 1 || !rest || !is_below(path, point) ||
		    strlen(point) < longest)
			continue;
		longest = strlen(point);
		line[rest + strcspn(line + rest, "-")] = '\0';
		slave = strstr(line + rest, " master:");
	}
	return slave;
}

int mount_bpffs(const char *mount_point, bool for_all, struct error *e)
{
	if (mount_is_bpffs(mount_point))
		return 0;
	if (for_all && is_slave(mount_point))
		return error_set(e, EXIT_FAILED, ENOENT,
				 "there is no BPF file system at %s, and one that this process mounts would be seen by nobody else: mount "
				 "it with 'mount -t bpf bpf %s'",
				 mount_point, mount_point);
	if (mount("bpf", mount_point, "bpf", 0, "mode=0700"))
		return error_set(e, EXIT_FAILED, errno, "cannot mount the BPF file system at %s: %s", mount_point,
				 strerror(errno));
	log_info("mounted the BPF file system at %s", mount_point);
	return 0;
}
