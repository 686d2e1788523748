/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyword - an automaton over literals: Aho and Corasick, "Efficient String
 * Matching: An Aid to Bibliographic Search", 1975.
 *
 * Owns: its states, as one table of a row a state and a column for each group
 * of bytes that no literal tells apart.
 * Never: loses a literal. It folds case and cuts long literals, so that the
 * table stays small; both only report more.
 */
#include "agent/detect/keyword.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"

enum { KEY_MAX = 8 };

static const uint32_t NONE = UINT32_MAX;
static const uint32_t ENDS = (uint32_t)1 << 31; /* a literal ends there */

struct key {
	uint32_t state; /* where it ends */
	uint32_t rest; /* bytes behind what was looked for */
	uint32_t next; /* key that ends in the same state, or NONE */
};

struct keywords {
	uint8_t column[256];
	bool begins[256]; /* leads out of the first state */
	uint32_t columns, states;
	/* [state][column]: where the next row begins, and ENDS; owned. */
	uint32_t *go;
	uint32_t *fail; /* owned */
	uint32_t *shorter; /* nearest state by fail that has keys; owned */
	uint32_t *first; /* key of a state, or NONE; owned */
	struct key *keys; /* owned */
};

static uint8_t
small(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

void
keywords_free(struct keywords *k)
{
	if (k == NULL)
		return;
	free(k->go);
	free(k->fail);
	free(k->shorter);
	free(k->first);
	free(k->keys);
	free(k);
}

/* Column 0 is for all bytes that no literal has. */
static size_t
columns(struct keywords *k, const struct candidate_literal *l, unsigned n)
{
	size_t bytes = 1;

	k->columns = 1;
	for (unsigned i = 0; i < n; i++) {
		for (size_t c = 0; c < l[i].len && c < KEY_MAX; c++, bytes++) {
			uint8_t *column = &k->column[small(l[i].text[c])];

			if (*column == 0)
				*column = (uint8_t)k->columns++;
		}
	}
	for (unsigned c = 'A'; c <= 'Z'; c++)
		k->column[c] = k->column[c + 32];
	return bytes;
}

static void
add(struct keywords *k, const struct candidate_literal *l, uint32_t id)
{
	struct key *key = &k->keys[id];
	size_t n = l->len < KEY_MAX ? l->len : KEY_MAX;
	uint32_t state = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t *to =
		    &k->go[(size_t)state * k->columns + k->column[l->text[i]]];

		if (*to == 0) {
			k->first[k->states] = NONE;
			*to = k->states++;
		}
		state = *to;
	}
	key->state = state;
	key->rest = (uint32_t)(l->len - n);
	key->next = k->first[state];
	k->first[state] = id;
}

/* Breadth first, so that a state's shorter ones are done before it. */
static int
link_states(struct keywords *k)
{
	OWN_MEM uint32_t *queue = calloc(k->states, sizeof *queue);
	size_t head = 0, tail = 1;

	if (queue == NULL)
		return -ENOMEM;
	while (head < tail) {
		uint32_t s = queue[head++];
		uint32_t *row = k->go + (size_t)s * k->columns;
		uint32_t *back = k->go + (size_t)k->fail[s] * k->columns;

		for (uint32_t c = 0; c < k->columns; c++) {
			uint32_t to = row[c];

			if (to == 0) {
				row[c] = s == 0 ? 0 : back[c];
				continue;
			}
			k->fail[to] = s == 0 ? 0 : back[c];
			k->shorter[to] = k->first[k->fail[to]] != NONE
					     ? k->fail[to]
					     : k->shorter[k->fail[to]];
			queue[tail++] = to;
		}
	}
	return 0;
}

/* From states to rows, so that a step is one look. */
static void
to_rows(struct keywords *k)
{
	for (size_t i = 0; i < (size_t)k->states * k->columns; i++) {
		uint32_t s = k->go[i];
		bool ends = k->first[s] != NONE || k->shorter[s] != 0;

		k->go[i] = s * k->columns | (ends ? ENDS : 0);
	}
	for (unsigned c = 0; c < 256; c++)
		k->begins[c] = k->go[k->column[c]] != 0;
}

int
keywords_new(
    const struct candidate_literal *l, unsigned n, struct keywords **out)
{
	struct keywords *k = calloc(1, sizeof *k);
	size_t states;
	int r;

	if (k == NULL)
		return -ENOMEM;
	states = columns(k, l, n);
	k->go = calloc(states * k->columns, sizeof *k->go);
	k->fail = calloc(states, sizeof *k->fail);
	k->shorter = calloc(states, sizeof *k->shorter);
	k->first = calloc(states, sizeof *k->first);
	k->keys = calloc(n, sizeof *k->keys);
	if (k->go == NULL || k->fail == NULL || k->shorter == NULL ||
	    k->first == NULL || k->keys == NULL) {
		keywords_free(k);
		return -ENOMEM;
	}
	k->first[0] = NONE;
	k->states = 1;
	for (unsigned i = 0; i < n; i++)
		add(k, &l[i], i);
	must((uint64_t)k->states * k->columns < ENDS);
	r = link_states(k);
	if (r != 0) {
		keywords_free(k);
		return r;
	}
	to_rows(k);
	*out = k;
	return 0;
}

static void
tell(const struct keywords *k, uint32_t state, size_t end, candidate_end_fn *fn,
    void *ctx)
{
	for (; state != 0; state = k->shorter[state])
		for (uint32_t i = k->first[state]; i != NONE;
		     i = k->keys[i].next)
			fn(ctx, i, end + k->keys[i].rest);
}

bool
keywords_next(const struct keywords *k, uint32_t *state, const uint8_t *text,
    size_t len, size_t *at)
{
	uint32_t row = *state;
	size_t i = *at;

	while (i < len) {
		/* Most bytes begin no literal. */
		if (row == 0)
			while (i < len && !k->begins[text[i]])
				i++;
		if (i == len)
			break;
		row = k->go[row + k->column[text[i++]]];
		if ((row & ENDS) != 0) {
			*state = row & ~ENDS;
			*at = i;
			return true;
		}
	}
	*state = row;
	*at = i;
	return false;
}

void
keywords_scan(const struct keywords *k, const uint8_t *text, size_t len,
    candidate_end_fn *end, void *ctx)
{
	uint32_t row = 0;
	size_t at = 0;

	while (keywords_next(k, &row, text, len, &at))
		tell(k, row / k->columns, at, end, ctx);
}
