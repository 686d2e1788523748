/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally - bounded sums over the matches of one detector.
 *
 * Owns: the set of hashes that counts distinct values, up to
 * TALLY_UNIQUE_MAX, and the shape of a value.
 * Never: keeps a value. The hash is keyed with bytes that no one else knows
 * and that die with the scan, so that nobody can aim for collisions.
 */
#include "agent/detect/tally.h"

#include <errno.h>
#include <string.h>

#include "lib/sip.h"

#include "lib/own.h"

enum { SPANS_FIRST = 8, SLOTS_FIRST = 32, MASK_MAX = 40 };

uint64_t
tally_hash(const uint8_t key[16], const uint8_t *v, size_t n)
{
	uint64_t m = sip_hash(key, v, n);

	return m != 0 ? m : 1;
}

/* Puts a hash that is not there yet; false if it is. */
static bool
put(uint64_t *slots, size_t n, uint64_t hash)
{
	size_t at = (size_t)hash & (n - 1);

	while (slots[at] != 0) {
		if (slots[at] == hash)
			return false;
		at = (at + 1) & (n - 1);
	}
	slots[at] = hash;
	return true;
}

static int
grow(struct tally *t)
{
	size_t n = t->nslots == 0 ? SLOTS_FIRST : t->nslots * 2;
	uint64_t *slots = calloc(n, sizeof *slots);

	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < t->nslots; i++)
		if (t->slots[i] != 0)
			(void)put(slots, n, t->slots[i]);
	free(t->slots);
	t->slots = slots;
	t->nslots = n;
	return 0;
}

static int
add_unique(struct tally *t, uint64_t hash)
{
	if (t->capped)
		return 0;
	if (2 * t->used >= t->nslots && grow(t) != 0)
		return -ENOMEM;
	if (t->used == TALLY_UNIQUE_MAX) {
		size_t at = (size_t)hash & (t->nslots - 1);

		while (t->slots[at] != 0 && t->slots[at] != hash)
			at = (at + 1) & (t->nslots - 1);
		t->capped = t->slots[at] == 0;
		return 0;
	}
	t->used += put(t->slots, t->nslots, hash);
	return 0;
}

static int
add_span(struct tally *t, struct span at)
{
	if (t->nspans == FINDING_SPANS_MAX)
		return 0;
	if (t->nspans == t->spans_cap) {
		size_t cap = t->spans_cap == 0 ? SPANS_FIRST : t->spans_cap * 2;
		struct span *more = reallocarray(t->spans, cap, sizeof *more);

		if (more == NULL)
			return -ENOMEM;
		t->spans = more;
		t->spans_cap = cap;
	}
	t->spans[t->nspans++] = at;
	return 0;
}

int
tally_add(struct tally *t, uint64_t hash, unsigned marks, struct span at)
{
	t->count++;
	t->lacking = (uint8_t)(t->lacking | (MARKS & ~marks));
	if (add_unique(t, hash) != 0)
		return -ENOMEM;
	return add_span(t, at);
}

void
tally_mask(
    struct tally *t, const uint8_t *v, size_t n, unsigned first, unsigned last)
{
	size_t shown = n < MASK_MAX ? n : MASK_MAX;

	/* Of a short value nothing is kept: what is left would give it away. */
	if (n < (size_t)first + last + 4) {
		first = 0;
		last = 0;
	}
	for (size_t i = 0; i < shown; i++) {
		uint8_t c = '#';

		if (i < first)
			c = v[i];
		else if (i >= shown - last)
			c = v[n - (shown - i)];
		t->mask[i] = c > 0x20 && c < 0x7f ? (char)c : '#';
	}
	t->mask[shown] = '\0';
}

void
tally_done(struct tally *t)
{
	free(t->slots);
	free(t->spans);
	*t = (struct tally){0};
}
