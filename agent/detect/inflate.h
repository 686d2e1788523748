/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inflate - what gzip and zlib data say, bit by bit.
 */
#ifndef AGENT_DETECT_INFLATE_H
#define AGENT_DETECT_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

struct inflate;

/* inflate_begin - makes *@z, or makes it new; 0 or -ENOMEM. */
int inflate_begin(struct inflate **z, bool gzip) MUST_CHECK;
/*
 * inflate_some - gives what @in says to @out, in parts. Returns 0 (more may
 * come), 1 (this was the end), -EBADMSG, -ENOMEM, or what @out returned, which
 * ends it.
 */
typedef int inflate_out_fn(void *ctx, const uint8_t *data, size_t len);
int inflate_some(struct inflate *z, const uint8_t *in, size_t len,
    inflate_out_fn *out, void *ctx) MUST_CHECK;
void inflate_free(struct inflate *z);

#endif
