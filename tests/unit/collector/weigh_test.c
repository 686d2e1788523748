/* SPDX-License-Identifier: Apache-2.0 */
/* links: collector/expose.c collector/store/query.c collector/store/schema.c collector/store/project.c collector/store/store.c collector/report/canaries.c collector/report/csv.c collector/report/html.c collector/report/index.c collector/report/keys.c collector/report/page.c collector/report/policies.c collector/report/words.c */
/*
 * weigh_test - reports with rules: which policies somebody met and by what, and
 * what a view shows and counts. Each test has its own pack and its own store.
 */
#include "tests/unit/collector/scene.h"

#include <errno.h>
#include <jansson.h>

#include "collector/expose.h"
#include "collector/wire.h"
#include "lib/file.h"
#include "lib/packs.h"

#include "lib/own.h"

#define H 3600

struct world {
	struct scene scene;
	char dir[64], file[96];
	struct packs *packs;
	json_t *got;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	scene_open(&w->scene);
	scene_agent(&w->scene, "a-1", "web1", 0);
	scene_agent(&w->scene, "a-2", "web2", 0);
	(void)str_copy(w->dir, sizeof w->dir, "/tmp/chaperone-weigh-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->file, sizeof w->file, "%s/p.yaml", w->dir);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	json_decref(w->got);
	packs_free(w->packs);
	(void)unlink(w->file);
	(void)rmdir(w->dir);
	scene_close(&w->scene);
	free(w);
	return 0;
}

static int
load(struct world *w, const char *text, struct diag *why)
{
	const struct file_mode m = {.mode = 0600, .uid = (uid_t)-1};
	const char *dirs[] = {w->dir};
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 65536);
	buf_printf(&b,
	    "pack: {id: p, version: 1.0.0, format: 1}\n"
	    "detectors:\n"
	    "  - {id: cn.id, class: pii.government_id, tags: [country.cn]}\n"
	    "  - {id: pci.pan, class: pii.financial, tags: [pci.chd]}\n"
	    "%s",
	    text);
	assert_int_equal(file_write(w->file, b.data, b.len, &m, NULL), 0);
	packs_free(w->packs);
	w->packs = NULL;
	return packs_load(dirs, 1, &w->packs, why);
}

/* One policy with this scope and these conditions. */
static void
policy(struct world *w, const char *scope, const char *match)
{
	struct diag why = {""};
	char text[2048];

	(void)snprintf(text, sizeof text,
	    "policies:\n"
	    "  - {id: bulk, title: Many, level: critical, scope: {%s},\n"
	    "     match: {any_of: {%s}}, then: [record, notify]}\n",
	    scope, match);
	if (load(w, text, &why) != 0)
		fail_msg("%s", why.text);
}

static uint32_t
ask_form(struct world *w, const char *format, const char *view, struct buf *out)
{
	const struct expose_ask a = {.user = "u",
	    .via = "cli",
	    .action = "report",
	    .provider = "acme",
	    .format = format,
	    .view = view,
	    .packs = w->packs,
	    .now_us = SCENE_US + INT64_C(30) * 86400 * SCENE_S};
	struct diag why = {""};
	const char *type = NULL;
	uint8_t flags = 0;
	uint32_t status = expose_check(&a, &why);

	if (status != 200)
		return status;
	status = expose_body(w->scene.path, &a, out, &type, &flags, &why);
	if (status != 200)
		fail_msg("%s", why.text);
	return status;
}

static json_t *
ask(struct world *w, const char *view)
{
	OWN(buf_done) struct buf out = {0};

	buf_init(&out, 1 << 24);
	assert_int_equal(ask_form(w, "json", view, &out), 200);
	json_decref(w->got);
	w->got = json_loadb((const char *)out.data, out.len, 0, NULL);
	assert_non_null(w->got);
	return w->got;
}

/* ann reads @path at second @at; @more are further fields, or nothing. */
#define READ(w, at, path_, detector_, class_, sure, n, ...) \
	scene_put(&(w)->scene, "a-1", at, "finding", "provider", "acme", \
	    "person", "ann", "grade", "key", "channel", "file", "op", "read", \
	    "path", path_, "detector", detector_, "class", class_, \
	    "confidence", sure, "unique", n, ##__VA_ARGS__, NULL)
#define ID(w, at, path, n) \
	READ(w, at, path, "cn.id", "pii.government_id", "medium", n)

static json_t *
first_policy(struct world *w)
{
	json_t *p = json_object_get(ask(w, NULL), "policies");

	assert_int_equal(json_array_size(p), 1);
	return json_array_get(p, 0);
}

static json_int_t
number(json_t *j, const char *key)
{
	assert_true(json_is_integer(json_object_get(j, key)));
	return json_integer_value(json_object_get(j, key));
}

static const char *
text(json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

/* Who met the one policy; the first of them in @hit, or NULL. */
static size_t
met(struct world *w, json_t **hit)
{
	json_t *p = first_policy(w), *people = json_object_get(p, "people");

	assert_int_equal(json_is_true(json_object_get(p, "met")),
	    json_array_size(people) > 0);
	assert_true(json_is_true(json_object_get(p, "complete")));
	*hit = json_array_get(people, 0);
	return json_array_size(people);
}

/* ---- how much ---- */

static void
values_of_objects_add_up(void **state)
{
	struct world *w = *state;
	json_t *hit, *c, *behind;

	policy(w, "", "of: [{detector: cn.id, unique: \">=20\", window: 24h}]");
	ID(w, 10, "/a", "#12");
	ID(w, 20, "/a", "#12");
	assert_int_equal(met(w, &hit), 0); /* the same file holds the same */
	ID(w, 30, "/b", "#7");
	assert_int_equal(met(w, &hit), 0);
	ID(w, 40, "/b", "#9");
	assert_int_equal(met(w, &hit), 1); /* its most counts: 12 + 9 */
	assert_string_equal(text(hit, "person"), "ann");
	assert_string_equal(text(hit, "first"), text(hit, "last"));
	assert_int_equal(number(hit, "times"), 1);
	c = json_array_get(json_object_get(hit, "conditions"), 0);
	assert_string_equal(text(c, "of"), "detector cn.id");
	assert_int_equal(number(c, "unique"), 21);
	assert_int_equal(number(c, "unique_wanted"), 20);
	assert_int_equal(number(c, "window_seconds"), 86400);
	behind = json_object_get(hit, "findings");
	assert_int_equal(json_array_size(behind), 2);
	assert_string_equal(text(json_array_get(behind, 0), "path"), "/a");
	assert_int_equal(number(json_array_get(behind, 0), "records"), 12);
	assert_int_equal(number(json_array_get(behind, 0), "times"), 2);
	assert_int_equal(number(json_array_get(behind, 1), "records"), 9);
	assert_string_equal(text(first_policy(w), "then"), "record notify");
}

static void
a_window_slides(void **state)
{
	struct world *w = *state;
	json_t *hit;

	policy(w, "", "of: [{detector: cn.id, unique: \">=20\", window: 24h}]");
	ID(w, 0, "/a", "#15");
	ID(w, 24 * H, "/b", "#15"); /* /a is out, to the second */
	ID(w, 49 * H, "/c", "#10");
	assert_int_equal(met(w, &hit), 0);
	ID(w, 50 * H, "/d", "#10");
	assert_int_equal(met(w, &hit), 1);
	ID(w, 90 * H, "/a", "#1");
	ID(w, 91 * H, "/a", "#30");
	assert_int_equal(met(w, &hit), 1);
	assert_int_equal(number(hit, "times"), 2);
	assert_int_equal(json_array_size(json_object_get(hit, "findings")), 3);
}

/* The most of an object leaves the window before its last reading does. */
static void
an_object_shrinks_with_the_window(void **state)
{
	struct world *w = *state;
	json_t *hit;

	policy(w, "", "of: [{detector: cn.id, unique: \">=20\", window: 1h}]");
	ID(w, 0, "/a", "#19");
	ID(w, 3000, "/a", "#5");
	ID(w, 3100, "/a", "#4");
	ID(w, 3700, "/b", "#15"); /* 5 + 15 */
	assert_int_equal(met(w, &hit), 1);
	assert_int_equal(
	    number(json_array_get(json_object_get(hit, "conditions"), 0),
		"unique"),
	    20);
	policy(w, "", "of: [{detector: cn.id, unique: \">=21\", window: 1h}]");
	assert_int_equal(met(w, &hit), 0);
	policy(w, "", "of: [{detector: cn.id, unique: \">=34\"}]");
	assert_int_equal(met(w, &hit), 1); /* without a window: 19 + 15 */
}

static void
one_value_is_known_by_its_tag(void **state)
{
	struct world *w = *state;
	json_t *hit;

	policy(w, "", "of: [{detector: cn.id, unique: \">=2\"}]");
	READ(w, 1, "/a", "cn.id", "pii.government_id", "high", "#1", "tag",
	    "00ff");
	READ(w, 2, "/b", "cn.id", "pii.government_id", "high", "#1", "tag",
	    "00ff");
	assert_int_equal(met(w, &hit), 0);
	/* Another host's key: nobody can tell. */
	scene_put(&w->scene, "a-2", 3, "finding", "provider", "acme", "person",
	    "ann", "channel", "file", "op", "read", "path", "/a", "detector",
	    "cn.id", "confidence", "high", "unique", "#1", "tag", "00ff", NULL);
	assert_int_equal(met(w, &hit), 1);
}

static void
so_many_conditions_at_once(void **state)
{
	struct world *w = *state;
	json_t *hit;

	policy(w, "",
	    "min: 2, of: [{detector: cn.id, unique: \">=5\", window: 1h},"
	    " {tag: pci.chd, confidence: high, window: 1h}]");
	ID(w, 0, "/a", "#5");
	READ(w, 2 * H, "/c", "pci.pan", "pii.financial", "high", "#1");
	assert_int_equal(met(w, &hit), 0); /* each, but not together */
	READ(w, 1000, "/c", "pci.pan", "pii.financial", "medium", "#9");
	assert_int_equal(met(w, &hit), 0);
	READ(w, 2000, "/c", "pci.pan", "pii.financial", "high", "#1");
	assert_int_equal(met(w, &hit), 1);
	assert_int_equal(json_array_size(json_object_get(hit, "findings")), 2);
}

static void
people_are_weighed_apart(void **state)
{
	struct world *w = *state;
	json_t *hit;

	policy(w, "", "of: [{class: pii, unique: \">=10\"}]");
	ID(w, 1, "/a", "#6");
	scene_put(&w->scene, "a-1", 2, "finding", "provider", "acme", "person",
	    "bob", "channel", "file", "op", "read", "path", "/b", "detector",
	    "cn.id", "class", "pii.government_id", "confidence", "low",
	    "unique", "#6", NULL);
	assert_int_equal(met(w, &hit), 0);
	scene_put(&w->scene, "a-1", 3, "finding", "provider", "acme", "person",
	    "bob", "channel", "file", "op", "read", "path", "/c", "detector",
	    "cn.id", "class", "pii", "confidence", "low", "unique", "#6", NULL);
	assert_int_equal(met(w, &hit), 1);
	assert_string_equal(text(hit, "person"), "bob");
}

static void
what_raises_no_alert_does_not_count(void **state)
{
	struct world *w = *state;
	json_t *hit;

	policy(w, "", "of: [{detector: cn.id}]");
	READ(w, 1, "/a", "cn.id", "pii", "high", "#5", "allow", "x",
	    "allow_until", "2030-01-01");
	READ(w, 2, "/b", "cn.id", "pii", "high", "#5", "test_data", "#1");
	assert_int_equal(met(w, &hit), 0);
	READ(w, 3, "/c", "cn.id", "pii", "high", "#1");
	assert_int_equal(met(w, &hit), 1);
}

/* ---- who and where ---- */

static void
scopes(void **state)
{
	static const struct {
		const char *scope;
		bool applies;
		size_t met;
	} ROWS[] = {
	    {"actor: \"provider:*\"", true, 1},
	    {"actor: \"provider:ac*\"", true, 1},
	    {"actor: [\"provider:other\", \"person:ann\"]", true, 1},
	    {"actor: \"person:bob\"", true, 0},
	    {"actor: \"provider:staff\"", false, 0},
	    {"provider: [acme]", true, 1},
	    {"provider: other", false, 0},
	    {"activity: file.read", true, 1},
	    {"activity: [file.copy, net.egress]", true, 0},
	    {"paths: {include: [\"/srv/**\"]}", true, 1},
	    {"paths: {include: [\"/home/**\"]}", true, 0},
	    {"paths: {include: [\"/srv/**\"], exclude: [\"*.sql\"]}", true, 0},
	    {"direction: out", true, 0},
	    {"dst: \"10.*\"", true, 0},
	};
	struct world *w = *state;

	ID(w, 1, "/srv/db/all.sql", "#1");
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		json_t *hit;
		size_t n;

		policy(w, ROWS[i].scope, "of: [{detector: cn.id}]");
		n = met(w, &hit);
		if (n != ROWS[i].met ||
		    json_is_true(json_object_get(first_policy(w), "applies")) !=
			ROWS[i].applies)
			fail_msg("%s", ROWS[i].scope);
	}
}

static void
what_was_sent(void **state)
{
	static const struct {
		const char *scope;
		size_t met;
	} ROWS[] = {
	    {"activity: net.egress", 1},
	    {"activity: net.ingress", 0},
	    {"activity: file.read", 0},
	    {"direction: out, dst: \"203.0.113.*\"", 1},
	    {"dst: \"*.example\"", 1},
	    {"dst: \"10.*\"", 0},
	    {"direction: in", 0},
	    /* There is no path to ask about. */
	    {"paths: {include: [\"/srv/**\"]}", 1},
	};
	struct world *w = *state;
	json_t *hit;

	scene_put(&w->scene, "a-1", 1, "finding", "provider", "acme", "person",
	    "ann", "channel", "net", "op", "send", "flow", "f1", "dst",
	    "203.0.113.9", "host", "drop.example", "detector", "pci.pan",
	    "confidence", "high", "unique", "#3", NULL);
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		policy(w, ROWS[i].scope, "of: [{detector: pci.pan}]");
		if (met(w, &hit) != ROWS[i].met)
			fail_msg("%s", ROWS[i].scope);
	}
	/* Two flows are two objects, although neither has a name. */
	scene_put(&w->scene, "a-1", 2, "finding", "provider", "acme", "person",
	    "ann", "channel", "net", "op", "send", "flow", "f2", "dst",
	    "203.0.113.9", "detector", "pci.pan", "confidence", "high",
	    "unique", "#3", NULL);
	policy(w, "", "of: [{detector: pci.pan, unique: \">=6\"}]");
	assert_int_equal(met(w, &hit), 1);
}

/* ---- the other forms ---- */

static void
every_form_tells(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf page = {0}, csv = {0};

	policy(w, "", "of: [{detector: cn.id, unique: \">=2\", window: 24h}]");
	ID(w, 10, "/a<b>", "#3");
	buf_init(&page, 1 << 24);
	buf_init(&csv, 1 << 24);
	assert_int_equal(ask_form(w, "html", NULL, &page), 200);
	assert_non_null(strstr(buf_text(&page), "<h2>Policies</h2>"));
	assert_non_null(strstr(buf_text(&page), "/a&#60;b&#62;"));
	assert_non_null(strstr(buf_text(&page), "3 of 2 "));
	assert_int_equal(ask_form(w, "csv", NULL, &csv), 200);
	assert_non_null(strstr(buf_text(&csv), "\r\npolicy,,ann,"));
	assert_non_null(strstr(buf_text(&csv), "\r\nbehind,web1,ann,"));
	assert_non_null(strstr(buf_text(&csv), ",bulk,critical,,,,,,,\r\n"));
}

static void
without_rules_nothing_is_weighed(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf page = {0};

	ID(w, 10, "/a", "#3");
	assert_true(json_is_null(json_object_get(ask(w, NULL), "policies")));
	assert_true(json_is_null(json_object_get(w->got, "view")));
	buf_init(&page, 1 << 24);
	assert_int_equal(ask_form(w, "html", NULL, &page), 200);
	assert_null(strstr(buf_text(&page), "<h2>Policies</h2>"));
	assert_int_equal(ask_form(w, "json", "pci", &page), 400);
}

/* ---- views ---- */

static void
a_view_shows_and_counts(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf page = {0}, csv = {0};
	struct diag why = {""};
	json_t *all, *v, *d;

	if (load(w,
		"views:\n  - {id: pci, title: Cards, regulation: PCI DSS,"
		" select: {tags: [pci.chd], classes: [phi]}}\n",
		&why) != 0)
		fail_msg("%s", why.text);
	ID(w, 10, "/a", "#3");
	ID(w, 11, "/b", "#3");
	READ(w, 12, "/c", "pci.pan", "pii.financial", "high", "#2");
	/* Of a detector that no pack here has, by its class. */
	READ(w, 13, "/d", "acme.chart", "phi.record", "high", "#1");
	all = ask(w, NULL);
	assert_int_equal(json_array_size(json_object_get(all, "findings")), 4);
	all = ask(w, "pci");
	v = json_object_get(all, "view");
	assert_string_equal(text(v, "id"), "pci");
	assert_int_equal(number(v, "other_findings"), 2);
	assert_int_equal(number(v, "other_detectors"), 1);
	assert_int_equal(json_array_size(json_object_get(all, "findings")), 2);
	assert_int_equal(json_array_size(json_object_get(all, "classes")), 2);
	d = json_object_get(all, "detectors");
	assert_int_equal(json_array_size(d), 2);
	assert_int_equal(number(all, "files_touched"), 2);
	assert_int_equal(number(all, "entries"), 4);
	buf_init(&page, 1 << 24);
	buf_init(&csv, 1 << 24);
	assert_int_equal(ask_form(w, "html", "pci", &page), 200);
	assert_non_null(strstr(
	    buf_text(&page), "2 findings of 1 other detector are recorded"));
	assert_int_equal(ask_form(w, "csv", "pci", &csv), 200);
	assert_non_null(strstr(buf_text(&csv), "\r\nother,,,,,,,pci,"));
	assert_int_equal(ask_form(w, "json", "hipaa", &page), 400);
}

/* ---- packs with a fault ---- */

static void
faults_have_their_place(void **state)
{
	static const struct {
		const char *text, *wanted;
	} ROWS[] = {
	    {"policies: [{id: a}]\n", "p.yaml:5:"},
	    {"policies:\n"
	     "  - {id: a, title: T, level: low, scope: {actor: staff},"
	     " match: {any_of: {of: [{class: c}]}}, then: record}\n",
		"\"provider:NAME\""},
	    {"policies:\n"
	     "  - {id: a, title: T, level: low,"
	     " match: {any_of: {of: [{class: c}]}}, then: record}\n"
	     "  - {id: a, title: T, level: low,"
	     " match: {any_of: {of: [{class: c}]}}, then: record}\n",
		"already"},
	    {"views: [{id: v, title: T, regulation: R}]\n", "select"},
	    {"views:\n"
	     "  - {id: v, title: T, regulation: R, select: {ids: [a]}}\n"
	     "  - {id: v, title: T, regulation: R, select: {ids: [a]}}\n",
		"already"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		struct diag why = {""};

		assert_int_equal(load(w, ROWS[i].text, &why), -EBADMSG);
		if (strstr(why.text, ROWS[i].wanted) == NULL)
			fail_msg("%s", why.text);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(values_of_objects_add_up),
	    TEST(a_window_slides),
	    TEST(an_object_shrinks_with_the_window),
	    TEST(one_value_is_known_by_its_tag),
	    TEST(so_many_conditions_at_once),
	    TEST(people_are_weighed_apart),
	    TEST(what_raises_no_alert_does_not_count),
	    TEST(scopes),
	    TEST(what_was_sent),
	    TEST(every_form_tells),
	    TEST(without_rules_nothing_is_weighed),
	    TEST(a_view_shows_and_counts),
	    TEST(faults_have_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
