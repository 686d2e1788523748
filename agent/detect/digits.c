/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digits - the arithmetic that check digits share.
 *
 * Owns: sums with weights, moduli, dates of the calendar.
 * Never: knows whose number it is.
 *
 * A row of weights is written as a text, one digit or letter (a is 10, b is
 * 11, …) for each place.
 */
#include "agent/detect/digits.h"

#include "lib/own.h"

bool
digits_all(const uint8_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!digit(v[i]))
			return false;
	return n > 0;
}

/* @n is @wanted, all are digits, and not all the same. */
bool
digits_exactly(const uint8_t *v, size_t n, size_t wanted)
{
	if (n != wanted || !digits_all(v, n))
		return false;
	for (size_t i = 1; i < n; i++)
		if (v[i] != v[0])
			return true;
	return false;
}

uint32_t
digits_number(const uint8_t *v, size_t n)
{
	uint32_t out = 0;

	for (size_t i = 0; i < n; i++)
		out = out * 10 + d(v, i);
	return out;
}

/* The sum of digits times weights, as many as there are weights. */
unsigned
digits_weighted(const uint8_t *v, const char *weights)
{
	unsigned sum = 0;

	for (size_t i = 0; weights[i] != '\0'; i++) {
		char w = weights[i];

		sum += d(v, i) * (unsigned)(w <= '9' ? w - '0' : w - 'a' + 10);
	}
	return sum;
}

bool
digits_date(uint32_t year, uint32_t month, uint32_t day)
{
	static const uint8_t days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month < 1 || month > 12 || day < 1)
		return false;
	return day <= days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

/* A year of two digits, in this century or the last one. */
bool
digits_short_date(uint32_t year, uint32_t month, uint32_t day)
{
	return digits_date(1900 + year, month, day) ||
	       digits_date(2000 + year, month, day);
}

/* ISO/IEC 7812-1, annex B. */
bool
digits_luhn(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned x = d(v, n - 1 - i);

		if (i % 2 == 1)
			x = x * 2 > 9 ? x * 2 - 9 : x * 2;
		sum += x;
	}
	return sum % 10 == 0;
}

/* ISO/IEC 7064 MOD 11,10. */
bool
digits_mod11_10(const uint8_t *v, size_t n)
{
	unsigned p = 10;

	for (size_t i = 0; i + 1 < n; i++) {
		p = (p + d(v, i)) % 10;
		p = (p == 0 ? 10 : p) * 2 % 11;
	}
	return (p + d(v, n - 1)) % 10 == 1;
}

/* ISO/IEC 7064 MOD 97-10 over digits and capitals. */
unsigned
digits_mod97(const uint8_t *v, size_t n)
{
	unsigned r = 0;

	for (size_t i = 0; i < n; i++)
		r = digit(v[i]) ? (r * 10 + d(v, i)) % 97
				: (r * 100 + (unsigned)(v[i] - 'A') + 10) % 97;
	return r;
}

/* EAN: weights 1 and 3 in turn from the right. */
bool
digits_ean(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += d(v, n - 1 - i) * (i % 2 == 1 ? 3 : 1);
	return sum % 10 == 0;
}

/* ICAO 9303: weights 7, 3, 1; letters count from 10. */
unsigned
digits_icao(const uint8_t *v, size_t n)
{
	static const uint8_t weights[] = {7, 3, 1};
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned x = digit(v[i])     ? d(v, i)
			     : capital(v[i]) ? (unsigned)(v[i] - 'A') + 10
					     : 0;

		sum += x * weights[i % 3];
	}
	return sum % 10;
}

/* Sum of the digits of products with weights, as VKVV and GKV have it. */
unsigned
digits_crossed(const uint8_t *v, const char *weights)
{
	unsigned sum = 0;

	for (size_t i = 0; weights[i] != '\0'; i++) {
		unsigned x = d(v, i) * (unsigned)(weights[i] - '0');

		sum += x / 10 + x % 10;
	}
	return sum;
}

static const uint8_t VERHOEFF_D[10][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
    {1, 2, 3, 4, 0, 6, 7, 8, 9, 5}, {2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
    {3, 4, 0, 1, 2, 8, 9, 5, 6, 7}, {4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
    {5, 9, 8, 7, 6, 0, 4, 3, 2, 1}, {6, 5, 9, 8, 7, 1, 0, 4, 3, 2},
    {7, 6, 5, 9, 8, 2, 1, 0, 4, 3}, {8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
    {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
static const uint8_t VERHOEFF_P[8][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
    {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
    {8, 9, 1, 6, 0, 4, 3, 5, 2, 7}, {9, 4, 5, 3, 1, 2, 6, 8, 7, 0},
    {4, 2, 8, 6, 5, 7, 3, 9, 0, 1}, {2, 7, 9, 3, 8, 0, 6, 4, 1, 5},
    {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};

/* J. Verhoeff, Error Detecting Decimal Codes (1969). */
bool
digits_verhoeff(const uint8_t *v, size_t n)
{
	unsigned c = 0;

	for (size_t i = 0; i < n; i++)
		c = VERHOEFF_D[c][VERHOEFF_P[i % 8][d(v, n - 1 - i)]];
	return c == 0;
}
