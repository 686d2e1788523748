/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heads - how far each log was signed.
 *
 * Owns: the file STATE/sign/heads.db: for each log and generation its size and
 * the hashes of lib/merkle.h's frontier.
 * Never: goes back, and never forgets a head: the tree that was signed is the
 * only one that can grow.
 */
#include "collector/heads.h"

#include <errno.h>
#include <string.h>

#include "lib/db.h"
#include "lib/merkle.h"

#include "lib/own.h"

#define VERSION_1 1

struct heads {
	struct db *db;
	struct stmt *get, *put;
};

int
heads_open(const char *path, struct heads **out, struct diag *why)
{
	struct heads *h = calloc(1, sizeof *h);
	int64_t version = 0;
	int r;

	if (h == NULL)
		return -ENOMEM;
	r = db_open(path, DB_CREATE, &h->db, why);
	if (r == 0)
		r = db_version(h->db, &version);
	if (r == 0 && version == 0) {
		r = db_exec(h->db,
		    "CREATE TABLE head(log TEXT NOT NULL, gen INT NOT NULL,"
		    " size INT NOT NULL, tree BLOB NOT NULL,"
		    " PRIMARY KEY(log, gen)) WITHOUT ROWID",
		    why);
		if (r == 0)
			r = db_set_version(h->db, VERSION_1);
	} else if (r == 0 && version != VERSION_1) {
		r = diag_set(why, -EBADMSG, "%s: is of another version", path);
	}
	if (r == 0)
		r = db_prepare(h->db,
		    "SELECT size,tree FROM head WHERE log=? AND gen=?", &h->get,
		    why);
	if (r == 0)
		r = db_prepare(h->db,
		    "INSERT INTO head(log,gen,size,tree) VALUES(?1,?2,?3,?4)"
		    " ON CONFLICT(log,gen) DO UPDATE SET size=?3,tree=?4",
		    &h->put, why);
	if (r != 0) {
		heads_close(h);
		return r;
	}
	*out = h;
	return 0;
}

void
heads_close(struct heads *h)
{
	if (h == NULL)
		return;
	stmt_free(h->get);
	stmt_free(h->put);
	db_close(h->db);
	free(h);
}

void
heads_closep(struct heads **h)
{
	heads_close(*h);
}

int
heads_begin(struct heads *h)
{
	return db_begin(h->db);
}

int
heads_commit(struct heads *h)
{
	return db_commit(h->db);
}

void
heads_rollback(struct heads *h)
{
	db_rollback(h->db);
}

static int
get(struct heads *h, const struct heads_ask *a, struct merkle *m)
{
	int r;

	merkle_init(m);
	stmt_bind_text(h->get, 1, a->log);
	stmt_bind_int(h->get, 2, a->gen);
	r = stmt_step(h->get);
	if (r == 1) {
		uint64_t size = (uint64_t)stmt_int(h->get, 0);
		size_t n = 0, want = (size_t)__builtin_popcountll(size);
		const void *tree = stmt_blob(h->get, 1, &n);

		r = n == want * SEAL_HASH ? 0 : -EBADMSG;
		if (r == 0 && n > 0)
			memcpy(m->frontier, tree, n);
		m->size = size;
	}
	stmt_reset(h->get);
	return r;
}

int
heads_grow(struct heads *h, const struct heads_ask *a, uint64_t *size)
{
	struct merkle m;
	uint8_t root[SEAL_HASH];
	uint64_t held;
	int r = get(h, a, &m);

	if (r != 0)
		return r;
	*size = held = m.size;
	if (a->first > held)
		return -ERANGE;
	if (a->count < held - a->first)
		return -EEXIST;
	for (size_t i = (size_t)(held - a->first); i < a->count; i++)
		merkle_append(&m, a->hashes + i * SEAL_HASH);
	if (a->root != NULL) {
		merkle_root(&m, root);
		if (memcmp(root, a->root, SEAL_HASH) != 0)
			return -EBADMSG;
	}
	*size = m.size;
	if (m.size == held)
		return 0;
	stmt_bind_text(h->put, 1, a->log);
	stmt_bind_int(h->put, 2, a->gen);
	stmt_bind_int(h->put, 3, (int64_t)m.size);
	stmt_bind_blob(h->put, 4, m.frontier,
	    (size_t)__builtin_popcountll(m.size) * SEAL_HASH);
	return stmt_run(h->put);
}
