/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape - reads off a pattern what stands at each place of its matches.
 *
 * Owns: the choice of the point in a match that is looked for, and of the
 * optional parts that are told apart.
 * Never: decides that something matches. One of the shapes holds for every
 * match; that they hold for little else is speed, not correctness.
 *
 * An optional blank blurs all that stands behind it: digits in groups become
 * "a digit or a blank" at nearly every place. So a pattern with optional parts
 * may have one shape with and one without each.
 *
 * The nesting of groups was bounded by subset_check, and so is the depth of
 * every recursion here.
 */
#include "agent/detect/shape.h"

#include <string.h>

#include "agent/detect/node.h"

#include "lib/own.h"

/*
 * Puts what a node can hold at the places in @at, from each of which it may
 * start; returns those at which it may end. Bit PATTERN_PLACES and above fall
 * away.
 */
static uint64_t
lay(const struct node *n, uint64_t at, struct shape *s)
{
	const uint64_t all = ((uint64_t)1 << (PATTERN_PLACES + 1)) - 1;
	uint64_t out = 0;

	if (at == 0)
		return 0;
	switch (n->kind) {
	case NODE_EMPTY:
		return at;
	case NODE_SET:
		for (uint64_t left = at & all >> 1; left != 0; left &= left - 1)
			set_or(&s->at[__builtin_ctzll(left)], &n->set);
		return at << 1 & all;
	case NODE_CAT:
		for (const struct node *c = n->child; c != NULL; c = c->next)
			at = lay(c, at, s);
		return at;
	case NODE_ALT:
		for (const struct node *c = n->child; c != NULL; c = c->next)
			out |= lay(c, at, s);
		return out;
	case NODE_REP:
		for (uint32_t i = 0; i < n->min && at != 0; i++) {
			at = lay(n->child, at, s);
			/* An empty round changes nothing any more. */
			if (i > PATTERN_PLACES)
				break;
		}
		out = at;
		for (uint32_t i = n->min; i < n->max; i++) {
			uint64_t before = out;

			at = lay(n->child, at, s);
			out |= at;
			if (out == before)
				break;
		}
		return out;
	}
	return at;
}

enum { UNITS_MAX = 64 };

/* A concatenation as one list: groups opened, fixed repeats written out. */
struct units {
	const struct node *list[UNITS_MAX];
	size_t n;
	bool full; /* the last one stands for all that is left */
};

static void
open_units(const struct node *n, struct units *u)
{
	if (n->kind == NODE_CAT) {
		for (const struct node *c = n->child; c != NULL; c = c->next)
			open_units(c, u);
		return;
	}
	if (n->kind == NODE_REP && n->min == n->max && n->max <= 32 &&
	    n->child->kind == NODE_SET) {
		for (uint32_t i = 0; i < n->max; i++)
			open_units(n->child, u);
		return;
	}
	if (u->n == UNITS_MAX)
		u->full = true;
	else
		u->list[u->n++] = n;
}

/* The shape from the unit @from on, without its rates. */
static void
shape_from(const struct units *u, size_t from, const struct byteset *edge,
    struct shape *s)
{
	const struct node *last = from > 0 ? u->list[from - 1] : NULL;
	uint64_t at = 1;
	bool over = false;

	*s = (struct shape){.rate = 0};
	for (size_t i = 0; i < from; i++) {
		s->nearest = width_plus(s->nearest, u->list[i]->least);
		s->farthest = width_plus(s->farthest, u->list[i]->most);
		pattern_bytes(u->list[i], &s->lead);
	}
	if (s->farthest == 0) {
		s->before = *edge;
		set_not(&s->before);
	} else if (last->least > 0) {
		pattern_bytes(last, &s->before);
	} else {
		s->before = s->lead;
		/* The match may start here as well. */
		if (s->nearest == 0) {
			struct byteset free = *edge;

			set_not(&free);
			set_or(&s->before, &free);
		}
	}
	for (size_t i = from; i < u->n && at != 0; i++)
		at = lay(u->list[i], at, s);
	for (unsigned i = 0; i < PATTERN_PLACES; i++) {
		/* Behind a list that was cut anything may follow. */
		if (over)
			set_all(&s->at[i]);
		if ((at >> i & 1) != 0) {
			struct byteset free = *edge;

			set_not(&free);
			if (u->full)
				set_all(&free);
			set_or(&s->at[i], &free);
			over = true;
		}
	}
}

/* A match may end before the unit @i: nothing of it has to follow. */
static bool
may_end(const struct units *u, size_t i)
{
	while (i < u->n && u->list[i]->least == 0)
		i++;
	return i == u->n;
}

/*
 * The point from which the shape costs least: its first bytes are looked for
 * everywhere, and where all of it fits the authority is called, which takes
 * some twenty times as long. There is a byte of every match at the point or
 * behind it, or one at the end of the text would have none that is looked at.
 */
static void
shape_of(const struct units *u, const struct byteset *edge, struct shape *best)
{
	double least = 100;

	*best = (struct shape){.rate = 2, .front = 2};
	for (size_t i = 0; i < u->n; i++) {
		struct shape s;
		double score;

		if (may_end(u, i))
			break;
		shape_from(u, i, edge, &s);
		pattern_rates(&s);
		for (uint32_t k = s.farthest - s.nearest; k > 0; k /= 2)
			s.rate *= 1.3;
		/* At the start shapes are alike, and share their bucket. */
		score = (s.front + 20 * s.rate) * (i > 0 ? 3 : 1);
		if (score < least) {
			least = score;
			*best = s;
		}
	}
}

/* ---- optional parts ---- */

/*
 * A shape that is met at fewer places stays one; and parts must be met at so
 * much fewer, since each shape costs a look at all that begins like it.
 */
static const double PART_LEAST = 1e-5, PART_GAIN = 2;

/* Places of optional units in a list, the first ones. */
struct options {
	size_t at[PATTERN_SHAPES_MAX];
	size_t n;
};

static bool
is_optional(const struct node *n)
{
	return n->kind == NODE_REP && n->min == 0 && n->max == 1;
}

/* As many as give at most @room combinations. */
static void
find_options(const struct units *u, size_t room, struct options *o)
{
	o->n = 0;
	for (size_t i = 0; i < u->n && (size_t)2 << o->n <= room; i++)
		if (is_optional(u->list[i]))
			o->at[o->n++] = i;
}

/* The list with the options of @chosen, one bit each, and without the others. */
static void
choose_options(const struct units *u, const struct options *o, size_t chosen,
    struct units *out)
{
	size_t k = 0;

	*out = (struct units){.n = 0};
	for (size_t i = 0; i < u->n; i++) {
		if (k == o->n || i != o->at[k])
			open_units(u->list[i], out);
		else if ((chosen >> k++ & 1) != 0)
			open_units(u->list[i]->child, out);
	}
	out->full = out->full || u->full;
}

/* The shapes of one alternative, at most @room; returns how many. */
static size_t
shapes_of(const struct node *n, const struct byteset *edge, size_t room,
    struct shape *out)
{
	struct units u = {.n = 0};
	struct shape parts[PATTERN_SHAPES_MAX];
	struct options o;
	double rate = 0;
	size_t count;

	open_units(n, &u);
	shape_of(&u, edge, &out[0]);
	find_options(&u, room, &o);
	if (o.n == 0 || out[0].rate < PART_LEAST)
		return 1;
	count = (size_t)1 << o.n;
	for (size_t i = 0; i < count; i++) {
		struct units v;

		choose_options(&u, &o, i, &v);
		shape_of(&v, edge, &parts[i]);
		rate += parts[i].rate;
	}
	if (PART_GAIN * rate >= out[0].rate)
		return 1;
	memcpy(out, parts, count * sizeof *out);
	return count;
}

void
shape_start(
    const struct pattern *p, const struct byteset *edge, struct shape *out)
{
	struct units u = {.n = 0};

	open_units(p->root, &u);
	shape_from(&u, 0, edge, out);
}

size_t
shape_list(const struct pattern *p, const struct byteset *edge,
    struct shape out[PATTERN_SHAPES_MAX])
{
	const struct node *root = p->root;
	size_t n = 0, left = 0;

	while (root->kind == NODE_CAT && root->child != NULL &&
	       root->child->next == NULL && root->child->kind == NODE_ALT)
		root = root->child;
	if (root->kind == NODE_ALT)
		for (const struct node *c = root->child; c != NULL; c = c->next)
			left++;
	if (left == 0 || left > PATTERN_SHAPES_MAX)
		return shapes_of(root, edge, PATTERN_SHAPES_MAX, out);
	/* Each alternative leaves room for one shape of each that follows. */
	for (const struct node *c = root->child; c != NULL; c = c->next)
		n += shapes_of(
		    c, edge, PATTERN_SHAPES_MAX - n - --left, &out[n]);
	return n;
}
