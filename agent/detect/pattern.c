/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern - reads a pattern and derives what the fast layers look for.
 *
 * Owns: the tree of a pattern; what it says about its width and literals, and
 * how common bytes are. Shapes are read off the tree by shape.c.
 * Never: decides that something matches. Whatever is derived holds for every
 * match, so that looking for it loses none; that it holds for little else is
 * speed, not correctness.
 *
 * The nesting of groups was bounded by subset_check, and so is the depth of
 * every recursion here.
 */
#include "agent/detect/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/node.h"
#include "agent/detect/rules.h"
#include "lib/str.h"

#include "lib/own.h"

enum { EXACT_MAX = 64, LITERALS_MAX = 40000 };

/* ---- reading ---- */

struct reader {
	struct pattern *p;
	const char *text;
	size_t at;
	bool fold, dotall;
	struct diag *why;
	int err;
};

static struct node *
node_new(struct reader *r, enum node_kind kind)
{
	struct node *n = calloc(1, sizeof *n);

	if (n == NULL) {
		r->err = -ENOMEM;
		return NULL;
	}
	n->kind = kind;
	n->chain = r->p->chain;
	r->p->chain = n;
	return n;
}

static void
set_add(struct byteset *s, uint8_t c)
{
	s->w[c / 64] |= (uint64_t)1 << c % 64;
}

static void
set_range(struct byteset *s, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		set_add(s, (uint8_t)c);
}

static void
set_fold(struct byteset *s)
{
	for (unsigned c = 'a'; c <= 'z'; c++) {
		if (byteset_has(s, (uint8_t)c))
			set_add(s, (uint8_t)(c - 32));
		else if (byteset_has(s, (uint8_t)(c - 32)))
			set_add(s, (uint8_t)c);
	}
}

static unsigned
set_count(const struct byteset *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 4; i++)
		n += bits_set(s->w[i]);
	return n;
}

/* The letters that PCRE2 gives to sets, in the C locale. */
static bool
set_named(char c, struct byteset *s)
{
	struct byteset t = {{0}};

	switch (c | 0x20) {
	case 'd':
		set_range(&t, '0', '9');
		break;
	case 'w':
		set_range(&t, '0', '9');
		set_range(&t, 'A', 'Z');
		set_range(&t, 'a', 'z');
		set_add(&t, '_');
		break;
	case 's':
		set_range(&t, '\t', '\r');
		set_add(&t, ' ');
		break;
	case 'h':
		set_add(&t, '\t');
		set_add(&t, ' ');
		set_add(&t, 0xa0);
		break;
	case 'v':
		set_range(&t, '\n', '\r');
		set_add(&t, 0x85);
		break;
	default:
		return false;
	}
	if ((c & 0x20) == 0)
		set_not(&t);
	set_or(s, &t);
	return true;
}

static void
refuse(struct reader *r, const char *what)
{
	if (r->err == 0)
		r->err = diag_set(
		    r->why, -EBADMSG, "pattern at offset %zu: %s", r->at, what);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \xHH and \x{HH}; with no digit it is a zero byte. */
static uint8_t
hex_escape(struct reader *r)
{
	bool braced = r->text[r->at] == '{';
	unsigned v = 0;
	unsigned n = 0;

	r->at += braced;
	while (n < 2 && hex_digit(r->text[r->at]) >= 0) {
		v = v * 16 + (unsigned)hex_digit(r->text[r->at++]);
		n++;
	}
	if (braced && (n == 0 || r->text[r->at] != '}'))
		refuse(r, "\\x{…} holds one or two hexadecimal digits");
	else
		r->at += braced;
	return (uint8_t)v;
}

/* One escape at the backslash: a set, or a single byte in it. */
static bool
escape(struct reader *r, struct byteset *s, bool in_class, int *single)
{
	static const char names[] = "tnrfea";
	static const char bytes[] = "\t\n\r\f\033\a";
	char c = r->text[r->at + 1];
	const char *known;

	*single = -1;
	r->at += 2;
	if (set_named(c, s))
		return true;
	if (c == 'x')
		*single = hex_escape(r);
	else if (c == 'b' && in_class)
		*single = '\b';
	else if (c == 'b' || c == 'B')
		return false;
	else if (c == '0' && (r->text[r->at] < '0' || r->text[r->at] > '7'))
		*single = 0;
	else if (c != '\0' && (known = strchr(names, c)) != NULL)
		*single = (uint8_t)bytes[known - names];
	else if (c != '\0' && ((c | 0x20) < 'a' || (c | 0x20) > 'z') &&
		 (c < '0' || c > '9'))
		*single = (uint8_t)c;
	else
		refuse(r, "this escape is outside the subset");
	if (*single >= 0)
		set_add(s, (uint8_t)*single);
	return true;
}

static bool
posix(struct reader *r, struct byteset *s)
{
	static const struct {
		const char *name, *ranges; /* pairs of from and to */
	} names[] = {
	    {"alpha:]", "AZaz"},
	    {"digit:]", "09"},
	    {"alnum:]", "09AZaz"},
	    {"upper:]", "AZ"},
	    {"lower:]", "az"},
	    {"xdigit:]", "09AFaf"},
	    {"word:]", "09AZaz__"},
	    {"space:]", "\t\r  "},
	    {"blank:]", "\t\t  "},
	    {"punct:]", "!/:@[`{~"},
	    {"graph:]", "!~"},
	    {"print:]", " ~"},
	};
	const char *p = r->text + r->at + 2;
	struct byteset t = {{0}};
	bool negate = *p == '^';

	p += negate;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!str_starts(p, names[i].name))
			continue;
		for (const char *q = names[i].ranges; *q != '\0'; q += 2)
			set_range(&t, (uint8_t)q[0], (uint8_t)q[1]);
		if (negate)
			set_not(&t);
		set_or(s, &t);
		r->at = (size_t)(p - r->text) + strlen(names[i].name);
		return true;
	}
	return false;
}

/* One member of a class; @single is its byte, or -1 for a set. */
static void
class_member(struct reader *r, struct byteset *s, int *single)
{
	uint8_t c = (uint8_t)r->text[r->at];

	*single = -1;
	if (c == '[' && r->text[r->at + 1] == ':') {
		if (!posix(r, s))
			refuse(r, "unknown [:…:]");
	} else if (c == '\\') {
		(void)escape(r, s, true, single);
	} else {
		r->at++;
		*single = c;
		set_add(s, c);
	}
}

static struct node *class(struct reader *r)
{
	struct node *n = node_new(r, NODE_SET);
	bool negate = r->text[++r->at] == '^';
	size_t first;

	if (n == NULL)
		return NULL;
	r->at += negate;
	first = r->at;
	while (r->err == 0 && (r->text[r->at] != ']' || r->at == first)) {
		int from, to;

		if (r->text[r->at] == '\0') {
			refuse(r, "unclosed [");
			break;
		}
		class_member(r, &n->set, &from);
		if (from < 0 || r->text[r->at] != '-' ||
		    r->text[r->at + 1] == ']' || r->err != 0)
			continue;
		r->at++;
		class_member(r, &n->set, &to);
		if (to >= 0 && to >= from)
			set_range(&n->set, (unsigned)from, (unsigned)to);
		else
			set_add(&n->set, '-');
	}
	r->at++;
	if (r->fold)
		set_fold(&n->set);
	if (negate)
		set_not(&n->set);
	return n;
}

static struct node *alternatives(struct reader *r);

/* "(?i)": flags for the rest of the group; no node. */
static struct node *
group(struct reader *r)
{
	bool fold = r->fold, dotall = r->dotall;
	const char *p = r->text + r->at + 1;
	struct node *n;

	if (*p == '?' && (p[1] == 'P' || p[1] == '<')) {
		p = strchr(p, '>');
		p = p != NULL ? p + 1 : "";
	} else if (*p == '?') {
		bool on = true;

		for (p++; *p != ':' && *p != ')' && *p != '\0'; p++) {
			if (*p == '-')
				on = false;
			else if (*p == 'i')
				r->fold = on;
			else if (*p == 's')
				r->dotall = on;
		}
		if (*p == ')') {
			r->at = (size_t)(p - r->text) + 1;
			return node_new(r, NODE_EMPTY);
		}
		p += *p == ':';
	}
	r->at = (size_t)(p - r->text);
	n = alternatives(r);
	if (r->text[r->at] != ')')
		refuse(r, "unclosed (");
	else
		r->at++;
	r->fold = fold;
	r->dotall = dotall;
	return n;
}

static struct node *
atom(struct reader *r)
{
	char c = r->text[r->at];
	struct node *n;
	int unused;

	if (c == '(')
		return group(r);
	if (c == '[')
		return class(r);
	n = node_new(r, NODE_SET);
	if (n == NULL)
		return NULL;
	if (c == '\\') {
		/* \b takes no byte; leaving it out allows more. */
		if (!escape(r, &n->set, false, &unused))
			n->kind = NODE_EMPTY;
	} else if (c == '.') {
		r->at++;
		set_range(&n->set, 0, 255);
		if (!r->dotall)
			n->set.w[0] &= ~((uint64_t)1 << '\n');
	} else {
		r->at++;
		set_add(&n->set, (uint8_t)c);
	}
	if (r->fold)
		set_fold(&n->set);
	return n;
}

static uint32_t
number(struct reader *r)
{
	uint32_t v = 0;

	while (r->text[r->at] >= '0' && r->text[r->at] <= '9') {
		if (v < 100000)
			v = v * 10 + (uint32_t)(r->text[r->at] - '0');
		r->at++;
	}
	return v;
}

/* A repeat at this place; a brace that is none stands for itself. */
static bool
quantifier(struct reader *r, uint32_t *min, uint32_t *max)
{
	size_t start = r->at;
	char c = r->text[start];

	*min = 0;
	*max = 1;
	if (c == '?') {
		r->at++;
		return true;
	}
	/* Newer releases of PCRE2 read it as {0,n}, older ones as text. */
	if (c == '{' && r->text[start + 1] == ',')
		refuse(r, "write {0,n}, or \\{ for the brace itself");
	if (c != '{' || r->text[start + 1] < '0' || r->text[start + 1] > '9')
		return false;
	r->at++;
	*min = number(r);
	*max = *min;
	if (r->text[r->at] == ',') {
		r->at++;
		*max = r->text[r->at] == '}' ? UINT32_MAX : number(r);
	}
	if (r->text[r->at] != '}') {
		r->at = start;
		return false;
	}
	r->at++;
	return true;
}

static uint32_t
times(uint32_t a, uint32_t b)
{
	return a != 0 && b > UINT32_MAX / a ? UINT32_MAX : a * b;
}

static struct node *
repeated(struct reader *r, struct node *n)
{
	uint32_t min, max;

	while (n != NULL && r->err == 0 && quantifier(r, &min, &max)) {
		struct node *rep = node_new(r, NODE_REP);

		if (rep == NULL)
			return NULL;
		if (max < min)
			refuse(r, "a repeat's bounds are out of order");
		rep->child = n;
		rep->min = min;
		rep->max = max;
		r->at += r->text[r->at] == '?';
		n = rep;
	}
	return n;
}

static struct node *
concatenation(struct reader *r)
{
	struct node *n = node_new(r, NODE_CAT);
	struct node **tail = n != NULL ? &n->child : NULL;

	while (n != NULL && r->err == 0 && r->text[r->at] != '\0' &&
	       r->text[r->at] != '|' && r->text[r->at] != ')') {
		struct node *a = repeated(r, atom(r));

		if (a == NULL)
			return NULL;
		*tail = a;
		tail = &a->next;
	}
	return n;
}

static struct node *
alternatives(struct reader *r)
{
	struct node *first = concatenation(r);
	struct node *n, **tail;

	if (first == NULL || r->text[r->at] != '|')
		return first;
	n = node_new(r, NODE_ALT);
	if (n == NULL)
		return NULL;
	n->child = first;
	tail = &first->next;
	while (r->err == 0 && r->text[r->at] == '|') {
		r->at++;
		*tail = concatenation(r);
		if (*tail == NULL)
			return NULL;
		tail = &(*tail)->next;
	}
	return n;
}

/* Widths, from the leaves up. */
static void
measure(struct node *n)
{
	n->least = n->kind == NODE_ALT ? UINT32_MAX : 0;
	n->most = 0;
	if (n->kind == NODE_SET)
		n->least = n->most = 1;
	for (struct node *c = n->child; c != NULL; c = c->next) {
		measure(c);
		if (n->kind == NODE_ALT) {
			n->least = c->least < n->least ? c->least : n->least;
			n->most = c->most > n->most ? c->most : n->most;
		} else if (n->kind == NODE_REP) {
			n->least = times(c->least, n->min);
			n->most = times(c->most, n->max);
		} else {
			n->least = width_plus(n->least, c->least);
			n->most = width_plus(n->most, c->most);
		}
		if (n->kind == NODE_REP)
			break;
	}
}

int
pattern_parse(const char *text, struct pattern **out, struct diag *why)
{
	struct pattern *p = calloc(1, sizeof *p);
	struct reader r = {.p = p, .text = text, .why = why};

	if (p == NULL)
		return -ENOMEM;
	p->root = alternatives(&r);
	if (r.err == 0 && text[r.at] != '\0')
		refuse(&r, "unmatched )");
	if (r.err != 0) {
		pattern_free(p);
		return r.err;
	}
	measure(p->root);
	*out = p;
	return 0;
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	while (p->chain != NULL) {
		struct node *n = p->chain;

		p->chain = n->chain;
		free(n);
	}
	free(p);
}

void
pattern_freep(struct pattern **p)
{
	pattern_free(*p);
	*p = NULL;
}

uint32_t
pattern_least(const struct pattern *p)
{
	return p->root->least;
}

uint32_t
pattern_most(const struct pattern *p)
{
	return p->root->most;
}

/* ---- literals ---- */

/* Text comes in runs: what stands beside a digit is mostly a digit. */
enum { KIND_DIGIT, KIND_SMALL, KIND_LARGE, KIND_OTHER, KINDS };

/*
 * How common a byte is in what servers hold, roughly: only the choice between
 * two anchors depends on it.
 */
static const struct {
	struct byteset set;
	double rate; /* of each byte in it */
	unsigned kind;
	double share; /* of all bytes of its kind */
} COMMON[] = {
    {{{0x03ff000000000000}}, 0.02, KIND_DIGIT, 0.2},
    /* e t a o i n s r */
    {{{0, 0x001cc22200000000}}, 0.045, KIND_SMALL, 0.63},
    {{{0, 0x07e33ddc00000000}}, 0.015, KIND_SMALL, 0.63},
    {{{0, 0x0000000007fffffe}}, 0.006, KIND_LARGE, 0.156},
    {{{0x0000000100000000}}, 0.1, KIND_OTHER, 0.522},
    /* \n " ( ) , - . / : = _ */
    {{{0x2400f30400000400, 0x0000000080000000}}, 0.012, KIND_OTHER, 0.522},
    {{{0xd8000cfafffffbff, 0xf800000178000001}}, 0.003, KIND_OTHER, 0.522},
    {{{0, 0, UINT64_MAX, UINT64_MAX}}, 0.001, KIND_OTHER, 0.522},
};

double
pattern_byte_rate(uint8_t c)
{
	for (size_t i = 0; i < ARRAY_LEN(COMMON); i++)
		if (byteset_has(&COMMON[i].set, c))
			return COMMON[i].rate;
	return 0;
}

/* Of each kind, the share of its bytes that are in the set. */
static void
shares(const struct byteset *s, double out[KINDS])
{
	memset(out, 0, KINDS * sizeof *out);
	for (size_t i = 0; i < ARRAY_LEN(COMMON); i++) {
		unsigned n = 0;

		for (unsigned w = 0; w < 4; w++)
			n += bits_set(s->w[w] & COMMON[i].set.w[w]);
		out[COMMON[i].kind] += n * COMMON[i].rate / COMMON[i].share;
	}
}

static double
sum_of(const double rate[KINDS])
{
	double sum = 0;

	for (unsigned k = 0; k < KINDS; k++)
		sum += rate[k];
	return sum;
}

/* The rate of @n places, and that of the first @nfront of them. */
static double
rate_on(const struct byteset *before, const struct byteset *at, unsigned n,
    unsigned nfront, double *front)
{
	/* As in a log or a table, since there it matters most. */
	static const double first[KINDS] = {0.3, 0.3, 0.1, 0.3};
	static const double next[KINDS][KINDS] = {
	    {0.55, 0.03, 0.02, 0.4},
	    {0.02, 0.75, 0.03, 0.2},
	    {0.05, 0.2, 0.5, 0.25},
	    {0.35, 0.25, 0.1, 0.3},
	};
	double rate[KINDS], share[KINDS] = {0};

	shares(before, rate);
	for (unsigned k = 0; k < KINDS; k++)
		rate[k] *= first[k];
	for (unsigned i = 0; i < n; i++) {
		double to[KINDS] = {0};

		/* Many places are like the one before them. */
		if (i == 0 || memcmp(&at[i], &at[i - 1], sizeof *at) != 0)
			shares(&at[i], share);
		for (unsigned k = 0; k < KINDS; k++)
			for (unsigned m = 0; m < KINDS; m++)
				to[m] += rate[k] * next[k][m] * share[m];
		memcpy(rate, to, sizeof rate);
		if (i + 1 == nfront)
			*front = sum_of(rate);
	}
	return sum_of(rate);
}

double
pattern_rate(const struct byteset *before, const struct byteset *at, unsigned n)
{
	double front;

	return rate_on(before, at, n, n, &front);
}

void
pattern_rates(struct shape *s)
{
	s->rate = rate_on(
	    &s->before, s->at, PATTERN_PLACES, PATTERN_FRONT, &s->front);
}

void
pattern_literals_done(struct literals *l)
{
	free(l->list);
	*l = (struct literals){0};
}

static int
literals_add(struct literals *l, const struct literal *one)
{
	if ((l->n & (l->n - 1)) == 0) {
		size_t cap = l->n == 0 ? 1 : l->n * 2;
		struct literal *more = reallocarray(l->list, cap, sizeof *more);

		if (more == NULL)
			return -ENOMEM;
		l->list = more;
	}
	l->list[l->n++] = *one;
	return 0;
}

/* A few texts that are all that a node can be. */
struct exact {
	struct literal list[EXACT_MAX];
	size_t n;
};

/* The empty text. A whole list is not cleared for it: many are made. */
static void
exact_none(struct exact *e)
{
	e->list[0] = (struct literal){.len = 0};
	e->n = 1;
}

static void
exact_copy(struct exact *to, const struct exact *from)
{
	memcpy(to->list, from->list, from->n * sizeof from->list[0]);
	to->n = from->n;
}

/* Each text of a followed by one; false, and a as it was, if too long. */
static bool
exact_append(struct exact *a, const struct literal *one)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->list[i].len + one->len > PATTERN_LITERAL_MAX)
			return false;
	for (size_t i = 0; i < a->n; i++) {
		struct literal *t = &a->list[i];

		memcpy(t->text + t->len, one->text, one->len);
		t->len = (uint8_t)(t->len + one->len);
		t->fold = t->fold || one->fold;
	}
	return true;
}

/* a := a followed by b; false, and a as it was, if that is too much. */
static bool
exact_cross(struct exact *a, const struct exact *b)
{
	struct exact c;

	if (a->n * b->n > EXACT_MAX)
		return false;
	if (b->n == 1)
		return exact_append(a, &b->list[0]);
	c.n = 0;
	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < b->n; k++) {
			struct literal t = a->list[i];
			const struct literal *o = &b->list[k];

			if (t.len + o->len > PATTERN_LITERAL_MAX)
				return false;
			memcpy(t.text + t.len, o->text, o->len);
			t.len = (uint8_t)(t.len + o->len);
			t.fold = t.fold || o->fold;
			c.list[c.n++] = t;
		}
	}
	exact_copy(a, &c);
	return true;
}

static bool
exact_union(struct exact *a, const struct exact *b)
{
	if (a->n + b->n > EXACT_MAX)
		return false;
	memcpy(a->list + a->n, b->list, b->n * sizeof b->list[0]);
	a->n += b->n;
	return true;
}

/* A letter in both cases is one text that is folded. */
static void
exact_byte(const struct byteset *s, uint8_t c, struct exact *out)
{
	struct literal t = {.len = 1, .text = {c}};

	if (c >= 'a' && c <= 'z' && byteset_has(s, (uint8_t)(c - 32)))
		return;
	if (c >= 'A' && c <= 'Z' && byteset_has(s, (uint8_t)(c + 32))) {
		t.fold = true;
		t.text[0] = (uint8_t)(c + 32);
	}
	out->list[out->n++] = t;
}

static bool
exact_set(const struct byteset *s, struct exact *out)
{
	out->n = 0;
	if (set_count(s) > 8)
		return false;
	for (unsigned w = 0; w < 4; w++)
		for (uint64_t left = s->w[w]; left != 0; left &= left - 1)
			exact_byte(s,
			    (uint8_t)(w * 64 + (unsigned)__builtin_ctzll(left)),
			    out);
	return out->n > 0;
}

static bool exact(const struct node *n, struct exact *out);

static bool
exact_repeat(const struct node *n, struct exact *out)
{
	struct exact one, power;

	out->n = 0;
	exact_none(&power);
	if (n->max > PATTERN_LITERAL_MAX || !exact(n->child, &one))
		return false;
	for (uint32_t i = 0; i <= n->max; i++) {
		if (i >= n->min && !exact_union(out, &power))
			return false;
		if (i < n->max && !exact_cross(&power, &one))
			return false;
	}
	return true;
}

static bool
exact(const struct node *n, struct exact *out)
{
	struct exact part;

	switch (n->kind) {
	case NODE_SET:
		return exact_set(&n->set, out);
	case NODE_REP:
		return exact_repeat(n, out);
	case NODE_EMPTY:
	case NODE_CAT:
		exact_none(out);
		for (const struct node *c = n->child; c != NULL; c = c->next)
			if (!exact(c, &part) || !exact_cross(out, &part))
				return false;
		return true;
	case NODE_ALT:
		out->n = 0;
		for (const struct node *c = n->child; c != NULL; c = c->next)
			if (!exact(c, &part) || !exact_union(out, &part))
				return false;
		return true;
	}
	return false;
}

static bool
covers(const struct literal *a, const struct literal *b)
{
	return a->len <= b->len && memcmp(a->text, b->text, a->len) == 0 &&
	       (a->fold || !b->fold) && a->nearest == b->nearest &&
	       a->farthest == b->farthest;
}

/* How often a set is met, with a little for starts that are not exact. */
static double
literals_rate(const struct literals *l)
{
	double sum = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct literal *t = &l->list[i];
		uint32_t spread = t->farthest - t->nearest;
		double rate = 1;

		for (size_t k = 0; k < t->len; k++)
			rate *=
			    pattern_byte_rate(t->text[k]) * (t->fold ? 1.3 : 1);
		if (t->len < 3)
			rate *= 100;
		for (; spread > 0; spread /= 2)
			rate *= 1.2;
		sum += rate;
	}
	return l->n > 0 ? sum : 2;
}

/* Keeps the better of two sets; takes both. */
static void
keep_better(struct literals *best, struct literals *other)
{
	if (other->n > 0 && literals_rate(other) < literals_rate(best)) {
		pattern_literals_done(best);
		*best = *other;
		*other = (struct literals){0};
	}
	pattern_literals_done(other);
}

/* A run of texts that begins so far from the start of the match. */
struct run {
	struct exact texts;
	uint32_t nearest, farthest;
};

static void
run_open(struct run *r, uint32_t nearest, uint32_t farthest)
{
	exact_none(&r->texts);
	r->nearest = nearest;
	r->farthest = farthest;
}

static int
run_close(const struct run *r, struct literals *best)
{
	struct literals l = {0};

	for (size_t i = 0; i < r->texts.n; i++) {
		struct literal t = r->texts.list[i];
		bool covered = false;

		if (t.len == 0) {
			pattern_literals_done(&l);
			return 0;
		}
		t.nearest = r->nearest;
		t.farthest = r->farthest;
		for (size_t k = 0; k < r->texts.n && !covered; k++) {
			struct literal o = r->texts.list[k];

			o.nearest = t.nearest;
			o.farthest = t.farthest;
			covered = k != i && covers(&o, &t) &&
				  (!covers(&t, &o) || k < i);
		}
		if (!covered && literals_add(&l, &t) != 0) {
			pattern_literals_done(&l);
			return -ENOMEM;
		}
	}
	keep_better(best, &l);
	return 0;
}

static int best_of(const struct node *n, uint32_t nearest, uint32_t farthest,
    struct literals *best);

/* Each alternative must have a set; together they are one. */
static int
best_alternatives(const struct node *n, uint32_t nearest, uint32_t farthest,
    struct literals *best)
{
	struct literals all = {0};
	int r = 0;

	for (const struct node *c = n->child; c != NULL && r == 0;
	     c = c->next) {
		struct literals one = {0};

		r = best_of(c, nearest, farthest, &one);
		if (r == 0 && (one.n == 0 || all.n + one.n > LITERALS_MAX)) {
			pattern_literals_done(&one);
			pattern_literals_done(&all);
			return 0;
		}
		for (size_t i = 0; i < one.n && r == 0; i++)
			r = literals_add(&all, &one.list[i]);
		pattern_literals_done(&one);
	}
	if (r == 0)
		keep_better(best, &all);
	else
		pattern_literals_done(&all);
	return r;
}

static int
best_concatenation(const struct node *n, uint32_t nearest, uint32_t farthest,
    struct literals *best)
{
	struct run run;
	int r = 0;

	run_open(&run, nearest, farthest);
	for (const struct node *c = n->child; c != NULL && r == 0;
	     c = c->next) {
		struct exact part;
		bool known = exact(c, &part);

		if (!known || !exact_cross(&run.texts, &part)) {
			r = run_close(&run, best);
			if (r == 0 && !known)
				r = best_of(c, nearest, farthest, best);
			if (known) {
				run_open(&run, nearest, farthest);
				exact_copy(&run.texts, &part);
			}
		}
		nearest = width_plus(nearest, c->least);
		farthest = width_plus(farthest, c->most);
		if (!known)
			run_open(&run, nearest, farthest);
	}
	return r != 0 ? r : run_close(&run, best);
}

static int
best_of(const struct node *n, uint32_t nearest, uint32_t farthest,
    struct literals *best)
{
	struct run run;

	switch (n->kind) {
	case NODE_EMPTY:
		return 0;
	case NODE_SET:
		run_open(&run, nearest, farthest);
		return exact(n, &run.texts) ? run_close(&run, best) : 0;
	case NODE_REP:
		if (n->min == 0)
			return 0;
		return best_of(n->child, nearest, farthest, best);
	case NODE_ALT:
		return best_alternatives(n, nearest, farthest, best);
	case NODE_CAT:
		return best_concatenation(n, nearest, farthest, best);
	}
	return 0;
}

void
pattern_bytes(const struct node *n, struct byteset *out)
{
	if (n->kind == NODE_SET)
		set_or(out, &n->set);
	for (const struct node *c = n->child; c != NULL; c = c->next) {
		pattern_bytes(c, out);
		if (n->kind == NODE_REP)
			break;
	}
}

int
pattern_literals(const struct pattern *p, struct literals *out)
{
	*out = (struct literals){0};
	int r = best_of(p->root, 0, 0, out);

	if (r != 0) {
		pattern_literals_done(out);
		return r;
	}
	pattern_bytes(p->root, &out->lead);
	out->least = UINT32_MAX;
	for (size_t i = 0; i < out->n; i++)
		if (out->list[i].len < out->least)
			out->least = out->list[i].len;
	return 0;
}
