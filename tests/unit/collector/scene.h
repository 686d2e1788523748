/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scene - a store that is filled entry by entry, by the same table that takes
 * batches apart; for the tests of what reads it.
 */
#ifndef TESTS_UNIT_COLLECTOR_SCENE_H
#define TESTS_UNIT_COLLECTOR_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/store/inner.h"
#include "collector/store/project.h"
#include "collector/store/store.h"
#include "lib/str.h"

#include "lib/own.h"

#define SCENE_S INT64_C(1000000)
#define SCENE_US (INT64_C(1767225600) * SCENE_S) /* 2026-01-01 */

struct scene {
	char dir[64], path[96];
	struct store *store;
	uint64_t seq;
};

static inline void
scene_sql(struct scene *s, const char *sql)
{
	struct diag why = {""};

	if (db_exec(s->store->db, sql, &why) != 0)
		fail_msg("%s", why.text);
}

static inline void
scene_open_at(struct scene *s, const char *dir)
{
	struct diag why = {""};

	*s = (struct scene){0};
	assert_int_equal(str_copy(s->dir, sizeof s->dir, dir), 0);
	assert_int_equal(
	    str_format(s->path, sizeof s->path, "%s/collector.db", dir), 0);
	if (store_open(s->path, &s->store, &why) != 0)
		fail_msg("%s", why.text);
}

static inline void
scene_open(struct scene *s)
{
	char dir[] = "/tmp/chaperone-scene-XXXXXX";

	assert_non_null(mkdtemp(dir));
	scene_open_at(s, dir);
}

static inline void
scene_close(struct scene *s)
{
	static const char *const ENDS[] = {"", "-wal", "-shm"};
	char path[128];

	store_close(s->store);
	for (size_t i = 0; i < ARRAY_LEN(ENDS); i++) {
		(void)snprintf(path, sizeof path, "%s%s", s->path, ENDS[i]);
		(void)unlink(path);
	}
	(void)rmdir(s->dir);
}

/* An agent, enrolled at a second of 2026. */
static inline void
scene_agent(struct scene *s, const char *id, const char *host, int64_t at)
{
	char sql[512];

	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO agent(id,host,spki,key,vkey,state,enrolled_us,"
	    "seen_us,gen) VALUES('%s','%s',x'00',x'00','%s+00000000+AAAA',"
	    "'active',%lld,%lld,0)",
	    id, host, host, (long long)(SCENE_US + at * SCENE_S),
	    (long long)(SCENE_US + at * SCENE_S));
	scene_sql(s, sql);
}

static inline void
scene_field(struct draft *d, const char *name, const char *value)
{
	char *end;

	if (value[0] == '#')
		draft_int(d, name, strtoll(value + 1, &end, 10));
	else
		draft_text(d, name, value);
}

/*
 * One entry of an agent's log at a second of 2026: names and values in turn,
 * ended by NULL; "#12" is the number 12. The boot clock runs along.
 */
static inline void
scene_put(struct scene *s, const char *agent, int64_t at, const char *type, ...)
{
	struct stamp when = {
	    (uint64_t)((at + 86400) * SCENE_S), SCENE_US + at * SCENE_S};
	const char *name;
	struct facts f = {0};
	struct draft d;
	va_list ap;

	draft_init(&d, type, when);
	va_start(ap, type);
	while ((name = va_arg(ap, const char *)) != NULL)
		scene_field(&d, name, va_arg(ap, const char *));
	va_end(ap);
	assert_int_equal(draft_error(&d), 0);
	f.seq = s->seq++;
	f.at = when;
	(void)str_copy(f.type, sizeof f.type, type);
	(void)str_copy(f.boot, sizeof f.boot, "a");
	memcpy(f.fields, d.fields, sizeof f.fields);
	f.nfields = d.nfields;
	assert_int_equal(project_put(s->store->project, agent, &f), 0);
	draft_done(&d);
}

/* An agent that runs without a fault from @from to @to. */
static inline void
scene_watch(struct scene *s, const char *agent, int64_t from, int64_t to)
{
	scene_put(s, agent, from, "cov.start", "role", "watch", "version",
	    "0.1.0", "rules",
	    "3f6c1d0e5b7a49281f0c9d8e7b6a5948372615049f8e7d6c5b4a39281706f5e4",
	    NULL);
	for (int64_t at = from; at < to + 30; at += 30)
		scene_put(s, agent, at < to ? at : to, "cov.beat", "state",
		    "ok", NULL);
}

#endif
