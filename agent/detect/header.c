/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header - which column of a table, or of rows of SQL, a place of a text is in.
 *
 * Owns: the names of columns, and reading rows only as far as somebody asks.
 * Never: depends on where the bytes were cut; keeps a name after header_reset.
 *
 * A table: the first line, of at most LINE_MAX bytes, is divided by tabs, by
 * semicolons, by bars or by commas, whichever is the most frequent outside of
 * quotes (RFC 4180), into two cells or more, none of which begins with a
 * digit, a sign or punctuation, has more than YEAR digits in a row or one of
 * "=<>{}". It names the columns of all that follows. Rows
 * end at line feeds outside of quotes. A quote counts if it begins a cell,
 * spaces apart; a cell of more than QUOTED_MAX bytes in quotes is taken for
 * text with a stray quote, and rows end as if there were none.
 *
 * SQL: the first line begins with a comment or a verb of SQL. A line that
 * begins with INSERT, REPLACE or COPY may name columns in brackets; so named
 * are the values of each bracket behind it, up to a semicolon, or the cells
 * between tabs of the lines behind it, up to "\.". A backslash escapes in a
 * string if a name stood in back quotes, as with MySQL.
 *
 * Lists of names are kept once each, LISTS_MAX of them with NAMES_MAX bytes;
 * what is behind is in no column.
 *
 * Whoever asks begins at the last spot that was passed before his place. What
 * has to be collected (names) is so only by the one who goes beyond all others
 * before him, so that each byte is collected once, in its order.
 */
#include "agent/detect/header.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/enclosing.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	LINE_MAX = 16 * 1024,
	VERB_MAX = 16, /* bytes in which a text shows that it is SQL */
	YEAR = 4, /* digits in a row that a name may have */
	QUOTED_MAX = 4096,
	STRIDE = 4096, /* bytes between spots */
	LISTS_MAX = 256,
	NAMES_MAX = 128 * 1024,
	WORD_MAX = 8, /* bytes of a verb */
	HEAD_MAX = 512, /* bytes before the bracket of names */
	DEPTH_MAX = 200,
};

enum form { FORM_FIRST, FORM_ASKED, FORM_NONE, FORM_TABLE, FORM_SQL };

enum state {
	ROWS, /* of a table */
	LINE, /* SQL: at the begin of a line, in its first word */
	SKIP, /* up to the end of the line */
	HEAD, /* before the bracket of names */
	NAMES,
	BETWEEN, /* brackets of values */
	VALUES,
	STRING,
	COPY_HEAD, /* up to the end of the line */
	COPY,
};

/* Where a reader stands. */
struct spot {
	uint64_t at;
	uint64_t since; /* where a quote, a head or a line began */
	uint64_t shut; /* one behind the quote that ended a cell */
	uint32_t column;
	uint32_t list; /* of names, 0: none */
	uint8_t state;
	uint8_t depth;
	uint8_t quote; /* in which a name of SQL stands, or 0 */
	bool quoted; /* in a cell's quotes; behind a backslash, in a string */
	bool fresh; /* nothing but spaces stood in the cell */
	bool copy, back;
	uint8_t word_len;
	uint8_t word[WORD_MAX];
};

/* From a place on, names are those of a list. */
struct region {
	uint64_t from;
	uint32_t list;
	bool back;
};

/* A list of names: its first in ends. */
struct list {
	uint32_t first, n;
};

struct header {
	enum form form;
	uint8_t separator;
	uint64_t front; /* all before it was read by somebody */
	uint8_t *line; /* the first one; owned */
	size_t line_len;
	uint64_t line_end; /* one behind what is kept of it */
	struct spot *spots; /* ascending; owned */
	size_t nspots, spots_cap;
	struct region *regions; /* ascending; owned */
	size_t nregions, regions_cap;
	uint8_t *names; /* one behind the other; owned */
	size_t names_len; /* of lists; what is collected stands behind */
	uint32_t *ends; /* of each name; owned */
	size_t nends;
	size_t pending, pending_ends; /* collected */
	bool over; /* more than can be kept */
	struct list lists[LISTS_MAX];
	size_t nlists;
	int err;
};

enum { ENDS_MAX = NAMES_MAX / 8 };

int
header_new(struct header **out)
{
	struct header *h = calloc(1, sizeof *h);

	if (h == NULL)
		return -ENOMEM;
	h->line = malloc(LINE_MAX + 1);
	h->names = malloc(NAMES_MAX);
	h->ends = calloc(ENDS_MAX, sizeof *h->ends);
	if (h->line == NULL || h->names == NULL || h->ends == NULL) {
		header_free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

void
header_reset(struct header *h)
{
	explicit_bzero(h->line, h->line_len);
	explicit_bzero(h->names, h->names_len + h->pending);
	h->form = FORM_FIRST;
	h->front = 0;
	h->line_len = 0;
	h->line_end = 0;
	h->nspots = 0;
	h->nregions = 0;
	h->names_len = h->nends = 0;
	h->pending = h->pending_ends = 0;
	h->over = false;
	h->nlists = 0;
	h->err = 0;
}

void
header_free(struct header *h)
{
	if (h == NULL)
		return;
	if (h->line != NULL && h->names != NULL)
		header_reset(h);
	free(h->line);
	free(h->names);
	free(h->ends);
	free(h->spots);
	free(h->regions);
	free(h);
}

/* ---- names ---- */

static void
name_byte(struct header *h, uint8_t c)
{
	size_t at = h->names_len + h->pending;
	size_t start = h->pending_ends > 0
			   ? h->ends[h->nends + h->pending_ends - 1]
			   : h->names_len;

	if (h->pending_ends >= HEADER_COLUMNS || at - start == HEADER_NAME_MAX)
		return;
	if (at == NAMES_MAX)
		h->over = true;
	else if (!h->over)
		h->names[h->names_len + h->pending++] = c;
}

static void
name_end(struct header *h)
{
	if (h->pending_ends >= HEADER_COLUMNS)
		return;
	if (h->nends + h->pending_ends == ENDS_MAX)
		h->over = true;
	else if (!h->over)
		h->ends[h->nends + h->pending_ends++] =
		    (uint32_t)(h->names_len + h->pending);
}

static size_t
name_start(const struct header *h, size_t i)
{
	return i > 0 ? h->ends[i - 1] : 0;
}

/* Whether what is collected is the same as a list. */
static bool
same_list(const struct header *h, const struct list *l)
{
	size_t from = name_start(h, l->first);

	if (l->n != h->pending_ends)
		return false;
	for (size_t i = 0; i < l->n; i++)
		if (h->ends[l->first + i] - from !=
		    h->ends[h->nends + i] - h->names_len)
			return false;
	return memcmp(h->names + from, h->names + h->names_len, h->pending) ==
	       0;
}

/* The list of what was collected, from 1 on; 0: none, or no room. */
static uint32_t
list_of_names(struct header *h)
{
	uint32_t list = 0;

	for (size_t i = 0; !h->over && i < h->nlists && list == 0; i++)
		if (same_list(h, &h->lists[i]))
			list = (uint32_t)i + 1;
	if (list == 0 && !h->over && h->pending_ends > 0 &&
	    h->nlists < LISTS_MAX) {
		h->lists[h->nlists++] = (struct list){
		    (uint32_t)h->nends, (uint32_t)h->pending_ends};
		list = (uint32_t)h->nlists;
		h->names_len += h->pending;
		h->nends += h->pending_ends;
	}
	h->pending = h->pending_ends = 0;
	h->over = false;
	return list;
}

/* ---- the first line ---- */

static bool
letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Separators outside of quotes; SIZE_MAX if a quote stays open. */
static size_t
separators(const uint8_t *line, size_t len, uint8_t sep)
{
	bool quoted = false;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		quoted = quoted != (line[i] == '"');
		n += !quoted && line[i] == sep;
	}
	return quoted ? SIZE_MAX : n;
}

/* Collects one cell of the first line; false if it is no name. */
static bool
cell_name(struct header *h, const uint8_t *p, size_t len)
{
	unsigned digits = 0;

	while (len > 0 && (*p == ' ' || *p == '"')) {
		p++;
		len--;
	}
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '"'))
		len--;
	if (len > 0 && !letter(p[0]) && p[0] != '_' && p[0] != '#' &&
	    p[0] < 0x80)
		return false;
	for (size_t i = 0; i < len; i++) {
		digits = p[i] >= '0' && p[i] <= '9' ? digits + 1 : 0;
		if (digits > YEAR || memchr("=<>{}", p[i], 5) != NULL)
			return false;
		name_byte(h, p[i]);
	}
	name_end(h);
	return true;
}

/* Whether the line's words are those of a table's columns; collects them. */
static bool
cells(struct header *h, const uint8_t *line, size_t len)
{
	size_t from = 0;
	bool quoted = false;

	for (size_t i = 0; i <= len; i++) {
		quoted = quoted != (i < len && line[i] == '"');
		if (i < len && (quoted || line[i] != h->separator))
			continue;
		if (!cell_name(h, line + from, i - from))
			return false;
		from = i + 1;
	}
	return true;
}

static bool
begins_sql(const uint8_t *line, size_t len)
{
	static const char *const verbs[] = {"alter", "begin", "copy", "create",
	    "delete", "drop", "insert", "lock", "pragma", "replace", "select",
	    "set", "start", "truncate", "use"};
	size_t n = 0;

	if (len >= 2 &&
	    (memcmp(line, "--", 2) == 0 || memcmp(line, "/*", 2) == 0))
		return true;
	while (n < len && letter(line[n]))
		n++;
	if (n == len ? n == 0 : line[n] != ' ' && line[n] != ';')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strlen(verbs[i]) == n &&
		    strncasecmp(verbs[i], (const char *)line, n) == 0)
			return true;
	return false;
}

void
header_first(struct header *h, const struct nearby_text *t)
{
	const uint8_t *from, *end;
	size_t n;

	if (h->form != FORM_FIRST)
		return;
	must(h->line_len >= t->base && h->line_len - t->base <= t->len);
	from = t->data + (h->line_len - t->base);
	n = (size_t)(t->data + t->len - from);
	if (n > LINE_MAX - h->line_len)
		n = LINE_MAX - h->line_len;
	end = memchr(from, '\n', n);
	if (end != NULL)
		n = (size_t)(end - from) + 1;
	memcpy(h->line + h->line_len, from, n);
	h->line_len += n;
	h->line_end = h->line_len;
	if (end != NULL ||
	    (h->line_len >= VERB_MAX && begins_sql(h->line, h->line_len)))
		h->form = FORM_ASKED;
	else if (h->line_len == LINE_MAX)
		h->form = FORM_NONE;
}

/* ---- spots ---- */

/* Makes room for one more. */
static bool
grow(void **list, size_t *cap, size_t n, size_t size)
{
	size_t more = *cap == 0 ? 64 : *cap * 2;
	void *p;

	if (n < *cap)
		return true;
	p = reallocarray(*list, more, size);
	if (p == NULL)
		return false;
	*list = p;
	*cap = more;
	return true;
}

static void
spot_add(struct header *h, const struct spot *s)
{
	void *list = h->spots;

	if (!grow(&list, &h->spots_cap, h->nspots, sizeof *s)) {
		h->err = -ENOMEM;
		return;
	}
	h->spots = list;
	h->spots[h->nspots++] = *s;
}

static void
region_add(struct header *h, uint64_t from, uint32_t list_of, bool back)
{
	const struct region *last =
	    h->nregions > 0 ? &h->regions[h->nregions - 1] : NULL;
	void *list = h->regions;

	if (last != NULL && last->list == list_of && last->back == back)
		return;
	if (!grow(&list, &h->regions_cap, h->nregions, sizeof *h->regions)) {
		h->err = -ENOMEM;
		return;
	}
	must(list != NULL);
	h->regions = list;
	h->regions[h->nregions++] = (struct region){from, list_of, back};
}

/* The last region that begins at @place or before. */
static const struct region *
region_at(const struct header *h, uint64_t place)
{
	size_t low = 0, high = h->nregions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (h->regions[mid].from <= place)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 ? &h->regions[low - 1] : NULL;
}

/* Decides what the text is, when somebody asks for the first time. */
static void
decide(struct header *h)
{
	static const uint8_t order[] = {'\t', ';', '|', ','};
	const uint8_t *line = h->line;
	size_t len = h->line_len, best = 0;
	struct spot s = {.at = h->line_end, .state = ROWS, .fresh = true};

	h->form = FORM_NONE;
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	if (len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		len -= 3;
	}
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		size_t n = separators(line, len, order[i]);

		if (n == SIZE_MAX || n <= best)
			continue;
		best = n;
		h->separator = order[i];
	}
	if (begins_sql(h->line, h->line_len)) {
		h->form = FORM_SQL;
		s = (struct spot){.state = LINE};
	} else if (best > 0 && cells(h, line, len)) {
		h->form = FORM_TABLE;
		s.list = list_of_names(h);
	}
	h->pending = h->pending_ends = 0;
	h->over = false;
	h->front = s.at;
	if (h->form != FORM_NONE)
		spot_add(h, &s);
}

/* ---- rows of a table ---- */

/* Counts what stands outside of quotes, from the spot on. */
static void
outside(const struct header *h, struct spot *s, const uint8_t *p, size_t n)
{
	const uint8_t *line = memrchr(p, '\n', n);
	const uint8_t *from = line != NULL ? line + 1 : p;
	const uint8_t *end = p + n;
	uint8_t sep = h->separator;
	uint32_t more = 0;

	for (const uint8_t *q = from; q < end; q++)
		more += *q == sep;
	s->column = line != NULL ? more : s->column + more;
	s->at += n;
	while (n > 0 && p[n - 1] == ' ')
		n--;
	if (n > 0)
		s->fresh = p[n - 1] == '\n' || p[n - 1] == sep;
}

static void
read_rows(const struct header *h, struct spot *s, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;

	while (p < end) {
		const uint8_t *q = memchr(p, '"', (size_t)(end - p));
		size_t len = (size_t)((q != NULL ? q : end) - p);

		if (s->quoted) {
			uint64_t most = s->since + QUOTED_MAX - s->at;

			if (len >= most) {
				s->quoted = s->fresh = false;
				s->shut = 0;
				len = (size_t)most;
			} else if (q != NULL) {
				s->quoted = s->fresh = false;
				s->shut = s->at + ++len;
			}
			s->at += len;
			p += len;
			continue;
		}
		outside(h, s, p, len);
		p += len;
		if (p == end)
			break;
		/* Two of them within quotes are one. */
		if (s->fresh) {
			s->since = s->at;
			s->quoted = true;
		} else if (s->at == s->shut && s->at < s->since + QUOTED_MAX)
			s->quoted = true;
		s->fresh = false;
		s->shut = 0;
		s->at++;
		p++;
	}
}

/* ---- SQL ---- */

static void
word_byte(struct spot *s, uint8_t c)
{
	if (letter(c) && s->word_len < WORD_MAX)
		s->word[s->word_len] = c | 0x20;
	if (letter(c) && s->word_len <= WORD_MAX)
		s->word_len++;
	else if (!letter(c))
		s->word_len = 0;
}

static bool
word_is(const struct spot *s, const char *word)
{
	return s->word_len == strlen(word) &&
	       memcmp(s->word, word, s->word_len) == 0;
}

static void
line_begins(struct spot *s)
{
	*s = (struct spot){.at = s->at, .state = LINE};
}

/* The names are complete: from here on they count. */
static void
names_known(struct header *h, struct spot *s, bool first)
{
	const struct region *r;

	if (first)
		region_add(h, s->at, list_of_names(h), s->back);
	r = region_at(h, s->at);
	s->list = r != NULL ? r->list : 0;
	s->back = r != NULL && r->back;
	s->state = s->copy ? COPY_HEAD : BETWEEN;
}

/* In front of the names, or before values of a statement without any. */
static void
read_head(struct spot *s, uint8_t c)
{
	if (s->quote != 0) {
		s->quote = c == s->quote ? 0 : s->quote;
	} else if (c == '"' || c == '`') {
		s->quote = c;
		s->back = s->back || c == '`';
		s->word_len = 0;
	} else if (c == '(') {
		/* VALUES(1, …): there are no names. */
		s->state = word_is(s, "values") ? SKIP : NAMES;
	} else if (c == ';' || s->at - s->since > HEAD_MAX) {
		s->state = SKIP;
	} else {
		if (!letter(c) &&
		    (word_is(s, "values") || word_is(s, "select") ||
			word_is(s, "from")))
			s->state = SKIP;
		word_byte(s, c);
	}
}

static void
read_names(struct header *h, struct spot *s, uint8_t c, bool first)
{
	if (c == '"' || c == '`') {
		s->quote = s->quote == 0 ? c : s->quote == c ? 0 : s->quote;
		s->back = s->back || c == '`';
		return;
	}
	if (s->quote == 0 && (c == ',' || c == ')')) {
		if (first)
			name_end(h);
		if (c == ')')
			names_known(h, s, first);
	} else if (first &&
		   (s->quote != 0 || (c > ' ' && c != '[' && c != ']')))
		name_byte(h, c);
}

static void
read_values(struct spot *s, uint8_t c)
{
	if (c == '\'') {
		s->state = STRING;
		s->quoted = false;
	} else if (c == '(') {
		if (s->depth < DEPTH_MAX)
			s->depth++;
	} else if (c == ')') {
		s->depth--;
		s->state = s->depth == 0 ? BETWEEN : VALUES;
	} else if (c == ',' && s->depth == 1) {
		s->column++;
	}
}

static void
read_string(struct spot *s, uint8_t c)
{
	if (s->quoted)
		s->quoted = false;
	else if (c == '\\' && s->back)
		s->quoted = true;
	else if (c == '\'')
		s->state = VALUES;
}

/* Whether the word that was read may name columns. */
static bool
statement(const struct spot *s)
{
	return word_is(s, "copy") || word_is(s, "insert") ||
	       word_is(s, "replace");
}

static void
read_line(struct spot *s, uint8_t c)
{
	struct spot head = {.at = s->at, .since = s->at, .state = HEAD};

	if (letter(c)) {
		word_byte(s, c);
		return;
	}
	head.copy = word_is(s, "copy");
	if (c == ' ' && statement(s))
		*s = head;
	else
		s->state = SKIP;
}

/* The bracket of the values, or the end of the statement. */
static void
read_between(struct spot *s, uint8_t c)
{
	if (c == '(') {
		s->state = VALUES;
		s->depth = 1;
		s->column = 0;
	} else if (c == ';') {
		s->state = SKIP;
		s->list = 0;
	} else if (c == '\n') {
		s->fresh = true;
		s->word_len = 0;
	} else if (letter(c)) {
		word_byte(s, c);
	} else if (s->fresh && c == ' ' && statement(s)) {
		/* Not every dialect ends one with a semicolon. */
		read_line(s, c);
	} else
		s->fresh = false;
}

/* A row of COPY ends; so do all of them with "\.". */
static void
copy_row(struct spot *s)
{
	bool over = s->word_len == 2;

	if (over) {
		line_begins(s);
		return;
	}
	s->column = 0;
	s->word_len = 0;
	s->fresh = true;
}

static void
read_copy(struct spot *s, uint8_t c)
{
	if (c == '\n') {
		copy_row(s);
		return;
	}
	s->column += c == '\t';
	/* How much of "\." the line is so far; 3: it is another. */
	if (c != '\r')
		s->word_len = s->word_len == 0 && c == '\\'  ? 1
			      : s->word_len == 1 && c == '.' ? 2
							     : 3;
}

static void
read_sql(struct header *h, struct spot *s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++, s->at++) {
		uint8_t c = p[i];
		bool first = s->at >= h->front;

		switch ((enum state)s->state) {
		case LINE:
			read_line(s, c);
			break;
		case HEAD:
			read_head(s, c);
			break;
		case NAMES:
			read_names(h, s, c, first);
			break;
		case BETWEEN:
			read_between(s, c);
			break;
		case VALUES:
			read_values(s, c);
			break;
		case STRING:
			read_string(s, c);
			break;
		case COPY:
			read_copy(s, c);
			break;
		case COPY_HEAD:
			if (c == '\n') {
				s->state = COPY;
				s->column = 0;
				s->word_len = 0;
			}
			break;
		case ROWS:
		case SKIP:
			break;
		}
		if (s->state == SKIP && c == '\n')
			line_begins(s);
		if (first)
			h->front = s->at + 1;
	}
}

/* ---- asking ---- */

/* Moves on by bytes that lie one behind the other. */
static void
read_bytes(struct header *h, struct spot *s, const uint8_t *p, size_t n)
{
	while (n > 0) {
		uint64_t next = h->spots[h->nspots - 1].at + STRIDE - s->at;
		size_t some =
		    s->at < h->spots[h->nspots - 1].at + STRIDE && next < n
			? (size_t)next
			: n;

		if (h->form == FORM_SQL)
			read_sql(h, s, p, some);
		else
			read_rows(h, s, p, some);
		p += some;
		n -= some;
		if (s->at >= h->spots[h->nspots - 1].at + STRIDE)
			spot_add(h, s);
	}
}

/* The state at a place, which is within @t or the first line. */
static struct spot
spot_at(struct header *h, const struct nearby_text *t, uint64_t place)
{
	size_t i = h->nspots;
	struct spot s;

	while (i > 1 && h->spots[i - 1].at > place)
		i--;
	s = h->spots[i - 1];
	if (s.at < place && s.at < h->line_end) {
		uint64_t to = place < h->line_end ? place : h->line_end;

		read_bytes(h, &s, h->line + s.at, (size_t)(to - s.at));
	}
	if (s.at < place) {
		must(s.at >= t->base && place - t->base <= t->len);
		read_bytes(
		    h, &s, t->data + (s.at - t->base), (size_t)(place - s.at));
	}
	return s;
}

bool
header_column(struct header *h, const struct nearby_text *t, uint64_t place,
    struct header_column *out)
{
	struct spot s;
	size_t i, from;

	if (h->form == FORM_ASKED)
		decide(h);
	if ((h->form != FORM_TABLE && h->form != FORM_SQL) || h->nspots == 0 ||
	    place < h->spots[0].at)
		return false;
	s = spot_at(h, t, place);
	if (s.list == 0 || s.column >= h->lists[s.list - 1].n ||
	    (s.state != ROWS && s.state != VALUES && s.state != STRING &&
		s.state != COPY))
		return false;
	i = h->lists[s.list - 1].first + s.column;
	from = name_start(h, i);
	out->name = h->names + from;
	out->len = h->ends[i] - from;
	out->list = s.list;
	out->column = s.column;
	return out->len > 0;
}

int
header_drop(struct header *h, const struct nearby_text *t, uint64_t base)
{
	size_t n = 0;
	struct spot s;

	if (h->form == FORM_ASKED)
		decide(h);
	if ((h->form != FORM_TABLE && h->form != FORM_SQL) || h->nspots == 0 ||
	    base <= h->spots[0].at)
		return h->err;
	s = spot_at(h, t, base);
	while (n < h->nspots && h->spots[n].at <= base)
		n++;
	/* What is known at the first of them becomes what is known there. */
	memmove(h->spots + 1, h->spots + n, (h->nspots - n) * sizeof s);
	h->spots[0] = s;
	h->nspots = h->nspots - n + 1;
	for (n = 0; n + 1 < h->nregions && h->regions[n + 1].from <= base;)
		n++;
	h->nregions -= n;
	if (n > 0)
		memmove(h->regions, h->regions + n,
		    h->nregions * sizeof *h->regions);
	return h->err;
}
