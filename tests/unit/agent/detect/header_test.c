/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_test - values have the names of the columns, keys and elements that
 * they stand in.
 *
 * Random tables, JSON, XML and SQL with numbers go through the scan in blocks
 * of many sizes and cuts. What each number's names are is known since the text
 * was made so; for tables with stray quotes it is read out of the whole text,
 * cell by cell. CHAPERONE_SEED=N repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/rules.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	RULES_N = 2,
	LEVELS = CONFIDENCE_HIGH + 1,
	PLANTS_MAX = 900,
	ROUNDS = 60,
};

static uint64_t seed = 1;
static struct ruleset *set;

static uint32_t
pick(uint32_t n)
{
	/* Vigna, "An experimental exploration of Marsaglia's xorshift". */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

static int
setup(void **state UNUSED)
{
	static const char levels[] =
	    "    levels:\n"
	    "      - {confidence: high, all: [{header: {keywords: [card]}}], "
	    "none: [{header: {list: l}}]}\n"
	    "      - {confidence: medium, all: [{header: {list: l}}]}\n"
	    "      - {confidence: low, all: []}\n";
	static const char *const patterns[RULES_N] = {"\\d{8}", "[a-f]\\d{6}"};
	const char *given = getenv("CHAPERONE_SEED");
	OWN(buf_done) struct buf b = {0};
	struct diag why = {""};

	if (given != NULL && str_u64(given, UINT64_MAX, &seed) != 0)
		fail_msg("CHAPERONE_SEED is no number");
	seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	buf_init(&b, 16 * 1024);
	buf_printf(&b, "pack: {id: t, version: 1.0.0, format: 1}\n"
		       "lists:\n"
		       "  l: {match: substring, case: fold, terms: [order]}\n"
		       "detectors:\n");
	for (size_t i = 0; i < RULES_N; i++)
		buf_printf(&b,
		    "  - id: t.%zu\n"
		    "    uuid: 00000000-0000-4000-8000-%012zu\n"
		    "    title: T\n    class: t\n"
		    "    prefilter: {reason: x}\n"
		    "    primary: {pattern: '%s', boundary: alnum}\n%s",
		    i, i, patterns[i], levels);
	if (ruleset_parse("t.yaml", b.data, b.len, &set, NULL, &why) != 0)
		fail_msg("%s", why.text);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	ruleset_free(set);
	return 0;
}

/* ---- texts with numbers --------------------------------------------------- */

struct plant {
	size_t rule, from, to;
	enum confidence level; /* NONE: still to be read out of the text */
};

struct text {
	struct buf b;
	struct plant plants[PLANTS_MAX];
	size_t n;
};

static void
text_done(struct text *t)
{
	buf_done(&t->b);
}

static void
put(struct text *t, const char *words)
{
	buf_put(&t->b, words, strlen(words));
}

static const char *const NAMES[] = {"card", "CardNumber", "x", "order_id",
    "my_card", "order_card", "y", "name", "discard", "reorder"};

static const char *
any_name(void)
{
	return NAMES[pick(ARRAY_LEN(NAMES))];
}

/* What the rules are to say of a value with this name. */
static enum confidence
level_of(const char *name)
{
	char low[64];
	size_t n = strlen(name);
	bool card = false;

	assert_true(n < sizeof low);
	for (size_t i = 0; i <= n; i++)
		low[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32)
							  : name[i];
	if (strstr(low, "order") != NULL)
		return CONFIDENCE_MEDIUM;
	/* Keywords are beginnings of words. */
	for (const char *p = strstr(low, "card"); p != NULL && !card;
	     p = strstr(p + 1, "card"))
		card = p == low || p[-1] < 'a' || p[-1] > 'z';
	return card ? CONFIDENCE_HIGH : CONFIDENCE_LOW;
}

/* Writes a number for one of the rules; NULL: its name is read later. */
static void
plant(struct text *t, const char *name)
{
	struct plant *p;

	if (t->n == PLANTS_MAX)
		return;
	if (t->b.len > 0 &&
	    strchr("0123456789abcdefz", t->b.data[t->b.len - 1]))
		put(t, " ");
	p = &t->plants[t->n++];
	p->rule = pick(RULES_N);
	p->level = name != NULL ? level_of(name) : CONFIDENCE_NONE;
	p->from = t->b.len;
	if (p->rule == 0)
		buf_printf(&t->b, "%08u", pick(100000000));
	else
		buf_printf(&t->b, "%c%06u", 'a' + (int)pick(6), pick(1000000));
	p->to = t->b.len;
}

/* ---- scanning ------------------------------------------------------------- */

struct got {
	struct span *spans[RULES_N][LEVELS];
	size_t n[RULES_N][LEVELS];
};

static void
on_found(void *ctx, struct finding *f)
{
	struct got *g = ctx;
	size_t rule = f->detector[2] == '0' ? 0 : 1;

	assert_null(g->spans[rule][f->confidence]);
	g->n[rule][f->confidence] = f->nspans;
	g->spans[rule][f->confidence] = OWN_TAKE(&f->spans);
}

static void
compare(const struct text *t, const struct got *g, const char *what)
{
	size_t at[RULES_N][LEVELS] = {{0}};

	for (size_t i = 0; i < t->n; i++) {
		const struct plant *p = &t->plants[i];
		size_t *k = &at[p->rule][p->level];
		size_t begin = p->from > 250 ? p->from - 250 : 0;

		if (*k >= g->n[p->rule][p->level] ||
		    g->spans[p->rule][p->level][*k].from != p->from ||
		    g->spans[p->rule][p->level][*k].to != p->to)
			fail_msg("%s: the number at %zu is not %s: %.*s", what,
			    p->from, confidence_name(p->level),
			    (int)(p->to - begin),
			    (const char *)t->b.data + begin);
		++*k;
	}
	for (size_t r = 0; r < RULES_N; r++)
		for (size_t c = 0; c < LEVELS; c++)
			assert_int_equal(at[r][c], g->n[r][c]);
}

static void
check(struct text *t, const char *what)
{
	static const size_t blocks[] = {1, 37, 500, 4096, 100000};

	assert_int_equal(buf_error(&t->b), 0);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		OWN(scan_freep) struct scan *s = NULL;
		struct got g = {0};
		size_t at = 0;

		assert_int_equal(scan_new_sized(set, blocks[i], &s), 0);
		scan_begin(s);
		while (at < t->b.len) {
			size_t n = 1 + pick(pick(2) == 0 ? 20 : 20000);

			n = n < t->b.len - at ? n : t->b.len - at;
			assert_int_equal(
			    scan_feed(s, (struct content){t->b.data + at, n}),
			    0);
			at += n;
		}
		assert_int_equal(scan_end(s, on_found, &g, NULL), 0);
		compare(t, &g, what);
		for (size_t r = 0; r < RULES_N; r++)
			for (size_t c = 0; c < LEVELS; c++)
				free(g.spans[r][c]);
	}
}

/* ---- tables --------------------------------------------------------------- */

/* The column that each byte is in, cell by cell; the plain reading. */
static void
read_table(struct text *t, size_t at, char sep, char *const *names, size_t n)
{
	const uint8_t *b = t->b.data;
	size_t len = t->b.len, column = 0, next = 0;

	while (next < t->n && t->plants[next].from < at)
		t->plants[next++].level = CONFIDENCE_LOW;
	while (at < len) {
		size_t end = at;

		while (end < len && b[end] == ' ')
			end++;
		if (end < len && b[end] == '"') {
			size_t most = end + 4096;

			for (end++; end < len && end < most; end++) {
				if (b[end] != '"')
					continue;
				if (end + 1 == most || end + 1 == len ||
				    b[end + 1] != '"')
					break;
				end++;
			}
			if (end < len && end < most)
				end++;
			end = end > most ? most : end;
		}
		while (end < len && b[end] != '\n' && b[end] != (uint8_t)sep)
			end++;
		for (; next < t->n && t->plants[next].from < end; next++)
			t->plants[next].level = column < n
						    ? level_of(names[column])
						    : CONFIDENCE_LOW;
		column = end < len && b[end] == '\n' ? 0 : column + 1;
		at = end + 1;
	}
}

static void
cell(struct text *t, char sep, bool messy)
{
	static const char *const words[] = {
	    "", "a", "some words", "12", "it's", "\xc3\xa4", "1.5", "-"};
	unsigned kind = pick(12);

	if (pick(8) == 0)
		put(t, " ");
	if (kind < 4) {
		plant(t, NULL);
	} else if (kind < 7) {
		put(t, "\"");
		for (unsigned i = pick(4); i > 0; i--) {
			put(t, words[pick(ARRAY_LEN(words))]);
			switch (pick(5)) {
			case 0:
				put(t, "\"\"");
				break;
			case 1:
				put(t, "\n");
				break;
			case 2:
				buf_put(&t->b, &sep, 1);
				break;
			case 3:
				put(t, " ");
				plant(t, NULL);
				put(t, " ");
				break;
			default:
				break;
			}
		}
		put(t, messy && pick(6) == 0 ? "" : "\"");
	} else
		put(t, words[pick(ARRAY_LEN(words))]);
	if (messy && pick(10) == 0)
		put(t, pick(2) == 0 ? "\"" : "\" \"");
}

static void
test_tables(void **state UNUSED)
{
	static const char seps[] = {',', ';', '\t', '|'};

	for (unsigned round = 0; round < ROUNDS; round++) {
		OWN(text_done) struct text t = {0};
		char *names[300];
		size_t n = pick(6) == 0 ? 240 + pick(40) : 2 + pick(9);
		char sep = seps[pick(4)];
		bool messy = pick(3) == 0;
		size_t begin;

		buf_init(&t.b, 1 << 22);
		for (size_t i = 0; i < n; i++) {
			bool quoted = pick(4) == 0;

			names[i] = (char *)(uintptr_t)any_name();
			if (i > 0)
				buf_put(&t.b, &sep, 1);
			buf_printf(&t.b, quoted ? "\"%s\"" : "%s", names[i]);
		}
		put(&t, pick(2) == 0 ? "\r\n" : "\n");
		begin = t.b.len;
		for (unsigned rows = 1 + pick(n > 20 ? 12 : 80); rows > 0;
		     rows--) {
			size_t width = pick(9) == 0 ? 1 + pick(300) : n;

			for (size_t i = 0; i < width && t.n < PLANTS_MAX; i++) {
				if (i > 0)
					buf_put(&t.b, &sep, 1);
				cell(&t, sep, messy);
			}
			if (messy && pick(40) == 0)
				buf_printf(&t.b, " %*s", (int)pick(6000), "z");
			put(&t, "\n");
		}
		/* Only the first 256 have a name. */
		read_table(&t, begin, sep, names, n < 256 ? n : 256);
		check(&t, "table");
	}
}

/* ---- JSON ----------------------------------------------------------------- */

static void
gap(struct text *t)
{
	static const char *const gaps[] = {"", "", " ", "\n  "};

	put(t, gaps[pick(ARRAY_LEN(gaps))]);
}

static void
json_string(struct text *t, const char *name)
{
	static const char *const begins[] = {
	    "", "no ", "a, b: ", "x\\\"y ", "\\\\", "[1] ", "true ", "{ "};

	put(t, "\"");
	put(t, begins[pick(ARRAY_LEN(begins))]);
	if (pick(2) == 0)
		plant(t, name);
	put(t, pick(4) == 0 ? " \\\\\"" : "\"");
}

static void
json_value(struct text *t, const char *name, unsigned depth, size_t stop)
{
	unsigned kind = pick(depth > 4 || t->b.len > stop ? 4 : 7);
	const char *inner = name;

	if (kind < 2) {
		json_string(t, name);
	} else if (kind == 2) {
		/* The other rule's values are no numbers. */
		if (t->n < PLANTS_MAX) {
			t->plants[t->n] =
			    (struct plant){.level = level_of(name),
				.from = t->b.len,
				.to = t->b.len + 8};
			t->n++;
			buf_printf(&t->b, "%u", 10000000 + pick(90000000));
		} else
			put(t, "0");
	} else if (kind == 3) {
		put(t, pick(2) == 0 ? "null" : "-1.5e3");
	} else if (kind < 6) {
		unsigned n = pick(4);

		put(t, "{");
		for (unsigned i = 0; i < n; i++) {
			inner = any_name();
			gap(t);
			if (pick(8) == 0) {
				put(t, "\"");
				plant(t, "key");
				put(t, "\"");
				inner = "x";
			} else
				buf_printf(&t->b, "\"%s\"", inner);
			gap(t);
			put(t, ":");
			gap(t);
			json_value(t, inner, depth + 1, stop);
			gap(t);
			put(t, i + 1 < n ? "," : "");
		}
		put(t, "}");
	} else {
		unsigned n = pick(4);

		put(t, "[");
		for (unsigned i = 0; i < n; i++) {
			gap(t);
			json_value(t, inner, depth + 1, stop);
			gap(t);
			put(t, i + 1 < n ? "," : "");
		}
		put(t, "]");
	}
}

static void
test_json(void **state UNUSED)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		OWN(text_done) struct text t = {0};

		buf_init(&t.b, 1 << 22);
		for (unsigned n = 1 + pick(80); n > 0; n--) {
			const char *name = any_name();

			buf_printf(&t.b, "{\"%s\":", name);
			/* Short enough to be read back to its begin. */
			json_value(&t, name, 0, t.b.len + 300);
			put(&t, "}\n");
		}
		check(&t, "JSON");
	}
}

/* ---- XML ------------------------------------------------------------------ */

static void
xml_element(struct text *t, unsigned depth, size_t stop)
{
	const char *name = any_name();

	buf_printf(&t->b, "<%s%s", pick(4) == 0 ? "ns:" : "", name);
	if (pick(3) == 0) {
		const char *attribute = any_name();

		buf_printf(&t->b, " %s = \"", attribute);
		plant(t, attribute);
		put(t, pick(2) == 0 ? "\" b='1'" : "\"");
	}
	if (pick(6) == 0) {
		put(t, "/>");
		return;
	}
	put(t, ">");
	for (unsigned i = pick(4); i > 0 && t->b.len < stop; i--) {
		switch (pick(depth > 5 ? 4 : 6)) {
		case 0:
			put(t, " some text ");
			plant(t, name);
			break;
		case 1:
			plant(t, name);
			put(t, "\n");
			break;
		case 2:
			put(t, "<![CDATA[a");
			put(t, " ");
			plant(t, name);
			put(t, "]]>");
			break;
		case 3:
			put(t, "<!-- no card -->");
			break;
		default:
			xml_element(t, depth + 1, stop);
		}
	}
	buf_printf(&t->b, "</%s>", name);
}

static void
test_xml(void **state UNUSED)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		OWN(text_done) struct text t = {0};

		buf_init(&t.b, 1 << 22);
		for (unsigned n = 1 + pick(60); n > 0; n--) {
			xml_element(&t, 0, t.b.len + 250);
			put(&t, "\n");
		}
		check(&t, "XML");
	}
}

/* ---- SQL ------------------------------------------------------------------ */

static void
sql_string(struct text *t, const char *name, bool back)
{
	static const char *const parts[] = {
	    "a", "''", ",", "(", ")", "\n", " ", ";", "-- "};

	put(t, "'");
	for (unsigned i = pick(5); i > 0; i--)
		put(t, back && pick(3) == 0 ? (pick(2) == 0 ? "\\'" : "\\\\")
					    : parts[pick(ARRAY_LEN(parts))]);
	put(t, " ");
	plant(t, name);
	put(t, !back && pick(4) == 0 ? "\\'" : "'");
}

static void
sql_insert(struct text *t, bool back)
{
	const char *q = back ? "`" : "\"";
	const char *names[20];
	size_t n = 1 + pick(ARRAY_LEN(names) - 1);
	bool named = pick(6) != 0;

	buf_printf(&t->b, "%s INTO %st%u%s ",
	    pick(3) == 0 ? "REPLACE" : "INSERT", q, pick(9), q);
	for (size_t i = 0; i < n; i++) {
		names[i] = any_name();
		if (named)
			buf_printf(&t->b, "%s%s%s%s%s", i == 0 ? "(" : ", ", q,
			    names[i], q, i + 1 == n ? ") " : "");
	}
	put(t, "VALUES ");
	for (unsigned rows = 1 + pick(6); rows > 0; rows--) {
		for (size_t i = 0; i < n; i++) {
			const char *name = named ? names[i] : "none";

			put(t, i == 0 ? "(" : ",");
			if (pick(3) == 0)
				sql_string(t, name, back && named);
			else if (pick(3) == 0)
				put(t, "f(1, 2)");
			else
				plant(t, name);
		}
		put(t, rows > 1 ? "),\n" : ");\n");
	}
}

static void
sql_copy(struct text *t)
{
	const char *names[20];
	size_t n = 1 + pick(ARRAY_LEN(names) - 1);

	put(t, "COPY public.t (");
	for (size_t i = 0; i < n; i++) {
		names[i] = any_name();
		buf_printf(&t->b, "%s%s", i == 0 ? "" : ", ", names[i]);
	}
	put(t, ") FROM stdin;\n");
	for (unsigned rows = pick(6); rows > 0; rows--) {
		for (size_t i = 0; i < n; i++) {
			put(t, i == 0 ? "" : "\t");
			if (pick(3) == 0)
				put(t, "it's \\N, \"");
			else
				plant(t, names[i]);
		}
		put(t, "\n");
	}
	put(t, "\\.\n");
}

static void
test_sql(void **state UNUSED)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		OWN(text_done) struct text t = {0};
		bool back = pick(2) == 0;

		buf_init(&t.b, 1 << 22);
		if (pick(3) != 0)
			put(&t, "-- a dump\n\n");
		for (unsigned n = 1 + pick(12); n > 0; n--) {
			if (!back && pick(3) == 0)
				sql_copy(&t);
			else
				sql_insert(&t, back);
			if (pick(3) == 0) {
				put(&t, "SET a = ");
				plant(&t, "none");
				put(&t, ";\n");
			}
		}
		check(&t, "SQL");
	}
}

/* ---- "column=value" ------------------------------------------------------- */

static void
test_rows(void **state UNUSED)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		OWN(text_done) struct text t = {0};

		buf_init(&t.b, 1 << 22);
		for (unsigned n = 1 + pick(60); n > 0; n--) {
			for (unsigned k = 1 + pick(6); k > 0; k--) {
				const char *name = any_name();

				buf_printf(&t.b, "%s=%s", name,
				    pick(3) == 0 ? "a word, " : "");
				plant(&t, name);
				put(&t, k > 1 ? "\t" : "\n");
			}
		}
		check(&t, "rows");
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_xml),
	    cmocka_unit_test(test_sql),
	    cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
