/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subset_test - the pattern language: what is in, what is refused, and that
 * both matching stages take all of what is in.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/rules.h"

#include "lib/own.h"

static void
test_inside(void **state UNUSED)
{
	static const char *const good[] = {
	    "abc",
	    "a{0,64}b",
	    "[0-9]{3}-\\d{2}",
	    "(?:a|b)c?",
	    "(?P<name>a)b",
	    "(?<name>a)b",
	    "(?i:secret)x",
	    "(?i)secret",
	    "(?s:a.b)",
	    "(?-i:a)b",
	    "[]a]b",
	    "[^]a]b",
	    "[[:alpha:]_]{1,8}",
	    "[\\]\\\\]x",
	    "a\\.b\\$",
	    "\\x41\\x7a",
	    "\xe8\xba\xab\xe4\xbb\xbd",
	    "(?:\xc3\xa9){1,3}",
	    "a{2,9}?b",
	    "x{1}",
	    "{",
	    "a{x}",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct diag why = {""};
		struct regex *r = NULL;
		OWN(pattern_freep) struct pattern *p = NULL;

		assert_int_equal(subset_check(good[i], &why), 0);
		assert_string_equal(why.text, "");
		assert_int_equal(regex_new(good[i], &r, &why), 0);
		assert_int_equal(pattern_parse(good[i], &p, &why), 0);
		assert_true(pattern_most(p) < UINT32_MAX);
		regex_free(r);
	}
}

static void
test_outside(void **state UNUSED)
{
	static const struct {
		const char *pattern, *word;
	} bad[] = {
	    {"a*", "unbounded"},
	    {"a+", "unbounded"},
	    {"^a", "anchors"},
	    {"a$", "anchors"},
	    {"\\Aa", "escape"},
	    {"a\\z", "escape"},
	    {"\\Ga", "escape"},
	    {"a\\Kb", "escape"},
	    {"\\Qa.b\\E", "escape"},
	    {"\\p{L}", "escape"},
	    {"\\R", "escape"},
	    {"(a)\\1", "back-reference"},
	    {"(?P<x>a)\\k<x>", "escape"},
	    {"(?=a)a", "subset"},
	    {"(?!a)b", "subset"},
	    {"(?<=a)b", "subset"},
	    {"(?<!a)b", "subset"},
	    {"(?>a)b", "subset"},
	    {"(?P=x)", "subset"},
	    {"(?#note)a", "subset"},
	    {"(?R)", "subset"},
	    {"(*COMMIT)a", "verbs"},
	    {"a{2}+b", "possessive"},
	    {"a?+b", "possessive"},
	    {"a\\", "backslash"},
	    {"(a", "unclosed ("},
	    {"a)", "unmatched"},
	    {"[a", "unclosed ["},
	    {"[[:alpha:", "unclosed ["},
	    {"[\xc3\xa9]", "bytes"},
	    {"\xc3\xa9{2}", "(?:"},
	    {"\xc3\xa9?", "(?:"},
	    {"(?:a{0,64}){0,64}", "slow"},
	    {"(?:(?:a{0,64})b){0,64}", "slow"},
	    {"(?P<x", "unclosed name"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct diag why = {""};

		if (subset_check(bad[i].pattern, &why) != -EBADMSG ||
		    strstr(why.text, bad[i].word) == NULL)
			fail_msg("%s: %s", bad[i].pattern, why.text);
		assert_non_null(strstr(why.text, "offset"));
	}
}

static void
test_bounds(void **state UNUSED)
{
	OWN_MEM char *deep = calloc(1, 4096);
	OWN_MEM char *wide = calloc(1, 40000);
	struct diag why = {""};

	assert_non_null(deep);
	assert_non_null(wide);
	memset(deep, '(', 40);
	deep[40] = 'a';
	memset(deep + 41, ')', 40);
	assert_int_equal(subset_check(deep, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "nested"));
	memset(wide, 'a', 33 * 1024);
	assert_int_equal(subset_check(wide, &why), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_inside),
	    cmocka_unit_test(test_outside),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
