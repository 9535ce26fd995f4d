// SPDX-License-Identifier: GPL-2.0-only
#include "operation/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "common/cleanup.h"

#define LOCK_STEP_MS 20

/* What the lock is a lock of; NULL without memory. */
static char *lock_path(const char *pin_dir, enum lock lock)
{
	static const char *const places[] = { [LOCK_TABLES] = "", [LOCK_DAEMON] = "/links", [LOCK_MONITOR] = "/monitor" };
	char *path;

	return asprintf(&path, "%s%s", pin_dir, places[lock]) < 0 ? NULL : path;
}

bool lock_is_held(const char *pin_dir, enum lock lock)
{
	_cleanup_free_ char *path = lock_path(pin_dir, lock);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

int lock_take(const char *pin_dir, enum lock lock, unsigned int wait_ms, struct error *e)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000 };
	_cleanup_free_ char *path = lock_path(pin_dir, lock);
	_cleanup_close_ int fd = -1;
	int taken;

	if (!path)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return error_set(e, EXIT_FAILED, ENOENT,
				 "teal is not loaded in %s: start teald there, or name the right place with --pin-dir",
				 pin_dir);
	if (fd < 0)
		return error_set(e, EXIT_FAILED, errno, "cannot open %s: %s; the tables are root's, so run this as root",
				 path, strerror(errno));
	for (unsigned int waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_set(e, EXIT_FAILED, errno, "cannot lock %s: %s", path, strerror(errno));
		if (waited < wait_ms) {
			nanosleep(&step, NULL);
			continue;
		}
		if (lock == LOCK_DAEMON)
			return error_set(e, EXIT_REFUSED, EAGAIN,
					 "another teald already serves %s: stop that one first, or use another --pin-dir",
					 pin_dir);
		if (lock == LOCK_MONITOR)
			return error_set(e, EXIT_REFUSED, EAGAIN,
					 "somebody else watches %s already, and only one can, for each event is told once: "
					 "end that one first ('fuser -v %s' names it)",
					 pin_dir, path);
		return error_set(e, EXIT_REFUSED, EAGAIN,
				 "somebody else has been changing %s for %u s: try again when they are done "
				 "('fuser -v %s' names them)",
				 pin_dir, wait_ms / 1000, pin_dir);
	}
	taken = fd;
	fd = -1;
	return taken;
}
