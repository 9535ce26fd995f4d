/* SPDX-License-Identifier: GPL-2.0-only */
#include "common/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"

#define FILE_MAX (4 << 20) /* a color of a hundred thousand backends */

int durable_folder(const char *state_dir, const char *folder)
{
	_cleanup_close_ int top = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (top < 0)
		return -errno;
	if (mkdirat(top, folder, 0700))
		return errno == EEXIST ? 0 : -errno;
	return fsync(top) ? -errno : 0;
}

/* The folder.  Returns a descriptor or a negative errno. */
static int folder_open(const char *state_dir, const char *folder)
{
	_cleanup_close_ int top = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (top < 0)
		return -errno;
	fd = openat(top, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int all_write(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t written = write(fd, text, size);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			text += written;
			size -= (size_t)written;
		}
	}
	return fsync(fd) ? -errno : 0;
}

static int file_replace(int dir, const char *name, const char *text)
{
	_cleanup_free_ char *file = NULL, *fresh = NULL;
	_cleanup_close_ int fd = -1;
	int error;

	if (asprintf(&file, "%s.json", name) < 0 || asprintf(&fresh, "%s.json.new", name) < 0)
		return -ENOMEM;
	/* A fixed name: what a killed writer left is replaced by the next; a fresh inode: no link to follow. */
	if (unlinkat(dir, fresh, 0) && errno != ENOENT)
		return -errno;
	fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	error = fd < 0 ? -errno : all_write(fd, text, strlen(text));
	if (!error && renameat(dir, fresh, dir, file))
		error = -errno;
	if (error) {
		unlinkat(dir, fresh, 0);
		return error;
	}
	return fsync(dir) ? -errno : 0;
}

int durable_write(const char *state_dir, const char *folder, const char *name, const json_t *json)
{
	int error = durable_folder(state_dir, folder);
	_cleanup_close_ int dir = error ?: folder_open(state_dir, folder);
	_cleanup_free_ char *text = NULL, *line = NULL;

	if (dir < 0)
		return dir;
	text = json_dumps(json, JSON_INDENT(2));
	if (!text || asprintf(&line, "%s\n", text) < 0)
		return -ENOMEM;
	return file_replace(dir, name, line);
}

int durable_read(const char *state_dir, const char *folder, const char *name, json_t **ret)
{
	_cleanup_close_ int dir = folder_open(state_dir, folder);
	_cleanup_free_ char *file = NULL;
	_cleanup_close_ int fd = -1;
	struct stat status;
	json_t *json;

	if (dir < 0)
		return dir;
	if (asprintf(&file, "%s.json", name) < 0)
		return -ENOMEM;
	fd = openat(dir, file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_size > FILE_MAX)
		return -EINVAL;
	json = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return -EINVAL;
	}
	*ret = json;
	return 0;
}
