/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inflate - what gzip and zlib data inside of a text say.
 *
 * Owns: zlib's inflate in this room.
 * Never: decides how much is too much; whoever takes the bytes does.
 */
#include "agent/detect/inflate.h"

#include <errno.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "lib/own.h"

enum { PART = 4096, WINDOW = 15, GZIP = 16 /* its header and end, too */ };

struct inflate {
	z_stream z;
	uint8_t part[PART];
};

int
inflate_begin(struct inflate **out, bool gzip)
{
	struct inflate *s = *out;
	int bits = WINDOW + (gzip ? GZIP : 0);

	if (s != NULL)
		return inflateReset2(&s->z, bits) == Z_OK ? 0 : -ENOMEM;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	if (inflateInit2(&s->z, bits) != Z_OK) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

int
inflate_some(struct inflate *s, const uint8_t *in, size_t len,
    inflate_out_fn *out, void *ctx)
{
	int r, e;

	s->z.next_in = in;
	s->z.avail_in = (uInt)len;
	do {
		s->z.next_out = s->part;
		s->z.avail_out = PART;
		r = inflate(&s->z, Z_NO_FLUSH);
		/* What came before a fault counts, too. */
		e = out(ctx, s->part, PART - s->z.avail_out);
		if (e != 0)
			return e;
		if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
			return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	} while (r == Z_OK && s->z.avail_out == 0);
	return r == Z_STREAM_END;
}

void
inflate_free(struct inflate *s)
{
	if (s == NULL)
		return;
	(void)inflateEnd(&s->z);
	explicit_bzero(s, sizeof *s);
	free(s);
}
