/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_test - documents as a reader sees them, what no reader sees beside
 * them, and offsets back to the bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/extract/filter.h"
#include "agent/extract/text.h"

#include "lib/own.h"

#define NS "<w:d xmlns:w=\"http://schemas.openxmlformats.org/x\">"

static struct filter *filter;
static struct text *converters;
static char text[65536], aside[65536];

static void
add(char *to, size_t size, struct content c)
{
	size_t n = strlen(to);

	assert_true(c.len < size - n);
	if (c.len > 0)
		memcpy(to + n, c.data, c.len);
	to[n + c.len] = '\0';
}

/* @step: bytes that come at once. */
static void
run_by(const char *in, size_t len, size_t step)
{
	enum filter_kind kind = filter_sniff((const uint8_t *)in, len);
	struct content out;

	text[0] = aside[0] = '\0';
	assert_int_not_equal(kind, FILTER_NONE);
	filter_start(filter, kind);
	for (size_t at = 0; at < len;) {
		struct content c = {.data = (const uint8_t *)in + at,
		    .len = len - at < step ? len - at : step};

		at += filter_feed(filter, c, &out);
		add(text, sizeof text, out);
	}
	filter_end(filter, &out);
	add(text, sizeof text, out);
}

static void
end(void)
{
	struct content out;

	filter_aside(filter, &out);
	add(aside, sizeof aside, out);
}

/* However it is cut, and with exact places. */
static void
gives(const char *in, const char *want, const char *beside)
{
	for (size_t step = 1; step < 40; step += 13) {
		run_by(in, strlen(in), step);
		assert_string_equal(text, want);
		end();
		assert_string_equal(aside, beside);
		filter_forget(filter);
	}
}

/* The text @what stands at these bytes. */
static void
stands(const char *in, const char *what, const char *raw)
{
	const char *at, *there = strstr(in, raw);
	uint64_t from;

	run_by(in, strlen(in), 1000);
	at = strstr(text, what);
	assert_non_null(at);
	assert_non_null(there);
	from = (uint64_t)(at - text);
	assert_int_equal(filter_raw(filter, from), there - in);
	assert_int_equal(filter_raw_end(filter, from + strlen(what)),
	    there - in + (long)strlen(raw));
	filter_forget(filter);
}

static void
which(void **state)
{
	static const struct {
		const char *in;
		enum filter_kind kind;
	} CASES[] = {
	    {"<html><p>x", FILTER_HTML},
	    {" \n<!DOCTYPE HTML PUBLIC>", FILTER_HTML},
	    {"<?xml version=\"1.0\"?>\n<html xmlns=\"x\">", FILTER_HTML},
	    {"<!-- a page --><HTML>", FILTER_HTML},
	    {NS, FILTER_OFFICE},
	    {"<?xml version=\"1.0\"?><a>b</a>", FILTER_NONE},
	    {"a <html> b", FILTER_NONE},
	    {"{\\rtf1 x}", FILTER_RTF},
	    {"x {\\rtf1 x}", FILTER_NONE},
	    {"", FILTER_NONE},
	    {"<", FILTER_NONE},
	};
	static const char WIDE[] = "\xff\xfe<\0h\0t\0m\0l\0>\0";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_int_equal(filter_sniff((const uint8_t *)CASES[i].in,
				     strlen(CASES[i].in)),
		    CASES[i].kind);
	assert_int_equal(
	    filter_sniff((const uint8_t *)WIDE, sizeof WIDE - 1), FILTER_HTML);
}

/* A number whose parts lie in runs of their own is one number. */
static void
a_document(void **state)
{
	static const char IN[] =
	    NS "<w:p w:rsidR=\"00A77B3E\"><w:r><w:t>card 4532 01</w:t></w:r>"
	       "<w:r><w:rPr><w:b/></w:rPr><w:t>51 1283 0366</w:t></w:r></w:p>\n"
	       "<w:p><w:r><w:t>next</w:t><w:tab/><w:t>one</w:t></w:r></w:p>"
	       "</w:d>";

	(void)state;
	gives(IN, "card 4532 0151 1283 0366\nnext\tone\n", "");
	stands(IN, "4532 0151 1283 0366",
	    "4532 01</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>"
	    "51 1283 0366");
}

static void
cells(void **state)
{
	(void)state;
	gives(NS "<row r=\"1\"><c r=\"A1\"><v>12</v></c>"
		 "<c t=\"inlineStr\"><is><t>a b</t></is></c></row>"
		 "<row><c><v>3</v></c></row></w:d>",
	    "12 \ta b\t\n3 \t\n", "t=\"inlineStr\"\n");
}

/* A label: its name is an attribute, its value is text. */
static void
properties(void **state)
{
	(void)state;
	gives(NS "<property fmtid=\"{D5CDD505-2E9C-101B-9397-08002B2CF9AE}\" "
		 "pid=\"2\" name=\"MSIP_Label_1_Name\"><vt:lpwstr>Secret"
		 "</vt:lpwstr></property></w:d>",
	    "MSIP_Label_1_Name\tSecret\n",
	    "fmtid=\"{D5CDD505-2E9C-101B-9397-08002B2CF9AE}\"\n");
}

static void
what_no_reader_sees(void **state)
{
	(void)state;
	gives("<html><!-- a comment --><p class=x>a <b id=y>bold</b> word"
	      "<a href='mailto:jane@example.org'>x</a></p>"
	      "<td>1</td><td>2</td><script>var a = '<p>';</script>z",
	    "a bold wordx\n1\t2\t\nvar a = '<p>';</script\nz",
	    " a comment --\nhref=\"mailto:jane@example.org\"\n");
}

static void
entities(void **state)
{
	static const char IN[] = "<html>4532&nbsp;0151&#32;1283&#x20;0366 "
				 "&eacute;&lt;&unknown; &amp &#0; a&b;";

	(void)state;
	gives(IN, "4532 0151 1283 0366 \xc3\xa9<&unknown; &amp &#0; a&b;", "");
	stands(IN, "4532 0151 1283 0366", "4532&nbsp;0151&#32;1283&#x20;0366");
	/* A document knows the five alone, and no declaration changes that. */
	gives("<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">]>" NS
	      "<p>&a;&eacute;&amp;&#xe9;</p>",
	    "]>\n&a;&eacute;&\xc3\xa9\n",
	    "DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"\n");
}

/* What is cut, or never ends, is none the worse. */
static void
badly_formed(void **state)
{
	static const char *const BAD[] = {"<html><p", "<html><p a",
	    "<html><p a=", "<html><p a='x", "<html>&#", "<html><!-",
	    "<html><![CDATA[x]]", "<html></", "<html><",
	    "<html><script>x</scrip", "<html><p a=b/>", "<html a b c = d =e>",
	    "<html><1<2<3>>><</p></p></p>", NS "</w:p></w:p></si><p><p><p>x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		for (size_t step = 1; step < 9; step += 3) {
			run_by(BAD[i], strlen(BAD[i]), step);
			end();
			filter_forget(filter);
		}
}

#define RTF "{\\rtf1\\ansi\\ansicpg1252\\deff0"

/* A run of its own for each change of format; hidden text; other charsets. */
static void
rich_text(void **state)
{
	static const char IN[] = RTF
	    "{\\fonttbl{\\f0 Arial;}{\\f1\\fcharset204 Cyr;}"
	    "{\\f2\\fcharset134 Sim;}}\r\n"
	    "\\pard card 4532 {\\b 0151}\r\n {\\v 1283} 03\\lang9 66\\par "
	    "\\'e9\\~\\_\\\\\\{\\}{\\f1\\'cf\\f2\\'d0\\'d5\\'81@}\\'e9\\tab "
	    "{\\field{\\*\\fldinst HYPERLINK \"mailto:a@b.example\"}"
	    "{\\fldrslt link}}\\u22995 ?\\u-10179?\\u-8704?\\uc0\\u8364x"
	    "{\\*\\generator Some 1.0;}{\\info{\\title A}{\\author B}}}";

	(void)state;
	gives(IN,
	    "card 4532 0151 1283 0366\n\xc3\xa9\xc2\xa0-\\{}"
	    "\xd0\x9f\xe5\xa7\x93\xe4\xb8\x82\xc3\xa9\tlink"
	    "\xe5\xa7\x93\xf0\x9f\x98\x80\xe2\x82\xacx",
	    "Arial;Cyr;Sim;\nHYPERLINK \"mailto:a@b.example\"\n"
	    "Some 1.0;\nA\nB\n");
	stands(IN, "4532 0151 1283 0366",
	    "4532 {\\b 0151}\r\n {\\v 1283} 03\\lang9 66");
	stands(IN, "\xe5\xa7\x93\xe4\xb8\x82", "\\'d0\\'d5\\'81@");
	stands(IN, "\xf0\x9f\x98\x80", "\\u-10179?\\u-8704");
	/* A second byte that is none is not eaten. */
	gives(RTF "\\ansicpg936 \\'d04532 0151}",
	    "\xef\xbf\xbd"
	    "4532 0151",
	    "");
	/* UTF-8 that nobody declared. */
	gives(RTF " soci\xc3\xa9t\xc3\xa9 \xe9}",
	    "soci\xc3\xa9t\xc3\xa9 \xc3\xa9", "");
}

static void
what_rich_text_hides(void **state)
{
	(void)state;
	gives(RTF "{\\pict\\pngblip 89504e470d0a}a{\\object{\\*\\objclass "
		  "Package}{\\*\\objdata 0105}{\\result b}}}",
	    "ab", "Package\n");
	assert_int_equal(filter->nlost, 2);
	assert_string_equal(
	    filter->lost[0].why, "an embedded object is not looked into");
	assert_int_equal(filter->lost[0].bytes, 4);
	assert_int_equal(filter->lost[1].bytes, 12);
	/* Text where a picture should be, and bytes in the text. */
	gives(RTF "{\\pict secret!}a\\bin5 \\}x{y\\bin1 zb}", "ab",
	    "srt!\n\\}x{yz");
	/* A fallback that is longer than any has to be. */
	gives(RTF "\\uc4\\u65 4532}", "A", "4532");
	gives(RTF "\\u65 4532}", "A532", "");
	gives(RTF "{\\*\\unknown {\\b 4532} 0151}}}} behind", " behind",
	    "4532 0151\n");
}

static void
what_is_beside_has_a_bound(void **state)
{
	struct content out, c = {.data = (const uint8_t *)"<!--x", .len = 5};
	static uint8_t many[FILTER_IN];

	(void)state;
	memset(many, 'a', sizeof many);
	filter_start(filter, FILTER_HTML);
	assert_int_equal(filter_feed(filter, c, &out), 5);
	c = (struct content){.data = many, .len = sizeof many};
	for (size_t n = 0; n <= FILTER_ASIDE; n += sizeof many)
		assert_int_equal(filter_feed(filter, c, &out), sizeof many);
	filter_aside(filter, &out);
	assert_int_equal(out.len, FILTER_ASIDE);
	assert_int_equal(filter->nlost, 1);
	assert_true(filter->lost[0].bytes > 0);
	filter_forget(filter);
}

static int
set_up(void **state)
{
	(void)state;
	assert_int_equal(text_new(&converters, NULL), 0);
	return filter_new(&filter, converters);
}

static int
tear_down(void **state)
{
	(void)state;
	filter_free(filter);
	text_free(converters);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(which),
	    cmocka_unit_test(a_document),
	    cmocka_unit_test(cells),
	    cmocka_unit_test(properties),
	    cmocka_unit_test(what_no_reader_sees),
	    cmocka_unit_test(entities),
	    cmocka_unit_test(badly_formed),
	    cmocka_unit_test(rich_text),
	    cmocka_unit_test(what_rich_text_hides),
	    cmocka_unit_test(what_is_beside_has_a_bound),
	};

	return cmocka_run_group_tests_name(
	    "agent/extract/filter", tests, set_up, tear_down);
}
