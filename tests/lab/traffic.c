// SPDX-License-Identifier: GPL-2.0-only
/* traffic: its command line.  See traffic.h for what it is. */
#include "traffic.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static void usage(void)
{
	printf("traffic serve --name NAME --listen ADDRESS:PORT [--udp] [--share]\n"
	       "    greets with its name and sends every byte back (by UDP: its name and the datagram);\n"
	       "    a byte 4 (^D) read by itself makes it close first; with --share others may listen there too\n"
	       "traffic load  --target ADDRESS:PORT --seconds S [--long N] [--rate R]\n"
	       "    N long-lived connections that echo, and R new ones a second\n"
	       "traffic udp   --target ADDRESS:PORT --seconds S [--flows N] [--rate R]\n"
	       "    N sockets that ask again and again, and R new ones a second that ask once\n"
	       "    (--patience MS: a datagram is lost after so long, and its socket asks again)\n"
	       "traffic talk  --target ADDRESS:PORT\n"
	       "    one connection by hand: standard input goes in, what comes back goes out\n"
	       "traffic pieces --target ADDRESS:PORT --size BYTES --order DIGITS\n"
	       "    one datagram in fragments, sent in that order: 0 is the first one (--interval MS: waits so long for an answer)\n"
	       "load and udp:\n"
	       "    --switch CMD       a command, split at spaces without a backslash before them; %%s in it is green, blue,\n"
	       "                       green..., beginning with the color that did not answer first\n"
	       "    --switches K       so many times, evenly spaced; or\n"
	       "    --every MS         so often\n"
	       "    --netns-switch F   the network namespace that the command runs in\n"
	       "    --interval MS      between two echoes of one long-lived connection\n"
	       "    --from A[,B...]    this host's addresses that TCP connections come from, in turn\n"
	       "    --draw             a picture of it, and a table\n"
	       "    --json FILE        the result (standard output, if there is no --draw)\n"
	       "Exit code 0: nothing broke, failed or reached the old color after a switch had returned; 1: something did.\n");
}

static unsigned int number(const char *option, const char *text, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value > most)
		die("--%s takes a number up to %lu, not '%s'", option, most, text);
	return value;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "name", required_argument, NULL, 'n' },     { "listen", required_argument, NULL, 'l' },
		{ "udp", no_argument, NULL, 'u' },	      { "target", required_argument, NULL, 't' },
		{ "long", required_argument, NULL, 'c' },     { "flows", required_argument, NULL, 'c' },
		{ "rate", required_argument, NULL, 'r' },     { "seconds", required_argument, NULL, 's' },
		{ "interval", required_argument, NULL, 'i' }, { "switch", required_argument, NULL, 'w' },
		{ "switches", required_argument, NULL, 'k' }, { "every", required_argument, NULL, 'e' },
		{ "json", required_argument, NULL, 'j' },     { "netns-switch", required_argument, NULL, 'N' },
		{ "from", required_argument, NULL, 'f' },     { "patience", required_argument, NULL, 'p' },
		{ "share", no_argument, NULL, 'S' },
		{ "size", required_argument, NULL, 'c' },     { "order", required_argument, NULL, 'o' },
		{ "draw", no_argument, NULL, 'd' },	      { "help", no_argument, NULL, 'h' },
		{},
	};
	struct options o = {};
	int option, row;

	while ((option = getopt_long(argc, argv, "", long_options, &row)) != -1) {
		switch (option) {
		case 'n': o.name = optarg; break;
		case 'l': o.listen = optarg; break;
		case 'u': o.udp = true; break;
		case 't': o.target = optarg; break;
		case 'c': o.count = number(long_options[row].name, optarg, 65000); break;
		case 'r': o.rate = number("rate", optarg, 20000); break;
		case 's': o.seconds = number("seconds", optarg, 86400); break;
		case 'i': o.interval = number("interval", optarg, 60000); break;
		case 'w': o.command = optarg; break;
		case 'k': o.switches = number("switches", optarg, 100000); break;
		case 'p': o.patience = number("patience", optarg, 60000); break;
		case 'e': o.every = number("every", optarg, 3600000); break;
		case 'j': o.json = optarg; break;
		case 'N': o.netns = optarg; break;
		case 'f': o.from = optarg; break;
		case 'S': o.share = true; break;
		case 'o': o.order = optarg; break;
		case 'd': o.draw = true; break;
		case 'h': usage(); return 0;
		default: return 2;
		}
	}
	if (optind + 1 == argc && !strcmp(argv[optind], "serve"))
		return serve(&o);
	if (optind + 1 == argc && !strcmp(argv[optind], "talk"))
		return talk(&o);
	if (optind + 1 == argc && !strcmp(argv[optind], "pieces"))
		return pieces(&o);
	o.udp = optind + 1 == argc && !strcmp(argv[optind], "udp");
	if (o.udp || (optind + 1 == argc && !strcmp(argv[optind], "load")))
		return load(&o);
	die("it is 'traffic serve', 'load', 'udp', 'talk' or 'pieces': see 'traffic --help'");
}
