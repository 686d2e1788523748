/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_test - the strict subset: what is refused, and where it says so.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/yaml.h"

#include "lib/own.h"

static int
parse(const char *text, struct yaml **out, struct diag *why)
{
	*why = (struct diag){""};
	return yaml_parse("f", text, strlen(text), out, why);
}

static void
test_values(void **state UNUSED)
{
	OWN(yaml_freep) struct yaml *y = NULL;
	struct diag why;
	const char *text = NULL;
	uint64_t n = 0;
	bool b = true;

	assert_int_equal(parse("a: no\nb: [1, \"2\"]\nc:\n  d: 'x y'\nn: 42\n"
			       "f: false\n",
			     &y, &why),
	    0);
	assert_int_equal(y->kind, YAML_MAP);
	assert_int_equal(yaml_text(yaml_get(y, "a"), &text, &why), 0);
	assert_string_equal(text, "no");
	assert_int_equal(yaml_get(y, "b")->kind, YAML_LIST);
	assert_true(yaml_get(y, "b")->child->next->quoted);
	assert_int_equal(
	    yaml_text(yaml_get(yaml_get(y, "c"), "d"), &text, &why), 0);
	assert_string_equal(text, "x y");
	assert_int_equal(yaml_uint(yaml_get(y, "n"), 1, 42, &n, &why), 0);
	assert_int_equal(n, 42);
	assert_int_equal(yaml_bool(yaml_get(y, "f"), &b, &why), 0);
	assert_false(b);
	assert_null(yaml_get(y, "none"));
	n = 9;
	assert_int_equal(yaml_uint(NULL, 1, 2, &n, &why), 0);
	assert_int_equal(n, 9);
}

static void
test_refused(void **state UNUSED)
{
	static const struct {
		const char *text;
		const char *where;
	} BAD[] = {
	    {"a: 1\na: 2\n", "f:2:1"}, /* twice the same key */
	    {"a: &x 1\n", "f:1:4"}, /* an anchor */
	    {"a: !!int 1\n", "f:1:4"}, /* a tag */
	    {"a: *x\n", "f:1:4"}, /* an alias */
	    {"a: 1\n---\nb: 2\n", "f:2:"}, /* another document */
	    {"a: [1\n", "f:2:"}, /* not closed */
	    {"a: \"\\0\"\n", "f:1:4"}, /* a NUL */
	    {"", "f:"}, /* nothing */
	};

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct yaml *y = NULL;
		struct diag why;

		assert_int_equal(parse(BAD[i].text, &y, &why), -EBADMSG);
		assert_null(y);
		assert_memory_equal(
		    why.text, BAD[i].where, strlen(BAD[i].where));
	}
}

static void
test_unknown_key(void **state UNUSED)
{
	static const char *const KEYS[] = {"detectors", "version", NULL};
	OWN(yaml_freep) struct yaml *y = NULL;
	struct diag why;

	assert_int_equal(parse("version: 1\ndetectros: 2\n", &y, &why), 0);
	assert_int_equal(yaml_keys(y, "a pack", KEYS, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "f:2:1"));
	assert_non_null(strstr(why.text, "detectors"));
}

static void
test_bounds(void **state UNUSED)
{
	char deep[200];
	struct yaml *y = NULL;
	struct diag why;
	uint64_t n;

	memset(deep, '[', 100);
	memset(deep + 100, ']', 99);
	deep[199] = '\0';
	assert_int_equal(parse(deep, &y, &why), -EBADMSG);
	assert_int_equal(parse("n: 18446744073709551616\n", &y, &why), 0);
	assert_int_equal(
	    yaml_uint(yaml_get(y, "n"), 0, UINT64_MAX, &n, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "f:1:4"));
	yaml_free(y);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_unknown_key),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests_name("lib/yaml", tests, NULL, NULL);
}
