/* SPDX-License-Identifier: GPL-2.0-only */
/* What the configuration wants of a service, as the data path finds it in the kernel's own maps. */
#include "tables.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "config_rows.h"

#define LIMITS "limits: { services: 8, backends: 16, flows: 64, pending: 64 }\n"
#define SET "    blue: [10.0.1.11:80]\n    green: [10.0.2.11:80]\n"
#define PLAIN WEB SET LIMITS

static struct tables *t;
static struct config *config;

static void reload(const char *yaml)
{
	struct error e = { 0 };

	ROW_CHECK(!tables_apply(t, yaml, &e), "not applied: %s", e.text);
}

static struct service find(const char *name)
{
	struct service s = { 0 };
	struct error e = { 0 };

	CU_ASSERT_EQUAL_FATAL(service_find(t, name, &s, &e), 0);
	return s;
}

/* As the data path looks: in service_slots. */
static __u16 flags_in_slot(const struct service *s)
{
	struct teal_service_key key;
	struct teal_slot slot;
	__u32 place;

	service_key_set(&key, &s->listen, s->protocol);
	place = teal_slot_of(&key, t->rows[TABLE_service_slots]);
	CU_ASSERT_EQUAL_FATAL(table_get(t, TABLE_service_slots, &place, &slot), 0);
	CU_ASSERT_EQUAL_FATAL(memcmp(&slot.key, &key, sizeof(key)), 0);
	return slot.service.flags;
}

static __u16 has_source(const char *text)
{
	struct teal_service_key key;
	struct teal_endpoint row;
	struct endpoint endpoint;

	CU_ASSERT_EQUAL_FATAL(endpoint_parse(text, &endpoint), 0);
	service_key_set(&key, &endpoint, TEAL_TCP);
	CU_ASSERT_EQUAL_FATAL(table_get(t, TABLE_endpoints, &key, &row), 0);
	return row.has_source;
}

static const char *source_of(__u16 service)
{
	static char text[ADDRESS_TEXT_SIZE];
	struct teal_source row;
	__u32 id = service;

	CU_ASSERT_EQUAL_FATAL(table_get(t, TABLE_sources, &id, &row), 0);
	return address_format(row.address, text);
}

static void flows_put(__u32 backend, __u64 flows)
{
	_cleanup_free_ struct teal_counters *each = calloc((size_t)t->cpus, sizeof(*each));

	if (each)
		each[0].opened = flows;
	CU_ASSERT_TRUE_FATAL(each && !table_put(t, TABLE_counters, &backend, each));
}

static void words_become_flags(void)
{
	static const struct {
		const char *yaml;
		__u16 flags;
		__u8 policy;
	} rows[] = {
		{ PLAIN, 0, 0 },
		{ WEB SET "    affinity: source\n" LIMITS, TEAL_SERVICE_AFFINITY, 0 },
		{ WEB SET "    source: 10.0.0.5\n    affinity: source\n" LIMITS,
		  TEAL_SERVICE_SOURCE | TEAL_SERVICE_AFFINITY, 0 },
		{ WEB SET "    health: { type: tcp }\n    on_down: reset\n" LIMITS, 0, TEAL_POLICY_RESET },
		{ WEB SET "    health: { type: tcp }\n    all_down: refuse\n" LIMITS, 0, TEAL_POLICY_REFUSE },
		{ WEB SET "    affinity: none\n    on_switch: keep\n    on_down: keep\n    all_down: keep\n" LIMITS, 0, 0 },
	};

	t = tables_applied(PLAIN, &config);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct service s;

		reload(rows[i].yaml);
		s = find("web");
		ROW_CHECK(s.flags == rows[i].flags && flags_in_slot(&s) == rows[i].flags, "row %zu: flags %u", i,
			  s.flags);
		ROW_CHECK(s.info.policy == rows[i].policy, "row %zu: policy %u", i, s.info.policy);
	}
	tables_end(t, config);
	t = tables_applied(SERVICES "  - name: dns\n    listen: 203.0.113.10:53/udp\n    on_switch: move\n" LIMITS, &config);
	CU_ASSERT_EQUAL(find("dns").flags, TEAL_SERVICE_MOVE);
	tables_end(t, config);
}

static void flags_of_run_time_stay(void)
{
	struct teal_service_key key;
	struct teal_service row;
	struct teal_pause pause;
	struct service s;
	__u32 id;

	t = tables_applied(PLAIN, &config);
	s = find("web");
	id = s.id;
	/* Flags without what they are about would be what a kill has left. */
	s.info.preview = TEAL_GREEN;
	pause.until = table_clock() + 60000000000ULL;
	CU_ASSERT_EQUAL(table_put(t, TABLE_service_info, &id, &s.info), 0);
	CU_ASSERT_EQUAL(table_put(t, TABLE_pauses, &id, &pause), 0);
	service_key_set(&key, &s.listen, s.protocol);
	row = (struct teal_service){ .id = s.id, .flags = TEAL_SERVICE_PREVIEW | TEAL_SERVICE_PAUSED };
	CU_ASSERT_EQUAL(table_put(t, TABLE_services, &key, &row), 0);
	reload(WEB SET "    affinity: source\n" LIMITS);
	CU_ASSERT_EQUAL(find("web").flags, TEAL_SERVICE_PREVIEW | TEAL_SERVICE_PAUSED | TEAL_SERVICE_AFFINITY);
	reload(PLAIN);
	CU_ASSERT_EQUAL(find("web").flags, TEAL_SERVICE_PREVIEW | TEAL_SERVICE_PAUSED);
	tables_end(t, config);
}

static void a_source_is_kept_for_its_flows(void)
{
	struct service s;

	t = tables_applied(PLAIN, &config);
	s = find("web");
	CU_ASSERT_STRING_EQUAL(source_of(s.id), "::");
	CU_ASSERT_EQUAL(has_source("10.0.1.11:80"), 0);
	reload(WEB SET "    source: 10.0.0.5\n" LIMITS);
	CU_ASSERT_EQUAL(find("web").flags, TEAL_SERVICE_SOURCE);
	CU_ASSERT_STRING_EQUAL(source_of(s.id), "10.0.0.5");
	CU_ASSERT_EQUAL(has_source("10.0.1.11:80"), 1);
	CU_ASSERT_EQUAL(has_source("10.0.2.11:80"), 1);
	reload(WEB "    blue: [10.0.1.11:80, 10.0.1.12:80]\n" LIMITS);
	CU_ASSERT_EQUAL(find("web").flags, 0);
	CU_ASSERT_STRING_EQUAL(source_of(s.id), "10.0.0.5");
	CU_ASSERT_EQUAL(has_source("10.0.1.11:80"), 1);
	CU_ASSERT_EQUAL(has_source("10.0.1.12:80"), 1);
	CU_ASSERT_EQUAL(has_source("10.0.2.11:80"), 1);
	tables_end(t, config);
}

static void a_source_cannot_change_under_flows(void)
{
	static const char sentence[] =
		"the source of web cannot change from 10.0.0.5 to 10.0.0.6 while it has 3 connections, some of which may "
		"live by it: wait until they end, or give the service at the new address another name and VIP";
	struct error e = { 0 };
	struct service s;
	__u32 blue;

	t = tables_applied(WEB SET "    source: 10.0.0.5\n" LIMITS, &config);
	s = find("web");
	blue = backend_id(t, s.id, "10.0.1.11:80");
	flows_put(blue, 3);
	CU_ASSERT_EQUAL(tables_apply(t, WEB SET "    source: 10.0.0.6\n" LIMITS, &e), -EBUSY);
	CU_ASSERT_STRING_EQUAL(e.text, sentence);
	CU_ASSERT_STRING_EQUAL(source_of(s.id), "10.0.0.5");
	reload(PLAIN);
	flows_put(blue, 0);
	reload(WEB SET "    source: 10.0.0.6\n" LIMITS);
	CU_ASSERT_STRING_EQUAL(source_of(s.id), "10.0.0.6");
	tables_end(t, config);
}

static void a_backend_is_not_the_source(void)
{
	struct endpoint endpoint;
	struct backend_set set = { &endpoint, 1 };
	struct error e = { 0 };
	struct service s;

	CU_ASSERT_EQUAL_FATAL(endpoint_parse("10.0.0.5:80", &endpoint), 0);
	t = tables_applied(PLAIN, &config);
	s = find("web");
	CU_ASSERT_EQUAL(service_source_check(t, &s, &set, &e), 0);
	reload(WEB SET "    source: 10.0.0.5\n" LIMITS);
	s = find("web");
	CU_ASSERT_EQUAL(service_source_check(t, &s, &set, &e), -EINVAL);
	CU_ASSERT_STRING_EQUAL(e.text, "10.0.0.5 cannot be the address of a backend of web, for it is the service's source: "
				       "give one of them another address");
	tables_end(t, config);
}

static void a_new_service_has_no_source_of_an_old_one(void)
{
	const struct teal_source stale = { .address = { 1 } };

	t = tables_applied(DEVICES "services: []\n" LIMITS, &config);
	for (__u32 id = 1; id < t->rows[TABLE_sources]; id++)
		CU_ASSERT_EQUAL(table_put(t, TABLE_sources, &id, &stale), 0);
	reload(PLAIN);
	CU_ASSERT_STRING_EQUAL(source_of(find("web").id), "::");
	CU_ASSERT_EQUAL(has_source("10.0.1.11:80"), 0);
	tables_end(t, config);
}

static void resets_follow_their_policy(void)
{
#define RESET WEB SET "    health: { type: tcp }\n    on_down: reset\n" LIMITS
#define KEEP WEB SET "    health: { type: tcp }\n" LIMITS
	struct teal_backend row;
	struct service s;
	__u32 blue, green;

	t = tables_applied(KEEP, &config);
	s = find("web");
	blue = backend_id(t, s.id, "10.0.1.11:80");
	green = backend_id(t, s.id, "10.0.2.11:80");
	health_put(t, blue, TEAL_DOWN);
	reload(RESET);
	CU_ASSERT_TRUE(!table_get(t, TABLE_backends, &blue, &row) && row.reset == 1);
	CU_ASSERT_TRUE(!table_get(t, TABLE_backends, &green, &row) && row.reset == 0);
	reload(KEEP);
	CU_ASSERT_TRUE(!table_get(t, TABLE_backends, &blue, &row) && row.reset == 0);
	tables_end(t, config);
}

static void meta_follows_a_reload(void)
{
	struct teal_meta meta;
	__u32 only = 0, seed;

	t = tables_applied(PLAIN "timeouts: { established: 60s }\n", &config);
	CU_ASSERT_EQUAL(table_get(t, TABLE_meta, &only, &meta), 0);
	CU_ASSERT_EQUAL(meta.refuse_when_full, 0);
	CU_ASSERT_EQUAL(meta.established_ns, 60000000000ULL);
	CU_ASSERT_EQUAL(meta.handshake_ns, 130000000000ULL);
	seed = meta.seed;
	reload(PLAIN "flows_full: refuse\nseed: 1\n");
	CU_ASSERT_EQUAL(table_get(t, TABLE_meta, &only, &meta), 0);
	CU_ASSERT_EQUAL(meta.refuse_when_full, 1);
	CU_ASSERT_EQUAL(meta.established_ns, 7860000000000ULL);
	CU_ASSERT_EQUAL(meta.seed, seed);
	CU_ASSERT_EQUAL(meta.layout, TEAL_LAYOUT);
	tables_end(t, config);
}

CU_TestInfo traits_tests[] = {
	{ "words become flags", words_become_flags },
	{ "flags of run time stay", flags_of_run_time_stay },
	{ "a source is kept for its flows", a_source_is_kept_for_its_flows },
	{ "a source cannot change under flows", a_source_cannot_change_under_flows },
	{ "a backend is not the source", a_backend_is_not_the_source },
	{ "a new service has no source of an old one", a_new_service_has_no_source_of_an_old_one },
	{ "resets follow their policy", resets_follow_their_policy },
	{ "meta follows a reload", meta_follows_a_reload },
	CU_TEST_INFO_NULL,
};
