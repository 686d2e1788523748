/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearby - reads the text around matches once, by the automaton of keyword.c,
 * and remembers where words were seen last.
 *
 * Owns: the automaton of one piece of evidence, and what it has read.
 * Never: decides that evidence is there. Between words it says no; where one
 * was seen, the authority is asked.
 *
 * Matches come in ascending order and lie close together in a table, so that
 * the stretches around them overlap. A stretch that goes on from what was read
 * is read from there.
 */
#include "agent/detect/nearby.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/detect/keyword.h"

#include "lib/own.h"

enum {
	LEAST = 2, /* bytes of a word; shorter ones are everywhere */
	JUMP = 256, /* bytes that are rather read than left out */
};

struct nearby_words {
	struct keywords *keywords; /* owned */
	/* Bytes at most from the start of a match to where its word is seen. */
	size_t reach;
};

void
nearby_words_free(struct nearby_words *w)
{
	if (w == NULL)
		return;
	keywords_free(w->keywords);
	free(w);
}

static int
words_new(const struct literals *l, struct nearby_words **out)
{
	OWN_MEM struct candidate_literal *texts = calloc(l->n, sizeof *texts);
	struct nearby_words *w = calloc(1, sizeof *w);

	if (texts == NULL || w == NULL) {
		free(w);
		return -ENOMEM;
	}
	for (size_t i = 0; i < l->n; i++) {
		const struct literal *t = &l->list[i];
		size_t reach = (size_t)t->farthest + t->len;

		texts[i].text = t->text;
		texts[i].len = t->len;
		texts[i].fold = t->fold;
		w->reach = reach > w->reach ? reach : w->reach;
	}
	if (keywords_new(texts, (unsigned)l->n, &w->keywords) != 0) {
		nearby_words_free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

int
nearby_words_new(const struct pattern *p, struct nearby_words **out)
{
	struct literals l = {0};
	int r = pattern_literals(p, &l);

	*out = NULL;
	if (r == 0 && l.n > 0 && l.least >= LEAST)
		r = words_new(&l, out);
	pattern_literals_done(&l);
	return r;
}

/* Reads on until @to. */
static void
read_on(const struct nearby_words *w, struct nearby *n,
    const struct nearby_text *t, uint64_t to)
{
	while (n->to < to) {
		size_t at = (size_t)(n->to - t->base);

		if (keywords_next(w->keywords, &n->state, t->data,
			(size_t)(to - t->base), &at))
			n->hits[n->nhits++ % NEARBY_HITS] = t->base + at;
		n->to = t->base + at;
	}
}

bool
nearby_may(const struct nearby_words *w, struct nearby *n,
    const struct nearby_text *t, size_t *from, size_t to, size_t *last)
{
	uint64_t low = t->base + *from;
	uint64_t high = t->base + to;
	uint64_t first = 0, end = 0;

	if (low < n->from || n->to < t->base || low > n->to + JUMP) {
		*n = (struct nearby){.from = low, .to = low};
	}
	read_on(w, n, t, high);
	/* Of the hits that are kept, those within; the latest come first. */
	for (uint64_t i = 1; i <= n->nhits && i <= NEARBY_HITS; i++) {
		uint64_t at = n->hits[(n->nhits - i) % NEARBY_HITS];

		if (at > high)
			continue;
		if (at <= low)
			break;
		first = at;
		end = end > at ? end : at;
	}
	if (n->nhits > NEARBY_HITS && n->hits[n->nhits % NEARBY_HITS] > low) {
		/* Some were forgotten. */
		*last = to - 1;
		return to > *from;
	}
	if (first == 0)
		return false;
	if (first - low > w->reach)
		*from = (size_t)(first - w->reach - t->base);
	*last = (size_t)(end - 1 - t->base);
	return true;
}
