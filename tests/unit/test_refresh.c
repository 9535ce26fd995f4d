/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables that follow the health of backends, in the kernel's own maps. */
#include "tables.h"
#include "unit.h"

#include <stdlib.h>

#include "config_rows.h"

#define LIMITS "limits: { services: 8, backends: 16, flows: 64, pending: 64 }\n"
#define CHECKED WEB "    health: { type: tcp }\n"
#define COLORS "    blue: [10.0.1.11:80, 10.0.1.12:80, 10.0.1.13:80]\n    green: [10.0.2.11:80, 10.0.2.12:80]\n"
#define BACKENDS CHECKED COLORS LIMITS
#define UNCHECKED WEB COLORS LIMITS

static struct tables *t;
static struct config *config;
static struct service web;
static __u32 blue[3], green[2];

static void begin(void)
{
	static const char *const blues[] = { "10.0.1.11:80", "10.0.1.12:80", "10.0.1.13:80" };
	static const char *const greens[] = { "10.0.2.11:80", "10.0.2.12:80" };
	struct error e = { 0 };

	t = tables_begin(BACKENDS, &config);
	ROW_CHECK(!tables_apply(t, BACKENDS, &e), "not applied: %s", e.text);
	CU_ASSERT_EQUAL_FATAL(service_find(t, "web", &web, &e), 0);
	for (unsigned int i = 0; i < COUNT(blue); i++)
		blue[i] = backend_id(t, web.id, blues[i]);
	for (unsigned int i = 0; i < COUNT(green); i++)
		green[i] = backend_id(t, web.id, greens[i]);
}

static void end(void)
{
	tables_end(t, config);
}

static void refresh(void)
{
	struct error e = { 0 };

	ROW_CHECK(!service_tables_refresh(t, &web, &e), "not refreshed: %s", e.text);
}

static unsigned long bits(const __u32 *ids, unsigned int count)
{
	unsigned long sum = 0;

	for (unsigned int i = 0; i < count; i++)
		sum |= 1UL << ids[i];
	return sum;
}

static void who_is_down_leaves_the_table(void)
{
	__u32 before;

	begin();
	before = table_in_slot(t, web.id);
	CU_ASSERT_NOT_EQUAL(before, 0);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), bits(blue, 3));
	refresh();
	CU_ASSERT_EQUAL(table_in_slot(t, web.id), before);
	health_put(t, blue[0], TEAL_UP);
	refresh();
	CU_ASSERT_EQUAL(table_in_slot(t, web.id), before);
	health_put(t, green[0], TEAL_DOWN);
	refresh();
	CU_ASSERT_EQUAL(table_in_slot(t, web.id), before);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_GREEN), 1UL << green[1]);
	health_put(t, blue[1], TEAL_DOWN);
	refresh();
	CU_ASSERT_NOT_EQUAL(table_in_slot(t, web.id), before);
	CU_ASSERT_NOT_EQUAL(table_in_slot(t, web.id), 0);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), 1UL << blue[0] | 1UL << blue[2]);
	health_put(t, blue[1], TEAL_UP);
	refresh();
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), bits(blue, 3));
	end();
}

static void when_all_are_down_the_policy_decides(void)
{
	begin();
	for (unsigned int i = 0; i < 3; i++)
		health_put(t, blue[i], TEAL_DOWN);
	refresh();
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), bits(blue, 3));
	web.info.policy = TEAL_POLICY_REFUSE;
	refresh();
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), 1UL);
	CU_ASSERT_NOT_EQUAL(table_in_slot(t, web.id), 0);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_GREEN), bits(green, 2));
	health_put(t, blue[2], TEAL_UP);
	refresh();
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), 1UL << blue[2]);
	end();
}

static void a_change_of_backends_knows_who_is_down(void)
{
	struct teal_check check = { .failures = 7 };
	struct error e = { 0 };
	__u32 new;

	begin();
	health_put(t, blue[0], TEAL_DOWN);
	CU_ASSERT_EQUAL(table_put(t, TABLE_checks, &blue[0], &check), 0);
	CU_ASSERT_EQUAL(tables_apply(t, CHECKED "    blue: [10.0.1.11:80, 10.0.1.12:80, 10.0.1.14:80]\n" LIMITS, &e),
			0);
	new = backend_id(t, web.id, "10.0.1.14:80");
	CU_ASSERT_NOT_EQUAL(new, 0);
	CU_ASSERT_EQUAL(backend_id(t, web.id, "10.0.1.11:80"), blue[0]);
	CU_ASSERT_EQUAL(backend_id(t, web.id, "10.0.1.13:80"), 0);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), 1UL << blue[1] | 1UL << new);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_GREEN), 0);
	/* Taken away and given back: whatever was known of it is not known any more. */
	CU_ASSERT_EQUAL(tables_apply(t, CHECKED "    blue: [10.0.1.12:80]\n" LIMITS, &e), 0);
	CU_ASSERT_EQUAL(tables_apply(t, CHECKED "    blue: [10.0.1.11:80]\n" LIMITS, &e), 0);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), 1UL << backend_id(t, web.id, "10.0.1.11:80"));
	CU_ASSERT_EQUAL(table_get(t, TABLE_checks, &blue[0], &check), 0);
	CU_ASSERT_EQUAL(check.failures, 0);
	end();
}

static void without_checks_everybody_counts(void)
{
	struct teal_check check = { .failures = 7 };
	struct teal_backend row;
	struct error e = { 0 };

	begin();
	health_put(t, blue[0], TEAL_DOWN);
	health_put(t, blue[1], TEAL_UP);
	CU_ASSERT_EQUAL(table_put(t, TABLE_checks, &blue[0], &check), 0);
	CU_ASSERT_EQUAL(tables_apply(t, BACKENDS, &e), 0);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), bits(blue, 3) & ~(1UL << blue[0]));
	CU_ASSERT_EQUAL(tables_apply(t, UNCHECKED, &e), 0);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), bits(blue, 3));
	for (unsigned int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(table_get(t, TABLE_backends, &blue[i], &row), 0);
		CU_ASSERT_EQUAL(row.health, TEAL_UNKNOWN);
	}
	CU_ASSERT_EQUAL(table_get(t, TABLE_checks, &blue[0], &check), 0);
	CU_ASSERT_EQUAL(check.failures, 0);
	end();
}

CU_TestInfo refresh_tests[] = {
	{ "who is down leaves the table", who_is_down_leaves_the_table },
	{ "when all are down the policy decides", when_all_are_down_the_policy_decides },
	{ "a change of backends knows who is down", a_change_of_backends_knows_who_is_down },
	{ "without checks everybody counts", without_checks_everybody_counts },
	CU_TEST_INFO_NULL,
};
