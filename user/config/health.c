/* SPDX-License-Identifier: GPL-2.0-only */
#include "config/health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

#define PATH_LENGTH 1024
#define HOST_LENGTH 253	   /* of a DNS name */
#define ARGUMENTS_MAX 64
#define INTERVAL_LEAST 100 /* ms; shorter is an attack on the backend */

static const char *const type_names[] = {
	[HEALTH_TCP] = "tcp",
	[HEALTH_HTTP] = "http",
	[HEALTH_HTTPS] = "https",
	[HEALTH_EXEC] = "exec",
};

#define BIT(type) (1U << (type))
#define HTTP_BITS (BIT(HEALTH_HTTP) | BIT(HEALTH_HTTPS))

/* Refuses a key that the type of the check has no use for. */
static int key_check(struct config_source *source, unsigned int i, const char *key, enum health_type type,
		     unsigned int types, const char *names)
{
	unsigned int line;

	if (!config_find(source, &line, "services[%u].health.%s", i, key) || types & BIT(type))
		return 0;
	return config_refuse(source, line, "\"%s\" goes with type %s only, not with %s: remove it or change the type",
			     key, names, type_names[type]);
}

static int keys_check(struct config_source *source, unsigned int i, enum health_type type)
{
	int error = key_check(source, i, "path", type, HTTP_BITS, "http or https");

	error = error ?: key_check(source, i, "host", type, HTTP_BITS, "http or https");
	error = error ?: key_check(source, i, "expect", type, HTTP_BITS, "http or https");
	error = error ?: key_check(source, i, "verify", type, BIT(HEALTH_HTTPS), "https");
	return error ?: key_check(source, i, "command", type, BIT(HEALTH_EXEC), "exec");
}

static int path_read(struct config_source *source, unsigned int i, const char *path, struct config_health *ret)
{
	unsigned int line;

	config_find(source, &line, "services[%u].health.path", i);
	if (path && (*path != '/' || strlen(path) > PATH_LENGTH || strpbrk(path, " \t\r\n")))
		return config_refuse(source, line,
				     "\"path\" must begin with / and contain no spaces, such as /healthz, not "
				     "\"%.60s\"",
				     path);
	ret->path = strdup(path ? path : "/");
	return ret->path ? 0 : config_no_memory(source);
}

static int host_read(struct config_source *source, unsigned int i, const char *host, struct config_health *ret)
{
	unsigned int line;

	if (!host)
		return 0;
	config_find(source, &line, "services[%u].health.host", i);
	if (!*host || strlen(host) > HOST_LENGTH || *host == '-' ||
	    host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")])
		return config_refuse(source, line,
				     "\"host\" must be the name that the backend is asked for, such as www.example.org, "
				     "not \"%.60s\"",
				     host);
	ret->host = strdup(host);
	return ret->host ? 0 : config_no_memory(source);
}

/* "200" or "200-399".  Returns 0 or -EINVAL. */
static int expect_parse(const char *text, struct config_expect *ret)
{
	unsigned int first, last;
	int length = -1;

	if (sscanf(text, "%3u-%3u%n", &first, &last, &length) != 2 || length < 0) {
		if (sscanf(text, "%3u%n", &first, &length) != 1)
			return -EINVAL;
		last = first;
	}
	/* sscanf() takes signs and spaces, which digits and one dash leave no room for. */
	if (text[length] || text[strspn(text, "0123456789-")] || *text == '-' || first < 100 || last > 599 || first > last)
		return -EINVAL;
	*ret = (struct config_expect){ (__u16)first, (__u16)last };
	return 0;
}

static int expect_read_one(struct config_source *source, const yaml_node_t *node, struct config_health *ret)
{
	if (node->type == YAML_SCALAR_NODE &&
	    !expect_parse((const char *)node->data.scalar.value, &ret->expect[ret->expect_count])) {
		ret->expect_count++;
		return 0;
	}
	return config_refuse(source, config_node_line(node),
			     "\"expect\" must be states of HTTP from 100 to 599: one, a range or a list of these, such as "
			     "200, 200-399 or [200, 404]%s%.60s%s",
			     node->type == YAML_SCALAR_NODE ? ", not \"" : "",
			     node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "",
			     node->type == YAML_SCALAR_NODE ? "\"" : "");
}

static int expect_read(struct config_source *source, unsigned int i, struct config_health *ret)
{
	const yaml_node_t *node = config_find(source, NULL, "services[%u].health.expect", i);
	bool many = node && node->type == YAML_SEQUENCE_NODE &&
		    node->data.sequence.items.top > node->data.sequence.items.start;
	size_t count = many ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start) : 1;
	int error = 0;

	ret->expect = calloc(count, sizeof(*ret->expect));
	if (!ret->expect)
		return config_no_memory(source);
	if (!node) {
		ret->expect[ret->expect_count++] = (struct config_expect){ 200, 399 };
		return 0;
	}
	if (!many)
		return expect_read_one(source, node, ret);
	for (size_t n = 0; n < count && !error; n++)
		error = expect_read_one(source,
					yaml_document_get_node(&source->document, node->data.sequence.items.start[n]),
					ret);
	return error;
}

static int command_read(struct config_source *source, unsigned int i, const struct raw_health *raw,
			struct config_health *ret)
{
	unsigned int line;

	config_find(source, &line, "services[%u].health.command", i);
	if (!raw->command_count)
		return config_refuse(source, line,
				     "health of type exec needs a \"command\": a program and its arguments, such as "
				     "[/usr/local/bin/check, --fast]");
	if (raw->command_count > ARGUMENTS_MAX)
		return config_refuse(source, line, "\"command\" must have at most %u arguments, not %u", ARGUMENTS_MAX,
				     raw->command_count);
	if (raw->command[0][0] != '/')
		return config_refuse(source, line,
				     "\"command\" must begin with the whole path of a program, such as "
				     "/usr/local/bin/check, not \"%.60s\": it is run without a shell",
				     raw->command[0]);
	ret->command = calloc(raw->command_count + 1, sizeof(*ret->command));
	for (unsigned int n = 0; ret->command && n < raw->command_count; n++)
		if (!(ret->command[n] = strdup(raw->command[n])))
			return config_no_memory(source);
	return ret->command ? 0 : config_no_memory(source);
}

static int times_read(struct config_source *source, unsigned int i, const struct raw_health *raw,
		      struct config_health *ret)
{
	char path[64];
	int error = 0;

#define READ(kind, name, value, ...)                                                                                   \
	snprintf(path, sizeof(path), "services[%u].health." #name, i);                                                 \
	error = error ? error : kind##_read(source, path, raw->name, __VA_ARGS__, &ret->value)
	READ(duration, interval, interval_ms, 1, INTERVAL_LEAST, 24);
	READ(duration, timeout, timeout_ms, 1, 1, 24);
	READ(number, rise, rise, 1, 1000);
	READ(number, fall, fall, 1, 1000);
#undef READ
	return error;
}

int health_read(struct config_source *source, unsigned int i, const struct raw_health *raw, struct config_health *ret)
{
	bool http = raw->type == HEALTH_HTTP || raw->type == HEALTH_HTTPS;
	int error;

	if (raw->type == HEALTH_NONE)
		return 0;
	*ret = (struct config_health){
		.type = raw->type,
		.verify = raw->type == HEALTH_HTTPS && raw->verify != VERIFY_NO,
		.interval_ms = 2000,
		.timeout_ms = 1000,
		.rise = 2,
		.fall = 3,
	};
	error = keys_check(source, i, raw->type);
	if (!error && http)
		error = path_read(source, i, raw->path, ret);
	if (!error && http)
		error = host_read(source, i, raw->host, ret);
	if (!error && http)
		error = expect_read(source, i, ret);
	if (!error && raw->type == HEALTH_EXEC)
		error = command_read(source, i, raw, ret);
	return error ?: times_read(source, i, raw, ret);
}

void health_free(struct config_health *health)
{
	free(health->path);
	free(health->host);
	free(health->expect);
	for (char **argument = health->command; argument && *argument; argument++)
		free(*argument);
	free(health->command);
}
