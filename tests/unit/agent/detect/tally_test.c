/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally_test - counts, distinct values, spans, the mask, and the hash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/tally.h"

#include "lib/own.h"

/* The vector of the paper's appendix A, and the first of the authors' code. */
static void
test_siphash(void **state UNUSED)
{
	uint8_t key[16], in[15];

	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	assert_true(tally_hash(key, in, 15) == UINT64_C(0xa129ca6149be45e5));
	assert_true(tally_hash(key, in, 0) == UINT64_C(0x726fdb47dd0e0e31));
}

static void
test_counts(void **state UNUSED)
{
	struct tally t = {0};

	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(tally_add(&t, i % 100 + 1, MARK_TEST_DATA,
				     (struct span){i, i + 1}),
		    0);
	assert_int_equal(t.count, 5000);
	assert_int_equal(t.used, 100);
	assert_false(t.capped);
	assert_int_equal(t.lacking, MARKS & ~MARK_TEST_DATA);
	assert_int_equal(t.nspans, FINDING_SPANS_MAX);
	assert_int_equal(
	    t.spans[FINDING_SPANS_MAX - 1].from, FINDING_SPANS_MAX - 1);
	assert_int_equal(tally_add(&t, 7, 0, (struct span){0, 1}), 0);
	assert_int_equal(t.lacking, MARKS);
	tally_done(&t);
	assert_null(t.spans);
}

/* Hashes that all fall on one place still count, and end at the cap. */
static void
test_cap(void **state UNUSED)
{
	struct tally t = {0};

	for (uint64_t i = 1; i <= TALLY_UNIQUE_MAX; i++)
		assert_int_equal(
		    tally_add(&t, i << 32 | 1, 0, (struct span){0, 1}), 0);
	assert_int_equal(t.used, TALLY_UNIQUE_MAX);
	assert_false(t.capped);
	assert_int_equal(
	    tally_add(&t, (uint64_t)5 << 32 | 1, 0, (struct span){0, 1}), 0);
	assert_false(t.capped);
	assert_int_equal(tally_add(&t, 2, 0, (struct span){0, 1}), 0);
	assert_true(t.capped);
	assert_int_equal(t.used, TALLY_UNIQUE_MAX);
	assert_int_equal(t.count, TALLY_UNIQUE_MAX + 2);
	tally_done(&t);
}

static void
check_mask(const char *v, unsigned first, unsigned last, const char *wanted)
{
	struct tally t = {0};

	tally_mask(&t, (const uint8_t *)v, strlen(v), first, last);
	assert_string_equal(t.mask, wanted);
}

static void
test_mask(void **state UNUSED)
{
	struct tally t = {0};
	char longer[100];

	check_mask("4532015112830366", 6, 4, "453201######0366");
	check_mask("4532015112830366", 0, 0, "################");
	/* Of a short one nothing is kept. */
	check_mask("1234567890123", 6, 4, "#############");
	check_mask("12345678901234", 6, 4, "123456####1234");
	check_mask("", 6, 4, "");
	/* Nothing but printable ASCII comes out. */
	check_mask("\xe8\xba\xab\x01\x02 cdefghijkl", 4, 0, "################");
	memset(longer, 'a', sizeof longer);
	memcpy(longer + 96, "last", 4);
	tally_mask(&t, (const uint8_t *)longer, sizeof longer, 2, 4);
	assert_int_equal(strlen(t.mask), 40);
	assert_string_equal(t.mask, "aa##################################last");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_siphash),
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_cap),
	    cmocka_unit_test(test_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
