/* SPDX-License-Identifier: GPL-2.0-only */
#include "counted.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/deploy.h"
#include "operation/guard.h"

static char directory[SCRATCH_SIZE];

static void steps_of_a_canary(void)
{
	static const struct {
		const char *text, *steps; /* NULL: refused */
	} rows[] = {
		{ "5%:1m,25%:5m", "5:60 25:300" }, { "1%:1s", "1:1" },	   { "10:30", "10:30" },
		{ "50%:1h", "50:3600" },	   { "", NULL },	   { "5%", NULL },
		{ "5%:", NULL },		   { "5%:0s", NULL },	   { "0%:1m", NULL },
		{ "100%:1m", NULL },		   { "5%:1m,", NULL },	   { "5%:1m;6%:1m", NULL },
		{ "25%:1m,5%:1m", NULL },	   { "5%:1m,5%:1m", NULL }, { "5%:1d", NULL },
		{ "-5%:1m", NULL },		   { "5%:1mm", NULL },	   { "5%:1000000s", NULL },
		{ " 5%:1m", NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct deploy_step steps[DEPLOY_STEPS_MAX];
		struct error e = { 0 };
		char got[64] = "";
		unsigned int count = 0;
		int error = deploy_steps_parse(rows[i].text, steps, &count, &e);

		for (unsigned int n = 0; !error && n < count; n++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u:%u", n ? " " : "", steps[n].percent,
				 steps[n].seconds);
		if (rows[i].steps)
			ROW_CHECK(!error && !strcmp(got, rows[i].steps), "%s: got %s %s", rows[i].text, got, e.text);
		else
			ROW_CHECK(error == -EINVAL && e.code == EXIT_USAGE, "\"%s\" was taken, as %s", rows[i].text, got);
	}
}

static struct deploy example(void)
{
	struct deploy d = { .service = "web", .color = TEAL_GREEN, .from = TEAL_BLUE, .phase = DEPLOY_CANARY, .step = 1,
			    .state = DEPLOY_RUNNING, .generation = 7, .began = 1753600000, .phase_began = 1753600060,
			    .before_at_run_time = true, .state_dir = directory, .lock = -1 };

	d.plan = (struct deploy_plan){ .backends = strdup("10.0.2.11:80"), .canary = strdup("5%:1m,25%:5m"),
				       .run = strdup("sh -c 'x \"y\"'"), .guard_s = 300, .timeout_s = 120, .force = true };
	d.before = calloc(2, sizeof(*d.before));
	d.before[0] = strdup("10.0.2.12:80");
	d.reference.seen.begun = 1000;
	d.reference.seen.times[7] = 999;
	return d;
}

static void what_is_journaled_is_read(void)
{
	struct deploy d, again = { .lock = -1 };
	struct error e = { 0 };

	CU_ASSERT_TRUE_FATAL(scratch_make(directory));
	CU_ASSERT_EQUAL(deploy_read(directory, "web", &again, &e), -ENOENT);
	CU_ASSERT_EQUAL(e.code, EXIT_DONE);
	d = example();
	CU_ASSERT_EQUAL_FATAL(deploy_write(&d, &e), 0);
	CU_ASSERT_EQUAL_FATAL(deploy_read(directory, "web", &again, &e), 0);
	CU_ASSERT_STRING_EQUAL(again.service, "web");
	CU_ASSERT_TRUE(again.color == TEAL_GREEN && again.from == TEAL_BLUE && again.phase == DEPLOY_CANARY);
	CU_ASSERT_TRUE(again.step == 1 && again.generation == 7 && again.state == DEPLOY_RUNNING && !again.passed);
	CU_ASSERT_TRUE(deploy_is_unfinished(&again));
	CU_ASSERT_STRING_EQUAL(again.plan.run, d.plan.run);
	CU_ASSERT_STRING_EQUAL(again.plan.canary, d.plan.canary);
	CU_ASSERT_TRUE(!again.plan.smoke && again.plan.guard_s == 300 && again.plan.force && !again.plan.drain_s);
	CU_ASSERT_TRUE(again.before && again.before_at_run_time && !again.before[1]);
	CU_ASSERT_STRING_EQUAL(again.before[0], "10.0.2.12:80");
	CU_ASSERT_TRUE(again.reference.seen.begun == 1000 && again.reference.seen.times[7] == 999);
	deploy_free(&again);
	deploy_free(&d);
	scratch_remove(directory);
}

/* Every way to break the file is refused with a sentence, and none is believed or crashes. */
static void a_broken_journal_is_refused(void)
{
	char path[SCRATCH_SIZE + 32], text[8192], kept[8192];
	struct deploy d, again = { .lock = -1 };
	struct error e = { 0 };
	size_t size;
	FILE *file;

	CU_ASSERT_TRUE_FATAL(scratch_make(directory));
	d = example();
	CU_ASSERT_EQUAL_FATAL(deploy_write(&d, &e), 0);
	deploy_free(&d);
	snprintf(path, sizeof(path), "%s/deploy/web.json", directory);
	file = fopen(path, "r");
	size = file ? fread(kept, 1, sizeof(kept) - 1, file) : 0;
	if (file)
		fclose(file);
	CU_ASSERT_TRUE_FATAL(size > 100 && size < sizeof(kept) - 1);
	for (size_t cut = 0; cut + 2 < size; cut += 7) { /* torn anywhere */
		CU_ASSERT_TRUE_FATAL(file_write(path, kept, cut));
		e = (struct error){ 0 };
		ROW_CHECK(deploy_read(directory, "web", &again, &e) == -EINVAL && strstr(e.text, "is no journal that teal wrote"),
			  "cut after %zu bytes: \"%s\"", cut, e.text);
	}
	kept[size] = '\0';
	for (char *key = strchr(kept, '"'); key && (key = strchr(key, ':')); key++) { /* a value of a wrong type anywhere */
		snprintf(text, sizeof(text), "%.*s: {}, \"rest\"%s", (int)(key - kept), kept, key);
		CU_ASSERT_TRUE_FATAL(file_write(path, text, strlen(text)));
		if (!deploy_read(directory, "web", &again, &e))
			deploy_free(&again);
	}
	scratch_remove(directory);
}

static void one_deployment_at_a_time(void)
{
	struct error e = { 0 };
	int lock;

	CU_ASSERT_TRUE_FATAL(scratch_make(directory));
	CU_ASSERT_FALSE(deploy_is_locked(directory, "web"));
	counted_take();
	lock = deploy_lock(directory, "web", &e);
	CU_ASSERT_TRUE_FATAL(lock >= 0);
	CU_ASSERT_EQUAL(counted_take().syncs, 1); /* the journal's folder, which it makes, is not lost in a power failure */
	CU_ASSERT_TRUE(deploy_is_locked(directory, "web"));
	CU_ASSERT_EQUAL(deploy_lock(directory, "web", &e), -EAGAIN);
	CU_ASSERT_EQUAL(e.code, EXIT_REFUSED);
	close(lock);
	CU_ASSERT_FALSE(deploy_is_locked(directory, "web"));
	scratch_remove(directory);
}

static void what_the_guard_goes_by_is_kept(void)
{
	struct guard guard = { .service = "web", .color = TEAL_GREEN, .from = TEAL_BLUE, .generation = 8,
			       .outcome = GUARD_ROLLED_BACK, .why = "12 of 40" }, again = { 0 };
	char *words[] = { "/bin/mail", "a b", NULL };

	CU_ASSERT_TRUE_FATAL(scratch_make(directory));
	CU_ASSERT_EQUAL(guard_read(directory, "web", &again), -ENOENT);
	guard.reference.refused = 3;
	guard.before.check_us = 1200;
	CU_ASSERT_EQUAL(guard_write(directory, &guard), 0);
	CU_ASSERT_EQUAL_FATAL(guard_read(directory, "web", &again), 0);
	CU_ASSERT_TRUE(again.color == TEAL_GREEN && again.generation == 8 && again.outcome == GUARD_ROLLED_BACK);
	CU_ASSERT_TRUE(!again.on_rollback && again.reference.refused == 3 && again.before.check_us == 1200);
	CU_ASSERT_STRING_EQUAL(again.why, "12 of 40");
	CU_ASSERT_EQUAL(again.timeout_s, GUARD_TIMEOUT_S); /* a file without it, or with nonsense */
	guard.on_rollback = words;
	guard.timeout_s = 7;
	CU_ASSERT_EQUAL(guard_write(directory, &guard), 0);
	CU_ASSERT_EQUAL_FATAL(guard_read(directory, "web", &again), 0);
	CU_ASSERT_STRING_EQUAL(again.on_rollback[1], "a b");
	CU_ASSERT_PTR_NULL(again.on_rollback[2]);
	CU_ASSERT_EQUAL(again.timeout_s, 7);
	guard_free(&again);
	scratch_remove(directory);
}

CU_TestInfo deploy_tests[] = {
	{ "steps of a canary", steps_of_a_canary },
	{ "what is journaled is read", what_is_journaled_is_read },
	{ "a broken journal is refused", a_broken_journal_is_refused },
	{ "one deployment at a time", one_deployment_at_a_time },
	{ "what the guard goes by is kept", what_the_guard_goes_by_is_kept },
	CU_TEST_INFO_NULL,
};
