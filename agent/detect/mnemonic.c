/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mnemonic - the checksum of the words that a wallet's seed is written down in.
 *
 * Owns: how words become the bits of a seed.
 * Never: keeps them: they are the wallet, and are wiped.
 */
#include "agent/detect/mnemonic.h"

#include <string.h>

#include "lib/seal.h"

#include "lib/own.h"

enum {
	WORDS_MAX = 24,
	SEED_MAX = 33, /* bytes: 24 words of 11 bits */
};

/* Compares a word of @n small letters with one of the list. */
static int
word_order(const uint8_t *v, size_t n, const char *word)
{
	for (size_t i = 0; i < MNEMONIC_LETTERS; i++) {
		int a = i < n ? v[i] : 0;

		if (a != word[i])
			return a - word[i];
	}
	return 0;
}

/* The place of a word in the list, or -1. */
static int
word_index(const uint8_t *v, size_t n)
{
	int from = 0, to = MNEMONIC_COUNT;

	if (n < 3 || n > MNEMONIC_LETTERS)
		return -1;
	while (from < to) {
		int mid = from + (to - from) / 2;
		int order = word_order(v, n, mnemonic_words[mid]);

		if (order == 0)
			return mid;
		if (order < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return -1;
}

/* The words as bits, the first one highest; the number of words, or 0. */
static size_t
seed_bits(const uint8_t *v, size_t n, uint8_t bits[SEED_MAX])
{
	size_t count = 0, at = 0;

	memset(bits, 0, SEED_MAX);
	while (at < n) {
		size_t len = 0;
		int index;

		while (at + len < n && v[at + len] >= 'a' && v[at + len] <= 'z')
			len++;
		index = word_index(v + at, len);
		if (index < 0 || count == WORDS_MAX)
			return 0;
		for (size_t k = 0; k < 11; k++)
			if ((index >> (10 - k) & 1) != 0)
				bits[(count * 11 + k) / 8] |=
				    (uint8_t)(0x80 >> (count * 11 + k) % 8);
		count++;
		at += len;
		if (at < n && v[at] != ' ')
			return 0;
		at++;
	}
	return count;
}

/*
 * BIP-39: 12, 15, 18, 21 or 24 words of the English list, one blank between
 * them; of their bits the last of 33 is a bit of the SHA-256 of the others.
 */
static bool
bip39(const uint8_t *v, size_t n)
{
	uint8_t bits[SEED_MAX], digest[SEAL_HASH];
	size_t count = seed_bits(v, n, bits);
	bool ok = count >= 12 && count % 3 == 0;

	if (ok) {
		size_t seed = count * 4 / 3; /* bytes */
		uint8_t mask = (uint8_t)(0xff00 >> count / 3);

		seal_sha256(bits, seed, digest);
		ok = ((bits[seed] ^ digest[0]) & mask) == 0;
		explicit_bzero(digest, sizeof digest);
	}
	explicit_bzero(bits, sizeof bits);
	return ok;
}

/* accept: of twelve words of the list; words that are not in it add to that. */
static const struct validator ROWS[] = {
    {"bip39", bip39, 0.0625, true},
};

const struct validator *
mnemonic_find(const char *name)
{
	uint8_t unused[SEAL_HASH];

	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
		if (strcmp(ROWS[i].name, name) == 0) {
			/* What the library opens, it opens before the jail. */
			seal_sha256("", 0, unused);
			return &ROWS[i];
		}
	return NULL;
}
