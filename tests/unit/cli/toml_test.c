/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toml_test - values, tables and lists of tables as TOML 1.0 has them, and
 * what is refused, by its place.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/toml.h"

#include "lib/own.h"

static struct yaml *
read_all(const char *text)
{
	struct yaml *doc = NULL;
	struct diag why = {""};
	int r = toml_parse("t.toml", text, strlen(text), &doc, &why);

	if (r != 0)
		print_message("%s\n", why.text);
	assert_int_equal(r, 0);
	return doc;
}

static const char *
get(const struct yaml *map, const char *key)
{
	const struct yaml *y = yaml_get(map, key);

	return y != NULL && y->kind == YAML_SCALAR ? y->text : "(none)";
}

static void
test_texts(void **state)
{
	OWN(yaml_freep)
	struct yaml *doc = read_all("a = \"x\\t\\u00e9\\\"\" # comment\n"
				    "b = 'C:\\d'\n"
				    "c = '''\nit's '''\n"
				    "d = \"\"\"two\nlines \\\n   joined\"\"\"\n"
				    "e = ''''x''''\n"
				    "f = 3.5\ng = true\n\"quoted key\" = 1\n");

	(void)state;
	assert_string_equal(get(doc, "a"), "x\t\xc3\xa9\"");
	assert_string_equal(get(doc, "b"), "C:\\d");
	assert_string_equal(get(doc, "c"), "it's ");
	assert_string_equal(get(doc, "d"), "two\nlines joined");
	assert_string_equal(get(doc, "e"), "'x'");
	assert_string_equal(get(doc, "f"), "3.5");
	assert_string_equal(get(doc, "g"), "true");
	assert_string_equal(get(doc, "quoted key"), "1");
}

static void
test_tables(void **state)
{
	OWN(yaml_freep)
	struct yaml *doc =
	    read_all("title = 't'\n[a.b]\nx = 1\n[[rules]]\nid = 'one'\n"
		     "[rules.allow]\nn = 1\n[[rules.lists]]\nk = [ 'p',\n 'q', "
		     "# end\n ]\n[[rules.lists]]\nk = []\n[[rules]]\n"
		     "id = 'two'\nt = {a = 1, b = 'x'}\n");
	const struct yaml *rules = yaml_get(doc, "rules");
	const struct yaml *lists;

	(void)state;
	assert_string_equal(get(yaml_get(yaml_get(doc, "a"), "b"), "x"), "1");
	assert_int_equal(rules->kind, YAML_LIST);
	assert_string_equal(get(rules->child, "id"), "one");
	assert_string_equal(get(yaml_get(rules->child, "allow"), "n"), "1");
	lists = yaml_get(rules->child, "lists");
	assert_string_equal(
	    yaml_get(lists->child, "k")->child->next->text, "q");
	assert_null(yaml_get(lists->child->next, "k")->child);
	assert_string_equal(get(rules->child->next, "id"), "two");
	assert_string_equal(get(yaml_get(rules->child->next, "t"), "b"), "x");
	assert_null(rules->child->next->next);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"a = 'x", "t.toml:1:7: the text does not end"},
	    {"a = \"\\q\"", "t.toml:1:7: no such escape"},
	    {"a = 1\na = 2", "t.toml:2:2: this key is there already"},
	    {"a 1", "t.toml:1:3: \"=\" is missing"},
	    {"a = ", "t.toml:1:5: a value is missing"},
	    {"a = [1, ", "t.toml:1:9: a value is missing"},
	    {"a = [1 2]", "t.toml:1:8: \",\" or \"]\" is missing"},
	    {"a = 1 b = 2", "t.toml:1:7: something follows the value"},
	    {"a.b = 1", "dotted keys"},
	    {"[x", "\"]\" is missing"},
	    {"x = 1\n[x]\ny = 1", "this is no table"},
	    {"x = 1\n[[x]]\ny = 1", "this is no list of tables"},
	    {"a = \"\\ud800\"", "no such character"},
	    {"\xff", "not UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct yaml *doc = NULL;
		struct diag why = {""};

		assert_int_equal(toml_parse("t.toml", cases[i].text,
				     strlen(cases[i].text), &doc, &why),
		    -EBADMSG);
		if (strstr(why.text, cases[i].want) == NULL)
			fail_msg("%s: %s", cases[i].text, why.text);
		assert_null(doc);
	}
}

static void
test_bounds(void **state)
{
	char deep[200];
	struct yaml *doc = NULL;
	struct diag why = {""};

	(void)state;
	(void)snprintf(deep, sizeof deep, "a = ");
	memset(deep + 4, '[', 100);
	assert_int_equal(toml_parse("t", deep, 104, &doc, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "nested too deeply"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
