/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract's rows that decide nothing: what is counted, what health checks said, and what is told to whoever watches.
 * Part of teal/tables.h, which says how they are kept.
 */
#ifndef TEAL_COUNTERS_H
#define TEAL_COUNTERS_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#include "teal/verdicts.h"

#define TEAL_HANDSHAKE_BUCKETS 20  /* of the histogram of handshake times: the last holds a quarter of a second and more */
#define TEAL_REASON_SIZE 104	   /* a health check's last words with their NUL */

/*
 * counters: a backend's, a CPU.  Writer: data path and sweep, each CPU its own row.
 * Live flows are opened - ended; rows in the flow tables are opened - deleted.  All exact.
 */
struct teal_counters {
	__u64 opened;  /* flows confirmed and recorded */
	__u64 ended;   /* flows that began to close, or expired while open; less those that came back */
	__u64 deleted; /* flow rows removed */
	__u64 refused; /* SYNs that the backend answered with RST */
	__u64 packets_in;
	__u64 bytes_in; /* IP packets, headers included */
	__u64 packets_out;
	__u64 bytes_out;
};
_Static_assert(sizeof(struct teal_counters) == 64, "one cache line");

/*
 * handshakes: what the kernel saw of a backend's new connections, a CPU; the guard's evidence.  Writer: data path, each CPU
 * its own row.  In the long run begun = answered + refused + those nobody answered.
 */
struct teal_handshakes {
	__u64 begun;	/* pending rows made */
	__u64 answered; /* SYN-ACKs, or first replies by UDP */
	__u64 resent;	/* SYNs that came again and were still unanswered */
	__u64 aborted;	/* open flows that the backend ended with a RST */
	__u64 times[TEAL_HANDSHAKE_BUCKETS]; /* answered, by the time it took: bucket n is below 2^n us */
};
_Static_assert(sizeof(struct teal_handshakes) == 192, "map ABI");

/* checks: what the last health checks of a backend said, for people.  Writer: health. */
struct teal_check {
	__u64 checked_at; /* monotonic seconds at which the last check began, 0: never */
	__u64 changed_at; /* seconds since 1970: when its health became what it is */
	__u32 latency;	  /* us, of the last good one */
	__u16 successes, failures; /* in a row */
	char reason[TEAL_REASON_SIZE]; /* why the last one failed, in words; empty: it did not */
};
_Static_assert(sizeof(struct teal_check) == 128, "map ABI");

/* monitor: until when events are wanted.  Writer: `teal monitor`.  Reader: data path. */
struct teal_monitor {
	__u64 until; /* monotonic ns */
};
_Static_assert(sizeof(struct teal_monitor) == 8, "map ABI");

/* events (ring buffer): what happens, while somebody watches.  Writer: data path. */
enum __attribute__((packed)) teal_event_kind {
	TEAL_EVENT_OPENED, /* a flow was confirmed */
	TEAL_EVENT_ENDED,  /* a flow began to close, or was reset */
	TEAL_EVENT_LOST,   /* a packet was dropped or refused; at most one a millisecond and CPU is told of */
};

struct teal_event {
	__u64 at; /* monotonic ns */
	__u32 backend; /* 0: none */
	enum teal_verdict verdict; /* LOST */
	__u8 client[16];
	__u16 port; /* the client's */
	__u16 service; /* 0: none */
	enum teal_event_kind kind;
	__u8 state; /* ENDED: enum teal_state */
	__u8 pad[2];
};
_Static_assert(sizeof(struct teal_event) == 40, "map ABI");

#endif
