/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - the tables of the collector's database.
 *
 * Owns: their columns, and the version. Every key of an agent's data leads with
 * agent_id, and there is no foreign key, so that the same tables can be spread
 * over machines by agent.
 * Never: holds matched content; what an entry does not hold cannot come in.
 *
 * Times are microseconds since 1970, but boot_us. NULL is unknown. batch.bytes
 * is what the agent sent, as it came (lib/batch.h, packed), and is the truth;
 * the tables below it can be made again from it.
 */
#include "collector/store/schema.h"

#include <errno.h>

#include "lib/own.h"

#define PLACE "agent_id TEXT NOT NULL, gen INT NOT NULL, seq INT NOT NULL,"
#define KEY "PRIMARY KEY(agent_id, gen, seq)"

/*
 * sealed: the candidates of a finding by an index for exact data match; once
 * they are judged only the head of it (lib/exact.h). exact: NULL is not judged
 * yet, or 'done', 'missing' (no such table here), 'closed' (the key does not
 * open it). A value of exact_value is a mark of lib/rows.h, its number only if
 * there is one.
 */
#define EXACT "sealed TEXT, exact TEXT, candidates INT, confirmed INT"
#define EXACT_TABLES \
	"CREATE INDEX finding_waits ON finding(exact) WHERE sealed IS NOT" \
	" NULL AND exact IS NULL;" \
	"CREATE INDEX finding_open ON finding(exact)" \
	" WHERE exact IN('missing','closed');" \
	"CREATE TABLE exact_value(" PLACE "value BLOB NOT NULL," \
	" PRIMARY KEY(agent_id, gen, seq, value)) WITHOUT ROWID;"

/* What left, or may have: evidence is N0 to N5. */
#define EGRESS \
	"CREATE TABLE egress(" PLACE \
	"wall_us INT, provider TEXT, person TEXT," \
	" grade TEXT, why TEXT, account TEXT, session, exe TEXT, path TEXT," \
	" size INT, channel TEXT, proto TEXT, src TEXT, dst TEXT, dport INT," \
	" host TEXT, evidence TEXT, reasons TEXT, classes TEXT," \
	" detectors TEXT, bytes INT, derived TEXT, files INT, began_us INT," \
	" ended_us INT, flow, " KEY ");" \
	"CREATE INDEX egress_of ON egress(provider, wall_us);"

static const char TABLES[] =
    "CREATE TABLE agent(id TEXT PRIMARY KEY, host TEXT, spki BLOB NOT NULL,"
    " key BLOB NOT NULL, vkey TEXT NOT NULL, state TEXT NOT NULL,"
    " enrolled_us INT, revoked_us INT, seen_us INT, gen INT);"
    "CREATE UNIQUE INDEX agent_vkey ON agent(vkey);"
    "CREATE TABLE token(hash BLOB PRIMARY KEY, made_us INT, expires_us INT,"
    " used_us INT, agent_id TEXT);"
    /* leaves: the leaf hashes, 32 bytes each. cosigned: NULL until there is a
     * receipt, empty where a later one stands for it. */
    "CREATE TABLE batch(agent_id TEXT NOT NULL, gen INT NOT NULL,"
    " first INT NOT NULL, count INT NOT NULL, bytes BLOB NOT NULL,"
    " leaves BLOB NOT NULL, note BLOB NOT NULL, cosigned BLOB, got_us INT,"
    " PRIMARY KEY(agent_id, gen, first));"
    "CREATE INDEX batch_due ON batch(agent_id, gen, first)"
    " WHERE cosigned IS NULL;"
    /* tree: the hashes of lib/merkle.h's frontier for that size. */
    "CREATE TABLE frontier(agent_id TEXT NOT NULL, gen INT NOT NULL,"
    " size INT NOT NULL, tree BLOB NOT NULL, PRIMARY KEY(agent_id, gen))"
    " WITHOUT ROWID;"
    "CREATE TABLE finding(" PLACE "wall_us INT, provider TEXT, person TEXT,"
    " grade TEXT, why TEXT, account TEXT, session, key_fp TEXT,"
    " src_addr TEXT, channel TEXT, op TEXT, path TEXT, member TEXT, host TEXT,"
    " dst TEXT, dport INT, flow, detector TEXT, version, class TEXT,"
    " confidence TEXT, sensitivity TEXT, count INT, uniq INT, uniq_capped INT,"
    " test_data INT, bulk INT, mask TEXT, tag TEXT, exe TEXT, src TEXT,"
    " rules TEXT, allow TEXT, allow_until TEXT, flags TEXT, " EXACT ", " KEY
    ");"
    "CREATE INDEX finding_of ON finding(provider, wall_us);"
    "CREATE TABLE access(" PLACE "wall_us INT, provider TEXT, person TEXT,"
    " grade TEXT, why TEXT, account TEXT, session, op TEXT, path TEXT,"
    " count INT, exe TEXT, " KEY ") WITHOUT ROWID;"
    "CREATE INDEX access_of ON access(provider, wall_us);"
    "CREATE TABLE flow(" PLACE "wall_us INT, provider TEXT, person TEXT,"
    " grade TEXT, why TEXT, account TEXT, session, direction TEXT,"
    " proto TEXT, src TEXT, sport INT, dst TEXT, dport INT, host TEXT,"
    " bytes_out INT, bytes_in INT,"
    " gap_bytes INT, examined_out INT, examined_in INT, began_us INT,"
    " ended_us INT, how TEXT, flow, exe TEXT, " KEY ");"
    "CREATE INDEX flow_of ON flow(provider, wall_us);"
    "CREATE TABLE transfer(" PLACE "wall_us INT, provider TEXT, person TEXT,"
    " grade TEXT, why TEXT, account TEXT, session, src TEXT, flow,"
    " protocol TEXT, direction TEXT, method TEXT, uri TEXT,"
    " filename TEXT, host TEXT, dst TEXT, dport INT, bytes INT, complete INT,"
    " examined INT, " KEY ");"
    "CREATE INDEX transfer_of ON transfer(provider, wall_us);"
    "CREATE TABLE session(" PLACE "wall_us INT, provider TEXT, person TEXT,"
    " grade TEXT, why TEXT, account TEXT, session, op TEXT, key_fp TEXT,"
    " src_addr TEXT, method TEXT, " KEY ");"
    "CREATE INDEX session_of ON session(provider, wall_us);"
    "CREATE TABLE gap(" PLACE "wall_us INT, kind TEXT, role TEXT, stage TEXT,"
    " reason TEXT, lost INT, bytes INT, from_us INT, to_us INT, provider TEXT,"
    " person TEXT, op TEXT, path TEXT, member TEXT, " KEY ");"
    "CREATE INDEX gap_of ON gap(agent_id, wall_us);"
    "CREATE TABLE cover(" PLACE "wall_us INT, boot TEXT, boot_us INT,"
    " type TEXT, role TEXT, state TEXT, rules TEXT, digest TEXT, detail TEXT, " KEY
    ");"
    "CREATE INDEX cover_of ON cover(agent_id, wall_us);"
    "CREATE TABLE other(" PLACE "wall_us INT, type TEXT, " KEY ");"
    "CREATE TABLE alarm(id INTEGER PRIMARY KEY, agent_id TEXT, wall_us INT,"
    " kind TEXT, detail TEXT);"
    "CREATE INDEX alarm_of ON alarm(agent_id, kind);";

/* From each version to the next one. */
static const char *const STEPS[SCHEMA_VERSION] = {
    [1] = "ALTER TABLE finding ADD COLUMN allow TEXT;"
	  "ALTER TABLE finding ADD COLUMN allow_until TEXT;",
    [2] = "ALTER TABLE finding ADD COLUMN flags TEXT;",
    [3] = "ALTER TABLE finding ADD COLUMN sealed TEXT;"
	  "ALTER TABLE finding ADD COLUMN exact TEXT;"
	  "ALTER TABLE finding ADD COLUMN candidates INT;"
	  "ALTER TABLE finding ADD COLUMN confirmed INT;" EXACT_TABLES,
    [4] = EGRESS,
};

/* The tables of a version that this program knows; 0 is none yet. */
static int
bring_up(struct db *db, int64_t version, struct diag *why)
{
	int r = 0;

	if (version == 0) {
		r = db_exec(db, TABLES, why);
		return r == 0 ? db_exec(db, EXACT_TABLES EGRESS, why) : r;
	}
	for (; version < SCHEMA_VERSION && r == 0; version++)
		r = db_exec(db, STEPS[version], why);
	return r;
}

int
schema_make(struct db *db, struct diag *why)
{
	int64_t version = 0;
	int r = db_version(db, &version);

	if (r != 0)
		return r;
	if (version == SCHEMA_VERSION)
		return 0;
	if (version < 0 || version > SCHEMA_VERSION)
		return diag_set(why, -EBADMSG,
		    "the store has version %lld, this program knows %d",
		    (long long)version, SCHEMA_VERSION);
	r = db_begin(db);
	if (r != 0)
		return r;
	r = bring_up(db, version, why);
	if (r == 0)
		r = db_set_version(db, SCHEMA_VERSION);
	if (r == 0)
		r = db_commit(db);
	else
		db_rollback(db);
	return r;
}
