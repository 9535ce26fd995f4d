// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/held.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct link_held {
	struct link_held *next;
	char *path;
	int link;
};

static void one_free(struct link_held *one)
{
	if (one->link >= 0)
		close(one->link);
	free(one->path);
	free(one);
}

void held_put(struct link_held **held, const char *path, int link)
{
	struct link_held *one;

	held_drop(held, path);
	one = calloc(1, sizeof(*one));
	if (!one)
		return;
	one->path = strdup(path);
	one->link = fcntl(link, F_DUPFD_CLOEXEC, 0);
	if (!one->path || one->link < 0) {
		one_free(one);
		return;
	}
	one->next = *held;
	*held = one;
}

int held_get(const struct link_held *held, const char *path)
{
	for (; held; held = held->next)
		if (!strcmp(held->path, path))
			return held->link;
	return -1;
}

void held_drop(struct link_held **held, const char *path)
{
	for (; *held; held = &(*held)->next) {
		struct link_held *one = *held;

		if (strcmp(one->path, path) != 0)
			continue;
		*held = one->next;
		one_free(one);
		return;
	}
}

bool held_are_pinned(const struct link_held *held)
{
	for (; held; held = held->next)
		if (access(held->path, F_OK))
			return false;
	return true;
}

void held_free(struct link_held **held)
{
	while (*held) {
		struct link_held *one = *held;

		*held = one->next;
		one_free(one);
	}
}
