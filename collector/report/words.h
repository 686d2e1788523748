/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words - numbers, times and names of classes as people read them; for this
 * room alone.
 */
#ifndef COLLECTOR_REPORT_WORDS_H
#define COLLECTOR_REPORT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/exposure.h"
#include "lib/own.h"

/* Plain text, appended to @out. */
void words_count(struct buf *out, uint64_t n); /* 12,345 */
void words_many(struct buf *out, uint64_t n, const char *one, const char *many);
void words_bytes(struct buf *out, uint64_t n); /* 1.2 MiB */
void words_time(struct buf *out, int64_t us); /* 2026-11-23 10:00:05 */
void words_day(struct buf *out, int64_t us); /* 2026-11-23 */
void words_span(struct buf *out, int64_t us); /* 3 h 5 min */
/* words_share - "99.2 %", never rounded up to the whole, or down to nothing. */
void words_share(struct buf *out, uint64_t part, uint64_t whole);
/* words_range - "12", "3 to 12", "at least 12". */
void words_range(struct buf *out, uint64_t low, uint64_t high, bool capped);
/* words_class - what a class is about, or NULL for one that is not known. */
const char *words_class(const char *name);
/* words_exact - what became of candidates that were not confirmed. */
const char *words_exact(const char *state);
/* words_canary - "Canary of acme, copy 2". */
void words_canary(const struct exposure_canary *c, struct buf *out);
/* words_exact_waits - why candidates of an index wait, and how many. */
void words_exact_waits(const struct exposure_exact *x, struct buf *out);
/* words_grade - what a grade rests on. */
const char *words_grade(int grade);

/* The sentences on top of a report, in this order. */
enum words_sentence {
	SENTENCE_WHO,
	SENTENCE_WHAT,
	SENTENCE_WHERE,
	SENTENCE_SURELY,
	SENTENCE_COVERAGE,
	SENTENCE_COUNT
};

/* words_lead - "Who", "What", …; words_key - "who", "what", … */
const char *words_lead(enum words_sentence s);
const char *words_key(enum words_sentence s);
void words_sentence(
    const struct exposure *e, enum words_sentence s, struct buf *out);

/* words_evidence - what a grade from N5 to N0 says, in one sentence. */
const char *words_evidence(const char *evidence);
/* words_channel - the way that something left by. */
const char *words_channel(const char *channel);
/* Sums over places that left the host. */
struct words_left {
	uint64_t out, examined, flows, places, findings, unsized;
};
struct words_left words_left(const struct exposure *e);
/* words_named - "a to whom" of a place: its server's name, or its address. */
const char *words_named(const char *server, const char *remote);

#endif
