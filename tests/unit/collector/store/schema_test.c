/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_test - a store of an older release is brought up to this one, and
 * keeps what it holds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/store/project.h"
#include "collector/store/schema.h"
#include "lib/db.h"

#include "lib/own.h"

struct world {
	char dir[64], path[96];
	struct db *db;
};

/* The table of findings as version 1 had it, which knew no exact data. */
static const char VERSION_1[] =
    "DROP TABLE finding;"
    "DROP TABLE exact_value;"
    "DROP TABLE egress;"
    "CREATE TABLE finding(agent_id TEXT NOT NULL, gen INT NOT NULL,"
    " seq INT NOT NULL, wall_us INT, provider TEXT, person TEXT,"
    " grade TEXT, why TEXT, account TEXT, session, key_fp TEXT,"
    " src_addr TEXT, channel TEXT, op TEXT, path TEXT, member TEXT, host TEXT,"
    " dst TEXT, dport INT, flow, detector TEXT, version, class TEXT,"
    " confidence TEXT, sensitivity TEXT, count INT, uniq INT, uniq_capped INT,"
    " test_data INT, bulk INT, mask TEXT, tag TEXT, exe TEXT, src TEXT,"
    " rules TEXT, PRIMARY KEY(agent_id, gen, seq));"
    "CREATE INDEX finding_of ON finding(provider, wall_us);"
    "INSERT INTO finding(agent_id,gen,seq,detector,uniq)"
    " VALUES('a-1',0,7,'pci.pan',3);";

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct diag why = {""};

	assert_non_null(w);
	(void)snprintf(w->dir, sizeof w->dir, "/tmp/chaperone-schema-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->path, sizeof w->path, "%s/db", w->dir);
	if (db_open(w->path, DB_CREATE, &w->db, &why) != 0 ||
	    schema_make(w->db, &why) != 0 ||
	    db_exec(w->db, VERSION_1, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(db_set_version(w->db, 1), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const ENDS[] = {"", "-wal", "-shm"};
	struct world *w = *state;
	char path[128];

	db_close(w->db);
	for (size_t i = 0; i < ARRAY_LEN(ENDS); i++) {
		(void)snprintf(path, sizeof path, "%s%s", w->path, ENDS[i]);
		(void)unlink(path);
	}
	(void)rmdir(w->dir);
	free(w);
	return 0;
}

static int64_t
one(struct world *w, const char *sql)
{
	OWN(stmt_freep) struct stmt *s = NULL;

	assert_int_equal(db_prepare(w->db, sql, &s, NULL), 0);
	assert_int_equal(stmt_step(s), 1);
	return stmt_int(s, 0);
}

static void
version_1_is_brought_up(void **state)
{
	struct world *w = *state;
	struct project *p = NULL;
	struct diag why = {""};
	int64_t version = 0;

	/* It is the old one: a finding of today does not fit. */
	assert_int_not_equal(project_new(w->db, &p, &why), 0);
	why.text[0] = '\0';
	if (schema_make(w->db, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(db_version(w->db, &version), 0);
	assert_int_equal(version, SCHEMA_VERSION);
	assert_int_equal(
	    one(w, "SELECT uniq FROM finding WHERE detector='pci.pan' AND"
		   " allow IS NULL AND allow_until IS NULL AND flags IS NULL"),
	    3);
	if (project_new(w->db, &p, &why) != 0)
		fail_msg("%s", why.text);
	project_free(p);
	assert_int_equal(one(w, "SELECT count(*) FROM egress"), 0);
	/* Once more changes nothing. */
	assert_int_equal(schema_make(w->db, &why), 0);
	assert_int_equal(one(w, "SELECT count(*) FROM finding"), 1);
}

/* A later release's store is left alone. */
static void
a_newer_one_is_refused(void **state)
{
	struct world *w = *state;
	struct diag why = {""};
	int64_t version = 0;

	assert_int_equal(db_set_version(w->db, SCHEMA_VERSION + 1), 0);
	assert_int_equal(schema_make(w->db, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "this program knows"));
	assert_int_equal(db_version(w->db, &version), 0);
	assert_int_equal(version, SCHEMA_VERSION + 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(version_1_is_brought_up),
	    TEST(a_newer_one_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
