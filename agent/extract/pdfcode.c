/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdfcode - the filters of a PDF's streams.
 *
 * Owns: FlateDecode (zlib), LZWDecode, ASCIIHexDecode, ASCII85Decode,
 * RunLengthDecode, and the predictors of PNG and TIFF (ISO 32000-1, 7.4).
 * Never: decodes a picture. What comes out beyond the ratio ends the stream.
 *
 * A step asks the one below it, so calls nest: at most PDFCODE_STEPS deep.
 */
#include "agent/extract/pdfcode.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "lib/str.h"

#include "lib/own.h"

#define BLOCK 4096
#define RATIO_FROM (UINT64_C(1) << 20)
#define RATIO_MAX 250
#define ROW_MAX ((size_t)1 << 20)
#define LZW_CODES 4096

struct lzw {
	uint16_t prefix[LZW_CODES];
	uint8_t suffix[LZW_CODES];
	uint8_t string[LZW_CODES]; /* that is being given, backwards */
	size_t nstring;
	uint32_t bits;
	unsigned nbits, width, next, before;
};

struct step {
	struct pdfcode_step how;
	struct pdfcode *code;
	size_t index;
	uint8_t in[BLOCK]; /* of the step below */
	size_t pos, len;
	bool end, below_end;
	z_stream z;
	bool inflating;
	struct lzw *lzw;
	unsigned run; /* bytes of a run that are left */
	int repeat; /* the byte of it, or -1 for those that follow */
	uint8_t group[4]; /* of ASCII85 */
	size_t ngroup, group_at;
	uint8_t *row, *above; /* of the predictor, row_len bytes */
	size_t row_len, row_at, row_got;
};

struct pdfcode {
	struct window *window;
	uint64_t at, left, len, given;
	uint64_t *work;
	int err;
	size_t n;
	struct step steps[PDFCODE_STEPS];
};

static const struct {
	const char *name;
	enum pdfcode_kind kind;
} NAMES[] = {
    {"FlateDecode", PDFCODE_FLATE},
    {"Fl", PDFCODE_FLATE},
    {"LZWDecode", PDFCODE_LZW},
    {"LZW", PDFCODE_LZW},
    {"ASCIIHexDecode", PDFCODE_HEX},
    {"AHx", PDFCODE_HEX},
    {"ASCII85Decode", PDFCODE_85},
    {"A85", PDFCODE_85},
    {"RunLengthDecode", PDFCODE_RUN},
    {"RL", PDFCODE_RUN},
    {"Crypt", PDFCODE_NONE},
    {"DCTDecode", PDFCODE_PICTURE},
    {"DCT", PDFCODE_PICTURE},
    {"JPXDecode", PDFCODE_PICTURE},
    {"CCITTFaxDecode", PDFCODE_PICTURE},
    {"CCF", PDFCODE_PICTURE},
    {"JBIG2Decode", PDFCODE_PICTURE},
};

enum pdfcode_kind
pdfcode_named(const void *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (len == strlen(NAMES[i].name) &&
		    memcmp(name, NAMES[i].name, len) == 0)
			return NAMES[i].kind;
	return PDFCODE_UNKNOWN;
}

/* ---- bytes from below ---------------------------------------------------- */

static size_t step_read(struct step *s, uint8_t *out, size_t max);

static size_t
below_read(struct step *s, uint8_t *out, size_t max)
{
	struct pdfcode *c = s->code;
	size_t n;

	if (s->index > 0)
		return step_read(s - 1, out, max);
	if (max > c->left)
		max = (size_t)c->left;
	n = window_read(c->window, c->at, out, max);
	c->at += n;
	c->left -= n;
	return n;
}

static bool
fill(struct step *s)
{
	if (s->pos < s->len)
		return true;
	if (s->below_end)
		return false;
	s->pos = 0;
	s->len = below_read(s, s->in, sizeof s->in);
	s->below_end = s->len == 0;
	return s->len > 0;
}

static int
next(struct step *s)
{
	return fill(s) ? s->in[s->pos++] : -1;
}

static void
damaged(struct step *s, int err)
{
	s->end = true;
	if (s->code->err == 0)
		s->code->err = err;
}

/* ---- the codes ----------------------------------------------------------- */

static size_t
flate(struct step *s, uint8_t *out, size_t max)
{
	s->z.next_out = out;
	s->z.avail_out = (uInt)max;
	while (s->z.avail_out == max) {
		bool more = fill(s);
		int r;

		s->z.next_in = s->in + s->pos;
		s->z.avail_in = (uInt)(s->len - s->pos);
		r = inflate(&s->z, Z_NO_FLUSH);
		s->pos = s->len - s->z.avail_in;
		if (r == Z_STREAM_END) {
			s->end = true;
			break;
		}
		if (r != Z_OK && r != Z_BUF_ERROR) {
			damaged(s, r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG);
			break;
		}
		if (!more && s->z.avail_out == max) {
			damaged(s, -EBADMSG);
			break;
		}
	}
	return max - s->z.avail_out;
}

static void
lzw_clear(struct lzw *z)
{
	z->width = 9;
	z->next = 258;
	z->before = LZW_CODES;
}

static int
lzw_code(struct step *s)
{
	struct lzw *z = s->lzw;
	unsigned code;

	while (z->nbits < z->width) {
		int b = next(s);

		if (b < 0)
			return 257;
		z->bits = z->bits << 8 | (uint32_t)b;
		z->nbits += 8;
	}
	z->nbits -= z->width;
	code = z->bits >> z->nbits & ((1U << z->width) - 1);
	return (int)code;
}

/* Unwinds a code: every prefix is smaller than the code that has it. */
static uint8_t
lzw_unwind(struct lzw *z, unsigned code)
{
	while (code >= 258 && z->nstring < LZW_CODES - 1) {
		z->string[z->nstring++] = z->suffix[code];
		code = z->prefix[code];
	}
	z->string[z->nstring++] = (uint8_t)code;
	return (uint8_t)code;
}

static bool
lzw_string(struct step *s)
{
	struct lzw *z = s->lzw;
	unsigned code = (unsigned)lzw_code(s);
	uint8_t first;

	if (code == 256) {
		lzw_clear(z);
		return true;
	}
	if (code == 257 || code > z->next ||
	    (code == z->next && z->before == LZW_CODES)) {
		if (code != 257)
			damaged(s, -EBADMSG);
		s->end = true;
		return false;
	}
	if (code == z->next) {
		/* The string before, and its first byte again. */
		z->nstring = 1;
		first = lzw_unwind(z, z->before);
		z->string[0] = first;
	} else {
		first = lzw_unwind(z, code);
	}
	if (z->before != LZW_CODES && z->next < LZW_CODES) {
		z->prefix[z->next] = (uint16_t)z->before;
		z->suffix[z->next++] = first;
	}
	z->before = code;
	while (z->width < 12 && z->next + !s->how.late >= 1U << z->width)
		z->width++;
	return true;
}

static size_t
lzw(struct step *s, uint8_t *out, size_t max)
{
	size_t n = 0;

	while (n < max) {
		if (s->lzw->nstring > 0)
			out[n++] = s->lzw->string[--s->lzw->nstring];
		else if (s->end || !lzw_string(s))
			break;
	}
	return n;
}

static int
hex_digit(int b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

static size_t
hex(struct step *s, uint8_t *out, size_t max)
{
	size_t n = 0;
	int high = -1;

	while (n < max) {
		int b = next(s), v = hex_digit(b);

		if (b < 0 || b == '>') {
			s->end = true;
			if (high >= 0)
				out[n++] = (uint8_t)(high << 4);
			break;
		}
		if (v < 0)
			continue;
		if (high >= 0)
			out[n++] = (uint8_t)(high << 4 | v);
		high = high >= 0 ? -1 : v;
	}
	return n;
}

/* Reads five digits of base 85, or what is left of them. */
static void
read_group(struct step *s)
{
	uint32_t v = 0;
	size_t digits = 0;

	s->ngroup = s->group_at = 0;
	while (digits < 5) {
		int b = next(s);

		if (b < 0 || b == '~') {
			s->end = true;
			break;
		}
		if (b == 'z' && digits == 0) {
			memset(s->group, 0, 4);
			s->ngroup = 4;
			return;
		}
		if (b < '!' || b > 'u')
			continue;
		v = v * 85 + (uint32_t)(b - '!');
		digits++;
	}
	if (digits < 2)
		return;
	for (size_t i = digits; i < 5; i++)
		v = v * 85 + 84;
	for (size_t i = 0; i < 4; i++)
		s->group[i] = (uint8_t)(v >> (24 - 8 * i));
	s->ngroup = digits - 1;
}

static size_t
base85(struct step *s, uint8_t *out, size_t max)
{
	size_t n = 0;

	while (n < max) {
		if (s->group_at < s->ngroup)
			out[n++] = s->group[s->group_at++];
		else if (s->end)
			break;
		else
			read_group(s);
	}
	return n;
}

static size_t
run(struct step *s, uint8_t *out, size_t max)
{
	size_t n = 0;

	while (n < max) {
		int b;

		if (s->run == 0) {
			b = next(s);
			if (b < 0 || b == 128) {
				s->end = true;
				break;
			}
			s->run = b < 128 ? (unsigned)b + 1 : 257U - (unsigned)b;
			s->repeat = b < 128 ? -1 : next(s);
		}
		b = s->repeat >= 0 ? s->repeat : next(s);
		if (b < 0) {
			s->end = true;
			break;
		}
		out[n++] = (uint8_t)b;
		s->run--;
	}
	return n;
}

/* Bytes as the code has them, before a predictor. */
static size_t
decode(struct step *s, uint8_t *out, size_t max)
{
	if (s->end && s->how.kind != PDFCODE_LZW && s->how.kind != PDFCODE_85)
		return 0;
	switch (s->how.kind) {
	case PDFCODE_FLATE:
		return flate(s, out, max);
	case PDFCODE_LZW:
		return lzw(s, out, max);
	case PDFCODE_HEX:
		return hex(s, out, max);
	case PDFCODE_85:
		return base85(s, out, max);
	case PDFCODE_RUN:
		return run(s, out, max);
	case PDFCODE_NONE:
	case PDFCODE_PICTURE:
	case PDFCODE_UNKNOWN:
		break;
	}
	return below_read(s, out, max);
}

/* ---- predictors ---------------------------------------------------------- */

static uint8_t
paeth(int a, int b, int c)
{
	int p = a + b - c;
	int pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);

	if (pa <= pb && pa <= pc)
		return (uint8_t)a;
	return (uint8_t)(pb <= pc ? b : c);
}

static size_t
pixel(const struct step *s)
{
	size_t n = (size_t)s->how.colors * s->how.bits / 8;

	return n > 0 ? n : 1;
}

/* A row of PNG, whose first byte tells how (PNG, section 9.2). */
static void
undo_png(struct step *s)
{
	uint8_t *p = s->row + 1;
	const uint8_t *up = s->above + 1;
	size_t bpp = pixel(s), n = s->row_got - 1;

	for (size_t i = 0; i < n; i++) {
		uint8_t a = i >= bpp ? p[i - bpp] : 0;
		uint8_t c = i >= bpp ? up[i - bpp] : 0;

		if (s->row[0] == 1)
			p[i] = (uint8_t)(p[i] + a);
		else if (s->row[0] == 2)
			p[i] = (uint8_t)(p[i] + up[i]);
		else if (s->row[0] == 3)
			p[i] = (uint8_t)(p[i] + (a + up[i]) / 2);
		else if (s->row[0] == 4)
			p[i] = (uint8_t)(p[i] + paeth(a, up[i], c));
	}
}

static bool
next_row(struct step *s)
{
	uint8_t *row = s->row;

	s->row = s->above;
	s->above = row;
	s->row_got = s->row_at = 0;
	while (s->row_got < s->row_len) {
		size_t n =
		    decode(s, s->row + s->row_got, s->row_len - s->row_got);

		if (n == 0)
			break;
		s->row_got += n;
	}
	if (s->row_got == 0)
		return false;
	memset(s->row + s->row_got, 0, s->row_len - s->row_got);
	if (s->how.predictor >= 10) {
		undo_png(s);
		s->row_at = 1;
	} else if (s->how.bits == 8) {
		for (size_t i = pixel(s); i < s->row_got; i++)
			s->row[i] = (uint8_t)(s->row[i] + s->row[i - pixel(s)]);
	}
	return true;
}

static size_t
step_read(struct step *s, uint8_t *out, size_t max)
{
	size_t n = 0;

	if (s->row == NULL)
		return decode(s, out, max);
	while (n < max) {
		size_t some = s->row_got - s->row_at;

		if (some == 0) {
			if (!next_row(s))
				break;
			continue;
		}
		if (some > max - n)
			some = max - n;
		memcpy(out + n, s->row + s->row_at, some);
		s->row_at += some;
		n += some;
	}
	return n;
}

/* ---- life ---------------------------------------------------------------- */

static int
prepare_rows(struct step *s)
{
	struct pdfcode_step *h = &s->how;
	size_t bits;

	if (h->predictor < 2 ||
	    (h->kind != PDFCODE_FLATE && h->kind != PDFCODE_LZW))
		return 0;
	h->colors = h->colors > 0 ? h->colors : 1;
	h->bits = h->bits > 0 ? h->bits : 8;
	h->columns = h->columns > 0 ? h->columns : 1;
	if (h->colors > 32 || h->bits > 16 || h->columns > ROW_MAX)
		return -EBADMSG;
	bits = (size_t)h->colors * h->bits * h->columns;
	s->row_len = (bits + 7) / 8 + (h->predictor >= 10);
	if (s->row_len > ROW_MAX)
		return -EBADMSG;
	s->row = calloc(1, s->row_len);
	s->above = calloc(1, s->row_len);
	return s->row != NULL && s->above != NULL ? 0 : -ENOMEM;
}

static int
prepare(struct step *s)
{
	switch (s->how.kind) {
	case PDFCODE_PICTURE:
		return -ENOMSG;
	case PDFCODE_UNKNOWN:
		return -ENOTSUP;
	case PDFCODE_FLATE:
		if (inflateInit(&s->z) != Z_OK)
			return -ENOMEM;
		s->inflating = true;
		break;
	case PDFCODE_LZW:
		s->lzw = calloc(1, sizeof *s->lzw);
		if (s->lzw == NULL)
			return -ENOMEM;
		lzw_clear(s->lzw);
		break;
	case PDFCODE_NONE:
	case PDFCODE_HEX:
	case PDFCODE_85:
	case PDFCODE_RUN:
		break;
	}
	return prepare_rows(s);
}

int
pdfcode_new(struct pdfcode **out, struct window *w, uint64_t at, uint64_t len,
    const struct pdfcode_step *steps, size_t n, uint64_t *work)
{
	struct pdfcode *c;
	int r = 0;

	must(n <= PDFCODE_STEPS);
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	c->window = w;
	c->at = at;
	c->left = c->len = len;
	c->work = work;
	/* One at least, so that reading needs no case of its own. */
	c->n = n > 0 ? n : 1;
	for (size_t i = 0; i < c->n; i++)
		c->steps[i].code = c;
	for (size_t i = 0; i < c->n && r == 0; i++) {
		c->steps[i].index = i;
		if (i < n)
			c->steps[i].how = steps[i];
		r = prepare(&c->steps[i]);
	}
	if (r != 0) {
		pdfcode_free(c);
		return r;
	}
	*out = c;
	return 0;
}

static void
free_row(uint8_t *row, size_t len)
{
	if (row != NULL)
		explicit_bzero(row, len);
	free(row);
}

void
pdfcode_free(struct pdfcode *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++) {
		struct step *s = &c->steps[i];

		if (s->inflating)
			(void)inflateEnd(&s->z);
		free_row(s->row, s->row_len);
		free_row(s->above, s->row_len);
		free(s->lzw);
	}
	explicit_bzero(c, sizeof *c);
	free(c);
}

size_t
pdfcode_read(struct pdfcode *c, uint8_t *out, size_t max)
{
	size_t n =
	    c->err == -EFBIG ? 0 : step_read(&c->steps[c->n - 1], out, max);

	c->given += n;
	*c->work += n;
	if (c->given > RATIO_FROM && c->given / (c->len + 1) > RATIO_MAX)
		c->err = -EFBIG;
	return n;
}

int
pdfcode_error(const struct pdfcode *c)
{
	return c->err;
}
