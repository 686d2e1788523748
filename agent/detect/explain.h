/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain - tells how matches were judged, when somebody asked.
 */
#ifndef AGENT_DETECT_EXPLAIN_H
#define AGENT_DETECT_EXPLAIN_H

#include "agent/detect/rules.h"
#include "agent/detect/unfold.h"
#include "lib/why.h"

struct explain;

/* The text around a match, as far as it is in the window. */
struct explain_view {
	const uint8_t *window;
	size_t len;
	uint64_t base; /* place of window[0] in the piece */
	uint64_t from, to; /* the whole match, places in the piece */
	struct regex_room *room;
	const struct unfold_piece *piece; /* NULL, or what the window is of */
};

/* What was decided about a match. */
struct explain_match {
	const struct detector *rule;
	size_t lane; /* index of the rule */
	struct span value;
	uint64_t passed; /* one bit a validator */
	uint64_t bits; /* one bit a piece of evidence */
	bool demote;
	unsigned marks; /* enum mark */
	const struct allow *allow; /* NULL: it raises an alert */
	enum confidence confidence; /* as it was told */
	const char *mask;
	/* NULL, or what refuted it: "keyword", "entropy", "secondaries",
	 * "validator". */
	const char *refuted;
	uint32_t entropy_milli; /* of what the entropy refuted */
};

/* @lanes: how many rules the set has. */
int explain_new(
    scan_why_fn *why, void *ctx, size_t lanes, struct explain **out) MUST_CHECK;
void explain_free(struct explain *e);
void explain_tell(struct explain *e, const struct explain_match *m,
    const struct explain_view *v);
/* explain_end - tells how many more there were in this piece. */
void explain_end(struct explain *e, const struct ruleset *r);

#endif
