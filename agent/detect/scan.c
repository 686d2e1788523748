/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - bytes in, findings out, in one pass with bounded memory.
 *
 * Owns: the window over a piece of text, the order in which candidates are
 * confirmed, proximity, levels, and what is kept of a match.
 * Never: lets a finding depend on where the bytes were cut; keeps a byte of
 * the text after scan_end; compiles anything.
 *
 * What a match is: for one detector the leftmost match of its pattern (with
 * its boundaries) in the whole text, then the leftmost one behind it, and so
 * on. A match that a keyword, a validator or the entropy refutes takes only
 * its first byte with it, so that a real value behind a false start is found.
 *
 * How it is found: the layers of plan.c tell ranges of places such that every
 * match starts in one of them. In ascending order the authority searches each
 * for starts, from `next` on, below which all is taken, and from `tried` on,
 * below which all is refuted. So what is found is what the authority alone
 * would find, whatever the layers told beside it.
 *
 * The window: bytes are gathered until a block is full, whatever the cuts, so
 * that only absolute places decide. Starts are processed up to `lag` bytes
 * before the end of the window, so that a match and the context behind it are
 * there in full; `back` bytes before that stay for the next block.
 *
 * What stands encoded: unfold.c makes texts of it, and a second scan looks into
 * these, piece by piece, for the rules that name the layers. A match there is
 * counted here, by its layers, at the place where it stands encoded.
 */
#include <errno.h>
#include <string.h>

#include "agent/detect/enclosing.h"
#include "agent/detect/explain.h"
#include "agent/detect/header.h"
#include "agent/detect/layered.h"
#include "agent/detect/rules.h"
#include "agent/detect/tally.h"
#include "agent/detect/unfold.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/rng.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	BLOCK = 256 * 1024,
	BLOCK_MIN = 1,
	CONTEXT = 8, /* bytes that boundaries look at */
	SLACK = 64, /* bytes behind a match that the authority may see */
	/* Ranges of a lane and block; when there are more, near ones become one. */
	RANGES_FIRST = 16,
	RANGES_MAX = 4096,
	/* Limits hit before a detector is left out for the rest of a piece. */
	LIMITS_MAX = 64,
	CONFIDENCES = CONFIDENCE_HIGH + 1,
};

/* A match whose confidence waits for what is behind it. */
struct held {
	uint64_t at; /* where the match starts */
	uint64_t end; /* one behind it */
	struct span value;
	uint64_t hash;
	uint64_t bits; /* evidence that is there */
	uint64_t passed; /* validators */
	uint8_t known; /* one bit a flag whose list holds the value */
	bool demote;
	uint8_t allow; /* 0: none covers it, else its place and one */
};

/* Places where a match may start, behind s->done; both are within. */
struct range {
	uint32_t low, high;
};

/* How often a value is among the matches of a window. */
struct tick {
	uint64_t hash; /* 0: free */
	uint32_t n;
};

/* The matches around one match that one count looks at; it moves with it. */
struct near_by {
	size_t low, high; /* indices of held, from and one behind */
	uint32_t distinct;
	struct tick *ticks; /* open addressing; owned; NULL if not asked */
	size_t used, cap;
};

/* What a piece of evidence says of a list's columns, one bit each. */
struct columns {
	uint32_t list; /* 0: of none yet */
	uint64_t known[HEADER_COLUMNS / 64], yes[HEADER_COLUMNS / 64];
};

/* The names around the value that was asked for last. */
struct names {
	bool known;
	uint64_t place;
	bool in_column;
	struct header_column column;
	size_t n;
	struct enclosing around[ENCLOSING_NAMES]; /* places in the window */
};

/* One detector's state in this piece. */
struct lane {
	const struct detector *rule;
	uint64_t next, tried;
	struct range *ranges; /* of this block; owned */
	size_t nranges, ranges_cap;
	uint32_t gap; /* ranges that are closer become one */
	bool unsorted;
	unsigned limits;
	bool off;
	struct held *held; /* ascending; owned; NULL without a count */
	size_t nheld, waiting; /* those from @waiting on are not resolved */
	size_t old; /* those before it count for nobody any more */
	size_t held_cap;
	struct near_by *near_by; /* one a piece of evidence; owned */
	/* A row of confidences; then one for each allow of the rule. */
	struct tally *tallies; /* owned */
	size_t ntallies;
	struct member *member; /* of a rule with an index; owned */
	struct nearby *nearby; /* the same; owned */
	struct columns *columns; /* the same, NULL without header; owned */
	struct among among; /* findings that other rules ask for */
	struct among_rule tie;
	bool asked; /* for evidence */
	struct scan_cost cost;
};

struct masked {
	struct span at;
	const char *detector;
};

struct scan {
	const struct ruleset *rules;
	struct regex_room *room;
	struct plan_room *plan;
	struct lane *lanes; /* owned */
	uint64_t *touched; /* a bit a lane: it is not as it was made; owned */
	uint8_t *window; /* owned */
	size_t size; /* of the window */
	size_t len; /* bytes in it */
	size_t top; /* bytes that were ever in it for this piece */
	uint64_t base; /* place of window[0] in the piece */
	uint64_t done; /* starts below are processed */
	size_t lag, back;
	uint8_t hash_key[16];
	uint8_t key[32];
	bool key_set;
	bool open;
	bool masking;
	bool measured;
	char *name; /* of the object and its member, or NULL; owned */
	const char *kind; /* of the member, or ""; borrowed */
	const struct label *labels; /* of what it lies in; borrowed */
	size_t nlabels;
	int64_t wall_us; /* when the piece began, for allows */
	struct explain *explain; /* NULL: nobody asks why; owned */
	int err;
	uint64_t indeterminate;
	uint8_t normal[RULES_WIDTH_MAX];
	uint8_t hit[RULES_WIDTH_MAX]; /* of near or a validator, folded */
	struct header *header; /* NULL: no rule asks; owned */
	struct names names;
	/* Of texts that stand encoded in this one. */
	struct unfold *unfold; /* NULL: no rule asks; owned */
	struct scan *inner; /* looks into them; owned */
	struct layereds layered;
	uint64_t missed;
	/* Of the inner one. */
	struct scan *outer; /* borrowed */
	const struct unfold_piece *piece; /* borrowed while it is looked into */
	struct masked *masked; /* owned; of scan_mask */
	size_t nmasked, masked_cap;
};

void
scan_free(struct scan *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; s->lanes != NULL && i < s->rules->n; i++) {
		struct lane *l = &s->lanes[i];

		free(l->ranges);
		free(l->held);
		for (size_t k = 0; l->near_by != NULL && k < l->rule->nevidence;
		     k++)
			free(l->near_by[k].ticks);
		free(l->near_by);
		free(l->nearby);
		free(l->columns);
		among_done(&l->among);
		member_free(l->member);
		for (size_t k = 0; k < l->ntallies; k++)
			tally_done(&l->tallies[k]);
		free(l->tallies);
	}
	free(s->lanes);
	free(s->touched);
	free(s->name);
	if (s->window != NULL)
		explicit_bzero(s->window, s->size);
	free(s->window);
	free(s->masked);
	regex_room_free(s->room);
	plan_room_free(s->plan);
	if (s->outer == NULL)
		explain_free(s->explain);
	layered_done(&s->layered);
	header_free(s->header);
	unfold_free(s->unfold);
	scan_free(s->inner);
	explicit_bzero(s, sizeof *s);
	free(s);
}

void
scan_freep(struct scan **s)
{
	scan_free(*s);
	*s = NULL;
}

static int
near_by_init(struct near_by *n, const struct evidence *e, size_t held)
{
	if (e->kind != EVIDENCE_COUNT || e->unique == 0)
		return 0;
	n->cap = 64;
	while (n->cap < 4 * held)
		n->cap *= 2;
	n->ticks = calloc(n->cap, sizeof *n->ticks);
	return n->ticks != NULL ? 0 : -ENOMEM;
}

static int
lane_init(struct lane *l, const struct detector *d, struct among_rule tie)
{
	bool headers = false;
	int r = 0;

	*l = (struct lane){.rule = d, .gap = 1, .tie = tie};
	l->nearby = calloc(d->nevidence + 1, sizeof *l->nearby);
	if (l->nearby == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < d->nevidence; i++)
		headers = headers || d->evidence[i].kind == EVIDENCE_HEADER;
	if (headers)
		l->columns = calloc(d->nevidence, sizeof *l->columns);
	if (headers && l->columns == NULL)
		return -ENOMEM;
	l->tallies = calloc((1 + d->nallows) * CONFIDENCES, sizeof *l->tallies);
	if (l->tallies == NULL)
		return -ENOMEM;
	l->ntallies = (1 + d->nallows) * CONFIDENCES;
	if (d->exact.index != NULL)
		return member_new(&d->exact, &l->member);
	if (tie.lag == 0)
		return 0;
	/* Matches do not overlap: so many at most lie in two windows. */
	l->held_cap = 2 * (size_t)tie.lag / (d->least > 0 ? d->least : 1) + 4;
	l->held = calloc(l->held_cap, sizeof *l->held);
	l->near_by = calloc(d->nevidence + 1, sizeof *l->near_by);
	if (l->held == NULL || l->near_by == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < d->nevidence && r == 0; i++)
		r = near_by_init(&l->near_by[i], &d->evidence[i], l->held_cap);
	return r;
}

static int
rooms(struct scan *s, size_t block)
{
	const struct ruleset *r = s->rules;
	int e = regex_room_new(&s->room);

	if (e == 0)
		e = plan_room_new(r->plan, &s->plan);
	if (e != 0)
		return e;
	s->lag = (size_t)r->most + SLACK + r->after + CONTEXT;
	s->back = (size_t)r->most + r->before + CONTEXT;
	if (s->back < DECODE_BACK)
		s->back = DECODE_BACK;
	s->size = s->lag + s->back + block;
	s->window = malloc(s->size);
	s->lanes = calloc(r->n, sizeof *s->lanes);
	s->touched = calloc(r->n / 64 + 1, sizeof *s->touched);
	if (s->window == NULL || s->lanes == NULL || s->touched == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < r->n && e == 0; i++)
		e = lane_init(&s->lanes[i], r->detectors[i], r->among[i]);
	return e;
}

/* A scan of one text; what is encoded in it stays so. */
static int
scan_make(const struct ruleset *r, size_t block, struct scan **out)
{
	struct scan *s = calloc(1, sizeof *s);
	int e;

	if (s == NULL)
		return -ENOMEM;
	s->rules = r;
	s->kind = "";
	rng_fill(s->hash_key, sizeof s->hash_key);
	e = rooms(s, block);
	if (e != 0) {
		scan_free(s);
		return e;
	}
	*out = s;
	return 0;
}

static unfold_fn look_inside;

int
scan_new_sized(const struct ruleset *r, size_t block, struct scan **out)
{
	OWN(scan_freep) struct scan *s = NULL;
	uint32_t layers = 0;
	int e;

	must(block >= BLOCK_MIN);
	e = scan_make(r, block, &s);
	/* What stands encoded is looked into in pieces, without a first line. */
	if (e == 0 && r->headers)
		e = header_new(&s->header);
	for (size_t i = 0; i < r->n; i++)
		layers |= r->detectors[i]->decode;
	if (e == 0 && layers != 0)
		e = scan_make(r, UNFOLD_PIECE, &s->inner);
	if (e == 0 && layers != 0)
		e = unfold_new(layers, look_inside, s, &s->unfold);
	if (e != 0)
		return e;
	if (s->inner != NULL) {
		s->inner->outer = s;
		memcpy(s->inner->hash_key, s->hash_key, sizeof s->hash_key);
	}
	*out = OWN_TAKE(&s);
	return 0;
}

int
scan_new(const struct ruleset *r, struct scan **out)
{
	return scan_new_sized(r, BLOCK, out);
}

void
scan_key(struct scan *s, const uint8_t key[32])
{
	memcpy(s->key, key, sizeof s->key);
	s->key_set = true;
}

static void
near_by_reset(struct near_by *n)
{
	if (n->used > 0)
		memset(n->ticks, 0, n->cap * sizeof *n->ticks);
	n->low = n->high = 0;
	n->used = 0;
	n->distinct = 0;
}

static void
touch(struct scan *s, size_t lane)
{
	s->touched[lane / 64] |= (uint64_t)1 << lane % 64;
}

static bool
is_touched(const struct scan *s, size_t lane)
{
	return (s->touched[lane / 64] >> lane % 64 & 1) != 0;
}

static void
lane_reset(struct lane *l)
{
	l->nranges = 0;
	l->gap = 1;
	l->unsorted = false;
	l->next = 0;
	l->tried = 0;
	l->limits = 0;
	l->off = false;
	l->nheld = 0;
	l->waiting = 0;
	l->old = 0;
	among_reset(&l->among);
	if (l->member != NULL)
		member_reset(l->member);
	for (size_t k = 0; l->near_by != NULL && k < l->rule->nevidence; k++)
		near_by_reset(&l->near_by[k]);
	if (l->asked)
		memset(l->nearby, 0, l->rule->nevidence * sizeof *l->nearby);
	if (l->asked && l->columns != NULL)
		memset(l->columns, 0, l->rule->nevidence * sizeof *l->columns);
	l->asked = false;
	for (size_t k = 0; k < l->ntallies; k++)
		if (l->tallies[k].count > 0)
			tally_done(&l->tallies[k]);
}

/* Forgets the piece: its bytes, its matches, its places. */
static void
reset(struct scan *s)
{
	explicit_bzero(s->window, s->top);
	explicit_bzero(s->normal, sizeof s->normal);
	explicit_bzero(s->hit, sizeof s->hit);
	s->len = 0;
	s->top = 0;
	s->base = 0;
	s->done = 0;
	s->err = 0;
	s->indeterminate = 0;
	s->open = false;
	layered_clear(&s->layered);
	if (s->unfold != NULL)
		unfold_reset(s->unfold);
	if (s->header != NULL)
		header_reset(s->header);
	s->names.known = false;
	/* For most rules there is not even a place to try. */
	for (size_t i = 0; i < s->rules->n; i++)
		if (is_touched(s, i))
			lane_reset(&s->lanes[i]);
	memset(s->touched, 0, (s->rules->n / 64 + 1) * sizeof *s->touched);
}

void
scan_begin(struct scan *s)
{
	reset(s);
	s->open = true;
	if (s->rules->allows)
		s->wall_us = clock_now().wall_us;
}

int
scan_name(struct scan *s, const char *name)
{
	bool asked = s->rules->allows || s->rules->named;
	char *copy = name != NULL && asked ? strdup(name) : NULL;

	if (name != NULL && asked && copy == NULL)
		return -ENOMEM;
	free(s->name);
	s->name = copy;
	return 0;
}

void
scan_kind(struct scan *s, const char *kind)
{
	s->kind = kind;
}

void
scan_labels(struct scan *s, const struct label *list, size_t n)
{
	s->labels = list;
	s->nlabels = n;
}

/* ---- evidence and levels ---- */

/* Whether eight bytes are ASCII. */
static bool
ascii(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return (v & UINT64_C(0x8080808080808080)) == 0;
}

/* The place @chars characters before @at, at most four bytes each. */
static size_t
chars_before(const struct scan *s, size_t at, uint32_t chars)
{
	size_t least = at > 4 * (size_t)chars ? at - 4 * (size_t)chars : 0;

	/* Eight bytes of ASCII are eight characters. */
	while (chars >= 8 && at >= 8 && ascii(s->window + at - 8)) {
		at -= 8;
		chars -= 8;
	}
	while (chars > 0 && at > least) {
		at--;
		if ((s->window[at] & 0xc0) != 0x80)
			chars--;
	}
	return at;
}

static size_t
chars_after(const struct scan *s, size_t at, uint32_t chars)
{
	size_t most = at + 4 * (size_t)chars;

	if (most > s->len)
		most = s->len;
	while (chars >= 8 && most - at > 8 && ascii(s->window + at)) {
		at += 8;
		chars -= 8;
	}
	while (at < most) {
		if ((s->window[at] & 0xc0) != 0x80 && chars-- == 0)
			break;
		at++;
	}
	return at;
}

/* What was hit around one match. */
struct hits {
	uint32_t n, distinct;
	uint64_t seen[RULES_HITS_MAX];
};

/* The same text in another case is the same hit. */
static uint64_t
hit_hash(struct scan *s, size_t from, size_t to)
{
	size_t n = to - from;

	must(n <= sizeof s->hit);
	for (size_t i = 0; i < n; i++) {
		uint8_t c = s->window[from + i];

		s->hit[i] = c >= 'A' && c <= 'Z' ? c + 32 : c;
	}
	return tally_hash(s->hash_key, s->hit, n);
}

static void
hit_add(struct scan *s, struct hits *h, size_t from, size_t to)
{
	uint64_t hash = hit_hash(s, from, to);

	for (uint32_t i = 0; i < h->distinct; i++)
		if (h->seen[i] == hash)
			return;
	if (h->distinct < RULES_HITS_MAX)
		h->seen[h->distinct++] = hash;
}

static bool
enough(const struct evidence *e, const struct hits *h)
{
	return h->n >= e->min && h->distinct >= e->unique;
}

static void
near_hits(struct scan *s, const struct evidence *e, struct nearby *read,
    size_t from, size_t to, struct hits *h)
{
	struct nearby_text t = {s->window, s->len, s->base};
	const struct cue *c = evidence_cue(e);
	size_t last = to - 1;
	struct regex_match m;

	if (from >= to || (c->words != NULL && !nearby_may(c->words, read, &t,
						   &from, to, &last)))
		return;
	while (!enough(e, h) && from <= last) {
		int r = regex_find(
		    c->regex, s->room, s->window, to, from, last, &m);

		if (r < 0)
			s->indeterminate++;
		if (r <= 0)
			break;
		h->n++;
		if (e->unique > 0)
			hit_add(s, h, m.from[0], m.to[0]);
		from = m.to[0];
	}
}

/* The place behind the @lines-th end of a line before @to, from @low on. */
static size_t
lines_before(const struct scan *s, size_t low, size_t to, uint32_t lines)
{
	while (to > low && (s->window[to - 1] != '\n' || --lines > 0))
		to--;
	return to;
}

static size_t
lines_after(const struct scan *s, size_t from, size_t high, uint32_t lines)
{
	while (from < high && (s->window[from] != '\n' || --lines > 0))
		from++;
	return from;
}

/* Where evidence before @from begins to count, and behind @to ends to. */
static size_t
near_low(const struct scan *s, const struct evidence *e, size_t from)
{
	size_t low = chars_before(s, from, e->before);

	return e->lines > 0 ? lines_before(s, low, from, e->lines) : low;
}

static size_t
near_high(const struct scan *s, const struct evidence *e, size_t to)
{
	size_t high = chars_after(s, to, e->after);

	return e->lines > 0 ? lines_after(s, to, high, e->lines) : high;
}

static bool
near(struct scan *s, const struct evidence *e, struct nearby *read, size_t from,
    size_t to)
{
	struct hits h = {0};

	near_hits(s, e, read, near_low(s, e, from), from, &h);
	if (enough(e, &h))
		return true;
	near_hits(s, e, read, to, near_high(s, e, to), &h);
	return enough(e, &h);
}

/* A name that is masked is in no member, of no kind, and has no label. */
static bool
of_member(const struct scan *s, const struct evidence *e)
{
	struct member_facts m = {.kind = s->masking ? "" : s->kind,
	    .name = s->name,
	    .labels = s->labels,
	    .nlabels = s->masking ? 0 : s->nlabels};

	return filerule_fits(&e->file, &m);
}

/* The names of what the value at @at of the window stands in. */
static const struct names *
names_at(struct scan *s, size_t at)
{
	struct nearby_text t = {s->window, s->len, s->base};
	size_t low = at > ENCLOSING_BACK ? at - ENCLOSING_BACK : 0;
	struct names *n = &s->names;

	if (n->known && n->place == s->base + at)
		return n;
	n->known = true;
	n->place = s->base + at;
	n->in_column = s->header != NULL &&
		       header_column(s->header, &t, n->place, &n->column);
	n->n = enclosing_find(
	    s->window + low, at - low, s->base + low == 0, n->around);
	for (size_t i = 0; i < n->n; i++) {
		n->around[i].from += low;
		n->around[i].to += low;
	}
	return n;
}

/* Whether a name holds one of the terms. */
static bool
named(struct scan *s, const struct evidence *e, const uint8_t *name, size_t len)
{
	struct regex_match m;
	int r = regex_find(
	    evidence_cue(e)->regex, s->room, name, len, 0, len - 1, &m);

	if (r < 0)
		s->indeterminate++;
	return r > 0;
}

/* The same for a column; asked once for all of its values. */
static bool
column_named(struct scan *s, const struct evidence *e, struct columns *c,
    const struct header_column *column)
{
	size_t word = column->column / 64;
	uint64_t bit = (uint64_t)1 << column->column % 64;

	if (c->list != column->list)
		*c = (struct columns){.list = column->list};
	if ((c->known[word] & bit) == 0) {
		c->known[word] |= bit;
		if (named(s, e, column->name, column->len))
			c->yes[word] |= bit;
	}
	return (c->yes[word] & bit) != 0;
}

static bool
header_names(
    struct scan *s, const struct evidence *e, struct columns *c, size_t at)
{
	const struct names *n = names_at(s, at);

	if (n->in_column && column_named(s, e, c, &n->column))
		return true;
	for (size_t i = 0; i < n->n; i++)
		if (named(s, e, s->window + n->around[i].from,
			n->around[i].to - n->around[i].from))
			return true;
	return false;
}

/* Evidence that needs nothing but the text around a match. */
static uint64_t
evidence_here(struct scan *s, struct lane *l, const struct regex_match *m,
    uint64_t passed)
{
	const struct detector *d = l->rule;
	uint64_t bits = 0;

	l->asked = true;
	for (size_t i = 0; i < d->nevidence; i++) {
		const struct evidence *e = &d->evidence[i];
		int g = e->of_value ? d->secret : 0;
		bool there = false;

		switch (e->kind) {
		case EVIDENCE_NEAR:
			there = near(s, e, &l->nearby[i], m->from[g], m->to[g]);
			break;
		case EVIDENCE_VALIDATOR:
			there = (passed >> e->check & 1) != 0;
			break;
		case EVIDENCE_HEADER:
			there = header_names(
			    s, e, &l->columns[i], m->from[d->secret]);
			break;
		case EVIDENCE_COUNT:
		case EVIDENCE_DETECTOR:
			break; /* resolve() knows */
		case EVIDENCE_FILE:
			there = of_member(s, e);
			break;
		}
		bits |= (uint64_t)there << i;
	}
	return bits;
}

static struct tick *
tick_of(struct near_by *n, uint64_t hash)
{
	size_t at = (size_t)hash & (n->cap - 1);

	while (n->ticks[at].hash != 0 && n->ticks[at].hash != hash)
		at = (at + 1) & (n->cap - 1);
	return &n->ticks[at];
}

static void
tick_in(struct near_by *n, uint64_t hash)
{
	struct tick *t = tick_of(n, hash);

	n->used += t->hash == 0;
	t->hash = hash;
	n->distinct += t->n++ == 0;
}

static void
near_by_out(const struct lane *l, struct near_by *n)
{
	if (n->ticks != NULL) {
		struct tick *t = tick_of(n, l->held[n->low].hash);

		n->distinct -= --t->n == 0;
	}
	n->low++;
}

static void
near_by_in(const struct lane *l, struct near_by *n)
{
	size_t low = n->low, high = n->high++;

	if (n->ticks == NULL)
		return;
	/* Values that are gone still have a place; begin anew. */
	if (2 * n->used >= n->cap) {
		near_by_reset(n);
		n->low = low;
		n->high = high + 1;
		for (size_t i = low; i < high; i++)
			tick_in(n, l->held[i].hash);
	}
	tick_in(n, l->held[high].hash);
}

/* Whether there are enough matches around this one, itself included. */
static bool
count_there(const struct lane *l, const struct held *h,
    const struct evidence *e, struct near_by *n)
{
	while (n->high < l->nheld && l->held[n->high].at <= h->at + e->within)
		near_by_in(l, n);
	while (n->low < n->high && l->held[n->low].at + e->within < h->at)
		near_by_out(l, n);
	if (e->min > 0)
		return n->high - n->low >= e->min;
	return n->distinct >= e->unique;
}

/* Whether enough findings of another rule lie around a match. */
static bool
others_there(
    const struct scan *s, const struct held *h, const struct evidence *e)
{
	struct among_place p = {.from = e->of_value ? h->value.from : h->at,
	    .to = e->of_value ? h->value.to : h->end,
	    .min = e->min,
	    .unique = e->unique};

	p.low = s->base + near_low(s, e, (size_t)(p.from - s->base));
	p.high = s->base + near_high(s, e, (size_t)(p.to - s->base));
	return among_near(&s->lanes[e->other].among, &p);
}

static bool
level_holds(const struct detector *d, const struct level *l, uint64_t bits)
{
	unsigned any = detector_points(d, l, bits);

	return (bits & l->all) == l->all && (bits & l->none) == 0 &&
	       (l->any == 0 || (any >= l->any_min && any <= l->any_max));
}

static enum confidence
confidence_of(const struct detector *d, const struct held *h)
{
	for (size_t i = 0; i < d->nlevels; i++) {
		enum confidence c = d->levels[i].confidence;

		if (!level_holds(d, &d->levels[i], h->bits))
			continue;
		if (h->demote && c > CONFIDENCE_LOW)
			c = (enum confidence)(c - 1);
		return c;
	}
	return CONFIDENCE_NONE;
}

/* ---- matches ---- */

/* A keyed digest of the value that the same key finds again elsewhere. */
static void
tag(struct scan *s, struct tally *t, const struct detector *d, const uint8_t *v,
    size_t n)
{
	uint8_t whole[SEAL_HASH];
	OWN(buf_wipe) struct buf b = {0};

	if (!s->key_set)
		return;
	buf_init(&b, RULES_WIDTH_MAX + 128);
	buf_put_str(&b, d->id);
	buf_put(&b, v, n);
	if (buf_error(&b) != 0) {
		s->err = buf_error(&b);
		return;
	}
	seal_hmac(s->key, sizeof s->key, b.data, b.len, whole);
	memcpy(t->tag, whole, sizeof t->tag);
}

/* The value in its normal form, in s->normal. */
static size_t
normal(struct scan *s, const struct detector *d, struct span at)
{
	const uint8_t *v = s->window + (at.from - s->base);
	size_t n = (size_t)(at.to - at.from);

	bool digits;

	must(n <= sizeof s->normal);
	if (d->exact.index != NULL)
		return exact_normal(v, n, s->normal, &digits);
	if (d->normalize == 0) {
		memcpy(s->normal, v, n);
		return n;
	}
	return validate_normal(d->normalize, v, n, s->normal);
}

static void
note_masked(struct scan *s, const struct detector *d, struct span at)
{
	if (s->nmasked == s->masked_cap) {
		size_t cap = s->masked_cap == 0 ? 16 : s->masked_cap * 2;
		struct masked *more =
		    reallocarray(s->masked, cap, sizeof *more);

		if (more == NULL) {
			s->err = -ENOMEM;
			return;
		}
		s->masked = more;
		s->masked_cap = cap;
	}
	s->masked[s->nmasked++] = (struct masked){at, d->id};
}

/* What the flags of a rule say of a match. */
static unsigned
marks_of(const struct detector *d, const struct held *h)
{
	unsigned marks = 0;

	for (size_t i = 0; i < d->nflags; i++) {
		const struct flag *f = &d->flags[i];

		if ((f->values != NULL && (h->known >> i & 1) != 0) ||
		    (h->passed & f->checks) != 0 ||
		    (h->bits & f->evidence) != 0)
			marks |= (unsigned)f->mark;
	}
	return marks;
}

/* Tells how a match was judged, if somebody asked; its value is in s->normal
 * where a mask is wanted. */
static void
explain(struct scan *s, const struct lane *l, struct explain_match *m,
    const struct held *h)
{
	struct tally shape = {0};
	struct explain_view v = {.window = s->window,
	    .len = s->len,
	    .base = s->base,
	    .from = h->at,
	    .to = h->end,
	    .room = s->room,
	    .piece = s->piece};

	if (s->piece != NULL && !unfold_counts(s->piece, h->value))
		return;

	m->rule = l->rule;
	m->lane = (size_t)(l - s->lanes);
	m->value = h->value;
	m->passed = h->passed;
	m->bits = h->bits;
	m->demote = h->demote;
	m->marks = marks_of(l->rule, h);
	m->allow = h->allow > 0 ? l->rule->allows[h->allow - 1] : NULL;
	if (m->refuted == NULL) {
		size_t n = normal(s, l->rule, h->value);

		tally_mask(&shape, s->normal, n, l->rule->keep_first,
		    l->rule->keep_last);
		m->mask = shape.mask;
	}
	explain_tell(s->explain, m, &v);
	tally_done(&shape);
}

/* A match that is none: says so, and is false. */
static bool
refuted(struct scan *s, struct lane *l, const struct held *h, const char *what,
    uint32_t entropy_milli)
{
	struct explain_match m = {
	    .refuted = what, .entropy_milli = entropy_milli};

	l->cost.refuted++;
	if (s->explain != NULL && !s->masking)
		explain(s, l, &m, h);
	return false;
}

/* Where a match counts; NULL: there are too many kinds of encoded ones. */
static struct tally *
tally_for(struct scan *s, struct lane *l, size_t which)
{
	struct layered *k;

	if (s->piece == NULL)
		return &l->tallies[which];
	k = layered_of(
	    &s->outer->layered, (size_t)(l - s->lanes), which, s->piece->path);
	return k != NULL ? &k->tally : NULL;
}

/* Whether one of these spans, ascending and apart, holds another one. */
static bool
spans_hold(const struct span *list, size_t n, struct span at)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (list[mid].from <= at.from)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 && list[low - 1].to >= at.to;
}

/* The same among matches that wait, if these will be findings for sure. */
static bool
held_hold(const struct lane *l, struct span at)
{
	const struct level *last = &l->rule->levels[l->rule->nlevels - 1];
	size_t low = l->waiting, high = l->nheld;

	if (l->held == NULL || (last->all | last->any | last->none) != 0)
		return false;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->held[mid].value.from <= at.from)
			low = mid + 1;
		else
			high = mid;
	}
	return low > l->waiting && l->held[low - 1].value.to >= at.to;
}

/*
 * A value with escapes in it may be one as it stands, too: "a%21b" of any
 * printable bytes. It is one value in one place, counted as it stands. The
 * first places of each tally are known, which bounds how far this holds.
 */
static bool
stands_plain(const struct scan *s, const struct lane *l, struct span at)
{
	static const uint32_t escapes = 1U << DECODE_PERCENT | 1U << DECODE_QP |
					1U << DECODE_UNICODE |
					1U << DECODE_HTML;
	const struct lane *plain = &s->outer->lanes[l - s->lanes];

	if ((s->piece->layers & ~escapes) != 0)
		return false;
	for (size_t i = 0; i < plain->ntallies; i++)
		if (spans_hold(
			plain->tallies[i].spans, plain->tallies[i].nspans, at))
			return true;
	return held_hold(plain, at);
}

/* Decides how surely, and counts. The value's bytes are in the window. */
static void
resolve(struct scan *s, struct lane *l, struct held *h)
{
	const struct detector *d = l->rule;
	enum confidence c;
	struct tally *t;
	struct span at;

	for (size_t i = 0; l->held != NULL && i < d->nevidence; i++)
		if ((d->evidence[i].kind == EVIDENCE_COUNT &&
			count_there(l, h, &d->evidence[i], &l->near_by[i])) ||
		    (d->evidence[i].kind == EVIDENCE_DETECTOR &&
			others_there(s, h, &d->evidence[i])))
			h->bits |= (uint64_t)1 << i;
	c = confidence_of(d, h);
	if (l->tie.keep > 0 && c != CONFIDENCE_NONE &&
	    among_add(
		&l->among, &(struct among_found){h->at, h->end, h->hash}) != 0)
		s->err = -ENOMEM;
	if (s->piece != NULL &&
	    (!unfold_counts(s->piece, h->value) ||
		stands_plain(s, l, unfold_span(s->piece, h->value))))
		return;
	if (s->explain != NULL && !s->masking) {
		struct explain_match m = {.confidence = c};

		explain(s, l, &m, h);
	}
	if (c == CONFIDENCE_NONE)
		return;
	t = tally_for(s, l, h->allow * CONFIDENCES + c);
	if (t == NULL) {
		s->outer->indeterminate++;
		return;
	}
	if (l->member != NULL && h->allow == 0) {
		/* Neither a shape nor a tag: guesses could be tried on it. */
		size_t n = normal(s, d, h->value),
		       lane = (size_t)(l - s->lanes);
		const struct lane *to =
		    s->piece != NULL ? &s->outer->lanes[lane] : l;

		touch(s->piece != NULL ? s->outer : s, lane);
		member_keep(to->member,
		    &(struct member_view){s->window, s->len, s->base}, h->hash,
		    s->normal, n);
	}
	if (l->member == NULL && t->count == 0) {
		size_t n = normal(s, d, h->value);

		tally_mask(t, s->normal, n, d->keep_first, d->keep_last);
		tag(s, t, d, s->normal, n);
	}
	at = s->piece != NULL ? unfold_span(s->piece, h->value) : h->value;
	if (tally_add(t, h->hash, marks_of(d, h), at) != 0)
		s->err = -ENOMEM;
	if (s->masking)
		note_masked(s->piece != NULL ? s->outer : s, d, at);
}

/* Resolves what starts its lag or more before @known, then forgets. */
static void
resolve_until(struct scan *s, struct lane *l, uint64_t known)
{
	uint64_t oldest;

	while (l->waiting < l->nheld &&
	       l->held[l->waiting].at + l->tie.lag < known)
		resolve(s, l, &l->held[l->waiting++]);
	oldest = l->waiting < l->nheld ? l->held[l->waiting].at : known;
	while (l->old < l->waiting && l->held[l->old].at + l->tie.lag < oldest)
		l->old++;
	/* In gulps, so that moving costs little a match. */
	if (l->old == 0 || (l->old < l->held_cap / 2 && l->nheld < l->held_cap))
		return;
	for (size_t i = 0; i < l->rule->nevidence; i++) {
		struct near_by *n = &l->near_by[i];

		while (n->low < l->old && n->low < n->high)
			near_by_out(l, n);
		n->low = n->low > l->old ? n->low - l->old : 0;
		n->high = n->high > l->old ? n->high - l->old : 0;
	}
	memmove(
	    l->held, l->held + l->old, (l->nheld - l->old) * sizeof *l->held);
	l->nheld -= l->old;
	l->waiting -= l->old;
	l->old = 0;
}

static void
hold(struct scan *s, struct lane *l, struct held h)
{
	if (l->held == NULL) {
		resolve(s, l, &h);
		return;
	}
	resolve_until(s, l, h.at);
	must(l->nheld < l->held_cap);
	l->held[l->nheld++] = h;
}

static bool
known_sample(const struct terms *t, const uint8_t *v, size_t n)
{
	size_t low = 0;
	size_t high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		size_t len = strlen(t->sorted[mid]);
		int c = memcmp(v, t->sorted[mid], n < len ? n : len);

		if (c == 0 && n == len)
			return true;
		if (c < 0 || (c == 0 && n < len))
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

/* Whether the value has of each kind what its rule requires. */
static bool
fulfils(const struct scan *s, const struct detector *d, struct span at)
{
	const struct requirements *q = &d->requires;
	struct requirements n = {0};

	if ((q->digits | q->upper | q->lower | q->special) == 0)
		return true;
	for (uint64_t i = at.from - s->base; i < at.to - s->base; i++) {
		uint8_t c = s->window[i];

		if (c >= '0' && c <= '9')
			n.digits++;
		else if (c >= 'A' && c <= 'Z')
			n.upper++;
		else if (c >= 'a' && c <= 'z')
			n.lower++;
		else if (c > ' ' && c < 0x7f)
			n.special++;
	}
	return n.digits >= q->digits && n.upper >= q->upper &&
	       n.lower >= q->lower && n.special >= q->special;
}

/* A validator of the text as it stood, but for the width of its digits. */
static bool
raw_ok(struct scan *s, const struct detector *d, const struct validator *v,
    const uint8_t *text, size_t n)
{
	if ((d->normalize & NORMAL_FULLWIDTH) == 0)
		return v->ok(text, n);
	must(n <= sizeof s->hit);
	n = validate_normal(NORMAL_FULLWIDTH, text, n, s->hit);
	return v->ok(s->hit, n);
}

/* Runs the validators; false if the value is refuted. */
static bool
check_all(struct scan *s, const struct detector *d, const struct regex_match *m,
    size_t normal_len, uint64_t *passed, bool *demote)
{
	const uint8_t *w = s->window;

	for (size_t i = 0; i < d->nchecks; i++) {
		const struct check *c = &d->checks[i];
		size_t from = m->from[d->secret];
		bool ok;

		/* A form of the value that has no checksum says nothing. */
		if (c->validator == NULL && (m->from[c->over] == SIZE_MAX ||
						m->from[c->equals] == SIZE_MAX))
			continue;
		if (c->validator == NULL)
			ok = c->checksum->ok(w + m->from[c->over],
			    m->to[c->over] - m->from[c->over],
			    w + m->from[c->equals],
			    m->to[c->equals] - m->from[c->equals]);
		else if (c->validator->raw)
			ok = raw_ok(s, d, c->validator, w + from,
			    m->to[d->secret] - from);
		else
			ok = c->validator->ok(s->normal, normal_len);
		*passed |= (uint64_t)ok << i;
		if (!ok && c->on_fail == ON_FAIL_DROP)
			return false;
		*demote = *demote || (!ok && c->on_fail == ON_FAIL_DEMOTE);
	}
	return true;
}

static bool
gate_open(struct scan *s, const struct detector *d, const struct regex_match *m)
{
	struct regex_match unused;
	int r;

	if (d->gate == NULL)
		return true;
	r = regex_find(d->gate, s->room, s->window, m->to[0], m->from[0],
	    m->to[0] - 1, &unused);
	if (r < 0)
		s->indeterminate++;
	return r > 0;
}

/* The first allow that covers the match, as struct held has it. */
static uint8_t
allow_of(struct scan *s, const struct detector *d, const struct regex_match *m,
    size_t normal_len)
{
	size_t from = m->from[0], to = m->to[0];
	size_t low = from > ALLOW_LINE ? from - ALLOW_LINE : 0;
	size_t high = s->len - to > ALLOW_LINE ? to + ALLOW_LINE : s->len;
	struct allow_match at = {.uuid = d->uuid,
	    .value = s->normal,
	    .value_len = normal_len,
	    .match = s->window + from,
	    .match_len = to - from,
	    .name = s->name,
	    .wall_us = s->wall_us};

	while (from > low && s->window[from - 1] != '\n')
		from--;
	while (to < high && s->window[to] != '\n')
		to++;
	at.line = s->window + from;
	at.line_len = to - from;
	for (size_t i = 0; i < d->nallows; i++)
		if (allow_holds(d->allows[i], s->room, &at))
			return (uint8_t)(i + 1);
	return 0;
}

/* Whether enough other columns of the index stand beside a value. */
static bool
secondaries(struct scan *s, struct lane *l, const struct held *h)
{
	const struct member_rule *r = &l->rule->exact;
	const struct member_view v = {s->window, s->len, s->base};
	size_t from = (size_t)(h->at - s->base);
	size_t to = (size_t)(h->end - s->base);
	const struct member_place p = {.from = h->at,
	    .to = h->end,
	    .low = s->base + chars_before(s, from, r->within),
	    .high = s->base + chars_after(s, to, r->within)};
	int n = member_beside(l->member, &v, &p);

	if (n < 0)
		s->err = n;
	return n >= 0 && (uint32_t)n >= r->min;
}

/* Takes a match of the pattern; false if it is refuted. */
static bool
take(struct scan *s, struct lane *l, const struct regex_match *m)
{
	const struct detector *d = l->rule;
	struct held h = {.at = s->base + m->from[0], .end = s->base + m->to[0]};
	int g = d->entropy_group;
	uint32_t bits = 0;
	size_t n;

	l->cost.matches++;
	if (m->from[d->secret] == SIZE_MAX ||
	    m->from[d->secret] >= m->to[d->secret])
		return false;
	h.value.from = s->base + m->from[d->secret];
	h.value.to = s->base + m->to[d->secret];
	if (!gate_open(s, d, m))
		return refuted(s, l, &h, "keyword", 0);
	if (d->entropy_milli > 0 && m->from[g] != SIZE_MAX)
		bits = validate_entropy(
		    s->window + m->from[g], m->to[g] - m->from[g]);
	if (bits < d->entropy_milli)
		return refuted(s, l, &h, "entropy", bits);
	if (l->member != NULL && !secondaries(s, l, &h))
		return refuted(s, l, &h, "secondaries", 0);
	if (!fulfils(s, d, h.value))
		return refuted(s, l, &h, "requirements", 0);
	n = normal(s, d, h.value);
	if (!check_all(s, d, m, n, &h.passed, &h.demote))
		return refuted(s, l, &h, "validator", 0);
	h.hash = tally_hash(s->hash_key, s->normal, n);
	for (size_t i = 0; i < d->nflags; i++)
		if (d->flags[i].values != NULL &&
		    known_sample(d->flags[i].values, s->normal, n))
			h.known |= (uint8_t)(1U << i);
	if (d->nallows > 0)
		h.allow = allow_of(s, d, m, n);
	h.bits = evidence_here(s, l, m, h.passed);
	hold(s, l, h);
	return true;
}

/* ---- candidates ---- */

/*
 * After a limit was hit somewhere from @from to @last: one start at a time.
 * Returns 1 with a match, 0 without; *from moves behind what was looked at.
 */
static int
step_by_step(struct scan *s, struct lane *l, size_t end, size_t *from,
    size_t last, struct regex_match *m)
{
	for (; *from <= last; (*from)++) {
		int r = regex_find(
		    l->rule->regex, s->room, s->window, end, *from, *from, m);

		if (r > 0)
			return 1;
		if (r == 0)
			continue;
		s->indeterminate++;
		if (++l->limits == LIMITS_MAX) {
			l->off = true;
			return 0;
		}
	}
	return 0;
}

/*
 * The leftmost match that starts from *from to @last, in the text up to @end.
 * Returns 1 with it, 0 without; *from may move.
 */
static int
find(struct scan *s, struct lane *l, size_t end, size_t *from, size_t last,
    struct regex_match *m)
{
	const struct detector *d = l->rule;
	int r;

	if (l->member != NULL)
		return member_find(&d->exact, s->window, end, *from, last,
		    &m->from[0], &m->to[0]);
	r = regex_find(d->regex, s->room, s->window, end, *from, last, m);
	return r >= 0 ? r : step_by_step(s, l, end, from, last, m);
}

/* Takes the matches that start from @low to @high. */
static void
confirm(struct scan *s, struct lane *l, uint64_t low, uint64_t high)
{
	const struct detector *d = l->rule;
	uint64_t start = low;
	uint64_t since = s->measured ? clock_boot_us() : 0;
	size_t last = (size_t)(high - s->base);
	size_t end =
	    last + (l->member != NULL ? MEMBER_SIGHT : d->most + SLACK);

	if (start < l->next)
		start = l->next;
	if (start < l->tried)
		start = l->tried;
	if (end > s->len)
		end = s->len;
	while (start <= high && !l->off) {
		size_t from = (size_t)(start - s->base);
		struct regex_match m;
		if (find(s, l, end, &from, last, &m) == 0)
			break;
		must(m.to[0] - m.from[0] <= d->most);
		start = s->base + (take(s, l, &m) ? m.to[0] : m.from[0] + 1);
		l->next = start;
	}
	if (l->tried <= high)
		l->tried = high + 1;
	l->cost.places++;
	l->cost.us += s->measured ? clock_boot_us() - since : 0;
}

static int
by_low(const void *a, const void *b)
{
	const struct range *x = a;
	const struct range *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

/* Sorts a lane's ranges, and makes one of those that are close. */
static void
tidy(struct lane *l)
{
	size_t n = 0;

	if (l->unsorted)
		qsort(l->ranges, l->nranges, sizeof *l->ranges, by_low);
	l->unsorted = false;
	for (size_t i = 1; i < l->nranges; i++) {
		struct range *to = &l->ranges[n];
		const struct range *r = &l->ranges[i];

		if (r->low > to->high + l->gap)
			l->ranges[++n] = *r;
		else if (r->high > to->high)
			to->high = r->high;
	}
	if (l->nranges > 0)
		l->nranges = n + 1;
}

/* Makes room for one more range; more places to try are no harm. */
static bool
room_for_range(struct lane *l)
{
	size_t cap = l->ranges_cap == 0 ? RANGES_FIRST : l->ranges_cap * 2;
	struct range *more;

	if (l->nranges < l->ranges_cap)
		return true;
	if (l->ranges_cap == RANGES_MAX) {
		do {
			l->gap *= 2;
			tidy(l);
		} while (l->nranges > RANGES_MAX / 2);
		return true;
	}
	more = reallocarray(l->ranges, cap, sizeof *more);
	if (more == NULL)
		return false;
	l->ranges = more;
	l->ranges_cap = cap;
	return true;
}

struct pass {
	struct scan *s;
	uint64_t limit; /* starts from here on wait for the next block */
};

static void
on_range(void *ctx, size_t rule, size_t from, size_t to)
{
	const struct pass *p = ctx;
	struct scan *s = p->s;
	struct lane *l = &s->lanes[rule];
	uint64_t low = s->base + from;
	uint64_t high = s->base + to;
	struct range r, *last;

	if (s->piece != NULL &&
	    (l->rule->decode & s->piece->layers) != s->piece->layers)
		return;
	low = low > l->next ? low : l->next;
	low = low > s->done ? low : s->done;
	if (high >= p->limit)
		high = p->limit - 1;
	if (low > high || p->limit == 0)
		return;
	touch(s, rule);
	r = (struct range){
	    (uint32_t)(low - s->done), (uint32_t)(high - s->done)};
	last = l->nranges > 0 ? &l->ranges[l->nranges - 1] : NULL;
	if (last != NULL && r.low >= last->low &&
	    r.low <= last->high + l->gap) {
		last->high = r.high > last->high ? r.high : last->high;
		return;
	}
	if (!room_for_range(l)) {
		s->err = -ENOMEM;
		return;
	}
	last = l->nranges > 0 ? &l->ranges[l->nranges - 1] : NULL;
	l->unsorted = l->unsorted || (last != NULL && r.low < last->low);
	l->ranges[l->nranges++] = r;
}

static void
run_lane(struct scan *s, struct lane *l)
{
	if (l->unsorted)
		tidy(l);
	for (size_t i = 0; i < l->nranges && !l->off; i++)
		confirm(s, l, s->done + l->ranges[i].low,
		    s->done + l->ranges[i].high);
	l->nranges = 0;
	l->gap = 1;
	l->unsorted = false;
}

/* Processes the window as far as the context behind it reaches. */
static int
process(struct scan *s, bool eof)
{
	const struct ruleset *r = s->rules;
	struct pass p = {.s = s, .limit = s->base + s->len};
	struct nearby_text t = {s->window, s->len, s->base};
	uint64_t keep;
	size_t drop;
	int e;

	if (!eof)
		p.limit -= s->lag;
	if (s->header != NULL)
		header_first(s->header, &t);
	e = plan_scan(r->plan, s->plan, s->window, s->len,
	    (size_t)(s->done - s->base), on_range, &p);
	if (e != 0)
		return e;
	for (size_t i = 0; i < r->n; i++) {
		struct lane *l = &s->lanes[r->order[i]];

		if (!is_touched(s, r->order[i]))
			continue;
		run_lane(s, l);
		if (l->held == NULL)
			continue;
		if (eof)
			resolve_until(s, l, UINT64_MAX);
		else
			resolve_until(s, l, p.limit);
	}
	if (s->unfold != NULL && s->err == 0)
		s->err = unfold_run(s->unfold, s->window, s->len, s->base,
		    s->done, p.limit, eof);
	for (size_t i = 0; i < r->n; i++)
		if (is_touched(s, i) && s->lanes[i].among.n > 0 &&
		    p.limit > s->lanes[i].tie.keep)
			among_drop(
			    &s->lanes[i].among, p.limit - s->lanes[i].tie.keep);
	s->done = p.limit;
	keep = s->done > s->back ? s->done - s->back : 0;
	drop = keep > s->base ? (size_t)(keep - s->base) : 0;
	if (drop > 0 && !eof) {
		if (s->header != NULL && s->err == 0)
			s->err = header_drop(s->header, &t, keep);
		s->names.known = false;
		memmove(s->window, s->window + drop, s->len - drop);
		s->len -= drop;
		s->base += drop;
	}
	return s->err;
}

/* Looks into a text that stands encoded in this one. */
static int
look_inside(void *ctx, const struct unfold_piece *p)
{
	struct scan *s = ctx;
	struct scan *in = s->inner;
	int r;

	scan_begin(in);
	in->piece = p;
	in->name = s->name;
	in->kind = s->kind;
	scan_labels(in, s->labels, s->nlabels);
	in->wall_us = s->wall_us;
	in->masking = s->masking;
	in->explain = s->explain;
	in->key_set = s->key_set;
	memcpy(in->key, s->key, sizeof in->key);
	r = scan_feed(in, (struct content){p->text, p->len});
	if (r == 0)
		r = process(in, true);
	s->indeterminate += in->indeterminate;
	in->piece = NULL;
	in->name = NULL;
	reset(in);
	return r;
}

int
scan_feed(struct scan *s, struct content c)
{
	must(s->open);
	while (c.len > 0 && s->err == 0) {
		size_t n = s->size - s->len;

		if (n > c.len)
			n = c.len;
		memcpy(s->window + s->len, c.data, n);
		s->len += n;
		s->top = s->len > s->top ? s->len : s->top;
		c.data += n;
		c.len -= n;
		if (s->len == s->size)
			s->err = process(s, false);
	}
	return s->err;
}

/* ---- findings ---- */

static void
finding_head(const struct detector *d, enum confidence c, struct finding *f)
{
	*f = (struct finding){.confidence = c, .sensitivity = d->sensitivity};
	(void)str_copy(f->detector, sizeof f->detector, d->id);
	(void)str_copy(f->version, sizeof f->version, d->pack->version);
	(void)str_copy(f->class_name, sizeof f->class_name, d->class_name);
}

static void
finding_allow(struct finding *f, const struct allow *a)
{
	(void)str_copy(f->allow, sizeof f->allow, a->id);
	(void)str_copy(f->allow_until, sizeof f->allow_until, a->until);
}

/*
 * Whether a rule has found fewer in the piece than make an event: what no allow
 * covers, at every level, plain and encoded. A value at two of these counts
 * twice, so that the doubt is for the event.
 */
static bool
is_few(const struct scan *s, const struct lane *l)
{
	const struct detector *d = l->rule;
	size_t lane = (size_t)(l - s->lanes);
	uint64_t count = 0, unique = 0;

	if (d->event_min <= 1 && d->event_unique <= 1)
		return false;
	for (size_t i = 0; i < CONFIDENCES; i++) {
		count += l->tallies[i].count;
		unique += l->tallies[i].used;
	}
	for (size_t i = 0; i < s->layered.n; i++) {
		const struct layered *k = &s->layered.list[i];

		if (k->lane != lane || k->which >= CONFIDENCES)
			continue;
		count += k->tally.count;
		unique += k->tally.used;
	}
	return count < d->event_min || unique < d->event_unique;
}

static int
finding_of(const struct scan *s, struct lane *l, struct tally *t, size_t which,
    struct finding *f)
{
	const struct detector *d = l->rule;
	enum confidence c = (enum confidence)(which % CONFIDENCES);

	finding_head(d, c, f);
	(void)str_copy(f->mask, sizeof f->mask, t->mask);
	if (which >= CONFIDENCES)
		finding_allow(f, d->allows[which / CONFIDENCES - 1]);
	f->count = t->count;
	f->unique = t->used;
	f->unique_capped = t->capped;
	f->marks = MARKS & (uint8_t)~t->lacking;
	f->test_data = (f->marks & MARK_TEST_DATA) != 0;
	if (which < CONFIDENCES && is_few(s, l))
		f->marks |= MARK_FEW;
	f->bulk = (d->bulk_unique > 0 && t->used >= d->bulk_unique) ||
		  (d->bulk_min > 0 && t->count >= d->bulk_min);
	f->tag_set = s->key_set && l->member == NULL;
	memcpy(f->tag, t->tag, sizeof f->tag);
	f->spans = OWN_TAKE(&t->spans);
	f->nspans = t->nspans;
	return l->member != NULL && which < CONFIDENCES
		   ? member_seal(l->member, &f->sealed)
		   : 0;
}

/* The findings of the piece, the surest first; *out is the caller's. */
static int
collect(struct scan *s, struct finding **out, size_t *n)
{
	size_t max = s->layered.n;
	int r = 0;

	layered_sort(&s->layered);
	for (size_t i = 0; i < s->rules->n; i++)
		for (size_t k = 0; is_touched(s, i) && k < s->lanes[i].ntallies;
		     k++)
			max += s->lanes[i].tallies[k].count > 0;
	*n = 0;
	*out = calloc(max + 1, sizeof **out);
	if (*out == NULL)
		return -ENOMEM;
	for (size_t c = CONFIDENCE_HIGH; max > 0 && c > CONFIDENCE_NONE; c--) {
		for (size_t i = 0; i < s->rules->n; i++)
			for (size_t k = c; k < s->lanes[i].ntallies && r == 0;
			     k += CONFIDENCES)
				if (s->lanes[i].tallies[k].count > 0)
					r = finding_of(s, &s->lanes[i],
					    &s->lanes[i].tallies[k], k,
					    &(*out)[(*n)++]);
		for (size_t i = 0; i < s->layered.n && r == 0; i++) {
			struct layered *l = &s->layered.list[i];
			struct finding *f = &(*out)[*n];

			if (l->which % CONFIDENCES != c || l->tally.count == 0)
				continue;
			r = finding_of(
			    s, &s->lanes[l->lane], &l->tally, l->which, f);
			(void)str_copy(f->decode, sizeof f->decode, l->path);
			++*n;
		}
	}
	return r;
}

int
scan_end(
    struct scan *s, scan_found_fn *found, void *ctx, uint64_t *indeterminate)
{
	OWN_MEM struct finding *list = NULL;
	size_t n = 0;
	int r = s->err;

	must(s->open);
	if (r == 0)
		r = process(s, true);
	if (r == 0)
		r = collect(s, &list, &n);
	if (indeterminate != NULL)
		*indeterminate = s->indeterminate;
	s->missed = s->unfold != NULL ? unfold_missed(s->unfold) : 0;
	if (s->explain != NULL && !s->masking)
		explain_end(s->explain, s->rules);
	reset(s);
	for (size_t i = 0; i < n; i++) {
		if (found != NULL)
			found(ctx, &list[i]);
		finding_done(&list[i]);
	}
	return r;
}

/* A rule about the member itself; none: no level holds. */
static enum confidence
file_confidence(const struct detector *d, const struct member_facts *m)
{
	struct held h = {0};

	if (!filerule_fits(&d->file, m))
		return CONFIDENCE_NONE;
	for (size_t i = 0; i < d->nevidence; i++)
		if (filerule_fits(&d->evidence[i].file, m))
			h.bits |= (uint64_t)1 << i;
	return confidence_of(d, &h);
}

/* Asks the rules about a label, or about a member. */
static int
ask_about(struct scan *s, const struct member_facts *m, bool label,
    scan_found_fn *found, void *ctx)
{
	static const uint8_t nothing[1];
	const struct ruleset *r = s->rules;
	int64_t now = r->files && r->allows ? clock_now().wall_us : 0;

	if (s->open)
		return -EBUSY;
	for (size_t i = 0; i < r->n && r->files; i++) {
		const struct detector *d = r->detectors[i];
		enum confidence c;
		struct allow_match at = {.uuid = d->uuid,
		    .value = nothing,
		    .match = nothing,
		    .line = nothing,
		    .name = s->name,
		    .wall_us = now};
		struct finding f;

		if (!filerule_asks(&d->file) ||
		    (d->file.label.at != NULL) != label)
			continue;
		c = file_confidence(d, m);
		if (c == CONFIDENCE_NONE)
			continue;
		finding_head(d, c, &f);
		f.count = f.unique = 1;
		for (size_t k = d->nallows; k > 0; k--)
			if (allow_holds(d->allows[k - 1], s->room, &at))
				finding_allow(&f, d->allows[k - 1]);
		found(ctx, &f);
	}
	return 0;
}

int
scan_file(struct scan *s, const char *type, const char *kind,
    scan_found_fn *found, void *ctx)
{
	const struct member_facts m = {.kind = kind,
	    .type = type,
	    .name = s->name,
	    .labels = s->labels,
	    .nlabels = s->nlabels};

	return ask_about(s, &m, false, found, ctx);
}

int
scan_label(
    struct scan *s, const struct label *label, scan_found_fn *found, void *ctx)
{
	const struct member_facts m = {.kind = "",
	    .type = "",
	    .name = s->name,
	    .labels = label,
	    .nlabels = 1};

	return ask_about(s, &m, true, found, ctx);
}

uint64_t
scan_missed(const struct scan *s)
{
	return s->missed;
}

static int
by_place(const void *a, const void *b)
{
	const struct masked *x = a;
	const struct masked *y = b;

	if (x->at.from != y->at.from)
		return x->at.from < y->at.from ? -1 : 1;
	return x->at.to > y->at.to ? -1 : x->at.to < y->at.to;
}

/* Writes the text with its matches replaced; overlapping ones are one. */
static void
replace(struct scan *s, struct content text, struct buf *out)
{
	uint64_t at = 0;

	if (s->nmasked > 0)
		qsort(s->masked, s->nmasked, sizeof *s->masked, by_place);
	for (size_t i = 0; i < s->nmasked; i++) {
		const struct masked *m = &s->masked[i];

		if (m->at.to <= at)
			continue;
		if (m->at.from >= at) {
			buf_put(out, text.data + at, (size_t)(m->at.from - at));
			buf_printf(out, "[%s]", m->detector);
		}
		at = m->at.to;
	}
	buf_put(out, text.data + at, text.len - (size_t)at);
}

int
scan_mask(struct scan *s, struct content text, struct buf *out,
    scan_found_fn *found, void *ctx)
{
	uint64_t unsure = 0;
	int r;

	if (s->open)
		return -EBUSY;
	s->nmasked = 0;
	s->masking = true;
	scan_begin(s);
	r = scan_feed(s, text);
	if (r == 0)
		r = scan_end(s, found, ctx, &unsure);
	else
		reset(s);
	s->masking = false;
	if (r != 0)
		return r;
	if (unsure > 0)
		buf_printf(out, "[indeterminate]");
	else
		replace(s, text, out);
	if (buf_error(out) != 0)
		return buf_error(out);
	return s->nmasked > 0 || unsure > 0;
}

/* ---- questions of rule writers ---- */

int
scan_explain(struct scan *s, scan_why_fn *why, void *ctx)
{
	explain_free(OWN_TAKE(&s->explain));
	if (why == NULL)
		return 0;
	return explain_new(why, ctx, s->rules->n, &s->explain);
}

void
scan_measure(struct scan *s, bool on)
{
	s->measured = on;
}

void
scan_costs(struct scan *s, scan_cost_fn *cost, void *ctx)
{
	for (size_t i = 0; i < s->rules->n; i++) {
		struct lane *l = &s->lanes[i];

		l->cost.detector = l->rule->id;
		if (l->cost.places > 0)
			cost(ctx, &l->cost);
		l->cost = (struct scan_cost){0};
	}
}
