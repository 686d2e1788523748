/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member_test - rules with an index: what is found and what is not, the same
 * wherever the bytes are cut, as a plain loop finds it; what a finding carries.
 * CHAPERONE_SEED=N repeats a run.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/detect/rules.h"
#include "lib/file.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

enum { TEXT_MAX = 6000, FOUND_MAX = 1000 };

/* Rows: number, a code with letters, mail | name, town. */
static const char *const ROWS[][5] = {
    {"078-05-1120", "AB 12 34 56 C", "anna@example.org", "Mc Donald", "Köln"},
    {"219099999", "CD987654D", "b.o@example.com", "O'Brien", "Aix-en-Provence"},
    {"457555462", "EF111111A", "c+d@example.net", "Li", "Rome"},
};
static const char *const COLUMNS[] = {"ssn", "code", "mail", "name", "town"};
enum { PRIMARIES = 3, NCOLUMNS = 5 };

static char dir[64];
static struct exact_index x;
static struct seal_box_key *key;
static struct ruleset *set;
static uint64_t seed;

static uint64_t
next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void
put_file(const char *name, const void *data, size_t len)
{
	const struct file_mode mode = {0600, (uid_t)-1, (gid_t)-1, false};
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(file_write(path, data, len, &mode, NULL), 0);
}

static void
put_index(void)
{
	OWN(buf_done) struct buf file = {0};
	uint64_t cells[EXACT_COLUMNS_MAX] = {3, 3, 3, 3, 3};
	uint8_t public[SEAL_BOX_PUBLIC];

	assert_int_equal(seal_box_key_new(&key), 0);
	seal_box_key_public(key, public);
	x = (struct exact_index){.name = "people", .ncolumns = NCOLUMNS};
	for (size_t i = 0; i < NCOLUMNS; i++) {
		(void)str_copy(
		    x.columns[i].name, sizeof x.columns[i].name, COLUMNS[i]);
		x.columns[i].primary = i < PRIMARIES;
		/* Many random words pass, so that chance is tested, too. */
		x.columns[i].rate = i < PRIMARIES ? 16 : 32;
	}
	assert_int_equal(exact_begin(&x, cells, public), 0);
	for (size_t i = 0; i < NCOLUMNS; i++) {
		for (size_t k = 0; k < ARRAY_LEN(ROWS); k++) {
			uint8_t v[EXACT_VALUE_MAX];
			bool digits;
			size_t n = exact_normal((const uint8_t *)ROWS[k][i],
			    strlen(ROWS[k][i]), v, &digits);

			exact_add(&x.columns[i], v, n, digits);
		}
		exact_fill(&x.columns[i]);
	}
	buf_init(&file, EXACT_FILE_MAX);
	exact_print(&x, &file);
	assert_int_equal(buf_error(&file), 0);
	put_file("people.edm", file.data, file.len);
}

static void
put_rule(struct buf *b, unsigned i, const char *exact)
{
	buf_printf(b,
	    "  - id: t.%s\n    uuid: 00000000-0000-4000-8000-%012u\n"
	    "    title: T\n    class: t\n    primary:\n      exact: %s\n"
	    "    levels: [{confidence: low}]\n"
	    "    tests: [{text: x, expect: none}]\n",
	    COLUMNS[i], i, exact);
}

static const struct {
	size_t column;
	unsigned min, within;
} RULES[] = {{0, 1, 40}, {1, 2, 60}, {2, 0, 10}};

static int
load(struct ruleset **out, struct diag *why)
{
	const char *const dirs[] = {dir};

	return ruleset_load(dirs, 1, out, NULL, why);
}

static void
put_pack(const char *text)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 64 * 1024);
	buf_printf(
	    &b, "pack: {id: t, version: 1.0.0, format: 1}\ndetectors:\n");
	if (text != NULL)
		put_rule(&b, 0, text);
	for (unsigned i = 0; text == NULL && i < ARRAY_LEN(RULES); i++) {
		char exact[200];

		(void)snprintf(exact, sizeof exact,
		    "{index: people, primary: %s, secondaries: {min: %u, "
		    "within: %u}}",
		    COLUMNS[RULES[i].column], RULES[i].min, RULES[i].within);
		put_rule(&b, i, exact);
	}
	assert_int_equal(buf_error(&b), 0);
	put_file("t.yaml", b.data, b.len);
}

static int
setup(void **state UNUSED)
{
	const char *given = getenv("CHAPERONE_SEED");
	struct diag why = {""};

	rng_fill(&seed, sizeof seed);
	if (given != NULL && str_u64(given, UINT64_MAX, &seed) != 0)
		return -1;
	seed |= 1;
	print_message("# CHAPERONE_SEED=%llu\n", (unsigned long long)seed);
	(void)str_copy(dir, sizeof dir, "/tmp/member_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	put_index();
	put_pack(NULL);
	if (load(&set, &why) != 0)
		fail_msg("%s", why.text);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/people.edm", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof path, "%s/t.yaml", dir);
	(void)unlink(path);
	(void)rmdir(dir);
	ruleset_free(set);
	exact_done(&x);
	seal_box_key_free(key);
	return 0;
}

/* ---- the plain loop ---- */

struct found {
	size_t n[ARRAY_LEN(RULES)];
	struct span at[ARRAY_LEN(RULES)][FOUND_MAX];
	char *sealed[ARRAY_LEN(RULES)];
};

static bool
letter(uint8_t c)
{
	return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
inside(uint8_t c)
{
	return letter(c) || digit(c) || (c != 0 && strchr("@._+-", c) != NULL);
}

static bool
starts(const uint8_t *t, size_t n, size_t at)
{
	return at < n && inside(t[at]) && (at == 0 || !inside(t[at - 1]));
}

static size_t
stop(const uint8_t *t, size_t n, size_t at)
{
	while (at < n && inside(t[at]))
		at++;
	return at;
}

static bool
in(size_t column, const uint8_t *t, size_t from, size_t to, size_t least)
{
	uint8_t v[EXACT_VALUE_MAX];
	bool digits;
	size_t n = exact_normal(t + from, to - from, v, &digits);

	return n >= least && exact_maybe(&x.columns[column], v, n, digits);
}

static bool
any(const uint8_t *t, size_t from, size_t to, bool (*is)(uint8_t))
{
	while (from < to)
		if (is(t[from++]))
			return true;
	return false;
}

/* The end of the longest primary from a word's start, 0 without. */
static size_t
primary(size_t column, const uint8_t *t, size_t n, size_t at)
{
	bool letters = x.columns[column].others != 0;
	size_t best = 0, from = at;

	for (unsigned i = 0; i < 8; i++) {
		size_t to = stop(t, n, from);
		bool mail = memchr(t + from, '@', to - from) != NULL;
		bool group = to - from <= 12 && !mail &&
			     (letters || !any(t, from, to, letter));
		bool known = any(t, at, to, digit);

		if (to - from > 64 || to - at > 96 || (i > 0 && !group))
			break;
		if ((mail ? (x.columns[column].others & EXACT_MAIL) != 0
			  : known) &&
		    in(column, t, at, to, 6))
			best = to;
		if (!group || (!known && (i > 0 || to - from > 4)) ||
		    to + 1 >= n || t[to] != ' ' || !inside(t[to + 1]))
			break;
		from = to + 1;
	}
	return best;
}

/* Whether a secondary that starts with this word ends by @end. */
static bool
secondary(size_t column, const uint8_t *t, size_t n, size_t at, size_t end)
{
	size_t from = at;

	for (unsigned i = 0; i < 4; i++) {
		size_t to = stop(t, n, from), gap = 0;
		bool mail = memchr(t + from, '@', to - from) != NULL;

		if (to - from > 64 || to - at > 96 || (mail && i > 0))
			return false;
		if (to <= end && in(column, t, at, to, 2))
			return true;
		while (to + gap < n && gap < 2 && !inside(t[to + gap]) &&
		       t[to + gap] != '\n')
			gap++;
		if (mail || gap == 0 || to + gap >= n || !inside(t[to + gap]))
			return false;
		from = to + gap;
	}
	return false;
}

static size_t
characters(const uint8_t *t, size_t n, size_t at, int by, unsigned count)
{
	if (by < 0) {
		while (count > 0 && at > 0)
			if ((t[--at] & 0xc0) != 0x80)
				count--;
		return at;
	}
	for (; at < n; at++)
		if ((t[at] & 0xc0) != 0x80 && count-- == 0)
			break;
	return at;
}

static bool
beside(size_t column, const uint8_t *t, size_t n, size_t from, size_t to,
    unsigned within)
{
	size_t low = characters(t, n, from, -1, within);
	size_t high = characters(t, n, to, 1, within);

	for (size_t i = low; i < from; i++)
		if (starts(t, n, i) && secondary(column, t, n, i, from))
			return true;
	for (size_t i = to; i < high; i++)
		if (starts(t, n, i) && secondary(column, t, n, i, high))
			return true;
	return false;
}

static void
plain_loop(size_t rule, const uint8_t *t, size_t n, struct found *f)
{
	size_t at = 0;

	while (at < n) {
		size_t from = at, to;
		unsigned columns = 0;

		at++;
		if (!starts(t, n, from) ||
		    (to = primary(RULES[rule].column, t, n, from)) == 0)
			continue;
		while (!letter(t[from]) && !digit(t[from]))
			from++;
		while (!letter(t[to - 1]) && !digit(t[to - 1]))
			to--;
		for (size_t c = PRIMARIES; c < NCOLUMNS; c++)
			columns +=
			    beside(c, t, n, from, to, RULES[rule].within);
		if (columns < RULES[rule].min)
			continue;
		assert_true(f->n[rule] < FOUND_MAX);
		f->at[rule][f->n[rule]++] = (struct span){from, to};
		at = to;
	}
}

/* ---- ours ---- */

static void
on_found(void *ctx, struct finding *f)
{
	struct found *to = ctx;

	for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
		if (!str_eq(f->detector + 2, COLUMNS[i]))
			continue;
		assert_int_equal(f->confidence, CONFIDENCE_LOW);
		assert_string_equal(f->mask, "");
		assert_false(f->tag_set);
		assert_int_equal(f->count, f->nspans);
		assert_non_null(f->sealed);
		to->n[i] = f->nspans;
		memcpy(to->at[i], f->spans, f->nspans * sizeof *f->spans);
		free(to->sealed[i]);
		to->sealed[i] = strdup(f->sealed);
	}
}

static void
found_done(struct found *f)
{
	for (size_t i = 0; i < ARRAY_LEN(RULES); i++)
		free(f->sealed[i]);
	free(f);
}

static struct found *
ours(struct scan *s, const uint8_t *t, size_t n, size_t cut)
{
	struct found *f = calloc(1, sizeof *f);

	assert_non_null(f);
	/* A key of tags: there are none all the same. */
	scan_key(s, x.key);
	scan_begin(s);
	for (size_t at = 0; at < n; at += cut) {
		size_t len = n - at < cut ? n - at : cut;

		assert_int_equal(
		    scan_feed(s, (struct content){t + at, len}), 0);
	}
	assert_int_equal(scan_end(s, on_found, f, NULL), 0);
	return f;
}

static void
same(const struct found *a, const struct found *b, const char *what)
{
	for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
		if (a->n[i] != b->n[i])
			fail_msg("%s: rule %zu: %zu, not %zu", what, i, b->n[i],
			    a->n[i]);
		for (size_t k = 0; k < a->n[i]; k++)
			if (a->at[i][k].from != b->at[i][k].from ||
			    a->at[i][k].to != b->at[i][k].to)
				fail_msg("%s: rule %zu, %zu: %llu to %llu, not "
					 "%llu to %llu",
				    what, i, k,
				    (unsigned long long)b->at[i][k].from,
				    (unsigned long long)b->at[i][k].to,
				    (unsigned long long)a->at[i][k].from,
				    (unsigned long long)a->at[i][k].to);
	}
}

static void
put_random(struct buf *b)
{
	static const char *const words[] = {" ", " ", " ", ", ", "\n", ",", ";",
	    "-", "the", "und", "Straße", "身份证", "12", "AB", "C", "\xff",
	    "\xc3", "@", "...", "\t", "a.b@c.de", "=", "(", "O", "'"};
	uint64_t r = next();
	size_t row = (size_t)(r >> 8) % ARRAY_LEN(ROWS);
	size_t column = (size_t)(r >> 16) % NCOLUMNS;

	switch (r % 8) {
	case 0:
		buf_printf(b, "%s", ROWS[row][column]);
		break;
	case 1:
		buf_printf(b, "%09u", (unsigned)(r >> 32) % 1000000000);
		break;
	case 2:
		for (unsigned i = 0; i < (r >> 40) % 140; i++)
			buf_put_u8(b, (uint8_t)('a' + next() % 26));
		break;
	case 3:
		buf_printf(b, "%c%c%06u%c", (int)('A' + next() % 26),
		    (int)('A' + next() % 26), (unsigned)(next() % 1000000),
		    (int)('A' + next() % 26));
		break;
	default:
		buf_printf(
		    b, "%s", words[(size_t)(r >> 24) % ARRAY_LEN(words)]);
	}
	if ((r >> 60) % 4 != 0)
		buf_put_u8(b, ' ');
}

static void
test_differential(void **state UNUSED)
{
	static const size_t blocks[] = {1, 64, 700, 5000};
	size_t total = 0;

	for (size_t k = 0; k < ARRAY_LEN(blocks); k++) {
		OWN(scan_freep) struct scan *s = NULL;

		assert_int_equal(scan_new_sized(set, blocks[k], &s), 0);
		for (unsigned round = 0; round < 60; round++) {
			OWN(buf_done) struct buf b = {0};
			struct found *want = calloc(1, sizeof *want), *got;
			size_t wanted = 200 + (size_t)(next() % TEXT_MAX);

			assert_non_null(want);
			buf_init(&b, 2 * TEXT_MAX);
			while (b.len < wanted)
				put_random(&b);
			for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
				plain_loop(i, b.data, b.len, want);
				total += want->n[i];
			}
			got = ours(s, b.data, b.len, 1 + next() % 900);
			same(want, got, "random text");
			found_done(want);
			found_done(got);
		}
	}
	print_message("# %zu matches\n", total);
	assert_true(total > 300);
}

/* ---- what is found ---- */

/* How often the rule of @rule finds the text. */
static size_t
count(size_t rule, const char *text, char **sealed)
{
	OWN(scan_freep) struct scan *s = NULL;
	struct found *f;
	size_t n;

	assert_int_equal(scan_new(set, &s), 0);
	f = ours(s, (const uint8_t *)text, strlen(text), 7);
	n = f->n[rule];
	if (sealed != NULL)
		*sealed = OWN_TAKE(&f->sealed[rule]);
	found_done(f);
	return n;
}

static void
test_forms(void **state UNUSED)
{
	assert_int_equal(count(0, "McDonald: 078-05-1120", NULL), 1);
	assert_int_equal(count(0, "078051120,MC DONALD", NULL), 1);
	assert_int_equal(count(0, "(078 05 1120) at KÖLN.", NULL), 1);
	assert_int_equal(count(0, "aix en provence 219-09-9999.", NULL), 1);
	assert_int_equal(count(1, "ab 12 34 56 c Mc-Donald", NULL), 0);
	assert_int_equal(count(1, "ab 12 34 56 c Mc-Donald, köln", NULL), 1);
	assert_int_equal(count(1, "AB123456C;o brien;Rome", NULL), 1);
	assert_int_equal(count(2, "to: <Anna@Example.org>, b", NULL), 1);
}

static bool
has(const struct exact_candidate *c, size_t column, const char *value)
{
	uint8_t v[EXACT_VALUE_MAX], digest_of[EXACT_DIGEST];
	bool digits;
	size_t n =
	    exact_normal((const uint8_t *)value, strlen(value), v, &digits);

	exact_digest(&x, column, v, n, digest_of);
	if (column < PRIMARIES)
		return c->column == column &&
		       memcmp(c->digest, digest_of, EXACT_DIGEST) == 0;
	for (size_t i = 0; i < c->nnear; i++)
		if (c->near[i].column == column &&
		    memcmp(c->near[i].brief, digest_of, EXACT_BRIEF) == 0)
			return true;
	return false;
}

/* What a finding carries is what stood there, for the key's holder alone. */
static void
test_sealed(void **state UNUSED)
{
	OWN(seal_box_key_freep) struct seal_box_key *other = NULL;
	OWN_MEM char *sealed = NULL;
	struct exact_sealed s;

	assert_int_equal(
	    count(0, "Li; 457-55-5462; Rome 457555462", &sealed), 2);
	assert_non_null(sealed);
	assert_int_equal(seal_box_key_new(&other), 0);
	assert_int_equal(exact_open(other, sealed, &s), -EBADMSG);
	assert_int_equal(exact_open(key, sealed, &s), 0);
	assert_int_equal(s.n, 1); /* one value in two forms */
	assert_int_equal(s.min, 1);
	assert_true(has(&s.list[0], 0, "457555462"));
	assert_true(has(&s.list[0], 3, "Li"));
	assert_true(has(&s.list[0], 4, "Rome"));
	assert_false(has(&s.list[0], 4, "Köln"));
}

/* Of many, those with most columns beside them are carried. */
static void
test_best(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};
	OWN_MEM char *sealed = NULL;
	struct exact_sealed s;
	bool there = false;

	buf_init(&b, 1 << 20);
	/* Values that pass by chance, a name beside each. */
	for (unsigned i = 0; i < 2000; i++)
		buf_printf(&b, "%09u Li\n%60s", 300000000 + i, "\n");
	buf_printf(&b, "219-09-9999 O'Brien, Aix-en-Provence");
	assert_true(count(0, buf_text(&b), &sealed) > 60);
	assert_int_equal(exact_open(key, sealed, &s), 0);
	assert_int_equal(s.n, EXACT_CANDIDATES_MAX);
	for (size_t i = 0; i < s.n; i++)
		there = there || has(&s.list[i], 0, "219099999");
	assert_true(there);
}

/* ---- what does not load ---- */

static void
refuse(const char *exact, const char *sentence)
{
	struct ruleset *r = NULL;
	struct diag why = {""};

	put_pack(exact);
	assert_int_equal(load(&r, &why), -EBADMSG);
	if (strstr(why.text, sentence) == NULL)
		fail_msg("%s: not in: %s", sentence, why.text);
	assert_null(r);
}

static void
test_refused(void **state UNUSED)
{
	static const char text[] =
	    "pack: {id: t, version: 1.0.0, format: 1}\ndetectors:\n"
	    "  - id: t.a\n    uuid: 00000000-0000-4000-8000-000000000000\n"
	    "    title: T\n    class: t\n    primary: {exact: {index: people, "
	    "primary: ssn}}\n    levels: [{confidence: low}]\n";
	struct ruleset *r = NULL;
	struct diag why = {""};

	refuse("{index: none, primary: ssn}", "cannot be used");
	refuse("{index: people, primary: name}", "no primary \"name\"");
	refuse("{index: people, primary: ssn, secondaries: {min: 3}}", "has 2");
	refuse("{index: ../people, primary: ssn}", "name of an index");
	refuse("{index: people}", "needs the key \"primary\"");
	refuse("{index: people, primary: ssn}\n      pattern: x",
	    "takes \"validators\" alone");
	refuse("{index: people, primary: ssn}\n    mask: {keep_first: 2}",
	    "no mask");
	put_file("broken.edm", "CHAPEDM1", 8);
	refuse("{index: broken, primary: ssn}", "broken.edm");
	assert_int_equal(
	    ruleset_parse("t", text, sizeof text - 1, &r, NULL, &why),
	    -EBADMSG);
	assert_non_null(strstr(why.text, "in no directory"));
	{
		char path[128];

		(void)snprintf(path, sizeof path, "%s/broken.edm", dir);
		(void)unlink(path);
	}
	put_pack(NULL);
}

static void
test_not_high(void **state UNUSED)
{
	struct ruleset *r = NULL;
	struct diag why = {""};
	const char *at;
	static const char text[] =
	    "pack: {id: t, version: 1.0.0, format: 1}\ndetectors:\n"
	    "  - id: t.a\n    uuid: 00000000-0000-4000-8000-000000000000\n"
	    "    title: T\n    class: t\n    primary: {exact: {index: people, "
	    "primary: ssn}}\n    levels: [{confidence: high}]\n";

	put_file("t.yaml", text, sizeof text - 1);
	assert_int_equal(load(&r, &why), -EBADMSG);
	at = strstr(why.text, "low until it is confirmed");
	assert_non_null(at);
	put_pack(NULL);
}

/* The index is part of the set's digest. */
static void
test_digest(void **state UNUSED)
{
	OWN(ruleset_freep) struct ruleset *other = NULL;
	OWN(buf_done) struct buf file = {0};
	struct exact_index changed = x;

	changed.rows++;
	buf_init(&file, EXACT_FILE_MAX);
	exact_print(&changed, &file);
	put_file("people.edm", file.data, file.len);
	assert_int_equal(load(&other, NULL), 0);
	assert_string_not_equal(ruleset_digest(other), ruleset_digest(set));
	buf_reset(&file);
	exact_print(&x, &file);
	put_file("people.edm", file.data, file.len);
	ruleset_free(OWN_TAKE(&other));
	assert_int_equal(load(&other, NULL), 0);
	assert_string_equal(ruleset_digest(other), ruleset_digest(set));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_differential),
	    cmocka_unit_test(test_sealed),
	    cmocka_unit_test(test_best),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_not_high),
	    cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
