/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charset - which legacy charset bytes are in, by the shape of their text.
 *
 * Owns: the scores. A multi-byte charset is plausible if its pairs are whole
 * and most of them are the common characters of its language; a single-byte
 * one if its letters stand where letters stand.
 * Never: has the last word: ASCII is the same in all of them, so a wrong guess
 * costs only what is written in the other script.
 */
#include <string.h>

#include "agent/extract/text.h"

#include "lib/own.h"

#define LOOK 32768 /* bytes that are enough to tell */

struct score {
	size_t chars; /* that are not ASCII */
	size_t bad; /* bytes that begin none */
	size_t common; /* of the language's everyday ones */
	size_t kana;
	size_t late; /* in the later half of the common Chinese ones */
};

static bool
in(uint8_t b, uint8_t from, uint8_t to)
{
	return b >= from && b <= to;
}

/* Each judges the pair @p, which begins with a byte over 0x7f. Returns its
 * length, 0 if it is none. */
typedef size_t judge_fn(const uint8_t *p, size_t left, struct score *s);

static size_t
judge_gb18030(const uint8_t *p, size_t left, struct score *s)
{
	if (!in(p[0], 0x81, 0xfe) || left < 2)
		return 0;
	if (in(p[1], '0', '9'))
		return left >= 4 && in(p[2], 0x81, 0xfe) && in(p[3], '0', '9')
			   ? 4
			   : 0;
	if (p[1] < 0x40 || p[1] == 0x7f || p[1] == 0xff)
		return 0;
	/* Level 1 of GB 2312, by pronunciation, and its punctuation. */
	s->common += p[1] >= 0xa1 &&
		     (in(p[0], 0xb0, 0xd7) || p[0] == 0xa1 || p[0] == 0xa3);
	s->late += p[1] >= 0xa1 && in(p[0], 0xc9, 0xd7);
	return 2;
}

static size_t
judge_big5(const uint8_t *p, size_t left, struct score *s)
{
	if (!in(p[0], 0xa1, 0xf9) || left < 2 ||
	    (!in(p[1], 0x40, 0x7e) && !in(p[1], 0xa1, 0xfe)))
		return 0;
	s->common += in(p[0], 0xa4, 0xc6) || p[0] == 0xa1;
	return 2;
}

static size_t
judge_shift_jis(const uint8_t *p, size_t left, struct score *s)
{
	if (in(p[0], 0xa1, 0xdf))
		return 1;
	if ((!in(p[0], 0x81, 0x9f) && !in(p[0], 0xe0, 0xfc)) || left < 2 ||
	    p[1] < 0x40 || p[1] == 0x7f || p[1] > 0xfc)
		return 0;
	s->common += in(p[0], 0x88, 0x97) || p[0] == 0x81;
	if ((p[0] == 0x82 && p[1] >= 0x9f) || (p[0] == 0x83 && p[1] <= 0x96)) {
		s->common++;
		s->kana++;
	}
	return 2;
}

static size_t
judge_euc_jp(const uint8_t *p, size_t left, struct score *s)
{
	if (left < 2 || p[1] < 0xa1)
		return 0;
	if (p[0] == 0x8e)
		return 2;
	if (p[0] == 0x8f)
		return left >= 3 && p[2] >= 0xa1 ? 3 : 0;
	if (p[0] < 0xa1)
		return 0;
	s->common += in(p[0], 0xb0, 0xcf) || p[0] == 0xa1;
	if (in(p[0], 0xa4, 0xa5) && p[1] <= 0xf6) {
		s->common++;
		s->kana++;
	}
	return 2;
}

static size_t
judge_euc_kr(const uint8_t *p, size_t left, struct score *s)
{
	if (!in(p[0], 0x81, 0xfd) || left < 2 || p[1] < 0x41 || p[1] == 0xff)
		return 0;
	/* The common syllables, and punctuation. */
	s->common += p[1] >= 0xa1 && (in(p[0], 0xb0, 0xc8) || p[0] == 0xa1);
	return 2;
}

static struct score
judge(const uint8_t *p, size_t len, judge_fn *one)
{
	struct score s = {0};

	for (size_t i = 0; i < len;) {
		size_t n;

		if (p[i] < 0x80) {
			i++;
			continue;
		}
		n = one(p + i, len - i, &s);
		if (n == 0 && len - i < 4 && len >= LOOK)
			break; /* cut by the look, not by the text */
		s.chars += n > 0;
		s.bad += n == 0;
		i += n > 0 ? n : 1;
	}
	return s;
}

/* Per thousand: how much of it is everyday text; 0 if it is not whole. */
static unsigned
worth(const struct score *s)
{
	if (s->chars == 0 || s->bad * 50 > s->chars)
		return 0;
	return (unsigned)(s->common * 1000 / s->chars);
}

static enum charset
guess_pairs(const uint8_t *p, size_t len)
{
	struct score gb = judge(p, len, judge_gb18030);
	struct score big5 = judge(p, len, judge_big5);
	struct score sjis = judge(p, len, judge_shift_jis);
	struct score jp = judge(p, len, judge_euc_jp);
	struct score kr = judge(p, len, judge_euc_kr);
	/* In the order that wins a tie. */
	struct {
		enum charset charset;
		unsigned worth;
	} list[] = {
	    {CHARSET_GB18030, worth(&gb)},
	    {CHARSET_BIG5, worth(&big5)},
	    {CHARSET_SHIFT_JIS, worth(&sjis)},
	    {CHARSET_EUC_JP, worth(&jp)},
	    {CHARSET_EUC_KR, worth(&kr)},
	};
	size_t best = 0;

	/* Japanese has kana; without them the pairs are of another one. */
	if (sjis.kana * 8 < sjis.chars)
		list[2].worth /= 2;
	if (jp.kana * 8 < jp.chars)
		list[3].worth = 0;
	else if (list[3].worth > 700)
		list[3].worth = 1001; /* kana are no everyday Chinese */
	/* The Korean syllables lie within the Chinese rows, but never use the
	 * later half of them; a few characters prove nothing. */
	if (gb.late * 25 > gb.chars)
		list[4].worth = 0;
	else if (gb.chars >= 8)
		list[0].worth /= 2;
	for (size_t i = 1; i < ARRAY_LEN(list); i++)
		if (list[i].worth > list[best].worth)
			best = i;
	return list[best].worth >= 700 ? list[best].charset : CHARSET_RAW;
}

static bool
letter(uint8_t b)
{
	return in(b | 0x20, 'a', 'z');
}

/* Bytes that are letters in ISO-8859-2 and signs in windows-1252. */
static bool
central(uint8_t b)
{
	return memchr("\xb1\xb3\xb5\xb6\xb9\xbb\xbc\xbe\xbf\xa1\xa3", b, 11) !=
	       NULL;
}

struct letters {
	size_t high; /* bytes over 0x7f */
	size_t single; /* words of one letter, which every script has */
	size_t alone; /* in words of ASCII letters, at most two together */
	size_t central; /* of these, signs in windows-1252 */
	size_t lower[3]; /* in the lower case of the three Cyrillic ones */
};

static struct letters
count_letters(const uint8_t *p, size_t len)
{
	struct letters l = {0};

	for (size_t i = 0; i < len;) {
		size_t n = 0;
		bool beside;

		if (p[i] < 0x80) {
			i++;
			continue;
		}
		while (i + n < len && p[i + n] >= 0x80)
			n++;
		beside = (i > 0 && letter(p[i - 1])) ||
			 (i + n < len && letter(p[i + n]));
		l.high += n;
		l.single += n == 1 && !beside;
		l.alone += n <= 2 && beside ? n : 0;
		for (size_t k = i; k < i + n; k++) {
			l.central += n <= 2 && beside && central(p[k]);
			l.lower[0] += p[k] >= 0xe0;
			l.lower[1] += in(p[k], 0xc0, 0xdf);
			l.lower[2] += in(p[k], 0xd0, 0xef);
		}
		i += n;
	}
	return l;
}

static enum charset
guess_single(const uint8_t *p, size_t len)
{
	static const enum charset CYRILLIC[] = {
	    CHARSET_WINDOWS_1251, CHARSET_KOI8_R, CHARSET_ISO_8859_5};
	struct letters l = count_letters(p, len);
	size_t best = 0;

	if (l.alone * 10 >= (l.high - l.single) * 6)
		return l.central * 4 > l.high ? CHARSET_ISO_8859_2
					      : CHARSET_WINDOWS_1252;
	for (size_t i = 1; i < ARRAY_LEN(CYRILLIC); i++)
		if (l.lower[i] > l.lower[best])
			best = i;
	return l.lower[best] * 10 >= l.high * 8 ? CYRILLIC[best] : CHARSET_RAW;
}

enum charset
charset_guess(const uint8_t *p, size_t len)
{
	enum charset c;

	if (len > LOOK)
		len = LOOK;
	c = guess_pairs(p, len);
	return c != CHARSET_RAW ? c : guess_single(p, len);
}

/* ---- by name ------------------------------------------------------------- */

/* Names in lower case without what is no letter or digit, and code pages. */
static const struct {
	const char *name;
	unsigned page;
	enum charset charset;
} KNOWN[] = {
    {"utf8", 65001, CHARSET_UTF8},
    {"utf16", 0, CHARSET_UTF16BE}, /* without a mark (RFC 2781, 4.3) */
    {"utf16le", 1200, CHARSET_UTF16LE},
    {"utf16be", 1201, CHARSET_UTF16BE},
    {"utf32", 0, CHARSET_UTF32BE},
    {"utf32le", 12000, CHARSET_UTF32LE},
    {"utf32be", 12001, CHARSET_UTF32BE},
    {"utf7", 65000, CHARSET_UTF_7},
    {"gb18030", 54936, CHARSET_GB18030},
    {"gbk", 936, CHARSET_GB18030},
    {"cp936", 0, CHARSET_GB18030},
    {"gb2312", 20936, CHARSET_GB18030},
    {"gb231280", 0, CHARSET_GB18030},
    {"euccn", 51936, CHARSET_GB18030},
    {"big5", 950, CHARSET_BIG5},
    {"big5hkscs", 0, CHARSET_BIG5},
    {"cp950", 0, CHARSET_BIG5},
    {"shiftjis", 932, CHARSET_SHIFT_JIS},
    {"sjis", 0, CHARSET_SHIFT_JIS},
    {"xsjis", 0, CHARSET_SHIFT_JIS},
    {"windows31j", 0, CHARSET_SHIFT_JIS},
    {"cp932", 0, CHARSET_SHIFT_JIS},
    {"eucjp", 51932, CHARSET_EUC_JP},
    {"xeucjp", 0, CHARSET_EUC_JP},
    {"iso2022jp", 50220, CHARSET_ISO_2022_JP},
    {"euckr", 949, CHARSET_EUC_KR},
    {"ksc56011987", 51949, CHARSET_EUC_KR},
    {"ksc5601", 0, CHARSET_EUC_KR},
    {"cp949", 0, CHARSET_EUC_KR},
    {"uhc", 0, CHARSET_EUC_KR},
    {"iso2022kr", 50225, CHARSET_ISO_2022_KR},
    {"iso88591", 28591, CHARSET_WINDOWS_1252},
    {"latin1", 0, CHARSET_WINDOWS_1252},
    {"windows1252", 1252, CHARSET_WINDOWS_1252},
    {"cp1252", 0, CHARSET_WINDOWS_1252},
    {"iso885915", 28605, CHARSET_WINDOWS_1252},
    {"iso88592", 28592, CHARSET_ISO_8859_2},
    {"iso88593", 28593, CHARSET_ISO_8859_3},
    {"iso88594", 28594, CHARSET_ISO_8859_4},
    {"iso88595", 28595, CHARSET_ISO_8859_5},
    {"iso88596", 28596, CHARSET_ISO_8859_6},
    {"iso88597", 28597, CHARSET_ISO_8859_7},
    {"iso88598", 28598, CHARSET_WINDOWS_1255},
    {"iso88598i", 38598, CHARSET_WINDOWS_1255},
    {"iso88599", 28599, CHARSET_WINDOWS_1254},
    {"iso885910", 28600, CHARSET_ISO_8859_10},
    {"iso885911", 0, CHARSET_WINDOWS_874},
    {"tis620", 0, CHARSET_WINDOWS_874},
    {"windows874", 874, CHARSET_WINDOWS_874},
    {"iso885913", 28603, CHARSET_ISO_8859_13},
    {"iso885914", 28604, CHARSET_ISO_8859_14},
    {"iso885916", 28606, CHARSET_ISO_8859_16},
    {"windows1250", 1250, CHARSET_WINDOWS_1250},
    {"cp1250", 0, CHARSET_WINDOWS_1250},
    {"windows1251", 1251, CHARSET_WINDOWS_1251},
    {"cp1251", 0, CHARSET_WINDOWS_1251},
    {"windows1253", 1253, CHARSET_WINDOWS_1253},
    {"windows1254", 1254, CHARSET_WINDOWS_1254},
    {"windows1255", 1255, CHARSET_WINDOWS_1255},
    {"windows1256", 1256, CHARSET_WINDOWS_1256},
    {"windows1257", 1257, CHARSET_WINDOWS_1257},
    {"windows1258", 1258, CHARSET_WINDOWS_1258},
    {"koi8r", 20866, CHARSET_KOI8_R},
    {"koi8u", 21866, CHARSET_KOI8_U},
    {"ibm437", 437, CHARSET_IBM437},
    {"cp437", 0, CHARSET_IBM437},
    {"ibm850", 850, CHARSET_IBM850},
    {"cp850", 0, CHARSET_IBM850},
    {"ibm852", 852, CHARSET_IBM852},
    {"ibm866", 866, CHARSET_IBM866},
    {"cp866", 0, CHARSET_IBM866},
    {"macintosh", 10000, CHARSET_MACINTOSH},
};

enum charset
charset_named(const char *name, size_t len)
{
	char plain[16];
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t b = (uint8_t)name[i];

		if (!letter(b) && !in(b, '0', '9'))
			continue;
		if (n == sizeof plain - 1)
			return CHARSET_ASCII;
		plain[n++] = (char)(letter(b) ? b | 0x20 : b);
	}
	plain[n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++)
		if (strcmp(KNOWN[i].name, plain) == 0)
			return KNOWN[i].charset;
	return CHARSET_ASCII;
}

enum charset
charset_codepage(unsigned number)
{
	for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++)
		if (number != 0 && KNOWN[i].page == number)
			return KNOWN[i].charset;
	return CHARSET_ASCII;
}
