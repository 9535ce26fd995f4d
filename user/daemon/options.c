/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "table/table.h"

#define DEFAULT_CONFIG "/etc/teal/teal.yaml"

static void usage(void)
{
	printf("Usage: teald [--config FILE] [--pin-dir DIRECTORY] [--state-dir DIRECTORY] [--check | --detach]\n"
	       "\n"
	       "The daemon of teal, the blue/green traffic switcher.  It runs in the foreground.\n"
	       "\n"
	       "  --config FILE          what is desired (default " DEFAULT_CONFIG "); read again on SIGHUP\n"
	       "  --pin-dir DIRECTORY    where the tables are pinned (default " DEFAULT_PIN_DIR ")\n"
	       "  --state-dir DIRECTORY  where the books are kept (default " DEFAULT_STATE_DIR ")\n"
	       "  --check                check the configuration and the host, and stop there\n"
	       "  --detach               take teal off this host; traffic then goes as it would without it\n"
	       "  --version, --help\n"
	       "\n"
	       "Exit codes: 0 done, 1 failed, 2 usage, 3 another teald is at work there.\n");
}

/* What getopt_long() did not understand, in a sentence of ours. */
static int option_refuse(const char *word, int option, struct error *e)
{
	if (option == ':')
		return error_set(e, EXIT_USAGE, EINVAL, "%s takes something behind it: see 'teald --help'", word);
	if (optopt && word[1] == '-')
		return error_set(e, EXIT_USAGE, EINVAL, "'%s': that option takes nothing behind it, see 'teald --help'", word);
	return error_set(e, EXIT_USAGE, EINVAL, "there is no option '%s': see 'teald --help'", word);
}

/* What is wrong with the command line as a whole. */
static int options_check(const struct daemon_options *o, bool check, bool detach, const char *more, struct error *e)
{
	if (more)
		return error_set(e, EXIT_USAGE, EINVAL, "'%s' is one word too many: see 'teald --help'", more);
	if (check && detach)
		return error_set(e, EXIT_USAGE, EINVAL, "--check changes nothing and --detach takes teal away: choose one");
	if (!*o->config_file || !*o->pin_dir || !*o->state_dir)
		return error_set(e, EXIT_USAGE, EINVAL,
				 "--config, --pin-dir or --state-dir was given an empty name: leave it out for the usual place");
	return 0;
}

int daemon_options_take(int argc, char **argv, struct daemon_options *ret, enum daemon_task *ret_task, struct error *e)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },    { "pin-dir", required_argument, NULL, 'p' },
		{ "state-dir", required_argument, NULL, 's' }, { "check", no_argument, NULL, 'k' },
		{ "detach", no_argument, NULL, 'd' },	       { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },	       {},
	};
	struct daemon_options o = { DEFAULT_CONFIG, DEFAULT_PIN_DIR, DEFAULT_STATE_DIR };
	bool check = false, detach = false;
	int option, error;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'c': o.config_file = optarg; break;
		case 'p': o.pin_dir = optarg; break;
		case 's': o.state_dir = optarg; break;
		case 'k': check = true; break;
		case 'd': detach = true; break;
		case 'v': printf("teald " TEAL_VERSION "\n"); *ret_task = DAEMON_TOLD; return 0;
		case 'h': usage(); *ret_task = DAEMON_TOLD; return 0;
		default: return option_refuse(argv[optind - 1], option, e);
		}
	}
	error = options_check(&o, check, detach, argv[optind], e);
	if (error)
		return error;
	*ret = o;
	*ret_task = check ? DAEMON_CHECK : detach ? DAEMON_DETACH : DAEMON_RUN;
	return 0;
}
