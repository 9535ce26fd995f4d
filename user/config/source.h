/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration file as text: read whole, known to be YAML, and able to say in which line something stands. */
#ifndef TEAL_CONFIG_SOURCE_H
#define TEAL_CONFIG_SOURCE_H

#include <yaml.h>

#include "common/error.h"

struct config_source {
	const char *file;
	struct error *e; /* where refusals go */
	char *text;
	size_t size; /* bytes of text */
	yaml_document_t document;
};

/*
 * Reads a file and parses it as one YAML document without anchors and aliases.
 * @ret  written only on success; give it to config_source_free(); holds on to `file` and `e`
 * Returns 0 or a negative errno with a sentence in `e`.
 */
int config_source_read(const char *file, struct config_source *ret, struct error *e);
void config_source_free(struct config_source *source);

/*
 * The node at a path such as "services[1].blue[0]", or NULL.  `ret_line`, which may be NULL, is the line of that node,
 * or else of the nearest that there is around it.
 */
__attribute__((format(printf, 3, 4))) yaml_node_t *config_find(struct config_source *source, unsigned int *ret_line,
							       const char *path, ...);

/* Lines are counted from 1. */
static inline unsigned int config_node_line(const yaml_node_t *node)
{
	return (unsigned int)node->start_mark.line + 1;
}

/* Says "FILE:LINE: sentence" and returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int config_refuse(const struct config_source *source, unsigned int line,
							const char *format, ...);

/* The same for want of memory; returns -ENOMEM. */
int config_no_memory(const struct config_source *source);

#endif
