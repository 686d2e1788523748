/* SPDX-License-Identifier: Apache-2.0 */
/*
 * btree - the pages of an SQLite database (inside the room only).
 *
 * A walk gives the cells of a tree in order; every page is entered once, so
 * that pages which refer to each other in a circle end it.
 */
#ifndef AGENT_EXTRACT_BTREE_H
#define AGENT_EXTRACT_BTREE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/window.h"
#include "lib/buf.h"

#include "lib/own.h"

#define BTREE_PAGE_MAX 65536
#define BTREE_DEPTH 20 /* SQLite's own limit (BTCURSOR_MAX_DEPTH) */

enum btree_page {
	BTREE_INDEX = 2,
	BTREE_TABLE = 5,
	BTREE_INDEX_LEAF = 10,
	BTREE_TABLE_LEAF = 13,
};

struct btree_file {
	struct window *window;
	uint32_t page_size, usable, npages;
	uint8_t *seen; /* a bit a page */
	struct buf slack; /* behind the end of overflow chains */
	bool damaged; /* something did not fit together */
};

/* Where a payload lies; it is read in order, once. */
struct btree_cell {
	uint32_t page;
	bool has_rowid;
	int64_t rowid;
	uint64_t payload; /* bytes of it in all */
	uint32_t at; /* of the local part, in the page */
	uint32_t local; /* bytes in the page */
	uint32_t overflow; /* page of the next part, or 0 */
};

struct btree_level {
	uint32_t page, ncells, next;
	enum btree_page type;
	bool below_done; /* the tree below this cell was walked */
	uint8_t *data; /* page_size bytes */
};

struct btree_walk {
	struct btree_level levels[BTREE_DEPTH];
	size_t n;
};

struct btree_reader {
	struct btree_file *file;
	uint64_t left; /* bytes of the payload yet to come */
	uint64_t at; /* in the file */
	uint32_t here; /* bytes of this part left */
	uint32_t overflow;
	bool again; /* its pages may have been seen */
};

/*
 * btree_open - reads the header at the window's start.
 * Returns 0, -EBADMSG or -ENOMEM.
 */
int btree_open(struct btree_file *f, struct window *w) MUST_CHECK;
void btree_close(struct btree_file *f);
bool btree_seen(const struct btree_file *f, uint32_t page);
/* btree_mark - false if the page does not exist or was entered before. */
bool btree_mark(struct btree_file *f, uint32_t page);

/* btree_start - a walk from @root; a root that is no tree is damage. */
int btree_start(struct btree_file *f, struct btree_walk *w, uint32_t root);
/* btree_next - 1 and a cell, 0 at the end, -ENOMEM or -ENODATA. */
int btree_next(struct btree_file *f, struct btree_walk *w,
    struct btree_cell *c) MUST_CHECK;
void btree_done(struct btree_file *f, struct btree_walk *w);

void btree_read_start(struct btree_reader *r, struct btree_file *f,
    const struct btree_cell *c, bool again);
/* btree_read - up to @len next bytes of the payload; 0 at its end. */
size_t btree_read(struct btree_reader *r, uint8_t *out, size_t len);

/* btree_number - a varint; bytes that it takes, or 0 if it is cut. */
size_t btree_number(const uint8_t *p, size_t len, uint64_t *out);
/* btree_gaps - gives what of a page holds no cell, piece by piece. */
void btree_gaps(const struct btree_file *f, uint32_t page, const uint8_t *p,
    struct buf *out);

#endif
