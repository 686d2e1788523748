/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_test - each charset comes out as the same UTF-8, whatever the cuts, and
 * every offset goes back to the byte that it came from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "agent/extract/text.h"
#include "lib/buf.h"

#include "lib/own.h"

static const char CHINESE[] =
    "\xe5\xb0\x8a\xe6\x95\xac\xe7\x9a\x84\xe5\xae\xa2\xe6\x88\xb7\xef\xbc\x8c"
    "\xe8\xbf\x99\xe6\x98\xaf\xe6\x88\x91\xe4\xbb\xac\xe7\x9a\x84\xe5\x86\x85"
    "\xe9\x83\xa8\xe8\xb5\x84\xe6\x96\x99\xef\xbc\x8c\xe8\xaf\xb7\xe5\x8b\xbf"
    "\xe5\xa4\x96\xe4\xbc\xa0\xe3\x80\x82 id 42 \xe6\x9c\xba\xe5\xaf\x86\n";
static const char TAIWANESE[] =
    "\xe5\xb0\x8a\xe6\x95\xac\xe7\x9a\x84\xe5\xae\xa2\xe6\x88\xb6\xef\xbc\x8c"
    "\xe9\x80\x99\xe6\x98\xaf\xe6\x88\x91\xe5\x80\x91\xe7\x9a\x84\xe5\x85\xa7"
    "\xe9\x83\xa8\xe8\xb3\x87\xe6\x96\x99\xef\xbc\x8c\xe8\xab\x8b\xe5\x8b\xbf"
    "\xe5\xa4\x96\xe5\x82\xb3\xe3\x80\x82 id 42\n";
static const char JAPANESE[] =
    "\xe3\x81\x93\xe3\x81\xae\xe6\x96\x87\xe6\x9b\xb8\xe3\x81\xaf\xe7\xa4\xbe"
    "\xe5\xa4\x96\xe7\xa7\x98\xe3\x81\xa7\xe3\x81\x99\xe3\x80\x82\xe3\x83\x87"
    "\xe3\x83\xbc\xe3\x82\xbf\xe3\x82\x92\xe6\x8c\x81\xe3\x81\xa1\xe5\x87\xba"
    "\xe3\x81\x95\xe3\x81\xaa\xe3\x81\x84 id 42\n";
static const char KOREAN[] =
    "\xec\x9d\xb4 \xeb\xac\xb8\xec\x84\x9c\xeb\x8a\x94 "
    "\xeb\x8c\x80\xec\x99\xb8\xeb\xb9\x84 "
    "\xec\x9e\x90\xeb\xa3\x8c\xec\x9e\x85\xeb\x8b\x88\xeb\x8b\xa4. "
    "\xed\x99\x95\xec\x9d\xb8\xed\x95\xb4 "
    "\xec\xa3\xbc\xec\x8b\xad\xec\x8b\x9c\xec\x98\xa4 id 42\n";
static const char GERMAN[] = "Pr\xc3\xbc"
			     "fen Sie die Gr\xc3\xb6\xc3\x9f"
			     "e und die Vertr\xc3\xa4ge, id 42\n";
static const char FRENCH[] =
    "Donn\xc3\xa9"
    "es confidentielles, \xc3\xa0 ne pas diffuser, id 42\n";
static const char POLISH[] = "Zg\xc5\x82oszenie b\xc5\x82\xc4\x99"
			     "du: pros\xc4\x99 za\xc5\x82\xc4\x85"
			     "czy\xc4\x87 id 42\n";
static const char RUSSIAN[] =
    "\xd0\xad\xd1\x82\xd0\xbe \xd0\xba\xd0\xbe\xd0\xbd\xd1\x84\xd0\xb8\xd0\xb4"
    "\xd0\xb5\xd0\xbd\xd1\x86\xd0\xb8\xd0\xb0\xd0\xbb\xd1\x8c\xd0\xbd\xd1\x8b"
    "\xd0\xb9 \xd0\xb4\xd0\xbe\xd0\xba\xd1\x83\xd0\xbc\xd0\xb5\xd0\xbd\xd1\x82 "
    "id 42\n";

struct row {
	const char *text; /* as UTF-8 */
	const char *charset; /* iconv's name */
	const char *mark;
	size_t mark_len;
	enum charset expect;
};

static const struct row ROWS[] = {
    {CHINESE, "UTF-8", "", 0, CHARSET_UTF8},
    {CHINESE, "UTF-8", "\xef\xbb\xbf", 3, CHARSET_UTF8},
    {CHINESE, "UTF-16LE", "\xff\xfe", 2, CHARSET_UTF16LE},
    {CHINESE, "UTF-16BE", "\xfe\xff", 2, CHARSET_UTF16BE},
    {CHINESE, "UTF-16LE", "", 0, CHARSET_UTF16LE},
    {CHINESE, "UTF-16BE", "", 0, CHARSET_UTF16BE},
    {KOREAN, "UTF-16LE", "", 0, CHARSET_UTF16LE},
    {GERMAN, "UTF-16LE", "", 0, CHARSET_UTF16LE},
    {GERMAN, "UTF-16BE", "", 0, CHARSET_UTF16BE},
    {JAPANESE, "UTF-32LE", "\xff\xfe\0\0", 4, CHARSET_UTF32LE},
    {JAPANESE, "UTF-32BE", "\0\0\xfe\xff", 4, CHARSET_UTF32BE},
    {CHINESE, "GB18030", "", 0, CHARSET_GB18030},
    {TAIWANESE, "BIG5", "", 0, CHARSET_BIG5},
    {JAPANESE, "CP932", "", 0, CHARSET_SHIFT_JIS},
    {JAPANESE, "EUC-JP", "", 0, CHARSET_EUC_JP},
    {KOREAN, "EUC-KR", "", 0, CHARSET_EUC_KR},
    {GERMAN, "ISO-8859-1", "", 0, CHARSET_WINDOWS_1252},
    {FRENCH, "CP1252", "", 0, CHARSET_WINDOWS_1252},
    {POLISH, "ISO-8859-2", "", 0, CHARSET_ISO_8859_2},
    {RUSSIAN, "CP1251", "", 0, CHARSET_WINDOWS_1251},
    {RUSSIAN, "KOI8-R", "", 0, CHARSET_KOI8_R},
    {RUSSIAN, "ISO-8859-5", "", 0, CHARSET_ISO_8859_5},
};

static struct text *text;

/* The row's text as the bytes of a file. */
static void
encode(const struct row *r, struct buf *out)
{
	iconv_t cd = iconv_open(r->charset, "UTF-8");
	char *in = (char *)(uintptr_t)r->text;
	size_t in_left = strlen(r->text);
	char room[4096], *to = room;
	size_t room_left = sizeof room;

	assert_true(cd != (iconv_t)(intptr_t)-1);
	assert_int_equal(iconv(cd, &in, &in_left, &to, &room_left), 0);
	(void)iconv_close(cd);
	buf_init(out, 65536);
	buf_put(out, r->mark, r->mark_len);
	buf_put(out, room, sizeof room - room_left);
}

/* Feeds @raw in pieces of @step bytes, as a stream's blocks would come. */
static void
convert(const struct buf *raw, size_t step, struct buf *out)
{
	size_t used = 0, end = 0;

	buf_init(out, 1 << 20);
	while (used < raw->len) {
		struct content c;
		size_t n;

		if (end < raw->len)
			end = raw->len - end < step ? raw->len : end + step;
		n = text_feed(
		    text, raw->data + used, end - used, end == raw->len, &c);
		buf_put(out, c.data, c.len);
		used += n;
		assert_true(n > 0 || end < raw->len);
	}
}

static void
every_charset_is_read(void **state)
{
	static const size_t STEPS[] = {4096, 64, 7, 3, 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		const struct row *r = &ROWS[i];
		struct buf raw, out;

		encode(r, &raw);
		for (size_t k = 0; k < ARRAY_LEN(STEPS); k++) {
			/* A single byte is not enough to tell a charset. */
			bool told = STEPS[k] >= 64 || r->mark_len > 0 ||
				    r->expect <= CHARSET_UTF16BE;

			assert_true(
			    text_start(text, raw.data, raw.len, CHARSET_ASCII));
			if (!told)
				continue;
			convert(&raw, STEPS[k], &out);
			assert_int_equal(text_charset(text), r->expect);
			if (out.len != strlen(r->text) ||
			    memcmp(out.data, r->text, out.len) != 0)
				fail_msg("%s, mark of %zu, in steps of %zu",
				    r->charset, r->mark_len, STEPS[k]);
			buf_done(&out);
		}
		buf_done(&raw);
	}
}

/* "id 42" stands at a known place of both. */
static void
offsets_go_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		const struct row *r = &ROWS[i];
		const char *in_text = strstr(r->text, "id 42");
		struct buf raw, out;
		size_t width, lead;
		uint64_t from, to;

		encode(r, &raw);
		assert_true(text_start(text, raw.data, raw.len, CHARSET_ASCII));
		convert(&raw, 4096, &out);
		from = text_raw(text, (uint64_t)(in_text - r->text));
		to = text_raw(text, (uint64_t)(in_text - r->text) + 5);
		width =
		    r->expect >= CHARSET_UTF32LE && r->expect <= CHARSET_UTF32BE
			? 4
		    : r->expect == CHARSET_UTF16LE ||
			    r->expect == CHARSET_UTF16BE
			? 2
			: 1;
		assert_int_equal(to - from, 5 * width);
		lead = r->expect == CHARSET_UTF16BE   ? 1
		       : r->expect == CHARSET_UTF32BE ? 3
						      : 0;
		assert_int_equal(raw.data[from + lead], 'i');
		/* The end of the text is the end of the bytes. */
		assert_int_equal(text_raw(text, out.len), raw.len);
		buf_done(&out);
		buf_done(&raw);
	}
}

static void
a_late_charset_is_noticed(void **state)
{
	struct buf raw, tail, out;
	const struct row gb = {CHINESE, "GB18030", "", 0, CHARSET_GB18030};

	(void)state;
	buf_init(&raw, 1 << 20);
	for (int i = 0; i < 10000; i++)
		buf_put(&raw, "plain line\n", 11);
	encode(&gb, &tail);
	buf_put(&raw, tail.data, tail.len);
	assert_true(text_start(text, raw.data, 4096, CHARSET_ASCII));
	convert(&raw, 4096, &out);
	assert_int_equal(text_charset(text), CHARSET_GB18030);
	assert_int_equal(out.len, 110000 + strlen(CHINESE));
	assert_memory_equal(out.data + 110000, CHINESE, strlen(CHINESE));
	assert_int_equal(text_raw(text, 110000), 110000);
	assert_int_equal(text_raw(text, 110003), 110002);
	buf_done(&out);
	buf_done(&tail);
	buf_done(&raw);
}

static void
binary_passes_as_it_is(void **state)
{
	struct buf raw, out;

	(void)state;
	buf_init(&raw, 65536);
	for (unsigned i = 0; i < 4096; i++)
		buf_put_u8(&raw, (uint8_t)(i * 7919 >> 3));
	assert_false(text_start(text, raw.data, raw.len, CHARSET_ASCII));
	convert(&raw, 100, &out);
	assert_int_equal(out.len, raw.len);
	assert_memory_equal(out.data, raw.data, raw.len);
	assert_int_equal(text_raw(text, 1234), 1234);
	buf_done(&out);
	buf_done(&raw);
}

static void
broken_text_loses_no_byte(void **state)
{
	/* Lone surrogates, and half a unit at the end. */
	static const uint8_t BAD[] = {
	    0xff, 0xfe, 'a', 0, 0x00, 0xdc, 'b', 0, 0x00, 0xd8, 'c', 0, 0x00};
	static const char WANT[] = "a\xef\xbf\xbd"
				   "b\xef\xbf\xbd"
				   "c\xef\xbf\xbd";
	struct buf raw, out;

	(void)state;
	buf_init(&raw, 64);
	buf_put(&raw, BAD, sizeof BAD);
	assert_true(text_start(text, raw.data, raw.len, CHARSET_ASCII));
	convert(&raw, 64, &out);
	assert_int_equal(out.len, strlen(WANT));
	assert_memory_equal(out.data, WANT, out.len);
	assert_int_equal(text_raw(text, 4), 6); /* b */
	assert_int_equal(text_raw(text, out.len), sizeof BAD);
	buf_done(&out);
	buf_done(&raw);
}

/* Digits are Chinese two by two: one NUL must not make them that. */
static void
a_nul_hides_nothing(void **state)
{
	static const char PLAIN[] = "card4532015112830366card4532015112830366"
				    "a\0";

	(void)state;
	assert_false(text_start(
	    text, (const uint8_t *)PLAIN, sizeof PLAIN - 1, CHARSET_ASCII));
	assert_false(text_start(
	    text, (const uint8_t *)PLAIN, sizeof PLAIN - 1, CHARSET_UTF16LE));
	assert_int_equal(text_charset(text), CHARSET_RAW);
}

/* Nor does a page of true UTF-16 before it. */
static void
text_behind_another(void **state)
{
	static const char PLAIN[] = "card4532015112830366";
	struct buf raw, out;

	(void)state;
	buf_init(&raw, 8192);
	buf_put(&raw, "\xff\xfe", 2);
	for (size_t i = 0; i < 1024; i++)
		buf_put(&raw, "\x11\x62", 2);
	for (size_t i = 0; i < 100; i++)
		buf_put(&raw, PLAIN, sizeof PLAIN - 1);
	assert_true(text_start(text, raw.data, raw.len, CHARSET_ASCII));
	convert(&raw, 700, &out);
	assert_int_equal(text_charset(text), CHARSET_UTF16LE);
	assert_non_null(memmem(out.data, out.len, PLAIN, sizeof PLAIN - 1));
	assert_int_equal(text_raw(text, out.len), raw.len);
	buf_done(&out);
	buf_done(&raw);
}

/* A mark before text of bytes is none; before Chinese without blanks it is. */
static void
a_false_mark_hides_nothing(void **state)
{
	static const char PLAIN[] = "\xff\xfe"
				    "number 12345 and a word\n";
	static const uint8_t UNITS[] = {0xff, 0xfe, 0x11, 0x62, 0xec, 0x4e,
	    0x0c, 0xff, 0x2d, 0x4e, 0xfd, 0x56, 0xba, 0x4e, 0x02, 0x30};
	struct buf raw, out;

	(void)state;
	buf_init(&raw, 64);
	buf_put(&raw, PLAIN, sizeof PLAIN - 1);
	assert_true(text_start(text, raw.data, raw.len, CHARSET_ASCII));
	convert(&raw, 64, &out);
	assert_non_null(memmem(out.data, out.len, PLAIN + 2, 23));
	buf_done(&out);
	assert_true(text_start(text, UNITS, sizeof UNITS, CHARSET_ASCII));
	assert_int_equal(text_charset(text), CHARSET_UTF16LE);
	buf_done(&raw);
}

/* More changes of length than the map keeps: it stays within the member. */
static void
the_map_is_bounded(void **state)
{
	struct buf raw, out;
	uint64_t last = 0;

	(void)state;
	buf_init(&raw, 16 << 20);
	buf_put(&raw, "\xff\xfe", 2);
	for (unsigned i = 0; i < 2000000; i++)
		buf_put(&raw, i & 1 ? "\x2d\x4e" : "a\0", 2);
	assert_int_equal(buf_error(&raw), 0);
	assert_true(text_start(text, raw.data, 4096, CHARSET_ASCII));
	convert(&raw, 131072, &out);
	assert_int_equal(buf_error(&out), -ENOBUFS);
	assert_int_equal(text_raw(text, 4000000), raw.len);
	assert_int_equal(text_raw(text, 4), 2 + 4);
	for (uint64_t at = 0; at < 4000000; at += 1000) {
		uint64_t here = text_raw(text, at);

		assert_true(here >= last && here <= raw.len);
		last = here;
	}
	buf_done(&out);
	buf_done(&raw);
}

static int
set_up(void **state)
{
	(void)state;
	return text_new(&text, NULL);
}

static int
tear_down(void **state)
{
	(void)state;
	text_free(text);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_charset_is_read),
	    cmocka_unit_test(offsets_go_back),
	    cmocka_unit_test(a_late_charset_is_noticed),
	    cmocka_unit_test(binary_passes_as_it_is),
	    cmocka_unit_test(broken_text_loses_no_byte),
	    cmocka_unit_test(a_false_mark_hides_nothing),
	    cmocka_unit_test(a_nul_hides_nothing),
	    cmocka_unit_test(text_behind_another),
	    cmocka_unit_test(the_map_is_bounded),
	};

	return cmocka_run_group_tests_name(
	    "agent/extract/text", tests, set_up, tear_down);
}
