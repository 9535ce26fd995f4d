// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packet tests: the real programs in the real kernel, one packet each.
 * packet-tests [-v] [WORD]: only rows whose sentence (or combination) contains the word; -v names every row.
 */
#include "row.h"

#include <CUnit/Basic.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One CUnit test: a row in one combination. */
struct test {
	const struct row *row;
	struct combination combination;
	CU_pTest handle;
};

static const struct rows *const all[] = { &rows_tcp,     &rows_ends,	 &rows_reuse, &rows_udp, &rows_layers,
					  &rows_headers, &rows_topology, &rows_sweep, &rows_wire,
					  &rows_refuse,  &rows_source, &rows_fragments, &rows_icmp, &rows_icmp_source,
					  &rows_control, &rows_local,  &rows_evidence,  &rows_ports,
					  &rows_cpus };

static struct lab lab, small_lab;
static struct test tests[8192];
static int count;
static bool can_sum;

/* A minute is long without a word. */
static void tell_suite(void)
{
	static CU_pSuite told;

	if (told == CU_get_current_suite() || CU_basic_get_mode() == CU_BRM_VERBOSE)
		return;
	told = CU_get_current_suite();
	printf("    %s: %u tests\n", told->pName, told->uiNumberOfTests);
}

/* CUnit calls tests without arguments: which one it is, the handle tells. */
static void run_test(void)
{
	tell_suite();
	for (int i = 0; i < count; i++)
		if (tests[i].handle == CU_get_current_test())
			row_run(tests[i].row->only & SMALL ? &small_lab : &lab, tests[i].row, &tests[i].combination);
}

static void add_tests(CU_pSuite suite, const struct row *row, const char *word)
{
	for (int i = 0; i < (can_sum ? 12 : 8); i++) {
		const struct combination combination = { i & 1, i & 2, i & 4 ? LAB_XDP : LAB_TC_INGRESS, i & 8 };
		struct test *test = &tests[count];
		char name[400], where[64];

		row_name(&combination, where, sizeof(where));
		snprintf(name, sizeof(name), "%s [%s]", row->sentence, where);
		if (!row_applies(row, &combination) || !strstr(name, word))
			continue;
		*test = (struct test){ row, combination, CU_add_test(suite, name, run_test) };
		if (!test->handle || ++count == (int)(sizeof(tests) / sizeof(*tests))) {
			fprintf(stderr, "packet: no room for \"%s\": %s\n", name, CU_get_error_msg());
			exit(1);
		}
	}
}

static int print_warnings(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN && !geteuid() ? vfprintf(stderr, format, arguments) : 0;
}

static void open_labs(void)
{
	int error;

	libbpf_set_print(print_warnings);
	if (geteuid()) {
		fprintf(stderr, "packet: only root can load BPF programs: run this with sudo\n");
		exit(1);
	}
	if (network_open())
		exit(1);
	error = lab_open(&lab, 0) ?: lab_open(&small_lab, LAB_SMALL_ROWS) ?: lab_listen(&lab) ?: lab_listen(&small_lab);
	if (error) {
		fprintf(stderr, "packet: the kernel does not take the BPF programs: %s\n", strerror(-error));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && !strcmp(argv[1], "-v");
	const char *word = argc > 1 + verbose ? argv[1 + verbose] : "";
	unsigned int failed, run;

	setvbuf(stdout, NULL, _IOLBF, 0); /* seen as they come, also by a pipe */
	open_labs();
	if (!*word)
		lab_print_programs(&lab);
	can_sum = lab_can_sum(&lab);
	if (!can_sum)
		printf("packet: this kernel cannot run packets that a device has summed: no rows \"tc with sums\"\n");
	if (CU_initialize_registry())
		return 1;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		CU_pSuite suite = CU_add_suite(all[i]->name, NULL, NULL);

		for (int row = 0; suite && row < all[i]->count; row++)
			add_tests(suite, &all[i]->rows[row], word);
	}
	CU_basic_set_mode(verbose ? CU_BRM_VERBOSE : CU_BRM_NORMAL);
	CU_basic_run_tests();
	run = CU_get_number_of_tests_run();
	failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	lab_close(&lab);
	lab_close(&small_lab);
	printf("packet: %u passed, %u failed\n", run - failed, failed);
	return failed || !run;
}
