/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unfold - what a text says in its encoded runs, as texts to look into.
 *
 * What these texts are is defined at the top of unfold.c.
 */
#ifndef AGENT_DETECT_UNFOLD_H
#define AGENT_DETECT_UNFOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/detect/decode.h"
#include "lib/finding.h"

#include "lib/own.h"

enum {
	UNFOLD_BEFORE = 96, /* bytes of plain text before a run */
	UNFOLD_AFTER = 64, /* and behind it */
	UNFOLD_PIECE = 24 * 1024, /* bytes of a text that are looked at */
	UNFOLD_LEFT = 2 * 1024, /* of these before what a piece answers for */
	UNFOLD_RIGHT = 6 * 1024, /* and behind it */
	UNFOLD_SLICE = 512, /* packed bytes that have one place */
};

/* A part of a layer's text, borrowed for the call. */
struct unfold_piece {
	const uint8_t *text;
	const uint64_t *place; /* of each byte: see unfold_span */
	size_t len;
	size_t low, high; /* values that start here are this piece's */
	const char *path; /* "base64>gzip" */
	uint32_t layers; /* of the path, one bit each */
};

/* unfold_counts - whether a value is this piece's and was encoded. */
bool unfold_counts(const struct unfold_piece *p, struct span value);
/* unfold_span - where the bytes of a span of the piece stand outside. */
struct span unfold_span(const struct unfold_piece *p, struct span at);

struct unfold;

/* Looks into a piece; 0 or negative errno, which stops. */
typedef int unfold_fn(void *ctx, const struct unfold_piece *p);
/* @layers: those that are wanted, one bit each. 0 or -ENOMEM. */
int unfold_new(uint32_t layers, unfold_fn *look, void *ctx,
    struct unfold **out) MUST_CHECK;
void unfold_free(struct unfold *u);
/*
 * unfold_run - goes on in a text from @from to @to. @text[0] stands at @base.
 * At least DECODE_BACK bytes before @from are there, or all, and DECODE_AHEAD
 * behind @to, or it ends there (@eof): then what is left is looked into.
 * Returns 0, -ENOMEM, or what @look returned.
 */
int unfold_run(struct unfold *u, const uint8_t *text, size_t len, uint64_t base,
    uint64_t from, uint64_t to, bool eof) MUST_CHECK;
/* unfold_missed - places of this text that a limit kept from being decoded. */
uint64_t unfold_missed(const struct unfold *u);
/* unfold_reset - forgets the text. */
void unfold_reset(struct unfold *u);

#endif
