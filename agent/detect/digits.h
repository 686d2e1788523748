/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digits - the arithmetic that check digits share.
 *
 * All values are ASCII; the caller has checked that there are digits where
 * digits are wanted, but for digits_all and digits_exactly, which tell.
 */
#ifndef AGENT_DETECT_DIGITS_H
#define AGENT_DETECT_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/own.h"

static inline bool
digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool
capital(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static inline bool
small(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool
letter_or_digit(uint8_t c)
{
	return digit(c) || capital(c) || small(c);
}

static inline unsigned
d(const uint8_t *v, size_t i)
{
	return (unsigned)(v[i] - '0');
}

/* What is missing to the next multiple of @mod. */
static inline unsigned
digits_rest(unsigned sum, unsigned mod)
{
	return (mod - sum % mod) % mod;
}

static inline bool
one_of(uint8_t c, const char *set)
{
	return c != 0 && strchr(set, c) != NULL;
}

bool digits_all(const uint8_t *v, size_t n);
/* @n is @wanted, all are digits, and not all the same. */
bool digits_exactly(const uint8_t *v, size_t n, size_t wanted);
uint32_t digits_number(const uint8_t *v, size_t n);
/* The sum of digits times weights, as many as there are weights. */
unsigned digits_weighted(const uint8_t *v, const char *weights);
bool digits_date(uint32_t year, uint32_t month, uint32_t day);
/* A year of two digits, in this century or the last one. */
bool digits_short_date(uint32_t year, uint32_t month, uint32_t day);
/* ISO/IEC 7812-1, annex B. */
bool digits_luhn(const uint8_t *v, size_t n);
/* ISO/IEC 7064 MOD 11,10. */
bool digits_mod11_10(const uint8_t *v, size_t n);
/* ISO/IEC 7064 MOD 97-10 over digits and capitals. */
unsigned digits_mod97(const uint8_t *v, size_t n);
/* Verhoeff's dihedral check; its digit is the last. */
bool digits_verhoeff(const uint8_t *v, size_t n);
/* EAN: weights 1 and 3 in turn from the right. */
bool digits_ean(const uint8_t *v, size_t n);
/* ICAO 9303: weights 7, 3, 1; letters count from 10. */
unsigned digits_icao(const uint8_t *v, size_t n);
/* Sum of the digits of products with weights, as VKVV and GKV have it. */
unsigned digits_crossed(const uint8_t *v, const char *weights);

#endif
