/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines - a stream line by line, however long they are.
 *
 * Owns: where a line ends (LF, or CRLF), and the pieces of one that is long.
 * Never: copies; a line is borrowed from the stream's block.
 */
#include "agent/extract/lines.h"

#include <string.h>

#include "lib/own.h"

static const uint8_t *
line_end(const struct stream *s, size_t *left)
{
	*left = s->len - s->pos;
	if (*left > LINES_PIECE)
		*left = LINES_PIECE;
	return *left > 0 ? memchr(s->block + s->pos, '\n', *left) : NULL;
}

bool
lines_peek(struct lines *r, struct line *l)
{
	struct stream *s = r->below;
	size_t left;
	const uint8_t *nl = line_end(s, &left);

	if (nl == NULL && left < LINES_PIECE && !s->end) {
		stream_fill(s, LINES_PIECE);
		nl = line_end(s, &left);
	}
	if (left == 0)
		return false;
	*l = (struct line){
	    .p = s->block + s->pos, .len = left, .start = !r->middle};
	if (nl != NULL) {
		l->len = (size_t)(nl - l->p);
		l->end = 1;
		if (l->len > 0 && nl[-1] == '\r') {
			l->len--;
			l->end = 2;
		}
	} else if (left == LINES_PIECE && l->p[left - 1] == '\r') {
		l->len--; /* the rest of its line end may follow */
	}
	return true;
}

void
lines_take(struct lines *r, const struct line *l)
{
	r->below->pos += l->len + l->end;
	r->middle = l->end == 0;
}

bool
lines_empty(const struct line *l)
{
	for (size_t i = 0; i < l->len; i++)
		if (l->p[i] != ' ' && l->p[i] != '\t')
			return false;
	return true;
}
