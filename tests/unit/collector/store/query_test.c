/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_test - what a reader is told of what the writer kept.
 */
#include "tests/unit/collector/scene.h"

#include <errno.h>

#include "collector/store/query.h"

#include "lib/own.h"

#define ACME "provider", "acme"
#define ANN ACME, "person", "ann", "grade", "key", "account", "acme1"
#define BOB ACME, "person", "bob", "grade", "session", "account", "deploy"
#define FILE_READ "channel", "file", "op", "open"
#define PAN \
	"detector", "pci.pan", "version", "1", "class", "pii.financial", \
	    "sensitivity", "high"

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);

	assert_non_null(s);
	scene_open(s);
	scene_agent(s, "a-1", "web1", 0);
	scene_agent(s, "a-2", "db1", 0);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	scene_close(*state);
	free(*state);
	return 0;
}

/* Everything of a provider, or with seconds of 2026 as bounds (0: open). */
static void
ask(const struct scene *s, const char *provider, int64_t from, int64_t to,
    struct exposure *e)
{
	OWN(query_closep) struct query *q = NULL;
	struct diag why = {""};

	if (query_open(s->path, &q, &why) != 0)
		fail_msg("%s", why.text);
	*e = (struct exposure){.provider = provider,
	    .open_from = from == 0,
	    .open_to = to == 0,
	    .from_us = SCENE_US + from * SCENE_S,
	    .to_us = SCENE_US + to * SCENE_S,
	    .now_us = SCENE_US + 1000 * SCENE_S};
	assert_int_equal(
	    provider == NULL ? query_index(q, e) : query_exposure(q, e), 0);
}

static void
nothing_is_no_error(void **state)
{
	struct exposure e;

	ask(*state, "acme", 0, 0, &e);
	assert_false(e.known);
	assert_int_equal(e.entries, 0);
	assert_int_equal(e.npeople, 0);
	assert_int_equal(e.nhosts, 2);
	/* Without a start, the period begins with the first enrolment. */
	assert_int_equal(e.from_us, SCENE_US);
	assert_int_equal(e.to_us, e.now_us);
	exposure_done(&e);
}

static void
there_is_no_store(void **state UNUSED)
{
	struct query *q = NULL;
	struct diag why = {""};

	assert_int_equal(query_open("/nonexistent/x.db", &q, &why), -ENOENT);
	assert_null(q);
	assert_true(why.text[0] != '\0');
}

static void
a_period_has_an_end(void **state)
{
	struct scene *s = *state;
	struct exposure e;

	scene_watch(s, "a-1", 40, 100);
	scene_put(s, "a-1", 50, "file", ANN, "path", "/a", "op", "open",
	    "count", "#1", NULL);
	scene_put(s, "a-1", 60, "file", ANN, "path", "/b", "op", "open",
	    "count", "#1", NULL);
	ask(s, "acme", 0, 0, &e);
	assert_int_equal(e.from_us, SCENE_US + 40 * SCENE_S);
	assert_int_equal(e.entries, 2);
	assert_int_equal(e.first_us, SCENE_US + 50 * SCENE_S);
	assert_int_equal(e.last_us, SCENE_US + 60 * SCENE_S);
	exposure_done(&e);
	/* [from, to) */
	ask(s, "acme", 50, 60, &e);
	assert_true(e.known);
	assert_int_equal(e.entries, 1);
	exposure_done(&e);
	ask(s, "acme", 61, 5000, &e);
	assert_true(e.known);
	assert_int_equal(e.entries, 0);
	assert_int_equal(e.to_us, e.now_us); /* not in the future */
	exposure_done(&e);
}

static void
people_and_what_tells_them_apart(void **state)
{
	struct scene *s = *state;
	const struct exposure_person *p;
	struct exposure e;

	scene_put(s, "a-1", 10, "session", ANN, "session", "s1", "op", "open",
	    "key_fp", "SHA256:one", "src_addr", "192.0.2.1", NULL);
	scene_put(s, "a-2", 20, "session", ANN, "session", "s1", "op", "open",
	    "key_fp", "SHA256:one", "src_addr", "192.0.2.2", NULL);
	scene_put(s, "a-1", 30, "file", BOB, "session", "s2", "op", "open",
	    "path", "/a", "count", "#7", NULL);
	scene_put(s, "a-1", 40, "flow", ACME, "person", "unknown", "grade",
	    "unknown", "why", "no process owns the socket", "bytes_out", "#5",
	    NULL);
	scene_put(s, "a-1", 50, "flow", "provider", "unknown", "person",
	    "unknown", "grade", "unknown", NULL);
	ask(s, "acme", 0, 0, &e);
	assert_int_equal(e.npeople, 3);
	p = &e.people[0];
	assert_string_equal(p->name, "ann");
	assert_int_equal(p->sessions, 2); /* on two hosts */
	assert_int_equal(p->hosts, 2);
	assert_int_equal(p->by_grade[0], 2);
	assert_int_equal(p->ntraits, 4); /* account, key, two addresses */
	assert_string_equal(p->traits[1].value, "SHA256:one");
	assert_string_equal(p->traits[3].value, "192.0.2.2");
	p = &e.people[2];
	assert_string_equal(p->name, "unknown");
	assert_int_equal(p->ntraits, 1);
	assert_string_equal(p->traits[0].value, "no process owns the socket");
	assert_int_equal(e.by_grade[0], 2);
	assert_int_equal(e.by_grade[2], 1);
	assert_int_equal(e.by_grade[4], 1);
	assert_int_equal(e.nobodys, 1);
	assert_int_equal(e.hosts[0].of_provider + e.hosts[1].of_provider, 4);
	exposure_done(&e);
}

static void
records_are_a_range(void **state)
{
	struct scene *s = *state;
	const struct exposure_class *c;
	struct exposure e;

	/* The same file read twice holds the same values. */
	for (int64_t at = 10; at < 30; at += 10)
		scene_put(s, "a-1", at, "finding", ANN, FILE_READ, PAN, "path",
		    "/cards", "confidence", "high", "count", "#40", "unique",
		    "#30", NULL);
	scene_put(s, "a-1", 30, "finding", ANN, FILE_READ, PAN, "path",
	    "/cards", "confidence", "low", "count", "#9", "unique", "#5", NULL);
	/* Another host's file of that name is another file. */
	scene_put(s, "a-2", 40, "finding", BOB, "channel", "file", "op",
	    "write", PAN, "path", "/cards", "confidence", "high", "unique",
	    "#7", "unique_capped", "#1", NULL);
	/* Known samples are no records of anybody, but may hide some. */
	scene_put(s, "a-1", 50, "finding", ANN, FILE_READ, PAN, "path", "/test",
	    "confidence", "high", "unique", "#2", "test_data", "#1", NULL);
	/* What was sent is counted elsewhere. */
	scene_put(s, "a-1", 60, "finding", ANN, "channel", "net", "op", "send",
	    PAN, "confidence", "high", "unique", "#500", NULL);
	ask(s, "acme", 0, 0, &e);
	assert_int_equal(e.nclasses, 1);
	c = &e.classes[0];
	assert_string_equal(c->name, "pii.financial");
	assert_string_equal(c->sensitivity, "high");
	assert_int_equal(c->files, 3);
	assert_int_equal(c->read, 2);
	assert_int_equal(c->written, 1);
	assert_int_equal(c->low, 30 + 7);
	assert_int_equal(c->high, 30 + 5 + 7 + 2);
	assert_int_equal(c->samples, 2);
	assert_true(c->capped);
	assert_int_equal(c->people, 2);
	assert_false(c->unknown);
	assert_int_equal(e.files_touched, 3);
	assert_int_equal(e.ndetectors, 2); /* by channel */
	assert_string_equal(e.detectors[0].channel, "file");
	assert_int_equal(e.detectors[0].high, 30 + 7 + 2);
	assert_int_equal(e.detectors[0].low, 5);
	assert_int_equal(e.detectors[0].objects, 3);
	/* One row each of object, person and confidence, however often. */
	assert_int_equal(e.nfindings, 5);
	assert_int_equal(e.findings[0].records, 500);
	assert_int_equal(e.findings[1].records, 30);
	assert_int_equal(e.findings[1].entries, 2);
	exposure_done(&e);
}

#define OUT \
	"proto", "tcp", "src", "10.0.0.1", "sport", "#40000", "dst", \
	    "203.0.113.9", "dport", "#80", "host", "drop.example"

static void
what_left_and_where_to(void **state)
{
	struct scene *s = *state;
	const struct exposure_place *p;
	struct exposure e;

	scene_put(s, "a-1", 10, "finding", ANN, "channel", "net", "op", "send",
	    PAN, OUT, "flow", "#1", "path", "cards.csv", "confidence", "high",
	    "unique", "#12", NULL);
	scene_put(s, "a-1", 11, "transfer", ANN, OUT, "flow", "#1", "protocol",
	    "http", "direction", "out", "http_method", "POST", "uri", "/up",
	    "filename", "cards.csv", "bytes", "#900", "complete", "#1",
	    "examined", "#900", NULL);
	scene_put(s, "a-1", 12, "flow", ANN, OUT, "flow", "#1", "direction",
	    "out", "bytes_out", "#1000", "bytes_in", "#50", "examined_out",
	    "#900", NULL);
	/* The same place again; nobody answered for its content. */
	scene_put(s, "a-1", 20, "flow", ANN, OUT, "flow", "#2", "direction",
	    "out", "bytes_out", "#300", "bytes_in", "#5", NULL);
	/* Somebody fetched from us: it left for the other end. */
	scene_put(s, "a-1", 30, "flow", ANN, "proto", "tcp", "src",
	    "198.51.100.7", "sport", "#50000", "dst", "10.0.0.1", "dport",
	    "#22", "flow", "#3", "direction", "in", "bytes_out", "#70000",
	    "bytes_in", "#90", "examined_out", "#0", NULL);
	scene_put(s, "a-1", 40, "flow", ANN, "proto", "tcp", "src", "127.0.0.1",
	    "dst", "127.0.0.1", "dport", "#5432", "flow", "#4", "direction",
	    "out", "bytes_out", "#123456", NULL);
	ask(s, "acme", 0, 0, &e);
	assert_int_equal(e.nplaces, 3);
	p = &e.places[0];
	assert_true(p->loopback);
	p = &e.places[1];
	assert_string_equal(p->remote, "198.51.100.7");
	assert_string_equal(p->direction, "in");
	assert_int_equal(p->port, 22);
	assert_int_equal(p->out, 70000);
	assert_int_equal(p->examined, 0);
	p = &e.places[2];
	assert_string_equal(p->remote, "203.0.113.9");
	assert_string_equal(p->server, "drop.example");
	assert_int_equal(p->flows, 2);
	assert_int_equal(p->out, 1300);
	assert_int_equal(p->examined, 900);
	assert_int_equal(p->unexamined, 300);
	assert_int_equal(p->findings, 1);
	assert_int_equal(p->people, 1);
	assert_int_equal(e.nsent, 1);
	assert_string_equal(e.sent[0].class_name, "pii.financial");
	assert_string_equal(e.sent[0].remote, "203.0.113.9");
	assert_int_equal(e.sent[0].low, 12);
	assert_int_equal(e.ntransfers, 1);
	assert_string_equal(e.transfers[0].method, "POST");
	assert_int_equal(e.transfers[0].examined, 900);
	/* Within the host is no day's bytes out. */
	assert_int_equal(e.ndays, 1);
	assert_int_equal(e.days[0].out, 71300);
	exposure_done(&e);
}

static void
gaps_alarms_and_rules(void **state)
{
	struct scene *s = *state;
	struct exposure e;

	scene_watch(s, "a-1", 10, 40);
	scene_put(s, "a-1", 20, "skipped", ANN, "reason", "encrypted", "op",
	    "open", "bytes", "#10", NULL);
	scene_put(s, "a-1", 21, "skipped", ANN, "reason", "encrypted", "op",
	    "open", "bytes", "#20", NULL);
	scene_put(s, "a-1", 22, "skipped", "provider", "beta", "reason",
	    "encrypted", NULL);
	scene_put(s, "a-2", 23, "cov.loss", "stage", "fanotify", "reason",
	    "the queue overflowed", "from_us", "#1767225620000000", "to_us",
	    "#1767225621000000", NULL);
	scene_put(s, "a-2", 24, "cov.crash", "role", "watch", "from_us",
	    "#1767225622000000", "to_us", "#1767225624000000", NULL);
	scene_sql(s,
	    "INSERT INTO alarm(agent_id,wall_us,kind,detail) VALUES('a-2',"
	    "1767225625000000,'fork','the log was rewritten')");
	ask(s, "acme", 0, 0, &e);
	assert_int_equal(e.ngaps, 3);
	assert_string_equal(e.gaps[2].reason, "encrypted");
	assert_true(e.gaps[2].own);
	assert_int_equal(e.gaps[2].count, 2);
	assert_int_equal(e.gaps[2].bytes, 30);
	assert_false(e.gaps[0].own);
	assert_int_equal(e.nalarms, 1);
	assert_string_equal(e.alarms[0].host, "db1");
	assert_int_equal(e.nrules, 1);
	assert_string_equal(e.rules[0].version, "0.1.0");
	/* Hosts are in the order of their names: db1, web1. */
	assert_string_equal(e.hosts[0].name, "db1");
	assert_int_equal(e.hosts[0].nharms, 2);
	assert_null(e.hosts[0].harms[0].role);
	assert_int_equal(e.hosts[0].harms[0].from_us, SCENE_US + 20 * SCENE_S);
	assert_string_equal(e.hosts[0].harms[1].role, "watch");
	assert_int_equal(e.hosts[1].nharms, 0);
	exposure_done(&e);
}

static int
count(void *ctx, const struct exposure_mark *m)
{
	char *out = ctx;
	size_t n = strlen(out);

	(void)snprintf(out + n, 64 - n, "%c%lld ",
	    m->kind == MARK_START  ? 's'
	    : m->kind == MARK_STOP ? 'x'
	    : m->rules             ? 'b'
				   : 'n',
	    (long long)((m->wall_us - SCENE_US) / SCENE_S));
	return 0;
}

static void
marks_of_a_period_and_around_it(void **state)
{
	OWN(query_closep) struct query *q = NULL;
	struct exposure e = {.from_us = SCENE_US + 20000 * SCENE_S,
	    .to_us = SCENE_US + 20100 * SCENE_S};
	struct scene *s = *state;
	struct diag why = {""};
	char got[64] = "";

	scene_put(
	    s, "a-1", 10, "cov.start", "role", "watch", "rules", "x", NULL);
	scene_put(s, "a-1", 20, "cov.beat", "state", "ok", NULL);
	scene_put(s, "a-1", 30, "cov.cfg", "what", "start", NULL);
	scene_put(s, "a-1", 20010, "cov.beat", "state", "no rules", NULL);
	scene_put(s, "a-1", 20020, "cov.stop", "role", "supervise", NULL);
	scene_put(s, "a-2", 20030, "cov.beat", "state", "ok", NULL);
	scene_put(s, "a-1", 90000, "cov.start", "role", "watch", NULL);
	scene_put(s, "a-1", 90030, "cov.beat", "state", "ok", NULL);
	assert_int_equal(query_open(s->path, &q, &why), 0);
	assert_int_equal(query_marks(q, &e, "a-1", count, got), 0);
	assert_string_equal(got, "b20 n20010 x20020 s90000 ");
}

static void
the_index_counts_providers(void **state)
{
	struct scene *s = *state;
	struct exposure e;

	scene_put(s, "a-1", 10, "file", ANN, "op", "open", "path", "/a",
	    "count", "#1", NULL);
	scene_put(s, "a-2", 20, "finding", ANN, FILE_READ, PAN, "confidence",
	    "high", NULL);
	scene_put(s, "a-2", 30, "flow", "provider", "staff", "person", "eve",
	    "grade", "key", OUT, "direction", "out", "bytes_out", "#77", NULL);
	scene_put(s, "a-2", 40, "flow", "bytes_out", "#1", NULL);
	ask(s, NULL, 0, 0, &e);
	assert_int_equal(e.nproviders, 3);
	assert_string_equal(e.providers[0].id, "acme");
	assert_int_equal(e.providers[0].entries, 2);
	assert_int_equal(e.providers[0].findings, 1);
	assert_int_equal(e.providers[0].hosts, 2);
	assert_int_equal(e.providers[0].people, 1);
	assert_string_equal(e.providers[1].id, "staff");
	assert_int_equal(e.providers[1].out, 77);
	assert_string_equal(e.providers[2].id, "unknown");
	exposure_done(&e);
}

static void
long_lists_are_cut_and_say_so(void **state)
{
	struct scene *s = *state;
	struct exposure e;

	assert_int_equal(store_begin(s->store), 0);
	for (int i = 0; i <= EXPOSURE_ROWS_MAX; i++) {
		char path[32];

		(void)snprintf(path, sizeof path, "/f/%d", i);
		scene_put(s, "a-1", 10, "finding", ANN, FILE_READ, PAN, "path",
		    path, "confidence", "high", "unique", "#1", NULL);
	}
	assert_int_equal(store_commit(s->store), 0);
	ask(s, "acme", 0, 0, &e);
	assert_int_equal(e.nfindings, EXPOSURE_ROWS_MAX);
	assert_true(e.cut[LIST_FINDINGS]);
	assert_false(e.cut[LIST_PEOPLE]);
	assert_int_equal(e.classes[0].files, EXPOSURE_ROWS_MAX + 1);
	exposure_done(&e);
}

static void
one_question_is_one_moment(void **state)
{
	OWN(query_closep) struct query *q = NULL;
	struct scene *s = *state;
	struct diag why = {""};
	struct exposure e = {.provider = "acme",
	    .open_from = true,
	    .open_to = true,
	    .now_us = SCENE_US + SCENE_S};

	scene_put(s, "a-1", 0, "file", ANN, "op", "open", "path", "/a", NULL);
	assert_int_equal(query_open(s->path, &q, &why), 0);
	scene_put(s, "a-1", 0, "file", ANN, "op", "open", "path", "/b", NULL);
	assert_int_equal(query_exposure(q, &e), 0);
	assert_int_equal(e.entries, 1);
	exposure_done(&e);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(nothing_is_no_error),
	    TEST(there_is_no_store),
	    TEST(a_period_has_an_end),
	    TEST(people_and_what_tells_them_apart),
	    TEST(records_are_a_range),
	    TEST(what_left_and_where_to),
	    TEST(gaps_alarms_and_rules),
	    TEST(marks_of_a_period_and_around_it),
	    TEST(the_index_counts_providers),
	    TEST(long_lists_are_cut_and_say_so),
	    TEST(one_question_is_one_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
