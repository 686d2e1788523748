/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidate - one pass over a block that says where matches may be.
 *
 * For each pattern it reports ends: every match of the pattern has at least
 * one reported end inside it or at its end. Extra ends cost time, a missing
 * one would lose a match.
 */
#ifndef AGENT_DETECT_CANDIDATE_H
#define AGENT_DETECT_CANDIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"

struct candidates; /* the compiled set */
struct candidate_room; /* scratch of one scan */

/* The set's patterns, one after the other; texts are borrowed for the call. */
struct candidate_pattern {
	const char *pattern;
	unsigned id; /* told with each end; several patterns may share one */
};

/* candidate_host - NULL, or why this processor cannot run the stage. */
const char *candidate_host(void);
/*
 * candidate_width - checks one pattern and tells the least and greatest number
 * of bytes that it can match. Returns 0, -EBADMSG (not expressible, unbounded
 * or anchored), -ENOTSUP where candidate_host is not NULL.
 */
int candidate_width(const char *pattern, unsigned *least, unsigned *most,
    struct diag *why) MUST_CHECK;
int candidates_new(const struct candidate_pattern *p, unsigned n,
    struct candidates **out, struct diag *why) MUST_CHECK;
void candidates_free(struct candidates *c);

int candidate_room_new(
    const struct candidates *c, struct candidate_room **out) MUST_CHECK;
void candidate_room_free(struct candidate_room *room);

/* Called for each end, in no promised order. */
typedef void candidate_end_fn(void *ctx, unsigned id, size_t end);
/* candidates_scan - runs over one block; -EIO if the library failed. */
int candidates_scan(const struct candidates *c, struct candidate_room *room,
    const uint8_t *text, size_t len, candidate_end_fn *end,
    void *ctx) MUST_CHECK;

#endif
