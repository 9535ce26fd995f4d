/* SPDX-License-Identifier: GPL-2.0-only */
#include "config/check.h"

#include <string.h>

#include "common/cleanup.h"

/* Names */

struct name {
	const char *text;
	unsigned int index;
};

static int name_compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/*
 * Sorts `names` and looks for doubles.
 * @list, @what  the list they stand in, and what one of its entries is called
 */
static int names_check(struct config_source *source, struct name *names, unsigned int count, const char *list,
		       const char *what)
{
	const struct name *first = NULL;
	unsigned int line;

	qsort(names, count, sizeof(*names), name_compare);
	for (unsigned int i = 1; i < count; i++)
		if (!strcmp(names[i - 1].text, names[i].text) && (!first || names[i].index < first->index))
			first = &names[i];
	if (!first)
		return 0;
	config_find(source, &line, "%s[%u].name", list, first->index);
	return config_refuse(source, line, "there is a %s \"%s\" already: rename or remove one of them", what,
			     first->text);
}

static int devices_check(struct config_source *source, const struct config *config)
{
	_cleanup_free_ struct name *names = NULL;
	unsigned int line;

	if (!config->device_count) {
		config_find(source, &line, "devices");
		return config_refuse(source, line,
				     "there must be at least one device: name the one that clients come in by, "
				     "such as eth0");
	}
	names = calloc(config->device_count, sizeof(*names));
	if (!names)
		return config_no_memory(source);
	for (unsigned int i = 0; i < config->device_count; i++)
		names[i] = (struct name){ config->devices[i].name, i };
	return names_check(source, names, config->device_count, "devices", "device");
}

static int services_check(struct config_source *source, const struct config *config)
{
	_cleanup_free_ struct name *names = calloc(config->service_count + 1, sizeof(*names));

	if (!names)
		return config_no_memory(source);
	for (unsigned int i = 0; i < config->service_count; i++)
		names[i] = (struct name){ config->services[i].name, i };
	return names_check(source, names, config->service_count, "services", "service");
}

/* Limits */

static int service_limit_check(struct config_source *source, const struct config *config)
{
	unsigned int line;

	if (config->service_count <= config->limits.services)
		return 0;
	config_find(source, &line, "services[%u]", config->limits.services);
	return config_refuse(source, line,
			     "there is no room for more services than %u: raise \"services\" under \"limits\"",
			     config->limits.services);
}

static int backend_limit_check(struct config_source *source, const struct config *config)
{
	__u64 left = config->limits.backends;
	unsigned int line;

	for (unsigned int i = 0; i < config->service_count; i++) {
		for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
			unsigned int count = config->services[i].colors[color].count;

			if (count <= left) {
				left -= count;
				continue;
			}
			config_find(source, &line, "services[%u].%s[%u]", i, color_name(color), (unsigned int)left);
			return config_refuse(source, line,
					     "there is no room for more backends than %u: raise \"backends\" "
					     "under \"limits\"",
					     config->limits.backends);
		}
	}
	return 0;
}

/* Endpoints */

/* Somebody's claim to an address, port and protocol: packets from or to there must mean one thing. */
struct claim {
	const struct endpoint *endpoint;
	const struct config_service *service;
	enum teal_color color; /* TEAL_NO_COLOR: the service listens there */
	unsigned int index;    /* in the color's list */
	unsigned int order;    /* in the file */
};

static int claim_compare_endpoint(const struct claim *x, const struct claim *y)
{
	int order = memcmp(x->endpoint->address, y->endpoint->address, sizeof(x->endpoint->address));

	if (order)
		return order;
	if (x->endpoint->port != y->endpoint->port)
		return x->endpoint->port < y->endpoint->port ? -1 : 1;
	return (int)x->service->protocol - (int)y->service->protocol;
}

static int claim_compare(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = claim_compare_endpoint(x, y);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static unsigned int claims_collect(const struct config *config, struct claim *claims)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		claims[count] = (struct claim){ &service->listen, service, TEAL_NO_COLOR, 0, count };
		count++;
		for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
			for (unsigned int n = 0; n < service->colors[color].count; n++) {
				claims[count] =
					(struct claim){ &service->colors[color].backends[n], service, color, n, count };
				count++;
			}
		}
	}
	return count;
}

static int claim_refuse(struct config_source *source, const struct config *config, const struct claim *first,
			const struct claim *second)
{
	unsigned int i = (unsigned int)(second->service - config->services), line;
	const char *one = first->service->name, *other = second->service->name;
	char text[ADDRESS_TEXT_SIZE];

	listen_format(second->endpoint, second->service->protocol, text);
	if (second->color == TEAL_NO_COLOR)
		config_find(source, &line, "services[%u].listen", i);
	else
		config_find(source, &line, "services[%u].%s[%u]", i, color_name(second->color), second->index);
	if (first->color == TEAL_NO_COLOR && second->color == TEAL_NO_COLOR)
		return config_refuse(source, line,
				     "both %s and %s listen on %s: give one of them another address or port", one,
				     other, text);
	if (first->color == TEAL_NO_COLOR || second->color == TEAL_NO_COLOR) {
		const struct claim *backend = first->color == TEAL_NO_COLOR ? second : first;

		return config_refuse(source, line,
				     "%s is where %s listens and also a backend of %s (%s): give one of them "
				     "another address or port",
				     text, backend == first ? other : one, backend->service->name,
				     color_name(backend->color));
	}
	if (first->service == second->service && first->color == second->color)
		return config_refuse(source, line, "%s is twice among the backends of %s (%s): remove one of them",
				     text, one, color_name(first->color));
	return config_refuse(source, line,
			     "%s is a backend of both %s (%s) and %s (%s): an endpoint belongs to one service and "
			     "color; give one of them another port",
			     text, one, color_name(first->color), other, color_name(second->color));
}

static int endpoints_check(struct config_source *source, const struct config *config)
{
	_cleanup_free_ struct claim *claims = NULL;
	const struct claim *first = NULL;
	size_t most = 1;
	unsigned int count;

	for (unsigned int i = 0; i < config->service_count; i++)
		most += 1 + config->services[i].colors[TEAL_BLUE].count + config->services[i].colors[TEAL_GREEN].count;
	claims = calloc(most, sizeof(*claims));
	if (!claims)
		return config_no_memory(source);
	count = claims_collect(config, claims);
	qsort(claims, count, sizeof(*claims), claim_compare);
	for (unsigned int i = 1; i < count; i++)
		if (!claim_compare_endpoint(&claims[i - 1], &claims[i]) && (!first || claims[i].order < first->order))
			first = &claims[i];
	return first ? claim_refuse(source, config, first - 1, first) : 0;
}

/* Sources */

static int vip_compare(const void *a, const void *b)
{
	const struct config_service *const *x = a, *const *y = b;

	return memcmp((*x)->listen.address, (*y)->listen.address, sizeof((*x)->listen.address));
}

static int source_refuse(struct config_source *source, const struct config *config,
			 const struct config_service *service, const char *what, const struct config_service *whose)
{
	char text[ADDRESS_TEXT_SIZE];
	unsigned int line;

	config_find(source, &line, "services[%u].source", (unsigned int)(service - config->services));
	return config_refuse(source, line,
			     "%s cannot be the source of %s, for it is %s %s: take one of this host's own addresses",
			     address_format(service->source, text), service->name, what, whose->name);
}

/* A packet to a VIP is a client's; one from a host to itself never leaves it. */
static int source_check(struct config_source *source, const struct config *config,
			const struct config_service *service, const struct config_service **vips)
{
	struct config_service wanted = { 0 };
	const struct config_service *key = &wanted, **vip;

	memcpy(wanted.listen.address, service->source, sizeof(service->source));
	vip = bsearch(&key, vips, config->service_count, sizeof(*vips), vip_compare);
	if (vip)
		return source_refuse(source, config, service, "the address of", *vip);
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
		for (unsigned int n = 0; n < service->colors[color].count; n++)
			if (!memcmp(service->colors[color].backends[n].address, service->source,
				    sizeof(service->source)))
				return source_refuse(source, config, service, "the address of a backend of", service);
	return 0;
}

static int sources_check(struct config_source *source, const struct config *config)
{
	_cleanup_free_ const struct config_service **vips = calloc(config->service_count + 1, sizeof(*vips));
	int error = 0;

	if (!vips)
		return config_no_memory(source);
	for (unsigned int i = 0; i < config->service_count; i++)
		vips[i] = &config->services[i];
	qsort(vips, config->service_count, sizeof(*vips), vip_compare);
	for (unsigned int i = 0; i < config->service_count && !error; i++)
		if (config->services[i].has_source)
			error = source_check(source, config, &config->services[i], vips);
	return error;
}

int config_check(struct config_source *source, const struct config *config)
{
	int error = devices_check(source, config);

	if (!error)
		error = services_check(source, config);
	if (!error)
		error = service_limit_check(source, config);
	if (!error)
		error = backend_limit_check(source, config);
	if (!error)
		error = endpoints_check(source, config);
	return error ? error : sources_check(source, config);
}
