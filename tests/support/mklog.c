/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mklog - makes logs for tests, and does to them what only somebody with the
 * log's key could do.
 *
 *   mklog new DIR [ENTRIES]     log.db, log.key, log.vkey, cosign.key and
 *                               cosign.vkey in DIR; a checkpoint for every ten
 *                               entries, a receipt for every second checkpoint
 *   mklog add DIR ENTRIES       more entries, without a checkpoint
 *   mklog tell DIR              the entries of standard input: "TYPE,SECONDS
 *                               AGO,NAME=VALUE,…"; a VALUE of digits is a
 *                               number, @SECONDS a time so long ago
 *   mklog sign DIR              a checkpoint of what is there
 *   mklog renew DIR             begins a new generation
 *   mklog forge DIR SEQ         changes a leaf, and hashes, tree and every
 *                               checkpoint after it, as the host's root could
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/db.h"
#include "lib/file.h"
#include "lib/ledger.h"
#include "lib/str.h"

#include "lib/own.h"

#define ORIGIN "example.org/host-1"

struct keys {
	struct seal_key *log, *cosign;
	struct vkey log_vkey, cosign_vkey;
};

static const char *dir;

NORETURN static void
fail(const char *what, int r, const struct diag *why)
{
	(void)fprintf(stderr, "mklog: %s: %s %s\n", what, strerror(-r),
	    why == NULL ? "" : why->text);
	exit(1);
}

static const char *
in_dir(const char *name, char out[4096])
{
	must(str_format(out, 4096, "%s/%s", dir, name) == 0);
	return out;
}

static void
make_key(const char *name, const char *vkey, const char *who,
    enum note_key_type type, struct seal_key **k, struct vkey *v)
{
	struct file_mode mode = {.mode = 0644, .uid = (uid_t)-1};
	OWN(buf_done) struct buf text = {0};
	uint8_t public[SEAL_PUBLIC];
	char path[4096];
	struct diag why = {""};

	if (access(in_dir(name, path), F_OK) == 0) {
		if (seal_key_load(path, k, &why) != 0)
			fail(path, -EBADMSG, &why);
	} else if (seal_key_new(k) != 0 || seal_key_save(*k, path, &why) != 0) {
		fail(path, -EIO, &why);
	}
	seal_key_public(*k, public);
	must(vkey_init(v, who, type, public) == 0);
	buf_init(&text, 4096);
	vkey_print(v, &text);
	buf_put_u8(&text, '\n');
	if (file_write(in_dir(vkey, path), text.data, text.len, &mode, &why) !=
	    0)
		fail(path, -EIO, &why);
}

static void
make_keys(struct keys *k)
{
	make_key(
	    "log.key", "log.vkey", ORIGIN, NOTE_ED25519, &k->log, &k->log_vkey);
	make_key("cosign.key", "cosign.vkey", "collector", NOTE_COSIGNATURE,
	    &k->cosign, &k->cosign_vkey);
}

static int
sign(void *ctx, const void *body, size_t len, struct buf *note)
{
	struct keys *k = ctx;

	return note_sign(body, len, &k->log_vkey, k->log, note);
}

static struct ledger *
open_log(void)
{
	struct diag why = {""};
	struct ledger *l;
	char path[4096];
	int r = ledger_open(in_dir("log.db", path), ORIGIN, &l, &why);

	if (r != 0)
		fail(path, r, &why);
	return l;
}

/* Persons, one file each; every fifth a loss, whose fields are clear. */
static void
put(struct ledger *l, uint64_t i)
{
	struct draft d;
	uint64_t seq;
	char path[64];
	int r;

	if (i % 5 == 4) {
		draft_init(&d, "cov.loss", clock_now());
		draft_text(&d, "stage", "fanotify");
		draft_uint(&d, "lost", i);
	} else {
		must(str_format(path, sizeof path, "/srv/%u \x1b[2J\xff",
			 (unsigned)i) == 0);
		draft_init(&d, "file", clock_now());
		draft_text(&d, "provider", "acme");
		draft_text(&d, "person", "zoe");
		draft_text(&d, "grade", "key");
		draft_text(&d, "op", "read");
		draft_text(&d, "path", path);
	}
	r = ledger_append(l, &d, NULL, 0, 0, &seq);
	if (r != 0)
		fail("append", r, NULL);
	draft_done(&d);
}

static void
add(struct ledger *l, uint64_t n)
{
	int r = ledger_begin(l);

	for (uint64_t i = 0; r == 0 && i < n; i++)
		put(l, ledger_size(l) + i);
	if (r == 0)
		r = ledger_commit(l);
	if (r != 0)
		fail("commit", r, NULL);
}

/* The boot clock of a host that has run long enough for any test. */
#define UP_US UINT64_C(1000000000000)

static void
tell_field(struct draft *d, const char *name, char *value)
{
	uint64_t v;

	if (value[0] == '@' && str_u64(value + 1, 1000000, &v) == 0)
		draft_int(d, name, clock_now().wall_us - (int64_t)v * 1000000);
	else if (str_u64(value, INT64_MAX, &v) == 0)
		draft_uint(d, name, v);
	else
		draft_text(d, name, value);
}

static void
tell_line(struct ledger *l, char *line)
{
	const char *type = strsep(&line, ",");
	const char *ago = line == NULL ? "" : strsep(&line, ",");
	struct stamp at = clock_now();
	uint64_t s, seq;
	struct draft d;
	int r;

	if (str_u64(ago, 1000000, &s) != 0)
		fail(type, -EINVAL, NULL);
	at.wall_us -= (int64_t)s * 1000000;
	at.boot_us = UP_US - s * 1000000;
	draft_init(&d, type, at);
	while (line != NULL) {
		char *value = strsep(&line, ",");
		const char *name = strsep(&value, "=");

		if (value == NULL)
			fail(name, -EINVAL, NULL);
		tell_field(&d, name, value);
	}
	r = ledger_append(l, &d, NULL, 0, 0, &seq);
	if (r != 0)
		fail("append", r, NULL);
	draft_done(&d);
}

static void
tell(struct ledger *l)
{
	struct stamp now = clock_now();
	char line[4096];
	int r;

	clock_fix(&now);
	r = ledger_begin(l);
	while (r == 0 && fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		tell_line(l, line);
	}
	if (r == 0)
		r = ledger_commit(l);
	clock_fix(NULL);
	if (r != 0)
		fail("commit", r, NULL);
}

static void
checkpoint(struct ledger *l, struct keys *k)
{
	struct diag why = {""};
	int r = ledger_checkpoint(l, sign, k, &why);

	if (r != 0)
		fail("checkpoint", r, &why);
}

static void
receipt(struct ledger *l, struct keys *k)
{
	OWN(buf_done) struct buf note = {0};
	int64_t now = clock_now().wall_us;
	uint64_t size;
	int r;

	buf_init(&note, NOTE_MAX);
	r = ledger_note(l, 0, UINT64_MAX, &note, &size);
	if (r == 0)
		r = note_cosign(
		    &note, &k->cosign_vkey, k->cosign, (uint64_t)now / 1000000);
	if (r == 0)
		r = ledger_receipt(l, size, note.data, note.len, now);
	if (r != 0)
		fail("receipt", r, NULL);
}

static void
do_new(struct keys *k, uint64_t n)
{
	struct ledger *l = open_log();

	for (unsigned round = 0; n > 0; round++) {
		uint64_t some = n < 10 ? n : 10;

		add(l, some);
		n -= some;
		checkpoint(l, k);
		if (round % 2 == 1)
			receipt(l, k);
	}
	ledger_close(l);
}

static void
do_renew(struct keys *k)
{
	struct ledger *l = open_log(), *next;
	struct diag why = {""};
	char path[4096];
	int r =
	    ledger_renew(in_dir("log.db", path), ORIGIN, sign, k, &next, &why);

	if (r != 0)
		fail("renew", r, &why);
	ledger_close(l);
	ledger_close(next);
}

/* ---- forging ---- */

/* The host's own words, changed in the leaf's clear part. */
static void
forge_leaf(struct db *db, uint64_t seq)
{
	OWN(stmt_freep) struct stmt *get = NULL, *put_back = NULL;
	OWN(buf_done) struct buf leaf = {0};
	size_t len;
	const void *old;
	char *at;

	must(db_prepare(db, "SELECT leaf FROM entry WHERE seq=?", &get, NULL) ==
	     0);
	must(db_prepare(db, "UPDATE entry SET leaf=? WHERE seq=?", &put_back,
		 NULL) == 0);
	stmt_bind_int(get, 1, (int64_t)seq);
	must(stmt_step(get) == 1);
	old = stmt_blob(get, 0, &len);
	buf_init(&leaf, ENTRY_LEAF_MAX + 1);
	buf_put(&leaf, old, len);
	must(buf_text(&leaf) != NULL);
	stmt_reset(get);
	at = strstr((char *)leaf.data, "\"t\":\"20");
	must(at != NULL);
	at[strlen("\"t\":\"2")] = '1'; /* 21xx */
	stmt_bind_blob(put_back, 1, leaf.data, leaf.len);
	stmt_bind_int(put_back, 2, (int64_t)seq);
	must(stmt_run(put_back) == 0);
}

static void
forge_checkpoint(struct db *db, const struct keys *k, const struct merkle *m)
{
	OWN(stmt_freep) struct stmt *s = NULL;
	OWN(buf_done) struct buf body = {0}, note = {0};
	struct checkpoint c = {.origin = ORIGIN, .size = m->size};

	merkle_root(m, c.root);
	buf_init(&body, NOTE_MAX);
	buf_init(&note, NOTE_MAX);
	checkpoint_print(&c, &body);
	must(note_sign(body.data, body.len, &k->log_vkey, k->log, &note) == 0);
	must(db_prepare(db, "UPDATE checkpoint SET root=?,note=? WHERE size=?",
		 &s, NULL) == 0);
	stmt_bind_blob(s, 1, c.root, SEAL_HASH);
	stmt_bind_blob(s, 2, note.data, note.len);
	stmt_bind_int(s, 3, (int64_t)m->size);
	must(stmt_run(s) == 0);
}

static void
forge_tree(struct db *db, const struct keys *k)
{
	OWN(stmt_freep) struct stmt *get = NULL, *fix = NULL, *head = NULL;
	struct merkle m;

	merkle_init(&m);
	must(db_prepare(db, "SELECT seq,leaf FROM entry ORDER BY seq", &get,
		 NULL) == 0);
	must(db_prepare(
		 db, "UPDATE entry SET hash=? WHERE seq=?", &fix, NULL) == 0);
	must(db_prepare(db, "UPDATE head SET tree=? WHERE what IN(0,1)", &head,
		 NULL) == 0);
	while (stmt_step(get) == 1) {
		uint8_t hash[SEAL_HASH];
		size_t len;
		const void *leaf = stmt_blob(get, 1, &len);

		merkle_leaf(leaf, len, hash);
		merkle_append(&m, hash);
		stmt_bind_blob(fix, 1, hash, sizeof hash);
		stmt_bind_int(fix, 2, stmt_int(get, 0));
		must(stmt_run(fix) == 0);
		forge_checkpoint(db, k, &m);
	}
	stmt_bind_blob(head, 1, m.frontier,
	    (size_t)__builtin_popcountll(m.size) * SEAL_HASH);
	must(stmt_run(head) == 0);
}

static void
do_forge(struct keys *k, uint64_t seq)
{
	struct diag why = {""};
	struct db *db;
	char path[4096];

	if (db_open(in_dir("log.db", path), DB_CREATE, &db, &why) != 0)
		fail(path, -EIO, &why);
	forge_leaf(db, seq);
	forge_tree(db, k);
	db_close(db);
}

int
main(int argc, char **argv)
{
	struct keys k = {0};
	struct ledger *l;
	uint64_t n = 40;

	if (argc < 3 || (argc > 3 && str_u64(argv[3], 100000, &n) != 0)) {
		(void)fprintf(stderr,
		    "usage: mklog new|add|tell|sign|renew|forge DIR "
		    "[NUMBER]\n");
		return 2;
	}
	dir = argv[2];
	make_keys(&k);
	if (str_eq(argv[1], "new")) {
		do_new(&k, n);
	} else if (str_eq(argv[1], "renew")) {
		do_renew(&k);
	} else if (str_eq(argv[1], "forge")) {
		do_forge(&k, n);
	} else {
		l = open_log();
		if (str_eq(argv[1], "add"))
			add(l, n);
		else if (str_eq(argv[1], "tell"))
			tell(l);
		else
			checkpoint(l, &k);
		ledger_close(l);
	}
	seal_key_free(k.log);
	seal_key_free(k.cosign);
	return 0;
}
