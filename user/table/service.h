/* SPDX-License-Identifier: GPL-2.0-only */
/* Services and backends as the tables have them. */
#ifndef TEAL_SERVICE_H
#define TEAL_SERVICE_H

#include "common/address.h"
#include "table/table.h"

struct service {
	__u16 id;
	struct teal_service_info info; /* `active`, `canary` and `preview` as slot and flags say: they are the truth */
	struct endpoint listen;
	enum teal_protocol protocol;
	__u16 flags; /* TEAL_SERVICE_* of its row in services */
};

struct backend {
	__u32 id;
	struct teal_backend row;
	struct teal_counters counters; /* summed over the CPUs */
};

/* Live flows of a backend: exact, whether or not the daemon runs. */
static inline __u64 backend_flows(const struct backend *b)
{
	return b->counters.opened - b->counters.ended;
}

/* Flow rows that still carry the backend's id, closing ones included. */
static inline __u64 backend_rows(const struct backend *b)
{
	return b->counters.opened - b->counters.deleted;
}

/*
 * All services in the order of their names; a removed one, whose flows are still ending, is not among them.
 * Give *ret to free().  Returns 0 or a negative errno with a sentence.
 */
int service_list(const struct tables *t, struct service **ret, unsigned int *ret_count, struct error *e);

/* The service of that name.  Returns 0, or -ENOENT with a sentence that lists the ones there are. */
int service_find(const struct tables *t, const char *name, struct service *ret, struct error *e);

/*
 * The rows of `services` with their keys (VIPs' own rows included), and those of `service_info` by id, in a system call each.
 * Give them to free().  Return 0 or a negative errno.
 */
int service_keys_read(const struct tables *t, struct teal_service_key **ret_keys, struct teal_service **ret_rows,
		      unsigned int *ret_count);
int service_infos_read(const struct tables *t, struct teal_service_info **ret, __u32 *ret_count);

/*
 * The backends of a service (0: of all), in the order of their ids, those that are TEAL_REMOVED included.
 * Give *ret to free().  Returns 0 or a negative errno with a sentence.
 */
int backend_list(const struct tables *t, __u16 service, struct backend **ret, unsigned int *ret_count,
		 struct error *e);

/*
 * For whoever shows many services and reads the backends of all of them once: sorts by service and id; then, where a
 * service's begin, and *ret_count, how many they are.
 */
void backends_sort(struct backend *list, unsigned int count);
const struct backend *backends_of(const struct backend *list, unsigned int count, __u16 service,
				  unsigned int *ret_count);

/*
 * All rows of the table of backends, by id, free ones included, as they stand and without their counters.
 * Give *ret to free().  Returns 0 or a negative errno.
 */
int backend_rows_read(const struct tables *t, struct teal_backend **ret, __u32 *ret_count);

/* A backend's counters, summed over the CPUs.  Returns 0 or a negative errno. */
int counters_get(const struct tables *t, __u32 backend, struct teal_counters *ret);

/* Live flows of one color of a service.  Returns 0 or a negative errno with a sentence. */
int color_flows(const struct tables *t, __u16 service, enum teal_color color, __u64 *ret, struct error *e);

static inline void service_key_set(struct teal_service_key *key, const struct endpoint *endpoint,
				   enum teal_protocol protocol)
{
	*key = (struct teal_service_key){ .port = endpoint->port, .protocol = protocol };
	__builtin_memcpy(key->address, endpoint->address, sizeof(key->address));
}

#endif
