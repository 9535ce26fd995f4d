// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/load.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/kernel.h"
#include "daemon/log.h"
#include "daemon/mount.h"
#include "table/table.h"
#include "teal.skel.h"

#define BPFFS "/sys/fs/bpf"

static int directory_make(const char *pin_dir, const char *name, struct error *e)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s%s", pin_dir, name) < 0)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	if (!mkdir(path, 0700) || errno == EEXIST)
		return 0;
	if (errno == EACCES || errno == EPERM)
		return error_set(e, EXIT_FAILED, EPERM, "no right to make %s: teald needs root, so run it with sudo", path);
	return error_set(e, EXIT_FAILED, errno, "cannot make %s: %s", path, strerror(errno));
}

/*
 * A BPF file system that is mounted without options lets anybody make directories in it: one that somebody else has made is not
 * to be trusted with tables, and one that others may look into would let them hold its lock.
 */
static int directory_own(const char *pin_dir, struct error *e)
{
	struct stat status;

	if (stat(pin_dir, &status))
		return error_set(e, EXIT_FAILED, errno, "cannot look at %s: %s", pin_dir, strerror(errno));
	if (status.st_uid != geteuid())
		return error_set(e, EXIT_FAILED, EPERM,
				 "%s belongs to user %u, who could take the tables away: remove it, or use another --pin-dir", pin_dir,
				 status.st_uid);
	if (status.st_mode & 077 && chmod(pin_dir, 0700))
		return error_set(e, EXIT_FAILED, errno, "cannot keep others out of %s: %s", pin_dir, strerror(errno));
	return 0;
}

int load_directory(const char *pin_dir, struct error *e)
{
	int error;

	if (geteuid())
		return error_set(e, EXIT_FAILED, EPERM, "teald needs root to load programs into the kernel: run it with sudo");
	/* Nothing mounts it where there is no systemd. */
	error = strncmp(pin_dir, BPFFS "/", strlen(BPFFS "/")) ? 0 : mount_bpffs(BPFFS, false, e);
	if (!error)
		error = directory_make(pin_dir, "", e);
	if (error)
		return error;
	if (!mount_is_bpffs(pin_dir)) {
		rmdir(pin_dir);
		return error_set(e, EXIT_FAILED, EINVAL,
				 "%s is not on a BPF file system, so nothing can be pinned there: mount one with 'mount -t bpf "
				 "bpf DIRECTORY', or leave --pin-dir out",
				 pin_dir);
	}
	error = directory_own(pin_dir, e);
	return error ?: directory_make(pin_dir, "/links", e) ?: directory_make(pin_dir, "/tables", e);
}

bool load_is_done(const char *pin_dir)
{
	_cleanup_free_ char *meta = NULL;

	return asprintf(&meta, "%s/%s", pin_dir, table_name(TABLE_meta)) < 0 || !access(meta, F_OK);
}

/* How many rows a table is to have, where the configuration says so; otherwise 0. */
static __u32 rows_wanted(const struct config_limits *limits, enum table table)
{
	switch (table) {
	case TABLE_services: /* each may need a row for its address besides */
		return 2 * limits->services + 2;
	case TABLE_service_info:
	case TABLE_dispatch:
	case TABLE_previews:
	case TABLE_sources:
	case TABLE_pauses:
		return limits->services + 1;
	case TABLE_backends:
	case TABLE_counters:
	case TABLE_handshakes:
	case TABLE_checks:
	case TABLE_nexthops:
	case TABLE_endpoints:
		return limits->backends + 1;
	case TABLE_flows4:
	case TABLE_flows6:
	case TABLE_snat4:
	case TABLE_snat6:
		return limits->flows;
	case TABLE_pending4:
	case TABLE_pending6:
		return limits->pending;
	default:
		return 0;
	}
}

/* Adopts a pinned table, or says how large a new one shall be. */
static int map_prepare(struct bpf_map *map, const char *path, __u32 rows, struct error *e)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (fd < 0 && errno != ENOENT)
		return error_set(e, EXIT_FAILED, errno, "cannot open %s: %s", path, strerror(errno));
	if (fd < 0)
		return rows ? bpf_map__set_max_entries(map, rows) : 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) || info.type != bpf_map__type(map) ||
	    info.key_size != bpf_map__key_size(map) || info.value_size != bpf_map__value_size(map))
		return error_set(e, EXIT_FAILED, EPROTO,
				 "%s was made by another version of teal: use that one, or take its tables away, with the "
				 "connections they carry, by 'teald --detach', and start anew",
				 path);
	return bpf_map__reuse_fd(map, fd);
}

void load_sizes_tell(const struct tables *t, const struct config *config)
{
	const struct {
		const char *name;
		enum table table;
		__u32 wanted;
	} limits[] = {
		{ "services", TABLE_service_info, config->limits.services },
		{ "backends", TABLE_backends, config->limits.backends },
		{ "flows", TABLE_flows4, config->limits.flows },
		{ "pending", TABLE_pending4, config->limits.pending },
	};
	struct teal_meta meta = {};
	__u32 only = 0;

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		const __u32 more = rows_wanted(&config->limits, limits[i].table) - limits[i].wanted; /* row 0, which is nobody's */
		const __u32 made = t->rows[limits[i].table] - more;

		if (made != limits[i].wanted)
			log_warning("limits: %s is %u in the configuration, but the tables were made for %u: it counts once they are "
				    "made anew, after 'teald --detach', which ends connections",
				    limits[i].name, limits[i].wanted, made);
	}
	if (!table_get(t, TABLE_meta, &only, &meta) && meta.seed != config->seed)
		log_warning("seed is %u in the configuration, but the tables were made with %u: it counts once they are made anew, "
			    "after 'teald --detach', which ends connections",
			    config->seed, meta.seed);
}

static int maps_prepare(struct teal_bpf *bpf, const char *pin_dir, const struct config *config, struct error *e)
{
	for (enum table table = 0; table < TABLE_COUNT; table++) {
		struct bpf_map *map = bpf_object__find_map_by_name(bpf->obj, table_name(table));
		_cleanup_free_ char *path = NULL;
		int error;

		if (!map || asprintf(&path, "%s/%s", pin_dir, table_name(table)) < 0)
			return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
		error = map_prepare(map, path, rows_wanted(&config->limits, table), e);
		if (error)
			return error_set(e, EXIT_FAILED, -error, "cannot prepare the table %s: %s", table_name(table),
					 strerror(-error));
	}
	return 0;
}

int load_pin(struct teal_bpf *bpf, const char *pin_dir, struct error *e)
{
	for (enum table table = 0; table < TABLE_COUNT; table++) {
		struct bpf_map *map = bpf_object__find_map_by_name(bpf->obj, table_name(table));
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", pin_dir, table_name(table)) < 0)
			return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
		if (bpf_obj_pin(bpf_map__fd(map), path) && errno != EEXIST)
			return error_set(e, EXIT_FAILED, errno, "cannot pin %s: %s", path, strerror(errno));
	}
	return 0;
}

/* The row about all the others: the seed stays what it was; the rest is apply()'s. */
static int meta_write(struct teal_bpf *bpf, const struct config *config, struct error *e)
{
	struct teal_meta meta = {};
	int fd = bpf_map__fd(bpf->maps.meta);
	__u32 only = 0;

	if (bpf_map_lookup_elem(fd, &only, &meta))
		return error_set(e, EXIT_FAILED, errno, "cannot read the table meta: %s", strerror(errno));
	if (!meta.layout)
		meta.seed = config->seed;
	meta.layout = TEAL_LAYOUT;
	if (bpf_map_update_elem(fd, &only, &meta, BPF_ANY))
		return error_set(e, EXIT_FAILED, errno, "cannot write the table meta: %s", strerror(errno));
	return 0;
}

/* libbpf's own words are kept back, and its last complaint is told if loading fails. */
static char complaint[256];

static int libbpf_says(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN && !complaint[0])
		vsnprintf(complaint, sizeof(complaint), format, arguments);
	return 0;
}

int load(const char *pin_dir, const struct config *config, struct teal_bpf **ret, struct error *e)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct teal_bpf *bpf;
	int error;

	libbpf_set_print(libbpf_says);
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* kernels before 5.11 charge tables to it */
	complaint[0] = '\0';
	bpf = teal_bpf__open();
	if (!bpf)
		return error_set(e, EXIT_FAILED, errno, "cannot open the programs: %s", strerror(errno));
	if (clock_measure(&bpf->rodata->clock_tick, &bpf->rodata->clock_origin))
		log_warning("the kernel's ticks could not be timed, so its coarse clock is asked: every packet takes longer");
	bpf->rodata->kernel_shows_packet = kernel_shows_packet();
	error = tables_layout_check(pin_dir, e) ?: maps_prepare(bpf, pin_dir, config, e);
	if (!error) {
		complaint[0] = '\0';
		error = teal_bpf__load(bpf);
		complaint[strcspn(complaint, "\n")] = '\0';
		if (error)
			error_set(e, EXIT_FAILED, -error,
				  "the kernel did not take teal's programs (%s: %s): it needs Linux 6.1 or newer with BTF, and "
				  "memory for the tables; 'teal doctor' tells which is missing",
				  strerror(-error), complaint);
	}
	if (!error)
		error = meta_write(bpf, config, e);
	if (!error)
		error = load_pin(bpf, pin_dir, e);
	if (error) {
		teal_bpf__destroy(bpf);
		return error;
	}
	*ret = bpf;
	return 0;
}

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path) && errno != ENOENT ? errno : 0;
}

int load_remove(const char *pin_dir, struct error *e)
{
	int error = nftw(pin_dir, entry_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

	if (error > 0)
		return error_set(e, EXIT_FAILED, error, "cannot remove %s: %s", pin_dir, strerror(error));
	return 0;
}
