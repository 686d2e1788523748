/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national_world - numbers of Russia, Ukraine, Turkey, the Middle East,
 * South Africa, Australia and New Zealand.
 *
 * Owns: one small function for each number, named after its country and its
 * own name.
 * Never: looks outside of the value that it is given, or allocates.
 */
#include <string.h>

#include "agent/detect/digits.h"
#include "agent/detect/national.h"

#include "lib/own.h"

/* ---- Russia, Ukraine, Turkey, Israel, South Africa ---- */

static bool
ru_inn(const uint8_t *v, size_t n)
{
	if (n == 10)
		return digits_exactly(v, n, 10) &&
		       digits_weighted(v, "24a359468") % 11 % 10 == d(v, 9);
	return digits_exactly(v, n, 12) &&
	       digits_weighted(v, "724a359468") % 11 % 10 == d(v, 10) &&
	       digits_weighted(v, "3724a359468") % 11 % 10 == d(v, 11);
}

/* PFR: modulus 101; numbers up to 001-001-998 had no check digits. */
static bool
ru_snils(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 11) && digits_number(v, 9) > 1001998 &&
	       digits_weighted(v, "987654321") % 101 % 100 ==
		   digits_number(v + 9, 2);
}

static bool
ua_rntrc(const uint8_t *v, size_t n)
{
	unsigned sum;

	if (!digits_exactly(v, n, 10))
		return false;
	/* The first weight is -1, which is 10 modulo 11. */
	sum = digits_weighted(v, "a5794"
				 "6a57");
	return sum % 11 % 10 == d(v, 9);
}

static bool
tr_tckn(const uint8_t *v, size_t n)
{
	unsigned odd, even;

	if (!digits_exactly(v, n, 11) || v[0] == '0')
		return false;
	odd = digits_weighted(v, "101010101");
	even = digits_weighted(v, "010101010");
	return (odd * 7 + 9 * even) % 10 == d(v, 9) &&
	       (odd + even + d(v, 9)) % 10 == d(v, 10);
}

/* A sum like Luhn's over nine digits; short numbers get zeros before them. */
static bool
il_id(const uint8_t *v, size_t n)
{
	return (n == 8 || n == 9) && digits_exactly(v, n, n) &&
	       digits_luhn(v, n);
}

static bool
ae_id(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 15) && memcmp(v, "784", 3) == 0 &&
	       digits_number(v + 3, 4) >= 1900 &&
	       digits_number(v + 3, 4) <= 2099 && digits_luhn(v, n);
}

static bool
sa_id(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 10) && (v[0] == '1' || v[0] == '2') &&
	       digits_luhn(v, n);
}

static bool
za_id(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 13) && v[10] <= '2' &&
	       digits_short_date(digits_number(v, 2), digits_number(v + 2, 2),
		   digits_number(v + 4, 2)) &&
	       digits_luhn(v, n);
}

/* ---- Australia, New Zealand ---- */

static bool
au_tfn(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 9) &&
	       digits_weighted(v, "14375869a") % 11 == 0;
}

/* ATO: less one in the first place, modulus 89. */
static bool
au_abn(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 11) && v[0] != '0' &&
	       (digits_weighted(v, "a13579bdfhj") + 79) % 89 == 0;
}

static bool
au_acn(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 9) &&
	       digits_rest(digits_weighted(v, "87654321"), 10) == d(v, 8);
}

/* Services Australia: eight digits, their check, the card's issue. */
static bool
au_medicare(const uint8_t *v, size_t n)
{
	return (n == 10 || n == 11) && digits_exactly(v, n, n) && v[0] >= '2' &&
	       v[0] <= '6' && v[9] != '0' &&
	       digits_weighted(v, "13791379") % 10 == d(v, 8);
}

/* Inland Revenue: two rows of weights. */
static bool
nz_ird(const uint8_t *v, size_t n)
{
	uint8_t nine[9] = "0";
	uint32_t all;
	unsigned r;

	if ((n != 8 && n != 9) || !digits_exactly(v, n, n))
		return false;
	memcpy(nine + 9 - n, v, n);
	all = digits_number(nine, 9);
	if (all < 10000000 || all > 150000000)
		return false;
	r = digits_rest(digits_weighted(nine, "32765432"), 11);
	if (r == 10)
		r = digits_rest(digits_weighted(nine, "74325276"), 11);
	return r < 10 && r == d(nine, 8);
}

#define ROW(name, accept) {#name, name, accept, false},
static const struct validator ROWS[] = {NATIONAL_WORLD(ROW)};

const struct validator *
national_world(size_t *n)
{
	*n = ARRAY_LEN(ROWS);
	return ROWS;
}
