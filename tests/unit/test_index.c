/* SPDX-License-Identifier: GPL-2.0-only */
/* service_slots and endpoint_slots beside their tables. */
#include "tables.h"
#include "unit.h"

#include <bpf/bpf.h>

#include "config_rows.h"
#include "table/index.h"

#define LIMITS "limits: { services: 8, backends: 16, flows: 64, pending: 64 }\n"
#define TWO WEB "    blue: [10.0.1.11:80, 10.0.1.12:80]\n    green: [10.0.2.11:80]\n" LIMITS

/* Places that are somebody's. */
static unsigned int taken(const struct tables *t, enum table slots)
{
	const struct teal_service_key nobody = { 0 };
	struct teal_slot slot;
	unsigned int count = 0;

	for (__u32 place = 0; place < t->rows[slots]; place++)
		count += !table_get(t, slots, &place, &slot) && memcmp(&slot.key, &nobody, sizeof(nobody)) != 0;
	return count;
}

/* As when whoever wrote the tables had been killed before he came to their indexes. */
static void lose(const struct tables *t, enum table slots)
{
	const struct teal_slot nobody = { 0 };

	for (__u32 place = 0; place < t->rows[slots]; place++)
		CU_ASSERT_EQUAL(table_put(t, slots, &place, &nobody), 0);
}

static void a_row_without_its_place_gets_it(void)
{
	struct config *config;
	struct tables *t = tables_begin(TWO, &config);
	struct error e = { 0 };

	ROW_CHECK(!tables_apply(t, TWO, &e), "not applied: %s", e.text);
	/* The service and its address; three backends. */
	CU_ASSERT_EQUAL(taken(t, TABLE_service_slots), 2);
	CU_ASSERT_EQUAL(taken(t, TABLE_endpoint_slots), 3);
	lose(t, TABLE_service_slots);
	lose(t, TABLE_endpoint_slots);
	ROW_CHECK(!index_mend(t, &e), "not mended: %s", e.text);
	CU_ASSERT_EQUAL(taken(t, TABLE_service_slots), 2);
	CU_ASSERT_EQUAL(taken(t, TABLE_endpoint_slots), 3);
	tables_end(t, config);
}

CU_TestInfo index_tests[] = {
	{ "a row without its place gets it", a_row_without_its_place_gets_it },
	CU_TEST_INFO_NULL,
};
