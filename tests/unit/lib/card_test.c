/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card_test - made-up numbers: of the right form, each another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/card.h"

#include "lib/own.h"

/* ISO/IEC 7812-1, annex B, from the left: the other way round than it is made. */
static bool
is_sound(const char *card)
{
	unsigned sum = 0;

	for (size_t i = 0; i < 16; i++) {
		unsigned v = (unsigned)(card[i] - '0');

		if (v > 9)
			return false;
		sum += i % 2 == 0 ? v * 2 / 10 + v * 2 % 10 : v;
	}
	return sum % 10 == 0 && card[16] == '\0';
}

static void
test_made_up(void **state UNUSED)
{
	char one[CARD_SIZE], other[CARD_SIZE];

	assert_true(is_sound("4532015112830366"));
	assert_false(is_sound("4532015112830367"));
	card_make_up(one);
	for (unsigned i = 0; i < 1000; i++) {
		card_make_up(other);
		assert_true(is_sound(other));
		assert_memory_equal(other, "453201", 6);
	}
	assert_string_not_equal(one, other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_made_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
