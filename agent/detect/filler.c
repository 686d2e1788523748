/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filler - what people write where a secret would stand.
 *
 * Owns: the shapes of stand-ins, and how little variety chance still gives.
 * Never: looks outside the value, or knows any issuer.
 *
 * Each test follows how people fill a gap, not a list of fillers, and what it
 * costs is known: how often it takes what a generator drew (filler.h).
 */
#include "agent/detect/filler.h"

#include <string.h>
#include <strings.h>

#include "agent/detect/digits.h"
#include "agent/detect/validate.h"
#include "agent/detect/words.h"

#include "lib/own.h"

/* Two rows that take turns, each of which goes up: a1b2c3d4. */
static bool
two_rows(const uint8_t *v, size_t n)
{
	size_t up = 0;

	for (size_t i = 2; i < n; i++) {
		bool kinds = digit(v[i]) != digit(v[i - 1]);

		up = kinds && letter_or_digit(v[i]) && v[i] == v[i - 2] + 1
			 ? up + 1
			 : 0;
		if (up >= 4)
			return true;
	}
	return false;
}

/*
 * One character five or six times, six in a row up or down, or half of the whole
 * in rows of three at least: abc123xyz, 11223344 does not, 111222333 does.
 */
static bool
rows(const uint8_t *v, size_t n)
{
	size_t same = 1, up = 1, down = 1, in_rows = 0, last = 0;
	/* In more places a row comes by chance more often. */
	size_t many = n < 32 ? 5 : 6;

	for (size_t i = 1; i < n; i++) {
		bool both = letter_or_digit(v[i]) && letter_or_digit(v[i - 1]);
		size_t most;

		same = v[i] == v[i - 1] ? same + 1 : 1;
		up = both && v[i] == v[i - 1] + 1 ? up + 1 : 1;
		down = both && v[i] + 1 == v[i - 1] ? down + 1 : 1;
		if (same >= many || up >= 6 || down >= 6)
			return true;
		most = same > up ? same : up;
		most = down > most ? down : most;
		/* What of this row was not counted yet. */
		if (most >= 3) {
			size_t from = i + 1 - most > last ? i + 1 - most : last;

			in_rows += i + 1 - from;
			last = i + 1;
		}
	}
	return n >= 12 && in_rows * 2 >= n;
}

/* Ten characters that stood there already, 2 to 16 places before: deadbeef. */
static bool
blocks(const uint8_t *v, size_t n)
{
	for (size_t p = 2; p <= 16; p++)
		for (size_t i = p, run = 0; i < n; i++) {
			run = v[i] == v[i - p] ? run + 1 : 0;
			if (run >= 10)
				return true;
		}
	return false;
}

/* Six neighbours of a row of the keyboard. */
static bool
keyboard(const uint8_t *v, size_t n)
{
	static const char *const starts[] = {
	    "qwerty", "asdfgh", "zxcvbn", "qwertz", "azerty", "qazwsx"};

	for (size_t i = 0; i + 6 <= n; i++)
		for (size_t k = 0; k < ARRAY_LEN(starts); k++)
			if (strncasecmp((const char *)v + i, starts[k], 6) == 0)
				return true;
	return false;
}

/*
 * Less variety than 9,999 of 10,000 random values of this length have, by their
 * entropy in thousandths of a bit. Where nearly all are digits it is digits that
 * were drawn; else hexadecimal ones, the poorest alphabet of a generator: behind
 * an issuer's prefix one cannot tell which it was. A length between two that
 * are listed is taken for the shorter one.
 */
static bool
monotonous(const uint8_t *v, size_t n)
{
	static const struct {
		size_t len;
		uint32_t of_digits, of_hex;
	} least[] = {{16, 1920, 2280}, {20, 2140, 2520}, {24, 2290, 2750},
	    {32, 2550, 3010}, {40, 2710, 3160}};
	size_t digits = 0, k = 0;

	if (n < least[0].len)
		return false;
	for (size_t i = 0; i < n; i++)
		digits += digit(v[i]);
	while (k + 1 < ARRAY_LEN(least) && least[k + 1].len <= n)
		k++;
	return validate_entropy(v, n) <
	       (digits * 4 >= n * 3 ? least[k].of_digits : least[k].of_hex);
}

/* Letters alone, nearly, and of pairs that words are made of. */
static bool
phrase(const uint8_t *v, size_t n)
{
	size_t common, letters = 0;
	size_t all = words_pairs(v, n, &common);

	for (size_t i = 0; i < n; i++)
		letters += small(v[i]) || capital(v[i]);
	return all >= 12 && letters * 10 >= n * 8 &&
	       common * 100 >= all * (all < 24 ? 93 : 85);
}

bool
filler(const uint8_t *v, size_t n)
{
	if (n >= 2 && v[n - 1] == '.' && v[n - 2] == '.')
		return true;
	return rows(v, n) || two_rows(v, n) || blocks(v, n) || keyboard(v, n) ||
	       monotonous(v, n) || phrase(v, n);
}
