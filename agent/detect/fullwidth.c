/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fullwidth - digits of twice the width, as East Asian text has them.
 *
 * Owns: how a pattern is written so that its digits may be of either width.
 * Never: changes what a pattern matches in text without such digits.
 *
 * The authority and the layers get the same pattern, so that they agree as
 * they do on any other. U+FF10 to U+FF19 are EF BC 90 to EF BC 99.
 */
#include "agent/detect/fullwidth.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/own.h"

enum { DIGITS = 0x3ff };

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The digits of a set as their last bytes. */
static void
put_wide(struct buf *out, unsigned digits)
{
	buf_printf(out, "\\xef\\xbc[");
	for (unsigned i = 0; i < 10; i++)
		if ((digits >> i & 1) != 0)
			buf_printf(out, "\\x%02x", 0x90 + i);
	buf_printf(out, "]");
}

static void
put_either(struct buf *out, const char *narrow, size_t len, unsigned digits)
{
	buf_printf(out, "(?:");
	buf_put(out, narrow, len);
	buf_printf(out, "|");
	put_wide(out, digits);
	buf_printf(out, ")");
}

/* The length of an escape at @p: \xHH, \x{...}, or two characters. */
static size_t
escape_len(const char *p)
{
	size_t n;

	if (p[1] != 'x')
		return p[1] != '\0' ? 2 : 1;
	if (p[2] == '{') {
		n = strcspn(p, "}");
		return p[n] == '}' ? n + 1 : n;
	}
	return 2 + strspn(p + 2, "0123456789abcdefABCDEF") > 4
		   ? 4
		   : 2 + strspn(p + 2, "0123456789abcdefABCDEF");
}

/* The digits of a class at @p, and its length. */
static unsigned
class_digits(const char *p, size_t *len)
{
	size_t at = p[1] == '^' ? 2 : 1;
	size_t first = at;
	unsigned digits = 0;

	while (p[at] != '\0' && (p[at] != ']' || at == first)) {
		unsigned from, to;

		if (p[at] == '\\') {
			digits |= p[at + 1] == 'd' ? DIGITS : 0;
			at += escape_len(p + at);
			continue;
		}
		from = to = (uint8_t)p[at++];
		if (p[at] == '-' && p[at + 1] != ']' && p[at + 1] != '\\' &&
		    p[at + 1] != '\0') {
			to = (uint8_t)p[at + 1];
			at += 2;
		}
		for (unsigned c = '0'; c <= '9'; c++)
			if (from <= c && c <= to)
				digits |= 1U << (c - '0');
	}
	*len = p[at] == ']' ? at + 1 : at;
	return p[1] == '^' ? 0 : digits;
}

/* What opens a group, up to its first item: a name may hold digits. */
static size_t
group_len(const char *p)
{
	size_t n = 1;

	if (p[1] != '?')
		return 1;
	n = strcspn(p, ":>)");
	return p[n] != '\0' && p[n] != ')' ? n + 1 : n;
}

void
fullwidth_pattern(const char *p, struct buf *out)
{
	while (*p != '\0') {
		unsigned digits = 0;
		size_t n = 1;

		if (*p == '\\') {
			n = escape_len(p);
			digits = p[1] == 'd' ? DIGITS : 0;
		} else if (*p == '[') {
			digits = class_digits(p, &n);
		} else if (*p == '(') {
			n = group_len(p);
		} else if (*p == '{') {
			n = strcspn(p, "}");
		} else if (is_digit(*p)) {
			digits = 1U << (*p - '0');
		}
		if (digits != 0)
			put_either(out, p, n, digits);
		else
			buf_put(out, p, n);
		p += n;
	}
}
