/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdffont - the codes of a font as characters, and how wide they are (inside
 * the room only).
 */
#ifndef AGENT_EXTRACT_PDFFONT_H
#define AGENT_EXTRACT_PDFFONT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/pdffile.h"
#include "lib/buf.h"

#include "lib/own.h"

#define PDFFONT_RANGES_MAX 65536 /* of a character map */
#define PDFFONT_CODESPACES 32

struct pdffont_range {
	uint32_t lo, hi;
	uint32_t to; /* of lo; PDFFONT_MANY | offset in many */
};

#define PDFFONT_MANY UINT32_C(0x80000000)

struct pdffont_width {
	uint32_t lo, hi;
	float width;
};

struct pdffont {
	struct pdffile_place place;
	bool composite, unicode; /* @unicode: the codes are UTF-16 */
	struct {
		uint32_t lo, hi;
		size_t bytes;
	} spaces[PDFFONT_CODESPACES];
	size_t nspaces;
	struct pdffont_range *ranges; /* by lo */
	size_t nranges, ranges_cap;
	struct buf many; /* a length, then so many characters of 4 bytes */
	uint32_t simple[256];
	struct pdffont_width *widths;
	size_t nwidths, widths_cap;
	float width; /* of a code that has none of its own, -1 unknown */
	const uint16_t *standard; /* widths, where the font tells none */
	bool left_out;
};

/* pdffont_read - the font whose dictionary is at @place. 0 or -ENOMEM. */
int pdffont_read(struct pdffont *f, struct pdffile *file,
    struct pdffile_place place) MUST_CHECK;
void pdffont_done(struct pdffont *f);
/* pdffont_size - bytes that it holds. */
size_t pdffont_size(const struct pdffont *f);
/* pdffont_code - the next code of a string; how many bytes it takes, >= 1. */
size_t pdffont_code(
    const struct pdffont *f, const uint8_t *p, size_t len, uint32_t *code);
/*
 * pdffont_put - appends the characters of a code in UTF-8, or nothing.
 * Returns the last of them, 0 if the code stands for none that is known.
 */
uint32_t pdffont_put(const struct pdffont *f, uint32_t code, struct buf *out);
/* pdffont_width - in thousandths of the font's size. */
float pdffont_width(const struct pdffont *f, uint32_t code, uint32_t shown);

/* pdffont_utf8 - appends a character; ligatures as their letters. */
void pdffont_utf8(struct buf *out, uint32_t u);

#endif
