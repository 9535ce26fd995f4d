/* SPDX-License-Identifier: GPL-2.0-only */
#include "config/schema.h"

#include <cyaml/cyaml.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_strval_t modes[] = {
	{ "auto", MODE_AUTO },
	{ "native", MODE_NATIVE },
	{ "generic", MODE_GENERIC },
	{ "tc", MODE_TC },
};

static const cyaml_strval_t health_types[] = {
	{ "tcp", HEALTH_TCP },
	{ "http", HEALTH_HTTP },
	{ "https", HEALTH_HTTPS },
	{ "exec", HEALTH_EXEC },
};

static const cyaml_strval_t colors[] = {
	{ "blue", TEAL_BLUE },
	{ "green", TEAL_GREEN },
};

static const cyaml_strval_t truths[] = {
	{ "yes", VERIFY_YES },
	{ "no", VERIFY_NO },
	{ "true", VERIFY_YES },
	{ "false", VERIFY_NO },
};

static const cyaml_strval_t on_switches[] = { { "keep", ON_SWITCH_KEEP }, { "move", ON_SWITCH_MOVE } };
static const cyaml_strval_t on_downs[] = { { "keep", ON_DOWN_KEEP }, { "reset", ON_DOWN_RESET } };
static const cyaml_strval_t all_downs[] = { { "keep", ALL_DOWN_KEEP }, { "refuse", ALL_DOWN_REFUSE } };
static const cyaml_strval_t affinities[] = { { "none", AFFINITY_NONE }, { "source", AFFINITY_SOURCE } };
static const cyaml_strval_t flows_fulls[] = { { "pass", FLOWS_FULL_PASS }, { "refuse", FLOWS_FULL_REFUSE } };

static const cyaml_schema_value_t text = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED),
};

/* Every text has the same flags and bounds, every number may be left out. */
#define FIELD_TEXT(key, flags, structure, member)                                                                      \
	CYAML_FIELD_STRING_PTR(key, flags, structure, member, 0, CYAML_UNLIMITED)
#define FIELD_WORD(key, structure, member, words)                                                                      \
	CYAML_FIELD_ENUM(key, CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, structure, member, words, COUNT(words))
#define FIELD_NUMBER(key, structure, member) CYAML_FIELD_UINT_PTR(key, CYAML_FLAG_OPTIONAL, structure, member)

static const cyaml_schema_field_t device_fields[] = {
	FIELD_TEXT("name", CYAML_FLAG_POINTER, struct raw_device, name),
	FIELD_WORD("mode", struct raw_device, mode, modes),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t health_fields[] = {
	CYAML_FIELD_ENUM("type", CYAML_FLAG_STRICT, struct raw_health, type, health_types, COUNT(health_types)),
	FIELD_TEXT("path", OPTIONAL, struct raw_health, path),
	FIELD_TEXT("host", OPTIONAL, struct raw_health, host),
	CYAML_FIELD_IGNORE("expect", CYAML_FLAG_OPTIONAL), /* a value or a list: health.c reads it */
	FIELD_WORD("verify", struct raw_health, verify, truths),
	CYAML_FIELD_SEQUENCE_COUNT("command", OPTIONAL, struct raw_health, command, command_count, &text, 0,
				   CYAML_UNLIMITED),
	FIELD_TEXT("interval", OPTIONAL, struct raw_health, interval),
	FIELD_TEXT("timeout", OPTIONAL, struct raw_health, timeout),
	FIELD_NUMBER("rise", struct raw_health, rise),
	FIELD_NUMBER("fall", struct raw_health, fall),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t guard_fields[] = {
	FIELD_NUMBER("connections", struct raw_guard, connections),
	FIELD_NUMBER("failures", struct raw_guard, failures),
	FIELD_NUMBER("failed", struct raw_guard, failed),
	FIELD_NUMBER("aborted", struct raw_guard, aborted),
	FIELD_NUMBER("slower", struct raw_guard, slower),
	FIELD_TEXT("handshake", OPTIONAL, struct raw_guard, handshake),
	FIELD_TEXT("check", OPTIONAL, struct raw_guard, check),
	FIELD_NUMBER("down", struct raw_guard, down),
	CYAML_FIELD_END,
};

#define FIELD_BACKENDS(key, color)                                                                                     \
	CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL, struct raw_service, colors[color].backends, colors[color].count,     \
				   &text, 0, CYAML_UNLIMITED)

static const cyaml_schema_field_t service_fields[] = {
	FIELD_TEXT("name", CYAML_FLAG_POINTER, struct raw_service, name),
	FIELD_TEXT("listen", CYAML_FLAG_POINTER, struct raw_service, listen),
	CYAML_FIELD_MAPPING("health", CYAML_FLAG_OPTIONAL, struct raw_service, health, health_fields),
	FIELD_BACKENDS("blue", TEAL_BLUE),
	FIELD_BACKENDS("green", TEAL_GREEN),
	FIELD_WORD("active", struct raw_service, active, colors),
	FIELD_TEXT("source", OPTIONAL, struct raw_service, source),
	FIELD_WORD("on_switch", struct raw_service, on_switch, on_switches),
	FIELD_WORD("on_down", struct raw_service, on_down, on_downs),
	FIELD_WORD("all_down", struct raw_service, all_down, all_downs),
	FIELD_WORD("affinity", struct raw_service, affinity, affinities),
	CYAML_FIELD_MAPPING("guard", CYAML_FLAG_OPTIONAL, struct raw_service, guard, guard_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t timeouts_fields[] = {
	FIELD_TEXT("handshake", OPTIONAL, struct raw_timeouts, handshake),
	FIELD_TEXT("established", OPTIONAL, struct raw_timeouts, established),
	FIELD_TEXT("closing", OPTIONAL, struct raw_timeouts, closing),
	FIELD_TEXT("reset", OPTIONAL, struct raw_timeouts, reset),
	FIELD_TEXT("udp_unanswered", OPTIONAL, struct raw_timeouts, udp_unanswered),
	FIELD_TEXT("udp", OPTIONAL, struct raw_timeouts, udp),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t limits_fields[] = {
	FIELD_NUMBER("services", struct raw_limits, services),
	FIELD_NUMBER("backends", struct raw_limits, backends),
	FIELD_NUMBER("flows", struct raw_limits, flows),
	FIELD_NUMBER("pending", struct raw_limits, pending),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t device = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_device, device_fields),
};

static const cyaml_schema_value_t service = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_service, service_fields),
};

static const cyaml_schema_field_t config_fields[] = {
	CYAML_FIELD_SEQUENCE_COUNT("devices", CYAML_FLAG_POINTER, struct raw_config, devices, device_count, &device, 0,
				   CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE_COUNT("services", CYAML_FLAG_POINTER, struct raw_config, services, service_count, &service,
				   0, CYAML_UNLIMITED),
	CYAML_FIELD_MAPPING("timeouts", CYAML_FLAG_OPTIONAL, struct raw_config, timeouts, timeouts_fields),
	CYAML_FIELD_MAPPING("limits", CYAML_FLAG_OPTIONAL, struct raw_config, limits, limits_fields),
	FIELD_WORD("flows_full", struct raw_config, flows_full, flows_fulls),
	FIELD_NUMBER("seed", struct raw_config, seed),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, config_fields),
};

/*
 * Before libcyaml loads it, the document is walked along the schema to the first node that does not fit: libcyaml's own
 * messages name neither the line of an unknown, missing or doubled key, nor what would have been right, and it takes
 * the number "1M" for 1.  Each of these returns 0 when nothing is wrong.
 */
static int node_check(struct config_source *source, const cyaml_schema_value_t *wanted, const char *label,
		      const yaml_node_t *node);

static const char *field_names(const cyaml_schema_field_t *fields, char names[256])
{
	size_t used = 0;

	names[0] = '\0';
	for (; fields->key && used < 256; fields++)
		used += (size_t)snprintf(names + used, 256 - used, "%s%s", used ? ", " : "", fields->key);
	return names;
}

static const char *wanted_name(const cyaml_schema_value_t *wanted, char name[256])
{
	size_t used = 0;

	switch (wanted->type) {
	case CYAML_SEQUENCE: return "a list";
	case CYAML_MAPPING: return "a mapping (lines of KEY: VALUE)";
	case CYAML_UINT: return "a whole number from 0 to 4294967295";
	case CYAML_ENUM:
		for (__u32 i = 0; i < wanted->enumeration.count && used < 256; i++)
			used += (size_t)snprintf(name + used, 256 - used, "%s%s", i ? ", " : "one of ",
						 wanted->enumeration.strings[i].str);
		return name;
	default: return "a single value (an IPv6 address needs quotes, as in \"[2001:db8::11]:8443\")";
	}
}

static int type_refuse(struct config_source *source, const cyaml_schema_value_t *wanted, const char *label,
		       const yaml_node_t *node)
{
	unsigned int line = config_node_line(node);
	char name[256];

	if (node->type == YAML_SEQUENCE_NODE)
		return config_refuse(source, line, "%s must be %s, not a list", label, wanted_name(wanted, name));
	if (node->type == YAML_MAPPING_NODE)
		return config_refuse(source, line, "%s must be %s, not a mapping", label, wanted_name(wanted, name));
	if (!node->data.scalar.length)
		return config_refuse(source, line, "%s must be %s, not nothing: give it a value", label,
				     wanted_name(wanted, name));
	return config_refuse(source, line, "%s must be %s, not \"%.60s\"", label, wanted_name(wanted, name),
			     (const char *)node->data.scalar.value);
}

/* No signs or spaces, which strtoull() takes, and no leading 0, which it takes for octal. */
static bool is_number(const char *value)
{
	char *end;

	if (!isdigit((unsigned char)value[0]) || (value[0] == '0' && isdigit((unsigned char)value[1])))
		return false;
	return strtoull(value, &end, 0) <= UINT32_MAX && !*end;
}

static bool scalar_fits(const cyaml_schema_value_t *wanted, const char *value)
{
	switch (wanted->type) {
	case CYAML_ENUM:
		for (__u32 i = 0; i < wanted->enumeration.count; i++)
			if (!strcmp(value, wanted->enumeration.strings[i].str))
				return true;
		return false;
	case CYAML_UINT: return is_number(value);
	default: return wanted->type == CYAML_STRING;
	}
}

static int mapping_check(struct config_source *source, const cyaml_schema_field_t *fields, const char *label,
			 const yaml_node_t *mapping)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	unsigned long seen = 0;
	int error = 0;

	for (; !error && pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&source->document, pair->key);
		const char *name = key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "?";
		char value_label[64], names[256];
		unsigned int i = 0;

		while (fields[i].key && strcmp(fields[i].key, name) != 0)
			i++;
		if (!fields[i].key)
			return config_refuse(source, config_node_line(key),
					     "unknown key \"%.60s\": the keys here are %s", name,
					     field_names(fields, names));
		if (seen & 1UL << i)
			return config_refuse(source, config_node_line(key),
					     "\"%s\" is here a second time: remove one of them", name);
		seen |= 1UL << i;
		snprintf(value_label, sizeof(value_label), "\"%s\"", name);
		error = node_check(source, &fields[i].value, value_label,
				   yaml_document_get_node(&source->document, pair->value));
	}
	for (unsigned int i = 0; !error && fields[i].key; i++)
		if (!(seen & 1UL << i) && !(fields[i].value.flags & CYAML_FLAG_OPTIONAL))
			error = config_refuse(source, config_node_line(mapping),
					      "%s has no \"%s\": add it, see teal.yaml(5)", label, fields[i].key);
	return error;
}

static int node_check(struct config_source *source, const cyaml_schema_value_t *wanted, const char *label,
		      const yaml_node_t *node)
{
	char entry[80];
	int error = 0;

	if (wanted->type == CYAML_IGNORE)
		return 0;
	if (wanted->type == CYAML_MAPPING && node->type == YAML_MAPPING_NODE)
		return mapping_check(source, wanted->mapping.fields, label, node);
	if (wanted->type == CYAML_SEQUENCE && node->type == YAML_SEQUENCE_NODE) {
		snprintf(entry, sizeof(entry), "this entry of %s", label);
		for (const yaml_node_item_t *item = node->data.sequence.items.start;
		     !error && item < node->data.sequence.items.top; item++)
			error = node_check(source, wanted->sequence.entry, entry,
					   yaml_document_get_node(&source->document, *item));
		return error;
	}
	if (node->type == YAML_SCALAR_NODE && scalar_fits(wanted, (const char *)node->data.scalar.value))
		return 0;
	return type_refuse(source, wanted, label, node);
}

static const cyaml_config_t behaviour = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

int raw_config_load(struct config_source *source, struct raw_config **ret)
{
	cyaml_data_t *raw = NULL;
	cyaml_err_t refused;
	int error = node_check(source, &schema, "the file", yaml_document_get_root_node(&source->document));

	if (error)
		return error;
	refused = cyaml_load_data((const uint8_t *)source->text, source->size, &behaviour, &schema, &raw, NULL);
	if (refused == CYAML_ERR_OOM)
		return config_no_memory(source);
	if (refused)
		return config_refuse(source, 1, "%s: see teal.yaml(5) for the form of this file",
				     cyaml_strerror(refused));
	*ret = raw;
	return 0;
}

void raw_config_free(struct raw_config *raw)
{
	cyaml_free(&behaviour, &schema, raw, 0);
}
