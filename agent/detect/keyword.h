/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyword - where any of many literals stands, without a library.
 */
#ifndef AGENT_DETECT_KEYWORD_H
#define AGENT_DETECT_KEYWORD_H

#include "agent/detect/candidate.h"

struct keywords;

/*
 * keywords_new - an automaton of @n literals; their texts are copied.
 * Case counts for none of them, and of a long one only the first bytes: more
 * is reported than stands there, never less.
 */
int keywords_new(const struct candidate_literal *l, unsigned n,
    struct keywords **out) MUST_CHECK;
void keywords_free(struct keywords *k);
/*
 * keywords_scan - tells the end of each literal as if all of it stood there,
 * also behind @len.
 */
void keywords_scan(const struct keywords *k, const uint8_t *text, size_t len,
    candidate_end_fn *end, void *ctx);
/*
 * keywords_next - reads @text from *at on, up to @len, and stops behind the
 * first byte with which a literal ends, as far as it is looked at: never
 * behind its last byte. True if there is one; *at is then behind that byte,
 * else @len. *state is 0 at first and goes on with the text.
 */
bool keywords_next(const struct keywords *k, uint32_t *state,
    const uint8_t *text, size_t len, size_t *at);

#endif
