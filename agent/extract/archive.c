/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive - zip and tar files as containers of their entries.
 *
 * Owns: libarchive, which is given bytes in order and never a file: entries
 * are found by their own headers, so that a directory at the end of a zip
 * cannot hide one.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "agent/extract/layer.h"
#include "lib/str.h"

#include "lib/own.h"

struct reader {
	struct archive *a;
	struct stream *below;
	uint64_t handed; /* bytes of below that libarchive got */
	bool fatal;
};

static la_ssize_t
hand_over(struct archive *a, void *ctx, const void **block)
{
	struct reader *r = ctx;
	struct stream *s = r->below;
	size_t n;

	(void)a;
	if (s->pos == s->len)
		stream_fill(s, 1);
	n = s->len - s->pos;
	*block = s->block + s->pos;
	s->pos = s->len;
	r->handed += n;
	return (la_ssize_t)n;
}

static int
reader_open(struct stream *below, void **state, int (*format)(struct archive *))
{
	struct reader *r = calloc(1, sizeof *r);

	if (r == NULL)
		return -ENOMEM;
	r->below = below;
	r->a = archive_read_new();
	if (r->a == NULL || format(r->a) < ARCHIVE_WARN ||
	    archive_read_open(r->a, r, NULL, hand_over, NULL) != ARCHIVE_OK) {
		below->pos -=
		    r->handed < below->pos ? (size_t)r->handed : below->pos;
		if (r->a != NULL)
			(void)archive_read_free(r->a);
		free(r);
		return -EBADMSG;
	}
	*state = r;
	return 0;
}

static int
zip_open(struct stream *below, void **state)
{
	return reader_open(
	    below, state, archive_read_support_format_zip_streamable);
}

static int
tar_open(struct stream *below, void **state)
{
	return reader_open(below, state, archive_read_support_format_tar);
}

static void
reader_close(void *state)
{
	struct reader *r = state;
	la_int64_t used = archive_filter_bytes(r->a, 0);
	uint64_t ahead;

	if (used >= 0 && (uint64_t)used < r->handed) {
		ahead = r->handed - (uint64_t)used;
		r->below->pos -=
		    ahead < r->below->pos ? (size_t)ahead : r->below->pos;
	}
	(void)archive_read_free(r->a);
	free(r);
}

/* Encrypted data and unknown methods are told by words alone. */
static int
failure(struct reader *r)
{
	const char *why = archive_error_string(r->a);

	if (r->below->err != 0)
		return r->below->err;
	if (why == NULL)
		return -EBADMSG;
	if (strstr(why, "ncrypt") != NULL || strstr(why, "assphrase") != NULL)
		return -EACCES;
	if (strstr(why, "nsupported") != NULL)
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
	copy_name(e, m);
	m->encrypted = archive_entry_is_data_encrypted(e) != 0;
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

const struct layer_ops archive_zip_layer = {
    .open = zip_open,
    .next = reader_next,
    .pull = reader_pull,
    .close = reader_close,
};

const struct layer_ops archive_tar_layer = {
    .open = tar_open,
    .next = reader_next,
    .pull = reader_pull,
    .close = reader_close,
};
