/* SPDX-License-Identifier: GPL-2.0-only */
#include "tables.h"
#include "unit.h"

#include <bpf/bpf.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "daemon/apply.h"
#include "daemon/load.h"
#include "teal.skel.h"

static char scratch[SCRATCH_SIZE], bpffs[SCRATCH_SIZE + 8], pin_dir[SCRATCH_SIZE + 16], state_dir[SCRATCH_SIZE + 8];

const char *tables_state_dir(void)
{
	return state_dir;
}

/* Mounts that end with this process, however it ends. */
static bool mounts_are_private(void)
{
	static bool done;

	if (!done)
		done = !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return done;
}

struct config *config_of(const char *yaml)
{
	char directory[SCRATCH_SIZE], file[SCRATCH_SIZE + 16];
	struct config *config = NULL;
	struct error e = { 0 };

	CU_ASSERT_TRUE_FATAL(scratch_make(directory));
	snprintf(file, sizeof(file), "%s/teal.yaml", directory);
	CU_ASSERT_TRUE_FATAL(file_write(file, yaml, strlen(yaml)));
	ROW_CHECK(!config_read(file, &config, &e), "the configuration is refused: %s", e.text);
	scratch_remove(directory);
	return config;
}

struct tables *tables_begin(const char *yaml, struct config **ret_config)
{
	struct config *config = config_of(yaml);
	struct teal_bpf *bpf = NULL;
	struct tables *t = NULL;
	struct error e = { 0 };

	CU_ASSERT_TRUE_FATAL(config && mounts_are_private() && scratch_make(scratch));
	snprintf(bpffs, sizeof(bpffs), "%s/bpf", scratch);
	snprintf(pin_dir, sizeof(pin_dir), "%s/teal", bpffs);
	snprintf(state_dir, sizeof(state_dir), "%s/state", scratch);
	CU_ASSERT_TRUE_FATAL(!mkdir(bpffs, 0700) && !mkdir(state_dir, 0700) && !mount("bpf", bpffs, "bpf", 0, NULL));
	if (load_directory(pin_dir, &e) || load(pin_dir, config, &bpf, &e) || tables_open(pin_dir, &t, &e))
		ROW_CHECK(false, "the tables cannot be made: %s", e.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	teal_bpf__destroy(bpf); /* what is pinned stays */
	*ret_config = config;
	return t;
}

void tables_end(struct tables *t, struct config *config)
{
	config_free(config);
	tables_close(t);
	umount(bpffs);
	scratch_remove(scratch);
}

struct tables *tables_applied(const char *yaml, struct config **ret_config)
{
	struct tables *t = tables_begin(yaml, ret_config);
	struct error e = { 0 };

	ROW_CHECK(!tables_apply(t, yaml, &e), "not applied: %s", e.text);
	return t;
}

int tables_apply(struct tables *t, const char *yaml, struct error *e)
{
	struct config *config = config_of(yaml);
	int error;

	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	error = apply(t, state_dir, config, e);
	config_free(config);
	return error;
}

unsigned long table_ids(const struct tables *t, const char *service, enum teal_color color)
{
	_cleanup_free_ char *path = table_path(t, "tables/%s/%s", service, color_name(color));
	_cleanup_close_ int fd = bpf_obj_get(path);
	unsigned long ids = 0;
	__u32 id;

	for (__u32 slot = 0; fd >= 0 && !bpf_map_lookup_elem(fd, &slot, &id); slot++)
		ids |= 1UL << (id < 64 ? id : 63);
	return ids;
}

__u32 table_in_slot(const struct tables *t, __u16 service)
{
	__u32 slot = service, id = 0;

	return table_get(t, TABLE_dispatch, &slot, &id) ? 0 : id;
}

__u32 backend_id(const struct tables *t, __u16 service, const char *text)
{
	_cleanup_free_ struct backend *list = NULL;
	struct endpoint wanted = { 0 };
	struct error e = { 0 };
	unsigned int count = 0;

	CU_ASSERT_TRUE_FATAL(!endpoint_parse(text, &wanted) && !backend_list(t, service, &list, &count, &e));
	for (unsigned int i = 0; i < count; i++)
		if (list[i].row.port == wanted.port && list[i].row.health != TEAL_REMOVED &&
		    !memcmp(list[i].row.address, wanted.address, sizeof(wanted.address)))
			return list[i].id;
	return 0;
}

enum teal_health health_of(const struct tables *t, __u32 backend)
{
	struct teal_backend row = { 0 };

	CU_ASSERT_TRUE_FATAL(!table_get(t, TABLE_backends, &backend, &row));
	return row.health;
}

void health_put(const struct tables *t, __u32 backend, enum teal_health health)
{
	struct teal_backend row = { 0 };

	CU_ASSERT_TRUE_FATAL(!table_get(t, TABLE_backends, &backend, &row));
	row.health = health;
	CU_ASSERT_TRUE_FATAL(!service_stale_set(t, row.service, true)); /* as everybody does who writes that table */
	CU_ASSERT_TRUE_FATAL(!table_put(t, TABLE_backends, &backend, &row));
}
