/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gunzip - a gzip file (RFC 1952) as a container of one member.
 *
 * Owns: zlib's inflate for files. Members that follow each other are one
 * content, as gzip itself has it.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "agent/extract/layer.h"
#include "lib/str.h"

#include "lib/own.h"

struct gunzip {
	struct stream *below;
	z_stream z;
	bool given; /* the member */
	bool done;
};

/* 16: the gzip wrapper alone. */
#define WINDOW (15 + 16)

static int
gunzip_open(struct stream *below, enum container kind, void **state)
{
	struct gunzip *g = calloc(1, sizeof *g);

	(void)kind;
	if (g == NULL)
		return -ENOMEM;
	g->below = below;
	if (inflateInit2(&g->z, WINDOW) != Z_OK) {
		free(g);
		return -ENOMEM;
	}
	*state = g;
	return 0;
}

static void
gunzip_close(void *state)
{
	struct gunzip *g = state;

	(void)inflateEnd(&g->z);
	free(g);
}

/* Feeds what lies in the block; the block's rest stays below. */
static int
inflate_some(struct gunzip *g, size_t *room)
{
	struct stream *in = g->below;
	int r;

	if (in->pos == in->len)
		stream_fill(in, 1);
	g->z.next_in = in->block + in->pos;
	g->z.avail_in = (uInt)(in->len - in->pos);
	g->z.avail_out = (uInt)*room;
	r = inflate(&g->z, Z_NO_FLUSH);
	in->pos = in->len - g->z.avail_in;
	*room = g->z.avail_out;
	if (r == Z_BUF_ERROR || r == Z_OK)
		return in->pos == in->len && in->end && *room > 0
			   ? (in->err != 0 ? in->err : -ENODATA)
			   : 0;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return r == Z_STREAM_END ? 1 : -EBADMSG;
}

/* Another gzip member follows at once, or the content is over. */
static bool
next_gzip(struct gunzip *g)
{
	const struct stream *in = g->below;

	stream_fill(g->below, 3);
	return in->len - in->pos >= 3 &&
	       memcmp(in->block + in->pos, "\x1f\x8b\x08", 3) == 0 &&
	       inflateReset2(&g->z, WINDOW) == Z_OK;
}

static int
gunzip_pull(void *state, uint8_t *out, size_t max, size_t *got)
{
	struct gunzip *g = state;
	size_t room = max;

	*got = 0;
	while (!g->done && room == max) {
		int r;

		g->z.next_out = out;
		r = inflate_some(g, &room);
		if (r < 0)
			g->done = true;
		if (r == 1 && !next_gzip(g))
			g->done = true;
		*got = max - room;
		if (r < 0)
			return r;
	}
	return 0;
}

/* The name in the header (FNAME, behind FEXTRA), which inflate passes over. */
static void
read_name(const uint8_t *p, size_t len, struct member *m)
{
	size_t at = 10;
	const uint8_t *nul;

	if (len < 12 || (p[3] & 8) == 0)
		return;
	if ((p[3] & 4) != 0)
		at += 2 + (size_t)p[10] + ((size_t)p[11] << 8);
	nul = at < len ? memchr(p + at, 0, len - at) : NULL;
	if (nul != NULL)
		str_escape(
		    m->name, sizeof m->name, p + at, (size_t)(nul - p) - at);
}

static int
gunzip_next(void *state, struct member *m)
{
	struct gunzip *g = state;
	struct stream *in = g->below;

	*m = (struct member){0};
	if (g->given)
		return 0;
	g->given = true;
	stream_fill(in, STREAM_WHOLE);
	read_name(in->block + in->pos, in->len - in->pos, m);
	return 1;
}

const struct layer_ops gunzip_layer = {
    .open = gunzip_open,
    .next = gunzip_next,
    .pull = gunzip_pull,
    .close = gunzip_close,
    .wrapper = true,
};
