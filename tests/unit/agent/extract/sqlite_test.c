/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_test - databases made by SQLite itself, and what is left when their
 * pages were made to lie.
 */
#include <sqlite3.h>

#include "tests/unit/agent/extract/members.h"

#include "lib/own.h"

static uint8_t *db;
static size_t db_len;

/* The bytes of the database that these statements make. */
static void
make(const char *sql)
{
	sqlite3 *h;
	sqlite3_int64 n = 0;
	char *why = NULL;
	void *bytes;

	assert_int_equal(sqlite3_open(":memory:", &h), SQLITE_OK);
	if (sqlite3_exec(h, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	bytes = sqlite3_serialize(h, "main", &n, 0);
	assert_non_null(bytes);
	free(db);
	db = malloc((size_t)n);
	assert_non_null(db);
	memcpy(db, bytes, (size_t)n);
	db_len = (size_t)n;
	sqlite3_free(bytes);
	assert_int_equal(sqlite3_close(h), SQLITE_OK);
}

static void
look(const char *sql)
{
	make(sql);
	members_of(db, db_len);
}

static void
quiet(void)
{
	if (members.nskips > 0)
		fail_msg("skipped: %s", members.skips[0][0]);
	assert_int_equal(members.examined, db_len);
}

static void
test_values(void **state)
{
	(void)state;
	look(
	    "create table t(id integer primary key, card integer, r real,"
	    " name text, flag, raw blob);"
	    "insert into t values(4532015112830366, 5200828282828210,"
	    " 4111111111111111.0, 'Jane Roe', 1, x'00ff6162636465');"
	    "insert into t values(-7, null, 0.5, '', 0, x'610062006300640000');"
	    "insert into t values(3, 127, null, 'x'||char(1)||'y', -1, null)");
	assert_string_equal(members.type, "application/vnd.sqlite3");
	members_has("sqlite_schema", "name=t\t");
	assert_string_equal(members_get("t"),
	    "id=-7\tr=0.5\tflag=0\traw=abcd\n\t\n"
	    "id=3\tcard=127\tname=x y\tflag=-1\t\n"
	    "id=4532015112830366\tcard=5200828282828210\tr=4111111111111111\t"
	    "name=Jane Roe\tflag=1\traw=abcde\n\t\n");
	quiet();
}

static void
test_columns(void **state)
{
	(void)state;
	look("create table w(a text, \"b ]\" text, [c] integer,"
	     " primary key(c, a)) without rowid;"
	     "insert into w values('one', 'two', 3);"
	     "create table g(x integer /* , y */ primary key -- , z\n"
	     ", twice as (x * 2), kept as (x + 1) stored, last);"
	     "insert into g(x, last) values(20, 'end');"
	     "create table n(v decimal(10, 2) check (v > 0), w,"
	     " constraint c unique (w), foreign key (w) references g(x));"
	     "insert into n values(1.25, 'w')");
	assert_string_equal(members_get("w"), "c=3\ta=one\tb ]=two\t\n");
	assert_string_equal(members_get("g"), "x=20\tkept=21\tlast=end\t\n");
	assert_string_equal(members_get("n"), "v=1.25\tw=w\t\n");
	quiet();
}

static void
test_encodings(void **state)
{
	static const char *const NAMES[] = {"UTF-8", "UTF-16le", "UTF-16be"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char sql[256];

		(void)snprintf(sql, sizeof sql,
		    "pragma encoding='%s'; create table t(c);"
		    "insert into t values('gr\xc3\xbc\xc3\x9f "
		    "\xe7\xa7\x98\xe5\xaf\x86 \xf0\x9f\x98\x80')",
		    NAMES[i]);
		look(sql);
		assert_string_equal(members_get("t"),
		    "c=gr\xc3\xbc\xc3\x9f \xe7\xa7\x98\xe5\xaf\x86 "
		    "\xf0\x9f\x98\x80\t\n");
		quiet();
	}
}

/* Values on overflow pages, trees of several levels, every size of page. */
static void
test_sizes(void **state)
{
	(void)state;
	for (unsigned size = 512; size <= 65536; size *= 2) {
		char sql[512];
		const char *all;

		(void)snprintf(sql, sizeof sql,
		    "pragma page_size=%u; create table t(n, v);"
		    "with recursive s(x) as (select 1 union all select x + 1"
		    " from s where x < 20000) insert into t select x,"
		    " case when x < 4 then printf('<%%.*c>', 60000, 'x') ||"
		    " 'tail ' || x else 'row' end from s;"
		    "create index i on t(n, v)",
		    size);
		look(sql);
		all = members_get("t");
		assert_non_null(strstr(all, "<xxxxxxxx"));
		assert_non_null(strstr(all, "xxx>tail 3\t"));
		assert_non_null(strstr(all, "n=20000\tv=row\t\n"));
		/* The index is the table's again: walked, not given. */
		assert_int_equal(members.n, 3);
		quiet();
	}
}

static void
test_deleted(void **state)
{
	const char *free_space;

	(void)state;
	look("pragma secure_delete=off; create table t(v); create table g(n);"
	     "insert into t values('stays'), ('was deleted here'), ('too');"
	     "with recursive s(x) as (select 1 union all select x + 1 from s"
	     " where x < 500) insert into g select 4532015112830000 + x from s;"
	     "delete from t where v like 'was%'; drop table g");
	free_space = members_get("free space");
	assert_null(strstr(members_get("t"), "deleted"));
	assert_non_null(strstr(free_space, "was deleted here"));
	assert_non_null(strstr(free_space, "1=4532015112830366\t"));
	quiet();
}

/* A value that is a database again, of which one value is gzip. */
static void
test_containers(void **state)
{
	static const char GZ[] =
	    "1f8b08000000000000034b4c4a4e494d4bcfc8ccca0600d1dbd71b0a000000";
	char sql[65536];
	int n;

	(void)state;
	(void)snprintf(sql, sizeof sql,
	    "create table i(p, v); insert into i values(hex(zeroblob(5000)),"
	    " x'%s')",
	    GZ);
	make(sql);
	n = snprintf(sql, sizeof sql,
	    "create table o(v); insert into o values(zeroblob(3)), (x'");
	assert_true(db_len * 2 + (size_t)n + 8 < sizeof sql);
	for (size_t i = 0; i < db_len; i++)
		n += snprintf(sql + n, sizeof sql - (size_t)n, "%02x", db[i]);
	(void)snprintf(sql + n, sizeof sql - (size_t)n, "')");
	look(sql);
	members_has("o value 1!i", "p=0000");
	for (size_t i = 0; i < members.n; i++)
		if (strncmp(members.names[i], "o value 1!i value 1", 19) == 0)
			return;
	fail_msg("the value in the value was not opened");
}

static void
put16(size_t at, unsigned v)
{
	db[at] = (uint8_t)(v >> 8);
	db[at + 1] = (uint8_t)v;
}

static void
test_lies(void **state)
{
	static const unsigned SIZES[] = {0, 2, 256, 513, 65535};
	static const char SQL[] =
	    "create table t(v); with recursive s(x) as (select 1 union all"
	    " select x + 1 from s where x < 900) insert into t select"
	    " 'row ' || x from s; insert into t values(hex(zeroblob(9000)));";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
		make(SQL);
		put16(16, SIZES[i]);
		members_of(db, db_len);
		members_skipped("", "corrupt");
		/* Its bytes are looked at as they are. */
		assert_non_null(memmem(
		    members.texts[0].data, members.texts[0].len, "row 900", 7));
	}
	/* Cell pointers that lead outside, and a count that lies. */
	make(SQL);
	put16(4096 * 3 + 3, 65535);
	put16(4096 * 3 + 8, 65000);
	members_of(db, db_len);
	members_skipped("", "corrupt");
	members_has("t", "v=row 1\t");
	/* A tree whose page is its own child. */
	make(SQL);
	db[4096 + 11] = 2;
	members_of(db, db_len);
	members_skipped("", "corrupt");
	/* An overflow chain that is a circle. */
	make(SQL);
	for (size_t page = 4; page * 4096 < db_len; page++)
		if (db[page * 4096 + 4] == '0') {
			memset(db + page * 4096, 0, 3);
			db[page * 4096 + 3] = (uint8_t)(page + 1);
		}
	members_of(db, db_len);
	members_skipped("", "corrupt");
	/* Cut anywhere: whatever was not seen is told, or nothing was. */
	make(SQL);
	for (size_t len = 512; len < db_len; len += 733) {
		members_of(db, len);
		assert_int_equal(members.examined, len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_encodings),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_deleted),
	    cmocka_unit_test(test_containers),
	    cmocka_unit_test(test_lies),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	members_forget();
	extract_free(members_extract);
	free(db);
	return failed;
}
