/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is asked of the kernel grows with what is shown or changed, and no faster: counted, not timed, with few services
 * and with ten times as many, of 20 backends each.
 */
#include "counted.h"
#include "tables.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "operation/switch.h"

#define FEW 30
#define MANY 300
#define PER_COLOR 10
#define LIMITS "limits: { services: 300, backends: 6100, flows: 64, pending: 64 }\n"

/* A configuration of so many services; `last` is the port of the last backend of all. */
static char *yaml_of(unsigned int services, unsigned int last)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "devices: [{ name: lo }]\n" LIMITS "services:\n");
	for (unsigned int i = 1; i <= services; i++) {
		fprintf(file, "  - name: s%u\n    listen: 203.0.113.10:%u/tcp\n", i, 10000 + i);
		for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
			fprintf(file, "    %s: [", color_name(color));
			for (unsigned int n = 1; n <= PER_COLOR; n++)
				fprintf(file, "%s10.0.%d.%u:%u", n > 1 ? ", " : "", color + 1, n,
					i == services && color == TEAL_GREEN && n == PER_COLOR ? last : 10000 + i);
			fprintf(file, "]\n");
		}
	}
	fclose(file);
	return text;
}

/* What each thing took. */
struct cost {
	struct counted start, same, changed, shown, switched;
};

static void measure(unsigned int services, struct cost *ret)
{
	_cleanup_free_ char *yaml = yaml_of(services, 9), *other = yaml_of(services, 10);
	_cleanup_free_ struct backend *list = NULL;
	struct config *config = NULL;
	struct tables *t = tables_begin(yaml, &config);
	const struct switch_request request = { .color = TEAL_GREEN };
	struct switch_result result;
	struct error e = { 0 };
	unsigned int count = 0;
	struct service s;

	counted_slots(t->fd[TABLE_dispatch]);
	counted_take();
	ROW_CHECK(!tables_apply(t, yaml, &e), "not applied: %s", e.text);
	ret->start = counted_take();
	ROW_CHECK(!tables_apply(t, yaml, &e), "not applied again: %s", e.text);
	ret->same = counted_take();
	ROW_CHECK(!tables_apply(t, other, &e), "not applied when changed: %s", e.text);
	ret->changed = counted_take();
	CU_ASSERT_TRUE(!service_find(t, "s7", &s, &e) && !backend_list(t, s.id, &list, &count, &e));
	ret->shown = counted_take();
	CU_ASSERT_EQUAL(count, 2 * PER_COLOR);
	CU_ASSERT_TRUE(!service_find(t, "s7", &s, &e) &&
		       !switch_color(t, tables_state_dir(), &s, &request, &result, &e));
	ret->switched = counted_take();
	counted_slots(-1);
	tables_end(t, config);
}

static const struct cost *few(void)
{
	static struct cost cost;

	if (!cost.start.calls)
		measure(FEW, &cost);
	return &cost;
}

static const struct cost *many(void)
{
	static struct cost cost;

	if (!cost.start.calls)
		measure(MANY, &cost);
	return &cost;
}

#define GROWN(what, times)                                                                                            \
	ROW_CHECK(many()->what <= few()->what * (times), #what " is %lu with %d services and %lu with %d", few()->what, FEW, \
		  many()->what, MANY)

static void a_start_grows_with_the_services(void)
{
	GROWN(start.calls, MANY / FEW);
	GROWN(start.rows, MANY / FEW);
	GROWN(start.writes, MANY / FEW);
	GROWN(start.syncs, 1);
	ROW_CHECK(many()->start.waits <= MANY / 100, "%d services began with %lu waits", MANY, many()->start.waits);
}

static void what_did_not_change_is_not_written(void)
{
	GROWN(same.calls, MANY / FEW);
	GROWN(same.rows, 2);
	CU_ASSERT_EQUAL(many()->same.writes, 0);
	CU_ASSERT_EQUAL(many()->same.syncs, 0);
}

static void one_change_is_one_change(void)
{
	GROWN(changed.calls, MANY / FEW);
	GROWN(changed.rows, 2);
	CU_ASSERT_EQUAL(many()->changed.writes, few()->changed.writes);
	CU_ASSERT_EQUAL(many()->changed.waits, 0); /* the color is not active */
	CU_ASSERT_EQUAL(many()->changed.syncs, 0);
}

static void one_service_is_found_among_many(void)
{
	GROWN(shown.calls, 1);
	GROWN(switched.calls, 1);
	GROWN(switched.rows, 1.1);
	CU_ASSERT_EQUAL(many()->switched.waits, 1);
	GROWN(switched.syncs, 1);
}

CU_TestInfo growth_tests[] = {
	{ "a start grows with the services", a_start_grows_with_the_services },
	{ "what did not change is not written", what_did_not_change_is_not_written },
	{ "one change is one change", one_change_is_one_change },
	{ "one service is found among many", one_service_is_found_among_many },
	CU_TEST_INFO_NULL,
};
