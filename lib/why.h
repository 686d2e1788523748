/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why - how one match of a rule was judged; never the matched bytes.
 *
 * Born in agent/detect when an explanation was asked for, dies on standard
 * output (chaperone rules explain).
 */
#ifndef LIB_WHY_H
#define LIB_WHY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/finding.h"
#include "lib/own.h"

#define WHY_FACTS_MAX 96
#define WHY_TEXT_MAX 200

/* One thing that spoke for or against. */
struct why_fact {
	char kind[16]; /* keyword, entropy, validator, evidence, level, flag, allow */
	char text[WHY_TEXT_MAX]; /* in the rule's words: no content */
	bool holds;
	bool placed; /* at says where in the member */
	struct span at;
};

struct why {
	char detector[96];
	enum confidence confidence; /* NONE: it is no finding */
	char dropped[64]; /* "", or what refuted it: "validator luhn" */
	char mask[48]; /* as the rule allows; "" for what was refuted */
	struct span value;
	uint64_t more; /* so many like it are not told; then no facts */
	struct why_fact *facts; /* owned */
	size_t nfacts;
};

void why_done(struct why *w);
/* why_fact - adds a fact and returns it, or NULL (no memory, too many). */
struct why_fact *why_fact(struct why *w, const char *kind, bool holds,
    const char *fmt, ...) PRINTF_LIKE(4, 5);
/* why_encode - appends the wire form (the field order of the struct). */
void why_encode(const struct why *w, struct buf *out);
/*
 * why_decode - reads the wire form; @w owns what it points to.
 * Returns 0, -EBADMSG or -ENOMEM; @w is untouched on failure.
 */
int why_decode(struct why *w, struct cur *in) MUST_CHECK;

#endif
