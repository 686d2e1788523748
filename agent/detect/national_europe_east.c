/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national_europe_east - numbers of the North, the Baltic, the middle, east and
 * south of Europe.
 *
 * Owns: one small function for each number, named after its country and its
 * own name.
 * Never: looks outside of the value that it is given, or allocates.
 */
#include <string.h>

#include "agent/detect/digits.h"
#include "agent/detect/national.h"

#include "lib/own.h"

/* ---- North ---- */

/* Skatteverket: Luhn over the last ten; a coordination number adds 60. */
static bool
se_personnummer(const uint8_t *v, size_t n)
{
	if (n == 12 && digits_all(v, 2) &&
	    (digits_number(v, 2) == 19 || digits_number(v, 2) == 20 ||
		digits_number(v, 2) == 18)) {
		v += 2;
		n -= 2;
	}
	return digits_exactly(v, n, 10) &&
	       digits_short_date(digits_number(v, 2), digits_number(v + 2, 2),
		   digits_number(v + 4, 2) % 60) &&
	       digits_number(v + 4, 2) != 60 && digits_luhn(v, n);
}

/* Bolagsverket: the middle pair is 20 at least. */
static bool
se_orgnr(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 10) && digits_luhn(v, n);
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

	if (!digits_exactly(v, n, 11))
		return false;
	day = digits_number(v, 2);
	month = digits_number(v + 2, 2);
	day = day > 40 ? day - 40 : day;
	month = month > 80 ? month - 80 : month > 40 ? month - 40 : month;
	year = no_year(digits_number(v + 4, 2), digits_number(v + 6, 3));
	return year != 0 && digits_date(year, month, day) &&
	       digits_rest(digits_weighted(v, "376189452"), 11) == d(v, 9) &&
	       digits_rest(digits_weighted(v, "5432765432"), 11) == d(v, 10);
}

static bool
no_orgnr(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 9) &&
	       digits_rest(digits_weighted(v, "32765432"), 11) == d(v, 8);
}

/* CPR: a date, not far in the future; no check digit since 2007. */
static bool
dk_cpr(const uint8_t *v, size_t n)
{
	uint32_t year;

	if (!digits_exactly(v, n, 10))
		return false;
	year = digits_number(v + 4, 2);
	if (one_of(v[6], "5678") && year >= 58)
		year += 1800;
	else if (v[6] <= '3' || (one_of(v[6], "49") && year >= 37))
		year += 1900;
	else
		year += 2000;
	return year <= 2028 &&
	       digits_date(year, digits_number(v + 2, 2), digits_number(v, 2));
}

static bool
dk_cvr(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 8) && v[0] != '0' &&
	       digits_weighted(v, "27654321") % 11 == 0;
}

/* DVV: date, sign of the century (more of them since 2023), modulus 31. */
static bool
fi_hetu(const uint8_t *v, size_t n)
{
	static const char check[] = "0123456789ABCDEFHJKLMNPRSTUVWXY";
	uint32_t year, serial;

	if (n != 11 || !digits_all(v, 6) || !digits_all(v + 7, 3))
		return false;
	year = digits_number(v + 4, 2);
	if (v[6] == '+')
		year += 1800;
	else if (one_of(v[6], "-YXWVU"))
		year += 1900;
	else if (one_of(v[6], "ABCDEF"))
		year += 2000;
	else
		return false;
	serial = digits_number(v + 7, 3);
	return serial >= 2 &&
	       digits_date(
		   year, digits_number(v + 2, 2), digits_number(v, 2)) &&
	       v[10] ==
		   (uint8_t)check[(digits_number(v, 6) * 1000U + serial) % 31];
}

/* Registers Iceland: the ninth checks, the last is the century. */
static bool
is_kennitala(const uint8_t *v, size_t n)
{
	uint32_t day, year;

	if (!digits_exactly(v, n, 10) || !one_of(v[9], "890"))
		return false;
	day = digits_number(v, 2);
	day = day > 40 ? day - 40 : day;
	year = (v[9] == '0' ? 2000U : 1000 + d(v, 9) * 100) +
	       digits_number(v + 4, 2);
	return digits_date(year, digits_number(v + 2, 2), day) &&
	       digits_weighted(v, "327654321") % 11 == 0;
}

/* ---- Baltic ---- */

/* Estonia and Lithuania: two rows of weights, the second if ten is left. */
static bool
baltic(const uint8_t *v, size_t n)
{
	unsigned r;
	uint32_t year;

	if (!digits_exactly(v, n, 11) || v[0] < '1' || v[0] > '8')
		return false;
	year = 1800 + (d(v, 0) - 1) / 2 * 100 + digits_number(v + 1, 2);
	if (!digits_date(
		year, digits_number(v + 3, 2), digits_number(v + 5, 2)))
		return false;
	r = digits_weighted(v, "1234567891") % 11;
	if (r == 10)
		r = digits_weighted(v, "3456789123") % 11 % 10;
	return r == d(v, 10);
}

/* PMLP: date and century, or 32 and no date since 2017. */
static bool
lv_pk(const uint8_t *v, size_t n)
{
	if (!digits_exactly(v, n, 11) || v[0] > '3')
		return false;
	if ((v[0] != '3' || v[1] != '2') &&
	    (v[6] > '2' ||
		!digits_date(1800 + d(v, 6) * 100 + digits_number(v + 4, 2),
		    digits_number(v + 2, 2), digits_number(v, 2))))
		return false;
	return (1 + digits_weighted(v, "a584216379")) % 11 % 10 == d(v, 10);
}

/* ---- Middle, East and South of Europe ---- */

/* Ministerstwo Cyfryzacji: the century is added to the month. */
static bool
pl_pesel(const uint8_t *v, size_t n)
{
	static const uint16_t centuries[] = {1900, 2000, 2100, 2200, 1800};
	uint32_t month;

	if (!digits_exactly(v, n, 11))
		return false;
	month = digits_number(v + 2, 2);
	return digits_date(centuries[month / 20] + digits_number(v, 2),
		   month % 20, digits_number(v + 4, 2)) &&
	       digits_rest(digits_weighted(v, "1379137913"), 10) == d(v, 10);
}

static bool
pl_nip(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 10) &&
	       digits_weighted(v, "657234567") % 11 == d(v, 9);
}

static bool
pl_regon(const uint8_t *v, size_t n)
{
	if (n == 14)
		return digits_exactly(v, n, 14) && pl_regon(v, 9) &&
		       digits_weighted(v, "2485097361248") % 11 % 10 ==
			   d(v, 13);
	return digits_exactly(v, n, 9) &&
	       digits_weighted(v, "89234567") % 11 % 10 == d(v, 8);
}

/* Zakon 133/2000: the month of women is 50 more, of a full day 20 more. */
static bool
cz_rc(const uint8_t *v, size_t n)
{
	uint32_t year, month;

	if ((n != 9 && n != 10) || !digits_exactly(v, n, n))
		return false;
	year = 1900 + digits_number(v, 2);
	month = digits_number(v + 2, 2) % 50 % 20;
	if (n == 9)
		year -= year >= 1980 ? 100 : 0;
	else
		year += year < 1954 ? 100 : 0;
	if ((n == 9 && year > 1953) ||
	    !digits_date(year, month, digits_number(v + 4, 2)))
		return false;
	if (n == 9)
		return true;
	return digits_number(v, 9) % 11 == d(v, 9) ||
	       (year < 1985 && digits_number(v, 9) % 11 == 10 && v[9] == '0');
}

static bool
ro_cnp(const uint8_t *v, size_t n)
{
	static const uint16_t centuries[] = {
	    0, 1900, 1900, 1800, 1800, 2000, 2000, 1900, 1900, 1900};
	unsigned r;

	if (!digits_exactly(v, n, 13) || v[0] == '0' ||
	    !digits_date(centuries[d(v, 0)] + digits_number(v + 1, 2),
		digits_number(v + 3, 2), digits_number(v + 5, 2)))
		return false;
	r = digits_weighted(v, "279146358279") % 11;
	return (r == 10 ? 1 : r) == d(v, 12);
}

static bool
bg_egn(const uint8_t *v, size_t n)
{
	uint32_t year, month;

	if (!digits_exactly(v, n, 10))
		return false;
	year = 1900 + digits_number(v, 2);
	month = digits_number(v + 2, 2);
	if (month > 40) {
		year += 100;
		month -= 40;
	} else if (month > 20) {
		year -= 100;
		month -= 20;
	}
	return digits_date(year, month, digits_number(v + 4, 2)) &&
	       digits_weighted(v, "2485a9736") % 11 % 10 == d(v, 9);
}

static bool
gr_amka(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 11) &&
	       digits_short_date(digits_number(v + 4, 2),
		   digits_number(v + 2, 2), digits_number(v, 2)) &&
	       digits_luhn(v, n);
}

/* AADE: powers of two. */
static bool
gr_afm(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	if (!digits_exactly(v, n, 9))
		return false;
	for (size_t i = 0; i < 8; i++)
		sum += d(v, i) << (8 - i);
	return sum % 11 % 10 == d(v, 8);
}

static bool
hr_oib(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 11) && digits_mod11_10(v, n);
}

/* JMBG and EMSO: day, month, three digits of the year, region. */
static bool
si_emso(const uint8_t *v, size_t n)
{
	uint32_t year;

	if (!digits_exactly(v, n, 13))
		return false;
	year = digits_number(v + 4, 3);
	year += year < 800 ? 2000 : 1000;
	return digits_date(
		   year, digits_number(v + 2, 2), digits_number(v, 2)) &&
	       digits_rest(digits_weighted(v, "765432765432"), 11) % 10 ==
		   d(v, 12);
}

/* Act CL of 2017: an 8, and each digit times its place, modulus 11. */
static bool
hu_tax_id(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 10) && v[0] == '8' &&
	       digits_weighted(v, "123456789") % 11 == d(v, 9);
}

#define ROW(name, accept) {#name, name, accept, false},
static const struct validator ROWS[] = {NATIONAL_EUROPE_EAST(ROW)};

const struct validator *
national_europe_east(size_t *n)
{
	*n = ARRAY_LEN(ROWS);
	return ROWS;
}
