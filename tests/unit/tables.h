/* SPDX-License-Identifier: GPL-2.0-only */
/* Real tables for a test: loaded by the daemon's own loader, on a BPF file system that nobody else sees. */
#ifndef TEAL_UNIT_TABLES_H
#define TEAL_UNIT_TABLES_H

#include "config/config.h"
#include "operation/services.h"
#include "table/service.h"

/*
 * Loads with the limits that `yaml` has, and opens the tables; the configuration is not applied.
 * @ret_config  give it to tables_end()
 * Returns NULL, after a failed assertion, if that cannot be.
 */
struct tables *tables_begin(const char *yaml, struct config **ret_config);
void tables_end(struct tables *t, struct config *config);

/* The same, and the configuration is applied. */
struct tables *tables_applied(const char *yaml, struct config **ret_config);

/* The directory for books, beside the tables. */
const char *tables_state_dir(void);

/* A configuration from text; NULL after a failed assertion. */
struct config *config_of(const char *yaml);

/* Applies a configuration as teald does on SIGHUP.  Returns 0, or a negative errno with a sentence. */
int tables_apply(struct tables *t, const char *yaml, struct error *e);

/* Which ids stand in the color's pinned table: bit n for id n.  0 where there is no table. */
unsigned long table_ids(const struct tables *t, const char *service, enum teal_color color);

/* The id of the map in the service's dispatch slot; another number is another table.  0: empty. */
__u32 table_in_slot(const struct tables *t, __u16 service);

/* The id of the backend at "ADDRESS:PORT" of a service, 0: none that is not removed. */
__u32 backend_id(const struct tables *t, __u16 service, const char *text);
enum teal_health health_of(const struct tables *t, __u32 backend);
void health_put(const struct tables *t, __u32 backend, enum teal_health health);

#endif
