/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - what a value shows of how it was made: evidence for rules that know
 * no issuer's shape.
 *
 * Owns: the shapes that generators write.
 * Never: decides; a rule gives each of these its points.
 */
#include "agent/detect/token.h"

#include <string.h>
#include <strings.h>

#include "agent/detect/digits.h"
#include "agent/detect/filler.h"

#include "lib/own.h"

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
 * A digest's small hexadecimal digits with something else grown to its end:
 * neither a digest nor what a generator of letters and digits writes, since 24
 * of its characters in a row are hexadecimal once in 10^14 times. Letters of
 * issuers (NRAL behind 36 digits) are capitals, and so is a check in hexadecimal.
 */
static bool
ragged_hex(const uint8_t *v, size_t n)
{
	size_t run = 0;

	for (size_t i = 0; i < n; i++) {
		if (digit(v[i]) || (v[i] >= 'a' && v[i] <= 'f')) {
			run++;
			continue;
		}
		if (run >= 24 &&
		    (small(v[i]) || (v[i] > 'F' && capital(v[i]) && i + 1 < n &&
					digit(v[i + 1]))))
			return true;
		run = 0;
	}
	return false;
}

/* Hexadecimal digits of both cases, or a UUID's form of other letters. */
static bool
false_hex(const uint8_t *v, size_t n)
{
	size_t hexes = 0, letters = 0, dashes = 0;
	bool upper = false, lower = false;

	for (size_t i = 0; i < n; i++) {
		bool u = v[i] >= 'A' && v[i] <= 'F';
		bool l = v[i] >= 'a' && v[i] <= 'f';

		hexes += u || l || digit(v[i]);
		letters += letter_or_digit(v[i]);
		upper = upper || u;
		lower = lower || l;
	}
	if (n >= 20 && hexes == n)
		return upper && lower;
	for (size_t i = 0; i + 36 <= n; i++) {
		if (v[i + 8] != '-' || v[i + 13] != '-' || v[i + 18] != '-' ||
		    v[i + 23] != '-')
			continue;
		for (hexes = letters = dashes = 0; dashes + letters < 36;) {
			uint8_t c = v[i + dashes + letters];

			if (!letter_or_digit(c) && c != '-')
				break;
			dashes += c == '-';
			letters += c != '-';
			hexes += digit(c) || (c >= 'a' && c <= 'f') ||
				 (c >= 'A' && c <= 'F');
		}
		if (dashes == 4 && letters == 32 && hexes < 32)
			return true;
	}
	return false;
}

/*
 * Neither of them: for rules that know no issuer's shape. Where an issuer's
 * letters stand before hexadecimal digits, this says nothing.
 */
static bool
whole_hex(const uint8_t *v, size_t n)
{
	return !ragged_hex(v, n) && !false_hex(v, n);
}

static bool
not_filler(const uint8_t *v, size_t n)
{
	return !filler(v, n);
}

/* digits ":" A and at least 20 more: the form of Telegram's bots. */
static bool
bot_token(const uint8_t *v, size_t n)
{
	size_t i = 0;

	while (i < n && digit(v[i]))
		i++;
	return i >= 4 && n - i > 21 && v[i] == ':' &&
	       (v[i + 1] == 'A' || v[i + 1] == 'a');
}

/*
 * Nobody's form: where a value begins as an issuer's tokens do, the rule of the
 * issuer decides, and what it refuses is no token.
 */
static bool
no_issuer(const uint8_t *v, size_t n)
{
	static const char *const starts[] = {"xoxa-", "xoxb-", "xoxe-", "xoxp-",
	    "xoxr-", "xoxs-", "xapp-", "glpat-", "AKIA", "ASIA", "AIzaSy",
	    "GOCSPX-", "sk_live_", "sk_test_", "rk_live_", "rk_test_",
	    "pk_live_", "pk_test_", "whsec_", "sk-ant-", "npm_", "pypi-AgE",
	    "SG.", "dop_v1_", "hf_", "shpat_", "shpss_", "shpca_", "hvs.",
	    "hvb.", "sntrys_", "glsa_", "glc_", "EAAC", "dckr_pat_", "ATATT3",
	    "ATBB", "nfp_", "lin_api_", "PMAK-", "sbp_", "dapi", "pul-"};

	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		size_t len = strlen(starts[i]);

		if (n > len && memcmp(v, starts[i], len) == 0)
			return false;
	}
	return !bot_token(v, n);
}

/*
 * Something that somebody chose: not a variable, a template, a call or the word
 * that names it. Weaker than not_placeholder, for passwords made of words.
 */
static bool
not_template(const uint8_t *v, size_t n)
{
	static const char *const words[] = {"password", "passwd", "pass", "pwd",
	    "passphrase", "secret", "token", "string", "none", "null", "nil",
	    "undefined", "true", "false", "required", "optional", "changeme",
	    "example", "redacted", "hidden", "text", "placeholder"};
	static const char *const parts[] = {
	    "${", "{{", "<%", "%(", "$(", "process.env", "getenv", "environ["};
	size_t same = 1;

	if (n == 0 || v[0] == '$' || v[0] == '<' || v[0] == '{')
		return false;
	while (same < n && v[same] == v[0])
		same++;
	if (same == n)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == n &&
		    strncasecmp((const char *)v, words[i], n) == 0)
			return false;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (memmem(v, n, parts[i], strlen(parts[i])) != NULL)
			return false;
	return true;
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
    /* Google's firebase-android-sdk: its tests, demonstrations, headers */
    0xadbd04e3fe1b6d49,
    0x816cd10fdb11ead0,
    0x6835e0f288832a40,
    0x828818f833257868,
    0x12113c2e6979f447,
    0x6acbd824bd32bbd4,
    0x515cb771a4238032,
    0xe754678ea2b14ef1,
    0xe7666dbb286c6c2e,
    0xdb9422f1dd332dcc,
    0x9866d16f1ca57cce,
    0xc800bf2100a21c67,
    0x99b2726346a1e92a,
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

/* accept is 1: no random value is refuted by one; each is evidence of its own. */
static const struct validator ROWS[] = {
    {"hex_key", hex_key, 1.0, true},
    {"long_value", long_value, 1.0, true},
    {"no_issuer", no_issuer, 1.0, true},
    {"not_filler", not_filler, 1.0, true},
    {"not_published", not_published, 1.0, true},
    {"not_template", not_template, 1.0, true},
    {"one_alphabet", one_alphabet, 1.0, true},
    {"three_kinds", three_kinds, 1.0, true},
    {"uuid", uuid, 1.0, true},
    {"whole_hex", whole_hex, 1.0, true},
};

const struct validator *
token_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
		if (strcmp(ROWS[i].name, name) == 0)
			return &ROWS[i];
	return NULL;
}
