/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words - how much a value looks like words.
 *
 * Owns: the pairs of letters that words are made of.
 * Never: decides; those who ask know how much is much.
 */
#include "agent/detect/words.h"

#include <string.h>

#include "agent/detect/digits.h"

#include "lib/own.h"

/*
 * Pairs of letters that make up nine tenths of English words and of names in
 * programs: one row for each first letter, a bit for each second one.
 */
static const char *const PAIRS[] = {"bcdgilmnprstuvy", "aeijlorsuy",
    "aceihklorstuy", "adegilorsuvy", "acdefglmnopqrstuvwxy", "aefilortu",
    "aeghilnorsu", "aeiortuy", "abcdefglmnoprstvz", "aeou", "aeilnosy",
    "adefiklmopstuvy", "abeimnopsuy", "acdefgiknostuvy", "abcdfgiklmnoprstuvw",
    "aehiloprstuy", "u", "acdegiklmnoprstuvy", "acehiklmnopqstuwy",
    "acehilmorstuwy", "abcdegilmnprst", "aeio", "aehinors", "aceiptu",
    "aemnopst", "aeiloz"};

/*
 * Counts pairs of letters, and those among them that words are made of. A
 * change from small to capital parts two words.
 */
size_t
words_pairs(const uint8_t *v, size_t n, size_t *common)
{
	size_t all = 0;

	*common = 0;
	for (size_t i = 0; i + 1 < n; i++) {
		uint8_t a = v[i], b = v[i + 1];

		if (!(small(a) || capital(a)) || !small(b)) {
			if (!capital(a) || !capital(b))
				continue;
		}
		a = capital(a) ? (uint8_t)(a - 'A') : (uint8_t)(a - 'a');
		b = capital(b) ? (uint8_t)(b - 'A' + 'a') : b;
		all++;
		*common += strchr(PAIRS[a], b) != NULL;
	}
	return all;
}

size_t
words_turns(const uint8_t *v, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i + 1 < n; i++)
		k += (digit(v[i]) && letter_or_digit(v[i + 1]) &&
			 !digit(v[i + 1])) ||
		     (digit(v[i + 1]) && letter_or_digit(v[i]) && !digit(v[i]));
	return k;
}
