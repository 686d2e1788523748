/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdftext - what the operators of a page show.
 *
 * Owns: the operators of text (ISO 32000-1, 9.3 and 9.4), of the state that
 * they depend on, and of forms (8.10); fonts that were read; where a string
 * stands, so that a gap is a space and another line is one.
 * Never: recurses: forms within forms are frames of a stack. A form is given
 * once, however often it is shown, so that no page grows out of a small file.
 */
#include "agent/extract/pdftext.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "agent/extract/layer.h"
#include "agent/extract/pdffont.h"
#include "lib/str.h"

#include "lib/own.h"

#define FRAMES 12
#define STATES 64
#define NUMBERS 6 /* operands that are kept */
#define FONTS 32
#define FONTS_MAX ((size_t)4 << 20) /* bytes of all of them */
#define NAME_MAX_LEN 128
#define CONTENTS_MAX 16384 /* streams of one page */
#define STEPS 4096 /* tokens of one call */
#define UNKNOWN_RUN 4 /* codes in a row that hide a value */
#define SPACE_GAP 0.1 /* of the font's size */
#define LINE_GAP 0.5

struct state {
	double ctm[6];
	struct pdffont *font;
	double size, chars, words, scale, leading, rise;
};

struct frame {
	struct pdflex lex;
	struct pdfcode *code;
	struct pdftext *text;
	struct pdffile_place resources;
	bool has_resources;
	size_t nstates; /* of the frame below */
	bool page; /* more streams follow */
};

struct pdftext {
	struct pdffile *file;
	struct pdffont *fonts[FONTS];
	uint64_t used[FONTS], clock;
	struct frame frames[FRAMES];
	size_t nframes;
	struct pdffile_object **contents; /* of the page */
	size_t ncontents, content;
	struct state now, states[STATES];
	size_t nstates, lost_states;
	double tm[6], tlm[6];
	double numbers[NUMBERS];
	size_t nnumbers;
	struct buf string; /* the operand */
	uint8_t name[NAME_MAX_LEN];
	size_t name_len;
	bool in_array, array_text;
	double pending; /* of an array: before its first string */
	struct {
		bool any;
		double x, y, size;
	} last; /* where the last string ended */
	uint32_t last_char;
	uint64_t shown, pictures;
	unsigned unknown_run;
	bool unknown;
	int err;
	struct buf *out;
};

static const double UNIT[6] = {1, 0, 0, 1, 0, 0};

static void
multiply(double *out, const double *a, const double *b)
{
	const double m[6] = {a[0] * b[0] + a[1] * b[2],
	    a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2],
	    a[2] * b[1] + a[3] * b[3], a[4] * b[0] + a[5] * b[2] + b[4],
	    a[4] * b[1] + a[5] * b[3] + b[5]};

	memcpy(out, m, sizeof m);
}

/* ---- fonts --------------------------------------------------------------- */

static void
drop_font(struct pdftext *t, size_t i)
{
	if (t->fonts[i] == NULL)
		return;
	/* No state may go on with it. */
	for (size_t s = 0; s < t->nstates; s++)
		if (t->states[s].font == t->fonts[i])
			t->states[s].font = NULL;
	if (t->now.font == t->fonts[i])
		t->now.font = NULL;
	pdffont_done(t->fonts[i]);
	free(OWN_TAKE(&t->fonts[i]));
}

/* A slot for another font; those that were not used for longest go. */
static size_t
font_slot(struct pdftext *t)
{
	for (;;) {
		size_t oldest = 0, sum = 0, free_slot = FONTS;

		for (size_t i = 0; i < FONTS; i++) {
			if (t->fonts[i] == NULL) {
				free_slot = i;
				continue;
			}
			sum += pdffont_size(t->fonts[i]);
			if (t->fonts[oldest] == NULL ||
			    t->used[i] < t->used[oldest])
				oldest = i;
		}
		if (free_slot < FONTS && sum <= FONTS_MAX)
			return free_slot;
		drop_font(t, oldest);
	}
}

static struct pdffont *
font_at(struct pdftext *t, struct pdffile_place p)
{
	struct pdffont *f;
	size_t slot;

	for (size_t i = 0; i < FONTS; i++)
		if (t->fonts[i] != NULL && t->fonts[i]->place.in == p.in &&
		    t->fonts[i]->place.at == p.at) {
			t->used[i] = ++t->clock;
			return t->fonts[i];
		}
	slot = font_slot(t);
	f = malloc(sizeof *f);
	if (f == NULL)
		return NULL;
	if (pdffont_read(f, t->file, p) != 0) {
		free(f);
		return NULL;
	}
	if (f->left_out)
		t->file->left_out = true;
	t->used[slot] = ++t->clock;
	return t->fonts[slot] = f;
}

/* The resource of that kind whose name was read last. */
static bool
resource(struct pdftext *t, const char *kind, struct pdffile_place *p,
    struct pdffile_object **o)
{
	for (size_t i = t->nframes; i-- > 0;) {
		struct pdffile_place dict;

		if (!t->frames[i].has_resources)
			continue;
		if (pdffile_get(
			t->file, t->frames[i].resources, kind, &dict, NULL) &&
		    pdffile_key(t->file, dict, t->name, t->name_len, p, o))
			return true;
	}
	return false;
}

static void
set_font(struct pdftext *t)
{
	struct pdffile_place p;

	t->now.size = t->nnumbers > 0 ? t->numbers[t->nnumbers - 1] : 1;
	t->now.font = resource(t, "Font", &p, NULL) ? font_at(t, p) : NULL;
}

/* ---- showing ------------------------------------------------------------- */

static void
break_with(struct pdftext *t, uint8_t b)
{
	if (t->last_char == '\n' || (b == ' ' && t->last_char == ' '))
		return;
	buf_put_u8(t->out, b);
	t->last_char = b;
}

/* Where the next glyph stands on the page. */
static void
origin(const struct pdftext *t, double *m)
{
	const double rise[6] = {1, 0, 0, 1, 0, t->now.rise};

	multiply(m, rise, t->tm);
	multiply(m, m, t->now.ctm);
}

/* What stands apart from the last string is parted from it. */
static void
part(struct pdftext *t)
{
	double m[6], ux, uy, len, dx, dy, along, across, size, most;

	origin(t, m);
	len = hypot(m[0], m[1]);
	size = fabs(t->now.size) * len;
	if (t->last.any && len > 0) {
		most = size > t->last.size ? size : t->last.size;
		ux = m[0] / len;
		uy = m[1] / len;
		dx = m[4] - t->last.x;
		dy = m[5] - t->last.y;
		along = dx * ux + dy * uy;
		across = fabs(dy * ux - dx * uy);
		if (across > LINE_GAP * most || along < -most)
			break_with(t, '\n');
		else if (along > SPACE_GAP * size)
			break_with(t, ' ');
	}
}

static void
ended(struct pdftext *t)
{
	double m[6];

	origin(t, m);
	t->last.any = true;
	t->last.x = m[4];
	t->last.y = m[5];
	t->last.size = fabs(t->now.size) * hypot(m[0], m[1]);
}

static void
move(struct pdftext *t, double x)
{
	t->tm[4] += x * t->tm[0];
	t->tm[5] += x * t->tm[1];
}

static void
note_unknown(struct pdftext *t, uint32_t u, uint32_t code)
{
	const struct pdffont *f = t->now.font;

	if (u == 0 && (code > ' ' || f == NULL || f->composite)) {
		t->unknown_run++;
		t->unknown = t->unknown || t->unknown_run >= UNKNOWN_RUN;
	} else if (u != 0) {
		t->unknown_run = 0;
		t->shown++;
		t->last_char = u;
	}
}

static void
show(struct pdftext *t, const uint8_t *p, size_t len)
{
	const struct pdffont *f = t->now.font;

	if (len == 0)
		return;
	part(t);
	for (size_t at = 0; at < len;) {
		uint32_t code = p[at], u = 0;
		size_t n = 1;
		double x = 556;

		if (f != NULL) {
			n = pdffont_code(f, p + at, len - at, &code);
			u = pdffont_put(f, code, t->out);
			x = (double)pdffont_width(f, code, u);
		} else if (code >= ' ' && code < 0x7f) {
			/* Of a font that cannot be found. */
			u = code;
			pdffont_utf8(t->out, u);
		}
		note_unknown(t, u, code);
		x = x / 1000 * t->now.size + t->now.chars;
		if (n == 1 && code == ' ')
			x += t->now.words;
		/* Ghostscript writes a blank as the space between a pair;
		 * spaced-out text has longer strings. */
		if (at == 0 && len == 2 * n &&
		    t->now.chars > 0.15 * fabs(t->now.size))
			break_with(t, ' ');
		move(t, x * t->now.scale);
		at += n;
	}
	ended(t);
}

static void
show_operand(struct pdftext *t)
{
	show(t, t->string.data, t->string.len);
	buf_reset(&t->string);
}

/* ---- operators ----------------------------------------------------------- */

/* The operand that is @back before the last, 0 if there are not so many. */
static double
operand(const struct pdftext *t, size_t back)
{
	return t->nnumbers > back ? t->numbers[t->nnumbers - 1 - back] : 0;
}

static void
op_save(struct pdftext *t)
{
	if (t->nstates == STATES)
		t->lost_states++;
	else
		t->states[t->nstates++] = t->now;
}

static void
op_restore(struct pdftext *t)
{
	if (t->lost_states > 0)
		t->lost_states--;
	else if (t->nstates > t->frames[t->nframes - 1].nstates)
		t->now = t->states[--t->nstates];
}

static void
take_matrix(const struct pdftext *t, double *m)
{
	for (size_t i = 0; i < 6; i++)
		m[i] = operand(t, 5 - i);
}

static void
op_concat(struct pdftext *t)
{
	double m[6];

	take_matrix(t, m);
	multiply(t->now.ctm, m, t->now.ctm);
}

static void
op_begin(struct pdftext *t)
{
	memcpy(t->tm, UNIT, sizeof t->tm);
	memcpy(t->tlm, UNIT, sizeof t->tlm);
}

static void
op_matrix(struct pdftext *t)
{
	take_matrix(t, t->tm);
	memcpy(t->tlm, t->tm, sizeof t->tlm);
}

static void
next_line(struct pdftext *t, double x, double y)
{
	const double m[6] = {1, 0, 0, 1, x, y};

	multiply(t->tlm, m, t->tlm);
	memcpy(t->tm, t->tlm, sizeof t->tm);
}

static void
op_move(struct pdftext *t)
{
	next_line(t, operand(t, 1), operand(t, 0));
}

static void
op_move_leading(struct pdftext *t)
{
	t->now.leading = -operand(t, 0);
	op_move(t);
}

static void
op_line(struct pdftext *t)
{
	next_line(t, 0, -t->now.leading);
}

static void
op_line_show(struct pdftext *t)
{
	op_line(t);
	show_operand(t);
}

static void
op_spaced_line_show(struct pdftext *t)
{
	t->now.words = operand(t, 1);
	t->now.chars = operand(t, 0);
	op_line_show(t);
}

static void
op_chars(struct pdftext *t)
{
	t->now.chars = operand(t, 0);
}

static void
op_words(struct pdftext *t)
{
	t->now.words = operand(t, 0);
}

static void
op_scale(struct pdftext *t)
{
	t->now.scale = operand(t, 0) / 100;
}

static void
op_leading(struct pdftext *t)
{
	t->now.leading = operand(t, 0);
}

static void
op_rise(struct pdftext *t)
{
	t->now.rise = operand(t, 0);
}

/* An inline picture: its bytes end with "EI" between blanks (8.9.7). */
static void
op_picture(struct pdftext *t)
{
	struct pdflex *l = &t->frames[t->nframes - 1].lex;
	int a = ' ', b = ' ', c;

	t->pictures++;
	(void)pdflex_byte(l);
	while ((c = pdflex_byte(l)) >= 0) {
		int d = ' ';

		if (b == 'E' && c == 'I' && a <= ' ') {
			d = pdflex_byte(l);
			if (d <= ' ')
				return;
			a = c;
			b = d;
			continue;
		}
		a = b;
		b = c;
	}
}

static void push_form(struct pdftext *t, struct pdffile_object *o);

static void
op_do(struct pdftext *t)
{
	struct pdffile_place p;
	struct pdffile_object *o = NULL;

	if (!resource(t, "XObject", &p, &o) || o == NULL)
		return;
	if (o->role == PDFFILE_IMAGE) {
		t->pictures++;
		o->given = true;
	} else if (o->data != 0 && !o->given) {
		push_form(t, o);
	}
}

static const struct {
	const char *name;
	void (*run)(struct pdftext *t);
} OPERATORS[] = {
    {"Tj", show_operand},
    {"Tf", set_font},
    {"Td", op_move},
    {"TD", op_move_leading},
    {"Tm", op_matrix},
    {"T*", op_line},
    {"'", op_line_show},
    {"\"", op_spaced_line_show},
    {"BT", op_begin},
    {"q", op_save},
    {"Q", op_restore},
    {"cm", op_concat},
    {"Tc", op_chars},
    {"Tw", op_words},
    {"Tz", op_scale},
    {"TL", op_leading},
    {"Ts", op_rise},
    {"Do", op_do},
    {"ID", op_picture},
};

static void
run(struct pdftext *t, const struct pdflex *l)
{
	for (size_t i = 0; i < ARRAY_LEN(OPERATORS); i++)
		if (pdflex_is(l, OPERATORS[i].name)) {
			OPERATORS[i].run(t);
			break;
		}
	t->nnumbers = 0;
	t->name_len = 0;
	buf_reset(&t->string);
}

/* ---- tokens -------------------------------------------------------------- */

static void
take_number(struct pdftext *t, double v)
{
	if (t->in_array) {
		t->pending -= v / 1000 * t->now.size * t->now.scale;
		return;
	}
	if (t->nnumbers == NUMBERS) {
		memmove(t->numbers, t->numbers + 1,
		    (NUMBERS - 1) * sizeof t->numbers[0]);
		t->nnumbers--;
	}
	t->numbers[t->nnumbers++] = v;
}

/*
 * The strings of an array are shown as they come: what is no operand of TJ is
 * rare, and text all the same.
 */
static void
take_string(struct pdftext *t, const struct pdflex *l)
{
	if (l->cut)
		t->file->left_out = true;
	if (!t->in_array) {
		buf_reset(&t->string);
		buf_put(&t->string, l->text.data, l->text.len);
		return;
	}
	move(t, t->pending);
	t->pending = 0;
	t->array_text = true;
	show(t, l->text.data, l->text.len);
}

static void
take(struct pdftext *t, struct pdflex *l)
{
	switch (l->kind) {
	case PDFLEX_NUMBER:
		take_number(t, l->number);
		break;
	case PDFLEX_STRING:
		take_string(t, l);
		break;
	case PDFLEX_NAME:
		t->name_len = 0;
		if (l->text.len <= NAME_MAX_LEN) {
			t->name_len = l->text.len;
			if (t->name_len > 0)
				memcpy(t->name, l->text.data, t->name_len);
		}
		break;
	case PDFLEX_ARRAY:
		t->in_array = true;
		t->array_text = false;
		t->pending = 0;
		break;
	case PDFLEX_ARRAY_END:
		/* What trails moves the next string. */
		if (t->in_array && t->array_text)
			move(t, t->pending);
		t->in_array = false;
		break;
	case PDFLEX_WORD:
		t->in_array = false;
		run(t, l);
		break;
	case PDFLEX_DICT:
	case PDFLEX_DICT_END:
	case PDFLEX_END:
		break;
	}
}

/* ---- frames -------------------------------------------------------------- */

static void
note_error(struct pdftext *t, int err)
{
	if (t->err == 0)
		t->err = err;
}

static void
close_code(struct frame *f)
{
	if (f->code == NULL)
		return;
	note_error(f->text, pdfcode_error(f->code));
	pdfcode_free(OWN_TAKE(&f->code));
}

static void
open_code(struct frame *f, struct pdffile_object *o)
{
	int r = pdffile_stream(f->text->file, o, &f->code);

	o->given = true;
	if (r != 0)
		note_error(f->text, r);
}

/* The streams of a page are one, with a blank between them. */
static size_t
fill(void *ctx, uint8_t *out, size_t max)
{
	struct frame *f = ctx;
	struct pdftext *t = f->text;

	for (;;) {
		size_t n =
		    f->code != NULL ? pdfcode_read(f->code, out, max) : 0;

		if (n > 0)
			return n;
		close_code(f);
		if (!f->page || t->content == t->ncontents)
			return 0;
		open_code(f, t->contents[t->content++]);
		out[0] = '\n';
		return 1;
	}
}

static void
pop(struct pdftext *t)
{
	struct frame *f = &t->frames[--t->nframes];

	close_code(f);
	while (t->nstates > f->nstates)
		t->now = t->states[--t->nstates];
	t->lost_states = 0;
}

static void
push(struct pdftext *t, struct pdffile_object *o, bool page)
{
	struct frame *f = &t->frames[t->nframes++];

	f->text = t;
	f->page = page;
	f->nstates = t->nstates;
	f->has_resources = false;
	t->in_array = false;
	if (o != NULL) {
		open_code(f, o);
		f->has_resources = pdffile_get(
		    t->file, o->place, "Resources", &f->resources, NULL);
	}
	pdflex_start(&f->lex, fill, f, 0);
}

static void
push_form(struct pdftext *t, struct pdffile_object *o)
{
	struct pdffile_place v;
	double m[6];
	size_t n = 0;

	/* Too deep: it is given later, by itself. */
	if (t->nframes == FRAMES)
		return;
	op_save(t);
	if (pdffile_get(t->file, o->place, "Matrix", &v, NULL) &&
	    t->file->lex.kind == PDFLEX_ARRAY) {
		while (n < 6 && pdflex_next(&t->file->lex) == PDFLEX_NUMBER)
			m[n++] = t->file->lex.number;
		if (n == 6)
			multiply(t->now.ctm, m, t->now.ctm);
	}
	push(t, o, false);
	/* The state that was saved for the form is restored with it. */
	if (t->frames[t->nframes - 1].nstates > 0)
		t->frames[t->nframes - 1].nstates--;
}

static void
begin(struct pdftext *t)
{
	while (t->nframes > 0)
		pop(t);
	t->now = (struct state){.size = 1, .scale = 1};
	memcpy(t->now.ctm, UNIT, sizeof UNIT);
	t->nstates = t->lost_states = 0;
	op_begin(t);
	t->nnumbers = t->name_len = 0;
	buf_reset(&t->string);
	t->in_array = false;
	t->last.any = false;
	t->last_char = '\n';
	t->shown = t->pictures = 0;
	t->unknown_run = 0;
	t->unknown = false;
	t->err = 0;
	t->ncontents = t->content = 0;
}

/* Resources are inherited from the tree of pages (7.7.3.4). */
static bool
page_resources(
    struct pdffile *f, struct pdffile_place page, struct pdffile_place *out)
{
	for (unsigned n = 0; n < 32; n++) {
		if (pdffile_get(f, page, "Resources", out, NULL))
			return true;
		if (!pdffile_get(f, page, "Parent", &page, NULL))
			return false;
	}
	return false;
}

static void
add_content(struct pdftext *t, struct pdffile_object *o)
{
	if (o == NULL || o->data == 0)
		return;
	if (t->ncontents == CONTENTS_MAX)
		t->file->left_out = true;
	else
		t->contents[t->ncontents++] = o;
}

void
pdftext_page(struct pdftext *t, const struct pdffile_object *page)
{
	struct pdflex *l = &t->file->lex;
	struct pdffile_object *o = NULL;
	struct pdffile_place v;

	begin(t);
	if (pdffile_get(t->file, page->place, "Contents", &v, &o)) {
		if (l->kind == PDFLEX_ARRAY)
			while (pdflex_next(l) == PDFLEX_NUMBER) {
				uint64_t num =
				    pdflex_integer(l, UINT32_MAX, UINT64_MAX);

				(void)pdflex_next(l);
				(void)pdflex_next(l);
				add_content(t, pdffile_find(t->file, num));
			}
		else
			add_content(t, o);
	}
	push(t, NULL, true);
	t->frames[0].has_resources =
	    page_resources(t->file, page->place, &t->frames[0].resources);
}

void
pdftext_stream(struct pdftext *t, struct pdffile_object *o)
{
	begin(t);
	push(t, o, false);
}

int
pdftext_some(struct pdftext *t, struct buf *out)
{
	t->out = out;
	for (unsigned n = 0; n < STEPS && t->nframes > 0; n++) {
		struct pdflex *l = &t->frames[t->nframes - 1].lex;

		if (pdflex_next(l) == PDFLEX_END)
			pop(t);
		else
			take(t, l);
		if (out->len >= 64 * 1024)
			break;
	}
	if (buf_error(out) != 0)
		return -ENOMEM;
	if (t->nframes > 0)
		return stream_turn(t->file->window->below) != 0
			   ? stream_turn(t->file->window->below)
			   : 1;
	break_with(t, '\n');
	return 0;
}

int
pdftext_error(const struct pdftext *t)
{
	if (t->err != 0)
		return t->err;
	if (t->unknown)
		return -EILSEQ;
	return t->shown == 0 && t->pictures > 0 ? -ENOMSG : 0;
}

int
pdftext_new(struct pdftext **out, struct pdffile *file)
{
	struct pdftext *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	t->file = file;
	buf_init(&t->string, PDFLEX_TEXT_MAX);
	for (size_t i = 0; i < FRAMES; i++)
		pdflex_init(&t->frames[i].lex);
	t->contents = calloc(CONTENTS_MAX, sizeof(void *));
	if (t->contents == NULL) {
		pdftext_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void
pdftext_free(struct pdftext *t)
{
	if (t == NULL)
		return;
	while (t->nframes > 0)
		pop(t);
	for (size_t i = 0; i < FRAMES; i++)
		pdflex_done(&t->frames[i].lex);
	for (size_t i = 0; i < FONTS; i++)
		drop_font(t, i);
	buf_wipe(&t->string);
	free(t->contents);
	free(t);
}
