/* SPDX-License-Identifier: GPL-2.0-only */
#include "operation/record.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "operation/record_extra.h"

#define NEW_FILE RECORD_FILE ".new" /* a fixed name: what a killed writer left is overwritten by the next */
#define FILE_MAX (64 << 20)	   /* far above 65535 services and a million backends */
#define PROBE_ROOM 4096		   /* what a change may add to the file */

static void json_p(json_t **json)
{
	json_decref(*json);
}
#define _cleanup_json_ __attribute__((cleanup(json_p)))

/* Reading */

__attribute__((format(printf, 3, 4)))
static int record_refuse(const char *state_dir, struct error *e, const char *format, ...)
{
	char why[200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	return error_set(e, EXIT_FAILED, EINVAL,
			 "%s/" RECORD_FILE " is not a record that teal wrote (%s): mend it, or move it away to begin "
			 "with the configuration", state_dir, why);
}

/* Returns a file descriptor, -ENOENT where there is no file, or a negative errno with a sentence. */
static int state_file_open(const char *state_dir, struct error *e)
{
	_cleanup_close_ int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = dir < 0 ? -1 : openat(dir, RECORD_FILE, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return error_set(e, EXIT_FAILED, errno,
				 "%s/" RECORD_FILE " cannot be read (%s): make it readable or name another --state-dir",
				 state_dir, strerror(errno));
	return fd;
}

static int state_file_check(const char *state_dir, int fd, struct error *e)
{
	struct stat status;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return record_refuse(state_dir, e, "it is not a regular file");
	if (status.st_size > FILE_MAX)
		return record_refuse(state_dir, e, "it is too big");
	return 0;
}

/* `list` is NULL where the configuration's backends count.  Returns NULL, or what is wrong. */
static const char *backends_read(const json_t *list, struct record_service *service, enum teal_color color)
{
	size_t count = json_array_size(list);

	if (!list)
		return NULL;
	if (!json_is_array(list))
		return "backends must be a list";
	service->colors[color].at_run_time = true;
	service->colors[color].backends = calloc(count + 1, sizeof(struct endpoint));
	if (!service->colors[color].backends)
		return "out of memory";
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || endpoint_parse(text, &service->colors[color].backends[i]))
			return "a backend must be written as ADDRESS:PORT";
	}
	service->colors[color].count = (unsigned int)count;
	return NULL;
}

/* Returns NULL, or what is wrong; `problem` is room for it. */
static const char *service_read(const char *name, json_t *json, struct record_service *service, json_error_t *problem)
{
	const char *active, *wrong;
	json_t *previous, *blue = NULL, *green = NULL, *canary = NULL, *preview = NULL,
	       *history = NULL;
	json_int_t generation, switched_at;

	if (!*name || strlen(name) >= sizeof(service->name))
		return "no service can have that name";
	strcpy(service->name, name);
	if (json_unpack_ex(json, problem, 0, "{s:s, s:o, s:I, s:I, s?o, s?o, s?o, s?o, s?o !}", "active", &active,
			   "previous", &previous, "generation", &generation, "switched_at", &switched_at, "blue", &blue,
			   "green", &green, "canary", &canary, "preview", &preview, "history",
			   &history))
		return problem->text;
	if (color_parse(active, &service->active))
		return "active must be blue or green";
	service->previous = TEAL_NO_COLOR;
	if (!json_is_null(previous) &&
	    (!json_is_string(previous) || color_parse(json_string_value(previous), &service->previous)))
		return "previous must be blue, green or null";
	if (generation < 0 || generation > UINT32_MAX || switched_at < 0)
		return "a number is out of range";
	service->generation = (__u32)generation;
	service->switched_at = (__u64)switched_at;
	wrong = record_extra_read(canary, preview, history, service);
	if (!wrong)
		wrong = backends_read(blue, service, TEAL_BLUE);
	return wrong ? wrong : backends_read(green, service, TEAL_GREEN);
}

static int services_read(const char *state_dir, json_t *services, struct record *record, struct error *e)
{
	json_error_t problem;
	const char *name;
	json_t *json;

	record->services = calloc(json_object_size(services) + 1, sizeof(*record->services));
	if (!record->services)
		return error_set(e, EXIT_FAILED, ENOMEM, "no memory to read %s/" RECORD_FILE, state_dir);
	json_object_foreach (services, name, json) {
		const char *wrong = service_read(name, json, &record->services[record->count++], &problem);

		if (wrong)
			return record_refuse(state_dir, e, "service \"%.40s\": %.120s", name, wrong);
	}
	return 0;
}

/* Fills an empty record.  Returns 0, also where there is no file, or a negative errno with a sentence. */
static int record_fill(const char *state_dir, struct record *record, struct error *e)
{
	_cleanup_close_ int fd = state_file_open(state_dir, e);
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_json_ json_t *root = NULL;
	json_t *services;
	json_error_t problem;
	int error;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	error = state_file_check(state_dir, fd, e);
	if (error)
		return error;
	/* json_loadfd() would make a system call of every byte. */
	file = fdopen(fd, "r");
	if (!file)
		return record_refuse(state_dir, e, "%s", strerror(errno));
	fd = -1;
	root = json_loadf(file, JSON_REJECT_DUPLICATES, &problem);
	if (!root)
		return record_refuse(state_dir, e, "line %d: %.120s", problem.line, problem.text);
	if (json_unpack_ex(root, &problem, 0, "{s:o !}", "services", &services))
		return record_refuse(state_dir, e, "%.120s", problem.text);
	if (!json_is_object(services))
		return record_refuse(state_dir, e, "services must be an object");
	return services_read(state_dir, services, record, e);
}

int record_read(const char *state_dir, struct record **ret, struct error *e)
{
	struct record *record = calloc(1, sizeof(*record));
	int error;

	if (!record)
		return error_set(e, EXIT_FAILED, ENOMEM, "no memory to read %s/" RECORD_FILE, state_dir);
	error = record_fill(state_dir, record, e);
	if (error)
		record_free(record);
	else
		*ret = record;
	return error;
}

/* Writing */

/* These return NULL when memory is out; jansson takes such a NULL for a failure too. */
static json_t *color_json(enum teal_color color)
{
	return color == TEAL_NO_COLOR ? json_null() : json_string(color_name(color));
}

static json_t *backends_json(const struct endpoint *backends, unsigned int count)
{
	json_t *list = json_array();
	char text[ADDRESS_TEXT_SIZE];

	for (unsigned int i = 0; i < count; i++) {
		if (json_array_append_new(list, json_string(endpoint_format(&backends[i], text)))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *service_json(const struct record_service *service)
{
	json_t *json = json_pack("{s:s, s:o, s:I, s:I}", "active", color_name(service->active), "previous",
				 color_json(service->previous), "generation", (json_int_t)service->generation,
				 "switched_at", (json_int_t)service->switched_at);

	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
		if (!service->colors[color].at_run_time)
			continue;
		if (json_object_set_new(json, color_name(color),
					backends_json(service->colors[color].backends, service->colors[color].count))) {
			json_decref(json);
			return NULL;
		}
	}
	if (record_extra_write(service, json)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static char *record_text(const struct record *record)
{
	json_t *services = json_object();
	_cleanup_json_ json_t *root = json_pack("{s:o}", "services", services);
	_cleanup_free_ char *json = NULL;
	char *text;

	for (unsigned int i = 0; i < record->count; i++)
		if (json_object_set_new(services, record->services[i].name, service_json(&record->services[i])))
			return NULL;
	json = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	return json && asprintf(&text, "%s\n", json) >= 0 ? text : NULL;
}

static int bytes_write(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			bytes += written;
			size -= (size_t)written;
		}
	}
	return 0;
}

/* Makes NEW_FILE, durable in content but not yet in name.  Leaves nothing behind on failure. */
static int new_file_write(int dir, const char *bytes, size_t size)
{
	_cleanup_close_ int fd = -1;
	int error;

	/* A fresh inode: nobody else's mode, no link to follow. */
	if (unlinkat(dir, NEW_FILE, 0) && errno != ENOENT)
		return -errno;
	fd = openat(dir, NEW_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	error = bytes_write(fd, bytes, size);
	if (!error && fsync(fd))
		error = -errno;
	if (error)
		unlinkat(dir, NEW_FILE, 0);
	return error;
}

static int new_file_rename(int dir)
{
	if (renameat(dir, NEW_FILE, dir, RECORD_FILE)) {
		int error = -errno;

		unlinkat(dir, NEW_FILE, 0);
		return error;
	}
	return fsync(dir) ? -errno : 0;
}

int record_write(const char *state_dir, const struct record *record, struct error *e)
{
	_cleanup_close_ int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = dir < 0 ? -errno : 0;

	if (!error) {
		_cleanup_free_ char *text = record_text(record);

		error = text ? new_file_write(dir, text, strlen(text)) : -ENOMEM;
	}
	if (!error)
		error = new_file_rename(dir);
	if (error)
		return error_set(e, EXIT_FAILED, -error,
				 "%s/" RECORD_FILE " cannot be written (%s): until it can, a reboot would "
				 "come back on what was recorded before",
				 state_dir, strerror(-error));
	return 0;
}

/* Checking */

/* The name of a new directory is only as durable as the directory that it stands in. */
static int parent_sync(int dir)
{
	_cleanup_close_ int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return parent < 0 || fsync(parent) ? -errno : 0;
}

/* Old and new file stand side by side for a moment, so there must be room for one as big as the old, and some. */
static int probe(int dir)
{
	struct stat status = { 0 };
	char *bytes;
	int error;

	if (fstatat(dir, RECORD_FILE, &status, 0) && errno != ENOENT)
		return -errno;
	if (status.st_size > FILE_MAX)
		return -EFBIG;
	bytes = calloc(1, (size_t)status.st_size + PROBE_ROOM);
	if (!bytes)
		return -ENOMEM;
	error = new_file_write(dir, bytes, (size_t)status.st_size + PROBE_ROOM);
	free(bytes);
	if (!error && unlinkat(dir, NEW_FILE, 0))
		error = -errno;
	return error;
}

int record_check(const char *state_dir, struct error *e)
{
	bool made = !mkdir(state_dir, 0700);
	_cleanup_close_ int dir = made || errno == EEXIST ? open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct record *record = NULL;
	int error = dir < 0 ? -errno : 0;

	if (!error && made)
		error = parent_sync(dir);
	if (!error)
		error = probe(dir);
	if (error)
		return error_set(e, EXIT_FAILED, -error,
				 "the state directory %s cannot be written (%s): mend that or name another "
				 "with --state-dir, for without it a reboot would forget which color is active",
				 state_dir, strerror(-error));
	/* A change is written into what stands there, so that must be readable too. */
	error = record_read(state_dir, &record, e);
	record_free(record);
	return error;
}
