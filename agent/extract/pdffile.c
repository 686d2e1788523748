/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdffile - the objects of a PDF and where they lie.
 *
 * Owns: the index of objects, object streams included (ISO 32000-1, 7.3.10
 * and 7.5.7), and what is made of a reference.
 * Never: asks a cross-reference table, or believes a length before the word
 * "endstream" stands behind it. Of several objects with one number the last
 * is referred to; the others are looked at, too.
 */
#include "agent/extract/pdffile.h"

#include <errno.h>
#include <string.h>

#include "agent/extract/layer.h"
#include "lib/str.h"

#include "lib/own.h"

#define BLOCK ((size_t)64 * 1024)
#define OBJSTM_MAX ((size_t)4 << 20)
#define CACHE_MAX ((size_t)8 << 20)
#define PACKED_MAX 8192
#define PAIRS_MAX 65536 /* of an object stream */
#define REFERENCES 16 /* that lead to each other */
#define WORK_LEAST ((uint64_t)64 << 20)
#define WORK_RATIO 250

/* ---- finding words ------------------------------------------------------- */

/* The next place of @word within [@from, @to), or @to. */
static uint64_t
search(struct pdffile *f, uint64_t from, uint64_t to, const char *word)
{
	size_t n = strlen(word);
	uint8_t block[8192];

	while (from < to) {
		size_t want = to - from < sizeof block ? (size_t)(to - from)
						       : sizeof block;
		size_t got = window_read(f->window, from, block, want);
		const uint8_t *p = memmem(block, got, word, n);

		if (p != NULL)
			return from + (uint64_t)(p - block);
		if (got < want || got < n || from + got >= to)
			break;
		from += got - (n - 1);
	}
	return to;
}

/* The same to the end of the file, which is searched in vain but once. */
static uint64_t
search_once(struct pdffile *f, uint64_t from, const char *word, uint64_t *none)
{
	uint64_t at = f->window->size;

	if (from < *none)
		at = search(f, from, f->window->size, word);
	if (at == f->window->size && from < *none)
		*none = from;
	return at;
}

/* ---- lexers over what is stored ------------------------------------------ */

static struct pdffile_cache *load(struct pdffile *f, uint32_t in);

static size_t
fill(void *ctx, uint8_t *out, size_t max)
{
	struct pdffile *f = ctx;
	size_t n = 0;

	if (f->source.in == 0) {
		n = window_read(f->window, f->source_at, out, max);
	} else {
		const struct pdffile_cache *c = load(f, f->source.in);

		if (c != NULL && f->source_at < c->len)
			n = c->len - (size_t)f->source_at;
		n = n < max ? n : max;
		if (n > 0)
			memcpy(out, c->data + f->source_at, n);
	}
	f->source_at += n;
	return n;
}

void
pdffile_seek(struct pdffile *f, struct pdffile_place p)
{
	struct pdflex *l = &f->lex;

	/* What is in the lexer's block needs no reading. */
	if (f->source.in == p.in && p.at <= l->total &&
	    l->total - p.at <= l->len && l->total == f->source_at) {
		l->pos = l->len - (size_t)(l->total - p.at);
		return;
	}
	f->source = p;
	f->source_at = p.at;
	pdflex_start(l, fill, f, p.at);
}

/* ---- the index ----------------------------------------------------------- */

static struct pdffile_object *
add(struct pdffile *f, uint64_t num, struct pdffile_place at)
{
	if (f->nobjects == PDFFILE_OBJECTS_MAX || num > UINT32_MAX) {
		f->left_out = true;
		return NULL;
	}
	if (f->nobjects == f->cap) {
		size_t cap = f->cap == 0 ? 256 : f->cap * 2;
		struct pdffile_object *more =
		    reallocarray(f->objects, cap, sizeof *more);

		if (more == NULL) {
			f->left_out = true;
			return NULL;
		}
		f->objects = more;
		f->cap = cap;
	}
	f->objects[f->nobjects] =
	    (struct pdffile_object){.num = (uint32_t)num, .place = at};
	return &f->objects[f->nobjects++];
}

static void
add_gap(struct pdffile *f, uint64_t from, uint64_t to)
{
	if (to <= from)
		return;
	if (f->ngaps == PDFFILE_GAPS) {
		/* The last one reaches over all that follow. */
		f->gaps[f->ngaps - 1].len = to - f->gaps[f->ngaps - 1].at;
		return;
	}
	f->gaps[f->ngaps++] =
	    (struct pdffile_gap){.at = from, .len = to - from};
}

/* What a dictionary says of itself. */
struct traits {
	uint8_t role;
	uint64_t length, length_ref; /* UINT64_MAX: not told */
	bool kids, font_lengths;
};

static const struct {
	const char *key, *name; /* @name NULL: whatever the value */
	enum pdffile_role role;
} ROLES[] = {
    {"Type", "Page", PDFFILE_PAGE},
    {"Type", "Pages", PDFFILE_PAGES},
    {"Type", "Catalog", PDFFILE_CATALOG},
    {"Type", "ObjStm", PDFFILE_OBJSTM},
    {"Type", "XRef", PDFFILE_XREF},
    {"Type", "Metadata", PDFFILE_METADATA},
    {"Type", "CMap", PDFFILE_CMAP},
    {"Type", "EmbeddedFile", PDFFILE_EMBEDDED},
    {"Subtype", "Form", PDFFILE_FORM},
    {"Subtype", "Image", PDFFILE_IMAGE},
    {"Subtype", "Type1C", PDFFILE_FONT_PROGRAM},
    {"Subtype", "CIDFontType0C", PDFFILE_FONT_PROGRAM},
    {"Subtype", "OpenType", PDFFILE_FONT_PROGRAM},
    {"Subtype", "XML", PDFFILE_METADATA},
    {"PatternType", NULL, PDFFILE_FORM},
    {"ShadingType", NULL, PDFFILE_NUMBERS},
    {"FunctionType", NULL, PDFFILE_NUMBERS},
    {"HalftoneType", NULL, PDFFILE_NUMBERS},
    {"Length1", NULL, PDFFILE_FONT_PROGRAM},
    {"BitsPerComponent", NULL, PDFFILE_IMAGE},
    {"BitsPerCoordinate", NULL, PDFFILE_NUMBERS},
    {"CMapName", NULL, PDFFILE_CMAP},
};

/* The lexer stands behind the key; reads its value. */
static void
read_trait(struct pdffile *f, struct traits *t, const char *key)
{
	struct pdflex *l = &f->lex;

	(void)pdflex_next(l);
	for (size_t i = 0; i < ARRAY_LEN(ROLES); i++)
		if (str_eq(key, ROLES[i].key) &&
		    (ROLES[i].name == NULL || pdflex_named(l, ROLES[i].name)) &&
		    (t->role == PDFFILE_OTHER || ROLES[i].name != NULL))
			t->role = (uint8_t)ROLES[i].role;
	if (str_eq(key, "Encrypt"))
		f->encrypt =
		    (struct pdffile_place){.in = f->source.in, .at = l->at};
	/* Of a table of hints for reading a document in parts. */
	if (str_eq(key, "S") && l->kind == PDFLEX_NUMBER &&
	    t->role == PDFFILE_OTHER)
		t->role = PDFFILE_NUMBERS;
	if (str_eq(key, "Length"))
		t->length = pdflex_integer(l, UINT32_MAX, UINT64_MAX);
}

/*
 * Reads the dictionary that the last token opened, up to its end. A reference
 * is three tokens; as a length it is the number of an object.
 */
static void
read_traits(struct pdffile *f, struct traits *t)
{
	struct pdflex *l = &f->lex;
	size_t depth = 1;
	bool length = false;

	*t = (struct traits){.length = UINT64_MAX, .length_ref = UINT64_MAX};
	while (depth > 0 && pdflex_next(l) != PDFLEX_END) {
		char key[32] = "";

		if (pdflex_is(l, "endobj") || pdflex_is(l, "stream"))
			return;
		if (length && pdflex_is(l, "R"))
			t->length_ref = t->length;
		if (l->kind == PDFLEX_NAME && depth == 1 &&
		    l->text.len < sizeof key) {
			(void)str_copy_len(
			    key, sizeof key, l->text.data, l->text.len);
			read_trait(f, t, key);
			length = str_eq(key, "Length");
		}
		if (l->kind == PDFLEX_DICT || l->kind == PDFLEX_ARRAY)
			depth++;
		else if (l->kind == PDFLEX_DICT_END ||
			 l->kind == PDFLEX_ARRAY_END)
			depth--;
	}
}

/* True if "endstream" stands at @at, or one line's end behind it. */
static bool
ends_at(struct pdffile *f, uint64_t at)
{
	uint8_t p[16];
	size_t n = window_read(f->window, at, p, sizeof p), i = 0;

	while (i < n && i < 3 && (p[i] == '\r' || p[i] == '\n' || p[i] == ' '))
		i++;
	return n - i >= 9 && memcmp(p + i, "endstream", 9) == 0;
}

/* A length that another object holds, if that lies before. */
static uint64_t
length_of(struct pdffile *f, const struct traits *t)
{
	if (t->length_ref == UINT64_MAX)
		return t->length;
	for (size_t i = f->nobjects; i-- > 0 && f->nobjects - i < 64;)
		if (f->objects[i].num == t->length_ref) {
			pdffile_seek(f, f->objects[i].place);
			(void)pdflex_next(&f->lex);
			return pdflex_integer(&f->lex, UINT32_MAX, UINT64_MAX);
		}
	return UINT64_MAX;
}

/*
 * The word "stream" was read. Bounds its data: by its length where that is
 * true, else by the next "endstream", else by the next object.
 * Returns where the file goes on.
 */
static uint64_t
bound_stream(struct pdffile *f, struct pdffile_object *o,
    const struct traits *t, uint64_t at)
{
	uint8_t p[2] = {0};
	uint64_t len, end;
	size_t n = window_read(f->window, at, p, 2);

	if (n == 2 && p[0] == '\r' && p[1] == '\n')
		at += 2;
	else if (n > 0 && (p[0] == '\n' || p[0] == '\r'))
		at++;
	len = length_of(f, t);
	if (len > f->window->size - at || !ends_at(f, at + len)) {
		end = search_once(f, at, "endstream", &f->no_endstream);
		if (end == f->window->size) {
			end = search_once(f, at, "endobj", &f->no_endobj);
			f->damaged = true;
		}
		len = end - at;
	}
	o->data = at;
	o->len = len;
	return at + len;
}

/* True for "N G obj" whose "obj" begins at @at of @p; *from: where N does. */
static bool
head_before(const uint8_t *p, size_t at, size_t *from, uint64_t *num)
{
	size_t i = at, digits = 0;
	uint64_t scale = 1;

	*num = 0;
	while (i > 0 && (p[i - 1] == ' ' || p[i - 1] == '\n' ||
			    p[i - 1] == '\r' || p[i - 1] == '\t'))
		i--;
	while (i > 0 && p[i - 1] >= '0' && p[i - 1] <= '9' && digits < 6) {
		i--;
		digits++;
	}
	if (digits == 0 || i == 0 || p[i - 1] > ' ')
		return false;
	while (i > 0 && (p[i - 1] <= ' '))
		i--;
	for (digits = 0;
	     i > 0 && p[i - 1] >= '0' && p[i - 1] <= '9' && digits < 10;
	     digits++, scale *= 10)
		*num += (uint64_t)(p[--i] - '0') * scale;
	*from = i;
	return digits > 0;
}

/* Reads an object whose value begins at @at; where the file goes on. */
static uint64_t
read_object(struct pdffile *f, uint64_t num, uint64_t at)
{
	struct pdflex *l = &f->lex;
	struct pdffile_object *o =
	    add(f, num, (struct pdffile_place){.at = at});
	struct traits t;

	pdffile_seek(f, (struct pdffile_place){.at = at});
	if (pdflex_next(l) != PDFLEX_DICT) {
		pdflex_skip(l);
		return pdflex_where(l);
	}
	read_traits(f, &t);
	if (!pdflex_is(l, "stream") && !pdflex_is(l, "endobj"))
		(void)pdflex_next(l);
	if (o != NULL)
		o->role = t.role;
	if (o != NULL && pdflex_is(l, "stream"))
		return bound_stream(f, o, &t, pdflex_where(l));
	/* Behind the word, or before what was not expected. */
	return pdflex_is(l, "endobj") ? pdflex_where(l) : l->at;
}

/* A trailer is a dictionary without a number: it tells of encryption. */
static void
read_trailers(struct pdffile *f)
{
	for (size_t i = 0; i < f->ngaps; i++) {
		uint64_t end = f->gaps[i].at + f->gaps[i].len;
		uint64_t at = search(f, f->gaps[i].at, end, "trailer");
		struct traits t;

		if (at == end)
			continue;
		pdffile_seek(f, (struct pdffile_place){.at = at + 7});
		if (pdflex_next(&f->lex) == PDFLEX_DICT)
			read_traits(f, &t);
	}
}

/* A word alone hides nothing: it has to lead to a handler (7.6.1). */
static bool
is_encrypted(struct pdffile *f)
{
	struct pdffile_place v;

	return f->encrypt.at != 0 &&
	       pdffile_get(f, f->encrypt, "Filter", &v, NULL);
}

/* One block of the file: where the next one is to begin. */
static uint64_t
read_block(struct pdffile *f, uint8_t *block, uint64_t base, uint64_t *gap)
{
	size_t n = window_read(f->window, base, block, BLOCK), at = 0;

	while (n - at >= 3) {
		const uint8_t *p = memmem(block + at, n - at, "obj", 3);
		uint64_t num, next;
		size_t from;

		if (p == NULL)
			break;
		at = (size_t)(p - block);
		if (!head_before(block, at, &from, &num)) {
			at += 3;
			continue;
		}
		add_gap(f, *gap, base + from);
		next = read_object(f, num, base + at + 3);
		if (next < base + at + 3)
			next = base + at + 3;
		*gap = next;
		if (next >= base + n)
			return next;
		at = (size_t)(next - base);
	}
	if (n < BLOCK)
		return f->window->size;
	/* A head that reaches over the end of the block. */
	return *gap > base + n - 32 ? *gap : base + n - 32;
}

/* ---- object streams ------------------------------------------------------ */

static void
drop(struct pdffile_cache *c)
{
	if (c->data != NULL)
		explicit_bzero(c->data, c->len);
	free(c->data);
	*c = (struct pdffile_cache){0};
}

/* The slot that was not used for longest; others go until all fits. */
static struct pdffile_cache *
make_room(struct pdffile *f, size_t len)
{
	for (;;) {
		struct pdffile_cache *oldest = &f->cache[0];
		size_t sum = len;

		for (size_t i = 0; i < PDFFILE_CACHE; i++) {
			sum += f->cache[i].len;
			if (f->cache[i].used < oldest->used)
				oldest = &f->cache[i];
		}
		if (oldest->data == NULL && sum <= CACHE_MAX)
			return oldest;
		if (oldest->data == NULL) {
			/* A slot is free and the room is not. */
			for (size_t i = 0; i < PDFFILE_CACHE; i++)
				if (f->cache[i].data != NULL &&
				    (oldest->data == NULL ||
					f->cache[i].used < oldest->used))
					oldest = &f->cache[i];
		}
		drop(oldest);
	}
}

static int
decode_all(struct pdffile *f, const struct pdffile_packed *p, struct buf *out)
{
	struct pdfcode *c;
	int r = pdfcode_new(
	    &c, f->window, p->data, p->len, p->steps, p->nsteps, &f->work);

	if (r != 0)
		return r;
	for (;;) {
		uint8_t block[4096];
		size_t n = pdfcode_read(c, block, sizeof block);

		buf_put(out, block, n);
		if (n == 0 || buf_error(out) != 0)
			break;
	}
	r = buf_error(out) != 0 ? buf_error(out) : pdfcode_error(c);
	pdfcode_free(c);
	return r;
}

static struct pdffile_cache *
load(struct pdffile *f, uint32_t in)
{
	OWN(buf_wipe) struct buf data = {0};
	struct pdffile_cache *c;

	for (size_t i = 0; i < PDFFILE_CACHE; i++)
		if (f->cache[i].data != NULL && f->cache[i].in == in) {
			f->cache[i].used = ++f->clock;
			return &f->cache[i];
		}
	buf_init(&data, OBJSTM_MAX);
	if (decode_all(f, &f->packed[in - 1], &data) != 0)
		f->left_out = true;
	if (data.len == 0)
		return NULL;
	c = make_room(f, data.len);
	*c = (struct pdffile_cache){
	    .in = in, .data = data.data, .len = data.len, .used = ++f->clock};
	data = (struct buf){0};
	return c;
}

/* ---- values -------------------------------------------------------------- */

struct pdffile_object *
pdffile_find(const struct pdffile *f, uint64_t num)
{
	size_t lo = 0, hi = f->nobjects;

	/* Behind the last of that number. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->objects[mid].num <= num)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && f->objects[lo - 1].num == num ? &f->objects[lo - 1]
						       : NULL;
}

bool
pdffile_value(
    struct pdffile *f, struct pdffile_place *p, struct pdffile_object **object)
{
	struct pdflex *l = &f->lex;
	struct pdffile_object *o = NULL;

	for (unsigned n = 0; n < REFERENCES; n++) {
		uint64_t num;
		bool is;

		pdffile_seek(f, *p);
		(void)pdflex_next(l);
		num = pdflex_integer(l, UINT32_MAX, UINT64_MAX);
		if (object != NULL)
			*object = o;
		if (num == UINT64_MAX)
			return l->kind != PDFLEX_END;
		is = pdflex_next(l) == PDFLEX_NUMBER;
		if (!is || pdflex_next(l) != PDFLEX_WORD ||
		    !pdflex_is(l, "R")) {
			pdffile_seek(f, *p);
			return pdflex_next(l) != PDFLEX_END;
		}
		o = pdffile_find(f, num);
		if (o == NULL)
			return false;
		*p = o->place;
	}
	return false;
}

bool
pdffile_key(struct pdffile *f, struct pdffile_place dict, const uint8_t *key,
    size_t len, struct pdffile_place *value, struct pdffile_object **object)
{
	struct pdflex *l = &f->lex;

	if (!pdffile_value(f, &dict, NULL) || l->kind != PDFLEX_DICT)
		return false;
	while (pdflex_next(l) == PDFLEX_NAME || l->kind == PDFLEX_NUMBER ||
	       l->kind == PDFLEX_WORD) {
		if (pdflex_is(l, "endobj") || pdflex_is(l, "stream"))
			return false;
		/* What is left of a reference. */
		if (l->kind != PDFLEX_NAME)
			continue;
		if (l->text.len == len && memcmp(l->text.data, key, len) == 0) {
			*value = (struct pdffile_place){
			    .in = dict.in, .at = pdflex_where(l)};
			return pdffile_value(f, value, object);
		}
		(void)pdflex_next(l);
		if (l->kind == PDFLEX_DICT_END)
			return false;
		pdflex_skip(l);
	}
	return false;
}

bool
pdffile_get(struct pdffile *f, struct pdffile_place dict, const char *key,
    struct pdffile_place *value, struct pdffile_object **object)
{
	return pdffile_key(
	    f, dict, (const uint8_t *)key, strlen(key), value, object);
}

/* ---- streams ------------------------------------------------------------- */

static uint32_t
number_of(
    struct pdffile *f, struct pdffile_place dict, const char *key, uint32_t or)
{
	struct pdffile_place v;

	if (!pdffile_get(f, dict, key, &v, NULL))
		return or ;
	return (uint32_t)pdflex_integer(&f->lex, UINT32_MAX, or);
}

static void
read_parms(struct pdffile *f, struct pdffile_place p, struct pdfcode_step *s)
{
	s->predictor = number_of(f, p, "Predictor", 1);
	s->colors = number_of(f, p, "Colors", 1);
	s->bits = number_of(f, p, "BitsPerComponent", 8);
	s->columns = number_of(f, p, "Columns", 1);
	s->late = number_of(f, p, "EarlyChange", 1) == 0;
}

/* The places of an array's values, or of the one value itself. */
static size_t
places_of(struct pdffile *f, struct pdffile_place v, struct pdffile_place *out,
    size_t max)
{
	struct pdflex *l = &f->lex;
	size_t n = 0;

	if (!pdffile_value(f, &v, NULL))
		return 0;
	if (l->kind != PDFLEX_ARRAY) {
		out[0] = v;
		return 1;
	}
	while (pdflex_next(l) != PDFLEX_END && l->kind != PDFLEX_ARRAY_END) {
		/* Of "N G R" the first token is the value's. */
		bool rest = pdflex_is(l, "R") && n >= 2;

		if (rest)
			n -= 1;
		else if (n < max)
			out[n++] =
			    (struct pdffile_place){.in = v.in, .at = l->at};
		if (l->kind == PDFLEX_DICT || l->kind == PDFLEX_ARRAY)
			pdflex_skip(l);
	}
	return n;
}

/* Returns how many filters there are; more than PDFCODE_STEPS are too many. */
static size_t
read_steps(
    struct pdffile *f, struct pdffile_place dict, struct pdfcode_step *steps)
{
	struct pdffile_place names[PDFCODE_STEPS + 2], parms[PDFCODE_STEPS + 2];
	struct pdffile_place v;
	size_t n = 0, nparms = 0;

	if (pdffile_get(f, dict, "Filter", &v, NULL) ||
	    pdffile_get(f, dict, "F", &v, NULL))
		n = places_of(f, v, names, ARRAY_LEN(names));
	if (pdffile_get(f, dict, "DecodeParms", &v, NULL) ||
	    pdffile_get(f, dict, "DP", &v, NULL))
		nparms = places_of(f, v, parms, ARRAY_LEN(parms));
	for (size_t i = 0; i < n && i < PDFCODE_STEPS; i++) {
		steps[i] = (struct pdfcode_step){0};
		if (!pdffile_value(f, &names[i], NULL) ||
		    f->lex.kind != PDFLEX_NAME)
			steps[i].kind = PDFCODE_UNKNOWN;
		else
			steps[i].kind =
			    pdfcode_named(f->lex.text.data, f->lex.text.len);
		if (i < nparms)
			read_parms(f, parms[i], &steps[i]);
	}
	return n;
}

int
pdffile_stream(
    struct pdffile *f, const struct pdffile_object *o, struct pdfcode **out)
{
	struct pdfcode_step steps[PDFCODE_STEPS];
	size_t n = read_steps(f, o->place, steps);

	if (n > PDFCODE_STEPS)
		return -ENOTSUP;
	if (f->work > WORK_LEAST + WORK_RATIO * f->window->size)
		return -EFBIG;
	return pdfcode_new(out, f->window, o->data, o->len, steps, n, &f->work);
}

/* ---- all of it ----------------------------------------------------------- */

/* Reads the pairs of number and offset that an object stream begins with. */
static void
add_packed(struct pdffile *f, uint32_t in, uint64_t n, uint64_t first)
{
	struct pdflex *l = &f->lex;
	size_t from = f->nobjects;

	pdffile_seek(f, (struct pdffile_place){.in = in});
	for (uint64_t i = 0; i < n && i < PAIRS_MAX; i++) {
		uint64_t num, at;

		(void)pdflex_next(l);
		num = pdflex_integer(l, UINT32_MAX, UINT64_MAX);
		(void)pdflex_next(l);
		at = pdflex_integer(l, UINT32_MAX, UINT64_MAX);
		if (num == UINT64_MAX || at == UINT64_MAX)
			break;
		if (add(f, num,
			(struct pdffile_place){.in = in, .at = first + at}) ==
		    NULL)
			break;
	}
	for (size_t i = from; i < f->nobjects; i++) {
		struct traits t = {0};

		pdffile_seek(f, f->objects[i].place);
		if (pdflex_next(l) == PDFLEX_DICT)
			read_traits(f, &t);
		f->objects[i].role = t.role;
	}
}

static bool
grow_packed(struct pdffile *f)
{
	size_t n = f->npacked;
	struct pdffile_packed *more;

	/* At every power of two from 16 on. */
	if (n != 0 && (n < 16 || (n & (n - 1)) != 0))
		return true;
	more = reallocarray(f->packed, n == 0 ? 16 : n * 2, sizeof *more);
	if (more != NULL)
		f->packed = more;
	return more != NULL;
}

static int
read_packed(struct pdffile *f)
{
	size_t n = f->nobjects;

	for (size_t i = 0; i < n; i++) {
		struct pdffile_packed p = {
		    .data = f->objects[i].data, .len = f->objects[i].len};
		struct pdffile_place dict = f->objects[i].place;
		uint32_t count, first;
		int r = stream_turn(f->window->below);

		if (r != 0)
			return r;
		if (f->objects[i].role != PDFFILE_OBJSTM || p.data == 0)
			continue;
		p.nsteps = read_steps(f, dict, p.steps);
		if (f->npacked == PACKED_MAX || p.nsteps > PDFCODE_STEPS) {
			f->left_out = true;
			continue;
		}
		count = number_of(f, dict, "N", 0);
		first = number_of(f, dict, "First", 0);
		if (!grow_packed(f))
			return -ENOMEM;
		f->packed[f->npacked++] = p;
		f->objects[i].given = true;
		add_packed(f, (uint32_t)f->npacked, count, first);
	}
	return 0;
}

static uint64_t
position(const struct pdffile *f, const struct pdffile_object *o)
{
	return o->place.in == 0 ? o->place.at : f->packed[o->place.in - 1].data;
}

static int
in_order(const void *a, const void *b, void *ctx)
{
	const struct pdffile_object *x = a, *y = b;
	uint64_t p = position(ctx, x), q = position(ctx, y);

	if (x->num != y->num)
		return x->num < y->num ? -1 : 1;
	if (p != q)
		return p < q ? -1 : 1;
	return x->place.at < y->place.at ? -1 : x->place.at > y->place.at;
}

int
pdffile_read(struct pdffile *f, struct window *w)
{
	OWN_MEM uint8_t *block = malloc(BLOCK);
	uint64_t at = 0, gap = 0;
	int r;

	*f = (struct pdffile){.window = w,
	    .source = {.in = UINT32_MAX},
	    .no_endstream = UINT64_MAX,
	    .no_endobj = UINT64_MAX};
	pdflex_init(&f->lex);
	f->gaps = calloc(PDFFILE_GAPS, sizeof *f->gaps);
	if (block == NULL || f->gaps == NULL)
		return -ENOMEM;
	while (at < w->size) {
		at = read_block(f, block, at, &gap);
		r = stream_turn(w->below);
		if (r != 0)
			return r;
	}
	add_gap(f, gap, w->size);
	explicit_bzero(block, BLOCK);
	read_trailers(f);
	/* References need the order, lengths of object streams are some. */
	if (f->nobjects > 0)
		qsort_r(
		    f->objects, f->nobjects, sizeof *f->objects, in_order, f);
	f->encrypted = is_encrypted(f);
	r = f->encrypted ? 0 : read_packed(f);
	if (f->nobjects > 0)
		qsort_r(
		    f->objects, f->nobjects, sizeof *f->objects, in_order, f);
	return r;
}

void
pdffile_done(struct pdffile *f)
{
	for (size_t i = 0; i < PDFFILE_CACHE; i++)
		drop(&f->cache[i]);
	pdflex_done(&f->lex);
	free(f->objects);
	free(f->packed);
	free(f->gaps);
	f->objects = NULL;
	f->packed = NULL;
	f->gaps = NULL;
	f->nobjects = 0;
}
