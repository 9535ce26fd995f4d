// SPDX-License-Identifier: GPL-2.0-only
#include "operation/preview.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/interrupt.h"
#include "operation/finish.h"
#include "operation/reset.h"
#include "operation/services.h"
#include "operation/switch.h"
#include "table/slot.h"

#define SERVICE_BITS 32 /* of the key, before the address */

static struct teal_preview_key client_key(__u16 service, const struct prefix *prefix)
{
	struct teal_preview_key key = { .prefix = SERVICE_BITS + prefix->bits, .service = service };

	memcpy(key.address, prefix->address, sizeof(key.address));
	return key;
}

/* The clients of a service (0: of all, which are only counted), in no order. */
static int clients_get(const struct tables *t, __u16 service, struct prefix **ret, unsigned int *ret_count)
{
	struct prefix *list = calloc(t->rows[TABLE_preview_clients] + 1, sizeof(*list));
	struct teal_preview_key key, next;
	unsigned int count = 0;
	int error;

	if (!list)
		return -ENOMEM;
	for (error = table_next(t, TABLE_preview_clients, NULL, &next);
	     !error && count < t->rows[TABLE_preview_clients];
	     error = table_next(t, TABLE_preview_clients, &key, &next)) {
		key = next;
		if (service && key.service != service)
			continue;
		list[count].bits = key.prefix - SERVICE_BITS;
		memcpy(list[count++].address, key.address, sizeof(key.address));
	}
	if (error && error != -ENOENT) {
		free(list);
		return error;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

int preview_get(const struct tables *t, __u16 service, struct prefix **ret, unsigned int *ret_count, struct error *e)
{
	int error = clients_get(t, service, ret, ret_count);

	return error ? error_set(e, EXIT_FAILED, -error, "cannot read the table preview_clients: %s", strerror(-error)) : 0;
}

static bool is_among(const struct prefix *prefix, const struct prefix *list, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (list[i].bits == prefix->bits && !memcmp(list[i].address, prefix->address, sizeof(prefix->address)))
			return true;
	return false;
}

/* Takes away the clients of `list` that are not in `kept`. */
static int clients_remove(const struct tables *t, __u16 service, const struct prefix *list, unsigned int count,
			  const struct prefix *kept, unsigned int kept_count)
{
	int error = 0;

	for (unsigned int i = 0; i < count && !error; i++) {
		const struct teal_preview_key key = client_key(service, &list[i]);

		if (!is_among(&list[i], kept, kept_count))
			error = table_delete(t, TABLE_preview_clients, &key);
	}
	return error;
}

/* Who goes, goes first; then the color changes for those that stay, in one step; then the new ones come. */
static int preview_write(const struct tables *t, struct service *s, enum teal_color color, const struct prefix *from,
			 unsigned int count)
{
	_cleanup_free_ struct prefix *list = NULL;
	const __u32 yes = 1;
	__u32 id = s->id;
	unsigned int known = 0;
	int error = clients_get(t, s->id, &list, &known);

	if (!error)
		error = clients_remove(t, s->id, list, known, from, count);
	if (!error)
		error = slot_preview_put(t, s->id, s->info.name, color);
	for (unsigned int i = 0; i < count && !error; i++) {
		const struct teal_preview_key key = client_key(s->id, &from[i]);

		error = table_put(t, TABLE_preview_clients, &key, &yes);
	}
	if (error)
		return error;
	s->info.preview = color;
	error = table_put(t, TABLE_service_info, &id, &s->info);
	return error ?: service_flags_change(t, s, TEAL_SERVICE_PREVIEW, 0);
}

int preview_forget(const struct tables *t, const struct service *s)
{
	_cleanup_free_ struct prefix *list = NULL;
	struct service changed = *s;
	__u32 id = s->id;
	unsigned int known = 0;
	int error = service_flags_change(t, &changed, 0, TEAL_SERVICE_PREVIEW); /* one step for all of them */

	if (!error)
		error = clients_get(t, s->id, &list, &known);
	if (!error)
		error = clients_remove(t, s->id, list, known, NULL, 0);
	if (!error)
		error = slot_preview_clear(t, s->id);
	if (!error)
		error = table_get(t, TABLE_service_info, &id, &changed.info);
	if (error)
		return error;
	changed.info.preview = TEAL_NO_COLOR;
	return table_put(t, TABLE_service_info, &id, &changed.info);
}

int preview_follow(const struct tables *t, const struct service *s)
{
	struct teal_service_info info;
	__u32 id = s->id;
	__u16 flags;
	int error;

	if (service_flags_get(t, s, &flags) || !(flags & TEAL_SERVICE_PREVIEW))
		return 0;
	error = table_get(t, TABLE_service_info, &id, &info);
	if (!error)
		error = slot_preview_put(t, s->id, s->info.name, info.preview);
	return error == -ENOENT ? preview_forget(t, s) : error;
}

/* Everything that can be refused: families, backends, room, books. */
static int preview_check(const struct tables *t, const char *state_dir, const struct service *s, enum teal_color color,
			 const struct prefix *from, unsigned int count, bool force, struct error *e)
{
	_cleanup_free_ struct prefix *all = NULL, *own = NULL;
	unsigned int taken = 0, known = 0;
	char text[ADDRESS_TEXT_SIZE];
	int error;

	for (unsigned int i = 0; i < count; i++)
		if ((address_is_ipv4(from[i].address) && from[i].bits >= 96) != address_is_ipv4(s->listen.address))
			return error_set(e, EXIT_USAGE, EAFNOSUPPORT,
					 "'%s' is of another address family than %s listens on: name clients of the same",
					 prefix_format(&from[i], text), s->info.name);
	error = switch_check(t, s, color, force, e);
	if (!error)
		error = preview_get(t, 0, &all, &taken, e);
	if (!error)
		error = preview_get(t, s->id, &own, &known, e);
	if (!error && taken - known + count > t->rows[TABLE_preview_clients])
		error = error_set(e, EXIT_REFUSED, ENOSPC,
				  "there is room for %u prefixes in the previews of all services, and %u are taken: name fewer, or "
				  "wider ones",
				  t->rows[TABLE_preview_clients], taken - known);
	return error ?: record_check(state_dir, e);
}

/* Whom it is for stands in the books besides what switch_entry() writes. */
static int preview_record(const char *state_dir, const struct service *s, const struct prefix *from,
			  unsigned int count, struct error *e)
{
	struct prefix *copy = calloc(count + 1, sizeof(*copy));
	struct record_service *entry;
	struct record *record;
	int error = record_read(state_dir, &record, e);

	if (error) {
		free(copy);
		return error;
	}
	entry = copy ? switch_entry(record, s) : NULL;
	if (entry) {
		if (count)
			memcpy(copy, from, count * sizeof(*copy));
		free(entry->preview.from);
		entry->preview.color = s->info.preview;
		entry->preview.from = copy;
		entry->preview.count = count;
		error = record_write(state_dir, record, e);
	} else {
		free(copy);
		error = error_set(e, EXIT_FAILED, ENOMEM, "out of memory");
	}
	record_free(record);
	return error;
}

/* Back to what was, as far as that goes: the cause is told already. */
static void preview_restore(const struct tables *t, const struct service *before, const struct prefix *list,
			    unsigned int count)
{
	struct service s = *before;

	if (before->info.preview == TEAL_NO_COLOR)
		preview_forget(t, before);
	else
		preview_write(t, &s, before->info.preview, list, count);
}

int preview_set(const struct tables *t, const char *state_dir, struct service *s, enum teal_color color,
		const struct prefix *from, unsigned int count, bool force, struct error *e)
{
	_cleanup_interrupts_ sigset_t signals = interrupts_hold();
	_cleanup_free_ struct prefix *before = NULL;
	struct service changed;
	unsigned int known = 0;
	int error = preview_check(t, state_dir, s, color, from, count, force, e);

	if (!error)
		error = finish_services(t, state_dir, s, 1, e);
	if (!error)
		error = preview_get(t, s->id, &before, &known, e);
	if (!error)
		error = reset_clear(t, s, color, e);
	if (error)
		return error;
	changed = *s;
	error = preview_write(t, &changed, color, from, count);
	if (error)
		error = error_set(e, EXIT_FAILED, -error, "cannot write the preview of %s: %s; it is what it was",
				  s->info.name, strerror(-error));
	else
		error = preview_record(state_dir, &changed, from, count, e);
	if (error)
		preview_restore(t, s, before, known);
	else
		*s = changed;
	return error;
}

int preview_end(const struct tables *t, const char *state_dir, struct service *s, struct error *e)
{
	_cleanup_interrupts_ sigset_t signals = interrupts_hold();
	_cleanup_free_ struct prefix *before = NULL;
	struct service changed;
	unsigned int known = 0;
	int error;

	if (s->info.preview == TEAL_NO_COLOR)
		return 0;
	error = record_check(state_dir, e);
	if (!error)
		error = finish_services(t, state_dir, s, 1, e);
	if (!error)
		error = preview_get(t, s->id, &before, &known, e);
	if (error)
		return error;
	changed = *s;
	error = preview_forget(t, s);
	if (error)
		return error_set(e, EXIT_FAILED, -error, "cannot end the preview of %s: %s", s->info.name,
				 strerror(-error));
	changed.info.preview = TEAL_NO_COLOR;
	changed.flags &= ~TEAL_SERVICE_PREVIEW;
	error = preview_record(state_dir, &changed, NULL, 0, e);
	if (error)
		preview_restore(t, s, before, known);
	else
		*s = changed;
	return error;
}
