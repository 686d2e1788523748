/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv - a table of text, row by row.
 *
 * Owns: RFC 4180, with LF as well as CR LF, a byte order mark of UTF-8, and
 * ';' or a tab in the place of the comma.
 * Never: guesses where a row ends: a table that does not say it is refused with
 * its line; keeps a cell longer than its row.
 */
#include "cli/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/own.h"

void
csv_begin(struct csv *c, FILE *in)
{
	*c = (struct csv){.in = in, .next = 1};
	buf_init(&c->text, CSV_ROW_MAX);
}

void
csv_done(struct csv *c)
{
	buf_wipe(&c->text);
	*c = (struct csv){0};
}

const char *
csv_cell(const struct csv *c, size_t i, size_t *len)
{
	must(i < c->n);
	*len = c->at[i + 1] - c->at[i] - 1;
	return (const char *)c->text.data + c->at[i];
}

static int
bad(const struct csv *c, struct diag *why, const char *what)
{
	return diag_set(why, -EBADMSG, "line %" PRIu64 ": %s", c->line, what);
}

static int
end_cell(struct csv *c, struct diag *why)
{
	if (c->n == CSV_CELLS_MAX)
		return bad(c, why, "too many cells");
	buf_put_u8(&c->text, 0);
	c->at[++c->n] = c->text.len;
	if (buf_error(&c->text) == -ENOBUFS)
		return bad(c, why, "the row is too long; is a quote missing?");
	return buf_error(&c->text);
}

/* Whether @ch ends a cell; in the first row it is learned which does. */
static bool
is_comma(struct csv *c, int ch)
{
	if (c->comma == 0 && (ch == ',' || ch == ';' || ch == '\t'))
		c->comma = (char)ch;
	return c->comma != 0 && ch == c->comma;
}

/* The inside of a quoted cell, up to the quote that ends it. */
static int
quoted(struct csv *c, struct diag *why)
{
	int ch;

	while ((ch = getc(c->in)) != EOF) {
		if (ch == '"') {
			ch = getc(c->in);
			if (ch != '"') {
				(void)ungetc(ch, c->in);
				return 0;
			}
		}
		if (ch == 0)
			return bad(c, why, "a NUL; is the table UTF-16?");
		c->next += ch == '\n';
		buf_put_u8(&c->text, (uint8_t)ch);
		if (buf_error(&c->text) != 0)
			return bad(
			    c, why, "the row is too long; is a quote missing?");
	}
	return bad(c, why, "a quote does not end");
}

/* One cell: 1 if another follows, 0 at the row's end. */
static int
cell(struct csv *c, struct diag *why)
{
	int ch = getc(c->in), r = 0;
	bool closed = ch == '"';

	if (closed) {
		r = quoted(c, why);
		ch = getc(c->in);
	}
	for (; r == 0; ch = getc(c->in)) {
		int then = ch == '\r' ? getc(c->in) : ch;

		if (then == '\n' || then == EOF) {
			c->next += then == '\n';
			return end_cell(c, why);
		}
		if (ch == '\r')
			(void)ungetc(then, c->in);
		if (is_comma(c, ch)) {
			r = end_cell(c, why);
			return r == 0 ? 1 : r;
		}
		if (closed)
			return bad(c, why, "text behind a quoted cell");
		if (ch == 0)
			return bad(c, why, "a NUL; is the table UTF-16?");
		buf_put_u8(&c->text, (uint8_t)ch);
		if (buf_error(&c->text) != 0)
			return bad(c, why, "the row is too long");
	}
	return r;
}

static void
byte_order_mark(struct csv *c)
{
	static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
	int ch = 0;
	size_t n = 0;

	while (n < sizeof mark && (ch = getc(c->in)) == mark[n])
		n++;
	/* A beginning of one is no mark: a cell begins with those bytes. */
	if (n < sizeof mark) {
		(void)ungetc(ch, c->in);
		if (n > 0)
			buf_put(&c->text, mark, n);
	}
}

int
csv_row(struct csv *c, struct diag *why)
{
	int r = 1, ch;

	if (c->text.len > 0)
		explicit_bzero(c->text.data, c->text.len);
	buf_reset(&c->text);
	c->n = 0;
	if (c->columns == 0)
		byte_order_mark(c);
	while ((ch = getc(c->in)) == '\n' || ch == '\r')
		c->next += ch == '\n';
	c->line = c->next;
	if (ch == EOF)
		return ferror(c->in) ? -EIO : 0;
	(void)ungetc(ch, c->in);
	while (r == 1)
		r = cell(c, why);
	if (r == 0 && ferror(c->in))
		return -EIO;
	if (r == 0 && c->columns == 0)
		c->columns = c->n;
	if (r == 0 && c->n != c->columns)
		return diag_set(why, -EBADMSG,
		    "line %" PRIu64 ": %zu cells, not the %zu of the first row",
		    c->line, c->n, c->columns);
	return r == 0 ? 1 : r;
}
