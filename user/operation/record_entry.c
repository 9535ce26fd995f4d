/* SPDX-License-Identifier: GPL-2.0-only */
/* The entries of the books. */
#include <stdlib.h>
#include <string.h>

#include "operation/record.h"

struct record_service *record_find(struct record *record, const char *name)
{
	for (unsigned int i = 0; i < record->count; i++)
		if (!strcmp(record->services[i].name, name))
			return &record->services[i];
	return NULL;
}

struct record_service *record_obtain(struct record *record, const char *name)
{
	struct record_service *service = record_find(record, name), *grown;

	if (service)
		return service;
	grown = reallocarray(record->services, record->count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	record->services = grown;
	service = &grown[record->count++];
	*service = (struct record_service){ .active = TEAL_BLUE,
					      .previous = TEAL_NO_COLOR,
					      .canary = TEAL_NO_COLOR,
					      .preview.color = TEAL_NO_COLOR };
	strncpy(service->name, name, sizeof(service->name) - 1);
	return service;
}

static int entry_compare(const void *a, const void *b)
{
	return strcmp(((const struct record_service *)a)->name, ((const struct record_service *)b)->name);
}

void record_sort(struct record *record)
{
	if (record->count)
		qsort(record->services, record->count, sizeof(*record->services), entry_compare);
}

static int name_compare(const void *name, const void *entry)
{
	return strcmp(name, ((const struct record_service *)entry)->name);
}

const struct record_service *record_find_sorted(const struct record *record, const char *name)
{
	return record->count ? bsearch(name, record->services, record->count, sizeof(*record->services), name_compare) : NULL;
}

static void service_free(struct record_service *service)
{
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++)
		free(service->colors[color].backends);
	free(service->preview.from);
	free(service->untold);
}

void record_remove(struct record *record, const char *name)
{
	struct record_service *service = record_find(record, name);

	if (!service)
		return;
	service_free(service);
	memmove(service, service + 1, (size_t)(&record->services[--record->count] - service) * sizeof(*service));
}

void record_free(struct record *record)
{
	if (!record)
		return;
	for (unsigned int i = 0; i < record->count; i++)
		service_free(&record->services[i]);
	free(record->services);
	free(record);
}
