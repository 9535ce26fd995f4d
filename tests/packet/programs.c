// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs apart from packets: what they cost the verifier (figures, not assertions, for they differ from kernel to kernel),
 * what this kernel can run, and the sweep.
 */
#include "lab.h"
#include "teal.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

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

bool lab_can_sum(struct lab *lab)
{
	struct frame frame = { .length = 64 };
	int answer;

	lab->is_summed = true;
	answer = lab_run(lab, LAB_TC_INGRESS, network_device(FRONT), 0, &frame);
	lab->is_summed = false;
	return answer >= -1;
}

int lab_sweep(struct lab *lab, bool ipv6)
{
	const struct bpf_program *program = ipv6 ? lab->bpf->progs.teal_sweep6 : lab->bpf->progs.teal_sweep4;
	union bpf_iter_link_info over = { .map.map_fd = lab_table_fd(lab, ipv6 ? FLOWS6 : FLOWS4) };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &over, .link_info_len = sizeof(over));
	struct bpf_link *link = bpf_program__attach_iter(program, &options);
	char text[256];
	int fd, error = 0;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	while (fd >= 0 && (error = read(fd, text, sizeof(text))) > 0)
		continue;
	if (fd < 0 || error < 0)
		error = -errno;
	close(fd);
	bpf_link__destroy(link);
	return error;
}
