/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive - files of many members, and compressed streams of one.
 *
 * Owns: libarchive, which is given bytes in order and never a file: entries
 * of a zip are found by their own headers, so that a directory at its end
 * cannot hide one. One kind is asked for at a time, and no filter that would
 * start a program.
 *
 * 7z has its directory at its end. The object itself can be sought in; in a
 * container, what the start header spans is kept in memory, up to WHOLE_MAX.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "agent/extract/layer.h"
#include "lib/str.h"

#include "lib/own.h"

#define WHOLE_MAX ((uint64_t)16 << 20)

struct kind {
	int (*format)(struct archive *);
	int (*filter)(struct archive *); /* NULL: none */
	bool seeks; /* wants to go back where it can */
	bool whole; /* cannot do without */
};

static const struct kind KINDS[CONTAINERS] = {
    [CONTAINER_ZIP] = {.format = archive_read_support_format_zip_streamable},
    [CONTAINER_TAR] = {.format = archive_read_support_format_tar},
    [CONTAINER_7ZIP] = {.format = archive_read_support_format_7zip,
	.seeks = true,
	.whole = true},
    [CONTAINER_CPIO] = {.format = archive_read_support_format_cpio},
    [CONTAINER_AR] = {.format = archive_read_support_format_ar},
    [CONTAINER_CAB] = {.format = archive_read_support_format_cab},
    [CONTAINER_RAR] = {.format = archive_read_support_format_rar},
    [CONTAINER_RAR5] = {.format = archive_read_support_format_rar5},
    [CONTAINER_ISO9660] = {.format = archive_read_support_format_iso9660,
	.seeks = true},
    [CONTAINER_BZIP2] = {.format = archive_read_support_format_raw,
	.filter = archive_read_support_filter_bzip2},
    [CONTAINER_XZ] = {.format = archive_read_support_format_raw,
	.filter = archive_read_support_filter_xz},
    [CONTAINER_ZSTD] = {.format = archive_read_support_format_raw,
	.filter = archive_read_support_filter_zstd},
    [CONTAINER_LZ4] = {.format = archive_read_support_format_raw,
	.filter = archive_read_support_filter_lz4},
    [CONTAINER_LZIP] = {.format = archive_read_support_format_raw,
	.filter = archive_read_support_filter_lzip},
    [CONTAINER_COMPRESS] = {.format = archive_read_support_format_raw,
	.filter = archive_read_support_filter_compress},
    [CONTAINER_RPM] = {.format = archive_read_support_format_raw,
	.filter = archive_read_support_filter_rpm},
};

struct reader {
	struct archive *a;
	struct stream *below;
	const struct kind *kind;
	uint64_t handed; /* bytes of below that libarchive got */
	uint64_t end; /* of a 7z, as it says */
	uint8_t *whole; /* a copy, for a kind that goes back */
	size_t whole_len, at;
	bool fatal, given;
};

/* ---- bytes for the library ----------------------------------------------- */

static la_ssize_t
hand_over(struct archive *a, void *ctx, const void **block)
{
	struct reader *r = ctx;
	struct stream *s = r->below;
	size_t n;

	(void)a;
	if (r->whole != NULL) {
		n = r->whole_len - r->at;
		*block = r->whole + r->at;
		r->at = r->whole_len;
		return (la_ssize_t)n;
	}
	if (s->pos == s->len)
		stream_fill(s, 1);
	n = s->len - s->pos;
	*block = s->block + s->pos;
	s->pos = s->len;
	r->handed += n;
	return (la_ssize_t)n;
}

static la_int64_t
seek(struct archive *a, void *ctx, la_int64_t offset, int whence)
{
	struct reader *r = ctx;
	uint64_t size = r->whole != NULL ? r->whole_len : r->below->size;
	uint64_t from = 0;

	(void)a;
	if (whence == SEEK_CUR)
		from = r->whole != NULL ? r->at : stream_used(r->below);
	else if (whence == SEEK_END)
		from = size;
	if (offset < 0 ? (uint64_t)-offset > from
		       : (uint64_t)offset > size - (from < size ? from : size))
		return ARCHIVE_FATAL;
	from += (uint64_t)offset;
	if (r->whole != NULL)
		r->at = (size_t)from;
	else
		stream_seek(r->below, from);
	return (la_int64_t)from;
}

static uint64_t
little(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* Where a 7z ends by its own word: its directory lies at the end. */
static uint64_t
told_end(const uint8_t *p, size_t len)
{
	uint64_t at, n;

	if (len < 32)
		return 0;
	/* The start header: where the next one lies, and how long it is. */
	at = little(p + 12, 8);
	n = little(p + 20, 8);
	return at > INT64_MAX - 32 || n > INT64_MAX ? UINT64_MAX : 32 + at + n;
}

/* Copies what the container spans, so that the library can go back in it. */
static int
take_whole(struct reader *r)
{
	struct stream *s = r->below;

	if (r->end > WHOLE_MAX)
		return -EOVERFLOW;
	r->whole = malloc((size_t)r->end);
	if (r->whole == NULL)
		return -ENOMEM;
	while (r->whole_len < r->end) {
		size_t n;

		if (s->pos == s->len)
			stream_fill(s, 1);
		n = s->len - s->pos;
		if (n == 0)
			return 0;
		if (n > r->end - r->whole_len)
			n = (size_t)r->end - r->whole_len;
		memcpy(r->whole + r->whole_len, s->block + s->pos, n);
		r->whole_len += n;
		s->pos += n;
	}
	return 0;
}

/* ---- life ---------------------------------------------------------------- */

static int
prepare(struct reader *r)
{
	struct archive *a = r->a;
	const struct kind *k = r->kind;

	if (a == NULL || k->format(a) < ARCHIVE_WARN)
		return -ENOMEM;
	/* A warning here is: by a program of its own. */
	if (k->filter != NULL && k->filter(a) != ARCHIVE_OK)
		return -ENOTSUP;
	if (archive_read_set_read_callback(a, hand_over) != ARCHIVE_OK ||
	    archive_read_set_callback_data(a, r) != ARCHIVE_OK)
		return -ENOMEM;
	if (k->seeks && (r->whole != NULL || r->below->seek != NULL) &&
	    archive_read_set_seek_callback(a, seek) != ARCHIVE_OK)
		return -ENOMEM;
	return archive_read_open1(a) == ARCHIVE_OK ? 0 : -EBADMSG;
}

static void
reader_free(struct reader *r)
{
	if (r->a != NULL)
		(void)archive_read_free(r->a);
	if (r->whole != NULL)
		explicit_bzero(r->whole, r->whole_len);
	free(r->whole);
	free(r);
}

/* What was read ahead goes back, or the reader stands where it began. */
static void
give_back(struct reader *r, uint64_t used)
{
	struct stream *s = r->below;
	uint64_t ahead = r->handed > used ? r->handed - used : 0;

	if (r->whole == NULL)
		s->pos -= ahead < s->pos ? (size_t)ahead : s->pos;
}

static int
reader_open(struct stream *below, enum container kind, void **state)
{
	struct reader *r = calloc(1, sizeof *r);
	int e = 0;

	if (r == NULL)
		return -ENOMEM;
	r->below = below;
	r->kind = &KINDS[kind];
	if (r->kind->whole)
		r->end = told_end(
		    below->block + below->pos, below->len - below->pos);
	if (r->kind->whole && below->seek == NULL)
		e = take_whole(r);
	if (e == 0) {
		r->a = archive_read_new();
		e = prepare(r);
	}
	if (e != 0) {
		if (below->seek != NULL && r->kind->seeks)
			stream_seek(below, 0);
		else
			give_back(r, 0);
		reader_free(r);
		return e;
	}
	*state = r;
	return 0;
}

/* Where the member goes on behind the container, for one that was sought in. */
static uint64_t
behind(const struct reader *r)
{
	la_int64_t used = archive_filter_bytes(r->a, -1);

	/* Nothing came out: all of it is looked at as it is. */
	if (!r->given || used < 0)
		return 0;
	if (!r->kind->whole)
		return (uint64_t)used;
	return r->end < r->below->size ? r->end : r->below->size;
}

static void
reader_close(void *state)
{
	struct reader *r = state;
	la_int64_t used = archive_filter_bytes(r->a, -1);

	if (r->kind->seeks && r->below->seek != NULL)
		stream_seek(r->below, behind(r));
	else if (used >= 0)
		give_back(r, (uint64_t)used);
	reader_free(r);
}

/* ---- members ------------------------------------------------------------- */

/* Encrypted data and unknown methods are told by words alone. */
static int
failure(struct reader *r)
{
	const char *why = archive_error_string(r->a);

	if (r->below->err != 0)
		return r->below->err;
	if (why == NULL)
		return -EBADMSG;
	if (strstr(why, "ncrypt") != NULL || strstr(why, "assphrase") != NULL ||
	    strstr(why, "Crypto") != NULL)
		return -EACCES;
	if (strstr(why, "out-of-order") != NULL)
		return -ESPIPE;
	if (strstr(why, "nsupported") != NULL ||
	    strstr(why, "not supported") != NULL)
		return -ENOTSUP;
	if (strstr(why, "runcated") != NULL)
		return -ENODATA;
	return -EBADMSG;
}

static void
copy_name(struct archive_entry *e, struct member *m)
{
	const char *name = archive_entry_pathname(e);

	/* A name in no charset that the library knows. */
	if (name == NULL)
		name = archive_entry_pathname_utf8(e);
	if (name != NULL)
		str_escape(m->name, sizeof m->name, name, strlen(name));
}

static int
reader_next(void *state, struct member *m)
{
	struct reader *r = state;
	struct archive_entry *e;
	int got;

	*m = (struct member){0};
	if (r->fatal)
		return 0;
	got = archive_read_next_header(r->a, &e);
	if (got == ARCHIVE_EOF)
		return 0;
	if (got < ARCHIVE_WARN) {
		r->fatal = true;
		return failure(r);
	}
	r->given = true;
	/* A stream of one member has no name of its own. */
	if (r->kind->filter == NULL)
		copy_name(e, m);
	if (archive_entry_is_data_encrypted(e) != 0)
		m->err = -EACCES;
	else if (got == ARCHIVE_WARN && failure(r) == -ESPIPE)
		m->err = -ESPIPE;
	if (archive_entry_size_is_set(e) && archive_entry_size(e) > 0)
		m->size = (uint64_t)archive_entry_size(e);
	return 1;
}

static int
reader_pull(void *state, uint8_t *out, size_t max, size_t *got)
{
	struct reader *r = state;
	la_ssize_t n;

	*got = 0;
	if (r->fatal)
		return -EBADMSG;
	n = archive_read_data(r->a, out, max);
	if (n >= 0) {
		*got = (size_t)n;
		return 0;
	}
	if (n == ARCHIVE_FATAL)
		r->fatal = true;
	return failure(r);
}

const struct layer_ops archive_layer = {
    .open = reader_open,
    .next = reader_next,
    .pull = reader_pull,
    .close = reader_close,
};

const struct layer_ops archive_stream_layer = {
    .open = reader_open,
    .next = reader_next,
    .pull = reader_pull,
    .close = reader_close,
    .wrapper = true,
};
