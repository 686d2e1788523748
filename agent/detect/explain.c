/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain - tells how matches were judged, when somebody asked.
 *
 * Owns: the words for evidence and levels, the search for the nearest hit of
 * evidence that was out of reach, and how many matches of a rule are told.
 * Never: changes a verdict; writes a byte of the text into a fact.
 */
#include "agent/detect/explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

enum {
	TOLD_MAX = 20, /* matches of a rule and piece, kept and refuted each */
	REACH = 4096, /* bytes in which evidence is looked for */
	HITS_MAX = 1000,
};

struct explain {
	scan_why_fn *why;
	void *ctx;
	size_t lanes;
	uint64_t *told; /* kept and refuted of each lane; owned */
};

int
explain_new(scan_why_fn *why, void *ctx, size_t lanes, struct explain **out)
{
	struct explain *e = calloc(1, sizeof *e);

	if (e == NULL)
		return -ENOMEM;
	*e = (struct explain){.why = why, .ctx = ctx, .lanes = lanes};
	e->told = calloc(2 * lanes + 1, sizeof *e->told);
	if (e->told == NULL) {
		free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

void
explain_free(struct explain *e)
{
	if (e != NULL)
		free(e->told);
	free(e);
}

/* ---- where evidence lies ---- */

/* The hit nearest to the match, in the window; false if there is none. */
static bool
nearest(const struct explain_view *v, const struct evidence *e, struct span *at)
{
	size_t from = (size_t)(v->from - v->base);
	size_t to = (size_t)(v->to - v->base);
	size_t low = from > REACH ? from - REACH : 0;
	size_t high = v->len - to > REACH ? to + REACH : v->len;
	const struct regex *regex = evidence_cue(e)->regex;
	struct regex_match m;
	bool found = false;

	/* Before it: the last one, as far as that side counts at all. */
	for (unsigned n = 0; e->before > 0 && low < from && n < HITS_MAX; n++) {
		if (regex_find(regex, v->room, v->window, from, low, from - 1,
			&m) <= 0)
			break;
		*at = (struct span){v->base + m.from[0], v->base + m.to[0]};
		found = true;
		low = m.to[0];
	}
	if (e->after == 0 || to >= high ||
	    regex_find(regex, v->room, v->window, high, to, high - 1, &m) <= 0)
		return found;
	if (found && v->from - at->to <= m.from[0] - to)
		return true;
	*at = (struct span){v->base + m.from[0], v->base + m.to[0]};
	return true;
}

/* Characters between a match and a place outside of it. */
static uint64_t
distance(const struct explain_view *v, struct span at)
{
	uint64_t from = at.to <= v->from ? at.to : v->to;
	uint64_t to = at.to <= v->from ? v->from : at.from;
	uint64_t n = 0;

	for (uint64_t i = from; i < to; i++)
		n += (v->window[i - v->base] & 0xc0) != 0x80;
	return n;
}

static bool
in_window(const struct explain_view *v)
{
	return v->from >= v->base && v->to >= v->from &&
	       v->to - v->base <= v->len;
}

/* ---- words ---- */

/* The rule's own words for a piece of evidence. */
static void
evidence_words(const struct evidence *e, char *out, size_t size)
{
	const struct yaml *kind = e->at;
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 64 * 1024);
	buf_printf(&b, "%s", kind != NULL ? kind->key : "evidence");
	if (kind != NULL && kind->kind == YAML_SCALAR)
		buf_printf(&b, " %s", kind->text);
	for (const struct yaml *y = kind != NULL ? kind->child : NULL;
	     y != NULL; y = y->next) {
		if (y->kind == YAML_SCALAR)
			buf_printf(&b, " %s%s%s", y->key != NULL ? y->key : "",
			    y->key != NULL ? ":" : "", y->text);
		else
			buf_printf(&b, " %s", y->key != NULL ? y->key : "");
		for (const struct yaml *t = y->kind == YAML_LIST ? y->child
								 : NULL;
		     t != NULL && b.len < size; t = t->next)
			if (t->kind == YAML_SCALAR)
				buf_printf(&b, "%s%s",
				    t == y->child ? ":" : ",", t->text);
	}
	str_escape(out, size, b.data, b.len);
}

static void
tell_evidence(struct why *w, const struct explain_match *m,
    const struct explain_view *v, size_t i)
{
	const struct evidence *e = &m->rule->evidence[i];
	bool holds = (m->bits >> i & 1) != 0;
	char words[WHY_TEXT_MAX - 64];
	struct explain_view from = *v;
	struct why_fact *f;
	struct span at;

	if (e->of_value) {
		from.from = m->value.from;
		from.to = m->value.to;
	}
	evidence_words(e, words, sizeof words);
	if (e->kind != EVIDENCE_NEAR || !in_window(&from) ||
	    !nearest(&from, e, &at)) {
		(void)why_fact(w, "evidence", holds, "#%zu %s", i + 1, words);
		return;
	}
	f = why_fact(w, "evidence", holds, "#%zu %s; the nearest is %llu away",
	    i + 1, words, (unsigned long long)distance(&from, at));
	if (f == NULL)
		return;
	f->placed = true;
	f->at = v->piece != NULL ? unfold_span(v->piece, at) : at;
}

static void
list_bits(struct buf *b, const char *word, uint64_t bits)
{
	bool first = true;

	for (unsigned i = 0; i < 64; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		buf_printf(b, "%s#%u", first ? word : ", ", i + 1);
		first = false;
	}
}

/* Where evidence counts differently: each piece with its points. */
static void
list_points(struct buf *b, const struct detector *d, const struct level *l,
    uint64_t bits, unsigned sum)
{
	bool scored = false;
	const char *word = "";

	for (uint64_t left = l->any; left != 0; left &= left - 1)
		scored =
		    scored || d->evidence[__builtin_ctzll(left)].points != 1;
	if (!scored)
		return;
	buf_printf(b, "; %u points of %u: ", sum, l->any_min);
	for (uint64_t left = l->any & bits; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		buf_printf(b, "%s#%u +%u", word, i + 1, d->evidence[i].points);
		word = ", ";
	}
}

/* Why a level holds, or what keeps it from holding. */
static void
tell_level(struct why *w, const struct explain_match *m, const struct level *l)
{
	uint64_t missing = l->all & ~m->bits;
	uint64_t against = l->none & m->bits;
	unsigned any = detector_points(m->rule, l, m->bits);
	bool few = l->any != 0 && (any < l->any_min || any > l->any_max);
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 4096);
	buf_printf(&b, "%s", confidence_name(l->confidence));
	if (missing == 0 && against == 0 && !few) {
		list_bits(&b, ": there is ", m->bits & (l->all | l->any));
		list_bits(&b, "; there is no ", l->none);
	} else {
		list_bits(&b, ": there is no ", missing);
		list_bits(&b, missing != 0 ? "; against it: " : ": against it ",
		    against);
		if (few)
			buf_printf(&b, "%s %u of at least %u",
			    missing != 0 || against != 0 ? ";" : ":", any,
			    l->any_min);
		if (few)
			list_bits(&b, " of ", l->any);
	}
	list_points(&b, m->rule, l, m->bits, any);
	(void)why_fact(w, "level", missing == 0 && against == 0 && !few, "%s",
	    buf_text(&b) != NULL ? buf_text(&b) : "");
}

static void
tell_checks(struct why *w, const struct explain_match *m)
{
	const struct detector *d = m->rule;

	for (size_t i = 0; i < d->nchecks; i++) {
		const struct check *c = &d->checks[i];
		bool ok = (m->passed >> i & 1) != 0;

		(void)why_fact(w, "validator", ok, "%s%s", c->name,
		    ok                             ? ""
		    : c->on_fail == ON_FAIL_DEMOTE ? " (one level less)"
		    : c->on_fail == ON_FAIL_FLAG   ? " (or not in this form)"
						   : "");
		if (!ok && c->on_fail == ON_FAIL_DROP && m->refuted != NULL) {
			(void)snprintf(w->dropped, sizeof w->dropped,
			    "validator %.48s", c->name);
			return;
		}
	}
}

static void
tell_refuted(struct why *w, const struct explain_match *m)
{
	(void)snprintf(w->dropped, sizeof w->dropped, "%s", m->refuted);
	if (str_eq(m->refuted, "keyword"))
		(void)why_fact(w, "keyword", false,
		    "none of the prefilter's keywords is in the match");
	else if (str_eq(m->refuted, "requirements"))
		(void)why_fact(w, "requirements", false,
		    "the value lacks digits, letters or others that are asked "
		    "for");
	else if (str_eq(m->refuted, "entropy"))
		(void)why_fact(w, "entropy", false,
		    "%u.%03u bits a byte, at least %u.%03u are asked for",
		    m->entropy_milli / 1000, m->entropy_milli % 1000,
		    m->rule->entropy_milli / 1000,
		    m->rule->entropy_milli % 1000);
	else if (str_eq(m->refuted, "secondaries"))
		(void)why_fact(w, "secondaries", false,
		    "fewer than %u other columns of the index within %u "
		    "characters",
		    m->rule->exact.min, m->rule->exact.within);
	else
		tell_checks(w, m);
}

static void
tell_judged(
    struct why *w, const struct explain_match *m, const struct explain_view *v)
{
	const struct detector *d = m->rule;

	w->confidence = m->confidence;
	if (m->confidence == CONFIDENCE_NONE)
		(void)snprintf(w->dropped, sizeof w->dropped, "no level holds");
	if (m->mask != NULL)
		(void)snprintf(w->mask, sizeof w->mask, "%s", m->mask);
	tell_checks(w, m);
	for (size_t i = 0; i < d->nevidence; i++)
		tell_evidence(w, m, v, i);
	for (size_t i = 0; i < d->nlevels; i++) {
		tell_level(w, m, &d->levels[i]);
		if (w->nfacts > 0 && w->facts[w->nfacts - 1].holds)
			break;
	}
	for (unsigned mark = MARK_TEST_DATA; mark < MARKS; mark <<= 1)
		if ((m->marks & mark) != 0)
			(void)why_fact(w, "flag", true, "%s",
			    finding_mark((enum mark)mark));
	if (m->allow != NULL)
		(void)why_fact(w, "allow", true, "%s until %s, by %s",
		    m->allow->id, m->allow->until, m->allow->owner);
}

void
explain_tell(struct explain *e, const struct explain_match *m,
    const struct explain_view *v)
{
	OWN(why_done) struct why w = {.value = m->value};
	bool kept = m->refuted == NULL;

	if (v->piece != NULL)
		w.value = unfold_span(v->piece, m->value);

	must(m->lane < e->lanes);
	if (++e->told[2 * m->lane + kept] > TOLD_MAX)
		return;
	(void)str_copy(w.detector, sizeof w.detector, m->rule->id);
	if (v->piece != NULL)
		(void)why_fact(
		    &w, "decode", true, "stands as %s", v->piece->path);
	if (kept)
		tell_judged(&w, m, v);
	else
		tell_refuted(&w, m);
	e->why(e->ctx, &w);
}

void
explain_end(struct explain *e, const struct ruleset *r)
{
	for (size_t i = 0; i < 2 * e->lanes; i++) {
		OWN(why_done) struct why w = {0};

		if (e->told[i] > TOLD_MAX) {
			(void)str_copy(w.detector, sizeof w.detector,
			    r->detectors[i / 2]->id);
			w.more = e->told[i] - TOLD_MAX;
			if (i % 2 == 0)
				(void)str_copy(
				    w.dropped, sizeof w.dropped, "refuted");
			e->why(e->ctx, &w);
		}
		e->told[i] = 0;
	}
}
