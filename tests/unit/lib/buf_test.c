/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf_test - bounds, sticky errors, and the reader's refusal to read past.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"

#include "lib/own.h"

static void
test_round_trip(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};
	char text[8];
	struct cur c;
	size_t len;

	buf_init(&b, 1024);
	buf_put_u8(&b, 0xab);
	buf_put_u16(&b, 0x1234);
	buf_put_u32(&b, 0xdeadbeef);
	buf_put_u64(&b, UINT64_C(0x0123456789abcdef));
	buf_put_str(&b, "hello");
	buf_put_str(&b, NULL);
	buf_put_blob(&b, "x\0y", 3);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.data[1], 0x12); /* big-endian */
	cur_init(&c, b.data, b.len);
	assert_int_equal(cur_u8(&c), 0xab);
	assert_int_equal(cur_u16(&c), 0x1234);
	assert_int_equal(cur_u32(&c), 0xdeadbeef);
	assert_true(cur_u64(&c) == UINT64_C(0x0123456789abcdef));
	cur_str(&c, text, sizeof text);
	assert_string_equal(text, "hello");
	cur_str(&c, text, sizeof text);
	assert_string_equal(text, "");
	assert_memory_equal(cur_blob(&c, &len), "x\0y", 3);
	assert_int_equal(len, 3);
	assert_int_equal(cur_end(&c), 0);
}

static void
test_maximum_is_sticky(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 8);
	buf_put(&b, "12345", 5);
	buf_put(&b, "6789", 4);
	assert_int_equal(buf_error(&b), -ENOBUFS);
	assert_int_equal(b.len, 5);
	buf_put_u8(&b, 1); /* would fit, but comes after the error */
	assert_int_equal(b.len, 5);
	buf_reset(&b);
	buf_put_u64(&b, 1);
	assert_int_equal(buf_error(&b), 0);
	assert_null(buf_grow(&b, SIZE_MAX));
	assert_int_equal(buf_error(&b), -ENOBUFS);
}

static void
test_reader_stops_at_the_end(void **state UNUSED)
{
	static const uint8_t SHORT[] = {0, 0, 0, 9, 'a', 'b'};
	char text[16];
	struct cur c;
	size_t len;

	cur_init(&c, SHORT, sizeof SHORT);
	cur_str(&c, text, sizeof text); /* says nine, has two */
	assert_string_equal(text, "");
	assert_true(c.bad);
	assert_int_equal(cur_u8(&c), 0);
	assert_int_equal(cur_end(&c), -EBADMSG);
	cur_init(&c, SHORT, sizeof SHORT);
	assert_null(cur_blob(&c, &len));
	assert_int_equal(len, 0);
	cur_init(&c, SHORT, sizeof SHORT);
	(void)cur_u32(&c);
	assert_int_equal(cur_end(&c), -EBADMSG); /* two are left */
}

static void
test_text_with_nul_is_refused(void **state UNUSED)
{
	static const uint8_t BAD[] = {0, 0, 0, 3, 'a', 0, 'b'};
	char text[16];
	struct cur c;

	cur_init(&c, BAD, sizeof BAD);
	cur_str(&c, text, sizeof text);
	assert_string_equal(text, "");
	assert_true(c.bad);
	cur_init(&c, (const uint8_t[]){0, 0, 0, 3, 'a', 'b', 'c'}, 7);
	cur_str(&c, text, 3); /* no room for the NUL */
	assert_true(c.bad);
}

static void
test_printf_and_drop(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 64);
	buf_printf(&b, "%d-%s", 42, "x");
	assert_string_equal(buf_text(&b), "42-x");
	buf_drop(&b, 3);
	assert_string_equal(buf_text(&b), "x");
	buf_drop(&b, 99);
	assert_int_equal(b.len, 0);
	buf_printf(&b, "%0100d", 1);
	assert_int_equal(buf_error(&b), -ENOBUFS);
	assert_null(buf_text(&b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_maximum_is_sticky),
	    cmocka_unit_test(test_reader_stops_at_the_end),
	    cmocka_unit_test(test_text_with_nul_is_refused),
	    cmocka_unit_test(test_printf_and_drop),
	};

	return cmocka_run_group_tests_name("lib/buf", tests, NULL, NULL);
}
