/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/claims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int claim_compare(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = memcmp(x->endpoint->address, y->endpoint->address, sizeof(x->endpoint->address));

	if (!order && x->endpoint->port != y->endpoint->port)
		order = x->endpoint->port < y->endpoint->port ? -1 : 1;
	return order ? order : (int)x->protocol - (int)y->protocol;
}

static const char *claim_words(const struct claim *claim, char *text, size_t size)
{
	if (claim->color == TEAL_NO_COLOR)
		snprintf(text, size, "where %s listens", claim->service);
	else
		snprintf(text, size, "a backend of %s (%s%s)", claim->service, color_name(claim->color),
			 claim->at_run_time ? ", by 'teal backends'" : "");
	return text;
}

int claims_check(struct claim *claims, unsigned int count, struct error *e)
{
	char text[ADDRESS_TEXT_SIZE], one[TEAL_NAME_SIZE + 64], other[TEAL_NAME_SIZE + 64];

	qsort(claims, count, sizeof(*claims), claim_compare);
	for (unsigned int i = 1; i < count; i++)
		if (!claim_compare(&claims[i - 1], &claims[i]))
			return error_set(e, EXIT_FAILED, EEXIST,
					 "%s would be %s and %s: an endpoint belongs to one service and color, so give one of them "
					 "another port",
					 listen_format(claims[i].endpoint, claims[i].protocol, text),
					 claim_words(&claims[i - 1], one, sizeof(one)), claim_words(&claims[i], other, sizeof(other)));
	return 0;
}
