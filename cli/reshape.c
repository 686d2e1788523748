/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reshape - patterns of other scanners (Go's and Rust's regexp) in our subset.
 *
 * Owns: a tree of such a pattern; what is done for what we have not: verbose
 * mode is written out, "or the end of the text" becomes a boundary, unbounded
 * repeats get a bound.
 * Never: decides that a pattern is good: the rule parser does.
 *
 * It recurses as groups nest, to a depth that is bounded.
 */
#include "cli/reshape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

enum {
	DEPTH_MAX = 24,
	NODES_MAX = 20000,
	REPEAT_MAX = 4096,
	SAMPLE_MAX = 4096,
};

enum kind {
	NODE_TEXT, /* an atom as it is written: a character, class, escape */
	NODE_FLAGS, /* (?i) for the rest of its group */
	NODE_GROUP,
	NODE_BEGIN, /* ^ and \A */
	NODE_END, /* $ and \z */
	NODE_EDGE, /* \b */
};

struct node {
	struct node *next; /* in the same sequence */
	struct branch *branches; /* of a group; owned */
	enum kind kind;
	char *text; /* atom, or the flags of a group; owned */
	unsigned capture; /* number of a group, from 1; 0: captures nothing */
	unsigned least, most; /* how often; most REPEAT_MAX: unbounded */
	bool lazy, repeated;
};

struct branch {
	struct branch *next;
	struct node *first; /* owned */
};

struct reshape {
	struct node *root; /* a group that is not written; owned */
	unsigned groups, nodes;
	unsigned notes; /* what was left out while parsing */
	bool boundary;
};

struct parser {
	struct reshape *r;
	const char *at;
	const char *start;
	bool verbose; /* (?x) */
	struct diag *why;
};

/* ---- the tree ------------------------------------------------------------ */

static void
free_node(struct node *n, unsigned depth)
{
	must(depth <= DEPTH_MAX + 1);
	while (n != NULL) {
		struct node *next = n->next;

		while (n->branches != NULL) {
			struct branch *b = n->branches;

			n->branches = b->next;
			free_node(b->first, depth + 1);
			free(b);
		}
		free(n->text);
		free(n);
		n = next;
	}
}

void
reshape_free(struct reshape *r)
{
	if (r != NULL)
		free_node(r->root, 0);
	free(r);
}

void
reshape_freep(struct reshape **r)
{
	reshape_free(*r);
	*r = NULL;
}

static int
bad(const struct parser *p, const char *what)
{
	return diag_set(p->why, -EBADMSG, "at offset %zu: %s",
	    (size_t)(p->at - p->start), what);
}

static int
add(struct parser *p, struct node ***tail, enum kind kind, const char *text,
    size_t len)
{
	struct node *n;

	if (++p->r->nodes > NODES_MAX)
		return bad(p, "the pattern is too long");
	n = calloc(1, sizeof *n);
	if (n == NULL)
		return -ENOMEM;
	*n = (struct node){.kind = kind, .least = 1, .most = 1};
	**tail = n;
	*tail = &n->next;
	n->text = strndup(text, len);
	return n->text != NULL ? 0 : -ENOMEM;
}

/* ---- reading ------------------------------------------------------------- */

static int
read_class(struct parser *p, struct node ***tail)
{
	const char *from = p->at;
	const char *first;

	p->at++;
	if (*p->at == '^')
		p->at++;
	first = p->at;
	while (*p->at != '\0' && (*p->at != ']' || p->at == first)) {
		if (*p->at == '[' && p->at[1] == ':') {
			const char *end = strstr(p->at, ":]");

			if (end == NULL)
				return bad(p, "unclosed [:…:]");
			p->at = end + 2;
		} else {
			p->at += *p->at == '\\' && p->at[1] != '\0' ? 2 : 1;
		}
	}
	if (*p->at == '\0')
		return bad(p, "unclosed [");
	p->at++;
	return add(p, tail, NODE_TEXT, from, (size_t)(p->at - from));
}

static int
read_escape(struct parser *p, struct node ***tail)
{
	const char *from = p->at;
	char c = from[1];

	if (c == '\0')
		return bad(p, "ends in a backslash");
	p->at += 2;
	switch (c) {
	case 'A':
		return add(p, tail, NODE_BEGIN, from, 2);
	case 'z':
	case 'Z':
		return add(p, tail, NODE_END, from, 2);
	case 'b':
		return add(p, tail, NODE_EDGE, from, 2);
	case 'p':
	case 'P':
	case 'B':
	case 'C':
	case 'Q':
	case 'k':
		p->at -= 2;
		return bad(p, "this escape is not in our subset");
	case 'x':
		if (*p->at == '{')
			return bad(p, "\\x{…} is not in our subset");
		for (int i = 0; i < 2 && *p->at != '\0'; i++)
			p->at++;
		break;
	default:
		if (c >= '1' && c <= '9')
			return bad(p, "a back-reference");
		/* In verbose mode an escaped blank is a blank. */
		if (c == ' ' || c == '#' || c == '_' || c == '"' || c == '\'' ||
		    c == '@' || c == '!' || c == '%' || c == '&' || c == ',' ||
		    c == ';' || c == '<' || c == '=' || c == '>' || c == '`' ||
		    c == '~' || c == ':' || c == '/')
			return add(p, tail, NODE_TEXT, from + 1, 1);
	}
	return add(p, tail, NODE_TEXT, from, (size_t)(p->at - from));
}

static int read_alternatives(
    struct parser *p, struct node *group, unsigned depth);

/* The letters of (?…) before ':' or ')', without those that we write out. */
static int
read_flags(struct parser *p, char out[8])
{
	size_t n = 0;

	while (*p->at != ':' && *p->at != ')') {
		char c = *p->at++;

		if (c == 'x')
			p->verbose = true;
		else if (c == 'm')
			p->r->notes |= RESHAPE_LINES;
		else if (c == 'i' || c == 's' || c == '-')
			out[n++] = c;
		else if (c != 'u')
			return bad(p, c == '=' || c == '!' || c == '<'
					  ? "look-around"
					  : "a flag that we have not");
		if (n == 7)
			return bad(p, "too many flags");
	}
	while (n > 0 && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	return 0;
}

static int
read_group(struct parser *p, struct node ***tail, unsigned depth)
{
	bool verbose = p->verbose;
	char flags[8] = "";
	struct node *n;
	unsigned capture = 0;
	int e = 0;

	p->at++;
	if (*p->at != '?') {
		capture = ++p->r->groups;
	} else if ((p->at[1] == 'P' && p->at[2] == '<') ||
		   (p->at[1] == '<' && p->at[2] != '=' && p->at[2] != '!')) {
		p->at = strchr(p->at, '>');
		if (p->at == NULL) {
			p->at = p->start;
			return bad(p, "unclosed name of a group");
		}
		p->at++;
		capture = ++p->r->groups;
	} else {
		p->at++;
		if (*p->at == '\0' || strchr("=!<>|", *p->at) != NULL)
			return bad(p, "look-around, or a group of a kind that "
				      "we have not");
		e = read_flags(p, flags);
		if (e != 0)
			return e;
		if (*p->at++ == ')') /* until the end of the group around */
			return flags[0] != '\0' ? add(p, tail, NODE_FLAGS,
						      flags, strlen(flags))
						: 0;
	}
	n = NULL;
	{
		struct node **at = *tail;

		e = add(p, tail, NODE_GROUP, flags, strlen(flags));
		n = *at;
	}
	if (e != 0)
		return e;
	n->capture = capture;
	e = read_alternatives(p, n, depth + 1);
	if (e != 0)
		return e;
	if (*p->at != ')')
		return bad(p, "unclosed (");
	p->at++;
	p->verbose = verbose;
	return 0;
}

static bool
read_number(struct parser *p, unsigned *out)
{
	const char *from = p->at;

	*out = 0;
	while (*p->at >= '0' && *p->at <= '9' && *out < 100000)
		*out = *out * 10 + (unsigned)(*p->at++ - '0');
	return p->at > from;
}

/* "{m}", "{m,}", "{m,n}"; a brace that is none of these is a text. */
static bool
read_braces(struct parser *p, unsigned *least, unsigned *most)
{
	const char *from = p->at;

	p->at++;
	if (read_number(p, least)) {
		*most = *least;
		if (*p->at == ',') {
			p->at++;
			if (!read_number(p, most))
				*most = REPEAT_MAX;
		}
		if (*p->at == '}') {
			p->at++;
			return true;
		}
	}
	p->at = from;
	return false;
}

static int
read_repeat(struct parser *p, struct node *n)
{
	unsigned least = 1, most = 1;

	if (*p->at == '*' || *p->at == '+' || *p->at == '?') {
		least = *p->at == '+';
		most = *p->at == '?' ? 1 : REPEAT_MAX;
		p->at++;
	} else if (*p->at != '{' || !read_braces(p, &least, &most)) {
		return 0;
	}
	if (n == NULL || n->kind == NODE_FLAGS || n->repeated)
		return bad(p, "a repeat of nothing, or of a repeat");
	if (least > most || (most > REPEAT_MAX))
		return bad(p, "a repeat that is too long");
	n->least = least;
	n->most = most;
	n->repeated = true;
	if (*p->at == '?') {
		n->lazy = true;
		p->at++;
	} else if (*p->at == '+') {
		return bad(p, "a possessive repeat");
	}
	return 0;
}

static int
read_atom(struct parser *p, struct node ***tail, unsigned depth)
{
	size_t n = 1;

	switch (*p->at) {
	case '(':
		return read_group(p, tail, depth);
	case '[':
		return read_class(p, tail);
	case '\\':
		return read_escape(p, tail);
	case '^':
		p->at++;
		return add(p, tail, NODE_BEGIN, "^", 1);
	case '$':
		p->at++;
		return add(p, tail, NODE_END, "$", 1);
	case '*':
	case '+':
	case '?':
		return bad(p, "a repeat of nothing");
	case '{':
	case '}':
	case ']':
		p->at++;
		return add(p, tail, NODE_TEXT,
		    p->at[-1] == '{'   ? "\\{"
		    : p->at[-1] == '}' ? "\\}"
				       : "\\]",
		    2);
	default:
		while (((unsigned char)p->at[n] & 0xc0) == 0x80)
			n++;
		p->at += n;
		return add(p, tail, NODE_TEXT, p->at - n, n);
	}
}

/* A comment (?#…), and in verbose mode blanks and what follows a #. */
static bool
is_blank(struct parser *p)
{
	if (str_starts(p->at, "(?#") && strchr(p->at, ')') != NULL) {
		p->at = strchr(p->at, ')') + 1;
		return true;
	}
	if (!p->verbose)
		return false;
	if (*p->at == '#') {
		while (*p->at != '\0' && *p->at != '\n')
			p->at++;
		return true;
	}
	if (*p->at != '\0' && strchr(" \t\r\n", *p->at) != NULL) {
		p->at++;
		return true;
	}
	return false;
}

static int
read_sequence(struct parser *p, struct branch *b, unsigned depth)
{
	struct node **tail = &b->first;

	while (*p->at != '\0' && *p->at != '|' && *p->at != ')') {
		struct node **last = tail;
		int e;

		if (is_blank(p))
			continue;
		e = read_atom(p, &tail, depth);
		while (e == 0 && is_blank(p))
			;
		if (e == 0)
			e = read_repeat(p, *last);
		if (e != 0)
			return e;
	}
	return 0;
}

static int
read_alternatives(struct parser *p, struct node *group, unsigned depth)
{
	struct branch **tail = &group->branches;

	if (depth > DEPTH_MAX)
		return bad(p, "groups are nested too deeply");
	for (;;) {
		int e;

		if (++p->r->nodes > NODES_MAX)
			return bad(p, "the pattern is too long");
		*tail = calloc(1, sizeof **tail);
		if (*tail == NULL)
			return -ENOMEM;
		e = read_sequence(p, *tail, depth);
		if (e != 0)
			return e;
		if (*p->at != '|')
			return 0;
		p->at++;
		tail = &(*tail)->next;
	}
}

/* ---- edges --------------------------------------------------------------- */

static bool
only(const struct branch *b, enum kind kind)
{
	return b->first != NULL && b->first->kind == kind &&
	       b->first->next == NULL;
}

/* Takes "or the end", "or the beginning" out of a group; how many there were. */
static unsigned
drop_edges(struct node *group)
{
	struct branch **at = &group->branches;
	unsigned n = 0;

	while (*at != NULL) {
		struct branch *b = *at;

		if (!only(b, NODE_END) && !only(b, NODE_BEGIN)) {
			at = &b->next;
			continue;
		}
		*at = b->next;
		free_node(b->first, 0);
		free(b);
		n++;
	}
	return n;
}

/* True if a word before the match belongs to it, or cannot be there. */
static bool
begins_free(const struct branch *b)
{
	const struct node *n = b->first;

	while (n != NULL && n->kind == NODE_FLAGS)
		n = n->next;
	if (n == NULL)
		return false;
	if (n->kind == NODE_EDGE)
		return true;
	return n->kind == NODE_TEXT && n->least == 0 &&
	       str_starts(n->text, "[\\w");
}

/* "…(?:[^a-z]|$)" at the end of all: a boundary says it better. */
static void
take_end(struct reshape *r)
{
	struct branch *b = r->root->branches;
	struct node **at = &b->first;
	bool ends = false;

	if (b->next != NULL || b->first == NULL || !begins_free(b))
		return;
	while ((*at)->next != NULL)
		at = &(*at)->next;
	if ((*at)->kind != NODE_GROUP || (*at)->capture != 0 || (*at)->repeated)
		return;
	for (const struct branch *x = (*at)->branches; x != NULL; x = x->next)
		ends = ends || only(x, NODE_END);
	if (!ends)
		return;
	free_node(*at, 0);
	*at = NULL;
	r->boundary = true;
	r->notes |= RESHAPE_END;
}

/* What is left of anchors in groups; -EBADMSG for one that stands alone. */
static int
check_edges(
    struct reshape *r, struct node *group, struct diag *why, unsigned depth)
{
	must(depth <= DEPTH_MAX + 1);
	if (group != r->root && group->branches->next != NULL &&
	    drop_edges(group) > 0)
		r->notes |= RESHAPE_EDGE;
	if (group->branches == NULL)
		return diag_set(why, -EBADMSG, "a group of anchors alone");
	for (struct branch *b = group->branches; b != NULL; b = b->next)
		for (struct node *n = b->first; n != NULL; n = n->next) {
			int e = 0;

			if (n->kind == NODE_BEGIN || n->kind == NODE_END)
				return diag_set(why, -EBADMSG,
				    "an anchor: a rule does not know where a "
				    "text begins or ends");
			if (n->kind == NODE_GROUP)
				e = check_edges(r, n, why, depth + 1);
			if (e != 0)
				return e;
		}
	return 0;
}

int
reshape_parse(const char *pattern, struct reshape **out, struct diag *why)
{
	OWN(reshape_freep) struct reshape *r = calloc(1, sizeof *r);
	struct parser p = {.r = r, .at = pattern, .start = pattern, .why = why};
	int e;

	if (r == NULL)
		return -ENOMEM;
	r->root = calloc(1, sizeof *r->root);
	if (r->root == NULL)
		return -ENOMEM;
	*r->root = (struct node){.kind = NODE_GROUP, .least = 1, .most = 1};
	e = read_alternatives(&p, r->root, 0);
	if (e == 0 && *p.at != '\0')
		e = bad(&p, "unmatched )");
	if (e != 0)
		return e;
	take_end(r);
	e = check_edges(r, r->root, why, 0);
	if (e == 0)
		*out = OWN_TAKE(&r);
	return e;
}

unsigned
reshape_groups(const struct reshape *r)
{
	return r->groups;
}

bool
reshape_boundary(const struct reshape *r)
{
	return r->boundary;
}

/* ---- writing ------------------------------------------------------------- */

struct writer {
	struct buf *out;
	unsigned secret, bound, notes;
};

static void write_node(struct writer *w, const struct node *n, unsigned depth);

static void
write_branches(struct writer *w, const struct node *group, unsigned depth)
{
	must(depth <= DEPTH_MAX + 1);
	for (const struct branch *b = group->branches; b != NULL; b = b->next) {
		for (const struct node *n = b->first; n != NULL; n = n->next)
			write_node(w, n, depth);
		if (b->next != NULL)
			buf_put_u8(w->out, '|');
	}
}

static void
write_repeat(struct writer *w, const struct node *n)
{
	unsigned most = n->most;

	if (!n->repeated)
		return;
	if (most == REPEAT_MAX) {
		most = n->least > w->bound ? n->least : w->bound;
		w->notes |= RESHAPE_BOUNDED;
	}
	if (n->least == 0 && most == 1)
		buf_put_u8(w->out, '?');
	else if (n->least == most)
		buf_printf(w->out, "{%u}", most);
	else
		buf_printf(w->out, "{%u,%u}", n->least, most);
	if (n->lazy)
		buf_put_u8(w->out, '?');
}

static void
write_node(struct writer *w, const struct node *n, unsigned depth)
{
	bool many = n->repeated && n->kind == NODE_TEXT &&
		    (unsigned char)n->text[0] >= 0x80;

	if (n->kind == NODE_GROUP) {
		if (n->capture != 0 && n->capture == w->secret)
			buf_printf(w->out, "(?P<secret>");
		else
			buf_printf(w->out, "(?%s:", n->text);
		write_branches(w, n, depth + 1);
		buf_put_u8(w->out, ')');
	} else if (n->kind == NODE_FLAGS) {
		buf_printf(w->out, "(?%s)", n->text);
	} else if (str_eq(n->text, "\n")) {
		buf_printf(w->out, "\\n");
	} else {
		buf_printf(w->out, many ? "(?:%s)" : "%s", n->text);
	}
	write_repeat(w, n);
}

unsigned
reshape_print(
    const struct reshape *r, unsigned secret, unsigned bound, struct buf *out)
{
	struct writer w = {
	    .out = out, .secret = secret, .bound = bound, .notes = r->notes};

	write_branches(&w, r->root, 0);
	return w.notes;
}

/* ---- samples ------------------------------------------------------------- */

struct sampler {
	struct buf *out;
	uint64_t seed;
};

static unsigned
pick(struct sampler *s, unsigned n)
{
	/* Vigna, "An experimental exploration of Marsaglia's xorshift". */
	s->seed ^= s->seed >> 12;
	s->seed ^= s->seed << 25;
	s->seed ^= s->seed >> 27;
	must(n > 0);
	return (unsigned)((s->seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

static void
set_range(bool set[128], unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to && c < 128; c++)
		set[c] = true;
}

/* The bytes of \d, \w, \s and other escapes; how much of @p was read. */
static size_t
set_escape(bool set[128], const char *p, int *single)
{
	static const char from[] = "tnrfv", to[] = "\t\n\r\f\v";
	bool named[128] = {false};
	char c = p[1];
	bool negate = c == 'D' || c == 'W' || c == 'S';
	const char *at = strchr(from, c);

	*single = -1;
	if (c == 'x' && p[2] != '\0' && p[3] != '\0') {
		char hex[3] = {p[2], p[3], '\0'};

		*single = (int)strtoul(hex, NULL, 16);
		set_range(set, (unsigned)*single, (unsigned)*single);
		return 4;
	}
	if (c == 'd' || c == 'D' || c == 'w' || c == 'W')
		set_range(named, '0', '9');
	if (c == 'w' || c == 'W') {
		set_range(named, 'a', 'z');
		set_range(named, 'A', 'Z');
		named['_'] = true;
	}
	if (c == 's' || c == 'S')
		named[' '] = true;
	if (c == 'd' || c == 'w' || c == 's' || negate) {
		for (unsigned i = ' '; i < 127; i++)
			set[i] = set[i] || named[i] != negate;
		return 2;
	}
	*single = at != NULL && c != '\0' ? to[at - from] : c;
	set_range(set, (unsigned)*single, (unsigned)*single);
	return 2;
}

static size_t
set_posix(bool set[128], const char *p)
{
	const char *end = strstr(p, ":]");

	if (str_starts(p, "[:alnum:") || str_starts(p, "[:alpha:")) {
		set_range(set, 'a', 'z');
		set_range(set, 'A', 'Z');
	}
	if (str_starts(p, "[:alnum:") || str_starts(p, "[:digit:"))
		set_range(set, '0', '9');
	if (str_starts(p, "[:space:"))
		set[' '] = true;
	if (str_starts(p, "[:xdigit:"))
		set_range(set, '0', '9');
	return end != NULL ? (size_t)(end - p) + 2 : 1;
}

static void
set_class(bool set[128], const char *p)
{
	bool named[128] = {false};
	bool negate = *++p == '^';
	const char *first;

	p += negate;
	first = p;
	while (*p != '\0' && (*p != ']' || p == first)) {
		int low = (unsigned char)*p, high = -1;
		size_t n = 1;

		if (*p == '[' && p[1] == ':') {
			p += set_posix(named, p);
			continue;
		}
		if (*p == '\\')
			n = set_escape(named, p, &low);
		p += n;
		if (low < 0)
			continue;
		if (*p == '-' && p[1] != ']' && p[1] != '\0') {
			p++;
			n = 1;
			high = (unsigned char)*p;
			if (*p == '\\')
				n = set_escape(named, p, &high);
			p += n;
		}
		set_range(named, (unsigned)low,
		    high >= 0 ? (unsigned)high : (unsigned)low);
	}
	for (unsigned i = 0; i < 128; i++)
		set[i] = set[i] || (named[i] != negate &&
				       (!negate || (i >= ' ' && i < 127)));
}

static void
sample_text(struct sampler *s, const char *text)
{
	bool set[128] = {false};
	unsigned n = 0, at;
	int unused;

	if (text[0] == '[')
		set_class(set, text);
	else if (text[0] == '\\')
		(void)set_escape(set, text, &unused);
	else if (str_eq(text, "."))
		set['.'] = true; /* which its author meant, as often as not */
	else {
		buf_put(s->out, text, strlen(text));
		return;
	}
	for (unsigned i = 0; i < 128; i++)
		n += set[i];
	if (n == 0)
		return;
	at = pick(s, n);
	for (unsigned i = 0; i < 128; i++)
		if (set[i] && at-- == 0)
			buf_put_u8(s->out, (uint8_t)i);
}

static void
sample_group(struct sampler *s, const struct node *group, unsigned depth)
{
	const struct branch *b = group->branches;
	unsigned n = 0;

	must(depth <= DEPTH_MAX + 1);
	for (const struct branch *x = b; x != NULL; x = x->next)
		n++;
	must(n > 0);
	for (unsigned skip = pick(s, n); skip > 0 && b->next != NULL; skip--)
		b = b->next;
	for (const struct node *x = b->first; x != NULL; x = x->next)
		for (unsigned i = 0; i < x->least && s->out->len < SAMPLE_MAX;
		     i++) {
			if (x->kind == NODE_GROUP)
				sample_group(s, x, depth + 1);
			else if (x->kind == NODE_TEXT)
				sample_text(s, x->text);
		}
}

void
reshape_sample(const struct reshape *r, uint64_t seed, struct buf *out)
{
	struct sampler s = {.out = out, .seed = seed | 1};

	for (unsigned i = 0; i < 8; i++)
		(void)pick(&s, 2);
	sample_group(&s, r->root, 0);
}
