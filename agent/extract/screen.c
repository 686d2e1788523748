/* SPDX-License-Identifier: Apache-2.0 */
/*
 * screen - what a terminal is told, as the text that it shows.
 *
 * Owns: control sequences (ECMA-48 section 5.4; xterm's are of that form),
 * over-striking, the ends of lines.
 * Never: keeps a picture of the screen: where the cursor is put elsewhere a line
 * ends; lets a program hide anything in a sequence: its strings (a window's
 * title, the clipboard) are text, and so are parameters longer than any real one.
 */
#include "agent/extract/extract.h"

#include "lib/own.h"

enum state { TEXT, RETURNED, ESCAPE, CHARSET, CONTROL };

/* One byte of text; it is kept until it is known that none is put over it. */
static void
show(struct screen *s, uint8_t c, struct buf *out)
{
	if (s->held != 0 && (!s->back || c == '\n'))
		buf_put_u8(out, s->held);
	s->held = c;
	s->back = false;
	s->begun = c != '\n';
}

static void
break_line(struct screen *s, struct buf *out)
{
	if (s->begun)
		show(s, '\n', out);
}

/* The last byte of a control sequence. */
static void
control(struct screen *s, uint8_t c, struct buf *out)
{
	switch (c) {
	case 'C': /* forward: what is left out is blank */
	case 'G': /* to a column */
		show(s, ' ', out);
		return;
	case 'A':
	case 'B':
	case 'E':
	case 'F':
	case 'H':
	case 'd':
	case 'f':
		break_line(s, out);
		return;
	default:
		return; /* colours, erasures, modes */
	}
}

static void
parameter(struct screen *s, uint8_t c, struct buf *out)
{
	if (s->n < sizeof s->parameters) {
		s->parameters[s->n++] = c;
		return;
	}
	break_line(s, out);
	for (size_t i = 0; i < s->n; i++)
		show(s, s->parameters[i], out);
	show(s, c, out);
	s->state = TEXT;
}

static void
escape(struct screen *s, uint8_t c, struct buf *out)
{
	s->state = TEXT;
	s->n = 0;
	if (c == '[')
		s->state = CONTROL;
	else if (c >= 0x20 && c < 0x30)
		s->state = CHARSET;
	else if (c == 'D' || c == 'E' || c == 'M' || c == '\\' || c == ']' ||
		 c == 'P' || c == 'X' || c == '^' || c == '_' || c == 'k')
		break_line(s, out); /* a line, or a string, begins or ends */
}

static void
text(struct screen *s, uint8_t c, struct buf *out)
{
	if (c == 0x1b)
		s->state = ESCAPE;
	else if (c == '\r')
		s->state = RETURNED;
	else if (c == '\b')
		s->back = true; /* what comes, if anything, is put over it */
	else if (c == '\a' || c == '\v' || c == '\f')
		break_line(s, out);
	else if (c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f))
		show(s, c, out);
}

static void
byte(struct screen *s, uint8_t c, struct buf *out)
{
	switch ((enum state)s->state) {
	case RETURNED:
		s->state = TEXT;
		/* Back to the begin of a line that is then written anew. */
		if (c != '\n' && c != '\r')
			break_line(s, out);
		text(s, c, out);
		return;
	case ESCAPE:
		escape(s, c, out);
		return;
	case CHARSET:
		s->state = TEXT;
		return;
	case CONTROL:
		if (c >= 0x20 && c < 0x40) {
			parameter(s, c, out);
			return;
		}
		s->state = TEXT;
		if (c >= 0x40 && c < 0x7f)
			control(s, c, out);
		else
			text(s, c, out);
		return;
	case TEXT:
		text(s, c, out);
		return;
	}
}

void
screen_feed(struct screen *s, struct content c, struct buf *out)
{
	for (size_t i = 0; i < c.len; i++)
		byte(s, c.data[i], out);
}

void
screen_end(struct screen *s, struct buf *out)
{
	if (s->state == CONTROL)
		for (size_t i = 0; i < s->n; i++)
			show(s, s->parameters[i], out);
	if (s->held != 0)
		buf_put_u8(out, s->held);
	*s = (struct screen){0};
}
