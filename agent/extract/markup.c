/* SPDX-License-Identifier: Apache-2.0 */
/*
 * markup - XML of office documents and HTML as the text that a reader sees.
 *
 * Owns: a reader of tags, a byte at a time, that holds no more than a name, an
 * entity and an attribute's beginning; which elements end a line or a cell.
 * Never: builds a tree, reads a DTD or knows an entity but the fixed ones and
 * numbers, so that nothing here grows; refuses what is badly formed.
 *
 * Words that are split among elements come together again (a word processor
 * does that to a number at each change of its spelling), since within a
 * paragraph a tag adds nothing.
 */
#include <errno.h>
#include <string.h>

#include "agent/extract/filter.h"

#include "lib/own.h"

#define NAME_MAX_LEN 40
#define ENTITY_MAX 32
#define LONG 9 /* an attribute of fewer bytes holds no value worth a rule */

enum state {
	TEXT,
	OPEN, /* behind '<' */
	NAME,
	INSIDE, /* between attributes */
	ATTRIBUTE,
	EQUALS,
	VALUE, /* its first byte */
	QUOTED,
	BARE,
	BANG, /* behind "<!" */
	COMMENT,
	CDATA,
	DECLARATION, /* "<!…" and "<?…" */
	RAW, /* script and style */
};

struct markup {
	bool html;
	enum state state;
	char name[NAME_MAX_LEN]; /* of the tag, without its prefix */
	size_t name_len;
	char attribute[NAME_MAX_LEN];
	size_t attribute_len;
	uint64_t attribute_at;
	bool closing, empty_tag;
	uint8_t quote;
	uint8_t entity[ENTITY_MAX];
	size_t entity_len; /* 0: none is open */
	uint64_t entity_at;
	size_t value_len; /* of the attribute so far */
	uint8_t early[LONG]; /* its beginning, until its length is known */
	uint64_t early_at[LONG];
	bool kept; /* it goes aside */
	bool address; /* of a namespace: it does not */
	bool shown; /* it is part of the text */
	unsigned depth; /* paragraphs that are open */
	unsigned cells; /* and cells */
	bool named; /* a property's name stands on the line, and nothing else */
	bool line; /* something stands on the line */
	size_t dashes; /* how far the end mark of a comment has come */
	char bang[8];
	size_t bang_len;
	size_t raw_match;
	bool is_style;
};

/* ---- elements ------------------------------------------------------------ */

enum effect {
	NOTHING, /* within a paragraph: nothing; else the end of a line */
	PARAGRAPH,
	JOIN, /* what is in it belongs together */
	CELL,
	ROW,
	APART, /* its text stands for itself */
	INLINE, /* nothing, wherever it stands */
	NEWLINE,
	TAB,
	SPACE,
	HYPHEN,
};

struct element {
	const char *name;
	enum effect effect;
};

static const struct element OFFICE[] = {
    {"p", PARAGRAPH},
    {"h", PARAGRAPH},
    {"si", PARAGRAPH},
    {"is", JOIN},
    {"text", PARAGRAPH},
    {"c", CELL},
    {"tc", CELL},
    {"table-cell", CELL},
    {"covered-table-cell", CELL},
    {"row", ROW},
    {"tr", ROW},
    {"table-row", ROW},
    {"instrText", APART},
    {"rPh", APART},
    {"annotation", APART},
    {"note", APART},
    {"br", NEWLINE},
    {"cr", NEWLINE},
    {"line-break", NEWLINE},
    {"tab", TAB},
    {"s", SPACE},
    {"noBreakHyphen", HYPHEN},
};

static const char *const INLINE_HTML[] = {"a", "abbr", "acronym", "b", "bdi",
    "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i",
    "ins", "kbd", "mark", "nobr", "o:p", "q", "s", "samp", "small", "span",
    "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"};

static enum effect
effect_of(const struct markup *m)
{
	if (!m->html) {
		for (size_t i = 0; i < ARRAY_LEN(OFFICE); i++)
			if (strcmp(OFFICE[i].name, m->name) == 0)
				return OFFICE[i].effect;
		return NOTHING;
	}
	if (strcasecmp(m->name, "td") == 0 || strcasecmp(m->name, "th") == 0)
		return CELL;
	for (size_t i = 0; i < ARRAY_LEN(INLINE_HTML); i++)
		if (strcasecmp(INLINE_HTML[i], m->name) == 0)
			return INLINE;
	return NEWLINE;
}

/* ---- text ---------------------------------------------------------------- */

static void
mark(struct markup *m, struct filter_out *o, uint8_t b, bool always)
{
	if (!m->line && !always)
		return;
	filter_mark(o, b);
	m->line = b != '\n';
}

static void
put_byte(struct markup *m, struct filter_out *o, uint8_t b, uint64_t at)
{
	bool empty = b == ' ' || b == '\n' || b == '\r' || b == '\t';

	/* Between a document's elements there is only layout. */
	if (empty && !m->line && (m->depth == 0 || m->html))
		return;
	filter_byte(o, b, at);
	if (!empty) {
		m->line = true;
		m->named = false;
	}
}

static void
count(const struct markup *m, unsigned *open)
{
	if (m->closing && *open > 0)
		--*open;
	else if (!m->closing && !m->empty_tag && *open < 1000)
		++*open;
}

static void
apply(struct markup *m, struct filter_out *o)
{
	enum effect e = effect_of(m);

	/* A property's name, and its value in an element of its own. */
	if (m->named && !m->closing && !m->empty_tag)
		return;
	m->named = false;
	switch (e) {
	case INLINE:
		break;
	case CELL:
		if (m->closing || m->empty_tag)
			mark(m, o, '\t', false);
		count(m, &m->cells);
		break;
	case PARAGRAPH:
		mark(m, o, m->cells > 0 ? ' ' : '\n', false);
		count(m, &m->depth);
		break;
	case JOIN:
		count(m, &m->depth);
		break;
	case ROW:
	case APART:
	case NEWLINE:
		mark(m, o, '\n', false);
		break;
	case TAB:
		mark(m, o, '\t', false);
		break;
	case SPACE:
		mark(m, o, ' ', false);
		break;
	case HYPHEN:
		mark(m, o, '-', true);
		break;
	case NOTHING:
		if (m->depth == 0)
			mark(m, o, m->cells > 0 ? ' ' : '\n', false);
		break;
	}
}

/* ---- entities ------------------------------------------------------------ */

/* The names of the characters from U+00A0 on (HTML 4.01, 24.2). */
static const char *const LATIN[96] = {"nbsp", "iexcl", "cent", "pound",
    "curren", "yen", "brvbar", "sect", "uml", "copy", "ordf", "laquo", "not",
    "shy", "reg", "macr", "deg", "plusmn", "sup2", "sup3", "acute", "micro",
    "para", "middot", "cedil", "sup1", "ordm", "raquo", "frac14", "frac12",
    "frac34", "iquest", "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring",
    "AElig", "Ccedil", "Egrave", "Eacute", "Ecirc", "Euml", "Igrave", "Iacute",
    "Icirc", "Iuml", "ETH", "Ntilde", "Ograve", "Oacute", "Ocirc", "Otilde",
    "Ouml", "times", "Oslash", "Ugrave", "Uacute", "Ucirc", "Uuml", "Yacute",
    "THORN", "szlig", "agrave", "aacute", "acirc", "atilde", "auml", "aring",
    "aelig", "ccedil", "egrave", "eacute", "ecirc", "euml", "igrave", "iacute",
    "icirc", "iuml", "eth", "ntilde", "ograve", "oacute", "ocirc", "otilde",
    "ouml", "divide", "oslash", "ugrave", "uacute", "ucirc", "uuml", "yacute",
    "thorn", "yuml"};

static const struct {
	const char *name;
	uint32_t u;
} NAMED[] = {
    {"lt", '<'},
    {"gt", '>'},
    {"amp", '&'},
    {"quot", '"'},
    {"apos", '\''},
    /* HTML's own, of which values are made. */
    {"commat", '@'},
    {"period", '.'},
    {"comma", ','},
    {"colon", ':'},
    {"semi", ';'},
    {"num", '#'},
    {"lowbar", '_'},
    {"hyphen", '-'},
    {"dash", '-'},
    {"plus", '+'},
    {"equals", '='},
    {"sol", '/'},
    {"excl", '!'},
    {"dollar", '$'},
    {"percnt", '%'},
    {"ast", '*'},
    {"lpar", '('},
    {"rpar", ')'},
    {"ndash", 0x2013},
    {"mdash", 0x2014},
    {"lsquo", 0x2018},
    {"rsquo", 0x2019},
    {"ldquo", 0x201c},
    {"rdquo", 0x201d},
    {"bull", 0x2022},
    {"hellip", 0x2026},
    {"euro", 0x20ac},
    {"ensp", ' '},
    {"emsp", ' '},
    {"thinsp", ' '},
    {"Tab", '\t'},
    {"NewLine", '\n'},
};
#define NAMED_XML 5
#define NOT_KNOWN 0xffffffffu

static uint32_t
number(const char *p)
{
	bool hex = p[0] == 'x' || p[0] == 'X';
	uint32_t u = 0, digits = 0;

	for (p += hex; *p != '\0'; p++, digits++) {
		uint32_t d =
		    *p >= '0' && *p <= '9'          ? (uint32_t)(*p - '0')
		    : hex && *p >= 'a' && *p <= 'f' ? (uint32_t)(*p - 'a' + 10)
		    : hex && *p >= 'A' && *p <= 'F' ? (uint32_t)(*p - 'A' + 10)
						    : 99;

		if (d == 99)
			return NOT_KNOWN;
		u = u * (hex ? 16 : 10) + d;
		if (u > 0x10ffff)
			return 0xfffd;
	}
	return digits > 0 && u > 0 ? u : NOT_KNOWN;
}

/* @name: without '&' and ';'. */
static uint32_t
entity(const struct markup *m, const char *name)
{
	size_t known = m->html ? ARRAY_LEN(NAMED) : NAMED_XML;

	if (name[0] == '#')
		return number(name + 1);
	for (size_t i = 0; i < known; i++)
		if (strcmp(NAMED[i].name, name) == 0)
			return NAMED[i].u;
	for (uint32_t i = 0; m->html && i < ARRAY_LEN(LATIN); i++)
		if (strcmp(LATIN[i], name) == 0)
			return i == 0 ? ' ' : 0xa0 + i;
	return NOT_KNOWN;
}

/* The entity is over; @end: the byte behind it is its ';'. */
static void
entity_done(struct markup *m, struct filter_out *o, bool end)
{
	char name[ENTITY_MAX + 1];
	uint32_t u;

	memcpy(name, m->entity + 1, m->entity_len - 1);
	name[m->entity_len - 1] = '\0';
	u = end || name[0] == '#' ? entity(m, name) : NOT_KNOWN;
	if (u != NOT_KNOWN) {
		filter_put(o, u, m->entity_at, m->entity_len + end);
		m->line |= u != ' ';
	} else {
		for (size_t i = 0; i < m->entity_len; i++)
			put_byte(m, o, m->entity[i], m->entity_at + i);
		if (end)
			put_byte(m, o, ';', m->entity_at + m->entity_len);
	}
	m->entity_len = 0;
}

/* Returns false if the byte is not the entity's. */
static bool
eat_entity(struct markup *m, struct filter_out *o, uint8_t b)
{
	bool word = (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') ||
		    (b >= 'A' && b <= 'Z') || (b == '#' && m->entity_len == 1);

	if (word && m->entity_len < ENTITY_MAX) {
		m->entity[m->entity_len++] = b;
		return true;
	}
	entity_done(m, o, b == ';');
	return b == ';';
}

static void
eat_text(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (m->entity_len > 0 && eat_entity(m, o, b))
		return;
	if (b == '<') {
		m->state = OPEN;
		m->name_len = 0;
		m->name[0] = '\0';
		m->closing = m->empty_tag = false;
	} else if (b == '&') {
		m->entity[0] = b;
		m->entity_len = 1;
		m->entity_at = o->at;
	} else {
		put_byte(m, o, b, o->at);
	}
}

/* ---- attributes ---------------------------------------------------------- */

static void
keep_name(struct markup *m, struct filter_out *o)
{
	for (size_t i = 0; i < m->attribute_len; i++)
		filter_keep(o, (uint8_t)m->attribute[i], m->attribute_at + i);
}

/* An attribute without a value. */
static void
name_end(struct markup *m, struct filter_out *o)
{
	if (m->attribute_len >= LONG) {
		keep_name(m, o);
		filter_keep_mark(o, "\n");
	}
	m->state = INSIDE;
}

/* Which of them say something however short they are. */
static bool
telling(const struct markup *m)
{
	static const char *const TELLING[] = {"name", "title", "descr", "href",
	    "target", "author", "value", "string-value", "instr", "content",
	    "url", "alt", "src", "tooltip", "action"};

	for (size_t i = 0; i < ARRAY_LEN(TELLING); i++)
		if (strcasecmp(TELLING[i], m->attribute) == 0)
			return true;
	return false;
}

static void
value_keep(struct markup *m, struct filter_out *o)
{
	m->address = strncmp(m->attribute, "xmlns", 5) == 0 &&
		     m->value_len == LONG &&
		     (memcmp(m->early, "http", 4) == 0 ||
			 memcmp(m->early, "urn:", 4) == 0);
	m->kept = true;
	if (m->address)
		return;
	keep_name(m, o);
	filter_keep_mark(o, "=\"");
	for (size_t i = 0; i < m->value_len; i++)
		filter_keep(o, m->early[i], m->early_at[i]);
}

static void
value_byte(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (m->shown) {
		put_byte(m, o, b, o->at);
		return;
	}
	if (!m->kept && m->value_len == LONG)
		value_keep(m, o);
	if (m->kept) {
		if (!m->address)
			filter_keep(o, b, o->at);
		return;
	}
	m->early[m->value_len] = b;
	m->early_at[m->value_len++] = o->at;
}

static void
value_start(struct markup *m, struct filter_out *o)
{
	m->value_len = 0;
	m->kept = false;
	/* The name of a property stands before its value. */
	m->shown =
	    !m->html && m->depth == 0 && strcmp(m->attribute, "name") == 0;
	if (m->shown)
		mark(m, o, '\n', false);
	if (!m->shown && telling(m))
		value_keep(m, o);
}

static void
value_end(struct markup *m, struct filter_out *o)
{
	if (m->shown)
		mark(m, o, '\t', false);
	m->named = m->shown;
	if (!m->kept && m->value_len == LONG)
		value_keep(m, o);
	if (m->kept && !m->address)
		filter_keep_mark(o, "\"\n");
	m->shown = m->kept = false;
	m->state = INSIDE;
}

/* ---- tags ---------------------------------------------------------------- */

static bool
blank(uint8_t b)
{
	return b == ' ' || b == '\n' || b == '\r' || b == '\t' || b == '\f';
}

static void
tag_done(struct markup *m, struct filter_out *o)
{
	bool style = strcasecmp(m->name, "style") == 0;

	apply(m, o);
	m->state = TEXT;
	if (m->html && !m->closing && !m->empty_tag &&
	    (style || strcasecmp(m->name, "script") == 0)) {
		m->state = RAW;
		m->is_style = style;
		m->raw_match = 0;
	}
}

/* The name without the prefix of its namespace. */
static void
name_byte(char *name, size_t *len, uint8_t b)
{
	if (b == ':')
		*len = 0;
	else if (*len < NAME_MAX_LEN - 1)
		name[(*len)++] = (char)b;
	name[*len] = '\0';
}

static void
eat_open(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (b == '/') {
		m->closing = true;
		m->state = NAME;
	} else if (b == '!') {
		m->state = BANG;
		m->bang_len = 0;
	} else if (b == '?') {
		m->state = DECLARATION;
	} else if ((b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
		   b == '_' || b >= 0x80) {
		m->state = NAME;
		name_byte(m->name, &m->name_len, b);
	} else {
		/* No tag: the sign itself. */
		m->state = TEXT;
		put_byte(m, o, '<', o->at - 1);
		eat_text(m, o, b);
	}
}

static void
eat_inside(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (b == '>') {
		tag_done(m, o);
	} else if (b == '/') {
		m->empty_tag = true;
	} else if (!blank(b)) {
		m->empty_tag = false;
		m->state = ATTRIBUTE;
		m->attribute_at = o->at;
		m->attribute_len = 0;
		m->attribute[0] = '\0';
		name_byte(m->attribute, &m->attribute_len, b);
	}
}

static void
eat_name(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (b == '>' || b == '/' || blank(b)) {
		m->state = INSIDE;
		eat_inside(m, o, b);
	} else {
		name_byte(m->name, &m->name_len, b);
	}
}

static void
eat_attribute(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (b == '=') {
		m->state = VALUE;
	} else if (b == '>' || b == '/') {
		name_end(m, o);
		eat_inside(m, o, b);
	} else if (blank(b)) {
		m->state = EQUALS;
	} else if (b == ':' && m->attribute_len == 5 &&
		   memcmp(m->attribute, "xmlns", 5) == 0) {
		/* A namespace, not an attribute called after it. */
		m->attribute[m->attribute_len++] = '.';
		m->attribute[m->attribute_len] = '\0';
	} else {
		name_byte(m->attribute, &m->attribute_len, b);
		if (b == ':')
			m->attribute_at = o->at + 1;
	}
}

static void
eat_equals(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (b == '=') {
		m->state = VALUE;
	} else if (!blank(b)) {
		name_end(m, o);
		eat_inside(m, o, b);
	}
}

static void
eat_value(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (blank(b))
		return;
	if (b == '>') {
		m->state = INSIDE;
		eat_inside(m, o, b);
		return;
	}
	value_start(m, o);
	m->state = BARE;
	if (b == '"' || b == '\'') {
		m->state = QUOTED;
		m->quote = b;
	} else {
		value_byte(m, o, b);
	}
}

/* ---- what is no element -------------------------------------------------- */

static void
eat_bang(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (m->bang_len < sizeof m->bang)
		m->bang[m->bang_len++] = (char)b;
	m->dashes = 0;
	if (m->bang_len == 2 && memcmp(m->bang, "--", 2) == 0) {
		m->state = COMMENT;
		return;
	}
	if (m->bang_len == 7 && memcmp(m->bang, "[CDATA[", 7) == 0) {
		m->state = CDATA;
		return;
	}
	if (memcmp(m->bang, "--", m->bang_len < 2 ? m->bang_len : 2) == 0 ||
	    (m->bang_len < 7 && memcmp(m->bang, "[CDATA[", m->bang_len) == 0))
		return;
	for (size_t i = 0; i + 1 < m->bang_len; i++)
		filter_keep(
		    o, (uint8_t)m->bang[i], o->at - m->bang_len + 1 + i);
	m->state = DECLARATION;
	if (b == '>')
		m->state = TEXT;
	else
		filter_keep(o, b, o->at);
}

static void
eat_comment(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (b == '>' && m->dashes >= 2) {
		filter_keep_mark(o, "\n");
		m->state = TEXT;
		return;
	}
	m->dashes = b == '-' ? m->dashes + 1 : 0;
	filter_keep(o, b, o->at);
}

static void
eat_cdata(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (b == '>' && m->dashes >= 2) {
		m->state = TEXT;
		return;
	}
	m->dashes = b == ']' ? m->dashes + 1 : 0;
	put_byte(m, o, b, o->at);
}

/* The text of a script, up to its end tag. */
static void
eat_raw(struct markup *m, struct filter_out *o, uint8_t b)
{
	const char *end = m->is_style ? "</style" : "</script";

	put_byte(m, o, b, o->at);
	if ((b | 0x20) == end[m->raw_match] || b == (uint8_t)end[m->raw_match])
		m->raw_match++;
	else
		m->raw_match = b == '<';
	if (end[m->raw_match] != '\0')
		return;
	m->state = INSIDE;
	m->closing = true;
	m->empty_tag = false;
}

static void
eat_declaration(struct markup *m, struct filter_out *o, uint8_t b)
{
	if (b == '>') {
		filter_keep_mark(o, "\n");
		m->state = TEXT;
	} else {
		filter_keep(o, b, o->at);
	}
}

static void
eat_byte(struct markup *m, struct filter_out *o, uint8_t b)
{
	switch (m->state) {
	case TEXT:
		eat_text(m, o, b);
		break;
	case OPEN:
		/* What was an open entity is none. */
		eat_open(m, o, b);
		break;
	case NAME:
		eat_name(m, o, b);
		break;
	case INSIDE:
		eat_inside(m, o, b);
		break;
	case ATTRIBUTE:
		eat_attribute(m, o, b);
		break;
	case EQUALS:
		eat_equals(m, o, b);
		break;
	case VALUE:
		eat_value(m, o, b);
		break;
	case QUOTED:
		if (b == m->quote)
			value_end(m, o);
		else
			value_byte(m, o, b);
		break;
	case BARE:
		if (!blank(b) && b != '>') {
			value_byte(m, o, b);
			break;
		}
		value_end(m, o);
		eat_inside(m, o, b);
		break;
	case BANG:
		eat_bang(m, o, b);
		break;
	case COMMENT:
		eat_comment(m, o, b);
		break;
	case CDATA:
		eat_cdata(m, o, b);
		break;
	case DECLARATION:
		eat_declaration(m, o, b);
		break;
	case RAW:
		eat_raw(m, o, b);
		break;
	}
}

/* ---- life ---------------------------------------------------------------- */

int
markup_new(struct markup **out)
{
	*out = calloc(1, sizeof **out);
	return *out != NULL ? 0 : -ENOMEM;
}

void
markup_free(struct markup *m)
{
	if (m != NULL)
		explicit_bzero(m, sizeof *m);
	free(m);
}

void
markup_start(struct markup *m, bool html)
{
	*m = (struct markup){.html = html};
}

void
markup_eat(struct markup *m, struct filter_out *o, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++, o->at++)
		eat_byte(m, o, p[i]);
}

void
markup_end(struct markup *m, struct filter_out *o)
{
	if (m->entity_len > 0)
		entity_done(m, o, false);
	if (m->state == QUOTED || m->state == BARE)
		value_end(m, o);
}
