/* SPDX-License-Identifier: GPL-2.0-only */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/cleanup.h"
#include "config/check.h"
#include "config/schema.h"
#include "config/source.h"

#define SECOND 1000ULL /* ms */
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define PATH_MAX_LENGTH 1024

static void raw_p(struct raw_config **raw)
{
	if (*raw)
		raw_config_free(*raw);
}
#define _cleanup_raw_ __attribute__((cleanup(raw_p)))

/* Values */

/* "500ms", "2s", "2h11m": each unit once, the bigger before the smaller.  Returns 0 or -EINVAL. */
static int duration_parse(const char *value, __u64 *ret_ms)
{
	static const struct {
		const char *name;
		__u64 ms;
	} units[] = { { "h", HOUR }, { "m", MINUTE }, { "s", SECOND }, { "ms", 1 } };
	unsigned int unit = 0;
	__u64 sum = 0;

	do {
		size_t digits = strspn(value, "0123456789"), length;

		length = strspn(value + digits, "hms");
		if (!digits || digits > 9 || !length)
			return -EINVAL;
		while (unit < 4 &&
		       (strlen(units[unit].name) != length || memcmp(value + digits, units[unit].name, length) != 0))
			unit++;
		if (unit == 4)
			return -EINVAL;
		sum += strtoull(value, NULL, 10) * units[unit++].ms;
		value += digits + length;
	} while (*value);
	*ret_ms = sum;
	return 0;
}

/*
 * @value   NULL: leaves *ret at what it is, the default
 * @unit    in ms; what *ret counts
 * @limit   the longest, in hours
 * @path    where the value stands
 */
static int duration_read(struct config_source *source, const char *path, const char *value, __u64 unit, __u64 limit,
			 __u32 *ret)
{
	const char *key = strrchr(path, '.') + 1;
	unsigned int line;
	__u64 ms;

	if (!value)
		return 0;
	config_find(source, &line, "%s", path);
	if (duration_parse(value, &ms))
		return config_refuse(source, line,
				     "\"%s\" must be a duration such as 500ms, 2s or 2h11m, not \"%.60s\"", key, value);
	if (ms < unit || ms % unit || ms > limit * HOUR)
		return config_refuse(source, line, "\"%s\" must be %s and at most %lluh, not %.60s", key,
				     unit == 1 ? "at least 1ms" : "whole seconds, at least 1s", limit, value);
	*ret = (__u32)(ms / unit);
	return 0;
}

/* The same for a number; NULL leaves the default. */
static int number_read(struct config_source *source, const char *path, const __u32 *value, __u32 least, __u32 most,
		       __u32 *ret)
{
	unsigned int line;

	if (!value)
		return 0;
	if (*value < least || *value > most) {
		config_find(source, &line, "%s", path);
		return config_refuse(source, line, "\"%s\" must be from %u to %u, not %u", strrchr(path, '.') + 1,
				     least, most, *value);
	}
	*ret = *value;
	return 0;
}

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
#define READ(name) error = error ? error : duration_read(source, "timeouts." #name, raw->name, SECOND, year, &ret->name)
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

static int health_path_read(struct config_source *source, unsigned int i, const char *path, struct config_health *ret)
{
	bool http = ret->type == HEALTH_HTTP || ret->type == HEALTH_HTTPS;
	unsigned int line;

	config_find(source, &line, "services[%u].health.path", i);
	if (path && !http)
		return config_refuse(source, line,
				     "\"path\" goes with type http or https only: remove it or change the type");
	if (path && (*path != '/' || strlen(path) > PATH_MAX_LENGTH || strpbrk(path, " \t\r\n")))
		return config_refuse(source, line,
				     "\"path\" must begin with / and contain no spaces, such as /healthz, not "
				     "\"%.60s\"",
				     path);
	ret->path = http ? strdup(path ? path : "/") : NULL;
	if (http && !ret->path)
		return config_no_memory(source);
	return 0;
}

static int health_read(struct config_source *source, unsigned int i, const struct raw_health *raw,
		       struct config_health *ret)
{
	unsigned int line;
	char path[64];
	int error;

	if (raw->type == HEALTH_NONE)
		return 0;
	config_find(source, &line, "services[%u].health.type", i);
	if (raw->type == HEALTH_EXEC)
		return config_refuse(source, line,
				     "health checks of type exec are not supported yet by this version: take "
				     "tcp, http or https");
	*ret = (struct config_health){
		.type = raw->type, .interval_ms = 2000, .timeout_ms = 1000, .rise = 2, .fall = 3
	};
	error = health_path_read(source, i, raw->path, ret);
#define READ(kind, name, value, ...)                                                                                   \
	snprintf(path, sizeof(path), "services[%u].health." #name, i);                                                 \
	error = error ? error : kind##_read(source, path, raw->name, __VA_ARGS__, &ret->value)
	READ(duration, interval, interval_ms, 1, 24);
	READ(duration, timeout, timeout_ms, 1, 24);
	READ(number, rise, rise, 1, 1000);
	READ(number, fall, fall, 1, 1000);
#undef READ
	return error;
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
	config_find(source, &line, "services[%u].source", i);
	if (config_find(source, NULL, "services[%u].source", i))
		return config_refuse(source, line,
				     "\"source\" is not supported yet by this version: remove it, and let the "
				     "backends of %s route their replies through this host",
				     service->name);
	config_find(source, &line, "services[%u].listen", i);
	if (listen_parse(raw->listen, &service->listen, &service->protocol))
		return config_refuse(source, line,
				     "%s cannot listen on \"%.60s\": write ADDRESS:PORT/tcp or /udp, such as "
				     "203.0.113.10:443/tcp or \"[2001:db8::10]:443/tcp\"",
				     service->name, raw->listen);
	service->active = raw->active;
	error = health_read(source, i, &raw->health, &service->health);
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

		free(service->health.path);
		for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
			free(service->colors[color].backends);
	}
	free(config->services);
	free(config->devices);
	free(config);
}
