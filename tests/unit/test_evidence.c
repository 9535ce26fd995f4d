/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <string.h>

#include "operation/evidence.h"

/* What a healthy color did: 1,000 connections, all answered below 128 us. */
static struct evidence good(void)
{
	return (struct evidence){ .seen = { .begun = 1000, .answered = 1000, .times = { [7] = 1000 } }, .opened = 1000,
				  .up = 2, .check_us = 800 };
}

static void worse_is_told_from_as_good(void)
{
	static const struct {
		const char *sentence;
		struct evidence now;
		const char *why; /* NULL: as good */
	} rows[] = {
		{ "nothing happened yet", { .up = 2 }, NULL },
		{ "as before", { .seen = { .begun = 50, .answered = 50, .times = { [7] = 50 } }, .opened = 50, .up = 2 }, NULL },
		{ "refused, but too few to say", { .seen = { .begun = 9 }, .refused = 9, .up = 2 }, NULL },
		{ "every one refused", { .seen = { .begun = 10 }, .refused = 10, .up = 2 },
		  "10 of 10 new connections were refused (blue: 0 of 1000)" },
		{ "one in twenty refused", { .seen = { .begun = 100, .answered = 95 }, .refused = 5, .up = 2 }, NULL },
		{ "six of a hundred refused", { .seen = { .begun = 100, .answered = 94 }, .refused = 6, .up = 2 },
		  "6 of 100 new connections were refused (blue: 0 of 1000)" },
		{ "two that were not answered", { .seen = { .begun = 12, .answered = 10, .resent = 2 }, .opened = 10, .up = 2 }, NULL },
		{ "never answered, and not asked again", { .seen = { .begun = 20 }, .waiting = 18, .up = 2 },
		  "18 of 20 new connections were not answered within a second (blue: 0 of 1000)" },
		{ "asked again and again", { .seen = { .begun = 20, .resent = 45 }, .waiting = 18, .up = 2 },
		  "20 of 20 new connections were not answered within a second (blue: 0 of 1000)" },
		{ "not answered", { .seen = { .begun = 20, .resent = 15 }, .up = 2 },
		  "15 of 20 new connections were not answered within a second (blue: 0 of 1000)" },
		{ "broken off", { .seen = { .begun = 50, .answered = 50, .aborted = 20, .times = { [7] = 50 } }, .opened = 50, .up = 2 },
		  "20 of 50 connections were broken off by their backend (blue: 0 of 1000)" },
		{ "slow", { .seen = { .begun = 50, .answered = 50, .times = { [16] = 50 } }, .opened = 50, .up = 2 },
		  "half of the handshakes take 65.5 ms (blue: 0.1 ms)" },
		{ "slower, but not slow", { .seen = { .begun = 50, .answered = 50, .times = { [12] = 50 } }, .opened = 50, .up = 2 },
		  NULL },
		{ "slow checks", { .up = 2, .check_us = 400000 }, "its health checks take 400.0 ms (blue: 0.8 ms)" },
		{ "one of four down", { .up = 3, .down = 1 }, NULL },
		{ "one of two down", { .up = 1, .down = 1 }, "1 of its 2 backends are down (blue: 0 of 2)" },
	};
	const struct evidence_limits limits = EVIDENCE_LIMITS;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence other = good();
		char why[EVIDENCE_WHY_SIZE] = "";
		bool worse = evidence_is_worse(&limits, &rows[i].now, &other, "blue", why);

		ROW_CHECK(worse == !!rows[i].why && !strcmp(why, rows[i].why ? rows[i].why : ""), "%s: got \"%s\"",
			  rows[i].sentence, why);
	}
}

/* A color that is not worse than one that is bad itself stays. */
static void bad_is_measured_against_bad(void)
{
	const struct evidence_limits limits = EVIDENCE_LIMITS;
	struct evidence other = good(), now = good();
	char why[EVIDENCE_WHY_SIZE];

	other.refused = now.refused = 200;
	CU_ASSERT_FALSE(evidence_is_worse(&limits, &now, &other, "blue", why));
	now.refused = 260;
	CU_ASSERT_TRUE(evidence_is_worse(&limits, &now, &other, "blue", why));
	other = now = good();
	other.up = now.up = 0;
	other.down = now.down = 2;
	CU_ASSERT_FALSE(evidence_is_worse(&limits, &now, &other, "blue", why));
}

static void what_happened_since(void)
{
	struct evidence earlier = good(), later = good(), since;

	later.seen.begun += 10;
	later.refused = 4;
	later.down = 1;
	since = evidence_since(&later, &earlier);
	CU_ASSERT_TRUE(since.seen.begun == 10 && since.refused == 4 && since.opened == 0 && since.down == 1);
}

/* Looks as they are taken, twice a second: 5 connections begin between two of them. */
static void what_goes_wrong_late_is_seen_soon(void)
{
	static const struct {
		const char *sentence, *why;
		bool answered, refused;
	} rows[] = {
		{ "all is well", NULL, true, false },
		{ "refused", "were refused", false, true },
		{ "no answer, as behind a firewall that sends ICMP errors", "were not answered within a second", false, false },
	};
	const struct evidence_limits limits = EVIDENCE_LIMITS;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence_watch watch = {};
		struct evidence now = { .up = 2 }, other = good();
		char why[EVIDENCE_WHY_SIZE] = "";
		unsigned int looks = 0;
		bool worse = false;

		for (; looks < 1000 && !worse; looks++) {
			now.seen.begun += 5;
			now.seen.answered += looks < 500 ? 5 : 0;
			now.opened = now.seen.answered;
			worse = evidence_watch(&watch, &limits, &now, &other, "blue", why);
		}
		ROW_CHECK(worse && looks > 500 && looks < 510, "no answers from look 500 on: seen at %u", looks);
		watch = (struct evidence_watch){};
		now = (struct evidence){ .up = 2 };
		worse = false;
		for (looks = 0; looks < 40 && !worse; looks++) {
			now.seen.begun += 5;
			now.seen.answered += rows[i].answered ? 5 : 0;
			now.refused += rows[i].refused ? 5 : 0;
			now.opened = now.seen.answered;
			worse = evidence_watch(&watch, &limits, &now, &other, "blue", why);
		}
		ROW_CHECK(worse == !!rows[i].why && (!worse || (looks < 8 && strstr(why, rows[i].why))), "%s: %s at look %u",
			  rows[i].sentence, why, looks);
	}
}

/* One slow check may have met a busy host, and is still to be seen when it is looked at again. */
static void a_slow_check_is_not_enough(void)
{
	static const struct {
		const char *sentence;
		__u32 checks_us[12];
		unsigned int worse_at; /* look; 0: never */
	} rows[] = {
		{ "one, seen six times", { 900, 400000, 400000, 400000, 400000, 400000, 400000, 900 }, 0 },
		{ "two", { 900, 400000, 400000, 300000, 900, 900 }, 0 },
		{ "two, and two more later", { 900, 400000, 300000, 900, 400000, 300000, 900 }, 0 },
		{ "three in a row", { 900, 400000, 300000, 400001, 900 }, 4 },
		{ "three in a row, each seen twice", { 900, 400000, 400000, 300000, 300000, 400001, 900 }, 6 },
	};
	const struct evidence_limits limits = EVIDENCE_LIMITS;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence now = { .up = 2 }, other = good();
		struct evidence_watch watch = {};
		char why[EVIDENCE_WHY_SIZE] = "";
		unsigned int worse_at = 0;

		for (unsigned int look = 0; look < COUNT(rows[i].checks_us) && !worse_at; look++) {
			now.check_us = rows[i].checks_us[look];
			if (evidence_watch(&watch, &limits, &now, &other, "blue", why))
				worse_at = look + 1;
		}
		ROW_CHECK(worse_at == rows[i].worse_at, "%s: worse at look %u, %s", rows[i].sentence, worse_at, why);
	}
}

CU_TestInfo evidence_tests[] = {
	{ "a slow check is not enough", a_slow_check_is_not_enough },
	{ "what goes wrong late is seen soon", what_goes_wrong_late_is_seen_soon },
	{ "worse is told from as good", worse_is_told_from_as_good },
	{ "bad is measured against bad", bad_is_measured_against_bad },
	{ "what happened since", what_happened_since },
	CU_TEST_INFO_NULL,
};
