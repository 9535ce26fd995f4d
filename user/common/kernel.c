// SPDX-License-Identifier: GPL-2.0-only
#include "common/kernel.h"

#include <bpf/btf.h>

static bool has_function(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const bool has = btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;

	btf__free(btf);
	return has;
}

bool kernel_shows_packet(void)
{
	return has_function("bpf_cast_to_kern_ctx");
}
