/* SPDX-License-Identifier: GPL-2.0-only */
/* What killed switches and canaries left between slot, row and books, in the kernel's own maps. */
#include "operations.h"
#include "tables.h"
#include "unit.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operation/finish.h"
#include "operation/guard.h"
#include "operation/history.h"
#include "operation/switch.h"
#include "table/slot.h"

struct told {
	unsigned int all, switches;
};

static void tell(void *argument, const struct service *s, enum teal_color from, bool switched)
{
	struct told *told = argument;

	(void)s;
	(void)from;
	told->all++;
	told->switches += switched;
}

/* Finishes, and afterwards there is nothing to be finished. */
static struct told finish(void)
{
	struct told told = { 0 }, again = { 0 };
	struct error e = { 0 };

	ROW_CHECK(!finish_all(t, tables_state_dir(), tell, &told, &e), "finish: %s", e.text);
	ROW_CHECK(!finish_all(t, tables_state_dir(), tell, &again, &e), "once more: %s", e.text);
	CU_ASSERT_EQUAL(again.all, 0);
	services_find();
	return told;
}

static struct teal_service_info row_get(const struct service *s)
{
	struct teal_service_info row = { 0 };
	__u32 id = s->id;

	CU_ASSERT_EQUAL(table_get(t, TABLE_service_info, &id, &row), 0);
	return row;
}

static void row_put(const struct service *s, const struct teal_service_info *row)
{
	__u32 id = s->id;

	CU_ASSERT_EQUAL(table_put(t, TABLE_service_info, &id, row), 0);
}

/* A switch of web to green that did not come to its books. */
static struct teal_service_info slot_and_row_put(unsigned int generation)
{
	struct teal_service_info row = row_get(&web);

	CU_ASSERT_EQUAL(slot_put(t, web.id, "web", TEAL_GREEN), 0);
	row.active = TEAL_GREEN;
	row.previous = TEAL_BLUE;
	row.generation = generation;
	row_put(&web, &row);
	return row;
}

/* Of web, an array. */
static json_t *history_all(void)
{
	struct error e = { 0 };
	unsigned int unread = 0;
	json_t *list = NULL;

	CU_ASSERT_EQUAL_FATAL(history_read(tables_state_dir(), "web", 0, &list, &unread, &e), 0);
	return list;
}

static unsigned int history_length(void)
{
	json_t *list = history_all();
	unsigned int length = (unsigned int)json_array_size(list);

	json_decref(list);
	return length;
}

/* Whether its entry number `i` is that generation, with that reason. */
static void history_expect(size_t i, unsigned int generation, const char *why)
{
	json_t *list = history_all();
	const json_t *entry = json_array_get(list, i);
	const char *got = json_string_value(json_object_get(entry, "why"));

	ROW_CHECK(json_integer_value(json_object_get(entry, "generation")) == generation && got && !strncmp(got, why, strlen(why)),
		  "entry %zu is of generation %lld: \"%s\"", i, json_integer_value(json_object_get(entry, "generation")),
		  got ? got : "none");
	json_decref(list);
}

static void web_switch(enum teal_color color, const char *why)
{
	const struct switch_request request = { .color = color, .why = why };
	struct switch_result result;
	struct error e = { 0 };

	ROW_CHECK(!switch_color(t, tables_state_dir(), &web, &request, &result, &e), "switch: %s", e.text);
}

static void history_file(char path[SCRATCH_SIZE + 24])
{
	snprintf(path, SCRATCH_SIZE + 24, "%s/" HISTORY_FILE, tables_state_dir());
}

static void what_agrees_is_left_alone(void)
{
	struct teal_service_info row;

	two_begin();
	row = row_get(&web);
	CU_ASSERT_TRUE(finish_is_in_slot(t, web.id, &row));
	CU_ASSERT_EQUAL(finish().all, 0);
	CU_ASSERT_EQUAL(history_length(), 0);
	two_end();
}

static void the_row_follows_the_slot_and_the_books_the_row(void)
{
	struct teal_service_info row;
	struct record_service entry;
	struct told told;

	two_begin();
	CU_ASSERT_EQUAL(slot_put(t, web.id, "web", TEAL_GREEN), 0);
	row = row_get(&web);
	CU_ASSERT_FALSE(finish_is_in_slot(t, web.id, &row));
	told = finish();
	CU_ASSERT_EQUAL(told.all, 1);
	CU_ASSERT_EQUAL(told.switches, 1);
	row = row_get(&web);
	CU_ASSERT_EQUAL(row.active, TEAL_GREEN);
	CU_ASSERT_EQUAL(row.previous, TEAL_BLUE);
	CU_ASSERT_EQUAL(row.generation, 1);
	CU_ASSERT_EQUAL(row.guard_until, 0);
	entry = booked("web", NULL);
	CU_ASSERT_TRUE(finish_is_recorded(&row, &entry));
	CU_ASSERT_EQUAL(history_length(), 1);
	two_end();
}

static void a_guarded_switch_goes_on_guarded(void)
{
	struct guard guard = { .service = "web", .color = TEAL_GREEN, .from = TEAL_BLUE, .generation = 1 };

	two_begin();
	guard.until = table_seconds() + 60;
	CU_ASSERT_EQUAL(guard_write(tables_state_dir(), &guard), 0);
	CU_ASSERT_EQUAL(slot_put(t, web.id, "web", TEAL_GREEN), 0);
	finish();
	CU_ASSERT_EQUAL(row_get(&web).guard_until, guard.until);
	/* The next one has no guard of its own. */
	CU_ASSERT_EQUAL(slot_put(t, web.id, "web", TEAL_BLUE), 0);
	finish();
	CU_ASSERT_EQUAL(row_get(&web).generation, 2);
	CU_ASSERT_EQUAL(row_get(&web).guard_until, 0);
	two_end();
}

static void a_row_without_its_books_is_written_down(void)
{
	struct teal_service_info row;

	two_begin();
	row = slot_and_row_put(7);
	CU_ASSERT_TRUE(finish_is_in_slot(t, web.id, &row));
	CU_ASSERT_EQUAL(finish().switches, 1);
	CU_ASSERT_EQUAL(row_get(&web).generation, 7);
	CU_ASSERT_EQUAL(booked("web", NULL).generation, 7);
	CU_ASSERT_EQUAL(booked("web", NULL).active, TEAL_GREEN);
	CU_ASSERT_EQUAL(booked("api", NULL).active, TEAL_BLUE);
	two_end();
}

/* A canary's row is written before its table comes into the slot, and after that went. */
static void a_canary_that_is_not_in_the_slot_is_none(void)
{
	struct teal_service_info row;
	struct told told;

	two_begin();
	canary(5);
	CU_ASSERT_EQUAL(finish().all, 0);
	CU_ASSERT_EQUAL(slot_put(t, web.id, "web", TEAL_BLUE), 0);
	row = row_get(&web);
	CU_ASSERT_FALSE(finish_is_in_slot(t, web.id, &row));
	told = finish();
	CU_ASSERT_EQUAL(told.all, 1);
	CU_ASSERT_EQUAL(told.switches, 0);
	CU_ASSERT_EQUAL(row_get(&web).canary, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(booked("web", NULL).canary, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(row_get(&web).generation, 0);
	CU_ASSERT_EQUAL(history_length(), 0);
	two_end();
}

/* Killed between books and history: the books know who it was, and why. */
static void what_the_history_lacks_is_told_once(void)
{
	char path[SCRATCH_SIZE + 24];

	two_begin();
	history_file(path);
	web_switch(TEAL_GREEN, "release 1");
	CU_ASSERT_EQUAL(finish().all, 0);
	CU_ASSERT_EQUAL(history_length(), 1);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(finish().all, 0);
	CU_ASSERT_EQUAL(history_length(), 1);
	history_expect(0, 1, "release 1");
	/* The same by whoever switches next. */
	CU_ASSERT_EQUAL(unlink(path), 0);
	web_switch(TEAL_BLUE, "back");
	CU_ASSERT_EQUAL(history_length(), 2);
	history_expect(0, 1, "release 1");
	history_expect(1, 2, "back");
	/* What has been told leaves the books with the next switch, so an older history that goes is not written anew. */
	CU_ASSERT_EQUAL(unlink(path), 0);
	finish();
	CU_ASSERT_EQUAL(history_length(), 1);
	two_end();
}

static void what_cannot_be_told_is_told_later(void)
{
	char path[SCRATCH_SIZE + 24];
	struct told told = { 0 };
	struct error e = { 0 };

	two_begin();
	history_file(path);
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	web_switch(TEAL_GREEN, "release 1");
	CU_ASSERT_NOT_EQUAL(finish_all(t, tables_state_dir(), tell, &told, &e), 0);
	ROW_CHECK(strstr(e.text, "missing in the history"), "got \"%s\"", e.text);
	CU_ASSERT_EQUAL(rmdir(path), 0);
	finish();
	CU_ASSERT_EQUAL(history_length(), 1);
	two_end();
}

/* Without teald: whoever changes the service next covers the traces, and so tells of it before. */
static void the_next_command_tells_of_a_killed_switch(void)
{
	static const char *const clients[] = { "192.0.2.0/24", NULL };
	static const char killed[] = "the command that switched was killed";

	two_begin();
	CU_ASSERT_EQUAL(slot_put(t, web.id, "web", TEAL_GREEN), 0);
	services_find();
	web_switch(TEAL_BLUE, "back");
	CU_ASSERT_EQUAL(history_length(), 2);
	history_expect(0, 1, killed);
	history_expect(1, 2, "back");
	CU_ASSERT_EQUAL(slot_put(t, web.id, "web", TEAL_GREEN), 0);
	services_find();
	prefixes_set(&web, TEAL_BLUE, clients);
	CU_ASSERT_EQUAL(history_length(), 3);
	history_expect(2, 3, killed);
	CU_ASSERT_EQUAL(slot_put(t, web.id, "web", TEAL_BLUE), 0);
	services_find();
	canary(5);
	CU_ASSERT_EQUAL(history_length(), 4);
	history_expect(3, 4, killed);
	two_end();
}

/* The color is active already by the slot: it is only told. */
static void a_switch_to_where_the_slot_is_finishes_it(void)
{
	two_begin();
	CU_ASSERT_EQUAL(slot_put(t, web.id, "web", TEAL_GREEN), 0);
	services_find();
	web_switch(TEAL_GREEN, "again");
	CU_ASSERT_EQUAL(history_length(), 1);
	history_expect(0, 1, "the command that switched was killed");
	CU_ASSERT_EQUAL(booked("web", NULL).generation, 1);
	CU_ASSERT_EQUAL(row_get(&web).generation, 1);
	two_end();
}

/* teal switch web api green, killed before api's turn. */
static void of_several_those_that_were_reached_stay_switched(void)
{
	two_begin();
	slot_and_row_put(1);
	CU_ASSERT_EQUAL(finish().switches, 1);
	CU_ASSERT_EQUAL(web.info.active, TEAL_GREEN);
	CU_ASSERT_EQUAL(api.info.active, TEAL_BLUE);
	CU_ASSERT_EQUAL(booked("web", NULL).active, TEAL_GREEN);
	CU_ASSERT_EQUAL(booked("api", NULL).active, TEAL_BLUE);
	CU_ASSERT_EQUAL(history_length(), 1);
	web_switch(web.info.previous, "rollback");
	CU_ASSERT_EQUAL(booked("web", NULL).active, TEAL_BLUE);
	CU_ASSERT_EQUAL(history_length(), 2);
	two_end();
}

CU_TestInfo finish_tests[] = {
	{ "what agrees is left alone", what_agrees_is_left_alone },
	{ "the row follows the slot, and the books the row", the_row_follows_the_slot_and_the_books_the_row },
	{ "a guarded switch goes on guarded", a_guarded_switch_goes_on_guarded },
	{ "a row without its books is written down", a_row_without_its_books_is_written_down },
	{ "a canary that is not in the slot is none", a_canary_that_is_not_in_the_slot_is_none },
	{ "what the history lacks is told once", what_the_history_lacks_is_told_once },
	{ "what cannot be told is told later", what_cannot_be_told_is_told_later },
	{ "the next command tells of a killed switch", the_next_command_tells_of_a_killed_switch },
	{ "of several, those that were reached stay switched", of_several_those_that_were_reached_stay_switched },
	{ "a switch to where the slot is finishes it", a_switch_to_where_the_slot_is_finishes_it },
	CU_TEST_INFO_NULL,
};
