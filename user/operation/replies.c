// SPDX-License-Identifier: GPL-2.0-only
#include "operation/replies.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "table/handshakes.h"

#define BEGUN_LEAST 5 /* connections without any answer: fewer may be chance */

/* Whether clients knocked often and nobody was heard; `ret_begun` is how often. */
static bool is_mute(const struct tables *t, const struct backend *b, __u64 *ret_begun)
{
	struct teal_handshakes seen;

	if (b->row.health == TEAL_REMOVED || b->row.health == TEAL_DOWN || b->counters.packets_out ||
	    b->counters.refused || handshakes_get(t, b->id, &seen))
		return false;
	*ret_begun = seen.begun;
	return seen.begun >= BEGUN_LEAST && !seen.answered;
}

static void mute_say(const struct service *s, const struct backend *b, __u64 begun, struct finding *ret)
{
	struct endpoint endpoint = { .port = b->row.port };
	char text[ADDRESS_TEXT_SIZE];

	memcpy(endpoint.address, b->row.address, sizeof(endpoint.address));
	*ret = (struct finding){ .level = FINDING_WARNING };
	snprintf(ret->what, sizeof(ret->what), "%.60s of %s %s, but none of %llu connections of clients: %s",
		 endpoint_format(&endpoint, text), s->info.name,
		 b->row.health == TEAL_UP ? "answers this host's checks" : "may be up", begun,
		 s->flags & TEAL_SERVICE_SOURCE ? "its replies to the source address do not come back to this host" :
						  "its replies do not come back through this host");
	snprintf(ret->mend, sizeof(ret->mend), "%s",
		 s->flags & TEAL_SERVICE_SOURCE ? "ip -brief address   # is the source this host's own?" :
						  "add 'source: ADDRESS-OF-THIS-HOST' to the service, or route them here");
}

int replies_check(const struct tables *t, struct finding *ret, unsigned int room, struct error *e)
{
	_cleanup_free_ struct service *services = NULL;
	_cleanup_free_ struct backend *all = NULL;
	unsigned int count = 0, backends = 0, own, found = 0;
	int error = service_list(t, &services, &count, e);

	if (!error)
		error = backend_list(t, 0, &all, &backends, e);
	if (!error)
		backends_sort(all, backends);
	for (unsigned int i = 0; i < count && !error; i++) {
		const struct backend *list = backends_of(all, backends, services[i].id, &own);
		__u64 begun = 0;

		for (unsigned int n = 0; n < own && found < room; n++)
			if (is_mute(t, &list[n], &begun))
				mute_say(&services[i], &list[n], begun, &ret[found++]);
	}
	return error ?: (int)found;
}
