/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window - a member that is read at any place of it.
 *
 * Owns: the copy of a member that lies in a container.
 * Never: keeps more of it than WINDOW_MAX; the reader is told where it ends.
 */
#include "agent/extract/window.h"

#include <errno.h>
#include <string.h>

#include "lib/own.h"

static int
copy_all(struct window *w)
{
	struct stream *s = w->below;

	for (;;) {
		size_t n;

		if (s->pos == s->len)
			stream_fill(s, 1);
		n = s->len - s->pos;
		if (n == 0)
			return 0;
		if (w->copy.len == WINDOW_MAX) {
			w->cut = true;
			return 0;
		}
		if (n > WINDOW_MAX - w->copy.len)
			n = WINDOW_MAX - w->copy.len;
		buf_put(&w->copy, s->block + s->pos, n);
		if (buf_error(&w->copy) != 0)
			return -ENOMEM;
		s->pos += n;
	}
}

int
window_open(struct window *w, struct stream *below)
{
	int r;

	*w = (struct window){.below = below, .size = below->size};
	buf_init(&w->copy, WINDOW_MAX);
	if (below->seek != NULL)
		return 0;
	r = copy_all(w);
	w->size = w->copy.len;
	if (r != 0)
		buf_wipe(&w->copy);
	return r;
}

size_t
window_read(struct window *w, uint64_t at, void *out, size_t len)
{
	struct stream *s = w->below;
	size_t got = 0;

	if (at >= w->size || len == 0)
		return 0;
	if (len > w->size - at)
		len = (size_t)(w->size - at);
	if (s->seek == NULL) {
		memcpy(out, w->copy.data + at, len);
		return len;
	}
	stream_seek(s, at);
	while (got < len) {
		size_t n;

		if (s->pos == s->len)
			stream_fill(s, 1);
		n = s->len - s->pos;
		if (n == 0)
			break;
		if (n > len - got)
			n = len - got;
		memcpy((uint8_t *)out + got, s->block + s->pos, n);
		s->pos += n;
		got += n;
	}
	return got;
}

void
window_close(struct window *w, uint64_t behind)
{
	if (w->below->seek != NULL)
		stream_seek(w->below, behind);
	buf_wipe(&w->copy);
}
