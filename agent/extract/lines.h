/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines - a stream line by line, however long they are (inside the room only).
 */
#ifndef AGENT_EXTRACT_LINES_H
#define AGENT_EXTRACT_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/layer.h"

#include "lib/own.h"

#define LINES_PIECE STREAM_WHOLE /* more of a line comes in pieces */

struct lines {
	struct stream *below;
	bool middle; /* the last piece did not end its line */
};

struct line {
	const uint8_t *p; /* in the block below, until that is filled */
	size_t len;
	size_t end; /* bytes of its line end behind it: 0 to 2 */
	bool start; /* of a line, not a later piece of it */
};

/* lines_peek - the next piece, which is not taken. False at the end. */
bool lines_peek(struct lines *r, struct line *l);
void lines_take(struct lines *r, const struct line *l);
/* lines_empty - true if there are only blanks on it. */
bool lines_empty(const struct line *l);

#endif
