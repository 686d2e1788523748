/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdf - a document as a container of its pages.
 *
 * Owns: which part is given when: each page's text; text that no page shows;
 * the strings of all objects (properties, bookmarks, fields, notes); then
 * metadata, embedded files and every other stream that is neither a picture
 * nor a font, each as a member.
 * Never: believes the cross-reference table, or that what the last revision
 * does not name is gone: objects of older revisions are looked at, too.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/extract/layer.h"
#include "agent/extract/pdffile.h"
#include "agent/extract/pdffont.h"
#include "agent/extract/pdfglyph.h"
#include "agent/extract/pdftext.h"
#include "agent/extract/runs.h"
#include "agent/extract/sniff.h"
#include "agent/extract/window.h"
#include "lib/str.h"

#include "lib/own.h"

/* Members for pages; of more, several pages share one. */
#define MEMBERS_MAX 2000
#define KIDS_DEPTH 64
#define OUT_MAX ((size_t)4 << 20)
#define OUT_ENOUGH ((size_t)64 * 1024)
#define NAMES_MAX 512
#define LONG_NUMBER 8 /* digits of what may be a value */
#define LINE 1024

enum phase { START, PAGES, APART, PROPERTIES, STREAMS, TAIL, OVER };

/* What a file specification calls a stream. */
struct named {
	const struct pdffile_object *object;
	char name[128];
};

struct pdf {
	struct window window;
	struct pdffile file;
	struct pdftext *text;
	enum phase phase;
	struct pdffile_object **pages;
	size_t npages, page, last_page; /* @last_page: of this member */
	size_t object, gap;
	struct named *names;
	size_t nnames;
	struct pdfcode *code; /* of the stream that is given */
	uint64_t tail, tail_len;
	struct buf out;
	size_t out_at;
	bool reading; /* text comes from it */
	bool given;
};

/* ---- strings ------------------------------------------------------------- */

static void
put_utf16(struct buf *out, const uint8_t *p, size_t len, bool little)
{
	uint32_t high = 0;

	for (size_t i = 0; i + 2 <= len; i += 2) {
		uint32_t u = (uint32_t)p[i + little] << 8 | p[i + !little];

		if (u >= 0xd800 && u < 0xdc00) {
			high = u;
			continue;
		}
		if (u >= 0xdc00 && u < 0xe000 && high != 0)
			u = 0x10000 + ((high - 0xd800) << 10) + (u - 0xdc00);
		high = 0;
		pdffont_utf8(out, u == '\r' ? '\n' : u);
	}
}

/* A text string (7.9.2.2), or bytes in which there may be text. */
static void
put_string(struct buf *out, const uint8_t *p, size_t len)
{
	const uint16_t *doc = pdfglyph_encodings[PDFGLYPH_DOC];
	size_t i;

	if (len >= 2 && p[0] == 0xfe && p[1] == 0xff) {
		put_utf16(out, p + 2, len - 2, false);
		return;
	}
	if (len >= 2 && p[0] == 0xff && p[1] == 0xfe) {
		put_utf16(out, p + 2, len - 2, true);
		return;
	}
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		runs_clean(out, p + 3, len - 3);
		return;
	}
	for (i = 0; i < len && doc[p[i]] != 0; i++)
		;
	if (i < len) {
		runs_put(out, p, len);
		return;
	}
	for (i = 0; i < len; i++)
		pdffont_utf8(out, p[i] == '\r' ? '\n' : doc[p[i]]);
}

/* "D:20240131120000+01'00'" says nothing but looks like a number (7.9.4). */
static bool
is_date(const uint8_t *p, size_t len)
{
	if (len < 6 || len > 24 || memcmp(p, "D:", 2) != 0)
		return false;
	for (size_t i = 2; i < len; i++)
		if ((p[i] < '0' || p[i] > '9') &&
		    (p[i] == 0 || strchr("+-Z'", p[i]) == NULL))
			return false;
	return true;
}

static size_t
digits_in(const struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->data[i] >= '0' && b->data[i] <= '9';
	return n;
}

struct key {
	uint8_t text[LINE];
	size_t len;
};

static void
put_key(struct buf *out, const struct key *k)
{
	if (k->len > 0) {
		runs_clean(out, k->text, k->len);
		buf_put(out, ": ", 2);
	}
}

/* True for what is a value to a reader, and no plumbing. */
static bool
worth(const struct pdflex *l, const struct key *k, bool array)
{
	bool id = k->len == 2 && memcmp(k->text, "ID", 2) == 0;

	if (l->kind == PDFLEX_STRING)
		return l->text.len > 0 && !(id && l->text.len == 16) &&
		       !is_date(l->text.data, l->text.len);
	if (l->kind == PDFLEX_NAME)
		return digits_in(&l->text) >= LONG_NUMBER;
	return l->kind == PDFLEX_NUMBER && k->len > 0 && !array &&
	       digits_in(&l->text) > LONG_NUMBER;
}

/* The name under which a file specification has its stream (7.11.3). */
static void
note_name(struct pdf *d, struct pdffile_place spec)
{
	static const char *const KEYS[] = {"UF", "F"};
	struct pdffile_object *o = NULL;
	struct pdffile_place files, v;
	OWN(buf_done) struct buf name = {0};

	if (d->nnames == NAMES_MAX ||
	    !pdffile_get(&d->file, spec, "EF", &files, NULL))
		return;
	for (size_t i = 0; i < ARRAY_LEN(KEYS) && o == NULL; i++)
		(void)pdffile_get(&d->file, files, KEYS[i], &v, &o);
	if (o == NULL)
		return;
	buf_init(&name, PDFLEX_TEXT_MAX * 4);
	for (size_t i = 0; i < ARRAY_LEN(KEYS) && name.len == 0; i++)
		if (pdffile_get(&d->file, spec, KEYS[i], &v, NULL) &&
		    d->file.lex.kind == PDFLEX_STRING)
			put_string(
			    &name, d->file.lex.text.data, d->file.lex.text.len);
	d->names[d->nnames].object = o;
	str_escape(d->names[d->nnames].name, sizeof d->names[0].name, name.data,
	    name.len);
	if (name.len > 0)
		d->nnames++;
}

/* The strings of the value there, each behind its key; where it ends. */
static uint64_t
put_strings(struct pdf *d, struct pdffile_place p)
{
	struct pdflex *l = &d->file.lex;
	struct pdffile_place spec = p;
	struct key key = {.len = 0};
	size_t depth = 0, array = 0;
	bool has_file = false;
	uint64_t end;

	pdffile_seek(&d->file, p);
	do {
		(void)pdflex_next(l);
		if (pdflex_is(l, "endobj") || pdflex_is(l, "stream") ||
		    l->kind == PDFLEX_END)
			break;
		if (l->cut)
			d->file.left_out = true;
		if (worth(l, &key, array > 0)) {
			put_key(&d->out, &key);
			put_string(&d->out, l->text.data, l->text.len);
			buf_put_u8(&d->out, '\n');
		}
		if (l->kind == PDFLEX_DICT || l->kind == PDFLEX_ARRAY) {
			depth++;
			array = l->kind == PDFLEX_ARRAY ? depth : array;
			if (l->kind == PDFLEX_DICT && !has_file)
				spec = (struct pdffile_place){
				    .in = p.in, .at = l->at};
		} else if (l->kind == PDFLEX_DICT_END ||
			   l->kind == PDFLEX_ARRAY_END) {
			depth -= depth > 0;
			array = 0;
		}
		if (l->kind == PDFLEX_NAME && array == 0) {
			has_file = has_file || pdflex_named(l, "EF");
			key.len = l->text.len < LINE ? l->text.len : LINE;
			if (key.len > 0)
				memcpy(key.text, l->text.data, key.len);
		} else if (array == 0) {
			key.len = 0;
		}
	} while (depth > 0);
	end = pdflex_where(l);
	if (has_file)
		note_name(d, spec);
	return end;
}

/* ---- what lies between objects ------------------------------------------- */

static bool
plumbing(const uint8_t *p, size_t len)
{
	static const char *const WORDS[] = {"xref", "trailer", "startxref",
	    "%%EOF", "endobj", "endstream", "%PDF-"};
	size_t i;

	for (i = 0; i < ARRAY_LEN(WORDS); i++)
		if (len >= strlen(WORDS[i]) && len < 16 &&
		    memcmp(p, WORDS[i], strlen(WORDS[i])) == 0)
			return true;
	/* "0000000016 00000 n", and the lines before it. */
	for (i = 0; i < len && i <= 20; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || p[i] == ' ' ||
			p[i] == 'n' || p[i] == 'f'))
			return false;
	return len <= 20;
}

static void
put_lines(struct pdf *d, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint8_t line[LINE];
		size_t n = to - from < LINE ? (size_t)(to - from) : LINE;
		size_t end = 0;

		n = window_read(&d->window, from, line, n);
		if (n == 0)
			return;
		while (end < n && line[end] != '\n' && line[end] != '\r')
			end++;
		if (!plumbing(line, end))
			runs_put(&d->out, line, end);
		from += end < n ? end + 1 : end;
	}
}

/* A gap: lines as they are, and the strings of trailers. */
static void
put_gap(struct pdf *d, const struct pdffile_gap *g)
{
	uint64_t at = g->at, end = g->at + g->len;
	uint8_t p[4096];

	while (at < end) {
		size_t n = end - at < sizeof p ? (size_t)(end - at) : sizeof p;
		const uint8_t *t;
		uint64_t to;

		n = window_read(&d->window, at, p, n);
		t = memmem(p, n, "trailer", 7);
		if (n < sizeof p && t == NULL) {
			put_lines(d, at, at + n);
			return;
		}
		/* A word that reaches over the end of the block. */
		to = at + (t != NULL ? (size_t)(t - p) : n - 7);
		put_lines(d, at, to);
		if (t != NULL) {
			uint64_t from = to + 7;

			to = put_strings(d, (struct pdffile_place){.at = from});
			to = to > from && to <= end ? to : from;
		}
		at = to;
	}
}

/* ---- pages --------------------------------------------------------------- */

static void
add_page(struct pdf *d, struct pdffile_object *o)
{
	if (o == NULL || o->role != PDFFILE_PAGE || o->named)
		return;
	o->named = true;
	d->pages[d->npages++] = o;
}

/* Walks the tree of pages: a stack of nodes, each entered once (7.7.3). */
static int
order_pages(struct pdf *d)
{
	struct pdflex *l = &d->file.lex;
	size_t n = d->file.nobjects, nstack = 0;
	OWN_MEM struct pdffile_object **stack = calloc(n + 1, sizeof(void *));
	struct pdffile_object *o;
	struct pdffile_place v;

	d->pages = calloc(n + 1, sizeof(void *));
	if (stack == NULL || d->pages == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (d->file.objects[i].role == PDFFILE_CATALOG &&
		    pdffile_get(
			&d->file, d->file.objects[i].place, "Pages", &v, &o) &&
		    o != NULL && !o->named && nstack < n) {
			o->named = true;
			stack[nstack++] = o;
		}
	while (nstack > 0) {
		size_t from;

		o = stack[--nstack];
		from = nstack;
		if (o->role == PDFFILE_PAGE) {
			o->named = false;
			add_page(d, o);
			continue;
		}
		if (!pdffile_get(&d->file, o->place, "Kids", &v, NULL) ||
		    l->kind != PDFLEX_ARRAY)
			continue;
		while (pdflex_next(l) == PDFLEX_NUMBER) {
			uint64_t num =
			    pdflex_integer(l, UINT32_MAX, UINT64_MAX);

			(void)pdflex_next(l);
			(void)pdflex_next(l);
			o = pdffile_find(&d->file, num);
			if (o == NULL || o->named || nstack == n)
				continue;
			o->named = true;
			stack[nstack++] = o;
		}
		/* The first one is on top. */
		for (size_t to = nstack; from + 1 < to; from++) {
			o = stack[from];
			stack[from] = stack[--to];
			stack[to] = o;
		}
	}
	/* Of older revisions, or of a tree that is not whole. */
	for (size_t i = 0; i < n; i++)
		add_page(d, &d->file.objects[i]);
	return 0;
}

static void
next_pages(struct pdf *d, struct member *m)
{
	size_t share = (d->npages + MEMBERS_MAX - 1) / MEMBERS_MAX;

	d->last_page = d->page + share;
	if (d->last_page > d->npages)
		d->last_page = d->npages;
	if (share == 1)
		(void)snprintf(
		    m->name, sizeof m->name, "page %zu", d->page + 1);
	else
		(void)snprintf(m->name, sizeof m->name, "pages %zu-%zu",
		    d->page + 1, d->last_page);
	pdftext_page(d->text, d->pages[d->page++]);
	d->reading = true;
}

/* ---- streams ------------------------------------------------------------- */

static bool
has(const uint8_t *p, size_t len, const char *word)
{
	return memmem(p, len, word, strlen(word)) != NULL;
}

/* The first bytes of a stream, decoded. */
static size_t
first_of(
    struct pdf *d, const struct pdffile_object *o, uint8_t *out, size_t max)
{
	struct pdfcode *c;
	size_t got = 0, n;

	if (pdffile_stream(&d->file, o, &c) != 0)
		return 0;
	while (got < max && (n = pdfcode_read(c, out + got, max - got)) > 0)
		got += n;
	pdfcode_free(c);
	return got;
}

/* Operators that show text, or draw the glyph of a font (9.6.5). */
static bool
operators(const uint8_t *p, size_t len)
{
	if (has(p, len < 64 ? len : 64, " d1") ||
	    has(p, len < 64 ? len : 64, " d0"))
		return true;
	return has(p, len, "BT") &&
	       (has(p, len, "Tj") || has(p, len, "TJ") || has(p, len, "Tf"));
}

/*
 * What a stream is that nothing led to. Pictures, fonts, colours and tables
 * hold no text; what is not known is given as it is.
 */
static bool
unseen(struct pdf *d, struct pdffile_object *o, enum phase phase)
{
	uint8_t first[2048];
	size_t n;

	if (o->data == 0 || o->given)
		return false;
	switch ((enum pdffile_role)o->role) {
	case PDFFILE_FORM:
		return phase == APART;
	case PDFFILE_IMAGE:
	case PDFFILE_FONT_PROGRAM:
	case PDFFILE_NUMBERS:
	case PDFFILE_CMAP:
	case PDFFILE_XREF:
	case PDFFILE_OBJSTM:
		return false;
	case PDFFILE_METADATA:
	case PDFFILE_EMBEDDED:
		return phase == STREAMS;
	case PDFFILE_PAGE:
	case PDFFILE_PAGES:
	case PDFFILE_CATALOG:
	case PDFFILE_OTHER:
		break;
	}
	if (phase == STREAMS)
		return true;
	n = first_of(d, o, first, sizeof first);
	if (n >= 40 && memcmp(first + 36, "acsp", 4) == 0)
		o->role = PDFFILE_NUMBERS;
	else if (operators(first, n))
		o->role = PDFFILE_FORM;
	explicit_bzero(first, sizeof first);
	return o->role == PDFFILE_FORM;
}

static struct pdffile_object *
next_unseen(struct pdf *d, enum phase phase)
{
	for (; d->object < d->file.nobjects; d->object++)
		if (unseen(d, &d->file.objects[d->object], phase))
			return &d->file.objects[d->object++];
	return NULL;
}

static void
name_stream(
    const struct pdf *d, const struct pdffile_object *o, struct member *m)
{
	for (size_t i = 0; i < d->nnames; i++)
		if (d->names[i].object == o) {
			(void)str_copy(
			    m->name, sizeof m->name, d->names[i].name);
			return;
		}
	(void)snprintf(m->name, sizeof m->name, "%s %" PRIu32,
	    o->role == PDFFILE_METADATA ? "metadata" : "object", o->num);
}

static int
next_stream(struct pdf *d, struct member *m)
{
	struct pdffile_object *o = next_unseen(d, STREAMS);
	int r;

	if (o == NULL)
		return 0;
	o->given = true;
	name_stream(d, o, m);
	m->size = o->len;
	pdfcode_free(OWN_TAKE(&d->code));
	r = pdffile_stream(&d->file, o, &d->code);
	if (r == -ENOMEM)
		return r;
	m->err = r;
	return 1;
}

/* ---- behind the end ------------------------------------------------------ */

/* Something that begins behind the last %%EOF, if it is a container. */
static int
next_tail(struct pdf *d, struct member *m)
{
	const struct pdffile_gap *g;
	uint8_t p[4096];
	uint64_t from;
	size_t n, at;

	if (d->tail_len > 0 || d->file.ngaps == 0)
		return 0;
	g = &d->file.gaps[d->file.ngaps - 1];
	if (g->at + g->len != d->window.size)
		return 0;
	from = g->at;
	n = window_read(&d->window, from, p, sizeof p);
	for (at = n; at >= 5 && memcmp(p + at - 5, "%%EOF", 5) != 0; at--)
		;
	while (at < n && at >= 5 && (p[at] == '\r' || p[at] == '\n'))
		at++;
	if (at < 5 || at == n ||
	    sniff_container(p + at, n - at) == CONTAINER_NONE)
		return 0;
	d->tail = from + at;
	d->tail_len = d->window.size - d->tail;
	(void)str_copy(m->name, sizeof m->name, "behind the end");
	return 1;
}

/* ---- the layer ----------------------------------------------------------- */

static void
pdf_close(void *state)
{
	struct pdf *d = state;

	pdfcode_free(d->code);
	pdftext_free(d->text);
	pdffile_done(&d->file);
	free(d->pages);
	free(d->names);
	buf_wipe(&d->out);
	/* What was not read as a document is looked at as it is. */
	window_close(&d->window, d->given ? d->window.size : 0);
	free(d);
}

static int
pdf_open(struct stream *below, enum container kind, void **state)
{
	struct pdf *d = calloc(1, sizeof *d);
	int r;

	(void)kind;
	if (d == NULL)
		return -ENOMEM;
	r = window_open(&d->window, below);
	buf_init(&d->out, OUT_MAX);
	pdflex_init(&d->file.lex);
	d->names = calloc(NAMES_MAX, sizeof *d->names);
	if (r == 0 && d->names == NULL)
		r = -ENOMEM;
	if (r == 0)
		r = pdftext_new(&d->text, &d->file);
	if (r != 0) {
		pdf_close(d);
		return r;
	}
	*state = d;
	return 0;
}

static int
start(struct pdf *d)
{
	int r = pdffile_read(&d->file, &d->window);

	/* All strings and streams are: its bytes show nothing more. */
	if (r == 0 && d->file.encrypted) {
		d->given = true;
		return -EACCES;
	}
	if (r == 0)
		r = order_pages(d);
	d->given = r == 0 && d->file.nobjects > 0;
	return r;
}

/* 1 and the next member, 0 where nothing is left. */
static int
next_part(struct pdf *d, struct member *m)
{
	struct pdffile_object *o;
	int r;

	if (d->phase == PAGES && d->page < d->npages) {
		next_pages(d, m);
		return 1;
	}
	if (d->phase == PAGES) {
		d->phase = APART;
		d->object = 0;
		o = next_unseen(d, APART);
		if (o != NULL) {
			pdftext_stream(d->text, o);
			d->reading = true;
			(void)str_copy(
			    m->name, sizeof m->name, "text beside the pages");
			return 1;
		}
	}
	if (d->phase == APART) {
		d->phase = PROPERTIES;
		d->object = 0;
		(void)str_copy(m->name, sizeof m->name, "properties");
		m->fields = true;
		return 1;
	}
	if (d->phase == PROPERTIES) {
		d->phase = STREAMS;
		d->object = 0;
	}
	if (d->phase == STREAMS) {
		r = next_stream(d, m);
		if (r != 0)
			return r;
		d->phase = TAIL;
	}
	return d->phase == TAIL ? next_tail(d, m) : 0;
}

static int
pdf_next(void *state, struct member *m)
{
	struct pdf *d = state;
	int r = 0;

	*m = (struct member){0};
	d->out_at = 0;
	buf_reset(&d->out);
	if (d->phase == START) {
		r = start(d);
		d->phase = r == 0 && d->given ? PAGES : OVER;
	}
	if (d->phase == OVER)
		return r;
	r = next_part(d, m);
	if (r != 0)
		return r;
	d->phase = OVER;
	if (d->window.cut)
		return -EOVERFLOW;
	if (d->file.left_out)
		return -EMFILE;
	return d->file.damaged ? -EBADMSG : 0;
}

/* Text of the pages, or of what is beside them: 1, 0 at the member's end. */
static int
some_text(struct pdf *d)
{
	struct pdffile_object *o;
	int r;

	if (!d->reading)
		return 0;
	r = pdftext_some(d->text, &d->out);
	if (r != 0)
		return r;
	r = pdftext_error(d->text);
	if (d->phase == PAGES && d->page < d->last_page) {
		pdftext_page(d->text, d->pages[d->page++]);
	} else if (d->phase == APART && (o = next_unseen(d, APART)) != NULL) {
		pdftext_stream(d->text, o);
	} else {
		d->reading = false;
		return d->phase == APART && r == -ENOMSG ? 0 : r;
	}
	return 1;
}

static int
some_properties(struct pdf *d)
{
	if (d->object < d->file.nobjects) {
		(void)put_strings(d, d->file.objects[d->object++].place);
		if (d->object % 256 == 0) {
			int r = stream_turn(d->window.below);

			return r != 0 ? r : 1;
		}
		return 1;
	}
	if (d->gap == d->file.ngaps)
		return 0;
	put_gap(d, &d->file.gaps[d->gap++]);
	return 1;
}

static int
pull_bytes(struct pdf *d, uint8_t *out, size_t max, size_t *got)
{
	if (d->phase == TAIL) {
		if (max > d->tail_len)
			max = (size_t)d->tail_len;
		*got = window_read(&d->window, d->tail, out, max);
		d->tail += *got;
		d->tail_len -= *got;
		return 0;
	}
	*got = pdfcode_read(d->code, out, max);
	return *got == 0 ? pdfcode_error(d->code) : 0;
}

static int
pdf_pull(void *state, uint8_t *out, size_t max, size_t *got)
{
	struct pdf *d = state;
	int r = 0;

	*got = 0;
	if (d->phase == STREAMS || d->phase == TAIL)
		return pull_bytes(d, out, max, got);
	if (d->out_at == d->out.len) {
		d->out_at = 0;
		buf_reset(&d->out);
		do
			r = d->phase == PROPERTIES ? some_properties(d)
						   : some_text(d);
		while (r == 1 && d->out.len < OUT_ENOUGH);
		r = r < 0 ? r : 0;
	}
	if (buf_error(&d->out) != 0)
		return -ENOMEM;
	if (max > d->out.len - d->out_at)
		max = d->out.len - d->out_at;
	if (max > 0)
		memcpy(out, d->out.data + d->out_at, max);
	d->out_at += max;
	*got = max;
	return r;
}

const struct layer_ops pdf_layer = {
    .open = pdf_open,
    .next = pdf_next,
    .pull = pdf_pull,
    .close = pdf_close,
};
