/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card - a number that looks like a payment card's and is nobody's.
 *
 * Owns: how it is made, for whoever plants something that must be found.
 * Never: keeps one.
 */
#include "lib/card.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/rng.h"

#include "lib/own.h"

void
card_make_up(char out[CARD_SIZE])
{
	uint8_t random[9];
	unsigned sum = 0;

	rng_fill(random, sizeof random);
	memcpy(out, "453201", 6);
	for (size_t i = 0; i < sizeof random; i++)
		out[6 + i] = (char)('0' + random[i] % 10);
	for (size_t i = 0; i < 15; i++) {
		unsigned v = (unsigned)(out[14 - i] - '0');

		if (i % 2 == 0)
			v = v * 2 > 9 ? v * 2 - 9 : v * 2;
		sum += v;
	}
	out[15] = (char)('0' + (10 - sum % 10) % 10);
	out[16] = '\0';
}
