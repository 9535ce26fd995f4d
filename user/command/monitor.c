// SPDX-License-Identifier: GPL-2.0-only
/* teal monitor: events as they happen.  The data path tells of them while the row of `monitor` says so, until ^C. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <bpf/libbpf.h>

#include "command/command.h"
#include "common/interrupt.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "operation/history.h"
#include "operation/lock.h"
#include "table/state.h"

#define WANTED_NS 2500000000ULL /* renewed every second: a monitor that was killed is not waited for much longer */
#define RENEW_NS 1000000000ULL
#define POLL_MS 200
#define WHY_NS 1000000000ULL /* that a switch waits for its entry in the history: that comes last */

struct monitor {
	const struct command_context *context;
	__u64 began, renewed; /* monotonic ns */
	__u64 ahead;	      /* ns since 1970 - monotonic ns */
	struct service *services; /* as they were when last looked at */
	unsigned int count;
	__u64 waits; /* monotonic ns since when a switch waits for its reason; 0: none does */
};

/* Local time for people, RFC 3339 in UTC for programs; both to the millisecond. */
static const char *time_format(const struct monitor *m, __u64 at, char text[CELL_SIZE])
{
	__u64 ms = (at + m->ahead) / 1000000;
	time_t seconds = (time_t)(ms / 1000);
	bool json = m->context->options.json;
	char whole[32] = "";
	struct tm tm;

	if (json ? gmtime_r(&seconds, &tm) : localtime_r(&seconds, &tm))
		strftime(whole, sizeof(whole), json ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
	snprintf(text, CELL_SIZE, "%s.%03u%s", whole, (unsigned int)(ms % 1000), json ? "Z" : "");
	return text;
}

/* Prints it as a JSON line, or lets `words` stand for it. */
static void event_print(const struct monitor *m, json_t *json, const char *style, const char *words)
{
	if (m->context->options.json) {
		json_dumpf(json, stdout, JSON_COMPACT);
		printf("\n");
	} else {
		printf("%s%s%s  %s%s%s\n", style_dim(), json_string_value(json_object_get(json, "at")), style_none(), style,
		       words, *style ? style_none() : "");
	}
	json_decref(json);
}

static void verdict_words(enum teal_verdict verdict, const char **ret_name, const char **ret_sentence)
{
	static const struct {
		const char *name, *sentence;
	} reasons[] = {
#define X(action, name, sentence) { #action "_" #name, sentence },
		TEAL_VERDICTS(X)
#undef X
	};
	bool known = (unsigned int)verdict < TEAL_VERDICT_COUNT;

	*ret_name = known ? reasons[verdict].name : "UNKNOWN";
	*ret_sentence = known ? reasons[verdict].sentence : "a reason that this teal does not know";
}

static const char *const kinds[] = {
	[TEAL_EVENT_OPENED] = "opened",
	[TEAL_EVENT_ENDED] = "ended",
	[TEAL_EVENT_LOST] = "lost",
};

/* One event of the data path.  Its service and backend are looked up now: they may have gone since. */
static int event_take(void *context, void *data, size_t size)
{
	const struct monitor *m = context;
	const struct tables *t = m->context->tables;
	const struct teal_event *event = data;
	struct teal_service_info info = {};
	struct teal_backend backend = { .color = TEAL_NO_COLOR };
	char at[CELL_SIZE], words[512], from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE] = "-";
	struct endpoint client = { .port = event->port }, server = {};
	__u32 id = event->service;
	const char *color, *name = "", *sentence = "";

	if (size < sizeof(*event) || event->at < m->began || event->kind > TEAL_EVENT_LOST)
		return 0;
	if (id)
		table_get(t, TABLE_service_info, &id, &info);
	memcpy(client.address, event->client, sizeof(client.address));
	endpoint_format(&client, from);
	if (event->backend && !table_get(t, TABLE_backends, &event->backend, &backend)) {
		server.port = backend.port;
		memcpy(server.address, backend.address, sizeof(server.address));
		endpoint_format(&server, to);
	}
	color = backend.color < TEAL_COLORS ? color_name(backend.color) : "";
	if (event->kind == TEAL_EVENT_LOST)
		verdict_words(event->verdict, &name, &sentence);
	else if (event->kind == TEAL_EVENT_ENDED)
		sentence = flow_state_name(backend.protocol, event->state);
	snprintf(words, sizeof(words), "%-12.*s %-6s  %s → %s%s%s%s%s%s%s", TEAL_NAME_SIZE - 1, *info.name ? info.name : "-",
		 kinds[event->kind], from, to, *color ? "  " : "", color, *sentence ? "  " : "", sentence, *name ? "  " : "",
		 name);
	event_print(m,
		    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "at", time_format(m, event->at, at), "event",
			      kinds[event->kind], "service", info.name, "client", from, "backend", to, "color", color,
			      "verdict", name, "reason", sentence),
		    event->kind == TEAL_EVENT_LOST ? style_bad() : style_color(color), words);
	return 0;
}

/* Why a service was switched, by its newest entry in the history.  Returns whether that has come. */
static bool why_find(const struct monitor *m, const struct service *s, char why[HISTORY_WHY_SIZE])
{
	json_t *list = NULL, *entry;
	struct error ignored = {};
	unsigned int unread;
	bool found;

	why[0] = '\0';
	if (history_read(m->context->options.state_dir, s->info.name, 1, &list, &unread, &ignored))
		return false;
	entry = json_array_get(list, 0);
	found = json_integer_value(json_object_get(entry, "generation")) == s->info.generation;
	if (found)
		snprintf(why, HISTORY_WHY_SIZE, "%s", json_string_value(json_object_get(entry, "why")) ?: "");
	json_decref(list);
	return found;
}

/* Returns whether it was told: one that has no reason yet is looked at again. */
static bool switch_tell(struct monitor *m, const struct service *before, const struct service *s)
{
	char at[CELL_SIZE], why[HISTORY_WHY_SIZE], words[HISTORY_WHY_SIZE + 128];
	const char *from = color_name(before->info.active), *to = color_name(s->info.active);

	if (!why_find(m, s, why)) {
		m->waits = m->waits ?: table_clock();
		if (table_clock() - m->waits < WHY_NS)
			return false;
	}
	m->waits = 0;
	snprintf(words, sizeof(words), "%-12s switch  %s → %s, generation %u%s%s", s->info.name, from, to, s->info.generation,
		 *why ? ": " : "", why);
	event_print(m,
		    json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "at", time_format(m, table_clock(), at), "event",
			      "switch", "service", s->info.name, "from", from, "to", to, "generation",
			      (json_int_t)s->info.generation, "why", why),
		    style_color(to), words);
	return true;
}

/* The data path knows no switches: they are seen as rows that have changed. */
static int switches_look(struct monitor *m, struct error *e)
{
	struct service *now = NULL;
	unsigned int count = 0;
	int error = service_list(m->context->tables, &now, &count, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int n = 0; n < m->count; n++)
			if (m->services[n].id == now[i].id && m->services[n].info.generation != now[i].info.generation &&
			    !switch_tell(m, &m->services[n], &now[i]))
				now[i].info = m->services[n].info;
	free(m->services);
	m->services = now;
	m->count = count;
	return 0;
}

static int monitor_want(struct monitor *m, bool wanted)
{
	struct teal_monitor row = { .until = wanted ? table_clock() + WANTED_NS : 0 };
	__u32 only = 0;

	m->renewed = table_clock();
	return table_put(m->context->tables, TABLE_monitor, &only, &row);
}

static int monitor_loop(struct monitor *m, struct ring_buffer *ring, struct error *e)
{
	int error = switches_look(m, e);

	while (!error && !interrupt_came() && !ferror(stdout)) {
		int taken;

		if (table_clock() - m->renewed > RENEW_NS)
			monitor_want(m, true);
		taken = ring_buffer__poll(ring, POLL_MS);
		if (taken < 0 && taken != -EINTR)
			return error_set(e, EXIT_FAILED, -taken, "cannot read the events: %s", strerror(-taken));
		error = switches_look(m, e);
		fflush(stdout);
	}
	return error;
}

int monitor_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	struct monitor m = { .context = c, .began = table_clock() };
	_cleanup_close_ int lock = lock_take(c->options.pin_dir, LOCK_MONITOR, 0, e);
	struct ring_buffer *ring;
	struct timespec now;
	int error;

	(void)argc;
	(void)argv;
	(void)ret_answer;
	if (lock < 0)
		return lock;
	if (c->options.quiet)
		return error_set(e, EXIT_USAGE, EINVAL, "monitor has nothing but what it prints: leave --quiet out");
	clock_gettime(CLOCK_REALTIME, &now);
	m.ahead = now.tv_sec * 1000000000ULL + now.tv_nsec - table_clock();
	ring = ring_buffer__new(c->tables->fd[TABLE_events], event_take, &m, NULL);
	if (!ring)
		return error_set(e, EXIT_FAILED, errno, "cannot open the events: %s", strerror(errno));
	interrupt_catch();
	error = monitor_want(&m, true);
	if (error)
		error_set(e, EXIT_FAILED, -error, "cannot ask for events: %s", strerror(-error));
	else
		error = monitor_loop(&m, ring, e);
	monitor_want(&m, false);
	ring_buffer__free(ring);
	free(m.services);
	return error;
}

void monitor_print(const struct command_context *c, const json_t *answer)
{
	(void)c;
	(void)answer;
}
