/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_test - the room by itself, with a clock of our own.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/record/inner.h"
#include "lib/batch.h"
#include "lib/db.h"
#include "lib/file.h"
#include "lib/str.h"

#include "lib/own.h"

#define DAY_US INT64_C(86400000000)
#define NOON (20000 * DAY_US + DAY_US / 2)

static char dir[64];
static char path[128];
static struct stamp now;

static int
setup(void **state UNUSED)
{
	(void)str_copy(dir, sizeof dir, "/tmp/record_room.XXXXXX");
	now = (struct stamp){.boot_us = 1000000000, .wall_us = NOON};
	clock_fix(&now);
	return mkdtemp(dir) == NULL ||
	       str_format(path, sizeof path, "%s/log.db", dir) != 0;
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
	clock_fix(NULL);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
pass(uint64_t us)
{
	now.boot_us += us;
	now.wall_us += (int64_t)us;
	clock_fix(&now);
}

static struct record *
open_it(void)
{
	struct diag why = {""};
	struct record *r = NULL;

	if (record_open(dir, "a host+x", &r, &why) != 0)
		fail_msg("%s", why.text);
	return r;
}

static int
put(struct record *r, uint64_t number)
{
	struct draft d;
	int e;

	draft_init(&d, "finding", now);
	draft_text(&d, "detector", "card");
	e = record_put(r, "watch", 5, number, &d);
	draft_done(&d);
	return e;
}

/* ---- the day's key ---- */

static void
test_tag_days(void **state UNUSED)
{
	uint8_t first[RECORD_TAG_KEY], second[SEAL_HASH], third[SEAL_HASH];
	static const char NEXT[] = "chaperone tag next day";
	struct tag t;

	assert_int_equal(tag_open(dir, NOON, &t, NULL), 0);
	memcpy(first, t.key, sizeof first);
	seal_hmac(first, sizeof first, NEXT, sizeof NEXT - 1, second);
	seal_hmac(second, sizeof second, NEXT, sizeof NEXT - 1, third);
	assert_int_equal(tag_advance(&t, NOON + DAY_US / 2 - 1), 0);
	assert_int_equal(tag_advance(&t, NOON + DAY_US / 2), 1);
	assert_memory_equal(t.key, second, sizeof second);
	/* A clock that is set back changes nothing. */
	assert_int_equal(tag_advance(&t, NOON), 0);
	assert_int_equal(tag_advance(&t, -1), 0);
	assert_memory_equal(t.key, second, sizeof second);
	tag_close(&t);
	/* It is the same one for another process, and days that nobody saw
	 * are made up for. */
	assert_int_equal(tag_open(dir, NOON + DAY_US, &t, NULL), 0);
	assert_memory_equal(t.key, second, sizeof second);
	tag_close(&t);
	assert_int_equal(tag_open(dir, NOON + 2 * DAY_US, &t, NULL), 0);
	assert_memory_equal(t.key, third, sizeof third);
	tag_close(&t);
}

/* Nothing of an older key is left in the file. */
static void
test_tag_forgets(void **state UNUSED)
{
	OWN(buf_done) struct buf file = {0};
	uint8_t first[RECORD_TAG_KEY];
	char name[96];
	struct tag t;

	assert_int_equal(tag_open(dir, NOON, &t, NULL), 0);
	memcpy(first, t.key, sizeof first);
	assert_int_equal(tag_advance(&t, NOON + DAY_US), 1);
	tag_close(&t);
	(void)str_format(name, sizeof name, "%s/tag.key", dir);
	buf_init(&file, 4096);
	assert_int_equal(file_read(name, &file, NULL), 0);
	assert_int_equal(file.len, 44);
	assert_null(memmem(file.data, file.len, first, sizeof first));
	/* A file that is no key is replaced by a fresh one. */
	assert_int_equal(truncate(name, 20), 0);
	assert_int_equal(tag_open(dir, NOON, &t, NULL), 0);
	tag_close(&t);
	buf_reset(&file);
	assert_int_equal(file_read(name, &file, NULL), 0);
	assert_int_equal(file.len, 44);
}

static void
test_new_day(void **state UNUSED)
{
	struct record *r = open_it();
	uint8_t before[RECORD_TAG_KEY];

	memcpy(before, record_tag_key(r), sizeof before);
	(void)record_turn(r);
	assert_int_equal(record_events(r) & RECORD_NEW_DAY, 0);
	pass(DAY_US / 2);
	(void)record_turn(r);
	assert_int_equal(record_events(r) & RECORD_NEW_DAY, RECORD_NEW_DAY);
	assert_memory_not_equal(before, record_tag_key(r), sizeof before);
	record_close(r);
}

/* ---- key and name ---- */

static void
test_name(void **state UNUSED)
{
	char name[NOTE_NAME_MAX], file[96];
	struct record *r = open_it();
	struct diag why = {""};

	(void)str_copy(name, sizeof name, record_name(r));
	assert_true(str_starts(name, "a-host-x-"));
	assert_int_equal(strlen(name), 9 + 16);
	record_close(r);
	/* The name stays, whatever the host is called now. */
	assert_int_equal(record_open(dir, "other", &r, NULL), 0);
	assert_string_equal(record_name(r), name);
	record_close(r);
	/* Without the file it is in the log. */
	(void)str_format(file, sizeof file, "%s/log.vkey", dir);
	assert_int_equal(unlink(file), 0);
	r = open_it();
	assert_string_equal(record_name(r), name);
	record_close(r);
	/* Without the key it cannot go on, and says so. */
	(void)str_format(file, sizeof file, "%s/log.key", dir);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(record_open(dir, "other", &r, &why), -ENOKEY);
	assert_non_null(strstr(why.text, "log.key"));
}

static void
test_foreign_key(void **state UNUSED)
{
	struct record *r = open_it();
	struct seal_key *k = NULL;
	struct diag why = {""};
	char file[96];

	record_close(r);
	(void)str_format(file, sizeof file, "%s/log.key", dir);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(seal_key_new(&k), 0);
	assert_int_equal(seal_key_save(k, file, NULL), 0);
	seal_key_free(k);
	assert_int_equal(record_open(dir, "other", &r, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "log.vkey"));
}

/* ---- groups and checkpoints ---- */

static void
test_group(void **state UNUSED)
{
	struct record *r = open_it();
	uint64_t number = 9;

	assert_int_equal(put(r, 1), 0);
	assert_int_equal(put(r, 2), 0);
	/* Not yet: others may come. */
	assert_int_equal(record_turn(r), 20);
	assert_int_equal(record_events(r), 0);
	assert_int_equal(record_size(r), 0);
	pass(20000);
	(void)record_turn(r);
	assert_int_equal(record_size(r), 2);
	/* The first one after a pause is signed at once. */
	assert_int_equal(record_events(r), RECORD_COMMITTED | RECORD_SIGNED);
	assert_int_equal(put(r, 3), 0);
	pass(20000);
	assert_int_equal(record_turn(r), 480);
	assert_int_equal(record_events(r), RECORD_COMMITTED);
	pass(480000);
	assert_int_equal(record_turn(r), 1000);
	assert_int_equal(record_events(r), RECORD_SIGNED);
	/* Idle: nothing is signed. */
	pass(60000000);
	(void)record_turn(r);
	assert_int_equal(record_events(r), 0);
	/* A greeting commits what is open. */
	assert_int_equal(put(r, 4), 0);
	assert_int_equal(record_hello(r, "watch", 5, &number), 0);
	assert_int_equal(number, 4);
	assert_int_equal(record_hello(r, "watch", 6, &number), 0);
	assert_int_equal(number, 0);
	record_close(r);
}

static void
test_full_group(void **state UNUSED)
{
	struct record *r = open_it();
	uint64_t n = 0;

	while (record_has_room(r))
		assert_int_equal(put(r, ++n), 0);
	assert_int_equal(n, RECORD_GROUP_MAX);
	assert_int_equal(put(r, n + 1), -EBUSY);
	/* At once, without waiting; and half a batch is signed at once. */
	(void)record_turn(r);
	assert_int_equal(record_size(r), n);
	assert_int_equal(record_events(r), RECORD_COMMITTED | RECORD_SIGNED);
	record_close(r);
}

/* However it falls, every checkpoint is within reach of the one before. */
static void
test_reach(void **state UNUSED)
{
	OWN(buf_done) struct buf bytes = {0};
	struct record *r = open_it();
	uint64_t n = 0, at = 0, begin, count;

	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < (round * 37) % 257; i++)
			assert_int_equal(put(r, ++n), 0);
		pass(20000);
		(void)record_turn(r);
	}
	record_close(r);
	r = open_it();
	assert_int_equal(record_size(r), n);
	buf_init(&bytes, BATCH_BYTES_MAX);
	while (at < n) {
		assert_int_equal(
		    record_batch(r, at, &bytes, &begin, &count), 0);
		assert_int_equal(begin, at);
		assert_in_range(count, 1, BATCH_ENTRIES_MAX);
		at += count;
	}
	assert_int_equal(record_batch(r, n, &bytes, &begin, &count), -EAGAIN);
	assert_int_equal(begin, n);
	assert_int_equal(
	    record_batch(r, n + 1, &bytes, &begin, &count), -ERANGE);
	record_close(r);
}

/* A batch that would be too large ends earlier. */
static void
test_large(void **state UNUSED)
{
	OWN(buf_done) struct buf bytes = {0};
	static char text[ENTRY_TEXT_MAX];
	struct record *r = open_it();
	uint64_t n = 0, at = 0, begin, count;
	static const char *const FIELDS[] = {
	    "path", "exe", "why", "member", "mask", "host"};

	memset(text, '"', sizeof text);
	while (n < 600) {
		struct draft d;

		draft_init(&d, "finding", now);
		for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++)
			draft_bytes(&d, FIELDS[i], text, sizeof text);
		assert_int_equal(draft_error(&d), 0);
		if (record_put(r, "watch", 5, n + 1, &d) == 0)
			n++;
		else
			(void)record_turn(r);
		draft_done(&d);
	}
	record_close(r);
	r = open_it();
	assert_int_equal(record_size(r), n);
	buf_init(&bytes, BATCH_BYTES_MAX);
	while (at < n) {
		OWN(batch_done) struct batch b = {0};

		assert_int_equal(
		    record_batch(r, at, &bytes, &begin, &count), 0);
		assert_int_equal(
		    batch_parse(bytes.data, bytes.len, &b, NULL), 0);
		assert_int_equal(b.count, count);
		at += count;
	}
	record_close(r);
}

/* ---- what was not kept is told ---- */

static int64_t
lost_in(struct record *r, uint64_t seq, char reason[128])
{
	struct entry e = {0};
	struct facts f;
	int64_t lost = 0;

	assert_int_equal(ledger_read(r->ledger, seq, &e), 0);
	assert_int_equal(entry_open(e.leaf.data, e.leaf.len, e.disclosures,
			     e.ndisclosures, &f, NULL),
	    0);
	assert_string_equal(f.type, "cov.loss");
	(void)facts_int(&f, "lost", &lost);
	assert_int_equal(str_copy(reason, 128, facts_text(&f, "reason")), 0);
	facts_done(&f);
	entry_done(&e);
	return lost;
}

static void
test_refused(void **state UNUSED)
{
	struct record *r = open_it();
	char reason[128];

	record_refuse(r, "a record could not be read");
	(void)record_turn(r);
	/* The next ones are counted for a while. */
	for (int i = 0; i < 7; i++)
		record_refuse(r, "a record could not be read");
	pass(20000);
	(void)record_turn(r);
	assert_int_equal(record_size(r), 1);
	assert_int_equal(lost_in(r, 0, reason), 1);
	assert_string_equal(reason, "a record could not be read");
	pass(10000000);
	(void)record_turn(r);
	pass(20000);
	(void)record_turn(r);
	assert_int_equal(record_size(r), 2);
	assert_int_equal(lost_in(r, 1, reason), 7);
	record_close(r);
}

static void
test_damaged(void **state UNUSED)
{
	OWN(db_closep) struct db *db = NULL;
	struct record *r = open_it();
	char reason[128];

	for (uint64_t n = 1; n <= 3; n++)
		assert_int_equal(put(r, n), 0);
	record_close(r);
	assert_int_equal(db_open(path, DB_CREATE, &db, NULL), 0);
	assert_int_equal(db_exec(db, "DELETE FROM entry WHERE seq=2", NULL), 0);
	db_close(OWN_TAKE(&db));
	r = open_it();
	assert_int_equal(record_events(r), RECORD_RENEWED);
	assert_true(record_error(r)[0] != '\0');
	assert_int_equal(record_gen(r), 1);
	pass(20000);
	(void)record_turn(r);
	assert_int_equal(lost_in(r, 0, reason), 0);
	assert_string_equal(
	    reason, "the log was damaged; a new generation began");
	record_close(r);
}

/* An entry that spoils before it is shipped: what is behind it stays here, and
 * how much that is, is told. */
static void
test_spoilt_before_ship(void **state UNUSED)
{
	OWN(buf_done) struct buf bytes = {0};
	OWN(db_closep) struct db *db = NULL;
	struct record *r = open_it();
	uint64_t begin = 0, count = 0;
	char reason[128];

	buf_init(&bytes, BATCH_BYTES_MAX);
	for (uint64_t n = 1; n <= 5; n++)
		assert_int_equal(put(r, n), 0);
	pass(20000);
	(void)record_turn(r);
	for (uint64_t n = 6; n <= 9; n++)
		assert_int_equal(put(r, n), 0);
	pass(500000);
	(void)record_turn(r);
	assert_int_equal(record_batch(r, 0, &bytes, &begin, &count), 0);
	assert_int_equal(count, 9);
	assert_int_equal(db_open(path, DB_CREATE, &db, NULL), 0);
	assert_int_equal(
	    db_exec(db, "UPDATE entry SET leaf='x' WHERE seq=7", NULL), 0);
	db_close(OWN_TAKE(&db));
	assert_int_equal(record_batch(r, 5, &bytes, &begin, &count), -EAGAIN);
	assert_int_equal(record_gen(r), 1);
	/* Nothing can be had of the rest. */
	assert_int_equal(
	    record_batch(r, begin, &bytes, &begin, &count), -EAGAIN);
	assert_int_equal(begin, 0);
	pass(500000);
	(void)record_turn(r);
	assert_int_equal(record_batch(r, begin, &bytes, &begin, &count), 0);
	assert_int_equal(begin, 0);
	assert_int_equal(count, 2);
	assert_int_equal(lost_in(r, 0, reason), 4);
	assert_string_equal(reason, "generation 0 of the log cannot be read");
	record_close(r);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_tag_days),
	    T(test_tag_forgets),
	    T(test_new_day),
	    T(test_name),
	    T(test_foreign_key),
	    T(test_group),
	    T(test_full_group),
	    T(test_reach),
	    T(test_large),
	    T(test_refused),
	    T(test_damaged),
	    T(test_spoilt_before_ship),
	};

	return cmocka_run_group_tests_name("record room", tests, NULL, NULL);
}
