/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expose - from a question about a provider to the body of its answer.
 */
#ifndef COLLECTOR_EXPOSE_H
#define COLLECTOR_EXPOSE_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"

struct packs;

/* The texts of WIRE_ASK; see collector/wire.h. */
struct expose_ask {
	const char *user, *via, *action, *provider, *format;
	const char *view; /* NULL or "": everything is shown */
	const struct packs *packs; /* NULL: none are configured */
	int64_t from_us, to_us; /* 0 is open */
	int64_t now_us;
};

/*
 * expose_check - the status that a question deserves before it is asked: 200,
 * or 400 with a sentence.
 */
uint32_t expose_check(const struct expose_ask *a, struct diag *why) MUST_CHECK;
/*
 * expose_body - reads the database at @path and appends the body to @out.
 * @type: receives the content type, a literal. @flags: receives wire_flags.
 * Returns the status: 200, or 503 with a sentence: there is no store yet, it
 * cannot be read, or the body does not fit.
 */
uint32_t expose_body(const char *path, const struct expose_ask *a,
    struct buf *out, const char **type, uint8_t *flags,
    struct diag *why) MUST_CHECK;

#endif
