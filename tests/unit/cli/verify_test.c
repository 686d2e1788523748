/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_test - whatever byte of a log's file is changed, it is told, and at
 * the place where it was changed.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cli/verify.h"
#include "lib/db.h"
#include "lib/ledger.h"
#include "lib/str.h"

#include "lib/own.h"

#define NAME "host-1"
#define STEP 3 /* every so many bytes, with another bit each time */

static char dir[64], path[128];
static struct seal_key *key, *other;
static struct vkey log_key, cosigner;

static int
sign(void *ctx UNUSED, const void *body, size_t len, struct buf *note)
{
	return note_sign(body, len, &log_key, key, note);
}

static void
put(struct ledger *l, const char *type, const char *field, const char *text)
{
	struct draft d;
	uint64_t seq;

	draft_init(&d, type, clock_now());
	draft_text(&d, field, text);
	draft_text(&d, "why", "\xff");
	must(ledger_append(l, &d, NULL, 0, 0, &seq) == 0);
	draft_done(&d);
}

/* Six entries, a checkpoint after three and six, a receipt of the first. */
static void
make_log(void)
{
	OWN(ledger_closep) struct ledger *l = NULL;
	OWN(buf_done) struct buf note = {0};
	uint64_t size;

	must(ledger_open(path, NAME, &l, NULL) == 0);
	buf_init(&note, NOTE_MAX);
	for (int i = 0; i < 2; i++) {
		must(ledger_begin(l) == 0);
		put(l, "session", "person", "zoe");
		put(l, "cov.stop", "role", "ship");
		put(l, "file", "path", "/srv/a");
		must(ledger_commit(l) == 0);
		must(ledger_checkpoint(l, sign, NULL, NULL) == 0);
	}
	must(ledger_note(l, 0, 3, &note, &size) == 0 && size == 3);
	must(note_cosign(&note, &cosigner, other, 1772352000) == 0);
	must(ledger_receipt(l, 3, note.data, note.len, 1) == 0);
}

static int
setup(void **state UNUSED)
{
	uint8_t public[SEAL_PUBLIC];

	(void)str_copy(dir, sizeof dir, "/tmp/verify_test.XXXXXX");
	must(mkdtemp(dir) != NULL);
	must(str_format(path, sizeof path, "%s/log.db", dir) == 0);
	must(seal_key_new(&key) == 0 && seal_key_new(&other) == 0);
	seal_key_public(key, public);
	must(vkey_init(&log_key, NAME, NOTE_ED25519, public) == 0);
	seal_key_public(other, public);
	must(vkey_init(&cosigner, "c", NOTE_COSIGNATURE, public) == 0);
	make_log();
	return 0;
}

static int
remove_one(const char *p, const struct stat *st UNUSED, int flag UNUSED,
    struct FTW *f UNUSED)
{
	return remove(p);
}

static int
teardown(void **state UNUSED)
{
	seal_key_free(key);
	seal_key_free(other);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- */

struct first {
	char what[16];
	uint64_t index;
};

static void
on_problem(void *ctx, const struct problem *p)
{
	struct first *f = ctx;

	assert_non_null(p->detail);
	if (f->what[0] != '\0')
		return;
	must(str_copy(f->what, sizeof f->what, p->what) == 0);
	f->index = p->index;
}

static uint64_t
problems(struct first *f)
{
	struct verify v = {.log = &log_key,
	    .cosign = &cosigner,
	    .problem = on_problem,
	    .ctx = f};
	struct diag why = {""};
	int r;

	*f = (struct first){"", 0};
	r = verify_log(&v, path, &why);
	assert_true(r == 0 || r == -EBADMSG);
	return r == 0 ? v.problems : 1;
}

static void
test_good(void **state UNUSED)
{
	struct verify v = {.log = &log_key,
	    .cosign = &cosigner,
	    .problem = on_problem,
	    .ctx = &(struct first){"", 0}};

	assert_int_equal(verify_log(&v, path, NULL), 0);
	assert_int_equal(v.problems, 0);
	assert_int_equal(v.entries, 6);
	assert_int_equal(v.disclosures, 8);
	assert_int_equal(v.checkpoints, 2);
	assert_int_equal(v.receipts, 1);
	assert_int_equal(v.receipted, 3);
	assert_int_equal(v.tail, 0);
}

/* A blob of the file, and what is told when it was changed. */
struct place {
	const char *table, *column, *key;
	int64_t row;
	const char *what; /* NULL: anything */
};

static void
read_place(struct db *db, const struct place *p, struct buf *out)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	char sql[256];
	size_t len;
	const void *data;

	must(str_format(sql, sizeof sql, "SELECT %s FROM %s WHERE %s=%d",
		 p->column, p->table, p->key, (int)p->row) == 0);
	must(db_prepare(db, sql, &s, NULL) == 0);
	assert_int_equal(stmt_step(s), 1);
	data = stmt_blob(s, 0, &len);
	buf_init(out, 65536);
	buf_put(out, data, len);
}

static void
write_place(struct db *db, const struct place *p, const struct buf *b)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	char sql[256];

	must(str_format(sql, sizeof sql, "UPDATE %s SET %s=? WHERE %s=%d",
		 p->table, p->column, p->key, (int)p->row) == 0);
	must(db_prepare(db, sql, &s, NULL) == 0);
	stmt_bind_blob(s, 1, b->data, b->len);
	assert_int_equal(stmt_run(s), 0);
}

static void
change_bytes(struct db *db, const struct place *p)
{
	OWN(buf_done) struct buf b = {0};
	struct first f;

	read_place(db, p, &b);
	for (size_t i = 0; i < b.len; i += STEP) {
		uint8_t bit = (uint8_t)(1u << (i / STEP % 8));

		b.data[i] ^= bit;
		write_place(db, p, &b);
		if (problems(&f) == 0)
			fail_msg("%s.%s %d: byte %zu", p->table, p->column,
			    (int)p->row, i);
		if (p->what != NULL) {
			assert_string_equal(f.what, p->what);
			assert_true(f.index == (uint64_t)p->row);
		}
		b.data[i] ^= bit;
	}
	write_place(db, p, &b);
	assert_int_equal(problems(&f), 0);
}

static void
test_every_place(void **state UNUSED)
{
	static const struct place PLACES[] = {
	    {"entry", "leaf", "seq", 0, "entry"},
	    {"entry", "leaf", "seq", 4, "entry"},
	    {"entry", "hash", "seq", 2, "entry"},
	    {"salted", "disclosures", "seq", 2, "disclosure"},
	    {"salted", "seed", "seq", 3, "disclosure"},
	    {"checkpoint", "note", "size", 3, "checkpoint"},
	    {"checkpoint", "note", "size", 6, "checkpoint"},
	    {"checkpoint", "root", "size", 6, "checkpoint"},
	    {"receipt", "note", "size", 3, "receipt"},
	    {"head", "tree", "what", 0, NULL},
	    {"head", "tree", "what", 1, NULL},
	};
	struct db *db;

	assert_int_equal(db_open(path, DB_CREATE, &db, NULL), 0);
	/* Nothing here need outlive a crash. */
	assert_int_equal(db_exec(db, "PRAGMA synchronous=OFF", NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(PLACES); i++)
		change_bytes(db, &PLACES[i]);
	db_close(db);
}

/* Rows that are gone, or that say other numbers. */
static void
test_rows(void **state UNUSED)
{
	static const char *const CHANGES[] = {
	    "DELETE FROM entry WHERE seq=0",
	    "DELETE FROM entry WHERE seq=5",
	    "DELETE FROM entry",
	    "UPDATE entry SET seq=-1 WHERE seq=5",
	    "UPDATE entry SET seq=6 WHERE seq=5",
	    "UPDATE checkpoint SET size=7 WHERE size=6",
	    "UPDATE checkpoint SET size=-6 WHERE size=6",
	    "UPDATE receipt SET size=4",
	    "UPDATE head SET size=5 WHERE what=0",
	    "UPDATE head SET size=3 WHERE what=1",
	    "DELETE FROM head WHERE what=0",
	    "UPDATE meta SET value='host-2' WHERE key='origin'",
	    "UPDATE meta SET value=1 WHERE key='gen'",
	    "DELETE FROM meta",
	    "DROP TABLE receipt",
	    "PRAGMA user_version=2",
	    "INSERT INTO entry VALUES(6,x'00',x'00')",
	    "UPDATE entry SET leaf=NULL WHERE seq=1",
	    "UPDATE entry SET leaf=5, hash=7 WHERE seq=1",
	    "UPDATE checkpoint SET note=zeroblob(70000) WHERE size=6",
	};

	for (size_t i = 0; i < ARRAY_LEN(CHANGES); i++) {
		struct first f;
		struct db *db;
		char command[512];

		(void)teardown(NULL);
		(void)setup(NULL);
		must(str_format(command, sizeof command, "BEGIN;%s;COMMIT",
			 CHANGES[i]) == 0);
		assert_int_equal(db_open(path, DB_CREATE, &db, NULL), 0);
		if (db_exec(db, command, NULL) != 0) {
			/* A column that may not be NULL. */
			assert_non_null(strstr(command, "NULL"));
			db_close(db);
			continue;
		}
		db_close(db);
		if (problems(&f) == 0)
			fail_msg("not told: %s", CHANGES[i]);
	}
}

static void
test_nothing_there(void **state UNUSED)
{
	struct verify v = {.problem = on_problem};
	struct diag why = {""};

	assert_int_equal(verify_log(&v, "/nonexistent/log.db", &why), -ENOENT);
	assert_true(why.text[0] != '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_good, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_every_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
	    cmocka_unit_test(test_nothing_there),
	};

	return cmocka_run_group_tests_name("cli/verify", tests, NULL, NULL);
}
