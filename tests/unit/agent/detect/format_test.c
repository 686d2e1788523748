/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format_test - what the less usual keys of a detector do: flags, named
 * patterns, requirements, the sides, lines and distinct hits of near, and one
 * detector in another one's place.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/fullwidth.h"
#include "agent/detect/rules.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

/* A pack with one detector of these keys. */
static struct ruleset *
one(const char *top, const char *keys)
{
	OWN(buf_done) struct buf b = {0};
	struct ruleset *r = NULL;
	struct diag why = {""};

	buf_init(&b, 64 * 1024);
	buf_printf(&b,
	    "pack: {id: t, version: 1.0.0, format: 1}\n%s"
	    "detectors:\n"
	    "  - id: t.one\n"
	    "    uuid: 00000000-0000-4000-8000-000000000001\n"
	    "    title: T\n    class: t\n%s",
	    top, keys);
	if (ruleset_parse("t.yaml", b.data, b.len, &r, NULL, &why) != 0)
		fail_msg("%s", why.text);
	return r;
}

struct got {
	enum confidence surest;
	uint8_t marks;
	uint64_t n;
};

static void
on_found(void *ctx, struct finding *f)
{
	struct got *g = ctx;

	if (g->n == 0) {
		g->surest = f->confidence;
		g->marks = f->marks;
	}
	assert_int_equal(f->test_data, (f->marks & MARK_TEST_DATA) != 0);
	g->n += f->count;
}

static struct got
run(const struct ruleset *r, size_t block, const char *text)
{
	OWN(scan_freep) struct scan *s = NULL;
	struct content c = {(const uint8_t *)text, strlen(text)};
	struct got g = {0};

	assert_int_equal(scan_new_sized(r, block, &s), 0);
	scan_begin(s);
	assert_int_equal(scan_feed(s, c), 0);
	assert_int_equal(scan_end(s, on_found, &g, NULL), 0);
	return g;
}

/* The same in blocks of any size. */
static struct got
scan(const struct ruleset *r, const char *text)
{
	struct got g = run(r, 4096, text);

	for (size_t block = 1; block < 200; block = 5 * block + 1) {
		struct got other = run(r, block, text);

		if (memcmp(&other, &g, sizeof g) != 0)
			fail_msg("\"%s\" in blocks of %zu", text, block);
	}
	return g;
}

#define PRIMARY "    primary: {pattern: '\\d{4}', boundary: digit}\n"
#define LOW "    levels: [{confidence: low, all: []}]\n"

static void
test_flags(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r = one(
	    "lists: {fake: {match: exact, terms: [\"1111\", \"2222\"]}}\n",
	    "    primary: {pattern: '\\d{4}', boundary: digit, validators: "
	    "[{name: not_repeating, on_fail: flag}]}\n" LOW "    flags:\n"
	    "      - {when: {value_in: fake}, set: test_data}\n"
	    "      - {when: {validator: not_repeating}, set: expired}\n"
	    "      - {when: {near: {keywords: [encrypted], before: 20}}, set: "
	    "encrypted_key}\n"
	    "      - {when: {near: {keywords: [sample], before: 20}}, set: "
	    "sample}\n");

	assert_int_equal(scan(r, "1111").marks, MARK_TEST_DATA);
	assert_int_equal(scan(r, "1234").marks, MARK_EXPIRED);
	assert_int_equal(scan(r, "3333").marks, 0);
	assert_int_equal(scan(r, "encrypted 1111").marks,
	    MARK_TEST_DATA | MARK_ENCRYPTED_KEY);
	assert_int_equal(
	    scan(r, "sample 1234").marks, MARK_EXPIRED | MARK_SAMPLE);
	/* A finding has a mark if all its values have. */
	assert_int_equal(scan(r, "1111 2222").marks, MARK_TEST_DATA);
	assert_int_equal(scan(r, "1111 3333").marks, 0);
}

static void
test_named_patterns(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("patterns:\n"
		"  digits: {pattern: '\\d{4}', boundary: digit}\n"
		"  date: {pattern: '\\d\\d/\\d\\d'}\n",
		"    primary: {pattern: patterns.digits}\n"
		"    levels:\n"
		"      - confidence: high\n"
		"        all: [{near: {pattern: patterns.date, after: 10}}]\n"
		"      - {confidence: low, all: []}\n");

	assert_int_equal(scan(r, "1234").surest, CONFIDENCE_LOW);
	assert_int_equal(scan(r, "12345").surest, CONFIDENCE_NONE);
	assert_int_equal(scan(r, "1234 04/28").surest, CONFIDENCE_HIGH);
}

static void
test_requirements(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    one("", "    primary: {pattern: 'pw=(?P<v>\\S{4,12})', secret: v, "
		    "requirements: {min_digits: 2, min_upper: 1, min_lower: 1, "
		    "min_special: 1}}\n" LOW);

	assert_int_equal(scan(r, "pw=aB12!").n, 1);
	assert_int_equal(scan(r, "pw=aB1x!").n, 0);
	assert_int_equal(scan(r, "pw=ab12!").n, 0);
	assert_int_equal(scan(r, "pw=AB12!").n, 0);
	assert_int_equal(scan(r, "pw=aB123").n, 0);
}

static struct ruleset *
near(const char *keys)
{
	char text[512];

	(void)snprintf(text, sizeof text,
	    PRIMARY "    levels:\n"
		    "      - {confidence: high, all: [{near: {keywords: [card, "
		    "visa], %s}}]}\n"
		    "      - {confidence: low, all: []}\n",
	    keys);
	return one("", text);
}

struct row {
	const char *keys, *text;
	enum confidence wanted;
};

static void
test_near(void **state UNUSED)
{
	static const struct row rows[] = {
	    {"before: 9, after: 9, side: before", "card 1234", CONFIDENCE_HIGH},
	    {"before: 9, after: 9, side: before", "1234 card", CONFIDENCE_LOW},
	    {"before: 9, after: 9, side: after", "1234 card", CONFIDENCE_HIGH},
	    {"before: 9, after: 9, side: both", "1234 card", CONFIDENCE_HIGH},
	    {"within_lines: 0", "card x\n1234\nvisa", CONFIDENCE_LOW},
	    {"within_lines: 0", "card x 1234\nvisa", CONFIDENCE_HIGH},
	    {"within_lines: 0", "x 1234, a card\n", CONFIDENCE_HIGH},
	    {"within_lines: 1", "card x\n1234", CONFIDENCE_HIGH},
	    {"within_lines: 1", "card\nx\n1234\nx\nvisa", CONFIDENCE_LOW},
	    {"within_lines: 2", "x\n1234\nx\nvisa", CONFIDENCE_HIGH},
	    {"within_lines: 2, side: before", "1234\nvisa", CONFIDENCE_LOW},
	    {"within_lines: 1, before: 2", "card x\n1234", CONFIDENCE_LOW},
	    {"before: 30, unique: 2", "card Card 1234", CONFIDENCE_LOW},
	    {"before: 30, unique: 2", "card visa 1234", CONFIDENCE_HIGH},
	    {"before: 30, after: 9, unique: 2", "card 1234 visa",
		CONFIDENCE_HIGH},
	    {"before: 30, unique: 2, min_count: 3", "card visa 1234",
		CONFIDENCE_LOW},
	    {"before: 30, unique: 2, min_count: 3", "card visa card 1234",
		CONFIDENCE_HIGH},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(ruleset_freep) struct ruleset *r = near(rows[i].keys);
		enum confidence c = scan(r, rows[i].text).surest;

		if (c != rows[i].wanted)
			fail_msg(
			    "%s: \"%s\" is %d", rows[i].keys, rows[i].text, c);
	}
}

/* Digits of either width, mixed as they like; a boundary knows both. */
static void
test_fullwidth(void **state UNUSED)
{
	OWN(ruleset_freep)
	struct ruleset *r = one("",
	    "    primary: {pattern: '[2-6]\\d{3}(?:[ -]?\\d{4}){3}', boundary: "
	    "digit, normalize: [strip_space_dash, fold_fullwidth], validators: "
	    "[luhn, consistent_separator]}\n" LOW);
	OWN(ruleset_freep)
	struct ruleset *phone = one("",
	    "    primary: {pattern: '0[789]0-?\\d{4}-?\\d{4}', boundary: "
	    "digit, normalize: [strip_space_dash, fold_fullwidth]}\n" LOW);
	OWN(ruleset_freep)
	struct ruleset *narrow = one("", PRIMARY LOW);
	static const struct {
		const char *text;
		unsigned n;
	} rows[] = {
	    {"4532015112830366", 1},
	    {"４５３２０１５１１２８３０３６６", 1},
	    {"カード４５３２ ０１５１ １２８３ ０３６６です", 1},
	    {"4５3２015112830366 ４532015112830366", 2},
	    {"４５３２０１５１１２８３０３６７", 0},
	    {"１４５３２０１５１１２８３０３６６", 0},
	    {"4532015112830366１", 0},
	    {"４５３２-０１５１ １２８３-０３６６", 0},
	    {"７５３２０１５１１２８３０３６６", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (scan(r, rows[i].text).n != rows[i].n)
			fail_msg("%s", rows[i].text);
	assert_int_equal(scan(phone, "０９０-１２３４-５６７８").n, 1);
	assert_int_equal(scan(phone, "０９０１２３４５６７８").n, 1);
	assert_int_equal(scan(phone, "０６０-１２３４-５６７８").n, 0);
	assert_int_equal(scan(narrow, "１２３４").n, 0);
}

/* What it becomes, token by token. */
static void
test_fullwidth_pattern(void **state UNUSED)
{
#define W(digits) "|\\xef\\xbc[" digits "])"
	static const struct {
		const char *from, *to;
	} rows[] = {
	    {"ab", "ab"},
	    {"7", "(?:7" W("\\x97")},
	    {"[1-3a]{2,3}", "(?:[1-3a]" W("\\x91\\x92\\x93") "{2,3}"},
	    {"[^0-9]", "[^0-9]"},
	    {"(?P<g1>[]0])", "(?P<g1>(?:[]0]" W("\\x90") ")"},
	    {"(?i:a)\\x41\\.", "(?i:a)\\x41\\."},
	    {"\\w\\-", "\\w\\-"},
	};
#undef W

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(buf_done) struct buf b = {0};

		buf_init(&b, 4096);
		fullwidth_pattern(rows[i].from, &b);
		assert_string_equal(buf_text(&b), rows[i].to);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_named_patterns),
	    cmocka_unit_test(test_requirements),
	    cmocka_unit_test(test_near),
	    cmocka_unit_test(test_fullwidth),
	    cmocka_unit_test(test_fullwidth_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
