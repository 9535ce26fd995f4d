/* SPDX-License-Identifier: GPL-2.0-only */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/cleanup.h"
#include "config/check.h"
#include "config/health.h"
#include "config/schema.h"
#include "config/source.h"
#include "config/value.h"

static void raw_p(struct raw_config **raw)
{
	if (*raw)
		raw_config_free(*raw);
}
#define _cleanup_raw_ __attribute__((cleanup(raw_p)))

/* Timeouts and limits */

static int timeouts_read(struct config_source *source, const struct raw_timeouts *raw, struct config_timeouts *ret)
{
	const __u64 year = 365 * 24; /* hours */
	int error = 0;

	*ret = (struct config_timeouts){
		.handshake = 130,
		.established = 7860,
		.closing = 60,
		.reset = 10,
		.udp_unanswered = 30,
		.udp = 180,
	};
#define READ(name) error = error ? error : duration_read(source, "timeouts." #name, raw->name, SECOND, SECOND, year, &ret->name)
	READ(handshake);
	READ(established);
	READ(closing);
	READ(reset);
	READ(udp_unanswered);
	READ(udp);
#undef READ
	return error;
}

static int limits_read(struct config_source *source, const struct raw_limits *raw, struct config_limits *ret)
{
	int error = 0;

	*ret = (struct config_limits){ .services = 1024, .backends = 4096, .flows = 1U << 20, .pending = 1U << 18 };
#define READ(name, most) error = error ? error : number_read(source, "limits." #name, raw->name, 1, most, &ret->name)
	READ(services, 65535);
	READ(backends, 1U << 20);
	READ(flows, 1U << 26);
	READ(pending, 1U << 26);
#undef READ
	return error;
}

/* Devices and services */

/* As the kernel's dev_valid_name(), and printable. */
static bool is_device_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isgraph((unsigned char)*c) || *c == '/' || *c == ':')
			return false;
	return *name && strlen(name) < sizeof(((struct config_device *)NULL)->name) && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static bool is_service_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return length && length < TEAL_NAME_SIZE && !name[length] && *name != '-';
}

static int devices_read(struct config_source *source, const struct raw_config *raw, struct config *config)
{
	config->devices = calloc(raw->device_count + 1, sizeof(*config->devices));
	if (!config->devices)
		return config_no_memory(source);
	for (unsigned int i = 0; i < raw->device_count; i++) {
		unsigned int line;

		config_find(source, &line, "devices[%u].name", i);
		if (!is_device_name(raw->devices[i].name))
			return config_refuse(source, line,
					     "\"%.60s\" cannot be the name of a network device: take one that "
					     "\"ip link\" shows",
					     raw->devices[i].name);
		strcpy(config->devices[i].name, raw->devices[i].name);
		config->devices[i].mode = raw->devices[i].mode;
		config->device_count++;
	}
	return 0;
}

/* The address that a service's backends see instead of the client's. */
static int source_read(struct config_source *source, unsigned int i, const char *value, struct config_service *service)
{
	bool ipv4 = address_is_ipv4(service->listen.address);
	unsigned int line;

	if (!value)
		return 0;
	config_find(source, &line, "services[%u].source", i);
	if (address_parse(value, service->source) || !address_is_unicast(service->source))
		return config_refuse(source, line,
				     "\"%.60s\" cannot be the source of %s: write one of this host's own addresses "
				     "without a port, such as 10.0.0.5 or \"2001:db8::5\"",
				     value, service->name);
	if (address_is_ipv4(service->source) != ipv4)
		return config_refuse(source, line,
				     "%s cannot be the source of %s, which listens on %s: give it an %s address", value,
				     service->name, ipv4 ? "IPv4" : "IPv6", ipv4 ? "IPv4" : "IPv6");
	service->has_source = true;
	return 0;
}

/* What becomes of flows on a switch and when backends are down. */
static int policy_read(struct config_source *source, unsigned int i, const struct raw_service *raw,
		       struct config_service *service)
{
	bool checked = service->health.type != HEALTH_NONE;
	unsigned int line;

	service->move = raw->on_switch == ON_SWITCH_MOVE;
	service->reset_down = raw->on_down == ON_DOWN_RESET;
	service->refuse_down = raw->all_down == ALL_DOWN_REFUSE;
	service->affinity = raw->affinity == AFFINITY_SOURCE;
	config_find(source, &line, "services[%u].on_switch", i);
	if (service->move && service->protocol != TEAL_UDP)
		return config_refuse(source, line,
				     "\"on_switch: move\" goes with UDP only, for a TCP connection cannot go on "
				     "elsewhere: remove it");
	config_find(source, &line, "services[%u].on_down", i);
	if (service->reset_down && service->protocol != TEAL_TCP)
		return config_refuse(source, line,
				     "\"on_down: reset\" goes with TCP only, for UDP has no resets: remove it");
	if (service->reset_down && !checked)
		return config_refuse(source, line,
				     "\"on_down: reset\" needs health checks, for nobody else finds a backend down: add "
				     "\"health\" to %s",
				     service->name);
	config_find(source, &line, "services[%u].all_down", i);
	if (service->refuse_down && !checked)
		return config_refuse(source, line,
				     "\"all_down: refuse\" needs health checks, for nobody else finds a backend down: "
				     "add \"health\" to %s",
				     service->name);
	return 0;
}

static int backend_read(struct config_source *source, unsigned int i, enum teal_color color, unsigned int n,
			const char *value, struct config_service *service)
{
	struct endpoint *backend = &service->colors[color].backends[n];
	bool ipv4 = address_is_ipv4(service->listen.address);
	unsigned int line;

	if (endpoint_parse(value, backend)) {
		config_find(source, &line, "services[%u].%s[%u]", i, color_name(color), n);
		return config_refuse(source, line,
				     "\"%.60s\" cannot be a backend: write ADDRESS:PORT, such as 10.0.1.11:8443 "
				     "or \"[2001:db8::11]:8443\"",
				     value);
	}
	if (address_is_ipv4(backend->address) != ipv4) {
		config_find(source, &line, "services[%u].%s[%u]", i, color_name(color), n);
		return config_refuse(source, line,
				     "%s cannot be a backend of %s, which listens on %s: give it an %s address", value,
				     service->name, ipv4 ? "IPv4" : "IPv6", ipv4 ? "IPv4" : "IPv6");
	}
	return 0;
}

static int backends_read(struct config_source *source, unsigned int i, const struct raw_service *raw,
			 enum teal_color color, struct config_service *service)
{
	unsigned int count = raw->colors[color].count;
	int error = 0;

	service->colors[color].backends = calloc(count + 1, sizeof(struct endpoint));
	if (!service->colors[color].backends)
		return config_no_memory(source);
	service->colors[color].count = count;
	for (unsigned int n = 0; !error && n < count; n++)
		error = backend_read(source, i, color, n, raw->colors[color].backends[n], service);
	return error;
}

static int service_read(struct config_source *source, unsigned int i, const struct raw_service *raw,
			struct config_service *service)
{
	unsigned int line;
	int error;

	config_find(source, &service->line, "services[%u]", i);
	config_find(source, &line, "services[%u].name", i);
	if (!is_service_name(raw->name))
		return config_refuse(source, line,
				     "\"%.60s\" cannot be the name of a service: take up to 31 of a-z, 0-9 and -, "
				     "not beginning with -",
				     raw->name);
	strcpy(service->name, raw->name);
	config_find(source, &line, "services[%u].listen", i);
	if (listen_parse(raw->listen, &service->listen, &service->protocol))
		return config_refuse(source, line,
				     "%s cannot listen on \"%.60s\": write ADDRESS:PORT/tcp or /udp, such as "
				     "203.0.113.10:443/tcp or \"[2001:db8::10]:443/tcp\"",
				     service->name, raw->listen);
	service->active = raw->active;
	error = source_read(source, i, raw->source, service);
	if (!error)
		error = health_read(source, i, &raw->health, &service->health);
	if (!error)
		error = guard_limits_read(source, i, &raw->guard, &service->guard);
	if (!error)
		error = policy_read(source, i, raw, service);
	for (enum teal_color color = TEAL_BLUE; !error && color < TEAL_COLORS; color++)
		error = backends_read(source, i, raw, color, service);
	return error;
}

static int services_read(struct config_source *source, const struct raw_config *raw, struct config *config)
{
	int error = 0;

	config->services = calloc(raw->service_count + 1, sizeof(*config->services));
	if (!config->services)
		return config_no_memory(source);
	for (unsigned int i = 0; !error && i < raw->service_count; i++)
		error = service_read(source, i, &raw->services[i], &config->services[config->service_count++]);
	return error;
}

/* The whole */

static int config_make(struct config_source *source, struct config *config)
{
	_cleanup_raw_ struct raw_config *raw = NULL;
	int error = raw_config_load(source, &raw);

	if (error)
		return error;
	config->seed = raw->seed ? *raw->seed : 0x7ea1;
	config->refuse_when_full = raw->flows_full == FLOWS_FULL_REFUSE;
	error = timeouts_read(source, &raw->timeouts, &config->timeouts);
	if (!error)
		error = limits_read(source, &raw->limits, &config->limits);
	if (!error)
		error = devices_read(source, raw, config);
	if (!error)
		error = services_read(source, raw, config);
	return error ? error : config_check(source, config);
}

int config_read(const char *file, struct config **ret_config, struct error *e)
{
	struct config_source source;
	struct config *config;
	int error = config_source_read(file, &source, e);

	if (error)
		return error;
	config = calloc(1, sizeof(*config));
	error = config ? config_make(&source, config) : config_no_memory(&source);
	config_source_free(&source);
	if (error)
		config_free(config);
	else
		*ret_config = config;
	return error;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (unsigned int i = 0; i < config->service_count; i++) {
		struct config_service *service = &config->services[i];

		health_free(&service->health);
		for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
			free(service->colors[color].backends);
	}
	free(config->services);
	free(config->devices);
	free(config);
}

struct evidence_limits config_guard(const struct config *config, const char *service)
{
	for (unsigned int i = 0; config && i < config->service_count; i++)
		if (!strcmp(config->services[i].name, service))
			return config->services[i].guard;
	return EVIDENCE_LIMITS;
}
