/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str - bounded text: copies, numbers, and the encodings of bytes as text.
 *
 * Owns: nothing; every function writes into the caller's storage.
 * Never: truncates silently, except str_escape, which says so with "...".
 */
#include "lib/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/own.h"

int
str_copy_len(char *out, size_t size, const void *s, size_t len)
{
	must(size > 0);
	if (len >= size) {
		out[0] = '\0';
		return -ENAMETOOLONG;
	}
	if (len > 0)
		memcpy(out, s, len);
	out[len] = '\0';
	return 0;
}

int
str_copy(char *out, size_t size, const char *s)
{
	return str_copy_len(out, size, s, strlen(s));
}

int
str_format(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	must(size > 0);
	va_start(ap, fmt);
	n = vsnprintf(out, size, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < size)
		return 0;
	out[0] = '\0';
	return -ENAMETOOLONG;
}

bool
str_eq(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	/* Most texts differ in their first byte; a call costs more. */
	return a[0] == b[0] && strcmp(a, b) == 0;
}

bool
str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
str_listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; n > 0 && (p = strstr(p, word)) != NULL;
	     p += n)
		if ((p == list || p[-1] == ',') &&
		    (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

int
str_u64(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (*s == '\0')
		return -EINVAL;
	for (; *s != '\0'; s++) {
		uint64_t d;

		if (*s < '0' || *s > '9')
			return -EINVAL;
		d = (uint64_t)(*s - '0');
		if (v > (UINT64_MAX - d) / 10)
			return -ERANGE;
		v = v * 10 + d;
	}
	if (v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

/* Bytes of the well-formed sequence at @p, or 0 (RFC 3629 section 4). */
static size_t
utf8_len(const uint8_t *p, size_t left)
{
	size_t need;
	uint8_t lo = 0x80, hi = 0xbf;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2)
		return 0;
	if (p[0] < 0xe0) {
		need = 2;
	} else if (p[0] < 0xf0) {
		need = 3;
		if (p[0] == 0xe0)
			lo = 0xa0;
		if (p[0] == 0xed)
			hi = 0x9f;
	} else if (p[0] < 0xf5) {
		need = 4;
		if (p[0] == 0xf0)
			lo = 0x90;
		if (p[0] == 0xf4)
			hi = 0x8f;
	} else {
		return 0;
	}
	if (left < need || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < need; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return need;
}

bool
str_id(const char *s, size_t max)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_.-");

	return n > 0 && s[n] == '\0' && n <= max && s[0] != '.' &&
	       s[n - 1] != '.';
}

bool
str_utf8(const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t n = utf8_len(p, len);

		if (n == 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

void
str_escape(char *out, size_t size, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t at = 0;

	must(size >= 8);
	while (len > 0) {
		size_t n = utf8_len(p, len);
		/* C1 controls are well-formed UTF-8 but move terminals. */
		bool plain = n > 0 && p[0] >= 0x20 && p[0] != 0x7f &&
			     !(p[0] == 0xc2 && p[1] < 0xa0);

		if (at + 4 + 4 > size) {
			memcpy(out + at, "...", 4);
			return;
		}
		if (!plain) {
			(void)snprintf(out + at, 5, "\\x%02x", p[0]);
			at += 4;
			n = 1;
		} else if (p[0] == '\\') {
			out[at++] = '\\';
			out[at++] = '\\';
		} else {
			memcpy(out + at, p, n);
			at += n;
		}
		p += n;
		len -= n;
	}
	out[at] = '\0';
}

static const char HEX[] = "0123456789abcdef";

void
str_hex(char *out, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = HEX[p[i] >> 4];
		out[2 * i + 1] = HEX[p[i] & 15];
	}
	out[2 * len] = '\0';
}

static int
unhex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
str_unhex(void *out, size_t len, const char *hex)
{
	uint8_t *p = out;

	if (strnlen(hex, 2 * len + 1) != 2 * len)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++) {
		int hi = unhex_digit(hex[2 * i]);
		int lo = unhex_digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EBADMSG;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

static const char B64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char B64URL[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
base64_put(
    struct buf *out, const uint8_t *p, size_t len, const char *abc, bool pad)
{
	while (len > 0) {
		size_t n = len < 3 ? len : 3;
		uint32_t v = (uint32_t)p[0] << 16;

		if (n > 1)
			v |= (uint32_t)p[1] << 8;
		if (n > 2)
			v |= p[2];
		for (size_t i = 0; i < 4; i++) {
			if (i <= n)
				buf_put_u8(
				    out, (uint8_t)abc[v >> (18 - 6 * i) & 63]);
			else if (pad)
				buf_put_u8(out, '=');
		}
		p += n;
		len -= n;
	}
}

void
str_base64(struct buf *out, const void *data, size_t len)
{
	base64_put(out, data, len, B64, true);
}

void
str_base64url(struct buf *out, const void *data, size_t len)
{
	base64_put(out, data, len, B64URL, false);
}

static int
base64_get(struct buf *out, const char *text, size_t len, const char *abc)
{
	uint32_t v = 0;
	unsigned bits = 0;

	if (len % 4 == 1)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++) {
		const char *at = memchr(abc, text[i], 64);

		if (at == NULL)
			return -EBADMSG;
		v = v << 6 | (uint32_t)(at - abc);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_put_u8(out, (uint8_t)(v >> bits));
			v &= (1u << bits) - 1;
		}
	}
	/* One encoding for one value: the unused bits are zero. */
	return v != 0 ? -EBADMSG : buf_error(out);
}

int
str_unbase64(struct buf *out, const char *text, size_t len)
{
	if (len % 4 != 0)
		return -EBADMSG;
	for (int pad = 0; pad < 2 && len > 0 && text[len - 1] == '='; pad++)
		len--;
	return base64_get(out, text, len, B64);
}

int
str_unbase64url(struct buf *out, const char *text, size_t len)
{
	return base64_get(out, text, len, B64URL);
}

unsigned
str_distance(const char *a, const char *b)
{
	size_t n = strnlen(a, 31), m = strnlen(b, 31);
	unsigned row[32];

	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned above = row[j];
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[m];
}
