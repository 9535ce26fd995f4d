/* SPDX-License-Identifier: GPL-2.0-only */
/* The canary's table: which slots are the canary's, and how many. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "operation/canary.h"
#include "operation/maglev.h"

#define SIZE 4096
#define ACTIVE 1000 /* ids of the active color's backends begin here, the canary's at 1 */

static void color_fill(struct slots *slots, unsigned int members, __u32 first, __u8 net)
{
	struct maglev_member list[200];

	for (unsigned int i = 0; i < members; i++)
		list[i] = (struct maglev_member){
			.backend = first + i,
			.endpoint = { .address = { [10] = 0xff, 0xff, 10, 0, net, (__u8)i }, .port = 8443 },
			.weight = 1,
		};
	slots->size = maglev_size(members);
	slots->ids = malloc(slots->size * sizeof(*slots->ids));
	CU_ASSERT_EQUAL_FATAL(maglev_fill(list, members, 0x7ea1, slots->ids, slots->size), 0);
}

static unsigned int canary_count(const struct slots *slots)
{
	unsigned int count = 0;

	for (__u32 i = 0; i < slots->size; i++)
		count += slots->ids[i] < ACTIVE;
	return count;
}

/* Within half a slot in 4,096, at every percentage, and whatever the number of backends. */
static void the_share_is_exact(void)
{
	static const unsigned int members[][2] = { { 1, 1 }, { 2, 2 }, { 40, 41 }, { 41, 3 }, { 3, 150 } };

	for (size_t m = 0; m < COUNT(members); m++) {
		struct slots active, canary, both;

		color_fill(&active, members[m][0], ACTIVE, 1);
		color_fill(&canary, members[m][1], 1, 2);
		both.size = active.size > canary.size ? active.size : canary.size;
		both.ids = malloc(both.size * sizeof(*both.ids));
		for (unsigned int percent = 0; percent <= 100; percent++) {
			double share, off;

			canary_blend(&active, &canary, percent, &both);
			share = 100.0 * canary_count(&both) / both.size;
			off = share > percent ? share - percent : percent - share;
			ROW_CHECK(off <= 50.0 / SIZE, "%u and %u backends, %u %%: %f %% of the slots", members[m][0],
				  members[m][1], percent, share);
		}
		free(active.ids);
		free(canary.ids);
		free(both.ids);
	}
}

/* Raising it only ever takes slots from the active color, and each slot's backends stay the same two. */
static void who_is_canary_stays_canary(void)
{
	struct slots active, canary, both, before;
	unsigned int back = 0, strange = 0;

	color_fill(&active, 7, ACTIVE, 1);
	color_fill(&canary, 5, 1, 2);
	both = (struct slots){ malloc(SIZE * sizeof(__u32)), SIZE };
	before = (struct slots){ malloc(SIZE * sizeof(__u32)), SIZE };
	canary_blend(&active, &canary, 0, &before);
	CU_ASSERT_EQUAL(memcmp(before.ids, active.ids, SIZE * sizeof(__u32)), 0);
	for (unsigned int percent = 1; percent <= 100; percent++) {
		canary_blend(&active, &canary, percent, &both);
		for (unsigned int i = 0; i < SIZE; i++) {
			back += before.ids[i] < ACTIVE && both.ids[i] >= ACTIVE;
			strange += both.ids[i] != active.ids[i] && both.ids[i] != canary.ids[i];
		}
		memcpy(before.ids, both.ids, SIZE * sizeof(__u32));
	}
	ROW_CHECK(!back, "%u slots went back to the active color while the canary rose", back);
	ROW_CHECK(!strange, "%u slots name neither color's backend", strange);
	CU_ASSERT_EQUAL(memcmp(both.ids, canary.ids, SIZE * sizeof(__u32)), 0);
	free(active.ids);
	free(canary.ids);
	free(both.ids);
	free(before.ids);
}

/* A table that doubles because one more backend came must not make other clients canaries. */
static void more_backends_are_no_other_clients(void)
{
	struct slots active, more, canary, small, large;
	unsigned int moved = 0;

	color_fill(&active, 40, ACTIVE, 1);
	color_fill(&more, 41, ACTIVE, 1);
	color_fill(&canary, 5, 1, 2);
	CU_ASSERT_EQUAL_FATAL(active.size * 2, more.size);
	small = (struct slots){ malloc(active.size * sizeof(__u32)), active.size };
	large = (struct slots){ malloc(more.size * sizeof(__u32)), more.size };
	canary_blend(&active, &canary, 10, &small);
	canary_blend(&more, &canary, 10, &large);
	for (unsigned int i = 0; i < large.size; i++)
		moved += (small.ids[i & (small.size - 1)] < ACTIVE) != (large.ids[i] < ACTIVE);
	ROW_CHECK(!moved, "%u slots changed their color", moved);
	free(active.ids);
	free(more.ids);
	free(canary.ids);
	free(small.ids);
	free(large.ids);
}

/* No backend of either color bears more than its part, within what chance makes of a few slots. */
static void every_backend_has_its_part(void)
{
	static const unsigned int members[] = { 2, 3, 5, 10 };

	for (size_t m = 0; m < COUNT(members); m++) {
		struct slots active, canary, both = { malloc(SIZE * sizeof(__u32)), SIZE };

		color_fill(&active, members[m], ACTIVE, 1);
		color_fill(&canary, members[m], 1, 2);
		for (unsigned int percent = 5; percent <= 95; percent += 15) {
			unsigned int counts[2][10] = { 0 };

			canary_blend(&active, &canary, percent, &both);
			for (unsigned int i = 0; i < SIZE; i++)
				counts[both.ids[i] >= ACTIVE][both.ids[i] % ACTIVE - (both.ids[i] < ACTIVE)]++;
			for (unsigned int b = 0; b < members[m]; b++) {
				double part = SIZE * percent / 100.0 / members[m], off = counts[0][b] - part;

				/* Four standard deviations of a random choice of slots. */
				ROW_CHECK(off * off <= 16 * part, "%u backends, %u %%: one has %u of %.0f slots",
					  members[m], percent, counts[0][b], part);
				part = SIZE * (100 - percent) / 100.0 / members[m];
				off = counts[1][b] - part;
				ROW_CHECK(off * off <= 16 * part, "%u backends, %u %%: an active one has %u of %.0f slots",
					  members[m], percent, counts[1][b], part);
			}
		}
		free(active.ids);
		free(canary.ids);
		free(both.ids);
	}
}

/* `all_down: refuse` fills a color's table with nobody: a canary that nobody would answer is no canary. */
static void a_canary_of_nobody_leaves_everything_where_it_was(void)
{
	struct slots active, nobody = { calloc(SIZE, sizeof(__u32)), SIZE }, both = { malloc(SIZE * sizeof(__u32)), SIZE };

	color_fill(&active, 2, ACTIVE, 1);
	canary_blend(&active, &nobody, 100, &both);
	CU_ASSERT_EQUAL(memcmp(both.ids, active.ids, SIZE * sizeof(__u32)), 0);
	free(active.ids);
	free(nobody.ids);
	free(both.ids);
}

CU_TestInfo canary_tests[] = {
	{ "the share is exact", the_share_is_exact },
	{ "who is canary stays canary", who_is_canary_stays_canary },
	{ "more backends are no other clients", more_backends_are_no_other_clients },
	{ "every backend has its part", every_backend_has_its_part },
	{ "a canary of nobody leaves everything where it was", a_canary_of_nobody_leaves_everything_where_it_was },
	CU_TEST_INFO_NULL,
};
