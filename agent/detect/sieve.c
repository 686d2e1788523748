/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sieve - finds the places in text that look like the shape of a match.
 *
 * Owns: the tables of all shapes, and the order of looks. First each place is
 * held against sixteen buckets of shapes by the classes of its first bytes,
 * many places at a time where the processor can; what passes is held against
 * the shapes of its buckets, 64 at once, one bit a shape and one table a place,
 * until no bit is left.
 * Never: knows a rule. A shape is what shape.c derived from a pattern, so
 * that there is nothing here that could disagree with it.
 */
#include "agent/detect/sieve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"

enum {
	LOT = 64, /* shapes that are looked at together */
	/* Tables of a lot: of the byte before the first place, then of places. */
	ROWS = 1 + PATTERN_PLACES,
};

struct sieve {
	/* The lots of bucket b are those from first[b] up to first[b + 1]. */
	uint16_t first[SIEVE_BUCKETS + 1];
	/* Where a byte's column begins; those that no shape tells apart share. */
	uint16_t column[256];
	unsigned columns;
	uint64_t *table; /* [lot][column][row], one bit a shape; owned */
	uint64_t *all; /* [lot]: its shapes; owned */
	uint16_t *shape; /* of each bit; owned */
	struct sieve_front front;
	sieve_front_fn *vector;
};

/* ---- making: classes ---- */

enum { PLAIN_FIRST = 0x20, PLAIN = 96 }; /* bytes that may have a class */

/* Bytes of one class while there are too many; all but 0 shrink to 15. */
struct classes {
	struct byteset bytes[PLAIN + 1]; /* 0: all that have no class */
	uint64_t *in[PLAIN + 1]; /* in which sets of shapes, as bits; owned */
	double rate[PLAIN + 1];
	size_t words;
	unsigned n;
};

static const struct byteset *
front_set(const struct shape *s, size_t row)
{
	return row == 0 ? &s->before : &s->at[row - 1];
}

static void
classes_done(struct classes *c)
{
	free(c->in[0]);
}

/* One class for each byte. */
static int
classes_init(struct classes *c, const struct shape *shapes, size_t n)
{
	size_t sets = n * (SIEVE_FRONT + 1);
	uint64_t *all;

	c->words = (sets + 63) / 64;
	c->n = PLAIN + 1;
	all = calloc(c->n * c->words, sizeof *all);
	if (all == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < c->n; i++)
		c->in[i] = all + i * c->words;
	for (unsigned i = 0; i < PLAIN; i++) {
		uint8_t byte = (uint8_t)(PLAIN_FIRST + i);

		c->bytes[i + 1].w[byte / 64] = (uint64_t)1 << byte % 64;
		c->bytes[0].w[byte / 64] |= (uint64_t)1 << byte % 64;
		c->rate[i + 1] = pattern_byte_rate(byte);
		for (size_t k = 0; k < sets; k++)
			if (byteset_has(
				front_set(&shapes[k / (SIEVE_FRONT + 1)],
				    k % (SIEVE_FRONT + 1)),
				byte))
				c->in[i + 1][k / 64] |= (uint64_t)1 << k % 64;
	}
	for (unsigned w = 0; w < 4; w++)
		c->bytes[0].w[w] = ~c->bytes[0].w[w];
	return 0;
}

/* How much more looks right if two classes become one. */
static double
class_cost(const struct classes *c, unsigned a, unsigned b)
{
	unsigned more_a = 0, more_b = 0;

	for (size_t w = 0; w < c->words; w++) {
		more_a += bits_set(c->in[b][w] & ~c->in[a][w]);
		more_b += bits_set(c->in[a][w] & ~c->in[b][w]);
	}
	return more_a * c->rate[a] + more_b * c->rate[b];
}

/* Makes classes one, the least different first, until there are few enough. */
static void
classes_merge(struct classes *c)
{
	double cost[PLAIN + 1][PLAIN + 1];

	for (unsigned a = 1; a < c->n; a++)
		for (unsigned b = 1; b < a; b++)
			cost[a][b] = class_cost(c, a, b);
	while (c->n > SIEVE_CLASSES) {
		unsigned x = 2, y = 1, last = --c->n;

		for (unsigned a = 1; a <= last; a++)
			for (unsigned b = 1; b < a; b++)
				if (cost[a][b] < cost[x][y]) {
					x = a;
					y = b;
				}
		for (unsigned w = 0; w < 4; w++)
			c->bytes[y].w[w] |= c->bytes[x].w[w];
		for (size_t w = 0; w < c->words; w++)
			c->in[y][w] |= c->in[x][w];
		c->rate[y] += c->rate[x];
		/* The last one takes the place that is free. */
		c->bytes[x] = c->bytes[last];
		c->in[x] = c->in[last];
		c->rate[x] = c->rate[last];
		for (unsigned k = 1; k < c->n; k++) {
			if (k > x)
				cost[k][x] = cost[last][k];
			else if (k < x)
				cost[x][k] = cost[last][k];
			if (k > y)
				cost[k][y] = class_cost(c, k, y);
			else if (k < y)
				cost[y][k] = class_cost(c, y, k);
		}
	}
}

/* What a look by classes lets through beside a set. */
static struct byteset
by_class(const struct classes *c, const struct byteset *s)
{
	struct byteset all = {{0}};

	for (unsigned i = 0; i < c->n; i++) {
		const struct byteset *b = &c->bytes[i];

		if (((b->w[0] & s->w[0]) | (b->w[1] & s->w[1]) |
			(b->w[2] & s->w[2]) | (b->w[3] & s->w[3])) == 0)
			continue;
		for (unsigned w = 0; w < 4; w++)
			all.w[w] |= b->w[w];
	}
	return all;
}

/* ---- making: buckets ---- */

/* What the first look sees of a shape, or of all shapes of a bucket. */
struct bucket {
	struct byteset row[SIEVE_FRONT + 1];
	double rate; /* of places that it lets through */
};

/* A shape on its way into a bucket. */
struct member {
	const struct shape *shape;
	struct bucket seen;
	uint16_t id;
	uint8_t bucket;
};

static void
bucket_add(struct bucket *b, const struct bucket *o)
{
	for (unsigned i = 0; i <= SIEVE_FRONT; i++)
		for (unsigned w = 0; w < 4; w++)
			b->row[i].w[w] |= o->row[i].w[w];
	b->rate = pattern_rate(&b->row[0], &b->row[1], SIEVE_FRONT);
}

static int
loosest_first(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;

	if (x->seen.rate != y->seen.rate)
		return x->seen.rate > y->seen.rate ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static int
by_bucket(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;

	return x->bucket != y->bucket ? x->bucket - y->bucket : x->id - y->id;
}

/* Shapes that begin alike share a bucket. */
static void
sort_out(struct member *m, size_t n, struct bucket b[SIEVE_BUCKETS])
{
	qsort(m, n, sizeof *m, loosest_first);
	for (size_t k = 0; k < n; k++) {
		struct bucket best = {0};
		double least = 2;

		for (unsigned i = 0; i < SIEVE_BUCKETS; i++) {
			struct bucket both = b[i];

			bucket_add(&both, &m[k].seen);
			if (both.rate - b[i].rate < least) {
				least = both.rate - b[i].rate;
				m[k].bucket = (uint8_t)i;
				best = both;
			}
		}
		b[m[k].bucket] = best;
	}
	qsort(m, n, sizeof *m, by_bucket);
}

static void
put_front(struct sieve_front *f, const struct classes *c,
    const struct bucket b[SIEVE_BUCKETS])
{
	for (unsigned i = 1; i < c->n; i++)
		for (unsigned k = 0; k < 128; k++)
			if (byteset_has(&c->bytes[i], (uint8_t)k))
				f->class_of[k] = (uint8_t)i;
	for (unsigned k = 0; k < SIEVE_BUCKETS; k++)
		for (unsigned i = 0; i <= SIEVE_FRONT; i++)
			for (unsigned w = 0; w < c->n; w++) {
				const struct byteset *s = &c->bytes[w];
				const struct byteset *r = &b[k].row[i];

				if (((s->w[0] & r->w[0]) | (s->w[1] & r->w[1]) |
					(s->w[2] & r->w[2]) |
					(s->w[3] & r->w[3])) != 0)
					f->fit[k / 8][i][w] |=
					    (uint8_t)(1U << k % 8);
			}
}

/* The set of a shape that is held against a row's byte. */
static const struct byteset *
row_set(const struct shape *s, unsigned row)
{
	return row == 0 ? &s->before : &s->at[row - 1];
}

/* Parts the columns whose bytes a set has only some of. */
static void
part_columns(struct sieve *v, const struct byteset *s)
{
	bool in[256] = {false}, out[256] = {false};
	uint16_t moved[256] = {0}; /* the new column of those in the set */

	for (unsigned c = 0; c < 256; c++)
		(byteset_has(s, (uint8_t)c) ? in : out)[v->column[c]] = true;
	for (unsigned c = 0; c < 256; c++) {
		uint16_t old = v->column[c];

		if (!byteset_has(s, (uint8_t)c) || !in[old] || !out[old])
			continue;
		if (moved[old] == 0)
			moved[old] = (uint16_t)v->columns++;
		v->column[c] = moved[old];
	}
}

static void
put_columns(struct sieve *v, const struct member *m, size_t n)
{
	const struct byteset *last = NULL;

	v->columns = 1;
	for (size_t k = 0; k < n; k++)
		for (unsigned i = 0; i < ROWS; i++) {
			const struct byteset *s = row_set(m[k].shape, i);

			/* Many places are like the one before them. */
			if (last == NULL || memcmp(s, last, sizeof *s) != 0)
				part_columns(v, s);
			last = s;
		}
	for (unsigned c = 0; c < 256; c++)
		v->column[c] = (uint16_t)(v->column[c] * ROWS);
}

static void
put_shape(struct sieve *v, const struct shape *s, size_t lot, uint64_t one)
{
	uint64_t *table = v->table + lot * ROWS * v->columns;

	v->all[lot] |= one;
	for (unsigned i = 0; i < ROWS; i++) {
		const struct byteset *set = row_set(s, i);

		for (unsigned c = 0; c < 256; c++)
			if (byteset_has(set, (uint8_t)c))
				table[v->column[c] + i] |= one;
	}
}

/* @m is sorted by bucket; each begins a lot. */
static int
put_tables(struct sieve *v, const struct member *m, size_t n)
{
	size_t in[SIEVE_BUCKETS] = {0}, used = 0;

	for (size_t k = 0; k < n; k++)
		in[m[k].bucket]++;
	for (unsigned b = 0; b < SIEVE_BUCKETS; b++)
		v->first[b + 1] =
		    (uint16_t)(v->first[b] + (in[b] + LOT - 1) / LOT);
	put_columns(v, m, n);
	v->table = calloc((size_t)v->first[SIEVE_BUCKETS] * ROWS * v->columns,
	    sizeof *v->table);
	v->all = calloc(v->first[SIEVE_BUCKETS], sizeof *v->all);
	v->shape =
	    calloc((size_t)v->first[SIEVE_BUCKETS] * LOT, sizeof *v->shape);
	if (v->table == NULL || v->all == NULL || v->shape == NULL)
		return -ENOMEM;
	for (size_t k = 0; k < n; k++, used++) {
		size_t lot;

		if (k == 0 || m[k].bucket != m[k - 1].bucket)
			used = 0;
		lot = v->first[m[k].bucket] + used / LOT;
		v->shape[lot * LOT + used % LOT] = m[k].id;
		put_shape(v, m[k].shape, lot, (uint64_t)1 << used % LOT);
	}
	return 0;
}

static int
prepare(struct sieve *v, const struct shape *shapes, size_t n, struct member *m)
{
	OWN(classes_done) struct classes c = {0};
	struct bucket buckets[SIEVE_BUCKETS] = {0};
	int r = classes_init(&c, shapes, n);

	if (r != 0)
		return r;
	classes_merge(&c);
	for (size_t i = 0; i < n; i++) {
		m[i].shape = &shapes[i];
		m[i].id = (uint16_t)i;
		for (unsigned k = 0; k <= SIEVE_FRONT; k++)
			m[i].seen.row[k] =
			    by_class(&c, front_set(&shapes[i], k));
		m[i].seen.rate = pattern_rate(
		    &m[i].seen.row[0], &m[i].seen.row[1], SIEVE_FRONT);
	}
	sort_out(m, n, buckets);
	put_front(&v->front, &c, buckets);
	return put_tables(v, m, n);
}

int
sieve_new(const struct shape *shapes, size_t n, struct sieve **out)
{
	struct sieve *v = calloc(1, sizeof *v);
	OWN_MEM struct member *m = calloc(n, sizeof *m);

	must(n > 0 && n <= SIEVE_SHAPES_MAX);
	if (v == NULL || m == NULL || prepare(v, shapes, n, m) != 0) {
		sieve_free(v);
		return -ENOMEM;
	}
	v->vector = sieve_vector_front();
	*out = v;
	return 0;
}

void
sieve_free(struct sieve *v)
{
	if (v == NULL)
		return;
	free(v->table);
	free(v->all);
	free(v->shape);
	free(v);
}

/* ---- looking ---- */

static const unsigned ALL_BUCKETS = (1U << SIEVE_BUCKETS) - 1;

struct look {
	const struct sieve *v;
	const uint8_t *text;
	size_t len;
	sieve_fn *fn;
	void *ctx;
};

static void
tell(const struct look *l, size_t at, size_t lot, uint64_t left)
{
	for (; left != 0; left &= left - 1)
		l->fn(l->ctx,
		    l->v->shape[lot * LOT + (size_t)__builtin_ctzll(left)], at);
}

/* The shapes that one row leaves; @p is at the first place. */
static uint64_t
row(const struct sieve *v, const uint64_t *table, const uint8_t *p, int i)
{
	return table[v->column[p[i - 1]] + i];
}

/*
 * Holds one place against a lot: first what the front did not see, since there
 * most shapes end. Rows go together: one more costs less than a wrong guess.
 */
static void
look_lot(const struct look *l, size_t at, size_t lot)
{
	const struct sieve *v = l->v;
	const uint64_t *t = v->table + lot * ROWS * v->columns;
	const uint8_t *p = l->text + at;
	uint64_t left = v->all[lot];

	left &= row(v, t, p, 1) & row(v, t, p, 2) & row(v, t, p, 3) &
		row(v, t, p, SIEVE_FRONT + 1) & row(v, t, p, SIEVE_FRONT + 2) &
		row(v, t, p, SIEVE_FRONT + 3) & row(v, t, p, SIEVE_FRONT + 4);
	if (left == 0)
		return;
	left &= row(v, t, p, 0);
	for (int i = 4; i <= SIEVE_FRONT && left != 0; i++)
		left &= row(v, t, p, i);
	for (int i = SIEVE_FRONT + 5; i < ROWS && left != 0; i++)
		left &= row(v, t, p, i);
	tell(l, at, lot, left);
}

/* The same close to an end of the text, which fits every shape. */
static void
look_end(const struct look *l, size_t at, size_t lot)
{
	const struct sieve *v = l->v;
	const uint64_t *t = v->table + lot * ROWS * v->columns;
	const uint8_t *p = l->text + at;
	size_t most = l->len - at;
	uint64_t left = v->all[lot];

	if (at > 0)
		left &= row(v, t, p, 0);
	for (int i = 1; i < ROWS && (size_t)i <= most; i++)
		left &= row(v, t, p, i);
	tell(l, at, lot, left);
}

/* Holds one place against the shapes of some buckets. */
static void
look(const struct look *l, size_t at, unsigned buckets)
{
	const struct sieve *v = l->v;
	bool inside = at > 0 && l->len - at >= PATTERN_PLACES;

	for (; buckets != 0; buckets &= buckets - 1) {
		unsigned b = (unsigned)__builtin_ctz(buckets);

		for (size_t n = v->first[b]; n < v->first[b + 1]; n++)
			if (inside)
				look_lot(l, at, n);
			else
				look_end(l, at, n);
	}
}

/* The buckets that are left of a byte in a row. */
static unsigned
fit(const struct sieve_front *f, unsigned row, uint8_t byte)
{
	unsigned c = byte < 0x80 ? f->class_of[byte] : 0;

	return f->fit[0][row][c] | (unsigned)f->fit[1][row][c] << 8;
}

/* The first look, a place at a time: which buckets are left. */
static unsigned
front(const struct sieve *v, const uint8_t *p)
{
	unsigned left = ALL_BUCKETS;

	for (unsigned i = 0; i <= SIEVE_FRONT && left != 0; i++)
		left &= fit(&v->front, i, p[(int)i - 1]);
	return left;
}

/* As many places as the vector code can take; returns where it ended. */
static size_t
stretch(const struct look *l, size_t at)
{
	struct sieve_place places[SIEVE_STRETCH];
	size_t n = (l->len - at - SIEVE_BLOCK) & ~(size_t)(SIEVE_BLOCK - 1);
	size_t found;

	n = n < SIEVE_STRETCH ? n : SIEVE_STRETCH;
	found = l->v->vector(&l->v->front, l->text, at, n, places);
	for (size_t i = 0; i < found; i++)
		look(l, places[i].at, places[i].buckets);
	return at + n;
}

void
sieve_scan(const struct sieve *v, const uint8_t *text, size_t len, size_t from,
    sieve_fn *fn, void *ctx)
{
	struct look l = {v, text, len, fn, ctx};
	size_t at = from;

	must(len <= UINT32_MAX);
	if (at == 0 && at < len)
		look(&l, at++, ALL_BUCKETS);
	while (v->vector != NULL && at + 2 * SIEVE_BLOCK <= len)
		at = stretch(&l, at);
	for (; at + SIEVE_FRONT <= len; at++) {
		unsigned left = front(v, text + at);

		if (left != 0)
			look(&l, at, left);
	}
	for (; at < len; at++)
		look(&l, at, ALL_BUCKETS);
}
