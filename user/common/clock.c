// SPDX-License-Identifier: GPL-2.0-only
#include "common/clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "common/cleanup.h"

#define SECOND 1000000000ULL
#define EDGES 6U	      /* that are waited for: the origin is as exact as the one that is seen soonest */
#define LATE 2ULL	      /* s: the most that the counter may have begun after the clock */
#define PATIENCE (5 * SECOND)

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

/* The moments when the counter was first seen to have moved.  Some of them will be late, as this process may have to wait. */
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

/*
 * How far the counter is from where it would be if it made so many ticks a second, in ticks.  It begins five minutes before
 * it wraps round 32 bits (include/linux/jiffies.h: INITIAL_JIFFIES) and counts ticks of the monotonic clock from then on.
 */
static __u64 distance(const struct moment *now, __u64 rate)
{
	const __u64 expected = (__u32)(-300 * (__s64)rate) + now->ns / SECOND * rate + now->ns % SECOND * rate / SECOND;

	return now->ticks > expected ? now->ticks - expected : expected - now->ticks;
}

/*
 * The rate at which ticks come, or 0 if it is none that Linux has.  It is told by where the counter stands, for on a busy
 * machine how fast it is seen to move would be a guess; but five minutes after boot all rates stand in one place, and then the
 * guess decides.
 */
static __u64 rate_find(const struct moment *first, const struct moment *last)
{
	static const __u64 rates[] = { 24, 32, 48, 64, 100, 128, 200, 250, 256, 300, 500, 512, 1000, 1024 };
	const __s64 seen = (__s64)((last->ticks - first->ticks) * SECOND / (last->ns - first->ns));
	__u64 best = 0;

	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
		if (distance(last, rates[i]) < LATE * rates[i] &&
		    (!best || llabs((__s64)rates[i] - seen) < llabs((__s64)best - seen)))
			best = rates[i];
	return best;
}

int clock_measure(__u64 *ret_tick, __u64 *ret_origin)
{
	_cleanup_close_ int reader = reader_load();
	struct moment edges[EDGES];
	int error = reader < 0 ? reader : edges_read(reader, edges);
	__u64 rate = error ? 0 : rate_find(&edges[0], &edges[EDGES - 1]), tick, origin;

	if (!rate)
		return error ?: -ERANGE;
	tick = (SECOND + rate / 2) / rate; /* include/linux/jiffies.h: TICK_NSEC */
	origin = edges[0].ns - edges[0].ticks * tick;
	for (unsigned int i = 1; i < EDGES; i++) /* the edge that was seen soonest */
		if ((__s64)(edges[i].ns - edges[i].ticks * tick - origin) < 0)
			origin = edges[i].ns - edges[i].ticks * tick;
	*ret_tick = tick;
	*ret_origin = origin;
	return 0;
}
