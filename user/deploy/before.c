// SPDX-License-Identifier: GPL-2.0-only
/* The phases before any client notices: pick, backends, run, health, smoke. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <arpa/inet.h>

#include "common/cleanup.h"
#include "common/interrupt.h"
#include "common/text.h"
#include "common/words.h"
#include "deploy/deploy.h"
#include "operation/color_set.h"
#include "operation/lock.h"
#include "operation/preview.h"

#define POLL_MS 200
#define CONNECT_MS 1000

int deploy_service(const struct deploy *d, struct service *ret, struct error *e)
{
	const bool switched = d->phase > DEPLOY_SWITCH;
	struct service s = {};
	int error = service_find(d->tables, d->service, &s, e);

	if (error)
		return error;
	if (s.info.active != (switched ? d->color : d->from) || s.info.generation != d->generation)
		return error_set(e, EXIT_REFUSED, ESTALE,
				 "somebody else switched %s to %s meanwhile: 'teal history %s' tells who and why", d->service,
				 color_name(s.info.active), d->service);
	*ret = s;
	return 0;
}

/* Pick: whatever can be refused is, and what the old color did so far is noted. */
int deploy_pick(struct deploy *d, char text[256], struct error *e)
{
	struct service s = {};
	__u64 left = 0;
	int error = deploy_service(d, &s, e);

	if (!error && d->color == s.info.active)
		return error_set(e, EXIT_REFUSED, EBUSY,
				 "%s is the active color of %s: deploy to %s, which is idle, or switch first", color_name(d->color),
				 d->service, color_name(color_other(d->color)));
	if (!error && s.info.canary != TEAL_NO_COLOR)
		return error_set(e, EXIT_REFUSED, EBUSY,
				 "%s has a canary of %u%% on %s already: end it with 'teal canary %s %s off'", d->service,
				 s.info.canary_percent, color_name(s.info.canary), d->service, color_name(s.info.canary));
	if (!error && d->plan.preview && s.info.preview != TEAL_NO_COLOR)
		return error_set(e, EXIT_REFUSED, EBUSY,
				 "%s has a preview of %s already, which --preview would take away: end it with 'teal preview %s --off'",
				 d->service, color_name(s.info.preview), d->service);
	if (!error)
		error = color_flows(d->tables, s.id, d->color, &left, e);
	if (!error && left && !d->plan.force)
		return error_set(e, EXIT_REFUSED, EBUSY,
				 "%s of %s still has %llu connections from before, which a new release would end: wait with "
				 "'teal drain %s --wait', or go on all the same with --force",
				 color_name(d->color), d->service, left, d->service);
	if (!error)
		error = evidence_take(d->tables, s.id, d->from, &d->reference, e);
	snprintf(text, 256, "%s is idle; %s has all traffic", color_name(d->color), color_name(d->from));
	return error;
}

/* Backends */

/* Notes, in the journal and before they are replaced, what they were. */
static int before_note(struct deploy *d, const struct service *s, struct error *e)
{
	struct backend_set sets[TEAL_COLORS];
	char one[ADDRESS_TEXT_SIZE];
	int error = color_set_is_at_run_time(d->state_dir, s, d->color, &d->before_at_run_time, e);

	if (!error)
		error = backends_get(d->tables, s->id, sets, e);
	if (error)
		return error;
	d->before = calloc(sets[d->color].count + 1, sizeof(*d->before));
	for (unsigned int i = 0; d->before && i < sets[d->color].count; i++) {
		d->before[i] = strdup(endpoint_format(&sets[d->color].endpoints[i], one));
		if (!d->before[i]) { /* half of them would be put back for all */
			words_free(d->before);
			d->before = NULL;
		}
	}
	free((void *)sets[TEAL_BLUE].endpoints);
	free((void *)sets[TEAL_GREEN].endpoints);
	return d->before ? deploy_write(d, e) : error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
}

int deploy_backends(struct deploy *d, char text[256], struct error *e)
{
	_cleanup_free_ struct endpoint *endpoints = NULL;
	_cleanup_close_ int lock = -1;
	struct backend_set set = {};
	char **words = NULL;
	struct service s = {};
	int error = lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);

	if (error >= 0)
		error = deploy_service(d, &s, e);
	if (!error && !d->before)
		error = before_note(d, &s, e);
	if (!error)
		error = deploy_list_split("--backends", d->plan.backends, &words, e);
	if (error)
		return error;
	while (words[set.count])
		set.count++;
	set.endpoints = endpoints = calloc(set.count + 1, sizeof(*endpoints));
	error = endpoints ? color_set_parse(&s, words, (int)set.count, endpoints, e) : -ENOMEM;
	if (!error)
		error = color_set_replace(d->tables, d->state_dir, &s, d->color, &set, true, e);
	words_free(words);
	snprintf(text, 256, "%s has %u: %.160s", color_name(d->color), set.count, d->plan.backends);
	return error;
}

/* Run */

int deploy_run(struct deploy *d, char text[256], struct error *e)
{
	struct service s = {};
	int error = deploy_service(d, &s, e);

	if (!error)
		error = deploy_execute(d, &s, "--run", d->plan.run, EXIT_FAILED, e);
	snprintf(text, 256, "%.200s", d->plan.run);
	return error;
}

/* Health */

/* Whether somebody takes connections there, for services that nobody checks.  Returns 0 or a positive errno. */
static int connect_try(const struct teal_backend *row)
{
	const bool ipv4 = address_is_ipv4(row->address);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(row->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(row->port) };
	_cleanup_close_ int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd poller = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	memcpy(&in.sin_addr, row->address + 12, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, row->address, sizeof(in6.sin6_addr));
	if (fd < 0)
		return errno;
	if (!connect(fd, ipv4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6, ipv4 ? sizeof(in) : sizeof(in6)))
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (poll(&poller, 1, CONNECT_MS) != 1)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) ? errno : error;
}

/* Whether any of a service's backends is ever checked. */
static bool is_checked(const struct tables *t, const struct backend *list, unsigned int count)
{
	struct teal_check check;

	for (unsigned int i = 0; i < count; i++)
		if (!table_get(t, TABLE_checks, &list[i].id, &check) && check.checked_at)
			return true;
	return false;
}

/*
 * Whether a backend is healthy, by a check that began after the release was brought up: an older one may have met the
 * release before.  Writes why not.
 */
static bool backend_is_ready(const struct deploy *d, const struct backend *b, bool checked, char why[160])
{
	struct teal_check check = {};
	char reason[120];
	int error;

	table_get(d->tables, TABLE_checks, &b->id, &check);
	if (!checked && b->row.protocol != TEAL_TCP)
		return true;
	if (!checked) {
		error = connect_try(&b->row);
		if (error)
			snprintf(why, 160, "no connection: %s", strerror(error));
		return !error;
	}
	if (check.checked_at <= d->phase_clock || check.checked_at > table_seconds()) {
		snprintf(why, 160, "not checked yet");
		return false;
	}
	check.reason[sizeof(check.reason) - 1] = '\0';
	if (b->row.health == TEAL_UP && !check.reason[0])
		return true;
	if (check.reason[0])
		snprintf(why, 160, "%s", text_clean(check.reason, reason, sizeof(reason)));
	else
		snprintf(why, 160, "%u good checks so far", check.successes);
	return false;
}

/* Looks at all of them.  Writes how many there are, how many are ready, and why the others are not. */
static int color_look(const struct deploy *d, const struct service *s, unsigned int *ret_all, unsigned int *ret_ready,
		      char why[400], struct error *e)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count, used = 0;
	int error = backend_list(d->tables, s->id, &list, &count, e);
	bool checked = !error && is_checked(d->tables, list, count);

	*ret_all = *ret_ready = 0;
	why[0] = '\0';
	for (unsigned int i = 0; !error && i < count; i++) {
		struct endpoint endpoint = { .port = list[i].row.port };
		char one[160], address[ADDRESS_TEXT_SIZE];

		if (list[i].row.color != d->color || list[i].row.health == TEAL_REMOVED)
			continue;
		++*ret_all;
		if (backend_is_ready(d, &list[i], checked, one)) {
			++*ret_ready;
			continue;
		}
		memcpy(endpoint.address, list[i].row.address, sizeof(endpoint.address));
		if (used < 300)
			used += (unsigned int)snprintf(why + used, 400 - used, "%s%s: %s", used ? "; " : "",
						       endpoint_format(&endpoint, address), one);
	}
	return error;
}

int deploy_health(struct deploy *d, char text[256], struct error *e)
{
	__u64 began = table_clock();
	unsigned int all, ready;
	struct service s = {};
	char why[400];

	for (;;) {
		int error = deploy_service(d, &s, e);

		if (!error)
			error = color_look(d, &s, &all, &ready, why, e);
		if (error)
			return error;
		if (!all)
			return error_set(e, EXIT_REFUSED, ENOENT,
					 "%s of %s has no backend: give it some with --backends ADDRESS:PORT,...",
					 color_name(d->color), d->service);
		if (ready == all)
			break;
		d->note(d, why);
		if (table_clock() - began > d->plan.timeout_s * 1000000000ULL)
			return error_set(e, EXIT_DEADLINE, ETIMEDOUT, "%u of %u backends of %s are not healthy after %u s: %s",
					 all - ready, all, color_name(d->color), d->plan.timeout_s, why);
		if (interrupt_sleep(POLL_MS))
			return -EINTR;
	}
	snprintf(text, 256, "%u of %u backends are healthy", ready, all);
	return 0;
}

/* Smoke */

/* The clients of --preview get the new color, or they do not any more. */
static int preview_put(const struct deploy *d, bool on, struct error *e)
{
	_cleanup_close_ int lock = lock_take(d->pin_dir, LOCK_TABLES, LOCK_WAIT_MS, e);
	_cleanup_free_ struct prefix *prefixes = NULL;
	unsigned int count = 0;
	struct service s = {};
	int error = lock < 0 ? lock : deploy_service(d, &s, e);

	if (!error && !on)
		return preview_end(d->tables, d->state_dir, &s, e);
	if (!error)
		error = deploy_prefixes_read(&s, d->plan.preview, &prefixes, &count, e);
	return error ?: preview_set(d->tables, d->state_dir, &s, d->color, prefixes, count, false, e);
}

int deploy_smoke(struct deploy *d, char text[256], struct error *e)
{
	struct service s = {};
	int error = deploy_service(d, &s, e);

	if (!error && d->plan.preview)
		error = preview_put(d, true, e);
	if (!error)
		error = deploy_execute(d, &s, "--smoke", d->plan.smoke, EXIT_REFUSED, e);
	if (!error && d->plan.preview)
		error = preview_put(d, false, e);
	snprintf(text, 256, "%.200s", d->plan.smoke);
	return error;
}
