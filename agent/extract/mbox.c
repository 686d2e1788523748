/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox - a file of messages (RFC 4155).
 *
 * Owns: where a message begins: behind an empty line, at one that begins with
 * "From " and ends in a date. The line itself becomes the message's first
 * field, "X-From-Line", so that it is looked at, too; a '>' before a quoted one
 * is taken away. Members are numbered from 1.
 * Never: holds more than a piece of a line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/extract/layer.h"
#include "agent/extract/lines.h"
#include "agent/extract/mail.h"

#include "lib/own.h"

#define FIELD "X-From-Line: "

struct mbox {
	struct lines lines;
	unsigned n; /* messages so far */
	bool inside;
	bool blank; /* the last line was empty */
	uint8_t out[LINES_PIECE + sizeof FIELD + 2];
	size_t pos, len;
};

static int
mbox_open(struct stream *below, enum container kind, void **state)
{
	struct mbox *m = calloc(1, sizeof *m);

	(void)kind;
	if (m == NULL)
		return -ENOMEM;
	m->lines.below = below;
	m->blank = true;
	*state = m;
	return 0;
}

static void
mbox_close(void *state)
{
	struct mbox *m = state;

	explicit_bzero(m, sizeof *m);
	free(m);
}

static void
put(struct mbox *m, const void *p, size_t len)
{
	must(len <= sizeof m->out - m->len);
	memcpy(m->out + m->len, p, len);
	m->len += len;
}

/* The next piece of the message; false if it is over. */
static bool
read_piece(struct mbox *m)
{
	struct line l;
	size_t quotes = 0, skip;

	m->pos = m->len = 0;
	if (!lines_peek(&m->lines, &l) ||
	    (l.start && m->blank && header_separator(l.p, l.len))) {
		m->inside = false;
		return false;
	}
	while (l.start && quotes < l.len && l.p[quotes] == '>')
		quotes++;
	skip = quotes > 0 && l.len - quotes >= 5 &&
	       memcmp(l.p + quotes, "From ", 5) == 0;
	put(m, l.p + skip, l.len + l.end - skip);
	m->blank = l.start && l.len == 0;
	lines_take(&m->lines, &l);
	return true;
}

static int
mbox_next(void *state, struct member *out)
{
	struct mbox *m = state;
	struct line l;

	while (m->inside)
		(void)read_piece(m);
	m->pos = m->len = 0;
	if (!lines_peek(&m->lines, &l))
		return 0;
	*out = (struct member){.kind = CONTAINER_MAIL};
	(void)snprintf(out->name, sizeof out->name, "%u", ++m->n);
	if (header_separator(l.p, l.len)) {
		put(m, FIELD, strlen(FIELD));
		put(m, l.p + 5, l.len + l.end - 5);
		lines_take(&m->lines, &l);
	}
	m->inside = true;
	m->blank = false;
	return 1;
}

static int
mbox_pull(void *state, uint8_t *out, size_t max, size_t *got)
{
	struct mbox *m = state;

	*got = 0;
	while (*got < max) {
		size_t n = m->len - m->pos;

		if (n == 0 && (!m->inside || !read_piece(m)))
			break;
		n = m->len - m->pos;
		if (n > max - *got)
			n = max - *got;
		memcpy(out + *got, m->out + m->pos, n);
		m->pos += n;
		*got += n;
	}
	return *got == 0 && m->lines.below->pos == m->lines.below->len
		   ? m->lines.below->err
		   : 0;
}

const struct layer_ops mbox_layer = {
    .open = mbox_open,
    .next = mbox_next,
    .pull = mbox_pull,
    .close = mbox_close,
};
