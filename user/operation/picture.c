// SPDX-License-Identifier: GPL-2.0-only
#include "operation/picture.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"

static struct picture_service *service_of(const struct picture *picture, __u16 id)
{
	for (unsigned int i = 0; i < picture->count; i++)
		if (picture->services[i].service.id == id)
			return &picture->services[i];
	return NULL;
}

static int backend_add(const struct tables *t, struct picture_color *color, const struct backend *b)
{
	struct teal_handshakes seen;
	int error = handshakes_get(t, b->id, &seen);

	if (error)
		return error;
	color->flows += backend_flows(b);
	color->opened += b->counters.opened;
	handshakes_add(&color->seen, &seen);
	color->up += b->row.health == TEAL_UP;
	color->down += b->row.health == TEAL_DOWN;
	color->unknown += b->row.health == TEAL_UNKNOWN;
	return 0;
}

/* A backend that went with its counters makes a sum smaller: that is no negative rate. */
static void color_compare(struct picture_color *now, const struct picture_color *before, double seconds)
{
	struct teal_handshakes since = now->seen;

	handshakes_subtract(&since, &before->seen);
	now->handshake_us = handshakes_time(&since, 50);
	if (seconds > 0 && now->opened > before->opened)
		now->per_second = (double)(now->opened - before->opened) / seconds;
}

static int picture_fill(const struct tables *t, const struct service *services, struct picture *picture, struct error *e)
{
	_cleanup_free_ struct backend *backends = NULL;
	unsigned int count = 0;
	int error = backend_list(t, 0, &backends, &count, e);

	for (unsigned int i = 0; i < picture->count; i++)
		picture->services[i].service = services[i];
	for (unsigned int i = 0; i < count && !error; i++) {
		struct picture_service *s = service_of(picture, backends[i].row.service);

		if (s && backends[i].row.color < TEAL_COLORS)
			error = backend_add(t, &s->colors[backends[i].row.color], &backends[i]);
	}
	return error ? error_set(e, EXIT_FAILED, -error, "cannot read the tables: %s", strerror(-error)) : 0;
}

int picture_take(const struct tables *t, const struct picture *before, struct picture *ret, struct error *e)
{
	_cleanup_free_ struct service *services = NULL;
	struct picture now = { .at = table_clock() };
	int error = service_list(t, &services, &now.count, e);

	if (error)
		return error;
	now.services = calloc(now.count + 1, sizeof(*now.services));
	error = now.services ? picture_fill(t, services, &now, e) : error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	if (error) {
		picture_free(&now);
		return error;
	}
	for (unsigned int i = 0; before && now.services && i < now.count; i++) {
		const struct picture_service *old = service_of(before, now.services[i].service.id);

		for (enum teal_color color = TEAL_BLUE; old && color < TEAL_COLORS; color++)
			color_compare(&now.services[i].colors[color], &old->colors[color],
				      (double)(now.at - before->at) / 1e9);
	}
	*ret = now;
	return 0;
}

void picture_free(struct picture *picture)
{
	free(picture->services);
	picture->services = NULL;
	picture->count = 0;
}
