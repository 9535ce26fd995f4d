/* SPDX-License-Identifier: GPL-2.0-only */
/* Health checks but for the engine that makes them: what `health:` may say, and how findings are written and listed. */
#include "tables.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "config_rows.h"
#include "operation/health.h"

#define LIMITS "limits: { services: 8, backends: 16, flows: 64, pending: 64 }\n"
#define EXPECT_ADVICE                                                                                                  \
	"\"expect\" must be states of HTTP from 100 to 599: one, a range or a list of these, such as 200, 200-399 or " \
	"[200, 404]"
#define HOST_ADVICE "\"host\" must be the name that the backend is asked for, such as www.example.org, not "
#define COMMAND_ADVICE                                                                                                 \
	"health of type exec needs a \"command\": a program and its arguments, such as [/usr/local/bin/check, --fast]"

static struct tables *t;
static struct config *config;

static void health_without_meaning_is_refused(void)
{
#define HEALTH(keys) WEB "    health: { type: " keys " }\n"
	static const struct config_row rows[] = {
		{ "a host for TCP", HEALTH("tcp, host: a.example"),
		  "5: \"host\" goes with type http or https only, not with tcp: remove it or change the type" },
		{ "a state for a command", HEALTH("exec, command: [/bin/true], expect: 200"),
		  "5: \"expect\" goes with type http or https only, not with exec: remove it or change the type" },
		{ "a certificate without TLS", HEALTH("http, verify: no"),
		  "5: \"verify\" goes with type https only, not with http: remove it or change the type" },
		{ "a command for HTTP", HEALTH("http, command: [/bin/true]"),
		  "5: \"command\" goes with type exec only, not with http: remove it or change the type" },
		{ "no command", HEALTH("exec"), "5: " COMMAND_ADVICE },
		{ "an empty command", HEALTH("exec, command: []"), "5: " COMMAND_ADVICE },
		{ "a command in one word", HEALTH("exec, command: /bin/true"),
		  "5: \"command\" must be a list, not \"/bin/true\"" },
		{ "a command by its name", HEALTH("exec, command: [check, -f]"),
		  "5: \"command\" must begin with the whole path of a program, such as /usr/local/bin/check, not "
		  "\"check\": it is run without a shell" },
		{ "a state below all", HEALTH("http, expect: 99"), "5: " EXPECT_ADVICE ", not \"99\"" },
		{ "a state above all", HEALTH("http, expect: 200-600"), "5: " EXPECT_ADVICE ", not \"200-600\"" },
		{ "a state of four digits", HEALTH("http, expect: 2000"), "5: " EXPECT_ADVICE ", not \"2000\"" },
		{ "a range that runs backwards", HEALTH("http, expect: 399-200"),
		  "5: " EXPECT_ADVICE ", not \"399-200\"" },
		{ "half a range", HEALTH("http, expect: 200-"), "5: " EXPECT_ADVICE ", not \"200-\"" },
		{ "a negative state", HEALTH("http, expect: -200"), "5: " EXPECT_ADVICE ", not \"-200\"" },
		{ "a range of three", HEALTH("http, expect: 200-300-400"),
		  "5: " EXPECT_ADVICE ", not \"200-300-400\"" },
		{ "a state in words", HEALTH("http, expect: [200, good]"), "5: " EXPECT_ADVICE ", not \"good\"" },
		{ "no states", HEALTH("http, expect: []"), "5: " EXPECT_ADVICE },
		{ "states in a mapping", HEALTH("http, expect: { a: b }"), "5: " EXPECT_ADVICE },
		{ "a host with a header in it", HEALTH("http, host: \"a\\r\\nX: y\""),
		  "5: " HOST_ADVICE "\"a\\x0d\\nX: y\"" },
		{ "a host with a port", HEALTH("http, host: 'a:80'"), "5: " HOST_ADVICE "\"a:80\"" },
		{ "an empty host", HEALTH("http, host: ''"), "5: " HOST_ADVICE "\"\"" },
		{ "verify in other words", HEALTH("https, verify: maybe"),
		  "5: \"verify\" must be one of yes, no, true, false, not \"maybe\"" },
		{ "checks without a pause", HEALTH("tcp, interval: 99ms"),
		  "5: \"interval\" must be at least 100ms and at most 24h, not 99ms" },
	};
#undef HEALTH

	config_rows_check(rows, COUNT(rows));
}

static void strangers_rows_are_left_alone(void)
{
	struct health_outcome outcome = { 0 };
	struct health_change change = { .health = TEAL_DOWN };
	struct error e = { 0 };

	t = tables_applied(WEB "    health: { type: tcp, interval: 24h }\n    blue: [10.0.1.11:80]\n" LIMITS, &config);
	CU_ASSERT_EQUAL_FATAL(endpoint_parse("10.0.1.12:80", &change.endpoint), 0);
	change.backend = 1;
	CU_ASSERT_EQUAL(health_write(t, "web", &change, 1, &outcome, &e), 0);
	CU_ASSERT_EQUAL(health_of(t, 1), TEAL_UNKNOWN);
	CU_ASSERT_EQUAL_FATAL(endpoint_parse("10.0.1.11:80", &change.endpoint), 0);
	health_put(t, 1, TEAL_REMOVED);
	CU_ASSERT_EQUAL(health_write(t, "web", &change, 1, &outcome, &e), 0);
	CU_ASSERT_EQUAL(health_of(t, 1), TEAL_REMOVED);
	health_put(t, 1, TEAL_UP);
	CU_ASSERT_EQUAL(health_write(t, "web", &change, 1, &outcome, &e), 0);
	CU_ASSERT_EQUAL(health_of(t, 1), TEAL_DOWN);
	CU_ASSERT_EQUAL(outcome.configured[TEAL_BLUE], 1);
	CU_ASSERT_EQUAL(outcome.usable[TEAL_BLUE], 0);
	CU_ASSERT_EQUAL(health_write(t, "nobody", &change, 1, &outcome, &e), -ENOENT);
	tables_end(t, config);
}

static void reasons_are_listed_as_room_allows(void)
{
	struct backend list[4] = { 0 };
	char text[128];

	t = tables_applied(WEB "    blue: [10.0.1.11:80]\n" LIMITS, &config);
	for (unsigned int i = 0; i < COUNT(list); i++) {
		struct endpoint endpoint;
		struct teal_check check = { .reason = "connect refused" };

		CU_ASSERT_EQUAL_FATAL(endpoint_parse("10.0.1.11:80", &endpoint), 0);
		list[i] = (struct backend){ .id = i + 1, .row = { .port = endpoint.port, .health = TEAL_DOWN } };
		memcpy(list[i].row.address, endpoint.address, sizeof(endpoint.address));
		CU_ASSERT_EQUAL(table_put(t, TABLE_checks, &list[i].id, &check), 0);
	}
	list[1].row.health = TEAL_UP;
	CU_ASSERT_STRING_EQUAL(health_reasons(t, list, 4, TEAL_BLUE, text, 60), "10.0.1.11:80 (connect refused) and 2 more");
	CU_ASSERT_STRING_EQUAL(health_reasons(t, list, 3, TEAL_BLUE, text, sizeof(text)),
			       "10.0.1.11:80 (connect refused), 10.0.1.11:80 (connect refused)");
	CU_ASSERT_STRING_EQUAL(health_reasons(t, list, 4, TEAL_BLUE, text, 30), "3 more");
	CU_ASSERT_STRING_EQUAL(health_reasons(t, list, 4, TEAL_GREEN, text, sizeof(text)), "");
	tables_end(t, config);
}

CU_TestInfo checks_tests[] = {
	{ "health without meaning is refused", health_without_meaning_is_refused },
	{ "strangers' rows are left alone", strangers_rows_are_left_alone },
	{ "reasons are listed as room allows", reasons_are_listed_as_room_allows },
	CU_TEST_INFO_NULL,
};
