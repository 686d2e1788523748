/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - puts each rule where it costs least, and runs the layers.
 *
 * Owns: the choice of a layer, the literals of all rules as one set, and the
 * way from what a layer saw back to where a match may start.
 * Never: decides that something matches.
 *
 * A rule goes to the first layer that fits it:
 *   literal  each match holds one of some texts of three bytes or more;
 *   shape    the bytes around one point of a match are rare enough;
 *   pattern  a database of whole patterns, which costs every byte of text;
 *   plain    the authority tries every place (only without Vectorscan).
 */
#include "agent/detect/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/keyword.h"
#include "agent/detect/shape.h"
#include "agent/detect/sieve.h"

#include "lib/own.h"

/*
 * Literals under LITERAL_LONG bytes have a database of their own: one for all
 * is as slow as its shortest literal makes it.
 */
enum { LITERAL_LEAST = 3, LITERAL_LONG = 5, WHY_BYTES = 160 };

/* Met more often than this, a shape costs more than a database. */
static const double RATE_MAX = 0.03;

/* The same for what takes the place of literals. */
static const double MIXED_MAX = 0.001;

/* What stands around the start of each match of a rule. */
struct edge {
	struct byteset before, at[PATTERN_PLACES];
};

/* The way back from a literal or a shape to the start of a match. */
struct way {
	uint32_t rule;
	uint32_t length; /* of the literal, whose end is told */
	uint32_t nearest, farthest;
	uint32_t lead; /* index of the set of bytes in between */
	uint32_t next; /* way of the same literal, or NONE */
};

static const uint32_t NONE = UINT32_MAX;

struct chosen {
	enum layer layer;
	char why[WHY_BYTES];
};

struct plan {
	struct chosen *chosen; /* one a rule; owned */
	size_t n;
	struct way *ways; /* of literals; owned */
	uint32_t nways;
	uint32_t *first; /* way of each literal; owned */
	struct candidates *brief, *literals; /* short ones, others; owned */
	uint32_t nbrief;
	struct keywords *keywords; /* or this; owned */
	struct edge *edges; /* one a rule; owned */
	struct byteset *leads; /* owned */
	uint32_t nleads;
	struct way *points; /* one a shape; owned */
	struct shape *shapes; /* while compiling; owned */
	uint32_t npoints;
	struct sieve *sieve; /* owned */
	struct candidates *patterns; /* owned */
	struct way *whole; /* one a pattern of these; owned */
	uint32_t nwhole;
	uint32_t *plain; /* rules; owned */
	uint32_t nplain;
};

struct plan_room {
	struct candidate_room *candidates;
	/* For each way the point after the last one, 0 at first; owned. */
	size_t *literal_seen, *point_seen;
};

void
plan_free(struct plan *p)
{
	if (p == NULL)
		return;
	candidates_free(p->brief);
	candidates_free(p->literals);
	candidates_free(p->patterns);
	keywords_free(p->keywords);
	sieve_free(p->sieve);
	free(p->chosen);
	free(p->ways);
	free(p->first);
	free(p->edges);
	free(p->leads);
	free(p->points);
	free(p->shapes);
	free(p->whole);
	free(p->plain);
	free(p);
}

const char *
plan_layer_name(enum layer l)
{
	static const char *const names[] = {
	    "none", "literal", "shape", "exact", "pattern", "plain"};

	return names[l];
}

enum layer
plan_layer(const struct plan *p, size_t rule, const char **why)
{
	if (why != NULL)
		*why = p->chosen[rule].why;
	return p->chosen[rule].layer;
}

/* ---- choosing ---- */

/* While a plan is made: literals with the rules that want them. */
struct making {
	struct plan *p;
	struct candidate_literal *texts; /* of @keep; owned */
	struct literal *keep; /* owned */
	uint32_t nkeep;
	const char **patterns; /* owned */
	struct stash *kept; /* NULL: nothing is kept */
	bool vectorscan;
};

/* A larger array when the number of its members is a power of two. */
static void *
grown(void *list, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return list;
	return reallocarray(list, n == 0 ? 1 : n * 2, size);
}

static int
add_lead(struct plan *p, const struct byteset *s, uint32_t *at)
{
	struct byteset *more = grown(p->leads, p->nleads, sizeof *more);

	if (more == NULL)
		return -ENOMEM;
	p->leads = more;
	p->leads[p->nleads] = *s;
	*at = p->nleads++;
	return 0;
}

static int
add_way(struct plan *p, const struct way *w)
{
	struct way *more = grown(p->ways, p->nways, sizeof *more);

	if (more == NULL)
		return -ENOMEM;
	p->ways = more;
	p->ways[p->nways++] = *w;
	return 0;
}

static int
add_literals(struct making *m, size_t rule, const struct literals *l)
{
	uint32_t lead = 0;
	int r = add_lead(m->p, &l->lead, &lead);

	for (size_t i = 0; i < l->n && r == 0; i++) {
		const struct literal *t = &l->list[i];
		struct literal *more = grown(m->keep, m->nkeep, sizeof *more);
		struct way w = {.rule = (uint32_t)rule,
		    .length = t->len,
		    .nearest = t->nearest,
		    .farthest = t->farthest,
		    .lead = lead,
		    .next = m->nkeep};

		if (more == NULL)
			return -ENOMEM;
		m->keep = more;
		m->keep[m->nkeep++] = *t;
		/* Which literal it is, until they are sorted. */
		r = add_way(m->p, &w);
	}
	return r;
}

static int
add_shapes(struct making *m, size_t rule, const struct shape *s, size_t n)
{
	struct plan *p = m->p;

	for (size_t i = 0; i < n; i++) {
		struct shape *shapes =
		    grown(p->shapes, p->npoints, sizeof *shapes);
		struct way *points;
		uint32_t lead = 0;

		if (shapes == NULL)
			return -ENOMEM;
		p->shapes = shapes;
		points = grown(p->points, p->npoints, sizeof *points);
		if (points == NULL)
			return -ENOMEM;
		p->points = points;
		if (add_lead(p, &s[i].lead, &lead) != 0)
			return -ENOMEM;
		p->shapes[p->npoints] = s[i];
		p->points[p->npoints++] = (struct way){.rule = (uint32_t)rule,
		    .nearest = s[i].nearest,
		    .farthest = s[i].farthest,
		    .lead = lead};
	}
	return 0;
}

static int
add_pattern(struct making *m, size_t rule, const struct plan_rule *r)
{
	struct plan *p = m->p;
	const char **patterns = grown(m->patterns, p->nwhole, sizeof *patterns);
	struct way *whole;

	if (patterns == NULL)
		return -ENOMEM;
	m->patterns = patterns;
	whole = grown(p->whole, p->nwhole, sizeof *whole);
	if (whole == NULL)
		return -ENOMEM;
	p->whole = whole;
	m->patterns[p->nwhole] = r->plain;
	p->whole[p->nwhole++] =
	    (struct way){.rule = (uint32_t)rule, .farthest = r->most};
	return 0;
}

static int
add_plain(struct plan *p, size_t rule)
{
	uint32_t *more = grown(p->plain, p->nplain, sizeof *more);

	if (more == NULL)
		return -ENOMEM;
	p->plain = more;
	p->plain[p->nplain++] = (uint32_t)rule;
	return 0;
}

static void
say_literals(struct chosen *c, const struct literals *l, const char *whose)
{
	c->layer = LAYER_LITERAL;
	(void)snprintf(c->why, sizeof c->why,
	    "%zu literal%s of %u bytes or more %s", l->n, l->n == 1 ? "" : "s",
	    l->least, whose);
}

static void
edge_from(const struct plan_rule *r, struct edge *e)
{
	struct shape s;

	shape_start(r->pattern, &r->edge, &s);
	e->before = s.before;
	memcpy(e->at, s.at, sizeof e->at);
}

/* The shape of a match that begins with a text, or holds it at one place. */
static void
shape_around(
    const struct literal *t, const struct shape *start, struct shape *s)
{
	*s = (struct shape){.nearest = t->nearest, .farthest = t->farthest};
	memset(&s->before, 0xff, sizeof s->before);
	memset(s->at, 0xff, sizeof s->at);
	if (t->farthest == 0) {
		s->before = start->before;
		memcpy(s->at, start->at, sizeof s->at);
	}
	for (unsigned i = 0; i < t->len; i++) {
		uint8_t c = t->text[i];

		s->at[i] = (struct byteset){{0}};
		s->at[i].w[c / 64] |= (uint64_t)1 << c % 64;
		if (t->fold && c >= 'a' && c <= 'z')
			s->at[i].w[c / 64] |= (uint64_t)1 << (c - 32) % 64;
	}
	pattern_rates(s);
}

/*
 * A rule with a few texts that are too short: these become shapes, and the
 * others stay literals. 1 if that is cheap enough.
 */
static int
choose_mixed(
    struct making *m, size_t i, const struct plan_rule *r, struct literals *l)
{
	struct chosen *c = &m->p->chosen[i];
	struct shape start, shapes[PATTERN_SHAPES_MAX];
	size_t n = 0, kept = 0;
	double rate = 0;
	int e;

	/* Not where a shape of the whole is rarer. */
	n = shape_list(r->pattern, &r->edge, shapes);
	for (size_t k = 0; k < n; k++)
		rate += shapes[k].rate;
	if (rate < MIXED_MAX)
		return 0;
	n = 0;
	rate = 0;
	shape_start(r->pattern, &r->edge, &start);
	for (size_t k = 0; k < l->n; k++) {
		const struct literal *t = &l->list[k];

		if (t->len >= LITERAL_LEAST) {
			l->list[kept++] = *t;
			continue;
		}
		if (n == PATTERN_SHAPES_MAX || t->nearest != t->farthest)
			return 0;
		shape_around(t, &start, &shapes[n]);
		rate += shapes[n++].rate;
	}
	if (kept == 0 || rate > MIXED_MAX ||
	    m->p->npoints + n > SIEVE_SHAPES_MAX)
		return 0;
	l->n = kept;
	c->layer = LAYER_LITERAL;
	(void)snprintf(c->why, sizeof c->why,
	    "%zu literal%s of %d bytes or more in the pattern, and %zu "
	    "shape%s for shorter ones, met at about %.2g of a million places",
	    kept, kept == 1 ? "" : "s", LITERAL_LEAST, n, n == 1 ? "" : "s",
	    rate * 1e6);
	e = add_literals(m, i, l);
	if (e == 0)
		e = add_shapes(m, i, shapes, n);
	return e == 0 ? 1 : e;
}

/* Literals of the pattern, or of its keywords; 1 if there are any. */
static int
choose_literals(struct making *m, size_t i, const struct plan_rule *r)
{
	struct literals l = {0};
	int e = pattern_literals(r->pattern, &l);
	const char *whose = "in the pattern";

	if (e == 0 && l.n > 0 && l.least < LITERAL_LEAST)
		e = choose_mixed(m, i, r, &l);
	if (e == 0 && (l.n == 0 || l.least < LITERAL_LEAST) &&
	    r->keywords != NULL) {
		pattern_literals_done(&l);
		e = pattern_literals(r->keywords, &l);
		whose = "under prefilter";
		/* Somewhere in the match. */
		for (size_t k = 0; k < l.n; k++) {
			l.list[k].nearest = 0;
			l.list[k].farthest = r->most;
		}
		memset(&l.lead, 0xff, sizeof l.lead);
	}
	if (e == 0 && l.n > 0 && l.least >= LITERAL_LEAST) {
		say_literals(&m->p->chosen[i], &l, whose);
		e = add_literals(m, i, &l);
		e = e == 0 ? 1 : e;
	}
	pattern_literals_done(&l);
	return e;
}

static int
choose_shape(struct making *m, size_t i, const struct plan_rule *r)
{
	struct chosen *c = &m->p->chosen[i];
	OWN_MEM struct shape *s = calloc(PATTERN_SHAPES_MAX, sizeof *s);
	double rate = 0;
	size_t n;

	if (s == NULL)
		return -ENOMEM;
	n = shape_list(r->pattern, &r->edge, s);
	for (size_t k = 0; k < n; k++)
		rate += s[k].rate;
	if (rate > RATE_MAX || m->p->npoints + n > SIEVE_SHAPES_MAX) {
		(void)snprintf(c->why, sizeof c->why,
		    "no literal of %d bytes in each match, and about %.0f of "
		    "1000 places look like its shape",
		    LITERAL_LEAST, rate < 1 ? rate * 1000 : 1000);
		return 0;
	}
	c->layer = LAYER_SHAPE;
	(void)snprintf(c->why, sizeof c->why,
	    "no literal of %d bytes in each match; %zu shape%s, met at about "
	    "%.2g of a million places",
	    LITERAL_LEAST, n, n == 1 ? "" : "s", rate * 1e6);
	return add_shapes(m, i, s, n) == 0 ? 1 : -ENOMEM;
}

static int
choose(
    struct making *m, size_t i, const struct plan_rule *r, enum plan_kind kind)
{
	struct chosen *c = &m->p->chosen[i];
	int e = 0;

	if (r->nothing) {
		c->layer = LAYER_NONE;
		(void)snprintf(c->why, sizeof c->why,
		    "it is about what a member is, which extraction tells");
		return 0;
	}
	if (r->pattern == NULL) {
		c->layer = LAYER_EXACT;
		(void)snprintf(c->why, sizeof c->why,
		    "its values are in an index, which each word is looked up "
		    "in");
		return add_plain(m->p, i);
	}
	edge_from(r, &m->p->edges[i]);
	if (kind == PLAN_LAYERS || kind == PLAN_KEYWORDS) {
		e = choose_literals(m, i, r);
		if (e == 0)
			e = choose_shape(m, i, r);
	}
	if (e != 0)
		return e < 0 ? e : 0;
	c->layer =
	    m->vectorscan && kind != PLAN_PLAIN ? LAYER_PATTERN : LAYER_PLAIN;
	return c->layer == LAYER_PATTERN ? add_pattern(m, i, r)
					 : add_plain(m->p, i);
}

/* ---- compiling ---- */

static int
by_text(const void *a, const void *b, void *keep)
{
	const struct literal *x =
	    &((const struct literal *)keep)[((const struct way *)a)->next];
	const struct literal *y =
	    &((const struct literal *)keep)[((const struct way *)b)->next];

	if ((x->len < LITERAL_LONG) != (y->len < LITERAL_LONG))
		return x->len < LITERAL_LONG ? -1 : 1;
	if (x->fold != y->fold)
		return x->fold ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->text, y->text, x->len);
}

/* A literal that several rules want is looked for once. */
static int
share_literals(struct making *m, uint32_t *n)
{
	struct plan *p = m->p;
	struct way *w = p->ways;

	m->texts = calloc(p->nways, sizeof *m->texts);
	p->first = calloc(p->nways, sizeof *p->first);
	if (m->texts == NULL || p->first == NULL)
		return -ENOMEM;
	qsort_r(w, p->nways, sizeof *w, by_text, m->keep);
	*n = 0;
	for (uint32_t i = 0; i < p->nways; i++) {
		const struct literal *t = &m->keep[w[i].next];
		bool same = i > 0 && *n > 0 &&
			    m->texts[*n - 1].fold == t->fold &&
			    m->texts[*n - 1].len == t->len &&
			    memcmp(m->texts[*n - 1].text, t->text, t->len) == 0;

		if (same) {
			w[i].next = p->first[*n - 1];
			p->first[*n - 1] = i;
			continue;
		}
		p->nbrief += t->len < LITERAL_LONG;
		m->texts[*n].text = t->text;
		m->texts[*n].len = t->len;
		m->texts[*n].fold = t->fold;
		w[i].next = NONE;
		p->first[(*n)++] = i;
	}
	return 0;
}

/* A pattern that the database refuses (too large) is left to the authority. */
static int
drop_patterns(struct making *m)
{
	struct plan *p = m->p;
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->nwhole; i++) {
		struct chosen *c = &p->chosen[p->whole[i].rule];
		struct candidates *alone = NULL;
		struct diag d = {""};
		int r =
		    candidates_patterns(&m->patterns[i], 1, NULL, &alone, &d);

		candidates_free(alone);
		if (r == -EBADMSG) {
			c->layer = LAYER_PLAIN;
			(void)snprintf(c->why, sizeof c->why, "%.*s",
			    WHY_BYTES - 1, d.text);
			r = add_plain(p, p->whole[i].rule);
		} else if (r == 0) {
			m->patterns[n] = m->patterns[i];
			p->whole[n++] = p->whole[i];
		}
		if (r != 0)
			return r;
	}
	p->nwhole = n;
	return 0;
}

static int
compile_patterns(struct making *m, struct diag *why)
{
	struct plan *p = m->p;
	int r = candidates_patterns(
	    m->patterns, p->nwhole, m->kept, &p->patterns, why);

	if (r != -EBADMSG)
		return r;
	r = drop_patterns(m);
	if (r != 0 || p->nwhole == 0)
		return r;
	return candidates_patterns(
	    m->patterns, p->nwhole, m->kept, &p->patterns, why);
}

static int
compile(struct making *m, struct diag *why)
{
	struct plan *p = m->p;
	uint32_t n = 0;
	int r = 0;

	if (p->nways > 0)
		r = share_literals(m, &n);
	if (r == 0 && n > 0 && !m->vectorscan)
		r = keywords_new(m->texts, n, &p->keywords);
	if (r == 0 && p->nbrief > 0 && m->vectorscan)
		r = candidates_literals(
		    m->texts, p->nbrief, m->kept, &p->brief, why);
	if (r == 0 && n > p->nbrief && m->vectorscan)
		r = candidates_literals(m->texts + p->nbrief, n - p->nbrief,
		    m->kept, &p->literals, why);
	if (r == 0 && p->npoints > 0)
		r = sieve_new(p->shapes, p->npoints, &p->sieve);
	if (r == 0 && p->nwhole > 0)
		r = compile_patterns(m, why);
	free(p->shapes);
	p->shapes = NULL;
	return r;
}

int
plan_new(const struct plan_rule *rules, size_t n, enum plan_kind kind,
    struct stash *kept, struct plan **out, struct diag *why)
{
	struct plan *p = calloc(1, sizeof *p);
	struct making m = {.p = p,
	    .kept = kept,
	    .vectorscan = kind != PLAN_KEYWORDS && candidate_host() == NULL};
	int r = 0;

	if (p == NULL)
		return -ENOMEM;
	p->n = n;
	p->chosen = calloc(n, sizeof *p->chosen);
	p->edges = calloc(n, sizeof *p->edges);
	if (p->chosen == NULL || p->edges == NULL)
		r = -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = choose(&m, i, &rules[i], kind);
	if (r == 0)
		r = compile(&m, why);
	free(m.texts);
	free(m.keep);
	free(m.patterns);
	if (r != 0)
		plan_free(p);
	else
		*out = p;
	return r;
}

/* ---- looking ---- */

int
plan_room_new(const struct plan *p, struct plan_room **out)
{
	struct plan_room *room = calloc(1, sizeof *room);
	int r = 0;

	if (room == NULL)
		return -ENOMEM;
	if (p->brief != NULL)
		r = candidate_room_add(&room->candidates, p->brief);
	if (r == 0 && p->literals != NULL)
		r = candidate_room_add(&room->candidates, p->literals);
	if (r == 0 && p->patterns != NULL)
		r = candidate_room_add(&room->candidates, p->patterns);
	room->literal_seen = calloc(p->nways + 1, sizeof(size_t));
	room->point_seen = calloc(p->npoints + 1, sizeof(size_t));
	if (room->literal_seen == NULL || room->point_seen == NULL)
		r = -ENOMEM;
	if (r != 0)
		plan_room_free(room);
	else
		*out = room;
	return r;
}

void
plan_room_free(struct plan_room *room)
{
	if (room == NULL)
		return;
	candidate_room_free(room->candidates);
	free(room->literal_seen);
	free(room->point_seen);
	free(room);
}

struct looking {
	const struct plan *p;
	struct plan_room *room;
	const uint8_t *text;
	size_t len;
	size_t from; /* offset of what a layer was given */
	plan_fn *fn;
	void *ctx;
};

/* Whether a match may start here, by the bytes around. */
static bool
may_start(const struct looking *l, const struct edge *e, size_t at)
{
	size_t n = l->len - at < PATTERN_PLACES ? l->len - at : PATTERN_PLACES;

	if (at > 0 && !byteset_has(&e->before, l->text[at - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!byteset_has(&e->at[i], l->text[at + i]))
			return false;
	return true;
}

/*
 * From a point in a match back to where the match may start. What an earlier
 * point of this way led to is not told again: a way back from here through
 * there ends no earlier. So a byte is walked over once a way.
 */
static void
go_back(
    const struct looking *l, const struct way *w, size_t *seen, size_t point)
{
	const struct byteset *lead = &l->p->leads[w->lead];
	size_t low = point, least;

	if (point - l->from < w->nearest)
		return;
	if (w->nearest == w->farthest) {
		low -= w->nearest;
		if (may_start(l, &l->p->edges[w->rule], low))
			l->fn(l->ctx, w->rule, low, low);
		return;
	}
	least = point - l->from > w->farthest ? point - w->farthest : l->from;
	if (point >= *seen) {
		size_t known = *seen > w->nearest ? *seen - w->nearest : 0;

		least = known > least ? known : least;
		*seen = point + 1;
	}
	while (low > least && byteset_has(lead, l->text[low - 1]))
		low--;
	if (low <= point - w->nearest)
		l->fn(l->ctx, w->rule, low, point - w->nearest);
}

static void
on_literal(void *ctx, unsigned id, size_t end)
{
	const struct looking *l = ctx;

	for (uint32_t i = l->p->first[id]; i != NONE; i = l->p->ways[i].next) {
		const struct way *w = &l->p->ways[i];

		go_back(
		    l, w, &l->room->literal_seen[i], l->from + end - w->length);
	}
}

/* The longer ones are numbered behind the short ones. */
static void
on_longer(void *ctx, unsigned id, size_t end)
{
	const struct looking *l = ctx;

	on_literal(ctx, id + l->p->nbrief, end);
}

static void
on_shape(void *ctx, unsigned shape, size_t at)
{
	const struct looking *l = ctx;
	const struct way *w = &l->p->points[shape];

	/* The sieve has seen the bytes around already. */
	if (w->farthest == 0)
		l->fn(l->ctx, w->rule, at, at);
	else
		go_back(l, w, &l->room->point_seen[shape], at);
}

static void
on_pattern(void *ctx, unsigned id, size_t end)
{
	const struct looking *l = ctx;
	const struct way *w = &l->p->whole[id];
	size_t low = end > w->farthest ? end - w->farthest : 0;

	if (end > 0)
		l->fn(l->ctx, w->rule, l->from + low, l->from + end - 1);
}

int
plan_scan(const struct plan *p, struct plan_room *room, const uint8_t *text,
    size_t len, size_t from, plan_fn *fn, void *ctx)
{
	struct looking l = {p, room, text, len, from, fn, ctx};
	int r = 0;

	memset(room->literal_seen, 0, p->nways * sizeof(size_t));
	memset(room->point_seen, 0, p->npoints * sizeof(size_t));
	if (p->brief != NULL)
		r = candidates_scan(p->brief, room->candidates, text + from,
		    len - from, on_literal, &l);
	if (r == 0 && p->literals != NULL)
		r = candidates_scan(p->literals, room->candidates, text + from,
		    len - from, on_longer, &l);
	if (p->keywords != NULL)
		keywords_scan(
		    p->keywords, text + from, len - from, on_literal, &l);
	if (p->sieve != NULL)
		sieve_scan(p->sieve, text, len, from, on_shape, &l);
	/* A pattern may begin with \b, which looks at the byte before. */
	l.from -= from > 0;
	if (r == 0 && p->patterns != NULL)
		r = candidates_scan(p->patterns, room->candidates,
		    text + l.from, len - l.from, on_pattern, &l);
	for (uint32_t i = 0; i < p->nplain && from < len; i++)
		fn(ctx, p->plain[i], from, len - 1);
	return r;
}
