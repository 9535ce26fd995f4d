// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/books.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "daemon/log.h"
#include "operation/finish.h"
#include "operation/lock.h"
#include "operation/untold.h"
#include "table/service.h"

#define LOOK_MS 800

/* Of a service, what was looked at last. */
struct seen {
	struct teal_service_info row;
	__u32 table; /* in its slot */
};

struct books {
	uv_timer_t timer;
	const struct tables *tables;
	const char *state_dir;
	char *path;
	struct stat file;   /* zeros: there was none */
	struct seen *seen;  /* by service id */
	bool failed;	    /* and that was told */
};

static bool file_is_same(const struct stat *one, const struct stat *other)
{
	return one->st_ino == other->st_ino && one->st_dev == other->st_dev && one->st_size == other->st_size &&
	       one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

/*
 * Nothing but what has changed since the last look is looked into: most of the time that is a system call for all rows,
 * and one a service for its slot.  Nobody is locked out, so somebody who is just switching may look like one who was killed.
 * @ret_changed  whether there was anything
 */
static bool all_agree(struct books *b, const struct teal_service_info *rows, __u32 count, bool file_changed,
		      bool *ret_changed)
{
	struct record *record = NULL;
	struct error ignored = {};
	bool agree = true;

	*ret_changed = file_changed;
	for (__u32 id = 0; id < count; id++) {
		struct seen *seen = &b->seen[id];
		const bool row_changed = memcmp(&seen->row, &rows[id], sizeof(rows[id])) != 0;
		__u32 slot = id, table = 0;

		if (rows[id].name[0] && rows[id].active < TEAL_COLORS)
			table_get(b->tables, TABLE_dispatch, &slot, &table);
		if (row_changed || table != seen->table)
			*ret_changed = true;
		if (agree && table && (row_changed || table != seen->table))
			agree = finish_is_in_slot(b->tables, id, &rows[id]);
		*seen = (struct seen){ rows[id], table };
	}
	if (!agree || !*ret_changed)
		return agree;
	if (record_read(b->state_dir, &record, &ignored))
		return false;
	agree = untold_is_empty(b->state_dir, record);
	record_sort(record);
	for (__u32 id = 0; id < count && agree; id++)
		agree = !b->seen[id].table || finish_is_recorded(&rows[id], record_find_sorted(record, rows[id].name));
	record_free(record);
	return agree;
}

static void tell(void *argument, const struct service *s, enum teal_color from, bool switched)
{
	(void)argument;
	if (switched)
		log_warning("%s: whoever switched from %s to %s was killed before that was written down; it is now, as generation %u",
			    s->info.name, color_name(from), color_name(s->info.active), s->info.generation);
	else
		log_warning("%s: the books said something else than the tables, and follow them now: %s is active", s->info.name,
			    color_name(s->info.active));
}

bool books_finish(const struct tables *t, const char *state_dir, bool tell_failure)
{
	struct error e = {};
	const bool done = !finish_all(t, state_dir, tell, NULL, &e);

	if (!done && tell_failure)
		log_error("slots, books and history do not agree, and that cannot be mended now: %s", e.text);
	return done;
}

/* Returns whether it is done; not while somebody holds the lock: whoever switches just now finishes that himself. */
static bool finish(struct books *b)
{
	struct error e = {};
	_cleanup_close_ int lock = lock_take(b->tables->pin_dir, LOCK_TABLES, 0, &e);

	if (lock < 0)
		return false;
	b->failed = !books_finish(b->tables, b->state_dir, !b->failed);
	return !b->failed;
}

static void look(uv_timer_t *timer)
{
	struct books *b = timer->data;
	_cleanup_free_ struct teal_service_info *rows = NULL;
	struct stat file = {};
	bool changed;
	__u32 count;

	if (stat(b->path, &file))
		file = (struct stat){};
	if (service_infos_read(b->tables, &rows, &count))
		return;
	if (!all_agree(b, rows, count, !file_is_same(&file, &b->file), &changed) && !finish(b))
		memset(b->seen, 0, count * sizeof(*b->seen)); /* all of it is looked at again */
	b->file = file;
}

int books_new(uv_loop_t *loop, const struct tables *t, const char *state_dir, struct books **ret)
{
	struct books *b = calloc(1, sizeof(*b));

	if (b) {
		b->seen = calloc(t->rows[TABLE_service_info], sizeof(*b->seen));
		if (asprintf(&b->path, "%s/" RECORD_FILE, state_dir) < 0)
			b->path = NULL;
	}
	if (!b || !b->seen || !b->path) {
		books_free(b);
		return -ENOMEM;
	}
	b->tables = t;
	b->state_dir = state_dir;
	uv_timer_init(loop, &b->timer);
	b->timer.data = b;
	uv_timer_start(&b->timer, look, 0, LOOK_MS);
	*ret = b;
	return 0;
}

void books_free(struct books *b)
{
	if (!b)
		return;
	free(b->seen);
	free(b->path);
	free(b);
}
