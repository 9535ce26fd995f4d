/* SPDX-License-Identifier: GPL-2.0-only */
/* Canary and preview, in the kernel's own maps. */
#include "operations.h"
#include "tables.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "config_rows.h"
#include "operation/canary.h"
#include "operation/pause.h"
#include "operation/preview.h"
#include "operation/record.h"
#include "operation/switch.h"
#include "table/slot.h"

#define LIMITS "limits: { services: 8, backends: 16, flows: 64, pending: 64 }\n"
#define API "  - name: api\n    listen: 203.0.113.11:443/tcp\n    blue: [10.0.3.11:80]\n    green: [10.0.4.11:80]\n"
#define TWO WEB "    blue: [10.0.1.11:80, 10.0.1.12:80]\n    green: [10.0.2.11:80, 10.0.2.12:80]\n" API LIMITS
#define GREEN_GONE WEB "    blue: [10.0.1.11:80, 10.0.1.12:80]\n    green: []\n" API LIMITS

struct tables *t;
struct service web, api;
static struct config *config;

void services_find(void)
{
	struct error e = { 0 };

	CU_ASSERT_EQUAL_FATAL(service_find(t, "web", &web, &e), 0);
	CU_ASSERT_EQUAL_FATAL(service_find(t, "api", &api, &e), 0);
}

void two_begin(void)
{
	struct error e = { 0 };

	t = tables_begin(TWO, &config);
	ROW_CHECK(!tables_apply(t, TWO, &e), "not applied: %s", e.text);
	services_find();
}

void two_end(void)
{
	tables_end(t, config);
}

/* As after a reboot: all tables new, the books kept. */
static void reboot(const char *yaml)
{
	struct record *record = NULL;
	struct error e = { 0 };

	CU_ASSERT_EQUAL_FATAL(record_read(tables_state_dir(), &record, &e), 0);
	two_end();
	t = tables_begin(TWO, &config);
	CU_ASSERT_EQUAL_FATAL(record_write(tables_state_dir(), record, &e), 0);
	record_free(record);
	ROW_CHECK(!tables_apply(t, yaml, &e), "not applied: %s", e.text);
	services_find();
}

struct record_service booked(const char *name, struct prefix *ret_first)
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

void canary(unsigned int percent)
{
	struct error e = { 0 };

	ROW_CHECK(!canary_set(t, tables_state_dir(), &web, TEAL_GREEN, percent, false, &e), "%u %%: %s", percent, e.text);
}

static void a_canary_comes_rises_and_ends(void)
{
	struct error e = { 0 };
	__u32 before, five;

	two_begin();
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
	two_end();
}

static void a_canary_that_may_not_be_is_refused(void)
{
	struct error e = { 0 };
	__u32 before;

	two_begin();
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
	two_end();
}

static void a_switch_ends_a_canary(void)
{
	struct switch_result result;
	struct error e = { 0 };

	two_begin();
	canary(5);
	ROW_CHECK(!switch_color(t, tables_state_dir(), &web, &(struct switch_request){ .color = TEAL_GREEN }, &result,
				&e), "switch: %s", e.text);
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
	ROW_CHECK(!switch_color(t, tables_state_dir(), &web, &(struct switch_request){ .color = TEAL_GREEN }, &result,
				&e), "switch: %s", e.text);
	CU_ASSERT_EQUAL(result.canary, TEAL_BLUE);
	services_find();
	CU_ASSERT_EQUAL(web.info.generation, 1);
	CU_ASSERT_EQUAL(web.info.previous, TEAL_BLUE);
	CU_ASSERT_EQUAL(share_in_slot(&web, TEAL_BLUE), 0);
	two_end();
}

static void a_canary_follows_health_and_backends(void)
{
	struct error e = { 0 };
	__u32 down;

	two_begin();
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
	two_end();
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

void prefixes_set(struct service *s, enum teal_color color, const char *const *texts)
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

	two_begin();
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
	two_end();
}

static void a_preview_follows_health_and_backends(void)
{
	struct error e = { 0 };
	__u32 before;

	two_begin();
	prefixes_set(&web, TEAL_GREEN, (const char *const[]){ "192.0.2.0/24", NULL });
	before = table_in_preview(&web);
	health_put(t, backend_id(t, web.id, "10.0.2.11:80"), TEAL_DOWN);
	CU_ASSERT_EQUAL(service_tables_refresh(t, &web, &e), 0);
	CU_ASSERT_NOT_EQUAL(table_in_preview(&web), before);
	CU_ASSERT_TRUE(is_previewed(&web, "192.0.2.1"));
	ROW_CHECK(!tables_apply(t, GREEN_GONE, &e), "not applied: %s", e.text);
	CU_ASSERT_FALSE(is_previewed(&web, "192.0.2.1"));
	CU_ASSERT_EQUAL(table_in_preview(&web), 0);
	two_end();
}

static void a_preview_that_may_not_be_is_refused(void)
{
	_cleanup_free_ struct prefix *many = calloc(5000, sizeof(*many));
	struct prefix ipv6;
	struct error e = { 0 };

	two_begin();
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
	two_end();
}

static void canary_and_preview_come_back_after_a_reboot(void)
{
	struct error e = { 0 };

	two_begin();
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
	two_end();
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
	CU_TEST_INFO_NULL,
};
