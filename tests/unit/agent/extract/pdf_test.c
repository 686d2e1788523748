/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdf_test - documents made here, object by object: fonts, filters, places on
 * the page, what is beside the pages; and documents that lie.
 */
#include <zlib.h>

#include "tests/unit/agent/extract/members.h"

#include "lib/own.h"

static struct buf doc;

static void
begin(void)
{
	buf_done(&doc);
	buf_init(&doc, (size_t)1 << 28);
	buf_printf(&doc, "%%PDF-1.7\n%%\xe2\xe3\xcf\xd3\n");
}

static void
object(unsigned num, const char *text)
{
	buf_printf(&doc, "%u 0 obj\n%s\nendobj\n", num, text);
}

static void
stream_bytes(unsigned num, const char *dict, const void *p, size_t len)
{
	buf_printf(
	    &doc, "%u 0 obj\n<< %s /Length %zu >>\nstream\n", num, dict, len);
	buf_put(&doc, p, len);
	buf_printf(&doc, "\nendstream\nendobj\n");
}

static void
stream(unsigned num, const char *dict, const char *text)
{
	stream_bytes(num, dict, text, strlen(text));
}

static void
deflate_to(struct buf *out, const void *p, size_t len)
{
	uLongf n = compressBound(len);
	uint8_t *to;

	buf_init(out, (size_t)1 << 28);
	to = buf_grow(out, n);
	assert_non_null(to);
	assert_int_equal(compress2(to, &n, p, len, 9), Z_OK);
	out->len = n;
}

static void
deflated(unsigned num, const char *dict, const char *text)
{
	OWN(buf_done) struct buf z = {0};
	char all[512];

	deflate_to(&z, text, strlen(text));
	(void)snprintf(all, sizeof all, "%s /Filter /FlateDecode", dict);
	stream_bytes(num, all, z.data, z.len);
}

#define FONT \
	"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica " \
	"/Encoding /WinAnsiEncoding >>"

/* Catalog 1, tree 2, page 3 whose content is 4 and whose font F is 5. */
static void
skeleton(const char *font)
{
	begin();
	object(1, "<< /Type /Catalog /Pages 2 0 R >>");
	object(2, "<< /Type /Pages /Kids [3 0 R] /Count 1 "
		  "/Resources << /Font << /F 5 0 R >> >> >>");
	object(3, "<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>");
	object(5, font);
}

static void
finish(void)
{
	buf_printf(&doc,
	    "xref\n0 1\n0000000000 65535 f \ntrailer\n"
	    "<< /Root 1 0 R /Size 9 >>\nstartxref\n999999\n%%%%EOF\n");
	members_of(doc.data, doc.len);
}

static void
quiet(void)
{
	if (members.nskips > 0)
		fail_msg("skipped: %s", members.skips[0][0]);
	assert_int_equal(members.examined, doc.len);
}

/* What a page of that content shows. */
static void
shows(const char *font, const char *content, const char *text)
{
	skeleton(font);
	stream(4, "", content);
	finish();
	assert_string_equal(members_get("page 1"), text);
	quiet();
}

static void
test_operators(void **state)
{
	(void)state;
	shows(FONT, "BT /F 12 Tf 72 700 Td (Hello) Tj ( world) Tj ET",
	    "Hello world\n");
	assert_string_equal(members.type, "application/pdf");
	/* Gaps within an array: kerning is none, a quarter is a blank. */
	shows(FONT, "BT /F 12 Tf [(45) 20 (32) -278 (01) -40 (51)] TJ ET",
	    "4532 0151\n");
	shows(FONT,
	    "BT /F 10 Tf 12 TL 1 0 0 1 50 700 Tm (one) Tj T* (two) Tj"
	    " (three) ' 0 0 (four) \" 0 -12 TD (five) Tj T* (six) Tj ET",
	    "one\ntwo\nthree\nfour\nfive\nsix\n");
	/* Strings set one by one: what touches is one word. */
	shows(FONT,
	    "BT /F 10 Tf 100 700 Td (45) Tj 11.12 0 Td (32) Tj"
	    " 16 0 Td (x) Tj ET BT /F 10 Tf 300 700 Td (far) Tj ET",
	    "4532 x far\n");
	shows(FONT,
	    "q 2 0 0 2 0 0 cm BT /F 10 Tf (a) Tj ET Q"
	    " BT /F 10 Tf 0 100 Td (b) Tj ET",
	    "a\nb\n");
	/* Turned by a right angle, a line is still a line. */
	shows(FONT,
	    "BT /F 10 Tf 0 1 -1 0 100 100 Tm (up) Tj 0 1 -1 0 100 140 Tm"
	    " (more) Tj 0 1 -1 0 120 100 Tm (next) Tj ET",
	    "up more\nnext\n");
	shows(FONT, "BT /F 12 Tf (a\\(b\\)\\101\\\n(c)) Tj <20 4a 4B5> Tj ET",
	    "a(b)A(c) JKP\n");
	shows(FONT,
	    "BT /F 12 Tf (before) Tj ET BI /W 2 /H 2 ID \x01(EI\xff EI Q"
	    " BT /F 12 Tf 0 -20 Td (after) Tj ET",
	    "before\nafter\n");
}

static void
test_simple_fonts(void **state)
{
	(void)state;
	shows(FONT, "BT /F 12 Tf (gr\\374\\337 \\200 \\223q\\224) Tj ET",
	    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac "
	    "\xe2\x80\x9cq\xe2\x80\x9d\n");
	shows("<< /Type /Font /Subtype /TrueType /Encoding /MacRomanEncoding"
	      " >>",
	    "BT /F 12 Tf (gr\\237) Tj ET", "gr\xc3\xbc\n");
	shows("<< /Type /Font /Subtype /Type1 /Encoding << /Differences ["
	      "1 /four /five.oldstyle 65 /afii10017 /uni0416 /ffi] >> >>",
	    "BT /F 12 Tf (\\001\\002 ABC) Tj ET",
	    "45 \xd0\x90\xd0\x96"
	    "ffi\n");
}

static void
test_character_maps(void **state)
{
	static const char MAP[] =
	    "/CIDInit /ProcSet findresource begin\n"
	    "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
	    "2 beginbfchar <0001> <0048> <0002> <d83dde00> endbfchar\n"
	    "3 beginbfrange <0010> <0019> <0030>\n"
	    "<0020> <0021> [<673a> <5bc6>] <0030> <0030> <00660066>\n"
	    "endbfrange endcmap";
	static const char TYPE0[] =
	    "<< /Type /Font /Subtype /Type0 /Encoding /Identity-H"
	    " /DescendantFonts [6 0 R] /ToUnicode 7 0 R >>";

	(void)state;
	skeleton(TYPE0);
	deflated(4, "",
	    "BT /F 12 Tf <0001 0010 0011 0019 0003 0002> Tj"
	    " 0 -20 Td <0020002100300003> Tj ET");
	object(6, "<< /Type /Font /Subtype /CIDFontType2 /DW 500"
		  " /W [16 [500 500] 25 25 500] >>");
	deflated(7, "", MAP);
	finish();
	assert_string_equal(members_get("page 1"), "H019\xf0\x9f\x98\x80\n"
						   "\xe6\x9c\xba\xe5\xaf\x86"
						   "ff\n");
	quiet();
	/* Without a map nobody knows: that is told. */
	skeleton("<< /Type /Font /Subtype /Type0 /Encoding /Identity-H"
		 " /DescendantFonts [6 0 R] >>");
	stream(4, "", "BT /F 12 Tf <00010002000300040005> Tj ET");
	finish();
	members_skipped("page 1", "text without a character map");
	/* Codes that are characters themselves. */
	shows("<< /Type /Font /Subtype /Type0 /Encoding /UniGB-UCS2-H >>",
	    "BT /F 12 Tf <673a5bc6> Tj ET", "\xe6\x9c\xba\xe5\xaf\x86\n");
}

static void
test_filters(void **state)
{
	static const char TEXT[] = "BT /F 9 Tf (filtered) Tj ET";
	OWN(buf_done) struct buf z = {0};
	char hex[sizeof TEXT * 2 + 4];
	uint8_t row[64];

	(void)state;
	for (size_t i = 0; i < sizeof TEXT - 1; i++)
		(void)snprintf(hex + 2 * i, 4, "%02x", TEXT[i]);
	skeleton(FONT);
	stream(4, "/Filter /ASCIIHexDecode", hex);
	finish();
	assert_string_equal(members_get("page 1"), "filtered\n");
	skeleton(FONT);
	stream(4, "/Filter [/A85 /Fl]", "Gap");
	finish();
	members_skipped("page 1", "corrupt");
	/* The specification's own vectors: 7.4.4.2 (LZW). */
	skeleton(FONT);
	stream_bytes(
	    4, "/Filter /LZWDecode", "\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01", 9);
	finish();
	members_get("page 1");
	quiet();
	skeleton(FONT);
	stream(4, "/Filter /ASCII85Decode",
	    "6<#'R3Ba-80Hb%=1gDCDEb&a(FD5P2/uUT&+<Y\"5~>");
	finish();
	/* A row of PNG prediction: up, after a first row of zeroes. */
	for (size_t i = 0; i < sizeof TEXT - 1; i++)
		row[i + 1] = (uint8_t)TEXT[i];
	row[0] = 2;
	deflate_to(&z, row, sizeof TEXT);
	skeleton(FONT);
	(void)snprintf(hex, sizeof hex, "%zu", sizeof TEXT - 1);
	buf_printf(&doc,
	    "4 0 obj << /Filter /FlateDecode /DecodeParms << /Predictor 12"
	    " /Columns %s >> >> stream\r\n",
	    hex);
	buf_put(&doc, z.data, z.len);
	buf_printf(&doc, "\r\nendstream endobj\n");
	finish();
	assert_string_equal(members_get("page 1"), "filtered\n");
	quiet();
}

static void
test_forms(void **state)
{
	(void)state;
	skeleton(FONT);
	stream(4, "",
	    "BT /F 9 Tf (a) Tj ET /X Do /X Do BT /F 9 Tf 0 -50 Td"
	    " (c) Tj ET");
	object(3,
	    "<< /Type /Page /Parent 2 0 R /Contents [4 0 R] /Resources <<"
	    " /Font << /F 5 0 R >> /XObject << /X 6 0 R /Y 7 0 R >> >> >>");
	stream(6,
	    "/Type /XObject /Subtype /Form /Matrix [1 0 0 1 0 -20]"
	    " /Resources << /XObject << /X 6 0 R >> >>",
	    "BT /F 9 Tf (b) Tj ET /X Do");
	stream(7, "/Subtype /Form", "BT /F 9 Tf (never shown) Tj ET");
	finish();
	assert_string_equal(members_get("page 1"), "a\nb\nc\n");
	assert_string_equal(
	    members_get("text beside the pages"), "never shown\n");
	quiet();
	/* A scan. */
	skeleton(FONT);
	stream(4, "", "/X Do");
	object(3, "<< /Type /Page /Contents 4 0 R /Resources <<"
		  " /XObject << /X 6 0 R >> >> >>");
	stream(6, "/Subtype /Image /Filter /DCTDecode", "\xff\xd8\xff");
	finish();
	members_skipped("page 1", "pictures of text are not read");
}

static void
test_properties(void **state)
{
	const char *p;

	(void)state;
	skeleton(FONT);
	stream(4, "", "");
	object(6, "<< /Title <feff 006B 00FC 6a5f> /Author (J\\374rgen)"
		  " /CreationDate (D:20240131120000+01'00')"
		  " /MSIP_Label_1234_Enabled (true) >>");
	object(7, "<< /Subtype /Widget /T (card) /V (4532015112830366)"
		  " /Card 5200828282828210 /Rect [100000000 2 3 4]"
		  " /Opt [(one) [(two) /N123456789]] >>");
	stream(8, "/Type /Metadata /Subtype /XML", "<x:xmpmeta>label</x>");
	finish();
	p = members_get("properties");
	assert_non_null(strstr(p, "Title: k\xc3\xbc\xe6\xa9\x9f\n"));
	assert_non_null(strstr(p, "Author: J\xc3\xbcrgen\n"));
	assert_non_null(strstr(p, "MSIP_Label_1234_Enabled: true\n"));
	assert_non_null(strstr(p, "T: card\nV: 4532015112830366\n"));
	assert_non_null(strstr(p, "Card: 5200828282828210\n"));
	assert_non_null(strstr(p, "Opt: one\nOpt: two\nOpt: N123456789\n"));
	assert_null(strstr(p, "20240131"));
	assert_null(strstr(p, "100000000"));
	members_has("metadata 8", "<x:xmpmeta>label</x>");
	quiet();
}

/* Objects within a stream, and a file that goes on through the layers. */
static void
test_packed(void **state)
{
	static const char INNER[] =
	    "5 0 9 70 "
	    "<< /Type /Font /Subtype /Type1 /Encoding /WinAnsiEncoding >>"
	    "          "
	    "<< /Type /Filespec /F (a.gz) /EF << /F 6 0 R >> >>";
	static const char GZ[] = "\x1f\x8b\x08\0\0\0\0\0\0\3\x4b\x4c\x4a\x4e"
				 "\x49\x4d\x4b\xcf\xc8\xcc\xca\x06\0\xd1\xdb"
				 "\xd7\x1b\x0a\0\0\0";
	char dict[64];

	(void)state;
	skeleton("null");
	(void)snprintf(dict, sizeof dict, "/Type /ObjStm /N 2 /First %d", 9);
	deflated(8, dict, INNER);
	stream(4, "", "BT /F 9 Tf (gr\\374n) Tj ET");
	stream_bytes(6, "/Type /EmbeddedFile", GZ, sizeof GZ - 1);
	finish();
	assert_string_equal(members_get("page 1"), "gr\xc3\xbcn\n");
	members_has("properties", "F: a.gz\n");
	for (size_t i = 0; i < members.n; i++)
		if (strncmp(members.names[i], "a.gz!", 5) == 0)
			return;
	fail_msg("the embedded file was not opened");
}

/* What an older revision had is still in the bytes. */
static void
test_revisions(void **state)
{
	(void)state;
	skeleton(FONT);
	stream(4, "", "BT /F 9 Tf (old secret) Tj ET");
	finish();
	stream(4, "", "BT /F 9 Tf (new) Tj ET");
	finish();
	assert_string_equal(members_get("page 1"), "new\n");
	assert_string_equal(
	    members_get("text beside the pages"), "old secret\n");
	quiet();
	/* Objects of no number, and what follows the end. */
	skeleton(FONT);
	stream(4, "", "");
	finish();
	buf_put(&doc, "% a note behind the end\n", 24);
	members_of(doc.data, doc.len);
	members_has("properties", "% a note behind the end\n");
}

static void
test_lies(void **state)
{
	static const char *const LENGTHS[] = {
	    "99999999999999999999", "1", "-5", "4 0 R", "77 0 R", "(x)"};
	uint8_t *zeroes;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(LENGTHS); i++) {
		skeleton(FONT);
		buf_printf(&doc,
		    "4 0 obj << /Length %s >> stream\nBT /F 9 Tf (found) Tj ET"
		    "\nendstream endobj\n",
		    LENGTHS[i]);
		finish();
		assert_string_equal(members_get("page 1"), "found\n");
	}
	/* Trees, references and fonts that lead to themselves. */
	begin();
	object(1, "<< /Type /Catalog /Pages 2 0 R >>");
	object(2, "<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R 3 0 R] >>");
	object(3, "<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>");
	object(5, "5 0 R");
	stream(4, "/Filter 5 0 R", "BT /F 9 Tf (x) Tj ET");
	finish();
	assert_string_equal(members_get("page 1"), "x\n");
	/* A bomb: a stream of a stream. */
	zeroes = calloc(1, (size_t)64 << 20);
	assert_non_null(zeroes);
	{
		OWN(buf_done) struct buf one = {0};
		OWN(buf_done) struct buf two = {0};

		deflate_to(&one, zeroes, (size_t)64 << 20);
		deflate_to(&two, one.data, one.len);
		skeleton(FONT);
		stream_bytes(4, "/Filter [/FlateDecode /FlateDecode]", two.data,
		    two.len);
		finish();
		members_skipped(
		    "page 1", "over the budget of the compression ratio");
	}
	free(zeroes);
	/* Arrays within arrays, and strings that never end. */
	skeleton(FONT);
	buf_printf(&doc, "4 0 obj ");
	for (size_t i = 0; i < 200000; i++)
		buf_printf(&doc, i % 2 == 0 ? "[" : "<<");
	buf_printf(&doc, " endobj\n9 0 obj ");
	for (size_t i = 0; i < 200000; i++)
		buf_printf(&doc, "(");
	buf_printf(&doc, " endobj\n");
	finish();
	/* Encrypted. */
	skeleton(FONT);
	stream(4, "", "\x01\x02");
	object(9, "<< /Filter /Standard /V 4 /R 4 >>");
	buf_printf(&doc, "trailer << /Encrypt 9 0 R /Root 1 0 R >>\n");
	finish();
	members_skipped("", "encrypted");
	assert_int_equal(members.n, 0);
	/* The word alone does not hide what is there. */
	skeleton(FONT);
	stream(4, "", "BT /F 9 Tf (found) Tj ET");
	buf_printf(&doc, "trailer << /Encrypt 9 0 R /Root 1 0 R >>\n");
	finish();
	assert_string_equal(members_get("page 1"), "found\n");
}

static void
test_many_objects(void **state)
{
	(void)state;
	begin();
	object(1, "<< /Type /Catalog /Pages 2 0 R >>");
	buf_printf(&doc, "2 0 obj << /Type /Pages /Kids [");
	for (unsigned i = 0; i < 3000; i++)
		buf_printf(&doc, "%u 0 R ", 10 + 2 * i);
	buf_printf(&doc, "] >> endobj\n");
	for (unsigned i = 0; i < 3000; i++) {
		char text[128];

		(void)snprintf(text, sizeof text,
		    "<< /Type /Page /Parent 2 0 R /Contents %u 0 R >>",
		    11 + 2 * i);
		object(10 + 2 * i, text);
		(void)snprintf(
		    text, sizeof text, "BT /F 9 Tf (page<%u>) Tj ET", i + 1);
		stream(11 + 2 * i, "", text);
	}
	buf_printf(&doc, "trailer << /Root 1 0 R >>\n");
	/* More members than this test keeps: only that all is there. */
	members_all(doc.data, doc.len);
	assert_int_equal(members.n, 1501);
	assert_non_null(members.all.data);
	assert_non_null(
	    memmem(members.all.data, members.all.len, "page<3000>", 10));
	assert_null(members.nskips > 0 ? members.skips[0][0] : NULL);
}

/* Cut anywhere: whatever was not seen is told, or nothing was. */
static void
test_cut(void **state)
{
	OWN(buf_done) struct buf all = {0};

	(void)state;
	skeleton(FONT);
	deflated(4, "", "BT /F 9 Tf (some text that is here) Tj ET");
	object(6, "<< /Title (title) >>");
	finish();
	buf_init(&all, (size_t)1 << 20);
	buf_put(&all, doc.data, doc.len);
	for (size_t len = 80; len < all.len; len += 3) {
		members_of(all.data, len);
		assert_int_equal(members.examined, len);
	}
	/* A text that only speaks of the format is text. */
	members_of("%PDF-1.4 is how such a file begins, and nothing more is"
		   " here of it than that.",
	    77);
	members_has("", "nothing more");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_operators),
	    cmocka_unit_test(test_simple_fonts),
	    cmocka_unit_test(test_character_maps),
	    cmocka_unit_test(test_filters),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_properties),
	    cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_revisions),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_many_objects),
	    cmocka_unit_test(test_cut),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	members_forget();
	extract_free(members_extract);
	buf_done(&doc);
	return failed;
}
