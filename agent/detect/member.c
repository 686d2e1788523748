/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member - values that may be in an index for exact data match.
 *
 * Owns: what a value is in a running text, the secondaries beside it, and
 * which candidates a finding carries.
 * Never: keeps a value: of a candidate there is a digest from the moment on
 * that it is kept.
 *
 * A word is a run of letters, digits, "@._+-" and bytes over 127. A primary is
 * a word that holds a digit or an "@", or up to eight short words with one
 * blank between ("4532 0151 1283 0366"); a secondary is up to four words with
 * one or two other bytes between, no newline among them ("Mc Donald").
 */
#include "agent/detect/member.h"

#include <errno.h>
#include <string.h>

#include "lib/own.h"

enum {
	WORD_MAX = 64, /* bytes of one word */
	GROUP_MAX = 12, /* of one of several that make a primary */
	GROUPS_MAX = 8,
	LEAD_MAX = 4, /* of a group before the first digit */
	PARTS_MAX = 4, /* words of a secondary */
	HITS_FIRST = 64,
	STRETCH = 32,
};

/* Where a value of a secondary's column may stand. */
struct hit {
	uint64_t from, to;
};

/* A secondary's column: what stands in the stretches that were asked. */
struct beside {
	size_t column;
	struct hit *hits; /* ascending by from; owned */
	size_t first, n, cap; /* those before @first are out of sight */
	struct hit chosen[EXACT_NEAR_MAX]; /* of the last primary */
	size_t nchosen;
};

struct pick {
	uint64_t hash;
	unsigned columns;
	struct exact_candidate candidate;
};

struct member {
	const struct member_rule *rule;
	struct beside columns[EXACT_COLUMNS_MAX];
	size_t ncolumns;
	uint64_t asked; /* words that start below were asked */
	unsigned last; /* columns beside the last primary */
	struct pick picks[EXACT_CANDIDATES_MAX];
	size_t npicks;
};

/* What a byte is to a word. */
enum class {
	IN_WORD = 1,
	DIGIT = 2,
	OTHER = 4, /* a letter, or over 127 */
	MAIL = 8, /* '@' */
	PLAIN = DIGIT | OTHER, /* what is left in the normal form */
};

static const uint8_t CLASSES[256] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 1, 0, 1, 1, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0,
    9, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 0, 0, 0, 0, 1, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5};

static bool
is_plain(uint8_t c)
{
	return (CLASSES[c] & PLAIN) != 0;
}

static bool
is_word(uint8_t c)
{
	return (CLASSES[c] & IN_WORD) != 0;
}

/* The start of the first word from @at on; @at itself may be within one. */
static size_t
next_word(const uint8_t *text, size_t end, size_t at)
{
	if (at > 0 && is_word(text[at - 1]))
		while (at < end && is_word(text[at]))
			at++;
	while (at < end && !is_word(text[at]))
		at++;
	return at;
}

/* What a word is made of. */
struct word {
	size_t end;
	size_t plain; /* bytes of its normal form, if there is no '@' */
	bool digit, mail, other;
};

static struct word
word_at(const uint8_t *text, size_t end, size_t at)
{
	struct word w = {.end = at};
	unsigned all = 0;

	for (; w.end < end; w.end++) {
		unsigned c = CLASSES[text[w.end]];

		if (c == 0)
			break;
		all |= c;
		w.plain += (c & PLAIN) != 0;
	}
	w.digit = (all & DIGIT) != 0;
	w.mail = (all & MAIL) != 0;
	w.other = (all & OTHER) != 0;
	return w;
}

/*
 * The next byte that every primary holds one of: a digit, or an '@'. In what
 * people write these are rare, so stretches without are passed over at once.
 */
static size_t
next_sign(const uint8_t *text, size_t end, size_t at)
{
	while (end - at >= STRETCH) {
		unsigned any = 0;

		for (size_t i = 0; i < STRETCH; i++) {
			uint8_t c = text[at + i];

			any |= (unsigned)((uint8_t)(c - '0') < 10) |
			       (unsigned)(c == '@');
		}
		if (any != 0)
			break;
		at += STRETCH;
	}
	while (at < end && (CLASSES[text[at]] & (DIGIT | MAIL)) == 0)
		at++;
	return at;
}

static bool
may_be(const struct exact_column *c, const uint8_t *v, size_t n)
{
	uint8_t value[EXACT_VALUE_MAX];
	bool digits, there;
	size_t len = exact_normal(v, n, value, &digits);

	there = len >= EXACT_PRIMARY_MIN && exact_maybe(c, value, len, digits);
	explicit_bzero(value, len);
	return there;
}

/* Whether the column has values of that length at all. */
static bool
may_have(const struct exact_column *c, size_t plain, bool other)
{
	uint64_t lengths = other ? c->others : c->digits;

	return plain <= EXACT_VALUE_MAX && (lengths >> plain & 1) != 0;
}

/* ---- primaries ---- */

/* The end of the longest value from @at on, 0 without; *next: what follows the
 * first word. */
static size_t
primary_at(const struct exact_column *c, const uint8_t *text, size_t end,
    size_t at, size_t *next)
{
	size_t found = 0, from = at, plain = 0;
	bool digit = false, other = false;

	for (unsigned i = 0; i < GROUPS_MAX; i++) {
		struct word w = word_at(text, end, from);
		bool group = w.end - from <= GROUP_MAX && !w.mail &&
			     (c->others != 0 || !w.other);

		if (i == 0)
			*next = w.end;
		digit = digit || w.digit;
		other = other || w.other;
		plain += w.plain;
		if (w.end - from > WORD_MAX || w.end - at > MEMBER_WIDTH_MAX ||
		    (i > 0 && !group))
			break;
		if ((w.mail ? (c->others & EXACT_MAIL) != 0
			    : digit && may_have(c, plain, other)) &&
		    may_be(c, text + at, w.end - at))
			found = w.end;
		/* Of letters there is one short word before the first digit:
		 * so a sentence is not tried word by word. */
		if (!digit && (i > 0 || w.end - from > LEAD_MAX))
			break;
		if (!group || w.end + 1 >= end || text[w.end] != ' ' ||
		    !is_word(text[w.end + 1]))
			break;
		from = w.end + 1;
	}
	return found;
}

/* The first word from @at on that a primary may begin with: one with a sign,
 * or the short one before it. */
static size_t
next_start(const uint8_t *text, size_t end, size_t at)
{
	size_t sign = next_sign(text, end, at), start = sign, lead;

	while (start > at && is_word(text[start - 1]))
		start--;
	lead = start > 0 ? start - 1 : 0;
	if (lead <= at || sign == end || text[lead] != ' ')
		return start;
	while (lead > at && is_word(text[lead - 1]) &&
	       start - lead <= LEAD_MAX + 1)
		lead--;
	return is_word(text[lead]) && (lead == 0 || !is_word(text[lead - 1]))
		   ? lead
		   : start;
}

bool
member_find(const struct member_rule *r, const uint8_t *text, size_t end,
    size_t from, size_t last, size_t *start, size_t *stop)
{
	const struct exact_column *c = &r->x->columns[r->at];
	size_t at = next_start(text, end, next_word(text, end, from));

	while (at <= last && at < end) {
		size_t next, found = primary_at(c, text, end, at, &next);

		if (found > 0) {
			while (!is_plain(text[at]))
				at++;
			while (!is_plain(text[found - 1]))
				found--;
			*start = at;
			*stop = found;
			return true;
		}
		at = next_start(text, end, next_word(text, end, next));
	}
	return false;
}

/* ---- secondaries ---- */

int
member_new(const struct member_rule *r, struct member **out)
{
	struct member *m = calloc(1, sizeof *m);

	if (m == NULL)
		return -ENOMEM;
	m->rule = r;
	for (size_t i = 0; i < r->x->ncolumns; i++)
		if (!r->x->columns[i].primary)
			m->columns[m->ncolumns++].column = i;
	*out = m;
	return 0;
}

void
member_free(struct member *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->ncolumns; i++)
		free(m->columns[i].hits);
	explicit_bzero(m, sizeof *m);
	free(m);
}

void
member_reset(struct member *m)
{
	for (size_t i = 0; i < m->ncolumns; i++)
		m->columns[i].first = m->columns[i].n = 0;
	explicit_bzero(m->picks, sizeof m->picks);
	m->npicks = 0;
	m->asked = 0;
}

static int
add_hit(struct beside *b, uint64_t from, uint64_t to)
{
	if (b->n == b->cap) {
		size_t cap = b->cap == 0 ? HITS_FIRST : b->cap * 2;
		struct hit *more = reallocarray(b->hits, cap, sizeof *more);

		if (more == NULL)
			return -ENOMEM;
		b->hits = more;
		b->cap = cap;
	}
	b->hits[b->n++] = (struct hit){from, to};
	return 0;
}

/* Asks each column for the values that start with the word at @at. */
static int
ask_word(struct member *m, const struct member_view *v, size_t at, size_t *next)
{
	size_t from = at;
	int r = 0;

	for (unsigned i = 0; i < PARTS_MAX && r == 0; i++) {
		struct word w = word_at(v->window, v->len, from);
		uint8_t value[EXACT_VALUE_MAX];
		size_t n = 0, gap = w.end;
		bool digits = false;

		if (i == 0)
			*next = w.end;
		if (w.end - from > WORD_MAX || w.end - at > MEMBER_WIDTH_MAX ||
		    (w.mail && i > 0))
			break;
		n = exact_normal(v->window + at, w.end - at, value, &digits);
		for (size_t k = 0; k < m->ncolumns && r == 0; k++) {
			struct beside *b = &m->columns[k];

			if (n >= EXACT_SECONDARY_MIN &&
			    exact_maybe(&m->rule->x->columns[b->column], value,
				n, digits))
				r = add_hit(b, v->base + at, v->base + w.end);
		}
		explicit_bzero(value, n);
		while (gap < v->len && gap < w.end + 2 &&
		       !is_word(v->window[gap]) && v->window[gap] != '\n')
			gap++;
		if (w.mail || gap == w.end || gap == v->len ||
		    !is_word(v->window[gap]))
			break;
		from = gap;
	}
	return r;
}

/* Asks what was not asked yet up to @high, and forgets what ends below @low. */
static int
ask(struct member *m, const struct member_view *v, const struct member_place *p)
{
	uint64_t from = m->asked > p->low ? m->asked : p->low;
	size_t high = (size_t)(p->high - v->base), at;
	int r = 0;

	for (size_t i = 0; i < m->ncolumns; i++) {
		struct beside *b = &m->columns[i];

		while (b->first < b->n && b->hits[b->first].from < p->low)
			b->first++;
		if (2 * b->first < b->n || b->first == 0)
			continue;
		memmove(b->hits, b->hits + b->first,
		    (b->n - b->first) * sizeof *b->hits);
		b->n -= b->first;
		b->first = 0;
	}
	at = next_word(v->window, v->len, (size_t)(from - v->base));
	while (at < high && r == 0) {
		size_t next = at;

		r = ask_word(m, v, at, &next);
		at = next_word(v->window, v->len, next);
	}
	if (m->asked < p->high)
		m->asked = p->high;
	return r;
}

/* The nearest before the primary and the nearest behind it. */
static void
choose(struct beside *b, const struct member_place *p)
{
	size_t low = b->first, high = b->n, i;

	b->nchosen = 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (b->hits[mid].from < p->from)
			low = mid + 1;
		else
			high = mid;
	}
	/* Those that reach into the primary start within a value's width. */
	for (i = low; i > b->first && b->hits[i - 1].to > p->from; i--)
		if (b->hits[i - 1].from + MEMBER_WIDTH_MAX < p->from)
			break;
	if (i > b->first && b->hits[i - 1].to <= p->from)
		b->chosen[b->nchosen++] = b->hits[i - 1];
	while (low < b->n && b->hits[low].from < p->to)
		low++;
	if (low < b->n && b->hits[low].to <= p->high)
		b->chosen[b->nchosen++] = b->hits[low];
}

int
member_beside(
    struct member *m, const struct member_view *v, const struct member_place *p)
{
	int r = ask(m, v, p);

	if (r != 0)
		return r;
	m->last = 0;
	for (size_t i = 0; i < m->ncolumns; i++) {
		choose(&m->columns[i], p);
		m->last += m->columns[i].nchosen > 0;
	}
	return (int)m->last;
}

/* ---- candidates ---- */

/* Where the candidate goes; NULL if it is none of the best. */
static struct pick *
place_for(struct member *m, uint64_t hash)
{
	struct pick *least = NULL;

	for (size_t i = 0; i < m->npicks; i++) {
		struct pick *p = &m->picks[i];

		if (p->hash == hash)
			return p->columns < m->last ? p : NULL;
		if (least == NULL || p->columns < least->columns)
			least = p;
	}
	if (m->npicks < EXACT_CANDIDATES_MAX)
		return &m->picks[m->npicks++];
	return least->columns < m->last ? least : NULL;
}

static void
digest_near(struct member *m, const struct member_view *v,
    const struct beside *b, struct exact_candidate *c)
{
	for (size_t i = 0; i < b->nchosen; i++) {
		struct exact_near *to = &c->near[c->nnear++];
		const uint8_t *at =
		    v->window + (size_t)(b->chosen[i].from - v->base);
		uint8_t value[EXACT_VALUE_MAX], digest[EXACT_DIGEST];
		bool digits;
		size_t n = exact_normal(at,
		    (size_t)(b->chosen[i].to - b->chosen[i].from), value,
		    &digits);

		exact_digest(m->rule->x, b->column, value, n, digest);
		to->column = (uint8_t)b->column;
		memcpy(to->brief, digest, EXACT_BRIEF);
		explicit_bzero(value, n);
	}
}

void
member_keep(struct member *m, const struct member_view *v, uint64_t hash,
    const uint8_t *value, size_t n)
{
	struct pick *p = place_for(m, hash);

	if (p == NULL)
		return;
	*p = (struct pick){.hash = hash, .columns = m->last};
	p->candidate.column = (uint8_t)m->rule->at;
	exact_digest(m->rule->x, m->rule->at, value, n, p->candidate.digest);
	for (size_t i = 0; i < m->ncolumns; i++)
		digest_near(m, v, &m->columns[i], &p->candidate);
}

int
member_seal(const struct member *m, char **out)
{
	OWN(buf_done) struct buf text = {0};
	struct exact_sealed s = {.min = (uint8_t)m->rule->min, .n = m->npicks};
	const char *t;
	int r;

	for (size_t i = 0; i < m->npicks; i++)
		s.list[i] = m->picks[i].candidate;
	buf_init(&text, EXACT_SEALED_MAX);
	r = exact_seal(m->rule->x, &s, &text);
	explicit_bzero(&s, sizeof s);
	if (r != 0)
		return r;
	t = buf_text(&text);
	*out = t != NULL ? strdup(t) : NULL;
	return *out != NULL ? 0 : -ENOMEM;
}
