/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national - the check digits of identity, tax, health and account numbers.
 *
 * Owns: one small function for each number, named after its country and its
 * own name, and how strong each is (accept).
 * Never: looks outside of the value that it is given, or allocates.
 *
 * Most of these numbers are a weighted sum with a modulus. A row of weights is
 * written as a text, one digit or letter (a is 10, b is 11, …) for each place.
 */
#include "agent/detect/national.h"

#include <string.h>

#include "lib/own.h"

static bool
digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
capital(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
digits(const uint8_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!digit(v[i]))
			return false;
	return n > 0;
}

/* @n is @wanted, all are digits, and not all the same. */
static bool
exactly(const uint8_t *v, size_t n, size_t wanted)
{
	if (n != wanted || !digits(v, n))
		return false;
	for (size_t i = 1; i < n; i++)
		if (v[i] != v[0])
			return true;
	return false;
}

static unsigned
d(const uint8_t *v, size_t i)
{
	return (unsigned)(v[i] - '0');
}

static uint32_t
number(const uint8_t *v, size_t n)
{
	uint32_t out = 0;

	for (size_t i = 0; i < n; i++)
		out = out * 10 + d(v, i);
	return out;
}

/* The sum of digits times weights, as many as there are weights. */
static unsigned
weighted(const uint8_t *v, const char *weights)
{
	unsigned sum = 0;

	for (size_t i = 0; weights[i] != '\0'; i++) {
		char w = weights[i];

		sum += d(v, i) * (unsigned)(w <= '9' ? w - '0' : w - 'a' + 10);
	}
	return sum;
}

/* What is missing to the next multiple of @mod. */
static unsigned
rest(unsigned sum, unsigned mod)
{
	return (mod - sum % mod) % mod;
}

static bool
one_of(uint8_t c, const char *set)
{
	return c != 0 && strchr(set, c) != NULL;
}

static bool
real_date(uint32_t year, uint32_t month, uint32_t day)
{
	static const uint8_t days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month < 1 || month > 12 || day < 1)
		return false;
	return day <= days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

/* A year of two digits, in this century or the last one. */
static bool
short_date(uint32_t year, uint32_t month, uint32_t day)
{
	return real_date(1900 + year, month, day) ||
	       real_date(2000 + year, month, day);
}

/* ISO/IEC 7812-1, annex B. */
static bool
luhn(const uint8_t *v, size_t n)
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
static bool
mod11_10(const uint8_t *v, size_t n)
{
	unsigned p = 10;

	for (size_t i = 0; i + 1 < n; i++) {
		p = (p + d(v, i)) % 10;
		p = (p == 0 ? 10 : p) * 2 % 11;
	}
	return (p + d(v, n - 1)) % 10 == 1;
}

/* ISO/IEC 7064 MOD 97-10 over digits and capitals. */
static unsigned
mod97(const uint8_t *v, size_t n)
{
	unsigned r = 0;

	for (size_t i = 0; i < n; i++)
		r = digit(v[i]) ? (r * 10 + d(v, i)) % 97
				: (r * 100 + (unsigned)(v[i] - 'A') + 10) % 97;
	return r;
}

/* EAN: weights 1 and 3 in turn from the right. */
static bool
ean(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += d(v, n - 1 - i) * (i % 2 == 1 ? 3 : 1);
	return sum % 10 == 0;
}

/* ---- United States ---- */

/* ABA: weights 3, 7, 1; the first two digits name a district. */
static bool
us_aba(const uint8_t *v, size_t n)
{
	uint32_t p;

	if (!exactly(v, n, 9))
		return false;
	p = number(v, 2);
	return (p <= 12 || (p >= 21 && p <= 32) || (p >= 61 && p <= 72) ||
		   p == 80) &&
	       weighted(v, "371371371") % 10 == 0;
}

/* IRS: 9xx, and a group within the ranges that were given out. */
static bool
us_itin(const uint8_t *v, size_t n)
{
	uint32_t g;

	if (!exactly(v, n, 9) || v[0] != '9')
		return false;
	g = number(v + 3, 2);
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

	if (!exactly(v, n, 9))
		return false;
	p = number(v, 2);
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

	if (!exactly(v, n, 10) || (v[0] != '1' && v[0] != '2'))
		return false;
	memcpy(whole + 5, v, 10);
	return luhn(whole, sizeof whole);
}

/* DEA: (1st+3rd+5th) + 2 (2nd+4th+6th) ends in the 7th. */
static bool
us_dea(const uint8_t *v, size_t n)
{
	return n == 9 && one_of(v[0], "ABCDEFGHJKLMPRSTUX") &&
	       (capital(v[1]) || v[1] == '9') && exactly(v + 2, 7, 7) &&
	       weighted(v + 2, "121212") % 10 == d(v, 8);
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

static bool
ca_sin(const uint8_t *v, size_t n)
{
	return exactly(v, n, 9) && luhn(v, n);
}

/* RENAPO: date, sex, and a check digit over 37 characters. */
static bool
mx_curp(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	if (n != 18 || !digits(v + 4, 6) || !one_of(v[10], "HMX") ||
	    !digit(v[17]) ||
	    !short_date(number(v + 4, 2), number(v + 6, 2), number(v + 8, 2)))
		return false;
	for (size_t i = 0; i < 17; i++) {
		unsigned x;

		if (!digit(v[i]) && !capital(v[i]))
			return false;
		x = digit(v[i]) ? d(v, i) : (unsigned)(v[i] - 'A') + 10;
		/* An N with a tilde stands between N and O. */
		sum += (x > 23 ? x + 1 : x) * (unsigned)(18 - i);
	}
	return rest(sum, 10) == d(v, 17);
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
	return digits(v + k, 6) &&
	       short_date(number(v + k, 2), number(v + k + 2, 2),
		   number(v + k + 4, 2));
}

/* Banco de Mexico: weights 3, 7, 1, each product modulo 10. */
static bool
mx_clabe(const uint8_t *v, size_t n)
{
	return exactly(v, n, 18) &&
	       rest(weighted(v, "37137137137137137"), 10) == d(v, 17);
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

	if (n != 14 || !digits(v + 12, 2))
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

	if (!exactly(v, n, 11))
		return false;
	first = weighted(v, "987654321") % 11;
	second = weighted(v, "123456789") % 11;
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
	return exactly(v, n, 11) &&
	       rest(weighted(v, "3298765432"), 11) % 10 == d(v, 10);
}

/* AFIP: CUIT and CUIL. */
static bool
ar_cuit(const uint8_t *v, size_t n)
{
	uint32_t p;
	unsigned r;

	if (!exactly(v, n, 11))
		return false;
	p = number(v, 2);
	r = rest(weighted(v, "5432765432"), 11);
	return (p == 20 || p == 23 || p == 24 || p == 27 || p == 30 ||
		   p == 33 || p == 34 || p == 50 || p == 51 || p == 55) &&
	       (r == 10 ? 9 : r) == d(v, 10);
}

/* BCRA: a block of 8 and one of 14 digits. */
static bool
ar_cbu(const uint8_t *v, size_t n)
{
	return exactly(v, n, 22) &&
	       rest(weighted(v, "7139713"), 10) == d(v, 7) &&
	       rest(weighted(v + 8, "3971397139713"), 10) == d(v, 21);
}

/* SII and Registro Civil: weights 2 to 7 from the right, K is 10. */
static bool
cl_rut(const uint8_t *v, size_t n)
{
	unsigned sum = 0, r;

	if (n < 8 || n > 9 || !digits(v, n - 1))
		return false;
	for (size_t i = 0; i + 1 < n; i++)
		sum += d(v, n - 2 - i) * (unsigned)(i % 6 + 2);
	r = rest(sum, 11);
	return v[n - 1] == (r == 10 ? 'K' : '0' + r);
}

/* DIAN: primes from the right. */
static bool
co_nit(const uint8_t *v, size_t n)
{
	static const uint8_t primes[] = {
	    3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71};
	unsigned sum = 0;

	if (n < 8 || n > 16 || !exactly(v, n, n))
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

	if (!exactly(v, n, 10))
		return false;
	p = number(v, 2);
	return ((p >= 1 && p <= 24) || p == 30 || p == 50) && v[2] <= '6' &&
	       luhn(v, n);
}

/* SUNAT. */
static bool
pe_ruc(const uint8_t *v, size_t n)
{
	uint32_t p;

	if (!exactly(v, n, 11))
		return false;
	p = number(v, 2);
	return (p == 10 || p == 15 || p == 17 || p == 20) &&
	       (11 - weighted(v, "5432765432") % 11) % 10 == d(v, 10);
}

/* DGI: place 1 to 22, six digits, 001, check digit. */
static bool
uy_rut(const uint8_t *v, size_t n)
{
	uint32_t p;
	unsigned r;

	if (!exactly(v, n, 12) || memcmp(v + 8, "001", 3) != 0 ||
	    memcmp(v + 2, "000000", 6) == 0)
		return false;
	p = number(v, 2);
	r = rest(weighted(v, "43298765432"), 11);
	return p >= 1 && p <= 22 && r < 10 && r == d(v, 11);
}

/* SENIAT: the kind of person is a first summand. */
static bool
ve_rif(const uint8_t *v, size_t n)
{
	static const char kinds[] = "VEJPG";
	const char *kind;
	unsigned r;

	if (n != 10 || !digits(v + 1, 9) || v[0] == 0)
		return false;
	kind = strchr(kinds, v[0]);
	if (kind == NULL)
		return false;
	r = ((unsigned)(kind - kinds + 1) * 4 + weighted(v + 1, "32765432")) %
	    11;
	return (r < 2 ? 0 : 11 - r) == d(v, 9);
}

/* ---- British Isles ---- */

/* NHS Data Dictionary: modulus 11; a remainder of ten is not given out. */
static bool
gb_nhs(const uint8_t *v, size_t n)
{
	return exactly(v, n, 10) &&
	       rest(weighted(v, "a98765432"), 11) == d(v, 9);
}

/* HMRC: the first digit checks the other nine. */
static bool
gb_utr(const uint8_t *v, size_t n)
{
	static const char check[] = "21987654321";

	return exactly(v, n, 10) &&
	       v[0] == (uint8_t)check[weighted(v + 1, "6789a5432") % 11];
}

/* HMRC NIM39110: letters that are not used, and pairs that are not. */
static bool
gb_nino(const uint8_t *v, size_t n)
{
	static const char *const none[] = {
	    "BG", "GB", "NK", "KN", "TN", "NT", "ZZ"};

	if (n != 9 || !digits(v + 2, 6) || !one_of(v[8], "ABCD") ||
	    !capital(v[0]) || !capital(v[1]) || one_of(v[0], "DFIQUV") ||
	    one_of(v[1], "DFIOQUV"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (memcmp(v, none[i], 2) == 0)
			return false;
	return true;
}

/*
 * DVLA: surname (five, filled up with 9), decade, month (50 more for women),
 * day, year, initials, two characters.
 */
static bool
gb_driver(const uint8_t *v, size_t n)
{
	uint32_t month;
	bool filled = false;

	if (n != 16 || !digits(v + 5, 6) || !capital(v[0]))
		return false;
	for (size_t i = 0; i < 5; i++) {
		if (v[i] != '9' && (!capital(v[i]) || filled))
			return false;
		filled = v[i] == '9';
	}
	month = number(v + 6, 2) % 50;
	return month >= 1 && month <= 12 && number(v + 6, 2) <= 62 &&
	       number(v + 8, 2) >= 1 && number(v + 8, 2) <= 31 &&
	       (capital(v[11]) || v[11] == '9') &&
	       (capital(v[12]) || v[12] == '9');
}

/* Revenue: PPSN with one or two letters, modulus 23. */
static bool
ie_pps(const uint8_t *v, size_t n)
{
	unsigned sum;

	if ((n != 8 && n != 9) || !digits(v, 7) || !capital(v[7]) ||
	    (n == 9 && !one_of(v[8], "ABCDEFGHIWTX")))
		return false;
	sum = weighted(v, "8765432");
	if (n == 9 && v[8] <= 'I')
		sum += 9 * (unsigned)(v[8] - 'A' + 1);
	sum %= 23;
	return v[7] == (sum == 0 ? 'W' : 'A' + sum - 1);
}

/* ---- Germany, Austria, Switzerland ---- */

/* BZSt: among the first ten one digit comes twice or three times. */
static bool
de_idnr(const uint8_t *v, size_t n)
{
	unsigned count[10] = {0};
	unsigned repeated = 0;

	if (!exactly(v, n, 11) || v[0] == '0')
		return false;
	for (size_t i = 0; i < 10; i++)
		count[d(v, i)]++;
	for (size_t i = 0; i < 10; i++) {
		if (count[i] > 3)
			return false;
		repeated += count[i] > 1;
	}
	return repeated == 1 && mod11_10(v, n);
}

static bool
de_vat(const uint8_t *v, size_t n)
{
	if (n == 11 && v[0] == 'D' && v[1] == 'E') {
		v += 2;
		n -= 2;
	}
	return exactly(v, n, 9) && v[0] != '0' && mod11_10(v, n);
}

/* ICAO 9303: weights 7, 3, 1; letters count from 10. */
static unsigned
icao(const uint8_t *v, size_t n)
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

/* BMI: identity card or passport, nine places and their check digit. */
static bool
de_document(const uint8_t *v, size_t n)
{
	if (n != 10 || !one_of(v[0], "CFGHJKLMNPRTVWXYZ") || !digit(v[9]))
		return false;
	for (size_t i = 1; i < 9; i++)
		if (!digit(v[i]) && !one_of(v[i], "CFGHJKLMNPRTVWXYZ"))
			return false;
	return icao(v, 9) == d(v, 9);
}

/* Sum of the digits of products with weights, as VKVV and GKV have it. */
static unsigned
crossed(const uint8_t *v, const char *weights)
{
	unsigned sum = 0;

	for (size_t i = 0; weights[i] != '\0'; i++) {
		unsigned x = d(v, i) * (unsigned)(weights[i] - '0');

		sum += x / 10 + x % 10;
	}
	return sum;
}

/* VKVV section 4: insurance number of the pension scheme. */
static bool
de_rvnr(const uint8_t *v, size_t n)
{
	uint8_t flat[11];

	if (n != 12 || !digits(v, 8) || !capital(v[8]) || !digits(v + 9, 3))
		return false;
	memcpy(flat, v, 8);
	flat[8] = (uint8_t)('0' + (v[8] - 'A' + 1) / 10);
	flat[9] = (uint8_t)('0' + (v[8] - 'A' + 1) % 10);
	flat[10] = v[9];
	return number(v + 4, 2) >= 1 && number(v + 4, 2) <= 12 &&
	       number(v + 2, 2) >= 1 && number(v + 2, 2) <= 81 &&
	       (crossed(flat, "21257121212") +
		   crossed((const uint8_t[]){v[10]}, "1")) %
		       10 ==
		   d(v, 11);
}

/* GKV: the lasting part of the number on the health card. */
static bool
de_kvnr(const uint8_t *v, size_t n)
{
	uint8_t flat[10];

	if (n != 10 || !capital(v[0]) || !digits(v + 1, 9))
		return false;
	flat[0] = (uint8_t)('0' + (v[0] - 'A' + 1) / 10);
	flat[1] = (uint8_t)('0' + (v[0] - 'A' + 1) % 10);
	memcpy(flat + 2, v + 1, 8);
	return crossed(flat, "1212121212") % 10 == d(v, 9);
}

/* Dachverband: the fourth digit checks the others. */
static bool
at_vnr(const uint8_t *v, size_t n)
{
	return exactly(v, n, 10) && v[0] != '0' &&
	       weighted(v, "3790584216") % 11 == d(v, 3);
}

/* ZAS: 756 and an EAN-13. */
static bool
ch_ahv(const uint8_t *v, size_t n)
{
	return exactly(v, n, 13) && memcmp(v, "756", 3) == 0 && ean(v, n);
}

/* ---- France, Italy, Iberia ---- */

/* INSEE: 97 less the remainder; Corsica counts as 19 and 18. */
static bool
fr_nir(const uint8_t *v, size_t n)
{
	uint8_t flat[13];

	if (n != 15 || v[0] < '1' || v[0] > '8')
		return false;
	memcpy(flat, v, sizeof flat);
	if (flat[5] == '2' && (flat[6] == 'A' || flat[6] == 'B')) {
		flat[5] = '1';
		flat[6] = flat[6] == 'A' ? '9' : '8';
	}
	return digits(flat, 13) && digits(v + 13, 2) &&
	       97 - mod97(flat, 13) == number(v + 13, 2);
}

static bool
fr_siren(const uint8_t *v, size_t n)
{
	return exactly(v, n, 9) && luhn(v, n);
}

/* INSEE: Luhn; the post office's own need a sum that 5 divides. */
static bool
fr_siret(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	if (!exactly(v, n, 14))
		return false;
	for (size_t i = 0; i < n; i++)
		sum += d(v, i);
	if (memcmp(v, "356000000", 9) == 0 && sum % 5 == 0)
		return true;
	return luhn(v, 9) && luhn(v, n);
}

/* The digit that a letter of omocodia stands for, or 10. */
static unsigned
omocodia(uint8_t c)
{
	static const char letters[] = "LMNPQRSTUV";
	const char *p;

	if (digit(c))
		return (unsigned)(c - '0');
	p = c != 0 ? strchr(letters, c) : NULL;
	return p != NULL ? (unsigned)(p - letters) : 10;
}

/* DM 23/12/1976: odd places by a table, modulus 26. */
static bool
it_codice_fiscale(const uint8_t *v, size_t n)
{
	static const uint8_t odd[] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4,
	    18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
	static const char months[] = "ABCDEHLMPRST";
	static const uint8_t at[] = {6, 7, 9, 10, 12, 13, 14};
	const char *month;
	unsigned x[7], sum = 0;

	if (n != 16 || v[8] == 0 || (month = strchr(months, v[8])) == NULL)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		if ((x[i] = omocodia(v[at[i]])) == 10)
			return false;
	if (!short_date(x[0] * 10 + x[1], (uint32_t)(month - months) + 1,
		(x[2] * 10 + x[3]) % 40) ||
	    x[2] * 10 + x[3] > 71)
		return false;
	for (size_t i = 0; i < 15; i++) {
		unsigned c;

		if (!digit(v[i]) && !capital(v[i]))
			return false;
		c = digit(v[i]) ? d(v, i) : (unsigned)(v[i] - 'A');
		sum += i % 2 == 0 ? odd[c] : c;
	}
	return v[15] == 'A' + sum % 26;
}

/* Agenzia delle Entrate: Luhn, and the office that gave it. */
static bool
it_iva(const uint8_t *v, size_t n)
{
	uint32_t office;

	if (!exactly(v, n, 11) || number(v, 7) == 0)
		return false;
	office = number(v + 7, 3);
	return ((office >= 1 && office <= 100) || office == 120 ||
		   office == 121 || office == 888 || office == 999) &&
	       luhn(v, n);
}

/* Real Decreto 1553/2005: the letter is the number modulo 23. */
static bool
es_nif(const uint8_t *v, size_t n)
{
	static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";
	uint32_t x;

	if (n != 9 || !digits(v + 1, 7))
		return false;
	x = number(v + 1, 7);
	if (digit(v[0]))
		x += d(v, 0) * 10000000;
	else if (one_of(v[0], "XYZ"))
		x += (uint32_t)(v[0] - 'X') * 10000000;
	else if (!one_of(v[0], "KLM"))
		return false;
	return v[8] == (uint8_t)letters[x % 23];
}

/* Orden EHA/451/2008: Luhn, as a digit or a letter. */
static bool
es_cif(const uint8_t *v, size_t n)
{
	uint8_t whole[8];
	unsigned check = 0;

	if (n != 9 || !one_of(v[0], "ABCDEFGHJNPQRSUVW") || !digits(v + 1, 7))
		return false;
	memcpy(whole, v + 1, 7);
	for (; check < 10; check++) {
		whole[7] = (uint8_t)('0' + check);
		if (luhn(whole, 8))
			break;
	}
	return v[8] == '0' + check || v[8] == (uint8_t) "JABCDEFGHI"[check];
}

static bool
pt_nif(const uint8_t *v, size_t n)
{
	return exactly(v, n, 9) && v[0] != '0' &&
	       rest(weighted(v, "98765432"), 11) % 10 == d(v, 8);
}

/* ---- Netherlands, Belgium ---- */

/* Rijksdienst voor Identiteitsgegevens: the eleven test. */
static bool
nl_bsn(const uint8_t *v, size_t n)
{
	return exactly(v, n, 9) && weighted(v, "98765432") % 11 == d(v, 8);
}

/* Rijksregister: 97 less the remainder, with a 2 before it since 2000. */
static bool
be_nn(const uint8_t *v, size_t n)
{
	uint64_t x;
	uint32_t check;

	if (!exactly(v, n, 11))
		return false;
	x = number(v, 9);
	check = number(v + 9, 2);
	return 97 - x % 97 == check || 97 - (x + 2000000000) % 97 == check;
}

/* ---- North ---- */

/* Skatteverket: Luhn over the last ten; a coordination number adds 60. */
static bool
se_personnummer(const uint8_t *v, size_t n)
{
	if (n == 12 && digits(v, 2) &&
	    (number(v, 2) == 19 || number(v, 2) == 20 || number(v, 2) == 18)) {
		v += 2;
		n -= 2;
	}
	return exactly(v, n, 10) &&
	       short_date(
		   number(v, 2), number(v + 2, 2), number(v + 4, 2) % 60) &&
	       number(v + 4, 2) != 60 && luhn(v, n);
}

/* Bolagsverket: the middle pair is 20 at least. */
static bool
se_orgnr(const uint8_t *v, size_t n)
{
	return exactly(v, n, 10) && luhn(v, n);
}

/* The year that an individual number belongs to, or 0. */
static uint32_t
no_year(uint32_t year, uint32_t individual)
{
	if (individual < 500)
		return 1900 + year;
	if (individual < 750 && year >= 54)
		return 1800 + year;
	if (year < 40)
		return 2000 + year;
	return individual >= 900 ? 1900 + year : 0;
}

/* Skatteetaten: date (D number: day + 40, H: month + 40), two digits. */
static bool
no_fnr(const uint8_t *v, size_t n)
{
	uint32_t day, month, year;

	if (!exactly(v, n, 11))
		return false;
	day = number(v, 2);
	month = number(v + 2, 2);
	day = day > 40 ? day - 40 : day;
	month = month > 80 ? month - 80 : month > 40 ? month - 40 : month;
	year = no_year(number(v + 4, 2), number(v + 6, 3));
	return year != 0 && real_date(year, month, day) &&
	       rest(weighted(v, "376189452"), 11) == d(v, 9) &&
	       rest(weighted(v, "5432765432"), 11) == d(v, 10);
}

static bool
no_orgnr(const uint8_t *v, size_t n)
{
	return exactly(v, n, 9) && rest(weighted(v, "32765432"), 11) == d(v, 8);
}

/* CPR: a date, not far in the future; no check digit since 2007. */
static bool
dk_cpr(const uint8_t *v, size_t n)
{
	uint32_t year;

	if (!exactly(v, n, 10))
		return false;
	year = number(v + 4, 2);
	if (one_of(v[6], "5678") && year >= 58)
		year += 1800;
	else if (v[6] <= '3' || (one_of(v[6], "49") && year >= 37))
		year += 1900;
	else
		year += 2000;
	return year <= 2028 && real_date(year, number(v + 2, 2), number(v, 2));
}

static bool
dk_cvr(const uint8_t *v, size_t n)
{
	return exactly(v, n, 8) && v[0] != '0' &&
	       weighted(v, "27654321") % 11 == 0;
}

/* DVV: date, sign of the century (more of them since 2023), modulus 31. */
static bool
fi_hetu(const uint8_t *v, size_t n)
{
	static const char check[] = "0123456789ABCDEFHJKLMNPRSTUVWXY";
	uint32_t year, serial;

	if (n != 11 || !digits(v, 6) || !digits(v + 7, 3))
		return false;
	year = number(v + 4, 2);
	if (v[6] == '+')
		year += 1800;
	else if (one_of(v[6], "-YXWVU"))
		year += 1900;
	else if (one_of(v[6], "ABCDEF"))
		year += 2000;
	else
		return false;
	serial = number(v + 7, 3);
	return serial >= 2 && real_date(year, number(v + 2, 2), number(v, 2)) &&
	       v[10] == (uint8_t)check[(number(v, 6) * 1000U + serial) % 31];
}

/* Registers Iceland: the ninth checks, the last is the century. */
static bool
is_kennitala(const uint8_t *v, size_t n)
{
	uint32_t day, year;

	if (!exactly(v, n, 10) || !one_of(v[9], "890"))
		return false;
	day = number(v, 2);
	day = day > 40 ? day - 40 : day;
	year = (v[9] == '0' ? 2000U : 1000 + d(v, 9) * 100) + number(v + 4, 2);
	return real_date(year, number(v + 2, 2), day) &&
	       weighted(v, "327654321") % 11 == 0;
}

/* ---- Baltic ---- */

/* Estonia and Lithuania: two rows of weights, the second if ten is left. */
static bool
baltic(const uint8_t *v, size_t n)
{
	unsigned r;
	uint32_t year;

	if (!exactly(v, n, 11) || v[0] < '1' || v[0] > '8')
		return false;
	year = 1800 + (d(v, 0) - 1) / 2 * 100 + number(v + 1, 2);
	if (!real_date(year, number(v + 3, 2), number(v + 5, 2)))
		return false;
	r = weighted(v, "1234567891") % 11;
	if (r == 10)
		r = weighted(v, "3456789123") % 11 % 10;
	return r == d(v, 10);
}

/* PMLP: date and century, or 32 and no date since 2017. */
static bool
lv_pk(const uint8_t *v, size_t n)
{
	if (!exactly(v, n, 11) || v[0] > '3')
		return false;
	if ((v[0] != '3' || v[1] != '2') &&
	    (v[6] > '2' || !real_date(1800 + d(v, 6) * 100 + number(v + 4, 2),
			       number(v + 2, 2), number(v, 2))))
		return false;
	return (1 + weighted(v, "a584216379")) % 11 % 10 == d(v, 10);
}

/* ---- Middle, East and South of Europe ---- */

/* Ministerstwo Cyfryzacji: the century is added to the month. */
static bool
pl_pesel(const uint8_t *v, size_t n)
{
	static const uint16_t centuries[] = {1900, 2000, 2100, 2200, 1800};
	uint32_t month;

	if (!exactly(v, n, 11))
		return false;
	month = number(v + 2, 2);
	return real_date(centuries[month / 20] + number(v, 2), month % 20,
		   number(v + 4, 2)) &&
	       rest(weighted(v, "1379137913"), 10) == d(v, 10);
}

static bool
pl_nip(const uint8_t *v, size_t n)
{
	return exactly(v, n, 10) && weighted(v, "657234567") % 11 == d(v, 9);
}

static bool
pl_regon(const uint8_t *v, size_t n)
{
	if (n == 14)
		return exactly(v, n, 14) && pl_regon(v, 9) &&
		       weighted(v, "2485097361248") % 11 % 10 == d(v, 13);
	return exactly(v, n, 9) && weighted(v, "89234567") % 11 % 10 == d(v, 8);
}

/* Zakon 133/2000: the month of women is 50 more, of a full day 20 more. */
static bool
cz_rc(const uint8_t *v, size_t n)
{
	uint32_t year, month;

	if ((n != 9 && n != 10) || !exactly(v, n, n))
		return false;
	year = 1900 + number(v, 2);
	month = number(v + 2, 2) % 50 % 20;
	if (n == 9)
		year -= year >= 1980 ? 100 : 0;
	else
		year += year < 1954 ? 100 : 0;
	if ((n == 9 && year > 1953) ||
	    !real_date(year, month, number(v + 4, 2)))
		return false;
	if (n == 9)
		return true;
	return number(v, 9) % 11 == d(v, 9) ||
	       (year < 1985 && number(v, 9) % 11 == 10 && v[9] == '0');
}

static bool
ro_cnp(const uint8_t *v, size_t n)
{
	static const uint16_t centuries[] = {
	    0, 1900, 1900, 1800, 1800, 2000, 2000, 1900, 1900, 1900};
	unsigned r;

	if (!exactly(v, n, 13) || v[0] == '0' ||
	    !real_date(centuries[d(v, 0)] + number(v + 1, 2), number(v + 3, 2),
		number(v + 5, 2)))
		return false;
	r = weighted(v, "279146358279") % 11;
	return (r == 10 ? 1 : r) == d(v, 12);
}

static bool
bg_egn(const uint8_t *v, size_t n)
{
	uint32_t year, month;

	if (!exactly(v, n, 10))
		return false;
	year = 1900 + number(v, 2);
	month = number(v + 2, 2);
	if (month > 40) {
		year += 100;
		month -= 40;
	} else if (month > 20) {
		year -= 100;
		month -= 20;
	}
	return real_date(year, month, number(v + 4, 2)) &&
	       weighted(v, "2485a9736") % 11 % 10 == d(v, 9);
}

static bool
gr_amka(const uint8_t *v, size_t n)
{
	return exactly(v, n, 11) &&
	       short_date(number(v + 4, 2), number(v + 2, 2), number(v, 2)) &&
	       luhn(v, n);
}

/* AADE: powers of two. */
static bool
gr_afm(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	if (!exactly(v, n, 9))
		return false;
	for (size_t i = 0; i < 8; i++)
		sum += d(v, i) << (8 - i);
	return sum % 11 % 10 == d(v, 8);
}

static bool
hr_oib(const uint8_t *v, size_t n)
{
	return exactly(v, n, 11) && mod11_10(v, n);
}

/* JMBG and EMSO: day, month, three digits of the year, region. */
static bool
si_emso(const uint8_t *v, size_t n)
{
	uint32_t year;

	if (!exactly(v, n, 13))
		return false;
	year = number(v + 4, 3);
	year += year < 800 ? 2000 : 1000;
	return real_date(year, number(v + 2, 2), number(v, 2)) &&
	       rest(weighted(v, "765432765432"), 11) % 10 == d(v, 12);
}

/* ---- Russia, Ukraine, Turkey, Israel, South Africa ---- */

static bool
ru_inn(const uint8_t *v, size_t n)
{
	if (n == 10)
		return exactly(v, n, 10) &&
		       weighted(v, "24a359468") % 11 % 10 == d(v, 9);
	return exactly(v, n, 12) &&
	       weighted(v, "724a359468") % 11 % 10 == d(v, 10) &&
	       weighted(v, "3724a359468") % 11 % 10 == d(v, 11);
}

/* PFR: modulus 101; numbers up to 001-001-998 had no check digits. */
static bool
ru_snils(const uint8_t *v, size_t n)
{
	return exactly(v, n, 11) && number(v, 9) > 1001998 &&
	       weighted(v, "987654321") % 101 % 100 == number(v + 9, 2);
}

static bool
ua_rntrc(const uint8_t *v, size_t n)
{
	unsigned sum;

	if (!exactly(v, n, 10))
		return false;
	/* The first weight is -1, which is 10 modulo 11. */
	sum = weighted(v, "a5794"
			  "6a57");
	return sum % 11 % 10 == d(v, 9);
}

static bool
tr_tckn(const uint8_t *v, size_t n)
{
	unsigned odd, even;

	if (!exactly(v, n, 11) || v[0] == '0')
		return false;
	odd = weighted(v, "101010101");
	even = weighted(v, "010101010");
	return (odd * 7 + 9 * even) % 10 == d(v, 9) &&
	       (odd + even + d(v, 9)) % 10 == d(v, 10);
}

/* A sum like Luhn's over nine digits; short numbers get zeros before them. */
static bool
il_id(const uint8_t *v, size_t n)
{
	return (n == 8 || n == 9) && exactly(v, n, n) && luhn(v, n);
}

static bool
ae_id(const uint8_t *v, size_t n)
{
	return exactly(v, n, 15) && memcmp(v, "784", 3) == 0 &&
	       number(v + 3, 4) >= 1900 && number(v + 3, 4) <= 2099 &&
	       luhn(v, n);
}

static bool
sa_id(const uint8_t *v, size_t n)
{
	return exactly(v, n, 10) && (v[0] == '1' || v[0] == '2') && luhn(v, n);
}

static bool
za_id(const uint8_t *v, size_t n)
{
	return exactly(v, n, 13) && v[10] <= '2' &&
	       short_date(number(v, 2), number(v + 2, 2), number(v + 4, 2)) &&
	       luhn(v, n);
}

/* ---- Australia, New Zealand ---- */

static bool
au_tfn(const uint8_t *v, size_t n)
{
	return exactly(v, n, 9) && weighted(v, "14375869a") % 11 == 0;
}

/* ATO: less one in the first place, modulus 89. */
static bool
au_abn(const uint8_t *v, size_t n)
{
	return exactly(v, n, 11) && v[0] != '0' &&
	       (weighted(v, "a13579bdfhj") + 79) % 89 == 0;
}

static bool
au_acn(const uint8_t *v, size_t n)
{
	return exactly(v, n, 9) && rest(weighted(v, "87654321"), 10) == d(v, 8);
}

/* Services Australia: eight digits, their check, the card's issue. */
static bool
au_medicare(const uint8_t *v, size_t n)
{
	return (n == 10 || n == 11) && exactly(v, n, n) && v[0] >= '2' &&
	       v[0] <= '6' && v[9] != '0' &&
	       weighted(v, "13791379") % 10 == d(v, 8);
}

/* Inland Revenue: two rows of weights. */
static bool
nz_ird(const uint8_t *v, size_t n)
{
	uint8_t nine[9] = "0";
	uint32_t all;
	unsigned r;

	if ((n != 8 && n != 9) || !exactly(v, n, n))
		return false;
	memcpy(nine + 9 - n, v, n);
	all = number(nine, 9);
	if (all < 10000000 || all > 150000000)
		return false;
	r = rest(weighted(nine, "32765432"), 11);
	if (r == 10)
		r = rest(weighted(nine, "74325276"), 11);
	return r < 10 && r == d(nine, 8);
}

/* ---- China, Taiwan, Japan, Korea ---- */

/* GB 32100-2015: 31 characters, powers of 3, modulus 31. */
static bool
cn_uscc(const uint8_t *v, size_t n)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
	unsigned sum = 0;
	unsigned weight = 1;

	if (n != 18 || !digits(v + 2, 6))
		return false;
	for (size_t i = 0; i < 18; i++) {
		const char *p = v[i] != 0 ? strchr(alphabet, v[i]) : NULL;

		if (p == NULL)
			return false;
		if (i == 17)
			return rest(sum, 31) == (unsigned)(p - alphabet);
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
	if (!digits(flat + letters, 6))
		return false;
	sum = letters == 2 ? (unsigned)(flat[0] - 'A' + 10) * 9 +
				 (unsigned)(flat[1] - 'A' + 10) * 8
			   : 36 * 9 + (unsigned)(flat[0] - 'A' + 10) * 8;
	sum += weighted(flat + letters, "765432");
	return flat[k - 1] == (rest(sum, 11) == 10 ? 'A' : '0' + rest(sum, 11));
}

/* Ministry of the Interior: a letter counts as two digits. */
static bool
tw_id(const uint8_t *v, size_t n)
{
	static const uint8_t codes[] = {10, 11, 12, 13, 14, 15, 16, 17, 34, 18,
	    19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31, 33};
	unsigned code;

	if (n != 10 || !capital(v[0]) || !digits(v + 1, 9) ||
	    !one_of(v[1], "1289"))
		return false;
	code = codes[v[0] - 'A'];
	return (code / 10 + code % 10 * 9 + weighted(v + 1, "876543211")) %
		   10 ==
	       0;
}

/* Ministry of Finance: modulus 5 since April 2023. */
static bool
tw_ubn(const uint8_t *v, size_t n)
{
	unsigned sum;

	if (!exactly(v, n, 8))
		return false;
	sum = crossed(v, "12121241");
	return sum % 5 == 0 || (v[6] == '7' && (sum + 1) % 5 == 0);
}

/* Ordinance 85 of 2014. */
static bool
jp_my_number(const uint8_t *v, size_t n)
{
	unsigned r;

	if (!exactly(v, n, 12))
		return false;
	r = weighted(v, "65432765432") % 11;
	return (r <= 1 ? 0 : 11 - r) == d(v, 11);
}

/* National Tax Agency: the first digit checks the others, modulus 9. */
static bool
jp_corporate(const uint8_t *v, size_t n)
{
	return exactly(v, n, 13) && v[0] != '0' &&
	       9 - weighted(v + 1, "212121212121") % 9 == d(v, 0);
}

/* Resident (1 to 4, 9, 0) and foreigner registration (5 to 8): a date. */
static bool
kr_rrn_date(const uint8_t *v, size_t n)
{
	uint32_t year;

	if (!exactly(v, n, 13))
		return false;
	year = number(v, 2) + (one_of(v[6], "1256")      ? 1900
				  : one_of(v[6], "3478") ? 2000
							 : 1800);
	return real_date(year, number(v + 2, 2), number(v + 4, 2));
}

/* The check digit, which numbers since October 2020 do not have. */
static bool
kr_rrn(const uint8_t *v, size_t n)
{
	return kr_rrn_date(v, n) &&
	       (11 - weighted(v, "234567892345") % 11) % 10 == d(v, 12);
}

static bool
kr_brn(const uint8_t *v, size_t n)
{
	return exactly(v, n, 10) && number(v, 3) >= 101 &&
	       rest(weighted(v, "137137135") + d(v, 8) * 5 / 10, 10) == d(v, 9);
}

/* ---- South and South-East Asia ---- */

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

/* UIDAI: Verhoeff; no leading 0 or 1, and no palindrome. */
static bool
in_aadhaar(const uint8_t *v, size_t n)
{
	unsigned c = 0;
	bool mirror = true;

	if (!exactly(v, n, 12) || v[0] < '2')
		return false;
	for (size_t i = 0; i < n; i++) {
		c = VERHOEFF_D[c][VERHOEFF_P[i % 8][d(v, n - 1 - i)]];
		mirror = mirror && v[i] == v[n - 1 - i];
	}
	return c == 0 && !mirror;
}

/* Income Tax Department: the fourth letter is the kind of holder. */
static bool
in_pan(const uint8_t *v, size_t n)
{
	if (n != 10 || !one_of(v[3], "ABCFGHJLPT") || !digits(v + 5, 4) ||
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

	if (n != 15 || !digits(v, 2) || v[13] != 'Z')
		return false;
	for (size_t i = 2; i < 15; i++)
		if (!digit(v[i]) && !capital(v[i]))
			return false;
	state = number(v, 2);
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
	       digits(v + 3, 7) && luhn(v + 3, 7);
}

/* ICA: NRIC (S, T) and FIN (F, G, M), modulus 11. */
static bool
sg_nric(const uint8_t *v, size_t n)
{
	unsigned sum;
	const char *check;

	if (n != 9 || !one_of(v[0], "STFGM") || !digits(v + 1, 7))
		return false;
	sum = weighted(v + 1, "2765432");
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

	if (!exactly(v, n, 12))
		return false;
	place = number(v + 6, 2);
	return short_date(number(v, 2), number(v + 2, 2), number(v + 4, 2)) &&
	       place != 0 && !(place >= 17 && place <= 20) && place != 69 &&
	       place != 70 && place != 73 && place != 80 && place != 81 &&
	       !(place >= 94 && place <= 97);
}

/* DOPA. */
static bool
th_pin(const uint8_t *v, size_t n)
{
	return exactly(v, n, 13) && v[0] >= '1' && v[0] <= '8' &&
	       (11 - weighted(v, "dcba98765432") % 11) % 10 == d(v, 12);
}

/* Region, date (day + 40 for women), serial. */
static bool
id_nik(const uint8_t *v, size_t n)
{
	uint32_t day;

	if (!exactly(v, n, 16) || number(v, 2) < 11 || number(v, 2) > 96)
		return false;
	day = number(v + 6, 2);
	return short_date(number(v + 10, 2), number(v + 8, 2),
		   day > 40 ? day - 40 : day) &&
	       number(v + 12, 4) != 0;
}

/* ---- Devices, papers, money ---- */

static bool
imei(const uint8_t *v, size_t n)
{
	return exactly(v, n, 15) && luhn(v, n);
}

/* ISO 6166: letters as two digits, then Luhn. */
static bool
isin(const uint8_t *v, size_t n)
{
	uint8_t flat[24];
	size_t k = 0;

	if (n != 12 || !capital(v[0]) || !capital(v[1]) || !digit(v[11]))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (digit(v[i])) {
			flat[k++] = v[i];
			continue;
		}
		if (!capital(v[i]))
			return false;
		flat[k++] = (uint8_t)('0' + (v[i] - 'A' + 10) / 10);
		flat[k++] = (uint8_t)('0' + (v[i] - 'A' + 10) % 10);
	}
	return luhn(flat, k);
}

/* ISO 17442 with ISO/IEC 7064 MOD 97-10. */
static bool
lei(const uint8_t *v, size_t n)
{
	if (n != 20 || !digits(v + 18, 2))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!digit(v[i]) && !capital(v[i]))
			return false;
	return mod97(v, n) == 1;
}

/* ISO 3779 and 49 CFR 565: modulus 11 in the ninth place. */
static bool
vin(const uint8_t *v, size_t n)
{
	static const uint8_t weights[] = {
	    8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
	static const char values[] = "12345678.12345.7.923456789";
	unsigned sum = 0;

	if (n != 17)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned x;

		if (!digit(v[i]) && (!capital(v[i]) || one_of(v[i], "IOQ")))
			return false;
		x = digit(v[i]) ? d(v, i)
				: (unsigned)(values[v[i] - 'A'] - '0');
		sum += x * weights[i];
	}
	return v[8] == (sum % 11 == 10 ? 'X' : '0' + sum % 11);
}

/* ICAO 9303 part 4: the second line of a passport's zone, 44 places. */
static bool
mrz(const uint8_t *v, size_t n)
{
	return n == 44 && digit(v[9]) && digit(v[19]) && digit(v[27]) &&
	       digits(v + 13, 6) && digits(v + 21, 6) &&
	       icao(v, 9) == d(v, 9) && icao(v + 13, 6) == d(v, 19) &&
	       icao(v + 21, 6) == d(v, 27);
}

#define ROW(name, accept) {#name, name, accept, false},
static const struct validator ROWS[] = {NATIONAL(ROW)};

const struct validator *
national_validators(size_t *n)
{
	*n = ARRAY_LEN(ROWS);
	return ROWS;
}
