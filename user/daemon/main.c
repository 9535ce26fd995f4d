// SPDX-License-Identifier: GPL-2.0-only
/*
 * teald: loads the data path, attaches it, keeps the tables what the configuration wants, sweeps expired flows.
 * It is not in the packets' way: upgraded or killed at any instruction, traffic flows on, and the next one adopts what is pinned.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <uv.h>

#include "common/cleanup.h"
#include "common/standard.h"
#include "daemon/attach.h"
#include "daemon/books.h"
#include "daemon/capability.h"
#include "daemon/daemon.h"
#include "daemon/guard.h"
#include "daemon/health.h"
#include "daemon/load.h"
#include "daemon/log.h"
#include "daemon/neighbour.h"
#include "daemon/netdev.h"
#include "daemon/options.h"
#include "daemon/sweep.h"
#include "table/index.h"
#include "table/room.h"
#include "operation/host.h"
#include "operation/lock.h"
#include "operation/record.h"
#include "operation/services.h"
#include "teal.skel.h"

#define SWEEP_MS 2000
#define SWEEP_SHARE 20 /* a sweep may take a twentieth of the time */
#define DEVICES_MS 500

/* Hands the host's findings to the log.  Returns 0, or -EPERM with the first fatal one as a sentence. */
static int daemon_check_host(const struct config *config, struct error *e)
{
	struct finding findings[FINDINGS_MAX];
	unsigned int count = host_check(config, findings);

	for (unsigned int i = 0; i < count; i++) {
		const struct finding *found = &findings[i];

		if (found->level == FINDING_FATAL)
			return error_set(e, EXIT_FAILED, EPERM, "%s%s%s%s", found->what, found->mend[0] ? ": try '" : "",
					 found->mend, found->mend[0] ? "'" : "");
		if (found->level == FINDING_WARNING)
			log_warning("%s (%s)", found->what, found->mend);
	}
	return 0;
}

/* SIGHUP: a new configuration, or, if it is broken, the old one and a line in the log. */
static void daemon_reload(uv_signal_t *signal, int number)
{
	struct daemon *d = signal->data;
	struct config *config = NULL;
	struct error e = {};
	_cleanup_close_ int lock = -1;
	int error;

	(void)number;
	sd_notify(0, "RELOADING=1");
	error = config_read(d->config_file, &config, &e);
	if (!error)
		error = daemon_check_host(config, &e);
	if (!error)
		error = lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, &e);
	if (error >= 0) {
		books_finish(d->tables, d->state_dir, true);
		error = daemon_apply(d, config, &e);
	}
	if (error < 0) {
		log_error("%s; what was running before runs on", e.text);
		config_free(config);
	} else {
		if (d->health)
			health_follow(d->health, config);
		config_free(d->config);
		d->config = config;
		log_info("the configuration was read again");
	}
	sd_notify(0, "READY=1");
}

static void daemon_stop(uv_signal_t *signal, int number)
{
	(void)number;
	sd_notify(0, "STOPPING=1");
	log_info("stopping; traffic flows on without me");
	uv_stop(signal->loop);
}

/* Tells once when a flow table fills up, and again when it has filled up anew; and tells the sweep.  Returns whether it is known. */
static bool daemon_room(struct daemon *d, struct room rooms[2])
{
	struct error e = {};

	if (room_get(d->tables, rooms, &e)) {
		log_error("%s", e.text);
		return false;
	}
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		unsigned int percent = room_percent(&rooms[ipv6]);

		if (percent >= ROOM_ALARM && !d->is_full[ipv6])
			log_warning("the table of IPv%c flows is %u %% full (%llu of %llu rows); new ones beyond that are %s: lower "
				    "the timeouts, or raise limits.flows, which takes a 'teald --detach' and a start",
				    ipv6 ? '6' : '4', percent, rooms[ipv6].rows, rooms[ipv6].most,
				    d->config->refuse_when_full ? "refused" : "passed on unrecorded");
		d->attach.bpf->bss->sweep_has_room[ipv6] = percent < 50;
		d->is_full[ipv6] = percent >= (d->is_full[ipv6] ? ROOM_ALARM - 10 : ROOM_ALARM);
	}
	return true;
}

static void daemon_sweep(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	__u64 began = table_clock(), took_ms;
	_cleanup_close_ int lock = -1;
	struct room rooms[2] = {};
	struct error e = {};
	const bool is_known = daemon_room(d, rooms);

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		int error = is_known && !rooms[ipv6].rows ? 0 : sweep_table(d->sweep, ipv6);

		if (error)
			log_error("cannot sweep the table of IPv%c flows: %s", ipv6 ? '6' : '4', strerror(-error));
	}
	lock = lock_take(d->pin_dir, LOCK_TABLES, 0, &e);
	if (lock >= 0)
		services_tidy(d->tables);
	took_ms = (table_clock() - began) / 1000000;
	uv_timer_start(timer, daemon_sweep, took_ms * SWEEP_SHARE > SWEEP_MS ? took_ms * SWEEP_SHARE : SWEEP_MS, 0);
}

/* Devices come, go and change: what is configured is served again, and redirects stop where they would be lost. */
static void daemon_devices(struct daemon *d)
{
	struct error e = {};

	if (attach(&d->attach, d->config, &e))
		log_error("%s", e.text);
}

static void daemon_on_timer(uv_timer_t *timer)
{
	daemon_devices(timer->data);
}

static void daemon_on_change(uv_poll_t *poll, int status, int events)
{
	struct daemon *d = poll->data;
	int fd;

	(void)status;
	(void)events;
	if (!uv_fileno((uv_handle_t *)poll, &fd))
		netdev_drain(fd);
	capability_write(d->attach.bpf);
	/* A device is born in several steps: look once they are done. */
	if (!uv_is_active((uv_handle_t *)&d->device_timer))
		uv_timer_start(&d->device_timer, daemon_on_timer, DEVICES_MS, 0);
}

static void daemon_watch(struct daemon *d, uv_poll_t *poll, int fd)
{
	if (fd < 0)
		return;
	uv_poll_init(&d->loop, poll, fd);
	poll->data = d;
	uv_poll_start(poll, UV_READABLE, daemon_on_change);
}

/* Whoever changes the configuration while teald starts means the one that has started: until then SIGHUP, which kills, waits. */
static void hangup_hold(bool hold)
{
	sigset_t hangup;

	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &hangup, NULL);
}

static void daemon_signal(struct daemon *d, uv_signal_t *signal, int number, uv_signal_cb call)
{
	uv_signal_init(&d->loop, signal);
	signal->data = d;
	uv_signal_start(signal, call, number);
}

static int daemon_loop(struct daemon *d, struct error *e)
{
	struct health *health;
	int error;

	uv_loop_init(&d->loop);
	error = health_begin(&d->loop, d->tables, d->config, &d->health, e);
	if (error)
		return error;
	daemon_signal(d, &d->terminate, SIGTERM, daemon_stop);
	daemon_signal(d, &d->interrupt, SIGINT, daemon_stop);
	daemon_signal(d, &d->hangup, SIGHUP, daemon_reload);
	hangup_hold(false);
	uv_timer_init(&d->loop, &d->sweep_timer);
	uv_timer_init(&d->loop, &d->device_timer);
	d->sweep_timer.data = d->device_timer.data = d;
	uv_timer_start(&d->sweep_timer, daemon_sweep, SWEEP_MS, 0);
	if (guards_new(&d->loop, d->tables, &d->config, d->pin_dir, d->state_dir, &d->guards))
		log_error("out of memory: switches are not guarded");
	if (books_new(&d->loop, d->tables, d->state_dir, &d->books))
		log_error("out of memory: a switch that is killed is finished by the next one only");
	pins_watch(d);
	neighbours_watch(&d->loop, d->tables, &d->neighbours);
	daemon_watch(d, &d->links, netdev_watch_links());
	daemon_watch(d, &d->features, netdev_watch_features());
	sd_notify(0, "READY=1");
	malloc_trim(0); /* loading took some ten MB that nobody needs any more */
	log_info("ready: %u services on %u devices", d->config->service_count, d->config->device_count - d->attach.missing);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	health = d->health;
	d->health = NULL; /* a signal that comes while it ends does not ask it for anything */
	health_end(health);
	return 0;
}

/* A first start that failed leaves nothing behind; the daemon's lock is held. */
static void daemon_undo(struct daemon *d)
{
	struct error ignored = {};

	attach_remove(d->pin_dir, &ignored);
	load_remove(d->pin_dir, &ignored);
}

/* From nothing, or from what an earlier teald left, to serving. */
static int daemon_start(struct daemon *d, struct error *e)
{
	_cleanup_close_ int lock = -1;
	bool first = false;
	int error = load_directory(d->pin_dir, e);

	d->attach.pin_dir = d->pin_dir;
	if (!error)
		error = d->lock = lock_take(d->pin_dir, LOCK_DAEMON, LOCK_LOOK_MS, e);
	if (error >= 0) {
		first = !load_is_done(d->pin_dir);
		error = lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	}
	if (error >= 0)
		error = record_check(d->state_dir, e);
	if (!error)
		error = load(d->pin_dir, d->config, &d->attach.bpf, e);
	if (!error)
		error = tables_open(d->pin_dir, &d->tables, e) ?: index_mend(d->tables, e);
	if (!error) {
		books_finish(d->tables, d->state_dir, true);
		error = daemon_apply(d, d->config, e);
	}
	if (!error && d->attach.missing == d->config->device_count)
		error = error_set(e, EXIT_FAILED, ENODEV, "none of the devices is there: see 'ip -brief link'");
	if (!error && sweep_new(d->attach.bpf, &d->sweep))
		error = error_set(e, EXIT_FAILED, errno, "cannot start the sweep of expired flows: %s", strerror(errno));
	if (error && first)
		daemon_undo(d);
	return error;
}

static int daemon_run(struct daemon *d, struct error *e)
{
	int error;

	hangup_hold(true);
	error = config_read(d->config_file, &d->config, e);
	if (!error)
		error = daemon_check_host(d->config, e);
	if (!error)
		error = daemon_start(d, e);
	if (!error)
		error = daemon_loop(d, e);
	books_free(d->books);
	guards_free(d->guards);
	sweep_free(d->sweep);
	tables_close(d->tables);
	attach_end(&d->attach);
	pins_end(d);
	if (d->attach.bpf)
		teal_bpf__destroy(d->attach.bpf);
	config_free(d->config);
	return error;
}

/* --check: what would be said at start, without starting. */
static int daemon_check(struct daemon *d, struct error *e)
{
	int error = config_read(d->config_file, &d->config, e);

	if (!error)
		error = daemon_check_host(d->config, e) ?: tables_layout_check(d->pin_dir, e);
	if (!error)
		printf("%s is good: %u services on %u devices\n", d->config_file, d->config->service_count,
		       d->config->device_count);
	config_free(d->config);
	return error;
}

/* --detach: the host as it was before teal. */
static int daemon_detach(struct daemon *d, struct error *e)
{
	_cleanup_close_ int lock = -1;
	int error;

	if (geteuid())
		return error_set(e, EXIT_FAILED, EPERM, "--detach needs root: run it with sudo");
	if (access(d->pin_dir, F_OK)) {
		printf("there is nothing of teal's in %s\n", d->pin_dir);
		return 0;
	}
	error = load_directory(d->pin_dir, e); /* whatever a crash left of it */
	if (!error)
		error = d->lock = lock_take(d->pin_dir, LOCK_DAEMON, LOCK_LOOK_MS, e);
	if (error >= 0)
		error = lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	if (error < 0)
		return error;
	error = attach_remove(d->pin_dir, e);
	if (!error)
		error = load_remove(d->pin_dir, e);
	if (!error)
		printf("teal is off this host: its programs and tables are gone, its books in %s stay\n", d->state_dir);
	return error;
}

static int libbpf_quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int daemon_told(struct daemon *d, struct error *e)
{
	(void)d;
	return fflush(stdout) ? error_set(e, EXIT_FAILED, errno, "cannot print that: %s", strerror(errno)) : 0;
}

int main(int argc, char **argv)
{
	static int (*const tasks[])(struct daemon *d, struct error *e) = {
		[DAEMON_RUN] = daemon_run,
		[DAEMON_CHECK] = daemon_check,
		[DAEMON_DETACH] = daemon_detach,
		[DAEMON_TOLD] = daemon_told,
	};
	struct daemon_options options = {};
	struct daemon d = { .lock = -1 };
	enum daemon_task task;
	struct error e = {};

	standard_keep();
	libbpf_set_print(libbpf_quiet); /* errors are told in one sentence, by us */
	signal(SIGPIPE, SIG_IGN); /* whoever collects the log may go away */
	umask(077); /* pins and books are root's alone */
	if (!daemon_options_take(argc, argv, &options, &task, &e)) {
		d.config_file = options.config_file;
		d.pin_dir = options.pin_dir;
		d.state_dir = options.state_dir;
		if (!tasks[task](&d, &e))
			return EXIT_DONE;
	}
	log_error("%s", e.text);
	return e.code ?: EXIT_FAILED;
}
