/* SPDX-License-Identifier: GPL-2.0-only */
/* Pause, reset, and a switch of several services, in the kernel's own maps. */
#include "operations.h"
#include "tables.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "operation/pause.h"
#include "operation/reset.h"
#include "operation/switch.h"

static void a_pause_ends_at_its_time(void)
{
	struct teal_pause past = { .until = 1 };
	struct error e = { 0 };
	__u32 id;
	__u64 left;

	two_begin();
	CU_ASSERT_EQUAL(pause_left(t, &web), 0);
	CU_ASSERT_EQUAL(pause_set(t, &web, 30, &e), 0);
	services_find();
	CU_ASSERT_NOT_EQUAL(web.flags & TEAL_SERVICE_PAUSED, 0);
	left = pause_left(t, &web);
	CU_ASSERT_TRUE(left > 20000000000ULL && left <= 30000000000ULL);
	CU_ASSERT_EQUAL(services_tidy(t), 0);
	services_find();
	CU_ASSERT_NOT_EQUAL(pause_left(t, &web), 0);
	CU_ASSERT_EQUAL(pause_left(t, &api), 0);
	CU_ASSERT_EQUAL(pause_end(t, &web, &e), 0);
	services_find();
	CU_ASSERT_EQUAL(web.flags & TEAL_SERVICE_PAUSED, 0);
	CU_ASSERT_EQUAL(pause_set(t, &web, 30, &e), 0);
	id = web.id;
	CU_ASSERT_EQUAL(table_put(t, TABLE_pauses, &id, &past), 0);
	CU_ASSERT_EQUAL(pause_left(t, &web), 0);
	CU_ASSERT_EQUAL(services_tidy(t), 0);
	services_find();
	CU_ASSERT_EQUAL(web.flags & TEAL_SERVICE_PAUSED, 0);
	two_end();
}

static __u8 is_reset(const char *endpoint)
{
	struct teal_backend row = { 0 };
	__u32 id = backend_id(t, web.id, endpoint);

	CU_ASSERT_EQUAL(table_get(t, TABLE_backends, &id, &row), 0);
	return row.reset;
}

static void reset_put(const char *endpoint)
{
	struct teal_backend row = { 0 };
	__u32 id = backend_id(t, web.id, endpoint);

	CU_ASSERT_EQUAL(table_get(t, TABLE_backends, &id, &row), 0);
	row.reset = 1;
	CU_ASSERT_EQUAL(table_put(t, TABLE_backends, &id, &row), 0);
}

/* A flow row of that backend, as the data path counts it. */
static void flow_pretend(const char *endpoint)
{
	_cleanup_free_ struct teal_counters *counters = calloc(t->cpus, sizeof(*counters));
	__u32 id = backend_id(t, web.id, endpoint);

	counters[0].opened = 1;
	CU_ASSERT_EQUAL(table_put(t, TABLE_counters, &id, counters), 0);
}

static void a_color_that_gets_new_flows_is_not_reset(void)
{
	struct switch_result result;
	struct reset_result reset;
	struct error e = { 0 };

	two_begin();
	reset_put("10.0.2.11:80");
	flow_pretend("10.0.2.11:80");
	CU_ASSERT_EQUAL(services_tidy(t), 0);
	CU_ASSERT_EQUAL(is_reset("10.0.2.11:80"), 1);
	canary(5);
	CU_ASSERT_EQUAL(is_reset("10.0.2.11:80"), 0);
	reset_put("10.0.2.11:80");
	prefixes_set(&web, TEAL_GREEN, (const char *const[]){ "192.0.2.0/24", NULL });
	CU_ASSERT_EQUAL(is_reset("10.0.2.11:80"), 0);
	reset_put("10.0.2.11:80");
	CU_ASSERT_EQUAL(switch_color(t, tables_state_dir(), &web, &(struct switch_request){ .color = TEAL_GREEN }, &result,
				&e), 0);
	CU_ASSERT_EQUAL(is_reset("10.0.2.11:80"), 0);
	/* Nothing left to end; left by somebody who was killed. */
	reset_put("10.0.1.11:80");
	CU_ASSERT_EQUAL(services_tidy(t), 0);
	CU_ASSERT_EQUAL(is_reset("10.0.1.11:80"), 0);
	CU_ASSERT_EQUAL(reset_color(t, &web, TEAL_GREEN, false, &reset, &e), -EBUSY);
	CU_ASSERT_EQUAL(e.code, EXIT_REFUSED);
	CU_ASSERT_EQUAL(is_reset("10.0.2.11:80"), 0);
	two_end();
}

/* Down, and the policy is that such a backend's connections are ended: nobody but the health checks takes that back. */
static void a_backend_that_health_resets_stays_reset(void)
{
	struct teal_service_info info;
	struct error e = { 0 };
	__u32 id;

	two_begin();
	id = web.id;
	CU_ASSERT_EQUAL(table_get(t, TABLE_service_info, &id, &info), 0);
	info.policy = TEAL_POLICY_RESET;
	CU_ASSERT_EQUAL(table_put(t, TABLE_service_info, &id, &info), 0);
	services_find();
	reset_put("10.0.2.11:80");
	reset_put("10.0.2.12:80");
	health_put(t, backend_id(t, web.id, "10.0.2.11:80"), TEAL_DOWN);
	CU_ASSERT_EQUAL(reset_clear(t, &web, TEAL_GREEN, &e), 0);
	CU_ASSERT_EQUAL(services_tidy(t), 0);
	CU_ASSERT_EQUAL(is_reset("10.0.2.11:80"), 1);
	CU_ASSERT_EQUAL(is_reset("10.0.2.12:80"), 0);
	two_end();
}

static int both_switch(struct error *e)
{
	struct service list[2] = { web, api };
	struct switch_result results[2];

	return switch_services(t, tables_state_dir(), list, 2, &(struct switch_request){ .color = TEAL_GREEN },
			       results, e);
}

static void both_are_unchanged(__u32 web_table, __u32 api_table)
{
	CU_ASSERT_EQUAL(table_in_slot(t, web.id), web_table);
	CU_ASSERT_EQUAL(table_in_slot(t, api.id), api_table);
	services_find();
	CU_ASSERT_EQUAL(web.info.active, TEAL_BLUE);
	CU_ASSERT_EQUAL(web.info.previous, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(web.info.generation, 0);
	CU_ASSERT_EQUAL(web.info.switched_at, 0);
	CU_ASSERT_EQUAL(booked("web", NULL).generation, 0);
	CU_ASSERT_EQUAL(api.info.active, TEAL_BLUE);
}

static void several_switch_all_or_nothing(void)
{
	struct error e = { 0 };
	char *path, books[64];
	__u32 web_table, api_table;

	two_begin();
	canary(5);
	web_table = table_in_slot(t, web.id);
	api_table = table_in_slot(t, api.id);
	/* The second cannot be: its table is gone. */
	path = table_path(t, "tables/api/green");
	CU_ASSERT_EQUAL(unlink(path), 0);
	free(path);
	CU_ASSERT_EQUAL(both_switch(&e), -ENOENT);
	ROW_CHECK(strstr(e.text, "cannot switch api to green: No such file or directory; nothing was changed"), "it said: %s",
		  e.text);
	both_are_unchanged(web_table, api_table);
	CU_ASSERT_EQUAL(web.info.canary, TEAL_GREEN);
	CU_ASSERT_EQUAL(web.info.canary_percent, 5);
	CU_ASSERT_EQUAL(service_tables_refresh(t, &api, &e), 0);
	/* The books cannot be: nobody may rename a file over a mount. */
	snprintf(books, sizeof(books), "%s/state.json", tables_state_dir());
	CU_ASSERT_EQUAL_FATAL(mount(books, books, NULL, MS_BIND, NULL), 0);
	e = (struct error){ 0 };
	CU_ASSERT_EQUAL(both_switch(&e), -EBUSY);
	both_are_unchanged(web_table, api_table);
	CU_ASSERT_EQUAL(umount(books), 0);
	e = (struct error){ 0 };
	ROW_CHECK(!both_switch(&e), "switch: %s", e.text);
	services_find();
	CU_ASSERT_EQUAL(web.info.active, TEAL_GREEN);
	CU_ASSERT_EQUAL(api.info.active, TEAL_GREEN);
	CU_ASSERT_EQUAL(booked("web", NULL).active, TEAL_GREEN);
	CU_ASSERT_EQUAL(booked("api", NULL).active, TEAL_GREEN);
	two_end();
}

CU_TestInfo moments_tests[] = {
	{ "a pause ends at its time", a_pause_ends_at_its_time },
	{ "a color that gets new flows is not reset", a_color_that_gets_new_flows_is_not_reset },
	{ "a backend that health resets stays reset", a_backend_that_health_resets_stays_reset },
	{ "several switch all or nothing", several_switch_all_or_nothing },
	CU_TEST_INFO_NULL,
};
