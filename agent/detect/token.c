/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - what a value shows of how it was made: evidence for rules that know
 * no issuer's shape.
 *
 * Owns: the shapes that generators write, and the fillers that people write.
 * Never: decides; a rule gives each of these its points.
 */
#include "agent/detect/token.h"

#include <string.h>
#include <strings.h>

#include "agent/detect/digits.h"

#include "lib/own.h"

static bool
small(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool
letter_or_digit(uint8_t c)
{
	return digit(c) || capital(c) || small(c);
}

/* Hexadecimal digits of one case. */
static bool
hex(const uint8_t *v, size_t n)
{
	bool upper = false, lower = false;

	for (size_t i = 0; i < n; i++) {
		bool u = v[i] >= 'A' && v[i] <= 'F';
		bool l = v[i] >= 'a' && v[i] <= 'f';

		if (!u && !l && !digit(v[i]))
			return false;
		upper = upper || u;
		lower = lower || l;
	}
	return upper != lower;
}

/* As many hexadecimal digits as keys and digests have: 128 to 512 bits. */
static bool
hex_key(const uint8_t *v, size_t n)
{
	static const uint8_t lengths[] = {32, 40, 48, 56, 64, 96, 128};

	return memchr(lengths, (int)n, sizeof lengths) != NULL && hex(v, n);
}

/* RFC 9562: 8-4-4-4-12, but not the nil one. */
static bool
uuid(const uint8_t *v, size_t n)
{
	uint8_t flat[32];
	size_t k = 0;

	if (n != 36)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash != (v[i] == '-'))
			return false;
		if (!dash)
			flat[k++] = v[i];
	}
	return hex(flat, k);
}

/* Small letters, capitals and digits, none of them by the way only. */
static bool
three_kinds(const uint8_t *v, size_t n)
{
	size_t s = 0, c = 0, d10 = 0;

	for (size_t i = 0; i < n; i++) {
		s += small(v[i]);
		c += capital(v[i]);
		d10 += digit(v[i]);
	}
	return s >= 2 && c >= 2 && d10 >= 2;
}

/* Letters and digits alone, or the whole alphabet of a base64. */
static bool
one_alphabet(const uint8_t *v, size_t n)
{
	bool url = false, plain = false;

	while (n > 0 && v[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		url = url || v[i] == '-' || v[i] == '_';
		plain = plain || v[i] == '+' || v[i] == '/';
		if (!letter_or_digit(v[i]) && memchr("-_+/", v[i], 4) == NULL)
			return false;
	}
	return n > 0 && !(url && plain);
}

/* Sixteen characters at least, as generators make and people do not. */
static bool
long_value(const uint8_t *v, size_t n)
{
	(void)v;
	return n >= 16;
}

/*
 * What people write where a secret would stand: one character again and again,
 * the alphabet, the row of digits, the keyboard's first row.
 */
static bool
not_filler(const uint8_t *v, size_t n)
{
	size_t same = 1, up = 1;

	for (size_t i = 1; i < n; i++) {
		same = v[i] == v[i - 1] ? same + 1 : 1;
		up = v[i] == v[i - 1] + 1 && letter_or_digit(v[i]) ? up + 1 : 1;
		if (same >= 5 || up >= 6)
			return false;
		if (i >= 5 && strncasecmp((const char *)v + i - 5, "qwerty",
				  6) == 0)
			return false;
	}
	return true;
}

/*
 * FNV-1a of keys that vendors print in their manuals and that everybody
 * copies; so that no scanner takes this file for a leak.
 */
static const uint64_t PUBLISHED[] = {
#include "agent/detect/published.inc"
};

static bool
not_published(const uint8_t *v, size_t n)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		h = (h ^ v[i]) * 0x100000001b3;
	for (size_t i = 0; i < ARRAY_LEN(PUBLISHED); i++)
		if (PUBLISHED[i] == h)
			return false;
	return true;
}
