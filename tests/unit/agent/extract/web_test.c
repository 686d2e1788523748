/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web_test - bodies come out the same wherever the bytes are cut.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

#include "agent/extract/extract.h"
#include "lib/buf.h"
#include "lib/seal.h"

#include "lib/own.h"

/* What the sink was told: "POST /up host file 5 complete:hello|" */
struct seen {
	struct buf out;
	struct buf body[8];
	uint64_t texts, skips;
};

static int
on_start(void *ctx, const struct web_object *o)
{
	struct seen *s = ctx;

	assert_true(o->id < 8);
	buf_reset(&s->body[o->id]);
	return 0;
}

static int
on_body(void *ctx, uint64_t id, struct content c)
{
	struct seen *s = ctx;

	buf_put(&s->body[id], c.data, c.len);
	return 0;
}

static int
on_object(void *ctx, const struct web_object *o)
{
	struct seen *s = ctx;
	struct buf *b = &s->body[o->id];
	uint8_t digest[SEAL_HASH];

	assert_int_equal(b->len, o->size);
	seal_sha256(b->data, b->len, digest);
	assert_memory_equal(digest, o->sha256, sizeof digest);
	buf_printf(&s->out, "%c %s %s %s %s %s:", "><"[o->direction],
	    o -> method, o -> uri, o -> host, o -> filename,
	    o -> complete ? "whole" : "part");
	buf_put(&s->out, b->data, b->len < 40 ? b->len : 40);
	buf_printf(&s->out, "|");
	return 0;
}

static int
on_text(void *ctx, enum direction d UNUSED, struct content c)
{
	struct seen *s = ctx;

	s->texts += c.len;
	return 0;
}

static void
on_skip(void *ctx, const char *reason UNUSED, uint64_t bytes UNUSED)
{
	struct seen *s = ctx;

	s->skips++;
}

static struct web *
begin(struct seen *s)
{
	const struct web_sink sink = {.ctx = s,
	    .start = on_start,
	    .body = on_body,
	    .object = on_object,
	    .text = on_text,
	    .skip = on_skip};
	struct web *w;

	*s = (struct seen){0};
	buf_init(&s->out, 65536);
	for (int i = 0; i < 8; i++)
		buf_init(&s->body[i], 1 << 22);
	assert_int_equal(web_new(&sink, &w), 0);
	return w;
}

static void
finish(struct seen *s)
{
	buf_done(&s->out);
	for (int i = 0; i < 8; i++)
		buf_done(&s->body[i]);
}

static void
feed(struct web *w, enum direction d, const void *data, size_t len, size_t step)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i += step) {
		struct content c = {
		    .data = p + i, .len = len - i < step ? len - i : step};

		assert_int_equal(web_feed(w, d, c), 0);
	}
}

/* At every size of piece, the same objects. */
static void
expect(const void *up, size_t up_len, const void *down, size_t down_len,
    const char *want)
{
	for (size_t step = 1; step < up_len + down_len + 2; step++) {
		struct seen s;
		struct web *w = begin(&s);

		feed(w, TO_SERVER, up, up_len, step);
		feed(w, TO_CLIENT, down, down_len, step);
		assert_true(web_is_http(w));
		assert_int_equal(web_close(w), 0);
		assert_string_equal(buf_text(&s.out), want);
		web_free(w);
		finish(&s);
	}
}

#define S(x) x, sizeof(x) - 1

static void
test_length_and_pipeline(void **state UNUSED)
{
	expect(S("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
		 "HEAD /b HTTP/1.1\r\nHost: h\r\n\r\n"
		 "PUT /c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok"),
	    S("HTTP/1.1 100 Continue\r\n\r\n"
	      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
	      "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"
	      "HTTP/1.1 204 No Content\r\n\r\n"),
	    "> POST /a h  whole:hello|> PUT /c h  whole:ok|"
	    "< POST /a h  whole:yes|");
}

static void
test_chunked(void **state UNUSED)
{
	expect(S("POST /u HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n, chunked!\r\n0\r\n"
		 "Trailer: t\r\n\r\n"),
	    S("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end"),
	    "> POST /u h  whole:hello, chunked!|"
	    "< POST /u h  whole:to the end|");
}

static void
test_multipart(void **state UNUSED)
{
	static const char BODY[] =
	    "--B\r\nContent-Disposition: form-data; name=\"f\"; "
	    "filename=\"cards.csv\"\r\nContent-Type: text/csv\r\n\r\n"
	    "a,b\r\n--C\r\n\r\n--B\r\nContent-Disposition: form-data; "
	    "name=\"n\"\r\n\r\nvalue\r\n--B--\r\n";
	char up[1024];
	int n = snprintf(up, sizeof up,
	    "POST /u HTTP/1.1\r\nHost: h\r\nContent-Type: "
	    "multipart/form-data; boundary=B\r\nContent-Length: %zu\r\n\r\n%s",
	    sizeof BODY - 1, BODY);

	expect(up, (size_t)n, S(""),
	    "> POST /u h cards.csv whole:a,b\r\n--C\r\n|"
	    "> POST /u h  whole:value|");
}

static size_t
pack(int bits, const char *text, uint8_t *out, size_t size)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, 0), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)strlen(text);
	z.next_out = out;
	z.avail_out = (uInt)size;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	(void)deflateEnd(&z);
	return size - z.avail_out;
}

static void
test_codings(void **state UNUSED)
{
	static const struct {
		int bits;
		const char *name;
	} CODINGS[] = {{31, "gzip"}, {15, "deflate"}, {-15, "deflate"}};

	for (size_t i = 0; i < ARRAY_LEN(CODINGS); i++) {
		uint8_t up[1024], body[256];
		size_t n = pack(CODINGS[i].bits, "packed text", body, 256);
		int head = snprintf((char *)up, sizeof up,
		    "POST /u HTTP/1.1\r\nHost: h\r\nContent-Encoding: "
		    "%s\r\nContent-Length: %zu\r\n\r\n",
		    CODINGS[i].name, n);

		memcpy(up + head, body, n);
		expect(up, (size_t)head + n, S(""),
		    "> POST /u h  whole:packed text|");
	}
	expect(S("POST /u HTTP/1.1\r\nHost: h\r\nContent-Encoding: br\r\n"
		 "Content-Length: 3\r\n\r\nxyz"),
	    S(""), "> POST /u h  whole:xyz|");
	/* It says so, and it is not so. */
	expect(S("POST /u HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
		 "Content-Length: 3\r\n\r\nxyz"),
	    S(""), "> POST /u h  whole:xyz|");
}

/* What some receivers read otherwise than the standard says. */
static void
test_lenient(void **state UNUSED)
{
	static const char *const HEADS[] = {
	    "Transfer-Encoding:chunked\r\n\r\n",
	    "Transfer-Encoding \t:\fchunked\v\r\n\r\n",
	    "Transfer-Encoding\r :chunked\r\n\r\n",
	    "Transfer-Encoding:\r\n chunked\r\n\r\n",
	    "X: y\rTransfer-Encoding: chunked\r\n\r\n",
	    "Transfer-Encoding: chunked,\r\n\r\n",
	    "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
	    "Transfer-Encoding: chunked\n \n",
	};
	static const char *const BODIES[] = {"5\r\nhello\r\n0\r\n\r\n",
	    " 5\r\nhello\r\n0\r\n\r\n",
	    "00000000000000000000005\r\nhello\r\n0\r\n\r\n",
	    "5;x=y\r\nhello\r\n0\r\n\r\n"};

	for (size_t i = 0; i < ARRAY_LEN(HEADS); i++)
		for (size_t k = 0; k < ARRAY_LEN(BODIES); k++) {
			char up[512];
			int n = snprintf(up, sizeof up,
			    "POST /u HTTP/1.1\r\nHost: h\r\n%s%s", HEADS[i],
			    BODIES[k]);

			expect((const uint8_t *)up, (size_t)n, S(""),
			    "> POST /u h  whole:hello|");
		}
	/* Not chunked although it says so: as long as it says, too. */
	expect(S("POST /u HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked"
		 "\r\nContent-Length: 5\r\n\r\nhello"
		 "POST /v HTTP/1.1\r\nHost: h\r\nContent-Length: ,1\r\n\r\nx"),
	    S(""), "> POST /u h  whole:hello|> POST /v h  whole:x|");
	/* A body where there must be none. */
	expect(S("GET /u HTTP/1.1\r\nHost: h\r\n\r\n"),
	    S("HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nhello"),
	    "< GET /u h  whole:hello|");
	expect(S("GET /u HTTP/1.1\r\nHost: h\r\n\r\n"),
	    S("HTTP/0.9 200 x\r\nContent-Length:\r\n 5\r\n\r\nhello"),
	    "< GET /u h  whole:hello|");
}

static void
test_gap(void **state UNUSED)
{
	struct seen s;
	struct web *w = begin(&s);

	feed(w, TO_SERVER,
	    S("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"),
	    100);
	assert_int_equal(web_gap(w, TO_SERVER, 4), 0);
	feed(w, TO_SERVER,
	    S("xyzPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1"),
	    100);
	assert_int_equal(web_gap(w, TO_SERVER, 9), 0);
	feed(w, TO_SERVER, S("middle of something"), 100);
	feed(w, TO_SERVER,
	    S("POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n2"),
	    100);
	assert_int_equal(web_close(w), 0);
	assert_string_equal(buf_text(&s.out),
	    "> POST /a h  part:abcxyz|> POST /b h  whole:1|"
	    "> POST /c h  whole:2|");
	web_free(w);
	finish(&s);
}

static void
test_other_protocols(void **state UNUSED)
{
	struct seen s;
	struct web *w = begin(&s);

	feed(w, TO_CLIENT, S("220 mail.example ESMTP\r\n"), 3);
	feed(w, TO_SERVER, S("EHLO x\r\n"), 3);
	assert_false(web_is_http(w));
	assert_int_equal(s.texts, 24 + 8);
	assert_int_equal(web_close(w), 0);
	assert_int_equal(s.out.len, 0);
	web_free(w);
	finish(&s);
	w = begin(&s);
	feed(w, TO_SERVER, S("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"), 7);
	feed(w, TO_CLIENT, S("HTTP/1.1 200 OK\r\n\r\n"), 7);
	s.texts = 0;
	feed(w, TO_SERVER, S("anything"), 3);
	assert_int_equal(s.texts, 8);
	web_free(w);
	finish(&s);
}

static void
test_bomb(void **state UNUSED)
{
	static char zeros[1 << 22];
	static uint8_t up[65536];
	struct seen s;
	struct web *w = begin(&s);
	uint8_t body[16384];
	size_t n;
	int head;

	memset(zeros, 'a', sizeof zeros - 1);
	n = pack(31, zeros, body, sizeof body);
	head = snprintf((char *)up, sizeof up,
	    "POST /u HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    n);
	memcpy(up + head, body, n);
	feed(w, TO_SERVER, up, (size_t)head + n, 4096);
	assert_int_equal(web_close(w), 0);
	assert_int_equal(s.skips, 1);
	assert_non_null(strstr(buf_text(&s.out), "part:aaaa"));
	web_free(w);
	finish(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_length_and_pipeline),
	    cmocka_unit_test(test_chunked),
	    cmocka_unit_test(test_multipart),
	    cmocka_unit_test(test_codings),
	    cmocka_unit_test(test_lenient),
	    cmocka_unit_test(test_gap),
	    cmocka_unit_test(test_other_protocols),
	    cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests_name("extract/web", tests, NULL, NULL);
}
