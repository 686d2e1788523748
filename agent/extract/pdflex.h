/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pdflex - the words of a PDF (inside the room only).
 *
 * ISO 32000-1, 7.2 and 7.3: one grammar for objects, content streams and
 * character maps.
 */
#ifndef AGENT_EXTRACT_PDFLEX_H
#define AGENT_EXTRACT_PDFLEX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

#include "lib/own.h"

/* The longest string or name; a longer one is cut, and said to be. */
#define PDFLEX_TEXT_MAX ((size_t)256 * 1024)

enum pdflex_kind {
	PDFLEX_END,
	PDFLEX_NUMBER,
	PDFLEX_NAME, /* without its slash */
	PDFLEX_STRING,
	PDFLEX_ARRAY,
	PDFLEX_ARRAY_END,
	PDFLEX_DICT,
	PDFLEX_DICT_END,
	PDFLEX_WORD, /* an operator, "R", "true", ... */
};

struct pdflex {
	/* Gives 1..@max bytes, or 0 at the end. */
	size_t (*fill)(void *ctx, uint8_t *out, size_t max);
	void *ctx;
	uint64_t total; /* bytes that came, what is in buf included */
	size_t pos, len;
	bool end;
	/* The token that was read last. */
	enum pdflex_kind kind;
	double number;
	bool whole; /* the number is one */
	bool cut; /* the text was longer */
	uint64_t at; /* where the token begins */
	struct buf text; /* of a name, a string or a word */
	uint8_t buf[4096];
};

void pdflex_init(struct pdflex *l);
void pdflex_done(struct pdflex *l);
/* pdflex_start - reads from a source that begins at offset @at of its own. */
void pdflex_start(struct pdflex *l,
    size_t (*fill)(void *ctx, uint8_t *out, size_t max), void *ctx,
    uint64_t at);
/* pdflex_where - the offset of the byte that is next. */
uint64_t pdflex_where(const struct pdflex *l);
/* pdflex_byte - that byte, or -1 at the end. */
int pdflex_byte(struct pdflex *l);
/* pdflex_next - reads a token; its kind. */
enum pdflex_kind pdflex_next(struct pdflex *l);
/* pdflex_is - whether the last token is that word. */
bool pdflex_is(const struct pdflex *l, const char *word);
/* pdflex_named - whether the last token is that name. */
bool pdflex_named(const struct pdflex *l, const char *name);
/* pdflex_skip - passes over the value that the last token begins. */
void pdflex_skip(struct pdflex *l);
/* pdflex_integer - the last number, or @or if it is none within 0..@max. */
uint64_t pdflex_integer(const struct pdflex *l, uint64_t max, uint64_t or);

#endif
