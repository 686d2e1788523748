/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer - how mail carries bytes in lines of text: base64,
 * quoted-printable, uuencode.
 *
 * Owns: the decoders, a line at a time and without a memory of their own.
 * Never: refuses; what is no code is told, or stays as it is.
 */
#include <string.h>

#include "agent/extract/mail.h"

#include "lib/own.h"

static bool
blank(uint8_t b)
{
	return b == ' ' || b == '\t' || b == '\r';
}

/* ---- base64 -------------------------------------------------------------- */

/* The value of a character, or 64. */
static unsigned
value(uint8_t b)
{
	if (b >= 'A' && b <= 'Z')
		return b - 'A';
	if (b >= 'a' && b <= 'z')
		return b - 'a' + 26u;
	if (b >= '0' && b <= '9')
		return b - '0' + 52u;
	return b == '+' ? 62 : b == '/' ? 63 : 64;
}

size_t
transfer_base64_end(struct base64 *b, uint8_t *out)
{
	size_t n = b->n > 1 ? b->n - 1 : 0;
	uint32_t bits = b->bits << (b->n < 4 ? 6 * (4 - b->n) : 0);

	/* One character alone holds no byte. */
	b->bad |= b->n == 1;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(bits >> (16 - 8 * i));
	b->bits = b->n = 0;
	return n;
}

size_t
transfer_base64(struct base64 *b, const uint8_t *p, size_t len, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned v = value(p[i]);

		if (v == 64) {
			/* Behind the padding another text may begin. */
			if (p[i] == '=' && b->n > 0)
				n += transfer_base64_end(b, out + n);
			b->bad |= p[i] != '=' && !blank(p[i]);
			continue;
		}
		b->bits = b->bits << 6 | v;
		if (++b->n < 4)
			continue;
		n += transfer_base64_end(b, out + n);
	}
	return n;
}

bool
transfer_base64_likely(const uint8_t *p, size_t len)
{
	size_t digits = 0;

	while (len > 0 && blank(p[len - 1]))
		len--;
	while (len > 0 && blank(p[0])) {
		p++;
		len--;
	}
	for (size_t i = 0; i < len; i++) {
		if (value(p[i]) == 64 && p[i] != '=')
			return false;
		digits += p[i] >= '0' && p[i] <= '9';
	}
	/* One line of nine in twenty million is digits alone by chance. */
	return digits < len || len < 9;
}

/* ---- quoted-printable ---------------------------------------------------- */

static int
hex(uint8_t b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

size_t
transfer_quoted(const uint8_t *p, size_t len, uint8_t *out, bool *soft)
{
	size_t n = 0, i = 0, end = len;

	while (end > 0 && blank(p[end - 1]))
		end--;
	*soft = end > 0 && p[end - 1] == '=';
	if (*soft)
		len = end - 1;
	while (i < len) {
		int high = p[i] == '=' && len - i > 2 ? hex(p[i + 1]) : -1;
		int low = high >= 0 ? hex(p[i + 2]) : -1;

		out[n++] = (uint8_t)(low >= 0 ? high << 4 | low : p[i]);
		i += low >= 0 ? 3 : 1;
	}
	return n;
}

/* ---- uuencode ------------------------------------------------------------ */

size_t
transfer_uu_begin(const uint8_t *p, size_t len)
{
	size_t i = 6;

	if (len < 11 || memcmp(p, "begin ", 6) != 0)
		return 0;
	while (i < len && i < 10 && p[i] >= '0' && p[i] <= '7')
		i++;
	if (i < 9 || i >= len || p[i] != ' ')
		return 0;
	return len - i - 1;
}

int
transfer_uu(const uint8_t *p, size_t len, uint8_t *out)
{
	size_t want, n = 0;

	while (len > 0 && p[len - 1] == '\r')
		len--;
	if (len < 1 || p[0] < ' ' || p[0] > '`')
		return -1;
	want = (p[0] - (size_t)' ') & 63;
	/* Blanks at its end may be lost; a checksum may follow. */
	if (len > 1 + (want + 2) / 3 * 4 + 1)
		return -1;
	for (size_t i = 1; i < len; i++)
		if (p[i] < ' ' || p[i] > '`')
			return -1;
	for (size_t i = 1; n < want; i += 4) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++)
			bits = bits << 6 |
			       (i + k < len ? (p[i + k] - 32u) & 63 : 0);
		for (size_t k = 0; k < 3 && n < want; k++)
			out[n++] = (uint8_t)(bits >> (16 - 8 * k));
	}
	return (int)n;
}
