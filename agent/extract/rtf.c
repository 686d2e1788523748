/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtf - Rich Text Format 1.9.1 as the text that a reader sees.
 *
 * Owns: a reader of control words, a byte at a time, that holds no more than
 * one word, the open groups up to DEPTH_MAX and the charsets of FONTS_MAX
 * fonts. Text that is formatted as hidden is text. Destinations that a reader
 * does not see as part of it (properties, instructions of fields, footnotes)
 * go aside, so that none stands within a number.
 * Never: looks into pictures and embedded objects, which it counts; refuses
 * what is badly formed.
 */
#include <errno.h>
#include <string.h>

#include "agent/extract/filter.h"
#include "agent/extract/text.h"

#include "lib/own.h"

#define WORD_MAX 32 /* letters of a control word (1.9.1, "Conventions") */
#define DEPTH_MAX 1024
#define FONTS_MAX 256
#define USUAL_FALLBACK 2 /* characters behind a \u that say the same */

enum state { TEXT, SLASH, WORD, NUMBER, HEX_HIGH, HEX_LOW, BINARY };

enum place {
	SHOWN,
	ASIDE,
	FONTS,
	PICTURE,
	OBJECT,
};

struct group {
	enum place place;
	enum charset charset;
	unsigned fallback; /* characters behind a \u */
	bool own; /* it began with the word of its place */
};

struct font {
	int number;
	enum charset charset;
};

struct rtf {
	struct text *text;
	enum state state;
	struct group now, groups[DEPTH_MAX];
	size_t depth; /* may be over DEPTH_MAX */
	bool fresh; /* nothing but "\*" came since the group began */
	bool star;
	char word[WORD_MAX + 1];
	size_t word_len;
	bool negative, has_value;
	uint32_t value;
	uint64_t at; /* of the control word */
	uint32_t binary; /* bytes that are left of a \bin */
	unsigned skip; /* characters that are left of a fallback */
	unsigned skip_all;
	uint8_t hex;
	uint8_t lead; /* the first byte of a pair */
	uint64_t lead_at;
	uint32_t high; /* the first half of a surrogate pair */
	uint64_t high_at;
	uint8_t raw[4]; /* eight bits that may be UTF-8 */
	size_t raw_len;
	uint64_t raw_at;
	enum charset ansi;
	int font, default_font;
	struct font fonts[FONTS_MAX];
	size_t nfonts;
	bool kept; /* something stands on the line aside */
	uint64_t pictures, objects; /* bytes */
};

/* ---- fonts --------------------------------------------------------------- */

/* \fcharset to code pages. */
static const uint16_t PAGES[][2] = {{77, 10000}, {128, 932}, {129, 949},
    {134, 936}, {136, 950}, {161, 1253}, {162, 1254}, {163, 1258}, {177, 1255},
    {178, 1256}, {186, 1257}, {204, 1251}, {222, 874}, {238, 1250}, {254, 437},
    {255, 850}};

static enum charset
font_charset(const struct rtf *r, int number)
{
	for (size_t i = 0; i < r->nfonts; i++)
		if (r->fonts[i].number == number)
			return r->fonts[i].charset;
	return r->ansi;
}

static void
set_font(struct rtf *r, enum charset c)
{
	size_t i = 0;

	while (i < r->nfonts && r->fonts[i].number != r->font)
		i++;
	if (c == CHARSET_ASCII || i == FONTS_MAX)
		return;
	r->fonts[i] = (struct font){.number = r->font, .charset = c};
	r->nfonts += i == r->nfonts;
}

static enum charset
page_of(uint32_t fcharset)
{
	for (size_t i = 0; i < ARRAY_LEN(PAGES); i++)
		if (PAGES[i][0] == fcharset)
			return charset_codepage(PAGES[i][1]);
	return CHARSET_ASCII;
}

/* ---- characters ---------------------------------------------------------- */

static bool
hex_digit(uint32_t u)
{
	return (u >= '0' && u <= '9') ||
	       (u < 0x80 && (u | 0x20) >= 'a' && (u | 0x20) <= 'f');
}

static void
put_aside(
    struct rtf *r, struct filter_out *o, uint32_t u, uint64_t raw, uint64_t end)
{
	filter_keep_put(o, u, raw, (size_t)(end - raw));
	r->kept = true;
}

/* A character where the group is. @end: behind its bytes. */
static void put(struct rtf *r, struct filter_out *o, uint32_t u, uint64_t raw,
    uint64_t end);

/* Halves that nothing completed stand where they stood: before what follows. */
static void
settle(struct rtf *r, struct filter_out *o)
{
	const uint64_t lead_at = r->lead != 0 ? r->lead_at : UINT64_MAX;
	const uint64_t high_at = r->high != 0 ? r->high_at : UINT64_MAX;
	const uint64_t at[2] = {lead_at < high_at ? lead_at : high_at,
	    lead_at < high_at ? high_at : lead_at};

	r->lead = 0;
	r->high = 0;
	for (size_t i = 0; i < ARRAY_LEN(at) && at[i] != UINT64_MAX; i++)
		put(r, o, 0xfffd, at[i], at[i] + 1);
}

static void
put(struct rtf *r, struct filter_out *o, uint32_t u, uint64_t raw, uint64_t end)
{
	r->fresh = false;
	if (r->skip > 0) {
		/* More than two say something of their own. */
		if (r->skip_all > USUAL_FALLBACK)
			put_aside(r, o, u, raw, end);
		r->skip--;
		return;
	}
	settle(r, o);
	switch (r->now.place) {
	case SHOWN:
		filter_put(o, u, raw, (size_t)(end - raw));
		return;
	case PICTURE:
	case OBJECT:
		if (hex_digit(u)) {
			*(r->now.place == PICTURE ? &r->pictures
						  : &r->objects) += 1;
			return;
		}
		if (u == ' ')
			return;
		break;
	case ASIDE:
	case FONTS:
		break;
	}
	put_aside(r, o, u, raw, end);
}

static bool
pairs(enum charset c)
{
	return c >= CHARSET_GB18030 && c <= CHARSET_EUC_KR;
}

/* The first bytes of pairs; in CP932 there are half-width kana among them. */
static bool
leads(enum charset c, uint8_t b)
{
	return pairs(c) && b > 0x80 && b < 0xff &&
	       !(c == CHARSET_SHIFT_JIS && b >= 0xa0 && b <= 0xdf);
}

static void
put_coded(struct rtf *r, struct filter_out *o, const uint8_t *p, size_t len,
    uint64_t raw, uint64_t end)
{
	uint8_t utf8[16];
	size_t n =
	    text_convert(r->text, r->now.charset, p, len, utf8, sizeof utf8);

	for (size_t i = 0; i < n;) {
		size_t m = utf8[i] < 0x80   ? 1
			   : utf8[i] < 0xe0 ? 2
			   : utf8[i] < 0xf0 ? 3
					    : 4;
		uint32_t u = m == 1 ? utf8[i] : utf8[i] & (0x7fu >> m);

		for (size_t k = 1; k < m && i + k < n; k++)
			u = u << 6 | (utf8[i + k] & 63);
		put(r, o, u, i == 0 ? raw : end, end);
		i += m;
	}
}

/* A byte in the font's charset, however it was written. */
static void
put_byte(
    struct rtf *r, struct filter_out *o, uint8_t b, uint64_t raw, uint64_t end)
{
	uint8_t pair[2] = {r->lead, b};

	if (r->lead != 0) {
		r->lead = 0;
		/* What cannot be a second byte is not eaten as one. */
		if (b >= 0x40 && b != 0x7f) {
			put_coded(r, o, pair, 2, r->lead_at, end);
			return;
		}
		put(r, o, 0xfffd, r->lead_at, raw);
	}
	/* A fallback counts bytes. */
	if (leads(r->now.charset, b) && r->skip == 0) {
		r->lead = b;
		r->lead_at = raw;
	} else if (b < 0x80) {
		put(r, o, b, raw, end);
	} else {
		put_coded(r, o, &b, 1, raw, end);
	}
}

/* What waits for more. */
static void
flush(struct rtf *r, struct filter_out *o)
{
	size_t n = r->raw_len;

	r->raw_len = 0;
	for (size_t i = 0; i < n; i++)
		put_byte(r, o, r->raw[i], r->raw_at + i, r->raw_at + i + 1);
}

static void
flush_all(struct rtf *r, struct filter_out *o)
{
	flush(r, o);
	settle(r, o);
}

/* Eight bits as they are: some writers put UTF-8, whatever they declare. */
static void
raw_byte(struct rtf *r, struct filter_out *o, uint8_t b)
{
	size_t n, want;
	uint32_t u;

	if (r->lead != 0 || pairs(r->now.charset)) {
		flush(r, o);
		put_byte(r, o, b, o->at, o->at + 1);
		return;
	}
	if (r->raw_len > 0 && (b & 0xc0) != 0x80)
		flush(r, o);
	if (r->raw_len == 0)
		r->raw_at = o->at;
	r->raw[r->raw_len++] = b;
	n = r->raw_len;
	want = r->raw[0] < 0xc2   ? 0
	       : r->raw[0] < 0xe0 ? 2
	       : r->raw[0] < 0xf0 ? 3
	       : r->raw[0] < 0xf5 ? 4
				  : 0;
	if (want == 0) {
		flush(r, o);
	} else if (n == want) {
		u = r->raw[0] & (0x7fu >> want);
		for (size_t i = 1; i < n; i++)
			u = u << 6 | (r->raw[i] & 63);
		r->raw_len = 0;
		put(r, o, u, r->raw_at, o->at + 1);
	}
}

/* ---- groups -------------------------------------------------------------- */

static void
group_open(struct rtf *r)
{
	if (r->depth < DEPTH_MAX)
		r->groups[r->depth] = r->now;
	r->depth++;
	r->now.own = false;
	r->fresh = true;
	r->star = false;
	r->skip = 0;
}

static void
group_close(struct rtf *r, struct filter_out *o)
{
	enum place before = r->now.place;

	if (r->now.own && r->kept) {
		filter_keep_mark(o, "\n");
		r->kept = false;
	}
	r->fresh = r->star = false;
	r->skip = 0;
	if (r->depth == 0)
		return;
	if (--r->depth < DEPTH_MAX)
		r->now = r->groups[r->depth];
	if (before == FONTS && r->now.place != FONTS)
		r->now.charset = font_charset(r, r->default_font);
}

/* ---- control words ------------------------------------------------------- */

/* Words that say where the text of their group belongs. */
static const struct {
	const char *word;
	enum place place;
} PLACES[] = {
    {"fonttbl", FONTS},
    {"pict", PICTURE},
    {"objdata", OBJECT},
    {"datastore", OBJECT},
    {"themedata", PICTURE},
    {"colorschememapping", PICTURE},
    {"blipuid", PICTURE},
    {"result", SHOWN},
    {"fldrslt", SHOWN},
    {"shppict", SHOWN},
    {"colortbl", ASIDE},
    {"stylesheet", ASIDE},
    {"info", ASIDE},
    {"title", ASIDE},
    {"subject", ASIDE},
    {"author", ASIDE},
    {"manager", ASIDE},
    {"company", ASIDE},
    {"operator", ASIDE},
    {"category", ASIDE},
    {"keywords", ASIDE},
    {"comment", ASIDE},
    {"doccomm", ASIDE},
    {"hlinkbase", ASIDE},
    {"fldinst", ASIDE},
    {"objclass", ASIDE},
    {"objname", ASIDE},
    {"header", ASIDE},
    {"headerl", ASIDE},
    {"headerr", ASIDE},
    {"headerf", ASIDE},
    {"footer", ASIDE},
    {"footerl", ASIDE},
    {"footerr", ASIDE},
    {"footerf", ASIDE},
    {"footnote", ASIDE},
    {"annotation", ASIDE},
    {"atnauthor", ASIDE},
    {"ftnsep", ASIDE},
    {"shptxt", ASIDE},
    {"sn", ASIDE},
    {"sv", ASIDE},
    {"xe", ASIDE},
    {"tc", ASIDE},
};

/* Words that are a character. */
static const struct {
	const char *word;
	uint16_t u;
} CHARACTERS[] = {
    {"par", '\n'},
    {"line", '\n'},
    {"sect", '\n'},
    {"page", '\n'},
    {"column", '\n'},
    {"softline", '\n'},
    {"row", '\n'},
    {"nestrow", '\n'},
    {"cell", '\t'},
    {"nestcell", '\t'},
    {"tab", '\t'},
    {"emdash", 0x2014},
    {"endash", 0x2013},
    {"emspace", ' '},
    {"enspace", ' '},
    {"qmspace", ' '},
    {"bullet", 0x2022},
    {"lquote", 0x2018},
    {"rquote", 0x2019},
    {"ldblquote", 0x201c},
    {"rdblquote", 0x201d},
};

/* Returns true if the word says where its group belongs. */
static bool
placed(struct rtf *r)
{
	bool begins = r->fresh || r->star;
	size_t i = 0;

	while (i < ARRAY_LEN(PLACES) && strcmp(PLACES[i].word, r->word) != 0)
		i++;
	if (i < ARRAY_LEN(PLACES) && begins)
		r->now.place = PLACES[i].place;
	else if (r->star)
		r->now.place = ASIDE;
	else
		return false;
	r->now.own = true;
	r->star = false;
	return true;
}

static void
unicode(struct rtf *r, struct filter_out *o, uint64_t end)
{
	uint32_t u = r->negative ? 0x10000 - (r->value & 0xffff) : r->value;

	u = u > 0x10ffff ? 0xfffd : u;
	r->skip = 0;
	if (u >= 0xd800 && u < 0xdc00) {
		flush_all(r, o);
		r->high = u;
		r->high_at = r->at;
	} else if (r->high != 0 && u >= 0xdc00 && u < 0xe000) {
		u = 0x10000 + ((r->high - 0xd800) << 10) + (u - 0xdc00);
		r->high = 0;
		put(r, o, u, r->high_at, end);
	} else {
		flush_all(r, o);
		put(r, o, u, r->at, end);
	}
	r->skip = r->skip_all = r->now.fallback;
}

/* Words that change how bytes are read. Returns false for any other. */
static bool
charset_word(struct rtf *r)
{
	const char *w = r->word;
	int number = r->negative || r->value > 0x7fff ? -1 : (int)r->value;
	enum charset c = CHARSET_ASCII;

	if (strcmp(w, "f") == 0) {
		r->font = number;
		if (r->now.place != FONTS)
			r->now.charset = font_charset(r, number);
	} else if (strcmp(w, "plain") == 0) {
		r->now.charset = font_charset(r, r->default_font);
	} else if (strcmp(w, "deff") == 0) {
		r->default_font = number;
	} else if (strcmp(w, "uc") == 0) {
		r->now.fallback = r->value < 1000 ? r->value : 1000;
	} else if (strcmp(w, "fcharset") == 0) {
		set_font(r, page_of(r->value));
	} else if (strcmp(w, "cpg") == 0) {
		set_font(r, charset_codepage(r->value));
	} else if (strcmp(w, "ansicpg") == 0) {
		c = charset_codepage(r->value);
	} else if (strcmp(w, "mac") == 0) {
		c = CHARSET_MACINTOSH;
	} else if (strcmp(w, "pc") == 0) {
		c = CHARSET_IBM437;
	} else if (strcmp(w, "pca") == 0) {
		c = CHARSET_IBM850;
	} else {
		return false;
	}
	/* What depends on bytes before it is no charset of a font. */
	if (c > CHARSET_UTF32BE && c < CHARSET_ISO_2022_JP)
		r->ansi = r->now.charset = c;
	return true;
}

/* The word is over; @end: behind it, and a blank that belongs to it. */
static void
word_done(struct rtf *r, struct filter_out *o, uint64_t end)
{
	r->state = TEXT;
	r->word[r->word_len] = '\0';
	if (strcmp(r->word, "u") == 0 && r->has_value) {
		flush(r, o);
		unicode(r, o, end);
		return;
	}
	flush_all(r, o);
	if (strcmp(r->word, "bin") == 0) {
		r->binary = r->negative ? 0 : r->value;
		if (r->binary > 0)
			r->state = BINARY;
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(CHARACTERS); i++)
		if (strcmp(CHARACTERS[i].word, r->word) == 0) {
			put(r, o, CHARACTERS[i].u, r->at, end);
			return;
		}
	if (!charset_word(r))
		(void)placed(r);
	r->fresh = false;
}

static void
symbol(struct rtf *r, struct filter_out *o, uint8_t b)
{
	uint64_t end = o->at + 1;

	r->state = TEXT;
	if (b == '\'') {
		r->state = HEX_HIGH;
		return;
	}
	flush(r, o);
	if (b == '*') {
		r->star = r->fresh;
		return;
	}
	if (b == '\\' || b == '{' || b == '}') {
		put_byte(r, o, b, r->at, end);
		return;
	}
	flush_all(r, o);
	if (b == '~')
		put(r, o, 0xa0, r->at, end);
	else if (b == '_')
		put(r, o, '-', r->at, end);
	else if (b == '\n' || b == '\r')
		put(r, o, '\n', r->at, end);
	else if (b == '\t')
		put(r, o, '\t', r->at, end);
	else if (b != '-' && b != '|' && b != ':')
		put(r, o, b, r->at, end);
}

/* ---- bytes --------------------------------------------------------------- */

static void
eat_text(struct rtf *r, struct filter_out *o, uint8_t b)
{
	switch (b) {
	case '\\':
		r->state = SLASH;
		r->at = o->at;
		return;
	case '{':
		flush_all(r, o);
		group_open(r);
		return;
	case '}':
		flush_all(r, o);
		group_close(r, o);
		return;
	case '\r':
	case '\n':
	case 0:
		return;
	default:
		break;
	}
	if (b >= 0x80) {
		raw_byte(r, o, b);
		return;
	}
	flush(r, o);
	if (r->high != 0 && r->skip == 0)
		flush_all(r, o);
	put_byte(r, o, b, o->at, o->at + 1);
}

/* Bytes as they are; outside a picture they are looked at as such. */
static void
eat_binary(struct rtf *r, struct filter_out *o, uint8_t b)
{
	if (r->now.place == PICTURE)
		r->pictures++;
	else if (r->now.place == OBJECT)
		r->objects++;
	else
		filter_keep(o, b, o->at);
	if (--r->binary == 0)
		r->state = TEXT;
}

static bool
letter(uint8_t b)
{
	return (b | 0x20) >= 'a' && (b | 0x20) <= 'z';
}

static void
eat_word(struct rtf *r, struct filter_out *o, uint8_t b)
{
	bool digit = b >= '0' && b <= '9';

	if (r->state == WORD && letter(b) && r->word_len < WORD_MAX) {
		r->word[r->word_len++] = (char)b;
		return;
	}
	if (r->state == WORD && b == '-') {
		r->negative = true;
		r->state = NUMBER;
		return;
	}
	if (digit && (r->has_value ? r->value <= 99999999 : true)) {
		r->value = r->value * 10 + (uint32_t)(b - '0');
		r->has_value = true;
		r->state = NUMBER;
		return;
	}
	word_done(r, o, o->at + (b == ' '));
	if (b == ' ')
		return;
	if (r->state == BINARY)
		eat_binary(r, o, b);
	else
		eat_text(r, o, b);
}

static void
eat_slash(struct rtf *r, struct filter_out *o, uint8_t b)
{
	if (!letter(b)) {
		symbol(r, o, b);
		return;
	}
	r->state = WORD;
	r->word[0] = (char)b;
	r->word_len = 1;
	r->negative = r->has_value = false;
	r->value = 0;
}

static void
eat_hex(struct rtf *r, struct filter_out *o, uint8_t b)
{
	uint8_t v = (uint8_t)(b <= '9' ? b - '0' : (b | 0x20) - 'a' + 10);

	if (!hex_digit(b)) {
		/* No code: what stands there. */
		r->state = TEXT;
		eat_text(r, o, b);
	} else if (r->state == HEX_HIGH) {
		r->hex = v;
		r->state = HEX_LOW;
	} else {
		r->state = TEXT;
		flush(r, o);
		if (r->high != 0 && r->skip == 0)
			flush_all(r, o);
		put_byte(r, o, (uint8_t)(r->hex << 4 | v), r->at, o->at + 1);
	}
}

static void
eat(struct rtf *r, struct filter_out *o, uint8_t b)
{
	switch (r->state) {
	case TEXT:
		eat_text(r, o, b);
		break;
	case SLASH:
		eat_slash(r, o, b);
		break;
	case WORD:
	case NUMBER:
		eat_word(r, o, b);
		break;
	case HEX_HIGH:
	case HEX_LOW:
		eat_hex(r, o, b);
		break;
	case BINARY:
		eat_binary(r, o, b);
		break;
	}
}

/* ---- life ---------------------------------------------------------------- */

int
rtf_new(struct rtf **out, struct text *text)
{
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return -ENOMEM;
	(*out)->text = text;
	return 0;
}

void
rtf_free(struct rtf *r)
{
	if (r != NULL)
		explicit_bzero(r, sizeof *r);
	free(r);
}

void
rtf_start(struct rtf *r)
{
	*r = (struct rtf){
	    .text = r->text, .ansi = CHARSET_WINDOWS_1252, .default_font = -1};
	r->now = (struct group){.charset = r->ansi, .fallback = 1};
}

void
rtf_eat(struct rtf *r, struct filter_out *o, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++, o->at++)
		eat(r, o, p[i]);
}

void
rtf_end(struct rtf *r, struct filter_out *o)
{
	if (r->state == WORD || r->state == NUMBER)
		word_done(r, o, o->at);
	flush_all(r, o);
}

uint64_t
rtf_pictures(const struct rtf *r)
{
	return r->pictures;
}

uint64_t
rtf_objects(const struct rtf *r)
{
	return r->objects;
}
