/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint - what is said of a detector that loads, but should not be relied on.
 *
 * Owns: the names of these problems, each with its test in
 * tests/net/rules_lint.sh, and `quiet`, by which a rule says that a warning is
 * meant to be. An error cannot be quieted.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/detect/rules.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	STABLE_TESTS = 10, /* runs that a stable rule should have */
	SHORT_KEYWORD = 3,
	OVERLAP_PERCENT = 80,
	OVERLAP_TESTS = 3, /* positive samples from which it is judged */
	LIVE_BODY = 16, /* bytes behind an issuer's prefix */
	LIVE_MILLI = 3500, /* bits a byte of them, times 1000 */
	STOP_TERMS = 200, /* of what a value must not be near, or in */
	SPANS_MAX = 64,
	FOUND_MAX = 256,
};

/* What can be quieted. */
static const char *const WARNINGS[] = {"no-reference", "old-regime",
    "few-tests", "short-keyword", "live-sample", "overlap", "dear-layer",
    "stop-word", "stop-list", NULL};

/* Regulations that another one replaced, and by which. */
static const struct {
	const char *old, *new;
} REGIMES[] = {
    {"PCI-DSS-3.2", "PCI-DSS-4.0"},
    {"PCI-DSS-3.2.1", "PCI-DSS-4.0"},
    {"PCI-DSS-4", "PCI-DSS-4.0"},
    {"95/46/EC", "GDPR"},
    {"EU-95-46", "GDPR"},
    {"PIPEDA-2000", "PIPEDA"},
    {"LPD-1992", "nDSG"},
    {"Safe-Harbor", "DPF"},
    {"Privacy-Shield", "DPF"},
};

static bool
quieted(const struct detector *d, const char *name)
{
	const struct yaml *list = yaml_get(d->at, "quiet");

	for (const struct yaml *y = list != NULL ? list->child : NULL;
	     y != NULL; y = y->next) {
		const struct yaml *n = yaml_get(y, "name");

		if (n != NULL && n->kind == YAML_SCALAR &&
		    str_eq(n->text, name))
			return true;
	}
	return false;
}

static bool
is_warning(const struct yaml *name)
{
	for (size_t i = 0; WARNINGS[i] != NULL; i++)
		if (name->kind == YAML_SCALAR &&
		    str_eq(name->text, WARNINGS[i]))
			return true;
	return false;
}

/* What is quieted must be a warning, and have a reason. */
static void
lint_quiet(const struct detector *d, struct loader *l)
{
	static const char *const keys[] = {"name", "reason", NULL};
	const struct yaml *list = yaml_get(d->at, "quiet");

	if (list == NULL)
		return;
	if (list->kind != YAML_LIST) {
		loader_note(l, list, true, true, "bad-value",
		    "quiet must be a list of {name, reason}");
		return;
	}
	for (const struct yaml *y = list->child; y != NULL; y = y->next) {
		struct diag why = {""};
		const struct yaml *name, *reason;

		if (yaml_keys(y, "quiet", keys, &why) != 0) {
			loader_fatal(l, "unknown-key", why.text);
			continue;
		}
		name = yaml_get(y, "name");
		reason = yaml_get(y, "reason");
		if (name == NULL || !is_warning(name))
			loader_note(l, y, true, false, "bad-quiet",
			    "%s quiets what is no warning; an error cannot be "
			    "quieted",
			    d->id);
		else if (reason == NULL || reason->kind != YAML_SCALAR ||
			 reason->len == 0)
			loader_note(l, y, true, false, "bad-quiet",
			    "%s quiets %s without a reason", d->id, name->text);
	}
}

/* The strength of a detector's validators together. */
static double
acceptance(const struct detector *d)
{
	double rate = 1.0;

	for (size_t i = 0; i < d->nchecks; i++) {
		const struct check *c = &d->checks[i];

		if (c->on_fail == ON_FAIL_DROP && c->validator != NULL)
			rate *= c->validator->accept;
	}
	return rate;
}

/* What issuers begin their tokens with. */
static const char *const ISSUERS[] = {"AIza", "AKIA", "ASIA", "SG.", "dop_v1_",
    "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "hf_",
    "npm_", "pypi-", "rk_live_", "shpat_", "sk-ant-", "sk-proj-", "sk_live_",
    "xapp-", "xoxb-", "xoxp-", "ya29."};

/* Whether a token could be somebody's: random, and in no manual. */
static bool
is_live(const char *token, size_t len, size_t prefix)
{
	static const char *const checks[] = {
	    "not_published", "not_placeholder", "random_shape"};
	const uint8_t *t = (const uint8_t *)token;

	if (len < prefix + LIVE_BODY ||
	    validate_entropy(t + prefix, len - prefix) < LIVE_MILLI)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		const struct validator *v = validator_find(checks[i]);

		must(v != NULL);
		/* The prefix is no part of what a generator made. */
		if (!v->ok(i < 2 ? t : t + prefix, i < 2 ? len : len - prefix))
			return false;
	}
	return true;
}

/* A sample that push protection would stop, and a reader should, too. */
static void
lint_live(const struct detector *d, const struct sample *s, struct loader *l)
{
	static const char token[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

	/* Of base64 the pack's author was careful already. */
	if (s->decoded != NULL || s->text == NULL || quieted(d, "live-sample"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(ISSUERS); i++) {
		const char *at = strstr(s->text, ISSUERS[i]);

		if (at == NULL ||
		    !is_live(at, strspn(at, token), strlen(ISSUERS[i])))
			continue;
		loader_note(l, s->at, false, false, "live-sample",
		    "a sample of %s looks like a token in use; make one up, "
		    "with a run such as 0000, or write it as base64",
		    d->id);
		return;
	}
}

static void
lint_samples(const struct detector *d, struct loader *l)
{
	const struct yaml *status = yaml_get(d->at, "status");
	bool positive = false;
	bool negative = false;
	size_t runs = 0;

	for (size_t i = 0; i < d->nsamples; i++) {
		const struct sample *s = &d->samples[i];

		positive = positive || s->expect != CONFIDENCE_NONE;
		negative = negative || s->expect == CONFIDENCE_NONE;
		runs++;
		lint_live(d, s, l);
		for (const struct yaml *y =
			 s->encodings != NULL ? s->encodings->child : NULL;
		     y != NULL; y = y->next)
			runs++;
		for (const struct yaml *y = s->wraps != NULL ? s->wraps->child
							     : NULL;
		     y != NULL; y = y->next)
			runs++;
	}
	/* A sample of an index would be somebody's number. */
	if (!positive && d->exact.index == NULL)
		loader_note(l, d->at, true, false, "no-positive-test",
		    "%s has no test that must match", d->id);
	if (!negative)
		loader_note(l, d->at, true, false, "no-negative-test",
		    "%s has no test that must not match (expect: none)", d->id);
	if (status != NULL && str_eq(d->status, "stable") &&
	    runs < STABLE_TESTS && !quieted(d, "few-tests"))
		loader_note(l, status, false, false, "few-tests",
		    "%s is called stable with %zu tests; %d make it so", d->id,
		    runs, STABLE_TESTS);
}

static void
lint_prefilter(const struct detector *d, struct loader *l)
{
	const struct yaml *map = yaml_get(d->at, "prefilter");
	const struct yaml *words = yaml_get(map, "keywords");

	if (map == NULL && d->exact.index == NULL && !filerule_asks(&d->file))
		loader_note(l, d->at, true, false, "no-prefilter",
		    "%s says neither which keywords lead to it nor why there "
		    "are none (prefilter)",
		    d->id);
	for (const struct yaml *w = words != NULL ? words->child : NULL;
	     w != NULL; w = w->next) {
		if (w->kind != YAML_SCALAR || w->len >= SHORT_KEYWORD ||
		    quieted(d, "short-keyword"))
			continue;
		loader_note(l, w, false, false, "short-keyword",
		    "a keyword of %s is shorter than %d bytes: it leads there "
		    "from almost anywhere",
		    d->id, SHORT_KEYWORD);
		return;
	}
}

/* The terms of a piece of evidence; 0 if it has none. */
static size_t
list_size(const struct detector *d, const struct yaml *evidence)
{
	const struct yaml *name = yaml_get(evidence->child, "list");
	const struct yaml *y = yaml_get(evidence->child, "keywords");
	size_t n = 0;

	for (size_t i = 0; name != NULL && i < d->pack->nlists; i++)
		if (str_eq(d->pack->lists[i].id, name->text))
			y = d->pack->lists[i].items;
	for (y = y != NULL ? y->child : NULL; y != NULL; y = y->next)
		n++;
	return n;
}

/* What samples say of themselves: a pattern with it finds no real value. */
static void
lint_stop_word(const struct detector *d, struct loader *l)
{
	static const char *const words[] = {"example", "placeholder",
	    "changeme", "dummy", "your_", "your-", "xxxx", "insert_", "todo"};
	const struct yaml *primary = yaml_get(d->at, "primary");
	const struct yaml *pattern = yaml_get(primary, "pattern");

	if (pattern == NULL || quieted(d, "stop-word"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasestr(pattern->text, words[i]) != NULL)
			loader_note(l, pattern, false, false, "stop-word",
			    "the pattern of %s holds \"%s\", as samples do: "
			    "is it to find them?",
			    d->id, words[i]);
}

/* A list of what is no finding never ends; evidence that scores does. */
static void
lint_stop_list(const struct detector *d, struct loader *l)
{
	const struct yaml *levels = yaml_get(d->at, "levels");

	if (quieted(d, "stop-list"))
		return;
	for (const struct yaml *v = levels->child; v != NULL; v = v->next) {
		const struct yaml *none = yaml_get(v, "none");

		for (const struct yaml *e = none != NULL ? none->child : NULL;
		     e != NULL; e = e->next) {
			size_t n = list_size(d, e);

			if (n <= STOP_TERMS)
				continue;
			loader_note(l, e, false, false, "stop-list",
			    "%s is held back by a list of %zu terms; such a "
			    "list grows forever: let evidence with points, or "
			    "a validator, decide",
			    d->id, n);
			return;
		}
	}
}

static void
lint_regimes(const struct detector *d, struct loader *l)
{
	const struct yaml *head = yaml_get(d->pack->doc, "pack");
	const struct yaml *list = yaml_get(head, "regimes");

	/* Once a pack: at its first detector. */
	if (list == NULL || d != d->pack->detectors || quieted(d, "old-regime"))
		return;
	for (const struct yaml *y = list->child; y != NULL; y = y->next)
		for (size_t i = 0; i < ARRAY_LEN(REGIMES); i++)
			if (str_eq(y->text, REGIMES[i].old))
				loader_note(l, y, false, false, "old-regime",
				    "%s is not in force any more; did you mean "
				    "%s?",
				    REGIMES[i].old, REGIMES[i].new);
}

void
detector_lint(const struct detector *d, struct loader *l)
{
	const struct level *top = &d->levels[0];
	const struct yaml *references = yaml_get(d->at, "references");

	lint_quiet(d, l);
	lint_samples(d, l);
	lint_prefilter(d, l);
	lint_regimes(d, l);
	lint_stop_word(d, l);
	lint_stop_list(d, l);
	if ((references == NULL || references->child == NULL) &&
	    !quieted(d, "no-reference"))
		loader_note(l, d->at, false, false, "no-reference",
		    "%s names no standard or source under references", d->id);
	/* A number that one in fifty random ones would be, and no evidence. */
	if (top->confidence == CONFIDENCE_HIGH && d->exact.index == NULL &&
	    top->all == 0 && top->any == 0 && d->gate == NULL &&
	    d->file.magic == NULL && d->file.mime == NULL &&
	    d->file.label.at == NULL && acceptance(d) > 0.02)
		loader_note(l, d->at, true, false, "weak-high",
		    "%s claims high without evidence, but its validators let "
		    "%.1f %% of random values pass; at most 2 %% may",
		    d->id, acceptance(d) * 100);
	if (d->keep_first + d->keep_last > 0 &&
	    d->keep_first + d->keep_last >= d->least)
		loader_note(l, d->at, true, false, "wide-mask",
		    "the mask of %s keeps all of its shortest value", d->id);
}

/* ---- what only running tells --------------------------------------------- */

static void
on_sample(void *ctx, const struct ruleset_line *line)
{
	struct loader *l = ctx;

	if (!line->ok)
		loader_error(l, "failing-test", line->text);
}

/* What all detectors found in one sample. */
struct found {
	const struct ruleset *set;
	size_t n;
	struct {
		size_t detector;
		struct span at;
	} list[FOUND_MAX];
};

static void
on_found(void *ctx, struct finding *f)
{
	struct found *x = ctx;
	size_t d = 0;

	while (d < x->set->n && !str_eq(x->set->detectors[d]->id, f->detector))
		d++;
	for (size_t i = 0; i < f->nspans && i < SPANS_MAX; i++) {
		if (x->n == FOUND_MAX)
			return;
		x->list[x->n].detector = d;
		x->list[x->n++].at = f->spans[i];
	}
}

/* Marks those that found a place which @d found, too. */
static void
mark(const struct found *x, size_t d, bool *seen)
{
	memset(seen, 0, x->set->n * sizeof *seen);
	for (size_t i = 0; i < x->n; i++) {
		if (x->list[i].detector != d)
			continue;
		for (size_t k = 0; k < x->n; k++)
			if (x->list[k].at.from < x->list[i].at.to &&
			    x->list[k].at.to > x->list[i].at.from)
				seen[x->list[k].detector] = true;
	}
}

/* hits[d * n + k]: of @d's positive samples, how many @k found as well. */
static int
count_hits(const struct ruleset *r, struct scan *s, uint16_t *hits)
{
	OWN_MEM struct found *x = calloc(1, sizeof *x);
	OWN_MEM bool *seen = calloc(r->n, sizeof *seen);
	int e = 0;

	if (x == NULL || seen == NULL)
		return -ENOMEM;
	x->set = r;
	for (size_t d = 0; d < r->n; d++)
		for (size_t i = 0; i < r->detectors[d]->nsamples; i++) {
			const struct sample *p = &r->detectors[d]->samples[i];
			struct content c = {(const uint8_t *)p->text, p->len};

			if (p->expect == CONFIDENCE_NONE || p->text == NULL)
				continue;
			x->n = 0;
			scan_begin(s);
			e = scan_feed(s, c);
			if (e == 0)
				e = scan_end(s, on_found, x, NULL);
			if (e != 0)
				return e;
			mark(x, d, seen);
			for (size_t k = 0; k < r->n; k++)
				hits[d * r->n + k] =
				    (uint16_t)(hits[d * r->n + k] + seen[k]);
		}
	return 0;
}

static bool
covers(const uint16_t *hits, size_t n, size_t d, size_t k)
{
	unsigned all = hits[d * n + d];

	return all >= OVERLAP_TESTS &&
	       hits[d * n + k] * 100U >= all * OVERLAP_PERCENT;
}

static int
check_overlap(const struct ruleset *r, struct loader *l)
{
	OWN_MEM uint16_t *hits = calloc(r->n * r->n, sizeof *hits);
	OWN(scan_freep) struct scan *s = NULL;
	int e = hits != NULL ? scan_new(r, &s) : -ENOMEM;

	if (e == 0)
		e = count_hits(r, s, hits);
	for (size_t d = 0; d < r->n && e == 0; d++)
		for (size_t k = d + 1; k < r->n; k++)
			if (covers(hits, r->n, d, k) &&
			    covers(hits, r->n, k, d) &&
			    !quieted(r->detectors[k], "overlap"))
				loader_note(l, r->detectors[k]->at, false,
				    false, "overlap",
				    "%s and %s find each other's samples; is "
				    "one of them enough?",
				    r->detectors[d]->id, r->detectors[k]->id);
	return e;
}

/* A layer that costs every byte of text is told to the rule's author. */
static void
check_layers(const struct ruleset *r, struct loader *l)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct detector *d = r->detectors[i];
		const char *why = "";

		if (plan_layer(r->plan, i, &why) >= LAYER_PATTERN &&
		    !quieted(d, "dear-layer"))
			loader_note(l, d->at, false, false, "dear-layer",
			    "%s slows every scan: %s; give it a literal, "
			    "keywords, or a tighter pattern",
			    d->id, why);
	}
}

int
ruleset_check(const struct ruleset *r, ruleset_raw_fn *raw, void *raw_ctx,
    struct problems *problems)
{
	struct loader l = {.out = problems};
	size_t failed = 0;
	int e = ruleset_test(r, raw, raw_ctx, on_sample, &l, &failed);

	if (e == 0)
		check_layers(r, &l);
	return e == 0 ? check_overlap(r, &l) : e;
}
