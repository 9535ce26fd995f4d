/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "operation/maglev.h"

#define SEED 0x7ea1
#define MEMBERS_MAX 1000
#define NO_BACKEND 0xdeadbeefU

static void members_make(struct maglev_member *members, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		members[i] = (struct maglev_member){
			.backend = i + 1,
			.endpoint = { .address = { [10] = 0xff, 0xff, 10, 0, (__u8)(i >> 8), (__u8)i }, .port = 8443 },
			.weight = 1,
		};
}

static void slots_count(const __u32 *slots, __u32 size, unsigned int shares[MEMBERS_MAX + 1])
{
	memset(shares, 0, (MEMBERS_MAX + 1) * sizeof(*shares));
	for (__u32 i = 0; i < size; i++)
		shares[slots[i] <= MEMBERS_MAX ? slots[i] : 0]++;
}

static void the_size_is_enough_and_bounded(void)
{
	static const struct {
		unsigned int members;
		__u32 size;
	} rows[] = {
		{ 0, 4096 },   { 1, 4096 },    { 40, 4096 },   { 41, 8192 },   { 81, 8192 },
		{ 82, 16384 }, { 327, 32768 }, { 328, 65536 }, { 655, 65536 }, { 4000000000, 65536 },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		ROW_CHECK(maglev_size(rows[i].members) == rows[i].size, "%u members: %u slots", rows[i].members,
			  maglev_size(rows[i].members));
}

/* Taking turns gives everyone floor(M/N) or ceil(M/N), whatever their preferences. */
static void equal_members_have_equal_shares(void)
{
	static const unsigned int counts[] = { 1, 2, 3, 7, 20, 40, 100, 1000 };

	for (size_t i = 0; i < COUNT(counts); i++) {
		unsigned int count = counts[i], shares[MEMBERS_MAX + 1];
		__u32 size = maglev_size(count);
		_cleanup_free_ __u32 *slots = malloc(size * sizeof(*slots));
		struct maglev_member members[MEMBERS_MAX];

		members_make(members, count);
		CU_ASSERT_EQUAL(maglev_fill(members, count, SEED, slots, size), 0);
		slots_count(slots, size, shares);
		ROW_CHECK(!shares[0], "%u members: %u slots name nobody", count, shares[0]);
		for (unsigned int m = 1; m <= count; m++)
			ROW_CHECK(shares[m] == size / count || shares[m] == (size + count - 1) / count,
				  "%u members: member %u has %u of %u slots", count, m, shares[m], size);
	}
}

static void weights_are_kept(void)
{
	static const struct {
		const char *sentence;
		unsigned int count;
		__u32 weights[4], shares[4];
		unsigned int off; /* slots that rounding may cost */
	} rows[] = {
		{ "a canary of 5 %", 2, { 95, 5 }, { 3891, 205 }, 1 },
		{ "a canary of 5 %, named first", 2, { 5, 95 }, { 205, 3891 }, 1 },
		{ "one, two, three", 3, { 1, 2, 3 }, { 683, 1365, 2048 }, 1 },
		{ "the same in bigger numbers", 3, { 100, 200, 300 }, { 683, 1365, 2048 }, 1 },
		{ "all equal and big",
		  4,
		  { 4000000000, 4000000000, 4000000000, 4000000000 },
		  { 1024, 1024, 1024, 1024 },
		  0 },
		{ "the lightest still has a slot", 2, { 4294967295, 1 }, { 4095, 1 }, 0 },
		{ "alone with a weight", 1, { 42 }, { 4096 }, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct maglev_member members[4];
		unsigned int shares[MEMBERS_MAX + 1];
		__u32 slots[4096];

		members_make(members, rows[i].count);
		for (unsigned int m = 0; m < rows[i].count; m++)
			members[m].weight = rows[i].weights[m];
		CU_ASSERT_EQUAL(maglev_fill(members, rows[i].count, SEED, slots, 4096), 0);
		slots_count(slots, 4096, shares);
		for (unsigned int m = 0; m < rows[i].count; m++)
			ROW_CHECK((unsigned int)abs((int)(shares[m + 1] - rows[i].shares[m])) <= rows[i].off,
				  "%s: member %u has %u slots, not %u", rows[i].sentence, m, shares[m + 1],
				  rows[i].shares[m]);
	}
}

static void equal_weights_are_no_weights(void)
{
	struct maglev_member members[20];
	__u32 plain[4096], weighted[4096];

	members_make(members, 20);
	maglev_fill(members, 20, SEED, plain, 4096);
	for (unsigned int i = 0; i < 20; i++)
		members[i].weight = 77;
	maglev_fill(members, 20, SEED, weighted, 4096);
	CU_ASSERT_EQUAL(memcmp(plain, weighted, sizeof(plain)), 0);
}

static void the_order_of_members_does_not_matter(void)
{
	struct maglev_member members[20], mixed[20];
	__u32 slots[4096], again[4096];

	members_make(members, 20);
	for (unsigned int i = 0; i < 20; i++)
		members[i].weight = 1 + i % 3;
	for (unsigned int i = 0; i < 20; i++)
		mixed[i] = members[(i * 7 + 3) % 20];
	CU_ASSERT_EQUAL(maglev_fill(members, 20, SEED, slots, 4096), 0);
	CU_ASSERT_EQUAL(maglev_fill(mixed, 20, SEED, again, 4096), 0);
	CU_ASSERT_EQUAL(memcmp(slots, again, sizeof(slots)), 0);
}

/* Edges number their backends as they come; what they share is the endpoints. */
static void ids_do_not_matter(void)
{
	struct maglev_member members[20];
	__u32 slots[4096], again[4096];
	unsigned int different = 0;

	members_make(members, 20);
	maglev_fill(members, 20, SEED, slots, 4096);
	for (unsigned int i = 0; i < 20; i++)
		members[i].backend = 1000 - members[i].backend;
	maglev_fill(members, 20, SEED, again, 4096);
	for (unsigned int i = 0; i < 4096; i++)
		different += slots[i] != 1000 - again[i];
	CU_ASSERT_EQUAL(different, 0);
}

/* Each alone changes every member's preferences; the order in which they stand stays the same. */
static void seed_port_and_address_all_count(void)
{
	struct maglev_member members[20];
	__u32 slots[4096], again[4096];

	members_make(members, 20);
	maglev_fill(members, 20, SEED, slots, 4096);
	maglev_fill(members, 20, SEED + 1, again, 4096);
	CU_ASSERT_NOT_EQUAL(memcmp(slots, again, sizeof(slots)), 0);
	for (unsigned int i = 0; i < 20; i++)
		members[i].endpoint.port++;
	maglev_fill(members, 20, SEED, again, 4096);
	CU_ASSERT_NOT_EQUAL(memcmp(slots, again, sizeof(slots)), 0);
	for (unsigned int byte = 0; byte < 14; byte++) {
		members_make(members, 20);
		for (unsigned int i = 0; i < 20; i++)
			members[i].endpoint.address[byte] ^= 1;
		maglev_fill(members, 20, SEED, again, 4096);
		ROW_CHECK(memcmp(slots, again, sizeof(slots)) != 0, "byte %u of the address does not count", byte);
	}
}

/* A table must not change from one release to the next: edges of both stand side by side. */
static void the_table_is_what_it_always_was(void)
{
	struct maglev_member members[3];
	__u32 slots[16];
	static const __u32 wanted[16] = { 3, 3, 2, 1, 1, 1, 3, 3, 2, 1, 1, 2, 2, 2, 1, 3 };

	members_make(members, 3);
	CU_ASSERT_EQUAL(maglev_fill(members, 3, SEED, slots, 16), 0);
	for (unsigned int i = 0; i < 16; i++)
		ROW_CHECK(slots[i] == wanted[i], "slot %u names %u, not %u", i, slots[i], wanted[i]);
}

/*
 * The paper's section 5.3 (figure 12) finds that few slots change beyond those of the backends that fail, the fewer
 * the more slots there are for each.  With 100 slots or more each, losing one of N is measured here at 0.0 to 2.0 %.
 */
static void removing_one_moves_few_others(void)
{
	static const unsigned int counts[] = { 2, 5, 10, 20, 40, 100, 600 };

	for (size_t i = 0; i < COUNT(counts); i++) {
		unsigned int count = counts[i], moved = 0, tries = count < 20 ? count : 20;
		__u32 size = maglev_size(count);
		_cleanup_free_ __u32 *before = malloc(size * sizeof(*before)), *after = malloc(size * sizeof(*after));
		struct maglev_member members[MEMBERS_MAX];
		double percent;

		members_make(members, count);
		maglev_fill(members, count, SEED, before, size);
		for (unsigned int gone = 0; gone < tries; gone++) {
			struct maglev_member last = members[count - 1], removed = members[gone];

			members[gone] = last;
			maglev_fill(members, count - 1, SEED, after, size);
			for (__u32 s = 0; s < size; s++)
				moved += before[s] != removed.backend && before[s] != after[s];
			members[gone] = removed;
		}
		percent = 100.0 * moved / tries / size;
		ROW_CHECK(percent < 2.5, "%u members: %.2f %% of the slots move without need", count, percent);
	}
}

static void what_cannot_be_filled_is_refused(void)
{
	static const struct {
		const char *sentence;
		unsigned int count;
		__u32 size;
		int result;
	} rows[] = {
		{ "no members", 0, 4096, -EINVAL },
		{ "more members than slots", 17, 16, -EINVAL },
		{ "as many members as slots", 16, 16, 0 },
		{ "one member, one slot", 1, 1, 0 },
		{ "a size that is no power of two", 3, 4095, -EINVAL },
		{ "no slots", 1, 0, -EINVAL },
	};
	struct maglev_member members[20];
	__u32 slots[4096];

	for (size_t i = 0; i < COUNT(rows); i++) {
		int error;

		members_make(members, 20);
		slots[0] = NO_BACKEND;
		error = maglev_fill(members, rows[i].count, SEED, slots, rows[i].size);
		ROW_CHECK(error == rows[i].result, "%s: returned %d", rows[i].sentence, error);
		ROW_CHECK((slots[0] == NO_BACKEND) == (error != 0), "%s: slots", rows[i].sentence);
	}
	members[7].weight = 0;
	CU_ASSERT_EQUAL(maglev_fill(members, 20, SEED, slots, 4096), -EINVAL);
}

/* A backend named twice must neither loop nor depend on the order. */
static void one_endpoint_twice_does_no_harm(void)
{
	struct maglev_member members[2];
	__u32 slots[16], again[16];

	members_make(members, 2);
	members[1].endpoint = members[0].endpoint;
	CU_ASSERT_EQUAL(maglev_fill(members, 2, SEED, slots, 16), 0);
	members[0].backend = 2;
	members[1].backend = 1;
	CU_ASSERT_EQUAL(maglev_fill(members, 2, SEED, again, 16), 0);
	CU_ASSERT_EQUAL(memcmp(slots, again, sizeof(slots)), 0);
}

CU_TestInfo maglev_tests[] = {
	{ "the size is enough and bounded", the_size_is_enough_and_bounded },
	{ "equal members have equal shares", equal_members_have_equal_shares },
	{ "weights are kept", weights_are_kept },
	{ "equal weights are no weights", equal_weights_are_no_weights },
	{ "the order of members does not matter", the_order_of_members_does_not_matter },
	{ "ids do not matter", ids_do_not_matter },
	{ "seed, port and address all count", seed_port_and_address_all_count },
	{ "the table is what it always was", the_table_is_what_it_always_was },
	{ "removing one moves few others", removing_one_moves_few_others },
	{ "what cannot be filled is refused", what_cannot_be_filled_is_refused },
	{ "one endpoint twice does no harm", one_endpoint_twice_does_no_harm },
	CU_TEST_INFO_NULL,
};
