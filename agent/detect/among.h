/* SPDX-License-Identifier: Apache-2.0 */
/*
 * among - findings of one rule as evidence of another.
 */
#ifndef AGENT_DETECT_AMONG_H
#define AGENT_DETECT_AMONG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

enum {
	AMONG_LAG_MAX = 32 * 1024, /* bytes that a match may wait for */
	AMONG_HITS_MAX = 32, /* distinct values of one piece of evidence */
};

struct ruleset;
struct loader;

/* What a rule has to do with others. */
struct among_rule {
	/* Bytes behind the start of a match after which all is known that its
	 * evidence waits for; 0: at once. */
	uint32_t lag;
	/* Bytes that its findings are kept; 0: nobody asks for them. */
	uint32_t keep;
};

/*
 * among_tie - finds the rules that evidence names, and the order in which
 * rules are asked: no rule before one whose findings are its evidence. Faults
 * (no such rule, a circle, a wait without end) go to @l and are fatal.
 * Returns 0 or -ENOMEM.
 */
int among_tie(struct ruleset *r, struct loader *l) MUST_CHECK;

/* A finding: bytes of the piece, and the value by its hash. */
struct among_found {
	uint64_t from, to, hash;
};

/* The findings of one rule, ascending; they do not overlap. */
struct among {
	struct among_found *list; /* owned */
	size_t first, n, cap; /* those before @first are gone */
};

/* among_add - one behind all others; 0 or -ENOMEM. */
int among_add(struct among *a, const struct among_found *f) MUST_CHECK;
/* among_drop - forgets what ends before @place. */
void among_drop(struct among *a, uint64_t place);
void among_reset(struct among *a);
void among_done(struct among *a);

/* Two stretches: up to a match and from it on. */
struct among_place {
	uint64_t low, from, to, high;
	uint32_t min, unique; /* findings, and distinct values, to be enough */
};

/* among_near - whether enough findings lie wholly within the stretches. */
bool among_near(const struct among *a, const struct among_place *p);

#endif
