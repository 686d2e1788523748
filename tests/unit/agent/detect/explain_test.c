/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_test - what is told of a match: why its level, why it is none, where
 * the evidence was, how many more; and never a byte of the text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/rules.h"

#include "lib/own.h"

static const char PACK[] =
    "pack: {id: t, version: 1.0.0, format: 1}\n"
    "detectors:\n"
    "  - id: t.card\n"
    "    uuid: 00000000-0000-4000-8000-000000000001\n"
    "    title: T\n"
    "    class: t\n"
    "    prefilter: {reason: r}\n"
    "    primary: {pattern: '[0-9]{16}', boundary: digit, validators: "
    "[luhn]}\n"
    "    levels:\n"
    "      - {confidence: high, all: [{near: {keywords: [card], before: 10, "
    "after: 0}}]}\n"
    "      - {confidence: low, all: []}\n"
    "    mask: {keep_first: 4, keep_last: 0}\n";

struct told {
	size_t n;
	struct why last[8];
	uint64_t more;
	bool leaked;
};

static void
on_why(void *ctx, struct why *w)
{
	struct told *t = ctx;

	if (w->more > 0) {
		t->more += w->more;
		return;
	}
	for (size_t i = 0; i < w->nfacts; i++)
		t->leaked |= strstr(w->facts[i].text, "0151") != NULL;
	if (t->n < ARRAY_LEN(t->last)) {
		t->last[t->n] = *w;
		w->facts = NULL;
	}
	t->n++;
}

static void
explain_text(const char *text, struct told *t)
{
	struct ruleset *set = NULL;
	struct scan *scan = NULL;
	struct diag why = {""};
	struct content c = {(const uint8_t *)text, strlen(text)};

	*t = (struct told){0};
	assert_int_equal(
	    ruleset_parse("t.yaml", PACK, strlen(PACK), &set, NULL, &why), 0);
	assert_int_equal(scan_new(set, &scan), 0);
	assert_int_equal(scan_explain(scan, on_why, t), 0);
	scan_begin(scan);
	assert_int_equal(scan_feed(scan, c), 0);
	assert_int_equal(scan_end(scan, NULL, NULL, NULL), 0);
	scan_free(scan);
	ruleset_free(set);
	assert_false(t->leaked);
}

static void
told_done(struct told *t)
{
	for (size_t i = 0; i < ARRAY_LEN(t->last); i++)
		why_done(&t->last[i]);
}

/* The first fact of a kind; an empty one if there is none. */
static struct why_fact
fact(const struct why *w, const char *kind)
{
	for (size_t i = 0; i < w->nfacts; i++)
		if (strcmp(w->facts[i].kind, kind) == 0)
			return w->facts[i];
	return (struct why_fact){.kind = ""};
}

static void
test_level(void **state)
{
	struct told t;
	struct why_fact f;

	(void)state;
	explain_text("card 4532015112830366", &t);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.last[0].confidence, CONFIDENCE_HIGH);
	assert_string_equal(t.last[0].dropped, "");
	assert_string_equal(t.last[0].mask, "4532############");
	f = fact(&t.last[0], "evidence");
	assert_true(f.holds && f.placed);
	assert_int_equal(f.at.from, 0);
	f = fact(&t.last[0], "level");
	assert_true(f.holds);
	told_done(&t);
}

static void
test_out_of_reach(void **state)
{
	struct told t;
	struct why_fact f;

	(void)state;
	explain_text("card            4532015112830366", &t);
	assert_int_equal(t.last[0].confidence, CONFIDENCE_LOW);
	f = fact(&t.last[0], "evidence");
	assert_true(!f.holds && f.placed);
	assert_non_null(strstr(f.text, "12 away"));
	f = fact(&t.last[0], "level");
	assert_string_equal(f.text, "high: there is no #1");
	told_done(&t);
}

static void
test_near_miss(void **state)
{
	struct told t;

	(void)state;
	explain_text("card 4532015112830367", &t);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.last[0].confidence, CONFIDENCE_NONE);
	assert_string_equal(t.last[0].dropped, "validator luhn");
	assert_string_equal(t.last[0].mask, "");
	assert_int_equal(t.last[0].value.from, 5);
	told_done(&t);
}

static void
test_more(void **state)
{
	char text[64 * 17 + 1] = "";
	struct told t;

	(void)state;
	for (int i = 0; i < 64; i++)
		(void)snprintf(text + i * 17, 18, "4532015112830366 ");
	explain_text(text, &t);
	assert_int_equal(t.n, 20);
	assert_int_equal(t.more, 44);
	told_done(&t);
}

/* Points are added up; what stands in the match before the value counts. */
static void
test_points(void **state)
{
	static const char pack[] =
	    "pack: {id: t, version: 1.0.0, format: 1}\n"
	    "detectors:\n"
	    "  - id: t.p\n"
	    "    uuid: 00000000-0000-4000-8000-000000000001\n"
	    "    title: T\n"
	    "    class: t\n"
	    "    prefilter: {keywords: [key]}\n"
	    "    primary: {pattern: 'key(?: is)?=(?P<v>[0-9]{4})', secret: v}\n"
	    "    levels:\n"
	    "      - confidence: high\n"
	    "        any_of:\n"
	    "          min: 4\n"
	    "          of:\n"
	    "            - {near: {pattern: ' is=', before: 4, from: value}, "
	    "points: 3}\n"
	    "            - {points: 2, near: {keywords: [api], before: 9}}\n"
	    "            - near: {pattern: '!', after: 1}\n"
	    "      - {confidence: low, all: []}\n";
	static const struct {
		const char *text, *level;
	} cases[] = {
	    {"api key is=1234", "high: there is #1, #2; 5 points of 4: #1 +3, "
				"#2 +2"},
	    {"the key is=1234!", "high: there is #1, #3; 4 points of 4: #1 +3, "
				 "#3 +1"},
	    {"api key=1234!", "high: 3 of at least 4 of #1, #2, #3; 3 points "
			      "of 4: #2 +2, #3 +1"},
	};
	struct ruleset *set = NULL;
	struct scan *scan = NULL;
	struct diag why = {""};

	(void)state;
	assert_int_equal(
	    ruleset_parse("t.yaml", pack, strlen(pack), &set, NULL, &why), 0);
	assert_int_equal(scan_new(set, &scan), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct content c = {
		    (const uint8_t *)cases[i].text, strlen(cases[i].text)};
		struct told t = {0};
		bool said = false;

		assert_int_equal(scan_explain(scan, on_why, &t), 0);
		scan_begin(scan);
		assert_int_equal(scan_feed(scan, c), 0);
		assert_int_equal(scan_end(scan, NULL, NULL, NULL), 0);
		assert_int_equal(t.n, 1);
		for (size_t k = 0; k < t.last[0].nfacts; k++)
			said |= strcmp(t.last[0].facts[k].text,
				    cases[i].level) == 0;
		assert_true(said);
		assert_int_equal(t.last[0].confidence,
		    i < 2 ? CONFIDENCE_HIGH : CONFIDENCE_LOW);
		told_done(&t);
	}
	scan_free(scan);
	ruleset_free(set);
}

static void
on_cost(void *ctx, const struct scan_cost *c)
{
	*(struct scan_cost *)ctx = *c;
}

static void
test_cost(void **state)
{
	static const char text[] = "card 4532015112830366 4532015112830367";
	struct content c = {(const uint8_t *)text, strlen(text)};
	struct ruleset *set = NULL;
	struct scan *scan = NULL;
	struct scan_cost got = {0};
	struct diag why = {""};

	(void)state;
	assert_int_equal(
	    ruleset_parse("t.yaml", PACK, strlen(PACK), &set, NULL, &why), 0);
	assert_int_equal(scan_new(set, &scan), 0);
	scan_measure(scan, true);
	scan_begin(scan);
	assert_int_equal(scan_feed(scan, c), 0);
	assert_int_equal(scan_end(scan, NULL, NULL, NULL), 0);
	scan_costs(scan, on_cost, &got);
	assert_string_equal(got.detector, "t.card");
	assert_int_equal(got.matches, 2);
	assert_int_equal(got.refuted, 1);
	assert_true(got.places >= 1);
	got = (struct scan_cost){0};
	scan_costs(scan, on_cost, &got);
	assert_null(got.detector);
	scan_free(scan);
	ruleset_free(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_level),
	    cmocka_unit_test(test_out_of_reach),
	    cmocka_unit_test(test_near_miss),
	    cmocka_unit_test(test_more),
	    cmocka_unit_test(test_points),
	    cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
