/* SPDX-License-Identifier: Apache-2.0 */
/*
 * among_test - findings of one rule as evidence of another.
 *
 * Random sets of rules that ask for each other's findings, over random texts
 * and blocks, against a plain reference: PCRE2 over the whole text, then each
 * level by its definition. CHAPERONE_SEED=N repeats a run.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "agent/detect/rules.h"
#include "lib/buf.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

static uint64_t seed = 1;

static uint32_t
pick(uint32_t n)
{
	/* Vigna, "An experimental exploration of Marsaglia's xorshift". */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

static const char *const PATTERNS[] = {"a\\d", "b{1,3}", "[xy]z", "\\d\\d",
    "k[a-z]{2}", "\xe8\xba\xab", "ab?c", "z"};
enum { RULES = ARRAY_LEN(PATTERNS), EVIDENCE = 4, MATCHES = 1200, TEXT = 900 };

/* What the reference knows of one piece of evidence. */
struct asked {
	bool count; /* of its own matches, else findings of @other */
	unsigned other, before, after, min, unique, within;
	int lines; /* -1: not asked */
};

/* high: all of 0; medium: one of 1 and 2; low: not 3. */
struct rule {
	struct asked evidence[EVIDENCE];
	pcre2_code *code;
};

struct match {
	size_t from, to;
	enum confidence confidence;
};

struct world {
	struct rule rules[RULES];
	unsigned order[RULES]; /* each asks those before it alone */
	struct match matches[RULES][MATCHES];
	size_t n[RULES];
};

static void
put_asked(struct buf *b, const struct asked *a)
{
	if (a->count) {
		buf_printf(
		    b, "{count: {min: %u, within: %u}}", a->min, a->within);
		return;
	}
	buf_printf(b, "{near: {detector: t.%u, before: %u, after: %u", a->other,
	    a->before, a->after);
	if (a->min > 1)
		buf_printf(b, ", min_count: %u", a->min);
	if (a->unique > 0)
		buf_printf(b, ", unique: %u", a->unique);
	if (a->lines >= 0)
		buf_printf(b, ", within_lines: %d", a->lines);
	buf_printf(b, "}}");
}

/* @place: of the rule in the order. */
static void
make_asked(struct asked *a, const struct world *w, unsigned place)
{
	*a = (struct asked){.min = 1 + pick(4) / 2, .lines = -1};
	if (place == 0 || pick(6) == 0) {
		a->count = true;
		a->min = 2;
		a->within = 1 + pick(60);
		return;
	}
	a->other = w->order[pick(place)];
	a->before = pick(30);
	a->after = pick(30) + (a->before == 0);
	if (pick(4) == 0)
		a->unique = 1 + pick(3);
	if (pick(4) == 0)
		a->lines = (int)pick(3);
}

static void
make_world(struct world *w, struct buf *pack)
{
	for (unsigned i = 0; i < RULES; i++) {
		unsigned k = pick(i + 1);

		w->order[i] = w->order[k];
		w->order[k] = i;
	}
	for (unsigned i = 0; i < RULES; i++)
		for (unsigned e = 0; e < EVIDENCE; e++)
			make_asked(&w->rules[w->order[i]].evidence[e], w, i);
	buf_printf(pack, "pack: {id: t, version: 1.0.0, format: 1}\n"
			 "detectors:\n");
	for (unsigned i = 0; i < RULES; i++) {
		const struct asked *a = w->rules[i].evidence;

		buf_printf(pack,
		    "  - id: t.%u\n"
		    "    uuid: 00000000-0000-4000-8000-%012u\n"
		    "    title: T\n    class: t\n    prefilter: {reason: x}\n"
		    "    primary: {pattern: '%s'}\n"
		    "    levels:\n      - {confidence: high, all: [",
		    i, i, PATTERNS[i]);
		put_asked(pack, &a[0]);
		buf_printf(pack, "]}\n      - {confidence: medium, any_of: "
				 "{min: 1, of: [");
		put_asked(pack, &a[1]);
		buf_printf(pack, ", ");
		put_asked(pack, &a[2]);
		buf_printf(pack, "]}}\n      - {confidence: low, none: [");
		put_asked(pack, &a[3]);
		buf_printf(pack, "]}\n");
	}
}

/* ---- the reference ---- */

static bool
goes_on(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/* Where the @chars-th character before @at begins. */
static size_t
back(const uint8_t *t, size_t at, unsigned chars)
{
	size_t stop = at > 4 * (size_t)chars ? at - 4 * (size_t)chars : 0;

	while (chars > 0 && at > stop)
		chars -= !goes_on(t[--at]);
	return at;
}

/* Where the @chars characters from @at on end. */
static size_t
onward(const uint8_t *t, size_t len, size_t at, unsigned chars)
{
	size_t stop =
	    at + 4 * (size_t)chars < len ? at + 4 * (size_t)chars : len;

	for (; at < stop; at++)
		if (!goes_on(t[at]) && chars-- == 0)
			break;
	return at;
}

static bool
asked_holds(const struct world *w, unsigned rule, const struct match *m,
    const struct asked *a, const uint8_t *t, size_t len)
{
	size_t low = back(t, m->from, a->before);
	size_t high = onward(t, len, m->to, a->after);
	unsigned of = a->count ? rule : a->other;
	unsigned n = 0, distinct = 0;
	const struct match *seen[MATCHES];

	if (a->lines >= 0) {
		size_t at = m->from, ends = (size_t)a->lines + 1;

		while (at > low && (t[at - 1] != '\n' || --ends > 0))
			at--;
		low = at;
		ends = (size_t)a->lines + 1;
		for (at = m->to; at < high; at++)
			if (t[at] == '\n' && --ends == 0)
				break;
		high = at;
	}
	for (size_t i = 0; i < w->n[of]; i++) {
		const struct match *x = &w->matches[of][i];
		unsigned k = 0;

		if (a->count) {
			n += x->from + a->within >= m->from &&
			     x->from <= m->from + a->within;
			continue;
		}
		if (x->confidence == CONFIDENCE_NONE || x->from < low ||
		    x->to > high || (x->to > m->from && x->from < m->to))
			continue;
		n++;
		while (k < distinct &&
		       (seen[k]->to - seen[k]->from != x->to - x->from ||
			   memcmp(t + seen[k]->from, t + x->from,
			       x->to - x->from) != 0))
			k++;
		if (k == distinct)
			seen[distinct++] = x;
	}
	return n >= a->min && distinct >= a->unique;
}

static void
judge(struct world *w, const uint8_t *t, size_t len)
{
	for (unsigned i = 0; i < RULES; i++) {
		unsigned rule = w->order[i];
		const struct asked *a = w->rules[rule].evidence;

		for (size_t k = 0; k < w->n[rule]; k++) {
			struct match *m = &w->matches[rule][k];

			m->confidence = CONFIDENCE_NONE;
			if (asked_holds(w, rule, m, &a[0], t, len))
				m->confidence = CONFIDENCE_HIGH;
			else if (asked_holds(w, rule, m, &a[1], t, len) ||
				 asked_holds(w, rule, m, &a[2], t, len))
				m->confidence = CONFIDENCE_MEDIUM;
			else if (!asked_holds(w, rule, m, &a[3], t, len))
				m->confidence = CONFIDENCE_LOW;
		}
	}
}

static void
find_all(struct world *w, unsigned rule, const uint8_t *t, size_t len)
{
	pcre2_match_data *data =
	    pcre2_match_data_create_from_pattern(w->rules[rule].code, NULL);
	size_t at = 0;

	assert_non_null(data);
	w->n[rule] = 0;
	while (
	    pcre2_match(w->rules[rule].code, t, len, at, 0, data, NULL) > 0) {
		const size_t *v = pcre2_get_ovector_pointer(data);

		assert_true(w->n[rule] < MATCHES);
		w->matches[rule][w->n[rule]++] =
		    (struct match){.from = v[0], .to = v[1]};
		at = v[1];
	}
	pcre2_match_data_free(data);
}

/* ---- the scan ---- */

struct got {
	enum confidence of[RULES][TEXT]; /* by where a match starts */
	size_t n[RULES];
};

static void
on_found(void *ctx, struct finding *f)
{
	struct got *g = ctx;
	size_t i = strtoul(f->detector + 2, NULL, 10);

	assert_int_equal(f->count, f->nspans);
	for (size_t k = 0; k < f->nspans; k++) {
		assert_true(f->spans[k].from < TEXT);
		g->of[i][f->spans[k].from] = f->confidence;
		g->n[i]++;
	}
}

static void
check_text(struct world *w, struct ruleset *r, size_t block, uint64_t at_seed)
{
	static const char *const parts[] = {"a", "b", "bb", "1", "2", "x", "z",
	    "yz", "kay", "ac", "abc", "\n", " ", "  ", "\xe8\xba\xab",
	    "\xe8\xba", "\xab", "a1", "42", "kit"};
	static uint8_t t[TEXT];
	static struct got got;
	OWN(scan_freep) struct scan *s = NULL;
	size_t len = 0, goal = 1 + pick(TEXT - 1), at = 0;

	while (len < goal) {
		const char *p = parts[pick(ARRAY_LEN(parts))];
		size_t n = strlen(p) < goal - len ? strlen(p) : goal - len;

		memcpy(t + len, p, n);
		len += n;
	}
	for (unsigned i = 0; i < RULES; i++)
		find_all(w, i, t, len);
	judge(w, t, len);
	memset(&got, 0, sizeof got);
	assert_int_equal(scan_new_sized(r, block, &s), 0);
	scan_begin(s);
	while (at < len) {
		size_t n = 1 + pick(200) < len - at ? 1 : len - at;

		assert_int_equal(scan_feed(s, (struct content){t + at, n}), 0);
		at += n;
	}
	assert_int_equal(scan_end(s, on_found, &got, NULL), 0);
	for (unsigned i = 0; i < RULES; i++) {
		size_t found = 0;

		for (size_t k = 0; k < w->n[i]; k++) {
			const struct match *m = &w->matches[i][k];

			found += m->confidence != CONFIDENCE_NONE;
			if (got.of[i][m->from] != m->confidence)
				fail_msg("seed %llu, block %zu: t.%u at %zu is "
					 "%d, not %d",
				    (unsigned long long)at_seed, block, i,
				    m->from, got.of[i][m->from], m->confidence);
		}
		assert_int_equal(got.n[i], found);
	}
}

static void
rounds(unsigned sets, unsigned texts)
{
	static const size_t blocks[] = {1, 7, 64, 300, 256 * 1024};
	static struct world w;

	for (unsigned i = 0; i < sets; i++) {
		uint64_t at_seed = seed;
		OWN(buf_done) struct buf pack = {0};
		OWN(ruleset_freep) struct ruleset *r = NULL;
		struct diag why = {""};

		buf_init(&pack, 64 * 1024);
		memset(&w, 0, sizeof w);
		make_world(&w, &pack);
		if (ruleset_parse(
			"t.yaml", pack.data, pack.len, &r, NULL, &why) != 0)
			fail_msg("seed %llu: %s", (unsigned long long)at_seed,
			    why.text);
		for (unsigned k = 0; k < RULES; k++) {
			size_t offset;
			int err;

			w.rules[k].code = pcre2_compile((PCRE2_SPTR)PATTERNS[k],
			    PCRE2_ZERO_TERMINATED, 0, &err, &offset, NULL);
			assert_non_null(w.rules[k].code);
		}
		for (unsigned k = 0; k < texts; k++)
			check_text(
			    &w, r, blocks[k % ARRAY_LEN(blocks)], at_seed);
		for (unsigned k = 0; k < RULES; k++)
			pcre2_code_free(w.rules[k].code);
	}
}

static void
test_reference(void **state UNUSED)
{
	const char *told = getenv("CHAPERONE_SEED");

	seed = 20260719;
	rounds(60, 10);
	rng_fill(&seed, sizeof seed);
	if (told != NULL)
		seed = strtoull(told, NULL, 10);
	seed = seed != 0 ? seed : 1;
	(void)printf("# CHAPERONE_SEED=%llu\n", (unsigned long long)seed);
	rounds(60, 10);
}

/* ---- what is refused ---- */

static int
load(const char *a, const char *b, const char *c, struct ruleset **out,
    struct diag *why)
{
	OWN(buf_done) struct buf pack = {0};
	const char *const levels[] = {a, b, c};

	buf_init(&pack, 64 * 1024);
	buf_printf(
	    &pack, "pack: {id: t, version: 1.0.0, format: 1}\ndetectors:\n");
	for (unsigned i = 0; i < 3; i++)
		buf_printf(&pack,
		    "  - {id: t.%c, uuid: 00000000-0000-4000-8000-%012u, "
		    "title: T, class: t, primary: {pattern: '%c\\d{3}'}, "
		    "levels: [{confidence: high, all: [%s]}, {confidence: "
		    "low}]}\n",
		    'a' + i, i, 'a' + i, levels[i]);
	return ruleset_parse("t.yaml", pack.data, pack.len, out, NULL, why);
}

#define NEAR(id) "{near: {detector: " id ", before: 20, after: 20}}"

static void
test_refused(void **state UNUSED)
{
	static const struct {
		const char *a, *b, *c, *wanted;
	} rows[] = {
	    {NEAR("t.a"), "", "", "t.a waits for t.a, which waits for itself"},
	    {NEAR("t.b"), NEAR("t.a"), "", "evidence goes in a circle"},
	    {NEAR("t.b"), NEAR("t.c"), NEAR("t.a"), "t.a waits for t.b"},
	    {NEAR("t.z"), "", "", "near asks for \"t.z\", which is not in"},
	    {"{near: {detector: t.b}}", "", "", "near needs \"before\" or"},
	    {"{near: {detector: t.b, list: x, before: 1}}", "", "",
		"near needs one of"},
	    {NEAR("t.b"), "{count: {min: 2, within: 16KiB}}", "", NULL},
	    {"{near: {detector: t.b, after: 1000}}",
		"{near: {detector: t.c, after: 1000}}",
		"{count: {min: 2, within: 16KiB}}", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(ruleset_freep) struct ruleset *r = NULL;
		struct diag why = {""};
		int e = load(rows[i].a, rows[i].b, rows[i].c, &r, &why);

		if (rows[i].wanted == NULL) {
			if (e != 0)
				fail_msg("%s", why.text);
			continue;
		}
		assert_int_equal(e, -EBADMSG);
		if (strstr(why.text, rows[i].wanted) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", rows[i].wanted,
			    why.text);
	}
}

/* Evidence in a chain that waits longer than may be. */
static void
test_long_wait(void **state UNUSED)
{
	OWN(buf_done) struct buf pack = {0};
	struct ruleset *r = NULL;
	struct diag why = {""};

	buf_init(&pack, 64 * 1024);
	buf_printf(
	    &pack, "pack: {id: t, version: 1.0.0, format: 1}\ndetectors:\n");
	for (unsigned i = 0; i < 10; i++)
		buf_printf(&pack,
		    "  - {id: t.%u, uuid: 00000000-0000-4000-8000-%012u, "
		    "title: T, class: t, primary: {pattern: 'a%u'}, levels: "
		    "[{confidence: low, all: [%s%u%s]}]}\n",
		    i, i, i,
		    i == 0 ? "{count: {min: 1, within: "
			   : "{near: {after: 1000, detector: t.",
		    i == 0 ? 9 : i - 1, "}}");
	assert_int_equal(
	    ruleset_parse("t.yaml", pack.data, pack.len, &r, NULL, &why),
	    -EBADMSG);
	assert_non_null(strstr(why.text, "t.yaml:12:5: the evidence of t.9"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reference),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_long_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
