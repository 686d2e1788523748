/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coin - the checksums of texts that stand for keys: base58check and bech32.
 *
 * Owns: Bitcoin's two alphabets and what ends a text written in them.
 * Never: keeps what it decoded: a private key is wiped.
 */
#include "agent/detect/coin.h"

#include <string.h>

#include "lib/seal.h"

#include "lib/own.h"

enum {
	BASE58_MAX = 64, /* characters */
	BASE58_BYTES = 48,
};

/* The value of a base58 digit, or -1. */
static int
base58(uint8_t c)
{
	static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
				       "abcdefghijkmnopqrstuvwxyz";
	const char *at = c != 0 ? strchr(alphabet, (char)c) : NULL;

	return at != NULL ? (int)(at - alphabet) : -1;
}

/* Decodes into the last *n bytes of @out; false if it is none. */
static bool
unbase58(const uint8_t *v, size_t n, uint8_t out[BASE58_BYTES], size_t *used)
{
	size_t zeros = 0, len = 0;

	if (n == 0 || n > BASE58_MAX)
		return false;
	while (zeros < n && v[zeros] == '1')
		zeros++;
	memset(out, 0, BASE58_BYTES);
	for (size_t i = zeros; i < n; i++) {
		int digit = base58(v[i]);
		unsigned carry = (unsigned)digit;

		if (digit < 0)
			return false;
		for (size_t k = 0; k < len || carry != 0; k++) {
			uint8_t *at = &out[BASE58_BYTES - 1 - k];

			if (k == BASE58_BYTES - 1)
				return false;
			carry += 58U * *at;
			*at = (uint8_t)carry;
			carry >>= 8;
			if (k == len)
				len++;
		}
	}
	if (zeros + len > BASE58_BYTES)
		return false;
	*used = zeros + len;
	return true;
}

/* Four bytes of the doubled SHA-256 end it. @version: the first byte. */
static bool
base58check(const uint8_t *v, size_t n, uint8_t *version, size_t *len)
{
	uint8_t raw[BASE58_BYTES], once[SEAL_HASH], twice[SEAL_HASH];
	bool ok = unbase58(v, n, raw, len) && *len >= 5;

	if (ok) {
		const uint8_t *from = raw + BASE58_BYTES - *len;

		seal_sha256(from, *len - 4, once);
		seal_sha256(once, sizeof once, twice);
		ok = memcmp(twice, from + *len - 4, 4) == 0;
		*version = from[0];
	}
	explicit_bzero(raw, sizeof raw);
	explicit_bzero(once, sizeof once);
	return ok;
}

/* Wallet import format: 0x80 (or 0xef of the test net), the key, a flag. */
static bool
bitcoin_wif(const uint8_t *v, size_t n)
{
	uint8_t version = 0;
	size_t len = 0;

	return base58check(v, n, &version, &len) &&
	       (version == 0x80 || version == 0xef) && (len == 37 || len == 38);
}

/* BIP-173: the checksum's polynomial. */
static uint32_t
polymod(uint32_t sum, uint8_t value)
{
	static const uint32_t generator[] = {
	    0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
	uint32_t top = sum >> 25;

	sum = (sum & 0x1ffffff) << 5 ^ value;
	for (unsigned i = 0; i < ARRAY_LEN(generator); i++)
		if ((top >> i & 1) != 0)
			sum ^= generator[i];
	return sum;
}

/* BIP-173 and BIP-350: one case, a name, "1", and digits that sum up. */
static bool
bech32(const uint8_t *v, size_t n)
{
	static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	const uint8_t *one = memrchr(v, '1', n);
	size_t name = one != NULL ? (size_t)(one - v) : 0;
	bool upper = false, lower = false;
	uint32_t sum = 1;

	if (name == 0 || n - name < 7 || n > 1023)
		return false;
	for (size_t i = 0; i < n; i++) {
		upper = upper || (v[i] >= 'A' && v[i] <= 'Z');
		lower = lower || (v[i] >= 'a' && v[i] <= 'z');
	}
	if (upper && lower)
		return false;
	for (size_t i = 0; i < name; i++)
		sum = polymod(sum, (uint8_t)((v[i] | (upper ? 0x20 : 0)) >> 5));
	sum = polymod(sum, 0);
	for (size_t i = 0; i < name; i++)
		sum = polymod(sum, v[i] & 31);
	for (size_t i = name + 1; i < n; i++) {
		unsigned c = upper && v[i] >= 'A' ? v[i] | 0x20U : v[i];
		const char *at = c != 0 ? strchr(alphabet, (char)c) : NULL;

		if (at == NULL)
			return false;
		sum = polymod(sum, (uint8_t)(at - alphabet));
	}
	return sum == 1 || sum == 0x2bc830a3;
}

/* An address of the main net: base58check with 0x00 or 0x05, or bech32. */
static bool
bitcoin_address(const uint8_t *v, size_t n)
{
	uint8_t version = 0;
	size_t len = 0;

	if (n > 3 && memcmp(v, "bc1", 3) == 0)
		return bech32(v, n);
	return base58check(v, n, &version, &len) && len == 25 &&
	       (version == 0x00 || version == 0x05);
}

/* accept: 2^-32, 2^-30: none of 100,000 random values passed. */
static const struct validator ROWS[] = {
    {"bech32", bech32, 0.00001, true},
    {"bitcoin_address", bitcoin_address, 0.00001, true},
    {"bitcoin_wif", bitcoin_wif, 0.00001, true},
};

const struct validator *
coin_find(const char *name)
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
