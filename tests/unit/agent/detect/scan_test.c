/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_test - what is found does not depend on how it is looked for.
 *
 * Random texts, made of parts of matches, go through the scan in blocks of
 * many sizes and cuts, with and without the candidate stage, and through a
 * plain loop of PCRE2 over the whole text. CHAPERONE_SEED=N repeats a run.
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

/* ---- a small pack of many shapes ---- */

static const struct {
	const char *pattern, *boundary, *validator;
} SHAPES[] = {
    {"\\d{13,16}", "digit", "luhn"},
    {"\\d{3}-\\d{2}-\\d{4}", "digit", NULL},
    {"[a-z]{1,4}@[a-z]{1,4}\\.[a-z]{2,3}", "alnum", NULL},
    {"ab|abc|abcd", "none", NULL},
    {"(?:ab){1,8}c?", "word", NULL},
    {"a[ab]{0,40}b", "none", NULL},
    {"(?i)token=[a-z0-9]{4,12}", "none", NULL},
    {"\\d{4}(?: ?\\d{4}){2,3}", "digit", "luhn"},
    {"x.{0,20}y", "word", NULL},
    {"(?s)<.{1,30}>", "none", NULL},
    {"\xe8\xba\xab\xe4\xbb\xbd[ab]", "none", NULL},
    {"\\W\\d\\W", "none", NULL},
    {"(?:[ -]?[ab0-3]){9,12}c?", "word", NULL},
    {"x(?:ab?){10}y|(?:[ab][ -]?){9}?<|c(?:a|b){4,20}", "none", NULL},
};

#define SHAPES_N ARRAY_LEN(SHAPES)

static const struct {
	const char *before, *after;
} AROUND[] = {
    {"", ""},
    {"(?<![A-Za-z0-9_])", "(?![A-Za-z0-9_])"},
    {"(?<!\\d)", "(?!\\d)"},
    {"(?<![A-Za-z0-9])", "(?![A-Za-z0-9])"},
    {"(?<![A-Za-z0-9_-])", "(?![A-Za-z0-9_-])"},
};
static const char *const BOUNDARY[] = {
    "none", "word", "digit", "alnum", "token"};

static pcre2_code *oracle[SHAPES_N];
static struct ruleset *set;

static void
make_oracle(size_t i)
{
	char text[512];
	size_t b = 0, offset = 0;
	int err = 0;

	while (!str_eq(SHAPES[i].boundary, BOUNDARY[b]))
		b++;
	(void)snprintf(text, sizeof text, "%s(?:%s)%s", AROUND[b].before,
	    SHAPES[i].pattern, AROUND[b].after);
	oracle[i] = pcre2_compile(
	    (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &err, &offset, NULL);
	assert_non_null(oracle[i]);
}

static int
setup(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};
	struct diag why = {""};
	int r;

	buf_init(&b, 64 * 1024);
	buf_printf(&b, "pack: {id: t, version: 1.0.0, format: 1}\n"
		       "detectors:\n");
	for (size_t i = 0; i < SHAPES_N; i++) {
		buf_printf(&b,
		    "  - id: t.%zu\n"
		    "    uuid: 00000000-0000-4000-8000-%012zu\n"
		    "    title: T\n    class: t\n"
		    "    primary:\n      pattern: '%s'\n      boundary: %s\n",
		    i, i, SHAPES[i].pattern, SHAPES[i].boundary);
		if (SHAPES[i].validator != NULL)
			buf_printf(&b,
			    "      normalize: [strip_space_dash]\n"
			    "      validators: [%s]\n",
			    SHAPES[i].validator);
		buf_printf(&b,
		    "    levels:\n"
		    "      - {confidence: high, all: [{near: {keywords: [ab], "
		    "before: 9, after: 7}}], none: [{near: {keywords: "
		    "[\"\xe8\xba\xab\"], before: 5}}]}\n"
		    "      - {confidence: medium, all: [{count: {unique: 3, "
		    "within: 200}}]}\n"
		    "      - {confidence: low, all: []}\n");
		make_oracle(i);
	}
	r = ruleset_parse("t.yaml", b.data, b.len, &set, NULL, &why);
	if (r != 0)
		fail_msg("%s", why.text);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	ruleset_free(set);
	for (size_t i = 0; i < SHAPES_N; i++)
		pcre2_code_free(oracle[i]);
	return 0;
}

/* Parts of matches, joined at random. */
static size_t
make_text(uint8_t *out, size_t max)
{
	static const char *const parts[] = {"a", "b", "ab", "abc", "abab", "c",
	    "x", "y", "<", ">", " ", "\n", "-", ".", "@", "4", "0", "12",
	    "4532015112830366", "4532 0151 1283 0366", "4111111111111111",
	    "536-90-4399", "jo@ab.de", "token=", "TOKEN=abcd1",
	    "\xe8\xba\xab\xe4\xbb\xbd", "\xe8\xba", "\xab", "_", "\xff", "\r\n",
	    "12345678", "0151"};
	size_t len = 0, goal = 1 + pick((uint32_t)max);

	while (len < goal) {
		const char *p = parts[pick(ARRAY_LEN(parts))];
		size_t n = strlen(p);

		if (pick(40) == 0) {
			out[len++] = 0;
			continue;
		}
		n = n < goal - len ? n : goal - len;
		memcpy(out + len, p, n);
		len += n;
	}
	return len;
}

/* ---- what comes out, as text ---- */

struct got {
	struct buf all; /* every finding */
	struct span spans[SHAPES_N][8192]; /* of every confidence */
	size_t n[SHAPES_N];
};

static void
on_found(void *ctx, struct finding *f)
{
	struct got *g = ctx;
	size_t i = strtoul(f->detector + 2, NULL, 10);

	buf_printf(&g->all, "%s %d %llu %llu", f->detector, f->confidence,
	    (unsigned long long)f->count, (unsigned long long)f->unique);
	for (size_t k = 0; k < f->nspans; k++) {
		buf_printf(&g->all, " %llu-%llu",
		    (unsigned long long)f->spans[k].from,
		    (unsigned long long)f->spans[k].to);
		assert_true(g->n[i] < ARRAY_LEN(g->spans[i]));
		g->spans[i][g->n[i]++] = f->spans[k];
	}
	buf_put_u8(&g->all, '\n');
}

/* Returns how often a limit was hit. */
static uint64_t
scan_text(struct scan *s, const uint8_t *text, size_t len, uint32_t cut,
    struct got *g)
{
	uint64_t unsure = 0;

	buf_init(&g->all, 1 << 20);
	memset(g->n, 0, sizeof g->n);
	scan_begin(s);
	for (size_t at = 0; at < len;) {
		size_t n = cut == 0 ? len : 1 + pick(cut);

		n = n < len - at ? n : len - at;
		/* Exactly as long, so that a sanitizer sees its end. */
		OWN_MEM uint8_t *copy = malloc(n);

		assert_non_null(copy);
		memcpy(copy, text + at, n);
		assert_int_equal(scan_feed(s, (struct content){copy, n}), 0);
		at += n;
	}
	assert_int_equal(scan_end(s, on_found, g, &unsure), 0);
	assert_int_equal(buf_error(&g->all), 0);
	return unsure;
}

static int
by_from(const void *a, const void *b)
{
	const struct span *x = a;
	const struct span *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* The plain loop: what one detector must have found. */
static void
check_oracle(size_t i, const pcre2_code *code, const char *validator,
    const uint8_t *text, size_t len, struct got *g, uint64_t at_seed)
{
	pcre2_match_data *m = pcre2_match_data_create(8, NULL);
	const struct validator *v =
	    validator != NULL ? validator_find(validator) : NULL;
	size_t n = 0, at = 0;

	if (g->n[i] > 0)
		qsort(g->spans[i], g->n[i], sizeof g->spans[i][0], by_from);
	while (at < len && pcre2_match(code, text, len, at, 0, m, NULL) > 0) {
		const PCRE2_SIZE *o = pcre2_get_ovector_pointer(m);
		uint8_t normal[64];

		if (v != NULL &&
		    !v->ok(normal, validate_normal(NORMAL_SPACE_DASH,
				       text + o[0], o[1] - o[0], normal))) {
			at = o[0] + 1;
			continue;
		}
		if (n >= g->n[i] || g->spans[i][n].from != o[0] ||
		    g->spans[i][n].to != o[1])
			fail_msg("seed %llu: detector %zu, match %zu: wanted "
				 "%zu-%zu",
			    (unsigned long long)at_seed, i, n, o[0], o[1]);
		n++;
		at = o[1];
	}
	pcre2_match_data_free(m);
	if (n != g->n[i])
		fail_msg("seed %llu: detector %zu: %zu matches, wanted %zu",
		    (unsigned long long)at_seed, i, g->n[i], n);
}

static void
rounds(const size_t *blocks, size_t nblocks, unsigned texts)
{
	static uint8_t text[3000];
	static struct got first, other;
	struct scan *scans[128];

	assert_true(nblocks <= ARRAY_LEN(scans));
	for (size_t b = 0; b < nblocks; b++)
		assert_int_equal(scan_new_sized(set, blocks[b], &scans[b]), 0);
	for (unsigned t = 0; t < texts; t++) {
		uint64_t at_seed = seed;
		size_t len = make_text(text, sizeof text);

		assert_true(scan_text(scans[0], text, len, 0, &first) == 0);
		for (size_t i = 0; i < SHAPES_N; i++)
			check_oracle(i, oracle[i], SHAPES[i].validator, text,
			    len, &first, at_seed);
		for (size_t b = 1; b < nblocks; b++) {
			assert_true(
			    scan_text(scans[b], text, len,
				b % 3 == 0 ? 1 : 1 + pick(700), &other) == 0);
			if (other.all.len != first.all.len ||
			    (first.all.len > 0 &&
				memcmp(other.all.data, first.all.data,
				    first.all.len) != 0))
				fail_msg("seed %llu: a block of %zu differs",
				    (unsigned long long)at_seed, blocks[b]);
			buf_done(&other.all);
		}
		buf_done(&first.all);
	}
	for (size_t b = 0; b < nblocks; b++)
		scan_free(scans[b]);
}

/* Every block of 1 to 64 bytes, and some more. */
static void
test_blocks(void **state UNUSED)
{
	size_t blocks[70] = {256 * 1024};
	size_t n = 1;

	for (size_t b = 1; b <= 64; b++)
		blocks[n++] = b;
	blocks[n++] = 127;
	blocks[n++] = 500;
	blocks[n++] = 4096;
	seed = 20260301;
	rounds(blocks, n, 12);
}

static void
test_random(void **state UNUSED)
{
	static const size_t blocks[] = {256 * 1024, 1, 17, 300};
	const char *told = getenv("CHAPERONE_SEED");

	if (told != NULL)
		seed = strtoull(told, NULL, 10);
	else
		rng_fill(&seed, sizeof seed);
	seed = seed != 0 ? seed : 1;
	(void)printf("# CHAPERONE_SEED=%llu\n", (unsigned long long)seed);
	rounds(blocks, ARRAY_LEN(blocks), 150);
}

/* Other layers find the same, as on a host without Vectorscan. */
static void
test_other_layers(void **state UNUSED)
{
	static const size_t blocks[] = {256 * 1024, 1, 100};
	struct diag why = {""};

	for (int kind = PLAN_KEYWORDS; kind <= PLAN_PLAIN; kind++) {
		assert_int_equal(
		    ruleset_replan(set, (enum plan_kind)kind, &why), 0);
		seed = 7;
		rounds(blocks, ARRAY_LEN(blocks), 40);
	}
	assert_int_equal(ruleset_replan(set, PLAN_LAYERS, &why), 0);
}

/* ---- random rules ---- */

static void put_alternatives(struct buf *b, unsigned depth);

static void
put_repeat(struct buf *b, bool group)
{
	uint32_t low = pick(4);

	switch (pick(7)) {
	case 0:
		buf_printf(b, "?");
		break;
	case 1:
		buf_printf(b, "{%u}", low + 1);
		break;
	case 2:
		buf_printf(b, "{%u,%u}", low, low + 1 + pick(group ? 3 : 30));
		break;
	case 3:
		buf_printf(b, "{%u,%u}?", low, low + 1 + pick(3));
		break;
	default:
		break;
	}
}

static void
put_atom(struct buf *b, unsigned depth)
{
	static const char *const atoms[] = {"a", "b", "ab", "abc", "x", "y",
	    "[ab]", "[a-c]", "[^a]", "\\d", "\\w", "\\s", "\\W", "[ -]", "-",
	    "\\.", ".", "(?s:.)", "@", "[0-46]", "4", "\\D", "(?i:ab)",
	    "(?i:X[b-y])", "\\x61", "[[:alpha:]]", "[\\d.]", "<", "token",
	    "\xe8\xba\xab", "[a-z]{2}@", "\\b", "0151", "[^\\w]", "(?-i:c)"};

	if (depth > 0 && pick(5) == 0) {
		buf_printf(b, "(?:");
		put_alternatives(b, depth - 1);
		buf_printf(b, ")");
		put_repeat(b, true);
		return;
	}
	const char *a = atoms[pick(ARRAY_LEN(atoms))];

	/* A repeat takes the last atom only, and none that is a repeat. */
	buf_printf(b, "%s", a);
	if (a[0] != '\xe8' && strchr("}@b", a[strlen(a) - 1]) == NULL)
		put_repeat(b, false);
}

static void
put_alternatives(struct buf *b, unsigned depth)
{
	unsigned n = pick(3) == 0 ? 1 + pick(4) : 1;

	for (unsigned i = 0; i < n; i++) {
		unsigned atoms = 1 + pick(5);

		if (i > 0)
			buf_printf(b, "|");
		for (unsigned k = 0; k < atoms; k++)
			put_atom(b, depth);
	}
}

enum { RANDOM_RULES = 10 };

/* A set of random rules, and PCRE2's view of each. */
static struct ruleset *
random_set(pcre2_code *codes[RANDOM_RULES])
{
	OWN(buf_done) struct buf all = {0};
	struct ruleset *r = NULL;
	struct diag why = {""};

	buf_init(&all, 256 * 1024);
	buf_printf(&all, "pack: {id: t, version: 1.0.0, format: 1}\n"
			 "detectors:\n");
	for (unsigned i = 0; i < RANDOM_RULES; i++) {
		static const char *const musts[] = {
		    "a", "\\d", "ab", "[xy]", "-", "[a-z]", "tok"};
		OWN(buf_done) struct buf b = {0}, whole = {0};
		unsigned edge = pick(ARRAY_LEN(BOUNDARY));
		bool before = pick(2) == 0;
		const char *needed = musts[pick(ARRAY_LEN(musts))];
		size_t offset;
		int err;

		buf_init(&b, 16 * 1024);
		buf_init(&whole, 16 * 1024);
		buf_printf(&b, "%s(?:", before ? needed : "");
		put_alternatives(&b, 2);
		buf_printf(&b, ")%s", before ? "" : needed);
		buf_printf(&whole, "%s(?:%s)%s", AROUND[edge].before,
		    buf_text(&b), AROUND[edge].after);
		codes[i] = pcre2_compile((PCRE2_SPTR)buf_text(&whole),
		    PCRE2_ZERO_TERMINATED, 0, &err, &offset, NULL);
		assert_non_null(codes[i]);
		buf_printf(&all,
		    "  - id: t.%u\n"
		    "    uuid: 00000000-0000-4000-8000-%012u\n"
		    "    title: T\n    class: t\n    prefilter: {reason: x}\n"
		    "    primary: {pattern: '%s', boundary: %s}\n"
		    "    levels: [{confidence: low, all: []}]\n",
		    i, i, buf_text(&b), BOUNDARY[edge]);
	}
	if (ruleset_parse("t.yaml", all.data, all.len, &r, NULL, &why) != 0)
		fail_msg("seed %llu: %s", (unsigned long long)seed, why.text);
	return r;
}

/* Text that many rules nearly match, or one byte for ever. */
static size_t
hostile_text(uint8_t *out, size_t max)
{
	static const char *const units[] = {"a", "ab", "a@", "1 ", "0", "-",
	    "tok", "x-", " ", "token=", "4532 ", "aA", "\xe8\xba\xab", "<"};
	const char *u = units[pick(ARRAY_LEN(units))];
	size_t n = strlen(u);

	if (pick(4) != 0)
		return make_text(out, max);
	for (size_t i = 0; i < max; i++)
		out[i] = (uint8_t)u[i % n];
	return max;
}

static void
random_rules(unsigned sets, unsigned texts)
{
	static const size_t blocks[] = {256 * 1024, 1, 33, 257};
	static uint8_t text[900];
	static struct got got;
	unsigned unsure = 0;

	for (unsigned i = 0; i < sets; i++) {
		pcre2_code *codes[RANDOM_RULES];
		uint64_t at_seed = seed;
		OWN(ruleset_freep) struct ruleset *r = random_set(codes);

		for (unsigned t = 0; t < texts; t++) {
			OWN(scan_freep) struct scan *s = NULL;
			size_t len = hostile_text(text, sizeof text);
			struct diag why = {""};

			/* The last ones without Vectorscan. */
			if (t == texts - texts / 4)
				assert_int_equal(
				    ruleset_replan(r, PLAN_KEYWORDS, &why), 0);
			assert_int_equal(
			    scan_new_sized(r, blocks[pick(4)], &s), 0);
			/* Some of these rules are slow; that is said. */
			if (scan_text(s, text, len, pick(2) * 300, &got) > 0)
				unsure++;
			else
				for (size_t k = 0; k < RANDOM_RULES; k++)
					check_oracle(k, codes[k], NULL, text,
					    len, &got, at_seed);
			buf_done(&got.all);
		}
		for (size_t k = 0; k < RANDOM_RULES; k++)
			pcre2_code_free(codes[k]);
	}
	assert_true(unsure < sets * texts / 5);
}

static void
test_random_rules(void **state UNUSED)
{
	const char *told = getenv("CHAPERONE_SEED");

	seed = 20260302;
	random_rules(40, 12);
	rng_fill(&seed, sizeof seed);
	if (told != NULL)
		seed = strtoull(told, NULL, 10);
	seed = seed != 0 ? seed : 1;
	(void)printf("# CHAPERONE_SEED=%llu\n", (unsigned long long)seed);
	random_rules(40, 12);
}

/* ---- one rule at a time ---- */

/* A pack of one detector; @rest: primary and levels, indented by four. */
static struct ruleset *
one(const char *rest)
{
	OWN(buf_done) struct buf b = {0};
	struct ruleset *r = NULL;
	struct diag why = {""};

	buf_init(&b, 64 * 1024);
	buf_printf(&b,
	    "pack: {id: t, version: 1.0.0, format: 1}\n"
	    "lists:\n"
	    "  fake: {match: exact, terms: [\"4111111111111111\", \"42\"]}\n"
	    "detectors:\n"
	    "  - id: t.1\n"
	    "    uuid: 00000000-0000-4000-8000-000000000001\n"
	    "    title: T\n    class: t\n    prefilter: {reason: x}\n%s",
	    rest);
	if (ruleset_parse("t.yaml", b.data, b.len, &r, NULL, &why) != 0)
		fail_msg("%s", why.text);
	return r;
}

struct one_got {
	unsigned n;
	uint64_t count[CONFIDENCE_HIGH + 1], unique[CONFIDENCE_HIGH + 1];
	bool test[CONFIDENCE_HIGH + 1], bulk[CONFIDENCE_HIGH + 1];
	bool alerts;
	struct span first[CONFIDENCE_HIGH + 1];
	char mask[48];
	uint8_t tag[FINDING_TAG_LEN];
	bool tag_set;
};

static void
on_one(void *ctx, struct finding *f)
{
	struct one_got *g = ctx;

	g->n++;
	g->alerts = finding_alerts(f);
	g->count[f->confidence] = f->count;
	g->unique[f->confidence] = f->unique;
	g->test[f->confidence] = f->test_data;
	g->bulk[f->confidence] = f->bulk;
	g->first[f->confidence] = f->spans[0];
	memcpy(g->mask, f->mask, sizeof g->mask);
	memcpy(g->tag, f->tag, sizeof g->tag);
	g->tag_set = f->tag_set;
}

static struct one_got
scan_one(struct scan *s, const char *text)
{
	struct one_got g = {0};

	scan_begin(s);
	assert_int_equal(
	    scan_feed(s, (struct content){(const uint8_t *)text, strlen(text)}),
	    0);
	assert_int_equal(scan_end(s, on_one, &g, NULL), 0);
	return g;
}

static enum confidence
surest(const struct one_got *g)
{
	for (unsigned c = CONFIDENCE_HIGH; c > CONFIDENCE_NONE; c--)
		if (g->count[c] > 0)
			return (enum confidence)c;
	return CONFIDENCE_NONE;
}

static void
check_surest(struct scan *s, const char *text, enum confidence wanted)
{
	struct one_got g = scan_one(s, text);

	if (surest(&g) != wanted)
		fail_msg("\"%s\": %d instead of %d", text, surest(&g), wanted);
}

/* A block may begin between a word and a match that needs it before. */
static void
test_word_before(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    primary: {pattern: '(?:(?:token?){2,5}[0-46]{0,2}?|"
		"\\b)-'}\n"
		"    levels: [{confidence: low, all: []}]\n");

	for (size_t k = 0; k < 4 * 11; k++) {
		OWN(scan_freep) struct scan *s = NULL;
		size_t block = 1 + k / 4;
		char text[301];
		struct one_got g;

		assert_int_equal(
		    ruleset_replan(r, (enum plan_kind)(k % 4), NULL), 0);
		for (size_t i = 0; i < 300; i++)
			text[i] = i % 60 == 59 ? '-' : 'a';
		text[300] = '\0';
		assert_int_equal(scan_new_sized(r, block, &s), 0);
		g = scan_one(s, text);
		assert_int_equal(g.count[CONFIDENCE_LOW], 5);
	}
}

/* Distances are characters, counted from the match's ends. */
static void
test_proximity(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    primary: {pattern: '\\d{4}', boundary: digit}\n"
		"    levels:\n"
		"      - {confidence: high, all: [{near: {keywords: [card], "
		"before: 6, after: 5}}], none: [{near: {keywords: [order], "
		"before: 12, after: 0}}]}\n"
		"      - {confidence: low, all: []}\n");
	OWN(scan_freep) struct scan *s = NULL;

	assert_int_equal(scan_new(r, &s), 0);
	check_surest(s, "card  1234", CONFIDENCE_HIGH);
	check_surest(s, "card   1234", CONFIDENCE_LOW);
	check_surest(s, "1234 card", CONFIDENCE_HIGH);
	check_surest(s, "1234  card", CONFIDENCE_LOW);
	/* Two characters of three bytes each are two. */
	check_surest(s,
	    "card\xe5\x8d\xa1\xe5\x8f\xb7"
	    "1234",
	    CONFIDENCE_HIGH);
	check_surest(s,
	    "card\xe5\x8d\xa1\xe5\x8f\xb7\xe5\x8f\xb7"
	    "1234",
	    CONFIDENCE_LOW);
	/* Evidence against. */
	check_surest(s, "order card 1234", CONFIDENCE_LOW);
	check_surest(s, "1234 card order", CONFIDENCE_HIGH);
	/* A keyword begins a word; it may go on, or begin at a capital. */
	check_surest(s, "cards 1234", CONFIDENCE_HIGH);
	check_surest(s, "xcard 1234", CONFIDENCE_LOW);
	check_surest(s, "aCard 1234", CONFIDENCE_HIGH);
	check_surest(s, "CARD 1234", CONFIDENCE_HIGH);
}

static void
test_count_window(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    primary: {pattern: '\\d{4}', boundary: digit}\n"
		"    levels:\n"
		"      - {confidence: high, all: [{count: {unique: 3, within: "
		"20}}]}\n"
		"      - {confidence: medium, all: [{count: {min: 3, within: "
		"20}}]}\n"
		"      - {confidence: low, all: []}\n"
		"    thresholds: {bulk: {unique: 4}}\n");
	OWN(scan_freep) struct scan *s = NULL;
	struct one_got g;

	assert_int_equal(scan_new_sized(r, 8, &s), 0);
	check_surest(s, "1111 2222", CONFIDENCE_LOW);
	check_surest(s, "1111 2222 3333", CONFIDENCE_HIGH);
	check_surest(s, "1111 1111 1111", CONFIDENCE_MEDIUM);
	/* The third starts 21 bytes behind the first and 11 behind the next. */
	check_surest(s, "1111 .....2222 .......3333", CONFIDENCE_HIGH);
	check_surest(
	    s, "1111 ............2222 ............3333", CONFIDENCE_HIGH);
	check_surest(s, "1111 ................2222 ................3333",
	    CONFIDENCE_LOW);
	/* Those behind count for those before. */
	g = scan_one(s, "1111 2222 3333");
	assert_int_equal(g.count[CONFIDENCE_HIGH], 3);
	assert_false(g.bulk[CONFIDENCE_HIGH]);
	g = scan_one(s, "1111 2222 3333 4444");
	assert_true(g.bulk[CONFIDENCE_HIGH]);
}

/* Many matches close together, against a count of each window by hand. */
static void
test_count_dense(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    primary: {pattern: '\\d{2}', boundary: digit}\n"
		"    levels:\n"
		"      - {confidence: high, all: [{count: {unique: 6, within: "
		"24}}]}\n"
		"      - {confidence: medium, all: [{count: {min: 6, within: "
		"20}}]}\n"
		"      - {confidence: low, all: []}\n");
	OWN(scan_freep) struct scan *s = NULL;
	static char text[6001];
	static struct {
		size_t at;
		int value;
	} list[3000];
	uint64_t wanted[CONFIDENCE_HIGH + 1] = {0};
	struct one_got g;
	size_t n = 0, len = 0;

	seed = 99;
	while (len + 8 < sizeof text) {
		list[n].at = len;
		list[n].value = 10 + (int)pick(n < 900 ? 5 : 40);
		len += (size_t)snprintf(text + len, 9, "%d%.*s", list[n].value,
		    (int)(1 + pick(6)), "......");
		n++;
	}
	for (size_t i = 0; i < n; i++) {
		bool seen[100] = {false};
		unsigned distinct = 0, near = 0;

		for (size_t k = 0; k < n; k++) {
			size_t far = list[k].at > list[i].at
					 ? list[k].at - list[i].at
					 : list[i].at - list[k].at;

			near += far <= 20;
			if (far <= 24 && !seen[list[k].value]) {
				seen[list[k].value] = true;
				distinct++;
			}
		}
		wanted[distinct >= 6 ? CONFIDENCE_HIGH
		       : near >= 6   ? CONFIDENCE_MEDIUM
				     : CONFIDENCE_LOW]++;
	}
	assert_int_equal(scan_new_sized(r, 50, &s), 0);
	g = scan_one(s, text);
	for (int c = CONFIDENCE_LOW; c <= CONFIDENCE_HIGH; c++) {
		assert_true(wanted[c] > 0);
		assert_int_equal(g.count[c], wanted[c]);
	}
}

static void
test_test_data(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    primary: {pattern: '[0-9 ]{2,19}', boundary: digit, "
		"normalize: [strip_space_dash], validators: [luhn]}\n"
		"    levels: [{confidence: low, all: []}]\n"
		"    flags: [{when: {value_in: fake}, set: test_data}]\n"
		"    mask: {keep_first: 6, keep_last: 4}\n");
	OWN(scan_freep) struct scan *s = NULL;
	struct one_got g;

	assert_int_equal(scan_new(r, &s), 0);
	g = scan_one(s, "4111 1111 1111 1111");
	assert_int_equal(g.count[CONFIDENCE_LOW], 1);
	assert_true(g.test[CONFIDENCE_LOW]);
	assert_string_equal(g.mask, "411111######1111");
	/* One real value beside it, and the whole is real. */
	g = scan_one(s, "4111111111111111\n4532015112830366");
	assert_int_equal(g.count[CONFIDENCE_LOW], 2);
	assert_int_equal(g.unique[CONFIDENCE_LOW], 2);
	assert_false(g.test[CONFIDENCE_LOW]);
	/* The same value in two forms is one. */
	g = scan_one(s, "4532 0151 1283 0366\n4532015112830366");
	assert_int_equal(g.unique[CONFIDENCE_LOW], 1);
}

/* A value that is refuted takes only its first byte with it. */
static void
test_false_start(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    primary: {pattern: '\\d{4}(?: \\d{4}){3}', boundary: "
		"digit, normalize: [strip_space_dash], validators: [luhn]}\n"
		"    levels: [{confidence: low, all: []}]\n");
	OWN(scan_freep) struct scan *s = NULL;
	struct one_got g;

	assert_int_equal(scan_new(r, &s), 0);
	g = scan_one(s, "1234 4532 0151 1283 0366");
	assert_int_equal(g.count[CONFIDENCE_LOW], 1);
	assert_int_equal(g.first[CONFIDENCE_LOW].from, 5);
	assert_int_equal(g.first[CONFIDENCE_LOW].to, 24);
}

/* What ends with something that may be absent ends at the text's end, too. */
static void
test_open_end(void **state UNUSED)
{
	static const char *const patterns[] = {"\\d.{9,11}ax?",
	    "\\d\\b.{1,29}a\\s{0,24}", "\\d\\b.{1,29}a(?:b?c?){0,2}"};

	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		OWN(ruleset_freep) struct ruleset *r = NULL;
		OWN(scan_freep) struct scan *s = NULL;
		struct one_got g;
		char text[512];

		(void)snprintf(text, sizeof text,
		    "    primary: {pattern: '%s', boundary: alnum}\n"
		    "    levels: [{confidence: low, all: []}]\n",
		    patterns[i]);
		r = one(text);
		assert_int_equal(scan_new(r, &s), 0);
		g = scan_one(s, "zz 0--jo@ab.dea");
		assert_int_equal(g.count[CONFIDENCE_LOW], 1);
		assert_int_equal(g.first[CONFIDENCE_LOW].from, 3);
		assert_int_equal(g.first[CONFIDENCE_LOW].to, 15);
	}
}

static void
test_on_fail(void **state UNUSED)
{
	static const struct {
		const char *on_fail;
		enum confidence good, bad;
	} rows[] = {
	    {"drop", CONFIDENCE_HIGH, CONFIDENCE_NONE},
	    {"demote", CONFIDENCE_HIGH, CONFIDENCE_MEDIUM},
	    {"flag", CONFIDENCE_HIGH, CONFIDENCE_HIGH},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(ruleset_freep) struct ruleset *r = NULL;
		OWN(scan_freep) struct scan *s = NULL;
		char text[512];

		(void)snprintf(text, sizeof text,
		    "    primary: {pattern: '\\d{16}', boundary: digit, "
		    "validators: [{name: luhn, on_fail: %s}]}\n"
		    "    levels: [{confidence: high, all: []}]\n",
		    rows[i].on_fail);
		r = one(text);
		assert_int_equal(scan_new(r, &s), 0);
		check_surest(s, "4532015112830366", rows[i].good);
		check_surest(s, "4532015112830367", rows[i].bad);
	}
}

static void
test_gate_and_entropy(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    primary: {pattern: '[a-z]{3,6}=(?P<v>[a-z0-9]{8})', "
		"secret: v, entropy: {min: 2.5}}\n"
		"    levels: [{confidence: low, all: []}]\n");
	OWN(scan_freep) struct scan *s = NULL;
	struct one_got g;

	assert_int_equal(scan_new(r, &s), 0);
	g = scan_one(s, "key=a8f3k2z9");
	assert_int_equal(g.count[CONFIDENCE_LOW], 1);
	/* The span is the secret's alone. */
	assert_int_equal(g.first[CONFIDENCE_LOW].from, 4);
	check_surest(s, "key=aaaabbbb", CONFIDENCE_NONE);
}

static void
test_tags(void **state UNUSED)
{
	static const uint8_t key[32] = {1}, other[32] = {2};
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    primary: {pattern: '\\d{4}-?\\d{4}', normalize: "
		"[strip_space_dash]}\n"
		"    levels: [{confidence: low, all: []}]\n");
	OWN(scan_freep) struct scan *s = NULL;
	struct one_got a, b;

	assert_int_equal(scan_new(r, &s), 0);
	assert_false(scan_one(s, "12345678").tag_set);
	scan_key(s, key);
	a = scan_one(s, "12345678");
	b = scan_one(s, "x 1234-5678");
	assert_true(a.tag_set);
	assert_memory_equal(a.tag, b.tag, sizeof a.tag);
	scan_key(s, other);
	b = scan_one(s, "12345678");
	assert_memory_not_equal(a.tag, b.tag, sizeof a.tag);
}

static void
check_mask(struct scan *s, const char *text, int wanted_r, const char *wanted)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 4096);
	assert_int_equal(
	    scan_mask(s, (struct content){(const uint8_t *)text, strlen(text)},
		&b, NULL, NULL),
	    wanted_r);
	assert_string_equal(buf_text(&b), wanted);
}

static void
test_mask(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r = one("    primary: {pattern: '\\d{4}'}\n"
				"    levels: [{confidence: low, all: []}]\n");
	OWN(scan_freep) struct scan *s = NULL;
	OWN(buf_done) struct buf b = {0};

	assert_int_equal(scan_new(r, &s), 0);
	check_mask(s, "", 0, "");
	check_mask(s, "name.txt", 0, "name.txt");
	check_mask(s, "a1234b5678", 1, "a[t.1]b[t.1]");
	check_mask(s, "1234", 1, "[t.1]");
	scan_begin(s);
	buf_init(&b, 64);
	assert_int_equal(scan_mask(s, (struct content){(const uint8_t *)"x", 1},
			     &b, NULL, NULL),
	    -EBUSY);
	assert_int_equal(scan_end(s, NULL, NULL, NULL), 0);
}

/* One value in one place is one, however many ways there are to read it. */
static void
test_counted_once(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    decode: [percent, qp, base64]\n"
		"    primary: {pattern: 'pw=(?P<v>[!-~]{8,20})',"
		" secret: v}\n"
		"    levels: [{confidence: low, all: []}]\n");
	OWN(ruleset_freep)
	struct ruleset *w =
	    one("    decode: [percent]\n"
		"    primary: {pattern: 'pw=(?P<v>[!-~]{8,20})',"
		" secret: v}\n"
		"    levels: [{confidence: high, all: [{count: "
		"{min: 2, within: 4KiB}}]}, {confidence: low, "
		"all: []}]\n");
	static const struct {
		const char *text;
		unsigned findings; /* one as it stands, one for each layer */
		uint64_t count;
	} rows[] = {
	    {"x pw=aB3%21aB3%21 y", 1, 1},
	    {"x pw%3DaB3!aB3%21cd y", 1, 1},
	    {"pw=aB3%21aB3%21 and pw=cD3%21cD3%21", 1, 2},
	    {"pw=aB3%21aB3%21 and pw%3DcD3!cD3!cD%21", 2, 1},
	    {"pw=YUIzIWFCMyFhQjMhYUIzIQ==", 2, 1},
	    {"pw=YUIzIWFCMyFh cHc9YUIzIWFCMyE=", 2, 2},
	};
	OWN(scan_freep) struct scan *s = NULL;
	OWN(scan_freep) struct scan *waits = NULL;
	struct one_got g;

	assert_int_equal(scan_new(r, &s), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		g = scan_one(s, rows[i].text);
		if (g.n != rows[i].findings ||
		    g.count[CONFIDENCE_LOW] != rows[i].count)
			fail_msg("\"%s\": %u findings, %llu", rows[i].text, g.n,
			    (unsigned long long)g.count[CONFIDENCE_LOW]);
	}
	/* Matches that wait for others are known, too. */
	assert_int_equal(scan_new_sized(w, 1, &waits), 0);
	g = scan_one(waits, "x pw=aB3%21aB3%21 y");
	assert_int_equal(g.n, 1);
	assert_int_equal(g.count[CONFIDENCE_LOW], 1);
}

/* Fewer than make an event are found, counted, and raise no alert. */
static void
test_event(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("    decode: [percent]\n"
		"    primary: {pattern: 'N\\d{4}'}\n"
		"    levels: [{confidence: low, all: []}]\n"
		"    thresholds: {event: {unique: 3, min: 4}}\n");
	static const struct {
		const char *text;
		bool alerts;
	} rows[] = {
	    {"N0001 N0002 N0003 N0004", true},
	    {"N0001 N0001 N0002 N0003", true},
	    {"N0001 N0002 N0003", false},
	    {"N0001 N0001 N0001 N0001", false},
	    {"N0001 N0002 N0003 %4e%30%30%30%34", true},
	    {"N0001 N0002 %4e%30%30%30%34", false},
	};
	OWN(scan_freep) struct scan *s = NULL;

	assert_int_equal(scan_new(r, &s), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct one_got g = scan_one(s, rows[i].text);

		assert_true(g.n > 0);
		if (g.alerts != rows[i].alerts)
			fail_msg("\"%s\"", rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_blocks),
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_other_layers),
	    cmocka_unit_test(test_random_rules),
	    cmocka_unit_test(test_word_before),
	    cmocka_unit_test(test_proximity),
	    cmocka_unit_test(test_count_window),
	    cmocka_unit_test(test_count_dense),
	    cmocka_unit_test(test_test_data),
	    cmocka_unit_test(test_false_start),
	    cmocka_unit_test(test_open_end),
	    cmocka_unit_test(test_on_fail),
	    cmocka_unit_test(test_gate_and_entropy),
	    cmocka_unit_test(test_tags),
	    cmocka_unit_test(test_mask),
	    cmocka_unit_test(test_counted_once),
	    cmocka_unit_test(test_event),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
