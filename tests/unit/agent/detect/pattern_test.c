/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern_test - widths, literals and shapes that are derived from a pattern,
 * and the layer that a rule gets by them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/keyword.h"
#include "agent/detect/rules.h"
#include "agent/detect/shape.h"
#include "lib/buf.h"

#include "lib/own.h"

static struct pattern *
parse(const char *text)
{
	struct pattern *p = NULL;
	struct diag why = {""};

	assert_int_equal(subset_check(text, &why), 0);
	if (pattern_parse(text, &p, &why) != 0)
		fail_msg("%s: %s", text, why.text);
	return p;
}

static void
test_widths(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint32_t least, most;
	} rows[] = {
	    {"abc", 3, 3},
	    {"a{2,9}?b", 3, 10},
	    {"(?:ab|cde)?x", 1, 4},
	    {"(?P<v>a{3}){2}{2}", 12, 12},
	    {"[]a]{0,4}\\bz", 1, 5},
	    {"\xe8\xba\xab", 3, 3},
	    {"\\x41\\x{42}\\0", 3, 3},
	    {"a{x}", 4, 4},
	    {"(?i)a|bc", 1, 2},
	    {"a{2,}", 2, UINT32_MAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(pattern_freep) struct pattern *p = parse(rows[i].text);

		assert_int_equal(pattern_least(p), rows[i].least);
		assert_int_equal(pattern_most(p), rows[i].most);
	}
}

static void
test_refused(void **state UNUSED)
{
	static const char *const rows[] = {"\\cA", "\\012", "[\\y]", "\\x{zz}",
	    "a{4,2}", "a{,5}", "[[:nothing:]]", "\\i"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pattern *p = NULL;
		struct diag why = {""};

		assert_int_equal(pattern_parse(rows[i], &p, &why), -EBADMSG);
		assert_null(p);
		assert_true(why.text[0] != '\0');
	}
}

/* The literals as "text@nearest-farthest", folded ones with "~" before. */
static void
test_literals(void **state UNUSED)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
	    {"AKIA[A-Z0-9]{16}", "AKIA@0-0 "},
	    {"(?:A[KS]IA|ABIA)\\d", "AKIA@0-0 ASIA@0-0 ABIA@0-0 "},
	    {"(?i:token)=[a-z]{4}", "~token=@0-0 "},
	    {"\\d{3,5}secret", "secret@3-5 "},
	    {"cred(?:ential)?s?\\d", "cred@0-0 "},
	    {"gh[pousr]_\\w{36}",
		"gho_@0-0 ghp_@0-0 ghr_@0-0 ghs_@0-0 ghu_@0-0 "},
	    {"(?:abc|\\d{9})", ""},
	    {"\\d{9}", ""},
	    {"(?:ab[cd]{3}){0,3}xy\\d", "xy@0-15 "},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(pattern_freep) struct pattern *p = parse(rows[i].text);
		OWN(pattern_literals_done) struct literals l = {0};
		OWN(buf_done) struct buf b = {0};

		buf_init(&b, 4096);
		assert_int_equal(pattern_literals(p, &l), 0);
		for (size_t k = 0; k < l.n; k++)
			buf_printf(&b, "%s%.*s@%u-%u ",
			    l.list[k].fold ? "~" : "", l.list[k].len,
			    (const char *)l.list[k].text, l.list[k].nearest,
			    l.list[k].farthest);
		assert_string_equal(
		    b.len > 0 ? buf_text(&b) : "", rows[i].wanted);
	}
}

static void
test_shapes(void **state UNUSED)
{
	OWN(pattern_freep)
	struct pattern *p = parse("\\d{3}\\.\\d{2}|[a-z]{1,9}@x");
	struct byteset edge = {{0}};
	struct shape s[PATTERN_SHAPES_MAX];

	byteset_add(&edge, "0123456789");
	assert_int_equal(shape_list(p, &edge, s), 2);
	/* From the start: three digits, a stop, two digits, no digit. */
	assert_int_equal(s[0].farthest, 0);
	assert_false(byteset_has(&s[0].before, '5'));
	assert_true(byteset_has(&s[0].before, 'a'));
	assert_true(byteset_has(&s[0].at[2], '5'));
	assert_false(byteset_has(&s[0].at[3], '5'));
	assert_true(byteset_has(&s[0].at[3], '.'));
	assert_false(byteset_has(&s[0].at[6], '5'));
	assert_true(byteset_has(&s[0].at[7], '5'));
	/* From the rarest byte on. */
	assert_int_equal(s[1].nearest, 1);
	assert_int_equal(s[1].farthest, 9);
	assert_true(byteset_has(&s[1].at[0], '@'));
	assert_false(byteset_has(&s[1].at[0], 'a'));
	assert_true(byteset_has(&s[1].lead, 'z'));
	assert_false(byteset_has(&s[1].lead, '@'));
}

/* Whether a text, which stands alone, is a match's by a shape. */
static bool
fits(const struct shape *s, const char *text, size_t at)
{
	if (at > 0 && !byteset_has(&s->before, (uint8_t)text[at - 1]))
		return false;
	for (size_t i = 0; i < PATTERN_PLACES && at + i < strlen(text); i++)
		if (!byteset_has(&s->at[i], (uint8_t)text[at + i]))
			return false;
	return true;
}

static bool
fits_any(const char *pattern, const char *text, size_t *shapes)
{
	OWN(pattern_freep) struct pattern *p = parse(pattern);
	struct byteset edge = {{0}};
	struct shape s[PATTERN_SHAPES_MAX];
	size_t n;
	bool any = false;

	byteset_add(&edge, "0123456789");
	n = shape_list(p, &edge, s);
	for (size_t i = 0; i < n; i++)
		for (size_t at = s[i].nearest; at <= s[i].farthest; at++)
			any = any || fits(&s[i], text, at);
	if (shapes != NULL)
		*shapes = n;
	return any;
}

/* Shapes with and without each optional part do not blur each other. */
static void
test_optional(void **state UNUSED)
{
	static const char grouped[] = "[1-9]\\d ?\\d{3} ?\\d{3} ?\\d{3}";
	static const char phone[] =
	    "(?:\\+?86[ -]?)?1[3-9]\\d[ -]?\\d{4}[ -]?\\d{4}";
	static const struct {
		const char *pattern, *text;
		bool wanted;
	} rows[] = {
	    {grouped, "12345678901", true},
	    {grouped, "12 345678901", true},
	    {grouped, "12345 678901", true},
	    {grouped, "12 345 678 901", true},
	    {grouped, "12345678 901,", true},
	    /* By one shape of all each byte of these would fit. */
	    {grouped, "49 30 2254715,", false},
	    {grouped, "1234567890123,", false},
	    {phone, "13812345678", true},
	    {phone, "+86 138-1234-5678", true},
	    {phone, "86-13812345678", true},
	    {phone, "86138 1234 5678", true},
	    {phone, "138-12345678", true},
	    {phone, "1381234 5678", true},
	    {phone, "138 123 45678", false},
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(fits_any(rows[i].pattern, rows[i].text, &n),
		    rows[i].wanted);
	(void)fits_any(grouped, "", &n);
	assert_int_equal(n, PATTERN_SHAPES_MAX);
	/* Where that would gain nothing there is one. */
	(void)fits_any("[A-Z]{2}\\d{9}#?\\d{9}-?", "", &n);
	assert_int_equal(n, 1);
}

static void
test_layers(void **state UNUSED)
{
	static const struct {
		const char *text, *keywords, *layer;
	} rows[] = {
	    {"AKIA[A-Z0-9]{16}", NULL, "literal"},
	    {"\\d{3}-\\d{2}-\\d{4}", NULL, "shape"},
	    {"[A-Za-z0-9.]{1,64}@[a-z.]{2,9}", NULL, "shape"},
	    {"[a-z]{2,9}", NULL, "pattern"},
	    {"[a-z_]{2,30}", "api_key|token", "literal"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(pattern_freep) struct pattern *p = parse(rows[i].text);
		OWN(pattern_freep)
		struct pattern *k =
		    rows[i].keywords != NULL ? parse(rows[i].keywords) : NULL;
		struct plan_rule rule = {
		    rows[i].text, p, false, k, {{0}}, pattern_most(p)};
		struct plan *plan = NULL;
		struct diag why = {""};
		const char *reason;
		const char *layer = rows[i].layer;

		byteset_add(&rule.edge, "0123456789");
		if (candidate_host() != NULL && layer[0] == 'p')
			layer = "plain";
		assert_int_equal(
		    plan_new(&rule, 1, PLAN_LAYERS, NULL, &plan, &why), 0);
		assert_string_equal(
		    plan_layer_name(plan_layer(plan, 0, &reason)), layer);
		assert_true(reason[0] != '\0');
		plan_free(plan);
	}
}

static void
on_keyword(void *ctx, unsigned id, size_t end)
{
	buf_printf(ctx, "%u@%zu ", id, end);
}

static void
test_keywords(void **state UNUSED)
{
	static const struct candidate_literal list[] = {
	    {(const uint8_t *)"he", 2, false},
	    {(const uint8_t *)"she", 3, false},
	    {(const uint8_t *)"hers", 4, true},
	    {(const uint8_t *)"his", 3, false},
	    {(const uint8_t *)"longer than a key", 17, false},
	};
	OWN(buf_done) struct buf b = {0};
	struct keywords *k = NULL;
	const char *text = "uSHERs longer th";

	buf_init(&b, 4096);
	assert_int_equal(keywords_new(list, ARRAY_LEN(list), &k), 0);
	keywords_scan(k, (const uint8_t *)text, strlen(text), on_keyword, &b);
	assert_string_equal(buf_text(&b), "1@4 0@4 2@6 4@24 ");
	keywords_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_widths),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_literals),
	    cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_optional),
	    cmocka_unit_test(test_layers),
	    cmocka_unit_test(test_keywords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
