/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sieve - finds the places in text that look like the shape of a match.
 *
 * Owns: the tables of all shapes, and the order of looks. First each place is
 * held against eight buckets of shapes by its first bytes, 32 places at a
 * time where the processor can; what passes is held against every shape at
 * once, one bit a shape and one table a place, until no bit is left.
 * Never: knows a rule. A shape is what pattern.c derived from a pattern, so
 * that there is nothing here that could disagree with it.
 */
#include "agent/detect/sieve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"

enum { LOT = 128 }; /* shapes that are looked at together */

/* One bit a shape; the compiler has instructions for all of it at once. */
typedef uint64_t lot __attribute__((vector_size(LOT / 8)));

struct sieve {
	size_t lots;
	unsigned depth; /* places that say anything */
	lot *of; /* [lot][buckets]: the shapes of these; owned */
	lot *before; /* [lot][byte]; owned */
	lot *at; /* [lot][place][byte]; owned */
	uint16_t *shape; /* of each bit; owned */
	uint8_t front[SIEVE_FRONT + 1][256]; /* buckets; last: byte before */
	struct sieve_front vector;
	sieve_front_fn *blocks;
};

/* ---- making ---- */

/* A shape on its way into a bucket. */
struct member {
	const struct shape *shape;
	uint16_t id;
	uint8_t bucket;
};

struct bucket {
	struct byteset front[SIEVE_FRONT + 1];
};

static const struct byteset *
front_set(const struct shape *s, unsigned place)
{
	return place < SIEVE_FRONT ? &s->at[place] : &s->before;
}

/* What a lookup by halves lets through beside the set. */
static struct byteset
by_halves(const struct byteset *s)
{
	struct byteset all = {{0}};
	unsigned low = 0, high = 0;

	for (unsigned c = 0; c < 256; c++) {
		if (byteset_has(s, (uint8_t)c)) {
			low |= 1U << (c & 15);
			high |= 1U << (c >> 4);
		}
	}
	for (unsigned c = 0; c < 256; c++)
		if ((low >> (c & 15) & 1) != 0 && (high >> (c >> 4) & 1) != 0)
			all.w[c / 64] |= (uint64_t)1 << c % 64;
	return all;
}

static double
bucket_rate(const struct bucket *b)
{
	struct byteset front[SIEVE_FRONT];

	for (unsigned i = 0; i < SIEVE_FRONT; i++)
		front[i] = by_halves(&b->front[i]);
	return pattern_rate(&b->front[SIEVE_FRONT], front, SIEVE_FRONT);
}

/* How many more places a bucket lets through with this shape in it. */
static double
cost(const struct bucket *b, const struct shape *s)
{
	struct bucket both = *b;

	for (unsigned i = 0; i <= SIEVE_FRONT; i++)
		for (unsigned w = 0; w < 4; w++)
			both.front[i].w[w] |= front_set(s, i)->w[w];
	return bucket_rate(&both) - bucket_rate(b);
}

static int
loosest_first(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;

	if (x->shape->front != y->shape->front)
		return x->shape->front > y->shape->front ? -1 : 1;
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
		double least = 2;

		for (uint8_t i = 0; i < SIEVE_BUCKETS; i++) {
			double c = cost(&b[i], m[k].shape);

			if (c < least) {
				least = c;
				m[k].bucket = i;
			}
		}
		for (unsigned i = 0; i <= SIEVE_FRONT; i++)
			for (unsigned w = 0; w < 4; w++)
				b[m[k].bucket].front[i].w[w] |=
				    front_set(m[k].shape, i)->w[w];
	}
	qsort(m, n, sizeof *m, by_bucket);
}

static void
put_front(struct sieve *v, const struct bucket b[SIEVE_BUCKETS])
{
	for (unsigned k = 0; k < SIEVE_BUCKETS; k++)
		for (unsigned i = 0; i <= SIEVE_FRONT; i++)
			for (unsigned c = 0; c < 256; c++)
				if (byteset_has(&b[k].front[i], (uint8_t)c))
					v->front[i][c] |= (uint8_t)(1U << k);
}

/* Which kinds of byte a bucket does not allow before its first place. */
static void
put_barred(struct sieve *v)
{
	static const char *const kinds[] = {"0123456789",
	    "abcdefghijklmnoABCDEFGHIJKLMNO", "pqrstuvwxyzPQRSTUVWXYZ", "_"};
	uint8_t barred[4] = {0xff, 0xff, 0xff, 0xff};
	struct sieve_front *f = &v->vector;

	for (unsigned k = 0; k < 4; k++)
		for (const char *c = kinds[k]; *c != '\0'; c++)
			barred[k] &=
			    (uint8_t)~v->front[SIEVE_FRONT][(uint8_t)*c];
	for (unsigned k = 0; k < 4; k++)
		f->barred[1U << k] = barred[k];
	for (unsigned i = 0; i < 10; i++)
		f->kind_low[i] |= 1;
	f->kind_high[3] |= 1;
	for (unsigned i = 1; i < 16; i++)
		f->kind_low[i] |= 2;
	f->kind_high[4] |= 2;
	f->kind_high[6] |= 2;
	for (unsigned i = 0; i < 11; i++)
		f->kind_low[i] |= 4;
	f->kind_high[5] |= 4;
	f->kind_high[7] |= 4;
	f->kind_low[15] |= 8;
	f->kind_high[5] |= 8;
}

static void
put_halves(struct sieve *v)
{
	for (unsigned i = 0; i < SIEVE_FRONT; i++) {
		for (unsigned c = 0; c < 256; c++) {
			v->vector.low[i][c & 15] |= v->front[i][c];
			v->vector.high[i][c >> 4] |= v->front[i][c];
		}
	}
	put_barred(v);
}

static void
put_shape(struct sieve *v, const struct shape *s, size_t slot)
{
	size_t at = slot / LOT;
	unsigned word = slot % LOT / 64;
	uint64_t one = (uint64_t)1 << slot % 64;
	lot *rows = v->at + at * PATTERN_PLACES * 256;

	for (unsigned c = 0; c < 256; c++) {
		if (byteset_has(&s->before, (uint8_t)c))
			v->before[at * 256 + c][word] |= one;
		for (unsigned i = 0; i < PATTERN_PLACES; i++) {
			if (byteset_has(&s->at[i], (uint8_t)c))
				rows[i * 256 + c][word] |= one;
			else if (i >= v->depth)
				v->depth = i + 1;
		}
	}
}

static int
put_tables(struct sieve *v, const struct member *m, size_t n)
{
	v->lots = (n + LOT - 1) / LOT;
	v->before = calloc(256 * v->lots, sizeof *v->before);
	v->at = calloc(256 * PATTERN_PLACES * v->lots, sizeof *v->at);
	v->shape = calloc(LOT * v->lots, sizeof *v->shape);
	v->of = calloc(256 * v->lots, sizeof *v->of);
	if (v->before == NULL || v->at == NULL || v->shape == NULL ||
	    v->of == NULL)
		return -ENOMEM;
	for (size_t k = 0; k < n; k++) {
		v->shape[k] = m[k].id;
		for (unsigned b = 0; b < 256; b++)
			if ((b >> m[k].bucket & 1) != 0)
				v->of[k / LOT * 256 + b][k % LOT / 64] |=
				    (uint64_t)1 << k % 64;
		put_shape(v, m[k].shape, k);
	}
	return 0;
}

int
sieve_new(const struct shape *shapes, size_t n, struct sieve **out)
{
	struct sieve *v = calloc(1, sizeof *v);
	OWN_MEM struct member *m = calloc(n, sizeof *m);
	struct bucket buckets[SIEVE_BUCKETS] = {0};

	must(n > 0 && n <= SIEVE_SHAPES_MAX);
	if (v == NULL || m == NULL) {
		sieve_free(v);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		m[i] = (struct member){&shapes[i], (uint16_t)i, 0};
	sort_out(m, n, buckets);
	put_front(v, buckets);
	put_halves(v);
	if (put_tables(v, m, n) != 0) {
		sieve_free(v);
		return -ENOMEM;
	}
	v->blocks = sieve_vector_blocks();
	*out = v;
	return 0;
}

void
sieve_free(struct sieve *v)
{
	if (v == NULL)
		return;
	free(v->before);
	free(v->at);
	free(v->shape);
	free(v->of);
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

static bool
empty(lot left)
{
	return (left[0] | left[1]) == 0;
}

static void
tell(const struct look *l, size_t at, size_t n, lot left)
{
	for (unsigned w = 0; w < LOT / 64; w++)
		for (uint64_t bits = left[w]; bits != 0; bits &= bits - 1)
			l->fn(l->ctx,
			    l->v->shape[n * LOT + w * 64 +
					(size_t)__builtin_ctzll(bits)],
			    at);
}

/*
 * Holds one place against the shapes of a lot: first what the front did not
 * see, since there most of them end.
 */
static void
look_lot(const struct look *l, size_t at, size_t n, lot left)
{
	const struct sieve *v = l->v;
	const lot *rows = v->at + n * PATTERN_PLACES * 256;
	const uint8_t *p = l->text + at;
	size_t most = l->len - at < v->depth ? l->len - at : v->depth;
	size_t front = most < SIEVE_FRONT ? most : SIEVE_FRONT;

	left &= rows[*p];
	for (size_t i = SIEVE_FRONT; i < most; i++) {
		left &= rows[i * 256 + p[i]];
		if (empty(left))
			return;
	}
	if (at > 0)
		left &= v->before[n * 256 + p[-1]];
	for (size_t i = 1; i < front && !empty(left); i++)
		left &= rows[i * 256 + p[i]];
	tell(l, at, n, left);
}

/* Holds one place against the shapes of some buckets. */
static void
look(const struct look *l, size_t at, unsigned buckets)
{
	for (size_t n = 0; n < l->v->lots; n++) {
		lot left = l->v->of[n * 256 + buckets];

		if (!empty(left))
			look_lot(l, at, n, left);
	}
}

/* The first look, a place at a time: which of some buckets are left. */
static unsigned
front(const struct sieve *v, const uint8_t *p, unsigned buckets)
{
	unsigned left = buckets & v->front[SIEVE_FRONT][p[-1]];

	for (unsigned i = 0; i < SIEVE_FRONT && left != 0; i++)
		left &= v->front[i][p[i]];
	return left;
}

void
sieve_scan(const struct sieve *v, const uint8_t *text, size_t len, size_t from,
    sieve_fn *fn, void *ctx)
{
	struct look l = {v, text, len, fn, ctx};
	size_t at = from;
	uint8_t fit[SIEVE_BLOCK];
	uint32_t hits;

	if (at == 0 && at < len)
		look(&l, at++, ALL_BUCKETS);
	while (v->blocks != NULL && at + SIEVE_BLOCK + SIEVE_FRONT <= len) {
		at = v->blocks(&v->vector, text, len, at, &hits, fit);
		if (hits == 0)
			break;
		for (; hits != 0; hits &= hits - 1) {
			unsigned i = (unsigned)__builtin_ctz(hits);
			unsigned left;

			/* By halves more fits than by bytes. */
			left = front(v, text + at + i, fit[i]);
			if (left != 0)
				look(&l, at + i, left);
		}
		at += SIEVE_BLOCK;
	}
	for (; at + SIEVE_FRONT <= len; at++)
		look(&l, at, front(v, text + at, ALL_BUCKETS));
	for (; at < len; at++)
		look(&l, at, ALL_BUCKETS);
}
