/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filerule_test - rules about members themselves, and what a member is as
 * evidence for what stands in it.
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
#include "lib/str.h"

#include "lib/own.h"

static int
parse(const char *keys, struct ruleset **out, struct diag *why)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 64 * 1024);
	buf_printf(&b,
	    "pack: {id: t, version: 1.0.0, format: 1}\n"
	    "detectors:\n"
	    "  - id: t.one\n"
	    "    uuid: 00000000-0000-4000-8000-000000000001\n"
	    "    title: T\n    class: t\n%s",
	    keys);
	return ruleset_parse("t.yaml", b.data, b.len, out, NULL, why);
}

static struct ruleset *
rules(const char *keys)
{
	struct ruleset *r = NULL;
	struct diag why = {""};

	if (parse(keys, &r, &why) != 0)
		fail_msg("%s", why.text);
	return r;
}

struct got {
	enum confidence confidence;
	size_t n, nspans;
	char allow[64];
};

static void
on_found(void *ctx, struct finding *f)
{
	struct got *g = ctx;

	assert_int_equal(f->count, 1);
	assert_false(f->tag_set);
	g->confidence = f->confidence;
	g->nspans += f->nspans;
	g->n++;
	(void)str_copy(g->allow, sizeof g->allow, f->allow);
}

static enum confidence
ask(const struct ruleset *r, const char *kind, const char *type,
    const char *name)
{
	OWN(scan_freep) struct scan *s = NULL;
	struct got g = {0};

	assert_int_equal(scan_new(r, &s), 0);
	assert_int_equal(scan_name(s, name), 0);
	assert_int_equal(scan_file(s, type, kind, on_found, &g), 0);
	assert_true(g.n <= 1);
	assert_int_equal(g.nspans, 0);
	return g.confidence;
}

static void
a_kind_or_its_family(void **state)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    rules("    primary: {file: {magic: [keystore, key/ssh]}}\n"
		  "    levels: [{confidence: high, all: []}]\n");

	(void)state;
	assert_int_equal(ask(r, "keystore/jks", "", NULL), CONFIDENCE_HIGH);
	assert_int_equal(ask(r, "keystore", "", NULL), CONFIDENCE_HIGH);
	assert_int_equal(ask(r, "key/ssh", "", NULL), CONFIDENCE_HIGH);
	assert_int_equal(ask(r, "key/pem", "", NULL), CONFIDENCE_NONE);
	assert_int_equal(ask(r, "keystores/jks", "", NULL), CONFIDENCE_NONE);
	assert_int_equal(ask(r, "", "", NULL), CONFIDENCE_NONE);
}

static void
all_that_is_named_holds(void **state)
{
	OWN(ruleset_freep)
	struct ruleset *r = rules(
	    "    primary: {file: {magic: db, mime: 'application/*', path: "
	    "'*.dat'}}\n"
	    "    levels:\n"
	    "      - {confidence: high, all: [{path: '/srv/*'}, {magic: "
	    "db/sqlite}]}\n"
	    "      - {confidence: low, all: []}\n");

	(void)state;
	assert_int_equal(ask(r, "db/sqlite", "application/x", "/srv/a.dat"),
	    CONFIDENCE_HIGH);
	assert_int_equal(
	    ask(r, "db/sqlite", "application/x", "/mnt/a.dat"), CONFIDENCE_LOW);
	assert_int_equal(
	    ask(r, "db/rdb", "application/x", "/srv/a.dat"), CONFIDENCE_LOW);
	assert_int_equal(
	    ask(r, "db/rdb", "text/plain", "/srv/a.dat"), CONFIDENCE_NONE);
	assert_int_equal(
	    ask(r, "db/rdb", "application/x", "/srv/a"), CONFIDENCE_NONE);
	assert_int_equal(
	    ask(r, "db/rdb", "application/x", NULL), CONFIDENCE_NONE);
	assert_int_equal(ask(r, "db/rdb", "application/x", "/srv/a.zip!b.dat"),
	    CONFIDENCE_LOW);
}

static enum confidence
look(const struct ruleset *r, const char *kind, const char *name,
    const char *text)
{
	OWN(scan_freep) struct scan *s = NULL;
	struct content c = {(const uint8_t *)text, strlen(text)};
	OWN(buf_done) struct buf masked = {0};
	struct got g = {0};

	assert_int_equal(scan_new(r, &s), 0);
	assert_int_equal(scan_name(s, name), 0);
	scan_kind(s, kind);
	scan_begin(s);
	assert_int_equal(scan_file(s, "", kind, on_found, &g), -EBUSY);
	assert_int_equal(scan_feed(s, c), 0);
	assert_int_equal(scan_end(s, on_found, &g, NULL), 0);
	return g.confidence;
}

static void
the_member_is_evidence(void **state)
{
	OWN(ruleset_freep)
	struct ruleset *r = rules(
	    "    prefilter: {keywords: [secret]}\n"
	    "    primary: {pattern: secret}\n"
	    "    levels:\n"
	    "      - {confidence: high, all: [{magic: source}]}\n"
	    "      - {confidence: medium, any_of: {min: 2, of: [{path: '*.c', "
	    "points: 2}, {magic: db}]}}\n"
	    "      - {confidence: low, none: [{path: '*.md'}]}\n");

	(void)state;
	assert_int_equal(
	    look(r, "source/c", NULL, "a secret"), CONFIDENCE_HIGH);
	assert_int_equal(look(r, "", "/a/b.c", "a secret"), CONFIDENCE_MEDIUM);
	assert_int_equal(look(r, "db/rdb", "/a/b", "a secret"), CONFIDENCE_LOW);
	assert_int_equal(look(r, "", "/a/b.md", "a secret"), CONFIDENCE_NONE);
	assert_int_equal(look(r, "", NULL, "a secret"), CONFIDENCE_LOW);
}

/* A name is in no member: what the last one was is no evidence for it. */
static void
a_masked_name_is_of_no_kind(void **state)
{
	OWN(ruleset_freep)
	struct ruleset *r = rules("    prefilter: {keywords: [secret]}\n"
				  "    primary: {pattern: secret}\n"
				  "    levels: [{confidence: high, all: "
				  "[{magic: source}]}]\n");
	OWN(scan_freep) struct scan *s = NULL;
	OWN(buf_done) struct buf masked = {0};
	struct content c = {(const uint8_t *)"secret", 6};

	(void)state;
	buf_init(&masked, 100);
	assert_int_equal(scan_new(r, &s), 0);
	scan_kind(s, "source/c");
	assert_int_equal(scan_mask(s, c, &masked, NULL, NULL), 0);
}

static void
an_allow_covers_a_name(void **state)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    rules("    primary: {file: {magic: core}}\n"
		  "    levels: [{confidence: high, all: []}]\n"
		  "    allow: [{id: crash-lab, owner: o, reason: r, expires: "
		  "2999-01-01, path: '/lab/*'}]\n");
	OWN(scan_freep) struct scan *s = NULL;
	struct got g = {0};

	(void)state;
	assert_int_equal(scan_new(r, &s), 0);
	assert_int_equal(scan_name(s, "/lab/core"), 0);
	assert_int_equal(scan_file(s, "", "core/elf", on_found, &g), 0);
	assert_string_equal(g.allow, "crash-lab");
	assert_int_equal(scan_name(s, "/srv/core"), 0);
	assert_int_equal(scan_file(s, "", "core/elf", on_found, &g), 0);
	assert_string_equal(g.allow, "");
	assert_int_equal(g.n, 2);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	static const char *const BAD[][2] = {
	    {"    primary: {file: {}}\n", "file needs one of"},
	    {"    primary: {file: {magic: []}}\n", "must not be empty"},
	    {"    primary: {file: {magic: 'A B'}}\n", "a kind is small"},
	    {"    primary: {file: {magic: {a: b}}}\n", "must be a text"},
	    {"    primary: {file: {name: x}}\n", "unknown key \"name\""},
	    {"    primary: {file: {magic: db}, pattern: x}\n",
		"primary takes nothing"},
	    {"    primary: {file: {magic: db}}\n    mask: {keep_first: 1}\n",
		"takes magic, path and label"},
	    {"    primary: {file: {magic: db}}\n"
	     "    thresholds: {bulk: {min: 3}}\n",
		"takes magic, path and label"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		OWN(ruleset_freep) struct ruleset *r = NULL;
		OWN(buf_done) struct buf b = {0};
		struct diag why = {""};

		buf_init(&b, 4096);
		buf_printf(&b, "%s    levels: [{confidence: low, all: []}]\n",
		    BAD[i][0]);
		assert_int_equal(parse(buf_text(&b), &r, &why), -EBADMSG);
		if (strstr(why.text, BAD[i][1]) == NULL)
			fail_msg("%s: %s", BAD[i][1], why.text);
	}
}

static void
nothing_looks_for_it(void **state)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    rules("    primary: {file: {magic: db}}\n"
		  "    levels: [{confidence: high, all: []}]\n");
	const char *why = "";

	(void)state;
	assert_int_equal(plan_layer(r->plan, 0, &why), LAYER_NONE);
	assert_int_equal(look(r, "db/rdb", NULL, "db"), CONFIDENCE_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_kind_or_its_family),
	    cmocka_unit_test(all_that_is_named_holds),
	    cmocka_unit_test(the_member_is_evidence),
	    cmocka_unit_test(a_masked_name_is_of_no_kind),
	    cmocka_unit_test(an_allow_covers_a_name),
	    cmocka_unit_test(what_makes_no_sense_is_refused),
	    cmocka_unit_test(nothing_looks_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
