/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national_asia - numbers of East, South and South-East Asia.
 *
 * Owns: one small function for each number, named after its country and its
 * own name.
 * Never: looks outside of the value that it is given, or allocates.
 */
#include <string.h>

#include "agent/detect/digits.h"
#include "agent/detect/national.h"

#include "lib/own.h"

/* ---- China, Taiwan, Japan, Korea ---- */

/* GB 32100-2015: 31 characters, powers of 3, modulus 31. */
static bool
cn_uscc(const uint8_t *v, size_t n)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
	unsigned sum = 0;
	unsigned weight = 1;

	if (n != 18 || !digits_all(v + 2, 6))
		return false;
	for (size_t i = 0; i < 18; i++) {
		const char *p = v[i] != 0 ? strchr(alphabet, v[i]) : NULL;

		if (p == NULL)
			return false;
		if (i == 17)
			return digits_rest(sum, 31) == (unsigned)(p - alphabet);
		sum += (unsigned)(p - alphabet) * weight;
		weight = weight * 3 % 31;
	}
	return false;
}

/* Immigration Department: one or two letters; the check may stand in (). */
static bool
hk_id(const uint8_t *v, size_t n)
{
	uint8_t flat[10];
	size_t k = 0;
	unsigned sum;
	size_t letters;

	for (size_t i = 0; i < n; i++) {
		if (v[i] == '(' || v[i] == ')')
			continue;
		if (k == 9)
			return false;
		flat[k++] = v[i];
	}
	if (k < 8 || !capital(flat[0]))
		return false;
	letters = k - 7;
	if (letters == 2 && !capital(flat[1]))
		return false;
	if (!digits_all(flat + letters, 6))
		return false;
	sum = letters == 2 ? (unsigned)(flat[0] - 'A' + 10) * 9 +
				 (unsigned)(flat[1] - 'A' + 10) * 8
			   : 36 * 9 + (unsigned)(flat[0] - 'A' + 10) * 8;
	sum += digits_weighted(flat + letters, "765432");
	return flat[k - 1] ==
	       (digits_rest(sum, 11) == 10 ? 'A' : '0' + digits_rest(sum, 11));
}

/* Ministry of the Interior: a letter counts as two digits. */
static bool
tw_id(const uint8_t *v, size_t n)
{
	static const uint8_t codes[] = {10, 11, 12, 13, 14, 15, 16, 17, 34, 18,
	    19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31, 33};
	unsigned code;

	if (n != 10 || !capital(v[0]) || !digits_all(v + 1, 9) ||
	    !one_of(v[1], "1289"))
		return false;
	code = codes[v[0] - 'A'];
	return (code / 10 + code % 10 * 9 +
		   digits_weighted(v + 1, "876543211")) %
		   10 ==
	       0;
}

/* Ministry of Finance: modulus 5 since April 2023. */
static bool
tw_ubn(const uint8_t *v, size_t n)
{
	unsigned sum;

	if (!digits_exactly(v, n, 8))
		return false;
	sum = digits_crossed(v, "12121241");
	return sum % 5 == 0 || (v[6] == '7' && (sum + 1) % 5 == 0);
}

/* Ordinance 85 of 2014. */
static bool
jp_my_number(const uint8_t *v, size_t n)
{
	unsigned r;

	if (!digits_exactly(v, n, 12))
		return false;
	r = digits_weighted(v, "65432765432") % 11;
	return (r <= 1 ? 0 : 11 - r) == d(v, 11);
}

/* National Tax Agency: the first digit checks the others, modulus 9. */
static bool
jp_corporate(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 13) && v[0] != '0' &&
	       9 - digits_weighted(v + 1, "212121212121") % 9 == d(v, 0);
}

/* Resident (1 to 4, 9, 0) and foreigner registration (5 to 8): a date. */
static bool
kr_rrn_date(const uint8_t *v, size_t n)
{
	uint32_t year;

	if (!digits_exactly(v, n, 13))
		return false;
	year = digits_number(v, 2) + (one_of(v[6], "1256")      ? 1900
					 : one_of(v[6], "3478") ? 2000
								: 1800);
	return digits_date(
	    year, digits_number(v + 2, 2), digits_number(v + 4, 2));
}

/* The check digit, which numbers since October 2020 do not have. */
static bool
kr_rrn(const uint8_t *v, size_t n)
{
	return kr_rrn_date(v, n) &&
	       (11 - digits_weighted(v, "234567892345") % 11) % 10 == d(v, 12);
}

static bool
kr_brn(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 10) && digits_number(v, 3) >= 101 &&
	       digits_rest(digits_weighted(v, "137137135") + d(v, 8) * 5 / 10,
		   10) == d(v, 9);
}

/* ---- South and South-East Asia ---- */

/* UIDAI: Verhoeff; no leading 0 or 1, and no palindrome. */
static bool
in_aadhaar(const uint8_t *v, size_t n)
{
	bool mirror = true;

	if (!digits_exactly(v, n, 12) || v[0] < '2')
		return false;
	for (size_t i = 0; i < n; i++)
		mirror = mirror && v[i] == v[n - 1 - i];
	return digits_verhoeff(v, n) && !mirror;
}

/* Income Tax Department: the fourth letter is the kind of holder. */
static bool
in_pan(const uint8_t *v, size_t n)
{
	if (n != 10 || !one_of(v[3], "ABCFGHJLPT") || !digits_all(v + 5, 4) ||
	    memcmp(v + 5, "0000", 4) == 0)
		return false;
	for (size_t i = 0; i < 5; i++)
		if (!capital(v[i]))
			return false;
	return capital(v[9]);
}

/* The shape of a GSTIN: state, PAN, entity, Z. */
static bool
in_gstin_shape(const uint8_t *v, size_t n)
{
	uint32_t state;

	if (n != 15 || !digits_all(v, 2) || v[13] != 'Z')
		return false;
	for (size_t i = 2; i < 15; i++)
		if (!digit(v[i]) && !capital(v[i]))
			return false;
	state = digits_number(v, 2);
	return ((state >= 1 && state <= 38) || state == 97) && v[12] != '0';
}

/* GSTN: a check character as Luhn's, of 36. */
static bool
in_gstin(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	if (!in_gstin_shape(v, n))
		return false;
	for (size_t i = 0; i < 15; i++) {
		unsigned x =
		    digit(v[i]) ? d(v, i) : (unsigned)(v[i] - 'A') + 10;
		unsigned y = x * (i % 2 == 1 ? 2 : 1);

		sum += i == 14 ? x : y / 36 + y % 36;
	}
	return sum % 36 == 0;
}

/* Election Commission: three letters, seven digits with Luhn. */
static bool
in_epic(const uint8_t *v, size_t n)
{
	return n == 10 && capital(v[0]) && capital(v[1]) && capital(v[2]) &&
	       digits_all(v + 3, 7) && digits_luhn(v + 3, 7);
}

/* ICA: NRIC (S, T) and FIN (F, G, M), modulus 11. */
static bool
sg_nric(const uint8_t *v, size_t n)
{
	unsigned sum;
	const char *check;

	if (n != 9 || !one_of(v[0], "STFGM") || !digits_all(v + 1, 7))
		return false;
	sum = digits_weighted(v + 1, "2765432");
	if (v[0] == 'T' || v[0] == 'G')
		sum += 4;
	if (v[0] == 'M')
		sum += 3;
	check = v[0] == 'S' || v[0] == 'T' ? "JZIHGFEDCBA"
		: v[0] == 'M'              ? "XWUTRQPNJLK"
					   : "XWUTRQPNMLK";
	return v[8] == (uint8_t)check[sum % 11];
}

/* JPN: date and place of birth. */
static bool
my_nric(const uint8_t *v, size_t n)
{
	uint32_t place;

	if (!digits_exactly(v, n, 12))
		return false;
	place = digits_number(v + 6, 2);
	return digits_short_date(digits_number(v, 2), digits_number(v + 2, 2),
		   digits_number(v + 4, 2)) &&
	       place != 0 && !(place >= 17 && place <= 20) && place != 69 &&
	       place != 70 && place != 73 && place != 80 && place != 81 &&
	       !(place >= 94 && place <= 97);
}

/* DOPA. */
static bool
th_pin(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 13) && v[0] >= '1' && v[0] <= '8' &&
	       (11 - digits_weighted(v, "dcba98765432") % 11) % 10 == d(v, 12);
}

/* Region, date (day + 40 for women), serial. */
static bool
id_nik(const uint8_t *v, size_t n)
{
	uint32_t day;

	if (!digits_exactly(v, n, 16) || digits_number(v, 2) < 11 ||
	    digits_number(v, 2) > 96)
		return false;
	day = digits_number(v + 6, 2);
	return digits_short_date(digits_number(v + 10, 2),
		   digits_number(v + 8, 2), day > 40 ? day - 40 : day) &&
	       digits_number(v + 12, 4) != 0;
}

/*
 * ACRA: a business has eight digits, a company the year and five more, all
 * others a letter, the year, a kind and four digits; then a check letter.
 */
static bool
sg_uen(const uint8_t *v, size_t n)
{
	static const char others[] = "ABCDEFGHJKLMNPQRSTUVWX0123456789";
	static const uint8_t weights[] = {4, 3, 5, 3, 10, 2, 2, 5, 7};
	unsigned sum = 0;

	if (n == 9 && digits_all(v, 8))
		return v[8] ==
		       (uint8_t) "XMKECAWLJDB"[digits_weighted(v, "a4938271") %
					       11];
	if (n != 10)
		return false;
	if (digits_all(v, 9))
		return v[9] ==
		       (uint8_t) "ZKCMDNERGWH"[digits_weighted(v, "a86497531") %
					       11];
	if (!digits_all(v + 1, 2) || !digits_all(v + 5, 4))
		return false;
	for (size_t i = 0; i < 9; i++) {
		const char *at = v[i] != 0 ? strchr(others, (char)v[i]) : NULL;

		if (at == NULL)
			return false;
		sum += (unsigned)(at - others) * weights[i];
	}
	return v[9] == (uint8_t)others[(sum + 55 - 5) % 11];
}

/* GB 11714-1997: eight characters, a letter counts from 10, modulus 11. */
static bool
cn_org_code(const uint8_t *v, size_t n)
{
	static const uint8_t weights[] = {3, 7, 9, 10, 5, 8, 4, 2};
	unsigned sum = 0;

	if (n != 9)
		return false;
	for (size_t i = 0; i < 8; i++) {
		if (!digit(v[i]) && !capital(v[i]))
			return false;
		sum += weights[i] *
		       (digit(v[i]) ? d(v, i) : (unsigned)(v[i] - 'A' + 10));
	}
	sum = digits_rest(sum, 11);
	return v[8] == (sum == 10 ? 'X' : '0' + sum);
}

/* DJP: the ninth digit is Luhn's over the first eight. */
static bool
id_npwp(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 15) && digits_luhn(v, 9);
}

/* Circular 105/2020: weights of the first nine, 10 less the rest of 11. */
static bool
vn_mst(const uint8_t *v, size_t n)
{
	static const uint8_t weights[] = {31, 29, 23, 19, 17, 13, 7, 5, 3};
	unsigned sum = 0;

	if ((n != 10 && n != 13) || !digits_all(v, n))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(weights); i++)
		sum += weights[i] * d(v, i);
	return 10 - sum % 11 == d(v, 9);
}

#define ROW(name, accept) {#name, name, accept, false},
static const struct validator ROWS[] = {NATIONAL_ASIA(ROW)};

const struct validator *
national_asia(size_t *n)
{
	*n = ARRAY_LEN(ROWS);
	return ROWS;
}
