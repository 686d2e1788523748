/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runs - the text in bytes of no known form.
 *
 * Owns: what counts as a character there.
 * Never: gives a control character, which would make the whole binary.
 */
#include "agent/extract/runs.h"

#include <stdbool.h>

#include "lib/str.h"

#include "lib/own.h"

#define LEAST 4

static bool
shown(uint8_t b)
{
	return (b >= ' ' && b < 0x7f) || b == '\t' || b == '\n' || b == '\r';
}

/* Bytes of the character at @p, or 0. */
static size_t
one(const uint8_t *p, size_t len)
{
	size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] < 0x80)
		return shown(p[0]);
	return p[0] >= 0xc2 && n <= len && str_utf8(p, n) ? n : 0;
}

static size_t
narrow_run(const uint8_t *p, size_t len, size_t *chars)
{
	size_t at = 0;

	*chars = 0;
	while (at < len) {
		size_t n = one(p + at, len - at);

		if (n == 0)
			break;
		at += n;
		++*chars;
	}
	return at;
}

/* Units whose other half is zero; @odd: where the letter lies. */
static size_t
wide_run(const uint8_t *p, size_t len, size_t odd)
{
	size_t n = 0;

	while (len - 2 * n >= 2 && shown(p[2 * n + odd]) &&
	       p[2 * n + 1 - odd] == 0)
		n++;
	return n;
}

void
runs_put(struct buf *out, const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t chars, n = narrow_run(p + at, len - at, &chars);
		size_t odd = 0, wide;

		if (chars >= LEAST) {
			buf_put(out, p + at, n);
			buf_put_u8(out, '\n');
			at += n;
			continue;
		}
		/* A letter and a zero, or a zero and a letter. */
		if (p[at] == 0)
			odd = 1;
		wide = wide_run(p + at, len - at, odd);
		for (size_t i = 0; wide >= LEAST && i < wide; i++)
			buf_put_u8(out, p[at + 2 * i + odd]);
		if (wide >= LEAST)
			buf_put_u8(out, '\n');
		at += wide >= LEAST ? 2 * wide : n > 1 && wide == 0 ? n - 1 : 1;
	}
}

void
runs_clean(struct buf *out, const uint8_t *p, size_t len)
{
	uint8_t *to = buf_grow(out, len);

	if (to == NULL)
		return;
	for (size_t i = 0; i < len; i++)
		to[i] = p[i] >= 0x80 || shown(p[i]) ? p[i] : ' ';
}
