/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_test - each shape that a value may show, with one that has it and ones
 * that only nearly have it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/token.h"

#include "lib/own.h"

static void
test_shapes(void **state)
{
	static const struct {
		const char *name, *value;
		bool holds;
	} cases[] = {
	    {"hex_key", "0f8c9d0a2b6c4c8e8f5e7a3c5e1d9b44", true},
	    {"hex_key", "0F8C9D0A2B6C4C8E8F5E7A3C5E1D9B44", true},
	    {"hex_key", "0f8c9d0a2b6c4c8e8f5e7a3c5e1d9b4", false},
	    {"hex_key", "0f8c9d0A2b6c4c8e8f5e7a3c5e1d9b44", false},
	    {"hex_key", "01234567890123456789012345678901", false},
	    {"hex_key", "0f8c9d0a2b6c4c8e8f5e7a3c5e1d9b4g", false},
	    {"uuid", "0f8c9d0a-2b6c-4c8e-8f5e-7a3c5e1d9b44", true},
	    {"uuid", "00000000-0000-0000-0000-000000000000", false},
	    {"uuid", "0f8c9d0a-2b6c-4c8e-8f5e-7a3c5e1d9b4", false},
	    {"uuid", "0f8c9d0a2-b6c-4c8e-8f5e-7a3c5e1d9b44", false},
	    {"three_kinds", "q7Wz4kLm", true},
	    {"three_kinds", "q7wz4klm", false},
	    {"three_kinds", "Qwertzui12", false},
	    {"one_alphabet", "q7Wz4kLm", true},
	    {"one_alphabet", "q7Wz/kL+==", true},
	    {"one_alphabet", "q7Wz_kL-", true},
	    {"one_alphabet", "q7Wz_kL+", false},
	    {"one_alphabet", "q7Wz.kLm", false},
	    {"one_alphabet", "====", false},
	    {"long_value", "q7Wz4kLmq7Wz4kLm", true},
	    {"long_value", "q7Wz4kLmq7Wz4kL", false},
	    {"not_filler", "q7Wz4kLm", true},
	    {"not_filler", "q7Waaaaa", false},
	    {"not_filler", "q7Waaaa4", true},
	    {"not_filler", "xx123456", false},
	    {"not_filler", "xx12345z", true},
	    {"not_filler", "zabcdefz", false},
	    {"not_filler", "7QWERTY7", false},
	    {"not_filler", "q7Wz4k..", false},
	    {"not_filler", "q7Wz4k.", true},
	    {"not_filler", "z1y2x3w4", true},
	    {"not_filler", "qa1b2c3q", false},
	    {"not_filler", "qa1b2d3q", true},
	    {"not_filler", "acdeFf05b1a6d4c89023", false},
	    {"not_filler", "acdeff05b1a6d4c89023", true},
	    {"not_filler", "acdeFf05b1a6d4c8902", true},
	    {"not_filler", "0f8c9d0a2b6c4c8e8f5e7a3cR21", false},
	    {"not_filler", "0f8c9d0a2b6c4c8e8f5e7a3cNRAL", true},
	    {"not_filler", "0f8c9d0a2b6c4c8e8f5e7a3R21", true},
	    {"not_filler", "px-0f8c9d0a-2b6c-4g8e-8f5e-7a3c5e1d9b44", false},
	    {"not_filler", "px-0f8c9d0a-2b6c-4c8e-8f5e-7a3c5e1d9b44", true},
	    {"no_issuer", "q7Wz4kLm", true},
	    {"no_issuer",
		"xoxp"
		"-1",
		false},
	    {"no_issuer", "xoxp-", true},
	    {"no_issuer", "1786:Aq7Wz4kLmq7Wz4kLmq7Wz4", false},
	    {"no_issuer", "1786:Aq7Wz4kLm", true},
	    {"no_issuer", "1786:", true},
	    {"not_template", "thisismypassword", true},
	    {"not_template", "PassWord", false},
	    {"not_template", "a{{b}}", false},
	    {"not_template", "$name", false},
	    {"not_template", "****", false},
	    {"not_published", "q7Wz4kLm", true},
	    {"not_published",
		"AKIAIOSFODNN7"
		"EXAMPLE",
		false},
	    {"not_published",
		"AKIAIOSFODNN7"
		"EXAMPLF",
		true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct validator *v = token_find(cases[i].name);

		assert_non_null(v);
		if (v->ok((const uint8_t *)cases[i].value,
			strlen(cases[i].value)) != cases[i].holds)
			fail_msg("%s: \"%s\" is %s", cases[i].name,
			    cases[i].value,
			    cases[i].holds ? "refused" : "taken");
	}
}

/* An empty value is told, too, and no name leads to nothing. */
static void
test_edges(void **state)
{
	static const char *const names[] = {TOKEN_NAMES};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct validator *v = token_find(names[i]);

		assert_non_null(v);
		assert_string_equal(v->name, names[i]);
		(void)v->ok((const uint8_t *)"", 0);
	}
	assert_null(token_find("no_such_shape"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
