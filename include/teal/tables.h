/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract: every table that the data path, the daemon, the CLI and bpftool share.
 *
 * Each table is pinned under its own name in the pin directory (/sys/fs/bpf/teal) and carries BTF,
 * so `bpftool map dump pinned /sys/fs/bpf/teal/services` reads like a table.  To be readable there:
 * addresses are bytes in the order people write them, ports are numbers in host order, enumerations
 * are enumerations, names are strings.  An IPv4 address in a 16-byte field is IPv4-mapped (::ffff:a.b.c.d).
 *
 * A row has one kind of writer: configuration, state and counters never share one.
 */
#ifndef TEAL_TABLES_H
#define TEAL_TABLES_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#include "teal/counters.h" /* the rows that count and tell */
#include "teal/verdicts.h"

#define TEAL_LAYOUT 3U	      /* goes up whenever a row, a key or a table changes */
#define TEAL_NAME_SIZE 32     /* a service's name with its NUL */
#define TEAL_SERVICE_SLOTS 4096U  /* rows of service_slots; a power of two */
#define TEAL_ENDPOINT_SLOTS 16384U /* the same of endpoint_slots */
#define TEAL_NEXTHOP_SLOTS 1024U /* remembered next hops to clients, a CPU; a power of two */

/* Id 0 means "none" for services and backends alike: an array's untouched row is no row. */

enum __attribute__((packed)) teal_color {
	TEAL_BLUE,
	TEAL_GREEN,
	TEAL_NO_COLOR, /* "no previous color" */
};
#define TEAL_COLORS 2

enum __attribute__((packed)) teal_protocol {
	TEAL_ANY = 0, /* with port 0: "this address is a VIP", for packets that show no port */
	TEAL_TCP = 6,
	TEAL_UDP = 17,
};

enum __attribute__((packed)) teal_health {
	TEAL_UNKNOWN, /* nobody has looked: counts as usable */
	TEAL_UP,
	TEAL_DOWN,
	TEAL_REMOVED, /* no longer configured; its flows go on until they end, then the id is free */
};

/*
 * The state of a flow (conntrack's terms).  Before TEAL_CLIENT_ENDING a plain packet cannot change it.
 * From TEAL_CLOSING on the flow has ended: it no longer counts as live and expires soon.
 */
enum teal_state {
	TEAL_ESTABLISHED,
	TEAL_CLIENT_FIN,      /* half-closed: the client will send no more, and the backend knows */
	TEAL_BACKEND_FIN,     /* half-closed: the backend will send no more */
	TEAL_CLIENT_ENDING,   /* a FIN in the client's name; true once the backend acknowledges exactly that */
	TEAL_BOTH_ENDING,     /* the same, and the backend will send no more */
	TEAL_CLOSING,	      /* both have sent FIN */
	TEAL_RESET_BY_CLIENT, /* believed until somebody shows otherwise */
	TEAL_RESET,	      /* by the backend: final */
	TEAL_REPLACED,	      /* about to be deleted: the same client port begins anew */
};

/* services: where a service listens; endpoints: the way back, from a packet's source to its service.  Writer: control.  Reader: data path, control. */
struct teal_service_key {
	__u8 address[16];
	__u16 port;
	enum teal_protocol protocol;
	__u8 pad;
};
_Static_assert(sizeof(struct teal_service_key) == 20, "map ABI");

struct teal_service {
	__u16 id; /* row of service_info and of dispatch */
	__u16 flags;
};
_Static_assert(sizeof(struct teal_service) == 4, "map ABI");

/* Of a service's flags. */
#define TEAL_SERVICE_SOURCE 1U /* new flows reach their backends from the address in `sources` */
#define TEAL_SERVICE_MOVE 2U   /* UDP: a flow whose color is no longer the one that new flows get is a new flow */
#define TEAL_SERVICE_AFFINITY 4U /* all flows of a client address find the same slot: ports do not count */
#define TEAL_SERVICE_PREVIEW 8U	 /* clients in `preview_clients` get new flows by the table in `previews` */
#define TEAL_SERVICE_PAUSED 16U	 /* new flows wait until the time in `pauses` */

/*
 * service_slots, endpoint_slots: the rows of `services` and `endpoints` once more, each at the place that its key hashes
 * to, for a hash costs the data path a fifth of its time.  Writer: control, with `services` and `endpoints` and nowhere
 * else.  Reader: data path.
 */
struct teal_endpoint {
	__u32 backend;
	__u16 service;
	__u16 has_source; /* 1: its service has a row in `sources` */
};
_Static_assert(sizeof(struct teal_endpoint) == 8, "map ABI");

struct teal_slot {
	struct teal_service_key key;
	__u32 more; /* 1: other keys may hash to this place too, so one that is not here is to be looked up */
	union {
		struct teal_service service;   /* service_slots */
		struct teal_endpoint endpoint; /* endpoint_slots */
	};
};
_Static_assert(sizeof(struct teal_slot) == 32, "half a cache line");

/* The place of a key among `slots`, a power of two.  Any mixing will do: the keys are not the network's to choose. */
static inline __attribute__((always_inline)) __u32 teal_slot_of(const struct teal_service_key *key, __u32 slots)
{
	const __u32 *words = (const __u32 *)key->address;
	__u32 port = key->port | (__u32)key->protocol << 16;
	__u32 hash = (words[0] ^ words[1] * 3 ^ words[2] * 5 ^ words[3] ^ port * 0x9e3779b1U) * 0x85ebca6bU;

	return (hash ^ hash >> 15) & (slots - 1);
}

/* preview_clients: clients of whom `previews` decides.  Writer: control.  Reader: data path. */
struct teal_preview_key {
	__u32 prefix; /* bits that count, from `service` on: 32 and those of the address (IPv4-mapped: 96 and IPv4's) */
	__u16 service;
	__u8 pad[2];
	__u8 address[16];
};
_Static_assert(sizeof(struct teal_preview_key) == 24, "map ABI");

/* pauses: service id -> until when its new flows wait.  Past that they do not, whoever forgot to say so.  Writer: control. */
struct teal_pause {
	__u64 until; /* monotonic ns */
};
_Static_assert(sizeof(struct teal_pause) == 8, "map ABI");

/* sources: service id -> the edge's address that its backends see (`source:`).  Writer: control.  Reader: data path. */
struct teal_source {
	__u8 address[16]; /* kept after `source:` is gone, for the flows that began with it; all zeros: never had one */
};
_Static_assert(sizeof(struct teal_source) == 16, "map ABI");

/* service_info: what people know of a service; the data path never reads it.  Writer: control. */
struct teal_service_info {
	char name[TEAL_NAME_SIZE]; /* empty: the id is free */
	__u64 switched_at;	   /* seconds since 1970, 0: never */
	__u32 generation;	   /* counts switches */
	enum teal_color active;	   /* the slot in dispatch is the truth; this follows it */
	enum teal_color previous;
	enum teal_color canary;	   /* gets a share of the new flows; TEAL_NO_COLOR: nobody does */
	__u8 canary_percent;
	enum teal_color preview;   /* what the clients in `preview_clients` get; TEAL_NO_COLOR: there are none */
	__u8 policy;		   /* bits, below: what the configuration wants when backends are down */
	__u8 stale;		   /* 1: its backends or its policy were changed, and its tables may not say so yet */
	__u8 pad[5];
	__u64 guard_until;	   /* monotonic seconds: until then the daemon watches over the last switch; 0: it does not */
};
_Static_assert(sizeof(struct teal_service_info) == 64, "map ABI");

/* Of a service's policy. */
#define TEAL_POLICY_REFUSE 1U /* a color whose backends are all down refuses new flows; otherwise all of them stay in use */
#define TEAL_POLICY_RESET 2U  /* the connections of a backend that goes down are ended; otherwise they go on */

/*
 * backends: where a flow's packets go, and what their answers are to look like: all that either direction
 * needs in one cache line.  Writer: control (health: health).  Reader: data path, control.
 */
struct teal_backend {
	__u8 address[16];
	__u8 vip[16]; /* of its service */
	__u64 retired; /* monotonic ns at which the row became TEAL_REMOVED */
	__u16 port;
	__u16 vip_port;
	__u16 address_delta; /* one's complement difference backend - VIP of the addresses, added on the way in */
	__u16 port_delta;    /* the same of the ports; apart, for a partial checksum covers only addresses */
	__u16 service;	     /* 0: the row is free */
	enum teal_protocol protocol;
	enum teal_color color;
	enum teal_health health;
	__u8 reset; /* 1: its connections are ended: each of their packets is answered with a RST */
	__u8 pad[10];
};
_Static_assert(sizeof(struct teal_backend) == 64, "one cache line");

/*
 * flows4, flows6: a flow -> the backend it began with.  Writer: data path.  Deleter: sweep.
 * The IPv4 key is the tail of the IPv6 key, so one piece of code builds both.
 */
struct teal_flow4_key {
	__u8 client[4];
	__u16 port; /* the client's */
	__u16 service;
};
_Static_assert(sizeof(struct teal_flow4_key) == 8, "map ABI");

struct teal_flow6_key {
	__u8 client[16];
	__u16 port;
	__u16 service;
};
_Static_assert(sizeof(struct teal_flow6_key) == 20, "map ABI");

#define TEAL_ANSWER_STEP 30 /* bits of ns: a little more than a second */

struct teal_flow {
	__u64 seen; /* monotonic ns of the last packet, to within a second */
	enum teal_state state; /* with `acked` one 8-byte word, moved by compare-and-swap: two CPUs may see two FINs */
	__u32 acked; /* TCP: what the backend was last seen to acknowledge, to within 4 MiB and a second;
			TEAL_*_ENDING: what would acknowledge the client's FIN;
			UDP: when the backend last answered, in TEAL_ANSWER_STEPs, to within two of them: so a row that is
			reused does not look like its predecessor */
	__u32 backend;
	__u16 source_port; /* the port of its service's source address that the backend sees, 0: the client's own */
	__u16 pad;
};
_Static_assert(sizeof(struct teal_flow) == 24, "map ABI: a row of flows6 just fits a slab of 96 bytes");

/* pending4, pending6 (LRU): a flow whose handshake is not proven yet.  Writer and deleter: data path. */
struct teal_pending {
	__u64 seen; /* monotonic ns of the client's last packet */
	__u32 backend;
	__u32 client_sequence;	/* TCP: of the client's SYN; another number is another connection */
	__u32 backend_sequence; /* TCP: of the backend's SYN-ACK, once answered */
	__u16 answered;		/* 1: TCP: backend_sequence is known; UDP: it goes on by this row */
	__u16 source_port;	/* as in struct teal_flow */
};
_Static_assert(sizeof(struct teal_pending) == 24, "map ABI");

/*
 * snat4, snat6: a port of a service's source address, in use towards a backend -> the flow that uses it.
 * A row lives just as long as its flow's.  Writer: data path.  Deleter: data path, sweep.
 * snat_pending4, snat_pending6 (LRU): the same for flows that are pending.  Writer and deleter: data path.
 */
struct teal_snat_key {
	__u32 backend;
	__u16 port;
	__u16 pad;
};
_Static_assert(sizeof(struct teal_snat_key) == 8, "map ABI");

/*
 * fragments (LRU): what was done to a packet's first fragment, which has the ports, to be done to the others.
 * Writer: data path.
 */
struct teal_fragment_key {
	__u8 source[16];
	__u8 destination[16];
	__u32 id;      /* the sender's, as it stands in the packet */
	__u8 protocol; /* IPv4's; in IPv6 an id counts for all protocols, so there it is 0 */
	__u8 pad[3];
};
_Static_assert(sizeof(struct teal_fragment_key) == 40, "map ABI");

struct teal_fragment {
	__u8 address[16]; /* the new one */
	__u32 backend;	  /* in whose counters the packet counts, 0: in none's */
	enum teal_verdict verdict;
	__u8 source; /* 1: it replaces the source, 0: the destination */
	__u8 pad[3];
};
_Static_assert(sizeof(struct teal_fragment) == 28, "map ABI");

/* udp_rows: how many rows of flows4 (row 0) and flows6 (row 1) are UDP's.  Writer: data path, sweep. */
struct teal_udp_rows {
	__u64 count;
};
_Static_assert(sizeof(struct teal_udp_rows) == 8, "map ABI");

/* devices: what a device can do with a frame that is redirected to it.  Writer: control.  Reader: data path. */
struct teal_device {
	__u32 can_redirect_xdp; /* its driver and its far end take XDP frames; 2: also those that are in several buffers */
	__u32 can_redirect_tc;
	__u32 can_transmit_xdp; /* XDP_TX: back out of the device it came in by */
};
_Static_assert(sizeof(struct teal_device) == 12, "map ABI");

/* nexthops, nexthops_back: what the kernel's routing said a moment ago.  Writer and reader: data path. */
struct teal_nexthop {
	__u64 until;	  /* monotonic ns: ask again after this */
	__u32 from_device; /* asked for packets that came in here */
	__u32 to_device;  /* 0: the stack's business, see verdict */
	enum teal_verdict verdict; /* of a packet that goes this way */
	__u8 destination[6]; /* link addresses, in the order of a frame's header */
	__u8 source[6];
	__u16 mtu;	     /* bytes of IP packet */
	__u16 service;	  /* nexthops_back: whose VIP it comes from, */
	__u8 transmit;	  /* 1: by XDP_TX, 0: by redirect */
	__u8 several;	     /* XDP, 1: also a frame in several buffers */
	__u8 pad[2];
	__u8 address[16]; /* and the client that this slot is about */
};
_Static_assert(sizeof(struct teal_nexthop) == 56, "map ABI");

/* meta: one row about all the others.  Writer: control, at start and reload. */
struct teal_meta {
	__u32 layout; /* TEAL_LAYOUT of whoever made the tables */
	__u32 seed;   /* of the flow hash; edges that share a VIP share it */
	__u64 handshake_ns; /* how long each kind of row lives without a packet */
	__u64 established_ns;
	__u64 closing_ns;
	__u64 reset_ns;
	__u64 udp_unanswered_ns;
	__u64 udp_ns;
	__u64 netns; /* cookie of the network namespace that is served */
	__u32 refuse_when_full; /* 1: a new flow that finds the flow table full is refused; 0: it goes on unrecorded */
	__u32 udp_most; /* rows of a flow table that UDP may have, for anybody can make those; 0: as many as there are */
};
_Static_assert(sizeof(struct teal_meta) == 72, "map ABI");

/*
 * The one list of tables: name (also the pin's), kind, key, row, rows by default, flags.
 * The BPF definitions (bpf/maps.h), the pins and every access of the daemon and the CLI are expanded from it.
 * TEAL_OTHER_TABLES are defined beside it in bpf/maps.h, each in its own way: `dispatch` (service id -> the inner table
 * that new flows use now: the switch), `previews` (the same for clients in `preview_clients`), whose inner tables (hash
 * slot -> backend id) are pinned as tables/SERVICE/NAME, and `events`.
 */
#define TEAL_OTHER_TABLES(X) X(dispatch) X(previews) X(events)


#define TEAL_TABLES(X)                                                                                \
	X(meta, ARRAY, __u32, struct teal_meta, 1, 0)                                                 \
	X(services, HASH, struct teal_service_key, struct teal_service, 1024, TEAL_NO_PREALLOC)       \
	X(service_slots, ARRAY, __u32, struct teal_slot, TEAL_SERVICE_SLOTS, 0)                       \
	X(endpoint_slots, ARRAY, __u32, struct teal_slot, TEAL_ENDPOINT_SLOTS, 0)                     \
	X(preview_clients, LPM_TRIE, struct teal_preview_key, __u32, 4096, TEAL_NO_PREALLOC)          \
	X(pauses, ARRAY, __u32, struct teal_pause, 1024, 0)                                           \
	X(service_info, ARRAY, __u32, struct teal_service_info, 1024, 0)                              \
	X(backends, ARRAY, __u32, struct teal_backend, 4096, TEAL_MAPPED)                             \
	X(endpoints, HASH, struct teal_service_key, struct teal_endpoint, 4096, TEAL_NO_PREALLOC)     \
	X(flows4, HASH, struct teal_flow4_key, struct teal_flow, 1048576, TEAL_NO_PREALLOC)           \
	X(flows6, HASH, struct teal_flow6_key, struct teal_flow, 1048576, TEAL_NO_PREALLOC)           \
	X(pending4, LRU_HASH, struct teal_flow4_key, struct teal_pending, 262144, 0)                  \
	X(pending6, LRU_HASH, struct teal_flow6_key, struct teal_pending, 262144, 0)                  \
	X(sources, ARRAY, __u32, struct teal_source, 1024, 0)                                         \
	X(snat4, HASH, struct teal_snat_key, struct teal_flow4_key, 1048576, TEAL_NO_PREALLOC)        \
	X(snat6, HASH, struct teal_snat_key, struct teal_flow6_key, 1048576, TEAL_NO_PREALLOC)        \
	X(snat_pending4, LRU_HASH, struct teal_snat_key, struct teal_flow4_key, 65536, 0)             \
	X(snat_pending6, LRU_HASH, struct teal_snat_key, struct teal_flow6_key, 65536, 0)             \
	X(udp_rows, ARRAY, __u32, struct teal_udp_rows, 2, 0)                                         \
	X(fragments, LRU_HASH, struct teal_fragment_key, struct teal_fragment, 16384, 0)              \
	X(counters, PERCPU_ARRAY, __u32, struct teal_counters, 4096, 0)                               \
	X(handshakes, PERCPU_ARRAY, __u32, struct teal_handshakes, 4096, 0)                           \
	X(checks, ARRAY, __u32, struct teal_check, 4096, 0)                                           \
	X(monitor, ARRAY, __u32, struct teal_monitor, 1, 0)                                           \
	X(verdicts, PERCPU_ARRAY, __u32, __u64, TEAL_VERDICT_COUNT, 0)                    \
	X(devices, HASH, __u32, struct teal_device, 1024, TEAL_NO_PREALLOC)                           \
	X(nexthops, PERCPU_ARRAY, __u32, struct teal_nexthop, 4096, 0)                                \
	X(nexthops_back, PERCPU_ARRAY, __u32, struct teal_nexthop, TEAL_NEXTHOP_SLOTS, 0)

#define TEAL_MAPPED 1024U   /* BPF_F_MMAPABLE: control reads the rows where they are, many thousands at once */
#define TEAL_NO_PREALLOC 1U /* BPF_F_NO_PREALLOC: rows take memory only while they exist */

#endif
