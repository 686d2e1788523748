/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relayed_test - what a terminal is told becomes what it shows; an SFTP server's
 * answers become files; both at any cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/extract/extract.h"
#include "lib/buf.h"

#include "lib/own.h"

static struct content
content(const void *data, size_t len)
{
	return (struct content){.data = data, .len = len};
}

/* Fed in pieces of every length up to the whole. */
static void
shows(const char *told, const char *shown)
{
	size_t len = strlen(told);

	for (size_t piece = 1; piece <= len; piece++) {
		OWN(buf_done) struct buf out = {0};
		struct screen s = {0};

		buf_init(&out, 4096);
		for (size_t at = 0; at < len; at += piece)
			screen_feed(&s,
			    content(
				told + at, len - at < piece ? len - at : piece),
			    &out);
		screen_end(&s, &out);
		assert_string_equal(buf_text(&out), shown);
		assert_int_equal(s.held, 0);
	}
}

static void
text_of_a_terminal(void **state UNUSED)
{
	shows("4532 0151\r\n1283\r\n", "4532 0151\n1283\n");
	shows("\033[1;31mred\033[0m \033(Bplain", "red plain");
	shows("a\033[5Cb", "a b");
	shows("one\033[2;1Htwo", "one\ntwo");
	shows("10%\r20%\r\n", "10%\n20%\n");
	shows("caf\303\251\n", "caf\303\251\n");
	shows("bo\bold", "bold");
}

/* What does not show on the screen went out all the same. */
static void
nothing_hides_in_a_sequence(void **state UNUSED)
{
	shows("\033]0;4532015112830366\a$ ", "0;4532015112830366\n$ ");
	shows("x\033P4532015112830366\033\\y", "x\n4532015112830366\ny");
	shows("\033[4532015112830366;4532015112830366m.",
	    "4532015112830366;4532015112830366m.");
	shows("\033[4532", "4532");
	shows("4532015112830366\b", "4532015112830366");
	shows("4532015112830366\b\n", "4532015112830366\n");
}

struct files {
	struct buf out;
	unsigned n;
};

static void
on_data(void *ctx, struct content c)
{
	struct files *f = ctx;

	buf_put(&f->out, c.data, c.len);
}

static void
on_file(void *ctx)
{
	struct files *f = ctx;

	f->n++;
}

static void
put_packet(struct buf *b, uint8_t type, const void *body, size_t len)
{
	buf_put_u32(b, (uint32_t)len + 5);
	buf_put_u8(b, type);
	buf_put_u32(b, 7); /* its id */
	buf_put(b, body, len);
}

static void
put_data(struct buf *b, const char *text)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 4096);
	buf_put_str(&m, text);
	put_packet(b, 103, m.data, m.len);
}

static void
session(struct buf *b)
{
	buf_init(b, 4096);
	buf_put_u32(b, 5);
	buf_put_u8(b, 2); /* version */
	buf_put_u32(b, 3);
	put_packet(b, 102, "h", 1);
	put_data(b, "card 4532 01");
	put_data(b, "51 1283 0366\n");
	put_packet(b, 101, "eof!", 4);
	put_packet(b, 102, "h", 1);
	put_data(b, "another\n");
}

static void
files_of_sftp(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};

	session(&b);
	assert_true(sftp_begins(content(b.data, b.len)));
	for (size_t piece = 1; piece <= b.len; piece++) {
		struct files f = {0};
		const struct sftp_sink sink = {&f, on_data, on_file};
		struct sftp s = {0};

		buf_init(&f.out, 4096);
		for (size_t at = 0; at < b.len; at += piece)
			sftp_feed(&s,
			    content(b.data + at,
				b.len - at < piece ? b.len - at : piece),
			    &sink);
		assert_string_equal(
		    buf_text(&f.out), "card 4532 0151 1283 0366\nanother\n");
		assert_int_equal(f.n, 2);
		assert_false(s.lost);
		buf_done(&f.out);
	}
}

static void
what_is_no_sftp_is_kept_whole(void **state UNUSED)
{
	static const uint8_t WRONG[] = {
	    0, 0, 0, 20, 103, 0, 0, 0, 1, 0, 0, 0, 99, 'x', 'y'};
	struct files f = {0};
	const struct sftp_sink sink = {&f, on_data, on_file};
	struct sftp s = {0};

	assert_false(sftp_begins(content("card 4532", 9)));
	assert_false(sftp_begins(content("\0\0\0\5", 4)));
	assert_false(sftp_begins(content("\0\0\0\4e", 5)));
	assert_false(sftp_begins(content("\0\4\0\1e", 5)));
	buf_init(&f.out, 4096);
	sftp_feed(&s, content(WRONG, sizeof WRONG), &sink);
	sftp_feed(&s, content("z", 1), &sink);
	assert_true(s.lost);
	assert_int_equal(f.out.len, sizeof WRONG + 1);
	buf_done(&f.out);
}

static void
a_gap_within_a_file_costs_only_itself(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};
	struct files f = {0};
	const struct sftp_sink sink = {&f, on_data, on_file};
	struct sftp s = {0};

	buf_init(&b, 4096);
	put_data(&b, "0123456789");
	put_data(&b, "next");
	buf_init(&f.out, 4096);
	sftp_feed(&s, content(b.data, 15), &sink); /* two of the ten bytes */
	sftp_gap(&s, 8, &sink);
	sftp_feed(&s, content(b.data + 23, b.len - 23), &sink);
	assert_string_equal(buf_text(&f.out), "01next");
	assert_false(s.lost);
	/* Over a packet's end, what comes is looked at as it is. */
	sftp_gap(&s, 1, &sink);
	assert_true(s.lost);
	buf_done(&f.out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_of_a_terminal),
	    cmocka_unit_test(nothing_hides_in_a_sequence),
	    cmocka_unit_test(files_of_sftp),
	    cmocka_unit_test(what_is_no_sftp_is_kept_whole),
	    cmocka_unit_test(a_gap_within_a_file_costs_only_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
