/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_test - what is committed is there once, in order, and fits the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "lib/db.h"
#include "lib/ledger.h"
#include "lib/str.h"

#include "lib/own.h"

#define NAME "host-0011223344556677"

static char dir[64];
static char path[128];
static struct seal_key *key;
static struct vkey vkey;

static int
setup(void **state UNUSED)
{
	uint8_t public[SEAL_PUBLIC];

	(void)str_copy(dir, sizeof dir, "/tmp/ledger_test.XXXXXX");
	if (mkdtemp(dir) == NULL || seal_key_new(&key) != 0)
		return -1;
	seal_key_public(key, public);
	return vkey_init(&vkey, NAME, NOTE_ED25519, public) |
	       str_format(path, sizeof path, "%s/log.db", dir);
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
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int
sign(void *ctx UNUSED, const void *body, size_t len, struct buf *note)
{
	return note_sign(body, len, &vkey, key, note);
}

static int
refuse(void *ctx UNUSED, const void *body UNUSED, size_t len UNUSED,
    struct buf *note UNUSED)
{
	return -EAGAIN;
}

static struct ledger *
open_log(void)
{
	struct diag why = {""};
	struct ledger *l = NULL;

	if (ledger_open(path, NAME, &l, &why) != 0)
		fail_msg("%s", why.text);
	return l;
}

static int
append(struct ledger *l, const char *source, uint64_t number, uint64_t *seq)
{
	char text[64];
	struct draft d;
	int r;

	draft_init(&d, "file", (struct stamp){.boot_us = number, .wall_us = 1});
	draft_text(&d, "path", "/srv/a");
	draft_text(&d, "op", "open");
	(void)str_format(
	    text, sizeof text, "person-%llu", (unsigned long long)number);
	draft_text(&d, "person", text);
	assert_int_equal(draft_error(&d), 0);
	r = ledger_append(l, &d, source, 7, number, seq);
	draft_done(&d);
	return r;
}

/* Appends numbers @from to @to in one group. */
static void
append_all(struct ledger *l, uint64_t from, uint64_t to)
{
	assert_int_equal(ledger_begin(l), 0);
	for (uint64_t n = from; n <= to; n++) {
		uint64_t seq = 0;

		assert_int_equal(append(l, "watch", n, &seq), 0);
	}
	assert_int_equal(ledger_commit(l), 0);
}

/* Every entry opens, is in its place, and the whole has the note's root. */
static void
check_all(struct ledger *l, uint64_t size)
{
	OWN(buf_done) struct buf note = {0};
	uint8_t hash[SEAL_HASH], root[SEAL_HASH];
	struct checkpoint c;
	struct merkle m;
	uint64_t got = 0;

	merkle_init(&m);
	assert_int_equal(ledger_size(l), size);
	for (uint64_t seq = 0; seq < size; seq++) {
		struct entry e = {0};
		struct facts f;
		char want[64];

		assert_int_equal(ledger_read(l, seq, &e), 0);
		assert_int_equal(entry_open(e.leaf.data, e.leaf.len,
				     e.disclosures, e.ndisclosures, &f, NULL),
		    0);
		assert_int_equal(f.seq, seq);
		assert_int_equal(f.gen, ledger_gen(l));
		(void)str_format(want, sizeof want, "person-%llu",
		    (unsigned long long)f.at.boot_us);
		assert_string_equal(facts_text(&f, "person"), want);
		facts_done(&f);
		merkle_leaf(e.leaf.data, e.leaf.len, hash);
		merkle_append(&m, hash);
		assert_int_equal(ledger_leaf(l, seq, root), 0);
		assert_memory_equal(root, hash, SEAL_HASH);
		entry_done(&e);
	}
	buf_init(&note, NOTE_MAX);
	assert_int_equal(ledger_note(l, 0, UINT64_MAX, &note, &got), 0);
	assert_int_equal(got, size);
	assert_int_equal(
	    note_verify((const char *)note.data, note.len, &vkey, NULL, NULL),
	    0);
	assert_int_equal(
	    checkpoint_parse((const char *)note.data, note.len, &c, NULL), 0);
	merkle_root(&m, root);
	assert_int_equal(c.size, size);
	assert_string_equal(c.origin, NAME);
	assert_memory_equal(c.root, root, SEAL_HASH);
	assert_int_equal(ledger_root(l, size, hash), 0);
	assert_memory_equal(hash, root, SEAL_HASH);
}

static void
test_life(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	OWN(ledger_closep) struct ledger *r = NULL;
	OWN(buf_done) struct buf note = {0};
	struct entry e = {0};
	uint64_t size = 0;
	size_t bytes = 0;

	buf_init(&note, NOTE_MAX);
	assert_string_equal(ledger_origin(l), NAME);
	assert_int_equal(ledger_gen(l), 0);
	assert_int_equal(ledger_size(l), 0);
	assert_int_equal(ledger_read(l, 0, &e), -ENOENT);
	assert_int_equal(ledger_note(l, 0, 100, &note, &size), -ENOENT);
	/* Nothing to sign. */
	assert_int_equal(ledger_checkpoint(l, refuse, NULL, NULL), 0);
	append_all(l, 1, 5);
	assert_int_equal(ledger_unsigned(l, &bytes), 5);
	assert_true(bytes > 5 * 100);
	assert_int_equal(ledger_checkpoint(l, refuse, NULL, NULL), -EAGAIN);
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
	assert_int_equal(ledger_checkpoint(l, refuse, NULL, NULL), 0);
	assert_int_equal(ledger_unsigned(l, &bytes), 0);
	assert_int_equal(bytes, 0);
	append_all(l, 6, 9);
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
	check_all(l, 9);
	/* The greatest within the bounds. */
	assert_int_equal(ledger_note(l, 0, 8, &note, &size), 0);
	assert_int_equal(size, 5);
	assert_int_equal(ledger_note(l, 5, 8, &note, &size), -ENOENT);
	assert_int_equal(ledger_note(l, 9, UINT64_MAX, &note, &size), -ENOENT);
	assert_int_equal(ledger_read(l, 9, &e), -ENOENT);
	assert_int_equal(ledger_open_read(path, &r, NULL), 0);
	check_all(r, 9);
	assert_int_equal(ledger_begin(r), -EIO);
}

static void
test_once(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	uint64_t seq = 0, last = 9;

	assert_int_equal(ledger_last(l, "watch", 7, &last), 0);
	assert_int_equal(last, 0);
	append_all(l, 1, 3);
	assert_int_equal(ledger_begin(l), 0);
	for (uint64_t n = 1; n <= 3; n++)
		assert_int_equal(append(l, "watch", n, &seq), 1);
	assert_int_equal(append(l, "watch", 4, &seq), 0);
	assert_int_equal(append(l, "watch", 4, &seq), 1);
	assert_int_equal(append(l, "other", 1, &seq), 0);
	assert_int_equal(seq, 4);
	assert_int_equal(append(l, NULL, 0, &seq), 0);
	assert_int_equal(append(l, NULL, 0, &seq), 0);
	assert_int_equal(append(l, "watch", UINT64_MAX, &seq), -ERANGE);
	assert_int_equal(ledger_commit(l), 0);
	assert_int_equal(ledger_size(l), 7);
	assert_int_equal(ledger_last(l, "watch", 7, &last), 0);
	assert_int_equal(last, 4);
	assert_int_equal(ledger_last(l, "watch", 8, &last), 0);
	assert_int_equal(last, 0);
	assert_int_equal(ledger_last(l, "watch", UINT64_MAX, &last), -ERANGE);
}

static void
test_rollback(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	uint64_t seq = 0, last = 0;
	struct draft d;

	append_all(l, 1, 3);
	assert_int_equal(ledger_begin(l), 0);
	assert_int_equal(append(l, "watch", 4, &seq), 0);
	ledger_rollback(l);
	assert_int_equal(ledger_size(l), 3);
	assert_int_equal(ledger_last(l, "watch", 7, &last), 0);
	assert_int_equal(last, 3);
	/* A draft with an error changes nothing, the group goes on. */
	assert_int_equal(ledger_begin(l), 0);
	assert_int_equal(append(l, "watch", 4, &seq), 0);
	draft_init(&d, "file", (struct stamp){.boot_us = 5});
	draft_text(&d, "nonsense", "x");
	assert_int_equal(ledger_append(l, &d, "watch", 7, 5, &seq), -EINVAL);
	draft_done(&d);
	assert_int_equal(append(l, "watch", 5, &seq), 0);
	assert_int_equal(ledger_commit(l), 0);
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
	check_all(l, 5);
}

static void
test_reopen(void **state UNUSED)
{
	struct diag why = {""};
	struct ledger *l = open_log();
	size_t bytes = 0, again = 0;

	append_all(l, 1, 300);
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
	append_all(l, 301, 333);
	assert_int_equal(ledger_unsigned(l, &bytes), 33);
	/* What was not committed is gone. */
	assert_int_equal(ledger_begin(l), 0);
	assert_int_equal(append(l, "watch", 334, &(uint64_t){0}), 0);
	ledger_close(l);
	l = open_log();
	assert_int_equal(ledger_size(l), 333);
	assert_int_equal(ledger_unsigned(l, &again), 33);
	assert_int_equal(again, bytes);
	append_all(l, 334, 340);
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
	check_all(l, 340);
	ledger_close(l);
	assert_int_equal(ledger_open(path, "another", &l, &why), -EINVAL);
	assert_non_null(strstr(why.text, NAME));
}

static void
test_receipts(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	uint64_t size = 0;
	int64_t at = 0;

	assert_int_equal(ledger_receipted(l, &size, &at), -ENOENT);
	assert_int_equal(ledger_receipt(l, 3, "note", 4, 30), 0);
	assert_int_equal(ledger_receipt(l, 2, "late", 4, 40), 0);
	assert_int_equal(ledger_receipt(l, 3, "again", 5, 50), 0);
	assert_int_equal(ledger_receipted(l, &size, &at), 0);
	assert_int_equal(size, 3);
	assert_int_equal(at, 30);
}

/* ---- what was damaged or changed ---- */

static void
sql(const char *text)
{
	OWN(db_closep) struct db *db = NULL;
	struct diag why = {""};

	assert_int_equal(db_open(path, DB_CREATE, &db, NULL), 0);
	if (db_exec(db, text, &why) != 0)
		fail_msg("%s", why.text);
}

static void
test_damage(void **state UNUSED)
{
	static const char *const DAMAGE[] = {
	    "UPDATE entry SET leaf=replace(leaf,'file','fill') WHERE seq=12",
	    "DELETE FROM entry WHERE seq=12",
	    "DELETE FROM entry WHERE seq=14",
	    "INSERT INTO entry SELECT 15,hash,leaf FROM entry WHERE seq=1",
	    "UPDATE head SET size=14 WHERE what=0",
	    "UPDATE head SET tree=(SELECT tree FROM head WHERE what=1)",
	    "DELETE FROM head WHERE what=1",
	    "DELETE FROM checkpoint WHERE size=10",
	    "UPDATE checkpoint SET note=replace(note,'\n10\n','\n11\n')",
	    "UPDATE meta SET value='x' WHERE key='origin'",
	    "DELETE FROM meta WHERE key='gen'",
	    "DROP TABLE salted",
	    "DELETE FROM entry;DELETE FROM checkpoint;DELETE FROM head",
	};

	for (size_t i = 0; i < ARRAY_LEN(DAMAGE); i++) {
		struct ledger *l;
		struct diag why = {""};
		int r;

		(void)str_format(path, sizeof path, "%s/%zu.db", dir, i);
		l = open_log();
		append_all(l, 1, 10);
		assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
		append_all(l, 11, 15);
		ledger_close(l);
		sql(DAMAGE[i]);
		r = ledger_open(path, NAME, &l, &why);
		/* The last one leaves an empty log: a fork to the collector,
		 * which alone can know. */
		if (i + 1 == ARRAY_LEN(DAMAGE)) {
			assert_int_equal(r, 0);
			ledger_close(l);
			continue;
		}
		if (r == 0)
			fail_msg("not seen: %s", DAMAGE[i]);
		assert_true(why.text[0] != '\0');
	}
}

static void
test_bit_rot(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	struct entry e = {0};

	append_all(l, 1, 3);
	sql("UPDATE entry SET leaf=replace(leaf,'file','fill') WHERE seq=1");
	assert_int_equal(ledger_read(l, 0, &e), 0);
	entry_done(&e);
	assert_int_equal(ledger_read(l, 1, &e), -EBADMSG);
}

/* Erasure to come: without salted rows every leaf and proof stays. */
static void
test_erased(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	uint8_t proof[64][SEAL_HASH], hash[SEAL_HASH], root[SEAL_HASH];
	struct entry e = {0};
	size_t n = 0;

	append_all(l, 1, 20);
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
	sql("DELETE FROM salted WHERE seq=4");
	assert_int_equal(ledger_read(l, 4, &e), 0);
	assert_int_equal(e.ndisclosures, 0);
	merkle_leaf(e.leaf.data, e.leaf.len, hash);
	entry_done(&e);
	assert_int_equal(
	    merkle_inclusion(ledger_leaf, l, 4, 20, proof, 64, &n), 0);
	assert_int_equal(ledger_root(l, 20, root), 0);
	assert_int_equal(
	    merkle_check_inclusion(hash, 4, 20, proof, n, root), 0);
}

/* ---- generations ---- */

static void
test_renew(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *old = open_log();
	OWN(ledger_closep) struct ledger *l = NULL;
	OWN(ledger_closep) struct ledger *third = NULL;
	OWN(ledger_closep) struct ledger *r = NULL;
	OWN(buf_done) struct buf note = {0};
	struct ledger_past past;
	struct checkpoint c;
	uint64_t seq, last = 0;

	buf_init(&note, NOTE_MAX);
	append_all(old, 1, 10);
	assert_int_equal(ledger_checkpoint(old, sign, NULL, NULL), 0);
	assert_int_equal(ledger_receipt(old, 10, "r", 1, 5), 0);
	append_all(old, 11, 12);
	/* An open group is of nobody. */
	assert_int_equal(ledger_begin(old), 0);
	assert_int_equal(append(old, "watch", 13, &seq), 0);
	assert_int_equal(ledger_renew(path, NAME, sign, NULL, &l, NULL), 0);
	assert_int_equal(ledger_gen(l), 1);
	assert_int_equal(ledger_size(l), 0);
	assert_int_equal(ledger_past(l, 1, &past, &note), -ENOENT);
	assert_int_equal(ledger_past(l, 0, &past, &note), 0);
	assert_int_equal(past.size, 12);
	assert_int_equal(past.receipted, 10);
	assert_int_equal(
	    note_verify((const char *)note.data, note.len, &vkey, NULL, NULL),
	    0);
	assert_int_equal(
	    checkpoint_parse((const char *)note.data, note.len, &c, NULL), 0);
	assert_int_equal(c.size, 12);
	assert_memory_equal(c.root, past.root, SEAL_HASH);
	/* The writer goes on where it was. */
	assert_int_equal(ledger_last(l, "watch", 7, &last), 0);
	assert_int_equal(last, 12);
	append_all(l, 13, 14);
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
	check_all(l, 2);
	assert_int_equal(ledger_past_receipt(l, 0, 12, "s", 1, 6), 0);
	assert_int_equal(ledger_past_receipt(l, 0, 11, "t", 1, 7), 0);
	/* A reader finds the newest, and the old one by its number. */
	assert_int_equal(ledger_open_read(path, &r, NULL), 0);
	assert_int_equal(ledger_gen(r), 1);
	ledger_close(OWN_TAKE(&r));
	assert_int_equal(ledger_open_gen(path, 0, &r, NULL), 0);
	assert_int_equal(ledger_size(r), 12);
	ledger_close(OWN_TAKE(&r));
	assert_int_equal(ledger_open_gen(path, 2, &r, NULL), -ENOENT);
	/* A third one knows both. */
	assert_int_equal(ledger_renew(path, NAME, sign, NULL, &third, NULL), 0);
	buf_reset(&note);
	assert_int_equal(ledger_past(third, 0, &past, &note), 0);
	assert_int_equal(past.size, 12);
	assert_int_equal(past.receipted, 12);
	assert_true(note.len > 0);
	buf_reset(&note);
	assert_int_equal(ledger_past(third, 1, &past, &note), 0);
	assert_int_equal(past.size, 2);
	assert_int_equal(past.receipted, 0);
	assert_int_equal(note.len, 0); /* its own file has it */
	ledger_close(OWN_TAKE(&third));
	third = open_log();
	assert_int_equal(ledger_gen(third), 2);
	assert_int_equal(ledger_last(third, "watch", 7, &last), 0);
	assert_int_equal(last, 14);
}

/* A log that cannot be opened is followed by one that knows nothing of it. */
static void
test_renew_damaged(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	OWN(buf_done) struct buf note = {0};
	struct ledger_past past;

	buf_init(&note, NOTE_MAX);
	append_all(l, 1, 3);
	ledger_close(OWN_TAKE(&l));
	sql("DELETE FROM entry WHERE seq=1");
	assert_int_equal(ledger_open(path, NAME, &l, NULL), -EBADMSG);
	assert_int_equal(ledger_renew(path, NAME, sign, NULL, &l, NULL), 0);
	assert_int_equal(ledger_gen(l), 1);
	assert_int_equal(ledger_past(l, 0, &past, &note), -ENOENT);
	append_all(l, 1, 3);
	assert_int_equal(ledger_size(l), 3);
}

/* Half a generation, left by a crash, is none. */
static void
test_renew_crashed(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	OWN(ledger_closep) struct ledger *next = NULL;
	char name[160];

	append_all(l, 1, 3);
	(void)str_format(name, sizeof name, "%s.1.new", path);
	OWN_FD int fd = open(name, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "half", 4), 4);
	ledger_close(OWN_TAKE(&l));
	l = open_log();
	assert_int_equal(ledger_gen(l), 0);
	assert_int_equal(ledger_renew(path, NAME, sign, NULL, &next, NULL), 0);
	assert_int_equal(access(name, F_OK), -1);
	assert_int_equal(ledger_gen(next), 1);
}

/* A failed signature begins nothing. */
static void
test_renew_unsigned(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	OWN(ledger_closep) struct ledger *next = NULL;

	append_all(l, 1, 3);
	assert_int_equal(
	    ledger_renew(path, NAME, refuse, NULL, &next, NULL), -EAGAIN);
	assert_null(next);
	ledger_close(OWN_TAKE(&l));
	l = open_log();
	assert_int_equal(ledger_gen(l), 0);
}

/* ---- a disk that fails ---- */

/*
 * These stand in for libc's, which SQLite calls: the call number @fail_at fails
 * with @fail_errno, once, or from then on.
 */
static uint64_t calls, fail_at;
static int fail_errno;
static bool fail_on;
static bool syncs, writes; /* which kind fails */
static bool calls_hit;

#define SHOWN __attribute__((visibility("default")))

SHOWN int fdatasync(int fd);
SHOWN int fsync(int fd);
SHOWN ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at);

static bool
fails(bool kind)
{
	if (!kind || fail_at == 0)
		return false;
	calls++;
	if (calls != fail_at && !(fail_on && calls > fail_at))
		return false;
	calls_hit = true;
	errno = fail_errno;
	return true;
}

int
fdatasync(int fd)
{
	return fails(syncs) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	return fails(syncs) ? -1 : (int)syscall(SYS_fsync, fd);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return fails(writes) ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

static void
fault(uint64_t at, int err, bool on, bool sync)
{
	calls = 0;
	fail_at = at;
	fail_errno = err;
	fail_on = on;
	syncs = sync;
	writes = !sync;
}

/* After a failed sync nothing is written again; the next one goes on. */
static void
test_failed_sync(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	OWN(ledger_closep) struct ledger *next = NULL;
	OWN(buf_done) struct buf note = {0};
	struct ledger_past past;
	uint64_t seq = 0, last = 0;

	append_all(l, 1, 3);
	assert_int_equal(ledger_begin(l), 0);
	assert_int_equal(append(l, "watch", 4, &seq), 0);
	/* "No space" too: what was written is in doubt all the same. */
	fault(1, ENOSPC, false, true);
	assert_int_equal(ledger_commit(l), -EIO);
	assert_true(fail_at <= calls);
	fault(0, 0, false, true);
	assert_true(ledger_dead(l));
	assert_int_equal(ledger_size(l), 3);
	assert_int_equal(ledger_begin(l), -EIO);
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), -EIO);
	assert_int_equal(ledger_receipt(l, 1, "n", 1, 1), -EIO);
	assert_int_equal(ledger_renew(path, NAME, sign, NULL, &next, NULL), 0);
	buf_init(&note, NOTE_MAX);
	assert_int_equal(ledger_past(next, 0, &past, &note), 0);
	assert_int_equal(past.size, 3);
	assert_int_equal(ledger_last(next, "watch", 7, &last), 0);
	assert_int_equal(last, 3);
	append_all(next, 4, 5);
	assert_int_equal(ledger_checkpoint(next, sign, NULL, NULL), 0);
	check_all(next, 2);
}

/* ---- every call of a life, failing in turn ---- */

#define GROUPS 6

static struct ledger *
go_on(struct ledger *l)
{
	struct ledger *next = NULL;

	/* A fault that stays is lifted by whoever runs out of patience. */
	for (int i = 0; ledger_dead(l) && i < 3; i++) {
		if (i == 2)
			fault(0, 0, false, syncs);
		if (ledger_renew(path, NAME, sign, NULL, &next, NULL) == 0) {
			ledger_close(l);
			return next;
		}
	}
	return l;
}

static int
append_three(struct ledger *l, uint64_t from)
{
	uint64_t seq;
	int r = ledger_begin(l);

	for (uint64_t n = from; r == 0 && n < from + 3; n++) {
		r = append(l, "watch", n, &seq);
		r = r == 1 ? 0 : r;
	}
	if (r == 0)
		return ledger_commit(l);
	ledger_rollback(l);
	return r;
}

/* Appends numbers 1 to 3 * GROUPS, whatever it takes. */
static void
live(void)
{
	struct ledger *l = NULL;

	for (int i = 0; i < 4 && l == NULL; i++) {
		if (i == 3)
			fault(0, 0, false, syncs);
		(void)!ledger_open(path, NAME, &l, NULL);
	}
	assert_non_null(l);
	for (uint64_t g = 0; g < GROUPS; g++) {
		for (int i = 0; append_three(l, g * 3 + 1) != 0; i++) {
			assert_true(i < 10);
			if (i == 5)
				fault(0, 0, false, syncs);
			l = go_on(l);
		}
		if (g % 2 == 1 && ledger_checkpoint(l, sign, NULL, NULL) != 0)
			l = go_on(l);
	}
	fault(0, 0, false, syncs);
	l = go_on(l);
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
	ledger_close(l);
}

static uint64_t
number_of(struct ledger *l, uint64_t seq)
{
	struct entry e = {0};
	struct facts f;
	uint64_t n;

	assert_int_equal(ledger_read(l, seq, &e), 0);
	assert_int_equal(entry_open(e.leaf.data, e.leaf.len, e.disclosures,
			     e.ndisclosures, &f, NULL),
	    0);
	n = f.at.boot_us;
	facts_done(&f);
	entry_done(&e);
	return n;
}

/* Each number once and in order, over all generations; returns how many. */
static uint32_t
check_life(void)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	uint64_t next = 1;

	for (uint32_t gen = 0; gen <= ledger_gen(l); gen++) {
		OWN(ledger_closep) struct ledger *g = NULL;
		OWN(buf_done) struct buf note = {0};
		struct ledger_past past = {.size = ledger_size(l)};

		buf_init(&note, NOTE_MAX);
		assert_int_equal(ledger_open_gen(path, gen, &g, NULL), 0);
		if (gen < ledger_gen(l))
			assert_int_equal(ledger_past(l, gen, &past, &note), 0);
		for (uint64_t seq = 0; seq < past.size; seq++)
			assert_int_equal(number_of(g, seq), next++);
	}
	assert_int_equal(next, 3 * GROUPS + 1);
	return ledger_gen(l) + 1;
}

static void
sweep(int err, bool on, bool sync)
{
	uint64_t at = 0, renewed = 0;
	bool hit = true;

	while (hit) {
		uint32_t gens;

		(void)str_format(path, sizeof path, "%s/%d-%d-%d-%llu.db", dir,
		    err, on, sync, (unsigned long long)++at);
		fault(at, err, on, sync);
		live();
		/* live() lifts the fault, and keeps the count if it was hit. */
		hit = calls_hit;
		calls_hit = false;
		gens = check_life();
		renewed += gens > 1;
	}
	print_message("%d %s %s: %llu places, %llu with another generation\n",
	    err, sync ? "sync" : "write", on ? "for good" : "once",
	    (unsigned long long)at - 1, (unsigned long long)renewed);
	assert_true(at > 10);
}

static void
test_sweep(void **state UNUSED)
{
	sweep(EIO, false, false);
	sweep(EIO, false, true);
	sweep(ENOSPC, false, false);
	sweep(EIO, true, true);
	sweep(ENOSPC, true, false);
}

/* ---- a file that cannot grow ---- */

/* Blocks are counted in the child alone. */
static int
with_limit(uint64_t bytes)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	struct rlimit limit = {bytes, bytes};
	uint64_t n = 3;
	int r = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 100;
	/* EFBIG is no ENOSPC: a write that failed for another reason. */
	while (r == 0 && n < 100000) {
		uint64_t seq;

		r = ledger_begin(l);
		if (r == 0)
			r = append(l, "watch", ++n, &seq);
		if (r == 0)
			r = ledger_commit(l);
	}
	if (r != -EIO || !ledger_dead(l))
		return 101;
	ledger_rollback(l);
	return ledger_begin(l) == -EIO &&
		       ledger_checkpoint(l, sign, NULL, NULL) == -EIO &&
		       ledger_receipt(l, 1, "n", 1, 1) == -EIO
		   ? 0
		   : 102;
}

static void
test_dead(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = open_log();
	struct stat st;
	int status = -1;
	uint64_t last = 0;
	pid_t pid;

	append_all(l, 1, 3);
	assert_int_equal(stat(path, &st), 0);
	ledger_close(OWN_TAKE(&l));
	pid = fork();
	if (pid == 0)
		_exit(with_limit(256 * 1024));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* Every group that was committed is there, and nothing of the last. */
	l = open_log();
	assert_true(ledger_size(l) > 3);
	assert_int_equal(ledger_last(l, "watch", 7, &last), 0);
	assert_int_equal(last, ledger_size(l));
	assert_int_equal(ledger_checkpoint(l, sign, NULL, NULL), 0);
	check_all(l, ledger_size(l));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_life),
	    T(test_once),
	    T(test_rollback),
	    T(test_reopen),
	    T(test_receipts),
	    T(test_damage),
	    T(test_bit_rot),
	    T(test_erased),
	    T(test_renew),
	    T(test_renew_damaged),
	    T(test_renew_crashed),
	    T(test_renew_unsigned),
	    T(test_failed_sync),
	    T(test_sweep),
	    T(test_dead),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
