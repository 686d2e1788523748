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
 * the alphabet, the row of digits, the keyboard's first row, and two full stops
 * where they left the rest away.
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
		if (i >= 5 &&
		    strncasecmp((const char *)v + i - 5, "qwerty", 6) == 0)
			return false;
	}
	return n < 2 || v[n - 1] != '.' || v[n - 2] != '.';
}

/*
 * FNV-1a of keys that vendors print in their manuals and that everybody
 * copies; so that no scanner takes this file for a leak.
 */
static const uint64_t PUBLISHED[] = {
    /* Amazon's manuals */
    0x0e627699b98376d0,
    0x7699c294beebad32,
    /* Azure's storage and database emulators */
    0x3f9d1c996e620b67,
    0x9f1920c6cd484714,
    /* Stripe's manual */
    0xddd19c486d095d84,
    /* Microsoft's manual of NuGet */
    0x1a3e1c90ee6698a0,
    /* Google's samples of maps and of sign-in */
    0xc800bf2100a21c67,
    0x6acbd824bd32bbd4,
    0xe7666dbb286c6c2e,
    0x12113c2e6979f447,
    0x828818f833257868,
    0x816cd10fdb11ead0,
    0xdb9422f1dd332dcc,
    0x515cb771a4238032,
    0xc73f1e61952e6987,
    0x294c63f8344d5df1,
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

/* accept is 1: none of these refutes; each is evidence with points of its own. */
static const struct validator ROWS[] = {
    {"hex_key", hex_key, 1.0, true},
    {"long_value", long_value, 1.0, true},
    {"not_filler", not_filler, 1.0, true},
    {"not_published", not_published, 1.0, true},
    {"one_alphabet", one_alphabet, 1.0, true},
    {"three_kinds", three_kinds, 1.0, true},
    {"uuid", uuid, 1.0, true},
};

const struct validator *
token_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
		if (strcmp(ROWS[i].name, name) == 0)
			return &ROWS[i];
	return NULL;
}
