// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "operation/reset.h"

/* A service whose backends went down. */
struct ends {
	uv_work_t work;
	struct health *health;
	char service[TEAL_NAME_SIZE];
	struct reset_result result;
	struct error e;
	int error;
	STAILQ_ENTRY(ends) queue;
};

static void provoke_work(uv_work_t *work)
{
	struct ends *ends = work->data;

	ends->error = reset_down(ends->health->tables, ends->service, &ends->health->ending, &ends->result, &ends->e);
}

static void next_start(struct health *health);

/* In the loop again. */
static void provoke_done(uv_work_t *work, int status)
{
	struct ends *ends = work->data;
	struct health *health = ends->health;

	if (!status && ends->error && ends->error != -ENOENT) /* not a service that went away meanwhile */
		log_error("%s: %s", ends->service, ends->e.text);
	else if (!status && ends->result.left && !health->ending)
		log_warning("%s: %llu connections of backends that are down said nothing, and are ended as soon as they do",
			    ends->service, ends->result.left);
	free(ends);
	health->provoking = false;
	health->open--;
	if (!health->ending)
		next_start(health);
}

static void next_start(struct health *health)
{
	struct ends *ends = STAILQ_FIRST(&health->ends);

	if (!ends || health->provoking)
		return;
	STAILQ_REMOVE_HEAD(&health->ends, queue);
	if (uv_queue_work(health->loop, &ends->work, provoke_work, provoke_done)) {
		free(ends);
		return;
	}
	health->provoking = true;
	health->open++;
}

void ends_provoke(struct health *health, const char *service)
{
	struct ends *ends;

	STAILQ_FOREACH(ends, &health->ends, queue)
		if (!strcmp(ends->service, service))
			return; /* it is in line: what went down since goes with it */
	ends = calloc(1, sizeof(*ends));
	if (!ends)
		return; /* then they end as soon as they say something */
	ends->work.data = ends;
	ends->health = health;
	strncpy(ends->service, service, sizeof(ends->service) - 1);
	STAILQ_INSERT_TAIL(&health->ends, ends, queue);
	next_start(health);
}

void ends_free(struct health *health)
{
	struct ends *ends;

	while ((ends = STAILQ_FIRST(&health->ends))) {
		STAILQ_REMOVE_HEAD(&health->ends, queue);
		free(ends);
	}
}
