/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - the offline check of a log and its generations.
 *
 * Owns: what must fit together: every leaf and its own index, the hashes, the
 * disclosures, each checkpoint and receipt and the tree at its size, and what a
 * generation says of those before it.
 * Never: writes; trusts a column that it can compute; uses lib/ledger.c, whose
 * work it checks. It knows the tables from chaperone-log(5).
 *
 * One pass over the entries in their order; checkpoints and receipts come
 * beside them in the order of their sizes. An entry that does not have the hash
 * that is held for it is told, and the tree goes on with the hash that is held,
 * so that one damaged entry is one problem and not one of each checkpoint after
 * it. Where the trees part is told once, with the entries that it can be.
 */
#include "cli/verify.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/db.h"
#include "lib/entry.h"
#include "lib/merkle.h"
#include "lib/str.h"

#include "lib/own.h"

#define VERSION_1 1
#define GENS_MAX 10000
#define NOTES 4 /* sources of notes in one generation */

/* What the newest generation says of one that ended. */
struct past {
	bool known;
	uint64_t size;
	uint8_t root[SEAL_HASH];
	struct buf note, receipt; /* may be empty */
	uint64_t receipted;
};

/* A row of notes, in the order of their sizes; the present one is read. */
struct source {
	const char *what;
	bool cosigned;
	struct stmt *s; /* NULL: the one that is there is all */
	bool more;
	uint64_t size;
	struct buf note;
	uint8_t root[SEAL_HASH]; /* that stands beside a table's note */
	bool rooted;
	uint64_t agreed; /* size at which a root of these last fitted */
	bool parted; /* one did not, since */
};

struct check {
	struct verify *v;
	struct db *db;
	uint32_t gen;
	const struct past *past; /* NULL: of nothing known */
	struct merkle tree;
	struct merkle marked; /* what it was at the last good checkpoint */
	uint64_t next; /* index that comes next */
	bool broken; /* an entry is missing: the tree ends there */
	uint64_t later; /* notes behind that */
	uint64_t before; /* problems of other generations */
	uint64_t covered, receipted;
	struct source sources[NOTES];
	size_t nsources;
};

static void PRINTF_LIKE(4, 5) tell(
    struct check *c, const char *what, uint64_t index, const char *fmt, ...)
{
	char text[DIAG_MAX + 128];
	const struct problem p = {
	    .what = what, .gen = c->gen, .index = index, .detail = text};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->v->problems++;
	c->v->problem(c->v->ctx, &p);
}

/* A number of a table that may not be below zero. */
static uint64_t
column(struct stmt *s, int i)
{
	int64_t v = stmt_int(s, i);

	return v < 0 ? UINT64_MAX : (uint64_t)v;
}

/* ---- notes ---- */

static int
advance(struct source *o)
{
	size_t len;
	const void *note;
	int r = o->s == NULL ? 0 : stmt_step(o->s);

	o->more = r == 1;
	if (r <= 0)
		return r;
	note = stmt_blob(o->s, 1, &len);
	o->size = column(o->s, 0);
	buf_reset(&o->note);
	buf_put(&o->note, note, len < NOTE_MAX ? len : NOTE_MAX);
	o->rooted = !stmt_is_null(o->s, 2);
	note = stmt_blob(o->s, 2, &len);
	memset(o->root, 0, SEAL_HASH);
	if (len == SEAL_HASH)
		memcpy(o->root, note, SEAL_HASH);
	return buf_error(&o->note);
}

static struct source *
new_source(struct check *c, const char *what)
{
	struct source *o = &c->sources[c->nsources++];

	must(c->nsources <= NOTES);
	*o = (struct source){.what = what, .cosigned = str_eq(what, "receipt")};
	buf_init(&o->note, NOTE_MAX);
	return o;
}

static int
add_table(struct check *c, const char *what, const char *sql, struct diag *why)
{
	struct source *o = new_source(c, what);
	int r = db_prepare(c->db, sql, &o->s, why);

	return r == 0 ? advance(o) : r;
}

/* One note that the newest generation keeps for an older one. */
static void
add_one(struct check *c, const char *what, uint64_t size, const struct buf *b)
{
	struct source *o;

	if (b->len == 0)
		return;
	o = new_source(c, what);
	o->size = size;
	o->more = true;
	buf_put(&o->note, b->data, b->len);
}

/* True if a signature is good, or cannot be checked for want of a key. */
static bool
signed_by(struct check *c, const struct source *o, const struct vkey *key)
{
	struct diag why = {""};
	int r;

	if (key == NULL)
		return true;
	r = note_verify(
	    (const char *)o->note.data, o->note.len, key, NULL, &why);
	if (r != 0)
		tell(c, o->what, o->size, "%s", why.text);
	return r == 0;
}

/*
 * True if the tree has this root now. Where they part is told once, for
 * checkpoints and for receipts, since who has the log's key can make all of the
 * former anew.
 */
static bool
same_root(struct check *c, struct source *o, const uint8_t *root)
{
	uint8_t ours[SEAL_HASH];

	merkle_root(&c->tree, ours);
	if (!c->broken && memcmp(ours, root, SEAL_HASH) == 0) {
		o->agreed = o->size;
		return true;
	}
	if (o->parted || c->broken) {
		c->later++;
		return false;
	}
	o->parted = true;
	tell(c, o->what, o->size,
	    "its root is not the tree's: among entries %" PRIu64 " to %" PRIu64
	    " is one that is not what was signed",
	    o->agreed, o->size == 0 ? 0 : o->size - 1);
	return false;
}

static void
check_note(struct check *c, struct source *o)
{
	struct checkpoint p;
	struct diag why = {""};

	if (checkpoint_parse(
		(const char *)o->note.data, o->note.len, &p, &why) != 0) {
		tell(c, o->what, o->size, "%s", why.text);
		return;
	}
	if (!str_eq(p.origin, c->v->origin)) {
		tell(c, o->what, o->size, "it is of another log");
		return;
	}
	if (p.size != o->size) {
		tell(c, o->what, o->size,
		    "what is signed covers %" PRIu64 " entries", p.size);
		return;
	}
	if (!signed_by(c, o, c->v->log) || !same_root(c, o, p.root) ||
	    (o->cosigned && !signed_by(c, o, c->v->cosign)))
		return;
	if (o->rooted && memcmp(o->root, p.root, SEAL_HASH) != 0)
		tell(c, o->what, o->size, "another root stands beside it");
	if (o->cosigned) {
		c->v->receipts++;
		c->receipted = o->size > c->receipted ? o->size : c->receipted;
	} else {
		c->v->checkpoints++;
		if (o->s != NULL)
			c->marked = c->tree;
	}
	c->covered = o->size > c->covered ? o->size : c->covered;
}

/* Those that cover what was read until now; -EBADMSG for a damaged file. */
static int
check_notes(struct check *c)
{
	for (size_t i = 0; i < c->nsources; i++) {
		struct source *o = &c->sources[i];

		while (o->more && o->size <= c->next) {
			int r;

			check_note(c, o);
			r = advance(o);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Those that cover more than there is. */
static int
check_notes_left(struct check *c)
{
	for (size_t i = 0; i < c->nsources; i++) {
		struct source *o = &c->sources[i];

		while (o->more) {
			int r;

			tell(c, o->what, o->size,
			    "the log ends before it: entries from %" PRIu64
			    " on are missing",
			    c->next);
			r = advance(o);
			if (r < 0)
				return r;
		}
	}
	if (c->later > 0)
		tell(c, "log", c->next,
		    "%" PRIu64 " more checkpoints and receipts cannot fit "
		    "behind that place",
		    c->later);
	return 0;
}

/* ---- entries ---- */

/* Borrows the texts from @data. */
static int
split_disclosures(const void *data, size_t len,
    struct disclosure out[ENTRY_FIELDS_MAX], size_t *n)
{
	struct cur c;

	cur_init(&c, data, len);
	for (*n = 0; c.left > 0; ++*n) {
		const uint8_t *text;

		if (*n == ENTRY_FIELDS_MAX)
			return -EBADMSG;
		text = cur_blob(&c, &out[*n].len);
		if (c.bad)
			return -EBADMSG;
		out[*n].text = (char *)(uintptr_t)text;
	}
	return 0;
}

static void
check_facts(struct check *c, uint64_t seq, const struct facts *f)
{
	if (f->seq != seq)
		tell(c, "entry", seq,
		    "its own bytes say that it is entry %" PRIu64, f->seq);
	if (f->gen != c->gen)
		tell(c, "entry", seq,
		    "its own bytes say that it is of generation %" PRIu32,
		    f->gen);
}

/* Nothing but all of the disclosures, or none and no seed. */
static int
check_seed(struct check *c, uint64_t seq, struct stmt *s, const struct facts *f)
{
	const char *name = NULL;
	size_t len, n;
	const void *leaf = stmt_blob(s, 2, &len);
	const void *seed = stmt_blob(s, 4, &n);
	int r = 0;

	if (stmt_is_null(s, 3))
		return 0;
	if (n != ENTRY_SEED_LEN)
		tell(c, "disclosure", seq, "its seed is malformed");
	else
		r = entry_whole(leaf, len, f, seed, &name);
	if (r == -EBADMSG)
		tell(c, "disclosure", seq,
		    "\"%s\" is neither disclosed nor absent: it was taken "
		    "out, or the seed was changed",
		    name == NULL ? "a field" : name);
	return r == -EBADMSG ? 0 : r;
}

static int
check_leaf(struct check *c, uint64_t seq, struct stmt *s)
{
	struct disclosure d[ENTRY_FIELDS_MAX];
	struct diag why = {""};
	struct facts f = {0};
	size_t len, n, nd = 0;
	const void *leaf = stmt_blob(s, 2, &len);
	const void *texts = stmt_blob(s, 3, &n);
	bool whole = split_disclosures(texts, n, d, &nd) == 0;
	int r;

	if (!whole)
		tell(c, "disclosure", seq, "the row of them is malformed");
	r = entry_open(leaf, len, d, whole ? nd : 0, &f, &why);
	if (r == 0 && whole) {
		c->v->disclosures += nd;
		r = check_seed(c, seq, s, &f);
	} else if (r == -EBADMSG &&
		   entry_open(leaf, len, NULL, 0, &f, NULL) == 0) {
		tell(c, "disclosure", seq, "%s", why.text);
		r = 0;
	}
	if (r == 0)
		check_facts(c, seq, &f);
	else if (r == -EBADMSG)
		tell(c, "entry", seq, "%s", why.text);
	facts_done(&f);
	return r == -EBADMSG ? 0 : r;
}

static void
check_hash(struct check *c, uint64_t seq, struct stmt *s)
{
	uint8_t hash[SEAL_HASH];
	size_t len, n;
	const void *leaf = stmt_blob(s, 2, &n);
	const void *held = stmt_blob(s, 1, &len);

	merkle_leaf(leaf, n, hash);
	if (len != SEAL_HASH || memcmp(hash, held, SEAL_HASH) != 0)
		tell(c, "entry", seq,
		    "its bytes do not have the hash that is held for it");
	if (len == SEAL_HASH)
		memcpy(hash, held, SEAL_HASH);
	if (!c->broken)
		merkle_append(&c->tree, hash);
}

static int
check_entry(struct check *c, struct stmt *s)
{
	uint64_t seq = column(s, 0);
	int r;

	if (seq == UINT64_MAX) {
		tell(c, "entry", 0, "there is one with a number below zero");
		return 0;
	}
	if (seq > c->next) {
		c->broken = true;
		tell(c, "entry", c->next,
		    seq == c->next + 1 ? "it is missing"
				       : "it is missing, and more behind it "
					 "until %" PRIu64,
		    seq - 1);
	}
	c->next = seq + 1;
	c->v->entries++;
	if (stmt_is_null(s, 3))
		c->v->erased++;
	check_hash(c, seq, s);
	r = check_leaf(c, seq, s);
	return r == 0 ? check_notes(c) : r;
}

static int
check_entries(struct check *c, struct diag *why)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	int r = db_prepare(c->db,
	    "SELECT seq,hash,leaf,disclosures,seed FROM entry LEFT JOIN salted"
	    " USING(seq) ORDER BY seq",
	    &s, why);

	if (r == 0)
		r = check_notes(c);
	while (r == 0 && (r = stmt_step(s)) == 1)
		r = check_entry(c, s);
	return r;
}

/* ---- what a file says of itself ---- */

/* A head is for the writer's speed; one that lies hides a cut. */
static void
check_head(struct check *c, struct stmt *s)
{
	bool all = stmt_int(s, 0) == 0;
	const struct merkle *m = all ? &c->tree : &c->marked;
	uint64_t size = column(s, 1), want = all ? c->next : m->size;
	size_t len;
	const void *tree = stmt_blob(s, 2, &len);

	if (size != want)
		tell(c, "log", c->next,
		    "it says of itself that %s %" PRIu64
		    " entries; there are %" PRIu64,
		    all ? "it holds" : "its last checkpoint covers", size,
		    want);
	else if (size == m->size &&
		 (len != (size_t)__builtin_popcountll(size) * SEAL_HASH ||
		     (len > 0 && memcmp(tree, m->frontier, len) != 0)))
		tell(c, "log", c->next,
		    "the tree that is held is not that of the entries");
}

static int
check_heads(struct check *c, struct diag *why)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	bool any = false;
	int r = db_prepare(c->db,
	    "SELECT what,size,tree FROM head WHERE what IN(0,1) ORDER BY what",
	    &s, why);

	while (r == 0 && (r = stmt_step(s)) == 1) {
		any |= stmt_int(s, 0) == 0;
		/* Where an entry is missing or not as signed, that was told. */
		if (stmt_int(s, 0) == 0 || c->v->problems == c->before)
			check_head(c, s);
		r = 0;
	}
	if (r == 0 && !any && c->next > 0)
		tell(c, "log", c->next, "it does not say how much it holds");
	return r;
}

static void
check_past(struct check *c)
{
	uint8_t root[SEAL_HASH];

	if (c->past == NULL || !c->past->known)
		return;
	merkle_root(&c->tree, root);
	if (c->past->size != c->next)
		tell(c, "log", c->next,
		    "the generation behind it says that it ended with %" PRIu64
		    " entries",
		    c->past->size);
	else if (!c->broken && memcmp(c->past->root, root, SEAL_HASH) != 0)
		tell(c, "log", c->next,
		    "the generation behind it says that it ended with another "
		    "root");
}

static int
read_meta(struct check *c, char *origin, size_t size, struct diag *why)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	int64_t version = 0, gen = -1;
	int r = db_version(c->db, &version);

	if (r == 0 && version != VERSION_1)
		return diag_set(why, -EBADMSG, "it is no log that we know");
	if (r == 0)
		r = db_prepare(c->db,
		    "SELECT (SELECT value FROM meta WHERE key='origin'),"
		    " (SELECT value FROM meta WHERE key='gen')",
		    &s, why);
	if (r == 0)
		r = stmt_step(s);
	if (r < 0)
		return r;
	if (str_copy(origin, size, stmt_text(s, 0)) != 0 || origin[0] == '\0')
		return diag_set(why, -EBADMSG, "it does not name its log");
	gen = stmt_int(s, 1);
	if (gen < 0 || gen >= GENS_MAX)
		return diag_set(why, -EBADMSG, "it has no generation");
	c->gen = (uint32_t)gen;
	return 0;
}

/* ---- one generation ---- */

static int
open_gen(const char *path, uint32_t n, struct db **out, struct diag *why)
{
	char file[PATH_MAX];
	int r = n == 0 ? str_copy(file, sizeof file, path)
		       : str_format(file, sizeof file, "%s.%" PRIu32, path, n);

	if (r == 0)
		r = db_open(file, DB_READ_ONLY, out, why);
	/* One look: a living log grows meanwhile. */
	if (r == 0)
		r = db_exec(*out, "BEGIN", why);
	return r;
}

static int
open_sources(struct check *c, struct diag *why)
{
	int r = add_table(c, "checkpoint",
	    "SELECT size,note,root FROM checkpoint ORDER BY size", why);

	if (r == 0)
		r = add_table(c, "receipt",
		    "SELECT size,note,NULL FROM receipt ORDER BY size", why);
	if (r == 0 && c->past != NULL) {
		add_one(c, "checkpoint", c->past->size, &c->past->note);
		add_one(c, "receipt", c->past->receipted, &c->past->receipt);
	}
	return r;
}

static int
check_all(struct check *c, struct diag *why)
{
	int r = open_sources(c, why);

	if (r == 0)
		r = check_entries(c, why);
	if (r == 0)
		r = check_notes_left(c);
	if (r == 0)
		r = check_heads(c, why);
	if (r == 0)
		check_past(c);
	return r;
}

static void
check_done(struct check *c)
{
	for (size_t i = 0; i < c->nsources; i++) {
		stmt_free(c->sources[i].s);
		buf_done(&c->sources[i].note);
	}
	db_close(c->db);
}

static int
check_gen(struct verify *v, const char *path, uint32_t n,
    const struct past *past, struct diag *why)
{
	OWN(check_done) struct check c = {.v = v, .gen = n, .past = past};
	char origin[NOTE_NAME_MAX];
	int r = open_gen(path, n, &c.db, why);

	merkle_init(&c.tree);
	merkle_init(&c.marked);
	c.before = v->problems;
	if (r == 0)
		r = read_meta(&c, origin, sizeof origin, why);
	if (r != 0)
		return r;
	if (!str_eq(origin, v->origin) || (n > 0 && c.gen != n))
		return diag_set(why, -EBADMSG,
		    "generation %" PRIu32 " is another log's", n);
	r = check_all(&c, why);
	/* -EINVAL: a table or column that our statements name is not there. */
	if (r == -EBADMSG || r == -EINVAL) {
		tell(&c, "log", c.next, "the file is damaged behind here");
		r = 0;
	}
	v->gens++;
	v->receipted += c.receipted;
	v->tail += c.next > c.covered ? c.next - c.covered : 0;
	return r;
}

/* ---- all generations ---- */

static int
read_past(struct db *db, struct past *past, uint32_t n, struct diag *why)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	int r = db_prepare(db,
	    "SELECT gen,size,root,note,receipted,receipt FROM past", &s, why);

	while (r == 0 && (r = stmt_step(s)) == 1) {
		uint64_t gen = column(s, 0);
		struct past *p;
		size_t len;
		const void *b;

		r = 0;
		if (gen >= n)
			continue; /* none that is here */
		p = &past[gen];
		p->known = true;
		p->size = column(s, 1);
		b = stmt_blob(s, 2, &len);
		if (len == SEAL_HASH)
			memcpy(p->root, b, len);
		b = stmt_blob(s, 3, &len);
		buf_put(&p->note, b, len);
		p->receipted = column(s, 4);
		b = stmt_blob(s, 5, &len);
		buf_put(&p->receipt, b, len);
	}
	return r;
}

/* The newest generation tells the log's name, and of those before it. */
static int
read_newest(struct verify *v, const char *path, uint32_t n, struct past *past,
    uint32_t *gen, struct diag *why)
{
	OWN(check_done) struct check c = {.v = v};
	int r = open_gen(path, n, &c.db, why);

	if (r == 0)
		r = read_meta(&c, v->origin, sizeof v->origin, why);
	if (r == 0)
		r = read_past(c.db, past, n, why);
	*gen = c.gen;
	return r;
}

static bool
is_here(const char *path, uint32_t n)
{
	char file[PATH_MAX];

	return (n == 0 ? str_copy(file, sizeof file, path)
		       : str_format(
			     file, sizeof file, "%s.%" PRIu32, path, n)) == 0 &&
	       access(file, F_OK) == 0;
}

static int
check_gens(struct verify *v, const char *path, uint32_t newest,
    struct past *past, struct diag *why)
{
	uint32_t gen = 0;
	int r = read_newest(v, path, newest, past, &gen, why);

	if (r != 0)
		return r;
	/* A copy of one generation may have any name. */
	v->gens_missing = newest == 0 ? gen : 0;
	for (uint32_t n = 0; r == 0 && n <= newest; n++) {
		if (is_here(path, n))
			r = check_gen(
			    v, path, n, n < newest ? &past[n] : NULL, why);
		else
			v->gens_missing++;
	}
	return r;
}

/* The greatest N of PATH.N; -ENOENT if not even PATH is there. */
static int
find_newest(const char *path, uint32_t *newest)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;
	char dir[PATH_MAX] = ".";
	bool any = is_here(path, 0);
	struct dirent *e;
	DIR *d;

	if (slash != NULL && str_copy_len(dir, sizeof dir, path,
				 (size_t)(slash - path) + 1) != 0)
		return -ENAMETOOLONG;
	d = opendir(dir);
	if (d == NULL)
		return -errno;
	*newest = 0;
	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(base);
		uint64_t gen;

		if (!str_starts(e->d_name, base) || e->d_name[n] != '.' ||
		    str_u64(e->d_name + n + 1, GENS_MAX - 1, &gen) != 0)
			continue;
		any = true;
		*newest = gen > *newest ? (uint32_t)gen : *newest;
	}
	(void)closedir(d);
	return any ? 0 : -ENOENT;
}

int
verify_log(struct verify *v, const char *path, struct diag *why)
{
	OWN_MEM struct past *past = NULL;
	uint32_t newest = 0;
	int r = find_newest(path, &newest);

	if (r != 0)
		return diag_set(why, r, "%s: %s", path, strerror(-r));
	past = calloc((size_t)newest + 1, sizeof *past);
	if (past == NULL)
		return -ENOMEM;
	for (uint32_t n = 0; n <= newest; n++) {
		buf_init(&past[n].note, NOTE_MAX);
		buf_init(&past[n].receipt, NOTE_MAX);
	}
	r = check_gens(v, path, newest, past, why);
	for (uint32_t n = 0; n <= newest; n++) {
		buf_done(&past[n].note);
		buf_done(&past[n].receipt);
	}
	return r == -EINVAL ? -EBADMSG : r;
}
