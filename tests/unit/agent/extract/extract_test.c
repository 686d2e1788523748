/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract_test - containers, their budgets, and a word for whatever was not
 * looked at. The containers are made here, with zlib and libarchive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include "agent/extract/extract.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

#define SEEN_MAX 64
#define TEXT "The card is 4111 1111 1111 1111.\n"

struct seen {
	char names[SEEN_MAX][256];
	char types[SEEN_MAX][80];
	struct buf texts[SEEN_MAX];
	uint64_t raw_end[SEEN_MAX]; /* where the text's end lies in the bytes */
	size_t n;
	char skips[SEEN_MAX][2][256]; /* reason, member */
	uint64_t skipped[SEEN_MAX];
	size_t nskips;
	bool inside;
	int refuse; /* what text() returns */
};

static struct extract *x;
static struct seen seen;
static uint64_t examined;
static char type[80];

static int
on_begin(void *ctx, const char *member, const char *t)
{
	struct seen *s = ctx;

	assert_false(s->inside);
	s->inside = true;
	assert_true(s->n < SEEN_MAX);
	(void)str_copy(s->names[s->n], 256, member);
	(void)str_copy(s->types[s->n], 80, t);
	buf_init(&s->texts[s->n], (size_t)1 << 28);
	return 0;
}

static int
on_text(void *ctx, struct content c)
{
	struct seen *s = ctx;

	assert_true(s->inside);
	assert_true(c.len > 0);
	buf_put(&s->texts[s->n], c.data, c.len);
	return s->refuse;
}

static int
on_end(void *ctx)
{
	struct seen *s = ctx;

	assert_true(s->inside);
	s->inside = false;
	s->raw_end[s->n] = extract_raw(x, s->texts[s->n].len);
	s->n++;
	return 0;
}

static void
on_skip(void *ctx, const char *member, const char *reason, uint64_t bytes)
{
	struct seen *s = ctx;

	assert_false(s->inside);
	assert_true(s->nskips < SEEN_MAX);
	(void)str_copy(s->skips[s->nskips][0], 256, reason);
	(void)str_copy(s->skips[s->nskips][1], 256, member);
	s->skipped[s->nskips++] = bytes;
}

static void
forget(void)
{
	for (size_t i = 0; i < SEEN_MAX; i++)
		buf_done(&seen.texts[i]);
	seen = (struct seen){0};
}

static int
run(const struct buf *b, const struct extract_limits *lim)
{
	const struct extract_limits standard = extract_limits_default();
	const struct extract_sink sink = {.ctx = &seen,
	    .begin = on_begin,
	    .text = on_text,
	    .end = on_end,
	    .skip = on_skip};
	struct content c = {.data = b->data, .len = b->len};
	int refuse = seen.refuse;

	forget();
	seen.refuse = refuse;
	return extract_bytes(
	    x, c, lim != NULL ? lim : &standard, &sink, &examined, type);
}

/* Asserts that a member was seen with these bytes. */
static void
saw(const char *name, const char *text)
{
	for (size_t i = 0; i < seen.n; i++)
		if (str_eq(seen.names[i], name) &&
		    seen.texts[i].len == strlen(text) &&
		    (seen.texts[i].len == 0 ||
			memcmp(seen.texts[i].data, text, strlen(text)) == 0))
			return;
	for (size_t i = 0; i < seen.n; i++)
		print_message("# saw \"%s\" of %s, %zu bytes\n", seen.names[i],
		    seen.types[i], seen.texts[i].len);
	fail_msg("no member \"%s\"", name);
}

static void
skipped(const char *name, const char *reason)
{
	for (size_t i = 0; i < seen.nskips; i++)
		if (str_eq(seen.skips[i][0], reason) &&
		    str_eq(seen.skips[i][1], name))
			return;
	for (size_t i = 0; i < seen.nskips; i++)
		print_message("# skipped \"%s\": %s\n", seen.skips[i][1],
		    seen.skips[i][0]);
	fail_msg("\"%s\" was not skipped: %s", name, reason);
}

/* ---- makers -------------------------------------------------------------- */

static void
text_of(struct buf *out, const char *text)
{
	buf_init(out, (size_t)1 << 26);
	buf_put(out, text, strlen(text));
}

/* @name: NULL for none. Appends, so that members can follow each other. */
static void
gzip_onto(struct buf *out, const void *data, size_t len, const char *name)
{
	z_stream z = {0};
	gz_header h = {.name = (Bytef *)(uintptr_t)name, .os = 3};
	size_t room = len + len / 100 + 1024;
	uint8_t *to;

	assert_int_equal(
	    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
	    Z_OK);
	if (name != NULL)
		assert_int_equal(deflateSetHeader(&z, &h), Z_OK);
	to = malloc(room);
	assert_non_null(to);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = to;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_put(out, to, room - z.avail_out);
	free(to);
	(void)deflateEnd(&z);
}

static void
gzip_of(struct buf *out, const struct buf *in, const char *name)
{
	buf_init(out, (size_t)1 << 26);
	gzip_onto(out, in->data, in->len, name);
}

struct entry {
	const char *name;
	const void *data;
	size_t len;
};

static void
archive_of(struct buf *out, const char *format, const char *options,
    const struct entry *list, size_t n)
{
	const size_t room = (size_t)1 << 24;
	struct archive *a = archive_write_new();
	uint8_t *to = malloc(room);
	size_t used = 0;

	assert_non_null(to);
	assert_int_equal(archive_write_set_format_by_name(a, format), 0);
	/* A filter's name stands alone; an option has a colon. */
	if (options != NULL && strchr(options, ':') == NULL) {
		assert_int_equal(
		    archive_write_add_filter_by_name(a, options), 0);
		options = NULL;
	}
	if (options != NULL) {
		assert_int_equal(archive_write_set_options(a, options), 0);
		if (strstr(options, "encryption") != NULL)
			assert_int_equal(
			    archive_write_set_passphrase(a, "secret"), 0);
	}
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), 0);
	assert_int_equal(archive_write_open_memory(a, to, room, &used), 0);
	for (size_t i = 0; i < n; i++) {
		struct archive_entry *e = archive_entry_new();

		archive_entry_set_pathname(e, list[i].name);
		archive_entry_set_size(e, (la_int64_t)list[i].len);
		archive_entry_set_filetype(e, AE_IFREG);
		archive_entry_set_perm(e, 0644);
		assert_int_equal(archive_write_header(a, e), 0);
		assert_int_equal(
		    archive_write_data(a, list[i].data, list[i].len),
		    list[i].len);
		archive_entry_free(e);
	}
	assert_int_equal(archive_write_close(a), 0);
	buf_init(out, room * 2);
	buf_put(out, to, used);
	(void)archive_write_free(a);
	free(to);
}

/* ---- tests --------------------------------------------------------------- */

static void
plain_text(void **state)
{
	struct buf b;

	(void)state;
	text_of(&b, TEXT);
	assert_int_equal(run(&b, NULL), 0);
	assert_int_equal(seen.n, 1);
	saw("", TEXT);
	assert_string_equal(type, "text/plain");
	assert_int_equal(examined, strlen(TEXT));
	assert_int_equal(seen.nskips, 0);
	buf_done(&b);
}

static void
nothing(void **state)
{
	struct buf b;

	(void)state;
	text_of(&b, "");
	assert_int_equal(run(&b, NULL), 0);
	saw("", "");
	assert_string_equal(type, "inode/x-empty");
	assert_int_equal(examined, 0);
	assert_int_equal(seen.nskips, 0);
	buf_done(&b);
}

/* Structured text that has no reader of its own loses nothing. */
static void
other_markup_is_scanned_as_it_is(void **state)
{
	static const char *const KINDS[] = {"%!PS\n(" TEXT ") show\n",
	    "<?xml version=\"1.0\"?><a>" TEXT "</a>",
	    "From: a@example.org\nSubject: x\n\n" TEXT};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		text_of(&b, KINDS[i]);
		assert_int_equal(run(&b, NULL), 0);
		saw("", KINDS[i]);
		assert_int_equal(seen.n, 1);
		buf_done(&b);
	}
}

static void
binary_is_scanned_as_it_is(void **state)
{
	static const char PNG[] =
	    "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1"
	    "\x08\6\0\0\0" TEXT;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	buf_put(&b, PNG, sizeof PNG);
	assert_int_equal(run(&b, NULL), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.texts[0].len, sizeof PNG);
	assert_memory_equal(seen.texts[0].data, PNG, sizeof PNG);
	assert_string_equal(type, "image/png");
	skipped("", "unknown binary format");
	buf_done(&b);
}

static void
a_file_by_descriptor(void **state)
{
	const struct extract_limits lim = extract_limits_default();
	const struct extract_sink sink = {.ctx = &seen,
	    .begin = on_begin,
	    .text = on_text,
	    .end = on_end,
	    .skip = on_skip};
	OWN_FD int fd = memfd_create("x", MFD_CLOEXEC);
	int pair[2];

	(void)state;
	assert_int_equal(write(fd, TEXT, strlen(TEXT)), strlen(TEXT));
	forget();
	/* Its offset stands at the end, and is the user's: it stays there. */
	assert_int_equal(extract_file(x, fd, &lim, &sink, &examined, type), 0);
	saw("", TEXT);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), strlen(TEXT));
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(
	    extract_file(x, pair[0], &lim, &sink, &examined, type), -EINVAL);
	close(pair[0]);
	close(pair[1]);
}

static void
gzip_with_and_without_a_name(void **state)
{
	struct buf plain, b;

	(void)state;
	text_of(&plain, TEXT);
	gzip_of(&b, &plain, "cards.csv");
	assert_int_equal(run(&b, NULL), 0);
	assert_int_equal(seen.n, 1);
	saw("cards.csv", TEXT);
	assert_string_equal(type, "application/gzip");
	assert_int_equal(examined, b.len);
	buf_done(&b);
	gzip_of(&b, &plain, NULL);
	assert_int_equal(run(&b, NULL), 0);
	saw("data", TEXT);
	assert_int_equal(seen.nskips, 0);
	/* A second member goes on with the same content. */
	gzip_onto(&b, "more\n", 5, NULL);
	assert_int_equal(run(&b, NULL), 0);
	saw("data", TEXT "more\n");
	assert_int_equal(seen.n, 1);
	/* What follows the last one is looked at too. */
	buf_put(&b, "behind", 6);
	assert_int_equal(run(&b, NULL), 0);
	assert_int_equal(seen.n, 2);
	saw("", "behind");
	assert_int_equal(seen.raw_end[1], b.len);
	buf_done(&b);
	buf_done(&plain);
}

static void
zip_and_tar(void **state)
{
	static const char UTF16[] = "\xff\xfeI\0d\0\n\0";
	const struct entry list[] = {{"a.txt", TEXT, strlen(TEXT)},
	    {"dir/b.csv", UTF16, sizeof UTF16 - 1}, {"empty", "", 0}};
	static const char *const FORMATS[] = {"zip", "zip", "ustar", "pax"};
	static const char *const OPTIONS[] = {
	    "zip:compression=deflate", "zip:compression=store", NULL, NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
		struct buf b;

		archive_of(&b, FORMATS[i], OPTIONS[i], list, 3);
		assert_int_equal(run(&b, NULL), 0);
		saw("a.txt", TEXT);
		saw("dir/b.csv", "Id\n");
		saw("empty", "");
		assert_int_equal(seen.nskips, 0);
		assert_string_equal(
		    type, i < 2 ? "application/zip" : "application/x-tar");
		assert_int_equal(examined, b.len);
		buf_done(&b);
	}
}

static void
containers_in_containers(void **state)
{
	const struct entry inner[] = {{"b.csv", TEXT, strlen(TEXT)}};
	struct entry outer[] = {{"x", TEXT, strlen(TEXT)},
	    {"a.tar.gz", NULL, 0}, {"z.zip", NULL, 0}};
	struct buf tar, gz, zip, all;

	(void)state;
	archive_of(&tar, "ustar", NULL, inner, 1);
	gzip_of(&gz, &tar, "a.tar");
	archive_of(&zip, "zip", NULL, inner, 1);
	outer[1].data = gz.data;
	outer[1].len = gz.len;
	outer[2].data = zip.data;
	outer[2].len = zip.len;
	archive_of(&all, "zip", NULL, outer, 3);
	assert_int_equal(run(&all, NULL), 0);
	saw("x", TEXT);
	saw("a.tar.gz!b.csv", TEXT);
	saw("z.zip!b.csv", TEXT);
	assert_int_equal(seen.nskips, 0);
	/* A tar.gz of its own has its entries' names alone. */
	assert_int_equal(run(&gz, NULL), 0);
	saw("b.csv", TEXT);
	buf_done(&all);
	buf_done(&zip);
	buf_done(&gz);
	buf_done(&tar);
}

static void
a_name_decides_nothing(void **state)
{
	struct buf plain, gz, b;
	struct entry list[] = {{"photo.png", NULL, 0}};

	(void)state;
	text_of(&plain, TEXT);
	gzip_of(&gz, &plain, NULL);
	list[0].data = gz.data;
	list[0].len = gz.len;
	archive_of(&b, "zip", NULL, list, 1);
	assert_int_equal(run(&b, NULL), 0);
	saw("photo.png!data", TEXT);
	buf_done(&b);
	buf_done(&gz);
	buf_done(&plain);
}

static void
a_hostile_name_is_escaped(void **state)
{
	const struct entry list[] = {{"a\033[2J\nb", TEXT, strlen(TEXT)}};
	struct buf b;

	(void)state;
	archive_of(&b, "ustar", NULL, list, 1);
	assert_int_equal(run(&b, NULL), 0);
	saw("a\\x1b[2J\\x0ab", TEXT);
	buf_done(&b);
}

static void
encrypted_entries_are_told(void **state)
{
	const struct entry list[] = {
	    {"open.txt", TEXT, strlen(TEXT)}, {"two.txt", TEXT, strlen(TEXT)}};
	static const char *const KINDS[] = {
	    "zip:encryption=zipcrypt", "zip:encryption=aes256"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		struct buf b;

		archive_of(&b, "zip", KINDS[i], list, 2);
		assert_int_equal(run(&b, NULL), 0);
		skipped("open.txt", "encrypted");
		/* The next one, or all that is left of the archive. */
		assert_int_equal(seen.nskips, 2);
		assert_string_equal(seen.skips[1][0], "encrypted");
		for (size_t k = 0; k < seen.n; k++)
			assert_string_equal(seen.names[k], "");
		assert_true(examined < b.len);
		buf_done(&b);
	}
}

static void
damage_is_told(void **state)
{
	struct buf plain, gz, b;

	(void)state;
	buf_init(&plain, 1 << 22);
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&plain, "line %u %u\n", i, i * 2654435761u);
	gzip_of(&gz, &plain, NULL);
	/* Cut short: what came is given. */
	buf_init(&b, 1 << 22);
	buf_put(&b, gz.data, gz.len / 2);
	assert_int_equal(run(&b, NULL), 0);
	skipped("data", "truncated");
	assert_true(seen.texts[0].len > 1000);
	assert_memory_equal(seen.texts[0].data, plain.data, seen.texts[0].len);
	/* A bad byte: the rest is scanned as it is. */
	gz.data[gz.len / 2] ^= 0x55;
	assert_int_equal(run(&gz, NULL), 0);
	skipped("data", "corrupt");
	buf_done(&b);
	buf_done(&gz);
	buf_done(&plain);
}

static void
a_damaged_zip_is_told(void **state)
{
	const struct entry list[] = {
	    {"a.txt", TEXT, strlen(TEXT)}, {"b.txt", TEXT, strlen(TEXT)}};
	struct buf b, cut;
	uint8_t *second;
	const uint8_t *at;

	(void)state;
	archive_of(&b, "zip", "zip:compression=store", list, 2);
	buf_init(&cut, 1 << 20);
	at = memmem(b.data, b.len, TEXT, strlen(TEXT));
	assert_non_null(at);
	buf_put(&cut, b.data, (size_t)(at - b.data) + 9);
	assert_int_equal(run(&cut, NULL), 0);
	/* The library gives no part of a stored entry that is cut. */
	skipped("a.txt", "truncated");
	/* Cut within a header: there is no entry, but the word. */
	cut.len = 50;
	assert_int_equal(run(&cut, NULL), 0);
	skipped("", "truncated");
	/* The second header is none: what follows is scanned as it is. */
	second = memmem(b.data + 4, b.len - 4, "PK\3\4", 4);
	assert_non_null(second);
	second[2] = 'x';
	assert_int_equal(run(&b, NULL), 0);
	saw("a.txt", TEXT);
	assert_true(seen.n >= 2);
	assert_non_null(memmem(seen.texts[seen.n - 1].data,
	    seen.texts[seen.n - 1].len, TEXT, strlen(TEXT)));
	buf_done(&cut);
	buf_done(&b);
}

static void
bombs_stop(void **state)
{
	struct extract_limits lim = extract_limits_default();
	struct buf zeroes, gz, gz2;

	(void)state;
	buf_init(&zeroes, (size_t)1 << 26);
	memset(buf_grow(&zeroes, (size_t)8 << 20), 'a', (size_t)8 << 20);
	gzip_of(&gz, &zeroes, NULL);
	assert_int_equal(run(&gz, &lim), 0);
	skipped("data", "over the budget of the compression ratio");
	assert_true(seen.texts[0].len < (size_t)3 << 20);
	lim.ratio_max = 100000;
	assert_int_equal(run(&gz, &lim), 0);
	assert_int_equal(seen.nskips, 0);
	assert_int_equal(seen.texts[0].len, (size_t)8 << 20);
	lim.output_max = 1 << 20;
	assert_int_equal(run(&gz, &lim), 0);
	skipped("data", "over the budget of decoded bytes");
	lim = extract_limits_default();
	lim.cpu_us_max = 0;
	assert_int_equal(run(&zeroes, &lim), 0);
	skipped("", "over the budget of CPU time");
	/* A bomb in a bomb. */
	gzip_of(&gz2, &gz, NULL);
	lim = extract_limits_default();
	assert_int_equal(run(&gz2, &lim), 0);
	assert_int_equal(seen.nskips, 1);
	buf_done(&gz2);
	buf_done(&gz);
	buf_done(&zeroes);
}

static void
too_deep_is_scanned_as_it_is(void **state)
{
	struct extract_limits lim = extract_limits_default();
	struct buf b, next;

	(void)state;
	text_of(&b, TEXT);
	for (int i = 0; i < 7; i++) {
		gzip_of(&next, &b, NULL);
		buf_done(&b);
		b = next;
	}
	assert_int_equal(run(&b, &lim), 0);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.types[0], "application/gzip");
	skipped("data", "over the budget of depth");
	lim.depth_max = 7;
	assert_int_equal(run(&b, &lim), 0);
	saw("data", TEXT);
	assert_int_equal(seen.nskips, 0);
	/* Deeper than any budget allows. */
	for (int i = 0; i < 20; i++) {
		gzip_of(&next, &b, NULL);
		buf_done(&b);
		b = next;
	}
	lim.depth_max = 1000;
	assert_int_equal(run(&b, &lim), 0);
	skipped("data", "over the budget of depth");
	buf_done(&b);
}

static void
entries_and_bytes_have_budgets(void **state)
{
	const struct entry list[] = {
	    {"a", "1", 1}, {"b", "2", 1}, {"c", "3", 1}};
	struct extract_limits lim = extract_limits_default();
	struct buf b;

	(void)state;
	archive_of(&b, "ustar", NULL, list, 3);
	lim.entries_max = 2;
	assert_int_equal(run(&b, &lim), 0);
	saw("a", "1");
	saw("b", "2");
	assert_int_equal(seen.n, 2);
	skipped("c", "over the budget of entries");
	buf_done(&b);
	text_of(&b, TEXT TEXT);
	lim.bytes_max = strlen(TEXT);
	assert_int_equal(run(&b, &lim), 0);
	saw("", TEXT);
	assert_int_equal(examined, strlen(TEXT));
	buf_done(&b);
}

/* A file longer than its budget: the rest is told with its length. */
static void
a_long_file_is_cut_and_told(void **state)
{
	struct extract_limits lim = extract_limits_default();
	const struct extract_sink sink = {.ctx = &seen,
	    .begin = on_begin,
	    .text = on_text,
	    .end = on_end,
	    .skip = on_skip};
	OWN_FD int fd = memfd_create("x", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(
	    write(fd, TEXT TEXT, 2 * strlen(TEXT)), 2 * strlen(TEXT));
	forget();
	lim.bytes_max = strlen(TEXT);
	assert_int_equal(extract_file(x, fd, &lim, &sink, &examined, type), 0);
	saw("", TEXT);
	skipped("", "over the budget of bytes");
	assert_int_equal(seen.skipped[0], strlen(TEXT));
}

static void
a_refusing_sink_stops_it(void **state)
{
	const struct entry list[] = {{"a", TEXT, strlen(TEXT)}};
	struct buf b;

	(void)state;
	archive_of(&b, "zip", NULL, list, 1);
	seen.refuse = -ENOMEM;
	assert_int_equal(run(&b, NULL), -ENOMEM);
	seen.refuse = 0;
	seen.inside = false;
	/* And the next object is none the worse for it. */
	assert_int_equal(run(&b, NULL), 0);
	saw("a", TEXT);
	buf_done(&b);
}

/* ---- the other kinds ----------------------------------------------------- */

static void
files_of_many_members(void **state)
{
	const struct entry list[] = {
	    {"a.txt", TEXT, strlen(TEXT)}, {"b.csv", "x;y\n", 4}};
	static const char *const KINDS[][2] = {
	    {"7zip", "application/x-7z-compressed"},
	    {"cpio", "application/x-cpio"}, {"newc", "application/x-cpio"},
	    {"bin", "application/x-cpio"}, {"arbsd", "application/x-archive"},
	    {"iso9660", "application/x-iso9660-image"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		struct buf b;

		archive_of(&b, KINDS[i][0], NULL, list, 2);
		assert_int_equal(run(&b, NULL), 0);
		saw("a.txt", TEXT);
		saw("b.csv", "x;y\n");
		assert_int_equal(seen.nskips, 0);
		assert_string_equal(type, KINDS[i][1]);
		assert_int_equal(examined, b.len);
		/* What lies behind it is looked at as it is. */
		buf_put(&b, "behind", 6);
		assert_int_equal(run(&b, NULL), 0);
		saw("", "behind");
		assert_int_equal(examined, b.len);
		buf_done(&b);
	}
}

static void
compressed_streams(void **state)
{
	const struct entry list[] = {{"a.txt", TEXT, strlen(TEXT)}};
	static const char *const KINDS[][2] = {{"bzip2", "application/x-bzip2"},
	    {"xz", "application/x-xz"}, {"zstd", "application/zstd"},
	    {"lz4", "application/x-lz4"}, {"lzip", "application/x-lzip"},
	    {"compress", "application/x-compress"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		struct buf b;

		archive_of(&b, "raw", KINDS[i][0], list, 1);
		assert_int_equal(run(&b, NULL), 0);
		saw("data", TEXT);
		assert_string_equal(type, KINDS[i][1]);
		assert_int_equal(seen.nskips, 0);
		assert_int_equal(examined, b.len);
		/* A tar in it has its entries' names alone. */
		buf_done(&b);
		archive_of(&b, "ustar", KINDS[i][0], list, 1);
		assert_int_equal(run(&b, NULL), 0);
		saw("a.txt", TEXT);
		buf_done(&b);
	}
}

/* Each of the kinds in each other, four deep. */
static void
kinds_in_kinds(void **state)
{
	static const char *const KINDS[][2] = {{"7zip", NULL},
	    {"newc", "bzip2"}, {"iso9660", NULL}, {"zip", NULL},
	    {"arbsd", "xz"}, {"pax", "zstd"}};
	const size_t n = ARRAY_LEN(KINDS);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct buf b, next;
		struct extract_limits lim = extract_limits_default();

		/* The depth counts the compression, too. */
		lim.depth_max = 8;
		text_of(&b, TEXT);
		for (size_t k = 0; k < 4; k++) {
			const struct entry e = {"m", b.data, b.len};

			archive_of(&next, KINDS[(i + k) % n][0],
			    KINDS[(i + k) % n][1], &e, 1);
			buf_done(&b);
			b = next;
		}
		assert_int_equal(run(&b, &lim), 0);
		saw("m!m!m!m", TEXT);
		for (size_t k = 0; k < seen.nskips; k++)
			print_message("# %zu: %s %s\n", i, seen.skips[k][0],
			    seen.skips[k][1]);
		assert_int_equal(seen.nskips, 0);
		buf_done(&b);
	}
}

/* The same by a descriptor, in which a 7z is sought. */
static void
a_7z_by_descriptor(void **state)
{
	const struct entry list[] = {
	    {"a.txt", TEXT, strlen(TEXT)}, {"b.csv", "x;y\n", 4}};
	const struct extract_limits lim = extract_limits_default();
	const struct extract_sink sink = {.ctx = &seen,
	    .begin = on_begin,
	    .text = on_text,
	    .end = on_end,
	    .skip = on_skip};
	OWN_FD int fd = memfd_create("x", MFD_CLOEXEC);
	struct buf b;

	(void)state;
	archive_of(&b, "7zip", NULL, list, 2);
	assert_int_equal(write(fd, b.data, b.len), b.len);
	forget();
	assert_int_equal(extract_file(x, fd, &lim, &sink, &examined, type), 0);
	saw("a.txt", TEXT);
	saw("b.csv", "x;y\n");
	assert_int_equal(examined, b.len);
	assert_int_equal(seen.nskips, 0);
	buf_done(&b);
}

static void
a_damaged_7z_is_told(void **state)
{
	const struct entry list[] = {{"a.txt", TEXT, strlen(TEXT)}};
	struct buf b, zip;
	struct entry in = {"in.7z", NULL, 0};

	(void)state;
	archive_of(&b, "7zip", NULL, list, 1);
	/* The start header points behind the end. */
	b.len -= 10;
	assert_int_equal(run(&b, NULL), 0);
	assert_int_equal(seen.nskips, 1);
	assert_int_equal(examined, b.len);
	in.data = b.data;
	in.len = b.len;
	archive_of(&zip, "zip", NULL, &in, 1);
	assert_int_equal(run(&zip, NULL), 0);
	assert_int_equal(seen.nskips, 1);
	assert_string_equal(seen.skips[0][1], "in.7z");
	buf_done(&zip);
	/* It claims to be as long as no memory is. */
	b.data[18] = 0x40;
	in.data = b.data;
	archive_of(&zip, "zip", NULL, &in, 1);
	assert_int_equal(run(&zip, NULL), 0);
	skipped("in.7z", "too large to be looked into where it lies");
	buf_done(&zip);
	buf_done(&b);
}

static void
put_le(struct buf *b, uint64_t v, size_t n)
{
	for (; n > 0; n--, v >>= 8)
		buf_put_u8(b, (uint8_t)v);
}

/* A block of a RAR 5 file: its check sum, its length, then the fields. */
static void
rar5_block(struct buf *b, const void *fields, size_t len)
{
	uint8_t head[128] = {(uint8_t)len};

	memcpy(head + 1, fields, len);
	put_le(b, crc32(0, head, (uInt)(len + 1)), 4);
	buf_put(b, head, len + 1);
}

/* RAR 5 by its published format, one stored file. */
static void
a_stored_rar(void **state)
{
	uint8_t file[] = {2, 2, sizeof TEXT - 1, 4, sizeof TEXT - 1, 0, 0, 0, 0,
	    0, 0, 1, 5, 'c', '.', 't', 'x', 't'};
	uint32_t sum =
	    (uint32_t)crc32(0, (const Bytef *)TEXT, (uInt)strlen(TEXT));
	struct buf b;

	(void)state;
	/* Fields: type, flags (data follows), its size, file flags (CRC32),
	 * size, attributes, CRC32, compression, system, name. */
	for (size_t i = 0; i < 4; i++)
		file[6 + i] = (uint8_t)(sum >> 8 * i);
	buf_init(&b, 4096);
	buf_put(&b, "Rar!\x1a\x07\x01\0", 8);
	rar5_block(&b, "\1\0\0", 3);
	rar5_block(&b, file, sizeof file);
	buf_put(&b, TEXT, strlen(TEXT));
	rar5_block(&b, "\5\0\0", 3);
	assert_int_equal(run(&b, NULL), 0);
	saw("c.txt", TEXT);
	assert_int_equal(seen.nskips, 0);
	assert_string_equal(type, "application/x-rar");
	buf_done(&b);
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
	for (size_t i = 0; i < SEEN_MAX; i++)
		buf_done(&seen.texts[i]);
	extract_free(x);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_text),
	    cmocka_unit_test(nothing),
	    cmocka_unit_test(other_markup_is_scanned_as_it_is),
	    cmocka_unit_test(binary_is_scanned_as_it_is),
	    cmocka_unit_test(a_file_by_descriptor),
	    cmocka_unit_test(gzip_with_and_without_a_name),
	    cmocka_unit_test(zip_and_tar),
	    cmocka_unit_test(containers_in_containers),
	    cmocka_unit_test(a_name_decides_nothing),
	    cmocka_unit_test(a_hostile_name_is_escaped),
	    cmocka_unit_test(encrypted_entries_are_told),
	    cmocka_unit_test(damage_is_told),
	    cmocka_unit_test(a_damaged_zip_is_told),
	    cmocka_unit_test(bombs_stop),
	    cmocka_unit_test(too_deep_is_scanned_as_it_is),
	    cmocka_unit_test(entries_and_bytes_have_budgets),
	    cmocka_unit_test(a_long_file_is_cut_and_told),
	    cmocka_unit_test(a_refusing_sink_stops_it),
	    cmocka_unit_test(files_of_many_members),
	    cmocka_unit_test(compressed_streams),
	    cmocka_unit_test(kinds_in_kinds),
	    cmocka_unit_test(a_7z_by_descriptor),
	    cmocka_unit_test(a_damaged_7z_is_told),
	    cmocka_unit_test(a_stored_rar),
	};

	return cmocka_run_group_tests_name(
	    "agent/extract", tests, set_up, tear_down);
}
