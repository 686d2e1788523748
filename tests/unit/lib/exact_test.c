/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_test - normal forms, the filter's rate on values that are not in it,
 * the file, and candidates there and back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/exact.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define FILE_MAX_BYTES EXACT_FILE_MAX

static void
check_normal(const char *in, const char *want, bool want_digits)
{
	uint8_t out[EXACT_VALUE_MAX];
	bool digits = false;
	size_t n = exact_normal((const uint8_t *)in, strlen(in), out, &digits);

	assert_int_equal(n, strlen(want));
	if (n > 0) {
		assert_memory_equal(out, want, n);
		assert_int_equal(digits, want_digits);
	}
}

static void
test_normal(void **state UNUSED)
{
	check_normal("078-05-1120", "078051120", true);
	check_normal(" 078 05 1120 ", "078051120", true);
	check_normal("4532.0151.1283.0366", "4532015112830366", true);
	check_normal("AB 12 34 56 C", "ab123456c", false);
	check_normal(
	    "Anna.Beispiel@Example.ORG", "anna.beispiel@example.org", false);
	check_normal("<a-b@c.org>,", "a-b@c.org", false);
	check_normal("O'Brien", "obrien", false);
	check_normal("MÜLLER-Straße", "müllerstraße", false);
	check_normal("ŁÓDŹ Ž", "łódźž", false);
	check_normal("ΑΘΗΝΑ МОСКВА ЁЖ", "αθηναмоскваёж", false);
	check_normal("× Þ", "×þ", false); /* U+00D7 is no letter */
	check_normal("张三", "张三", false);
	check_normal("--- ...", "", false);
	check_normal("", "", false);
	/* 63 bytes are a value, 64 are none, what is trimmed does not count. */
	check_normal("123456789012345678901234567890123456789012345678901234"
		     "567890123--",
	    "123456789012345678901234567890123456789012345678901234567890123",
	    true);
	check_normal("123456789012345678901234567890123456789012345678901234"
		     "5678901234",
	    "", false);
}

/* Bytes that are no UTF-8 are kept, whatever they are. */
static void
test_normal_bytes(void **state UNUSED)
{
	uint8_t in[80], out[EXACT_VALUE_MAX];
	bool digits;

	for (unsigned i = 0; i < 20000; i++) {
		uint8_t n;

		rng_fill(&n, 1);
		n %= sizeof in;
		rng_fill(in, sizeof in);
		assert_true(exact_normal(in, n, out, &digits) <= n);
	}
}

/* An index of one column; values are the numbers from @first on. */
static void
make(struct exact_index *x, uint32_t rate, uint32_t first, uint32_t count)
{
	uint64_t cells[EXACT_COLUMNS_MAX] = {count};
	OWN(seal_box_key_freep) struct seal_box_key *k = NULL;
	uint8_t public[SEAL_BOX_PUBLIC];

	assert_int_equal(seal_box_key_new(&k), 0);
	seal_box_key_public(k, public);
	*x = (struct exact_index){.name = "test", .rows = count, .ncolumns = 1};
	x->columns[0] =
	    (struct exact_column){.name = "ssn", .primary = true, .rate = rate};
	assert_int_equal(exact_begin(x, cells, public), 0);
	for (uint32_t i = 0; i < count; i++) {
		char text[16];

		assert_int_equal(
		    str_format(text, sizeof text, "%09u", first + i), 0);
		exact_add(&x->columns[0], (uint8_t *)text, 9, true);
	}
}

static unsigned
passing(const struct exact_index *x, uint32_t first, uint32_t count)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < count; i++) {
		char text[16];

		(void)snprintf(text, sizeof text, "%09u", first + i);
		n += exact_maybe(&x->columns[0], (uint8_t *)text, 9, true);
	}
	return n;
}

/*
 * One million values that are not in it: the part that passes is a binomial
 * around what the filter's bits say, here within six deviations.
 */
static void
check_rate(uint32_t rate, uint32_t count)
{
	struct exact_index x;
	double part, want = 1.0 / rate, off;
	unsigned n;

	make(&x, rate, 100000000, count);
	/* Before it is filled up it passes no more than it may. */
	assert_true(exact_pass(&x.columns[0]) <= want * 1.04 || count < 1000);
	exact_fill(&x.columns[0]);
	part = exact_pass(&x.columns[0]);
	assert_true(part >= want);
	assert_true(part <= want * 1.3);
	assert_int_equal(passing(&x, 100000000, count), count);
	n = passing(&x, 500000000, 1000000);
	/* Six deviations of a binomial: squared, to do without a root. */
	off = n - part * 1e6;
	assert_true(off * off < 36 * part * 1e6);
	/* Other lengths and other kinds are not looked up. */
	assert_false(
	    exact_maybe(&x.columns[0], (const uint8_t *)"10000000", 8, true));
	assert_false(
	    exact_maybe(&x.columns[0], (const uint8_t *)"100000000", 9, false));
	exact_done(&x);
}

static void
test_rate(void **state UNUSED)
{
	check_rate(128, 200000);
	check_rate(16, 50000);
	check_rate(1024, 50000);
	check_rate(4096, 50000);
}

/* Five values hide as well as many: the filter is filled up. */
static void
test_small_hides(void **state UNUSED)
{
	struct exact_index x;
	double part;
	unsigned n;

	make(&x, 128, 123456789, 5);
	exact_fill(&x.columns[0]);
	part = exact_pass(&x.columns[0]);
	assert_true(part * 128 >= 1 && part * 128 < 2.5);
	assert_int_equal(passing(&x, 123456789, 5), 5);
	n = passing(&x, 500000000, 1000000);
	assert_true(n > 1000000 / 128 * 8 / 10);
	exact_done(&x);
}

/* Of a column that is sure nothing passes but its values, filled up or not. */
static void
test_sure(void **state UNUSED)
{
	struct exact_index x;
	double part;

	make(&x, EXACT_SURE, 100000000, 3000);
	exact_fill(&x.columns[0]);
	part = exact_pass(&x.columns[0]) * EXACT_SURE;
	assert_true(part >= 1 && part < 2.5);
	assert_int_equal(passing(&x, 100000000, 3000), 3000);
	assert_int_equal(passing(&x, 500000000, 1000000), 0);
	exact_done(&x);
}

static void
print(const struct exact_index *x, struct buf *out)
{
	buf_init(out, FILE_MAX_BYTES);
	exact_print(x, out);
	assert_int_equal(buf_error(out), 0);
}

static void
test_file(void **state UNUSED)
{
	OWN(buf_done) struct buf a = {0}, b = {0};
	struct exact_index x, y;

	make(&x, 128, 1000000, 1000);
	exact_fill(&x.columns[0]);
	print(&x, &a);
	/* Borrowed, the filters lie in the file itself, and nothing is owned. */
	assert_int_equal(exact_parse_in(a.data, a.len, &y, NULL), 0);
	assert_null(y.owned);
	assert_true(y.columns[0].blocks > a.data &&
		    y.columns[0].blocks < a.data + a.len);
	assert_memory_equal(y.columns[0].blocks, x.columns[0].blocks,
	    (size_t)x.columns[0].nblocks * EXACT_BLOCK);
	exact_done(&y);
	assert_int_equal(exact_parse(a.data, a.len, &y, NULL), 0);
	assert_string_equal(y.name, "test");
	assert_int_equal(y.rows, 1000);
	assert_int_equal(passing(&y, 1000000, 1000), 1000);
	print(&y, &b);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	exact_done(&x);
	exact_done(&y);
}

/* Puts the digest right again behind a change. */
static void
redigest(struct buf *b)
{
	seal_sha256(b->data, b->len - SEAL_HASH, b->data + b->len - SEAL_HASH);
}

static void
test_hostile_file(void **state UNUSED)
{
	struct exact_index x, y = {.rows = 77};
	size_t head;

	make(&x, 128, 1000000, 10);
	exact_fill(&x.columns[0]);
	{
		OWN(buf_done) struct buf a = {0};

		print(&x, &a);
		head = a.len - SEAL_HASH -
		       (size_t)x.columns[0].nblocks * EXACT_BLOCK;
		for (size_t n = 0; n < a.len; n++)
			assert_int_equal(
			    exact_parse(a.data, n, &y, NULL), -EBADMSG);
		/* Each bit of the head, with a digest that fits and without. */
		for (size_t i = 0; i < head * 8; i++) {
			struct exact_index z;
			int r;

			a.data[i / 8] ^= (uint8_t)(1U << i % 8);
			assert_int_equal(
			    exact_parse(a.data, a.len, &y, NULL), -EBADMSG);
			redigest(&a);
			r = exact_parse(a.data, a.len, &z, NULL);
			assert_true(r == 0 || r == -EBADMSG);
			if (r == 0)
				exact_done(&z);
			a.data[i / 8] ^= (uint8_t)(1U << i % 8);
			redigest(&a);
		}
		/* A public key of low order. */
		memset(a.data + 8 + 4 + 4 + 16 + 8 + 32, 0, 32);
		redigest(&a);
		assert_int_equal(
		    exact_parse(a.data, a.len, &y, NULL), -EBADMSG);
	}
	assert_int_equal(y.rows, 77);
	exact_done(&x);
}

static void
test_sealed(void **state UNUSED)
{
	OWN(seal_box_key_freep) struct seal_box_key *k = NULL, *other = NULL;
	OWN(buf_done) struct buf text = {0}, again = {0};
	struct exact_sealed s = {.min = 1, .n = EXACT_CANDIDATES_MAX}, got;
	struct exact_index x;
	struct exact_head head;
	char *t;

	make(&x, 128, 1, 10);
	assert_int_equal(seal_box_key_new(&k), 0);
	assert_int_equal(seal_box_key_new(&other), 0);
	seal_box_key_public(k, x.public);
	for (size_t i = 0; i < s.n; i++) {
		rng_fill(s.list[i].digest, EXACT_DIGEST);
		s.list[i].nnear = ARRAY_LEN(s.list[i].near);
		for (size_t n = 0; n < s.list[i].nnear; n++) {
			s.list[i].near[n].column = 3;
			rng_fill(s.list[i].near[n].brief, EXACT_BRIEF);
		}
	}
	/* The fullest fits. */
	buf_init(&text, EXACT_SEALED_MAX);
	buf_init(&again, EXACT_SEALED_MAX);
	assert_int_equal(exact_seal(&x, &s, &text), 0);
	assert_int_equal(exact_head(buf_text(&text), &head), 0);
	assert_memory_equal(head.id, x.id, sizeof x.id);
	assert_string_equal(head.name, x.name);
	assert_true(llabs(exact_made(x.id) - time(NULL)) < 600);
	assert_int_equal(exact_open(k, buf_text(&text), &got), 0);
	memcpy(s.id, x.id, sizeof s.id);
	assert_int_equal(got.n, s.n);
	assert_memory_equal(got.list[15].digest, s.list[15].digest, 16);
	assert_memory_equal(
	    got.list[15].near[15].brief, s.list[15].near[15].brief, 8);
	/* Sealing twice gives two texts: nothing to compare guesses with. */
	assert_int_equal(exact_seal(&x, &s, &again), 0);
	assert_int_equal(text.len, again.len);
	assert_memory_equal(text.data, again.data, EXACT_HEAD_TEXT);
	assert_memory_not_equal(
	    text.data + EXACT_HEAD_TEXT, again.data + EXACT_HEAD_TEXT, 200);
	/* Another key, a changed letter, a cut. */
	assert_int_equal(exact_open(other, buf_text(&text), &got), -EBADMSG);
	t = strdup(buf_text(&text));
	assert_non_null(t);
	for (size_t i = 0; i < text.len; i += 7) {
		char c = t[i];

		t[i] = c == 'A' ? 'B' : 'A';
		assert_int_equal(exact_open(k, t, &got), -EBADMSG);
		t[i] = c;
	}
	for (size_t i = 0; i < text.len; i += 11) {
		char c = t[i];

		t[i] = '\0';
		assert_int_equal(exact_open(k, t, &got), -EBADMSG);
		t[i] = c;
	}
	/* The head alone can be read, and no less than it. */
	t[EXACT_HEAD_TEXT] = '\0';
	assert_int_equal(exact_head(t, &head), 0);
	t[EXACT_HEAD_TEXT - 1] = '\0';
	assert_int_equal(exact_head(t, &head), -EBADMSG);
	memset(t, '/', EXACT_HEAD_TEXT);
	assert_int_equal(exact_head(t, &head), -EBADMSG);
	memset(t, 'A', EXACT_HEAD_TEXT);
	assert_int_equal(exact_head(t, &head), -EBADMSG);
	free(t);
	exact_done(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_normal),
	    cmocka_unit_test(test_normal_bytes),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_sure),
	    cmocka_unit_test(test_small_hides),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_hostile_file),
	    cmocka_unit_test(test_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
