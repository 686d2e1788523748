/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coin_test - checksums of keys and addresses: the vectors of BIP-173, of
 * BIP-350, of the age specification and of the wallet import format, and every
 * one of them with one character changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/coin.h"

#include "lib/own.h"

static const struct {
	const char *name, *value;
} GOOD[] = {
    {"bech32", "A12UEL5L"},
    {"bech32", "an83characterlonghumanreadablepartthatcontainsthenumber1and"
	       "theexcludedcharactersbio1tt5tgs"},
    {"bech32", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"},
    {"bech32", "a1lqfn3a"},
    {"bech32", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnuj"
	       "wj"},
    {"bitcoin_address", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"},
    {"bitcoin_address", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"},
    {"bitcoin_address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
    /* The Bitcoin wiki's example, and the same key compressed. */
    {"bitcoin_wif", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"},
    {"bitcoin_wif", "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"},
};

static bool
ok(const char *name, const char *value)
{
	const struct validator *v = coin_find(name);

	assert_non_null(v);
	return v->ok((const uint8_t *)value, strlen(value));
}

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
		if (!ok(GOOD[i].name, GOOD[i].value))
			fail_msg("%s refuses %s", GOOD[i].name, GOOD[i].value);
}

static void
test_one_character(void **state)
{
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		size_t n = strlen(GOOD[i].value);

		for (size_t k = 0; k < n; k++) {
			(void)snprintf(text, sizeof text, "%s", GOOD[i].value);
			text[k] = text[k] == '2' ? '3' : '2';
			if (ok(GOOD[i].name, text))
				fail_msg("%s takes %s", GOOD[i].name, text);
		}
	}
}

static void
test_edges(void **state)
{
	static const char *const names[] = {COIN_NAMES};
	static const char *const bad[] = {"", "1", "1111", "11111111", "a1",
	    "A1g7sgd8", "10a06t8", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v",
	    "a12uEL5L", "0OIl",
	    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
	    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
	    "z",
	    "1111111111111111111111111111111111111111111111111111111111111111"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct validator *v = coin_find(names[i]);

		assert_non_null(v);
		assert_string_equal(v->name, names[i]);
		for (size_t k = 0; k < ARRAY_LEN(bad); k++)
			assert_false(ok(names[i], bad[k]));
	}
	assert_null(coin_find("no_such_coin"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_one_character),
	    cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
