/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft_test - fields are checked when they are put and when they arrive.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/entry.h"

#include "lib/own.h"

static const struct stamp AT = {7, -9};

static void
test_round_trip(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};
	struct draft d, back;

	buf_init(&b, 65536);
	draft_init(&d, "file", AT);
	draft_text(&d, "path", "/srv/\xff");
	draft_text(&d, "host", NULL); /* nothing is put, not even checked */
	draft_int(&d, "count", -3);
	draft_encode(&d, &b);
	assert_int_equal(draft_error(&d), 0);
	draft_done(&d);
	for (size_t n = 0; n < b.len; n++) {
		struct cur c;

		cur_init(&c, b.data, n);
		assert_int_equal(draft_decode(&back, &c), -EBADMSG);
	}
	{
		struct cur c;

		cur_init(&c, b.data, b.len);
		assert_int_equal(draft_decode(&back, &c), 0);
		assert_int_equal(cur_end(&c), 0);
	}
	assert_string_equal(back.type, "file");
	assert_true(back.at.boot_us == 7 && back.at.wall_us == -9);
	assert_int_equal(back.nfields, 2);
	assert_memory_equal(back.fields[0].text, "/srv/\xff", 6);
	assert_true(back.fields[1].is_int && back.fields[1].num == -3);
	draft_done(&back);
}

static void
test_errors_stick(void **state UNUSED)
{
	static char big[ENTRY_TEXT_MAX + 1];
	struct draft d;

	draft_init(&d, "file", AT);
	draft_text(&d, "detector", "x"); /* belongs to findings */
	assert_int_equal(draft_error(&d), -EINVAL);
	draft_text(&d, "path", "/");
	assert_int_equal(d.nfields, 0);
	draft_done(&d);
	draft_init(&d, "file", AT);
	draft_text(&d, "path", "/");
	draft_text(&d, "path", "/");
	assert_int_equal(draft_error(&d), -EINVAL);
	draft_done(&d);
	draft_init(&d, "file", AT);
	draft_uint(&d, "ino", UINT64_MAX);
	assert_int_equal(draft_error(&d), -ERANGE);
	draft_done(&d);
	draft_init(&d, "file", AT);
	draft_bytes(&d, "path", big, sizeof big);
	assert_int_equal(draft_error(&d), -ENOBUFS);
	draft_done(&d);
}

static void
test_beat_takes_any_name(void **state UNUSED)
{
	struct draft d;

	draft_init(&d, "cov.beat", AT);
	draft_uint(&d, "files.events", 5);
	assert_int_equal(draft_error(&d), 0);
	draft_done(&d);
}

static void
test_foreign_field(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};
	struct draft back;
	struct cur c;

	buf_init(&b, 1024);
	buf_put_str(&b, "cov.stop");
	buf_put_u64(&b, 1);
	buf_put_u64(&b, 1);
	buf_put_u16(&b, 1);
	buf_put_str(&b, "path");
	buf_put_u8(&b, 0);
	buf_put_str(&b, "/x");
	cur_init(&c, b.data, b.len);
	assert_int_equal(draft_decode(&back, &c), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_errors_stick),
	    cmocka_unit_test(test_beat_takes_any_name),
	    cmocka_unit_test(test_foreign_field),
	};

	return cmocka_run_group_tests_name("lib/draft", tests, NULL, NULL);
}
