/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - the collector's part of an index for exact data match: which values
 * stand in one row, as digests that only the holder of the key can make.
 */
#ifndef LIB_ROWS_H
#define LIB_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/exact.h"
#include "lib/own.h"

enum {
	ROWS_MAX = 8 * 1024 * 1024, /* records */
	/* Of a confirmed value: bytes that tell it from another one, and its
	 * row's number (u32 big-endian; 0 where the table tells none). */
	ROWS_MARK_VALUE = 8,
	ROWS_MARK = ROWS_MARK_VALUE + 4,
};

/* A table that is made. */
struct rows {
	char name[EXACT_NAME_MAX + 1];
	uint8_t id[EXACT_ID];
	uint8_t key[SEAL_HASH]; /* of the table */
	uint8_t nsecondary;
	/* Column of the index of each secondary. */
	uint8_t columns[EXACT_COLUMNS_MAX];
	/* The table tells the number of a confirmed row; set after rows_begin,
	 * and the number of the row before each rows_add. */
	bool numbered;
	uint32_t number;
	uint8_t *data; /* records; owned */
	size_t n, cap;
};

/* rows_begin - for @x's columns under a key that @k's holder derives. */
void rows_begin(
    struct rows *t, const struct exact_index *x, const struct seal_box_key *k);
void rows_done(struct rows *t);
/*
 * rows_add - a record of a row: a primary and the row's secondaries, digests
 * as exact_digest makes them; @near[i] is of the i-th secondary, NULL without.
 * Returns 0, -EFBIG or -ENOMEM.
 */
int rows_add(struct rows *t, size_t column, const uint8_t primary[EXACT_DIGEST],
    const uint8_t *const near[EXACT_COLUMNS_MAX]) MUST_CHECK;
/* rows_write - sorts and writes the file; -EEXIST if it is there. */
int rows_write(struct rows *t, const char *path, struct diag *why) MUST_CHECK;

/* A table to look into. */
struct rows_table;

/* rows_open - checks and maps; -EBADMSG or -errno with a sentence. */
int rows_open(
    const char *path, struct rows_table **out, struct diag *why) MUST_CHECK;
void rows_close(struct rows_table *t);
void rows_closep(struct rows_table **t);
const char *rows_name(const struct rows_table *t);
const uint8_t *rows_id(const struct rows_table *t);
uint64_t rows_count(const struct rows_table *t);

/* What became of the candidates of one finding. */
struct rows_verdict {
	unsigned candidates, confirmed;
	/* Of each that is confirmed what stands for its value: the same in
	 * every finding, and but for the number random to who has not the
	 * private key. */
	uint8_t marks[EXACT_CANDIDATES_MAX][ROWS_MARK];
};

/*
 * rows_confirm - looks each candidate up: confirmed if some row has that
 * primary and at least @s->min (at least one where rows have secondaries) of
 * the secondaries that stood beside it. -EBADMSG if @s is of another index.
 */
int rows_confirm(const struct rows_table *t, const struct seal_box_key *k,
    const struct exact_sealed *s, struct rows_verdict *out) MUST_CHECK;

/* rows_number - the number in a mark; 0: none is told. */
uint32_t rows_number(const uint8_t mark[ROWS_MARK]);

#endif
