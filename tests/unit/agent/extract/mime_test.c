/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime_test - messages and mailboxes as their members, in the forms that mail
 * has and in those that hide something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/extract/extract.h"
#include "agent/extract/mail.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

#define HEAD "From: a@b.example\nSubject: s\nDate: d\nMIME-Version: 1.0\n"
#define MIXED HEAD "Content-Type: multipart/mixed; boundary=\"=_b\"\n\n"

static struct extract *x;
static struct buf seen; /* "name|type|text\n" of each member, "!why name\n" */
static char type[80];

static int
on_begin(void *ctx, const char *member, const char *t)
{
	(void)ctx;
	buf_printf(&seen, "[%s|%s|", member, t);
	return 0;
}

static int
on_text(void *ctx, struct content c)
{
	(void)ctx;
	buf_put(&seen, c.data, c.len);
	return 0;
}

static int
on_end(void *ctx)
{
	(void)ctx;
	buf_printf(&seen, "]\n");
	return 0;
}

static void
on_skip(void *ctx, const char *member, const char *reason, uint64_t bytes)
{
	(void)ctx;
	(void)bytes;
	buf_printf(&seen, "{%s: %s}\n", member, reason);
}

static const char *
run_limited(const void *in, size_t len, const struct extract_limits *lim)
{
	const struct extract_sink sink = {
	    .begin = on_begin, .text = on_text, .end = on_end, .skip = on_skip};
	struct content c = {.data = in, .len = len};
	uint64_t examined;
	const char *text;

	buf_done(&seen);
	buf_init(&seen, (size_t)1 << 28);
	assert_int_equal(extract_bytes(x, c, lim, &sink, &examined, type), 0);
	text = buf_text(&seen);
	assert_non_null(text);
	return text;
}

static const char *
run(const char *in)
{
	const struct extract_limits lim = extract_limits_default();

	return run_limited(in, strlen(in), &lim);
}

/* Asserts that the message gives that, among others. */
static void
gives(const char *in, const char *want)
{
	const char *got = run(in);

	if (strstr(got, want) == NULL)
		fail_msg("no \"%s\" in:\n%s", want, got);
}

static void
which(void **state)
{
	static const struct {
		const char *in, *type;
	} CASES[] = {
	    {HEAD "\nx", "message/rfc822"},
	    {"Received: from a\n\tby b\nSubject: s\n\nx", "message/rfc822"},
	    {"\xef\xbb\xbf\n" HEAD "\nx", "message/rfc822"},
	    {"1234\n" HEAD "\nx", "message/rfc822"},
	    {"Content-Type: multipart/x; boundary=b\n\n--b", "message/rfc822"},
	    {"From a@b Tue Nov 24 18:34:18 2026\n" HEAD "\nx",
		"application/mbox"},
	    {"From the beginning of 18:30 in 2026 on.\nText: x\n",
		"text/plain"},
	    {"From: a\nTo: b\n\nx", "text/plain"},
	    {"from: a\nsubject: b\nno field\ndate: x\n", "text/plain"},
	    {"Name: x\nAddress: y\nSubject: z\n\n", "text/plain"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		(void)run(CASES[i].in);
		assert_string_equal(type, CASES[i].type);
	}
}

static void
fields(void **state)
{
	(void)state;
	assert_string_equal(
	    run("From: =?utf-8?Q?J=C3=B6rg_K?= <j@b.example>\n"
		"Subject: =?gb2312?B?0NXD+w==?= =?gb2312?B?tPM=?=\r\n"
		"\t=?iso-8859-1?q?=e9?= end =?x?q =?utf-8?z?a?=\n"
		"msip_labels: MSIP_Label_1_Enabled=true;\n"
		" MSIP_Label_1_Name=Secret\nDate: d\n\nbody\n"),
	    "[headers|text/rfc822-headers|From: J\xc3\xb6rg K <j@b.example>\n"
	    "Subject: \xe5\xa7\x93\xe5\x90\x8d\xe5\xa4\xa7\xc3\xa9 end "
	    "=?x?q =?utf-8?z?a?=\n"
	    "msip_labels: MSIP_Label_1_Enabled=true; "
	    "MSIP_Label_1_Name=Secret\nDate: d\n]\n"
	    "[body|text/plain|body\n]\n");
	/* A character that is cut between words. */
	gives(
	    "From: a\nDate: d\nSubject: =?utf-8?B?5Q==?= =?utf-8?B?p5M=?=\n\n",
	    "Subject: \xe5\xa7\x93\n");
}

static void
parts(void **state)
{
	(void)state;
	assert_string_equal(
	    run(MIXED "This is MIME.\n--=_b\nContent-Type: text/plain; "
		      "charset=koi8-r\nContent-Transfer-Encoding: "
		      "Quoted-Printable\n\n=F0=D2=\n=C9 a=3Db =ZZ\n\n"
		      "--=_b\r\nContent-Type: application/octet-stream;\r\n"
		      " name=x.bin\nContent-Transfer-Encoding: base64\n"
		      "Content-Disposition: attachment; filename*0*=utf-8''"
		      "%e5%a7; filename*1*=%93.txt\n\nY2Fy\nZCA=\nMTI\n"
		      "--=_b--\n\n  \nbehind\n"),
	    "[headers|text/rfc822-headers|From: a@b.example\nSubject: s\n"
	    "Date: d\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
	    "boundary=\"=_b\"\n]\n[preamble|text/plain|This is MIME.]\n"
	    "[1|text/plain|\xd0\x9f\xd1\x80\xd0\xb8 a=b =ZZ\n]\n"
	    "[\xe5\xa7\x93.txt|text/plain|card 12]\n"
	    "[epilogue|text/plain|behind\n]\n"
	    "[part-headers|text/rfc822-headers|Content-Type: text/plain; "
	    "charset=koi8-r\nContent-Transfer-Encoding: Quoted-Printable\n"
	    "Content-Type: application/octet-stream; name=x.bin\n"
	    "Content-Transfer-Encoding: base64\n"
	    "Content-Disposition: attachment; filename*0*=utf-8''%e5%a7; "
	    "filename*1*=%93.txt\nfilename=\xe5\xa7\x93.txt\n]\n");
}

static void
within(void **state)
{
	static const char IN[] = MIXED
	    "--=_b\nContent-Type: multipart/alternative; boundary==_b2\n\n"
	    "--=_b2\n\none\n--=_b2\n\ntwo\n--=_b2--\n"
	    "--=_b\nContent-Type: message/rfc822\n\n"
	    "Subject: inner\nContent-Type: multipart/mixed; boundary=i\n\n"
	    "--i\n\nthree\n--i--\n--=_b--\n";

	(void)state;
	gives(IN, "[1.1|text/plain|one]\n[1.2|text/plain|two]\n");
	gives(IN, "[2!headers|text/rfc822-headers|Subject: inner\n");
	gives(IN, "[2!1|text/plain|three]\n");
	/* Of the digest's parts nobody says that they are messages. */
	gives(HEAD "Content-Type: multipart/digest; boundary=d\n\n--d\n\n"
		   "Subject: s\n\nx\n--d--\n",
	    "[1!body|text/plain|x]");
}

static void
boundaries(void **state)
{
	(void)state;
	/* One is the beginning of another. */
	gives(HEAD "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
		   "Content-Type: multipart/mixed; boundary=ab\n\n--ab\n\nx\n"
		   "--ab  \n\ny\n--abc\n--a b\nz\n--ab--\n--a--\n",
	    "[1.1|text/plain|x]\n[1.2|text/plain|y\n--abc\n--a b\nz]\n");
	/* The outer one ends the inner parts. */
	gives(MIXED "--=_b\nContent-Type: multipart/mixed; boundary=i\n\n"
		    "--i\n\nx\n--=_b\n\ny\n--=_b--\n",
	    "[1.1|text/plain|x]\n{1.1: truncated}\n[2|text/plain|y]\n");
	gives(MIXED "--=_b\n\nx\n", "[1|text/plain|x\n]\n{1: truncated}\n");
	gives(
	    MIXED "x\n", "[preamble|text/plain|x\n]\n{preamble: truncated}\n");
	gives(MIXED, "{: truncated}\n");
	/* None is told: what it holds is read as it is. */
	gives(HEAD "Content-Type: multipart/mixed\n\n--b\n\nx\n",
	    "[body|text/plain|--b\n\nx\n]\n{body: corrupt}\n");
	/* A header block without an empty line behind it. */
	gives(MIXED "--=_b\nX-A: 1\n--=_b\nX-B: 2\nno field\n--=_b--\n",
	    "[2|text/plain|no field]\n");
}

static void
bad_encodings(void **state)
{
#define CODED(code) HEAD "Content-Transfer-Encoding: " code "\n\n"

	(void)state;
	/* Text that is said to be base64 is read, too. */
	gives(CODED("base64") "card 4532 0151 1283 0366\n4532015112830366\n",
	    "[part-headers|text/rfc822-headers|card 4532 0151 1283 0366\n"
	    "4532015112830366\n]\n");
	gives(CODED("base64") "Y2FyZA==\nYi=!\n", "{body: corrupt}\n");
	gives(CODED("base64") "Y2FyZA==\nIHg=", "[body|text/plain|card x]\n");
	gives(
	    CODED("base64") "Y2FyZ", "[body|text/plain|car]\n{body: corrupt}");
	gives(CODED("x-own") "x", "{body: unknown transfer encoding}\n");
	gives(CODED("base64") "\n", "[body|inode/x-empty|]\n");
	/* Who reads it may believe either. */
	gives(HEAD "Content-Transfer-Encoding: 7bit\n"
		   "Content-Transfer-Encoding: base64\n\nY2FyZA==\n",
	    "[body|text/plain|Y2FyZA==\n]\n{body: corrupt}\n");
	gives(CODED("quoted-printable") "a=\n=41=\r\nb=4",
	    "[body|text/plain|aAb=4]\n");
}

static void
uuencoded(void **state)
{
	static const char IN[] =
	    HEAD "\nbefore\nbegin 644 a b.txt\n#8V%R\n!9   \n`\nend\n\nafter\n"
		 "begin 644 is no file\n";

	(void)state;
	gives(IN, "[body|text/plain|before\n]\n[a b.txt|text/plain|card]\n"
		  "[text|text/plain|after\nbegin 644 is no file\n]\n");
	gives(HEAD "\nbegin 644 x\n#8V%R\nno line of it\n",
	    "[x|text/plain|car]\n{x: corrupt}\n"
	    "[text|text/plain|no line of it\n]\n");
}

static void
mailbox(void **state)
{
	(void)state;
	assert_string_equal(
	    run("From a@b Tue Nov 24 18:34:18 2026\n" HEAD "\none\n"
		">From x\n>>From y\n> From z\n\nFrom here on\n\n"
		"From c@d Tue Nov 24 18:34:18 2026 +0100\r\n" HEAD
		"Content-Transfer-Encoding: base64\n\ndHdv\n\n"),
	    "[1!headers|text/rfc822-headers|X-From-Line: a@b Tue Nov 24 "
	    "18:34:18 2026\n" HEAD "]\n[1!body|text/plain|one\nFrom x\n"
	    ">From y\n> From z\n\nFrom here on\n\n]\n"
	    "[2!headers|text/rfc822-headers|X-From-Line: c@d Tue Nov 24 "
	    "18:34:18 2026 +0100\n" HEAD
	    "Content-Transfer-Encoding: base64\n]\n"
	    "[2!body|text/plain|two]\n");
}

/* What is told of the charset, and what the bytes say. */
static void
charsets(void **state)
{
#define IN(charset) HEAD "Content-Type: text/plain; charset=" charset "\n\n"
	static const char *const CASES[][2] = {
	    {IN("\"ISO-2022-JP\"") "\x1b$B;aL>\x1b(B 1",
		"\xe6\xb0\x8f\xe5\x90\x8d 1"},
	    {IN("x") "\x1b$B$3$l\x1b(B 1", "\xe3\x81\x93\xe3\x82\x8c 1"},
	    /* Two bytes before a number do not make it another text. */
	    {IN("iso-2022-jp") "\x1b$B4532015112830366\x1b(B",
		"\x1b$B4532015112830366"},
	    {IN("iso-2022-jp") "\x1b$B4532 0151", "\x1b$B4532 0151"},
	    {IN("utf-7") "a +ZeVnLIqe- 1+-",
		"a \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e 1+"},
	    {IN("windows-1253") "\xc1", "\xce\x91"},
	    {IN("gbk") "\xd0\xd5", "\xe5\xa7\x93"},
	    {IN("gbk") "\xe5\xa7\x93 1", "\xe5\xa7\x93 1"},
	    {IN("utf-16le") "card 4532", "card 4532"},
	    {IN("utf-8") "\xe9t\xe9", "\xc3\xa9t\xc3\xa9"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		char want[128];

		assert_int_equal(str_format(want, sizeof want,
				     "[body|text/plain|%s]\n", CASES[i][1]),
		    0);
		gives(CASES[i][0], want);
	}
	gives(HEAD "Content-Type: text/plain; charset=utf-16be\n"
		   "Content-Transfer-Encoding: base64\n\nWdMACQ==\n",
	    "[body|text/plain|\xe5\xa7\x93\t]\n");
}

/* Many, deep and long ones. */
static void
bombs(void **state)
{
	struct extract_limits lim = extract_limits_default();
	OWN(buf_done) struct buf in = {0};
	const char *got;

	(void)state;
	buf_init(&in, (size_t)1 << 26);
	buf_printf(&in, MIXED);
	for (unsigned i = 0; i < 9000; i++)
		buf_printf(&in, "--=_b\nX-Part: %u\n\n%u\n", i, i);
	buf_printf(&in, "--=_b--\n");
	got = run_limited(in.data, in.len, &lim);
	assert_non_null(strstr(got, "[9000|text/plain|8999]"));
	assert_non_null(strstr(got, "X-Part: 8999\n]\n"));
	assert_null(strchr(got, '{'));
	lim.entries_max = 100;
	got = run_limited(in.data, in.len, &lim);
	assert_non_null(strstr(got, "over the budget of entries"));

	/* Multiparts in multiparts, and messages in messages. */
	lim = extract_limits_default();
	buf_reset(&in);
	buf_printf(&in, HEAD);
	for (unsigned i = 0; i < 40; i++)
		buf_printf(&in,
		    "Content-Type: multipart/x; boundary=b%u\n\n--b%u\n", i, i);
	buf_printf(&in, "\ndeep\n");
	got = run_limited(in.data, in.len, &lim);
	assert_non_null(strstr(got, "deep\n]"));
	assert_non_null(strstr(got, "over the budget of depth"));
	buf_reset(&in);
	for (unsigned i = 0; i < 40; i++)
		buf_printf(&in, HEAD "Content-Type: message/rfc822\n\n");
	buf_printf(&in, HEAD "\ndeep\n");
	got = run_limited(in.data, in.len, &lim);
	assert_non_null(strstr(got, "deep\n]"));
	assert_non_null(strstr(got, "over the budget of depth"));

	/* Lines that never end, in a field and in each encoding. */
	for (unsigned i = 0; i < 4; i++) {
		static const char *const CODES[] = {
		    "7bit", "base64", "quoted-printable", "7bit\nX: "};

		buf_reset(&in);
		buf_printf(&in, HEAD "Content-Transfer-Encoding: %s%s",
		    CODES[i], i < 3 ? "\n\n" : "");
		for (unsigned k = 0; k < 40000; k++)
			buf_printf(&in, i == 2 ? "=41=4"
						 "2CD"
					       : "QUJDREVG");
		got = run_limited(in.data, in.len, &lim);
		if (strchr(got, '{') != NULL)
			fail_msg("%u: %.100s", i, strchr(got, '{'));
		if (i == 2) {
			const char *body = strstr(got, "[body|text/plain|");

			assert_non_null(body);
			assert_null(strchr(body, '='));
		}
		assert_true(strlen(got) > 100000);
	}
}

static void
from_lines(void **state)
{
	static const struct {
		const char *line;
		bool yes;
	} CASES[] = {
	    {"From a@b Tue Nov 24 18:34:18 2026", true},
	    {"From - Tue Nov  4 8:34:18 1998", true},
	    {"From 0123456789abcdef Mon Sep 17 00:00:00 2001", true},
	    {"From now on, at 10:30, all", false},
	    {"From: a@b Tue Nov 24 18:34:18 2026", false},
	    {"From ", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_int_equal(
		    header_separator(
			(const uint8_t *)CASES[i].line, strlen(CASES[i].line)),
		    CASES[i].yes);
}

static int
set_up(void **state)
{
	(void)state;
	return extract_new(&x, NULL);
}

static int
tear_down(void **state)
{
	(void)state;
	buf_done(&seen);
	extract_free(x);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(which),
	    cmocka_unit_test(fields),
	    cmocka_unit_test(parts),
	    cmocka_unit_test(within),
	    cmocka_unit_test(boundaries),
	    cmocka_unit_test(bad_encodings),
	    cmocka_unit_test(uuencoded),
	    cmocka_unit_test(mailbox),
	    cmocka_unit_test(charsets),
	    cmocka_unit_test(bombs),
	    cmocka_unit_test(from_lines),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
