/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidate - one pass over a block that says where literals stand, or where
 * whole patterns end.
 *
 * Every occurrence is reported by its end. Extra ends cost time, a missing
 * one would lose a match.
 */
#ifndef AGENT_DETECT_CANDIDATE_H
#define AGENT_DETECT_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/detect/stash.h"
#include "lib/diag.h"
#include "lib/own.h"

struct candidates; /* a compiled set */
struct candidate_room; /* scratch of one scan; serves several sets */

struct candidate_literal {
	const uint8_t *text;
	size_t len;
	bool fold; /* ASCII letters of either case */
};

/* candidate_host - NULL, or why this build or processor has no such stage. */
const char *candidate_host(void);
/*
 * candidates_literals, candidates_patterns - compile @n of them; the place in
 * the array is the number told. Only where candidate_host() is NULL.
 * @kept: NULL, or where the compiled set is looked for first, and kept.
 * Return 0, -EBADMSG with the sentence in @why, or -ENOMEM.
 */
int candidates_literals(const struct candidate_literal *l, unsigned n,
    struct stash *kept, struct candidates **out, struct diag *why) MUST_CHECK;
int candidates_patterns(const char *const *patterns, unsigned n,
    struct stash *kept, struct candidates **out, struct diag *why) MUST_CHECK;
void candidates_free(struct candidates *c);

/* candidate_room_add - makes *@room, or makes it large enough for @c, too. */
int candidate_room_add(
    struct candidate_room **room, const struct candidates *c) MUST_CHECK;
void candidate_room_free(struct candidate_room *room);

/* Called for each end, in no promised order. */
typedef void candidate_end_fn(void *ctx, unsigned id, size_t end);
/* candidates_scan - runs over one block; -EIO if the library failed. */
int candidates_scan(const struct candidates *c, struct candidate_room *room,
    const uint8_t *text, size_t len, candidate_end_fn *end,
    void *ctx) MUST_CHECK;

#endif
