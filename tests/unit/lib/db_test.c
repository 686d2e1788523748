/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_test - settings, errors, and a file that is shared by two users.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "lib/db.h"
#include "lib/str.h"

#include "lib/own.h"

#define WRITER 64903

static char dir[64];
static char path[128];

static int
setup(void **state UNUSED)
{
	(void)str_copy(dir, sizeof dir, "/tmp/db_test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	return str_format(path, sizeof path, "%s/a %%?#.db", dir);
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
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int64_t
ask(struct db *db, const char *sql)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	int64_t v = -1;

	assert_int_equal(db_prepare(db, sql, &s, NULL), 0);
	if (stmt_step(s) == 1)
		v = stmt_int(s, 0);
	return v;
}

static int
fill(const char *file)
{
	OWN(db_closep) struct db *db = NULL;

	if (db_open(file, DB_CREATE, &db, NULL) != 0)
		return 1;
	return db_exec(db,
		   "CREATE TABLE IF NOT EXISTS t(k INTEGER PRIMARY KEY, v);"
		   "INSERT INTO t(v) VALUES('one');",
		   NULL) == 0
		   ? 0
		   : 2;
}

static void
test_settings(void **state UNUSED)
{
	OWN(db_closep) struct db *db = NULL;
	OWN(stmt_freep) struct stmt *s = NULL;
	struct stat st;
	int64_t v = -1;

	assert_int_equal(db_open(path, DB_CREATE, &db, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(db_prepare(db, "PRAGMA journal_mode", &s, NULL), 0);
	assert_int_equal(stmt_step(s), 1);
	assert_string_equal(stmt_text(s, 0), "wal");
	stmt_reset(s);
	assert_int_equal(ask(db, "PRAGMA synchronous"), 2);
	assert_int_equal(ask(db, "PRAGMA secure_delete"), 1);
	assert_int_equal(ask(db, "PRAGMA trusted_schema"), 0);
	assert_int_equal(ask(db, "PRAGMA foreign_keys"), 0);
	assert_int_equal(db_version(db, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(db_set_version(db, 7), 0);
	assert_int_equal(db_version(db, &v), 0);
	assert_int_equal(v, 7);
}

static void
test_statements(void **state UNUSED)
{
	OWN(db_closep) struct db *db = NULL;
	OWN(stmt_freep) struct stmt *put = NULL;
	OWN(stmt_freep) struct stmt *get = NULL;
	struct diag why = {""};
	size_t len;

	assert_int_equal(db_open(path, DB_CREATE, &db, NULL), 0);
	assert_int_equal(
	    db_exec(db, "CREATE TABLE t(a INT UNIQUE, b TEXT, c BLOB)", NULL),
	    0);
	assert_int_equal(
	    db_prepare(db, "INSERT INTO t VALUES(?,?,?)", &put, NULL), 0);
	stmt_bind_int(put, 1, INT64_MIN);
	stmt_bind_text(put, 2, "t\xc3\xa4xt");
	stmt_bind_blob(put, 3, "\0\1\2", 3);
	assert_int_equal(stmt_run(put), 0);
	assert_int_equal(db_changes(db), 1);
	stmt_bind_int(put, 1, INT64_MIN);
	assert_int_equal(stmt_run(put), -EEXIST);
	/* Bindings do not live on, an empty blob is not NULL. */
	stmt_bind_blob(put, 3, "", 0);
	assert_int_equal(stmt_run(put), 0);
	/* A bind error is kept until the step, and then gone. */
	stmt_bind_int(put, 9, 1);
	assert_int_equal(stmt_run(put), -EINVAL);
	assert_int_equal(
	    db_prepare(db, "SELECT * FROM t ORDER BY a NULLS LAST", &get, NULL),
	    0);
	assert_int_equal(stmt_step(get), 1);
	assert_true(stmt_int(get, 0) == INT64_MIN);
	assert_string_equal(stmt_text(get, 1), "t\xc3\xa4xt");
	assert_memory_equal(stmt_blob(get, 2, &len), "\0\1\2", 3);
	assert_int_equal(len, 3);
	assert_int_equal(stmt_step(get), 1);
	assert_true(stmt_is_null(get, 0));
	assert_string_equal(stmt_text(get, 1), "");
	assert_false(stmt_is_null(get, 2));
	assert_int_equal(stmt_step(get), 0);
	assert_int_equal(db_exec(db, "SELECT nonsense", &why), -EINVAL);
	assert_non_null(strstr(why.text, "nonsense"));
}

static void
test_transactions(void **state UNUSED)
{
	OWN(db_closep) struct db *db = NULL;

	assert_int_equal(db_open(path, DB_CREATE, &db, NULL), 0);
	assert_int_equal(db_exec(db, "CREATE TABLE t(a)", NULL), 0);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES(1)", NULL), 0);
	db_rollback(db);
	db_rollback(db); /* none is open: nothing happens */
	assert_int_equal(ask(db, "SELECT count(*) FROM t"), 0);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES(1)", NULL), 0);
	assert_int_equal(db_commit(db), 0);
	assert_int_equal(ask(db, "SELECT count(*) FROM t"), 1);
}

static void
test_reader(void **state UNUSED)
{
	OWN(db_closep) struct db *w = NULL;
	OWN(db_closep) struct db *r = NULL;
	struct diag why = {""};

	assert_int_equal(db_open(path, DB_READ_ONLY, &r, &why), -ENOENT);
	assert_non_null(strstr(why.text, path));
	assert_int_equal(fill(path), 0);
	assert_int_equal(db_open(path, DB_CREATE, &w, NULL), 0);
	assert_int_equal(db_open(path, DB_READ_ONLY, &r, NULL), 0);
	assert_int_equal(ask(r, "SELECT count(*) FROM t"), 1);
	/* What is committed while the reader is there is seen by it. */
	assert_int_equal(db_exec(w, "INSERT INTO t(v) VALUES('x')", NULL), 0);
	assert_int_equal(ask(r, "SELECT count(*) FROM t"), 2);
	assert_int_equal(db_exec(r, "DELETE FROM t", NULL), -EROFS);
	assert_int_equal(db_begin(r), -EROFS);
	assert_int_equal(db_commit(r), -EROFS);
}

static void
test_bad_files(void **state UNUSED)
{
	char text[8192], link[160];
	struct db *db = NULL;
	OWN_FD int fd = open(path, O_CREAT | O_WRONLY, 0600);

	memset(text, 'x', sizeof text);
	assert_int_equal(write(fd, text, sizeof text), sizeof text);
	assert_int_equal(db_open(path, DB_CREATE, &db, NULL), -EBADMSG);
	assert_int_equal(db_open(path, DB_READ_ONLY, &db, NULL), -EBADMSG);
	assert_int_equal(db_open(dir, DB_READ_ONLY, &db, NULL) < 0, 1);
	/* A link where the file should be is refused: who owns the directory
	 * may be less than who reads. */
	assert_int_equal(str_format(link, sizeof link, "%s/link", dir), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fill(path), 0);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(db_open(link, DB_READ_ONLY, &db, NULL) < 0, 1);
	assert_int_equal(db_open(link, DB_CREATE, &db, NULL) < 0, 1);
}

/* ---- two users ---- */

static int
as_writer(int (*what)(const char *))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || setgid(WRITER) != 0 ||
		    setuid(WRITER) != 0)
			_exit(99);
		_exit(what(path));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

/* Ends without closing, as a process does that is killed. */
static int
fill_and_die(const char *file)
{
	struct db *db = NULL;

	if (db_open(file, DB_CREATE, &db, NULL) != 0 ||
	    db_exec(db, "INSERT INTO t(v) VALUES('two')", NULL) != 0)
		return 1;
	_exit(0);
}

static void
check_owner(const char *suffix)
{
	char name[160];
	struct stat st;

	assert_int_equal(
	    str_format(name, sizeof name, "%s%s", path, suffix), 0);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_uid, WRITER);
	assert_int_equal(st.st_gid, WRITER);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static int
drop(const char *suffix)
{
	char name[160];

	return str_format(name, sizeof name, "%s%s", path, suffix) == 0
		   ? unlink(name)
		   : -1;
}

/* Root reads: after a clean end, after a kill, and where both files beside are
 * missing. After each the writer can go on. */
static void
test_root_reads(void **state UNUSED)
{
	struct db *db = NULL;

	if (geteuid() != 0) {
		print_message("needs root: two users share a file\n");
		skip();
	}
	assert_int_equal(chown(dir, WRITER, WRITER), 0);
	assert_int_equal(as_writer(fill), 0);
	for (int turn = 0; turn < 3; turn++) {
		if (turn == 1)
			assert_int_equal(as_writer(fill_and_die), 0);
		if (turn == 2) {
			/* Alone, so that its end empties the log. */
			assert_int_equal(as_writer(fill), 0);
			assert_int_equal(drop("-wal"), 0);
			assert_int_equal(drop("-shm"), 0);
		}
		assert_int_equal(db_open(path, DB_READ_ONLY, &db, NULL), 0);
		assert_int_equal(
		    ask(db, "SELECT count(*) FROM t"), turn == 0   ? 1
						       : turn == 1 ? 3
								   : 5);
		check_owner("");
		check_owner("-shm");
		check_owner("-wal");
		/* The writer goes on beside the reader, and after it. */
		assert_int_equal(as_writer(fill), 0);
		assert_int_equal(
		    ask(db, "SELECT count(*) FROM t"), turn == 0   ? 2
						       : turn == 1 ? 4
								   : 6);
		db_close(db);
		check_owner("-shm");
		check_owner("-wal");
	}
	assert_int_equal(as_writer(fill), 0);
}

static int
read_copy(const char *file)
{
	OWN(db_closep) struct db *db = NULL;

	if (db_open(file, DB_READ_ONLY, &db, NULL) != 0)
		return 1;
	return ask(db, "SELECT count(*) FROM t") == 1 ? 0 : 2;
}

/* Whoever cannot write beside a copy can read it. */
static void
test_read_only_copy(void **state UNUSED)
{
	struct stat st;

	if (geteuid() != 0) {
		print_message("needs root: reads as another user\n");
		skip();
	}
	assert_int_equal(fill(path), 0);
	assert_int_equal(drop("-wal"), 0);
	assert_int_equal(drop("-shm"), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(as_writer(read_copy), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_statements, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reader, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_root_reads, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_read_only_copy, setup, teardown),
	};

	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
