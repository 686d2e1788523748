/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger - a durable log: entries, tree, checkpoints and receipts in one file.
 *
 * Owns: the schema below, the indices of entries, the group commit, and the
 * generations of a log.
 * Never: holds a signing key; changes a leaf; writes on after a write or sync
 * failed: what then lies in the page cache need not lie on the disk.
 *
 * One file is one generation. Its tables (user_version 1):
 *
 *   meta(key, value)        origin (text), gen (int)
 *   entry(seq, hash, leaf)  seq from 0 without holes; leaf: the exact bytes;
 *                           hash: RFC 6962's of them, for proofs
 *   salted(seq, seed, disclosures)
 *                           apart from the leaves, so that a row can be erased
 *                           and every proof stays good. seed: ENTRY_SEED_LEN
 *                           bytes; disclosures: each a u32 length (big-endian)
 *                           and the base64url text
 *   writer(source, epoch, number, seq)
 *                           the last number that was kept of each writer
 *   head(what, size, tree)  tree: the hashes of lib/merkle.h's frontier.
 *                           what 0: of all that is committed, written in the
 *                           same transaction; 1: of the last checkpoint. So an
 *                           open hashes what is between them, not the log
 *   checkpoint(size, root, note)
 *   receipt(size, note, wall_us)
 *                           note: the checkpoint with a cosignature; wall_us:
 *                           when it came, since 1970
 *   past(gen, size, root, note, receipted, receipt, wall_us)
 *                           generations that ended: what they held; note: the
 *                           checkpoint of their end where their own file has
 *                           none; the greatest size that was receipted, and the
 *                           receipt
 *
 * A new generation is made under PATH.N.new and gets its name when it is whole
 * and durable. The files of ended ones stay as they are. A table or column may
 * be added with another user_version; none of these may change its meaning.
 */
#include "lib/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/db.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define VERSION_1 1
#define GEN_MAX 9999
#define EPOCHS_KEPT 8 /* of one writer: an older process is long gone */
#define SALTED_MAX (2 * 1024 * 1024)

static const char TABLES[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE entry(seq INTEGER PRIMARY KEY, hash BLOB NOT NULL,"
    " leaf BLOB NOT NULL);"
    "CREATE TABLE salted(seq INTEGER PRIMARY KEY, seed BLOB NOT NULL,"
    " disclosures BLOB NOT NULL);"
    "CREATE TABLE writer(source TEXT NOT NULL, epoch INT NOT NULL,"
    " number INT NOT NULL, seq INT NOT NULL, PRIMARY KEY(source, epoch))"
    " WITHOUT ROWID;"
    "CREATE TABLE head(what INTEGER PRIMARY KEY, size INT NOT NULL,"
    " tree BLOB NOT NULL);"
    "CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, root BLOB NOT NULL,"
    " note BLOB NOT NULL);"
    "CREATE TABLE receipt(size INTEGER PRIMARY KEY, note BLOB NOT NULL,"
    " wall_us INT NOT NULL);"
    "CREATE TABLE past(gen INTEGER PRIMARY KEY, size INT NOT NULL,"
    " root BLOB NOT NULL, note BLOB, receipted INT NOT NULL, receipt BLOB,"
    " wall_us INT);";

enum sql {
	META_GET,
	META_PUT,
	ENTRY_PUT,
	ENTRY_GET,
	ENTRY_HASH,
	ENTRY_LAST,
	SALTED_PUT,
	WRITER_GET,
	WRITER_PUT,
	WRITER_PRUNE,
	WRITER_ALL,
	HEAD_GET,
	HEAD_PUT,
	CHECKPOINT_PUT,
	CHECKPOINT_GET,
	CHECKPOINT_ROOT,
	RECEIPT_PUT,
	RECEIPT_LAST,
	PAST_PUT,
	PAST_GET,
	PAST_ALL,
	PAST_RECEIPT,
	SQL_COUNT
};

static const char *const SQL[SQL_COUNT] = {
    [META_GET] = "SELECT value FROM meta WHERE key=?",
    [META_PUT] = "INSERT INTO meta(key,value) VALUES(?,?)",
    [ENTRY_PUT] = "INSERT INTO entry(seq,hash,leaf) VALUES(?,?,?)",
    [ENTRY_GET] = "SELECT hash,leaf,disclosures FROM entry LEFT JOIN salted"
		  " USING(seq) WHERE seq=?",
    [ENTRY_HASH] = "SELECT hash FROM entry WHERE seq=?",
    [ENTRY_LAST] = "SELECT max(seq) FROM entry",
    [SALTED_PUT] = "INSERT INTO salted(seq,seed,disclosures) VALUES(?,?,?)",
    [WRITER_GET] = "SELECT number FROM writer WHERE source=? AND epoch=?",
    [WRITER_PUT] =
	"INSERT INTO writer(source,epoch,number,seq) VALUES(?1,?2,?3,?4)"
	" ON CONFLICT(source,epoch) DO UPDATE SET number=?3,seq=?4",
    [WRITER_PRUNE] = "DELETE FROM writer WHERE source=?1 AND epoch NOT IN"
		     " (SELECT epoch FROM writer WHERE source=?1"
		     " ORDER BY seq DESC LIMIT ?2)",
    [WRITER_ALL] = "SELECT source,epoch,number FROM writer ORDER BY seq",
    [HEAD_GET] = "SELECT size,tree FROM head WHERE what=?",
    [HEAD_PUT] = "INSERT OR REPLACE INTO head(what,size,tree) VALUES(?,?,?)",
    [CHECKPOINT_PUT] = "INSERT INTO checkpoint(size,root,note) VALUES(?,?,?)",
    [CHECKPOINT_GET] = "SELECT size,note,root FROM checkpoint WHERE size>?"
		       " AND size<=? ORDER BY size DESC LIMIT 1",
    [CHECKPOINT_ROOT] = "SELECT root FROM checkpoint WHERE size=?",
    [RECEIPT_PUT] =
	"INSERT OR IGNORE INTO receipt(size,note,wall_us) VALUES(?,?,?)",
    [RECEIPT_LAST] =
	"SELECT size,wall_us FROM receipt ORDER BY size DESC LIMIT 1",
    [PAST_PUT] = "INSERT INTO past(gen,size,root,note,receipted,receipt,"
		 "wall_us) VALUES(?,?,?,?,?,?,?)",
    [PAST_GET] = "SELECT size,root,note,receipted FROM past WHERE gen=?",
    [PAST_ALL] = "SELECT gen,size,root,note,receipted,receipt,wall_us"
		 " FROM past ORDER BY gen",
    [PAST_RECEIPT] = "UPDATE past SET receipted=?2,receipt=?3,wall_us=?4"
		     " WHERE gen=?1 AND receipted<?2",
};

enum head { COMMITTED, SIGNED };

struct ledger {
	struct db *db;
	struct stmt *sql[SQL_COUNT];
	char origin[NOTE_NAME_MAX];
	uint32_t gen;
	bool dead;
	bool group; /* between begin and commit */
	struct merkle kept; /* of what is committed */
	struct merkle tree; /* with the open group */
	uint64_t signed_size;
	size_t kept_bytes, bytes; /* of a batch behind signed_size */
};

/* ---- small things ---- */

/* After a failed write of these kinds the file is not written again. */
static int
judge(struct ledger *l, int r)
{
	if (r == -EIO || r == -EBADMSG || r == -EROFS || r == -EINVAL) {
		l->dead = true;
		return -EIO;
	}
	return r;
}

static int64_t
bounded(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static size_t
tree_len(const struct merkle *m)
{
	return (size_t)__builtin_popcountll(m->size) * SEAL_HASH;
}

static int
take_blob(struct stmt *s, int column, struct buf *out)
{
	size_t len;
	const void *data = stmt_blob(s, column, &len);

	buf_put(out, data, len);
	return buf_error(out);
}

static int
head_get(struct ledger *l, enum head what, struct merkle *m)
{
	struct stmt *s = l->sql[HEAD_GET];
	int r;

	merkle_init(m);
	stmt_bind_int(s, 1, what);
	r = stmt_step(s);
	if (r == 1) {
		int64_t size = stmt_int(s, 0);
		size_t len;
		const void *tree = stmt_blob(s, 1, &len);

		m->size = size < 0 ? 0 : (uint64_t)size;
		r = size >= 0 && len == tree_len(m) ? 0 : -EBADMSG;
		if (r == 0 && len > 0)
			memcpy(m->frontier, tree, len);
	}
	stmt_reset(s);
	return r;
}

static int
head_put(struct ledger *l, enum head what, const struct merkle *m)
{
	struct stmt *s = l->sql[HEAD_PUT];

	stmt_bind_int(s, 1, what);
	stmt_bind_int(s, 2, bounded(m->size));
	stmt_bind_blob(s, 3, m->frontier, tree_len(m));
	return stmt_run(s);
}

/* ---- reading entries ---- */

static int
take_disclosures(struct entry *e, const void *data, size_t len)
{
	struct cur c;

	cur_init(&c, data, len);
	while (c.left > 0) {
		struct disclosure *d = &e->disclosures[e->ndisclosures];
		size_t n;
		const uint8_t *text = cur_blob(&c, &n);

		if (c.bad || e->ndisclosures == ENTRY_FIELDS_MAX)
			return -EBADMSG;
		d->text = malloc(n + 1);
		if (d->text == NULL)
			return -ENOMEM;
		if (n > 0)
			memcpy(d->text, text, n);
		d->text[n] = '\0';
		d->len = n;
		e->ndisclosures++;
	}
	return 0;
}

static int
take_entry(struct stmt *s, uint64_t seq, struct entry *e)
{
	uint8_t hash[SEAL_HASH];
	size_t len, n;
	const uint8_t *held = stmt_blob(s, 0, &len);
	const uint8_t *leaf = stmt_blob(s, 1, &n);
	const void *texts;

	merkle_leaf(leaf, n, hash);
	if (len != SEAL_HASH || memcmp(held, hash, SEAL_HASH) != 0)
		return -EBADMSG;
	e->seq = seq;
	buf_init(&e->leaf, ENTRY_LEAF_MAX + 1); /* room for buf_text's NUL */
	buf_put(&e->leaf, leaf, n);
	if (buf_error(&e->leaf) != 0)
		return buf_error(&e->leaf) == -ENOMEM ? -ENOMEM : -EBADMSG;
	texts = stmt_blob(s, 2, &len);
	return take_disclosures(e, texts, len);
}

int
ledger_read(struct ledger *l, uint64_t seq, struct entry *out)
{
	struct stmt *s = l->sql[ENTRY_GET];
	struct entry e = {0};
	int r;

	if (seq >= l->tree.size)
		return -ENOENT;
	stmt_bind_int(s, 1, bounded(seq));
	r = stmt_step(s);
	if (r == 0)
		return -EBADMSG; /* a hole */
	if (r == 1)
		r = take_entry(s, seq, &e);
	stmt_reset(s);
	if (r != 0) {
		entry_done(&e);
		return r;
	}
	*out = e;
	return 0;
}

int
ledger_leaf(void *ctx, uint64_t seq, uint8_t out[SEAL_HASH])
{
	struct ledger *l = ctx;
	struct stmt *s = l->sql[ENTRY_HASH];
	int r;

	if (seq >= l->tree.size)
		return -ENOENT;
	stmt_bind_int(s, 1, bounded(seq));
	r = stmt_step(s);
	if (r >= 0) {
		size_t len = 0;
		const void *hash = r == 1 ? stmt_blob(s, 0, &len) : NULL;

		r = len == SEAL_HASH ? 0 : -EBADMSG;
		if (r == 0)
			memcpy(out, hash, SEAL_HASH);
	}
	stmt_reset(s);
	return r;
}

/* The bytes that an entry is in a batch. */
static size_t
batch_bytes(size_t leaf, size_t disclosures)
{
	return 4 + leaf + 2 + disclosures;
}

/* ---- opening ---- */

static int
path_of(const char *path, uint32_t gen, char *out, size_t size)
{
	return gen == 0 ? str_copy(out, size, path)
			: str_format(out, size, "%s.%u", path, gen);
}

/* The newest generation; *any is false if there is none at all. */
static int
newest(const char *path, uint32_t *gen, bool *any, struct diag *why)
{
	char name[PATH_MAX];

	*gen = 0;
	*any = access(path, F_OK) == 0;
	for (uint32_t g = 1; g <= GEN_MAX; g++) {
		if (path_of(path, g, name, sizeof name) != 0)
			return diag_set(
			    why, -ENAMETOOLONG, "%s: is too long", path);
		if (access(name, F_OK) != 0)
			return 0;
		*gen = g;
		*any = true;
	}
	return diag_set(why, -EMLINK, "%s: has too many generations", path);
}

static int
prepare(struct ledger *l, struct diag *why)
{
	for (size_t i = 0; i < SQL_COUNT; i++) {
		int r = db_prepare(l->db, SQL[i], &l->sql[i], why);

		/* A table that is not there: somebody else's file. */
		if (r != 0)
			return r == -EINVAL ? -EBADMSG : r;
	}
	return 0;
}

static int
put_meta(struct ledger *l, const char *origin, uint32_t gen)
{
	struct stmt *s = l->sql[META_PUT];
	int r;

	stmt_bind_text(s, 1, "origin");
	stmt_bind_text(s, 2, origin);
	r = stmt_run(s);
	if (r != 0)
		return r;
	stmt_bind_text(s, 1, "gen");
	stmt_bind_int(s, 2, gen);
	return stmt_run(s);
}

/* In a transaction: the tables of a fresh file. */
static int
make_tables(
    struct ledger *l, const char *origin, uint32_t gen, struct diag *why)
{
	int r = db_exec(l->db, TABLES, why);

	if (r == 0)
		r = db_set_version(l->db, VERSION_1);
	if (r == 0)
		r = prepare(l, why);
	return r == 0 ? put_meta(l, origin, gen) : r;
}

static int
make_first(struct ledger *l, const char *origin, struct diag *why)
{
	int r;

	if (origin == NULL)
		return diag_set(why, -EBADMSG, "the log is empty");
	r = db_begin(l->db);
	if (r != 0)
		return r;
	r = make_tables(l, origin, 0, why);
	if (r == 0)
		r = db_commit(l->db);
	if (r != 0)
		db_rollback(l->db);
	return r;
}

static int
read_meta(struct ledger *l)
{
	struct stmt *s = l->sql[META_GET];
	int64_t gen = -1;
	int r, bad;

	stmt_bind_text(s, 1, "origin");
	r = stmt_step(s);
	if (r != 1)
		return r == 0 ? -EBADMSG : r;
	bad = str_copy(l->origin, sizeof l->origin, stmt_text(s, 0));
	stmt_reset(s);
	stmt_bind_text(s, 1, "gen");
	r = stmt_step(s);
	if (r == 1)
		gen = stmt_int(s, 0);
	stmt_reset(s);
	if (r < 0)
		return r;
	l->gen = (uint32_t)gen;
	return bad != 0 || l->origin[0] == '\0' || gen < 0 || gen > GEN_MAX
		   ? -EBADMSG
		   : 0;
}

/* The tree of the last checkpoint, which the log signed. */
static int
read_signed(struct ledger *l, struct merkle *m)
{
	struct stmt *s = l->sql[CHECKPOINT_GET];
	struct checkpoint c;
	uint8_t root[SEAL_HASH];
	int r = head_get(l, SIGNED, m);

	if (r != 0)
		return r;
	stmt_bind_int(s, 1, 0);
	stmt_bind_int(s, 2, INT64_MAX);
	r = stmt_step(s);
	if (r == 1) {
		size_t len;
		const char *note = stmt_blob(s, 1, &len);

		merkle_root(m, root);
		r = checkpoint_parse(note, len, &c, NULL) != 0 ||
			    c.size != m->size || !str_eq(c.origin, l->origin) ||
			    memcmp(c.root, root, SEAL_HASH) != 0
			? -EBADMSG
			: 0;
	} else if (r == 0 && m->size != 0) {
		r = -EBADMSG;
	}
	stmt_reset(s);
	return r;
}

static int
check_count(struct ledger *l)
{
	struct stmt *s = l->sql[ENTRY_LAST];
	uint64_t count = 0;
	int r = stmt_step(s);

	if (r == 1)
		count = stmt_is_null(s, 0) ? 0 : (uint64_t)stmt_int(s, 0) + 1;
	stmt_reset(s);
	if (r < 0)
		return r;
	return count == l->kept.size ? 0 : -EBADMSG;
}

/* What is behind the last checkpoint leads from its tree to the head's. */
static int
check_tail(struct ledger *l, struct merkle *m)
{
	if (m->size > l->kept.size)
		return -EBADMSG;
	l->signed_size = m->size;
	for (uint64_t seq = m->size; seq < l->kept.size; seq++) {
		struct entry e = {0};
		uint8_t hash[SEAL_HASH];
		size_t n = 0;
		int r = ledger_read(l, seq, &e);

		if (r != 0)
			return r;
		for (size_t i = 0; i < e.ndisclosures; i++)
			n += 4 + e.disclosures[i].len;
		l->kept_bytes += batch_bytes(e.leaf.len, n);
		merkle_leaf(e.leaf.data, e.leaf.len, hash);
		merkle_append(m, hash);
		entry_done(&e);
	}
	return memcmp(m->frontier, l->kept.frontier, tree_len(m)) == 0
		   ? 0
		   : -EBADMSG;
}

static int
load(struct ledger *l, const char *origin, bool check, struct diag *why)
{
	struct merkle m;
	int r = read_meta(l);

	if (r == 0 && origin != NULL && !str_eq(l->origin, origin))
		return diag_set(why, -EINVAL, "it is the log of %s, not of %s",
		    l->origin, origin);
	if (r == 0)
		r = head_get(l, COMMITTED, &l->kept);
	l->tree = l->kept;
	if (r == 0 && check)
		r = check_count(l);
	if (r == 0 && check)
		r = read_signed(l, &m);
	if (r == 0 && check)
		r = check_tail(l, &m);
	l->bytes = l->kept_bytes;
	if (r == -EBADMSG)
		return diag_set(why, r,
		    "the log does not fit its last checkpoint: it was damaged "
		    "or changed");
	return r;
}

static int
open_file(const char *file, enum db_mode mode, const char *origin,
    struct ledger **out, struct diag *why)
{
	struct ledger *l = calloc(1, sizeof *l);
	int64_t version = 0;
	int r;

	if (l == NULL)
		return -ENOMEM;
	r = db_open(file, mode, &l->db, why);
	if (r == 0)
		r = db_version(l->db, &version);
	if (r == 0 && version != 0 && version != VERSION_1)
		r = diag_set(
		    why, -EINVAL, "the log is of another version of Chaperone");
	if (r == 0)
		r = version == 0 ? make_first(l, origin, why) : prepare(l, why);
	if (r == 0)
		r = load(l, origin, mode == DB_CREATE, why);
	if (r != 0) {
		ledger_close(l);
		if (why != NULL && why->text[0] == '\0')
			(void)diag_set(why, r, "%s", strerror(-r));
		if (why != NULL && !str_starts(why->text, file))
			diag_prefix(why, file);
		return r;
	}
	*out = l;
	return 0;
}

int
ledger_open(
    const char *path, const char *origin, struct ledger **out, struct diag *why)
{
	char file[PATH_MAX];
	uint32_t gen;
	bool any;
	int r = newest(path, &gen, &any, why);

	if (r == 0)
		r = path_of(path, gen, file, sizeof file);
	return r == 0 ? open_file(file, DB_CREATE, origin, out, why) : r;
}

int
ledger_open_gen(
    const char *path, uint32_t gen, struct ledger **out, struct diag *why)
{
	char file[PATH_MAX];
	int r = path_of(path, gen, file, sizeof file);

	return r == 0 ? open_file(file, DB_READ_ONLY, NULL, out, why) : r;
}

int
ledger_open_read(const char *path, struct ledger **out, struct diag *why)
{
	uint32_t gen;
	bool any;
	int r = newest(path, &gen, &any, why);

	return r == 0 ? ledger_open_gen(path, gen, out, why) : r;
}

void
ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	if (l->group)
		ledger_rollback(l);
	for (size_t i = 0; i < SQL_COUNT; i++)
		stmt_free(l->sql[i]);
	db_close(l->db);
	free(l);
}

void
ledger_closep(struct ledger **l)
{
	ledger_close(*l);
}

uint64_t
ledger_size(const struct ledger *l)
{
	return l->kept.size;
}

uint32_t
ledger_gen(const struct ledger *l)
{
	return l->gen;
}

const char *
ledger_origin(const struct ledger *l)
{
	return l->origin;
}

uint64_t
ledger_unsigned(const struct ledger *l, size_t *bytes)
{
	*bytes = l->bytes;
	return l->tree.size - l->signed_size;
}

bool
ledger_dead(const struct ledger *l)
{
	return l->dead;
}

/* ---- appending ---- */

int
ledger_begin(struct ledger *l)
{
	int r;

	if (l->dead)
		return -EIO;
	must(!l->group);
	r = judge(l, db_begin(l->db));
	l->group = r == 0;
	return r;
}

int
ledger_last(
    struct ledger *l, const char *source, uint64_t epoch, uint64_t *number)
{
	struct stmt *s = l->sql[WRITER_GET];
	int r;

	*number = 0;
	if (epoch > INT64_MAX)
		return -ERANGE;
	stmt_bind_text(s, 1, source);
	stmt_bind_int(s, 2, (int64_t)epoch);
	r = stmt_step(s);
	if (r == 1)
		*number = (uint64_t)stmt_int(s, 0);
	stmt_reset(s);
	return r < 0 ? r : 0;
}

static int
put_writer(struct ledger *l, const char *source, uint64_t epoch,
    uint64_t number, bool fresh)
{
	struct stmt *s = l->sql[WRITER_PUT];
	int r;

	stmt_bind_text(s, 1, source);
	stmt_bind_int(s, 2, (int64_t)epoch);
	stmt_bind_int(s, 3, (int64_t)number);
	stmt_bind_int(s, 4, bounded(l->tree.size));
	r = stmt_run(s);
	if (r != 0 || !fresh)
		return r;
	s = l->sql[WRITER_PRUNE];
	stmt_bind_text(s, 1, source);
	stmt_bind_int(s, 2, EPOCHS_KEPT);
	return stmt_run(s);
}

static int
put_salted(struct ledger *l, const struct entry *e,
    const uint8_t seed[ENTRY_SEED_LEN], size_t *bytes)
{
	OWN(buf_done) struct buf texts = {0};
	struct stmt *s = l->sql[SALTED_PUT];

	buf_init(&texts, SALTED_MAX);
	for (size_t i = 0; i < e->ndisclosures; i++)
		buf_put_blob(
		    &texts, e->disclosures[i].text, e->disclosures[i].len);
	if (buf_error(&texts) != 0)
		return buf_error(&texts);
	*bytes = texts.len;
	stmt_bind_int(s, 1, bounded(e->seq));
	stmt_bind_blob(s, 2, seed, ENTRY_SEED_LEN);
	stmt_bind_blob(
	    s, 3, texts.len > 0 ? texts.data : (const void *)"", texts.len);
	return stmt_run(s);
}

static int
put_entry(
    struct ledger *l, const struct entry *e, const uint8_t seed[ENTRY_SEED_LEN])
{
	struct stmt *s = l->sql[ENTRY_PUT];
	uint8_t hash[SEAL_HASH];
	size_t bytes = 0;
	int r;

	merkle_leaf(e->leaf.data, e->leaf.len, hash);
	stmt_bind_int(s, 1, bounded(e->seq));
	stmt_bind_blob(s, 2, hash, SEAL_HASH);
	stmt_bind_blob(s, 3, e->leaf.data, e->leaf.len);
	r = stmt_run(s);
	if (r == 0)
		r = put_salted(l, e, seed, &bytes);
	if (r != 0)
		return r;
	merkle_append(&l->tree, hash);
	l->bytes += batch_bytes(e->leaf.len, bytes);
	return 0;
}

static int
seal(const struct ledger *l, const struct draft *d,
    uint8_t seed[ENTRY_SEED_LEN], struct entry *out)
{
	const struct entry_place place = {.seq = l->tree.size,
	    .gen = l->gen,
	    .boot = clock_boot_id(),
	    .synced = clock_synced(),
	    .seed = seed};

	rng_fill(seed, ENTRY_SEED_LEN);
	return entry_seal(d, &place, out);
}

int
ledger_append(struct ledger *l, const struct draft *d, const char *source,
    uint64_t epoch, uint64_t number, uint64_t *seq)
{
	uint8_t seed[ENTRY_SEED_LEN];
	struct entry e = {0};
	uint64_t last = 0;
	int r = 0;

	if (l->dead)
		return -EIO;
	must(l->group);
	if (source != NULL)
		r = ledger_last(l, source, epoch, &last);
	if (r != 0)
		return r == -ERANGE ? r : judge(l, r);
	if (source != NULL && number > INT64_MAX)
		return -ERANGE;
	if (source != NULL && number <= last)
		return 1;
	r = seal(l, d, seed, &e);
	if (r != 0)
		return r;
	if (source != NULL)
		r = put_writer(l, source, epoch, number, last == 0);
	if (r == 0)
		r = put_entry(l, &e, seed);
	*seq = e.seq;
	entry_done(&e);
	explicit_bzero(seed, sizeof seed);
	return judge(l, r);
}

int
ledger_commit(struct ledger *l)
{
	int r;

	if (l->dead) {
		ledger_rollback(l);
		return -EIO;
	}
	must(l->group);
	r = head_put(l, COMMITTED, &l->tree);
	if (r == 0)
		r = db_commit(l->db);
	if (r != 0) {
		ledger_rollback(l);
		return judge(l, r);
	}
	l->group = false;
	l->kept = l->tree;
	l->kept_bytes = l->bytes;
	return 0;
}

void
ledger_rollback(struct ledger *l)
{
	db_rollback(l->db);
	l->group = false;
	l->tree = l->kept;
	l->bytes = l->kept_bytes;
}

/* ---- checkpoints and receipts ---- */

static int
sign_tree(const struct ledger *l, ledger_sign_fn *sign, void *ctx,
    struct checkpoint *c, struct buf *note)
{
	OWN(buf_done) struct buf body = {0};
	int r;

	*c = (struct checkpoint){.size = l->kept.size};
	must(str_copy(c->origin, sizeof c->origin, l->origin) == 0);
	merkle_root(&l->kept, c->root);
	buf_init(&body, NOTE_MAX);
	checkpoint_print(c, &body);
	r = buf_error(&body);
	if (r == 0)
		r = sign(ctx, body.data, body.len, note);
	return r == 0 ? buf_error(note) : r;
}

static int
keep_checkpoint(
    struct ledger *l, const struct checkpoint *c, const struct buf *note)
{
	struct stmt *s = l->sql[CHECKPOINT_PUT];
	int r = db_begin(l->db);

	if (r != 0)
		return r;
	stmt_bind_int(s, 1, bounded(c->size));
	stmt_bind_blob(s, 2, c->root, SEAL_HASH);
	stmt_bind_blob(s, 3, note->data, note->len);
	r = stmt_run(s);
	if (r == 0)
		r = head_put(l, SIGNED, &l->kept);
	if (r == 0)
		r = db_commit(l->db);
	if (r != 0)
		db_rollback(l->db);
	return r;
}

int
ledger_checkpoint(
    struct ledger *l, ledger_sign_fn *sign, void *ctx, struct diag *why)
{
	OWN(buf_done) struct buf note = {0};
	struct checkpoint c;
	int r;

	if (l->dead)
		return -EIO;
	must(!l->group);
	if (l->kept.size == l->signed_size)
		return 0;
	buf_init(&note, NOTE_MAX);
	r = sign_tree(l, sign, ctx, &c, &note);
	if (r != 0)
		return diag_set(why, r, "the checkpoint of %llu entries: %s",
		    (unsigned long long)l->kept.size, strerror(-r));
	r = judge(l, keep_checkpoint(l, &c, &note));
	if (r != 0)
		return r;
	l->signed_size = c.size;
	l->kept_bytes = l->bytes = 0;
	return 0;
}

int
ledger_note(struct ledger *l, uint64_t above, uint64_t most, struct buf *note,
    uint64_t *size)
{
	struct stmt *s = l->sql[CHECKPOINT_GET];
	int r;

	stmt_bind_int(s, 1, bounded(above));
	stmt_bind_int(s, 2, bounded(most));
	r = stmt_step(s);
	if (r == 1) {
		*size = (uint64_t)stmt_int(s, 0);
		r = take_blob(s, 1, note);
	} else if (r == 0) {
		r = -ENOENT;
	}
	stmt_reset(s);
	return r;
}

int
ledger_root(struct ledger *l, uint64_t size, uint8_t out[SEAL_HASH])
{
	struct stmt *s = l->sql[CHECKPOINT_ROOT];
	size_t len = 0;
	int r;

	stmt_bind_int(s, 1, bounded(size));
	r = stmt_step(s);
	if (r == 1) {
		const void *root = stmt_blob(s, 0, &len);

		r = len == SEAL_HASH ? 0 : -EBADMSG;
		if (r == 0)
			memcpy(out, root, SEAL_HASH);
	} else if (r == 0) {
		r = -ENOENT;
	}
	stmt_reset(s);
	return r;
}

int
ledger_receipt(struct ledger *l, uint64_t size, const void *note, size_t len,
    int64_t wall_us)
{
	struct stmt *s = l->sql[RECEIPT_PUT];

	if (l->dead)
		return -EIO;
	must(!l->group);
	stmt_bind_int(s, 1, bounded(size));
	stmt_bind_blob(s, 2, note, len);
	stmt_bind_int(s, 3, wall_us);
	return judge(l, stmt_run(s));
}

int
ledger_receipted(struct ledger *l, uint64_t *size, int64_t *wall_us)
{
	struct stmt *s = l->sql[RECEIPT_LAST];
	int r = stmt_step(s);

	if (r == 1) {
		*size = (uint64_t)stmt_int(s, 0);
		*wall_us = stmt_int(s, 1);
	}
	stmt_reset(s);
	if (r < 0)
		return r;
	return r == 1 ? 0 : -ENOENT;
}

/* ---- generations ---- */

int
ledger_past(
    struct ledger *l, uint32_t gen, struct ledger_past *out, struct buf *note)
{
	struct stmt *s = l->sql[PAST_GET];
	int r;

	stmt_bind_int(s, 1, gen);
	r = stmt_step(s);
	if (r == 1) {
		size_t len;
		const void *root = stmt_blob(s, 1, &len);

		out->size = (uint64_t)stmt_int(s, 0);
		out->receipted = (uint64_t)stmt_int(s, 3);
		r = len == SEAL_HASH ? 0 : -EBADMSG;
		if (r == 0)
			memcpy(out->root, root, SEAL_HASH);
		if (r == 0)
			r = take_blob(s, 2, note);
	} else if (r == 0) {
		r = -ENOENT;
	}
	stmt_reset(s);
	return r;
}

int
ledger_past_receipt(struct ledger *l, uint32_t gen, uint64_t size,
    const void *note, size_t len, int64_t wall_us)
{
	struct stmt *s = l->sql[PAST_RECEIPT];

	if (l->dead)
		return -EIO;
	must(!l->group);
	stmt_bind_int(s, 1, gen);
	stmt_bind_int(s, 2, bounded(size));
	stmt_bind_blob(s, 3, note, len);
	stmt_bind_int(s, 4, wall_us);
	return judge(l, stmt_run(s));
}

static int
copy_writers(struct ledger *to, struct ledger *from)
{
	struct stmt *get = from->sql[WRITER_ALL], *put = to->sql[WRITER_PUT];
	int64_t order = INT64_MIN; /* before all entries, in their order */
	int r;

	while ((r = stmt_step(get)) == 1) {
		stmt_bind_text(put, 1, stmt_text(get, 0));
		stmt_bind_int(put, 2, stmt_int(get, 1));
		stmt_bind_int(put, 3, stmt_int(get, 2));
		stmt_bind_int(put, 4, order++);
		r = stmt_run(put);
		if (r != 0)
			break;
	}
	stmt_reset(get);
	return r;
}

static int
copy_past(struct ledger *to, struct ledger *from)
{
	struct stmt *get = from->sql[PAST_ALL], *put = to->sql[PAST_PUT];
	int r;

	while ((r = stmt_step(get)) == 1) {
		static const int BLOBS[] = {2, 3, 5};

		stmt_bind_int(put, 1, stmt_int(get, 0));
		stmt_bind_int(put, 2, stmt_int(get, 1));
		stmt_bind_int(put, 5, stmt_int(get, 4));
		stmt_bind_int(put, 7, stmt_int(get, 6));
		for (size_t i = 0; i < ARRAY_LEN(BLOBS); i++) {
			size_t len;
			const void *b = stmt_blob(get, BLOBS[i], &len);

			stmt_bind_blob(put, BLOBS[i] + 1, b, len);
		}
		r = stmt_run(put);
		if (r != 0)
			break;
	}
	stmt_reset(get);
	return r;
}

/* The end of @from, with a checkpoint if its own do not reach that far. */
static int
put_past(
    struct ledger *to, struct ledger *from, ledger_sign_fn *sign, void *ctx)
{
	OWN(buf_done) struct buf note = {0};
	struct stmt *put = to->sql[PAST_PUT];
	uint8_t root[SEAL_HASH];
	struct checkpoint c;
	uint64_t got = 0;
	int64_t at = 0;
	int r = 0;

	buf_init(&note, NOTE_MAX);
	if (from->kept.size > from->signed_size)
		r = sign_tree(from, sign, ctx, &c, &note);
	if (r == 0 && ledger_receipted(from, &got, &at) != 0)
		got = 0;
	merkle_root(&from->kept, root);
	stmt_bind_int(put, 1, from->gen);
	stmt_bind_int(put, 2, bounded(from->kept.size));
	stmt_bind_blob(put, 3, root, SEAL_HASH);
	stmt_bind_blob(put, 4, note.data, note.len);
	stmt_bind_int(put, 5, bounded(got));
	return r == 0 ? stmt_run(put) : r;
}

/*
 * What the ended generation hands on. Only what can be read is; a log that
 * cannot be opened hands on nothing, and its writers begin anew.
 */
static int
inherit(struct ledger *to, const char *path, uint32_t gen, ledger_sign_fn *sign,
    void *ctx)
{
	OWN(ledger_closep) struct ledger *from = NULL;
	char file[PATH_MAX];
	struct merkle m;
	int r = path_of(path, gen, file, sizeof file);

	if (r != 0 ||
	    open_file(file, DB_READ_ONLY, to->origin, &from, NULL) != 0)
		return r;
	/* The same look that a writer takes at what it opens. */
	if (read_signed(from, &m) != 0 || check_tail(from, &m) != 0)
		return 0;
	r = copy_writers(to, from);
	if (r == 0)
		r = copy_past(to, from);
	return r == 0 ? put_past(to, from, sign, ctx) : r;
}

static void
remove_all(const char *file)
{
	static const char *const PARTS[] = {"", "-wal", "-shm"};
	char name[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
		if (str_format(name, sizeof name, "%s%s", file, PARTS[i]) == 0)
			(void)unlink(name);
}

/* Gives the finished file its name, durably. */
static int
publish(const char *from, const char *to)
{
	char dir[PATH_MAX] = ".";
	const char *slash = strrchr(to, '/');

	if (slash != NULL &&
	    str_copy_len(dir, sizeof dir, to, (size_t)(slash - to) + 1) != 0)
		return -ENAMETOOLONG;
	OWN_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || rename(from, to) != 0 || fsync(fd) != 0)
		return -errno;
	remove_all(from); /* what SQLite keeps beside it, empty by now */
	return 0;
}

/* A whole generation under a name of its own, closed. */
static int
make_gen(const char *file, const char *path, uint32_t gen, const char *origin,
    ledger_sign_fn *sign, void *ctx, struct diag *why)
{
	OWN(ledger_closep) struct ledger *l = calloc(1, sizeof *l);
	int r;

	if (l == NULL)
		return -ENOMEM;
	l->gen = gen;
	must(str_copy(l->origin, sizeof l->origin, origin) == 0);
	r = db_open(file, DB_CREATE, &l->db, why);
	if (r == 0)
		r = db_begin(l->db);
	if (r != 0)
		return r;
	r = make_tables(l, origin, gen, why);
	if (r == 0)
		r = inherit(l, path, gen - 1, sign, ctx);
	if (r == 0)
		r = db_commit(l->db);
	if (r != 0)
		db_rollback(l->db);
	return r;
}

int
ledger_renew(const char *path, const char *origin, ledger_sign_fn *sign,
    void *ctx, struct ledger **out, struct diag *why)
{
	char file[PATH_MAX], fresh[PATH_MAX];
	uint32_t gen;
	bool any;
	int r = newest(path, &gen, &any, why);

	if (r != 0)
		return r;
	if (!any || gen == GEN_MAX)
		return diag_set(
		    why, -EMLINK, "%s: no generation can follow", path);
	gen++;
	if (path_of(path, gen, file, sizeof file) != 0 ||
	    str_format(fresh, sizeof fresh, "%s.new", file) != 0)
		return diag_set(why, -ENAMETOOLONG, "%s: is too long", path);
	remove_all(fresh);
	r = make_gen(fresh, path, gen, origin, sign, ctx, why);
	if (r == 0)
		r = publish(fresh, file);
	if (r != 0) {
		remove_all(fresh);
		return diag_set(why, r, "%s: %s", file, strerror(-r));
	}
	return open_file(file, DB_CREATE, origin, out, why);
}
