/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdffile - the objects of a PDF and where they lie (inside the room only).
 *
 * The cross-reference table is not asked: the bytes are read from the start to
 * the end, so that what it hides is seen, and a damaged one hides nothing.
 */
#ifndef AGENT_EXTRACT_PDFFILE_H
#define AGENT_EXTRACT_PDFFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/pdfcode.h"
#include "agent/extract/pdflex.h"
#include "agent/extract/window.h"

#include "lib/own.h"

#define PDFFILE_OBJECTS_MAX (128U * 1024)

enum pdffile_role {
	PDFFILE_OTHER,
	PDFFILE_PAGE,
	PDFFILE_PAGES,
	PDFFILE_CATALOG,
	PDFFILE_OBJSTM,
	PDFFILE_XREF,
	PDFFILE_FORM, /* a stream of operators */
	PDFFILE_IMAGE,
	PDFFILE_FONT_PROGRAM,
	PDFFILE_NUMBERS, /* colours, functions, shadings: no text */
	PDFFILE_METADATA,
	PDFFILE_CMAP,
	PDFFILE_EMBEDDED,
};

/* Where a value begins: in the file, or in an object stream. */
struct pdffile_place {
	uint32_t in; /* 0, or 1 + the index of the object stream */
	uint64_t at;
};

struct pdffile_object {
	uint32_t num;
	struct pdffile_place place;
	uint64_t data, len; /* of its stream; data is 0 without one */
	uint8_t role;
	bool given; /* its content was looked at */
	bool named; /* of a tree: it was met */
};

struct pdffile_gap {
	uint64_t at, len;
};

struct pdffile_cache {
	uint32_t in;
	uint8_t *data;
	size_t len;
	uint64_t used; /* when */
};

/* An object stream, with all that is needed to decode it again. */
struct pdffile_packed {
	uint64_t data, len;
	struct pdfcode_step steps[PDFCODE_STEPS];
	size_t nsteps;
};

#define PDFFILE_CACHE 8
#define PDFFILE_GAPS 4096

struct pdffile {
	struct window *window;
	struct pdffile_object *objects; /* by their number, old before new */
	size_t nobjects, cap;
	struct pdffile_packed *packed;
	size_t npacked;
	struct pdffile_gap *gaps; /* bytes that are in no object */
	size_t ngaps;
	struct pdffile_cache cache[PDFFILE_CACHE];
	uint64_t clock;
	struct pdflex lex; /* of pdffile_open_at */
	struct pdffile_place source; /* what it reads */
	uint64_t source_at;
	uint64_t work; /* bytes that were decoded */
	uint64_t no_endstream, no_endobj; /* from here on there is none */
	struct pdffile_place encrypt; /* what a trailer says of encryption */
	bool encrypted;
	bool left_out; /* more than is kept */
	bool damaged;
};

/*
 * pdffile_read - finds the objects. Returns 0, -ENOMEM, or what stream_turn
 * says.
 */
int pdffile_read(struct pdffile *f, struct window *w) MUST_CHECK;
void pdffile_done(struct pdffile *f);
/* pdffile_find - the newest object of that number, or NULL. */
struct pdffile_object *pdffile_find(const struct pdffile *f, uint64_t num);
/* pdffile_seek - f->lex reads from there on. */
void pdffile_seek(struct pdffile *f, struct pdffile_place p);
/*
 * pdffile_value - reads the value there, through references: its first token
 * is then f->lex's, and @p its place. @object: NULL, or receives the object
 * that it is of itself, or NULL. False if there is none.
 */
bool pdffile_value(
    struct pdffile *f, struct pdffile_place *p, struct pdffile_object **object);
/* pdffile_get - the value of a key in the dictionary at @dict. */
bool pdffile_get(struct pdffile *f, struct pdffile_place dict, const char *key,
    struct pdffile_place *value, struct pdffile_object **object);
/* pdffile_key - the same for a name of foreign bytes. */
bool pdffile_key(struct pdffile *f, struct pdffile_place dict,
    const uint8_t *key, size_t len, struct pdffile_place *value,
    struct pdffile_object **object);
/*
 * pdffile_stream - opens the stream of an object. Returns as pdfcode_new, and
 * -EFBIG when all work is done that the file is worth.
 */
int pdffile_stream(struct pdffile *f, const struct pdffile_object *o,
    struct pdfcode **out) MUST_CHECK;

#endif
