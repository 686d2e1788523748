/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode - what encoded text looks like, and what it says.
 *
 * Owns: the definition of an encoded run, alphabets and escapes.
 * Never: keeps anything; looks further than DECODE_AHEAD bytes.
 *
 * A word is a longest run of letters, digits and "+/-_". It is encoded
 *   in hex, if, behind "0x" that may be there, its first 20 characters (all,
 *   if it has 16 to 19) are hexadecimal digits and what they say is text;
 *   else in base64, if it has at least 11 characters and what its first 16
 *   say (as many as there are) is text, or is UTF-16 of ASCII (low byte
 *   first, "wide"), or, with at least 20 characters, begins as gzip or zlib.
 * Text is well-formed UTF-8, the end of it cut or not, without control
 * characters but tab, line feed and carriage return.
 * The run then goes on to the first byte that is no digit of its kind. It goes
 * on over the end of a line (LF or CRLF and up to 16 blanks, behind them a
 * letter, a digit, "+" or "/") if that line has as many characters as the
 * first line of the run, at least 40, and a multiple of 4. "=" ends it; up to
 * two belong to it. The rest of a word in which no run begins, or a run ended,
 * is no run.
 *
 * An escape is, in
 *   percent: "%XX" of a byte that is no control character;
 *   quoted-printable: "=XX" with capital letters, and "=" at the end of a line;
 *   unicode escapes: "\uXXXX" (two for a surrogate pair), "\u{X…}", "\xXX";
 *   html: "&#D…;", "&#xX…;".
 * A stretch is a longest row of escapes of one kind, each at most 32 bytes (80
 * in quoted-printable) behind the one before, of at least 2 (3). What stands
 * between belongs to it; there, "+" is a blank in percent, and HTML's names of
 * markup are what they name.
 *
 * A gzip or zlib run is what a run of base64 or hex says, from its first byte.
 *
 * How runs become a text to look into is at the top of unfold.c.
 */
#include "agent/detect/decode.h"

#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

enum {
	HEX_MIN = 16,
	HEX_HEAD = 20,
	HEAD = 16,
	PACKED_MIN = 20,
	BLANKS_MAX = 16,
};

static const char *const NAMES[DECODE_LAYERS] = {
    [DECODE_BASE64] = "base64",
    [DECODE_HEX] = "hex",
    [DECODE_PERCENT] = "percent",
    [DECODE_QP] = "qp",
    [DECODE_UNICODE] = "unicode_escape",
    [DECODE_HTML] = "html",
    [DECODE_GZIP] = "gzip",
    [DECODE_ZLIB] = "zlib",
};

/* Values of base64's characters plus 1, both alphabets (RFC 4648, 4 and 5). */
static const uint8_t BASE64[256] = {['A'] = 1,
    ['B'] = 2,
    ['C'] = 3,
    ['D'] = 4,
    ['E'] = 5,
    ['F'] = 6,
    ['G'] = 7,
    ['H'] = 8,
    ['I'] = 9,
    ['J'] = 10,
    ['K'] = 11,
    ['L'] = 12,
    ['M'] = 13,
    ['N'] = 14,
    ['O'] = 15,
    ['P'] = 16,
    ['Q'] = 17,
    ['R'] = 18,
    ['S'] = 19,
    ['T'] = 20,
    ['U'] = 21,
    ['V'] = 22,
    ['W'] = 23,
    ['X'] = 24,
    ['Y'] = 25,
    ['Z'] = 26,
    ['a'] = 27,
    ['b'] = 28,
    ['c'] = 29,
    ['d'] = 30,
    ['e'] = 31,
    ['f'] = 32,
    ['g'] = 33,
    ['h'] = 34,
    ['i'] = 35,
    ['j'] = 36,
    ['k'] = 37,
    ['l'] = 38,
    ['m'] = 39,
    ['n'] = 40,
    ['o'] = 41,
    ['p'] = 42,
    ['q'] = 43,
    ['r'] = 44,
    ['s'] = 45,
    ['t'] = 46,
    ['u'] = 47,
    ['v'] = 48,
    ['w'] = 49,
    ['x'] = 50,
    ['y'] = 51,
    ['z'] = 52,
    ['0'] = 53,
    ['1'] = 54,
    ['2'] = 55,
    ['3'] = 56,
    ['4'] = 57,
    ['5'] = 58,
    ['6'] = 59,
    ['7'] = 60,
    ['8'] = 61,
    ['9'] = 62,
    ['+'] = 63,
    ['-'] = 63,
    ['/'] = 64,
    ['_'] = 64};

const char *
decode_name(enum decode_layer l)
{
	return NAMES[l];
}

int
decode_parse(const char *name)
{
	if (str_eq(name, "base64url"))
		return DECODE_BASE64;
	if (str_eq(name, "quoted-printable"))
		return DECODE_QP;
	for (int i = 0; i < DECODE_LAYERS; i++)
		if (str_eq(name, NAMES[i]))
			return i;
	return -1;
}

static int
hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
decode_digit(enum decode_layer kind, uint8_t c)
{
	return kind == DECODE_HEX ? hex(c) : BASE64[c] - 1;
}

bool
decode_word(uint8_t c)
{
	return BASE64[c] != 0;
}

/* ---- words ---- */

static bool
plain(uint8_t c)
{
	return c >= 0x20 ? c != 0x7f : c == '\t' || c == '\n' || c == '\r';
}

/* What a byte may be in text: 1 ASCII, 2 the first of a longer character. */
static unsigned
role(uint8_t c)
{
	if (c < 0x80)
		return plain(c) ? 1 : 0;
	return c >= 0xc2 && c <= 0xf4 ? 2 : 0;
}

/* RFC 1952 section 2.3.1, RFC 1950 section 2.2 with a window of 32 KiB. */
static bool
packed(uint8_t a, uint8_t b)
{
	return (a == 0x1f && b == 0x8b) ||
	       (a == 0x78 && (a * 256 + b) % 31 == 0 && (b & 0x20) == 0);
}

/*
 * By four characters of a word: most words end here. It lets through whatever
 * decode_head takes.
 */
bool
decode_maybe(const uint8_t *p)
{
	unsigned v = (unsigned)(BASE64[p[0]] - 1) << 18 |
		     (unsigned)(BASE64[p[1]] - 1) << 12 |
		     (unsigned)(BASE64[p[2]] - 1) << 6 |
		     (unsigned)(BASE64[p[3]] - 1);
	uint8_t a = (uint8_t)(v >> 16);
	uint8_t b = (uint8_t)(v >> 8);
	unsigned first = role(a);

	if (first == 2 || (first == 1 && (role(b) != 0 || b == 0)) ||
	    packed(a, b))
		return true;
	if (hex(p[0]) < 0)
		return false;
	if (hex(p[1]) < 0 || hex(p[2]) < 0 || hex(p[3]) < 0)
		return p[0] == '0' && (p[1] | 0x20) == 'x';
	a = (uint8_t)((unsigned)hex(p[0]) << 4 | (unsigned)hex(p[1]));
	b = (uint8_t)((unsigned)hex(p[2]) << 4 | (unsigned)hex(p[3]));
	return role(a) == 2 || (role(a) == 1 && role(b) != 0) || packed(a, b);
}

/* Well-formed UTF-8 (Unicode 15, table 3-7), its end perhaps cut. */
static bool
text_like(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint8_t c = p[i++];
		size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

		if (c < 0x80 ? !plain(c) : c < 0xc2 || c > 0xf4)
			return false;
		for (size_t k = 0; k < more && i < n; k++, i++) {
			uint8_t low = 0x80, high = 0xbf;

			if (k == 0 && c == 0xe0)
				low = 0xa0;
			if (k == 0 && c == 0xed)
				high = 0x9f;
			if (k == 0 && c == 0xf0)
				low = 0x90;
			if (k == 0 && c == 0xf4)
				high = 0x8f;
			if (p[i] < low || p[i] > high)
				return false;
		}
	}
	return true;
}

static bool
wide(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		if (p[i] >= 0x80 || !plain(p[i]) || p[i + 1] != 0)
			return false;
	return n >= 8;
}

static bool
head_hex(const uint8_t *p, size_t len)
{
	uint8_t said[HEX_HEAD / 2];
	size_t n = 0;

	while (n < HEX_HEAD && n < len && hex(p[n]) >= 0)
		n++;
	if (n < HEX_MIN || (n < HEX_HEAD && n < len && decode_word(p[n])))
		return false;
	for (size_t i = 0; i < n / 2; i++)
		said[i] = (uint8_t)(hex(p[2 * i]) << 4 | hex(p[2 * i + 1]));
	return text_like(said, n / 2) || packed(said[0], said[1]);
}

/* What the first @n characters say; returns how many bytes. */
static size_t
say(const uint8_t *p, size_t n, uint8_t *out)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 6 | (uint32_t)(BASE64[p[i]] - 1);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		out[len++] = (uint8_t)(bits >> have);
	}
	return len;
}

bool
decode_head(const uint8_t *p, size_t len, struct decode_head *out)
{
	uint8_t said[HEAD];
	size_t n = 0, bytes;

	*out = (struct decode_head){.kind = DECODE_HEX};
	if (len > 2 && p[0] == '0' && (p[1] | 0x20) == 'x')
		out->skip = 2;
	if (head_hex(p + out->skip, len - out->skip))
		return true;
	*out = (struct decode_head){.kind = DECODE_BASE64};
	while (n < PACKED_MIN && n < len && BASE64[p[n]] != 0)
		n++;
	if (n < DECODE_TOKEN_MIN)
		return false;
	bytes = say(p, n < HEAD ? n : HEAD, said);
	if (text_like(said, bytes))
		return true;
	out->wide = wide(said, bytes);
	return out->wide || (n == PACKED_MIN && packed(said[0], said[1]));
}

/*
 * Looks first at the byte that the shortest run would end with, and goes back
 * from there: most bytes of text are never looked at (as Boyer and Moore,
 * "A fast string searching algorithm", 1977, do).
 */
size_t
decode_token(const uint8_t *text, size_t len, size_t from, size_t to,
    struct decode_head *head)
{
	const size_t last = DECODE_TOKEN_MIN - 1;
	decode_front_fn *front = decode_vector_tokens();
	size_t known; /* bytes from @from to it are a word's */

	size_t first = from;

	if (front != NULL && front(text, len, &from, to, head))
		return from;
	/* It may have stopped in a word that it had judged. */
	while (from > first && from < to && BASE64[text[from - 1]] != 0)
		from++;
	known = from;
	while (from < to && len - from > last) {
		size_t end = from + last + 1;
		size_t at = end;

		while (at > known && BASE64[text[at - 1]] != 0)
			at--;
		if (at == known && decode_maybe(text + from) &&
		    decode_head(text + from, len - from, head))
			return from;
		if (at == known)
			for (at = end; at < to && BASE64[text[at]] != 0;)
				at++;
		known = end > at ? end : at;
		from = at;
	}
	return to;
}

size_t
decode_wrap(const uint8_t *p, size_t len)
{
	size_t n = 0;

	if (n < len && p[n] == '\r')
		n++;
	if (n == len || p[n++] != '\n')
		return 0;
	for (size_t i = 0; i < BLANKS_MAX && n < len; i++, n++)
		if (p[n] != ' ' && p[n] != '\t')
			break;
	if (n == len || BASE64[p[n]] == 0 || p[n] == '-' || p[n] == '_')
		return 0;
	return n;
}

/* ---- escapes ---- */

unsigned
decode_need(enum decode_layer kind)
{
	return kind == DECODE_QP ? 3 : 2;
}

size_t
decode_gap(enum decode_layer kind)
{
	return kind == DECODE_QP ? 80 : 32;
}

/* True where two bytes cannot be left out: may an escape begin here? */
static bool
begins(uint8_t a, uint8_t b)
{
	switch (a) {
	case '%':
	case '=':
		return hex(b) >= 0 || (a == '=' && (b == '\r' || b == '\n'));
	case '\\':
		return b == 'u' || b == 'x';
	case '&':
		return b == '#';
	default:
		return false;
	}
}

size_t
decode_trigger(const uint8_t *text, size_t len, size_t from, size_t to)
{
	decode_front_fn *front = decode_vector_triggers();

	while (from < to && from + 1 < len) {
		if (front != NULL && !front(text, len, &from, to, NULL) &&
		    (from >= to || from + 1 >= len))
			break;
		if (begins(text[from], text[from + 1]))
			return from;
		from++;
	}
	return to;
}

/* A code point as UTF-8; false for what is no text. */
static bool
put_code(struct decode_escape *e, uint32_t c)
{
	if (c < 0x80) {
		e->text[0] = (uint8_t)c;
		e->n = 1;
		return plain((uint8_t)c);
	}
	if (c < 0x800) {
		e->text[0] = (uint8_t)(0xc0 | c >> 6);
		e->n = 2;
	} else if (c < 0x10000) {
		if (c >= 0xd800 && c < 0xe000)
			return false;
		e->text[0] = (uint8_t)(0xe0 | c >> 12);
		e->n = 3;
	} else {
		if (c > 0x10ffff)
			return false;
		e->text[0] = (uint8_t)(0xf0 | c >> 18);
		e->n = 4;
	}
	for (size_t i = 1; i < e->n; i++)
		e->text[i] =
		    (uint8_t)(0x80 | (c >> (6 * (e->n - 1 - i)) & 0x3f));
	return true;
}

/* Hexadecimal digits at @p; returns how many of at most @max. */
static size_t
number(const uint8_t *p, size_t len, size_t max, unsigned base, uint32_t *out)
{
	size_t n = 0;

	*out = 0;
	for (; n < max && n < len; n++) {
		int v = hex(p[n]);

		if (v < 0 || (unsigned)v >= base)
			break;
		*out = *out * base + (uint32_t)v;
	}
	return n;
}

/* "%XX", "=XX": a byte. */
static bool
escape_byte(const uint8_t *p, size_t len, struct decode_escape *e)
{
	uint32_t c;

	if (number(p + 1, len - 1, 2, 16, &c) < 2)
		return false;
	e->len = 3;
	e->n = 1;
	e->text[0] = (uint8_t)c;
	return plain((uint8_t)c);
}

/* RFC 2045 section 6.7; small letters are not written there. */
static bool
escape_qp(const uint8_t *p, size_t len, struct decode_escape *e)
{
	e->n = 0;
	e->len = 2;
	if (len > 1 && p[1] == '\n')
		return true;
	e->len = 3;
	if (len > 2 && p[1] == '\r' && p[2] == '\n')
		return true;
	return len > 2 && p[1] < 'a' && p[2] < 'a' && escape_byte(p, len, e);
}

static bool
escape_unicode(const uint8_t *p, size_t len, struct decode_escape *e)
{
	uint32_t c, low;
	size_t n;

	if (len > 1 && p[1] == 'x') {
		if (number(p + 2, len - 2, 2, 16, &c) < 2)
			return false;
		e->len = 4;
		e->n = 1;
		e->text[0] = (uint8_t)c;
		return plain((uint8_t)c);
	}
	if (len < 3 || p[1] != 'u')
		return false;
	if (p[2] == '{') {
		n = number(p + 3, len - 3, 6, 16, &c);
		e->len = n + 4;
		return n > 0 && n + 3 < len && p[n + 3] == '}' &&
		       put_code(e, c);
	}
	if (number(p + 2, len - 2, 4, 16, &c) < 4)
		return false;
	e->len = 6;
	if (c >= 0xd800 && c < 0xdc00 && len >= 12 && p[6] == '\\' &&
	    p[7] == 'u' && number(p + 8, 4, 4, 16, &low) == 4 &&
	    low >= 0xdc00 && low < 0xe000) {
		e->len = 12;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	return put_code(e, c);
}

static bool
escape_html(const uint8_t *p, size_t len, struct decode_escape *e)
{
	size_t n, skip = 2;
	uint32_t c;

	if (len < 4 || p[1] != '#')
		return false;
	if ((p[2] | 0x20) == 'x')
		skip = 3;
	n = number(
	    p + skip, len - skip, skip == 3 ? 6 : 7, skip == 3 ? 16 : 10, &c);
	if (n == 0 || skip + n >= len || p[skip + n] != ';')
		return false;
	e->len = skip + n + 1;
	return put_code(e, c);
}

bool
decode_escape(const uint8_t *p, size_t len, enum decode_layer *kind,
    struct decode_escape *out)
{
	switch (p[0]) {
	case '%':
		*kind = DECODE_PERCENT;
		return len > 2 && escape_byte(p, len, out);
	case '=':
		*kind = DECODE_QP;
		return escape_qp(p, len, out);
	case '\\':
		*kind = DECODE_UNICODE;
		return escape_unicode(p, len, out);
	case '&':
		*kind = DECODE_HTML;
		return escape_html(p, len, out);
	default:
		return false;
	}
}

bool
decode_entity(const uint8_t *p, size_t len, struct decode_escape *out)
{
	static const struct {
		const char *name;
		uint8_t is;
	} names[] = {
	    {"&amp;", '&'},
	    {"&lt;", '<'},
	    {"&gt;", '>'},
	    {"&quot;", '"'},
	    {"&apos;", '\''},
	    {"&nbsp;", ' '},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(names[i].name);

		if (n > len || memcmp(p, names[i].name, n) != 0)
			continue;
		*out = (struct decode_escape){
		    .len = n, .text = {names[i].is}, .n = 1};
		return true;
	}
	return false;
}
