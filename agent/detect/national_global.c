/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national_global - numbers of devices, papers and money that are the same
 * everywhere.
 *
 * Owns: one small function for each number, named after its country and its
 * own name.
 * Never: looks outside of the value that it is given, or allocates.
 */
#include <string.h>

#include "agent/detect/digits.h"
#include "agent/detect/national.h"

#include "lib/own.h"

/* ---- Devices, papers, money ---- */

static bool
imei(const uint8_t *v, size_t n)
{
	return digits_exactly(v, n, 15) && digits_luhn(v, n);
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
	return digits_luhn(flat, k);
}

/* ISO 17442 with ISO/IEC 7064 MOD 97-10. */
static bool
lei(const uint8_t *v, size_t n)
{
	if (n != 20 || !digits_all(v + 18, 2))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!digit(v[i]) && !capital(v[i]))
			return false;
	return digits_mod97(v, n) == 1;
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
	       digits_all(v + 13, 6) && digits_all(v + 21, 6) &&
	       digits_icao(v, 9) == d(v, 9) &&
	       digits_icao(v + 13, 6) == d(v, 19) &&
	       digits_icao(v + 21, 6) == d(v, 27);
}

#define ROW(name, accept) {#name, name, accept, false},
static const struct validator ROWS[] = {NATIONAL_GLOBAL(ROW)};

const struct validator *
national_global(size_t *n)
{
	*n = ARRAY_LEN(ROWS);
	return ROWS;
}
