/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toml - as much of TOML 1.0 as scanners' configurations use, as a tree.
 *
 * Owns: its grammar, and bounds on depth and number of values.
 * Never: guesses a type: true is the text true.
 */
#include "cli/toml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	DEPTH_MAX = 16,
	PARTS_MAX = 8,
	KEY_MAX = 256,
	TEXT_MAX = 1 << 20,
	NODES_MAX = 20000, /* keys are looked up one by one */
};

struct reader {
	const char *file;
	const char *at, *end, *line_at;
	unsigned line;
	size_t nodes;
	struct diag *why;
};

static int value(struct reader *r, struct yaml *to, unsigned depth);

static unsigned
column(const struct reader *r)
{
	return (unsigned)(r->at - r->line_at) + 1;
}

static int
bad(const struct reader *r, const char *what)
{
	return diag_set(r->why, -EBADMSG, "%s:%u:%u: %s", r->file, r->line,
	    column(r), what);
}

static bool
have(const struct reader *r, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(r->end - r->at) >= n && memcmp(r->at, text, n) == 0;
}

static char
peek(const struct reader *r)
{
	return r->at < r->end ? *r->at : '\0';
}

static void
step(struct reader *r)
{
	if (*r->at++ == '\n') {
		r->line++;
		r->line_at = r->at;
	}
}

static void
blanks(struct reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t')
		step(r);
}

/* Blanks, ends of lines and comments. */
static void
space(struct reader *r)
{
	for (;;) {
		blanks(r);
		if (peek(r) == '#')
			while (r->at < r->end && *r->at != '\n')
				step(r);
		if (peek(r) != '\n' && peek(r) != '\r')
			return;
		step(r);
	}
}

/* Nothing but a comment may follow on a line. */
static int
line_end(struct reader *r)
{
	blanks(r);
	if (peek(r) == '#')
		while (r->at < r->end && *r->at != '\n')
			step(r);
	if (peek(r) == '\r')
		step(r);
	if (r->at < r->end && *r->at != '\n')
		return bad(r, "something follows the value");
	return 0;
}

static int
node(struct reader *r, enum yaml_kind kind, struct yaml **out)
{
	if (++r->nodes > NODES_MAX)
		return bad(r, "too many values");
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return -ENOMEM;
	(*out)->kind = kind;
	(*out)->file = r->file;
	(*out)->line = (*out)->key_line = r->line;
	(*out)->column = (*out)->key_column = column(r);
	return 0;
}

static void
hang(struct yaml *parent, struct yaml *child)
{
	struct yaml **at = &parent->child;

	while (*at != NULL)
		at = &(*at)->next;
	*at = child;
}

static struct yaml *
member(struct yaml *map, const char *key)
{
	for (struct yaml *y = map->child; y != NULL; y = y->next)
		if (str_eq(y->key, key))
			return y;
	return NULL;
}

/* ---- texts --------------------------------------------------------------- */

static void
put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_put_u8(b, (uint8_t)c);
	} else if (c < 0x800) {
		buf_put_u8(b, (uint8_t)(0xc0 | c >> 6));
		buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_put_u8(b, (uint8_t)(0xe0 | c >> 12));
		buf_put_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	} else {
		buf_put_u8(b, (uint8_t)(0xf0 | c >> 18));
		buf_put_u8(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		buf_put_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

static int
unicode(struct reader *r, unsigned digits, struct buf *b)
{
	uint32_t c = 0;

	for (unsigned i = 0; i < digits; i++) {
		const char *hex = "0123456789abcdef0123456789ABCDEF";
		const char *at = peek(r) != '\0' ? strchr(hex, peek(r)) : NULL;

		if (at == NULL)
			return bad(r, "a hexadecimal digit is missing");
		c = c << 4 | (uint32_t)((at - hex) & 15);
		step(r);
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return bad(r, "no such character");
	put_utf8(b, c);
	return 0;
}

/* Behind a backslash in a basic string. */
static int
escape(struct reader *r, struct buf *b)
{
	static const char from[] = "btnfre\"\\", to[] = "\b\t\n\f\r\033\"\\";
	char c = peek(r);
	const char *at = c != '\0' ? strchr(from, c) : NULL;

	if (at != NULL) {
		buf_put_u8(b, (uint8_t)to[at - from]);
		step(r);
		return 0;
	}
	if (c == 'u' || c == 'U') {
		step(r);
		return unicode(r, c == 'u' ? 4 : 8, b);
	}
	if (c == '\n' || c == '\r' || c == ' ' || c == '\t') {
		space(r);
		return 0;
	}
	return bad(r, "no such escape");
}

static int
text(struct reader *r, struct buf *b)
{
	char quote = peek(r);
	bool lines = have(r, quote == '"' ? "\"\"\"" : "'''");
	const char *end = lines ? (quote == '"' ? "\"\"\"" : "'''")
				: (quote == '"' ? "\"" : "'");

	for (size_t i = 0; i < strlen(end); i++)
		step(r);
	if (lines && peek(r) == '\r')
		step(r);
	if (lines && peek(r) == '\n')
		step(r);
	while (!have(r, end)) {
		int e = 0;

		if (r->at == r->end || (!lines && *r->at == '\n'))
			return bad(r, "the text does not end");
		if (*r->at == '\0')
			return bad(r, "a zero byte");
		if (quote == '"' && *r->at == '\\') {
			step(r);
			e = escape(r, b);
		} else {
			buf_put_u8(b, (uint8_t)*r->at);
			step(r);
		}
		if (e != 0)
			return e;
	}
	for (size_t i = 0; i < strlen(end); i++)
		step(r);
	/* Up to two more quotes belong to a text of several lines. */
	for (unsigned i = 0; lines && i < 2 && peek(r) == quote; i++) {
		buf_put_u8(b, (uint8_t)quote);
		step(r);
	}
	return 0;
}

static int
keep(struct reader *r, struct yaml *to, struct buf *b, bool quoted)
{
	const char *s = buf_text(b);

	if (s == NULL)
		return bad(r, "the text is too long");
	to->text = strdup(s);
	to->len = b->len;
	to->quoted = quoted;
	return to->text != NULL ? 0 : -ENOMEM;
}

/* ---- keys and values ----------------------------------------------------- */

static int
key(struct reader *r, char out[KEY_MAX])
{
	OWN(buf_done) struct buf b = {0};
	const char *from = r->at;

	if (peek(r) == '"' || peek(r) == '\'') {
		int e;

		buf_init(&b, KEY_MAX - 1);
		e = text(r, &b);
		if (e != 0)
			return e;
		return str_copy_len(out, KEY_MAX, b.data, b.len) == 0
			   ? 0
			   : bad(r, "the key is too long");
	}
	while (r->at < r->end &&
	       strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		      "0123456789_-",
		   *r->at) != NULL &&
	       *r->at != '\0')
		r->at++;
	if (r->at == from)
		return bad(r, "a key is missing");
	return str_copy_len(out, KEY_MAX, from, (size_t)(r->at - from)) == 0
		   ? 0
		   : bad(r, "the key is too long");
}

/* "key = value" into a map. */
static int
pair(struct reader *r, struct yaml *map, unsigned depth)
{
	char name[KEY_MAX];
	struct yaml *y;
	int e = key(r, name);

	if (e != 0)
		return e;
	if (member(map, name) != NULL)
		return bad(r, "this key is there already");
	blanks(r);
	if (peek(r) == '.')
		return bad(r, "dotted keys are read in headers only");
	if (peek(r) != '=')
		return bad(r, "\"=\" is missing");
	step(r);
	blanks(r);
	e = node(r, YAML_SCALAR, &y);
	if (e != 0)
		return e;
	hang(map, y);
	y->key = strdup(name);
	if (y->key == NULL)
		return -ENOMEM;
	return value(r, y, depth);
}

static int
array(struct reader *r, struct yaml *to, unsigned depth)
{
	to->kind = YAML_LIST;
	step(r);
	for (;;) {
		struct yaml *y;
		int e;

		space(r);
		if (peek(r) == ']') {
			step(r);
			return 0;
		}
		e = node(r, YAML_SCALAR, &y);
		if (e != 0)
			return e;
		hang(to, y);
		e = value(r, y, depth + 1);
		if (e != 0)
			return e;
		space(r);
		if (peek(r) == ',')
			step(r);
		else if (peek(r) != ']')
			return bad(r, "\",\" or \"]\" is missing");
	}
}

static int
inline_table(struct reader *r, struct yaml *to, unsigned depth)
{
	to->kind = YAML_MAP;
	step(r);
	for (;;) {
		int e;

		blanks(r);
		if (peek(r) == '}') {
			step(r);
			return 0;
		}
		e = pair(r, to, depth + 1);
		if (e != 0)
			return e;
		blanks(r);
		if (peek(r) == ',')
			step(r);
		else if (peek(r) != '}')
			return bad(r, "\",\" or \"}\" is missing");
	}
}

/* Recursive as arrays are, to a depth that is bounded. */
static int
value(struct reader *r, struct yaml *to, unsigned depth)
{
	OWN(buf_done) struct buf b = {0};
	char c = peek(r);
	int e;

	if (depth > DEPTH_MAX)
		return bad(r, "nested too deeply");
	if (c == '[')
		return array(r, to, depth);
	if (c == '{')
		return inline_table(r, to, depth);
	buf_init(&b, TEXT_MAX);
	if (c == '"' || c == '\'') {
		e = text(r, &b);
		return e != 0 ? e : keep(r, to, &b, true);
	}
	/* A number or a truth. */
	while (r->at < r->end && *r->at != '\0' &&
	       strchr(" \t\r\n,]}#", *r->at) == NULL) {
		buf_put_u8(&b, (uint8_t)*r->at);
		step(r);
	}
	return b.len > 0 ? keep(r, to, &b, false)
			 : bad(r, "a value is missing");
}

/* ---- tables -------------------------------------------------------------- */

/* The table that a header's part names, below @at; the last of a list. */
static int
descend(struct reader *r, struct yaml **at, const char *name, bool element)
{
	struct yaml *y = member(*at, name);
	int e;

	if (y == NULL) {
		e = node(r, element ? YAML_LIST : YAML_MAP, &y);
		if (e != 0)
			return e;
		hang(*at, y);
		y->key = strdup(name);
		if (y->key == NULL)
			return -ENOMEM;
	}
	if (element) {
		struct yaml *item;

		if (y->kind != YAML_LIST)
			return bad(r, "this is no list of tables");
		e = node(r, YAML_MAP, &item);
		if (e != 0)
			return e;
		hang(y, item);
		*at = item;
		return 0;
	}
	if (y->kind == YAML_LIST) {
		y = y->child;
		while (y != NULL && y->next != NULL)
			y = y->next;
	}
	if (y == NULL || y->kind != YAML_MAP)
		return bad(r, "this is no table");
	*at = y;
	return 0;
}

/* "[a.b]" or "[[a.b]]"; *at becomes the table. */
static int
header(struct reader *r, struct yaml *root, struct yaml **at)
{
	bool list = have(r, "[[");

	*at = root;
	step(r);
	if (list)
		step(r);
	for (unsigned i = 0; i < PARTS_MAX; i++) {
		char name[KEY_MAX];
		bool last;
		int e;

		blanks(r);
		e = key(r, name);
		if (e != 0)
			return e;
		blanks(r);
		last = peek(r) == ']';
		e = descend(r, at, name, last && list);
		if (e != 0)
			return e;
		if (!last && peek(r) != '.')
			return bad(r, "\"]\" is missing");
		step(r);
		if (!last)
			continue;
		if (list && peek(r) != ']')
			return bad(r, "\"]]\" is missing");
		if (list)
			step(r);
		return line_end(r);
	}
	return bad(r, "a name of too many parts");
}

static int
document(struct reader *r, struct yaml *root)
{
	struct yaml *at = root;

	for (;;) {
		int e;

		space(r);
		if (r->at == r->end)
			return 0;
		if (peek(r) == '[') {
			e = header(r, root, &at);
		} else {
			e = pair(r, at, 0);
			if (e == 0)
				e = line_end(r);
		}
		if (e != 0)
			return e;
	}
}

int
toml_parse(const char *file, const void *data, size_t len, struct yaml **out,
    struct diag *why)
{
	struct reader r = {.at = data,
	    .end = (const char *)data + len,
	    .line_at = data,
	    .line = 1,
	    .why = why};
	struct yaml *root;
	char *name;
	int e;

	if (len > YAML_FILE_MAX || !str_utf8(data, len))
		return diag_set(why, -EBADMSG,
		    "%s: not UTF-8 of at most %d bytes", file, YAML_FILE_MAX);
	name = strdup(file);
	if (name == NULL)
		return -ENOMEM;
	r.file = name;
	e = node(&r, YAML_MAP, &root);
	if (e != 0) {
		free(name);
		return e;
	}
	e = document(&r, root);
	if (e != 0) {
		yaml_free(root); /* and the name with it */
		return e;
	}
	*out = root;
	return 0;
}
