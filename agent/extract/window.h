/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window - a member that is read at any place of it (inside the room only).
 *
 * The object itself is sought in. Of a member of a container, the first
 * WINDOW_MAX bytes are copied; what lies behind them stays in the stream.
 */
#ifndef AGENT_EXTRACT_WINDOW_H
#define AGENT_EXTRACT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/layer.h"
#include "lib/buf.h"

#include "lib/own.h"

#define WINDOW_MAX ((size_t)16 << 20)

struct window {
	struct stream *below;
	struct buf copy; /* of a member that cannot be sought in */
	uint64_t size; /* bytes that can be read */
	bool cut; /* the member goes on behind them */
};

/* window_open - borrows @below; returns 0 or -ENOMEM (nothing is consumed of
 * a stream that can be sought in). */
int window_open(struct window *w, struct stream *below) MUST_CHECK;
/* window_read - copies up to @len bytes from @at on; fewer only at the end. */
size_t window_read(struct window *w, uint64_t at, void *out, size_t len);
/*
 * window_close - wipes the copy. A stream that can be sought in goes on at
 * @behind, another one behind what was copied.
 */
void window_close(struct window *w, uint64_t behind);

#endif
