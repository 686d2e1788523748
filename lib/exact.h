/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact - the host's part of an index for exact data match: what a value is,
 * whether it may be in a column, and candidates sealed for who can confirm.
 *
 * docs/decisions/0003-exact-data-match.md says why it is as it is, and what
 * somebody with all of it can learn.
 */
#ifndef LIB_EXACT_H
#define LIB_EXACT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"
#include "lib/seal.h"

enum {
	EXACT_VALUE_MAX = 63, /* bytes of a value's normal form */
	EXACT_PRIMARY_MIN = 6,
	EXACT_SECONDARY_MIN = 2,
	EXACT_COLUMNS_MAX = 9,
	EXACT_NAME_MAX = 32, /* of an index and of a column, without NUL */
	EXACT_ID = 16,
	EXACT_DIGEST = 16, /* of a primary */
	EXACT_BRIEF = 8, /* of a secondary */
	EXACT_BLOCK = 32, /* bytes of a filter that one value touches */
	EXACT_FILE_MAX = 24 * 1024 * 1024,
	EXACT_CANDIDATES_MAX = 16, /* in one finding */
	EXACT_NEAR_MAX = 2, /* secondaries of one column beside a primary */
	EXACT_SEALED_MAX = 6144, /* characters */
	EXACT_HEAD_TEXT = 64, /* characters that tell of which index it is */
	EXACT_MAIL = 1,
	/* The rate of a column of values that nobody can guess: what passes is
	 * one of them. */
	EXACT_SURE = 1 << 30,
};

/* A filter over the values of one column. */
struct exact_column {
	char name[EXACT_NAME_MAX + 1];
	bool primary;
	/* Bit n: there are values of n bytes, of digits alone and others;
	 * EXACT_MAIL in others: some hold an '@'. */
	uint64_t digits, others;
	uint32_t rate; /* one random value in so many passes */
	uint32_t nblocks;
	uint8_t *blocks; /* of EXACT_BLOCK bytes */
	uint8_t sip[16]; /* from the key of the index */
};

struct exact_index {
	char name[EXACT_NAME_MAX + 1];
	uint8_t id[EXACT_ID]; /* u32 seconds since 1970 of its making; random */
	uint64_t rows;
	uint8_t key[32];
	uint8_t public[SEAL_BOX_PUBLIC];
	struct exact_column columns[EXACT_COLUMNS_MAX];
	size_t ncolumns;
	/* What the columns' blocks lie in, wiped when freed; NULL: borrowed. */
	uint8_t *owned;
	size_t nowned;
};

/* exact_name_ok - 1 to EXACT_NAME_MAX of a-z, 0-9, '_', '-', '.'; no '.' first.
 */
bool exact_name_ok(const char *name);

/*
 * exact_normal - the normal form of a value of UTF-8 (or any) bytes: case
 * folded; ASCII bytes that are neither letter nor digit go, those inside a
 * value with an '@' stay.
 * @out: EXACT_VALUE_MAX bytes; @digits: whether it is digits alone.
 * Returns its length, 0 if nothing is left or it is longer.
 */
size_t exact_normal(const uint8_t *v, size_t n, uint8_t *out, bool *digits);

/* exact_maybe - false: the value (in normal form) is not in the column. */
bool exact_maybe(
    const struct exact_column *c, const uint8_t *v, size_t n, bool digits);

/* exact_digest - what stands for a value of a column when it is sealed. */
void exact_digest(const struct exact_index *x, size_t column, const uint8_t *v,
    size_t n, uint8_t out[EXACT_DIGEST]);

/*
 * exact_parse - reads a host's part; @x owns a copy of the filters.
 * Returns 0, -EBADMSG with a sentence (also for a public key of low order),
 * -ENOMEM. @x is untouched on failure.
 */
int exact_parse(const void *data, size_t len, struct exact_index *x,
    struct diag *why) MUST_CHECK;
/* exact_print - appends the file; columns as they are filled. */
void exact_print(const struct exact_index *x, struct buf *out);
/* exact_parse_in - the same, but the filters stay where they are: @data stays
 * as it is, and is not written to, until exact_done. */
int exact_parse_in(
    void *data, size_t len, struct exact_index *x, struct diag *why) MUST_CHECK;
void exact_done(struct exact_index *x);

/* ---- building ---- */

/* exact_rate_ok - a rate that filters are made for: 16, 32, … 4096, EXACT_SURE. */
bool exact_rate_ok(uint32_t rate);

/*
 * exact_begin - draws the id and the index key, and gives each column (name,
 * primary and rate are set) its key and an empty filter for @cells values.
 * Returns 0, -EFBIG (over EXACT_FILE_MAX) or -ENOMEM.
 */
int exact_begin(struct exact_index *x, const uint64_t cells[EXACT_COLUMNS_MAX],
    const uint8_t public[SEAL_BOX_PUBLIC]) MUST_CHECK;
void exact_add(struct exact_column *c, const uint8_t *v, size_t n, bool digits);
/* exact_fill - adds random values until one in @rate random values passes. */
void exact_fill(struct exact_column *c);
/* exact_pass - the part of random values that pass, from the filter itself. */
double exact_pass(const struct exact_column *c);

/* ---- candidates ---- */

struct exact_near {
	uint8_t column;
	uint8_t brief[EXACT_BRIEF]; /* the first bytes of its digest */
};

struct exact_candidate {
	uint8_t column;
	uint8_t digest[EXACT_DIGEST];
	struct exact_near near[EXACT_NEAR_MAX * (EXACT_COLUMNS_MAX - 1)];
	size_t nnear;
};

/* What everybody may read of what is sealed: which index it is of. */
struct exact_head {
	uint8_t id[EXACT_ID];
	char name[EXACT_NAME_MAX + 1];
};

/* What a finding carries for who can confirm it. */
struct exact_sealed {
	uint8_t id[EXACT_ID]; /* of the index */
	uint8_t min; /* secondary columns that its rule asks for */
	struct exact_candidate list[EXACT_CANDIDATES_MAX];
	size_t n;
};

/* exact_seal - appends base64url of the head and the sealed candidates. */
int exact_seal(const struct exact_index *x, const struct exact_sealed *s,
    struct buf *out) MUST_CHECK;
/*
 * exact_head - which index it is of, by its first EXACT_HEAD_TEXT characters.
 * Who wrote it is not known: only what opens was sealed with that head.
 * Returns 0, -EBADMSG if it is none, -ENOMEM.
 */
int exact_head(const char *text, struct exact_head *out) MUST_CHECK;
/* exact_made - when the index of an id was made, in seconds since 1970. */
int64_t exact_made(const uint8_t id[EXACT_ID]);
/* exact_open - the way back: -EBADMSG (another key, or changed), -ENOMEM. */
int exact_open(const struct seal_box_key *key, const char *text,
    struct exact_sealed *out) MUST_CHECK;

#endif
