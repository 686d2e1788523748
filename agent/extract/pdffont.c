/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdffont - the codes of a font as characters, and how wide they are.
 *
 * Owns: ToUnicode maps (ISO 32000-1, 9.10.3), the encodings of simple fonts
 * and their differences (9.6.6), the lengths of codes, and widths.
 * Never: looks into a font program but for the encoding that a Type 1 font has
 * in clear. Codes that only it explains are told as text without a character
 * map.
 */
#include "agent/extract/pdffont.h"

#include <errno.h>
#include <string.h>

#include "agent/extract/pdfglyph.h"
#include "lib/str.h"

#include "lib/own.h"

#define MANY_MAX ((size_t)256 * 1024)
#define WIDTHS_MAX 16384
#define CLEAR_MAX 4096 /* words of a font program's clear part */
#define TARGET_MAX 32 /* characters that one code stands for */

/* ---- characters ---------------------------------------------------------- */

static void
put(struct buf *out, uint32_t u)
{
	uint8_t b[4];
	size_t n = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; u >>= 6)
		b[i] = (uint8_t)(0x80 | (u & 63));
	b[0] = (uint8_t)(n == 1 ? u : (0xf00U >> n & 0xff) | u);
	buf_put(out, b, n);
}

void
pdffont_utf8(struct buf *out, uint32_t u)
{
	static const char *const LIGATURES[] = {
	    "ff", "fi", "fl", "ffi", "ffl", "st", "st"};

	if (u >= 0xfb00 && u <= 0xfb06)
		buf_put(
		    out, LIGATURES[u - 0xfb00], strlen(LIGATURES[u - 0xfb00]));
	else if (u < ' ' || (u >= 0x7f && u <= 0xa0))
		put(out, u == '\n' ? '\n' : ' ');
	else if (u > 0x10ffff || (u >= 0xd800 && u < 0xe000))
		put(out, 0xfffd);
	else
		put(out, u);
}

/* ---- character maps ------------------------------------------------------ */

static void *
grow(void *list, size_t n, size_t *cap, size_t max, size_t size)
{
	size_t more = *cap == 0 ? 64 : *cap * 2;
	void *p;

	if (n < *cap)
		return list;
	if (n >= max)
		return NULL;
	p = reallocarray(list, more, size);
	if (p != NULL)
		*cap = more;
	return p;
}

static void
add_range(struct pdffont *f, uint32_t lo, uint32_t hi, uint32_t to)
{
	struct pdffont_range *list = grow(f->ranges, f->nranges, &f->ranges_cap,
	    PDFFONT_RANGES_MAX, sizeof *list);

	if (list == NULL) {
		f->left_out = true;
		return;
	}
	f->ranges = list;
	f->ranges[f->nranges++] =
	    (struct pdffont_range){.lo = lo, .hi = hi, .to = to};
}

/* The characters of UTF-16BE; how many there are. */
static size_t
utf16(const uint8_t *p, size_t len, uint32_t *out)
{
	size_t n = 0;

	/* A map that gives one byte means that character. */
	if (len == 1)
		out[n++] = p[0];
	for (size_t i = 0; i + 2 <= len && n < TARGET_MAX; i += 2) {
		uint32_t u = (uint32_t)p[i] << 8 | p[i + 1];

		if (u >= 0xd800 && u < 0xdc00 && i + 4 <= len) {
			u = 0x10000 + ((u - 0xd800) << 10) +
			    (((uint32_t)p[i + 2] << 8 | p[i + 3]) & 0x3ff);
			i += 2;
		}
		out[n++] = u;
	}
	return n;
}

/* What the string that was read last stands for, as a range's target. */
static uint32_t
target(struct pdffont *f, const struct pdflex *l)
{
	uint32_t u[TARGET_MAX], at = (uint32_t)f->many.len;
	size_t n = utf16(l->text.data, l->text.len, u);

	if (n <= 1)
		return n == 1 ? u[0] : 0;
	if (f->many.len + 1 + 4 * n > MANY_MAX) {
		f->left_out = true;
		return u[0];
	}
	buf_put_u8(&f->many, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		buf_put_u32(&f->many, u[i]);
	return PDFFONT_MANY | at;
}

static uint32_t
code_of(const struct pdflex *l)
{
	uint32_t code = 0;

	for (size_t i = 0; i < l->text.len && i < 4; i++)
		code = code << 8 | l->text.data[i];
	return code;
}

static void
read_codespaces(struct pdffont *f, struct pdflex *l)
{
	while (pdflex_next(l) == PDFLEX_STRING) {
		uint32_t lo = code_of(l);
		size_t n = l->text.len;

		if (pdflex_next(l) != PDFLEX_STRING)
			return;
		if (f->nspaces == PDFFONT_CODESPACES || n == 0 || n > 4)
			continue;
		f->spaces[f->nspaces].lo = lo;
		f->spaces[f->nspaces].hi = code_of(l);
		f->spaces[f->nspaces++].bytes = n;
	}
}

static void
read_chars(struct pdffont *f, struct pdflex *l)
{
	while (pdflex_next(l) == PDFLEX_STRING) {
		uint32_t code = code_of(l);

		(void)pdflex_next(l);
		if (l->kind == PDFLEX_STRING)
			add_range(f, code, code, target(f, l));
		else if (l->kind == PDFLEX_NAME)
			add_range(f, code, code,
			    pdfglyph_named(l->text.data, l->text.len));
		else
			return;
	}
}

static void
read_ranges(struct pdffont *f, struct pdflex *l)
{
	while (pdflex_next(l) == PDFLEX_STRING) {
		uint32_t lo = code_of(l), hi;

		if (pdflex_next(l) != PDFLEX_STRING)
			return;
		hi = code_of(l);
		(void)pdflex_next(l);
		if (l->kind == PDFLEX_STRING && hi >= lo) {
			uint32_t to = target(f, l);

			/* Of several characters the last one grows. */
			if ((to & PDFFONT_MANY) != 0)
				hi = lo;
			add_range(f, lo, hi, to);
		} else if (l->kind == PDFLEX_ARRAY) {
			while (pdflex_next(l) == PDFLEX_STRING)
				if (lo <= hi) {
					add_range(f, lo, lo, target(f, l));
					lo++;
				}
		} else if (l->kind != PDFLEX_STRING) {
			return;
		}
	}
}

static size_t
fill(void *ctx, uint8_t *out, size_t max)
{
	return pdfcode_read(ctx, out, max);
}

/* Reads a map; of one that gives glyphs only the lengths of codes. */
static int
read_map(struct pdffont *f, struct pdffile *file, struct pdffile_object *o,
    bool targets)
{
	struct pdflex l;
	struct pdfcode *c;
	int r = pdffile_stream(file, o, &c);

	if (r != 0) {
		f->left_out = true;
		return r == -ENOMEM ? r : 0;
	}
	o->given = true;
	pdflex_init(&l);
	pdflex_start(&l, fill, c, 0);
	while (pdflex_next(&l) != PDFLEX_END && !f->left_out) {
		if (pdflex_is(&l, "begincodespacerange"))
			read_codespaces(f, &l);
		else if (targets && pdflex_is(&l, "beginbfchar"))
			read_chars(f, &l);
		else if (targets && pdflex_is(&l, "beginbfrange"))
			read_ranges(f, &l);
	}
	pdflex_done(&l);
	pdfcode_free(c);
	return 0;
}

static int
by_lo(const void *a, const void *b)
{
	const struct pdffont_range *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->hi < y->hi ? -1 : x->hi > y->hi;
}

/* ---- encodings ----------------------------------------------------------- */

static enum pdfglyph_encoding
encoding_named(const struct pdflex *l, enum pdfglyph_encoding or)
{
	if (pdflex_named(l, "WinAnsiEncoding"))
		return PDFGLYPH_WIN;
	if (pdflex_named(l, "MacRomanEncoding"))
		return PDFGLYPH_MAC;
	return pdflex_named(l, "StandardEncoding") ? PDFGLYPH_STANDARD : or ;
}

static void
take_encoding(struct pdffont *f, enum pdfglyph_encoding e)
{
	for (size_t i = 0; i < 256; i++)
		f->simple[i] = pdfglyph_encodings[e][i];
}

static void
read_differences(struct pdffont *f, struct pdflex *l)
{
	uint32_t code = 0;

	while (pdflex_next(l) == PDFLEX_NAME || l->kind == PDFLEX_NUMBER) {
		if (l->kind == PDFLEX_NUMBER)
			code = (uint32_t)pdflex_integer(l, 255, 256);
		else if (code < 256)
			f->simple[code++] =
			    pdfglyph_named(l->text.data, l->text.len);
	}
}

/*
 * A Type 1 font says in its clear part which glyph a code has: "dup 58 /period
 * put" (Type 1 Font Format, 2.2).
 */
static void
read_builtin(
    struct pdffont *f, struct pdffile *file, struct pdffile_place place)
{
	struct pdffile_object *o = NULL;
	struct pdffile_place v;
	struct pdfcode *c;
	struct pdflex l;
	uint32_t code = 256;

	if (!pdffile_get(file, place, "FontDescriptor", &v, NULL) ||
	    !pdffile_get(file, v, "FontFile", &v, &o) || o == NULL ||
	    o->data == 0 || pdffile_stream(file, o, &c) != 0)
		return;
	pdflex_init(&l);
	pdflex_start(&l, fill, c, 0);
	for (size_t i = 0; i < CLEAR_MAX && pdflex_next(&l) != PDFLEX_END;
	     i++) {
		if (pdflex_is(&l, "eexec"))
			break;
		if (l.kind == PDFLEX_NUMBER)
			code = (uint32_t)pdflex_integer(&l, 255, 256);
		if (l.kind == PDFLEX_NAME && code < 256) {
			f->simple[code] =
			    pdfglyph_named(l.text.data, l.text.len);
		}
		if (l.kind != PDFLEX_NUMBER)
			code = 256;
	}
	pdflex_done(&l);
	pdfcode_free(c);
}

/* The name tells how wide a standard font is. */
static void
read_name(struct pdffont *f, struct pdffile *file, struct pdffile_place place)
{
	const struct pdflex *l = &file->lex;
	struct pdffile_place v;

	f->standard = pdfglyph_widths("", 0);
	if (!pdffile_get(file, place, "BaseFont", &v, NULL) ||
	    l->kind != PDFLEX_NAME || l->text.len == 0)
		return;
	f->standard = pdfglyph_widths(l->text.data, l->text.len);
	if (memmem(l->text.data, l->text.len, "Courier", 7) != NULL)
		f->width = 600;
}

static void
read_simple(struct pdffont *f, struct pdffile *file, struct pdffile_place place)
{
	enum pdfglyph_encoding e = PDFGLYPH_STANDARD;
	struct pdffile_place v, w;

	if (pdffile_get(file, place, "Subtype", &v, NULL) &&
	    pdflex_named(&file->lex, "TrueType"))
		e = PDFGLYPH_WIN;
	read_name(f, file, place);
	if (!pdffile_get(file, place, "Encoding", &v, NULL)) {
		take_encoding(f, e);
		read_builtin(f, file, place);
		return;
	}
	if (file->lex.kind == PDFLEX_NAME) {
		take_encoding(f, encoding_named(&file->lex, e));
		return;
	}
	if (pdffile_get(file, v, "BaseEncoding", &w, NULL)) {
		take_encoding(f, encoding_named(&file->lex, e));
	} else {
		take_encoding(f, e);
		read_builtin(f, file, place);
	}
	if (pdffile_get(file, v, "Differences", &w, NULL) &&
	    file->lex.kind == PDFLEX_ARRAY)
		read_differences(f, &file->lex);
}

/* ---- widths -------------------------------------------------------------- */

static void
add_width(struct pdffont *f, uint32_t lo, uint32_t hi, double width)
{
	struct pdffont_width *list = grow(
	    f->widths, f->nwidths, &f->widths_cap, WIDTHS_MAX, sizeof *list);

	/* What is missing only moves a space. */
	if (list == NULL)
		return;
	f->widths = list;
	if (width < -10000 || width > 10000)
		return;
	f->widths[f->nwidths++] =
	    (struct pdffont_width){.lo = lo, .hi = hi, .width = (float)width};
}

static void
read_simple_widths(
    struct pdffont *f, struct pdffile *file, struct pdffile_place place)
{
	struct pdffile_place v;
	double scale = 1;
	uint32_t code = 0;

	/* The widths of a Type 3 font are in its own space. */
	if (pdffile_get(file, place, "FontMatrix", &v, NULL) &&
	    file->lex.kind == PDFLEX_ARRAY &&
	    pdflex_next(&file->lex) == PDFLEX_NUMBER && file->lex.number > 0 &&
	    file->lex.number < 1000)
		scale = file->lex.number * 1000;
	if (pdffile_get(file, place, "FirstChar", &v, NULL))
		code = (uint32_t)pdflex_integer(&file->lex, 255, 0);
	if (!pdffile_get(file, place, "Widths", &v, NULL) ||
	    file->lex.kind != PDFLEX_ARRAY)
		return;
	while (pdflex_next(&file->lex) == PDFLEX_NUMBER && code < 256) {
		add_width(f, code, code, file->lex.number * scale);
		code++;
	}
}

/* "c [w1 w2 ...]" and "c1 c2 w" (9.7.4.3). */
static void
read_composite_widths(
    struct pdffont *f, struct pdffile *file, struct pdffile_place font)
{
	struct pdflex *l = &file->lex;
	struct pdffile_place v;

	f->width = 1000;
	if (pdffile_get(file, font, "DW", &v, NULL) &&
	    l->kind == PDFLEX_NUMBER && l->number >= 0 && l->number < 10000)
		f->width = (float)l->number;
	if (!pdffile_get(file, font, "W", &v, NULL) || l->kind != PDFLEX_ARRAY)
		return;
	while (pdflex_next(l) == PDFLEX_NUMBER) {
		uint32_t lo = (uint32_t)pdflex_integer(l, 65535, 65536), hi;

		(void)pdflex_next(l);
		if (l->kind == PDFLEX_NUMBER) {
			hi = (uint32_t)pdflex_integer(l, 65535, 65535);
			if (pdflex_next(l) == PDFLEX_NUMBER && lo <= hi)
				add_width(f, lo, hi, l->number);
			continue;
		}
		if (l->kind != PDFLEX_ARRAY)
			return;
		while (pdflex_next(l) == PDFLEX_NUMBER) {
			add_width(f, lo, lo, l->number);
			lo++;
		}
	}
}

static int
width_by_lo(const void *a, const void *b)
{
	const struct pdffont_width *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* ---- fonts --------------------------------------------------------------- */

static int
read_composite(
    struct pdffont *f, struct pdffile *file, struct pdffile_place place)
{
	struct pdflex *l = &file->lex;
	struct pdffile_object *o;
	struct pdffile_place v;
	int r = 0;

	if (pdffile_get(file, place, "Encoding", &v, &o)) {
		/* "UniGB-UTF16-H": the codes are what they stand for. */
		f->unicode = l->kind == PDFLEX_NAME && l->text.len > 3 &&
			     memcmp(l->text.data, "Uni", 3) == 0;
		if (l->kind == PDFLEX_DICT && o != NULL && o->data != 0)
			r = read_map(f, file, o, false);
	}
	if (pdffile_get(file, place, "DescendantFonts", &v, NULL) &&
	    l->kind == PDFLEX_ARRAY) {
		(void)pdflex_next(l);
		v.at = l->at;
		read_composite_widths(f, file, v);
	}
	return r;
}

int
pdffont_read(
    struct pdffont *f, struct pdffile *file, struct pdffile_place place)
{
	struct pdffile_object *o;
	struct pdffile_place v;
	int r = 0;

	*f = (struct pdffont){.place = place, .width = -1};
	buf_init(&f->many, MANY_MAX);
	if (pdffile_get(file, place, "Subtype", &v, NULL))
		f->composite = pdflex_named(&file->lex, "Type0");
	if (f->composite)
		r = read_composite(f, file, place);
	else
		read_simple(f, file, place);
	if (!f->composite)
		read_simple_widths(f, file, place);
	if (r == 0 && pdffile_get(file, place, "ToUnicode", &v, &o) &&
	    o != NULL && o->data != 0) {
		size_t spaces = f->nspaces;

		r = read_map(f, file, o, true);
		/* The font's own map tells the lengths, if it has one. */
		if (spaces > 0)
			f->nspaces = spaces;
	}
	if (f->nranges > 0)
		qsort(f->ranges, f->nranges, sizeof *f->ranges, by_lo);
	if (f->nwidths > 0)
		qsort(f->widths, f->nwidths, sizeof *f->widths, width_by_lo);
	if (r != 0)
		pdffont_done(f);
	return r;
}

void
pdffont_done(struct pdffont *f)
{
	free(f->ranges);
	free(f->widths);
	buf_done(&f->many);
	*f = (struct pdffont){0};
}

size_t
pdffont_size(const struct pdffont *f)
{
	return f->ranges_cap * sizeof *f->ranges +
	       f->widths_cap * sizeof *f->widths + f->many.cap;
}

size_t
pdffont_code(
    const struct pdffont *f, const uint8_t *p, size_t len, uint32_t *code)
{
	uint32_t c = 0;

	if (!f->composite || len < 2) {
		*code = p[0];
		return 1;
	}
	for (size_t n = 1; n <= 4 && n <= len && !f->unicode; n++) {
		c = c << 8 | p[n - 1];
		for (size_t i = 0; i < f->nspaces; i++)
			if (f->spaces[i].bytes == n && c >= f->spaces[i].lo &&
			    c <= f->spaces[i].hi) {
				*code = c;
				return n;
			}
	}
	*code = (uint32_t)p[0] << 8 | p[1];
	return 2;
}

static const struct pdffont_range *
range_of(const struct pdffont *f, uint32_t code)
{
	size_t lo = 0, hi = f->nranges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->ranges[mid].lo <= code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && f->ranges[lo - 1].hi >= code ? &f->ranges[lo - 1]
						      : NULL;
}

uint32_t
pdffont_put(const struct pdffont *f, uint32_t code, struct buf *out)
{
	const struct pdffont_range *r = range_of(f, code);
	uint32_t u = 0;

	if (r != NULL && (r->to & PDFFONT_MANY) != 0) {
		const uint8_t *p = f->many.data + (r->to & ~PDFFONT_MANY);

		for (size_t i = 0; i < p[0]; i++) {
			const uint8_t *c = p + 1 + 4 * i;

			u = (uint32_t)c[0] << 24 | (uint32_t)c[1] << 16 |
			    (uint32_t)c[2] << 8 | c[3];
			pdffont_utf8(out, u);
		}
		return u;
	}
	if (r != NULL)
		u = r->to + (code - r->lo);
	else if (f->unicode)
		u = code;
	/* A map that lacks a code of a simple font does not hide it. */
	if (u == 0 && !f->composite && code < 256)
		u = f->simple[code];
	if (u != 0)
		pdffont_utf8(out, u);
	return u;
}

float
pdffont_width(const struct pdffont *f, uint32_t code, uint32_t shown)
{
	size_t lo = 0, hi = f->nwidths;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->widths[mid].lo <= code)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo > 0 && f->widths[lo - 1].hi >= code)
		return f->widths[lo - 1].width;
	if (f->width >= 0)
		return f->width;
	if (shown == 0x2018 || shown == 0x2019)
		shown = '\'';
	return shown >= ' ' && shown < 0x7f && f->standard != NULL
		   ? f->standard[shown - ' ']
		   : 556;
}
