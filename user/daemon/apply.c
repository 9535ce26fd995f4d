// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/apply.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
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
	struct backend_set backends[TEAL_COLORS];
	struct service_traits traits;
};

struct plan {
	struct wish *wishes;
	unsigned int count;
	struct service *present; /* what is there now */
	unsigned int present_count;
	struct record *record;
};

static void plan_free(struct plan *plan)
{
	record_free(plan->record);
	free(plan->present);
	free(plan->wishes);
}

static const struct service *present_find(const struct plan *plan, const char *name)
{
	for (unsigned int i = 0; i < plan->present_count; i++)
		if (!strcmp(plan->present[i].info.name, name))
			return &plan->present[i];
	return NULL;
}

static bool is_wished(const struct plan *plan, const char *name)
{
	for (unsigned int i = 0; i < plan->count; i++)
		if (!strcmp(plan->wishes[i].config->name, name))
			return true;
	return false;
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
	const struct record_service *record = record_find(plan->record, config->name);

	wish->config = config;
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
static int wish_check(const struct tables *t, const struct wish *wish, struct error *e)
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
	return error ?: backends_check(t, s ? s->id : 0, wish->config->protocol, wish->backends, e);
}

static int plan_make(const struct tables *t, const char *state_dir, const struct config *config, struct plan *plan,
		     struct error *e)
{
	int error = record_read(state_dir, &plan->record, e);

	if (!error)
		error = service_list(t, &plan->present, &plan->present_count, e);
	plan->wishes = calloc(config->service_count + 1, sizeof(*plan->wishes));
	if (!plan->wishes)
		return error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	plan->count = 0;
	for (unsigned int i = 0; !error && i < config->service_count; i++) {
		wish_make(&plan->wishes[plan->count++], &config->services[i], plan);
		error = wish_check(t, &plan->wishes[i], e);
	}
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
static int service_begin(const struct tables *t, const char *state_dir, const struct wish *wish,
			 const struct record_service *record, struct error *e)
{
	enum teal_color active = record ? record->active : wish->config->active;
	struct service s;
	__u32 id;
	int error = service_create(t, wish->config->name, &wish->config->listen, wish->config->protocol, active, &s, e);

	if (error)
		return error;
	if (record) {
		s.info.previous = record->previous;
		s.info.generation = record->generation;
		s.info.switched_at = record->switched_at;
		id = s.id;
		if (table_put(t, TABLE_service_info, &id, &s.info))
			return error_set(e, EXIT_FAILED, errno, "cannot write the service %s", wish->config->name);
	}
	error = service_traits_set(t, &s, &wish->traits, e);
	if (!error)
		error = backends_set(t, &s, wish->backends, e);
	if (!error)
		error = service_open(t, &s, e);
	if (!error && record)
		service_take_up(t, state_dir, &s, record);
	if (!error && !record)
		error = switch_record(state_dir, &s, e);
	if (!error)
		log_info("%s: %s is active, with %u backends", s.info.name, color_name(active),
			 wish->backends[active].count);
	return error;
}

/* A service that goes on: which color is active is left alone. */
static int service_go_on(const struct tables *t, const struct wish *wish, struct error *e)
{
	struct service s = *wish->present;
	int error = service_traits_set(t, &s, &wish->traits, e);

	if (!error && wish->config->health.type == HEALTH_NONE)
		error = health_forget(t, &s, e);
	return error ?: backends_set(t, &s, wish->backends, e);
}

/* What the data path asks of the configuration for all services. */
static int meta_follow(const struct tables *t, const struct config *config, struct error *e)
{
	const __u64 second = 1000000000ULL;
	struct teal_meta meta;
	__u32 only = 0;
	int error = table_get(t, TABLE_meta, &only, &meta);

	meta.handshake_ns = config->timeouts.handshake * second;
	meta.established_ns = config->timeouts.established * second;
	meta.closing_ns = config->timeouts.closing * second;
	meta.reset_ns = config->timeouts.reset * second;
	meta.udp_unanswered_ns = config->timeouts.udp_unanswered * second;
	meta.udp_ns = config->timeouts.udp * second;
	meta.refuse_when_full = config->refuse_when_full;
	meta.udp_most = t->rows[TABLE_flows4] / 2;
	if (!error)
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
	/* What goes, goes first: its address may be wanted again. */
	for (unsigned int i = 0; i < plan.present_count && !error; i++) {
		if (is_wished(&plan, plan.present[i].info.name))
			continue;
		log_info("%s: removed; its connections go on until they end", plan.present[i].info.name);
		error = service_remove(t, &plan.present[i], e);
		record_remove(plan.record, plan.present[i].info.name);
		if (!error)
			error = record_write(state_dir, plan.record, e);
	}
	for (unsigned int i = 0; i < plan.count && !error; i++) {
		const struct wish *wish = &plan.wishes[i];

		if (wish->present)
			error = service_go_on(t, wish, e);
		else
			error = service_begin(t, state_dir, wish, record_find(plan.record, wish->config->name), e);
	}
	plan_free(&plan);
	return error;
}
