/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_test - each batch once and in order, whatever is sent; tokens once;
 * receipts for what is held.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/store/store.h"
#include "lib/db.h"
#include "lib/rng.h"
#include "tests/support/history.h"

#include "lib/own.h"

#define HOST "web.example"
#define NOW INT64_C(1770000000000000)
#define LATER (NOW + INT64_C(3600000000))

struct world {
	char dir[64];
	char path[128];
	struct store *store;
	struct history log;
	struct buf public_key;
	uint8_t key[SEAL_HASH]; /* digest of it */
	char id[PKI_ID_MAX];
};

/* ---- a store with one agent ---- */

static void
new_key(struct buf *der, uint8_t digest[SEAL_HASH])
{
	OWN(pki_key_freep) struct pki_key *k = NULL;

	buf_init(der, PKI_PUBLIC_MAX);
	assert_int_equal(pki_key_new(&k), 0);
	assert_int_equal(pki_key_public(k, der), 0);
	seal_sha256(der->data, der->len, digest);
}

static void
reopen(struct world *w)
{
	struct diag why = {""};

	store_close(w->store);
	w->store = NULL;
	if (store_open(w->path, &w->store, &why) != 0)
		fail_msg("%s", why.text);
}

static void
add_token(struct world *w, const char *text, uint8_t hash[SEAL_HASH])
{
	seal_sha256(text, strlen(text), hash);
	assert_int_equal(store_begin(w->store), 0);
	assert_int_equal(store_token_add(w->store, hash, NOW, LATER), 0);
	assert_int_equal(store_commit(w->store), 0);
}

static struct store_enrol
request(const struct world *w, const uint8_t *token)
{
	return (struct store_enrol){.token = token,
	    .host = HOST,
	    .vkey = w->log.text,
	    .public_key = w->public_key.data,
	    .len = w->public_key.len,
	    .now_us = NOW + 1};
}

static int
enrol(struct world *w, const struct store_enrol *e, char id[PKI_ID_MAX])
{
	int r = store_enrol_check(w->store, e, id, NULL);

	if (r != 0)
		return r;
	assert_int_equal(store_begin(w->store), 0);
	assert_int_equal(store_enrol(w->store, e, id), 0);
	assert_int_equal(store_commit(w->store), 0);
	return 0;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	uint8_t token[SEAL_HASH];
	struct store_enrol e;

	must(w != NULL);
	*state = w;
	must(str_copy(w->dir, sizeof w->dir, "/tmp/store_test.XXXXXX") == 0);
	if (mkdtemp(w->dir) == NULL)
		return -1;
	must(str_format(w->path, sizeof w->path, "%s/c.db", w->dir) == 0);
	reopen(w);
	history_new(&w->log, HOST "-0123");
	new_key(&w->public_key, w->key);
	add_token(w, "first", token);
	e = request(w, token);
	return enrol(w, &e, w->id);
}

static int
remove_one(const char *p, const struct stat *st UNUSED, int flag UNUSED,
    struct FTW *f UNUSED)
{
	return remove(p);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	store_close(w->store);
	history_done(&w->log);
	buf_done(&w->public_key);
	(void)nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

/* ---- sending ---- */

static struct store_taken
send_bytes(struct world *w, const void *data, size_t len)
{
	struct store_taken t;

	assert_int_equal(store_begin(w->store), 0);
	assert_int_equal(
	    take_batch(w->store, w->id, w->key, data, len, NOW, &t), 0);
	assert_int_equal(store_commit(w->store), 0);
	return t;
}

static struct store_taken
send_from(struct world *w, struct history *h, uint64_t first, uint32_t count)
{
	OWN(buf_done) struct buf b = {0};

	history_batch(h, first, count, &b);
	return send_bytes(w, b.data, b.len);
}

/* What was taken, over all that may be counted: rows of entries. */
static int64_t
rows(const struct world *w, const char *sql)
{
	OWN(db_closep) struct db *db = NULL;
	OWN(stmt_freep) struct stmt *s = NULL;

	assert_int_equal(db_open(w->path, DB_READ_ONLY, &db, NULL), 0);
	assert_int_equal(db_prepare(db, sql, &s, NULL), 0);
	assert_int_equal(stmt_step(s), 1);
	return stmt_int(s, 0);
}

#define ACCESSES "SELECT count(*) FROM access"

static void
takes_in_order(void **state)
{
	struct world *w = *state;
	struct store_taken t = send_from(w, &w->log, 0, 3);

	assert_int_equal(t.verdict, STORE_TAKEN);
	assert_int_equal(t.entries, 3);
	assert_int_equal(t.next, 3);
	assert_int_equal(t.gen, 1);
	t = send_from(w, &w->log, 3, BATCH_ENTRIES_MAX);
	assert_int_equal(t.verdict, STORE_TAKEN);
	assert_int_equal(t.next, 3 + BATCH_ENTRIES_MAX);
	assert_int_equal(rows(w, ACCESSES), 3 + BATCH_ENTRIES_MAX);
	assert_int_equal(
	    rows(w, "SELECT count(*) FROM access WHERE person='ann'"), 258);
}

static void
knows_what_it_has(void **state)
{
	struct world *w = *state;

	(void)send_from(w, &w->log, 0, 4);
	(void)send_from(w, &w->log, 4, 4);
	/* The same, a part, parts of two, and all in one. */
	for (uint64_t first = 0; first < 8; first++) {
		for (uint32_t n = 1; first + n <= 8; n++) {
			struct store_taken t = send_from(w, &w->log, first, n);

			assert_int_equal(t.verdict, STORE_KNOWN);
			assert_int_equal(t.next, 8);
			assert_int_equal(t.entries, 0);
		}
	}
	assert_int_equal(rows(w, ACCESSES), 8);
	assert_int_equal(rows(w, "SELECT count(*) FROM batch"), 2);
}

static void
sends_back_to_a_gap(void **state)
{
	struct world *w = *state;
	struct store_taken t = send_from(w, &w->log, 2, 2);

	assert_int_equal(t.verdict, STORE_GAP);
	assert_int_equal(t.next, 0);
	(void)send_from(w, &w->log, 0, 4);
	t = send_from(w, &w->log, 6, 2);
	assert_int_equal(t.verdict, STORE_GAP);
	assert_int_equal(t.next, 4);
	/* Half known, half new: to be sent from where the new begins. */
	t = send_from(w, &w->log, 2, 4);
	assert_int_equal(t.verdict, STORE_GAP);
	assert_int_equal(t.next, 4);
	t = send_from(w, &w->log, 4, 2);
	assert_int_equal(t.verdict, STORE_TAKEN);
	assert_int_equal(rows(w, ACCESSES), 6);
	assert_string_equal(t.alarm, "");
}

/* Batches in any order, each many times: every entry is there once. */
static void
once_in_any_order(void **state)
{
	struct world *w = *state;
	uint64_t wanted = 0;
	unsigned turns = 0;

	while (wanted < 40 && turns++ < 5000) {
		struct store_taken t;
		uint8_t dice[2];
		uint64_t first;
		uint32_t count;

		rng_fill(dice, sizeof dice);
		first = dice[0] % 40;
		count = 1 + dice[1] % 5;
		t = send_from(w, &w->log, first, count);
		if (first == wanted)
			assert_int_equal(t.verdict, STORE_TAKEN);
		else if (first + count <= wanted)
			assert_int_equal(t.verdict, STORE_KNOWN);
		else
			assert_int_equal(t.verdict, STORE_GAP);
		if (t.verdict == STORE_TAKEN)
			wanted += count;
		assert_int_equal(t.next, wanted);
		if (turns % 50 == 0)
			reopen(w);
	}
	assert_true(wanted >= 40);
	assert_int_equal(rows(w, ACCESSES), wanted);
	assert_int_equal(rows(w, "SELECT sum(count) FROM batch"), wanted);
	assert_int_equal(
	    rows(w, "SELECT count(DISTINCT seq) FROM access"), wanted);
	assert_int_equal(rows(w, "SELECT count(*) FROM alarm"), 0);
}

static void
sees_a_fork(void **state)
{
	struct world *w = *state;
	struct history other = w->log;
	struct store_taken t;

	(void)send_from(w, &w->log, 0, 6);
	other.turn = 7;
	other.fork_at = 4;
	/* An entry that is held, in another form. */
	t = send_from(w, &other, 3, 3);
	assert_int_equal(t.verdict, STORE_FORK);
	assert_string_equal(t.alarm, "fork");
	assert_int_equal(t.next, 6);
	/* The same again: told once. */
	t = send_from(w, &other, 3, 3);
	assert_int_equal(t.verdict, STORE_FORK);
	assert_string_equal(t.alarm, "");
	/* Entries that follow, with a root that does not. */
	t = send_from(w, &other, 6, 2);
	assert_int_equal(t.verdict, STORE_FORK);
	assert_string_equal(t.alarm, "fork");
	/* The right one still goes on. */
	t = send_from(w, &w->log, 6, 2);
	assert_int_equal(t.verdict, STORE_TAKEN);
	assert_int_equal(rows(w, ACCESSES), 8);
	assert_int_equal(rows(w, "SELECT count(*) FROM alarm"), 2);
}

static void
a_root_of_nothing_is_bad(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf plain = {0};
	OWN(buf_done) struct buf packed = {0};
	OWN(buf_done) struct buf note = {0};
	OWN(entry_done) struct entry e = {0};
	struct store_taken t;

	/* The note of entry 1 beside entry 0. */
	history_entry(&w->log, 1, &e);
	history_add(&w->log, &e);
	entry_done(&e);
	e = (struct entry){0};
	history_note(&w->log, &note);
	history_entry(&w->log, 0, &e);
	buf_init(&plain, 100000);
	buf_init(&packed, 100000);
	batch_begin(&plain, w->log.vkey.name, 1, 0, 1);
	batch_entry(&plain, &e);
	batch_end(&plain, note.data, note.len);
	assert_int_equal(batch_pack(plain.data, plain.len, &packed), 0);
	t = send_bytes(w, packed.data, packed.len);
	assert_int_equal(t.verdict, STORE_BAD);
	assert_string_equal(t.alarm, "root");
	assert_int_equal(rows(w, ACCESSES), 0);
}

static void
denies_others(void **state)
{
	struct world *w = *state;
	struct history other = {0};
	OWN(buf_done) struct buf b = {0};
	uint8_t key[SEAL_HASH] = {1};
	struct store_taken t;

	history_batch(&w->log, 0, 2, &b);
	/* Another's key, an agent that is none. */
	assert_int_equal(store_begin(w->store), 0);
	assert_int_equal(
	    take_batch(w->store, w->id, key, b.data, b.len, NOW, &t), 0);
	assert_int_equal(t.verdict, STORE_DENIED);
	assert_int_equal(
	    take_batch(w->store, "nobody", w->key, b.data, b.len, NOW, &t), 0);
	assert_int_equal(t.verdict, STORE_DENIED);
	assert_int_equal(store_commit(w->store), 0);
	/* A log of another name, and one of the same name with another key. */
	history_new(&other, "other-4567");
	t = send_from(w, &other, 0, 2);
	assert_int_equal(t.verdict, STORE_DENIED);
	assert_string_equal(t.alarm, "foreign");
	history_done(&other);
	history_new(&other, w->log.vkey.name);
	t = send_from(w, &other, 0, 2);
	assert_int_equal(t.verdict, STORE_DENIED);
	history_done(&other);
	/* Revoked. */
	assert_int_equal(store_begin(w->store), 0);
	assert_int_equal(store_revoke(w->store, w->id, NOW), 0);
	assert_int_equal(store_revoke(w->store, w->id, NOW), -EALREADY);
	assert_int_equal(store_revoke(w->store, "nobody", NOW), -ENOENT);
	assert_int_equal(store_commit(w->store), 0);
	t = send_bytes(w, b.data, b.len);
	assert_int_equal(t.verdict, STORE_DENIED);
	assert_int_equal(rows(w, ACCESSES), 0);
}

/* The name of another's log is shown, and is nothing but text then. */
static void
escapes_names(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf plain = {0};
	OWN(buf_done) struct buf packed = {0};
	OWN(buf_done) struct buf note = {0};
	OWN(entry_done) struct entry e = {0};
	struct store_taken t;

	history_entry(&w->log, 0, &e);
	history_add(&w->log, &e);
	history_note(&w->log, &note);
	buf_init(&plain, 100000);
	buf_init(&packed, 100000);
	batch_begin(&plain, "a\x1b[2J\n", 1, 0, 1);
	batch_entry(&plain, &e);
	batch_end(&plain, note.data, note.len);
	assert_int_equal(batch_pack(plain.data, plain.len, &packed), 0);
	t = send_bytes(w, packed.data, packed.len);
	assert_int_equal(t.verdict, STORE_DENIED);
	assert_non_null(strstr(t.detail, "a\\x1b[2J\\x0a"));
}

/* Every prefix, and every byte turned: nothing is kept, nothing ends. */
static void
lives_through_garbage(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf packed = {0};
	OWN(buf_done) struct buf plain = {0};

	history_batch(&w->log, 0, 2, &packed);
	buf_init(&plain, BATCH_BYTES_MAX);
	assert_int_equal(batch_unpack(packed.data, packed.len, &plain), 0);
	for (size_t n = 0; n < plain.len; n++) {
		OWN(buf_done) struct buf b = {0};
		struct store_taken t;

		buf_init(&b, BATCH_BYTES_MAX);
		assert_int_equal(batch_pack(plain.data, n, &b), 0);
		t = send_bytes(w, b.data, b.len);
		assert_int_equal(t.verdict, STORE_BAD);
		assert_string_not_equal(t.detail, "");
	}
	for (size_t n = 0; n < plain.len; n++) {
		OWN(buf_done) struct buf b = {0};
		struct store_taken t;

		plain.data[n] ^= 0x20;
		buf_init(&b, BATCH_BYTES_MAX);
		assert_int_equal(batch_pack(plain.data, plain.len, &b), 0);
		t = send_bytes(w, b.data, b.len);
		assert_int_not_equal(t.verdict, STORE_TAKEN);
		assert_int_not_equal(t.verdict, STORE_KNOWN);
		plain.data[n] ^= 0x20;
	}
	for (size_t n = 0; n < packed.len; n++) {
		struct store_taken t = send_bytes(w, packed.data, n);

		assert_int_equal(t.verdict, STORE_BAD);
	}
	assert_int_equal(rows(w, ACCESSES), 0);
	assert_int_equal(
	    send_bytes(w, packed.data, packed.len).verdict, STORE_TAKEN);
}

static void
goes_on_after_a_restart(void **state)
{
	struct world *w = *state;
	struct store_taken t;

	(void)send_from(w, &w->log, 0, 5);
	reopen(w);
	assert_int_equal(
	    take_frontier(w->store, w->id, STORE_GEN_NEWEST, &t), 0);
	assert_int_equal(t.next, 5);
	assert_int_equal(t.gen, 1);
	assert_int_equal(send_from(w, &w->log, 0, 5).verdict, STORE_KNOWN);
	assert_int_equal(send_from(w, &w->log, 5, 1).verdict, STORE_TAKEN);
	/* What was not committed never was. */
	{
		OWN(buf_done) struct buf b = {0};

		history_batch(&w->log, 6, 2, &b);
		assert_int_equal(store_begin(w->store), 0);
		assert_int_equal(
		    take_batch(w->store, w->id, w->key, b.data, b.len, NOW, &t),
		    0);
		assert_int_equal(t.verdict, STORE_TAKEN);
		store_rollback(w->store);
	}
	assert_int_equal(take_frontier(w->store, w->id, 1, &t), 0);
	assert_int_equal(t.next, 6);
	assert_int_equal(take_frontier(w->store, "nobody", 1, &t), -ENOENT);
}

/* Several batches of one agent, the second of which continues the first. */
static void
one_group(void **state)
{
	struct world *w = *state;
	struct store_taken t;

	assert_int_equal(store_begin(w->store), 0);
	for (uint64_t i = 0; i < 4; i++) {
		OWN(buf_done) struct buf b = {0};

		history_batch(&w->log, i * 2, 2, &b);
		for (unsigned again = 0; again < 2; again++) {
			assert_int_equal(take_batch(w->store, w->id, w->key,
					     b.data, b.len, NOW, &t),
			    0);
			assert_int_equal(
			    t.verdict, again == 0 ? STORE_TAKEN : STORE_KNOWN);
		}
	}
	assert_int_equal(store_commit(w->store), 0);
	assert_int_equal(rows(w, ACCESSES), 8);
}

static void
generations(void **state)
{
	struct world *w = *state;
	struct history next = w->log;
	struct store_taken t;

	(void)send_from(w, &w->log, 0, 3);
	next.gen = 2;
	merkle_init(&next.tree);
	t = send_from(w, &next, 0, 2);
	assert_int_equal(t.verdict, STORE_TAKEN);
	assert_string_equal(t.alarm, "generation");
	assert_int_equal(
	    take_frontier(w->store, w->id, STORE_GEN_NEWEST, &t), 0);
	assert_int_equal(t.gen, 2);
	assert_int_equal(t.next, 2);
	/* The end of the old one may still come; an older one may not begin. */
	t = send_from(w, &w->log, 3, 1);
	assert_int_equal(t.verdict, STORE_TAKEN);
	next.gen = 0;
	merkle_init(&next.tree);
	t = send_from(w, &next, 0, 1);
	assert_int_equal(t.verdict, STORE_BAD);
}

/* ---- enrolment ---- */

static void
a_token_is_good_once(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf key = {0};
	struct history other = {0};
	uint8_t token[SEAL_HASH], digest[SEAL_HASH], none[SEAL_HASH] = {0};
	char id[PKI_ID_MAX], again[PKI_ID_MAX];
	struct store_enrol e = request(w, none);

	assert_int_equal(enrol(w, &e, id), -EPERM);
	add_token(w, "second", token);
	/* This log is enrolled, with another key. */
	new_key(&key, digest);
	e = request(w, token);
	e.public_key = key.data;
	e.len = key.len;
	assert_int_equal(enrol(w, &e, id), -EEXIST);
	/* A refusal did not use it up. */
	history_new(&other, "other-4567");
	e.vkey = other.text;
	assert_int_equal(enrol(w, &e, id), 0);
	assert_string_not_equal(id, w->id);
	assert_int_equal(store_admit(w->store, id, digest, NULL), 0);
	assert_int_equal(store_admit(w->store, w->id, digest, NULL), -EACCES);
	/* The answer was lost: the same again. */
	assert_int_equal(enrol(w, &e, again), 0);
	assert_string_equal(id, again);
	/* Another key, or another log, with a used token. */
	e.public_key = w->public_key.data;
	e.len = w->public_key.len;
	assert_int_not_equal(enrol(w, &e, again), 0);
	e.vkey = w->log.text;
	assert_int_equal(enrol(w, &e, again), -EPERM);
	history_done(&other);
}

static void
a_token_grows_old(void **state)
{
	struct world *w = *state;
	struct history other = {0};
	uint8_t token[SEAL_HASH];
	char id[PKI_ID_MAX];
	struct store_enrol e;

	add_token(w, "third", token);
	history_new(&other, "other-4567");
	e = request(w, token);
	e.vkey = other.text;
	e.now_us = LATER + 1;
	assert_int_equal(enrol(w, &e, id), -EPERM);
	e.now_us = LATER;
	assert_int_equal(enrol(w, &e, id), 0);
	e.vkey = "no vkey";
	assert_int_equal(enrol(w, &e, id), -EBADMSG);
	history_done(&other);
}

static void
the_revoked_may_come_back(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf key = {0};
	uint8_t token[SEAL_HASH], digest[SEAL_HASH];
	char id[PKI_ID_MAX];
	struct store_enrol e;

	assert_int_equal(store_begin(w->store), 0);
	assert_int_equal(store_revoke(w->store, w->id, NOW), 0);
	assert_int_equal(store_commit(w->store), 0);
	assert_int_equal(store_admit(w->store, w->id, w->key, NULL), -EACCES);
	add_token(w, "fourth", token);
	new_key(&key, digest);
	e = request(w, token);
	e.public_key = key.data;
	e.len = key.len;
	assert_int_equal(enrol(w, &e, id), 0);
	assert_string_equal(id, w->id);
	assert_int_equal(store_admit(w->store, id, digest, NULL), 0);
	assert_int_equal(store_admit(w->store, id, w->key, NULL), -EACCES);
}

static int
keep_agent(void *ctx, const struct store_agent *a)
{
	*(struct store_agent *)ctx = *a;
	return 0;
}

static void
lists_agents(void **state)
{
	struct world *w = *state;
	struct store_agent a = {0};

	(void)send_from(w, &w->log, 0, 5);
	assert_int_equal(store_agents(w->store, keep_agent, &a), 0);
	assert_string_equal(a.id, w->id);
	assert_string_equal(a.host, HOST);
	assert_string_equal(a.state, "active");
	assert_int_equal(a.entries, 5);
	assert_int_equal(a.seen_us, NOW);
	assert_int_equal(a.gen, 1);
}

/* ---- receipts ---- */

static void
what_is_due(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf note = {0};
	struct store_due d;

	buf_init(&note, NOTE_MAX);
	due_init(&d);
	assert_int_equal(due_any(w->store, &d), -ENOENT);
	(void)send_from(w, &w->log, 0, 2);
	(void)send_from(w, &w->log, 2, 3);
	assert_int_equal(due_any(w->store, &d), 0);
	assert_string_equal(d.id, w->id);
	assert_string_equal(d.vkey, w->log.text);
	assert_int_equal(d.first, 0);
	assert_int_equal(d.hashes.len, 2 * SEAL_HASH);
	/* Behind the one that was just told. */
	assert_int_equal(due_any(w->store, &d), 0);
	assert_int_equal(d.first, 2);
	assert_int_equal(due_any(w->store, &d), -ENOENT);
	assert_int_equal(store_begin(w->store), 0);
	assert_int_equal(due_receipt(w->store, w->id, 1, 0, "a note", 6), 0);
	assert_int_equal(store_commit(w->store), 0);
	assert_int_equal(due_next(w->store, w->id, 1, 0, &d), 0);
	assert_int_equal(d.first, 2);
	assert_int_equal(due_at(w->store, w->id, 1, 4, &d), 0);
	assert_int_equal(d.first, 2);
	assert_int_equal(due_at(w->store, w->id, 1, 1, &d), 0);
	assert_int_equal(d.first, 0);
	assert_int_equal(due_last(w->store, w->id, 1, &note), 0);
	assert_int_equal(note.len, 6);
	/* Superseded: not due, and no receipt of its own. */
	assert_int_equal(store_begin(w->store), 0);
	assert_int_equal(due_receipt(w->store, w->id, 1, 2, NULL, 0), 0);
	assert_int_equal(store_commit(w->store), 0);
	assert_int_equal(due_any(w->store, &d), -ENOENT);
	buf_reset(&note);
	assert_int_equal(due_last(w->store, w->id, 1, &note), 0);
	assert_int_equal(note.len, 6);
	due_done(&d);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(takes_in_order),
	    T(knows_what_it_has), T(sends_back_to_a_gap), T(once_in_any_order),
	    T(sees_a_fork), T(a_root_of_nothing_is_bad), T(denies_others),
	    T(escapes_names), T(lives_through_garbage),
	    T(goes_on_after_a_restart), T(one_group), T(generations),
	    T(a_token_is_good_once), T(a_token_grows_old),
	    T(the_revoked_may_come_back), T(lists_agents), T(what_is_due)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
