/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdfcode - the filters of a PDF's streams (inside the room only).
 *
 * ISO 32000-1, 7.4. Each step pulls from the one below it, a block at a time.
 */
#ifndef AGENT_EXTRACT_PDFCODE_H
#define AGENT_EXTRACT_PDFCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/window.h"

#include "lib/own.h"

#define PDFCODE_STEPS 6

enum pdfcode_kind {
	PDFCODE_NONE, /* bytes as they are */
	PDFCODE_FLATE,
	PDFCODE_LZW,
	PDFCODE_HEX,
	PDFCODE_85,
	PDFCODE_RUN,
	PDFCODE_PICTURE, /* what a picture's own codec packed */
	PDFCODE_UNKNOWN,
};

/* pdfcode_named - by the name of a filter, or its short form. */
enum pdfcode_kind pdfcode_named(const void *name, size_t len);

struct pdfcode_step {
	enum pdfcode_kind kind;
	/* DecodeParms, 0 for what is not told. */
	uint32_t predictor, colors, bits, columns;
	bool late; /* EarlyChange 0 */
};

struct pdfcode;

/*
 * pdfcode_new - a stream of @len bytes at @at of the window, which is
 * borrowed. @work is added to: bytes that were decoded.
 * Returns 0, -ENOMSG for a picture, -ENOTSUP for an unknown filter, or -ENOMEM.
 */
int pdfcode_new(struct pdfcode **out, struct window *w, uint64_t at,
    uint64_t len, const struct pdfcode_step *steps, size_t n,
    uint64_t *work) MUST_CHECK;
void pdfcode_free(struct pdfcode *c);
/* pdfcode_read - 1..@max bytes, or 0 at the end or at a damage. */
size_t pdfcode_read(struct pdfcode *c, uint8_t *out, size_t max);
/* pdfcode_error - why it ended: 0, -EBADMSG, -EFBIG over the ratio, -ENOMEM. */
int pdfcode_error(const struct pdfcode *c);

#endif
