/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str_test - bounded text, UTF-8, and the encodings of bytes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/str.h"

#include "lib/own.h"

static void
test_copy_and_format(void **state UNUSED)
{
	char out[4];

	assert_int_equal(str_copy(out, sizeof out, "abc"), 0);
	assert_string_equal(out, "abc");
	assert_int_equal(str_copy(out, sizeof out, "abcd"), -ENAMETOOLONG);
	assert_string_equal(out, "");
	assert_int_equal(str_format(out, sizeof out, "%d", 123), 0);
	assert_string_equal(out, "123");
	assert_int_equal(
	    str_format(out, sizeof out, "%d", 1234), -ENAMETOOLONG);
	assert_string_equal(out, "");
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq("a", NULL));
}

static void
test_listed(void **state UNUSED)
{
	assert_true(str_listed("a", "a"));
	assert_true(str_listed("ab,a,c", "a"));
	assert_true(str_listed("ab,c", "c"));
	assert_false(str_listed("ab,ca", "a"));
	assert_false(str_listed("pci.pan2,x.pci.pan", "pci.pan"));
	assert_false(str_listed("", "a"));
	assert_false(str_listed("a,b", ""));
}

static void
test_numbers(void **state UNUSED)
{
	static const char *const BAD[] = {
	    "", " 1", "1 ", "-1", "+1", "0x1", "1e3", "a"};
	uint64_t v = 7;

	assert_int_equal(str_u64("18446744073709551615", UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(
	    str_u64("18446744073709551616", UINT64_MAX, &v), -ERANGE);
	assert_int_equal(str_u64("11", 10, &v), -ERANGE);
	assert_int_equal(str_u64("007", 10, &v), 0);
	assert_int_equal(v, 7);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(str_u64(BAD[i], 100, &v), -EINVAL);
}

static void
test_utf8(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool good;
	} CASES[] = {
	    {"", 0, true},
	    {"a\0b", 3, true},
	    {"\xc3\xa9", 2, true},
	    {"\xe4\xb8\xad", 3, true},
	    {"\xf0\x9f\x98\x80", 4, true},
	    {"\xf4\x8f\xbf\xbf", 4, true},
	    {"\xc3", 1, false},
	    {"\xc0\x80", 2, false}, /* longer than needed */
	    {"\xe0\x80\xaf", 3, false},
	    {"\xed\xa0\x80", 3, false}, /* a surrogate */
	    {"\xf4\x90\x80\x80", 4, false}, /* behind U+10FFFF */
	    {"\xf8\x88\x80\x80\x80", 5, false},
	    {"\x80", 1, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_int_equal(
		    str_utf8(CASES[i].bytes, CASES[i].len), CASES[i].good);
}

static void
test_escape(void **state UNUSED)
{
	char out[64], small[12];

	str_escape(out, sizeof out, "a\n\x1b[31m\\\x7f", 9);
	assert_string_equal(out, "a\\x0a\\x1b[31m\\\\\\x7f");
	str_escape(out, sizeof out, "\xc3\xa9\xff\xc2\x9b", 5);
	assert_string_equal(out, "\xc3\xa9\\xff\\xc2\\x9b"); /* C1 */
	str_escape(small, sizeof small, "abcdefghijklmnop", 16);
	assert_string_equal(small + strlen(small) - 3, "...");
}

static void
test_hex_and_base64(void **state UNUSED)
{
	/* RFC 4648 section 10 */
	static const char *const VECTORS[][2] = {{"", ""}, {"f", "Zg=="},
	    {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	static const char *const BAD[] = {
	    "Zg", "Zg=", "Zg===", "Z===", "Zh==", "Zg==Zg==", "Zm9 v", "Zm9-"};
	uint8_t bytes[2];
	char hex[5];

	for (size_t i = 0; i < ARRAY_LEN(VECTORS); i++) {
		OWN(buf_done) struct buf a = {0};
		OWN(buf_done) struct buf b = {0};

		buf_init(&a, 64);
		buf_init(&b, 64);
		str_base64(&a, VECTORS[i][0], strlen(VECTORS[i][0]));
		assert_int_equal(a.len, strlen(VECTORS[i][1]));
		if (a.len > 0)
			assert_memory_equal(a.data, VECTORS[i][1], a.len);
		assert_int_equal(str_unbase64(&b, VECTORS[i][1], a.len), 0);
		assert_int_equal(b.len, strlen(VECTORS[i][0]));
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		OWN(buf_done) struct buf b = {0};

		buf_init(&b, 64);
		assert_int_equal(
		    str_unbase64(&b, BAD[i], strlen(BAD[i])), -EBADMSG);
	}
	str_hex(hex, "\x0f\xa0", 2);
	assert_string_equal(hex, "0fa0");
	assert_int_equal(str_unhex(bytes, 2, "0fa0"), 0);
	assert_memory_equal(bytes, "\x0f\xa0", 2);
	assert_int_equal(str_unhex(bytes, 2, "0fa"), -EBADMSG);
	assert_int_equal(str_unhex(bytes, 2, "0fag"), -EBADMSG);
	assert_int_equal(str_unhex(bytes, 2, "0fa00"), -EBADMSG);
}

static void
test_base64url(void **state UNUSED)
{
	OWN(buf_done) struct buf a = {0};
	OWN(buf_done) struct buf b = {0};

	buf_init(&a, 64);
	buf_init(&b, 64);
	str_base64url(&a, "\xfb\xff\xfe", 3);
	assert_memory_equal(a.data, "-__-", 4);
	assert_int_equal(str_unbase64url(&b, "-__-", 4), 0);
	assert_memory_equal(b.data, "\xfb\xff\xfe", 3);
	assert_int_equal(str_unbase64url(&b, "-__=", 4), -EBADMSG);
	assert_int_equal(str_unbase64url(&b, "A", 1), -EBADMSG);
	assert_int_equal(str_unbase64url(&b, "AB", 2), -EBADMSG); /* bits */
}

static void
test_distance(void **state UNUSED)
{
	assert_int_equal(str_distance("", "abc"), 3);
	assert_int_equal(str_distance("kitten", "sitting"), 3);
	assert_int_equal(str_distance("detectors", "detectors"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_copy_and_format),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_listed),
	    cmocka_unit_test(test_utf8),
	    cmocka_unit_test(test_escape),
	    cmocka_unit_test(test_hex_and_base64),
	    cmocka_unit_test(test_base64url),
	    cmocka_unit_test(test_distance),
	};

	return cmocka_run_group_tests_name("lib/str", tests, NULL, NULL);
}
