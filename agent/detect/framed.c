/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framed - the checks of texts that frame what they carry: the codes of
 * payments that people copy and paste, and OpenPGP's armour.
 *
 * Owns: CRC-16/CCITT-FALSE and CRC-24, and the structure around them.
 * Never: looks outside of the value that it is given, allocates, or keeps what
 * it decoded.
 */
#include "agent/detect/framed.h"

#include <string.h>

#include "agent/detect/digits.h"

#include "lib/own.h"

/* ---- EMV ----------------------------------------------------------------- */

/* The polynomial 0x1021 from 0xffff, not reflected (ISO/IEC 13239). */
static uint16_t
crc16(const uint8_t *v, size_t n)
{
	uint32_t crc = 0xffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= (uint32_t)v[i] << 8;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
	}
	return (uint16_t)crc;
}

/* The value of a hexadecimal digit, or -1. */
static int
hex(uint8_t c)
{
	if (digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * EMVCo, QR Code Specification for Payment Systems, Merchant-Presented Mode
 * 1.1, 4.7.3: the first object is 00 with "01", the last is 63 with the CRC of
 * all before its
 * value.
 */
static bool
emv_code(const uint8_t *v, size_t n)
{
	unsigned crc = 0;

	if (n < 20 || n > 512 || memcmp(v, "000201", 6) != 0 ||
	    memcmp(v + n - 8, "6304", 4) != 0)
		return false;
	for (size_t i = n - 4; i < n; i++) {
		if (hex(v[i]) < 0)
			return false;
		crc = crc << 4 | (unsigned)hex(v[i]);
	}
	return crc16(v, n - 4) == crc;
}

/* ---- OpenPGP ------------------------------------------------------------- */

enum {
	ARMOR_MAX = 4096, /* bytes of a value */
};

/* RFC 9580, 6.1: the polynomial 0x1864cfb from 0xb704ce. */
static uint32_t
crc24(const uint8_t *v, size_t n)
{
	uint32_t crc = 0xb704ce;

	for (size_t i = 0; i < n; i++) {
		crc ^= (uint32_t)v[i] << 16;
		for (unsigned bit = 0; bit < 8; bit++)
			crc =
			    crc << 1 ^ ((crc & 0x800000) != 0 ? 0x1864cfb : 0);
	}
	return crc & 0xffffff;
}

/* The value of a base64 digit, or -1. */
static int
sextet(uint8_t c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != 0 ? strchr(alphabet, (char)c) : NULL;

	return at != NULL ? (int)(at - alphabet) : -1;
}

/* A text that is read byte by byte; a line end may be written as \n. */
struct armor {
	const uint8_t *at, *end;
};

/* The next byte, '\n' for each line end, or -1 at the end. */
static int
next_byte(struct armor *a)
{
	if (a->at == a->end)
		return -1;
	if (*a->at == '\\' && a->end - a->at >= 2 &&
	    (a->at[1] == 'n' || a->at[1] == 'r')) {
		a->at += 2;
		return a->at[-1] == 'n' ? '\n' : '\r';
	}
	return *a->at++;
}

/* Behind the armour's headers and the empty line: the base64 begins there. */
static bool
skip_headers(struct armor *a)
{
	size_t length = 0;
	bool any = false;
	int c;

	while ((c = next_byte(a)) >= 0) {
		if (c == '\n') {
			if (any && length == 0)
				return true;
			any = true;
			length = 0;
		} else if (c != '\r' && c != ' ' && c != '\t') {
			length++;
		}
	}
	return false;
}

/*
 * Decodes base64 up to its padding, its checksum or a line of hyphens. @ends:
 * receives the byte before what ended it, and that.
 */
static size_t
armor_body(struct armor *a, uint8_t *out, size_t size, int ends[2])
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t used = 0;
	int c;

	ends[0] = ends[1] = '\n';
	while ((c = next_byte(a)) >= 0) {
		int s = sextet((uint8_t)c);

		ends[0] = ends[1];
		ends[1] = c;

		if (s < 0) {
			if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
				continue;
			break;
		}
		acc = (acc << 6 | (uint32_t)s) & 0xffffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (used == size)
			return 0;
		out[used++] = (uint8_t)(acc >> bits);
	}
	return used;
}

/* The four digits of a checksum behind their '=', or -1. */
static int32_t
armor_sum(struct armor *a)
{
	int32_t sum = 0;

	for (unsigned i = 0; i < 4; i++) {
		int c = next_byte(a);
		int s = c >= 0 ? sextet((uint8_t)c) : -1;

		if (s < 0)
			return -1;
		sum = sum << 6 | s;
	}
	return sum;
}

/*
 * The checksum of a line that begins with '=', or -1: other ones of that are
 * padding. @ends: of armor_body.
 */
static int32_t
armor_check(struct armor *a, const int ends[2])
{
	int last = ends[0];

	for (int c = ends[1]; c >= 0 && c != '-'; c = next_byte(a)) {
		if (c == '=' && (last == '\n' || last == '\r'))
			return armor_sum(a);
		last = c;
	}
	return -1;
}

/* Where a secret key's packet has its version (RFC 9580, 4.2), or 0. */
static size_t
key_version(const uint8_t *raw, size_t len)
{
	if (len < 8)
		return 0;
	if (raw[0] == 0xc5)
		return raw[1] < 192    ? 2
		       : raw[1] < 224  ? 3
		       : raw[1] == 255 ? 6
				       : 0;
	/* 100101xx: a length of one, two or four bytes. */
	if (raw[0] >= 0x94 && raw[0] <= 0x96)
		return 1 + ((size_t)1 << (raw[0] & 3));
	return 0;
}

/*
 * RFC 9580, 6.2 (RFC 4880, 6.2): a block of a private key whose first packet
 * is a secret key (5.5.1.3) of version 3 to 6, and whose checksum is right. A
 * block without one is taken, since RFC 9580, 6.1, no longer asks for it.
 */
static bool
pgp_armor(const uint8_t *v, size_t n)
{
	uint8_t raw[ARMOR_MAX];
	const uint8_t *begin = memmem(v, n, "KEY BLOCK-----", 14);
	struct armor a = {.end = v + n};
	size_t len, at;
	int32_t sum;
	int ends[2];
	bool ok;

	if (begin == NULL || n > ARMOR_MAX)
		return false;
	a.at = begin + 14;
	if (!skip_headers(&a))
		return false;
	len = armor_body(&a, raw, sizeof raw, ends);
	sum = armor_check(&a, ends);
	at = key_version(raw, len);
	ok = at > 0 && raw[at] >= 3 && raw[at] <= 6 &&
	     (sum < 0 || crc24(raw, len) == (uint32_t)sum);
	explicit_bzero(raw, sizeof raw);
	return ok;
}

/* accept: 2^-16; of 200,000 random bodies 38 begin as a key. */
static const struct validator ROWS[] = {
    {"emv_code", emv_code, 0.00002, true},
    {"pgp_armor", pgp_armor, 0.0002, true},
};

const struct validator *
framed_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
		if (strcmp(ROWS[i].name, name) == 0)
			return &ROWS[i];
	return NULL;
}
