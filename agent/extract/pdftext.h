/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdftext - what the operators of a page show (inside the room only).
 */
#ifndef AGENT_EXTRACT_PDFTEXT_H
#define AGENT_EXTRACT_PDFTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/pdffile.h"
#include "lib/buf.h"

#include "lib/own.h"

struct pdftext;

int pdftext_new(struct pdftext **out, struct pdffile *file) MUST_CHECK;
void pdftext_free(struct pdftext *t);
/* pdftext_page - begins with the content of a page. */
void pdftext_page(struct pdftext *t, const struct pdffile_object *page);
/* pdftext_stream - begins with a stream of operators that no page showed. */
void pdftext_stream(struct pdftext *t, struct pdffile_object *o);
/*
 * pdftext_some - appends some text, in UTF-8; what stands apart on the page is
 * parted by a space, and lines by a line's end.
 * Returns 1, 0 at the end, -ENOMEM, or what stream_turn says.
 */
int pdftext_some(struct pdftext *t, struct buf *out) MUST_CHECK;
/*
 * pdftext_error - what was not read since it began: 0, -ENOMSG only pictures
 * were shown, -EILSEQ codes of no known character, or of a stream's decoder.
 */
int pdftext_error(const struct pdftext *t);

#endif
