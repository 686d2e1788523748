/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national_americas - numbers of North, Middle and South America.
 *
 * Owns: one small function for each number, named after its country and its
 * own name.
 * Never: looks outside of the value that it is given, or allocates.
 */
#include <string.h>

#include "agent/detect/digits.h"
#include "agent/detect/national.h"

#include "lib/own.h"

/* ---- United States ---- */

/* ABA: weights 3, 7, 1; the first two digits name a district. */
static bool
us_aba(const uint8_t *v, size_t n)
{
	uint32_t p;

	if (!digits_exactly(v, n, 9))
		return false;
	p = digits_number(v, 2);
	return (p <= 12 || (p >= 21 && p <= 32) || (p >= 61 && p <= 72) ||
		   p == 80) &&
	       digits_weighted(v, "371371371") % 10 == 0;
}

/* IRS: 9xx, and a group within the ranges that were given out. */
static bool
us_itin(const uint8_t *v, size_t n)
{
	uint32_t g;

	if (!digits_exactly(v, n, 9) || v[0] != '9')
		return false;
	g = digits_number(v + 3, 2);
	return (g >= 50 && g <= 65) || (g >= 70 && g <= 88) ||
	       (g >= 90 && g <= 92) || (g >= 94 && g <= 99);
}

/* IRS: prefixes of the campuses and of the internet. */
static bool
us_ein(const uint8_t *v, size_t n)
{
	static const uint8_t none[] = {
	    0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97};
	uint32_t p;

	if (!digits_exactly(v, n, 9))
		return false;
	p = digits_number(v, 2);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (p == none[i])
			return false;
	return true;
}

/* CMS: Luhn with 80840 before it, which adds 24. */
static bool
us_npi(const uint8_t *v, size_t n)
{
	uint8_t whole[15] = "80840";

	if (!digits_exactly(v, n, 10) || (v[0] != '1' && v[0] != '2'))
		return false;
	memcpy(whole + 5, v, 10);
	return digits_luhn(whole, sizeof whole);
}

/* DEA: (1st+3rd+5th) + 2 (2nd+4th+6th) ends in the 7th. */
static bool
us_dea(const uint8_t *v, size_t n)
{
	return n == 9 && one_of(v[0], "ABCDEFGHJKLMPRSTUX") &&
	       (capital(v[1]) || v[1] == '9') && digits_exactly(v + 2, 7, 7) &&
	       digits_weighted(v + 2, "121212") % 10 == d(v, 8);
}

/* CMS: eleven places, each a digit, a letter or either; six letters unused. */
static bool
us_mbi(const uint8_t *v, size_t n)
{
	static const char shape[] = "1aenaenaann";

	if (n != 11 || v[0] == '0')
		return false;
	for (size_t i = 0; i < n; i++) {
		bool letter = capital(v[i]) && !one_of(v[i], "SLOIBZ");
		bool ok = shape[i] == 'a'   ? letter
			  : shape[i] == 'e' ? letter || digit(v[i])
					    : digit(v[i]);

		if (!ok)
			return false;
	}
	return true;
}

/* ---- Americas ---- */

/*
 * Canada Revenue Agency: nine digits with Luhn, and of an account the program
 * and a number of four digits.
 */
static bool
ca_bn(const uint8_t *v, size_t n)
{
	static const char *const programs[] = {
	    "RC", "RM", "RP", "RR", "RT", "RZ"};

	if ((n != 9 && n != 15) || !digits_exactly(v, 9, 9) ||
	    !digits_luhn(v, 9))
		return false;
	if (n == 9)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		if (memcmp(v + 9, programs[i], 2) == 0)
			return digits_all(v + 11, 4);
	return false;
}

static bool
ca_sin(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 9) && digits_luhn(v, n);
}

/* RENAPO: date, sex, and a check digit over 37 characters. */
static bool
mx_curp(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	if (n != 18 || !digits_all(v + 4, 6) || !one_of(v[10], "HMX") ||
	    !digit(v[17]) ||
	    !digits_short_date(digits_number(v + 4, 2), digits_number(v + 6, 2),
		digits_number(v + 8, 2)))
		return false;
	for (size_t i = 0; i < 17; i++) {
		unsigned x;

		if (!digit(v[i]) && !capital(v[i]))
			return false;
		x = digit(v[i]) ? d(v, i) : (unsigned)(v[i] - 'A') + 10;
		/* An N with a tilde stands between N and O. */
		sum += (x > 23 ? x + 1 : x) * (unsigned)(18 - i);
	}
	return digits_rest(sum, 10) == d(v, 17);
}

/* SAT: three or four letters, a date, and a homonym that may be missing. */
static bool
mx_rfc(const uint8_t *v, size_t n)
{
	size_t k = n == 12 ? 3 : 4;

	if (n != 10 && n != 12 && n != 13)
		return false;
	for (size_t i = 0; i < k; i++)
		if (!capital(v[i]) && v[i] != '&')
			return false;
	return digits_all(v + k, 6) &&
	       digits_short_date(digits_number(v + k, 2),
		   digits_number(v + k + 2, 2), digits_number(v + k + 4, 2));
}

/* Banco de Mexico: weights 3, 7, 1, each product modulo 10. */
static bool
mx_clabe(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 18) &&
	       digits_rest(digits_weighted(v, "37137137137137137"), 10) ==
		   d(v, 17);
}

static unsigned
cnpj_digit(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	/* A letter counts as its code less 48 since July 2026. */
	for (size_t i = 0; i < n; i++)
		sum += (unsigned)(v[i] - '0') * (unsigned)((n - 1 - i) % 8 + 2);
	sum %= 11;
	return sum < 2 ? 0 : 11 - sum;
}

/* Receita Federal IN RFB 2229/2024: letters, too, but for the check digits. */
static bool
br_cnpj(const uint8_t *v, size_t n)
{
	bool same = true;

	if (n != 14 || !digits_all(v + 12, 2))
		return false;
	for (size_t i = 0; i < 12; i++) {
		if (!digit(v[i]) && !capital(v[i]))
			return false;
		same = same && v[i] == v[0];
	}
	return !same && cnpj_digit(v, 12) == d(v, 12) &&
	       cnpj_digit(v, 13) == d(v, 13);
}

/* Senatran: two digits; the second is less by two where the first ran over. */
static bool
br_cnh(const uint8_t *v, size_t n)
{
	unsigned first, second, less = 0;

	if (!digits_exactly(v, n, 11))
		return false;
	first = digits_weighted(v, "987654321") % 11;
	second = digits_weighted(v, "123456789") % 11;
	if (first == 10) {
		first = 0;
		less = 2;
	}
	second = second == 10 ? 0 : (second + 11 - less) % 11;
	return first == d(v, 9) && second % 10 == d(v, 10);
}

/* PIS, PASEP and NIS of Caixa. */
static bool
br_pis(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 11) &&
	       digits_rest(digits_weighted(v, "3298765432"), 11) % 10 ==
		   d(v, 10);
}

/* AFIP: CUIT and CUIL. */
static bool
ar_cuit(const uint8_t *v, size_t n)
{
	uint32_t p;
	unsigned r;

	if (!digits_exactly(v, n, 11))
		return false;
	p = digits_number(v, 2);
	r = digits_rest(digits_weighted(v, "5432765432"), 11);
	return (p == 20 || p == 23 || p == 24 || p == 27 || p == 30 ||
		   p == 33 || p == 34 || p == 50 || p == 51 || p == 55) &&
	       (r == 10 ? 9 : r) == d(v, 10);
}

/* BCRA: a block of 8 and one of 14 digits. */
static bool
ar_cbu(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 22) &&
	       digits_rest(digits_weighted(v, "7139713"), 10) == d(v, 7) &&
	       digits_rest(digits_weighted(v + 8, "3971397139713"), 10) ==
		   d(v, 21);
}

/* SII and Registro Civil: weights 2 to 7 from the right, K is 10. */
static bool
cl_rut(const uint8_t *v, size_t n)
{
	unsigned sum = 0, r;

	if (n < 8 || n > 9 || !digits_all(v, n - 1))
		return false;
	for (size_t i = 0; i + 1 < n; i++)
		sum += d(v, n - 2 - i) * (unsigned)(i % 6 + 2);
	r = digits_rest(sum, 11);
	return v[n - 1] == (r == 10 ? 'K' : '0' + r);
}

/* DIAN: primes from the right. */
static bool
co_nit(const uint8_t *v, size_t n)
{
	static const uint8_t primes[] = {
	    3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71};
	unsigned sum = 0;

	if (n < 8 || n > 16 || !digits_exactly(v, n, n))
		return false;
	for (size_t i = 0; i + 1 < n; i++)
		sum += d(v, n - 2 - i) * primes[i];
	sum %= 11;
	return (sum < 2 ? sum : 11 - sum) == d(v, n - 1);
}

/* Registro Civil: province, kind, Luhn. */
static bool
ec_ci(const uint8_t *v, size_t n)
{
	uint32_t p;

	if (!digits_exactly(v, n, 10))
		return false;
	p = digits_number(v, 2);
	return ((p >= 1 && p <= 24) || p == 30 || p == 50) && v[2] <= '6' &&
	       digits_luhn(v, n);
}

/* SUNAT. */
static bool
pe_ruc(const uint8_t *v, size_t n)
{
	uint32_t p;

	if (!digits_exactly(v, n, 11))
		return false;
	p = digits_number(v, 2);
	return (p == 10 || p == 15 || p == 17 || p == 20) &&
	       (11 - digits_weighted(v, "5432765432") % 11) % 10 == d(v, 10);
}

/* DGI: place 1 to 22, six digits, 001, check digit. */
static bool
uy_rut(const uint8_t *v, size_t n)
{
	uint32_t p;
	unsigned r;

	if (!digits_exactly(v, n, 12) || memcmp(v + 8, "001", 3) != 0 ||
	    memcmp(v + 2, "000000", 6) == 0)
		return false;
	p = digits_number(v, 2);
	r = digits_rest(digits_weighted(v, "43298765432"), 11);
	return p >= 1 && p <= 22 && r < 10 && r == d(v, 11);
}

/* SENIAT: the kind of person is a first summand. */
static bool
ve_rif(const uint8_t *v, size_t n)
{
	static const char kinds[] = "VEJPG";
	const char *kind;
	unsigned r;

	if (n != 10 || !digits_all(v + 1, 9) || v[0] == 0)
		return false;
	kind = strchr(kinds, v[0]);
	if (kind == NULL)
		return false;
	r = ((unsigned)(kind - kinds + 1) * 4 +
		digits_weighted(v + 1, "32765432")) %
	    11;
	return (r < 2 ? 0 : 11 - r) == d(v, 9);
}

#define ROW(name, accept) {#name, name, accept, false},
static const struct validator ROWS[] = {NATIONAL_AMERICAS(ROW)};

const struct validator *
national_americas(size_t *n)
{
	*n = ARRAY_LEN(ROWS);
	return ROWS;
}
