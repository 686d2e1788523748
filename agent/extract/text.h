/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - any charset to UTF-8, and offsets back (inside the room only).
 */
#ifndef AGENT_EXTRACT_TEXT_H
#define AGENT_EXTRACT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/content.h"
#include "lib/diag.h"
#include "lib/own.h"

enum charset {
	CHARSET_ASCII, /* so far; decided at the first other byte */
	CHARSET_UTF8,
	CHARSET_RAW, /* none fits: the bytes as they are */
	CHARSET_UTF16LE,
	CHARSET_UTF16BE,
	CHARSET_UTF32LE,
	CHARSET_UTF32BE,
	CHARSET_GB18030,
	CHARSET_BIG5,
	CHARSET_SHIFT_JIS,
	CHARSET_EUC_JP,
	CHARSET_EUC_KR,
	CHARSET_WINDOWS_1252, /* and ISO-8859-1, -15 */
	CHARSET_ISO_8859_2,
	CHARSET_ISO_8859_5,
	CHARSET_WINDOWS_1251,
	CHARSET_KOI8_R,
	/* Never guessed; a container says them. */
	CHARSET_WINDOWS_1250,
	CHARSET_WINDOWS_1253,
	CHARSET_WINDOWS_1254, /* and ISO-8859-9 */
	CHARSET_WINDOWS_1255, /* and ISO-8859-8 */
	CHARSET_WINDOWS_1256,
	CHARSET_WINDOWS_1257,
	CHARSET_WINDOWS_1258,
	CHARSET_WINDOWS_874,
	CHARSET_ISO_8859_3,
	CHARSET_ISO_8859_4,
	CHARSET_ISO_8859_6,
	CHARSET_ISO_8859_7,
	CHARSET_ISO_8859_10,
	CHARSET_ISO_8859_13,
	CHARSET_ISO_8859_14,
	CHARSET_ISO_8859_16,
	CHARSET_KOI8_U,
	CHARSET_IBM437,
	CHARSET_IBM850,
	CHARSET_IBM852,
	CHARSET_IBM866,
	CHARSET_MACINTOSH,
	/* From here on: seven bits, and what a byte means depends on those
	 * before it. */
	CHARSET_ISO_2022_JP,
	CHARSET_ISO_2022_KR,
	CHARSET_UTF_7,
	CHARSETS,
};

/* charset_guess - for bytes that are not ASCII and not UTF-8. */
enum charset charset_guess(const uint8_t *p, size_t len);
/*
 * charset_named - by the name that mail calls it (RFC 2978, and what is
 * written in its stead). CHARSET_ASCII if it is that or not known.
 */
enum charset charset_named(const char *name, size_t len);
/* charset_codepage - by its number at Microsoft; CHARSET_ASCII as above. */
enum charset charset_codepage(unsigned number);

struct text;

/* text_new - opens every converter, which loads its module now. */
int text_new(struct text **out, struct diag *why) MUST_CHECK;
void text_free(struct text *t);
/*
 * text_start - a new member, by its first bytes.
 * @told: what the container says it is in, CHARSET_ASCII if it says nothing;
 * believed where the bytes do not say otherwise.
 * Returns true if it is text, false for binary (which passes as it is).
 */
bool text_start(
    struct text *t, const uint8_t *first, size_t len, enum charset told);
/* text_start_raw - a new member that passes as it is, from @offset on. */
void text_start_raw(struct text *t, uint64_t offset);
/*
 * text_feed - the next bytes. *out is borrowed until the next call.
 * Returns how many bytes were taken; less than @len only if a character is not
 * whole (never when @last), more is needed to tell what it is, or the output is
 * full: feed the rest again. Never 0 when @last or @len >= 2048.
 */
size_t text_feed(struct text *t, const uint8_t *p, size_t len, bool last,
    struct content *out);
/*
 * text_convert - a short text that is whole, beside the member, to UTF-8.
 * @out: @max bytes; what finds no room is left out.
 * Returns the bytes written; what is no character becomes U+FFFD.
 */
size_t text_convert(struct text *t, enum charset from, const uint8_t *p,
    size_t len, uint8_t *out, size_t max);
enum charset text_charset(const struct text *t);
/* text_raw - the offset in the member's bytes of an offset in its text. */
uint64_t text_raw(const struct text *t, uint64_t offset);
/* text_raw_end - where the character before that offset ends. */
uint64_t text_raw_end(const struct text *t, uint64_t offset);

#endif
