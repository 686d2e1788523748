/* SPDX-License-Identifier: Apache-2.0 */
/* links: cli/canaryset.c cli/canarybuild.c */
/*
 * canaryset_test - values are the same for ever, are ones that a host looks up,
 * and are nobody's; the key file keeps its sets.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/canaryset.h"
#include "lib/file.h"
#include "lib/rows.h"
#include "lib/str.h"

#include "lib/own.h"

struct world {
	char dir[64], path[96];
};

static const struct canary_set ACME = {
    .name = "acme", .domain = "customers.example", .copies = 20};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	assert_int_equal(
	    str_copy(w->dir, sizeof w->dir, "/tmp/canaryset_test.XXXXXX"), 0);
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->path, sizeof w->path, "%s/key", w->dir);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const NAMES[] = {
	    "key", "canary-acme.edm", "canary-acme.yaml", "canary-acme.table"};
	struct world *w = *state;
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", w->dir, NAMES[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

/* What was planted is found for as long as its key is kept: for a secret of
 * 32 bytes of 7 these never change. The expected values are computed from the
 * format by another program. */
static void
test_vectors(void **state UNUSED)
{
	static const char *const WANT[CANARY_KINDS] = {
	    [CANARY_MARK] = "178629d2-baa0-4d1b-a839-9137a51685a7",
	    [CANARY_CUSTOMER] = "01JGW5YAP607JNWCYPTZ5ZHVA3",
	    [CANARY_MAIL] = "rossi-x4olce6xkmeiureu@customers.example",
	    [CANARY_TOKEN] = "fKc1MkUt4qBtrnkYWPFRexoOrwzbGSD08Qem3I27",
	    [CANARY_PASSWORD] = "LucKbXE6ogZzR8xbqEu1",
	    [CANARY_DATABASE] =
		"LucKbXE6ogZzR8xbqEu1@db-7kbjjdx2.intern.example",
	};
	struct canary_ring ring = {0};
	char text[CANARY_TEXT_MAX], uuid[37];

	memset(ring.secret, 7, sizeof ring.secret);
	for (int k = 0; k < CANARY_KINDS; k++) {
		canaryset_value(&ring, &ACME, (enum canary_kind)k, 3, text);
		assert_string_equal(text, WANT[k]);
	}
	canaryset_person(&ring, &ACME, 3, text);
	assert_string_equal(text, "Bruno Petit,Delft");
	canaryset_uuid(&ring, &ACME, uuid);
	assert_string_equal(uuid, "e8f0f736-9806-4c42-b120-944a0ccd2fbb");
}

static void
test_looked_up(void **state UNUSED)
{
	struct canary_set set = ACME;
	struct canary_ring ring = {0};
	char text[CANARY_TEXT_MAX];
	uint8_t v[EXACT_VALUE_MAX];
	bool digits;

	/* The longest that there are. */
	memset(set.domain, 'x', CANARY_DOMAIN_MAX);
	memset(set.name, 'n', CANARY_SET_MAX);
	for (uint32_t copy = 1; copy <= CANARY_COPIES_MAX; copy++)
		for (int k = 0; k < CANARY_KINDS; k++) {
			canaryset_value(
			    &ring, &set, (enum canary_kind)k, copy, text);
			/* A host looks up words with a digit or an '@', of at
			 * most 64 bytes as they stand. */
			assert_non_null(strpbrk(text, "0123456789@"));
			assert_true(strlen(text) <= 64);
			assert_true(exact_normal((const uint8_t *)text,
					strlen(text), v, &digits) >= 19);
			assert_false(digits);
		}
}

static void
test_numbers(void **state UNUSED)
{
	enum canary_kind kind;
	uint32_t copy;

	for (int k = 0; k < CANARY_KINDS; k++)
		for (uint32_t i = 1; i <= CANARY_COPIES_MAX; i += 7) {
			uint32_t n = canary_number((enum canary_kind)k, i);

			assert_true(n != 0 && canary_parts(n, &kind, &copy));
			assert_int_equal(kind, k);
			assert_int_equal(copy, i);
		}
	assert_false(canary_parts(0, &kind, &copy));
	assert_false(canary_parts(CANARY_KINDS - 1, &kind, &copy));
	assert_false(canary_parts(1 << 4 | CANARY_KINDS, &kind, &copy));
	assert_false(canary_parts((CANARY_COPIES_MAX + 1) << 4, &kind, &copy));
	assert_string_equal(canary_set("canary-acme"), "acme");
	assert_null(canary_set("canary-"));
	assert_null(canary_set("customers"));
}

static void
put_line(const char *path, const char *line)
{
	FILE *f = fopen(path, "ae");

	assert_non_null(f);
	assert_true(fputs(line, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
test_ring(void **state)
{
	const struct world *w = *state;
	OWN(canaryset_done) struct canary_ring ring = {0}, again = {0};
	struct canary_set set = ACME;
	const struct canary_set *made = NULL;
	struct diag why = {""};
	struct stat st;

	assert_int_equal(canaryset_load(w->path, &ring, &why), -ENOENT);
	assert_int_equal(canaryset_new(w->path, &ring, &why), 0);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(canaryset_put(&ring, w->path, &set, &made, &why), 0);
	assert_int_equal(made->copies, 20);
	/* Fewer change nothing, more are kept, another domain is refused. */
	set.copies = 5;
	assert_int_equal(canaryset_put(&ring, w->path, &set, &made, &why), 0);
	assert_int_equal(made->copies, 20);
	set.copies = 30;
	assert_int_equal(canaryset_put(&ring, w->path, &set, &made, &why), 0);
	assert_int_equal(made->copies, 30);
	assert_int_equal(str_copy(set.domain, sizeof set.domain, "x.org"), 0);
	assert_int_equal(
	    canaryset_put(&ring, w->path, &set, &made, &why), -EINVAL);
	assert_int_equal(canaryset_load(w->path, &again, &why), 0);
	assert_memory_equal(again.secret, ring.secret, sizeof ring.secret);
	assert_int_equal(again.n, 1);
	assert_string_equal(again.sets[0].name, ring.sets[0].name);
	assert_string_equal(again.sets[0].domain, ring.sets[0].domain);
	assert_int_equal(again.sets[0].copies, 30);
}

static void
test_bad_lines(void **state)
{
	static const char *const BAD[] = {"acme", "acme 3", "acme 0 x.org",
	    "acme 1000 x.org", "acme x x.org", "Acme 3 x.org",
	    "acme 3 x.org more", "acme 3 ", " 3 x.org",
	    "acme 3 a.domain.that.is.longer.than.30.bytes",
	    "acme 3 x.org\ncanary-set: acme 3 y.org"};
	const struct world *w = *state;
	struct diag why;

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		OWN(canaryset_done) struct canary_ring ring = {0};
		OWN(canaryset_done) struct canary_ring again = {0};
		char line[128];

		(void)unlink(w->path);
		assert_int_equal(canaryset_new(w->path, &ring, &why), 0);
		(void)snprintf(line, sizeof line, "canary-set: %s\n", BAD[i]);
		put_line(w->path, line);
		assert_true(canaryset_load(w->path, &again, &why) < 0);
	}
}

static void
test_sets_max(void **state)
{
	const struct world *w = *state;
	OWN(canaryset_done) struct canary_ring ring = {0};
	const struct canary_set *made = NULL;
	struct canary_set set = ACME;
	struct diag why;

	assert_int_equal(canaryset_new(w->path, &ring, &why), 0);
	for (unsigned i = 0; i <= CANARY_SETS_MAX; i++) {
		(void)snprintf(set.name, sizeof set.name, "p%u", i);
		assert_int_equal(
		    canaryset_put(&ring, w->path, &set, &made, &why),
		    i < CANARY_SETS_MAX ? 0 : -EBADMSG);
	}
}

/* The table tells which copy and kind each value is. */
static void
test_build(void **state)
{
	const struct world *w = *state;
	OWN(canaryset_done) struct canary_ring ring = {0};
	OWN(rows_closep) struct rows_table *t = NULL;
	OWN(exact_done) struct exact_index x = {0};
	OWN(buf_done) struct buf b = {0};
	struct diag why = {""};
	char path[128];

	assert_int_equal(canaryset_new(w->path, &ring, &why), 0);
	assert_int_equal(
	    canarybuild_set(&ring, &ACME, w->dir, w->dir, &why), 0);
	assert_int_equal(
	    canarybuild_set(&ring, &ACME, w->dir, w->dir, &why), -EEXIST);
	(void)snprintf(path, sizeof path, "%s/canary-acme.table", w->dir);
	assert_int_equal(rows_open(path, &t, &why), 0);
	(void)snprintf(path, sizeof path, "%s/canary-acme.edm", w->dir);
	buf_init(&b, EXACT_FILE_MAX);
	assert_int_equal(file_read(path, &b, &why), 0);
	assert_int_equal(exact_parse(b.data, b.len, &x, &why), 0);
	assert_int_equal(x.rows, 0);
	for (uint32_t copy = 1; copy <= ACME.copies; copy++)
		for (int k = 0; k < CANARY_KINDS; k++) {
			enum canary_kind kind = (enum canary_kind)k, got;
			struct exact_sealed s = {.n = 1};
			struct rows_verdict v;
			char text[CANARY_TEXT_MAX];
			uint8_t n[EXACT_VALUE_MAX];
			uint32_t number;
			bool digits;
			size_t len;

			canaryset_value(&ring, &ACME, kind, copy, text);
			len = exact_normal(
			    (const uint8_t *)text, strlen(text), n, &digits);
			assert_true(exact_maybe(&x.columns[0], n, len, digits));
			memcpy(s.id, x.id, EXACT_ID);
			exact_digest(&x, 0, n, len, s.list[0].digest);
			assert_int_equal(rows_confirm(t, ring.key, &s, &v), 0);
			assert_int_equal(v.confirmed, 1);
			assert_true(canary_parts(
			    rows_number(v.marks[0]), &got, &number));
			assert_int_equal(got, kind);
			assert_int_equal(number, copy);
			s.list[0].digest[0] ^= 1;
			assert_int_equal(rows_confirm(t, ring.key, &s, &v), 0);
			assert_int_equal(v.confirmed, 0);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_looked_up),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test_setup_teardown(test_ring, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_lines, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sets_max, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_build, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
