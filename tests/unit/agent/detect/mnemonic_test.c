/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mnemonic_test - words of wallets: the vectors of the reference implementation
 * for seeds of one byte throughout, made-up ones of each length, and each with
 * a word changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/mnemonic.h"

#include "lib/own.h"

static bool
ok(const char *value)
{
	const struct validator *v = mnemonic_find("bip39");

	assert_non_null(v);
	return v->ok((const uint8_t *)value, strlen(value));
}

static const char *const GOOD[] = {
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon "
    "abandon abandon about",
    "legal winner thank year wave sausage worth useful legal winner thank "
    "yellow",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage "
    "above",
    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo when",
    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
    "zoo zoo zoo zoo zoo vote",
    "already abstract loyal seed rail walnut panel clutch jealous retire scene "
    "fit pottery gym practice",
    "live arm gospel bundle cricket track tattoo obvious capital divorce brave "
    "stomach pyramid gather consider seven grain fade",
    "promote gossip tunnel autumn because captain web gaze bus jelly final "
    "scrub figure peanut force manual skull rocket ability benefit romance",
    "apology foot venture great feed dad meat letter possible sail enable era "
    "trade dignity bus oak tribe autumn sphere melt stay exile spin unique"};

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
		if (!ok(GOOD[i]))
			fail_msg("refuses number %zu", i);
}

static void
test_edges(void **state)
{
	static const char *const bad[] = {"", " ", "zoo", "zoo wrong",
	    /* Eleven words, thirteen, two blanks, capitals, not in the list. */
	    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
	    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
	    "zoo zoo  zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
	    "Zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
	    "zooo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
	    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo",
	    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
	    "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
	    "abandonabandon abandon abandon abandon abandon abandon abandon "
	    "abandon abandon abandon about"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (ok(bad[i]))
			fail_msg("takes number %zu", i);
	assert_null(mnemonic_find("no_such_list"));
}

/* Sorted, and four letters tell each word from every other (BIP-39). */
static void
test_list(void **state)
{
	(void)state;
	for (size_t i = 1; i < MNEMONIC_COUNT; i++)
		assert_true(
		    memcmp(mnemonic_words[i - 1], mnemonic_words[i], 4) < 0);
	assert_memory_equal(mnemonic_words[0], "abandon", 8);
	assert_memory_equal(mnemonic_words[2047], "zoo", 4);
}

/* Of twelve random words of the list one in sixteen sums up, as the row says. */
static void
test_strength(void **state)
{
	uint32_t r = 1;
	size_t passed = 0;
	double share;

	(void)state;
	for (size_t k = 0; k < 100000; k++) {
		char text[128] = "";
		size_t used = 0;

		for (size_t i = 0; i < 12; i++) {
			r ^= r << 13;
			r ^= r >> 17;
			r ^= r << 5;
			used += (size_t)snprintf(text + used,
			    sizeof text - used, "%s%.8s", i > 0 ? " " : "",
			    mnemonic_words[r % MNEMONIC_COUNT]);
		}
		passed += ok(text);
	}
	share = (double)passed / 100000;
	assert_true(share > 0.059 && share < 0.066);
	assert_true(mnemonic_find("bip39")->accept == 0.0625);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_edges),
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_strength),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
