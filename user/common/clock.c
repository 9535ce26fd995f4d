// SPDX-License-Identifier: GPL-2.0-only
#include "common/clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"

#define SECOND 1000000000ULL
#define EDGES 8U
#define TRIES 5 /* on a busy machine this process may miss too many edges */
#define PATIENCE SECOND

/* Both clocks at one moment. */
struct moment {
	__u64 ticks;
	__u64 ns;
};

#define INSN(code_, dst, src, off_, imm_) \
	{ .code = (code_), .dst_reg = (dst), .src_reg = (src), .off = (off_), .imm = (imm_) }

/* A program that writes both into its context.  It is too small to be compiled.  Returns its descriptor or a negative errno. */
static int reader_load(void)
{
	const struct bpf_insn program[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_jiffies64),
		INSN(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_6, BPF_REG_0, offsetof(struct moment, ticks), 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns),
		INSN(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_6, BPF_REG_0, offsetof(struct moment, ns), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_flags = BPF_F_SLEEPABLE);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "teal_clock", "GPL", program, sizeof(program) / sizeof(*program),
			       &options);

	return fd < 0 ? -errno : fd;
}

static int moment_read(int reader, struct moment *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = ret, .ctx_size_in = sizeof(*ret));

	return bpf_prog_test_run_opts(reader, &run) ? -errno : 0;
}

/* The moments when the counter was first seen to have moved.  A few of them will be late, as this process may have to wait. */
static int edges_read(int reader, struct moment edges[EDGES])
{
	struct moment now = {}, last;
	int error = moment_read(reader, &now);
	const __u64 began = now.ns;

	for (unsigned int count = 0; !error && count < EDGES; last = now) {
		last = now;
		error = moment_read(reader, &now);
		if (now.ns - began > PATIENCE)
			return -ERANGE;
		if (now.ticks != last.ticks)
			edges[count++] = now;
	}
	return error;
}

static int number_compare(const void *a, const void *b)
{
	const __u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return (x > y) - (x < y);
}

/* What most edges say that a tick takes, in ns. */
static __u64 edges_tick(const struct moment edges[EDGES])
{
	__u64 each[EDGES - 1];

	for (unsigned int i = 1; i < EDGES; i++)
		each[i - 1] = (edges[i].ns - edges[i - 1].ns) / (edges[i].ticks - edges[i - 1].ticks);
	qsort(each, EDGES - 1, sizeof(*each), number_compare);
	return each[(EDGES - 1) / 2];
}

/* The tick of a kernel that makes it one of these times a second, rounded as include/linux/jiffies.h does; or 0. */
static __u64 tick_round(__u64 ns)
{
	static const __u64 rates[] = { 24, 32, 48, 64, 100, 128, 200, 250, 256, 300, 500, 512, 1000, 1024 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		const __u64 tick = (SECOND + rates[i] / 2) / rates[i];

		if (ns > tick - tick / 100 && ns < tick + tick / 100)
			return tick;
	}
	return 0;
}

int clock_measure(__u64 *ret_tick, __u64 *ret_origin)
{
	_cleanup_close_ int reader = reader_load();
	struct moment edges[EDGES];
	__u64 tick = 0, origin;
	int error = reader < 0 ? reader : 0;

	for (unsigned int i = 0; i < TRIES && !error && !tick; i++) {
		error = edges_read(reader, edges);
		tick = error ? 0 : tick_round(edges_tick(edges));
	}
	if (!tick)
		return error ?: -ERANGE;
	origin = edges[0].ns - edges[0].ticks * tick;
	for (unsigned int i = 1; i < EDGES; i++) /* the edge that was seen soonest */
		if ((__s64)(edges[i].ns - edges[i].ticks * tick - origin) < 0)
			origin = edges[i].ns - edges[i].ticks * tick;
	*ret_tick = tick;
	*ret_origin = origin;
	return 0;
}
