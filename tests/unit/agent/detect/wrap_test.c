/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap_test - what containers and encodings a sample is put into, byte by byte
 * where that is short. That they are found again is tests/net/rules_format.sh.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/inflate.h"
#include "agent/detect/wrap.h"
#include "lib/str.h"

#include "lib/own.h"

static struct content
content(const char *text)
{
	return (struct content){(const uint8_t *)text, strlen(text)};
}

static void
wrapped(const char *chain, struct content in, struct buf *out)
{
	buf_init(out, WRAP_MAX);
	assert_int_equal(wrap_put(chain, in, out), 0);
}

static void
test_known(void **state UNUSED)
{
	static const char *const good[] = {
	    "zip", "zip>docx", "gzip>base64>hex>tar", "eml"};
	static const char *const bad[] = {"", ">", "zip>", ">zip", "zip>>tar",
	    "Zip", "zi", "zipp", "zip docx", "zip>tar>zip>tar>zip"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!wrap_known(good[i]))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (wrap_known(bad[i]))
			fail_msg("%s", bad[i]);
	for (size_t i = 0; wrap_names()[i] != NULL; i++)
		assert_true(wrap_known(wrap_names()[i]));
}

static void
test_encodings(void **state UNUSED)
{
	static const struct {
		const char *chain, *from, *to;
	} rows[] = {
	    {"base64", "foobar", "Zm9vYmFy"},
	    {"hex", "\x01z", "017a"},
	    {"hex>base64", "f", "5a673d3d"},
	    {"base64>hex", "f", "NjY="},
	    {"base64", "", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(buf_done) struct buf b = {0};

		wrapped(rows[i].chain, content(rows[i].from), &b);
		if (!str_eq(buf_text(&b), rows[i].to))
			fail_msg("%s: %s", rows[i].chain, buf_text(&b));
	}
}

static int
take(void *ctx, const uint8_t *data, size_t len)
{
	buf_put(ctx, data, len);
	return 0;
}

static void
test_gzip(void **state UNUSED)
{
	struct inflate *z = NULL;
	OWN(buf_done) struct buf b = {0};
	OWN(buf_done) struct buf back = {0};

	wrapped("gzip", content("some text, some text"), &b);
	buf_init(&back, 4096);
	assert_int_equal(inflate_begin(&z, true), 0);
	assert_int_equal(inflate_some(z, b.data, b.len, take, &back), 1);
	inflate_free(z);
	assert_string_equal(buf_text(&back), "some text, some text");
}

/* Whole blocks, and the sum of its head, in which it counts as blanks. */
static void
test_tar(void **state UNUSED)
{
	static const size_t lengths[] = {0, 1, 511, 512, 513};
	static const char data[513];

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		OWN(buf_done) struct buf b = {0};
		size_t n = lengths[i];
		unsigned sum = 0;
		char said[8];

		wrapped("tar", (struct content){(const uint8_t *)data, n}, &b);
		assert_int_equal(b.len, 512 + (n + 511) / 512 * 512 + 1024);
		for (size_t k = 0; k < 512; k++)
			sum += k >= 148 && k < 156 ? ' ' : b.data[k];
		(void)str_format(said, sizeof said, "%06o", sum);
		assert_memory_equal(b.data + 148, said, 7);
		(void)str_format(said, sizeof said, "%05zo", n);
		assert_memory_equal(b.data + 130, said, 5);
	}
}

static void
test_text_alone(void **state UNUSED)
{
	static const char nul[] = {'a', 0, 'b'};
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, WRAP_MAX);
	assert_int_equal(wrap_put("docx", content("\xff"), &b), -EILSEQ);
	assert_int_equal(wrap_put("docx", content("a\x01"), &b), -EILSEQ);
	assert_int_equal(
	    wrap_put(
		"docx", (struct content){(const uint8_t *)nul, sizeof nul}, &b),
	    -EILSEQ);
	assert_int_equal(wrap_put("docx>zip", content("a"), &b), -EILSEQ);
	assert_int_equal(b.len, 0);
	assert_int_equal(wrap_put("zip>docx", content("a\tb\r\n"), &b), 0);
}

/* A mail of text has a body, of all else an attachment; no line is long. */
static void
test_mail(void **state UNUSED)
{
	char text[200];
	OWN(buf_done) struct buf b = {0};
	OWN(buf_done) struct buf other = {0};

	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	wrapped("eml", content(text), &b);
	assert_non_null(strstr(buf_text(&b), "text/plain"));
	for (const char *at = buf_text(&b); *at != '\0'; at += 2) {
		size_t n = strcspn(at, "\r");

		assert_true(n <= 78);
		at += n;
		assert_int_equal(at[1], '\n');
	}
	wrapped("eml", content("\xff"), &other);
	assert_non_null(strstr(buf_text(&other), "attachment"));
}

static void
test_too_large(void **state UNUSED)
{
	OWN_MEM uint8_t *data = calloc(1, WRAP_MAX / 2 + 1);
	OWN(buf_done) struct buf b = {0};

	assert_non_null(data);
	buf_init(&b, WRAP_MAX);
	assert_int_equal(
	    wrap_put("zip>hex", (struct content){data, WRAP_MAX / 2 + 1}, &b),
	    -ENOBUFS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known),
	    cmocka_unit_test(test_encodings),
	    cmocka_unit_test(test_gzip),
	    cmocka_unit_test(test_tar),
	    cmocka_unit_test(test_text_alone),
	    cmocka_unit_test(test_mail),
	    cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
