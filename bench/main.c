// SPDX-License-Identifier: GPL-2.0-only
/* bench: what the shell cannot measure.  See bench/run for the rest, and docs/performance.md for the method. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fill.h"
#include "live.h"
#include "packet.h"
#include "redirect.h"
#include "sweep.h"

static void usage(FILE *to)
{
	fprintf(to, "Usage: bench packet [--flows N,N...] [--rounds N] [--shot MILLISECONDS] [--quick]\n"
		    "       bench live [--flows N] [--rounds N] [--slice MILLISECONDS] NAME=PREFIX...\n"
		    "       bench fill --pin-dir DIR --front DEVICE --rear DEVICE --listen A:P --backend A:P [--from N] --to N\n"
		    "       bench redirect FRONT REAR\n"
		    "       bench sweep FLOWS\n"
		    "Run it by 'make bench', which makes tables and plots of what it prints.\n");
}

/* Rising powers of two.  Returns how many, or 0. */
static int flows_parse(const char *text, __u32 flows[PACKET_SIZES])
{
	int count = 0;

	for (char *end; *text; text = *end == ',' ? end + 1 : end) {
		unsigned long value = strtoul(text, &end, 10);

		if (end == text || (*end && *end != ',') || count == PACKET_SIZES || !value || value & (value - 1) ||
		    value > 1UL << 24 || (count && value <= flows[count - 1]))
			return 0;
		flows[count++] = value;
	}
	return count;
}

static int packet_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "flows", required_argument, NULL, 'f' }, { "rounds", required_argument, NULL, 'r' },
		{ "shot", required_argument, NULL, 's' },  { "quick", no_argument, NULL, 'q' },
		{},
	};
	struct packet_options o = { .flows = { 1, 4096, 65536, 524288, 4194304 }, .sizes = 5, .rounds = 6, .shot_ms = 12 };
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 'f': o.sizes = flows_parse(optarg, o.flows); break;
		case 'r': o.rounds = atoi(optarg); break;
		case 's': o.shot_ms = atof(optarg); break;
		case 'q': o.quick = true; break;
		default: return 2;
		}
	}
	if (optind != argc || !o.sizes || o.rounds < 1 || o.shot_ms <= 0) {
		fprintf(stderr, "bench: --flows takes rising powers of two up to %lu, --rounds and --shot what is above 0\n",
			1UL << 24);
		return 2;
	}
	return packet_run(&o) ? 1 : 0;
}

static int live_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "flows", required_argument, NULL, 'f' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "slice", required_argument, NULL, 's' },
		{},
	};
	struct live_options o = { .flows = 4096, .rounds = 21, .slice_ms = 150 };
	__u32 flows[PACKET_SIZES];
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 'f': o.flows = flows_parse(optarg, flows) == 1 ? flows[0] : 0; break;
		case 'r': o.rounds = atoi(optarg); break;
		case 's': o.slice_ms = atoi(optarg); break;
		default: return 2;
		}
	}
	if (optind == argc || !o.flows || o.rounds < 1 || o.slice_ms < 1) {
		fprintf(stderr, "bench: live takes lanes, NAME=PREFIX, and a number of flows that is a power of two\n");
		return 2;
	}
	return live_run(&o, argv + optind, argc - optind) ? 1 : 0;
}

static int fill_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "pin-dir", required_argument, NULL, 'p' }, { "front", required_argument, NULL, 'f' },
		{ "rear", required_argument, NULL, 'r' },    { "listen", required_argument, NULL, 'l' },
		{ "backend", required_argument, NULL, 'b' }, { "from", required_argument, NULL, 'i' },
		{ "to", required_argument, NULL, 't' },	     {},
	};
	struct fill_options o = { .front = "eth0", .rear = "eth1" };
	int option, error = 0;

	while (!error && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 'p': o.pin_dir = optarg; break;
		case 'f': o.front = optarg; break;
		case 'r': o.rear = optarg; break;
		case 'l': error = endpoint_parse(optarg, &o.listen); break;
		case 'b': error = endpoint_parse(optarg, &o.backend); break;
		case 'i': o.from = strtoul(optarg, NULL, 10); break;
		case 't': o.to = strtoul(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	if (error || optind != argc || !o.pin_dir || !o.listen.port || !o.backend.port || o.to <= o.from) {
		fprintf(stderr, "bench: fill takes --pin-dir, --listen and --backend as ADDRESS:PORT, and --to\n");
		return 2;
	}
	return fill_run(&o) ? 1 : 0;
}

int main(int argc, char **argv)
{
	__u32 flows[PACKET_SIZES];

	if (argc > 1 && !strcmp(argv[1], "packet"))
		return packet_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "live"))
		return live_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "fill"))
		return fill_main(argc - 1, argv + 1);
	if (argc == 4 && !strcmp(argv[1], "redirect"))
		return redirect_run(argv[2], argv[3]) ? 1 : 0;
	if (argc == 3 && !strcmp(argv[1], "sweep") && flows_parse(argv[2], flows) == 1)
		return sweep_bench_run(flows[0]) ? 1 : 0;
	usage(stderr);
	return 2;
}
