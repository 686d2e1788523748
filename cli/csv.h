/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv - a table of text, row by row (RFC 4180).
 */
#ifndef CLI_CSV_H
#define CLI_CSV_H

#include <stdint.h>
#include <stdio.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"

enum {
	CSV_ROW_MAX = 1024 * 1024, /* bytes of a row's cells */
	CSV_CELLS_MAX = 1024,
};

struct csv {
	FILE *in; /* borrowed */
	char comma; /* ',', ';' or a tab: the first of them in the first row */
	uint64_t line; /* on which the last row began */
	uint64_t next; /* line that comes next */
	struct buf text; /* of the row's cells, each with a NUL behind it */
	size_t at[CSV_CELLS_MAX + 1]; /* where each begins in text */
	size_t n;
	size_t columns; /* of the first row, which all others must have */
};

/* csv_begin - for a file that is read from its start. */
void csv_begin(struct csv *c, FILE *in);
/* csv_done - wipes the cells. */
void csv_done(struct csv *c);
/*
 * csv_row - reads one row; empty lines are passed over.
 * Returns 1, 0 at the end, or -EBADMSG (with the line: a quote that does not
 * end, text behind one, another number of cells, a NUL), -EIO or -ENOMEM.
 */
int csv_row(struct csv *c, struct diag *why) MUST_CHECK;
/* csv_cell - the @i-th cell of the row (borrowed until the next), a NUL behind
 * it. */
const char *csv_cell(const struct csv *c, size_t i, size_t *len);

#endif
