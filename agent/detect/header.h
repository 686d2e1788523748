/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header - which column of a table, or of rows of SQL, a place of a text is in.
 *
 * What counts as a table is defined at the top of header.c.
 */
#ifndef AGENT_DETECT_HEADER_H
#define AGENT_DETECT_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/detect/nearby.h"
#include "lib/own.h"

enum {
	HEADER_COLUMNS = 256, /* of a table; those behind have no name */
	HEADER_NAME_MAX = 128, /* bytes of a name that are kept */
};

struct header;

/* A column's name, borrowed until header_drop or header_reset. */
struct header_column {
	const uint8_t *name;
	size_t len; /* 1 to HEADER_NAME_MAX */
	uint32_t list; /* of names, within this text, from 1 on */
	unsigned column; /* under HEADER_COLUMNS */
};

int header_new(struct header **out) MUST_CHECK; /* 0 or -ENOMEM */
void header_free(struct header *h);
/* header_reset - forgets the text. */
void header_reset(struct header *h);
/*
 * header_first - looks at the first line, as far as @t has it. To be called
 * whenever @t has more bytes, which go on from those it had.
 */
void header_first(struct header *h, const struct nearby_text *t);
/*
 * header_column - the column of a place of @t, in any order; false if it is in
 * none, or that is not known.
 */
bool header_column(struct header *h, const struct nearby_text *t,
    uint64_t place, struct header_column *out);
/*
 * header_drop - the bytes of @t before @base will not be there any more.
 * Returns 0, or -ENOMEM if that had come up since header_reset.
 */
int header_drop(
    struct header *h, const struct nearby_text *t, uint64_t base) MUST_CHECK;

#endif
