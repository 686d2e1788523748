/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why_test - the wire form of a judgement comes back as it went, and what is
 * cut or out of bounds is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/why.h"

#include "lib/own.h"

static void
sample(struct why *w)
{
	struct why_fact *f;

	*w = (struct why){.detector = "t.a",
	    .confidence = CONFIDENCE_HIGH,
	    .mask = "45####",
	    .value = {5, 9}};
	f = why_fact(w, "evidence", true, "#%d near", 1);
	assert_non_null(f);
	f->placed = true;
	f->at = (struct span){1, 3};
	assert_non_null(why_fact(w, "level", false, "high"));
}

static void
test_round_trip(void **state)
{
	OWN(why_done) struct why w = {0};
	OWN(why_done) struct why got = {0};
	OWN(buf_done) struct buf b = {0};
	struct cur c;

	(void)state;
	sample(&w);
	buf_init(&b, 65536);
	why_encode(&w, &b);
	cur_init(&c, b.data, b.len);
	assert_int_equal(why_decode(&got, &c), 0);
	assert_int_equal(cur_end(&c), 0);
	assert_string_equal(got.detector, "t.a");
	assert_string_equal(got.mask, "45####");
	assert_int_equal(got.confidence, CONFIDENCE_HIGH);
	assert_int_equal(got.nfacts, 2);
	assert_true(got.facts[0].holds && got.facts[0].placed);
	assert_int_equal(got.facts[0].at.to, 3);
	assert_string_equal(got.facts[1].text, "high");
	assert_false(got.facts[1].holds);
}

static void
test_cut_anywhere(void **state)
{
	OWN(why_done) struct why w = {0};
	OWN(buf_done) struct buf b = {0};

	(void)state;
	sample(&w);
	buf_init(&b, 65536);
	why_encode(&w, &b);
	for (size_t n = 0; n < b.len; n++) {
		struct why got = {0};
		struct cur c;

		cur_init(&c, b.data, n);
		assert_int_equal(why_decode(&got, &c), -EBADMSG);
		assert_null(got.facts);
	}
}

static void
test_bounds(void **state)
{
	OWN(why_done) struct why w = {0};
	OWN(why_done) struct why got = {0};
	OWN(buf_done) struct buf b = {0};
	struct cur c;

	(void)state;
	for (int i = 0; i < WHY_FACTS_MAX; i++)
		assert_non_null(why_fact(&w, "level", true, "%d", i));
	assert_null(why_fact(&w, "level", true, "one more"));
	w.confidence = (enum confidence)9;
	buf_init(&b, 65536);
	why_encode(&w, &b);
	cur_init(&c, b.data, b.len);
	assert_int_equal(why_decode(&got, &c), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_cut_anywhere),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
