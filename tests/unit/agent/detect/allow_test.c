/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allow_test - an allow takes the alert away, never the record, and only until
 * its date.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/rules.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define UUID "00000000-0000-4000-8000-000000000001"
#define WHO "owner: o@example.org, reason: R, expires: 2027-06-30"

/* The last microsecond that an allow "until 2027-06-30" holds. */
static const struct stamp LAST = {.wall_us = INT64_C(1814399999999999)};
static const struct stamp BEHIND = {.wall_us = INT64_C(1814400000000000)};

static int
load(const char *top, const char *more, struct ruleset **out,
    struct problems *problems, struct diag *why)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 64 * 1024);
	buf_printf(&b,
	    "pack: {id: t, version: 1.0.0, format: 1}\n%s"
	    "detectors:\n"
	    "  - {id: t.one, uuid: " UUID ", title: T, class: secret.t,\n"
	    "     primary: {pattern: 'k=(?P<v>[a-z ]{4,20})', secret: v,"
	    " normalize: [strip_space_dash, fold_case]},\n"
	    "     levels: [{confidence: low, all: []}]%s%s}\n",
	    top, more[0] != '\0' ? ", allow: " : "", more);
	return ruleset_parse("t.yaml", b.data, b.len, out, problems, why);
}

/* What was found: with an alert, and without one. */
struct got {
	uint64_t alert, allowed;
	char id[64], until[12];
};

static void
on_found(void *ctx, struct finding *f)
{
	struct got *g = ctx;

	if (finding_alerts(f)) {
		g->alert += f->count;
		return;
	}
	g->allowed += f->count;
	(void)str_copy(g->id, sizeof g->id, f->allow);
	(void)str_copy(g->until, sizeof g->until, f->allow_until);
}

static struct got
scan(const struct ruleset *r, size_t block, const char *name, const char *text)
{
	OWN(scan_freep) struct scan *s = NULL;
	struct content c = {(const uint8_t *)text, strlen(text)};
	struct got g = {0};

	assert_int_equal(scan_new_sized(r, block, &s), 0);
	assert_int_equal(scan_name(s, name), 0);
	scan_begin(s);
	assert_int_equal(scan_feed(s, c), 0);
	assert_int_equal(scan_end(s, on_found, &g, NULL), 0);
	return g;
}

struct row {
	const char *allow; /* its conditions */
	const char *name;
	const char *text;
	uint64_t alert, allowed;
};

static void
check(const struct row *row)
{
	OWN(ruleset_freep) struct ruleset *r = NULL;
	struct diag why = {""};
	char more[512];

	(void)snprintf(
	    more, sizeof more, "[{id: a.one, " WHO ", %s}]", row->allow);
	if (load("", more, &r, NULL, &why) != 0)
		fail_msg("%s: %s", row->allow, why.text);
	for (size_t block = 1; block < 4096; block = 3 * block + 4) {
		struct got g = scan(r, block, row->name, row->text);

		if (g.alert != row->alert || g.allowed != row->allowed)
			fail_msg("%s, %s in blocks of %zu: %d and %d",
			    row->allow, row->text, block, (int)g.alert,
			    (int)g.allowed);
		if (g.allowed > 0) {
			assert_string_equal(g.id, "a.one");
			assert_string_equal(g.until, "2027-06-30");
		}
	}
}

static void
test_conditions(void **state UNUSED)
{
	static const struct row rows[] = {
	    {"value: ABCD", NULL, "k=abcd\nk=abce", 1, 1},
	    {"value: ABCD", NULL, "k=a b c d\nk=abcde", 1, 1},
	    {"value: k=abcd, target: match", NULL, "k=abcd\nk=a bcd", 1, 1},
	    {"value_pattern: BC, target: value", NULL, "k=abcd\nk=acbd", 1, 1},
	    {"value_pattern: 'demo\\b', target: line", NULL,
		"# demo k=abcd!\nk=abce\nk=abcf ,demo\n.demo", 1, 2},
	    {"path: '*.md'", "/srv/README.md", "k=abcd", 0, 1},
	    {"path: '*.md'", "/srv/README.md!x.txt", "k=abcd", 1, 0},
	    {"path: '*.md'", "/srv/a.zip!docs/x.md", "k=abcd", 0, 1},
	    {"path: '*.md'", "/srv/a.zip!x.md", "k=abcd", 0, 1},
	    {"path: '/srv/**'", "/srv/a/b", "k=abcd", 0, 1},
	    {"path: '/srv/**'", "/var/srv/a", "k=abcd", 1, 0},
	    {"path: '*.md'", NULL, "k=abcd", 1, 0},
	    /* All that an allow names must hold. */
	    {"path: '*.md', value: ABCD", "x.md", "k=abcd\nk=abce", 1, 1},
	};

	clock_fix(&LAST);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
	clock_fix(NULL);
}

/* The digest is what stock tools say, too. */
static void
test_hmac(void **state UNUSED)
{
	OWN(ruleset_freep) struct ruleset *r = NULL;
	OWN(ruleset_freep) struct ruleset *with = NULL;
	struct diag why = {""};
	char hmac[33], more[256];
	uint8_t whole[SEAL_HASH];
	char wanted[2 * SEAL_HASH + 1];
	bool guessable = true;
	struct got g;

	assert_int_equal(load("", "", &r, NULL, &why), 0);
	assert_int_equal(
	    ruleset_allow(r, "t.one", "ab cd", 5, hmac, &guessable), 0);
	seal_hmac(UUID, strlen(UUID), "ABCD", 4, whole);
	str_hex(wanted, whole, sizeof whole);
	wanted[32] = '\0';
	assert_string_equal(hmac, wanted);
	assert_false(guessable);
	assert_int_equal(
	    ruleset_allow(r, "t.two", "ab", 2, hmac, &guessable), -ENOENT);
	assert_int_equal(
	    ruleset_allow(r, "t.one", "", 0, hmac, &guessable), -EINVAL);
	(void)snprintf(more, sizeof more,
	    "[{id: a, " WHO ", value_sha256_hmac: %s}]", wanted);
	assert_int_equal(load("", more, &with, NULL, &why), 0);
	clock_fix(&LAST);
	g = scan(with, 64, NULL, "k=abcd\nk=ab cd\nk=abce");
	clock_fix(NULL);
	assert_int_equal(g.allowed, 2);
	assert_int_equal(g.alert, 1);
}

static bool
noted(const struct problems *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_eq(p->list[i].name, name))
			return true;
	return false;
}

static void
test_expiry(void **state UNUSED)
{
	static const char allow[] = "[{id: a, " WHO ", value: ABCD}]";

	for (int behind = 0; behind < 2; behind++) {
		OWN(ruleset_freep) struct ruleset *r = NULL;
		OWN(problems_done) struct problems problems = {0};
		struct got g;

		clock_fix(behind ? &BEHIND : &LAST);
		assert_int_equal(load("", allow, &r, &problems, NULL), 0);
		assert_int_equal(noted(&problems, "expired-allow"), behind);
		g = scan(r, 64, NULL, "k=abcd");
		assert_int_equal(g.allowed, !behind);
		assert_int_equal(g.alert, behind);
		/* It ends while the set is in force, too. */
		clock_fix(&BEHIND);
		g = scan(r, 64, NULL, "k=abcd");
		assert_int_equal(g.alert, 1);
		clock_fix(NULL);
	}
}

/* A pack of one's own allows what a pack of others finds. */
static void
test_site(void **state UNUSED)
{
	OWN(ruleset_freep) struct ruleset *r = NULL;
	OWN(problems_done) struct problems problems = {0};
	struct got g;

	assert_int_equal(
	    load("allow:\n  - {id: s, detector: t.one, " WHO ", value: ABCD}\n"
		 "  - {id: s, detector: t.gone, " WHO ", value: ABCD}\n",
		"[{id: a, " WHO ", value: EFGH}]", &r, &problems, NULL),
	    0);
	assert_true(noted(&problems, "unknown-detector"));
	clock_fix(&LAST);
	g = scan(r, 64, NULL, "k=abcd\nk=efgh\nk=ijkl");
	clock_fix(NULL);
	assert_int_equal(g.allowed, 2);
	assert_int_equal(g.alert, 1);
}

static void
test_refused(void **state UNUSED)
{
	static const struct {
		const char *allow, *wanted;
	} rows[] = {
	    {"{}", "\"id\""},
	    {"{id: a, reason: R, expires: 2027-06-30, value: x}", "\"owner\""},
	    {"{id: a, owner: o, reason: R, value: x}", "\"expires\""},
	    {"{id: a, owner: o, expires: 2027-06-30, value: x}", "\"reason\""},
	    {"{id: a, owner: o, reason: R, expires: never, value: x}", "date"},
	    {"{id: a, owner: o, reason: R, expires: 2027-02-30, value: x}",
		"date"},
	    {"{id: a, " WHO "}", "one of"},
	    {"{id: a, " WHO ", value: ''}", "empty"},
	    {"{id: A b, " WHO ", value: x}", "small letters"},
	    {"{id: a, " WHO ", value_sha256_hmac: 12}", "32 hex"},
	    {"{id: a, " WHO ", value_pattern: 'x*'}", "unbounded"},
	    {"{id: a, " WHO ", value: x, target: file}", "one of value"},
	    {"{id: a, " WHO ", value: x, detector: t.one}", "\"detector\""},
	    {"{id: a, " WHO ", valeu: x}", "did you mean \"value\"?"},
	    {"{id: a, " WHO ", value: x}, {id: a, " WHO ", value: y}",
		"already"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(ruleset_freep) struct ruleset *r = NULL;
		struct diag why = {""};
		char more[256];

		(void)snprintf(more, sizeof more, "[%s]", rows[i].allow);
		if (load("", more, &r, NULL, &why) != -EBADMSG)
			fail_msg("taken: %s", rows[i].allow);
		if (strstr(why.text, rows[i].wanted) == NULL)
			fail_msg("%s: %s", rows[i].allow, why.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_conditions),
	    cmocka_unit_test(test_hmac),
	    cmocka_unit_test(test_expiry),
	    cmocka_unit_test(test_site),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
