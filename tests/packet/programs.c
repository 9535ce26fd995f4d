// SPDX-License-Identifier: GPL-2.0-only
/* What the programs cost the verifier: figures, not assertions, for they differ from kernel to kernel. */
#include "lab.h"
#include "teal.skel.h"

#include <bpf/bpf.h>
#include <stdio.h>

/* libbpf's copy of this structure may end before `verified_insns`, which Linux has since 5.16. */
struct program_info {
	struct bpf_prog_info info;
	__u8 room[64];
};

void lab_print_programs(const struct lab *lab)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, lab->bpf->obj) {
		struct program_info all = {};
		__u32 size = sizeof(all);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &all.info, &size))
			continue;
		printf("    %-14s %6u instructions, %7u processed by the verifier, %6u bytes of machine code\n",
		       bpf_program__name(program), all.info.xlated_prog_len / 8, all.info.verified_insns,
		       all.info.jited_prog_len);
	}
}
