/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearby - whether words of evidence may stand close to a match, told without
 * the authority: its answer is mostly no.
 */
#ifndef AGENT_DETECT_NEARBY_H
#define AGENT_DETECT_NEARBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/detect/pattern.h"
#include "lib/own.h"

struct nearby_words;

/*
 * nearby_words_new - prepares for a pattern whose every match is one of
 * @p's, boundaries apart. *out is NULL if no text stands in each match.
 * Returns 0 or -ENOMEM.
 */
int nearby_words_new(
    const struct pattern *p, struct nearby_words **out) MUST_CHECK;
void nearby_words_free(struct nearby_words *w);

enum { NEARBY_HITS = 8 };

/* What was read so far; all zero at the begin of a piece of text. */
struct nearby {
	uint64_t from, to; /* places that were read */
	uint64_t hits[NEARBY_HITS]; /* where the last words were seen */
	uint64_t nhits;
	uint32_t state;
};

/* Bytes that lie at @base of their piece. */
struct nearby_text {
	const uint8_t *data;
	size_t len;
	uint64_t base;
};

/*
 * nearby_may - false if no match lies wholly from @*from up to @to, offsets in
 * @t. If true, none starts before *from and behind *last, both of which it
 * sets. Cheapest if asked in ascending order.
 */
bool nearby_may(const struct nearby_words *w, struct nearby *n,
    const struct nearby_text *t, size_t *from, size_t to, size_t *last);

#endif
