/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db - the owner of SQLite: open, statements, transactions.
 *
 * WAL, synchronous=FULL, secure_delete, trusted_schema off, foreign keys off.
 * Every function returns 0 or a negative errno: -EIO for a failed write or
 * fsync (the caller must not retry on the same file), -ENOSPC, -EBADMSG for a
 * corrupt file, -EEXIST for a constraint, -EINVAL for a bug in a statement.
 */
#ifndef LIB_DB_H
#define LIB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"

struct db;
struct stmt;

enum db_mode { DB_CREATE, DB_READ_ONLY };

int db_open(const char *path, enum db_mode mode, struct db **out,
    struct diag *why) MUST_CHECK;
void db_close(struct db *db);
void db_closep(struct db **db);
/* db_exec - runs a script of statements without results. */
int db_exec(struct db *db, const char *sql, struct diag *why) MUST_CHECK;
/* db_version - PRAGMA user_version, for schema migrations. */
int db_version(struct db *db, int64_t *out) MUST_CHECK;
int db_set_version(struct db *db, int64_t v) MUST_CHECK;
int db_begin(struct db *db) MUST_CHECK;
int db_commit(struct db *db) MUST_CHECK;
void db_rollback(struct db *db);
/* db_changes - rows that the last statement changed. */
int64_t db_changes(struct db *db);

/* db_prepare - the statement belongs to the caller until stmt_free. */
int db_prepare(struct db *db, const char *sql, struct stmt **out,
    struct diag *why) MUST_CHECK;
void stmt_free(struct stmt *s);
void stmt_freep(struct stmt **s);
/* Binds from 1; a bind error is kept and told by stmt_step. */
void stmt_bind_int(struct stmt *s, int i, int64_t v);
void stmt_bind_text(struct stmt *s, int i, const char *v); /* NULL is NULL */
void stmt_bind_blob(struct stmt *s, int i, const void *v, size_t len);
/* stmt_step - 1 for a row, 0 at the end (and reset), or negative errno. */
int stmt_step(struct stmt *s) MUST_CHECK;
/* stmt_binds - the number of the last parameter. */
int stmt_binds(struct stmt *s);
/* stmt_run - step to the end, reset, clear bindings; 0 or negative errno. */
int stmt_run(struct stmt *s) MUST_CHECK;
void stmt_reset(struct stmt *s);
/* Columns from 0; texts and blobs are valid until the next step or reset. */
bool stmt_is_null(struct stmt *s, int i);
int64_t stmt_int(struct stmt *s, int i);
const char *stmt_text(struct stmt *s, int i); /* "" for NULL */
const void *stmt_blob(struct stmt *s, int i, size_t *len);

#endif
