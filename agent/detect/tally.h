/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally - what is kept of the matches of one detector at one confidence:
 * counts, distinct values as keyed hashes, spans, one mask.
 */
#ifndef AGENT_DETECT_TALLY_H
#define AGENT_DETECT_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/finding.h"
#include "lib/own.h"

enum { TALLY_UNIQUE_MAX = 4096 };

struct tally {
	uint64_t count;
	uint64_t *slots; /* open addressing, 0 is free; owned */
	size_t nslots, used;
	bool capped;
	uint8_t lacking; /* marks that some value does not have */
	struct span *spans; /* owned */
	size_t nspans, spans_cap;
	char mask[48];
	uint8_t tag[FINDING_TAG_LEN];
};

/* tally_hash - SipHash-2-4 with a key of 16 bytes; never 0. */
uint64_t tally_hash(const uint8_t key[16], const uint8_t *v, size_t n);
/* tally_add - counts one match with its marks; 0 or -ENOMEM. */
int tally_add(
    struct tally *t, uint64_t hash, unsigned marks, struct span at) MUST_CHECK;
/* tally_mask - the shape of a value; see mask in chaperone-rules(5). */
void tally_mask(
    struct tally *t, const uint8_t *v, size_t n, unsigned first, unsigned last);
/* tally_done - frees and zeroes. */
void tally_done(struct tally *t);

#endif
