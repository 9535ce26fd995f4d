/* SPDX-License-Identifier: GPL-2.0-only */
#include "config/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"

#define FILE_MAX (4 << 20) /* bytes; a thousand services with forty backends each take a fifth of it */
#define DEPTH_MAX 8	   /* of nesting; the schema needs 4, and libyaml takes time square in it */

static void parser_p(yaml_parser_t *parser)
{
	yaml_parser_delete(parser);
}
#define _cleanup_parser_ __attribute__((cleanup(parser_p)))

int config_refuse(const struct config_source *source, unsigned int line, const char *format, ...)
{
	char reason[sizeof(source->e->text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	return error_set(source->e, EXIT_FAILED, EINVAL, "%s:%u: %s", source->file, line, reason);
}

int config_no_memory(const struct config_source *source)
{
	return error_set(source->e, EXIT_FAILED, ENOMEM, "%s: no memory to read it", source->file);
}

/* Reading */

static int bytes_read(int fd, char *bytes, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t got = read(fd, bytes + have, size - have);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (!got)
			break;
		have += got > 0 ? (size_t)got : 0;
	}
	return (int)have;
}

/* libyaml takes time square in the number of %TAG lines, before it tells of the first. */
static int directives_check(const struct config_source *source)
{
	const char *found = source->text[0] == '%' ? source->text : strstr(source->text, "\n%");
	unsigned int line = 1;

	if (!found)
		return 0;
	for (const char *c = source->text; c <= found; c++)
		line += *c == '\n';
	return config_refuse(source, line, "a line that begins with %% is not read here: remove it");
}

/* Into source->text, which has room for FILE_MAX bytes and one more. */
static int text_read(struct config_source *source)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	_cleanup_close_ int fd = open(source->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	int size;

	if (fd < 0 && errno == ENOENT)
		return error_set(source->e, EXIT_FAILED, ENOENT,
				 "%s: there is no such file: write it (teal.yaml(5) has an example), or name another one "
				 "with --config",
				 source->file);
	if (fd < 0 || fstat(fd, &status))
		return error_set(source->e, EXIT_FAILED, errno,
				 "%s: cannot be read (%s): make it readable, or name another file "
				 "with --config",
				 source->file, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return error_set(source->e, EXIT_FAILED, S_ISDIR(status.st_mode) ? EISDIR : EINVAL,
				 "%s: is not a regular file: name the configuration file itself with --config",
				 source->file);
	size = bytes_read(fd, source->text, FILE_MAX + 1);
	if (size < 0)
		return error_set(source->e, EXIT_FAILED, -size,
				 "%s: cannot be read (%s): name another file with --config", source->file,
				 strerror(-size));
	if (size > FILE_MAX)
		return error_set(source->e, EXIT_FAILED, EFBIG,
				 "%s: is bigger than 4 MiB: name the configuration file with "
				 "--config",
				 source->file);
	source->text[size] = '\0';
	source->size = (size_t)size;
	return directives_check(source);
}

/* Syntax */

/* libyaml marks no line when a byte is not text. */
static unsigned int problem_line(const struct config_source *source, const yaml_parser_t *parser)
{
	unsigned int line = 1;

	if (parser->error != YAML_READER_ERROR)
		return (unsigned int)parser->problem_mark.line + 1;
	for (size_t i = 0; i < parser->problem_offset && i < source->size; i++)
		line += source->text[i] == '\n';
	return line;
}

/* [2001:db8::1]:443 without quotes begins a list. */
static bool has_bare_ipv6(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		size_t length = line[i] == '[' ? strspn(line + i + 1, "0123456789abcdefABCDEF:.") : 0;

		if (length && line[i + 1 + length] == ']' && memchr(line + i + 1, ':', length) &&
		    (i == 0 || !strchr("\"'", line[i - 1])))
			return true;
	}
	return false;
}

static const char *advice(const struct config_source *source, unsigned int number)
{
	const char *line = source->text;

	while (--number && strchr(line, '\n'))
		line = strchr(line, '\n') + 1;
	if (has_bare_ipv6(line, strcspn(line, "\n")))
		return "put an IPv6 address in quotes, as in \"[2001:db8::11]:8443\"";
	if (line[strspn(line, " ")] == '\t')
		return "indent with spaces, not with tabs";
	return "look for a wrong indentation, or a bracket or quote that is not closed";
}

static int syntax_refuse(const struct config_source *source, const yaml_parser_t *parser)
{
	unsigned int line = problem_line(source, parser), began = (unsigned int)parser->context_mark.line + 1;
	char context[100] = "";

	if (parser->context && began < line)
		snprintf(context, sizeof(context), " %s that began in line %u", parser->context, began);
	return config_refuse(source, line, "this is not YAML (%s%s): %s",
			     parser->problem ? parser->problem : "out of memory", context,
			     parser->error == YAML_READER_ERROR ? "write it as UTF-8 text" : advice(source, line));
}

/* Returns 0, or an error when this is more than the schema could ever want. */
static int event_check(const struct config_source *source, const yaml_event_t *event, unsigned int *depth,
		       unsigned int *documents)
{
	unsigned int line = (unsigned int)event->start_mark.line + 1;
	bool begins = event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
	bool ends = event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;

	*depth += (unsigned int)begins - (unsigned int)ends;
	if (*depth > DEPTH_MAX)
		return config_refuse(source, line,
				     "lists and mappings are nested too deeply: see teal.yaml(5) for the form "
				     "of this file");
	if (event->type == YAML_DOCUMENT_START_EVENT && ++*documents > 1)
		return config_refuse(source, line,
				     "a second document begins here: remove the line \"---\", one file is one "
				     "configuration");
	if (event->type == YAML_ALIAS_EVENT || (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor) ||
	    (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor) ||
	    (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor))
		return config_refuse(source, line,
				     "anchors (&) and aliases (*) are not read here: write the value itself, or "
				     "put it in quotes if it begins with such a sign");
	if (event->type == YAML_SCALAR_EVENT && memchr(event->data.scalar.value, 0, event->data.scalar.length))
		return config_refuse(source, line, "a value contains a NUL character: remove it");
	return 0;
}

static int syntax_check(const struct config_source *source)
{
	_cleanup_parser_ yaml_parser_t parser;
	unsigned int depth = 0, documents = 0;
	bool done = false;

	if (!yaml_parser_initialize(&parser))
		return config_no_memory(source);
	yaml_parser_set_input_string(&parser, (const unsigned char *)source->text, source->size);
	while (!done) {
		yaml_event_t event;
		int error;

		if (!yaml_parser_parse(&parser, &event))
			return syntax_refuse(source, &parser);
		error = event_check(source, &event, &depth, &documents);
		done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
		if (error)
			return error;
	}
	if (!documents)
		return config_refuse(source, 1,
				     "there is nothing in this file: begin with \"devices:\" and \"services:\", "
				     "see teal.yaml(5)");
	return 0;
}

static int document_load(struct config_source *source)
{
	_cleanup_parser_ yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		return config_no_memory(source);
	yaml_parser_set_input_string(&parser, (const unsigned char *)source->text, source->size);
	if (!yaml_parser_load(&parser, &source->document))
		return syntax_refuse(source, &parser);
	return 0;
}

int config_source_read(const char *file, struct config_source *ret, struct error *e)
{
	struct config_source source = { .file = file, .e = e, .text = malloc(FILE_MAX + 1) };
	int error;

	if (!source.text) {
		config_no_memory(&source);
		return -ENOMEM;
	}
	error = text_read(&source);
	if (!error)
		error = syntax_check(&source);
	if (!error)
		error = document_load(&source);
	if (error) {
		free(source.text);
		return error;
	}
	*ret = source;
	return 0;
}

void config_source_free(struct config_source *source)
{
	yaml_document_delete(&source->document);
	free(source->text);
}

/* Finding */

static yaml_node_t *entry_find(struct config_source *source, const yaml_node_t *list, size_t index)
{
	const yaml_node_item_t *start = list->data.sequence.items.start;

	if (list->type != YAML_SEQUENCE_NODE || index >= (size_t)(list->data.sequence.items.top - start))
		return NULL;
	return yaml_document_get_node(&source->document, start[index]);
}

static yaml_node_t *key_find(struct config_source *source, const yaml_node_t *mapping, const char *key, size_t length)
{
	if (mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top;
	     pair++) {
		const yaml_node_t *node = yaml_document_get_node(&source->document, pair->key);

		if (node->type == YAML_SCALAR_NODE && node->data.scalar.length == length &&
		    !memcmp(node->data.scalar.value, key, length))
			return yaml_document_get_node(&source->document, pair->value);
	}
	return NULL;
}

yaml_node_t *config_find(struct config_source *source, unsigned int *ret_line, const char *path, ...)
{
	yaml_node_t *node = yaml_document_get_root_node(&source->document), *nearest = node;
	char text[128], *rest = text;
	va_list arguments;

	va_start(arguments, path);
	vsnprintf(text, sizeof(text), path, arguments);
	va_end(arguments);
	while (node && *rest) {
		if (*rest == '[') {
			node = entry_find(source, node, strtoul(rest + 1, &rest, 10));
			rest++;
		} else {
			size_t length;

			rest += *rest == '.';
			length = strcspn(rest, ".[");
			node = key_find(source, node, rest, length);
			rest += length;
		}
		nearest = node ? node : nearest;
	}
	if (ret_line)
		*ret_line = nearest ? config_node_line(nearest) : 1;
	return node;
}
