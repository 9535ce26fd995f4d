// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether answers come back: a backend whose way to the clients does not lead by this host answers past it, which looks
 * to the clients as if nobody did.  Only the traffic itself can tell, so this asks the books of the kernel.
 */
#include "operation/host.h"

#include <stdio.h>

#include "common/cleanup.h"
#include "table/handshakes.h"
#include "table/service.h"

#define TRIES_ENOUGH 3 /* SYNs; fewer may still be on their way */

/* What became of the handshakes of the color that new connections go to. */
struct tries {
	__u64 begun, resent, answered;
};

static int tries_sum(const struct tables *t, const struct service *s, const struct backend *list, unsigned int count,
		     struct tries *ret)
{
	int error = 0;

	*ret = (struct tries){};
	for (unsigned int i = 0; i < count && !error; i++) {
		struct teal_handshakes seen = {};

		if (list[i].row.color != s->info.active || list[i].row.health == TEAL_REMOVED)
			continue;
		error = handshakes_get(t, list[i].id, &seen);
		ret->begun += seen.begun;
		ret->resent += seen.resent;
		ret->answered += seen.answered + list[i].counters.refused; /* by RST is an answer, too */
	}
	return error;
}

unsigned int answers_check(const struct tables *t, struct finding *ret, unsigned int room)
{
	_cleanup_free_ struct backend *backends = NULL;
	_cleanup_free_ struct service *list = NULL;
	unsigned int services = 0, all = 0, count = 0;
	struct error unused = {};

	if (service_list(t, &list, &services, &unused) || backend_list(t, 0, &backends, &all, &unused))
		return 0;
	backends_sort(backends, all);
	for (unsigned int i = 0; i < services && count < room; i++) {
		unsigned int own;
		const struct backend *first = backends_of(backends, all, list[i].id, &own);
		struct tries tries;

		/* By UDP not to answer may be just what is wanted. */
		if (list[i].protocol != TEAL_TCP || list[i].flags & TEAL_SERVICE_SOURCE ||
		    tries_sum(t, &list[i], first, own, &tries) || tries.begun + tries.resent < TRIES_ENOUGH || tries.answered)
			continue;
		ret[count].level = FINDING_WARNING;
		snprintf(ret[count].what, sizeof(ret[count].what),
			 "%s: none of the %llu connections to its %s backends was answered by way of this host: they are "
			 "down, or their way to the clients is another",
			 list[i].info.name, tries.begun, color_name(list[i].info.active));
		snprintf(ret[count].mend, sizeof(ret[count].mend),
			 "make this host the backends' gateway, or give %s a 'source:' in teal.yaml", list[i].info.name);
		count++;
	}
	return count;
}
