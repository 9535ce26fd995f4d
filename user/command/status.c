// SPDX-License-Identifier: GPL-2.0-only
/* teal status: services, colors, backends, health, flows; with --verdicts, what became of the packets. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/lock.h"
#include "table/room.h"

static json_t *color_or_null(enum teal_color color)
{
	return color == TEAL_NO_COLOR ? json_null() : json_string(color_name(color));
}

/* Seconds since 1970 as RFC 3339 in UTC, 0 as null. */
static json_t *time_or_null(__u64 seconds)
{
	time_t when = seconds;
	char text[32];
	struct tm tm;

	if (!seconds || !gmtime_r(&when, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

/* Of a monotonic second that is over; what lies ahead is another version's, whose rows are older than this command. */
static __u64 since_1970(__u64 seconds)
{
	const __u64 now = table_seconds();

	return seconds && seconds <= now ? (__u64)time(NULL) - (now - seconds) : 0;
}

/* What the health checks said last; latency_us is null until one was good. */
static json_t *check_json(const struct teal_check *check)
{
	return json_pack("{s:o, s:o, s:o, s:I, s:I}", "latency_us",
			 check->latency ? json_integer(check->latency) : json_null(), "checked_at",
			 time_or_null(since_1970(check->checked_at)), "changed_at", time_or_null(check->changed_at), "successes",
			 (json_int_t)check->successes, "failures", (json_int_t)check->failures);
}

static json_t *backend_json(const struct tables *t, const struct backend *b)
{
	static const char *const health[] = {
		[TEAL_UNKNOWN] = "unknown", [TEAL_UP] = "up", [TEAL_DOWN] = "down", [TEAL_REMOVED] = "down"
	};
	struct endpoint endpoint = { .port = b->row.port };
	struct teal_check check = {};
	char text[ADDRESS_TEXT_SIZE];
	json_t *json, *more;

	table_get(t, TABLE_checks, &b->id, &check);
	check.reason[sizeof(check.reason) - 1] = '\0';
	memcpy(endpoint.address, b->row.address, sizeof(endpoint.address));
	json = json_pack("{s:s, s:I, s:I, s:s, s:s}", "address", endpoint_format(&endpoint, text), "flows",
			 (json_int_t)backend_flows(b), "connections", (json_int_t)b->counters.opened, "health",
			 b->row.health <= TEAL_REMOVED ? health[b->row.health] : "unknown", "reason",
			 b->row.health == TEAL_REMOVED ? "removed; its flows go on until they end" : check.reason);
	more = check_json(&check);
	json_object_update(json, more);
	json_decref(more);
	return json;
}

static json_t *color_json(const struct tables *t, const struct backend *list, unsigned int count, enum teal_color color)
{
	json_t *backends = json_array();
	json_int_t flows = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (list[i].row.color != color)
			continue;
		flows += backend_flows(&list[i]);
		if (list[i].row.health != TEAL_REMOVED || backend_flows(&list[i]))
			json_array_append_new(backends, backend_json(t, &list[i]));
	}
	return json_pack("{s:I, s:o}", "flows", flows, "backends", backends);
}

static int service_json(const struct tables *t, const struct service *s, const struct backend *list, unsigned int count,
			json_t **ret, struct error *e)
{
	char listen[ADDRESS_TEXT_SIZE];

	*ret = json_pack("{s:s, s:s, s:s, s:o, s:I, s:o, s:{s:o, s:o}}", "name", s->info.name, "listen",
			 listen_format(&s->listen, s->protocol, listen), "active", color_name(s->info.active), "previous",
			 color_or_null(s->info.previous), "generation", (json_int_t)s->info.generation, "switched_at",
			 time_or_null(s->info.switched_at), "colors", "blue", color_json(t, list, count, TEAL_BLUE), "green",
			 color_json(t, list, count, TEAL_GREEN));
	return *ret ? conditions_json(t, s, list, count, *ret, e) : error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
}

/* Packets by reason, summed over the CPUs. */
static int verdicts_json(const struct tables *t, json_t **ret, struct error *e)
{
	static const struct {
		const char *name, *action, *sentence;
	} reasons[] = {
#define X(action, name, sentence) { #action "_" #name, #action, sentence },
		TEAL_VERDICTS(X)
#undef X
	};
	_cleanup_free_ __u64 *each = calloc(t->cpus, sizeof(*each));
	json_t *list = json_array();

	for (__u32 i = 0; each && i < TEAL_VERDICT_COUNT; i++) {
		json_int_t packets = 0;

		if (table_get(t, TABLE_verdicts, &i, each))
			return error_set(e, EXIT_FAILED, errno, "cannot read the table verdicts: %s", strerror(errno));
		for (int cpu = 0; cpu < t->cpus; cpu++)
			packets += each[cpu];
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s}", "name", reasons[i].name, "action",
						      reasons[i].action, "packets", packets, "sentence",
						      reasons[i].sentence));
	}
	*ret = json_pack("{s:o}", "verdicts", list);
	return *ret ? 0 : error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
}

/* How full the flow tables are, by their names. */
static int rooms_json(const struct tables *t, json_t **ret, struct error *e)
{
	struct room rooms[2];
	int error = room_get(t, rooms, e);

	if (error)
		return error;
	*ret = json_pack("{s:{s:I, s:I}, s:{s:I, s:I}}", "flows4", "rows", (json_int_t)rooms[0].rows, "limit",
			 (json_int_t)rooms[0].most, "flows6", "rows", (json_int_t)rooms[1].rows, "limit",
			 (json_int_t)rooms[1].most);
	return *ret ? 0 : error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
}

/* Services and backends are read once, however many they are. */
static int services_json(const struct command_context *c, const struct service *services, unsigned int count, json_t *ret,
			 struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int backends = 0, own;
	json_t *one;
	int error = backend_list(c->tables, count == 1 ? services->id : 0, &list, &backends, e);

	if (!error)
		backends_sort(list, backends);
	for (unsigned int i = 0; i < count && !error; i++) {
		const struct backend *first = backends_of(list, backends, services[i].id, &own);

		error = service_json(c->tables, &services[i], first, own, &one, e);
		if (error)
			break;
		json_object_set_new(one, "deployment", deployment_json(c->options.state_dir, services[i].info.name));
		json_array_append_new(ret, one);
	}
	return error;
}

int status_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	_cleanup_free_ struct service *list = NULL;
	json_t *services, *rooms = NULL;
	unsigned int count = 1;
	struct service only;
	int error;

	if (c->options.verdicts)
		return verdicts_json(c->tables, ret_answer, e);
	error = argc ? service_find(c->tables, argv[0], &only, e) : service_list(c->tables, &list, &count, e);
	if (error)
		return error;
	services = json_array();
	error = services_json(c, argc ? &only : list, count, services, e);
	if (!error)
		error = rooms_json(c->tables, &rooms, e);
	*ret_answer = json_pack("{s:o, s:o*, s:b}", "services", services, "tables", rooms /* connections of all services share them */,
				"teald", lock_is_held(c->options.pin_dir, LOCK_DAEMON));
	return error;
}

static void verdicts_print(const json_t *verdicts)
{
	static const char *const headings[] = { ">packets", "verdict", "what it means" };
	struct grid *grid = grid_new(headings, 3);
	const json_t *verdict;
	char number[CELL_SIZE];
	size_t i;

	json_array_foreach (verdicts, i, verdict) {
		const char *name, *action, *sentence;
		json_int_t packets;

		json_unpack((json_t *)verdict, "{s:s, s:s, s:I, s:s}", "name", &name, "action", &action, "packets",
			    &packets, "sentence", &sentence);
		if (packets)
			grid_add(grid, strcmp(action, "DROP") ? "" : style_bad(),
				 (const char *[]){ number_format(packets, number), name, sentence });
	}
	grid_print(grid, 0);
}

static json_int_t seconds_since(const char *text)
{
	struct tm tm = {};
	json_int_t seconds = text && strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) ? time(NULL) - timegm(&tm) : 0;

	return seconds > 0 ? seconds : 0; /* the clock may have been set back */
}

/* "for 12 s: connect refused", "0.4 ms", or nothing. */
static const char *health_words(const json_t *backend, char *text, size_t size)
{
	const char *health = json_string_value(json_object_get(backend, "health"));
	const char *reason = json_string_value(json_object_get(backend, "reason"));
	const char *changed = json_string_value(json_object_get(backend, "changed_at"));
	const json_t *latency = json_object_get(backend, "latency_us");
	char ago[CELL_SIZE];

	if (!strcmp(health, "down") && changed)
		snprintf(text, size, "for %s: %s", duration_format(seconds_since(changed), ago),
			 *reason ? reason : "the last check was good");
	else if (*reason)
		snprintf(text, size, "%s", reason);
	else if (json_is_integer(latency))
		snprintf(text, size, "%.1f ms", (double)json_integer_value(latency) / 1000);
	else
		text[0] = '\0';
	return text;
}

static void color_rows(struct grid *grid, const json_t *service, const char *color, bool active)
{
	const json_t *side = json_object_get(json_object_get(service, "colors"), color), *backend;
	const json_t *backends = json_object_get(side, "backends");
	const char *style = style_color(color);
	char flows[CELL_SIZE], connections[CELL_SIZE];
	size_t i;

	if (!json_array_size(backends))
		grid_add(grid, style, (const char *[]){ active ? "▶" : " ", color, "no backends", "", "", "", "" });
	json_array_foreach (backends, i, backend) {
		const char *address, *health, *shown;
		char words[TEAL_REASON_SIZE + CELL_SIZE];
		json_int_t live, opened;

		json_unpack((json_t *)backend, "{s:s, s:I, s:I, s:s}", "address", &address, "flows", &live, "connections",
			    &opened, "health", &health);
		shown = json_is_null(json_object_get(backend, "checked_at")) ? "not checked" : health;
		grid_add(grid, strcmp(health, "down") ? style : style_bad(),
			 (const char *[]){ active && !i ? "▶" : " ", i ? "" : color, address, shown,
					   number_format(live, flows), number_format(opened, connections),
					   health_words(backend, words, sizeof(words)) });
	}
}

static void service_print(const json_t *service)
{
	static const char *const headings[] = { " ", "color", "backend", "health", ">flows", ">connections", "" };
	const char *name, *listen, *active, *since;
	const json_t *previous, *switched;
	struct grid *grid = grid_new(headings, 7);
	char ago[CELL_SIZE];

	json_unpack((json_t *)service, "{s:s, s:s, s:s, s:o, s:o}", "name", &name, "listen", &listen, "active", &active,
		    "previous", &previous, "switched_at", &switched);
	printf("%s%s%s  %s  %s%s%s is active", style_bold(), name, style_none(), listen, style_color(active), active,
	       style_none());
	since = json_string_value(switched);
	if (since)
		printf("%s, switched %s ago%s%s%s", style_dim(), duration_format(seconds_since(since), ago),
		       json_is_string(previous) ? " from " : "",
		       json_is_string(previous) ? json_string_value(previous) : "", style_none());
	printf("\n");
	conditions_print(service);
	deployment_print(json_object_get(service, "deployment"), name);
	color_rows(grid, service, "blue", !strcmp(active, "blue"));
	color_rows(grid, service, "green", !strcmp(active, "green"));
	grid_print(grid, 1);
}

/* Only what people should know: that a table is nearly full. */
static void rooms_print(const json_t *rooms)
{
	static const char *const names[] = { "flows4", "flows6" };

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		json_int_t rows = 0, limit = 0;
		struct room room;

		json_unpack((json_t *)json_object_get(rooms, names[ipv6]), "{s:I, s:I}", "rows", &rows, "limit", &limit);
		room = (struct room){ .rows = rows, .most = limit };
		if (room_percent(&room) >= ROOM_ALARM)
			printf("%s!%s the table of IPv%c flows is %u %% full: lower the timeouts, or raise limits.flows (after a teald --detach)\n",
			       style_bad(), style_none(), ipv6 ? '6' : '4', room_percent(&room));
	}
}

void status_print(const struct command_context *c, const json_t *answer)
{
	const json_t *services = json_object_get(answer, "services"), *service;
	size_t i;

	if (c->options.verdicts) {
		verdicts_print(json_object_get(answer, "verdicts"));
		return;
	}
	if (!json_array_size(services))
		printf("no services: name them in teald's configuration and send teald a SIGHUP\n");
	json_array_foreach (services, i, service) {
		if (i)
			printf("\n");
		service_print(service);
	}
	rooms_print(json_object_get(answer, "tables"));
	if (json_is_false(json_object_get(answer, "teald")))
		printf("%s!%s teald does not run: traffic goes on, but no backend is checked and no ended connection is forgotten; start it, as with 'systemctl start teald'\n",
		       style_bad(), style_none());
}
