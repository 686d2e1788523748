/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terms - lists of words as one byte pattern, in every encoding asked for.
 *
 * Owns: case folding of terms (ASCII, Latin-1, Greek, Cyrillic, full width),
 * what a word boundary is, and iconv for terms and samples.
 * Never: runs while scanning; everything becomes a pattern at load.
 */
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <string.h>

#include "agent/detect/rules.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	TERM_MAX = 256, /* bytes of UTF-8 */
	PATTERN_BYTES_MAX = 1024 * 1024,
	CHAR_BYTES_MAX = 8,
};

/* A name that packs use, and iconv's. */
static const struct encoding {
	const char *name;
	const char *iconv[3];
} ENCODINGS[] = {
    {"utf-8", {"UTF-8"}},
    {"utf-16", {"UTF-16LE", "UTF-16BE"}},
    {"utf-16le", {"UTF-16LE"}},
    {"utf-16be", {"UTF-16BE"}},
    {"gb18030", {"GB18030"}},
    {"gbk", {"GBK"}},
    {"big5", {"BIG5"}},
    {"shift_jis", {"SHIFT_JIS"}},
    {"euc-jp", {"EUC-JP"}},
    {"euc-kr", {"EUC-KR"}},
    {"iso-8859-1", {"ISO-8859-1"}},
    {"iso-8859-15", {"ISO-8859-15"}},
    {"windows-1251", {"WINDOWS-1251"}},
    {"windows-1252", {"WINDOWS-1252"}},
};

static const struct encoding *
encoding_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(ENCODINGS); i++)
		if (str_eq(ENCODINGS[i].name, name))
			return &ENCODINGS[i];
	return NULL;
}

/* One text through iconv; what cannot be written there is an error. */
static int
convert(iconv_t cd, const char *text, size_t len, struct buf *out)
{
	char chunk[256];
	char *in = (char *)(uintptr_t)text;
	int r = 0;

	while (len > 0 && r == 0) {
		char *o = chunk;
		size_t room = sizeof chunk;

		if (iconv(cd, &in, &len, &o, &room) == (size_t)-1 &&
		    errno != E2BIG)
			r = -EILSEQ;
		buf_put(out, chunk, sizeof chunk - room);
	}
	return r;
}

int
terms_encode(
    const char *text, size_t len, const char *encoding, struct buf *out)
{
	const struct encoding *e = encoding_find(encoding);
	iconv_t cd;
	int r;

	if (e == NULL || e->iconv[1] != NULL)
		return -EINVAL;
	cd = iconv_open(e->iconv[0], "UTF-8");
	if (cd == (iconv_t)-1)
		return -EINVAL;
	r = convert(cd, text, len, out);
	(void)iconv_close(cd);
	return r;
}

/*
 * Converters from UCS-4 that are open: to open one takes as long as to write
 * a hundred terms.
 */
struct converters {
	struct {
		const char *to; /* borrowed from ENCODINGS */
		iconv_t cd;
	} open[2 * ARRAY_LEN(ENCODINGS)];
	size_t n;
};

static void
converters_done(struct converters *c)
{
	for (size_t i = 0; i < c->n; i++)
		(void)iconv_close(c->open[i].cd);
	c->n = 0;
}

static iconv_t
converter_to(struct converters *c, const char *to)
{
	iconv_t cd;

	for (size_t i = 0; i < c->n; i++)
		if (str_eq(c->open[i].to, to))
			return c->open[i].cd;
	must(c->n < ARRAY_LEN(c->open));
	cd = iconv_open(to, "UCS-4LE");
	if (cd != (iconv_t)-1) {
		c->open[c->n].to = to;
		c->open[c->n++].cd = cd;
	}
	return cd;
}

/* The other case of a letter, or the same code point. */
static uint32_t
other_case(uint32_t c)
{
	static const struct {
		uint32_t from, to, step;
	} upper[] = {
	    {'A', 'Z', 32},
	    {0xc0, 0xd6, 32},
	    {0xd8, 0xde, 32},
	    {0x391, 0x3a1, 32},
	    {0x3a3, 0x3a9, 32},
	    {0x400, 0x40f, 80},
	    {0x410, 0x42f, 32},
	    {0xff21, 0xff3a, 32},
	};

	for (size_t i = 0; i < ARRAY_LEN(upper); i++) {
		if (c >= upper[i].from && c <= upper[i].to)
			return c + upper[i].step;
		if (c >= upper[i].from + upper[i].step &&
		    c <= upper[i].to + upper[i].step)
			return c - upper[i].step;
	}
	return c;
}

/* Reads one code point of well-formed UTF-8. */
static uint32_t
next_char(const uint8_t **at)
{
	const uint8_t *p = *at;
	unsigned more = p[0] < 0x80 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
	uint32_t c = more == 0 ? p[0] : p[0] & (0x3fU >> more);

	for (unsigned i = 1; i <= more; i++)
		c = c << 6 | (p[i] & 0x3fU);
	*at = p + 1 + more;
	return c;
}

/* The bytes of one code point; 0 if the encoding has none. */
static size_t
encode_char(struct converters *open, const char *encoding, uint32_t c,
    uint8_t out[CHAR_BYTES_MAX])
{
	char wide[4] = {(char)(c & 0xff), (char)(c >> 8 & 0xff),
	    (char)(c >> 16 & 0xff), (char)(c >> 24)};
	OWN(buf_done) struct buf b = {0};
	size_t n = 0;
	iconv_t cd;

	if (c < 0x80 && !str_starts(encoding, "UTF-16")) {
		out[0] = (uint8_t)c;
		return 1;
	}
	buf_init(&b, CHAR_BYTES_MAX);
	cd = converter_to(open, encoding);
	if (cd != (iconv_t)-1 && convert(cd, wide, sizeof wide, &b) == 0 &&
	    buf_error(&b) == 0 && b.len > 0) {
		n = b.len;
		memcpy(out, b.data, n);
	}
	return n;
}

struct style {
	enum term_match match;
	bool fold;
	bool bounded;
	struct converters *open; /* borrowed */
};

/* A byte as a pattern writes it. */
static void
put_byte(struct buf *out, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	const char text[4] = {'\\', 'x', digits[c >> 4], digits[c & 15]};

	buf_put(out, text, sizeof text);
}

/* Appends one code point in both its cases. */
static bool
put_char(
    struct buf *out, const char *encoding, uint32_t c, const struct style *s)
{
	uint8_t one[CHAR_BYTES_MAX], two[CHAR_BYTES_MAX];
	size_t n = encode_char(s->open, encoding, c, one);
	uint32_t o = s->fold ? other_case(c) : c;
	size_t m = o == c ? 0 : encode_char(s->open, encoding, o, two);
	bool classes = m == n;

	if (n == 0)
		return false;
	if (!classes && m > 0)
		buf_printf(out, "(?:");
	for (size_t i = 0; i < n; i++) {
		bool both = classes && one[i] != two[i];

		if (both)
			buf_put_u8(out, '[');
		put_byte(out, one[i]);
		if (both) {
			put_byte(out, two[i]);
			buf_put_u8(out, ']');
		}
	}
	if (classes || m == 0)
		return true;
	buf_printf(out, "|");
	for (size_t i = 0; i < m; i++)
		put_byte(out, two[i]);
	buf_printf(out, ")");
	return true;
}

static bool
is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * A word begins where a letter follows no letter, or where a capital follows a
 * small one (cardNumber); a digit's word begins after no digit. Two-byte
 * letters of Latin in UTF-8 (C3..C5) count as letters beside ASCII.
 */
static void
put_left(struct buf *out, uint8_t first)
{
	if (is_letter(first))
		buf_printf(out,
		    "(?:(?<![A-Za-z])(?<![\\xc3-\\xc5][\\x80-\\xbf])|"
		    "(?<=[a-z])(?=[A-Z]))");
	else if (first >= '0' && first <= '9')
		buf_printf(out, "(?<![0-9])");
}

static void
put_right(struct buf *out, uint8_t last)
{
	if (is_letter(last))
		buf_printf(
		    out, "(?:(?![A-Za-z\\xc3-\\xc5])|(?<=[a-z])(?=[A-Z]))");
	else if (last >= '0' && last <= '9')
		buf_printf(out, "(?![0-9])");
}

/* Appends one term in one encoding; false leaves @out as it was. */
static bool
put_term(struct buf *out, const struct yaml *term, const char *encoding,
    const struct style *s)
{
	const uint8_t *at = (const uint8_t *)term->text;
	const uint8_t *end = at + term->len;
	size_t before = out->len;
	bool bounded =
	    s->bounded && (s->match == TERM_WORD || s->match == TERM_PREFIX);

	if (before > 0)
		buf_put_u8(out, '|');
	if (bounded)
		put_left(out, at[0]);
	while (at < end) {
		if (!put_char(out, encoding, next_char(&at), s)) {
			out->len = before;
			return false;
		}
	}
	if (bounded && s->match == TERM_WORD)
		put_right(out, end[-1]);
	return true;
}

static int
put_encodings(struct buf *out, const struct yaml *term,
    const struct yaml *encodings, const struct style *s, struct diag *why)
{
	bool plain = true;

	for (const uint8_t *p = (const uint8_t *)term->text; *p != 0; p++)
		plain = plain && *p < 0x80;
	if (encodings == NULL)
		(void)put_term(out, term, "UTF-8", s);
	for (const struct yaml *e = encodings == NULL ? NULL : encodings->child;
	     e != NULL; e = e->next) {
		const struct encoding *known =
		    e->kind == YAML_SCALAR ? encoding_find(e->text) : NULL;

		if (known == NULL)
			return yaml_fail(e, why,
			    "unknown encoding; use utf-8, utf-16, gb18030, "
			    "big5, shift_jis, euc-jp, euc-kr, iso-8859-1 or "
			    "windows-1252");
		/* ASCII is the same bytes in all but UTF-16: once is enough. */
		if (plain && e != encodings->child &&
		    !str_starts(known->name, "utf-16"))
			continue;
		for (size_t i = 0; i < 2 && known->iconv[i] != NULL; i++)
			(void)put_term(out, term, known->iconv[i], s);
	}
	return 0;
}

static int
longer_first(const void *a, const void *b)
{
	const struct yaml *x = *(const struct yaml *const *)a;
	const struct yaml *y = *(const struct yaml *const *)b;

	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return strcmp(x->text, y->text);
}

int
terms_pattern(const struct yaml *items, const struct yaml *encodings,
    enum term_match match, bool fold, bool bounded, char **out,
    struct diag *why)
{
	OWN(converters_done) struct converters open = {0};
	struct style s = {
	    .match = match, .fold = fold, .bounded = bounded, .open = &open};
	OWN_MEM const struct yaml **sorted = NULL;
	OWN(buf_done) struct buf b = {0};
	size_t n = 0;
	const char *text;

	buf_init(&b, PATTERN_BYTES_MAX);
	if (items->kind != YAML_LIST || items->child == NULL)
		return yaml_fail(
		    items, why, "terms must be a list of at least one text");
	for (const struct yaml *t = items->child; t != NULL; t = t->next) {
		if (t->kind != YAML_SCALAR || t->len == 0 || t->len > TERM_MAX)
			return yaml_fail(t, why,
			    "a term must be a text of 1 to %d bytes", TERM_MAX);
		if (++n > RULES_TERMS_MAX)
			return yaml_fail(
			    t, why, "more than %d terms", RULES_TERMS_MAX);
	}
	sorted = calloc(n, sizeof *sorted);
	if (sorted == NULL)
		return -ENOMEM;
	n = 0;
	for (const struct yaml *t = items->child; t != NULL; t = t->next)
		sorted[n++] = t;
	qsort(sorted, n, sizeof *sorted, longer_first);
	for (size_t i = 0; i < n; i++) {
		int r = put_encodings(&b, sorted[i], encodings, &s, why);

		if (r != 0)
			return r;
	}
	text = buf_text(&b);
	if (buf_error(&b) != 0 || text == NULL)
		return yaml_fail(items, why, "the terms are too many");
	*out = strdup(text);
	return *out != NULL ? 0 : -ENOMEM;
}
