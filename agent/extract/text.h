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
	CHARSETS,
};

/* charset_guess - for bytes that are not ASCII and not UTF-8. */
enum charset charset_guess(const uint8_t *p, size_t len);

struct text;

/* text_new - opens every converter, which loads its module now. */
int text_new(struct text **out, struct diag *why) MUST_CHECK;
void text_free(struct text *t);
/*
 * text_start - a new member, by its first bytes.
 * Returns true if it is text, false for binary (which passes as it is).
 */
bool text_start(struct text *t, const uint8_t *first, size_t len);
/* text_start_raw - a new member that passes as it is, from @offset on. */
void text_start_raw(struct text *t, uint64_t offset);
/*
 * text_feed - the next bytes. *out is borrowed until the next call.
 * Returns how many bytes were taken; less than @len only if a character is not
 * whole (never when @last) or the output is full: feed the rest again. Never 0
 * when @last or @len >= 16.
 */
size_t text_feed(struct text *t, const uint8_t *p, size_t len, bool last,
    struct content *out);
enum charset text_charset(const struct text *t);
/* text_raw - the offset in the member's bytes of an offset in its text. */
uint64_t text_raw(const struct text *t, uint64_t offset);
/* text_raw_end - where the character before that offset ends. */
uint64_t text_raw_end(const struct text *t, uint64_t offset);

#endif
