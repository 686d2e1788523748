/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reshape_test - patterns of Go and Rust as they come out in our subset, what
 * is refused, and that a sample is what its pattern says.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/reshape.h"

#include "lib/own.h"

static void
test_written(void **state)
{
	static const struct {
		const char *from, *to;
		unsigned secret, notes;
		bool boundary;
	} cases[] = {
	    {"abc", "abc", 0, 0, false},
	    {"a+b*c{2,}d?", "a{1,64}b{0,64}c{2,64}d?", 0, RESHAPE_BOUNDED,
		false},
	    {"x(a|b)(c)", "x(?P<secret>a|b)(?:c)", 1, 0, false},
	    {"x(a|b)(c)", "x(?:a|b)(?P<secret>c)", 2, 0, false},
	    {"(?P<n>a)(?<m>b)", "(?:a)(?P<secret>b)", 2, 0, false},
	    {"(?i)a(?-i:B)", "(?i)a(?-i:B)", 0, 0, false},
	    {"(?x) a b # c\n [ x] \\  d", "ab[ x] d", 0, 0, false},
	    {"a(?# x) b", "a b", 0, 0, false},
	    {"(?xi: a b) c", "(?i:ab) c", 0, 0, false},
	    {"\\ba{3}(?:[^a-z]|$)", "\\ba{3}", 0, RESHAPE_END, true},
	    {"[\\w.-]{0,50}?k(?:[;]|\\\\n|$)", "[\\w.-]{0,50}?k", 0,
		RESHAPE_END, true},
	    {"k(?:[;]|$)", "k(?:[;])", 0, RESHAPE_EDGE, false},
	    {"(?:^|[;])k", "(?:[;])k", 0, RESHAPE_EDGE, false},
	    {"a{b}", "a\\{b\\}", 0, 0, false},
	    {"é+", "(?:é){1,64}", 0, RESHAPE_BOUNDED, false},
	    {"\\/\\_\\\"", "/_\"", 0, 0, false},
	    {"[]a][^]b][[:alpha:]]", "[]a][^]b][[:alpha:]]", 0, 0, false},
	    {"(?m)a", "a", 0, RESHAPE_LINES, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWN(reshape_freep) struct reshape *r = NULL;
		OWN(buf_done) struct buf b = {0};
		struct diag why = {""};
		unsigned notes;

		if (reshape_parse(cases[i].from, &r, &why) != 0)
			fail_msg("%s: %s", cases[i].from, why.text);
		buf_init(&b, 4096);
		notes = reshape_print(r, cases[i].secret, 64, &b);
		assert_string_equal(buf_text(&b), cases[i].to);
		if (notes != cases[i].notes)
			fail_msg("%s: notes %u", cases[i].from, notes);
		assert_true(reshape_boundary(r) == cases[i].boundary);
	}
}

static void
test_refused(void **state)
{
	static const char *const cases[] = {"(?=a)", "(?!a)", "(?<=a)",
	    "(?<!a)", "(?>a)", "^a", "a$", "\\Aa", "a\\z", "(a)\\1", "\\p{L}",
	    "a\\Bb", "(a", "a)", "[a", "[[:alpha", "*a", "a**", "a{5,2}", "a++",
	    "(?P<n", "\\", "(?", "(?U)a", "a{99999}", "(?:^|$)", "\\x{41}"};
	char deep[200] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reshape *r = NULL;
		struct diag why = {""};

		if (reshape_parse(cases[i], &r, &why) != -EBADMSG)
			fail_msg("%s is not refused", cases[i]);
		assert_null(r);
		assert_true(why.text[0] != '\0');
	}
	memset(deep, '(', 100);
	assert_int_equal(
	    reshape_parse(deep, &(struct reshape *){NULL}, NULL), -EBADMSG);
}

static void
test_samples(void **state)
{
	OWN(reshape_freep) struct reshape *r = NULL;
	OWN(buf_done) struct buf a = {0};
	OWN(buf_done) struct buf b = {0};
	const char *text;

	(void)state;
	assert_int_equal(
	    reshape_parse(
		"\\bkey[:=] ?(AB[0-9a-f]{40}\\.x|\\x41{2})", &r, NULL),
	    0);
	assert_int_equal(reshape_groups(r), 1);
	buf_init(&a, 4096);
	buf_init(&b, 4096);
	for (uint64_t seed = 1; seed < 50; seed++) {
		buf_reset(&a);
		reshape_sample(r, seed * 7919, &a);
		text = buf_text(&a);
		assert_true(strncmp(text, "key", 3) == 0);
		assert_true(text[3] == ':' || text[3] == '=');
		if (strcmp(text + 4, "AA") == 0)
			continue;
		assert_true(strncmp(text + 4, "AB", 2) == 0);
		assert_int_equal(strspn(text + 6, "0123456789abcdef"), 40);
		assert_string_equal(text + 46, ".x");
	}
	reshape_sample(r, 7919, &b);
	buf_reset(&a);
	reshape_sample(r, 7919, &a);
	assert_string_equal(buf_text(&a), buf_text(&b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_written),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
