/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - any charset to UTF-8, and offsets back.
 *
 * Owns: iconv, and our own UTF-16 and UTF-32.
 * Never: drops a byte: what is no character becomes U+FFFD.
 */
#include "agent/extract/text.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "agent/extract/map.h"
#include "lib/str.h"

#include "lib/own.h"

#define OUT_MAX (256 * 1024)
#define RUNS_MAX (1024 * 1024)
#define CHAR_MAX_OUT 4 /* bytes of one character in UTF-8 */
#define EVIDENCE 64 /* bytes that tell a charset, if more can be had */
#define WINDOW 512 /* bytes of UTF-16 that are judged at once */
#define RUN_MAX 2048 /* of what is looked at as a whole */
#define STEP_MAX 8 /* bytes of one step of a charset with states */

struct text {
	iconv_t converters[CHARSETS];
	enum charset charset;
	enum charset told; /* by the container, for what is not UTF-8 */
	struct map map;
	size_t window; /* bytes left of a stretch of UTF-16 */
	bool plain; /* that is ASCII after all */
	size_t mark; /* bytes of the byte order mark yet to be passed over */
	uint8_t out[OUT_MAX];
};

static const char *const ICONV_NAMES[CHARSETS] = {
    [CHARSET_GB18030] = "GB18030",
    [CHARSET_BIG5] = "BIG5",
    [CHARSET_SHIFT_JIS] = "CP932",
    [CHARSET_EUC_JP] = "EUC-JP",
    [CHARSET_EUC_KR] = "CP949",
    [CHARSET_WINDOWS_1252] = "CP1252",
    [CHARSET_ISO_8859_2] = "ISO-8859-2",
    [CHARSET_ISO_8859_5] = "ISO-8859-5",
    [CHARSET_WINDOWS_1251] = "CP1251",
    [CHARSET_KOI8_R] = "KOI8-R",
    [CHARSET_WINDOWS_1250] = "CP1250",
    [CHARSET_WINDOWS_1253] = "CP1253",
    [CHARSET_WINDOWS_1254] = "CP1254",
    [CHARSET_WINDOWS_1255] = "CP1255",
    [CHARSET_WINDOWS_1256] = "CP1256",
    [CHARSET_WINDOWS_1257] = "CP1257",
    [CHARSET_WINDOWS_1258] = "CP1258",
    [CHARSET_WINDOWS_874] = "CP874",
    [CHARSET_ISO_8859_3] = "ISO-8859-3",
    [CHARSET_ISO_8859_4] = "ISO-8859-4",
    [CHARSET_ISO_8859_6] = "ISO-8859-6",
    [CHARSET_ISO_8859_7] = "ISO-8859-7",
    [CHARSET_ISO_8859_10] = "ISO-8859-10",
    [CHARSET_ISO_8859_13] = "ISO-8859-13",
    [CHARSET_ISO_8859_14] = "ISO-8859-14",
    [CHARSET_ISO_8859_16] = "ISO-8859-16",
    [CHARSET_KOI8_U] = "KOI8-U",
    [CHARSET_IBM437] = "IBM437",
    [CHARSET_IBM850] = "IBM850",
    [CHARSET_IBM852] = "IBM852",
    [CHARSET_IBM866] = "IBM866",
    [CHARSET_MACINTOSH] = "MACINTOSH",
    [CHARSET_ISO_2022_JP] = "ISO-2022-JP",
    [CHARSET_ISO_2022_KR] = "ISO-2022-KR",
    [CHARSET_UTF_7] = "UTF-7",
};
#define STATEFUL CHARSET_ISO_2022_JP /* this one and those behind it */

#define NO_ICONV ((iconv_t)(intptr_t)-1)

int
text_new(struct text **out, struct diag *why)
{
	struct text *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	t->map.max = RUNS_MAX;
	for (size_t i = 0; i < CHARSETS; i++)
		t->converters[i] = NO_ICONV;
	for (size_t i = 0; i < CHARSETS; i++) {
		if (ICONV_NAMES[i] == NULL)
			continue;
		t->converters[i] = iconv_open("UTF-8", ICONV_NAMES[i]);
		/* Those that are not guessed are missed only if told. */
		if (t->converters[i] == NO_ICONV && i <= CHARSET_KOI8_R) {
			int r = diag_set(why, -errno,
			    "iconv has no converter from %s", ICONV_NAMES[i]);

			text_free(t);
			return r;
		}
	}
	*out = t;
	return 0;
}

void
text_free(struct text *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < CHARSETS; i++)
		if (t->converters[i] != NO_ICONV)
			(void)iconv_close(t->converters[i]);
	map_free(&t->map);
	explicit_bzero(t->out, sizeof t->out);
	free(t);
}

/* ---- what it is ---------------------------------------------------------- */

static size_t
ascii_len(const uint8_t *p, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t v;

		memcpy(&v, p + i, sizeof v);
		if ((v & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	while (i < len && p[i] < 0x80)
		i++;
	return i;
}

/* UTF-8 with at most one bad sequence in fifty, and a cut one at the end. */
static bool
mostly_utf8(const uint8_t *p, size_t len)
{
	size_t good = 0, bad = 0;

	for (size_t i = ascii_len(p, len); i < len;) {
		size_t n = p[i] < 0xe0 ? 2 : p[i] < 0xf0 ? 3 : 4;

		if (p[i] < 0x80) {
			i += ascii_len(p + i, len - i);
		} else if (len - i < n && p[i] >= 0xc2) {
			break;
		} else if (p[i] >= 0xc2 && str_utf8(p + i, n)) {
			good++;
			i += n;
		} else {
			bad++;
			i++;
		}
	}
	return bad * 50 <= good;
}

static bool
plausible_unit(uint32_t u)
{
	return u == '\n' || u == '\r' || u == '\t' || u == '\f' ||
	       (u >= 0x20 && u < 0x7f) || (u >= 0xa0 && u < 0x600) ||
	       (u >= 0x2010 && u < 0x2040) || (u >= 0x3000 && u < 0xa000) ||
	       (u >= 0xac00 && u < 0xe000) || (u >= 0xff00 && u < 0xfff0);
}

/*
 * Pairs of ASCII are CJK as UTF-16, so that a NUL somewhere would make a page
 * of Chinese of a number. Of true Chinese a quarter of the units are such.
 */
static bool
pairs_of_ascii(const uint8_t *p, size_t len)
{
	size_t n = 0, all = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		all += p[i] != 0 || p[i + 1] != 0;
		n += p[i] >= ' ' && p[i] < 0x7f && p[i + 1] >= ' ' &&
		     p[i + 1] < 0x7f;
	}
	return n * 3 > all * 2;
}

/*
 * UTF-16 without a mark: its ASCII (a line end, a space, a digit) puts NULs on
 * one parity, few letters of other scripts do on the other, and nearly every
 * unit is a character of some text.
 */
static enum charset
unmarked_utf16(const uint8_t *p, size_t len)
{
	size_t nul[2] = {0}, ok = 0, units = len / 2;
	unsigned high;

	if (units < 4)
		return CHARSET_ASCII;
	for (size_t i = 0; i < units * 2; i++)
		nul[i & 1] += p[i] == 0;
	high = nul[1] > nul[0];
	if (nul[high] == 0 || nul[!high] * 4 > nul[high] ||
	    pairs_of_ascii(p, len))
		return CHARSET_ASCII;
	for (size_t i = 0; i < units; i++)
		ok += plausible_unit(
		    (uint32_t)p[2 * i + high] << 8 | p[2 * i + !high]);
	if (ok * 20 < units * 19)
		return CHARSET_ASCII;
	return high ? CHARSET_UTF16LE : CHARSET_UTF16BE;
}

struct mark {
	const char *bytes;
	size_t len;
	enum charset charset;
};

/* UTF-32LE's mark begins with UTF-16LE's. */
static const struct mark MARKS[] = {
    {"\xff\xfe\0\0", 4, CHARSET_UTF32LE},
    {"\0\0\xfe\xff", 4, CHARSET_UTF32BE},
    {"\xff\xfe", 2, CHARSET_UTF16LE},
    {"\xfe\xff", 2, CHARSET_UTF16BE},
    {"\xef\xbb\xbf", 3, CHARSET_UTF8},
};

static bool
binary(const uint8_t *p, size_t len)
{
	size_t odd = 0;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == 0)
			return true;
		odd += p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' &&
		       p[i] != '\t' && p[i] != '\f' && p[i] != 0x1b;
	}
	return odd * 20 > len;
}

/*
 * Two bytes in front of a text do not hide it: what a mark calls UTF-16 and is
 * text of bytes through and through, without one NUL, is just that. Text in
 * UTF-16 has blanks or ends of lines, or bytes that no UTF-8 has.
 */
static bool
belied(const struct mark *m, const uint8_t *p, size_t len)
{
	const uint8_t *q = p + m->len;

	if ((m->charset != CHARSET_UTF16LE && m->charset != CHARSET_UTF16BE) ||
	    len < m->len + 8)
		return false;
	len -= m->len;
	return pairs_of_ascii(q, len) ||
	       (!binary(q, len) && mostly_utf8(q, len));
}

void
text_start_raw(struct text *t, uint64_t offset)
{
	map_start(&t->map, offset);
	t->mark = t->window = 0;
	t->charset = CHARSET_RAW;
	t->told = CHARSET_ASCII;
}

static void
reset(struct text *t)
{
	if (t->converters[t->charset] != NO_ICONV)
		(void)iconv(t->converters[t->charset], NULL, NULL, NULL, NULL);
}

static bool
wide(enum charset c)
{
	return c >= CHARSET_UTF16LE && c <= CHARSET_UTF32BE;
}

enum { NO_RUN = 0, CUT_RUN = -1 };

/*
 * A run of Japanese in seven bits (RFC 1468): pairs between an escape to them
 * and one back, on one line. Returns its length, NO_RUN, or CUT_RUN if its end
 * is not there. What is only digits is rather a number behind two bytes that
 * hide it. *kana: it has some, as every Japanese text has.
 */
static int
japanese(const uint8_t *p, size_t len, bool last, bool *kana)
{
	size_t i = 3;
	bool digits = true;

	*kana = false;
	if (len < 3)
		return last || p[0] != 0x1b || (len > 1 && p[1] != '$')
			   ? NO_RUN
			   : CUT_RUN;
	if (memcmp(p, "\x1b$B", 3) != 0 && memcmp(p, "\x1b$@", 3) != 0)
		return NO_RUN;
	for (; i < len && i < RUN_MAX && p[i] != 0x1b; i++) {
		if (p[i] < 0x21 || p[i] > 0x7e)
			return NO_RUN;
		*kana |= i % 2 == 1 && (p[i] == '$' || p[i] == '%');
		digits &= p[i] >= '0' && p[i] <= '9';
	}
	if (i == RUN_MAX)
		return *kana ? RUN_MAX : NO_RUN;
	if (i == len)
		return last ? NO_RUN : CUT_RUN;
	return i == 3 || i % 2 == 0 || digits ? NO_RUN : (int)i;
}

/*
 * What the container says. ASCII said to be UTF-16 would be a page of Chinese,
 * and eight bits said to be seven nothing at all: such a word counts only if
 * the bytes bear it out.
 */
static enum charset
believed(enum charset told, const uint8_t *p, size_t len)
{
	bool seven = ascii_len(p, len) == len;

	if (wide(told))
		return (memchr(p, 0, len) == NULL && mostly_utf8(p, len)) ||
			       pairs_of_ascii(p, len)
			   ? CHARSET_ASCII
			   : told;
	return seven && told >= STATEFUL ? told : CHARSET_ASCII;
}

bool
text_start(struct text *t, const uint8_t *first, size_t len, enum charset told)
{
	text_start_raw(t, 0);
	/* Whoever says Latin mostly has not asked. */
	t->told = wide(told) || told >= STATEFUL || told == CHARSET_WINDOWS_1252
		      ? CHARSET_ASCII
		      : told;
	for (size_t i = 0; i < ARRAY_LEN(MARKS); i++) {
		const struct mark *m = &MARKS[i];

		if (len < m->len || memcmp(first, m->bytes, m->len) != 0 ||
		    belied(m, first, len))
			continue;
		t->charset = m->charset;
		t->mark = m->len;
		return true;
	}
	t->charset = unmarked_utf16(first, len);
	if (t->charset == CHARSET_ASCII)
		t->charset = believed(told, first, len);
	if (t->converters[t->charset] == NO_ICONV &&
	    t->charset > CHARSET_UTF32BE)
		t->charset = CHARSET_ASCII;
	reset(t);
	if (t->charset == CHARSET_ASCII && binary(first, len)) {
		t->charset = CHARSET_RAW;
		return false;
	}
	return true;
}

uint64_t
text_raw(const struct text *t, uint64_t offset)
{
	return map_raw(&t->map, offset);
}

uint64_t
text_raw_end(const struct text *t, uint64_t offset)
{
	return map_raw_end(&t->map, offset);
}

enum charset
text_charset(const struct text *t)
{
	return t->charset;
}

/* ---- conversion ---------------------------------------------------------- */

static size_t
put_utf8(uint8_t *out, uint32_t u)
{
	if (u < 0x80) {
		out[0] = (uint8_t)u;
		return 1;
	}
	if (u < 0x800) {
		out[0] = (uint8_t)(0xc0 | u >> 6);
		out[1] = (uint8_t)(0x80 | (u & 63));
		return 2;
	}
	if (u < 0x10000) {
		out[0] = (uint8_t)(0xe0 | u >> 12);
		out[1] = (uint8_t)(0x80 | (u >> 6 & 63));
		out[2] = (uint8_t)(0x80 | (u & 63));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | u >> 18);
	out[1] = (uint8_t)(0x80 | (u >> 12 & 63));
	out[2] = (uint8_t)(0x80 | (u >> 6 & 63));
	out[3] = (uint8_t)(0x80 | (u & 63));
	return 4;
}

#define REPLACEMENT 0xfffdu

/* One character; *n bytes of @p are its. 0 bytes: it is cut off. */
static uint32_t
unit16(const uint8_t *p, size_t len, bool big, size_t *n)
{
	uint32_t u, v;

	*n = 0;
	if (len < 2)
		return 0;
	u = big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
	if (u < 0xd800 || u > 0xdfff) {
		*n = 2;
		return u;
	}
	if (u < 0xdc00 && len < 4)
		return 0;
	*n = 2;
	if (u >= 0xdc00)
		return REPLACEMENT;
	v = big ? (uint32_t)p[2] << 8 | p[3] : (uint32_t)p[3] << 8 | p[2];
	if (v < 0xdc00 || v > 0xdfff)
		return REPLACEMENT;
	*n = 4;
	return 0x10000 + ((u - 0xd800) << 10) + (v - 0xdc00);
}

static uint32_t
unit32(const uint8_t *p, size_t len, bool big, size_t *n)
{
	uint32_t u;

	*n = 0;
	if (len < 4)
		return 0;
	*n = 4;
	u = big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		      (uint32_t)p[2] << 8 | p[3]
		: (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
		      (uint32_t)p[1] << 8 | p[0];
	if (u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff))
		return REPLACEMENT;
	return u;
}

/* The end of a member in the middle of a character. */
static size_t
cut_off(struct text *t, size_t len, size_t used, size_t *out_len)
{
	for (; used < len && *out_len + CHAR_MAX_OUT <= OUT_MAX; used++) {
		*out_len += put_utf8(t->out + *out_len, REPLACEMENT);
		map_add(&t->map, 3, 1, 1);
	}
	return used;
}

/*
 * The next stretch of UTF-16: text of bytes behind some that is not is read as
 * that. Returns false if the stretch is not there yet.
 */
static bool
next_window(struct text *t, const uint8_t *p, size_t len, bool last)
{
	size_t n = len < WINDOW ? len : WINDOW;

	if (n < WINDOW && !last)
		return false;
	t->window = n;
	t->plain = n >= EVIDENCE && pairs_of_ascii(p, n);
	return true;
}

static size_t
feed_unicode(
    struct text *t, const uint8_t *p, size_t len, bool last, size_t *out_len)
{
	bool four =
	    t->charset == CHARSET_UTF32LE || t->charset == CHARSET_UTF32BE;
	bool big =
	    t->charset == CHARSET_UTF16BE || t->charset == CHARSET_UTF32BE;
	size_t used = 0;

	while (used < len && *out_len + CHAR_MAX_OUT <= OUT_MAX) {
		size_t n = 1, m;
		uint32_t u;

		if (!four && t->window == 0 &&
		    !next_window(t, p + used, len - used, last))
			return used;
		if (!four && t->plain)
			u = p[used] < 0x80 ? p[used] : REPLACEMENT;
		else
			u = four ? unit32(p + used, len - used, big, &n)
				 : unit16(p + used, len - used, big, &n);
		if (n == 0)
			return last ? cut_off(t, len, used, out_len) : used;
		m = put_utf8(t->out + *out_len, u);
		map_add(&t->map, (uint8_t)m, (uint8_t)n, 1);
		*out_len += m;
		used += n;
		t->window -= n < t->window ? n : t->window;
	}
	return used;
}

/* How many bytes the character at @p has. */
static size_t
char_len(enum charset c, const uint8_t *p, size_t left)
{
	uint8_t b = p[0];

	if (b < 0x80)
		return 1;
	if (c == CHARSET_GB18030) {
		if (b == 0x80 || b == 0xff)
			return 1;
		return left > 1 && p[1] >= '0' && p[1] <= '9' ? 4 : 2;
	}
	if (c == CHARSET_BIG5 || c == CHARSET_EUC_KR)
		return b == 0x80 || b == 0xff ? 1 : 2;
	if (c == CHARSET_SHIFT_JIS)
		return b == 0x80 || (b >= 0xa0 && b <= 0xdf) || b > 0xfc ? 1
									 : 2;
	if (c == CHARSET_EUC_JP)
		return b == 0x8f ? 3 : b == 0x8e || b >= 0xa1 ? 2 : 1;
	return 1;
}

/*
 * Walks what iconv took and gave, character by character. A character that
 * became two code points is one step of the member and the rest of the text.
 */
static void
map_pairs(struct text *t, const uint8_t *raw, size_t raw_len,
    const uint8_t *text, size_t text_len)
{
	uint64_t text_to = t->map.text_end + text_len;
	uint64_t raw_to = t->map.raw_end + raw_len;
	size_t i = 0, k = 0;

	while (i < raw_len && k < text_len) {
		size_t n = char_len(t->charset, raw + i, raw_len - i);
		size_t m = text[k] < 0x80   ? 1
			   : text[k] < 0xe0 ? 2
			   : text[k] < 0xf0 ? 3
					    : 4;

		map_add(&t->map, (uint8_t)m, (uint8_t)n, 1);
		i += n;
		k += m;
	}
	/* Begin a new run at the true place. */
	map_fix(&t->map, text_to, raw_to);
}

static size_t
feed_iconv(
    struct text *t, const uint8_t *p, size_t len, bool last, size_t *out_len)
{
	iconv_t cd = t->converters[t->charset];
	size_t used = 0;

	while (used < len && *out_len + CHAR_MAX_OUT <= OUT_MAX) {
		char *in = (char *)(uintptr_t)(p + used);
		char *out = (char *)t->out + *out_len;
		size_t in_left = len - used, out_left = OUT_MAX - *out_len;
		size_t r = iconv(cd, &in, &in_left, &out, &out_left);
		int e = errno;
		size_t took = len - used - in_left;
		size_t gave = OUT_MAX - *out_len - out_left;

		map_pairs(t, p + used, took, t->out + *out_len, gave);
		used += took;
		*out_len += gave;
		if (r != (size_t)-1 || e == E2BIG)
			return used;
		if (e == EINVAL)
			return last ? cut_off(t, len, used, out_len) : used;
		/* Not a character: one byte is passed over. */
		if (*out_len + CHAR_MAX_OUT > OUT_MAX)
			return used;
		*out_len += put_utf8(t->out + *out_len, REPLACEMENT);
		map_add(&t->map, 3, 1, 1);
		used++;
		(void)iconv(cd, NULL, NULL, NULL, NULL);
	}
	return used;
}

/* Bytes of the shortest step at @p, which may give nothing; 0 if not whole. */
static size_t
step(iconv_t cd, const uint8_t *p, size_t len, uint8_t *text, size_t *n)
{
	for (size_t want = 1; want <= len && want <= STEP_MAX; want++) {
		char *in = (char *)(uintptr_t)p, *out = (char *)text;
		size_t in_left = want, out_left = CHAR_MAX_OUT;
		size_t r = iconv(cd, &in, &in_left, &out, &out_left);

		*n = CHAR_MAX_OUT - out_left;
		if (r == (size_t)-1 && errno == EILSEQ)
			break;
		if (in_left < want || *n > 0)
			return want - in_left;
	}
	*n = 0;
	return 0;
}

/* NO_RUN for an escape to Japanese that leads to none; 1 for anything else. */
static int
escape(struct text *t, const uint8_t *p, size_t len, bool last)
{
	bool kana;

	if (t->charset != CHARSET_ISO_2022_JP)
		return 1;
	/* Every line begins in ASCII (RFC 1468). */
	if (p[0] == '\n')
		reset(t);
	if (p[0] != 0x1b || (len > 1 && p[1] != '$'))
		return 1;
	return japanese(p, len, last, &kana);
}

/* A step of the shortest kind at a time: only iconv knows where they end. */
static size_t
feed_stateful(
    struct text *t, const uint8_t *p, size_t len, bool last, size_t *out_len)
{
	iconv_t cd = t->converters[t->charset];
	size_t used = 0;

	while (used < len && *out_len + CHAR_MAX_OUT <= OUT_MAX) {
		size_t gave, took;
		int run = escape(t, p + used, len - used, last);

		if (run == CUT_RUN)
			return used;
		if (run == NO_RUN) {
			t->out[(*out_len)++] = p[used++];
			map_add(&t->map, 1, 1, 1);
			continue;
		}
		took = step(cd, p + used, len - used, t->out + *out_len, &gave);

		if (took == 0 && !last && len - used < STEP_MAX)
			return used;
		if (took == 0) {
			took = 1;
			gave = put_utf8(t->out + *out_len, REPLACEMENT);
			reset(t);
		}
		if (gave > 0)
			map_add(&t->map, (uint8_t)gave, (uint8_t)took, 1);
		else
			map_jump(&t->map, t->map.raw_end + took);
		*out_len += gave;
		used += took;
	}
	return used;
}

/* The first bytes beyond ASCII say what the rest of the member is. */
static void
decide(struct text *t, const uint8_t *p, size_t len)
{
	if (mostly_utf8(p, len))
		t->charset = CHARSET_UTF8;
	else if (t->converters[t->told] != NO_ICONV)
		t->charset = t->told;
	else
		t->charset = charset_guess(p, len);
	reset(t);
}

/* How far ASCII goes before Japanese in seven bits begins, or may do. */
static size_t
switches(struct text *t, const uint8_t *p, size_t plain, size_t len, bool last)
{
	const uint8_t *esc = p;

	while ((esc = memchr(esc, 0x1b, (size_t)(p + plain - esc))) != NULL) {
		size_t at = (size_t)(esc - p);
		bool kana;
		int run = japanese(esc, len - at, last, &kana);

		if (run == CUT_RUN)
			return at;
		if (run != NO_RUN && kana) {
			t->charset = CHARSET_ISO_2022_JP;
			reset(t);
			return at;
		}
		esc++;
	}
	return plain;
}

size_t
text_feed(struct text *t, const uint8_t *p, size_t len, bool last,
    struct content *out)
{
	size_t out_len = 0, used, plain;

	*out = (struct content){.data = p};
	if (t->mark > 0) {
		used = t->mark < len ? t->mark : len;
		t->mark -= used;
		map_jump(&t->map, t->map.raw_end + used);
		return used;
	}
	if (t->charset == CHARSET_ASCII) {
		plain = switches(t, p, ascii_len(p, len), len, last);
		if (plain < len && t->charset == CHARSET_ASCII &&
		    p[plain] >= 0x80 && (last || len - plain >= EVIDENCE))
			decide(t, p + plain, len - plain);
		if (plain > 0) {
			map_add(&t->map, 1, 1, plain);
			out->len = plain;
			return plain;
		}
		/* More has to come before anything can be told. */
		if (t->charset == CHARSET_ASCII)
			return 0;
	}
	if (t->charset <= CHARSET_RAW) {
		map_add(&t->map, 1, 1, len);
		out->len = len;
		return len;
	}
	out->data = t->out;
	if (t->charset <= CHARSET_UTF32BE)
		used = feed_unicode(t, p, len, last, &out_len);
	else if (t->charset >= STATEFUL)
		used = feed_stateful(t, p, len, last, &out_len);
	else
		used = feed_iconv(t, p, len, last, &out_len);
	out->len = out_len;
	return used;
}

/* ---- beside the member --------------------------------------------------- */

static size_t
convert_wide(
    enum charset from, const uint8_t *p, size_t len, uint8_t *out, size_t max)
{
	bool four = from == CHARSET_UTF32LE || from == CHARSET_UTF32BE;
	bool big = from == CHARSET_UTF16BE || from == CHARSET_UTF32BE;
	size_t n = 0, step;

	for (; len > 0 && max - n >= CHAR_MAX_OUT; p += step, len -= step) {
		uint32_t u = four ? unit32(p, len, big, &step)
				  : unit16(p, len, big, &step);

		if (step == 0) {
			step = len;
			u = REPLACEMENT;
		}
		n += put_utf8(out + n, u);
	}
	return n;
}

size_t
text_convert(struct text *t, enum charset from, const uint8_t *p, size_t len,
    uint8_t *out, size_t max)
{
	char *in = (char *)(uintptr_t)p, *to = (char *)out;
	size_t left = len, room = max;
	iconv_t cd;

	if (from <= CHARSET_RAW && !str_utf8(p, len))
		from = charset_guess(p, len);
	if (wide(from))
		return convert_wide(from, p, len, out, max);
	cd = t->converters[from];
	if (cd == NO_ICONV) {
		len = len < max ? len : max;
		memcpy(out, p, len);
		return len;
	}
	while (left > 0 && iconv(cd, &in, &left, &to, &room) == (size_t)-1 &&
	       errno != E2BIG && room >= CHAR_MAX_OUT) {
		size_t n = put_utf8((uint8_t *)to, REPLACEMENT);

		to += n;
		room -= n;
		in++;
		left--;
	}
	if (from >= STATEFUL)
		(void)iconv(cd, NULL, NULL, NULL, NULL);
	return max - room;
}
