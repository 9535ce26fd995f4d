/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include "table/handshakes.h"

static void the_time_is_the_upper_end_of_a_bucket(void)
{
	struct teal_handshakes h = {};

	CU_ASSERT_EQUAL(handshakes_time(&h, 50), 0);
	h.times[7] = 50; /* below 128 us */
	h.times[10] = 49;
	h.times[19] = 1;
	CU_ASSERT_EQUAL(handshakes_time(&h, 50), 128);
	CU_ASSERT_EQUAL(handshakes_time(&h, 51), 1024);
	CU_ASSERT_EQUAL(handshakes_time(&h, 99), 1024);
	CU_ASSERT_EQUAL(handshakes_time(&h, 100), 1U << 19);
}

static void sums_and_differences(void)
{
	struct teal_handshakes a = { .begun = 5, .answered = 4, .times = { [3] = 4 } };
	struct teal_handshakes b = { .begun = 2, .answered = 9, .times = { [3] = 1 } };

	handshakes_add(&a, &b);
	CU_ASSERT_EQUAL(a.begun, 7);
	CU_ASSERT_EQUAL(a.answered, 13);
	CU_ASSERT_EQUAL(a.times[3], 5);
	handshakes_subtract(&a, &b);
	CU_ASSERT_EQUAL(a.begun, 5);
	CU_ASSERT_EQUAL(a.times[3], 4);
	handshakes_subtract(&a, &b); /* answered by backends that began anew: 4 now, 9 then */
	CU_ASSERT_EQUAL(a.answered, 4);
	CU_ASSERT_EQUAL(a.begun, 3);
}

CU_TestInfo handshakes_tests[] = {
	{ "the time is the upper end of a bucket", the_time_is_the_upper_end_of_a_bucket },
	{ "sums and differences", sums_and_differences },
	CU_TEST_INFO_NULL,
};
