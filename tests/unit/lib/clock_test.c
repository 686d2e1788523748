/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_test - RFC 3339 both ways, and the fixed stamp of tests.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"

#include "lib/own.h"

static void
test_text(void **state UNUSED)
{
	char text[CLOCK_TEXT_SIZE];

	clock_text(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
	clock_text(INT64_C(1795514400123456), text);
	assert_string_equal(text, "2026-11-24T10:00:00.123456Z");
	clock_text(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
}

static void
test_parse(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t us;
	} GOOD[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"2026-11-24T10:00:00.123456Z", INT64_C(1795514400123456)},
	    {"2026-11-24T11:30:00.5+01:30", INT64_C(1795514400500000)},
	    {"2026-11-24T02:00:00-08:00", INT64_C(1795514400000000)},
	    {"2026-11-24", INT64_C(1795478400000000)},
	    {"2024-02-29T00:00:00Z", INT64_C(1709164800000000)},
	};
	static const char *const BAD[] = {"", "2026", "2026-13-01",
	    "2026-02-30", "2025-02-29", "2026-11-24T25:00:00Z",
	    "2026-11-24T10:00:00", "2026-11-24 x", "2026-11-24T10:00:00Z ",
	    "2026-11-24T10:00:00.Z", "2026-11-24T10:60:00Z", "20261124"};
	int64_t us;

	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		assert_int_equal(clock_parse(GOOD[i].text, &us), 0);
		assert_true(us == GOOD[i].us);
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(clock_parse(BAD[i], &us), -EINVAL);
}

static void
test_round_trip(void **state UNUSED)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t us = INT64_C(1000000007), back;

	for (int i = 0; i < 2000; i++) {
		clock_text(us, text);
		assert_int_equal(clock_parse(text, &back), 0);
		assert_true(back == us);
		us += INT64_C(86399999983) * 7;
	}
}

static void
test_fixed(void **state UNUSED)
{
	static const struct stamp S = {5, 6};
	struct stamp a, b;

	clock_fix(&S);
	assert_true(clock_now().boot_us == 5 && clock_now().wall_us == 6);
	assert_true(clock_boot_us() == 5);
	clock_fix(NULL);
	a = clock_now();
	b = clock_now();
	assert_true(b.boot_us >= a.boot_us && a.boot_us > 5);
	assert_int_equal(strlen(clock_boot_id()), CLOCK_BOOT_LEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_fixed),
	};

	return cmocka_run_group_tests_name("lib/clock", tests, NULL, NULL);
}
