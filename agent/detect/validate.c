/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate - the table of validators, checksums and normal forms.
 *
 * Owns: the arithmetic of numbers, and how strong each check is (accept).
 * Never: looks outside the value that it is given, or allocates.
 */
#include "agent/detect/validate.h"

#include <string.h>

#include "agent/detect/coin.h"
#include "agent/detect/framed.h"
#include "agent/detect/mnemonic.h"
#include "agent/detect/national.h"
#include "agent/detect/token.h"
#include "agent/detect/words.h"

#include "lib/own.h"

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_alnum(uint8_t c)
{
	return is_digit(c) || is_upper(c) || is_lower(c);
}

static bool
all_digits(const uint8_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_digit(v[i]))
			return false;
	return n > 0;
}

static bool
all_same(const uint8_t *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (v[i] != v[0])
			return false;
	return true;
}

/* The number of @n digits, at most nine of them. */
static uint32_t
number(const uint8_t *v, size_t n)
{
	uint32_t out = 0;

	for (size_t i = 0; i < n; i++)
		out = out * 10 + (uint32_t)(v[i] - '0');
	return out;
}

/* ISO/IEC 7812-1, annex B. */
static bool
luhn(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	if (!all_digits(v, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned)(v[n - 1 - i] - '0');

		if (i % 2 == 1)
			d = d * 2 > 9 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return sum % 10 == 0;
}

/* Issuer ranges of the payment networks: first digits, and total lengths. */
static const struct iin {
	uint32_t from, to; /* six digits */
	uint8_t least, most;
} IIN[] = {
    {220000, 220499, 16, 19}, /* Mir */
    {222100, 272099, 16, 16}, /* Mastercard */
    {300000, 305999, 14, 19}, /* Diners Club */
    {309500, 309599, 14, 19}, {340000, 349999, 15, 15}, /* American Express */
    {352800, 358999, 16, 19}, /* JCB */
    {360000, 369999, 14, 19}, /* Diners Club */
    {370000, 379999, 15, 15}, {380000, 399999, 14, 19},
    {400000, 499999, 13, 19}, /* Visa */
    {500000, 509999, 12, 19}, /* Maestro, Elo */
    {510000, 559999, 16, 16}, /* Mastercard */
    {560000, 589999, 12, 19}, /* Maestro */
    {600000, 699999, 12, 19}, /* Discover, UnionPay, RuPay, Maestro */
    {810000, 817199, 16, 19}, /* UnionPay */
};

static bool
iin_range(const uint8_t *v, size_t n)
{
	uint32_t first;

	if (n < 12 || !all_digits(v, n))
		return false;
	first = number(v, 6);
	for (size_t i = 0; i < ARRAY_LEN(IIN); i++)
		if (first >= IIN[i].from && first <= IIN[i].to)
			return n >= IIN[i].least && n <= IIN[i].most;
	return false;
}

/* All the groups are parted by the same character, or none is. */
static bool
consistent_separator(const uint8_t *v, size_t n)
{
	uint8_t sep = 0;
	size_t groups = 1;
	size_t run = 0;
	size_t least_inner = SIZE_MAX;

	for (size_t i = 0; i < n; i++) {
		if (is_alnum(v[i])) {
			run++;
			continue;
		}
		if (sep != 0 && v[i] != sep)
			return false;
		sep = v[i];
		groups++;
		if (run < least_inner)
			least_inner = run;
		run = 0;
	}
	/* One lonely separator inside a number is a mixture as well. */
	return groups == 1 || (groups >= 3 && least_inner >= 3);
}

/*
 * Not one digit throughout. A pattern of two (4242…) may be a test number, and
 * those are flagged by their lists, not dropped.
 */
static bool
not_repeating(const uint8_t *v, size_t n)
{
	return n > 0 && !all_same(v, n);
}

/*
 * ISO 13616: the BBAN's shape by country, from the SWIFT registry. n digits,
 * a capital letters, c either, each with its count.
 */
static const char *const IBAN[] = {"ADn8c12", "AEn19", "ALn8c16", "ATn16",
    "AZa4c20", "BAn16", "BEn12", "BGa4n6c8", "BHa4c14", "BIn23", "BRn23a1c1",
    "BYc4n4c16", "CHn5c12", "CRn18", "CYn8c16", "CZn20", "DEn18", "DJn23",
    "DKn14", "DOc4n20", "EEn16", "EGn25", "ESn20", "FIn14", "FKa2n12", "FOn14",
    "FRn10c11n2", "GBa4n14", "GEa2n16", "GIa4c15", "GLn14", "GRn7c16", "GTc24",
    "HNa4n20", "HRn17", "HUn24", "IEa4n14", "ILn19", "IQa4n15", "ISn22",
    "ITa1n10c12", "JOa4n4c18", "KWa4c22", "KZn3c13", "LBn4c20", "LCa4c24",
    "LIn5c12", "LTn16", "LUn3c13", "LVa4c13", "LYn21", "MCn10c11n2", "MDc20",
    "MEn18", "MKn3c10n2", "MNn16", "MRn23", "MTa4n5c18", "MUa4n19a3", "NIa4n20",
    "NLa4n10", "NOn11", "OMn3c16", "PKa4c16", "PLn24", "PSa4c21", "PTn21",
    "QAa4c21", "ROa4c16", "RSn18", "RUn14c15", "SAn2c18", "SCa4n20a3", "SDn14",
    "SEn20", "SIn15", "SKn20", "SMa1n10c12", "SOn19", "STn21", "SVa4n20",
    "TLn19", "TNn20", "TRn6c16", "UAn6c19", "VAn18", "VGa4n16", "XKn16",
    "YEa4n4c18"};

static bool
fits(uint8_t c, char kind)
{
	if (kind == 'n')
		return is_digit(c);
	if (kind == 'a')
		return is_upper(c);
	return is_digit(c) || is_upper(c);
}

static bool
iban_shape(const char *shape, const uint8_t *v, size_t n)
{
	size_t at = 4;

	while (*shape != '\0') {
		char kind = *shape++;
		unsigned count = 0;

		while (is_digit((uint8_t)*shape))
			count = count * 10 + (unsigned)(*shape++ - '0');
		for (; count > 0; count--, at++)
			if (at >= n || !fits(v[at], kind))
				return false;
	}
	return at == n;
}

static bool
iban(const uint8_t *v, size_t n)
{
	unsigned rest = 0;

	if (n < 15 || n > 34 || !is_digit(v[2]) || !is_digit(v[3]))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(IBAN); i++) {
		if (memcmp(IBAN[i], v, 2) != 0)
			continue;
		if (!iban_shape(IBAN[i] + 2, v, n))
			return false;
		for (size_t k = 0; k < n; k++) {
			uint8_t c = v[(k + 4) % n];

			if (is_digit(c))
				rest = (rest * 10 + (c - '0')) % 97;
			else
				rest = (rest * 100 + (c - 'A') + 10U) % 97;
		}
		return rest == 1;
	}
	return false;
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

/* GB/T 2260: the provinces, and 81, 82, 83 of the residence permits. */
static bool
cn_province(uint32_t p)
{
	return (p >= 11 && p <= 15) || (p >= 21 && p <= 23) ||
	       (p >= 31 && p <= 37) || (p >= 41 && p <= 46) ||
	       (p >= 50 && p <= 54) || (p >= 61 && p <= 65) || p == 71 ||
	       (p >= 81 && p <= 83) || p == 91;
}

/* GB 11643-1999 with ISO 7064 MOD 11-2. */
static bool
cn_resident_id(const uint8_t *v, size_t n)
{
	unsigned rest = 0;
	uint32_t year;
	uint8_t check;

	if (n != 18 || !all_digits(v, 17) || !cn_province(number(v, 2)))
		return false;
	year = number(v + 6, 4);
	if (year < 1900 || year > 2099 ||
	    !real_date(year, number(v + 10, 2), number(v + 12, 2)))
		return false;
	for (size_t i = 0; i < 17; i++)
		rest = (rest + (unsigned)(v[i] - '0')) * 2 % 11;
	rest = (12 - rest) % 11;
	check = v[17] == 'x' ? 'X' : v[17];
	return check == (rest == 10 ? 'X' : '0' + rest);
}

/* SSA: no area 000, 666 or 9xx, no group 00, no serial 0000. */
static bool
ssn_range(const uint8_t *v, size_t n)
{
	uint32_t area;

	if (n != 9 || !all_digits(v, n) || all_same(v, n))
		return false;
	area = number(v, 3);
	return area != 0 && area != 666 && area < 900 &&
	       number(v + 3, 2) != 0 && number(v + 5, 4) != 0;
}

static unsigned
cpf_digit(const uint8_t *v, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (unsigned)(v[i] - '0') * (unsigned)(n + 1 - i);
	sum = sum * 10 % 11;
	return sum == 10 ? 0 : sum;
}

/* Receita Federal: two check digits, modulo 11. */
static bool
cpf(const uint8_t *v, size_t n)
{
	return n == 11 && all_digits(v, n) && !all_same(v, n) &&
	       cpf_digit(v, 9) == (unsigned)(v[9] - '0') &&
	       cpf_digit(v, 10) == (unsigned)(v[10] - '0');
}

/* The value of a base64 or base64url digit, or -1. */
static int
sextet(uint8_t c)
{
	if (is_upper(c))
		return c - 'A';
	if (is_lower(c))
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* Decodes as far as digits and room go; returns the number of bytes. */
static size_t
unbase64(const uint8_t *v, size_t n, uint8_t *out, size_t size)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t used = 0;

	for (size_t i = 0; i < n && used < size; i++) {
		int s = sextet(v[i]);

		if (s < 0)
			break;
		acc = (acc << 6 | (uint32_t)s) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[used++] = (uint8_t)(acc >> bits);
		}
	}
	return used;
}

/* RFC 7519: the first part is the JSON of a JOSE header. */
static bool
jwt(const uint8_t *v, size_t n)
{
	uint8_t header[1024];
	const uint8_t *dot = memchr(v, '.', n);
	size_t len;

	if (dot == NULL)
		return false;
	len = unbase64(v, (size_t)(dot - v), header, sizeof header);
	if (len < 2 || header[0] != '{')
		return false;
	return memmem(header, len, "\"alg\"", 5) != NULL ||
	       memmem(header, len, "\"enc\"", 5) != NULL;
}

/*
 * Takes the base64 of a PEM body together: line ends, also written as \n or
 * \r\n inside a string, and quotes and blanks around lines are passed over.
 */
static size_t
pem_body(const uint8_t *v, size_t n, uint8_t *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < n && used < size; i++) {
		if (v[i] == '\\' && i + 1 < n &&
		    (v[i + 1] == 'n' || v[i + 1] == 'r' || v[i + 1] == 't')) {
			i++;
			continue;
		}
		if (sextet(v[i]) >= 0 && v[i] != '-' && v[i] != '_')
			out[used++] = v[i];
		else if (v[i] == '-' || v[i] == '=')
			break;
	}
	return used;
}

/*
 * OpenPGP's armour: headers, of which the value may end before the key, or an
 * empty line and a packet that is a secret key (RFC 9580, 4.2 and 5.5.1.3).
 */
static bool
pgp_opening(const uint8_t *v, size_t n)
{
	const uint8_t *at = memmem(v, n, "\n\n", 2);
	uint8_t first[3];

	if (at == NULL)
		at = memmem(v, n, "\n\r\n", 3);
	if (at == NULL)
		at = memmem(v, n, "\\n\\n", 4);
	if (at == NULL)
		return memmem(v, n, ": ", 2) != NULL;
	while (
	    at < v + n && (sextet(*at) < 0 || (*at == 'n' && at[-1] == '\\')))
		at++;
	if (unbase64(at, (size_t)(v + n - at), first, sizeof first) < 1)
		return true;
	return first[0] == 0xc5 || (first[0] >= 0x94 && first[0] <= 0x96);
}

/* RFC 7468 and its forerunners: a body that is DER, OpenSSH's or OpenPGP's. */
static bool
pem_private_key(const uint8_t *v, size_t n)
{
	static const char magic[] = "openssh-key-v1";
	uint8_t text[256], raw[192];
	const uint8_t *at = memmem(v, n, "-----", 5);
	const uint8_t *end;
	size_t len;

	if (at == NULL)
		return false;
	at = memmem(at + 5, n - (size_t)(at + 5 - v), "-----", 5);
	if (at == NULL)
		return false;
	at += 5;
	end = v + n;
	/* Encrypted after RFC 1421. */
	if (memmem(at, (size_t)(end - at), "DEK-Info:", 9) != NULL)
		return true;
	if (memmem(v, n, "PGP PRIVATE", 11) != NULL)
		return pgp_opening(at, (size_t)(end - at));
	len = pem_body(at, (size_t)(end - at), text, sizeof text);
	if (len < 40)
		return false;
	len = unbase64(text, len, raw, sizeof raw);
	if (len >= sizeof magic && memcmp(raw, magic, sizeof magic) == 0)
		return true;
	/* SEQUENCE with a length, then a version or an algorithm. */
	if (len < 16 || raw[0] != 0x30)
		return false;
	at = raw + 2 + (raw[1] > 0x80 && raw[1] <= 0x84 ? raw[1] - 0x80 : 0);
	return (at[0] == 0x02 && at[1] == 1 && at[2] <= 1) ||
	       (at[0] == 0x30 &&
		   (at[2] == 0x06 || at[3] == 0x06 || at[4] == 0x06));
}

/* The last label is letters, labels are not empty, nothing is doubled. */
static bool
email_address(const uint8_t *v, size_t n)
{
	const uint8_t *at = memchr(v, '@', n);
	size_t local, label = 0;
	bool letters = true;

	if (at == NULL)
		return false;
	local = (size_t)(at - v);
	if (local < 1 || local > 64 || v[0] == '.' || at[-1] == '.')
		return false;
	/* Of two dots behind the @ the second has an empty label before it. */
	for (size_t i = 1; i < local; i++)
		if (v[i] == '.' && v[i - 1] == '.')
			return false;
	for (const uint8_t *p = at + 1; p < v + n; p++) {
		if (*p == '.') {
			if (label == 0 || p[-1] == '-')
				return false;
			label = 0;
			letters = true;
			continue;
		}
		if (*p == '-' && label == 0)
			return false;
		if (!is_lower(*p) && !is_upper(*p))
			letters = false;
		label++;
	}
	return label >= 2 && letters;
}

/* A letter as a small one; other bytes as they are. */
static uint8_t
folded(uint8_t c)
{
	return is_upper(c) ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool
begins_with(const uint8_t *v, size_t n, const char *word)
{
	for (size_t i = 0; word[i] != '\0'; i++)
		if (i == n || folded(v[i]) != (uint8_t)word[i])
			return false;
	return true;
}

/* Endings of file names that look like a top-level domain. */
static bool
not_file_name(const uint8_t *v, size_t n)
{
	/* By their length, with the dot. */
	static const char *const endings[9][17] = {
	    [3] = {".js", ".ts", ".gz", ".so"},
	    [4] = {".png", ".jpg", ".gif", ".svg", ".css", ".htm", ".tar",
		".dll", ".exe", ".xml", ".yml", ".txt", ".log", ".pdf", ".zip",
		".min"},
	    [5] = {".jpeg", ".webp", ".json", ".html", ".conf", ".yaml"},
	    [6] = {".timer", ".mount", ".patch"},
	    [7] = {".socket", ".target"},
	    [8] = {".service"},
	};
	const uint8_t *dot = memrchr(v, '.', n);
	size_t len = dot != NULL ? (size_t)(v + n - dot) : 0;
	uint8_t first;

	if (len < 2 || len >= n || len >= ARRAY_LEN(endings))
		return true;
	first = folded(dot[1]);
	for (const char *const *e = endings[len]; *e != NULL; e++)
		if (first == (uint8_t)(*e)[1] && begins_with(dot, len, *e))
			return false;
	return true;
}

/* Whether one of some words, written small, stands anywhere. */
static bool
has_word(const uint8_t *v, size_t n, const char *const *words, size_t nwords)
{
	uint64_t first[4] = {0};

	for (size_t k = 0; k < nwords; k++)
		first[(uint8_t)words[k][0] / 64] |=
		    (uint64_t)1 << (uint8_t)words[k][0] % 64;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = folded(v[i]);

		if ((first[c / 64] >> c % 64 & 1) == 0)
			continue;
		for (size_t k = 0; k < nwords; k++)
			if ((uint8_t)words[k][0] == c &&
			    begins_with(v + i, n - i, words[k]))
				return true;
	}
	return false;
}

/* A stand-in for a secret: a variable, a template, a word of documentation. */
static bool
not_placeholder(const uint8_t *v, size_t n)
{
	static const char *const words[] = {"example", "placeholder",
	    "changeme", "change_me", "change-me", "your_", "your-", "yourpass",
	    "yoursecret", "yourtoken", "yourapi", "xxxx", "****", "....",
	    "redacted", "insert", "replace", "dummy", "undefined",
	    "process.env", "getenv", "environ", "none", "null", "password",
	    "passwd", "secret", "token", "string", "${", "{{", "<%", "%(", "$(",
	    "todo", "1234567890", "abcdefg"};

	if (n == 0 || all_same(v, n) || v[0] == '$' || v[0] == '<' ||
	    v[0] == '%' || (v[0] == '{' && v[n - 1] == '}'))
		return false;
	return !has_word(v, n, words, ARRAY_LEN(words));
}

/* Two kinds of characters at least: a word or a plain number is no secret. */
static bool
mixed_classes(const uint8_t *v, size_t n)
{
	bool lower = false, upper = false, digit = false, other = false;

	for (size_t i = 0; i < n; i++) {
		lower = lower || is_lower(v[i]);
		upper = upper || is_upper(v[i]);
		digit = digit || is_digit(v[i]);
		other = other || !is_alnum(v[i]);
	}
	return digit && (lower || upper || other);
}

/*
 * Not a name or a phrase: words in a row with a number at their end, a path,
 * a reference to a member.
 */
static bool
not_words(const uint8_t *v, size_t n)
{
	size_t common, letters = 0, parts = 0;
	size_t all = words_pairs(v, n, &common);

	for (size_t i = 0; i < n; i++) {
		letters += is_lower(v[i]) || is_upper(v[i]);
		parts += v[i] == '_' || v[i] == '-' || v[i] == '.' ||
			 v[i] == '/' || v[i] == ':';
	}
	if (n > 0 && (v[0] == '/' || v[0] == '.'))
		return false;
	/* Two joints at least, and nearly all of it words. */
	return !(letters * 10 >= n * 7 && all >= 5 &&
		 common * 100 >= all * 80 && words_turns(v, n) <= 2 &&
		 (parts >= 2 || letters * 100 >= n * 90));
}

/* As a random generator would have made it: few words, or many turns. */
static bool
random_shape(const uint8_t *v, size_t n)
{
	size_t common;
	size_t all = words_pairs(v, n, &common);
	size_t other = 0;

	for (size_t i = 0; i < n; i++)
		other += !is_alnum(v[i]);
	if (n < 12 || other * 4 > n)
		return n >= 8 && other > 0 && words_turns(v, n) >= 3;
	if (words_turns(v, n) * 8 >= n)
		return true;
	return all >= 6 && common * 100 < all * 75;
}

/*
 * accept: share of 1,000,000 random values of the right shape that pass; an
 * IBAN's begin with a country that has some. Of jwt (base64url behind "eyJ")
 * and pem_private_key (base64 behind a PEM's first line) none passed.
 */
static const struct validator VALIDATORS[] = {
    {"cn_resident_id", cn_resident_id, 0.00002, false},
    {"consistent_separator", consistent_separator, 1.0, true},
    {"cpf", cpf, 0.01004, false},
    {"email_address", email_address, 1.0, true},
    {"iban", iban, 0.0102, false},
    {"iin_range", iin_range, 0.38967, false},
    {"jwt", jwt, 0.00001, true},
    {"luhn", luhn, 0.1, false},
    {"mixed_classes", mixed_classes, 1.0, true},
    {"not_file_name", not_file_name, 1.0, true},
    {"not_placeholder", not_placeholder, 1.0, true},
    {"not_repeating", not_repeating, 1.0, false},
    {"not_words", not_words, 1.0, true},
    {"pem_private_key", pem_private_key, 0.00001, true},
    {"random_shape", random_shape, 1.0, true},
    {"ssn_range", ssn_range, 0.88918, false},
};

const struct validator *
validator_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(VALIDATORS); i++)
		if (strcmp(VALIDATORS[i].name, name) == 0)
			return &VALIDATORS[i];
	if (token_find(name) != NULL)
		return token_find(name);
	if (coin_find(name) != NULL)
		return coin_find(name);
	if (framed_find(name) != NULL)
		return framed_find(name);
	if (mnemonic_find(name) != NULL)
		return mnemonic_find(name);
	return national_find(name);
}

#define NAME(name, accept) #name,
const char *const *
validator_names(void)
{
	static const char *const names[] = {"cn_resident_id",
	    "consistent_separator", "cpf", "email_address", "iban", "iin_range",
	    "jwt", "luhn", "mixed_classes", "not_file_name", "not_placeholder",
	    "not_repeating", "not_words", "pem_private_key", "random_shape",
	    "ssn_range", TOKEN_NAMES, COIN_NAMES, FRAMED_NAMES, MNEMONIC_NAMES,
	    NATIONAL(NAME) NULL};

	return names;
}

/* CRC-32 (ISO 3309) as six digits of base 62, digits before capitals. */
static bool
crc32_base62(
    const uint8_t *over, size_t n, const uint8_t *check, size_t check_n)
{
	static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz";
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= over[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	crc = ~crc;
	for (size_t i = check_n; i > 0; i--, crc /= 62)
		if (check[i - 1] != (uint8_t)alphabet[crc % 62])
			return false;
	return crc == 0;
}

static const struct checksum CHECKSUMS[] = {
    {"crc32_base62", crc32_base62},
};

const struct checksum *
checksum_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(CHECKSUMS); i++)
		if (strcmp(CHECKSUMS[i].name, name) == 0)
			return &CHECKSUMS[i];
	return NULL;
}

/* U+FF01..U+FF5E are EF BC 81..EF BD 9E. */
static uint8_t
fullwidth(const uint8_t *v, size_t left)
{
	if (left < 3 || v[0] != 0xef)
		return 0;
	if (v[1] == 0xbc && v[2] >= 0x81 && v[2] <= 0xbf)
		return (uint8_t)(v[2] - 0x81 + 0x21);
	if (v[1] == 0xbd && v[2] >= 0x80 && v[2] <= 0x9e)
		return (uint8_t)(v[2] - 0x80 + 0x60);
	return 0;
}

size_t
validate_normal(unsigned how, const uint8_t *v, size_t n, uint8_t *out)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = v[i];

		if ((how & NORMAL_FULLWIDTH) != 0) {
			uint8_t folded = fullwidth(v + i, n - i);

			if (folded != 0) {
				c = folded;
				i += 2;
			}
		}
		if ((how & NORMAL_SPACE_DASH) != 0 &&
		    (c == ' ' || c == '-' || c == '\t'))
			continue;
		if ((how & NORMAL_DOTS) != 0 && (c == '.' || c == '/'))
			continue;
		if ((how & NORMAL_CASE) != 0 && is_lower(c))
			c = (uint8_t)(c - 'a' + 'A');
		out[used++] = c;
	}
	return used;
}

/* log2(x) * 2^16 by repeated squaring, so that no libm is needed. */
static uint32_t
log2_fixed(uint32_t x)
{
	uint64_t m = (uint64_t)x << 32;
	uint32_t whole = 0, part = 0;

	while (m >> 32 >= 2) {
		m >>= 1;
		whole++;
	}
	for (unsigned i = 0; i < 16; i++) {
		m = (m >> 16) * (m >> 16);
		part <<= 1;
		if (m >> 32 >= 2) {
			m >>= 1;
			part |= 1;
		}
	}
	return whole << 16 | part;
}

uint32_t
validate_entropy(const uint8_t *v, size_t n)
{
	uint16_t count[256] = {0};
	uint32_t all, log = 0;
	uint16_t of = 1; /* what log is of */
	uint64_t sum = 0;

	if (n == 0 || n > UINT16_MAX)
		return 0;
	all = log2_fixed((uint32_t)n);
	for (size_t i = 0; i < n; i++)
		count[v[i]]++;
	for (size_t i = 0; i < n; i++) {
		uint16_t c = count[v[i]];

		count[v[i]] = 0;
		if (c == 0)
			continue;
		/* Most bytes of a secret stand in it as often as the last. */
		if (c != of)
			log = log2_fixed(c);
		of = c;
		sum += (uint64_t)c * (all - log);
	}
	return (uint32_t)(sum * 1000 / n >> 16);
}
