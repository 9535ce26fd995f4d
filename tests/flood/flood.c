// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood --kind KIND --device NAME --to LINK-ADDRESS --target ADDRESS --port N --packets N [--seconds S] [--live FILE]
 * Sends packets as fast as a core can make them, by live frames that an XDP program redirects into the device.
 * With --live the packets are about the connections in FILE ("ADDRESS PORT" a line, of clients), otherwise their
 * sources are made up.  Whatever it says, it ends after 600 s.
 *
 * flood --rows PIN [--service ID]: how many rows a pinned table has.
 */
#include "../packet/frame.h"
#include "flood.h"
#include "flood.skel.h"
#include "rows.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK 32768 /* packets a call */
#define ICMP4 1
#define ICMP6 58

static struct {
	const char *kind, *device, *target, *live, *rows;
	int service;
	__u8 to[6];
	__u16 port;
	unsigned long packets;
	double seconds;
} options = { .packets = 1000, .seconds = 600, .service = -1 };

static _Noreturn void __attribute__((format(printf, 1, 2))) die(const char *format, ...)
{
	va_list arguments;

	fputs("flood: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

/* How the two frames of a kind look; the second is as the first, but for what is said. */
static const struct kind {
	const char *name;
	__u8 protocol, flags, then; /* then: flags of the second */
	bool pairs, fragments, icmp, orphans;
} kinds[] = {
	{ "syn", TCP, SYN, SYN, .pairs = false },
	{ "pair", TCP, SYN, ACK, .pairs = true },
	{ "ack", TCP, ACK, ACK | PSH, .pairs = false },
	{ "rst", TCP, RST, RST | ACK, .pairs = false },
	{ "fin", TCP, FIN | ACK, FIN, .pairs = false },
	{ "udp", UDP, 0, 0, .pairs = false },
	{ "fragments", UDP, 0, 0, .pairs = true, .fragments = true },
	{ "orphans", UDP, 0, 0, .fragments = true, .orphans = true },
	{ "icmp", TCP, ACK, ACK, .icmp = true },
};

static const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	die("no kind of flood is named '%s'", name);
}

static bool parse_address(const char *text, __u8 address[16])
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	if (inet_pton(AF_INET, text, address + 12) == 1)
		return false;
	if (inet_pton(AF_INET6, text, address) != 1)
		die("'%s' is no address", text);
	return true;
}

/* Whose packets they are to be: the prefix of everybody that is made up, or of the live ones. */
static void base_of(bool ipv6, const char *live, __u8 base[16])
{
	parse_address(!ipv6 ? "0.0.0.0" : live ? live : "2001:db8:f10d::", base);
	memset(base + 12, 0, 4);
}

static void build_plain(const struct kind *kind, bool second, bool ipv6, const __u8 base[16], struct flood_frame *f)
{
	struct plan plan = { .ipv6 = ipv6, .protocol = kind->protocol, .flags = second ? kind->then : kind->flags,
			     .destination_port = options.port, .payload = kind->fragments ? 16 : 0 };
	const bool later = kind->fragments && (second || kind->orphans);
	struct frame frame;

	memcpy(plan.link_to, options.to, 6);
	memcpy(plan.source, base, 16);
	parse_address(options.target, plan.destination);
	plan.link_from[0] = 2;
	if (kind->fragments && !ipv6)
		plan.fragment = later ? 3 : 0x2000;
	if (kind->fragments && ipv6)
		plan.extensions[0] = (struct extension){ .type = FRAGMENT, .fragment = later ? 3 << 3 : 1 };
	frame_build(&frame, &plan);
	memcpy(f->bytes, frame.bytes, frame.length < FLOOD_BYTES ? frame.length : FLOOD_BYTES);
	f->address = frame.network + (ipv6 ? 20 : 12);
	f->address_check = ipv6 ? 0 : frame.network + 10;
	f->id = kind->fragments ? frame.network + (ipv6 ? 46 : 4) : 0;
	if (later)
		return;
	f->port = frame.transport;
	f->sequence = kind->protocol == TCP ? frame.transport + 4 : 0;
	f->acknowledged = kind->protocol == TCP ? frame.transport + 8 : 0;
	f->check = frame.transport + (kind->protocol == TCP ? 16 : 6);
	f->check_address = 1;
}

/* "Fragmentation needed", "unreachable": about a packet that the target is said to have sent. */
static void build_icmp(bool second, bool ipv6, const __u8 base[16], struct flood_frame *f)
{
	struct plan quoted = { .ipv6 = ipv6, .source_port = options.port, .flags = ACK };
	struct plan plan = { .ipv6 = ipv6, .protocol = ipv6 ? ICMP6 : ICMP4 };
	struct frame frame, quote;
	__u32 sum;
	__u8 *icmp;

	parse_address(options.target, quoted.source);
	memcpy(quoted.destination, base, 16);
	frame_build(&quote, &quoted);
	plan.payload = 8 + (quote.transport - quote.network) + 8;
	memcpy(plan.link_to, options.to, 6);
	plan.link_from[0] = 2;
	base_of(ipv6, NULL, plan.source);
	parse_address(options.target, plan.destination);
	frame_build(&frame, &plan);
	icmp = frame.bytes + frame.transport;
	memset(icmp, 0, 8);
	icmp[0] = ipv6 ? (second ? 1 : 2) : 3;
	icmp[1] = second ? 1 : ipv6 ? 0 : 4;
	icmp[6] = second ? 0 : 5; /* an MTU of 1280 and more */
	memcpy(icmp + 8, quote.bytes + quote.network, plan.payload - 8);
	sum = ipv6 ? frame_sum(frame_sum(ICMP6 + plan.payload, plan.source, 16), plan.destination, 16) : 0;
	sum = (__u16)~frame_sum(sum, icmp, plan.payload);
	icmp[2] = sum >> 8;
	icmp[3] = sum & 255;
	memcpy(f->bytes, frame.bytes, frame.length < FLOOD_BYTES ? frame.length : FLOOD_BYTES);
	f->router = frame.network + (ipv6 ? 20 : 12);
	f->router_check = ipv6 ? 0 : frame.network + 10;
	f->address = frame.transport + 8 + (ipv6 ? 36 : 16);
	f->address_check = ipv6 ? 0 : frame.transport + 8 + 10;
	f->port = frame.transport + 8 + (quote.transport - quote.network) + 2;
	f->sequence = f->port + 2;
	f->check = frame.transport + 2;
	f->check_address = f->check_router = ipv6; /* in IPv4 the quoted header's checksum evens the address out */
}

static void read_targets(struct flood_bpf *bpf, char *prefix, size_t room)
{
	FILE *file = fopen(options.live, "r");
	char text[64];
	unsigned int port;
	__u8 address[16];

	if (!file)
		die("%s: %s", options.live, strerror(errno));
	while (bpf->bss->plan.targets < FLOOD_TARGETS && fscanf(file, "%63s %u", text, &port) == 2) {
		struct flood_target *target = &bpf->bss->targets[bpf->bss->plan.targets++];

		parse_address(text, address);
		memcpy(&target->address, address + 12, 4);
		target->port = htons(port);
	}
	fclose(file);
	if (!bpf->bss->plan.targets)
		die("%s names no connection", options.live);
	snprintf(prefix, room, "%s", text);
}

static void describe(struct flood_bpf *bpf)
{
	const struct kind *kind = kind_find(options.kind);
	struct flood_plan *plan = &bpf->bss->plan;
	char live[64] = "";
	__u8 address[16], base[16];
	bool ipv6 = parse_address(options.target, address);

	plan->device = if_nametoindex(options.device);
	if (!plan->device)
		die("there is no device %s here", options.device);
	plan->pairs = kind->pairs;
	plan->prefix = ipv6 ? 0 : htonl(0xc6120000); /* 198.18.0.0/15 is for such tests (RFC 2544) */
	plan->vary = ipv6 ? 0xffffffff : htonl(0x0001ffff);
	plan->seed = (unsigned long long)time(NULL) << 32;
	if (options.live)
		read_targets(bpf, live, sizeof(live));
	base_of(ipv6, options.live ? live : NULL, base);
	for (int second = 0; second < 2; second++) {
		if (kind->icmp)
			build_icmp(second, ipv6, base, &plan->frames[second]);
		else
			build_plain(kind, second, ipv6, base, &plan->frames[second]);
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void run(const struct flood_bpf *bpf)
{
	__u8 bytes[FLOOD_BYTES] = {};
	struct xdp_md context = { .data_end = FLOOD_BYTES };
	double began = now();
	unsigned long sent = 0;

	while (sent < options.packets && now() - began < options.seconds) {
		const unsigned long left = options.packets - sent;
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = bytes, .data_size_in = sizeof(bytes), .ctx_in = &context,
			    .ctx_size_in = sizeof(context), .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
			    .repeat = left < CHUNK ? left : CHUNK);

		if (bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.flood), &run))
			die("the kernel does not send live frames: %s", strerror(errno));
		sent += run.repeat;
	}
	printf("%s: %lu packets in %.2f s, %.2f Mpps\n", options.kind, sent, now() - began, sent / (now() - began) / 1e6);
}

static void read_options(int argc, char **argv)
{
	static const struct option known[] = { { "kind", required_argument, NULL, 'k' },
					       { "device", required_argument, NULL, 'd' },
					       { "to", required_argument, NULL, 't' },
					       { "target", required_argument, NULL, 'a' },
					       { "port", required_argument, NULL, 'p' },
					       { "packets", required_argument, NULL, 'n' },
					       { "seconds", required_argument, NULL, 's' },
					       { "live", required_argument, NULL, 'l' },
					       { "rows", required_argument, NULL, 'r' },
					       { "service", required_argument, NULL, 'S' },
					       {} };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		__u8 *to = options.to;

		switch (option) {
		case 'k': options.kind = optarg; break;
		case 'd': options.device = optarg; break;
		case 'a': options.target = optarg; break;
		case 'p': options.port = strtoul(optarg, NULL, 10); break;
		case 'n': options.packets = strtoul(optarg, NULL, 10); break;
		case 's': options.seconds = strtod(optarg, NULL); break;
		case 'l': options.live = optarg; break;
		case 'r': options.rows = optarg; break;
		case 'S': options.service = (int)strtol(optarg, NULL, 10); break;
		case 't':
			if (sscanf(optarg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to, to + 1, to + 2, to + 3, to + 4, to + 5) != 6)
				die("'%s' is no link address", optarg);
			break;
		default: exit(2);
		}
	}
	if (!options.rows && (!options.kind || !options.device || !options.target || !options.port))
		die("--kind, --device, --to, --target and --port are needed");
}

int main(int argc, char **argv)
{
	struct flood_bpf *bpf;

	read_options(argc, argv);
	if (options.rows) {
		long rows = rows_count(options.rows, options.service);

		if (rows < 0)
			die("%s: %s", options.rows, strerror((int)-rows));
		printf("%ld\n", rows);
		return 0;
	}
	bpf = flood_bpf__open_and_load();
	if (!bpf)
		die("the kernel does not take the program: %s", strerror(errno));
	describe(bpf);
	run(bpf);
	flood_bpf__destroy(bpf);
	return 0;
}
