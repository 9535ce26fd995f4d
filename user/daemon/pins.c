// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/daemon.h"
#include "daemon/load.h"
#include "daemon/log.h"
#include "daemon/mount.h"
#include "operation/canary.h"
#include "operation/lock.h"
#include "operation/services.h"

#define LOOK_MS 500

static bool is_there(const struct tables *t, const char *name)
{
	_cleanup_free_ char *path = table_path(t, "%s", name);

	return !path || !access(path, F_OK);
}

/* Whether the daemon's lock still stands for the pin directory that others find. */
static bool lock_is_there(const struct daemon *d)
{
	_cleanup_free_ char *path = table_path(d->tables, "links");
	struct stat held, found;

	return path && !fstat(d->lock, &held) && !stat(path, &found) && held.st_ino == found.st_ino &&
	       held.st_dev == found.st_dev;
}

/* The services' folders, if any came or went. */
static bool services_are_there(struct daemon *d)
{
	_cleanup_free_ char *path = table_path(d->tables, "tables");
	const struct timespec before = d->pins.tables.st_mtim;

	if (!path || stat(path, &d->pins.tables))
		return false;
	if (before.tv_sec == d->pins.tables.st_mtim.tv_sec && before.tv_nsec == d->pins.tables.st_mtim.tv_nsec)
		return true;
	for (unsigned int i = 0; i < d->config->service_count; i++) {
		_cleanup_free_ char *own = table_path(d->tables, "tables/%s", d->config->services[i].name);

		if (own && access(own, F_OK))
			return false;
	}
	return true;
}

static bool pins_are_there(struct daemon *d)
{
	for (enum table table = 0; table < TABLE_COUNT; table++)
		if (!is_there(d->tables, table_name(table)))
			return false;
	return lock_is_there(d) && services_are_there(d) && attach_is_pinned(&d->attach);
}

/* Another pin directory is another lock. */
static int lock_follow(struct daemon *d, struct error *e)
{
	int lock;

	if (lock_is_there(d))
		return 0;
	lock = lock_take(d->pin_dir, LOCK_DAEMON, LOCK_LOOK_MS, e);
	if (lock < 0)
		return lock;
	close(d->lock); /* with it goes what is left of the old file system */
	d->lock = lock;
	return 0;
}

/*
 * The services' tables have only that in the slot left, and nobody knows by name which that is: all are made anew, from
 * backends and active color, and a canary's from them.
 */
static int services_follow(struct daemon *d, struct error *e)
{
	_cleanup_free_ struct teal_service_info *rows = NULL;
	__u32 count = 0;
	int error = service_infos_read(d->tables, &rows, &count);

	for (__u32 id = 0; id < count && !error; id++)
		if (rows[id].name[0])
			error = service_stale_set(d->tables, id, true);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot write the table service_info: %s", strerror(-error));
	error = daemon_apply(d, d->config, e);
	for (__u32 id = 0; id < count && !error; id++) {
		struct service s;

		if (!rows[id].name[0] || rows[id].canary == TEAL_NO_COLOR)
			continue;
		error = service_find(d->tables, rows[id].name, &s, e);
		if (!error)
			error = canary_set(d->tables, d->state_dir, &s, rows[id].canary, rows[id].canary_percent, true, e);
	}
	return error;
}

static int pins_mend(struct daemon *d, struct error *e)
{
	_cleanup_close_ int lock = -1;
	int error = d->pins.mount_point ? mount_bpffs(d->pins.mount_point, true, e) : 0;

	if (!error)
		error = load_directory(d->pin_dir, e);
	if (!error)
		error = lock_follow(d, e);
	if (!error)
		error = lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	if (error >= 0)
		error = load_pin(d->attach.bpf, d->pin_dir, e);
	return error ?: services_follow(d, e);
}

static void failure_tell(struct pins *pins, const char *why)
{
	if (pins->told && !strcmp(pins->told, why))
		return;
	log_error("the pins cannot be made anew: %s", why);
	free(pins->told);
	pins->told = strdup(why);
}

static void look(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	const bool gone = !pins_are_there(d);
	struct error e = {};

	if (!gone && !d->pins.again && !d->pins.told)
		return;
	if (gone && !d->pins.told)
		log_warning("pins are gone from %s, unmounted or removed by hand: I pin anew what I hold; no packet and no flow was "
			    "lost ('teald --detach' is what takes teal away)",
			    d->pin_dir);
	d->pins.again = gone;
	if (pins_mend(d, &e)) {
		d->pins.again = false;
		failure_tell(&d->pins, e.text);
		return;
	}
	free(d->pins.told);
	d->pins.told = NULL;
	if (gone)
		log_info("pinned anew in %s", d->pin_dir);
}

void pins_watch(struct daemon *d)
{
	d->pins.mount_point = mount_point_of(d->pin_dir);
	services_are_there(d);
	uv_timer_init(&d->loop, &d->pins_timer);
	d->pins_timer.data = d;
	uv_timer_start(&d->pins_timer, look, LOOK_MS, LOOK_MS);
}

void pins_end(struct daemon *d)
{
	free(d->pins.mount_point);
	free(d->pins.told);
}
