/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows_test - a table there and back: who is confirmed, who is refuted, and
 * files that were changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/file.h"
#include "lib/rows.h"
#include "lib/str.h"

#include "lib/own.h"

enum { ROWS = 3000 };

struct world {
	char dir[64], path[96];
	struct seal_box_key *key;
	struct exact_index x;
};

/* Column 0 is the primary, 1 and 2 are secondaries. */
static int
setup(void **state)
{
	uint64_t cells[EXACT_COLUMNS_MAX] = {10, 10, 10};
	struct world *w = calloc(1, sizeof *w);
	uint8_t public[SEAL_BOX_PUBLIC];

	assert_non_null(w);
	assert_int_equal(
	    str_copy(w->dir, sizeof w->dir, "/tmp/rows_test.XXXXXX"), 0);
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->path, sizeof w->path, "%s/t.table", w->dir);
	assert_int_equal(seal_box_key_new(&w->key), 0);
	seal_box_key_public(w->key, public);
	w->x = (struct exact_index){.name = "t", .ncolumns = 3};
	for (size_t i = 0; i < 3; i++) {
		w->x.columns[i].rate = 128;
		w->x.columns[i].primary = i == 0;
	}
	assert_int_equal(exact_begin(&w->x, cells, public), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	(void)unlink(w->path);
	(void)rmdir(w->dir);
	exact_done(&w->x);
	seal_box_key_free(w->key);
	free(w);
	return 0;
}

static void
digest(const struct world *w, size_t column, const char *word, unsigned i,
    uint8_t out[EXACT_DIGEST])
{
	char text[32];
	int n = snprintf(text, sizeof text, "%s%u", word, i);

	exact_digest(&w->x, column, (uint8_t *)text, (size_t)n, out);
}

/* Row i has id<i>, name<i mod 50>, and every other one town<i>. */
static void
make_table(struct world *w)
{
	struct rows t;

	rows_begin(&t, &w->x, w->key);
	for (unsigned i = 0; i < ROWS; i++) {
		uint8_t id[EXACT_DIGEST], a[EXACT_DIGEST], b[EXACT_DIGEST];
		const uint8_t *near[EXACT_COLUMNS_MAX] = {a, b};

		digest(w, 0, "id", i, id);
		digest(w, 1, "name", i % 50, a);
		digest(w, 2, "town", i, b);
		if (i % 2 == 0)
			near[1] = NULL;
		assert_int_equal(rows_add(&t, 0, id, near), 0);
	}
	assert_int_equal(rows_write(&t, w->path, NULL), 0);
	assert_int_equal(rows_write(&t, w->path, NULL), -EEXIST);
	rows_done(&t);
}

static void
beside(const struct world *w, struct exact_candidate *c, uint8_t column,
    const char *word, unsigned i)
{
	uint8_t d[EXACT_DIGEST];

	digest(w, column, word, i, d);
	c->near[c->nnear].column = column;
	memcpy(c->near[c->nnear++].brief, d, EXACT_BRIEF);
}

static unsigned
confirmed(const struct world *w, const struct rows_table *t,
    const struct exact_candidate *c, uint8_t min)
{
	struct exact_sealed s = {.min = min, .n = 1, .list = {*c}};
	struct rows_verdict v;

	memcpy(s.id, w->x.id, EXACT_ID);
	assert_int_equal(rows_confirm(t, w->key, &s, &v), 0);
	assert_int_equal(v.candidates, 1);
	return v.confirmed;
}

static void
test_confirm(void **state)
{
	struct world *w = *state;
	OWN(rows_closep) struct rows_table *t = NULL;
	OWN(seal_box_key_freep) struct seal_box_key *other = NULL;
	struct exact_candidate c = {0}, d;
	struct exact_sealed s = {.n = 1};
	struct rows_verdict v, again;

	make_table(w);
	assert_int_equal(rows_open(w->path, &t, NULL), 0);
	assert_string_equal(rows_name(t), "t");
	assert_int_equal(rows_count(t), ROWS);
	for (unsigned i = 0; i < ROWS; i += 101) {
		c = (struct exact_candidate){0};
		digest(w, 0, "id", i, c.digest);
		/* Alone it is nothing, even if a host asks for none. */
		assert_int_equal(confirmed(w, t, &c, 0), 0);
		d = c;
		beside(w, &d, 1, "name", i % 50 + 1);
		assert_int_equal(confirmed(w, t, &d, 1), 0);
		beside(w, &d, 1, "name", i % 50);
		assert_int_equal(confirmed(w, t, &d, 1), 1);
		assert_int_equal(confirmed(w, t, &d, 2), 0);
		beside(w, &d, 2, "town", i);
		assert_int_equal(confirmed(w, t, &d, 2), i % 2);
		/* The right name of another column is none. */
		d = c;
		beside(w, &d, 2, "name", i % 50);
		assert_int_equal(confirmed(w, t, &d, 1), 0);
	}
	/* A value that is in no row, and another one's key. */
	digest(w, 0, "id", ROWS, c.digest);
	beside(w, &c, 1, "name", 0);
	assert_int_equal(confirmed(w, t, &c, 1), 0);
	digest(w, 0, "id", 0, s.list[0].digest);
	beside(w, &s.list[0], 1, "name", 0);
	memcpy(s.id, w->x.id, EXACT_ID);
	assert_int_equal(seal_box_key_new(&other), 0);
	assert_int_equal(rows_confirm(t, other, &s, &v), 0);
	assert_int_equal(v.confirmed, 0);
	assert_int_equal(rows_confirm(t, w->key, &s, &v), 0);
	assert_int_equal(v.confirmed, 1);
	/* A value has one mark wherever it is found, and another one another;
	 * what is refuted leaves none between them. */
	s.n = 3;
	s.list[2] = s.list[0];
	s.list[1] = s.list[0];
	s.list[1].digest[0] ^= 1;
	s.list[0] = (struct exact_candidate){0};
	digest(w, 0, "id", 3, s.list[0].digest);
	beside(w, &s.list[0], 1, "name", 3);
	assert_int_equal(rows_confirm(t, w->key, &s, &again), 0);
	assert_int_equal(again.candidates, 3);
	assert_int_equal(again.confirmed, 2);
	assert_memory_equal(again.marks[1], v.marks[0], ROWS_MARK);
	assert_memory_not_equal(again.marks[0], v.marks[0], ROWS_MARK);
	s.id[0] ^= 1;
	assert_int_equal(rows_confirm(t, w->key, &s, &v), -EBADMSG);
}

/* A table may tell the number of the row, and only then. */
static void
test_numbered(void **state)
{
	struct world *w = *state;
	OWN(rows_closep) struct rows_table *t = NULL;
	const uint8_t *none[EXACT_COLUMNS_MAX] = {NULL};
	struct exact_sealed s = {.n = 2};
	struct rows_verdict v;
	struct rows r;

	for (unsigned numbered = 0; numbered < 2; numbered++) {
		rows_begin(&r, &w->x, w->key);
		r.nsecondary = 0;
		r.numbered = numbered == 1;
		for (unsigned i = 0; i < ROWS; i++) {
			uint8_t id[EXACT_DIGEST];

			digest(w, 0, "id", i, id);
			r.number = 0x01020304 + i;
			assert_int_equal(rows_add(&r, 0, id, none), 0);
		}
		(void)unlink(w->path);
		assert_int_equal(rows_write(&r, w->path, NULL), 0);
		rows_done(&r);
		rows_closep(&t);
		assert_int_equal(rows_open(w->path, &t, NULL), 0);
		memcpy(s.id, w->x.id, EXACT_ID);
		digest(w, 0, "id", 7, s.list[0].digest);
		digest(w, 0, "id", 2900, s.list[1].digest);
		assert_int_equal(rows_confirm(t, w->key, &s, &v), 0);
		assert_int_equal(v.confirmed, 2);
		assert_int_equal(
		    rows_number(v.marks[0]), numbered ? 0x01020304 + 7 : 0);
		assert_int_equal(
		    rows_number(v.marks[1]), numbered ? 0x01020304 + 2900 : 0);
	}
}

static void
put_file(const char *path, const void *data, size_t len)
{
	const struct file_mode mode = {0600, (uid_t)-1, (gid_t)-1, false};

	assert_int_equal(file_write(path, data, len, &mode, NULL), 0);
}

/* A file that is not exactly what was written is refused. */
static void
test_changed(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf b = {0};
	struct rows_table *t = NULL;
	struct diag why = {""};
	struct stat st;

	make_table(w);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(w->path, &b, NULL), 0);
	for (size_t i = 0; i < b.len; i += 997) {
		b.data[i] ^= 0x10;
		put_file(w->path, b.data, b.len);
		assert_int_equal(rows_open(w->path, &t, NULL), -EBADMSG);
		b.data[i] ^= 0x10;
	}
	/* A digest that fits does not make another number of records good. */
	b.data[63]++;
	seal_sha256(b.data, b.len - 32, b.data + b.len - 32);
	put_file(w->path, b.data, b.len);
	assert_int_equal(rows_open(w->path, &t, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "is no table"));
	put_file(w->path, b.data, 60);
	assert_int_equal(rows_open(w->path, &t, NULL), -EBADMSG);
	assert_null(t);
}

/* No two records of one name share bytes: its frequency does not show. */
static void
test_even(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf b = {0};
	const uint8_t *records;
	unsigned same = 0;

	make_table(w);
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(w->path, &b, NULL), 0);
	records = b.data + b.len - 32 - ROWS * 32;
	for (unsigned i = 1; i < ROWS; i++) {
		assert_true(
		    memcmp(records + (i - 1) * 32, records + i * 32, 16) < 0);
		same += memcmp(records + (i - 1) * 32 + 16,
			    records + i * 32 + 16, 8) == 0;
	}
	assert_int_equal(same, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_confirm, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_numbered, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_changed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_even, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
