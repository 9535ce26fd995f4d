/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/cleanup.h"
#include "config_rows.h"
#include "config/config.h"

static char directory[SCRATCH_SIZE], file[SCRATCH_SIZE + 16];

static bool file_begin(void)
{
	bool made = scratch_make(directory);

	snprintf(file, sizeof(file), "%s/teal.yaml", directory);
	return made;
}

void config_rows_check(const struct config_row *rows, size_t count)
{
	CU_ASSERT_TRUE_FATAL(file_begin());
	for (size_t i = 0; i < count; i++) {
		struct config *config = NULL;
		struct error e = { 0 };
		char wanted[1024] = "";
		int error;

		if (rows[i].error)
			snprintf(wanted, sizeof(wanted), "%s:%s", file, rows[i].error);
		CU_ASSERT_TRUE_FATAL(file_write(file, rows[i].yaml, strlen(rows[i].yaml)));
		error = config_read(file, &config, &e);
		ROW_CHECK(error == (rows[i].error ? -EINVAL : 0), "%s: returned %d", rows[i].sentence, error);
		ROW_CHECK(e.code == (rows[i].error ? EXIT_FAILED : EXIT_DONE), "%s: code %d", rows[i].sentence, e.code);
		ROW_CHECK(!config == (error != 0), "%s: written although refused", rows[i].sentence);
		ROW_CHECK(!strcmp(e.text, wanted), "%s:\n\twanted \"%s\"\n\tgot    \"%s\"", rows[i].sentence, wanted,
			  e.text);
		config_free(config);
	}
	scratch_remove(directory);
}

static void good_files_are_taken(void)
{
	static const struct config_row rows[] = {
		{ "no services yet", DEVICES "services: []\n", NULL },
		{ "a service without backends", WEB, NULL },
		{ "JSON is YAML", "{\"devices\": [{\"name\": \"eth0\"}], \"services\": []}", NULL },
		{ "a file that begins with ---", "---\n" DEVICES "services: []\n...\n", NULL },
		{ "Windows line ends", "devices: [{ name: eth0 }]\r\nservices: []\r\n", NULL },
		{ "IPv6 in quotes",
		  SERVICES "  - name: web\n    listen: \"[2001:db8::10]:443/tcp\"\n"
			   "    blue: [\"[2001:db8::11]:443\"]\n",
		  NULL },
		{ "one address and port, TCP and UDP",
		  SERVICES "  - { name: a, listen: 203.0.113.10:53/tcp, blue: [10.0.1.1:53] }\n"
			   "  - { name: b, listen: 203.0.113.10:53/udp, blue: [10.0.1.1:53] }\n",
		  NULL },
		{ "one address, two ports",
		  SERVICES "  - { name: a, listen: 203.0.113.10:80/tcp, blue: [10.0.1.1:80] }\n"
			   "  - { name: b, listen: 203.0.113.10:81/tcp, blue: [10.0.1.1:81] }\n",
		  NULL },
		{ "a backend at the VIP's address, another port", WEB "    blue: [203.0.113.10:8443]\n", NULL },
		{ "a name that begins with a digit", SERVICES "  - { name: 2web, listen: 203.0.113.10:443/tcp }\n",
		  NULL },
		{ "a name of 31 characters",
		  SERVICES "  - { name: a234567890123456789012345678901, listen: 203.0.113.10:443/tcp }\n", NULL },
		{ "a device name of 15 characters", "devices: [{ name: a23456789012345 }]\nservices: []\n", NULL },
		{ "as many services and backends as the limits allow",
		  WEB "    blue: [10.0.1.1:80]\n    green: [10.0.2.1:80]\nlimits: { services: 1, backends: 2 }\n",
		  NULL },
		{ "a number in hexadecimal", DEVICES "services: []\nseed: 0x7ea1\n", NULL },
	};

	config_rows_check(rows, COUNT(rows));
}

static const char everything[] =
	"devices:\n"
	"  - name: eth0\n"
	"  - { name: eth1, mode: tc }\n"
	"services:\n"
	"  - name: web\n"
	"    listen: 203.0.113.10:443/tcp\n"
	"    health: { type: http, path: /healthz, host: a.example, expect: [200-299, 404], interval: 500ms, "
	"timeout: 1m, rise: 4, fall: 5 }\n"
	"    source: 10.0.0.5\n"
	"    on_down: reset\n"
	"    guard: { connections: 50, failed: 0, slower: 10, check: 2s }\n"
	"    all_down: refuse\n"
	"    affinity: source\n"
	"    blue:  [10.0.1.11:8443, 10.0.1.12:8443]\n"
	"    green: [10.0.2.11:8443]\n"
	"    active: green\n"
	"  - name: dns\n"
	"    listen: \"[2001:db8::10]:53/udp\"\n"
	"    health: { type: exec, command: [/bin/check, -x, ''] }\n"
	"    on_switch: move\n"
	"timeouts: { handshake: 1s, established: 1h1m1s, closing: 2s, reset: 3m, udp_unanswered: 4000ms, udp: "
	"5s }\n"
	"limits: { services: 5, backends: 6, flows: 7, pending: 8 }\n"
	"flows_full: refuse\n"
	"seed: 9\n";

static void health_is_kept(const struct config_health *h)
{
	CU_ASSERT_EQUAL(h->type, HEALTH_HTTP);
	CU_ASSERT_STRING_EQUAL(h->path, "/healthz");
	CU_ASSERT_STRING_EQUAL(h->host, "a.example");
	CU_ASSERT_EQUAL_FATAL(h->expect_count, 2);
	CU_ASSERT_EQUAL(h->expect[0].first, 200);
	CU_ASSERT_EQUAL(h->expect[0].last, 299);
	CU_ASSERT_EQUAL(h->expect[1].first, 404);
	CU_ASSERT_EQUAL(h->expect[1].last, 404);
	CU_ASSERT_EQUAL(h->interval_ms, 500);
	CU_ASSERT_EQUAL(h->timeout_ms, 60000);
	CU_ASSERT_EQUAL(h->rise, 4);
	CU_ASSERT_EQUAL(h->fall, 5);
}

static void first_is_kept(const struct config *c, const struct config_service *s)
{
	char text[ADDRESS_TEXT_SIZE];

	CU_ASSERT_STRING_EQUAL(s->name, "web");
	CU_ASSERT_STRING_EQUAL(listen_format(&s->listen, s->protocol, text),
			       "203.0.113.10:443/tcp");
	CU_ASSERT_TRUE(s->guard.connections == 50 && s->guard.failed == 0);
	CU_ASSERT_TRUE(s->guard.slower == 10 && s->guard.check_us == 2000000);
	CU_ASSERT_TRUE(s->guard.down == EVIDENCE_LIMITS.down); /* what is left out is as usual */
	CU_ASSERT_TRUE(config_guard(c, "web").connections == 50 && config_guard(c, "nobody").connections == 10);
	CU_ASSERT_TRUE(config_guard(NULL, "web").slower == EVIDENCE_LIMITS.slower);
	CU_ASSERT_TRUE(s->has_source);
	CU_ASSERT_STRING_EQUAL(address_format(s->source, text), "10.0.0.5");
	CU_ASSERT_TRUE(s->reset_down);
	CU_ASSERT_TRUE(s->refuse_down);
	CU_ASSERT_TRUE(s->affinity);
	CU_ASSERT_FALSE(s->move);
	CU_ASSERT_EQUAL(s->colors[TEAL_BLUE].count, 2);
	CU_ASSERT_EQUAL(s->colors[TEAL_GREEN].count, 1);
	CU_ASSERT_STRING_EQUAL(endpoint_format(&s->colors[TEAL_BLUE].backends[1], text), "10.0.1.12:8443");
	CU_ASSERT_STRING_EQUAL(endpoint_format(&s->colors[TEAL_GREEN].backends[0], text), "10.0.2.11:8443");
	CU_ASSERT_EQUAL(s->active, TEAL_GREEN);
	CU_ASSERT_EQUAL(s->line, 5);
}

static void second_is_kept(const struct config_service *s)
{
	char text[ADDRESS_TEXT_SIZE];

	CU_ASSERT_STRING_EQUAL(listen_format(&s->listen, s->protocol, text),
			       "[2001:db8::10]:53/udp");
	CU_ASSERT_EQUAL(s->active, TEAL_BLUE);
	CU_ASSERT_EQUAL(s->health.type, HEALTH_EXEC);
	CU_ASSERT_STRING_EQUAL(s->health.command[0], "/bin/check");
	CU_ASSERT_STRING_EQUAL(s->health.command[1], "-x");
	CU_ASSERT_STRING_EQUAL(s->health.command[2], "");
	CU_ASSERT_PTR_NULL(s->health.command[3]);
	CU_ASSERT_TRUE(s->move);
	CU_ASSERT_FALSE(s->has_source);
	CU_ASSERT_EQUAL(s->colors[TEAL_BLUE].count, 0);
	CU_ASSERT_EQUAL(s->line, 16);
}

static void everything_said_is_kept(void)
{
	struct config *c = NULL;
	struct error e = { 0 };

	CU_ASSERT_TRUE_FATAL(file_begin());
	CU_ASSERT_TRUE_FATAL(file_write(file, everything, strlen(everything)));
	CU_ASSERT_EQUAL_FATAL(config_read(file, &c, &e), 0);
	scratch_remove(directory);
	CU_ASSERT_EQUAL(c->device_count, 2);
	CU_ASSERT_STRING_EQUAL(c->devices[1].name, "eth1");
	CU_ASSERT_EQUAL(c->devices[0].mode, MODE_AUTO);
	CU_ASSERT_EQUAL(c->devices[1].mode, MODE_TC);
	CU_ASSERT_EQUAL(c->service_count, 2);
	CU_ASSERT_TRUE(c->refuse_when_full);
	CU_ASSERT_EQUAL(c->timeouts.handshake, 1);
	CU_ASSERT_EQUAL(c->timeouts.established, 3661);
	CU_ASSERT_EQUAL(c->timeouts.closing, 2);
	CU_ASSERT_EQUAL(c->timeouts.reset, 180);
	CU_ASSERT_EQUAL(c->timeouts.udp_unanswered, 4);
	CU_ASSERT_EQUAL(c->timeouts.udp, 5);
	CU_ASSERT_EQUAL(c->limits.services, 5);
	CU_ASSERT_EQUAL(c->limits.backends, 6);
	CU_ASSERT_EQUAL(c->limits.flows, 7);
	CU_ASSERT_EQUAL(c->limits.pending, 8);
	CU_ASSERT_EQUAL(c->seed, 9);
	first_is_kept(c, &c->services[0]);
	health_is_kept(&c->services[0].health);
	second_is_kept(&c->services[1]);
	config_free(c);
}

static void the_rest_has_defaults(void)
{
	static const char yaml[] = WEB "    health: { type: https }\n";
	struct config *c = NULL;
	struct error e = { 0 };

	CU_ASSERT_TRUE_FATAL(file_begin());
	CU_ASSERT_TRUE_FATAL(file_write(file, yaml, strlen(yaml)));
	CU_ASSERT_EQUAL_FATAL(config_read(file, &c, &e), 0);
	scratch_remove(directory);
	CU_ASSERT_STRING_EQUAL(c->services[0].health.path, "/");
	CU_ASSERT_PTR_NULL(c->services[0].health.host);
	CU_ASSERT_EQUAL_FATAL(c->services[0].health.expect_count, 1);
	CU_ASSERT_EQUAL(c->services[0].health.expect[0].first, 200);
	CU_ASSERT_EQUAL(c->services[0].health.expect[0].last, 399);
	CU_ASSERT_TRUE(c->services[0].health.verify);
	CU_ASSERT_FALSE(c->services[0].has_source);
	CU_ASSERT_FALSE(c->services[0].move);
	CU_ASSERT_FALSE(c->services[0].reset_down);
	CU_ASSERT_FALSE(c->services[0].refuse_down);
	CU_ASSERT_FALSE(c->services[0].affinity);
	CU_ASSERT_FALSE(c->refuse_when_full);
	CU_ASSERT_EQUAL(c->services[0].health.interval_ms, 2000);
	CU_ASSERT_EQUAL(c->services[0].health.timeout_ms, 1000);
	CU_ASSERT_EQUAL(c->services[0].health.rise, 2);
	CU_ASSERT_EQUAL(c->services[0].health.fall, 3);
	CU_ASSERT_EQUAL(c->timeouts.handshake, 130);
	CU_ASSERT_EQUAL(c->timeouts.established, 7860);
	CU_ASSERT_EQUAL(c->timeouts.closing, 60);
	CU_ASSERT_EQUAL(c->timeouts.reset, 10);
	CU_ASSERT_EQUAL(c->timeouts.udp_unanswered, 30);
	CU_ASSERT_EQUAL(c->timeouts.udp, 180);
	CU_ASSERT_EQUAL(c->limits.services, 1024);
	CU_ASSERT_EQUAL(c->limits.backends, 4096);
	CU_ASSERT_EQUAL(c->limits.flows, 1048576);
	CU_ASSERT_EQUAL(c->limits.pending, 262144);
	CU_ASSERT_EQUAL(c->seed, 32417);
	config_free(c);
}

static void what_is_no_file_is_refused(void)
{
	static const struct {
		const char *name;
		int result;
		const char *error;
	} rows[] = {
		{ "missing", -ENOENT,
		  "there is no such file: write it (teal.yaml(5) has an example), or name another one with --config" },
		{ "", -EISDIR, "is not a regular file: name the configuration file itself with --config" },
		{ "fifo", -EINVAL, "is not a regular file: name the configuration file itself with --config" },
		{ "teal.yaml/x", -ENOTDIR,
		  "cannot be read (Not a directory): make it readable, or name another file with --config" },
		{ "big", -EFBIG, "is bigger than 4 MiB: name the configuration file with --config" },
	};
	char path[64], wanted[256];

	CU_ASSERT_TRUE_FATAL(file_begin());
	CU_ASSERT_TRUE_FATAL(file_write(file, "", 0));
	snprintf(path, sizeof(path), "%s/fifo", directory);
	CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/big", directory);
	CU_ASSERT_TRUE_FATAL(file_write(path, "", 0));
	CU_ASSERT_EQUAL_FATAL(truncate(path, 100 << 20), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config *config = NULL;
		struct error e = { 0 };
		int error;

		snprintf(path, sizeof(path), "%s/%s", directory, rows[i].name);
		snprintf(wanted, sizeof(wanted), "%s: %s", path, rows[i].error);
		error = config_read(path, &config, &e);
		ROW_CHECK(error == rows[i].result && !config, "\"%s\": returned %d", rows[i].name, error);
		ROW_CHECK(!strcmp(e.text, wanted), "\"%s\": got \"%s\"", rows[i].name, e.text);
	}
	scratch_remove(directory);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Generous bounds: the machine may be busy and the build is sanitized; what is quadratic takes minutes. */
#define SOON 30.0

static void hostile_files_are_refused_soon(void)
{
	static const struct {
		const char *sentence, *piece;
	} rows[] = {
		{ "brackets", "[" },
		{ "braces", "{" },
		{ "lists in lists", "- " },
		{ "keys in keys", "? " },
		{ "flow entries", "[a," },
		{ "anchors", "- &a b\n" },
		{ "tags", "%TAG !a! b\n" },
		{ "colons", ":" },
		{ "quotes", "\"" },
		{ "exclamation marks", "!" },
		{ "line ends", "\n" },
		{ "one word", "a" },
		{ "a list of nothing", "- \n" },
		{ "many keys", "a: b\n" },
		{ "many keys that nobody knows", "{}: b\n" },
	};
	const size_t size = 4 << 20;
	_cleanup_free_ char *text = malloc(size);

	CU_ASSERT_TRUE_FATAL(file_begin() && text);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config *config = NULL;
		struct error e = { 0 };
		double began;

		for (size_t n = 0; n < size; n++)
			text[n] = rows[i].piece[n % strlen(rows[i].piece)];
		CU_ASSERT_TRUE_FATAL(file_write(file, text, size));
		began = seconds();
		ROW_CHECK(config_read(file, &config, &e) == -EINVAL, "4 MiB of %s: not refused", rows[i].sentence);
		ROW_CHECK(seconds() - began < SOON, "4 MiB of %s: %.1f s", rows[i].sentence, seconds() - began);
	}
	scratch_remove(directory);
}

static void a_thousand_services_are_read_soon(void)
{
	struct config *config = NULL;
	struct error e = { 0 };
	double began;
	FILE *out;

	CU_ASSERT_TRUE_FATAL(file_begin());
	out = fopen(file, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	fputs("devices: [{ name: eth0 }]\nlimits: { backends: 40000 }\nservices:\n", out);
	for (int i = 0; i < 1000; i++) {
		fprintf(out, "  - name: s%d\n    listen: 203.0.113.10:%d/tcp\n    blue: [", i, i + 1);
		for (int n = 0; n < 40; n++)
			fprintf(out, "%s10.%d.%d.%d:8443",
				n == 20 ? "]\n    green: ["
				: n	? ", "
					: "",
				i / 250, i % 250, n + 1);
		fputs("]\n", out);
	}
	fclose(out);
	began = seconds();
	CU_ASSERT_EQUAL(config_read(file, &config, &e), 0);
	ROW_CHECK(seconds() - began < SOON, "%.1f s", seconds() - began);
	CU_ASSERT_STRING_EQUAL(e.text, "");
	CU_ASSERT_EQUAL(config->service_count, 1000);
	config_free(config);
	scratch_remove(directory);
}

CU_TestInfo config_tests[] = {
	{ "good files are taken", good_files_are_taken },
	{ "everything said is kept", everything_said_is_kept },
	{ "the rest has defaults", the_rest_has_defaults },
	{ "what is no file is refused", what_is_no_file_is_refused },
	{ "hostile files are refused soon", hostile_files_are_refused_soon },
	{ "a thousand services are read soon", a_thousand_services_are_read_soon },
	CU_TEST_INFO_NULL,
};
