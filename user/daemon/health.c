// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/ends.h"
#include "daemon/log.h"
#include "daemon/target.h"
#include "table/service.h"

#define SCAN_MS 1000
#define SCAN_SHARE 50 /* looking for changes of backends may take a fiftieth of the time */

static int config_compare(const void *a, const void *b)
{
	const struct config_service *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* The service of that name, if it is to be checked. */
static const struct config_service *config_find_service(const struct health *health, const char *name)
{
	struct config_service wanted = {};
	const struct config_service *key = &wanted, **found;

	strncpy(wanted.name, name, sizeof(wanted.name) - 1);
	found = bsearch(&key, health->by_name, health->config->service_count, sizeof(*found), config_compare);
	return found && (*found)->health.type != HEALTH_NONE ? *found : NULL;
}

static int config_set(struct health *health, const struct config *config)
{
	const struct config_service **list = calloc(config->service_count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (unsigned int i = 0; i < config->service_count; i++)
		list[i] = &config->services[i];
	qsort(list, config->service_count, sizeof(*list), config_compare);
	free(health->by_name);
	health->by_name = list;
	health->config = config;
	return 0;
}

static bool is_checked(const struct config *config)
{
	for (unsigned int i = 0; i < config->service_count; i++)
		if (config->services[i].health.type != HEALTH_NONE)
			return true;
	return false;
}

static void target_drop(struct health *health, __u32 id)
{
	target_free(health->targets[id]);
	health->targets[id] = NULL;
}

/* A row of `backends`, beside what is being checked under its id. */
static void row_compare(struct health *health, __u32 id, const struct teal_backend *row,
			const struct config_service *config)
{
	struct target *target = health->targets[id];
	bool wanted = config && row->service && row->health != TEAL_REMOVED;
	bool same = target && wanted && target->endpoint.port == row->port && target->service == row->service &&
		    target->color == row->color && !memcmp(target->endpoint.address, row->address, sizeof(row->address));
	int error;

	if (target && !same)
		target_drop(health, id);
	if (!wanted)
		return;
	if (same) {
		if (target->written != row->health && !health->write)
			target_adopt(target, row->health);
		return;
	}
	error = target_new(health, id, row, config, &health->targets[id]);
	if (error)
		log_error("%s: a backend cannot be checked: %s", config->name, strerror(-error));
}

/* Whether services are to be checked, by id; NULL: not. */
static int services_find(const struct health *health, const struct teal_backend *rows, __u32 count,
			 const struct config_service **by_id)
{
	for (__u32 id = 0; id < count; id++) {
		struct teal_service_info info;
		__u32 service = rows[id].service;
		int error;

		if (!service || service >= health->tables->rows[TABLE_service_info] || by_id[service])
			continue;
		error = table_get(health->tables, TABLE_service_info, &service, &info);
		if (error)
			return error;
		info.name[sizeof(info.name) - 1] = '\0';
		by_id[service] = config_find_service(health, info.name);
	}
	return 0;
}

static void scan(struct health *health)
{
	_cleanup_free_ const struct config_service **by_id =
		calloc(health->tables->rows[TABLE_service_info], sizeof(*by_id));
	_cleanup_free_ struct teal_backend *rows = NULL;
	__u32 count = 0;
	int error = by_id ? backend_rows_read(health->tables, &rows, &count) : -ENOMEM;

	if (!error)
		error = services_find(health, rows, count, by_id);
	if (error) {
		log_error("cannot read which backends there are to check: %s", strerror(-error));
		return;
	}
	for (__u32 id = 1; id < count && id < health->rows; id++) {
		bool known = rows[id].service < health->tables->rows[TABLE_service_info];

		if (rows[id].service || health->targets[id])
			row_compare(health, id, &rows[id], known ? by_id[rows[id].service] : NULL);
	}
}

static void scan_timer(uv_timer_t *timer)
{
	struct health *health = timer->data;
	__u64 began = uv_hrtime(), took_ms;

	scan(health);
	took_ms = (uv_hrtime() - began) / 1000000;
	uv_timer_start(timer, scan_timer, took_ms * SCAN_SHARE > SCAN_MS ? took_ms * SCAN_SHARE : SCAN_MS, 0);
}

static void scan_now(struct health *health)
{
	uv_timer_stop(&health->scan_timer);
	if (is_checked(health->config))
		uv_timer_start(&health->scan_timer, scan_timer, 0, 0);
}

int health_begin(uv_loop_t *loop, const struct tables *tables, const struct config *config, struct health **ret,
		 struct error *e)
{
	struct health *health = calloc(1, sizeof(*health));
	int error = health ? 0 : -ENOMEM;

	if (!error) {
		health->loop = loop;
		health->tables = tables;
		health->rows = tables->rows[TABLE_backends];
		health->targets = calloc(health->rows, sizeof(*health->targets));
		error = health->targets ? config_set(health, config) : -ENOMEM;
	}
	if (!error)
		error = probes_begin(loop, &health->probes);
	if (error) {
		free(health ? health->targets : NULL);
		free(health ? health->by_name : NULL);
		free(health);
		return error_set(e, EXIT_FAILED, -error, "cannot begin health checks: %s", strerror(-error));
	}
	for (enum line line = 0; line < LINES; line++)
		TAILQ_INIT(&health->lines[line]);
	STAILQ_INIT(&health->ends);
	uv_timer_init(loop, &health->scan_timer);
	uv_timer_init(loop, &health->write_timer);
	health->scan_timer.data = health->write_timer.data = health;
	scan_now(health);
	*ret = health;
	return 0;
}

void health_follow(struct health *health, const struct config *config)
{
	if (config_set(health, config)) { /* nothing may look at the old one */
		log_error("no memory to follow the configuration: health checks end until the next reload");
		for (__u32 id = 0; id < health->rows; id++)
			if (health->targets[id])
				target_drop(health, id);
		uv_timer_stop(&health->scan_timer);
		return;
	}
	health->holding = true;
	for (__u32 id = 0; id < health->rows; id++) {
		const struct config_service *service;

		if (!health->targets[id])
			continue;
		service = config_find_service(health, health->targets[id]->config->name);
		if (service)
			target_follow(health->targets[id], service);
		else
			target_drop(health, id);
	}
	targets_go_on(health);
	scan_now(health);
}

static void timer_closed(uv_handle_t *handle)
{
	struct health *health = handle->data;

	health->open--;
}

void health_end(struct health *health)
{
	if (!health)
		return;
	health->ending = health->holding = true;
	for (__u32 id = 0; id < health->rows; id++)
		if (health->targets[id])
			target_drop(health, id);
	http_stop(&health->probes);
	health->open += 2;
	uv_close((uv_handle_t *)&health->scan_timer, timer_closed);
	uv_close((uv_handle_t *)&health->write_timer, timer_closed);
	while (health->open || health->probes.closing)
		uv_run(health->loop, UV_RUN_ONCE);
	probes_end(&health->probes);
	ends_free(health);
	free(health->by_name);
	free(health->targets);
	free(health);
}
