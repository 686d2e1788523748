/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdflex - the words of a PDF.
 *
 * Owns: the grammar of ISO 32000-1, 7.2 and 7.3.
 * Never: recurses, or keeps a text that is longer than its bound.
 */
#include "agent/extract/pdflex.h"

#include <string.h>

#include "lib/own.h"

void
pdflex_init(struct pdflex *l)
{
	*l = (struct pdflex){.end = true};
	buf_init(&l->text, PDFLEX_TEXT_MAX + 16);
}

void
pdflex_done(struct pdflex *l)
{
	buf_wipe(&l->text);
	explicit_bzero(l->buf, sizeof l->buf);
}

void
pdflex_start(struct pdflex *l,
    size_t (*fill)(void *ctx, uint8_t *out, size_t max), void *ctx, uint64_t at)
{
	l->fill = fill;
	l->ctx = ctx;
	l->total = l->at = at;
	l->pos = l->len = 0;
	l->end = false;
	l->kind = PDFLEX_END;
	buf_reset(&l->text);
}

uint64_t
pdflex_where(const struct pdflex *l)
{
	return l->total - (l->len - l->pos);
}

static int
peek(struct pdflex *l)
{
	if (l->pos < l->len)
		return l->buf[l->pos];
	if (l->end)
		return -1;
	l->pos = 0;
	l->len = l->fill(l->ctx, l->buf, sizeof l->buf);
	l->total += l->len;
	l->end = l->len == 0;
	return l->end ? -1 : l->buf[0];
}

int
pdflex_byte(struct pdflex *l)
{
	int b = peek(l);

	if (b >= 0)
		l->pos++;
	return b;
}

static bool
blank(int b)
{
	return b == ' ' || b == '\n' || b == '\r' || b == '\t' || b == '\f' ||
	       b == 0;
}

static bool
delimiter(int b)
{
	return b >= 0 && b != 0 && strchr("()<>[]{}/%", b) != NULL;
}

static bool
regular(int b)
{
	return b >= 0 && !blank(b) && !delimiter(b);
}

static void
keep(struct pdflex *l, int b)
{
	if (l->text.len < PDFLEX_TEXT_MAX)
		buf_put_u8(&l->text, (uint8_t)b);
	else
		l->cut = true;
}

static int
hex(int b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

/* ---- texts --------------------------------------------------------------- */

static void
read_escape(struct pdflex *l)
{
	static const char FROM[] = "nrtbf", TO[] = "\n\r\t\b\f";
	int b = pdflex_byte(l);
	const char *p;

	if (b < 0)
		return;
	if (b >= '0' && b <= '7') {
		int v = b - '0';

		for (int i = 0; i < 2 && peek(l) >= '0' && peek(l) <= '7'; i++)
			v = v * 8 + pdflex_byte(l) - '0';
		keep(l, v & 0xff);
		return;
	}
	/* A line's end that is escaped is none. */
	if (b == '\r' && peek(l) == '\n')
		(void)pdflex_byte(l);
	if (b == '\r' || b == '\n')
		return;
	p = b != 0 ? strchr(FROM, b) : NULL;
	keep(l, p != NULL ? TO[p - FROM] : b);
}

static void
read_literal(struct pdflex *l)
{
	size_t depth = 1;

	while (!l->cut) {
		int b = pdflex_byte(l);

		if (b < 0)
			return;
		if (b == '\\') {
			read_escape(l);
			continue;
		}
		if (b == '(')
			depth++;
		if (b == ')' && --depth == 0)
			return;
		if (b == '\r' && peek(l) == '\n')
			continue;
		keep(l, b);
	}
}

static void
read_hex(struct pdflex *l)
{
	int high = -1;

	for (;;) {
		int b = pdflex_byte(l), v = hex(b);

		if (b < 0 || b == '>')
			break;
		if (v < 0)
			continue;
		if (high < 0) {
			high = v;
			continue;
		}
		keep(l, high << 4 | v);
		high = -1;
	}
	if (high >= 0)
		keep(l, high << 4);
}

static void
read_name(struct pdflex *l)
{
	while (regular(peek(l))) {
		int b = pdflex_byte(l);
		int hi, lo;

		if (b != '#' || (hi = hex(peek(l))) < 0) {
			keep(l, b);
			continue;
		}
		(void)pdflex_byte(l);
		lo = hex(peek(l));
		if (lo >= 0)
			(void)pdflex_byte(l);
		keep(l, lo >= 0 ? hi << 4 | lo : hi);
	}
}

/* ---- numbers and words --------------------------------------------------- */

/* True if all of the text is a number, as far as any reader takes it. */
static bool
take_number(struct pdflex *l)
{
	const uint8_t *p = l->text.data;
	size_t n = l->text.len, i = 0, digits = 0;
	double v = 0, part = 1;
	bool minus = false, dot = false;

	for (; i < n && (p[i] == '+' || p[i] == '-'); i++)
		minus = minus || p[i] == '-';
	for (; i < n; i++) {
		if (p[i] == '.' && !dot) {
			dot = true;
			continue;
		}
		/* Some writers leave a minus within: what is before counts. */
		if (p[i] == '-' && digits > 0)
			break;
		if (p[i] < '0' || p[i] > '9')
			return false;
		digits++;
		if (dot)
			part /= 10;
		if (dot)
			v += part * (p[i] - '0');
		else if (v < 1e300)
			v = v * 10 + (p[i] - '0');
	}
	if (digits == 0)
		return false;
	l->number = minus ? -v : v;
	l->whole = !dot;
	return true;
}

static enum pdflex_kind
read_word(struct pdflex *l)
{
	while (regular(peek(l)))
		keep(l, pdflex_byte(l));
	/* A delimiter that stands alone. */
	if (l->text.len == 0)
		keep(l, pdflex_byte(l));
	if (buf_error(&l->text) == 0 && take_number(l))
		return PDFLEX_NUMBER;
	return PDFLEX_WORD;
}

static enum pdflex_kind
read_token(struct pdflex *l)
{
	int b = peek(l);

	switch (b) {
	case '/':
		l->pos++;
		read_name(l);
		return PDFLEX_NAME;
	case '(':
		l->pos++;
		read_literal(l);
		return PDFLEX_STRING;
	case '[':
		l->pos++;
		return PDFLEX_ARRAY;
	case ']':
		l->pos++;
		return PDFLEX_ARRAY_END;
	case '<':
		l->pos++;
		if (peek(l) != '<') {
			read_hex(l);
			return PDFLEX_STRING;
		}
		l->pos++;
		return PDFLEX_DICT;
	case '>':
		l->pos++;
		if (peek(l) != '>')
			return PDFLEX_WORD;
		l->pos++;
		return PDFLEX_DICT_END;
	default:
		return read_word(l);
	}
}

enum pdflex_kind
pdflex_next(struct pdflex *l)
{
	int b;

	buf_reset(&l->text);
	l->cut = false;
	while ((b = peek(l)) >= 0 && (blank(b) || b == '%')) {
		l->pos++;
		while (b == '%' && peek(l) >= 0 && peek(l) != '\n' &&
		       peek(l) != '\r')
			l->pos++;
	}
	l->at = pdflex_where(l);
	l->kind = b < 0 ? PDFLEX_END : read_token(l);
	if (buf_error(&l->text) != 0) {
		l->cut = true;
		l->text.len = 0;
	}
	return l->kind;
}

bool
pdflex_is(const struct pdflex *l, const char *word)
{
	size_t n = strlen(word);

	return l->kind == PDFLEX_WORD && l->text.len == n &&
	       memcmp(l->text.data, word, n) == 0;
}

bool
pdflex_named(const struct pdflex *l, const char *name)
{
	size_t n = strlen(name);

	return l->kind == PDFLEX_NAME && l->text.len == n &&
	       memcmp(l->text.data, name, n) == 0;
}

void
pdflex_skip(struct pdflex *l)
{
	size_t depth = 0;

	for (;;) {
		if (l->kind == PDFLEX_ARRAY || l->kind == PDFLEX_DICT)
			depth++;
		else if (l->kind == PDFLEX_ARRAY_END ||
			 l->kind == PDFLEX_DICT_END)
			depth -= depth > 0;
		/* An object that was left open ends with its neighbour. */
		if (depth == 0 || l->kind == PDFLEX_END ||
		    pdflex_is(l, "endobj"))
			return;
		(void)pdflex_next(l);
	}
}

uint64_t
pdflex_integer(const struct pdflex *l, uint64_t max, uint64_t or)
{
	if (l->kind != PDFLEX_NUMBER || !l->whole || l->number < 0 ||
	    l->number > 9e15 || (uint64_t)l->number > max)
		return or ;
	return (uint64_t)l->number;
}
