/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite - a database as a container of its tables.
 *
 * Owns: the schema, the records' form (fileformat2, section 2.1), and which
 * page is whose: first the schema and the tables that it names, row by row as
 * "column=value" and a tab, then values that are containers themselves, then
 * what no table holds: deleted rows, freed pages, slack.
 * Never: runs SQL, believes a count. An index of a table that was given is
 * walked and not given: it holds the table's own values.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/extract/btree.h"
#include "agent/extract/layer.h"
#include "agent/extract/runs.h"
#include "agent/extract/sniff.h"
#include "agent/extract/window.h"
#include "lib/str.h"

#include "lib/own.h"

#define TABLES_MAX 4096
#define NAMES_MAX ((size_t)4 << 20) /* of all tables and columns */
#define COLUMNS_MAX 2000 /* SQLite's own standard limit */
#define HEADER_MAX (9 * 32767 + 9) /* of a record with the most columns */
#define SQL_MAX ((size_t)256 * 1024)
#define VALUES_MAX 1024
#define CHUNK 4096
#define OUT_MAX ((size_t)1 << 20)
#define OUT_ENOUGH ((size_t)64 * 1024)

struct table {
	uint32_t root;
	size_t name, of; /* offsets in names: its own, and of what it is */
	size_t columns; /* names of its columns, each with a NUL */
	unsigned ncolumns;
	bool index;
	int alias; /* the column that is the rowid, or -1 */
};

/* A value that is a container. */
struct value {
	struct btree_cell cell;
	uint64_t at, len; /* in the payload */
	size_t table;
};

struct row {
	struct btree_cell cell;
	struct btree_reader reader;
	uint8_t *header;
	size_t header_len, header_at;
	unsigned column;
	uint64_t type, left; /* of the value that is being read */
	uint64_t at; /* in the payload */
	const char *name; /* of the column, for a table */
	unsigned named; /* which column that is */
	bool open, value_open, kept;
	uint32_t high; /* half of a pair of UTF-16 */
};

enum phase { BAD, START, SCHEMA, TABLES, FREE, VALUES, OVER };

struct sqlite {
	struct window window;
	struct btree_file file;
	struct btree_walk walk;
	bool walking;
	unsigned encoding; /* 1 UTF-8, 2 UTF-16LE, 3 UTF-16BE */
	enum phase phase;
	struct table *tables;
	size_t ntables, table; /* @table: the one that is given */
	struct buf names;
	struct buf cells[5]; /* of the schema's row that is being read */
	struct row row;
	struct buf out;
	size_t out_at;
	struct value *values;
	size_t nvalues, value;
	struct btree_reader value_reader;
	uint64_t value_left;
	uint32_t page; /* of the free space */
	uint8_t *page_data;
	bool left_out;
	bool given;
};

/* ---- names ------------------------------------------------------------- */

static const char *
name_at(const struct sqlite *q, size_t at)
{
	return at < q->names.len ? (const char *)q->names.data + at : "";
}

/* Keeps a name and its NUL: where it lies, or where no name lies. */
static size_t
keep_name(struct sqlite *q, const uint8_t *p, size_t len)
{
	size_t at = q->names.len;
	uint8_t *to = buf_grow(&q->names, len + 1);

	if (to == NULL) {
		q->left_out = true;
		return SIZE_MAX;
	}
	for (size_t i = 0; i < len; i++)
		to[i] = p[i] < ' ' || p[i] == 0x7f ? ' ' : p[i];
	to[len] = '\0';
	return at;
}

struct sql {
	const uint8_t *p;
	size_t len, at;
};

/* A word of SQL; quotes are taken off. */
struct word {
	const uint8_t *p;
	size_t len;
	bool quoted;
};

static bool
blank(uint8_t b)
{
	return b == ' ' || (b >= '\t' && b <= '\r');
}

static bool
bare(uint8_t b)
{
	return b == '_' || b == '$' || b >= 0x80 || (b >= '0' && b <= '9') ||
	       ((b | 0x20) >= 'a' && (b | 0x20) <= 'z');
}

static void
pass_blank(struct sql *s)
{
	while (s->at < s->len) {
		const uint8_t *p = s->p + s->at, *end = NULL;
		size_t left = s->len - s->at;

		if (blank(*p)) {
			s->at++;
			continue;
		}
		if (left >= 2 && memcmp(p, "--", 2) == 0)
			end = memchr(p, '\n', left);
		else if (left >= 2 && memcmp(p, "/*", 2) == 0)
			end = memmem(p, left, "*/", 2);
		else
			return;
		s->at = end == NULL ? s->len : (size_t)(end - s->p) + 1;
		if (end != NULL && *end == '*')
			s->at++;
	}
}

static bool
next_word(struct sql *s, struct word *w)
{
	uint8_t close;
	const uint8_t *end;

	pass_blank(s);
	*w = (struct word){.p = s->p + s->at};
	if (s->at == s->len)
		return false;
	close = *w->p == '[' ? ']' : *w->p;
	if (close == '"' || close == '`' || close == '\'' || close == ']') {
		w->p++;
		s->at++;
		end = memchr(w->p, close, s->len - s->at);
		w->len = end == NULL ? s->len - s->at : (size_t)(end - w->p);
		w->quoted = true;
		s->at += w->len + (end != NULL);
		return true;
	}
	do {
		w->len++;
		s->at++;
	} while (bare(*w->p) && s->at < s->len && bare(s->p[s->at]));
	return true;
}

static bool
is_word(const struct word *w, const char *text)
{
	return !w->quoted && w->len == strlen(text) &&
	       strncasecmp((const char *)w->p, text, w->len) == 0;
}

/* ---- the columns of a table ---------------------------------------------- */

struct column {
	struct word name;
	bool integer, key, absent; /* @absent: computed, never stored */
};

struct columns {
	struct column *list;
	unsigned n;
	unsigned keys[COLUMNS_MAX]; /* of the table's own PRIMARY KEY */
	unsigned nkeys;
	bool without_rowid;
};

static void
name_key(struct columns *c, const struct word *w)
{
	for (unsigned i = 0; i < c->n && c->nkeys < COLUMNS_MAX; i++)
		if (c->list[i].name.len == w->len &&
		    strncasecmp((const char *)c->list[i].name.p,
			(const char *)w->p, w->len) == 0)
			c->keys[c->nkeys++] = i;
}

static bool
is_constraint(const struct word *w)
{
	static const char *const WORDS[] = {
	    "constraint", "primary", "unique", "check", "foreign"};

	for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
		if (is_word(w, WORDS[i]))
			return true;
	return false;
}

/* One definition, up to its comma or the closing parenthesis: true if more
 * follow. */
static bool
read_definition(struct sql *s, struct columns *c)
{
	struct column *col = NULL;
	struct word w, before = {0};
	unsigned depth = 0, n = 0;
	bool key = false, table_key = false;

	while (next_word(s, &w)) {
		if (depth == 0 && (is_word(&w, ",") || is_word(&w, ")")))
			return is_word(&w, ",");
		if (n++ == 0 && c->n < COLUMNS_MAX &&
		    (w.quoted || !is_constraint(&w))) {
			col = &c->list[c->n++];
			*col = (struct column){.name = w};
		} else if (n == 2 && col != NULL) {
			col->integer = is_word(&w, "integer");
		}
		if (depth == 0 && is_word(&w, "key") &&
		    is_word(&before, "primary")) {
			key = true;
			if (col != NULL)
				col->key = true;
		}
		if (is_word(&w, "(")) {
			table_key = key && col == NULL && depth == 0 &&
				    is_word(&before, "key");
			if (depth == 0 && col != NULL && is_word(&before, "as"))
				col->absent = true;
			depth++;
		} else if (is_word(&w, ")")) {
			depth--;
			table_key = false;
		} else if (table_key && depth == 1 &&
			   (w.quoted || bare(*w.p))) {
			name_key(c, &w);
		} else if (col != NULL && depth == 0 && is_word(&w, "stored")) {
			col->absent = false;
		}
		before = w;
	}
	return false;
}

static void
read_columns(struct columns *c, const uint8_t *sql, size_t len)
{
	struct sql s = {.p = sql, .len = len};
	struct word w, before = {0};

	while (next_word(&s, &w) && !is_word(&w, "("))
		;
	while (read_definition(&s, c))
		;
	while (next_word(&s, &w)) {
		if (is_word(&w, "rowid") && is_word(&before, "without"))
			c->without_rowid = true;
		before = w;
	}
	for (unsigned i = 0; i < c->n && c->nkeys == 0; i++)
		if (c->list[i].key)
			c->keys[c->nkeys++] = i;
}

static void
keep_column(struct sqlite *q, struct table *t, struct column *col)
{
	size_t at;

	if (col->absent)
		return;
	at = keep_name(q, col->name.p, col->name.len);
	if (at == SIZE_MAX)
		return;
	if (t->ncolumns == 0)
		t->columns = at;
	t->ncolumns++;
	col->absent = true;
}

/* Names in the order in which a record holds its values. */
static int
name_columns(struct sqlite *q, struct table *t, const uint8_t *sql, size_t len)
{
	OWN_MEM struct columns *c = calloc(1, sizeof *c);
	OWN_MEM struct column *list = calloc(COLUMNS_MAX, sizeof *list);

	if (c == NULL || list == NULL)
		return -ENOMEM;
	c->list = list;
	read_columns(c, sql, len);
	/* Without rowids a table is the index of its key. */
	for (unsigned i = 0; c->without_rowid && i < c->nkeys; i++)
		keep_column(q, t, &list[c->keys[i]]);
	for (unsigned i = 0; i < c->n; i++) {
		if (!c->without_rowid && c->nkeys == 1 && c->keys[0] == i &&
		    list[i].integer)
			t->alias = (int)t->ncolumns;
		keep_column(q, t, &list[i]);
	}
	return 0;
}

/* A row of the schema was read: type, name, tbl_name, rootpage, sql. */
static int
take_schema_row(struct sqlite *q)
{
	const char *type = buf_text(&q->cells[0]);
	const char *root = buf_text(&q->cells[3]);
	struct table t = {.alias = -1, .columns = SIZE_MAX};
	uint64_t page = 0;
	int r = 0;

	if (type == NULL || root == NULL)
		return -ENOMEM;
	if (str_u64(root, UINT32_MAX, &page) != 0 || page == 0)
		return 0;
	if (q->ntables == TABLES_MAX) {
		q->left_out = true;
		return 0;
	}
	t.root = (uint32_t)page;
	t.index = strcasecmp(type, "index") == 0;
	t.name = keep_name(q, q->cells[1].data, q->cells[1].len);
	t.of = keep_name(q, q->cells[2].data, q->cells[2].len);
	if (!t.index && q->cells[4].len > 0)
		r = name_columns(q, &t, q->cells[4].data, q->cells[4].len);
	q->tables[q->ntables++] = t;
	return r;
}

/* True for an index of a table whose rows are given. */
static bool
repeats(const struct sqlite *q, const struct table *t)
{
	for (size_t i = 0; t->index && i < q->ntables; i++)
		if (!q->tables[i].index &&
		    str_eq(name_at(q, q->tables[i].name), name_at(q, t->of)))
			return true;
	return false;
}

/* ---- values ---------------------------------------------------------------- */

static void
put_name(struct sqlite *q)
{
	static const char *const SCHEMA_NAMES[] = {
	    "type", "name", "tbl_name", "rootpage", "sql"};
	const struct table *t = NULL;
	const char *name = NULL;

	if (q->phase == TABLES && q->table < q->ntables)
		t = &q->tables[q->table];
	if (q->phase == SCHEMA && q->row.column < 5)
		name = SCHEMA_NAMES[q->row.column];
	else if (t != NULL && q->row.column < t->ncolumns) {
		if (q->row.name == NULL)
			q->row.name = name_at(q, t->columns);
		for (; q->row.named < q->row.column; q->row.named++)
			q->row.name += strlen(q->row.name) + 1;
		name = q->row.name;
	}
	if (name != NULL)
		buf_printf(&q->out, "%s=", name);
	else
		buf_printf(&q->out, "%u=", q->row.column + 1);
}

static void
put_utf8(struct buf *out, uint32_t u)
{
	uint8_t b[4];
	size_t n = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; u >>= 6)
		b[i] = (uint8_t)(0x80 | (u & 63));
	b[0] = (uint8_t)(n == 1 ? u : (0xf00U >> n & 0xff) | u);
	runs_clean(out, b, n);
}

static void
put_utf16(struct sqlite *q, const uint8_t *p, size_t len)
{
	bool little = q->encoding == 2;

	for (size_t i = 0; i + 2 <= len; i += 2) {
		uint32_t u = (uint32_t)p[i + little] << 8 | p[i + !little];

		if (u >= 0xd800 && u < 0xdc00) {
			q->row.high = u;
			continue;
		}
		if (u >= 0xdc00 && u < 0xe000)
			u = q->row.high == 0
				? 0xfffd
				: 0x10000 + ((q->row.high - 0xd800) << 10) +
				      (u - 0xdc00);
		q->row.high = 0;
		put_utf8(&q->out, u);
	}
}

static void
put_number(struct sqlite *q, const uint8_t *p, size_t len)
{
	uint64_t v = len > 0 && p[0] >= 0x80 ? UINT64_MAX : 0;
	double d;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	if (q->row.type != 7) {
		buf_printf(&q->out, "%" PRId64, (int64_t)v);
		return;
	}
	memcpy(&d, &v, sizeof d);
	/* A long number that was stored as a real is that number. */
	if (fabs(d) < 1e18 && trunc(d) == d)
		buf_printf(&q->out, "%.0f", d);
	else
		buf_printf(&q->out, "%.15g", d);
}

/* The schema's cells are kept beside what is given. */
static void
tap_schema(struct sqlite *q, size_t from)
{
	struct buf *b;

	if (q->phase != SCHEMA || q->row.column >= 5)
		return;
	b = &q->cells[q->row.column];
	buf_put(b, q->out.data + from, q->out.len - from);
	if (buf_error(b) == -ENOBUFS)
		q->left_out = true;
}

/* Bytes of a value of that type (section 2.1). */
static uint64_t
size_of(uint64_t type)
{
	static const uint8_t SIZES[12] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};

	return type >= 12 ? (type - 12) / 2 : SIZES[type];
}

/* A blob that is a container becomes a member of its own. */
static bool
keep_value(struct sqlite *q, const uint8_t *p, size_t n)
{
	struct row *r = &q->row;

	if (r->kept)
		return true;
	if (r->left != size_of(r->type) ||
	    sniff_container(p, n) == CONTAINER_NONE)
		return false;
	if (q->nvalues == VALUES_MAX) {
		q->left_out = true;
		return false;
	}
	q->values[q->nvalues++] = (struct value){.cell = r->cell,
	    .at = r->at,
	    .len = r->left,
	    .table = q->phase == TABLES ? q->table : SIZE_MAX};
	return r->kept = true;
}

/* The next part of the value that is open. */
static void
read_value(struct sqlite *q)
{
	struct row *r = &q->row;
	uint8_t chunk[CHUNK];
	size_t n = r->left < CHUNK ? (size_t)r->left : CHUNK;
	size_t from = q->out.len;

	n = btree_read(&r->reader, chunk, n);
	if (r->type < 12)
		put_number(q, chunk, n);
	else if (r->type % 2 == 1 && q->encoding == 1)
		runs_clean(&q->out, chunk, n);
	else if (r->type % 2 == 1)
		put_utf16(q, chunk, n);
	else if (!keep_value(q, chunk, n))
		runs_put(&q->out, chunk, n);
	tap_schema(q, from);
	r->at += n;
	r->left = n == 0 ? 0 : r->left - n;
	if (r->left > 0)
		return;
	buf_put_u8(&q->out, '\t');
	r->value_open = false;
	r->column++;
	explicit_bzero(chunk, sizeof chunk);
}

/* The rowid stands in for a column that is it, and is stored as nothing. */
static void
put_rowid(struct sqlite *q)
{
	const struct table *t =
	    q->phase == TABLES ? &q->tables[q->table] : NULL;

	if (t == NULL || t->alias != (int)q->row.column ||
	    !q->row.cell.has_rowid)
		return;
	put_name(q);
	buf_printf(&q->out, "%" PRId64 "\t", q->row.cell.rowid);
}

static void
open_value(struct sqlite *q)
{
	struct row *r = &q->row;
	size_t n = btree_number(
	    r->header + r->header_at, r->header_len - r->header_at, &r->type);

	r->header_at += n;
	if (n == 0 || r->type == 10 || r->type == 11) {
		q->file.damaged = true;
		r->header_at = r->header_len;
		return;
	}
	r->left = size_of(r->type);
	r->kept = false;
	r->high = 0;
	if (r->type == 0)
		put_rowid(q);
	if (r->type == 8 || r->type == 9) {
		size_t from;

		put_name(q);
		from = q->out.len;
		buf_put_u8(&q->out, r->type == 8 ? '0' : '1');
		tap_schema(q, from);
		buf_put_u8(&q->out, '\t');
	}
	if (r->left == 0) {
		r->column++;
		return;
	}
	put_name(q);
	r->value_open = true;
}

/* ---- rows ------------------------------------------------------------------ */

static void
open_row(struct sqlite *q)
{
	struct row *r = &q->row;
	uint8_t first[9];
	uint64_t len = 0;
	size_t got, n;

	btree_read_start(&r->reader, &q->file, &r->cell, false);
	/* The first number is the header's length, itself included. */
	got = btree_read(&r->reader, first, 1);
	while (got > 0 && got < 9 && first[got - 1] >= 0x80 &&
	       btree_read(&r->reader, first + got, 1) == 1)
		got++;
	n = btree_number(first, got, &len);
	if (n == 0 || len < n || len - n > HEADER_MAX ||
	    len > r->cell.payload) {
		q->file.damaged = true;
		return;
	}
	r->header_len = btree_read(&r->reader, r->header, (size_t)len - n);
	r->header_at = 0;
	r->at = len;
	r->column = r->named = 0;
	r->name = NULL;
	r->open = true;
	for (size_t i = 0; i < ARRAY_LEN(q->cells); i++)
		buf_reset(&q->cells[i]);
}

static int
close_row(struct sqlite *q)
{
	q->row.open = false;
	buf_put_u8(&q->out, '\n');
	return q->phase == SCHEMA ? take_schema_row(q) : 0;
}

/* Gives some text of the walk: 1, or 0 at its end. */
static int
walk_some(struct sqlite *q)
{
	struct row *r = &q->row;
	int e;

	if (!r->open) {
		e = btree_next(&q->file, &q->walk, &r->cell);
		if (e != 1)
			return e;
		open_row(q);
	} else if (r->value_open) {
		read_value(q);
	} else if (r->header_at < r->header_len) {
		open_value(q);
	} else {
		e = close_row(q);
		if (e != 0)
			return e;
	}
	return 1;
}

/* ---- free space ------------------------------------------------------------ */

/*
 * The next page: one that no tree holds is looked at as a leaf, whose rows are
 * whole where it was freed as a whole; of every tree's page the gaps.
 */
static int
free_some(struct sqlite *q)
{
	uint8_t *p = q->page_data;
	uint32_t page = ++q->page;
	size_t n, h = page == 1 ? 100 : 0;

	if (page > q->file.npages) {
		buf_put(&q->out, q->file.slack.data, q->file.slack.len);
		buf_wipe(&q->file.slack);
		return 0;
	}
	n = window_read(&q->window, (uint64_t)(page - 1) * q->file.page_size, p,
	    q->file.page_size);
	memset(p + n, 0, q->file.page_size - n);
	if (btree_seen(&q->file, page)) {
		/* An overflow page begins with a page number: 0, mostly, and
		 * was read to its end. */
		if (p[h] != 0)
			btree_gaps(&q->file, page, p, &q->out);
		return 1;
	}
	if (p[h] != BTREE_TABLE_LEAF && p[h] != BTREE_INDEX_LEAF) {
		runs_put(&q->out, p, q->file.page_size);
		return 1;
	}
	btree_gaps(&q->file, page, p, &q->out);
	q->walking = true;
	return btree_start(&q->file, &q->walk, page) == 0 ? 1 : -ENOMEM;
}

static int
some(struct sqlite *q)
{
	int r = 0;

	if (q->walking) {
		r = walk_some(q);
		if (r != 0)
			return r;
		btree_done(&q->file, &q->walk);
		q->walking = false;
		if (q->phase != FREE)
			return 0;
	}
	return q->phase == FREE ? free_some(q) : 0;
}

/* ---- the layer ------------------------------------------------------------- */

static void
sqlite_close(void *state)
{
	struct sqlite *q = state;
	uint64_t size = q->window.size;

	btree_done(&q->file, &q->walk);
	btree_close(&q->file);
	for (size_t i = 0; i < ARRAY_LEN(q->cells); i++)
		buf_wipe(&q->cells[i]);
	buf_wipe(&q->names);
	buf_wipe(&q->out);
	if (q->row.header != NULL)
		explicit_bzero(q->row.header, HEADER_MAX);
	free(q->row.header);
	if (q->page_data != NULL)
		explicit_bzero(q->page_data, BTREE_PAGE_MAX);
	free(q->page_data);
	free(q->tables);
	free(q->values);
	/* What could not be read as a database is looked at as it is. */
	window_close(&q->window, q->given ? size : 0);
	free(q);
}

static int
sqlite_open(struct stream *below, enum container kind, void **state)
{
	struct sqlite *q = calloc(1, sizeof *q);
	uint8_t encoding[4] = {0};
	int r;

	(void)kind;
	if (q == NULL)
		return -ENOMEM;
	r = window_open(&q->window, below);
	buf_init(&q->names, NAMES_MAX);
	buf_init(&q->out, OUT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(q->cells); i++)
		buf_init(&q->cells[i], SQL_MAX);
	q->row.header = malloc(HEADER_MAX);
	q->page_data = malloc(BTREE_PAGE_MAX);
	q->tables = calloc(TABLES_MAX, sizeof *q->tables);
	q->values = calloc(VALUES_MAX, sizeof *q->values);
	if (r == 0 && (q->row.header == NULL || q->page_data == NULL ||
			  q->tables == NULL || q->values == NULL))
		r = -ENOMEM;
	if (r == 0) {
		r = btree_open(&q->file, &q->window);
		/* Told by next(), so that its bytes are looked at. */
		q->phase = r == -EBADMSG ? BAD : START;
		r = r == -EBADMSG ? 0 : r;
	}
	if (r != 0) {
		sqlite_close(q);
		return r;
	}
	(void)window_read(&q->window, 56, encoding, 4);
	q->encoding = encoding[3] == 2 || encoding[3] == 3 ? encoding[3] : 1;
	*state = q;
	return 0;
}

static int
start_walk(struct sqlite *q, uint32_t root)
{
	q->out_at = 0;
	buf_reset(&q->out);
	q->row.open = q->row.value_open = false;
	q->walking = true;
	q->given = true;
	return btree_start(&q->file, &q->walk, root);
}

/* An index of what was given: its pages are known, and hold nothing new. */
static int
pass_index(struct sqlite *q, uint32_t root)
{
	struct btree_cell c;
	int r = start_walk(q, root);

	while (r == 0 && (r = btree_next(&q->file, &q->walk, &c)) == 1) {
		struct btree_reader reader;
		uint8_t chunk[CHUNK];

		btree_read_start(&reader, &q->file, &c, false);
		/* Only overflow pages have to be followed. */
		while (c.overflow != 0 &&
		       btree_read(&reader, chunk, sizeof chunk) > 0)
			;
		r = 0;
	}
	btree_done(&q->file, &q->walk);
	q->walking = false;
	return r;
}

static int
next_table(struct sqlite *q, struct member *m)
{
	for (; q->table < q->ntables; q->table++) {
		const struct table *t = &q->tables[q->table];
		const char *name = name_at(q, t->name);
		int r = stream_turn(q->window.below);

		if (r != 0)
			return r;
		if (repeats(q, t)) {
			r = pass_index(q, t->root);
			if (r != 0)
				return r;
			continue;
		}
		str_escape(m->name, sizeof m->name, name, strlen(name));
		r = start_walk(q, t->root);
		return r == 0 ? 1 : r;
	}
	return 0;
}

static void
next_value(struct sqlite *q, struct member *m)
{
	const struct value *v = &q->values[q->value];
	const char *name = v->table < q->ntables
			       ? name_at(q, q->tables[v->table].name)
			       : "free space";
	char text[512];

	(void)snprintf(
	    text, sizeof text, "%.400s value %zu", name, q->value + 1);
	str_escape(m->name, sizeof m->name, text, strlen(text));
	m->size = v->len;
	btree_read_start(&q->value_reader, &q->file, &v->cell, true);
	for (uint64_t at = 0; at < v->at;) {
		uint8_t chunk[CHUNK];
		size_t n = v->at - at < CHUNK ? (size_t)(v->at - at) : CHUNK;

		n = btree_read(&q->value_reader, chunk, n);
		if (n == 0)
			break;
		at += n;
	}
	q->value_left = v->len;
}

/* The schema first, since it names the tables; 1, 0 where nothing is left. */
static int
next_part(struct sqlite *q, struct member *m)
{
	if (q->phase == START) {
		q->phase = SCHEMA;
		(void)str_copy(m->name, sizeof m->name, "sqlite_schema");
		return start_walk(q, 1) == 0 ? 1 : -ENOMEM;
	}
	if (q->phase == SCHEMA)
		q->phase = TABLES;
	else if (q->phase == TABLES)
		q->table++;
	if (q->phase == TABLES) {
		int r = next_table(q, m);

		if (r != 0)
			return r;
		q->phase = FREE;
		buf_reset(&q->out);
		q->out_at = 0;
		(void)str_copy(m->name, sizeof m->name, "free space");
		return 1;
	}
	if (q->phase == FREE)
		q->phase = VALUES;
	else if (q->phase == VALUES)
		q->value++;
	if (q->phase != VALUES || q->value >= q->nvalues)
		return 0;
	next_value(q, m);
	return 1;
}

static int
sqlite_next(void *state, struct member *m)
{
	struct sqlite *q = state;
	int r;

	*m = (struct member){0};
	if (q->phase == BAD) {
		q->phase = OVER;
		return -EBADMSG;
	}
	r = next_part(q, m);
	if (r != 0 || q->phase == OVER)
		return r;
	q->phase = OVER;
	if (q->window.cut)
		return -EOVERFLOW;
	if (q->file.damaged)
		return -EBADMSG;
	return q->left_out ? -EMFILE : 0;
}

static int
pull_value(struct sqlite *q, uint8_t *out, size_t max, size_t *got)
{
	if (max > q->value_left)
		max = (size_t)q->value_left;
	*got = btree_read(&q->value_reader, out, max);
	q->value_left -= *got;
	return *got == 0 && q->value_left > 0 ? -ENODATA : 0;
}

/* Refills what is given; rows may be many that give nothing. */
static int
fill(struct sqlite *q)
{
	int r = 1;

	q->out_at = 0;
	buf_reset(&q->out);
	for (unsigned n = 1; r == 1 && q->out.len < OUT_ENOUGH; n++) {
		r = some(q);
		if (r == 1 && n % 16384 == 0) {
			int over = stream_turn(q->window.below);

			r = over != 0 ? over : 1;
		}
	}
	return r < 0 ? r : 0;
}

static int
sqlite_pull(void *state, uint8_t *out, size_t max, size_t *got)
{
	struct sqlite *q = state;
	int r = 0;

	*got = 0;
	if (q->phase == VALUES)
		return pull_value(q, out, max, got);
	if (q->out_at == q->out.len)
		r = fill(q);
	if (buf_error(&q->out) != 0)
		return -ENOMEM;
	if (max > q->out.len - q->out_at)
		max = q->out.len - q->out_at;
	if (max > 0)
		memcpy(out, q->out.data + q->out_at, max);
	q->out_at += max;
	*got = max;
	return r;
}

const struct layer_ops sqlite_layer = {
    .open = sqlite_open,
    .next = sqlite_next,
    .pull = sqlite_pull,
    .close = sqlite_close,
};
