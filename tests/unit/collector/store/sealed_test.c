/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed_test - candidates wait, are judged once, and a report tells both what
 * the host said and what became of it.
 */
#include "tests/unit/collector/scene.h"

#include <errno.h>

#include "collector/store/query.h"

#include "lib/own.h"

#define ANN \
	"provider", "acme", "person", "ann", "grade", "key", "account", "acme1"
#define BOB \
	"provider", "acme", "person", "bob", "grade", "key", "account", "acme2"
#define OWN_DATA \
	"channel", "file", "op", "open", "detector", "own.customer", \
	    "version", "1", "class", "pii.contact", "confidence", "low", \
	    "sensitivity", "high"
#define MADE 1793491200 /* 2026-11-01 */

/* What stands for something sealed by an index of that name. */
static void
sealed_by(const char *name, char out[128])
{
	OWN(buf_done) struct buf b = {0}, text = {0};
	uint8_t raw[60] = {
	    MADE >> 24, MADE >> 16 & 0xff, MADE >> 8 & 0xff, MADE & 0xff, 7};

	memcpy(raw + EXACT_ID, name, strlen(name));
	memset(raw + 48, 9, 12);
	buf_init(&b, 128);
	buf_init(&text, 128);
	str_base64url(&text, raw, sizeof raw);
	assert_int_equal(str_copy(out, 128, buf_text(&text)), 0);
}

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);

	assert_non_null(s);
	scene_open(s);
	scene_agent(s, "a-1", "web1", 0);
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

static void
ask(const struct scene *s, struct exposure *e)
{
	OWN(query_closep) struct query *q = NULL;

	assert_int_equal(query_open(s->path, &q, NULL), 0);
	*e = (struct exposure){.provider = "acme",
	    .open_from = true,
	    .open_to = true,
	    .now_us = SCENE_US + 1000 * SCENE_S};
	assert_int_equal(query_exposure(q, e), 0);
}

/* A verdict on the finding that waits first behind @after; its id. */
static uint64_t
judge(struct scene *s, uint64_t after, enum store_judged how, uint32_t n,
    const char *marks)
{
	struct store_confirmed v = {.how = how, .candidates = n};
	struct store_sealed w;

	assert_int_equal(sealed_next(s->store, after, &w), 0);
	assert_true(w.id > after);
	v.id = w.id;
	for (; marks[v.confirmed] != '\0'; v.confirmed++)
		memset(
		    v.marks[v.confirmed], marks[v.confirmed], ROWS_MARK_VALUE);
	assert_int_equal(store_begin(s->store), 0);
	assert_int_equal(sealed_put(s->store, &v), 0);
	assert_int_equal(store_commit(s->store), 0);
	return v.id;
}

static void
what_waits_says_so(void **state)
{
	struct scene *s = *state;
	char text[128];
	struct store_sealed w;
	struct exposure e;
	uint64_t first;

	sealed_by("customers", text);
	assert_int_equal(sealed_next(s->store, 0, &w), -ENOENT);
	scene_put(s, "a-1", 10, "finding", ANN, OWN_DATA, "path", "/a", "count",
	    "#5", "unique", "#3", "sealed", text, NULL);
	scene_put(s, "a-1", 11, "finding", ANN, OWN_DATA, "path", "/b", "count",
	    "#40", "unique", "#30", "sealed", text, NULL);
	scene_put(s, "a-1", 12, "finding", ANN, "detector", "pci.pan",
	    "channel", "file", "confidence", "high", NULL);
	ask(s, &e);
	assert_int_equal(e.nexacts, 1);
	assert_string_equal(e.exacts[0].index, "customers");
	assert_string_equal(e.exacts[0].person, "ann");
	assert_int_equal(e.exacts[0].made_us, MADE * SCENE_S);
	assert_int_equal(e.exacts[0].pending, 2);
	/* At most 16 of one finding are sealed. */
	assert_int_equal(e.exacts[0].waiting, 3 + 16);
	assert_int_equal(e.exacts[0].confirmed, 0);
	exposure_done(&e);
	/* In order, each with its whole text. */
	assert_int_equal(sealed_next(s->store, 0, &w), 0);
	assert_string_equal(w.text, text);
	first = judge(s, 0, STORE_NO_TABLE, 0, "");
	assert_int_equal(first, w.id);
	(void)judge(s, first, STORE_NO_KEY, 0, "");
	assert_int_equal(sealed_next(s->store, 0, &w), -ENOENT);
	ask(s, &e);
	assert_int_equal(e.exacts[0].pending, 0);
	assert_int_equal(e.exacts[0].missing, 1);
	assert_int_equal(e.exacts[0].closed, 1);
	assert_int_equal(e.exacts[0].waiting, 3 + 16);
	for (size_t i = 0; i < e.nfindings; i++) {
		const struct exposure_finding *f = &e.findings[i];

		if (f->path == NULL) {
			assert_null(f->exact);
			continue;
		}
		assert_string_equal(
		    f->exact, f->path[1] == 'a' ? "missing" : "closed");
		assert_string_equal(f->confidence, "low");
	}
	exposure_done(&e);
	/* With another table they are asked about again. */
	assert_int_equal(store_begin(s->store), 0);
	assert_int_equal(sealed_again(s->store), 0);
	assert_int_equal(store_commit(s->store), 0);
	assert_int_equal(sealed_next(s->store, 0, &w), 0);
	assert_int_equal(w.id, first);
	assert_string_equal(w.text, text);
}

static void
values_are_counted_once(void **state)
{
	struct scene *s = *state;
	const struct exposure_finding *f;
	char text[128];
	struct exposure e;
	uint64_t id = 0;

	sealed_by("customers", text);
	/* Ann reads one file twice, and another one with one of its values. */
	for (int i = 0; i < 2; i++)
		scene_put(s, "a-1", 10 + i, "finding", ANN, OWN_DATA, "path",
		    "/a", "count", "#5", "unique", "#3", "sealed", text, NULL);
	scene_put(s, "a-1", 20, "finding", ANN, OWN_DATA, "path", "/b", "count",
	    "#2", "unique", "#2", "sealed", text, NULL);
	scene_put(s, "a-1", 30, "finding", BOB, OWN_DATA, "path", "/c", "count",
	    "#1", "unique", "#1", "sealed", text, NULL);
	id = judge(s, id, STORE_JUDGED, 3, "xy");
	id = judge(s, id, STORE_JUDGED, 3, "xy");
	id = judge(s, id, STORE_JUDGED, 2, "yz");
	(void)judge(s, id, STORE_JUDGED, 1, "");
	ask(s, &e);
	assert_int_equal(e.nexacts, 2);
	assert_string_equal(e.exacts[0].person, "ann");
	assert_int_equal(e.exacts[0].confirmed, 3);
	assert_int_equal(e.exacts[0].refuted, 1);
	assert_int_equal(e.exacts[0].waiting, 0);
	assert_string_equal(e.exacts[1].person, "bob");
	assert_string_equal(e.exacts[1].index, "customers");
	assert_int_equal(e.exacts[1].confirmed, 0);
	assert_int_equal(e.exacts[1].refuted, 1);
	/* Low counts what is sure, high all but what was refuted. */
	assert_int_equal(e.nclasses, 1);
	assert_int_equal(e.classes[0].low, 2 + 2);
	assert_int_equal(e.classes[0].high, 2 + 2);
	assert_int_equal(e.ndetectors, 1);
	assert_int_equal(e.detectors[0].high, 4);
	assert_int_equal(e.detectors[0].low, 0);
	assert_int_equal(e.nfindings, 3);
	f = &e.findings[str_eq(e.findings[0].path, "/a") ? 0 : 1];
	assert_string_equal(f->path, "/a");
	assert_string_equal(f->exact, "confirmed");
	assert_string_equal(f->confidence, "high");
	assert_string_equal(f->told, "low");
	assert_int_equal(f->candidates, 3);
	assert_int_equal(f->confirmed, 2);
	assert_int_equal(f->entries, 2);
	/* What was refuted comes last, with the host's word. */
	f = &e.findings[2];
	assert_string_equal(f->path, "/c");
	assert_string_equal(f->exact, "refuted");
	assert_string_equal(f->confidence, "low");
	exposure_done(&e);
	/* A verdict is for good. */
	assert_int_equal(store_begin(s->store), 0);
	assert_int_equal(sealed_again(s->store), 0);
	assert_int_equal(store_commit(s->store), 0);
	assert_int_equal(
	    sealed_next(s->store, 0, &(struct store_sealed){0}), -ENOENT);
}

/* A mark with a number is a canary's; one that waits is by the host's word. */
static void
canaries_are_told_apart(void **state)
{
	static const struct {
		const char *path, *index, *class_name;
		uint32_t number; /* 0: it is not confirmed */
	} PUT[] = {
	    {"/waits", "canary-beta", "canary", 0},
	    {"/refuted", "canary-acme", "canary", 0},
	    {"/mark", "canary-acme", "canary", 2 << 4 | 0},
	    {"/token", "canary-acme", "renamed", 3 << 4 | 3},
	    {"/customer", "customers", "pii.contact", 0},
	};
	struct scene *s = *state;
	const struct exposure_canary *c;
	char text[128];
	struct exposure e;
	uint64_t id = 0;

	for (size_t i = 0; i < ARRAY_LEN(PUT); i++) {
		sealed_by(PUT[i].index, text);
		scene_put(s, "a-1", 10 + (int)i, "finding", ANN, "channel",
		    "file", "op", "open", "detector", "d", "version", "1",
		    "class", PUT[i].class_name, "confidence", "high",
		    "sensitivity", "critical", "path", PUT[i].path, "count",
		    "#1", "unique", "#1", "sealed", text, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(PUT); i++) {
		struct store_confirmed v = {
		    .how = i == 0 ? STORE_NO_TABLE : STORE_JUDGED,
		    .candidates = 1};
		struct store_sealed w;
		uint32_t n = PUT[i].number;

		assert_int_equal(sealed_next(s->store, id, &w), 0);
		v.id = id = w.id;
		memset(v.marks[0], (int)i, ROWS_MARK_VALUE);
		v.marks[0][ROWS_MARK - 2] = (uint8_t)(n >> 8);
		v.marks[0][ROWS_MARK - 1] = (uint8_t)n;
		v.confirmed = n != 0 || i == 4;
		assert_int_equal(store_begin(s->store), 0);
		assert_int_equal(sealed_put(s->store, &v), 0);
		assert_int_equal(store_commit(s->store), 0);
	}
	ask(s, &e);
	assert_int_equal(e.ncanaries, 3);
	c = &e.canaries[0];
	assert_string_equal(c->path, "/mark");
	assert_string_equal(c->set, "acme");
	assert_string_equal(c->kind, "mark");
	assert_string_equal(c->exact, "confirmed");
	assert_string_equal(c->person, "ann");
	assert_int_equal(c->copy, 2);
	c = &e.canaries[1];
	assert_string_equal(c->path, "/token");
	assert_string_equal(c->kind, "token");
	assert_int_equal(c->copy, 3);
	c = &e.canaries[2];
	assert_string_equal(c->path, "/waits");
	assert_string_equal(c->set, "beta");
	assert_string_equal(c->exact, "missing");
	assert_null(c->kind);
	assert_int_equal(c->copy, 0);
	exposure_done(&e);
}

static void
lies_wait_without_a_name(void **state)
{
	struct scene *s = *state;
	struct store_sealed w;
	struct exposure e;
	char much[EXACT_SEALED_MAX + 100];

	memset(much, 'A', sizeof much - 1);
	much[sizeof much - 1] = '\0';
	scene_put(s, "a-1", 10, "finding", ANN, OWN_DATA, "path", "/a",
	    "sealed", "?", NULL);
	scene_put(s, "a-1", 11, "finding", ANN, OWN_DATA, "path", "/b",
	    "sealed", "", NULL);
	scene_put(s, "a-1", 12, "finding", ANN, OWN_DATA, "path", "/c",
	    "sealed", much, NULL);
	ask(s, &e);
	/* An empty one is none. */
	assert_int_equal(e.nexacts, 2);
	for (size_t i = 0; i < e.nexacts; i++)
		assert_null(e.exacts[i].index);
	exposure_done(&e);
	for (uint64_t id = 0, i = 0; i < 2; i++) {
		assert_int_equal(sealed_next(s->store, id, &w), 0);
		assert_true(strlen(w.text) <= EXACT_SEALED_MAX);
		id = w.id;
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(what_waits_says_so),
	    TEST(values_are_counted_once),
	    TEST(canaries_are_told_apart),
	    TEST(lies_wait_without_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
