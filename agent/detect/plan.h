/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - which layer looks for which rule, and the looking.
 */
#ifndef AGENT_DETECT_PLAN_H
#define AGENT_DETECT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/detect/candidate.h"
#include "agent/detect/pattern.h"
#include "lib/diag.h"
#include "lib/own.h"

/* From the cheapest to the dearest. */
enum layer {
	LAYER_NONE, /* nothing: the rule is about the member itself */
	LAYER_LITERAL, /* a text that each match holds */
	LAYER_SHAPE, /* the bytes around one point of each match */
	LAYER_EXACT, /* each word, in an index */
	LAYER_PATTERN, /* the pattern itself, in a database of patterns */
	LAYER_PLAIN, /* the authority alone, from byte to byte */
};

/* What the layers need to know of a rule; borrowed for plan_new. */
struct plan_rule {
	const char *plain; /* its pattern without boundaries */
	const struct pattern *pattern; /* the same, parsed; NULL: an index */
	bool nothing; /* there is nothing to look for in a text */
	const struct pattern *keywords; /* NULL, or what a match must hold */
	struct byteset edge; /* what may not touch a match */
	uint32_t most; /* bytes of a match */
};

/* Which layers may be used: all, or fewer to compare with. */
enum plan_kind {
	PLAN_LAYERS,
	PLAN_KEYWORDS, /* as in a build without Vectorscan */
	PLAN_DATABASE, /* every pattern in one database */
	PLAN_PLAIN, /* the authority alone */
};

struct plan;
struct plan_room; /* what one scan needs */

/*
 * plan_new - chooses and compiles. @kept: NULL, or where databases that were
 * compiled before lie. Returns 0, -EBADMSG with the sentence in @why, or
 * -ENOMEM.
 */
int plan_new(const struct plan_rule *rules, size_t n, enum plan_kind kind,
    struct stash *kept, struct plan **out, struct diag *why) MUST_CHECK;
void plan_free(struct plan *p);
/* plan_layer - where a rule is, and in *why the reason as a sentence. */
enum layer plan_layer(const struct plan *p, size_t rule, const char **why);
const char *plan_layer_name(enum layer l); /* "literal", … */

int plan_room_new(const struct plan *p, struct plan_room **out) MUST_CHECK;
void plan_room_free(struct plan_room *room);

/* Matches of @rule may start at @low to @high; in no promised order. */
typedef void plan_fn(void *ctx, size_t rule, size_t low, size_t high);
/*
 * plan_scan - tells where in @text matches may start, from @from on. Every
 * start is within what is told, as long as @text reaches behind its match.
 * Returns 0 or -EIO.
 */
int plan_scan(const struct plan *p, struct plan_room *room, const uint8_t *text,
    size_t len, size_t from, plan_fn *fn, void *ctx) MUST_CHECK;

#endif
