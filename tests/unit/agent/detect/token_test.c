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
	    {"whole_hex", "acdeFf05b1a6d4c89023", false},
	    {"whole_hex", "acdeff05b1a6d4c89023", true},
	    {"whole_hex", "acdeFf05b1a6d4c8902", true},
	    {"whole_hex", "0f8c9d0a2b6c4c8e8f5e7a3cR21", false},
	    {"whole_hex", "0f8c9d0a2b6c4c8e8f5e7a3cNRAL", true},
	    {"whole_hex", "0f8c9d0a2b6c4c8e8f5e7a3R21", true},
	    {"whole_hex", "px-0f8c9d0a-2b6c-4g8e-8f5e-7a3c5e1d9b44", false},
	    {"whole_hex", "px-0f8c9d0a-2b6c-4c8e-8f5e-7a3c5e1d9b44", true},
	    {"not_filler", "xx987654", false},
	    {"not_filler", "xx98765z", true},
	    {"not_filler", "abc4123x789p", false},
	    {"not_filler", "abc4q23x7z9p", true},
	    {"not_filler", "deadbeefdeadbeefde", false},
	    {"not_filler", "deadbeef0deadbe0f1", true},
	    {"not_filler", "7asdfgh7", false},
	    {"not_filler", "7zxcvbn7", false},
	    {"not_filler", "1121121221112212", false},
	    {"not_filler", "0b1b0b2b0b1b3b0b", false},
	    {"not_filler", "tokenForTheConfiguration", false},
	    {"not_filler", "xQzjKvbWqTgPfMhDcRwLnYs", true},
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

/* What a generator draws is a filler as seldom as filler.h says. */
static void
test_chance(void **state)
{
	static const char *const alphabets[] = {"0123456789abcdef",
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
	    "abcdefghijklmnopqrstuvwxyz0123456789",
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"};
	const struct validator *v = token_find("not_filler");
	uint32_t x = 1;

	(void)state;
	for (size_t a = 0; a < ARRAY_LEN(alphabets); a++)
		for (size_t n = 16; n <= 64; n *= 2) {
			size_t of = strlen(alphabets[a]), taken = 0;

			for (size_t k = 0; k < 100000; k++) {
				uint8_t value[64];

				for (size_t i = 0; i < n; i++) {
					x ^= x << 13;
					x ^= x >> 17;
					x ^= x << 5;
					value[i] =
					    (uint8_t)alphabets[a][x % of];
				}
				taken += !v->ok(value, n);
			}
			if (taken > (of == 16 ? 66 : 20))
				fail_msg("%zu of %s: %zu of 100000 are fillers",
				    n, alphabets[a], taken);
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
	    cmocka_unit_test(test_chance),
	    cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
