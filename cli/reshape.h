/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reshape - patterns of other scanners (Go's and Rust's regexp) in our subset.
 */
#ifndef CLI_RESHAPE_H
#define CLI_RESHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"

struct reshape;

/* What the new pattern does not do as the old one did. */
enum reshape_note {
	RESHAPE_BOUNDED = 1 << 0, /* unbounded repeats have a bound */
	RESHAPE_END = 1 << 1, /* "or the end" is boundary: word */
	RESHAPE_EDGE = 1 << 2, /* "or the end" or "or the beginning" is gone */
	RESHAPE_LINES = 1 << 3, /* (?m) is gone */
};

/*
 * reshape_parse - reads a pattern.
 * Returns 0, -EBADMSG with what we have not (look-around, an anchor, …), or
 * -ENOMEM.
 */
int reshape_parse(
    const char *pattern, struct reshape **out, struct diag *why) MUST_CHECK;
void reshape_free(struct reshape *r);
void reshape_freep(struct reshape **r);
/* reshape_groups - how many groups capture. */
unsigned reshape_groups(const struct reshape *r);
/* reshape_boundary - whether "boundary: word" takes the place of its end. */
bool reshape_boundary(const struct reshape *r);
/*
 * reshape_print - the pattern in our subset; what is unbounded gets @bound.
 * @secret: 0, or the group that becomes (?P<secret>…); others capture nothing.
 * Returns bits of enum reshape_note.
 */
unsigned reshape_print(
    const struct reshape *r, unsigned secret, unsigned bound, struct buf *out);
/* reshape_sample - a text that should match; another one for each @seed. */
void reshape_sample(const struct reshape *r, uint64_t seed, struct buf *out);

#endif
