/* SPDX-License-Identifier: GPL-2.0-only */
#include "operation/history.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/text.h"

#define NAME_SIZE 64 /* of a user, cleaned */

/* Who */

static json_t *user_name(uid_t uid)
{
	const struct passwd *entry = getpwuid(uid);
	char name[NAME_SIZE];

	return entry ? json_string(text_clean(entry->pw_name, name, sizeof(name))) : json_null();
}

/* Who logged in, whatever they have become by su or sudo since: the kernel keeps it (audit's login uid). */
static json_t *login_name(void)
{
	_cleanup_close_ int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
	char text[16] = "", *end = text;
	unsigned long uid = 0;

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		uid = strtoul(text, &end, 10);
	return end == text || uid >= (uid_t)-1 ? json_null() : user_name((uid_t)uid);
}

/* sudo's word for it, for hosts without login uids.  Whoever runs this can have set it. */
static json_t *sudo_name(void)
{
	const char *variable = getenv("SUDO_USER");
	char name[NAME_SIZE];

	return variable && *variable ? json_string(text_clean(variable, name, sizeof(name))) : json_null();
}

/* Writing */

char *history_line(const struct history_entry *entry)
{
	char at[32] = "", why[HISTORY_WHY_SIZE];
	time_t now = time(NULL);
	struct tm tm;
	char *text;
	json_t *json;

	if (gmtime_r(&now, &tm))
		strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:s}", "at", at, "service", entry->service,
			 "from", color_name(entry->from), "to", color_name(entry->to), "generation",
			 (json_int_t)entry->generation, "connections", (json_int_t)entry->connections, "uid",
			 (json_int_t)getuid(), "user", user_name(getuid()), "login", login_name(), "sudo", sudo_name(),
			 "why", text_clean(entry->why ? entry->why : "", why, sizeof(why)));
	if (json && entry->by_nobody)
		json_object_update_new(json, json_pack("{s:i, s:n, s:n, s:n}", "uid", -1, "user", "login", "sudo"));
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

/* history.jsonl.3 goes, .2 becomes .3, and so on.  Returns 0 or a negative errno. */
static int files_rotate(int dir)
{
	char from[40], to[40];

	for (int i = HISTORY_KEPT; i > 0; i--) {
		snprintf(to, sizeof(to), HISTORY_FILE ".%d", i);
		snprintf(from, sizeof(from), i > 1 ? HISTORY_FILE ".%d" : HISTORY_FILE, i - 1);
		if (renameat(dir, from, dir, to) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* O_NOFOLLOW and the check of what it is: a link or a FIFO in its place is not for us to write to. */
static int file_open(int dir, struct stat *ret_status)
{
	int fd = openat(dir, HISTORY_FILE, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	int error = fd < 0 || fstat(fd, ret_status) ? -errno : S_ISREG(ret_status->st_mode) ? 0 : -EINVAL;

	if (!error)
		return fd;
	close_p(&fd);
	return error;
}

/* What a crash left without its end is no entry: a newline sets it apart from the next. */
static bool is_torn(int fd, off_t size)
{
	char last = '\n';

	return size && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int line_append(int fd, off_t size, const char *line)
{
	_cleanup_free_ char *whole = NULL;
	ssize_t length = asprintf(&whole, "%s%s\n", is_torn(fd, size) ? "\n" : "", line), written;
	int error;

	if (length < 0) {
		whole = NULL;
		return -ENOMEM;
	}
	written = write(fd, whole, (size_t)length);
	if (written == length && !fsync(fd))
		return 0;
	error = written >= 0 && written < length ? -ENOSPC : -errno;
	(void)!ftruncate(fd, size); /* half a line is worse than none */
	return error;
}

static int line_write(const char *state_dir, const char *line)
{
	_cleanup_close_ int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd = -1;
	struct stat status = {};
	int error;

	if (dir < 0)
		return -errno;
	fd = file_open(dir, &status);
	if (fd >= 0 && status.st_size && (size_t)status.st_size + strlen(line) >= HISTORY_FILE_MAX) {
		close_p(&fd);
		error = files_rotate(dir);
		fd = error ?: file_open(dir, &status);
	}
	if (fd < 0)
		return fd;
	error = line_append(fd, status.st_size, line);
	if (!error && !status.st_size && fsync(dir))
		error = -errno;
	return error;
}

int history_append(const char *state_dir, const char *line, struct error *e)
{
	int error = line_write(state_dir, line);

	if (error)
		return error_set(e, EXIT_FAILED, -error,
				 "%s/" HISTORY_FILE " cannot be written (%s), so this switch is missing in the history: mend "
				 "that before the next one, and it is written then",
				 state_dir, strerror(-error));
	return 0;
}

/* Looking for lines */

/* A whole file.  NULL: it cannot be read. */
static char *file_text(int dir, const char *name, size_t *ret_size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	char *text = fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode) ? NULL : malloc((size_t)status.st_size + 1);
	ssize_t size = text ? read(fd, text, (size_t)status.st_size) : -1;

	if (size < 0) {
		free(text);
		return NULL;
	}
	*ret_size = (size_t)size;
	return text;
}

/* From the end on: what is looked for was written a moment ago.  A crash may have left it without its newline. */
static bool text_has(const char *text, size_t size, const char *line)
{
	const size_t length = strlen(line);

	while (size) {
		const char *before = memrchr(text, '\n', size - 1);
		const char *begins = before ? before + 1 : text;
		const size_t there = size - (size_t)(begins - text);

		if ((there == length || there == length + 1) && !memcmp(begins, line, length))
			return true;
		size = (size_t)(begins - text);
	}
	return false;
}

void history_lacks(const char *state_dir, char *const *lines, unsigned int count, bool *ret_lacks)
{
	_cleanup_close_ int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned int lacking = count;
	char name[40];

	memset(ret_lacks, true, count * sizeof(*ret_lacks));
	for (int i = 0; i <= HISTORY_KEPT && dir >= 0 && lacking; i++) {
		_cleanup_free_ char *text = NULL;
		size_t size;

		snprintf(name, sizeof(name), i ? HISTORY_FILE ".%d" : HISTORY_FILE, i);
		text = file_text(dir, name, &size);
		for (unsigned int n = 0; text && n < count; n++) {
			if (!ret_lacks[n] || !text_has(text, size, lines[n]))
				continue;
			ret_lacks[n] = false;
			lacking--;
		}
	}
}

/* Reading */

/* What a file says goes to terminals: texts are cleaned again, and an entry has all of its parts or is none. */
static json_t *entry_read(const char *line)
{
	json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL), *value;
	const char *at, *service, *from, *to, *why, *key;
	json_int_t generation, connections, uid;
	char clean[HISTORY_WHY_SIZE];

	if (json_unpack(json, "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "at", &at, "service", &service, "from", &from,
			"to", &to, "generation", &generation, "connections", &connections, "uid", &uid, "why", &why)) {
		json_decref(json);
		return NULL;
	}
	json_object_foreach (json, key, value)
		if (json_is_string(value) && !text_is_clean(json_string_value(value)))
			json_string_set(value, text_clean(json_string_value(value), clean, sizeof(clean)));
	return json;
}

static int file_read(int dir, const char *name, const char *service, json_t *list, unsigned int *unread)
{
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	json_t *entry;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (getline(&line, &room, file) > 0) {
		entry = entry_read(line);
		*unread += !entry;
		if (entry && (!service || !strcmp(service, json_string_value(json_object_get(entry, "service")))))
			json_array_append(list, entry);
		json_decref(entry);
	}
	return ferror(file) ? -EIO : 0;
}

int history_read(const char *state_dir, const char *service, unsigned int limit, json_t **ret, unsigned int *ret_unread,
		 struct error *e)
{
	_cleanup_close_ int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	json_t *list = json_array();
	unsigned int unread = 0;
	int error = dir >= 0 ? 0 : errno == ENOENT ? 0 : -errno;
	char name[40];

	for (int i = HISTORY_KEPT; i >= 0 && dir >= 0 && !error; i--) {
		snprintf(name, sizeof(name), i ? HISTORY_FILE ".%d" : HISTORY_FILE, i);
		error = file_read(dir, name, service, list, &unread);
	}
	if (error) {
		json_decref(list);
		return error_set(e, EXIT_FAILED, -error,
				 "the history in %s cannot be read (%s): make it readable or name another --state-dir",
				 state_dir, strerror(-error));
	}
	while (limit && json_array_size(list) > limit)
		json_array_remove(list, 0);
	*ret = list;
	*ret_unread = unread;
	return 0;
}
