/* SPDX-License-Identifier: GPL-2.0-only */
/* Canary, preview, pause, reset and switch, in the kernel's own maps. */
#include "tables.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"
#include "config_rows.h"
#include "operation/canary.h"
#include "operation/pause.h"
#include "operation/preview.h"
#include "operation/record.h"
#include "operation/reset.h"
#include "operation/switch.h"
#include "table/slot.h"

#define LIMITS "limits: { services: 8, backends: 16, flows: 64, pending: 64 }\n"
#define API "  - name: api\n    listen: 203.0.113.11:443/tcp\n    blue: [10.0.3.11:80]\n    green: [10.0.4.11:80]\n"
#define TWO WEB "    blue: [10.0.1.11:80, 10.0.1.12:80]\n    green: [10.0.2.11:80, 10.0.2.12:80]\n" API LIMITS
#define GREEN_GONE WEB "    blue: [10.0.1.11:80, 10.0.1.12:80]\n    green: []\n" API LIMITS

static struct tables *t;
static struct config *config;
static struct service web, api;

static void services_find(void)
{
	struct error e = { 0 };

	CU_ASSERT_EQUAL_FATAL(service_find(t, "web", &web, &e), 0);
	CU_ASSERT_EQUAL_FATAL(service_find(t, "api", &api, &e), 0);
}

static void begin(void)
{
	struct error e = { 0 };

	t = tables_begin(TWO, &config);
	ROW_CHECK(!tables_apply(t, TWO, &e), "not applied: %s", e.text);
	services_find();
}

static void end(void)
{
	config_free(config);
	tables_end(t);
}

/* As after a reboot: all tables new, the books kept. */
static void reboot(const char *yaml)
{
	struct record *record = NULL;
	struct error e = { 0 };

	CU_ASSERT_EQUAL_FATAL(record_read(tables_state_dir(), &record, &e), 0);
	end();
	t = tables_begin(TWO, &config);
	CU_ASSERT_EQUAL_FATAL(record_write(tables_state_dir(), record, &e), 0);
	record_free(record);
	ROW_CHECK(!tables_apply(t, yaml, &e), "not applied: %s", e.text);
	services_find();
}

static struct record_service booked(const char *name, struct prefix *ret_first)
{
	struct record *record = NULL;
	struct record_service *found, copy = { 0 };
	struct error e = { 0 };

	CU_ASSERT_EQUAL_FATAL(record_read(tables_state_dir(), &record, &e), 0);
	found = record_find(record, name);
	if (found)
		copy = *found;
	if (found && found->preview.count && ret_first)
		*ret_first = found->preview.from[0];
	record_free(record);
	return copy;
}

/* Of the slot's table, by thousands, what belongs to a color. */
static unsigned int share_in_slot(const struct service *s, enum teal_color color)
{
	_cleanup_free_ __u32 *ids = NULL;
	unsigned int count = 0, table = 0;
	struct teal_backend row;
	__u32 size = 1;

	CU_ASSERT_EQUAL_FATAL(slot_find(t, s->id, s->info.name, &table), 0);
	CU_ASSERT_EQUAL_FATAL(slot_table_read(t, s->info.name, table, &ids, &size), 0);
	for (__u32 i = 0; i < size; i++)
		count += !table_get(t, TABLE_backends, &ids[i], &row) && row.color == color;
	return size ? (count * 1000 + size / 2) / size : 0;
}

static void canary(unsigned int percent)
{
	struct error e = { 0 };

	ROW_CHECK(!canary_set(t, tables_state_dir(), &web, TEAL_GREEN, percent, false, &e), "%u %%: %s", percent, e.text);
}

static void a_canary_comes_rises_and_ends(void)
{
	struct error e = { 0 };
	__u32 before, five;

	begin();
	before = table_in_slot(t, web.id);
	canary(5);
	five = table_in_slot(t, web.id);
	CU_ASSERT_NOT_EQUAL(five, before);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_GREEN), 50);
	services_find();
	CU_ASSERT_EQUAL(web.info.active, TEAL_BLUE);
	CU_ASSERT_EQUAL(web.info.canary, TEAL_GREEN);
	CU_ASSERT_EQUAL(web.info.canary_percent, 5);
	CU_ASSERT_EQUAL(booked("web", NULL).canary, TEAL_GREEN);
	CU_ASSERT_EQUAL(booked("web", NULL).canary_percent, 5);
	canary(5);
	CU_ASSERT_EQUAL(table_in_slot(t, web.id), five);
	canary(100);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_GREEN), 1000);
	CU_ASSERT_EQUAL(web.info.active, TEAL_BLUE);
	canary(1);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_GREEN), 10);
	CU_ASSERT_EQUAL(canary_end(t, tables_state_dir(), &web, &e), 0);
	CU_ASSERT_EQUAL(table_in_slot(t, web.id), before);
	services_find();
	CU_ASSERT_EQUAL(web.info.canary, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(booked("web", NULL).canary, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(web.info.generation, 0);
	CU_ASSERT_EQUAL(canary_end(t, tables_state_dir(), &web, &e), 0);
	end();
}

static void a_canary_that_may_not_be_is_refused(void)
{
	struct error e = { 0 };
	__u32 before;

	begin();
	before = table_in_slot(t, web.id);
	CU_ASSERT_EQUAL(canary_set(t, tables_state_dir(), &web, TEAL_BLUE, 5, true, &e), -EBUSY);
	CU_ASSERT_EQUAL(e.code, EXIT_REFUSED);
	for (unsigned int i = 1; i <= 2; i++) {
		char text[16];

		snprintf(text, sizeof(text), "10.0.2.1%u:80", i);
		health_put(t, backend_id(t, web.id, text), TEAL_DOWN);
	}
	e = (struct error){ 0 };
	CU_ASSERT_EQUAL(canary_set(t, tables_state_dir(), &web, TEAL_GREEN, 5, false, &e), -EHOSTDOWN);
	CU_ASSERT_EQUAL(e.code, EXIT_REFUSED);
	CU_ASSERT_EQUAL(table_in_slot(t, web.id), before);
	e = (struct error){ 0 };
	CU_ASSERT_EQUAL(canary_set(t, "/proc/teal", &web, TEAL_GREEN, 5, true, &e), -ENOENT);
	CU_ASSERT_EQUAL(table_in_slot(t, web.id), before);
	e = (struct error){ 0 };
	ROW_CHECK(!canary_set(t, tables_state_dir(), &web, TEAL_GREEN, 5, true, &e), "by force: %s", e.text);
	CU_ASSERT_NOT_EQUAL(table_in_slot(t, web.id), before);
	end();
}

static void a_switch_ends_a_canary(void)
{
	struct switch_result result;
	struct error e = { 0 };

	begin();
	canary(5);
	ROW_CHECK(!switch_color(t, tables_state_dir(), &web, TEAL_GREEN, false, &result, &e), "switch: %s", e.text);
	CU_ASSERT_EQUAL(result.from, TEAL_BLUE);
	CU_ASSERT_EQUAL(result.canary, TEAL_GREEN);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_GREEN), 1000);
	services_find();
	CU_ASSERT_EQUAL(web.info.canary, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(web.info.active, TEAL_GREEN);
	CU_ASSERT_EQUAL(web.info.generation, 1);
	CU_ASSERT_EQUAL(booked("web", NULL).canary, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(booked("web", NULL).active, TEAL_GREEN);
	/* To the color that is active: only the canary ends, and that is no switch. */
	ROW_CHECK(!canary_set(t, tables_state_dir(), &web, TEAL_BLUE, 30, false, &e), "canary: %s", e.text);
	ROW_CHECK(!switch_color(t, tables_state_dir(), &web, TEAL_GREEN, false, &result, &e), "switch: %s", e.text);
	CU_ASSERT_EQUAL(result.canary, TEAL_BLUE);
	services_find();
	CU_ASSERT_EQUAL(web.info.generation, 1);
	CU_ASSERT_EQUAL(web.info.previous, TEAL_BLUE);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_BLUE), 0);
	end();
}

static void a_canary_follows_health_and_backends(void)
{
	struct error e = { 0 };
	__u32 down;

	begin();
	canary(50);
	down = backend_id(t, web.id, "10.0.2.11:80");
	health_put(t, down, TEAL_DOWN);
	CU_ASSERT_EQUAL(service_tables_refresh(t, &web, &e), 0);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_GREEN), 500);
	services_find();
	CU_ASSERT_EQUAL(web.info.canary, TEAL_GREEN);
	health_put(t, backend_id(t, web.id, "10.0.2.12:80"), TEAL_DOWN);
	web.info.policy = TEAL_POLICY_REFUSE;
	CU_ASSERT_EQUAL(service_tables_refresh(t, &web, &e), 0);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_BLUE), 1000);
	health_put(t, down, TEAL_UP);
	CU_ASSERT_EQUAL(service_tables_refresh(t, &web, &e), 0);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_GREEN), 500);
	ROW_CHECK(!tables_apply(t, GREEN_GONE, &e), "not applied: %s", e.text);
	services_find();
	CU_ASSERT_EQUAL(web.info.canary, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(web.info.active, TEAL_BLUE);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_BLUE), 1000);
	end();
}

/* Whether a new flow of that client would be looked up in the preview's slot. */
static bool is_previewed(const struct service *s, const char *client)
{
	struct teal_preview_key key = { .prefix = 160, .service = s->id };
	__u16 flags = 0;
	__u32 row;

	CU_ASSERT_EQUAL(address_parse(client, key.address), 0);
	return !service_flags_get(t, s, &flags) && flags & TEAL_SERVICE_PREVIEW &&
	       !table_get(t, TABLE_preview_clients, &key, &row);
}

static __u32 table_in_preview(const struct service *s)
{
	__u32 slot = s->id, id = 0;

	return table_get(t, TABLE_previews, &slot, &id) ? 0 : id;
}

static void prefixes_set(struct service *s, enum teal_color color, const char *const *texts)
{
	struct prefix from[8];
	struct error e = { 0 };
	unsigned int count = 0;

	for (; texts[count]; count++)
		CU_ASSERT_EQUAL_FATAL(prefix_parse(texts[count], &from[count]), 0);
	ROW_CHECK(!preview_set(t, tables_state_dir(), s, color, from, count, false, &e), "preview: %s", e.text);
}

static void a_preview_is_for_whom_it_names(void)
{
	struct error e = { 0 };
	struct prefix first = { 0 };
	__u32 green, blue;

	begin();
	prefixes_set(&web, TEAL_GREEN, (const char *const[]){ "192.0.2.0/24", "198.51.100.7", NULL });
	green = table_in_preview(&web);
	CU_ASSERT_NOT_EQUAL(green, 0);
	CU_ASSERT_TRUE(is_previewed(&web, "192.0.2.200"));
	CU_ASSERT_TRUE(is_previewed(&web, "198.51.100.7"));
	CU_ASSERT_FALSE(is_previewed(&web, "198.51.100.8"));
	CU_ASSERT_FALSE(is_previewed(&api, "192.0.2.200"));
	CU_ASSERT_EQUAL(web.info.preview, TEAL_GREEN);
	CU_ASSERT_EQUAL(booked("web", &first).preview.count, 2);
	CU_ASSERT_EQUAL(first.bits, 120);
	prefixes_set(&web, TEAL_BLUE, (const char *const[]){ "198.51.100.8", NULL });
	blue = table_in_preview(&web);
	CU_ASSERT_NOT_EQUAL(blue, green);
	CU_ASSERT_EQUAL(blue, table_in_slot(t, web.id));
	CU_ASSERT_FALSE(is_previewed(&web, "192.0.2.200"));
	CU_ASSERT_TRUE(is_previewed(&web, "198.51.100.8"));
	CU_ASSERT_EQUAL(preview_end(t, tables_state_dir(), &web, &e), 0);
	CU_ASSERT_FALSE(is_previewed(&web, "198.51.100.8"));
	CU_ASSERT_EQUAL(table_in_preview(&web), 0);
	services_find();
	CU_ASSERT_EQUAL(web.info.preview, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(web.flags & TEAL_SERVICE_PREVIEW, 0);
	CU_ASSERT_EQUAL(booked("web", NULL).preview.color, TEAL_NO_COLOR);
	end();
}

static void a_preview_follows_health_and_backends(void)
{
	struct error e = { 0 };
	__u32 before;

	begin();
	prefixes_set(&web, TEAL_GREEN, (const char *const[]){ "192.0.2.0/24", NULL });
	before = table_in_preview(&web);
	health_put(t, backend_id(t, web.id, "10.0.2.11:80"), TEAL_DOWN);
	CU_ASSERT_EQUAL(service_tables_refresh(t, &web, &e), 0);
	CU_ASSERT_NOT_EQUAL(table_in_preview(&web), before);
	CU_ASSERT_TRUE(is_previewed(&web, "192.0.2.1"));
	ROW_CHECK(!tables_apply(t, GREEN_GONE, &e), "not applied: %s", e.text);
	CU_ASSERT_FALSE(is_previewed(&web, "192.0.2.1"));
	CU_ASSERT_EQUAL(table_in_preview(&web), 0);
	end();
}

static void a_preview_that_may_not_be_is_refused(void)
{
	_cleanup_free_ struct prefix *many = calloc(5000, sizeof(*many));
	struct prefix ipv6;
	struct error e = { 0 };

	begin();
	CU_ASSERT_EQUAL_FATAL(prefix_parse("2001:db8::/32", &ipv6), 0);
	CU_ASSERT_EQUAL(preview_set(t, tables_state_dir(), &web, TEAL_GREEN, &ipv6, 1, true, &e), -EAFNOSUPPORT);
	CU_ASSERT_EQUAL(e.code, EXIT_USAGE);
	for (unsigned int i = 0; i < 5000; i++)
		many[i] = (struct prefix){ { [10] = 0xff, 0xff, 10, 0, (__u8)(i >> 8), (__u8)i }, 128 };
	e = (struct error){ 0 };
	CU_ASSERT_EQUAL(preview_set(t, tables_state_dir(), &web, TEAL_GREEN, many, 5000, false, &e), -ENOSPC);
	CU_ASSERT_EQUAL(e.code, EXIT_REFUSED);
	CU_ASSERT_FALSE(is_previewed(&web, "10.0.0.1"));
	e = (struct error){ 0 };
	CU_ASSERT_EQUAL(preview_set(t, "/proc/teal", &web, TEAL_GREEN, many, 1, false, &e), -ENOENT);
	CU_ASSERT_FALSE(is_previewed(&web, "10.0.0.0"));
	CU_ASSERT_EQUAL(web.info.preview, TEAL_NO_COLOR);
	end();
}

static void canary_and_preview_come_back_after_a_reboot(void)
{
	struct error e = { 0 };

	begin();
	canary(25);
	prefixes_set(&web, TEAL_GREEN, (const char *const[]){ "192.0.2.0/24", NULL });
	CU_ASSERT_EQUAL(pause_set(t, &api, 3600, &e), 0);
	reboot(TWO);
	CU_ASSERT_EQUAL(web.info.canary, TEAL_GREEN);
	CU_ASSERT_EQUAL(web.info.canary_percent, 25);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_GREEN), 250);
	CU_ASSERT_EQUAL(web.info.preview, TEAL_GREEN);
	CU_ASSERT_TRUE(is_previewed(&web, "192.0.2.9"));
	CU_ASSERT_EQUAL(pause_left(t, &api), 0);
	reboot(GREEN_GONE); /* nobody there: then the active color has everything */
	CU_ASSERT_EQUAL(web.info.canary, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(web.info.preview, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_BLUE), 1000);
	end();
}

static void a_pause_ends_at_its_time(void)
{
	struct teal_pause past = { .until = 1 };
	struct error e = { 0 };
	__u32 id;
	__u64 left;

	begin();
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
	end();
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

	begin();
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
	CU_ASSERT_EQUAL(switch_color(t, tables_state_dir(), &web, TEAL_GREEN, false, &result, &e), 0);
	CU_ASSERT_EQUAL(is_reset("10.0.2.11:80"), 0);
	/* Nothing left to end; left by somebody who was killed. */
	reset_put("10.0.1.11:80");
	CU_ASSERT_EQUAL(services_tidy(t), 0);
	CU_ASSERT_EQUAL(is_reset("10.0.1.11:80"), 0);
	CU_ASSERT_EQUAL(reset_color(t, &web, TEAL_GREEN, false, &reset, &e), -EBUSY);
	CU_ASSERT_EQUAL(e.code, EXIT_REFUSED);
	CU_ASSERT_EQUAL(is_reset("10.0.2.11:80"), 0);
	end();
}

/* Down, and the policy is that such a backend's connections are ended: nobody but the health checks takes that back. */
static void a_backend_that_health_resets_stays_reset(void)
{
	struct teal_service_info info;
	struct error e = { 0 };
	__u32 id;

	begin();
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
	end();
}

static int both_switch(struct error *e)
{
	struct service list[2] = { web, api };
	struct switch_result results[2];

	return switch_services(t, tables_state_dir(), list, 2, TEAL_GREEN, false, results, e);
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

	begin();
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
	end();
}

CU_TestInfo operations_tests[] = {
	{ "a canary comes, rises and ends", a_canary_comes_rises_and_ends },
	{ "a canary that may not be is refused", a_canary_that_may_not_be_is_refused },
	{ "a switch ends a canary", a_switch_ends_a_canary },
	{ "a canary follows health and backends", a_canary_follows_health_and_backends },
	{ "a preview is for whom it names", a_preview_is_for_whom_it_names },
	{ "a preview follows health and backends", a_preview_follows_health_and_backends },
	{ "a preview that may not be is refused", a_preview_that_may_not_be_is_refused },
	{ "canary and preview come back after a reboot", canary_and_preview_come_back_after_a_reboot },
	{ "a pause ends at its time", a_pause_ends_at_its_time },
	{ "a color that gets new flows is not reset", a_color_that_gets_new_flows_is_not_reset },
	{ "a backend that health resets stays reset", a_backend_that_health_resets_stays_reset },
	{ "several switch all or nothing", several_switch_all_or_nothing },
	CU_TEST_INFO_NULL,
};
