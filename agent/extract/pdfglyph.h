/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdfglyph - what the codes and glyphs of a simple font stand for (inside the
 * room only).
 */
#ifndef AGENT_EXTRACT_PDFGLYPH_H
#define AGENT_EXTRACT_PDFGLYPH_H

#include <stdint.h>

#include "lib/own.h"

enum pdfglyph_encoding {
	PDFGLYPH_STANDARD,
	PDFGLYPH_WIN,
	PDFGLYPH_MAC,
	PDFGLYPH_DOC, /* of strings outside of pages */
	PDFGLYPH_ENCODINGS,
};

/* The character of a code, 0 for none (ISO 32000-1, annex D). */
extern const uint16_t pdfglyph_encodings[PDFGLYPH_ENCODINGS][256];

/* pdfglyph_named - the character of a glyph's name, 0 if it tells none. */
uint32_t pdfglyph_named(const void *name, size_t len);
/*
 * pdfglyph_widths - how wide the 95 characters from the space on are in the
 * standard font that is next to one of that name, in thousandths of its size.
 */
const uint16_t *pdfglyph_widths(const void *font, size_t len);

#endif
