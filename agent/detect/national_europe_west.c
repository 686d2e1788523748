/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national_europe_west - numbers of the British Isles, the Alps, the Benelux
 * and the countries of Romance languages.
 *
 * Owns: one small function for each number, named after its country and its
 * own name.
 * Never: looks outside of the value that it is given, or allocates.
 */
#include <string.h>

#include "agent/detect/digits.h"
#include "agent/detect/national.h"

#include "lib/own.h"

/* ---- British Isles ---- */

/* NHS Data Dictionary: modulus 11; a remainder of ten is not given out. */
static bool
gb_nhs(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 10) &&
	       digits_rest(digits_weighted(v, "a98765432"), 11) == d(v, 9);
}

/* HMRC: the first digit checks the other nine. */
static bool
gb_utr(const uint8_t *v, size_t n)
{
	static const char check[] = "21987654321";

	return digits_exactly(v, n, 10) &&
	       v[0] == (uint8_t)check[digits_weighted(v + 1, "6789a5432") % 11];
}

/* HMRC NIM39110: letters that are not used, and pairs that are not. */
static bool
gb_nino(const uint8_t *v, size_t n)
{
	static const char *const none[] = {
	    "BG", "GB", "NK", "KN", "TN", "NT", "ZZ"};

	if (n != 9 || !digits_all(v + 2, 6) || !one_of(v[8], "ABCD") ||
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

	if (n != 16 || !digits_all(v + 5, 6) || !capital(v[0]))
		return false;
	for (size_t i = 0; i < 5; i++) {
		if (v[i] != '9' && (!capital(v[i]) || filled))
			return false;
		filled = v[i] == '9';
	}
	month = digits_number(v + 6, 2) % 50;
	return month >= 1 && month <= 12 && digits_number(v + 6, 2) <= 62 &&
	       digits_number(v + 8, 2) >= 1 && digits_number(v + 8, 2) <= 31 &&
	       (capital(v[11]) || v[11] == '9') &&
	       (capital(v[12]) || v[12] == '9');
}

/* Revenue: PPSN with one or two letters, modulus 23. */
static bool
ie_pps(const uint8_t *v, size_t n)
{
	unsigned sum;

	if ((n != 8 && n != 9) || !digits_all(v, 7) || !capital(v[7]) ||
	    (n == 9 && !one_of(v[8], "ABCDEFGHIWTX")))
		return false;
	sum = digits_weighted(v, "8765432");
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

	if (!digits_exactly(v, n, 11) || v[0] == '0')
		return false;
	for (size_t i = 0; i < 10; i++)
		count[d(v, i)]++;
	for (size_t i = 0; i < 10; i++) {
		if (count[i] > 3)
			return false;
		repeated += count[i] > 1;
	}
	return repeated == 1 && digits_mod11_10(v, n);
}

static bool
de_vat(const uint8_t *v, size_t n)
{
	if (n == 11 && v[0] == 'D' && v[1] == 'E') {
		v += 2;
		n -= 2;
	}
	return digits_exactly(v, n, 9) && v[0] != '0' && digits_mod11_10(v, n);
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
	return digits_icao(v, 9) == d(v, 9);
}

/* VKVV section 4: insurance number of the pension scheme. */
static bool
de_rvnr(const uint8_t *v, size_t n)
{
	uint8_t flat[11];

	if (n != 12 || !digits_all(v, 8) || !capital(v[8]) ||
	    !digits_all(v + 9, 3))
		return false;
	memcpy(flat, v, 8);
	flat[8] = (uint8_t)('0' + (v[8] - 'A' + 1) / 10);
	flat[9] = (uint8_t)('0' + (v[8] - 'A' + 1) % 10);
	flat[10] = v[9];
	return digits_number(v + 4, 2) >= 1 && digits_number(v + 4, 2) <= 12 &&
	       digits_number(v + 2, 2) >= 1 && digits_number(v + 2, 2) <= 81 &&
	       (digits_crossed(flat, "21257121212") +
		   digits_crossed((const uint8_t[]){v[10]}, "1")) %
		       10 ==
		   d(v, 11);
}

/* GKV: the lasting part of the number on the health card. */
static bool
de_kvnr(const uint8_t *v, size_t n)
{
	uint8_t flat[10];

	if (n != 10 || !capital(v[0]) || !digits_all(v + 1, 9))
		return false;
	flat[0] = (uint8_t)('0' + (v[0] - 'A' + 1) / 10);
	flat[1] = (uint8_t)('0' + (v[0] - 'A' + 1) % 10);
	memcpy(flat + 2, v + 1, 8);
	return digits_crossed(flat, "1212121212") % 10 == d(v, 9);
}

/* Dachverband: the fourth digit checks the others. */
static bool
at_vnr(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 10) && v[0] != '0' &&
	       digits_weighted(v, "3790584216") % 11 == d(v, 3);
}

/* ZAS: 756 and an EAN-13. */
static bool
ch_ahv(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 13) && memcmp(v, "756", 3) == 0 &&
	       digits_ean(v, n);
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
	return digits_all(flat, 13) && digits_all(v + 13, 2) &&
	       97 - digits_mod97(flat, 13) == digits_number(v + 13, 2);
}

static bool
fr_siren(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 9) && digits_luhn(v, n);
}

/* INSEE: Luhn; the post office's own need a sum that 5 divides. */
static bool
fr_siret(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	if (!digits_exactly(v, n, 14))
		return false;
	for (size_t i = 0; i < n; i++)
		sum += d(v, i);
	if (memcmp(v, "356000000", 9) == 0 && sum % 5 == 0)
		return true;
	return digits_luhn(v, 9) && digits_luhn(v, n);
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
	if (!digits_short_date(x[0] * 10 + x[1], (uint32_t)(month - months) + 1,
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

	if (!digits_exactly(v, n, 11) || digits_number(v, 7) == 0)
		return false;
	office = digits_number(v + 7, 3);
	return ((office >= 1 && office <= 100) || office == 120 ||
		   office == 121 || office == 888 || office == 999) &&
	       digits_luhn(v, n);
}

/* Real Decreto 1553/2005: the letter is the number modulo 23. */
static bool
es_nif(const uint8_t *v, size_t n)
{
	static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";
	uint32_t x;

	if (n != 9 || !digits_all(v + 1, 7))
		return false;
	x = digits_number(v + 1, 7);
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

	if (n != 9 || !one_of(v[0], "ABCDEFGHJNPQRSUVW") ||
	    !digits_all(v + 1, 7))
		return false;
	memcpy(whole, v + 1, 7);
	for (; check < 10; check++) {
		whole[7] = (uint8_t)('0' + check);
		if (digits_luhn(whole, 8))
			break;
	}
	return v[8] == '0' + check || v[8] == (uint8_t) "JABCDEFGHI"[check];
}

static bool
pt_nif(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 9) && v[0] != '0' &&
	       digits_rest(digits_weighted(v, "98765432"), 11) % 10 == d(v, 8);
}

/*
 * Cartão de Cidadão: the number of the document, whose letters count from 10
 * in a Luhn sum over twelve places; the tenth and eleventh are its version.
 */
static bool
pt_cc(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	if (n != 12 || !digits_all(v, 9) || !digit(v[11]))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned x;

		if (!digit(v[i]) && !capital(v[i]))
			return false;
		x = digit(v[i]) ? d(v, i) : (unsigned)(v[i] - 'A') + 10;
		if (i % 2 == 0)
			x = x * 2 > 9 ? x * 2 - 9 : x * 2;
		sum += x;
	}
	return sum % 10 == 0;
}

/* ---- Netherlands, Belgium, Luxembourg ---- */

/*
 * Matricule: date of birth, three digits, then a Luhn and a Verhoeff digit,
 * each over the eleven before both.
 */
static bool
lu_matricule(const uint8_t *v, size_t n)
{
	uint8_t other[12];

	if (!digits_exactly(v, n, 13) || digits_number(v, 4) < 1850 ||
	    digits_number(v, 4) > 2099 ||
	    !digits_date(digits_number(v, 4), digits_number(v + 4, 2),
		digits_number(v + 6, 2)))
		return false;
	memcpy(other, v, 11);
	other[11] = v[12];
	return digits_luhn(v, 12) && digits_verhoeff(other, sizeof other);
}

/* Rijksdienst voor Identiteitsgegevens: the eleven test. */
static bool
nl_bsn(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 9) &&
	       digits_weighted(v, "98765432") % 11 == d(v, 8);
}

/* Rijksregister: 97 less the remainder, with a 2 before it since 2000. */
static bool
be_nn(const uint8_t *v, size_t n)
{
	uint64_t x;
	uint32_t check;

	if (!digits_exactly(v, n, 11))
		return false;
	x = digits_number(v, 9);
	check = digits_number(v + 9, 2);
	return 97 - x % 97 == check || 97 - (x + 2000000000) % 97 == check;
}

/* KBV: weights 4 and 9 in turn over six digits; two more are the specialty. */
static bool
de_lanr(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 9) &&
	       digits_rest(digits_weighted(v, "494949"), 10) == d(v, 6);
}

#define ROW(name, accept) {#name, name, accept, false},
static const struct validator ROWS[] = {NATIONAL_EUROPE_WEST(ROW)};

const struct validator *
national_europe_west(size_t *n)
{
	*n = ARRAY_LEN(ROWS);
	return ROWS;
}
