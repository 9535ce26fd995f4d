/* SPDX-License-Identifier: GPL-2.0-only */
/* The health engine on a loop of its own, against real sockets, programs and tables. */
#include "tables.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "common/cleanup.h"
#include "config_rows.h"
#include "daemon/health.h"

#define LIMITS "limits: { services: 8, backends: 16, flows: 64, pending: 64 }\n"
#define OFTEN "interval: 100ms, timeout: 1s, rise: 1, fall: 1"
#define MOST_MS 20000 /* the machine may be busy, and the build is sanitized */

static struct tables *t;
static struct config *config;
static struct health *health;
static uv_loop_t loop;
static uv_timer_t tick; /* the loop never sleeps for long */

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static void begin(const char *yaml)
{
	struct error e = { 0 };

	t = tables_applied(yaml, &config);
	CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
	uv_timer_init(&loop, &tick);
	uv_timer_start(&tick, on_tick, 10, 10);
	CU_ASSERT_EQUAL_FATAL(health_begin(&loop, t, config, &health, &e), 0);
}

static void end(void)
{
	health_end(health);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
	tables_end(t, config);
}

static struct teal_check check_of(__u32 id)
{
	struct teal_check check;

	CU_ASSERT_EQUAL_FATAL(table_get(t, TABLE_checks, &id, &check), 0);
	return check;
}

/* Runs the loop until the backend is that, or for too long. */
static bool becomes(__u32 id, enum teal_health wanted)
{
	__u64 began = uv_hrtime();

	while (health_of(t, id) != wanted && uv_hrtime() - began < MOST_MS * 1000000ULL)
		uv_run(&loop, UV_RUN_ONCE);
	return health_of(t, id) == wanted;
}

static bool says(__u32 id, const char *reason)
{
	__u64 began = uv_hrtime();
	struct teal_check check = check_of(id);

	for (; strcmp(check.reason, reason) != 0 && uv_hrtime() - began < MOST_MS * 1000000ULL; check = check_of(id))
		uv_run(&loop, UV_RUN_ONCE);
	ROW_CHECK(!strcmp(check.reason, reason), "wanted \"%s\", got \"%s\"", reason, check.reason);
	return !strcmp(check.reason, reason);
}

/* A socket of this host's, with a port that is nobody else's. */
static int socket_make(bool listens, __u16 *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_TRUE_FATAL(fd >= 0 && !bind(fd, (struct sockaddr *)&address, size) && (!listens || !listen(fd, 64)) &&
			     !getsockname(fd, (struct sockaddr *)&address, &size));
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static __u32 find(const char *service, __u16 port)
{
	struct service s = { 0 };
	struct error e = { 0 };
	char text[32];

	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	CU_ASSERT_EQUAL_FATAL(service_find(t, service, &s, &e), 0);
	return backend_id(t, s.id, text);
}

static void what_answers_is_up(void)
{
	__u16 open, closed;
	_cleanup_close_ int listener = socket_make(true, &open), other = socket_make(false, &closed);
	char yaml[1024];
	__u32 up, down;

	snprintf(yaml, sizeof(yaml),
		 WEB "    health: { type: tcp, " OFTEN " }\n    on_down: reset\n    blue: [127.0.0.1:%u, 127.0.0.1:%u]\n" LIMITS,
		 open, closed);
	begin(yaml);
	up = find("web", open);
	down = find("web", closed);
	CU_ASSERT_TRUE(becomes(up, TEAL_UP));
	CU_ASSERT_TRUE(becomes(down, TEAL_DOWN));
	CU_ASSERT_TRUE(says(down, "connect refused"));
	CU_ASSERT_TRUE(check_of(up).latency > 0 && check_of(up).latency < MOST_MS * 1000);
	CU_ASSERT_NOT_EQUAL(check_of(down).changed_at, 0);
	/* What follows from it: its table, and its connections. */
	for (__u64 began = uv_hrtime(); table_ids(t, "web", TEAL_BLUE) != 1UL << up &&
					uv_hrtime() - began < MOST_MS * 1000000ULL;)
		uv_run(&loop, UV_RUN_ONCE);
	CU_ASSERT_EQUAL(table_ids(t, "web", TEAL_BLUE), 1UL << up);
	CU_ASSERT_EQUAL_FATAL(listen(other, 64), 0);
	CU_ASSERT_TRUE(becomes(down, TEAL_UP));
	CU_ASSERT_STRING_EQUAL(check_of(down).reason, "");
	end();
}

static void as_many_as_wanted_decide(void)
{
	__u16 port;
	_cleanup_close_ int listener = socket_make(false, &port);
	char yaml[1024];
	__u16 failures = 0, successes = 0;
	__u32 id;

	snprintf(yaml, sizeof(yaml),
		 WEB "    health: { type: tcp, interval: 100ms, rise: 4, fall: 3 }\n    blue: [127.0.0.1:%u]\n" LIMITS, port);
	begin(yaml);
	id = find("web", port);
	for (__u64 began = uv_hrtime(); health_of(t, id) != TEAL_DOWN && uv_hrtime() - began < MOST_MS * 1000000ULL;) {
		uv_run(&loop, UV_RUN_ONCE);
		failures = check_of(id).failures;
		ROW_CHECK(!check_of(id).changed_at == (failures < 3), "decided after %u failures", failures);
		ROW_CHECK(health_of(t, id) != TEAL_DOWN || failures >= 3, "down after %u failures", failures);
	}
	CU_ASSERT_EQUAL(health_of(t, id), TEAL_DOWN);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 64), 0);
	for (__u64 began = uv_hrtime(); health_of(t, id) != TEAL_UP && uv_hrtime() - began < MOST_MS * 1000000ULL;) {
		uv_run(&loop, UV_RUN_ONCE);
		successes = check_of(id).successes;
		ROW_CHECK(health_of(t, id) != TEAL_UP || successes >= 4, "up after %u successes", successes);
	}
	CU_ASSERT_EQUAL(health_of(t, id), TEAL_UP);
	end();
}

/* A daemon that ends and another that begins: what was found stands, and counts on. */
static void a_restart_knows_what_was_found(void)
{
	__u16 port;
	_cleanup_close_ int listener = socket_make(false, &port);
	struct teal_check before, after;
	struct error e = { 0 };
	char yaml[1024];
	__u32 id;

	snprintf(yaml, sizeof(yaml), WEB "    health: { type: tcp, " OFTEN " }\n    blue: [127.0.0.1:%u]\n" LIMITS, port);
	begin(yaml);
	id = find("web", port);
	CU_ASSERT_TRUE(becomes(id, TEAL_DOWN));
	health_end(health);
	before = check_of(id);
	CU_ASSERT_EQUAL_FATAL(health_begin(&loop, t, config, &health, &e), 0);
	for (__u64 began = uv_hrtime();
	     check_of(id).failures == before.failures && uv_hrtime() - began < MOST_MS * 1000000ULL;)
		uv_run(&loop, UV_RUN_ONCE);
	after = check_of(id);
	CU_ASSERT_EQUAL(after.failures, before.failures + 1);
	CU_ASSERT_EQUAL(after.changed_at, before.changed_at);
	CU_ASSERT_EQUAL(health_of(t, id), TEAL_DOWN);
	end();
}

static void programs_are_asked(void)
{
	static const struct {
		const char *command, *reason;
	} rows[] = {
		{ "[/bin/sh, -c, 'exit 0']", NULL },
		{ "[/bin/sh, -c, 'exit 7']", "exit code 7" },
		{ "[/bin/sh, -c, 'echo first; echo $TEAL_SERVICE $TEAL_COLOR $TEAL_BACKEND; exit 1']",
		  "exit code 1: s2 green 127.0.0.1:11" },
		{ "[/bin/sh, -c, 'printf \"a\\tb\" >&2; exit 1']", "exit code 1: a?b" },
		{ "[/bin/sh, -c, 'kill -9 $$']", "killed by signal 9" },
		{ "[/bin/sh, -c, 'sleep 4242 & wait']", "the command did not end within 1000 ms" },
		{ "[/nowhere]", "this host cannot check it: No such file or directory" },
	};

	char yaml[4096];
	size_t at = (size_t)snprintf(yaml, sizeof(yaml), SERVICES);

	for (unsigned int i = 0; i < COUNT(rows); i++)
		at += (size_t)snprintf(yaml + at, sizeof(yaml) - at,
				       "  - name: s%u\n    listen: 203.0.113.10:%u/tcp\n    green: [127.0.0.1:%u]\n"
				       "    health: { type: exec, command: %s, " OFTEN " }\n",
				       i, 1 + i, 9 + i, rows[i].command);
	snprintf(yaml + at, sizeof(yaml) - at, LIMITS);
	begin(yaml);
	for (unsigned int i = 0; i < COUNT(rows); i++) {
		char name[8];
		__u32 id;

		snprintf(name, sizeof(name), "s%u", i);
		id = find(name, 9 + i);
		if (rows[i].reason)
			says(id, rows[i].reason);
		else
			ROW_CHECK(becomes(id, TEAL_UP), "%s: not up", rows[i].command);
	}
	end();
}

/* A server that answers everything with the same bytes. */
struct server {
	uv_tcp_t listener;
	const char *reply;
	unsigned int repeat;
};

static void server_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	static char nothing[4096];

	(void)handle;
	(void)size;
	*ret = uv_buf_init(nothing, sizeof(nothing));
}

static void client_closed(uv_handle_t *handle)
{
	free(handle);
}

static void client_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	const struct server *server = stream->data;
	uv_buf_t reply = uv_buf_init((char *)server->reply, (unsigned int)strlen(server->reply));

	(void)buffer;
	for (unsigned int i = 0; size > 0 && i <= server->repeat; i++)
		uv_try_write(stream, &reply, 1);
	if ((size < 0 || !server->repeat) && !uv_is_closing((uv_handle_t *)stream))
		uv_close((uv_handle_t *)stream, client_closed);
}

static void server_accept(uv_stream_t *listener, int status)
{
	uv_tcp_t *client = calloc(1, sizeof(*client));

	CU_ASSERT_TRUE_FATAL(!status && client);
	uv_tcp_init(&loop, client);
	client->data = listener->data;
	if (uv_accept(listener, (uv_stream_t *)client) || uv_read_start((uv_stream_t *)client, server_alloc, client_read))
		uv_close((uv_handle_t *)client, client_closed);
}

static void states_are_judged(void)
{
	static const struct {
		const char *expect, *reply, *reason;
		unsigned int repeat;
	} rows[] = {
		{ "200-399", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL, 0 },
		{ "200-399", "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n", NULL, 0 },
		{ "[200, 204-205]", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "answered 503 instead of 200, 204-205", 0 },
		{ "[503]", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", NULL, 0 },
		{ "200", "SSH-2.0-OpenSSH_9.2\r\n", "Received HTTP/0.9 when not allowed", 0 },
		{ "200", "HTTP/1.1 200 OK\r\n\r\n0123456789abcdef0123456789abcdef", NULL, 4096 },
	};

	struct server servers[COUNT(rows)] = { 0 };
	__u16 ports[COUNT(rows)];
	int sockets[COUNT(rows)];
	char yaml[4096];
	size_t at = (size_t)snprintf(yaml, sizeof(yaml), SERVICES);

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		sockets[i] = socket_make(false, &ports[i]);
		at += (size_t)snprintf(yaml + at, sizeof(yaml) - at,
				       "  - name: s%u\n    listen: 203.0.113.10:%u/tcp\n    blue: [127.0.0.1:%u]\n"
				       "    health: { type: http, path: /a?b, expect: %s, " OFTEN " }\n",
				       i, 1 + i, ports[i], rows[i].expect);
	}
	snprintf(yaml + at, sizeof(yaml) - at, LIMITS);
	begin(yaml);
	for (unsigned int i = 0; i < COUNT(rows); i++) {
		servers[i] = (struct server){ .reply = rows[i].reply, .repeat = rows[i].repeat };
		uv_tcp_init(&loop, &servers[i].listener);
		servers[i].listener.data = &servers[i];
		CU_ASSERT_TRUE_FATAL(!uv_tcp_open(&servers[i].listener, sockets[i]) &&
				     !uv_listen((uv_stream_t *)&servers[i].listener, 16, server_accept));
	}
	for (unsigned int i = 0; i < COUNT(rows); i++) {
		char name[8];
		__u32 id;

		snprintf(name, sizeof(name), "s%u", i);
		id = find(name, ports[i]);
		if (rows[i].reason)
			says(id, rows[i].reason);
		else
			ROW_CHECK(becomes(id, TEAL_UP), "row %u: not up, but %s", i, check_of(id).reason);
	}
	for (unsigned int i = 0; i < COUNT(rows); i++)
		uv_close((uv_handle_t *)&servers[i].listener, NULL);
	end();
}

static void a_configuration_is_followed(void)
{
	__u16 open, more;
	_cleanup_close_ int listener = socket_make(true, &open), other = socket_make(true, &more);
	char yaml[1024];
	struct config *next;
	struct error e = { 0 };
	__u32 first;

	snprintf(yaml, sizeof(yaml), WEB "    health: { type: tcp, " OFTEN " }\n    blue: [127.0.0.1:%u]\n" LIMITS, open);
	begin(yaml);
	first = find("web", open);
	CU_ASSERT_TRUE(becomes(first, TEAL_UP));
	/* Another question, to one backend more. */
	snprintf(yaml, sizeof(yaml),
		 WEB "    health: { type: exec, command: [/bin/false], " OFTEN " }\n    blue: [127.0.0.1:%u, 127.0.0.1:%u]\n" LIMITS,
		 open, more);
	CU_ASSERT_EQUAL(tables_apply(t, yaml, &e), 0);
	next = config_of(yaml);
	health_follow(health, next);
	config_free(config);
	config = next;
	CU_ASSERT_TRUE(becomes(first, TEAL_DOWN));
	CU_ASSERT_TRUE(becomes(find("web", more), TEAL_DOWN));
	CU_ASSERT_TRUE(says(first, "exit code 1"));
	/* And nobody any more: what is written stays, for nobody writes. */
	snprintf(yaml, sizeof(yaml), WEB "    blue: [127.0.0.1:%u]\n" LIMITS, open);
	next = config_of(yaml);
	health_follow(health, next);
	config_free(config);
	config = next;
	health_put(t, first, TEAL_UNKNOWN);
	for (__u64 began = uv_hrtime(); uv_hrtime() - began < 500000000ULL;)
		uv_run(&loop, UV_RUN_ONCE);
	CU_ASSERT_EQUAL(health_of(t, first), TEAL_UNKNOWN);
	end();
}

CU_TestInfo health_tests[] = {
	{ "what answers is up", what_answers_is_up },
	{ "as many as wanted decide", as_many_as_wanted_decide },
	{ "a restart knows what was found", a_restart_knows_what_was_found },
	{ "programs are asked", programs_are_asked },
	{ "states are judged", states_are_judged },
	{ "a configuration is followed", a_configuration_is_followed },
	CU_TEST_INFO_NULL,
};
