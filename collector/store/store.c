/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - the database of the collector, its tokens and its agents.
 *
 * Owns: the statements; who is an agent, by the digest of its key.
 * Never: makes a certificate, sees a clear token, or judges a batch (take.c).
 */
#include "collector/store/store.h"

#include <errno.h>
#include <string.h>

#include "collector/store/inner.h"
#include "collector/store/schema.h"
#include "lib/note.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

static const char *const SQL[SQL_COUNT] = {
    [SQL_TOKEN_ADD] =
	"INSERT INTO token(hash,made_us,expires_us) VALUES(?,?,?)",
    [SQL_TOKEN_GET] =
	"SELECT expires_us,used_us,agent_id FROM token WHERE hash=?",
    [SQL_TOKEN_USE] = "UPDATE token SET used_us=?,agent_id=? WHERE hash=?",
    [SQL_AGENT_GET] = "SELECT spki,key,vkey,state,gen FROM agent WHERE id=?",
    [SQL_AGENT_BY_VKEY] = "SELECT id,spki,state FROM agent WHERE vkey=?",
    [SQL_AGENT_ADD] =
	"INSERT INTO agent(id,host,spki,key,vkey,state,enrolled_us)"
	" VALUES(?,?,?,?,?,'active',?)",
    [SQL_AGENT_AGAIN] =
	"UPDATE agent SET host=?2,spki=?3,key=?4,state='active',"
	"enrolled_us=?5,revoked_us=NULL WHERE id=?1",
    [SQL_AGENT_REVOKE] =
	"UPDATE agent SET state='revoked',revoked_us=?2 WHERE id=?1",
    [SQL_AGENT_SEEN] = "UPDATE agent SET seen_us=?2,gen=?3 WHERE id=?1",
    [SQL_AGENT_LIST] =
	"SELECT a.id,a.host,a.state,a.enrolled_us,a.seen_us,a.gen,"
	"(SELECT sum(size) FROM frontier f WHERE f.agent_id=a.id),"
	"(SELECT count(*) FROM alarm w WHERE w.agent_id=a.id)"
	" FROM agent a ORDER BY a.id",
    [SQL_FRONTIER_GET] =
	"SELECT size,tree FROM frontier WHERE agent_id=? AND gen=?",
    [SQL_FRONTIER_PUT] =
	"INSERT INTO frontier(agent_id,gen,size,tree) VALUES(?1,?2,?3,?4)"
	" ON CONFLICT(agent_id,gen) DO UPDATE SET size=?3,tree=?4",
    [SQL_BATCH_ADD] =
	"INSERT INTO batch(agent_id,gen,first,count,bytes,leaves,note,got_us)"
	" VALUES(?,?,?,?,?,?,?,?)",
    /* A batch has a bounded length, so that its start is bounded, too. */
    [SQL_BATCH_OVERLAP] =
	"SELECT first,count,leaves FROM batch WHERE agent_id=?1 AND gen=?2"
	" AND first>?3-?5 AND first<?4 ORDER BY first",
    [SQL_BATCH_AT] =
	"SELECT b.agent_id,a.vkey,b.gen,b.first,b.leaves,b.note"
	" FROM batch b JOIN agent a ON a.id=b.agent_id WHERE b.agent_id=?"
	" AND b.gen=? AND b.first<=? ORDER BY b.first DESC LIMIT 1",
    [SQL_DUE] =
	"SELECT b.agent_id,a.vkey,b.gen,b.first,b.leaves,b.note"
	" FROM batch b JOIN agent a ON a.id=b.agent_id WHERE b.agent_id=?"
	" AND b.gen=? AND b.first>=? AND b.cosigned IS NULL"
	" ORDER BY b.first LIMIT 1",
    [SQL_DUE_ANY] =
	"SELECT b.agent_id,a.vkey,b.gen,b.first,b.leaves,b.note"
	" FROM batch b JOIN agent a ON a.id=b.agent_id"
	" WHERE b.cosigned IS NULL AND (b.agent_id,b.gen,b.first)>(?,?,?)"
	" ORDER BY b.agent_id,b.gen,b.first LIMIT 1",
    [SQL_RECEIPT] =
	"UPDATE batch SET cosigned=?4 WHERE agent_id=?1 AND gen=?2 AND"
	" first=?3",
    [SQL_RECEIPT_LAST] =
	"SELECT cosigned FROM batch WHERE agent_id=? AND gen=? AND"
	" length(cosigned)>0 ORDER BY first DESC LIMIT 1",
    [SQL_ALARM_GET] =
	"SELECT 1 FROM alarm WHERE agent_id=? AND kind=? AND detail=?",
    [SQL_ALARM_ADD] =
	"INSERT INTO alarm(agent_id,wall_us,kind,detail) VALUES(?,?,?,?)",
    [SQL_SEALED_NEXT] =
	"SELECT rowid,sealed FROM finding INDEXED BY finding_waits"
	" WHERE sealed IS NOT NULL AND exact IS NULL AND rowid>?"
	" ORDER BY rowid LIMIT 1",
    [SQL_SEALED_DONE] =
	"UPDATE finding SET exact='done',candidates=?2,confirmed=?3,"
	"sealed=substr(sealed,1,?4) WHERE rowid=?1",
    [SQL_SEALED_LEFT] = "UPDATE finding SET exact=?2 WHERE rowid=?1",
    [SQL_SEALED_AGAIN] =
	"UPDATE finding SET exact=NULL WHERE exact IN('missing','closed')",
    [SQL_MARK_ADD] = "INSERT OR IGNORE INTO exact_value(agent_id,gen,seq,value)"
		     " SELECT agent_id,gen,seq,?2 FROM finding WHERE rowid=?1",
};

int
store_open(const char *path, struct store **out, struct diag *why)
{
	struct store *s = calloc(1, sizeof *s);
	int r;

	if (s == NULL)
		return -ENOMEM;
	buf_init(&s->plain, BATCH_BYTES_MAX);
	s->facts = calloc(BATCH_ENTRIES_MAX, sizeof *s->facts);
	s->readable = calloc(BATCH_ENTRIES_MAX, sizeof *s->readable);
	r = s->facts == NULL || s->readable == NULL
		? -ENOMEM
		: db_open(path, DB_CREATE, &s->db, why);
	if (r == 0)
		r = schema_make(s->db, why);
	for (size_t i = 0; r == 0 && i < SQL_COUNT; i++)
		r = db_prepare(s->db, SQL[i], &s->sql[i], why);
	if (r == 0)
		r = project_new(s->db, &s->project, why);
	if (r != 0) {
		store_close(s);
		return r;
	}
	*out = s;
	return 0;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < SQL_COUNT; i++)
		stmt_free(s->sql[i]);
	project_free(s->project);
	db_close(s->db);
	buf_done(&s->plain);
	free(s->facts);
	free(s->readable);
	free(s);
}

void
store_closep(struct store **s)
{
	store_close(*s);
}

int
store_begin(struct store *s)
{
	return db_begin(s->db);
}

int
store_commit(struct store *s)
{
	return db_commit(s->db);
}

void
store_rollback(struct store *s)
{
	db_rollback(s->db);
}

/* ---- tokens and agents ---- */

int
store_token_add(struct store *s, const uint8_t hash[SEAL_HASH], int64_t now_us,
    int64_t to_us)
{
	struct stmt *q = s->sql[SQL_TOKEN_ADD];

	stmt_bind_blob(q, 1, hash, SEAL_HASH);
	stmt_bind_int(q, 2, now_us);
	stmt_bind_int(q, 3, to_us);
	return stmt_run(q);
}

static bool
same_blob(struct stmt *q, int column, const void *data, size_t len)
{
	size_t n = 0;
	const void *held = stmt_blob(q, column, &n);

	return n == len && seal_equal(held, data, len);
}

/* The id of an agent that does not exist yet: the host's name and a tail. */
static void
make_id(const char *host, char out[PKI_ID_MAX])
{
	uint8_t tail[4];
	char hex[2 * sizeof tail + 1];
	char name[PKI_ID_MAX - sizeof hex - 1];
	size_t n = 0;

	for (; *host != '\0' && n < 40; host++) {
		char c = *host;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '.')
			name[n++] = c;
	}
	name[n] = '\0';
	rng_fill(tail, sizeof tail);
	str_hex(hex, tail, sizeof tail);
	(void)snprintf(out, PKI_ID_MAX, "%s-%s", n > 0 ? name : "agent", hex);
}

/*
 * An agent that already has this log: 1 and its id if the request may have
 * that agent, 0 if there is none.
 */
static int
check_vkey(struct store *s, const struct store_enrol *e, char id[PKI_ID_MAX],
    struct diag *why)
{
	struct stmt *q = s->sql[SQL_AGENT_BY_VKEY];
	uint8_t key[SEAL_HASH];
	int r;

	seal_sha256(e->public_key, e->len, key);
	stmt_bind_text(q, 1, e->vkey);
	r = stmt_step(q);
	if (r == 1) {
		r = str_copy(id, PKI_ID_MAX, stmt_text(q, 0));
		if (r == 0)
			r = str_eq(stmt_text(q, 2), "revoked") ||
				    same_blob(q, 1, key, sizeof key)
				? 1
				: diag_set(why, -EEXIST,
				      "this log belongs to agent %s; revoke it "
				      "first",
				      id);
	}
	stmt_reset(q);
	return r;
}

/* 0 for a fresh token, 1 for one that was used, by the agent in @by. */
static int
check_token(struct store *s, const struct store_enrol *e, char by[PKI_ID_MAX],
    struct diag *why)
{
	struct stmt *q = s->sql[SQL_TOKEN_GET];
	int r;

	stmt_bind_blob(q, 1, e->token, SEAL_HASH);
	r = stmt_step(q);
	if (r == 0)
		r = diag_set(why, -EPERM, "there is no such token");
	else if (r == 1 && stmt_int(q, 0) < e->now_us)
		r = diag_set(why, -EPERM, "the token is too old");
	else if (r == 1 && stmt_is_null(q, 1))
		r = 0;
	else if (r == 1 && str_copy(by, PKI_ID_MAX, stmt_text(q, 2)) != 0)
		r = -EBADMSG;
	stmt_reset(q);
	return r;
}

int
store_enrol_check(struct store *s, const struct store_enrol *e,
    char id[PKI_ID_MAX], struct diag *why)
{
	char by[PKI_ID_MAX] = "";
	struct vkey v;
	int used, known;

	if (vkey_parse(e->vkey, &v) != 0 || v.type != NOTE_ED25519)
		return diag_set(
		    why, -EBADMSG, "the log's key is no Ed25519 vkey");
	used = check_token(s, e, by, why);
	if (used < 0)
		return used;
	known = check_vkey(s, e, id, why);
	if (known < 0)
		return known;
	/* Used: only the same agent with the same key, whose answer was lost. */
	if (used == 1) {
		uint8_t key[SEAL_HASH];

		seal_sha256(e->public_key, e->len, key);
		if (known != 1 || !str_eq(by, id) ||
		    store_admit(s, id, key, NULL) != 0)
			return diag_set(
			    why, -EPERM, "the token was used already");
		return 0;
	}
	if (known == 0)
		make_id(e->host, id);
	return 0;
}

int
store_enrol(struct store *s, const struct store_enrol *e, const char *id)
{
	struct stmt *use = s->sql[SQL_TOKEN_USE], *q;
	uint8_t key[SEAL_HASH];
	char known[PKI_ID_MAX];
	int r = check_vkey(s, e, known, NULL);

	if (r < 0)
		return r;
	seal_sha256(e->public_key, e->len, key);
	q = s->sql[r == 1 ? SQL_AGENT_AGAIN : SQL_AGENT_ADD];
	stmt_bind_text(q, 1, id);
	stmt_bind_text(q, 2, e->host);
	stmt_bind_blob(q, 3, key, sizeof key);
	stmt_bind_blob(q, 4, e->public_key, e->len);
	if (r == 1) {
		stmt_bind_int(q, 5, e->now_us);
	} else {
		stmt_bind_text(q, 5, e->vkey);
		stmt_bind_int(q, 6, e->now_us);
	}
	r = stmt_run(q);
	if (r != 0)
		return r;
	stmt_bind_int(use, 1, e->now_us);
	stmt_bind_text(use, 2, id);
	stmt_bind_blob(use, 3, e->token, SEAL_HASH);
	return stmt_run(use);
}

int
store_admit(struct store *s, const char *id, const uint8_t key[SEAL_HASH],
    struct diag *why)
{
	struct stmt *q = s->sql[SQL_AGENT_GET];
	int r;

	stmt_bind_text(q, 1, id);
	r = stmt_step(q);
	if (r == 0)
		r = diag_set(why, -EACCES, "agent %s is not known", id);
	else if (r == 1 && !str_eq(stmt_text(q, 3), "active"))
		r = diag_set(why, -EACCES, "agent %s is revoked", id);
	else if (r == 1 && !same_blob(q, 0, key, SEAL_HASH))
		r = diag_set(why, -EACCES,
		    "the certificate's key is not that of agent %s", id);
	else if (r == 1)
		r = 0;
	stmt_reset(q);
	return r;
}

int
store_public_key(struct store *s, const char *id, struct buf *out)
{
	struct stmt *q = s->sql[SQL_AGENT_GET];
	int r;

	stmt_bind_text(q, 1, id);
	r = stmt_step(q);
	if (r == 1) {
		size_t n = 0;
		const void *key = stmt_blob(q, 1, &n);

		buf_put(out, key, n);
		r = buf_error(out);
	} else if (r == 0) {
		r = -ENOENT;
	}
	stmt_reset(q);
	return r;
}

int
store_revoke(struct store *s, const char *id, int64_t now_us)
{
	struct stmt *q = s->sql[SQL_AGENT_GET];
	bool revoked = false;
	int r;

	stmt_bind_text(q, 1, id);
	r = stmt_step(q);
	if (r == 1)
		revoked = !str_eq(stmt_text(q, 3), "active");
	stmt_reset(q);
	if (r < 0)
		return r;
	if (r == 0 || revoked)
		return r == 0 ? -ENOENT : -EALREADY;
	q = s->sql[SQL_AGENT_REVOKE];
	stmt_bind_text(q, 1, id);
	stmt_bind_int(q, 2, now_us);
	return stmt_run(q);
}

static int
read_agent(struct stmt *q, struct store_agent *a)
{
	*a = (struct store_agent){.enrolled_us = stmt_int(q, 3),
	    .seen_us = stmt_int(q, 4),
	    .gen = (uint32_t)stmt_int(q, 5),
	    .entries = (uint64_t)stmt_int(q, 6),
	    .alarms = (uint32_t)stmt_int(q, 7)};
	if (str_copy(a->id, sizeof a->id, stmt_text(q, 0)) != 0 ||
	    str_copy(a->host, sizeof a->host, stmt_text(q, 1)) != 0 ||
	    str_copy(a->state, sizeof a->state, stmt_text(q, 2)) != 0)
		return -EBADMSG;
	return 0;
}

int
store_agents(struct store *s,
    int (*each)(void *ctx, const struct store_agent *a), void *ctx)
{
	struct stmt *q = s->sql[SQL_AGENT_LIST];
	struct store_agent a;
	int r;

	while ((r = stmt_step(q)) == 1) {
		r = read_agent(q, &a);
		if (r == 0)
			r = each(ctx, &a);
		if (r != 0)
			break;
	}
	stmt_reset(q);
	return r;
}

int
store_alarm(struct store *s, const char *id, int64_t now_us, const char *kind,
    const char *detail)
{
	struct stmt *q = s->sql[SQL_ALARM_GET];
	int r;

	stmt_bind_text(q, 1, id);
	stmt_bind_text(q, 2, kind);
	stmt_bind_text(q, 3, detail);
	r = stmt_step(q);
	stmt_reset(q);
	if (r != 0)
		return r;
	q = s->sql[SQL_ALARM_ADD];
	stmt_bind_text(q, 1, id);
	stmt_bind_int(q, 2, now_us);
	stmt_bind_text(q, 3, kind);
	stmt_bind_text(q, 4, detail);
	return stmt_run(q);
}
