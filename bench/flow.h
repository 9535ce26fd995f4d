/* SPDX-License-Identifier: GPL-2.0-only */
/* Which frame belongs to flow number i, and what the trampoline is told: shared by the programs and those who run them. */
#ifndef TEAL_BENCH_FLOW_H
#define TEAL_BENCH_FLOW_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

/* A client address has that many flows, on ports of their own; a power of two. */
#define FLOWS_OF_CLIENT 64
#define FIRST_PORT 1024

/* Bytes of a frame: what a minimal Ethernet frame has of IPv4, and the same of IPv6 rounded up to whole words. */
#define FRAME4 64
#define FRAME6 80

static inline __attribute__((always_inline)) __u32 flow_client(__u32 base, __u32 flow)
{
	return base + flow / FLOWS_OF_CLIENT;
}

static inline __attribute__((always_inline)) __u16 flow_port(__u32 flow)
{
	return FIRST_PORT + flow % FLOWS_OF_CLIENT;
}

/* What the trampoline does; written by whoever runs it, between two runs. */
struct bench_setup {
	__u8 frame[FRAME6]; /* with which every repetition begins */
	__u32 client;	    /* the last 32 bits of the first client's address, host order */
	__u32 mask;	    /* flows - 1, when they come in random order */
	__u8 walk;	    /* 1: one flow after the other, beginning with `next` */
	__u8 back;	    /* 1: the client is the destination */
	__u8 vary;	    /* 1: every packet has another TCP sequence number */
	__u8 pad[5];
};

/* What became of it. */
struct bench_state {
	__u64 random;
	__u64 next;  /* flow of the next repetition, if they are walked */
	__u64 runs;  /* repetitions so far */
	__u64 lost;  /* of them, without a program under test */
	__u64 missed; /* flows that the floor did not find */
};

#endif
