/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db - the owner of SQLite: open, statements, transactions.
 *
 * Owns: the connection's settings, how a file comes to be, and the one table
 * from SQLite's results to errno.
 * Never: retries a write; creates a file by reading; leaves a file behind that
 * its writer cannot open.
 *
 * A database is PATH, PATH-wal and PATH-shm, all with the mode (0600) and owner
 * of PATH. The writer keeps the last two when it closes (PERSIST_WAL), so that
 * a reader under another id finds them and has nothing to create; where they
 * are missing all the same, SQLite running as root gives those that it makes to
 * the owner of PATH. A reader neither checkpoints nor deletes. Where it cannot
 * write beside the file (a copy on read-only media), and the log beside it is
 * empty or absent, it takes the file as immutable.
 *
 * What an earlier process wrote into the write-ahead log, but could not sync,
 * may be in the page cache alone. So whoever opens to write first copies all of
 * that log into the file and syncs it: what it then reads is durable.
 */
#include "lib/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/str.h"

#include "lib/own.h"

#define BUSY_MS 10000
/* Larger than any blob that we keep; bounds what a hostile file may claim. */
#define VALUE_MAX (64 * 1024 * 1024)

struct db {
	sqlite3 *c;
	struct stmt *begin, *commit; /* NULL in a reader */
};

struct stmt {
	sqlite3_stmt *s;
	struct db *db;
	int err; /* of a bind, told by the next step */
};

/* ---- errors ---- */

/* A failed sync is never "no space": what was written is in doubt. */
static int
io_error(int extended, int cause)
{
	if (extended == SQLITE_IOERR_NOMEM)
		return -ENOMEM;
	if (extended != SQLITE_IOERR_FSYNC &&
	    extended != SQLITE_IOERR_DIR_FSYNC &&
	    (cause == ENOSPC || cause == EDQUOT))
		return -ENOSPC;
	return -EIO;
}

static int
db_errno(sqlite3 *c, int code)
{
	int cause = c == NULL ? 0 : sqlite3_system_errno(c);

	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_IOERR:
		return io_error(code, cause);
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return -EBADMSG;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CANTOPEN:
		return cause > 0 ? -cause : -ENOENT;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_TOOBIG:
		return -ENOBUFS;
	default:
		return -EINVAL;
	}
}

static int
tell(sqlite3 *c, int code, const char *where, struct diag *why)
{
	int r = db_errno(c, code);

	if (r == 0)
		return 0;
	return diag_set(why, r, "%s: %s", where,
	    c == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(c));
}

/* ---- opening ---- */

/*
 * The absolute path: links on the way are followed, one in the place of the
 * file is not, since its directory belongs to a process with less privilege.
 */
static int
resolve(const char *path, char *out, size_t size, struct diag *why)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	char dir[PATH_MAX] = ".", real[PATH_MAX];

	if (slash != NULL && str_copy_len(dir, sizeof dir, path,
				 (size_t)(slash - path) + 1) != 0)
		return diag_set(why, -ENAMETOOLONG, "%s: is too long", path);
	if (realpath(dir, real) == NULL)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	if (name[0] == '\0' || str_format(out, size, "%s/%s", real, name) != 0)
		return diag_set(why, -ENAMETOOLONG, "%s: is no name", path);
	return 0;
}

/*
 * Makes the file with its mode before SQLite would with another one. Only a
 * fresh file is opened here: closing a descriptor of one that is in use would
 * drop the locks that this process holds on it.
 */
static int
create(const char *path, struct diag *why)
{
	OWN_FD int fd = open(
	    path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	char dir[PATH_MAX];

	if (fd < 0 && errno == EEXIST)
		return 0;
	if (fd < 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	must(str_copy(dir, sizeof dir, path) == 0);
	*strrchr(dir, '/') = '\0';
	OWN_FD int parent = open(
	    dir[0] == '\0' ? "/" : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || fsync(parent) != 0)
		return diag_set(why, -errno, "%s: %s", dir, strerror(errno));
	return 0;
}

static int
connect_to(struct db *db, const char *name, int flags)
{
	int code = sqlite3_open_v2(name, &db->c,
	    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
		SQLITE_OPEN_EXRESCODE,
	    NULL);

	if (code != SQLITE_OK)
		return code;
	(void)sqlite3_busy_timeout(db->c, BUSY_MS);
	(void)sqlite3_limit(db->c, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	(void)sqlite3_limit(db->c, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_db_config(db->c, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db->c, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return SQLITE_OK;
}

static int
run(struct db *db, const char *sql)
{
	return sqlite3_exec(db->c, sql, NULL, NULL, NULL);
}

static void
disconnect(struct db *db)
{
	int code = sqlite3_close(db->c);

	must(code == SQLITE_OK); /* else a statement was not freed */
	db->c = NULL;
}

static const char WRITER[] = "PRAGMA journal_mode=WAL;"
			     "PRAGMA synchronous=FULL;"
			     "PRAGMA secure_delete=ON;"
			     "PRAGMA foreign_keys=OFF;"
			     "PRAGMA cell_size_check=ON;"
			     "PRAGMA temp_store=MEMORY;"
			     "PRAGMA wal_autocheckpoint=1000;" /* 4 MiB */
			     "PRAGMA journal_size_limit=16777216;";

static const char READER[] = "PRAGMA query_only=ON;"
			     "PRAGMA cell_size_check=ON;"
			     "PRAGMA temp_store=MEMORY;";

static int
open_writer(struct db *db, const char *path, struct diag *why)
{
	int keep = 1;
	int r = create(path, why);

	if (r != 0)
		return r;
	r = connect_to(db, path, SQLITE_OPEN_READWRITE);
	if (r == SQLITE_OK)
		r = sqlite3_file_control(
		    db->c, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	if (r == SQLITE_OK)
		r = run(db, WRITER);
	/* See the head: makes durable what was in doubt. */
	if (r == SQLITE_OK)
		r = sqlite3_wal_checkpoint_v2(
		    db->c, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL);
	if (r != SQLITE_OK)
		return tell(db->c, r, path, why);
	r = db_prepare(db, "BEGIN IMMEDIATE", &db->begin, why);
	if (r == 0)
		r = db_prepare(db, "COMMIT", &db->commit, why);
	return r;
}

/* A name for SQLite's own syntax of addresses, where '%', '?', '#' act. */
static int
immutable_name(const char *path, char *out, size_t size)
{
	size_t n = 0;

	if (str_copy(out, size, "file:") != 0)
		return -ENAMETOOLONG;
	n = strlen(out);
	for (const char *p = path; *p != '\0'; p++) {
		bool plain = *p != '%' && *p != '?' && *p != '#';
		int r = plain ? str_format(out + n, size - n, "%c", *p)
			      : str_format(out + n, size - n, "%%%02X",
				    (unsigned char)*p);

		if (r != 0)
			return r;
		n += strlen(out + n);
	}
	return str_format(out + n, size - n, "?immutable=1");
}

/* Nothing waits in a write-ahead log beside the file. */
static bool
log_is_empty(const char *path)
{
	char wal[PATH_MAX];
	struct stat st;

	return str_format(wal, sizeof wal, "%s-wal", path) == 0 &&
	       (stat(wal, &st) != 0 ? errno == ENOENT : st.st_size == 0);
}

static int
open_reader(struct db *db, const char *path, struct diag *why)
{
	char name[3 * PATH_MAX];
	int r = connect_to(db, path, SQLITE_OPEN_READONLY);

	if (r == SQLITE_OK)
		r = run(db, READER);
	/* The first look at the file is what opens its log. */
	if (r == SQLITE_OK)
		r = run(db, "SELECT count(*) FROM sqlite_schema");
	if (((r & 0xff) == SQLITE_CANTOPEN || (r & 0xff) == SQLITE_READONLY) &&
	    log_is_empty(path) && access(path, R_OK) == 0 &&
	    immutable_name(path, name, sizeof name) == 0) {
		disconnect(db);
		r = connect_to(
		    db, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
		if (r == SQLITE_OK)
			r = run(db, READER);
		if (r == SQLITE_OK)
			r = run(db, "SELECT count(*) FROM sqlite_schema");
	}
	if (r == SQLITE_OK)
		r = sqlite3_db_config(
		    db->c, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return tell(db->c, r, path, why);
}

int
db_open(const char *path, enum db_mode mode, struct db **out, struct diag *why)
{
	char real[PATH_MAX];
	struct db *db;
	int r = resolve(path, real, sizeof real, why);

	if (r != 0)
		return r;
	db = calloc(1, sizeof *db);
	if (db == NULL)
		return -ENOMEM;
	r = mode == DB_CREATE ? open_writer(db, real, why)
			      : open_reader(db, real, why);
	if (r != 0) {
		db_close(db);
		return r;
	}
	*out = db;
	return 0;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	stmt_free(db->begin);
	stmt_free(db->commit);
	disconnect(db);
	free(db);
}

void
db_closep(struct db **db)
{
	db_close(*db);
}

/* ---- the whole database ---- */

int
db_exec(struct db *db, const char *sql, struct diag *why)
{
	return tell(db->c, run(db, sql), "SQL", why);
}

int
db_version(struct db *db, int64_t *out)
{
	struct stmt *s = NULL;
	int r = db_prepare(db, "PRAGMA user_version", &s, NULL);

	if (r != 0)
		return r;
	must(s != NULL);
	r = stmt_step(s);
	if (r == 1)
		*out = stmt_int(s, 0);
	stmt_free(s);
	return r < 0 ? r : 0;
}

int
db_set_version(struct db *db, int64_t v)
{
	char sql[64];

	must(str_format(sql, sizeof sql, "PRAGMA user_version=%lld",
		 (long long)v) == 0);
	return db_exec(db, sql, NULL);
}

int
db_begin(struct db *db)
{
	return db->begin == NULL ? -EROFS : stmt_run(db->begin);
}

int
db_commit(struct db *db)
{
	return db->commit == NULL ? -EROFS : stmt_run(db->commit);
}

void
db_rollback(struct db *db)
{
	/* SQLite ends a transaction itself after some errors. */
	if (sqlite3_get_autocommit(db->c) == 0)
		(void)run(db, "ROLLBACK");
}

int64_t
db_changes(struct db *db)
{
	return sqlite3_changes64(db->c);
}

/* ---- statements ---- */

int
db_prepare(struct db *db, const char *sql, struct stmt **out, struct diag *why)
{
	struct stmt *s = calloc(1, sizeof *s);
	int code;

	if (s == NULL)
		return -ENOMEM;
	s->db = db;
	code = sqlite3_prepare_v3(
	    db->c, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->s, NULL);
	if (code != SQLITE_OK) {
		free(s);
		return tell(db->c, code, "SQL", why);
	}
	*out = s;
	return 0;
}

void
stmt_free(struct stmt *s)
{
	if (s == NULL)
		return;
	(void)sqlite3_finalize(s->s);
	free(s);
}

void
stmt_freep(struct stmt **s)
{
	stmt_free(*s);
}

static void
bound(struct stmt *s, int code)
{
	if (code != SQLITE_OK && s->err == 0)
		s->err = db_errno(s->db->c, code);
}

void
stmt_bind_int(struct stmt *s, int i, int64_t v)
{
	bound(s, sqlite3_bind_int64(s->s, i, v));
}

void
stmt_bind_text(struct stmt *s, int i, const char *v)
{
	/* SQLITE_TRANSIENT is a cast of -1, which the warnings do not like. */
	sqlite3_destructor_type copy =
	    (sqlite3_destructor_type)(uintptr_t)UINTPTR_MAX;

	bound(s, v == NULL ? sqlite3_bind_null(s->s, i)
			   : sqlite3_bind_text64(
				 s->s, i, v, strlen(v), copy, SQLITE_UTF8));
}

void
stmt_bind_blob(struct stmt *s, int i, const void *v, size_t len)
{
	sqlite3_destructor_type copy =
	    (sqlite3_destructor_type)(uintptr_t)UINTPTR_MAX;

	bound(s, v == NULL ? sqlite3_bind_null(s->s, i)
			   : sqlite3_bind_blob64(s->s, i, v, len, copy));
}

int
stmt_step(struct stmt *s)
{
	int code, r = s->err;

	if (r != 0) {
		stmt_reset(s);
		return r;
	}
	code = sqlite3_step(s->s);
	if (code == SQLITE_ROW)
		return 1;
	/* Before the reset, which clears what the connection remembers. */
	r = db_errno(s->db->c, code);
	stmt_reset(s);
	return r;
}

int
stmt_run(struct stmt *s)
{
	int r;

	/* A statement of ours ends; a foreign file's schema cannot add rows
	 * without bound, since the triggers are ours, too. */
	while ((r = stmt_step(s)) == 1)
		;
	(void)sqlite3_clear_bindings(s->s);
	return r;
}

void
stmt_reset(struct stmt *s)
{
	(void)sqlite3_reset(s->s);
	s->err = 0;
}

int
stmt_binds(struct stmt *s)
{
	return sqlite3_bind_parameter_count(s->s);
}

bool
stmt_is_null(struct stmt *s, int i)
{
	return sqlite3_column_type(s->s, i) == SQLITE_NULL;
}

int64_t
stmt_int(struct stmt *s, int i)
{
	return sqlite3_column_int64(s->s, i);
}

const char *
stmt_text(struct stmt *s, int i)
{
	const unsigned char *t = sqlite3_column_text(s->s, i);

	return t == NULL ? "" : (const char *)t;
}

const void *
stmt_blob(struct stmt *s, int i, size_t *len)
{
	const void *b = sqlite3_column_blob(s->s, i);
	int n = sqlite3_column_bytes(s->s, i);

	*len = b == NULL || n < 0 ? 0 : (size_t)n;
	return b;
}
