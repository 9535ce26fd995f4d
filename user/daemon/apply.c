// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/apply.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/claims.h"
#include "daemon/log.h"
#include "operation/canary.h"
#include "operation/health.h"
#include "operation/preview.h"
#include "operation/record.h"
#include "operation/services.h"
#include "operation/switch.h"
#include "table/slot.h"

/* A service as it is to be, beside what there is of it. */
struct wish {
	const struct config_service *config;
	const struct service *present;	     /* NULL: new */
	const struct record_service *record; /* NULL: the books do not know it */
	struct backend_set backends[TEAL_COLORS];
	struct service_traits traits;
	struct service service;		/* from here on: what becomes of it */
	struct backends_change change;
};

struct plan {
	struct wish *wishes;
	unsigned int count, begun; /* so many of them are being changed, in their order */
	struct service *present;   /* what is there now, by name */
	unsigned int present_count;
	struct record *record; /* sorted */
	struct roster roster;
	struct slot_swaps swaps;
};

static void plan_free(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->count; i++)
		backends_change_free(&plan->wishes[i].change);
	slot_swaps_free(&plan->swaps);
	roster_free(&plan->roster);
	record_free(plan->record);
	free(plan->present);
	free(plan->wishes);
}

static int present_compare(const void *name, const void *service)
{
	return strcmp(name, ((const struct service *)service)->info.name);
}

static const struct service *present_find(const struct plan *plan, const char *name)
{
	return bsearch(name, plan->present, plan->present_count, sizeof(*plan->present), present_compare);
}

static struct service_traits traits_of(const struct config_service *config)
{
	struct service_traits traits = {
		.flags = (config->has_source ? TEAL_SERVICE_SOURCE : 0) | (config->move ? TEAL_SERVICE_MOVE : 0) |
			 (config->affinity ? TEAL_SERVICE_AFFINITY : 0),
		.policy = (config->refuse_down ? TEAL_POLICY_REFUSE : 0) | (config->reset_down ? TEAL_POLICY_RESET : 0),
	};

	memcpy(traits.source.address, config->source, sizeof(traits.source.address));
	return traits;
}

static void wish_make(struct wish *wish, const struct config_service *config, const struct plan *plan)
{
	const struct record_service *record = record_find_sorted(plan->record, config->name);

	wish->config = config;
	wish->record = record;
	wish->present = present_find(plan, config->name);
	wish->traits = traits_of(config);
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
		if (record && record->colors[color].at_run_time)
			wish->backends[color] = (struct backend_set){ record->colors[color].backends,
								      record->colors[color].count };
		else
			wish->backends[color] = (struct backend_set){ config->colors[color].backends,
								      config->colors[color].count };
	}
}

/* Everything that can be refused is refused here, before the first row is written. */
static int wish_check(const struct tables *t, struct roster *roster, const struct wish *wish, struct error *e)
{
	const struct service *s = wish->present;
	struct teal_service_key key;
	int error;

	if (s && (memcmp(&s->listen, &wish->config->listen, sizeof(s->listen)) || s->protocol != wish->config->protocol))
		return error_set(e, EXIT_FAILED, EBUSY,
				 "the address of %s cannot change while it runs, for its connections live there: give the service "
				 "at the new address another name",
				 wish->config->name);
	if (s && !wish->backends[s->info.active].count)
		return error_set(e, EXIT_FAILED, EBUSY,
				 "%s is the active color of %s and would be left without a backend: switch to the other color "
				 "first",
				 color_name(s->info.active), wish->config->name);
	service_key_set(&key, &wish->config->listen, wish->config->protocol);
	error = service_traits_check(t, wish->config->name, &key, &wish->traits, wish->backends, e);
	return error ?: backends_check(t, roster, s ? s->id : 0, wish->config->protocol, wish->backends, e);
}

/* The configuration is in order by itself; with what was set at run time it must be, too. */
static int plan_claims_check(const struct plan *plan, struct error *e)
{
	_cleanup_free_ struct claim *claims = NULL;
	unsigned int most = 1, count = 0;

	for (unsigned int i = 0; i < plan->count; i++)
		most += 1 + plan->wishes[i].backends[TEAL_BLUE].count + plan->wishes[i].backends[TEAL_GREEN].count;
	claims = calloc(most, sizeof(*claims));
	if (!claims)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < plan->count && plan->wishes[i].config; i++) {
		const struct wish *wish = &plan->wishes[i];
		struct claim claim = { &wish->config->listen, wish->config->protocol, wish->config->name, TEAL_NO_COLOR, false };

		claims[count++] = claim;
		for (claim.color = TEAL_BLUE; claim.color < TEAL_COLORS; claim.color++) {
			claim.at_run_time = wish->record && wish->record->colors[claim.color].at_run_time;
			for (unsigned int n = 0; n < wish->backends[claim.color].count; n++) {
				claim.endpoint = &wish->backends[claim.color].endpoints[n];
				claims[count++] = claim;
			}
		}
	}
	return claims_check(claims, count, e);
}

static int plan_make(const struct tables *t, const char *state_dir, const struct config *config, struct plan *plan,
		     struct error *e)
{
	int error = record_read(state_dir, &plan->record, e);

	if (!error) {
		record_sort(plan->record);
		error = service_list(t, &plan->present, &plan->present_count, e);
	}
	if (!error)
		error = roster_read(t, &plan->roster, e);
	plan->wishes = calloc(config->service_count + 1, sizeof(*plan->wishes));
	if (!plan->wishes)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (unsigned int i = 0; !error && i < config->service_count; i++) {
		wish_make(&plan->wishes[plan->count++], &config->services[i], plan);
		error = wish_check(t, &plan->roster, &plan->wishes[i], e);
	}
	if (!error)
		error = plan_claims_check(plan, e);
	plan->roster.free_at = 1;
	return error;
}

/*
 * Canary and preview were set by somebody and taken back by nobody, so they come back with the color.  A failure, such as
 * a color that has no backends any more, is told: then new flows go to the active color, as they would without them.
 */
static void service_take_up(const struct tables *t, const char *state_dir, struct service *s,
			    const struct record_service *record)
{
	struct error e = {};

	if (record->canary != TEAL_NO_COLOR &&
	    canary_set(t, state_dir, s, record->canary, record->canary_percent, true, &e))
		log_warning("%s: its canary of %u %% %s does not come back: %s", s->info.name, record->canary_percent,
			    color_name(record->canary), e.text);
	e = (struct error){};
	if (record->preview.color != TEAL_NO_COLOR &&
	    preview_set(t, state_dir, s, record->preview.color, record->preview.from, record->preview.count, true, &e))
		log_warning("%s: its preview of %s does not come back: %s", s->info.name,
			    color_name(record->preview.color), e.text);
}

/* A service that was not there: as the last boot left it, or as the configuration begins it. */
static int service_begin(const struct tables *t, struct plan *plan, struct wish *wish, struct error *e)
{
	const struct record_service *record = wish->record;
	enum teal_color active = record ? record->active : wish->config->active;
	struct service *s = &wish->service;
	__u32 id;
	int error = service_create(t, &plan->roster, wish->config->name, &wish->config->listen, wish->config->protocol,
				   active, s, e);

	if (error)
		return error;
	if (record) {
		s->info.previous = record->previous;
		s->info.generation = record->generation;
		s->info.switched_at = record->switched_at;
		id = s->id;
		if (table_put(t, TABLE_service_info, &id, &s->info))
			return error_set(e, EXIT_FAILED, errno, "cannot write the service %s", wish->config->name);
	}
	return 0;
}

/* Up to the step itself.  Which color is active of a service that goes on is left alone. */
static int wish_begin(const struct tables *t, struct plan *plan, struct wish *wish, struct error *e)
{
	int error = 0;

	if (wish->present)
		wish->service = *wish->present;
	else
		error = service_begin(t, plan, wish, e);
	if (!error)
		error = service_traits_set(t, &plan->roster, &wish->service, &wish->traits, e);
	if (!error && wish->present && wish->config->health.type == HEALTH_NONE)
		error = health_forget(t, &plan->roster, &wish->service, e);
	return error ?: backends_begin(t, &plan->roster, &wish->service, wish->backends, &plan->swaps, &wish->change, e);
}

/* After it. */
static int wish_finish(const struct tables *t, const char *state_dir, struct plan *plan, struct wish *wish,
		       struct error *e)
{
	struct service *s = &wish->service;
	int error = backends_finish(t, &plan->roster, s, &wish->change, e);

	s->info.stale = false;
	if (error || wish->present)
		return error;
	error = service_open(t, s, e);
	if (!error && wish->record)
		service_take_up(t, state_dir, s, wish->record);
	if (!error)
		log_info("%s: %s is active, with %u backends", s->info.name, color_name(s->info.active),
			 wish->backends[s->info.active].count);
	return error;
}

/* Into the books goes whoever is not there: new services, and those over whose writing somebody was killed. */
static int plan_record(const char *state_dir, const struct plan *plan, struct error *e)
{
	_cleanup_free_ struct service *unknown = calloc(plan->begun + 1, sizeof(*unknown));
	unsigned int count = 0;

	if (!unknown)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < plan->begun; i++)
		if (!plan->wishes[i].record)
			unknown[count++] = plan->wishes[i].service;
	return count ? switch_record_all(state_dir, unknown, NULL, count, e) : 0;
}

/* All services together take the steps that wait: for a grace period, for the disk.  One that fails keeps the later ones back. */
static int plan_carry_out(const struct tables *t, const char *state_dir, struct plan *plan, struct error *e)
{
	int error = 0, swapped, recorded;

	while (plan->begun < plan->count && !error) {
		error = wish_begin(t, plan, &plan->wishes[plan->begun], e);
		plan->begun += !error;
	}
	swapped = slots_swap(t, &plan->swaps);
	if (swapped)
		return error_set(e, EXIT_FAILED, -swapped, "cannot write the table dispatch: %s", strerror(-swapped));
	for (unsigned int i = 0; i < plan->begun; i++) {
		int finished = wish_finish(t, state_dir, plan, &plan->wishes[i], e);

		error = error ?: finished;
	}
	recorded = plan_record(state_dir, plan, e);
	return error ?: recorded;
}

/* Those that went leave the books, in one writing. */
static int removed_forget(const char *state_dir, const struct plan *plan, const bool *stays, struct error *e)
{
	struct record *record;
	int error = record_read(state_dir, &record, e);

	if (error)
		return error;
	for (unsigned int i = 0; i < plan->present_count; i++)
		if (!stays[i])
			record_remove(record, plan->present[i].info.name);
	error = record_write(state_dir, record, e);
	record_free(record);
	return error;
}

/* What goes, goes first: its address may be wanted again. */
static int plan_remove(const struct tables *t, const char *state_dir, struct plan *plan, struct error *e)
{
	_cleanup_free_ bool *stays = calloc(plan->present_count + 1, sizeof(*stays));
	bool any = false;
	int error = 0;

	if (!stays)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < plan->count; i++)
		if (plan->wishes[i].present)
			stays[plan->wishes[i].present - plan->present] = true;
	for (unsigned int i = 0; i < plan->present_count && !error; i++) {
		if (stays[i])
			continue;
		log_info("%s: removed; its connections go on until they end", plan->present[i].info.name);
		error = service_remove(t, &plan->roster, &plan->present[i], e);
		any = true;
	}
	return error || !any ? error : removed_forget(state_dir, plan, stays, e);
}

/* What the data path asks of the configuration for all services. */
static int meta_follow(const struct tables *t, const struct config *config, struct error *e)
{
	const __u64 second = 1000000000ULL;
	struct teal_meta meta, now;
	__u32 only = 0;
	int error = table_get(t, TABLE_meta, &only, &now);

	meta = now;
	meta.handshake_ns = config->timeouts.handshake * second;
	meta.established_ns = config->timeouts.established * second;
	meta.closing_ns = config->timeouts.closing * second;
	meta.reset_ns = config->timeouts.reset * second;
	meta.udp_unanswered_ns = config->timeouts.udp_unanswered * second;
	meta.udp_ns = config->timeouts.udp * second;
	meta.refuse_when_full = config->refuse_when_full;
	meta.udp_most = t->rows[TABLE_flows4] / 2;
	if (!error && memcmp(&meta, &now, sizeof(meta)) != 0)
		error = table_put(t, TABLE_meta, &only, &meta);
	return error ? error_set(e, EXIT_FAILED, -error, "cannot write the table meta: %s", strerror(-error)) : 0;
}

int apply(const struct tables *t, const char *state_dir, const struct config *config, struct error *e)
{
	struct plan plan = {};
	int error = services_tidy(t);

	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot tidy the tables: %s", strerror(-error));
	error = plan_make(t, state_dir, config, &plan, e);
	if (!error)
		error = meta_follow(t, config, e);
	if (!error)
		error = plan_remove(t, state_dir, &plan, e);
	if (!error)
		error = plan_carry_out(t, state_dir, &plan, e);
	plan_free(&plan);
	return error;
}
