/* SPDX-License-Identifier: GPL-2.0-only */
#include "operation/evidence.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"

/* Of counters that grow. */
static __u64 growth(__u64 later, __u64 earlier)
{
	return later >= earlier ? later - earlier : later;
}

static int backend_add(const struct tables *t, struct evidence *sum, const struct backend *b, __u64 *checked_us,
		       unsigned int *checked)
{
	struct teal_handshakes seen;
	struct teal_check check;
	int error = handshakes_get(t, b->id, &seen);

	if (!error)
		error = table_get(t, TABLE_checks, &b->id, &check);
	if (error)
		return error;
	handshakes_add(&sum->seen, &seen);
	sum->opened += b->counters.opened;
	sum->refused += b->counters.refused;
	sum->up += b->row.health == TEAL_UP;
	sum->down += b->row.health == TEAL_DOWN;
	sum->unknown += b->row.health == TEAL_UNKNOWN;
	if (check.checked_at && b->row.health == TEAL_UP) {
		*checked_us += check.latency;
		++*checked;
	}
	return 0;
}

int evidence_take(const struct tables *t, __u16 service, enum teal_color color, struct evidence *ret, struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count, checked = 0;
	struct evidence sum = {};
	__u64 checked_us = 0;
	int error = backend_list(t, service, &list, &count, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < count && !error; i++)
		if (list[i].row.color == color && list[i].row.health != TEAL_REMOVED)
			error = backend_add(t, &sum, &list[i], &checked_us, &checked);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot read what the backends did: %s", strerror(-error));
	sum.check_us = checked ? (__u32)(checked_us / checked) : 0;
	*ret = sum;
	return 0;
}

struct evidence evidence_since(const struct evidence *later, const struct evidence *earlier)
{
	struct evidence since = *later;

	handshakes_subtract(&since.seen, &earlier->seen);
	since.opened = growth(later->opened, earlier->opened);
	since.refused = growth(later->refused, earlier->refused);
	return since;
}

static double share(__u64 part, __u64 all)
{
	return all ? (double)part * 100 / (double)all : 0;
}

/* One kind of failure among so many connections. */
struct failure {
	const char *what, *verb;
	__u64 part, all, other_part, other_all;
	__u32 points;
};

static bool failure_is_worse(const struct evidence_limits *limits, const struct failure *f, const char *other_name,
			     char why[EVIDENCE_WHY_SIZE])
{
	if (f->all < limits->connections || f->part < limits->failures || share(f->part, f->all) <= share(f->other_part, f->other_all) + f->points)
		return false;
	snprintf(why, EVIDENCE_WHY_SIZE, "%llu of %llu %s %s (%s: %llu of %llu)", f->part, f->all, f->what, f->verb, other_name,
		 f->other_part, f->other_all);
	return true;
}

/* A time beside the other's, in us; 0: not known. */
static bool time_is_worse(const char *what, __u32 now, __u32 other, __u32 times, __u32 floor, const char *other_name,
			  char why[EVIDENCE_WHY_SIZE])
{
	if (!now || !other || now <= floor || now / times <= other)
		return false;
	snprintf(why, EVIDENCE_WHY_SIZE, "%s take %.1f ms (%s: %.1f ms)", what, now / 1000.0, other_name, other / 1000.0);
	return true;
}

static bool health_is_worse(const struct evidence_limits *limits, const struct evidence *now, const struct evidence *other,
			    const char *other_name, char why[EVIDENCE_WHY_SIZE])
{
	unsigned int all = now->up + now->down + now->unknown, other_all = other->up + other->down + other->unknown;

	if (!now->down || share(now->down, all) < limits->down || share(now->down, all) <= share(other->down, other_all))
		return false;
	snprintf(why, EVIDENCE_WHY_SIZE, "%u of its %u backends are down (%s: %u of %u)", now->down, all, other_name,
		 other->down, other_all);
	return true;
}

bool evidence_is_worse(const struct evidence_limits *limits, const struct evidence *now, const struct evidence *other,
		       const char *other_name, char why[EVIDENCE_WHY_SIZE])
{
	/* A SYN comes again after a second if nothing answered it.  What answers with ICMP errors is only seen not to answer. */
	const __u64 resent = now->seen.resent < now->seen.begun ? now->seen.resent : now->seen.begun;
	const __u64 other_resent = other->seen.resent < other->seen.begun ? other->seen.resent : other->seen.begun;
	const struct failure failures[] = {
		{ "new connections", "were refused", now->refused, now->seen.begun, other->refused, other->seen.begun,
		  limits->failed },
		{ "new connections", "were not answered within a second", now->waiting > resent ? now->waiting : resent,
		  now->seen.begun, other_resent, other->seen.begun, limits->failed },
		{ "connections", "were broken off by their backend", now->seen.aborted, now->opened, other->seen.aborted,
		  other->opened, limits->aborted },
	};

	if (health_is_worse(limits, now, other, other_name, why))
		return true;
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
		if (failure_is_worse(limits, &failures[i], other_name, why))
			return true;
	if (now->seen.answered >= limits->connections &&
	    time_is_worse("half of the handshakes", handshakes_time(&now->seen, 50), handshakes_time(&other->seen, 50),
			  limits->slower, limits->handshake_us, other_name, why))
		return true;
	return time_is_worse("its health checks", now->check_us, other->check_us, limits->slower, limits->check_us, other_name,
			     why);
}

/* Of what had begun a second ago, so much was neither answered nor refused since `base`. */
static __u64 waiting_since(const struct evidence *base, const struct evidence *second_ago, const struct evidence *now)
{
	const __u64 begun = growth(second_ago->seen.begun, base->seen.begun);
	const __u64 done = growth(now->seen.answered, base->seen.answered) + growth(now->refused, base->refused);

	return begun > done ? begun - done : 0;
}

/* Whether so many health checks in a row were slow that it cannot be chance. */
static bool checks_are_slow(struct evidence_watch *watch, const struct evidence_limits *limits, const struct evidence *now,
			    const struct evidence *other)
{
	char why[EVIDENCE_WHY_SIZE];

	if (!time_is_worse("", now->check_us, other->check_us, limits->slower, limits->check_us, "", why))
		watch->slow = 0;
	else if (now->check_us != watch->check_us && watch->slow < EVIDENCE_CHECKS)
		watch->slow++;
	watch->check_us = now->check_us;
	return watch->slow == EVIDENCE_CHECKS;
}

bool evidence_watch(struct evidence_watch *watch, const struct evidence_limits *limits, const struct evidence *now,
		    const struct evidence *other, const char *other_name, char why[EVIDENCE_WHY_SIZE])
{
	const unsigned int count = watch->count++;
	const struct evidence *began = &watch->began;
	const struct evidence *oldest = count < EVIDENCE_LATELY ? began : &watch->looks[count % EVIDENCE_LATELY];
	const struct evidence *second_ago =
		count < EVIDENCE_SECOND ? began : &watch->looks[(count - EVIDENCE_SECOND) % EVIDENCE_LATELY];
	struct evidence lately = evidence_since(now, oldest), all = evidence_since(now, began);

	lately.waiting = waiting_since(oldest, second_ago, now);
	all.waiting = waiting_since(began, second_ago, now);
	watch->looks[count % EVIDENCE_LATELY] = *now;
	if (!checks_are_slow(watch, limits, now, other))
		lately.check_us = all.check_us = 0;
	return evidence_is_worse(limits, &lately, other, other_name, why) ||
	       evidence_is_worse(limits, &all, other, other_name, why);
}

json_t *evidence_json(const struct evidence *evidence)
{
	const struct teal_handshakes *seen = &evidence->seen;
	json_t *times = json_array();

	for (int i = 0; i < TEAL_HANDSHAKE_BUCKETS; i++)
		json_array_append_new(times, json_integer((json_int_t)seen->times[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:i, s:i, s:i, s:i}", "begun", (json_int_t)seen->begun,
			 "answered", (json_int_t)seen->answered, "resent", (json_int_t)seen->resent, "aborted",
			 (json_int_t)seen->aborted, "times", times, "opened", (json_int_t)evidence->opened, "refused",
			 (json_int_t)evidence->refused, "up", evidence->up, "down", evidence->down, "unknown",
			 evidence->unknown, "check_us", evidence->check_us);
}

int evidence_read(const json_t *json, struct evidence *ret)
{
	json_int_t begun, answered, resent, aborted, opened, refused;
	struct evidence read = {};
	const json_t *times;
	int up, down, unknown, check_us;

	if (json_unpack((json_t *)json, "{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:i, s:i, s:i, s:i}", "begun", &begun,
			"answered", &answered, "resent", &resent, "aborted", &aborted, "times", &times, "opened", &opened,
			"refused", &refused, "up", &up, "down", &down, "unknown", &unknown, "check_us", &check_us) ||
	    json_array_size(times) != TEAL_HANDSHAKE_BUCKETS)
		return -EINVAL;
	read = (struct evidence){
		.seen = { .begun = begun, .answered = answered, .resent = resent, .aborted = aborted },
		.opened = opened, .refused = refused, .up = up, .down = down, .unknown = unknown, .check_us = check_us,
	};
	for (int i = 0; i < TEAL_HANDSHAKE_BUCKETS; i++)
		read.seen.times[i] = json_integer_value(json_array_get(times, i));
	*ret = read;
	return 0;
}
