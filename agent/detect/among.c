/* SPDX-License-Identifier: Apache-2.0 */
/*
 * among - which rules wait for which, and the findings that others ask for.
 *
 * Owns: the order of rules whose evidence is a finding of another one; how far
 * a match waits until that one is known; the places of such findings.
 * Never: keeps a value, or a finding longer than somebody may ask for it.
 *
 * A finding counts as evidence when its rule has judged it: one that a
 * validator or the levels refuse does not, and one that an allow covers does.
 * So a match waits for the text behind it that may hold such findings, and for
 * as long as these wait themselves. Circles are refused, so that this ends.
 */
#include "agent/detect/among.h"

#include <errno.h>
#include <string.h>

#include "agent/detect/rules.h"
#include "lib/str.h"

#include "lib/own.h"

enum { FIRST = 16 };

/* ---- which rules wait for which ------------------------------------------ */

static bool
asks(const struct evidence *e)
{
	return e->kind == EVIDENCE_DETECTOR;
}

/* The rule of each such piece of evidence, by its place in the set. */
static void
find_others(struct ruleset *r, struct loader *l)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct detector *d = r->detectors[i];

		for (size_t k = 0; k < d->nevidence; k++) {
			struct evidence *e = &d->evidence[k];

			if (!asks(e))
				continue;
			e->other = 0;
			while (e->other < r->n &&
			       !str_eq(r->detectors[e->other]->id, e->detector))
				e->other++;
			if (e->other == r->n)
				loader_note(l, e->at, true, true,
				    "unknown-detector",
				    "near asks for \"%s\", which is not in the "
				    "set",
				    e->detector);
			else if (filerule_asks(&r->detectors[e->other]->file))
				loader_note(l, e->at, true, true, "bad-value",
				    "%s is about members, and stands nowhere "
				    "in a text",
				    e->detector);
		}
	}
}

/* Whether all that a rule asks for is placed already; then how it waits. */
static bool
ready(const struct ruleset *r, size_t at, const bool *placed, uint64_t *lag)
{
	const struct detector *d = r->detectors[at];

	*lag = d->within;
	for (size_t k = 0; k < d->nevidence; k++) {
		const struct evidence *e = &d->evidence[k];
		uint64_t wait;

		if (!asks(e))
			continue;
		if (!placed[e->other])
			return false;
		/* A character has at most four bytes. */
		wait =
		    d->most + 4 * (uint64_t)e->after + r->among[e->other].lag;
		*lag = wait > *lag ? wait : *lag;
	}
	return true;
}

/* Who is asked keeps its findings until the last one has asked. */
static void
keep(struct ruleset *r, size_t at)
{
	const struct detector *d = r->detectors[at];

	for (size_t k = 0; k < d->nevidence; k++) {
		const struct evidence *e = &d->evidence[k];
		uint32_t sight = r->among[at].lag + 4 * e->before;

		if (!asks(e))
			continue;
		if (sight > r->among[e->other].keep)
			r->among[e->other].keep = sight;
		r->before = sight > r->before ? sight : r->before;
	}
}

static void
tell_circles(const struct ruleset *r, const bool *placed, struct loader *l)
{
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->detectors[i]->nevidence; k++) {
			const struct evidence *e =
			    &r->detectors[i]->evidence[k];

			if (!placed[i] && asks(e) && !placed[e->other])
				loader_note(l, e->at, true, true,
				    "evidence-circle",
				    "%s waits for %s, which waits for %s: "
				    "evidence goes in a circle",
				    r->detectors[i]->id, e->detector,
				    e->other == i ? "itself"
						  : "another that waits");
		}
}

int
among_tie(struct ruleset *r, struct loader *l)
{
	OWN_MEM bool *placed = calloc(r->n, sizeof *placed);
	size_t n = 0, before;

	r->among = calloc(r->n, sizeof *r->among);
	r->order = calloc(r->n, sizeof *r->order);
	if (placed == NULL || r->among == NULL || r->order == NULL)
		return -ENOMEM;
	find_others(r, l);
	if (l->fatal > 0)
		return 0;
	do {
		before = n;
		for (size_t i = 0; i < r->n; i++) {
			uint64_t lag;

			if (placed[i] || !ready(r, i, placed, &lag))
				continue;
			if (lag > AMONG_LAG_MAX) {
				loader_note(l, r->detectors[i]->at, true, true,
				    "bad-value",
				    "the evidence of %s waits for %llu bytes "
				    "of text; at most %d may",
				    r->detectors[i]->id,
				    (unsigned long long)lag, AMONG_LAG_MAX);
				lag = 0;
			}
			placed[i] = true;
			r->among[i].lag = (uint32_t)lag;
			r->order[n++] = (uint32_t)i;
			keep(r, i);
		}
	} while (n > before && n < r->n);
	if (n < r->n)
		tell_circles(r, placed, l);
	return 0;
}

/* ---- findings ------------------------------------------------------------ */

int
among_add(struct among *a, const struct among_found *f)
{
	if (a->n == a->cap) {
		size_t cap = a->cap == 0 ? FIRST : 2 * a->cap;
		struct among_found *more =
		    reallocarray(a->list, cap, sizeof *more);

		if (more == NULL)
			return -ENOMEM;
		a->list = more;
		a->cap = cap;
	}
	a->list[a->n++] = *f;
	return 0;
}

void
among_drop(struct among *a, uint64_t place)
{
	while (a->first < a->n && a->list[a->first].to < place)
		a->first++;
	/* In gulps, so that moving costs little a finding. */
	if (a->first < a->n && 2 * a->first < a->cap)
		return;
	if (a->first > 0)
		memmove(a->list, a->list + a->first,
		    (a->n - a->first) * sizeof *a->list);
	a->n -= a->first;
	a->first = 0;
}

void
among_reset(struct among *a)
{
	a->n = 0;
	a->first = 0;
}

void
among_done(struct among *a)
{
	free(a->list);
	*a = (struct among){0};
}

struct count {
	uint32_t n, distinct;
	uint64_t seen[AMONG_HITS_MAX];
};

static bool
enough(const struct count *c, const struct among_place *p)
{
	return c->n >= p->min && c->distinct >= p->unique;
}

static void
count_in(struct count *c, uint64_t hash)
{
	c->n++;
	for (uint32_t i = 0; i < c->distinct; i++)
		if (c->seen[i] == hash)
			return;
	if (c->distinct < AMONG_HITS_MAX)
		c->seen[c->distinct++] = hash;
}

/* The first finding that starts at @place or behind it. */
static size_t
first_from(const struct among *a, uint64_t place)
{
	size_t low = a->first, high = a->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (a->list[mid].from < place)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
among_near(const struct among *a, const struct among_place *p)
{
	struct count c = {0};

	for (size_t i = first_from(a, p->low);
	     i < a->n && a->list[i].to <= p->high && !enough(&c, p); i++)
		if (a->list[i].to <= p->from || a->list[i].from >= p->to)
			count_in(&c, a->list[i].hash);
	return enough(&c, p);
}
