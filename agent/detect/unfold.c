/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unfold - what a text says in its encoded runs, as texts to look into.
 *
 * Owns: the texts of the layers, and the budgets for them.
 * Never: depends on where the bytes were cut; keeps a byte after
 * unfold_reset; looks for a rule.
 *
 * The text of a layer over a text is what its runs (see decode.c) say, in
 * their order. Before each stand up to UNFOLD_BEFORE bytes of the text as they
 * are, and behind it up to UNFOLD_AFTER, so that `password: ` counts for what
 * stands encoded behind it; none of them twice, and a line feed where some are
 * left out. What gzip and zlib runs say is divided by a line feed.
 *
 * A layer's text has layers of its own, down to DECODE_DEPTH. gzip and zlib are
 * read only where a run of base64 or hex begins.
 *
 * It is looked into in pieces: the first UNFOLD_PIECE bytes, then again and
 * again a piece that begins UNFOLD_LEFT + UNFOLD_RIGHT bytes before the end of
 * the last one. A piece answers for the values that start from UNFOLD_LEFT
 * (the first: 0) to UNFOLD_RIGHT before its end (the last: its end). A value
 * counts if one of its bytes, or the one before it, stood encoded.
 *
 * The place of a byte is that of the characters that say it; of a packed one,
 * that of the UNFOLD_SLICE bytes, counted from the start of its run, with which
 * it came.
 *
 * Budgets: bytes of one layer's text, of what one packed run says, of what all
 * packed ones say for each byte of the outermost text so far, of all layers;
 * layers at once. What is over is missed, and said.
 */
#include "agent/detect/unfold.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/detect/inflate.h"

#include "lib/own.h"

#define DECODED ((uint64_t)1 << 63)
#define START ((uint64_t)1 << 62) /* the first byte of a run */
#define LEN_BITS 16
#define LEN_MAX (((uint64_t)1 << LEN_BITS) - 1)
#define WHERE_SHIFT LEN_BITS
#define WHERE_MAX (((uint64_t)1 << 46) - 1)

enum {
	VIEW_MAX = 64 << 20, /* bytes of one layer's text */
	PACKED_MAX = 8 << 20, /* bytes that one packed run may say */
	/* So many bytes that all of them may say, and so many a byte of text. */
	PACKED_FIRST = 1 << 20,
	PACKED_RATIO = 8,
	ALL_MAX = 256 << 20, /* bytes of all layers */
	VIEWS_MAX = 48,
	VIEWS_KEPT = 8, /* from text to text */
	ESCAPES = DECODE_HTML + 1, /* kinds of runs that a text itself has */
};

/* Where reading stands in a word. */
enum word { WORD_NONE, WORD_REST, WORD_RUN };

struct run {
	enum decode_layer kind;
	bool wide;
	bool began; /* a byte of it was said */
	uint32_t bits;
	unsigned have;
	uint64_t last; /* place of the last character */
	uint64_t line, first_line; /* characters */
	uint16_t unit; /* the first half of a wide character */
	uint64_t unit_at;
	bool half;
};

/* Escapes of one kind, near each other. */
struct stretch {
	uint64_t first, end;
	unsigned n;
	bool open, began;
};

/* A gzip or zlib run that is being read. */
struct packing {
	struct inflate *z; /* owned */
	struct view *to; /* NULL: none */
	uint8_t slice[UNFOLD_SLICE];
	size_t n;
	uint64_t from, end; /* places of the slice */
	uint64_t said;
	bool began;
};

/* The text of a layer; the outermost one is the text itself. */
struct view {
	enum decode_layer kind;
	unsigned depth;
	uint32_t layers;
	char path[DECODE_PATH_MAX];
	struct view *child[DECODE_LAYERS]; /* owned */
	/* Reading it. */
	uint64_t word_at, escape_at;
	enum word word;
	struct run run;
	struct stretch stretches[ESCAPES];
	struct packing packing;
	/* Its bytes, and how far it was looked into. */
	uint8_t *text; /* owned */
	uint64_t *place; /* owned */
	size_t len, top;
	uint64_t base, fed;
	size_t low;
	uint64_t given;
	bool spent;
	/* In the text that it is made from. */
	uint64_t shown, owed; /* plain bytes */
};

struct unfold {
	uint32_t wanted;
	unfold_fn *look;
	void *ctx;
	struct view root;
	unsigned nviews;
	uint64_t all, missed;
	uint64_t unpacked; /* bytes of all packed runs */
	int err;
};

/* What is read: a window of a text. */
struct text {
	struct view *of;
	const uint8_t *data;
	size_t len;
	uint64_t base;
	bool eof;
};

bool
unfold_counts(const struct unfold_piece *p, struct span v)
{
	size_t from = (size_t)v.from;

	if (from < p->low || from >= p->high)
		return false;
	for (size_t i = from > 0 ? from - 1 : 0; i < v.to; i++)
		if ((p->place[i] & DECODED) != 0)
			return true;
	return false;
}

static uint64_t
place_from(uint64_t place)
{
	return place >> WHERE_SHIFT & WHERE_MAX;
}

static uint64_t
place_to(uint64_t place)
{
	return place_from(place) + (place & LEN_MAX);
}

static uint64_t
place_make(uint64_t from, uint64_t to)
{
	uint64_t len = to - from < LEN_MAX ? to - from : LEN_MAX;

	return (from & WHERE_MAX) << WHERE_SHIFT | len;
}

struct span
unfold_span(const struct unfold_piece *p, struct span at)
{
	return (struct span){
	    place_from(p->place[at.from]), place_to(p->place[at.to - 1])};
}

/* ---- the text of a layer ------------------------------------------------- */

static void read_text(
    struct unfold *u, const struct text *t, uint64_t from, uint64_t to);

/* Looks into a piece, and reads on in what is new of it. */
static void
look(struct unfold *u, struct view *v, bool eof)
{
	struct text t = {v, v->text, v->len, v->base, eof};
	struct unfold_piece p = {.text = v->text,
	    .place = v->place,
	    .len = v->len,
	    .low = v->low,
	    .high = eof ? v->len : v->len - UNFOLD_RIGHT,
	    .path = v->path,
	    .layers = v->layers};
	uint64_t to = v->base + v->len - (eof ? 0 : DECODE_AHEAD);
	size_t keep = p.high - UNFOLD_LEFT;

	if (u->err == 0)
		u->err = u->look(u->ctx, &p);
	read_text(u, &t, v->fed, to);
	v->fed = to;
	if (eof)
		return;
	memmove(v->text, v->text + keep, v->len - keep);
	memmove(v->place, v->place + keep, (v->len - keep) * sizeof *v->place);
	v->len -= keep;
	v->base += keep;
	v->low = UNFOLD_LEFT;
}

/* Bytes that have one place. */
static void
put_all(struct unfold *u, struct view *v, const uint8_t *p, size_t len,
    uint64_t place)
{
	while (len > 0 && !v->spent) {
		size_t n = UNFOLD_PIECE - v->len;

		n = n < len ? n : len;
		n = n < VIEW_MAX - v->given ? n : (size_t)(VIEW_MAX - v->given);
		n = n < ALL_MAX - u->all ? n : (size_t)(ALL_MAX - u->all);
		if (n == 0) {
			v->spent = true;
			u->missed++;
			return;
		}
		memcpy(v->text + v->len, p, n);
		for (size_t i = 0; i < n; i++)
			v->place[v->len + i] = place;
		v->given += n;
		u->all += n;
		v->len += n;
		v->top = v->len > v->top ? v->len : v->top;
		p += n;
		len -= n;
		if (v->len == UNFOLD_PIECE)
			look(u, v, false);
	}
}

static void
put(struct unfold *u, struct view *v, uint8_t c, uint64_t place)
{
	put_all(u, v, &c, 1, place);
}

/* Makes the bits of a view that it always has. */
static struct view *
view_new(struct unfold *u, const struct view *up, enum decode_layer kind)
{
	struct view *v = u->nviews < VIEWS_MAX ? calloc(1, sizeof *v) : NULL;

	if (v == NULL)
		return NULL;
	v->text = malloc(UNFOLD_PIECE);
	v->place = calloc(UNFOLD_PIECE, sizeof *v->place);
	if (v->text == NULL || v->place == NULL) {
		free(v->text);
		free(v->place);
		free(v);
		return NULL;
	}
	v->kind = kind;
	v->depth = up->depth + 1;
	v->layers = up->layers | 1U << kind;
	(void)snprintf(v->path, sizeof v->path, "%.31s%s%s", up->path,
	    up->path[0] != '\0' ? ">" : "", decode_name(kind));
	u->nviews++;
	return v;
}

/* The text of a layer over another; NULL if it is not wanted or too much. */
static struct view *
child(struct unfold *u, struct view *up, enum decode_layer kind)
{
	struct view **v = &up->child[kind];

	if ((u->wanted >> kind & 1) == 0)
		return NULL;
	if (*v == NULL && up->depth < DECODE_DEPTH)
		*v = view_new(u, up, kind);
	u->missed += *v == NULL;
	return *v;
}

/* ---- plain text around runs ---------------------------------------------- */

static uint64_t
place_of(const struct text *t, uint64_t at)
{
	if (t->of->text == NULL)
		return place_make(at, at + 1);
	return t->of->place[at - t->base] & ~(DECODED | START);
}

/* DECODED if the byte itself stood encoded, as all of the outermost text does:
 * what is plain in a layer's text is read in the text below. */
static uint64_t
stood(const struct text *t, uint64_t at)
{
	if (t->of->text == NULL)
		return DECODED;
	return t->of->place[at - t->base] & DECODED;
}

static void
put_plain(struct unfold *u, struct view *v, const struct text *t, uint64_t from,
    uint64_t to)
{
	for (; from < to; from++)
		put(u, v, t->data[from - t->base], place_of(t, from));
}

/* Plain text behind the last run, before @to. */
static void
pay(struct unfold *u, struct view *v, const struct text *t, uint64_t to)
{
	if (to > v->owed)
		to = v->owed;
	if (to <= v->shown)
		return;
	put_plain(u, v, t, v->shown, to);
	v->shown = to;
}

/* Plain text up to where a run begins. */
static void
lead(struct unfold *u, struct view *v, const struct text *t, uint64_t at)
{
	uint64_t from = at > UNFOLD_BEFORE ? at - UNFOLD_BEFORE : 0;

	pay(u, v, t, at);
	if (from > v->shown) {
		if (v->given > 0)
			put(u, v, '\n', place_of(t, from));
		v->shown = from;
	}
	put_plain(u, v, t, v->shown, at);
	v->shown = at;
	v->owed = 0;
}

static void
leave(struct view *v, uint64_t at)
{
	v->shown = at;
	v->owed = at + UNFOLD_AFTER;
}

/* ---- runs in words ------------------------------------------------------- */

static void
put_said(
    struct unfold *u, struct view *v, struct run *r, uint8_t c, uint64_t place)
{
	put(u, v, c, place | (r->began ? 0 : START));
	r->began = true;
}

/* Half of a character of UTF-16, which comes out as UTF-8. */
static void
put_wide(
    struct unfold *u, struct view *v, struct run *r, uint8_t c, uint64_t place)
{
	uint32_t code;

	r->half = !r->half;
	if (r->half) {
		r->unit = c;
		r->unit_at = place;
		return;
	}
	code = (uint32_t)r->unit | (uint32_t)c << 8;
	place = place_make(place_from(r->unit_at), place_to(place)) |
		((place | r->unit_at) & DECODED);
	if (code < 0x80) {
		put_said(u, v, r, (uint8_t)code, place);
		return;
	}
	/* Halves of a pair come out as they are: no text, but no loss. */
	if (code >= 0x800)
		put_said(u, v, r, (uint8_t)(0xe0 | code >> 12), place);
	put_said(u, v, r,
	    (uint8_t)(code >= 0x800 ? 0x80 | (code >> 6 & 0x3f)
				    : 0xc0 | code >> 6),
	    place);
	put_said(u, v, r, (uint8_t)(0x80 | (code & 0x3f)), place);
}

static void
take_digit(struct unfold *u, struct view *v, struct run *r, unsigned digit,
    uint64_t place)
{
	unsigned width = r->kind == DECODE_HEX ? 4 : 6;
	uint64_t first = r->have > 0 ? r->last : place;
	uint8_t c;

	r->bits = r->bits << width | digit;
	r->have += width;
	r->last = place;
	r->line++;
	if (r->have < 8)
		return;
	r->have -= 8;
	c = (uint8_t)(r->bits >> r->have);
	place = place_make(place_from(first), place_to(place)) |
		((first | place) & DECODED);
	if (r->wide)
		put_wide(u, v, r, c, place);
	else
		put_said(u, v, r, c, place);
}

/* Bytes of a line's end over which the run goes on. */
static size_t
wrap(struct run *r, const uint8_t *p, size_t len)
{
	size_t n;

	if (r->first_line == 0)
		r->first_line = r->line;
	if (r->line != r->first_line || r->line < DECODE_LINE_MIN ||
	    r->line % 4 != 0)
		return 0;
	n = decode_wrap(p, len);
	if (n > 0 && decode_digit(r->kind, p[n]) < 0)
		return 0;
	r->line = 0;
	return n;
}

/* Reads on in a run; returns where it stopped. */
static uint64_t
read_run(struct unfold *u, const struct text *t, uint64_t at, uint64_t to)
{
	struct view *of = t->of;
	struct run *r = &of->run;
	struct view *v = of->child[r->kind];

	while (at < to || t->eof) {
		const uint8_t *p = t->data + (at - t->base);
		size_t left = t->len - (size_t)(at - t->base);
		int digit = left > 0 ? decode_digit(r->kind, *p) : -1;
		size_t n = 0;

		if (digit >= 0) {
			take_digit(u, v, r, (unsigned)digit,
			    place_of(t, at) | stood(t, at));
			at++;
			continue;
		}
		if (left > 0 && (*p == '\r' || *p == '\n'))
			n = wrap(r, p, left);
		if (n > 0) {
			at += n;
			continue;
		}
		for (; n < 2 && n < left && p[n] == '='; n++)
			at++;
		leave(v, at);
		of->word = WORD_REST;
		break;
	}
	return at;
}

/* Begins a run, or passes over the word. */
static uint64_t
begin_word(struct unfold *u, const struct text *t, uint64_t at,
    const struct decode_head *h)
{
	struct view *of = t->of;
	struct view *v = child(u, of, h->kind);

	of->word = WORD_REST;
	if (v == NULL)
		return at;
	lead(u, v, t, at);
	of->word = WORD_RUN;
	of->run = (struct run){.kind = h->kind, .wide = h->wide};
	return at + h->skip;
}

static void
read_words(struct unfold *u, const struct text *t, uint64_t from, uint64_t to)
{
	struct view *of = t->of;
	uint64_t at = of->word_at > from ? of->word_at : from;
	struct decode_head head;

	/* The last part may have ended in a word that is none. */
	if (of->word == WORD_NONE && at < to && at > t->base &&
	    decode_word(t->data[at - t->base - 1]))
		of->word = WORD_REST;
	while (at < to && u->err == 0) {
		switch (of->word) {
		case WORD_NONE:
			at = t->base + decode_token(t->data, t->len,
					   (size_t)(at - t->base),
					   (size_t)(to - t->base), &head);
			if (at < to)
				at = begin_word(u, t, at, &head);
			break;
		case WORD_REST:
			while (at < to && decode_word(t->data[at - t->base]))
				at++;
			if (at < to)
				of->word = WORD_NONE;
			break;
		case WORD_RUN:
			at = read_run(u, t, at, to);
			break;
		}
	}
	if (t->eof && of->word == WORD_RUN)
		at = read_run(u, t, at, to);
	of->word_at = at;
}

/* ---- stretches of escapes ------------------------------------------------ */

static void
put_escape(struct unfold *u, struct view *v, struct stretch *s,
    const struct text *t, uint64_t at, const struct decode_escape *e)
{
	uint64_t last = at + e->len - 1;
	uint64_t place = place_make(place_from(place_of(t, at)),
			     place_to(place_of(t, last))) |
			 stood(t, at) | stood(t, last);

	for (size_t i = 0; i < e->n; i++) {
		put(u, v, e->text[i], place | (s->began ? 0 : START));
		s->began = true;
	}
}

/* What stands between two escapes of a stretch. */
static void
put_between(struct unfold *u, struct view *v, struct stretch *s,
    const struct text *t, uint64_t to)
{
	uint64_t at = s->end;

	while (at < to) {
		const uint8_t *p = t->data + (at - t->base);
		struct decode_escape e;

		if (v->kind == DECODE_HTML && *p == '&' &&
		    decode_entity(p, (size_t)(to - at), &e)) {
			put_escape(u, v, s, t, at, &e);
			at += e.len;
			continue;
		}
		if (v->kind == DECODE_PERCENT && *p == '+')
			put(u, v, ' ', place_of(t, at) | stood(t, at));
		else
			put(u, v, *p, place_of(t, at));
		at++;
	}
}

/* Enough escapes: reads them again, from the first. */
static void
begin_stretch(struct unfold *u, struct view *v, struct stretch *s,
    const struct text *t, uint64_t to)
{
	uint64_t at = s->first;

	lead(u, v, t, at);
	s->open = true;
	s->began = false;
	s->end = at;
	while (at < to) {
		const uint8_t *p = t->data + (at - t->base);
		enum decode_layer kind;
		struct decode_escape e;

		if (!decode_escape(
			p, t->len - (size_t)(at - t->base), &kind, &e) ||
		    kind != v->kind) {
			at++;
			continue;
		}
		put_between(u, v, s, t, at);
		put_escape(u, v, s, t, at, &e);
		at += e.len;
		s->end = at;
	}
}

static void
end_stretch(struct view *of, struct stretch *s, enum decode_layer kind)
{
	if (s->open)
		leave(of->child[kind], s->end);
	*s = (struct stretch){0};
}

static void
take_escape(struct unfold *u, const struct text *t, enum decode_layer kind,
    uint64_t at, const struct decode_escape *e)
{
	struct view *of = t->of;
	struct stretch *s = &of->stretches[kind];
	struct view *v;

	if (s->n > 0 && at - s->end > decode_gap(kind))
		end_stretch(of, s, kind);
	s->n++;
	if (s->open) {
		v = of->child[kind];
		put_between(u, v, s, t, at);
		put_escape(u, v, s, t, at, e);
	} else if (s->n == 1) {
		s->first = at;
	} else if (s->n == decode_need(kind)) {
		v = child(u, of, kind);
		if (v != NULL)
			begin_stretch(u, v, s, t, at + e->len);
	}
	s->end = at + e->len;
}

static void
read_escapes(struct unfold *u, const struct text *t, uint64_t from, uint64_t to)
{
	struct view *of = t->of;
	uint64_t at = of->escape_at > from ? of->escape_at : from;

	while (u->err == 0) {
		enum decode_layer kind;
		struct decode_escape e;
		size_t i = (size_t)(at - t->base);

		if (at < to)
			i = decode_trigger(
			    t->data, t->len, i, (size_t)(to - t->base));
		at = t->base + i;
		if (at >= to)
			break;
		if (!decode_escape(t->data + i, t->len - i, &kind, &e)) {
			at++;
			continue;
		}
		take_escape(u, t, kind, at, &e);
		at += e.len;
	}
	of->escape_at = at;
	for (unsigned k = DECODE_PERCENT; k <= DECODE_HTML; k++) {
		struct stretch *s = &of->stretches[k];

		if (s->n > 0 &&
		    (t->eof || to > s->end + decode_gap((enum decode_layer)k)))
			end_stretch(of, s, (enum decode_layer)k);
	}
}

/* ---- packed runs --------------------------------------------------------- */

static bool
is_gzip(const uint8_t *p, size_t len)
{
	return len >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

static bool
is_zlib(const uint8_t *p, size_t len)
{
	return len >= 2 && p[0] == 0x78 && (p[0] * 256 + p[1]) % 31 == 0 &&
	       (p[1] & 0x20) == 0;
}

struct unpacking {
	struct unfold *u;
	struct packing *k;
};

/* What a text may say in packed runs up to the end of this slice. */
static uint64_t
packed_left(const struct unfold *u, const struct packing *k)
{
	uint64_t most = PACKED_FIRST + PACKED_RATIO * k->end;

	return most > u->unpacked ? most - u->unpacked : 0;
}

static int
on_unpacked(void *ctx, const uint8_t *data, size_t len)
{
	struct unpacking *x = ctx;
	struct packing *k = x->k;
	uint64_t place = place_make(k->from, k->end) | DECODED;

	if (len == 0)
		return 0;
	if (len > PACKED_MAX - k->said || len > packed_left(x->u, k)) {
		x->u->missed++;
		return -EFBIG;
	}
	k->said += len;
	x->u->unpacked += len;
	if (!k->began) {
		if (k->to->given > 0)
			put(x->u, k->to, '\n', place & ~DECODED);
		put(x->u, k->to, *data++, place | START);
		k->began = true;
		len--;
	}
	put_all(x->u, k->to, data, len, place);
	return 0;
}

/* Reads the slice; a run that is damaged is over there. */
static void
unpack(struct unfold *u, struct packing *k)
{
	struct unpacking x = {u, k};
	int r;

	if (k->to == NULL || k->n == 0)
		return;
	r = inflate_some(k->z, k->slice, k->n, on_unpacked, &x);
	k->n = 0;
	if (r == -EBADMSG && k->to->kind == DECODE_GZIP)
		u->missed++;
	if (r != 0)
		k->to = NULL;
}

static void
end_packed(struct unfold *u, struct packing *k)
{
	unpack(u, k);
	/* Its end is missing. */
	if (k->to != NULL && k->to->kind == DECODE_GZIP)
		u->missed++;
	k->to = NULL;
}

static void
begin_packed(struct unfold *u, struct view *of, const uint8_t *p, size_t len)
{
	struct packing *k = &of->packing;
	bool gzip = is_gzip(p, len);
	struct view *to;

	if (!gzip && !is_zlib(p, len))
		return;
	to = child(u, of, gzip ? DECODE_GZIP : DECODE_ZLIB);
	if (to == NULL)
		return;
	if (inflate_begin(&k->z, gzip) != 0) {
		u->missed++;
		return;
	}
	k->to = to;
	k->n = 0;
	k->said = 0;
	k->began = false;
}

static void
read_packed(struct unfold *u, const struct text *t, uint64_t from, uint64_t to)
{
	struct view *of = t->of;
	struct packing *k = &of->packing;

	for (uint64_t at = from; at < to && u->err == 0; at++) {
		size_t i = (size_t)(at - t->base);
		uint64_t place = of->place[i];

		if ((place & DECODED) == 0 || (place & START) != 0)
			end_packed(u, k);
		if ((place & START) != 0)
			begin_packed(u, of, t->data + i, t->len - i);
		if (k->to == NULL || (place & DECODED) == 0)
			continue;
		if (k->n == 0)
			k->from = place_from(place);
		k->end = place_to(place);
		k->slice[k->n++] = t->data[i];
		if (k->n == UNFOLD_SLICE)
			unpack(u, k);
	}
	if (t->eof)
		end_packed(u, k);
}

/* ---- all of a text ------------------------------------------------------- */

/* How far text is plain for sure: escapes that wait may become a stretch. */
static uint64_t
payable(const struct view *of, unsigned kind, uint64_t to)
{
	const struct stretch *s = &of->stretches[kind];

	return s->n > 0 && s->first < to ? s->first : to;
}

static void
read_text(struct unfold *u, const struct text *t, uint64_t from, uint64_t to)
{
	struct view *of = t->of;

	read_words(u, t, from, to);
	read_escapes(u, t, from, to);
	if (of->text != NULL &&
	    (of->kind == DECODE_BASE64 || of->kind == DECODE_HEX))
		read_packed(u, t, from, to);
	for (unsigned k = 0; k < DECODE_LAYERS; k++) {
		struct view *v = of->child[k];

		if (v == NULL)
			continue;
		if (k <= DECODE_HTML)
			pay(u, v, t, payable(of, k, to));
		/* At most DECODE_DEPTH deep. */
		if (t->eof && v->given > 0)
			look(u, v, true);
	}
}

int
unfold_run(struct unfold *u, const uint8_t *data, size_t len, uint64_t base,
    uint64_t from, uint64_t to, bool eof)
{
	struct text t = {&u->root, data, len, base, eof};

	read_text(u, &t, from, to);
	return u->err;
}

uint64_t
unfold_missed(const struct unfold *u)
{
	return u->missed;
}

static void
view_reset(struct view *v)
{
	struct view kept = {.kind = v->kind,
	    .depth = v->depth,
	    .layers = v->layers,
	    .text = v->text,
	    .place = v->place};

	for (unsigned k = 0; k < DECODE_LAYERS; k++) {
		kept.child[k] = v->child[k];
		if (v->child[k] != NULL && v->child[k]->given > 0)
			view_reset(v->child[k]);
	}
	memcpy(kept.path, v->path, sizeof kept.path);
	kept.packing.z = v->packing.z;
	if (v->text != NULL)
		explicit_bzero(v->text, v->top);
	explicit_bzero(v->packing.slice, sizeof v->packing.slice);
	*v = kept;
}

static void
view_done(struct view *v)
{
	for (unsigned k = 0; k < DECODE_LAYERS; k++) {
		if (v->child[k] == NULL)
			continue;
		view_done(v->child[k]);
		free(v->child[k]);
	}
	inflate_free(v->packing.z);
	if (v->text != NULL)
		explicit_bzero(v->text, UNFOLD_PIECE);
	free(v->text);
	free(v->place);
}

void
unfold_reset(struct unfold *u)
{
	/* A text of many layers does not keep memory for ever. */
	if (u->nviews > VIEWS_KEPT) {
		view_done(&u->root);
		u->root = (struct view){0};
		u->nviews = 0;
	}
	view_reset(&u->root);
	u->all = 0;
	u->unpacked = 0;
	u->missed = 0;
	u->err = 0;
}

void
unfold_free(struct unfold *u)
{
	if (u == NULL)
		return;
	view_done(&u->root);
	free(u);
}

int
unfold_new(uint32_t layers, unfold_fn *f, void *ctx, struct unfold **out)
{
	struct unfold *u = calloc(1, sizeof *u);

	if (u == NULL)
		return -ENOMEM;
	u->wanted = layers;
	u->look = f;
	u->ctx = ctx;
	*out = u;
	return 0;
}
