/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layered - what is kept of matches that stood encoded.
 *
 * Owns: one tally for each detector, confidence and row of layers.
 * Never: more than LAYERED_MAX of them; the caller says what is over.
 */
#include "agent/detect/layered.h"

#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

struct layered *
layered_of(struct layereds *all, size_t lane, size_t which, const char *path)
{
	struct layered *l;

	for (size_t i = 0; i < all->n; i++) {
		l = &all->list[i];
		if (l->lane == lane && l->which == which &&
		    str_eq(l->path, path))
			return l;
	}
	if (all->n == LAYERED_MAX)
		return NULL;
	if (all->n == all->cap) {
		size_t cap = all->cap == 0 ? 16 : 2 * all->cap;
		struct layered *more =
		    reallocarray(all->list, cap, sizeof *more);

		if (more == NULL)
			return NULL;
		all->list = more;
		all->cap = cap;
	}
	l = &all->list[all->n++];
	*l = (struct layered){.lane = lane, .which = which};
	(void)str_copy(l->path, sizeof l->path, path);
	return l;
}

static int
by_rule(const void *a, const void *b)
{
	const struct layered *x = a;
	const struct layered *y = b;

	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	if (x->which != y->which)
		return x->which < y->which ? -1 : 1;
	return strcmp(x->path, y->path);
}

void
layered_sort(struct layereds *all)
{
	if (all->n > 0)
		qsort(all->list, all->n, sizeof *all->list, by_rule);
}

void
layered_clear(struct layereds *all)
{
	for (size_t i = 0; i < all->n; i++)
		tally_done(&all->list[i].tally);
	all->n = 0;
}

void
layered_done(struct layereds *all)
{
	layered_clear(all);
	free(all->list);
	*all = (struct layereds){0};
}
