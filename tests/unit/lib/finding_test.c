/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding_test - the wire forms of findings and tuples.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/finding.h"
#include "lib/flow.h"
#include "lib/str.h"

#include "lib/own.h"

static void
make(struct buf *b, struct span *spans, size_t n)
{
	struct finding f = {.detector = "pci.pan",
	    .version = "1.0.0",
	    .class_name = "pii.financial",
	    .confidence = CONFIDENCE_HIGH,
	    .sensitivity = SENSITIVITY_CRITICAL,
	    .member = (char[]){"a.zip!b.csv"},
	    .count = 9,
	    .unique = 3,
	    .bulk = true,
	    .tag = {1, 2, 3, 4, 5, 6, 7, 8},
	    .tag_set = true,
	    .mask = "####",
	    .decode = "base64>gzip",
	    .spans = spans,
	    .nspans = n};

	finding_encode(&f, b);
	assert_int_equal(buf_error(b), 0);
}

static void
test_round_trip(void **state UNUSED)
{
	struct span spans[] = {{1, 5}, {5, 9}, {100, 116}};
	OWN(buf_done) struct buf b = {0};
	struct finding f;
	struct cur c;

	buf_init(&b, 65536);
	make(&b, spans, 3);
	cur_init(&c, b.data, b.len);
	assert_int_equal(finding_decode(&f, &c), 0);
	assert_int_equal(cur_end(&c), 0);
	assert_string_equal(f.detector, "pci.pan");
	assert_string_equal(f.member, "a.zip!b.csv");
	assert_int_equal(f.confidence, CONFIDENCE_HIGH);
	assert_int_equal(f.count, 9);
	assert_string_equal(f.decode, "base64>gzip");
	assert_int_equal(f.nspans, 3);
	assert_int_equal(f.spans[2].to, 116);
	assert_true(f.bulk && f.tag_set && !f.test_data);
	finding_done(&f);
}

static void
test_cut_anywhere(void **state UNUSED)
{
	struct span spans[] = {{1, 5}, {5, 9}};
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 65536);
	make(&b, spans, 2);
	for (size_t n = 0; n < b.len; n++) {
		struct finding f;
		struct cur c;

		cur_init(&c, b.data, n);
		assert_int_equal(finding_decode(&f, &c), -EBADMSG);
	}
}

static void
test_spans_out_of_order(void **state UNUSED)
{
	struct span back[] = {{10, 20}, {5, 9}};
	struct span empty[] = {{10, 9}};
	OWN(buf_done) struct buf b = {0};
	struct finding f;
	struct cur c;

	buf_init(&b, 65536);
	make(&b, back, 2);
	cur_init(&c, b.data, b.len);
	assert_int_equal(finding_decode(&f, &c), -EBADMSG);
	buf_reset(&b);
	make(&b, empty, 1);
	cur_init(&c, b.data, b.len);
	assert_int_equal(finding_decode(&f, &c), -EBADMSG);
}

/* What a parser that was taken over might put on a terminal. */
static void
test_control_bytes(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};
	struct finding f;
	struct cur c;

	buf_init(&b, 65536);
	make(&b, NULL, 0);
	cur_init(&c, b.data, b.len);
	assert_int_equal(finding_decode(&f, &c), 0);
	finding_done(&f);
	/* The first byte of the detector's name, behind its length. */
	b.data[4] = 0x1b;
	cur_init(&c, b.data, b.len);
	assert_int_equal(finding_decode(&f, &c), -EBADMSG);
}

static void
test_names(void **state UNUSED)
{
	enum confidence c;
	enum sensitivity s;

	for (int i = CONFIDENCE_LOW; i <= CONFIDENCE_HIGH; i++) {
		assert_int_equal(
		    confidence_parse(confidence_name((enum confidence)i), &c),
		    0);
		assert_int_equal((int)c, i);
	}
	for (int i = SENSITIVITY_LOW; i <= SENSITIVITY_CRITICAL; i++) {
		assert_int_equal(sensitivity_parse(
				     sensitivity_name((enum sensitivity)i), &s),
		    0);
		assert_int_equal((int)s, i);
	}
	assert_int_equal(confidence_parse("High", &c), -EINVAL);
}

static void
test_tuple(void **state UNUSED)
{
	const struct tuple t = {.family = 6,
	    .proto = 17,
	    .src = {0x20, 1, 0x0d, 0xb8, [15] = 1},
	    .dst = {0x20, 1, 0x0d, 0xb8, [15] = 2},
	    .sport = 65535,
	    .dport = 53};
	OWN(buf_done) struct buf b = {0};
	struct tuple back;
	char text[46];
	struct cur c;

	buf_init(&b, 64);
	tuple_encode(&t, &b);
	cur_init(&c, b.data, b.len);
	assert_int_equal(tuple_decode(&back, &c), 0);
	assert_int_equal(back.sport, 65535);
	assert_memory_equal(back.dst, t.dst, 16);
	tuple_addr(back.family, back.dst, text, sizeof text);
	assert_string_equal(text, "2001:db8::2");
	b.data[0] = 5;
	cur_init(&c, b.data, b.len);
	assert_int_equal(tuple_decode(&back, &c), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_cut_anywhere),
	    cmocka_unit_test(test_spans_out_of_order),
	    cmocka_unit_test(test_control_bytes),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_tuple),
	};

	return cmocka_run_group_tests_name("lib/finding", tests, NULL, NULL);
}
