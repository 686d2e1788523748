/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subset - the part of the pattern language that every stage reads alike.
 *
 * Owns: one walk over a pattern that refuses anchors, look-around, extended
 * syntax, and non-ASCII where bytes would be taken for characters. What is
 * left is read by pattern.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/rules.h"

#include "lib/own.h"

enum { PATTERN_LEN_MAX = 32 * 1024, NEST_MAX = 32 };

struct walk {
	const char *text;
	size_t at;
	struct diag *why;
	bool multibyte; /* the last character had more than one byte */
	unsigned depth;
	/* A group that holds a repeat without small bound, by depth. */
	bool repeats[NEST_MAX];
	bool inner; /* the group just closed held one */
};

static int
refuse(const struct walk *w, const char *what)
{
	return diag_set(
	    w->why, -EBADMSG, "pattern at offset %zu: %s", w->at, what);
}

static int
escape(struct walk *w)
{
	char c = w->text[w->at + 1];

	if (c == '\0')
		return refuse(w, "ends in a backslash");
	if (strchr("AZzGKQECRXNpPgk", c) != NULL)
		return refuse(w,
		    "this escape is outside the subset (no anchors, quotes, "
		    "properties or references)");
	if (c >= '1' && c <= '9')
		return refuse(w, "a back-reference is outside the subset");
	w->at += 2;
	return 0;
}

static int class(struct walk *w)
{
	size_t first;

	w->at++;
	if (w->text[w->at] == '^')
		w->at++;
	first = w->at;
	while (w->text[w->at] != '\0') {
		uint8_t c = (uint8_t)w->text[w->at];

		if (c == ']' && w->at > first) {
			w->at++;
			return 0;
		}
		if (c >= 0x80)
			return refuse(w,
			    "a class holds bytes; put characters outside of "
			    "ASCII into an alternative, as in (?:é|è)");
		if (c == '[' && w->text[w->at + 1] == ':') {
			const char *end = strstr(w->text + w->at, ":]");

			if (end == NULL)
				return refuse(w, "unclosed [:…:]");
			w->at = (size_t)(end - w->text) + 2;
			continue;
		}
		w->at += c == '\\' && w->text[w->at + 1] != '\0' ? 2 : 1;
	}
	return refuse(w, "unclosed [");
}

static int
group(struct walk *w)
{
	const char *p = w->text + w->at + 1;

	if (w->depth + 1 >= NEST_MAX)
		return refuse(w, "groups are nested too deeply");
	w->repeats[++w->depth] = false;
	if (*p == '*')
		return refuse(w, "verbs are outside the subset");
	if (*p != '?') {
		w->at++;
		return 0;
	}
	if (strncmp(p, "?P<", 3) == 0 ||
	    (strncmp(p, "?<", 2) == 0 && p[2] != '=' && p[2] != '!')) {
		p = strchr(p, '>');
		if (p == NULL)
			return refuse(w, "unclosed name of a group");
		w->at = (size_t)(p - w->text) + 1;
		return 0;
	}
	p++;
	while (*p == 'i' || *p == 's' || *p == '-')
		p++;
	if (*p == ')')
		w->depth--;
	if (*p != ':' && *p != ')')
		return refuse(w,
		    "only (?:…), (?P<name>…), (?i) and (?s) are in the subset; "
		    "boundary and levels replace look-around");
	w->at = (size_t)(p - w->text) + 1;
	return 0;
}

/* The upper bound of a {m,n} at @p, 0 if it is no repeat. */
static unsigned
braces(const char *p, size_t *len)
{
	unsigned low = 0, high = 0;
	const char *q = p + 1;

	if (*q < '0' || *q > '9')
		return 0;
	while (*q >= '0' && *q <= '9' && low < 100000)
		low = low * 10 + (unsigned)(*q++ - '0');
	high = low;
	if (*q == ',') {
		q++;
		high = *q == '}' ? 100000 : 0;
		while (*q >= '0' && *q <= '9' && high < 100000)
			high = high * 10 + (unsigned)(*q++ - '0');
	}
	if (*q != '}')
		return 0;
	*len = (size_t)(q - p) + 1;
	return high > 0 ? high : 1;
}

static int
repeat(struct walk *w, unsigned most, size_t len)
{
	char next;

	if (w->multibyte)
		return refuse(w,
		    "a repeat after a character outside of ASCII takes its "
		    "last byte alone; put it into (?:…)");
	if (most > 16 && w->inner)
		return refuse(w,
		    "a repeat of more than 16 around another one is slow on "
		    "hostile text");
	if (most > 16)
		w->repeats[w->depth] = true;
	w->at += len;
	next = w->text[w->at];
	if (next == '+')
		return refuse(w, "possessive repeats are outside the subset");
	if (next == '?')
		w->at++;
	return 0;
}

static int
step(struct walk *w)
{
	char c = w->text[w->at];
	bool closed = false;
	size_t len = 1;
	unsigned most = 0;
	int r = 0;

	if (c == '*' || c == '+')
		return refuse(w,
		    "an unbounded repeat is outside the subset; write a bound, "
		    "as in {0,64}");
	if (c == '?')
		most = 1;
	else if (c == '{')
		most = braces(w->text + w->at, &len);
	if (most > 0)
		return repeat(w, most, len);
	w->multibyte = false;
	if (c == '\\') {
		r = escape(w);
	} else if (c == '[') {
		r = class(w);
	} else if (c == '(') {
		r = group(w);
	} else if (c == ')') {
		if (w->depth == 0)
			return refuse(w, "unmatched )");
		closed = true;
		w->inner = w->repeats[w->depth--];
		w->repeats[w->depth] = w->repeats[w->depth] || w->inner;
		w->at++;
	} else if (c == '^' || c == '$') {
		return refuse(w, "anchors are outside the subset");
	} else {
		do
			w->at++;
		while (((uint8_t)w->text[w->at] & 0xc0) == 0x80);
		w->multibyte = (uint8_t)c >= 0x80;
	}
	if (!closed)
		w->inner = false;
	return r;
}

int
subset_check(const char *pattern, struct diag *why)
{
	struct walk w = {.text = pattern, .why = why};

	if (strlen(pattern) > PATTERN_LEN_MAX)
		return diag_set(why, -EBADMSG, "the pattern is too long");
	while (pattern[w.at] != '\0') {
		int r = step(&w);

		if (r != 0)
			return r;
	}
	return w.depth == 0 ? 0 : refuse(&w, "unclosed (");
}
