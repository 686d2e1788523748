/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enclosing - the names of what stands around a value.
 *
 * Owns: the reading of JSON (RFC 8259), XML and "column=value" backwards, as
 * far as one value needs.
 * Never: reads behind the value or more than ENCLOSING_BACK bytes before it;
 * keeps anything. What lies farther is not known, and then there is no name.
 *
 * JSON: the nearest key of the objects around the value, through arrays. From
 * behind a string ends where one begins: at a quote with an even number of
 * backslashes before it. Whether the value is within a string is told by what
 * stands around the last quote before it.
 *
 * XML: the element whose text the value is, past elements that ended before
 * it; within a tag, the attribute.
 */
#include "agent/detect/enclosing.h"

#include <string.h>

#include "lib/own.h"

/* What is read: from @low up to the value. */
struct back {
	const uint8_t *text;
	size_t low, at;
};

static bool
space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The last @c before @end, or SIZE_MAX. */
static size_t
last_of(const struct back *b, uint8_t c, size_t end)
{
	const uint8_t *p = memrchr(b->text + b->low, c, end - b->low);

	return p != NULL ? (size_t)(p - b->text) : SIZE_MAX;
}

static size_t
skip_space(const struct back *b, size_t i)
{
	while (i > b->low && space(b->text[i - 1]))
		i--;
	return i;
}

/* ---- JSON ---- */

/* What stands outside of strings; the letters are those of the literals. */
static bool
bare(uint8_t c)
{
	static const bool is[256] = {[' '] = true,
	    ['\t'] = true,
	    ['\n'] = true,
	    ['\r'] = true,
	    [','] = true,
	    [':'] = true,
	    ['['] = true,
	    [']'] = true,
	    ['{'] = true,
	    ['}'] = true,
	    ['0'] = true,
	    ['1'] = true,
	    ['2'] = true,
	    ['3'] = true,
	    ['4'] = true,
	    ['5'] = true,
	    ['6'] = true,
	    ['7'] = true,
	    ['8'] = true,
	    ['9'] = true,
	    ['+'] = true,
	    ['-'] = true,
	    ['.'] = true,
	    ['e'] = true,
	    ['E'] = true,
	    ['t'] = true,
	    ['r'] = true,
	    ['u'] = true,
	    ['f'] = true,
	    ['a'] = true,
	    ['l'] = true,
	    ['s'] = true,
	    ['n'] = true};

	return is[c];
}

static bool
escaped(const struct back *b, size_t quote)
{
	size_t i = quote;

	while (i > b->low && b->text[i - 1] == '\\')
		i--;
	return (quote - i) % 2 != 0;
}

/* The quote before @end that begins or ends a string, or SIZE_MAX. */
static size_t
quote_before(const struct back *b, size_t end)
{
	size_t i = last_of(b, '"', end);

	while (i != SIZE_MAX && escaped(b, i))
		i = last_of(b, '"', i);
	return i;
}

/* Where the value begins, its quote included; SIZE_MAX: not JSON. */
static size_t
json_start(const struct back *b)
{
	size_t i = b->at, q, c;

	while (i > b->low && bare(b->text[i - 1]))
		i--;
	if (i > b->low && b->text[i - 1] == '"' && !escaped(b, i - 1)) {
		size_t next = i;

		while (next < b->at && space(b->text[next]))
			next++;
		if (next < b->at && strchr(":,]}", b->text[next]) != NULL &&
		    b->text[next] != 0)
			i = SIZE_MAX;
	}
	if (i == SIZE_MAX || i == b->low) {
		/* Outside: only a sign may stand before a number. */
		i = b->at;
		return i > b->low && b->text[i - 1] == '-' ? i - 1 : i;
	}
	q = quote_before(b, b->at);
	if (q == SIZE_MAX || memchr(b->text + q, '\n', b->at - q) != NULL)
		return SIZE_MAX;
	c = skip_space(b, q);
	if (c == b->low || b->text[c - 1] == 0 ||
	    strchr(":,[{", b->text[c - 1]) == NULL)
		return SIZE_MAX;
	return q;
}

/* The bracket that encloses what ends at @end; SIZE_MAX: an object, unknown. */
static size_t
json_open(const struct back *b, size_t end)
{
	unsigned depth = 0;

	for (size_t i = end; i > b->low; i--) {
		uint8_t c = b->text[i - 1];

		if (c == '"') {
			i = quote_before(b, i - 1);
			if (i == SIZE_MAX)
				return SIZE_MAX;
			i++;
		} else if (c == ']' || c == '}') {
			depth++;
		} else if (depth > 0) {
			depth -= c == '[' || c == '{';
		} else if (c == '[') {
			return i - 1;
		} else if (c == '{' || c == ':') {
			return SIZE_MAX;
		}
	}
	return SIZE_MAX;
}

static bool
json_key(const struct back *b, struct enclosing *out)
{
	size_t i = SIZE_MAX;

	/* Most text has no quotes, and a key has two. */
	if (last_of(b, '"', b->at) != SIZE_MAX)
		i = json_start(b);
	while (i != SIZE_MAX) {
		uint8_t c;

		i = skip_space(b, i);
		c = i > b->low ? b->text[i - 1] : 0;
		if (c == ',')
			i = json_open(b, i - 1);
		else if (c == '[')
			i--;
		else
			break;
	}
	if (i == SIZE_MAX || i <= b->low || b->text[i - 1] != ':')
		return false;
	i = skip_space(b, i - 1);
	if (i <= b->low || b->text[i - 1] != '"')
		return false;
	out->to = i - 1;
	i = quote_before(b, out->to);
	out->from = i + 1;
	return i != SIZE_MAX;
}

/* ---- XML ---- */

static bool
name_start(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c >= 0x80;
}

static bool
name_byte(uint8_t c)
{
	return name_start(c) || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == ':';
}

/* The last '<' or '>' before @end, or SIZE_MAX. */
static size_t
angle_before(const struct back *b, size_t end)
{
	size_t open = last_of(b, '<', end);
	size_t close = last_of(b, '>', end);

	if (open == SIZE_MAX || close == SIZE_MAX)
		return open == SIZE_MAX ? close : open;
	return open > close ? open : close;
}

/* The name of the element whose tag begins at @open. */
static bool
element(const struct back *b, size_t open, struct enclosing *out)
{
	out->from = out->to = open + 1;
	while (out->to < b->at && name_byte(b->text[out->to]))
		out->to++;
	return out->to > out->from && name_start(b->text[out->from]);
}

/* The attribute whose value begins within the tag at @open. */
static bool
attribute(const struct back *b, size_t open, struct enclosing *out)
{
	size_t i = b->at;

	while (i > open && b->text[i - 1] != '"' && b->text[i - 1] != '\'')
		i--;
	if (i <= open + 1)
		return false;
	i = skip_space(b, i - 1);
	if (i <= open || b->text[i - 1] != '=')
		return false;
	i = skip_space(b, i - 1);
	out->from = out->to = i;
	while (out->from > open + 1 && name_byte(b->text[out->from - 1]))
		out->from--;
	return out->to > out->from && space(b->text[out->from - 1]) &&
	       name_start(b->text[out->from]);
}

/* The element in whose text @end lies. */
static bool
element_around(const struct back *b, size_t end, struct enclosing *out)
{
	unsigned depth = 0;

	for (;;) {
		size_t close = angle_before(b, end), open;

		if (close == SIZE_MAX || b->text[close] != '>')
			return false;
		open = angle_before(b, close);
		if (open == SIZE_MAX || b->text[open] != '<')
			return false;
		end = open;
		if (b->text[open + 1] == '/')
			depth++;
		else if (b->text[close - 1] == '/' ||
			 b->text[open + 1] == '!' || b->text[open + 1] == '?')
			continue;
		else if (depth == 0)
			return element(b, open, out);
		else
			depth--;
	}
}

static bool
xml_name(const struct back *b, struct enclosing *out)
{
	static const char cdata[] = "<![CDATA[";
	size_t i = angle_before(b, b->at);

	if (i == SIZE_MAX || b->text[i] == '>')
		return i != SIZE_MAX && element_around(b, b->at, out);
	if (b->at - i >= sizeof cdata - 1 &&
	    memcmp(b->text + i, cdata, sizeof cdata - 1) == 0)
		return element_around(b, i, out);
	return attribute(b, i, out);
}

/* ---- "column=value" ---- */

static bool
assigned(const struct back *b, bool begins, struct enclosing *out)
{
	const uint8_t *equals;
	size_t tab = last_of(b, '\t', b->at);
	size_t line = last_of(b, '\n', b->at);
	size_t i = b->low;

	if (tab != SIZE_MAX)
		i = tab + 1;
	if (line != SIZE_MAX && line >= i)
		i = line + 1;
	if (i == b->low && (i > 0 || !begins))
		return false;
	equals = memchr(b->text + i, '=', b->at - i);
	if (equals == NULL || !name_start(b->text[i]))
		return false;
	out->from = i;
	out->to = (size_t)(equals - b->text);
	for (; i < out->to; i++)
		if (!name_byte(b->text[i]) && b->text[i] != ' ')
			return false;
	return true;
}

size_t
enclosing_find(const uint8_t *text, size_t at, bool begins,
    struct enclosing out[ENCLOSING_NAMES])
{
	const struct back b = {.text = text,
	    .low = at > ENCLOSING_BACK ? at - ENCLOSING_BACK : 0,
	    .at = at};
	struct enclosing name[ENCLOSING_NAMES];
	const bool there[ENCLOSING_NAMES] = {
	    json_key(&b, &name[0]),
	    xml_name(&b, &name[1]),
	    assigned(&b, begins, &name[2]),
	};
	size_t n = 0;

	for (size_t i = 0; i < ENCLOSING_NAMES; i++)
		if (there[i] && name[i].to > name[i].from &&
		    name[i].to - name[i].from <= ENCLOSING_NAME_MAX)
			out[n++] = name[i];
	return n;
}
