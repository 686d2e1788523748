/* SPDX-License-Identifier: Apache-2.0 */
/*
 * btree - the pages of an SQLite database.
 *
 * Owns: the file format's header, b-tree pages, cells and overflow chains
 * (https://www.sqlite.org/fileformat2.html, sections 1.3, 1.5 and 1.6), and
 * the note of which page was entered.
 * Never: trusts a count, an offset or a page number; enters a page twice.
 */
#include "agent/extract/btree.h"

#include <errno.h>
#include <string.h>

#include "agent/extract/runs.h"

#include "lib/own.h"

#define SLACK_MAX ((size_t)1 << 20)

static uint32_t
big(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

size_t
btree_number(const uint8_t *p, size_t len, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len && i < 9; i++) {
		if (i == 8) {
			*out = v << 8 | p[i];
			return 9;
		}
		v = v << 7 | (p[i] & 0x7f);
		if (p[i] < 0x80) {
			*out = v;
			return i + 1;
		}
	}
	*out = 0;
	return 0;
}

/* ---- the file ------------------------------------------------------------ */

int
btree_open(struct btree_file *f, struct window *w)
{
	uint8_t h[100];
	uint64_t pages;

	*f = (struct btree_file){.window = w};
	buf_init(&f->slack, SLACK_MAX);
	if (window_read(w, 0, h, sizeof h) < sizeof h)
		return -EBADMSG;
	f->page_size = big(h + 16, 2) == 1 ? BTREE_PAGE_MAX : big(h + 16, 2);
	if (f->page_size < 512 || (f->page_size & (f->page_size - 1)) != 0)
		return -EBADMSG;
	f->usable = f->page_size - h[20];
	if (f->usable < 480)
		return -EBADMSG;
	/* A last page that is cut is one, too. */
	pages = (w->size + f->page_size - 1) / f->page_size;
	f->npages = pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX - 1;
	f->seen = calloc((size_t)f->npages / 8 + 1, 1);
	return f->seen != NULL ? 0 : -ENOMEM;
}

void
btree_close(struct btree_file *f)
{
	free(f->seen);
	f->seen = NULL;
	buf_wipe(&f->slack);
}

bool
btree_seen(const struct btree_file *f, uint32_t page)
{
	return (f->seen[page / 8] >> (page % 8) & 1) != 0;
}

bool
btree_mark(struct btree_file *f, uint32_t page)
{
	if (page == 0 || page > f->npages || btree_seen(f, page))
		return false;
	f->seen[page / 8] |= (uint8_t)(1 << (page % 8));
	return true;
}

/* ---- pages --------------------------------------------------------------- */

/* The header of a b-tree page: behind the file's own on the first. */
static size_t
header(uint32_t page)
{
	return page == 1 ? 100 : 0;
}

static bool
interior(enum btree_page t)
{
	return t == BTREE_TABLE || t == BTREE_INDEX;
}

static bool
known(uint8_t t)
{
	return t == BTREE_INDEX || t == BTREE_TABLE || t == BTREE_INDEX_LEAF ||
	       t == BTREE_TABLE_LEAF;
}

static size_t
pointers(const struct btree_level *l)
{
	return header(l->page) + (interior(l->type) ? 12 : 8);
}

static int
enter(struct btree_file *f, struct btree_walk *w, uint32_t page)
{
	struct btree_level *l = &w->levels[w->n];
	uint64_t at = (uint64_t)(page - 1) * f->page_size;
	const uint8_t *h;
	size_t got;

	if (w->n == BTREE_DEPTH || !btree_mark(f, page)) {
		f->damaged = true;
		return 0;
	}
	*l = (struct btree_level){.page = page, .data = malloc(f->page_size)};
	if (l->data == NULL)
		return -ENOMEM;
	got = window_read(f->window, at, l->data, f->page_size);
	memset(l->data + got, 0, f->page_size - got);
	h = l->data + header(page);
	if (!known(h[0])) {
		explicit_bzero(l->data, f->page_size);
		free(OWN_TAKE(&l->data));
		f->damaged = true;
		return 0;
	}
	l->type = (enum btree_page)h[0];
	l->ncells = big(h + 3, 2);
	if (l->ncells > (f->usable - pointers(l)) / 2) {
		l->ncells = (uint32_t)(f->usable - pointers(l)) / 2;
		f->damaged = true;
	}
	w->n++;
	return 0;
}

static void
leave(const struct btree_file *f, struct btree_walk *w)
{
	struct btree_level *l = &w->levels[--w->n];

	explicit_bzero(l->data, f->page_size);
	free(OWN_TAKE(&l->data));
}

int
btree_start(struct btree_file *f, struct btree_walk *w, uint32_t root)
{
	*w = (struct btree_walk){0};
	return enter(f, w, root);
}

void
btree_done(struct btree_file *f, struct btree_walk *w)
{
	while (w->n > 0)
		leave(f, w);
}

/* How much of a payload lies in the page (section 1.6). */
static uint32_t
local_part(const struct btree_file *f, bool table, uint64_t payload)
{
	uint32_t u = f->usable, least = (u - 12) * 32 / 255 - 23;
	uint32_t most = table ? u - 35 : (u - 12) * 64 / 255 - 23;
	uint64_t k;

	if (payload <= most)
		return (uint32_t)payload;
	k = least + (payload - least) % (u - 4);
	return k <= most ? (uint32_t)k : least;
}

/* Reads the cell at @at of the page: false if it does not fit there. */
static bool
read_cell(const struct btree_file *f, const struct btree_level *l, size_t at,
    struct btree_cell *c)
{
	bool table = l->type == BTREE_TABLE_LEAF;
	uint64_t rowid = 0;
	size_t n;

	*c = (struct btree_cell){.page = l->page, .has_rowid = table};
	at += l->type == BTREE_INDEX ? 4 : 0;
	if (at >= f->usable)
		return false;
	n = btree_number(l->data + at, f->usable - at, &c->payload);
	at += n;
	if (n == 0 || c->payload > f->window->size)
		return false;
	if (table) {
		n = btree_number(l->data + at, f->usable - at, &rowid);
		at += n;
		c->rowid = (int64_t)rowid;
	}
	c->at = (uint32_t)at;
	c->local = local_part(f, table, c->payload);
	if (n == 0 || c->local > f->usable - at)
		return false;
	at += c->local;
	if (c->local == c->payload)
		return true;
	if (f->usable - at < 4)
		return false;
	c->overflow = big(l->data + at, 4);
	return true;
}

/* The cell that is next on its page: false if it does not fit there. */
static bool
cell_here(struct btree_file *f, struct btree_level *l, struct btree_cell *c)
{
	size_t p = pointers(l) + 2 * (size_t)l->next++;

	l->below_done = false;
	if (read_cell(f, l, big(l->data + p, 2), c))
		return true;
	f->damaged = true;
	return false;
}

/* The page below the current cell, the rightmost one behind the last. */
static uint32_t
page_below(const struct btree_file *f, const struct btree_level *l)
{
	size_t at = header(l->page) + 8;

	if (l->next < l->ncells)
		at = big(l->data + pointers(l) + 2 * (size_t)l->next, 2);
	return at <= f->usable - 4 ? big(l->data + at, 4) : 0;
}

int
btree_next(struct btree_file *f, struct btree_walk *w, struct btree_cell *c)
{
	while (w->n > 0) {
		struct btree_level *l = &w->levels[w->n - 1];
		bool last = l->next >= l->ncells;

		if (interior(l->type) && !l->below_done) {
			int r;

			l->below_done = true;
			r = enter(f, w, page_below(f, l));
			if (r != 0)
				return r;
			continue;
		}
		if (last) {
			leave(f, w);
			continue;
		}
		if (l->type == BTREE_TABLE) {
			l->next++;
			l->below_done = false;
			continue;
		}
		if (cell_here(f, l, c))
			return 1;
	}
	return 0;
}

/* ---- payloads ------------------------------------------------------------ */

void
btree_read_start(struct btree_reader *r, struct btree_file *f,
    const struct btree_cell *c, bool again)
{
	*r = (struct btree_reader){.file = f,
	    .left = c->payload,
	    .at = (uint64_t)(c->page - 1) * f->page_size + c->at,
	    .here = c->local,
	    .overflow = c->overflow,
	    .again = again};
}

/* What lies behind the end of the last part: an older value's rest. */
static void
keep_slack(struct btree_reader *r)
{
	uint8_t page[4096];
	uint64_t at = r->at + r->left;
	uint64_t end = (r->at / r->file->page_size + 1) * r->file->page_size;

	while (at < end && !r->again) {
		size_t n =
		    end - at < sizeof page ? (size_t)(end - at) : sizeof page;

		n = window_read(r->file->window, at, page, n);
		if (n == 0)
			break;
		runs_put(&r->file->slack, page, n);
		at += n;
	}
	explicit_bzero(page, sizeof page);
}

/* Goes to the next page of the chain. */
static bool
next_part(struct btree_reader *r)
{
	struct btree_file *f = r->file;
	uint32_t page = r->overflow;
	uint8_t next[4];

	if (page == 0 || page > f->npages ||
	    (!r->again && !btree_mark(f, page))) {
		f->damaged = true;
		return false;
	}
	r->at = (uint64_t)(page - 1) * f->page_size;
	if (window_read(f->window, r->at, next, 4) < 4) {
		f->damaged = true;
		return false;
	}
	r->overflow = big(next, 4);
	r->at += 4;
	r->here = f->usable - 4;
	if (r->left <= r->here)
		keep_slack(r);
	return true;
}

size_t
btree_read(struct btree_reader *r, uint8_t *out, size_t len)
{
	size_t got = 0;

	while (got < len && r->left > 0) {
		size_t n = len - got;

		if (r->here == 0 && !next_part(r)) {
			r->left = 0;
			break;
		}
		if (n > r->here)
			n = r->here;
		if (n > r->left)
			n = (size_t)r->left;
		n = window_read(r->file->window, r->at, out + got, n);
		if (n == 0) {
			r->file->damaged = true;
			r->left = 0;
			break;
		}
		got += n;
		r->at += n;
		r->here -= (uint32_t)n;
		r->left -= n;
	}
	return got;
}

/* ---- what holds no cell -------------------------------------------------- */

void
btree_gaps(const struct btree_file *f, uint32_t page, const uint8_t *p,
    struct buf *out)
{
	struct btree_level l = {.page = page};
	size_t start, content, at, before = 0;
	const uint8_t *h = p + header(page);

	if (!known(h[0])) {
		runs_put(out, p, f->page_size);
		return;
	}
	l.type = (enum btree_page)h[0];
	start = pointers(&l) + 2 * (size_t)big(h + 3, 2);
	content = big(h + 5, 2) == 0 ? BTREE_PAGE_MAX : big(h + 5, 2);
	if (content > f->usable)
		content = f->usable;
	if (start < content)
		runs_put(out, p + start, content - start);
	/* Freed blocks are a chain of growing offsets. */
	for (at = big(h + 1, 2); at > before && at <= f->usable - 4;
	     at = big(p + at, 2)) {
		size_t n = big(p + at + 2, 2);

		if (n > 4 && n <= f->usable - at)
			runs_put(out, p + at + 4, n - 4);
		before = at;
	}
	runs_put(out, p + f->usable, f->page_size - f->usable);
}
