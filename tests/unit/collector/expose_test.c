/* SPDX-License-Identifier: Apache-2.0 */
/* links: collector/store/query.c collector/store/schema.c collector/store/project.c collector/store/store.c collector/report/canaries.c collector/report/csv.c collector/report/html.c collector/report/index.c collector/report/keys.c collector/report/page.c collector/report/policies.c collector/report/words.c */
/*
 * expose_test - reports from a store to their forms: what they say, and that
 * names of an attacker's choice stay text in each of them.
 */
#include "tests/unit/collector/scene.h"

#include <errno.h>
#include <jansson.h>

#include "collector/expose.h"
#include "collector/report/report.h"
#include "collector/wire.h"

#include "lib/own.h"

/* Markup, a formula, quotes, line ends, and a turned direction of text. */
#define HOSTILE \
	"=cmd|'/C x'!A0,\"><script>alert(1)</script>&amp;\r\n\xe2\x80\xae"
#define ANN "provider", "acme", "person", "ann", "grade", "key"

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

/* Everything, at second @now; the text is the caller's. */
static char *
ask_at(const struct scene *s, const char *provider, const char *format,
    int64_t now, uint8_t *flags)
{
	const struct expose_ask a = {.user = "rev<b>iewer",
	    .via = "page",
	    .action = provider == NULL ? "index" : "report",
	    .provider = provider == NULL ? "" : provider,
	    .format = format,
	    .now_us = SCENE_US + now * SCENE_S};
	OWN(buf_done) struct buf out = {0};
	struct diag why = {""};
	const char *type = NULL;
	char *text;

	buf_init(&out, 1 << 24);
	assert_int_equal(expose_check(&a, &why), 200);
	if (expose_body(s->path, &a, &out, &type, flags, &why) != 200)
		fail_msg("%s", why.text);
	assert_non_null(type);
	text = strdup(buf_text(&out));
	assert_non_null(text);
	assert_int_equal(strlen(text), out.len);
	return text;
}

static char *
ask(const struct scene *s, const char *provider, const char *format)
{
	uint8_t flags;

	return ask_at(s, provider, format, 100, &flags);
}

static void
hostile(struct scene *s)
{
	scene_watch(s, "a-1", 0, 100);
	scene_put(s, "a-1", 10, "session", "provider", HOSTILE, "person",
	    HOSTILE, "grade", "key", "account", HOSTILE, "session", "s",
	    "key_fp", HOSTILE, "src_addr", HOSTILE, "op", "open", NULL);
	scene_put(s, "a-1", 11, "finding", "provider", HOSTILE, "person",
	    HOSTILE, "grade", HOSTILE, "why", HOSTILE, "channel", "file", "op",
	    HOSTILE, "path", HOSTILE, "member", HOSTILE, "detector", HOSTILE,
	    "version", HOSTILE, "class", HOSTILE, "confidence", HOSTILE,
	    "sensitivity", HOSTILE, "mask", HOSTILE, "rules", HOSTILE, NULL);
	scene_put(s, "a-1", 12, "finding", "provider", HOSTILE, "person",
	    "unknown", "why", HOSTILE, "channel", "net", "op", "send", "dst",
	    HOSTILE, "host", HOSTILE, "class", HOSTILE, NULL);
	scene_put(s, "a-1", 13, "flow", "provider", HOSTILE, "person", HOSTILE,
	    "dst", HOSTILE, "host", HOSTILE, "proto", HOSTILE, "direction",
	    "out", "bytes_out", "#9", NULL);
	scene_put(s, "a-1", 14, "transfer", "provider", HOSTILE, "person",
	    HOSTILE, "dst", HOSTILE, "host", HOSTILE, "direction", HOSTILE,
	    "http_method", HOSTILE, "uri", HOSTILE, "filename", HOSTILE,
	    "protocol", HOSTILE, NULL);
	scene_put(s, "a-1", 15, "skipped", "provider", HOSTILE, "reason",
	    HOSTILE, "op", HOSTILE, NULL);
	scene_put(s, "a-1", 16, "cov.loss", "stage", HOSTILE, "reason", HOSTILE,
	    NULL);
	scene_sql(s, "INSERT INTO alarm(agent_id,wall_us,kind,detail) SELECT "
		     "agent_id,wall_us,path,path FROM finding LIMIT 1;"
		     "UPDATE agent SET host=(SELECT path FROM finding),"
		     "vkey=(SELECT path FROM finding)");
}

/* ---- HTML ---- */

/* Our own elements and nothing else; no attribute that acts or loads. */
static void
only_our_markup(const char *page)
{
	static const char *const ELEMENTS[] = {"!DOCTYPE", "html", "head",
	    "meta", "title", "style", "body", "main", "header", "h1", "h2",
	    "h3", "p", "div", "dl", "dt", "dd", "b", "span", "br", "table",
	    "thead", "tbody", "tr", "th", "td", "code", "svg", "rect", "line",
	    "text", "a", "footer", "nav", "form", "label", "select", "option",
	    "input", "button"};

	for (const char *p = page; (p = strchr(p, '<')) != NULL; p++) {
		const char *name = p + 1 + (p[1] == '/');
		size_t n = strcspn(name, " >\n"), i = 0;

		while (i < ARRAY_LEN(ELEMENTS) &&
		       !(strlen(ELEMENTS[i]) == n &&
			   memcmp(ELEMENTS[i], name, n) == 0))
			i++;
		if (i == ARRAY_LEN(ELEMENTS))
			fail_msg("an element that is not ours: %.20s", p);
	}
	assert_null(strstr(page, "<script"));
	assert_null(strstr(page, "src="));
	assert_null(strstr(page, "http:"));
	assert_null(strstr(page, "https:"));
	assert_null(strstr(page, "url("));
	assert_null(strstr(page, "@import"));
	assert_null(strstr(page, " on"
				 "click"));
	/* Nothing turns the text around it, and no line is broken by a name. */
	assert_null(strstr(page, "\xe2\x80\xae"));
	assert_null(strchr(page, '\r'));
}

static void
hostile_names_stay_text_in_html(void **state)
{
	struct scene *s = *state;

	hostile(s);
	OWN_MEM char *page = ask(s, HOSTILE, "html");
	only_our_markup(page);
	assert_non_null(strstr(page,
	    "&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#38;amp;"));
	assert_non_null(strstr(page, "\\u202e"));
	assert_non_null(strstr(page, "rev&#60;b&#62;iewer"));
	OWN_MEM char *index = ask(s, NULL, "html");
	only_our_markup(index);
	assert_non_null(strstr(index, "/report?provider=%3Dcmd%7C%27%2FC"));
}

/* ---- CSV ---- */

/* One record after RFC 4180 into cells; returns where the next begins. */
static const char *
read_record(const char *p, char cells[42][512], size_t *n)
{
	*n = 0;
	for (;;) {
		char *out = cells[(*n)++];
		bool quoted = *p == '"';

		assert_true(*n <= 42);
		p += quoted;
		while (*p != '\0') {
			if (quoted && *p == '"' && *++p != '"')
				break;
			if (!quoted && (*p == ',' || *p == '\r'))
				break;
			if (!quoted)
				assert_true(*p != '\n' && *p != '"');
			*out++ = *p++;
		}
		*out = '\0';
		if (*p == ',') {
			p++;
			continue;
		}
		assert_memory_equal(p, "\r\n", 2);
		return p + 2;
	}
}

static void
csv_is_csv(void **state)
{
	static char cells[42][512];
	struct scene *s = *state;
	size_t columns, n, kinds[4] = {0};
	const char *p;

	hostile(s);
	OWN_MEM char *text = ask(s, HOSTILE, "csv");
	p = read_record(text, cells, &columns);
	assert_string_equal(cells[0], "kind");
	assert_string_equal(cells[7], "object");
	while (*p != '\0') {
		p = read_record(p, cells, &n);
		assert_int_equal(n, columns);
		kinds[0] += str_eq(cells[0], "coverage");
		kinds[1] += str_eq(cells[0], "finding");
		kinds[2] += str_eq(cells[0], "place");
		kinds[3] += str_eq(cells[0], "transfer");
		/* No cell is a formula, and none was lost for that. */
		for (size_t i = 0; i < n; i++)
			assert_true(strchr("=+-@\t\r", cells[i][0]) == NULL ||
				    cells[i][0] == '\0');
		if (str_eq(cells[0], "transfer"))
			assert_string_equal(cells[7], "'" HOSTILE);
	}
	assert_int_equal(kinds[0], 1);
	assert_int_equal(kinds[1], 2);
	assert_int_equal(kinds[2], 1);
	assert_int_equal(kinds[3], 1);
}

static void
a_cut_list_says_so_in_csv(void **state UNUSED)
{
	struct exposure e = {.provider = "acme"};
	OWN(buf_done) struct buf out = {0};
	const char *text;

	buf_init(&out, 65536);
	e.cut[LIST_PLACES] = true;
	csv_exposure(&e, &out);
	text = buf_text(&out);
	assert_non_null(strstr(text, "\r\ncut,,,,,,,place,"));
	assert_null(strstr(text, "finding,"));
}

static void
csv_of_the_index(void **state)
{
	static char cells[42][512];
	struct scene *s = *state;
	size_t n;

	hostile(s);
	OWN_MEM char *text = ask(s, NULL, "csv");
	const char *p = read_record(text, cells, &n);
	assert_int_equal(n, 8);
	p = read_record(p, cells, &n);
	assert_string_equal(cells[0], "'" HOSTILE);
	assert_string_equal(p, "");
}

/* ---- JSON ---- */

static json_t *
parse(const char *text)
{
	json_error_t e;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	if (j == NULL)
		fail_msg("%d:%d: %s", e.line, e.column, e.text);
	return j;
}

static const char *
at(json_t *j, const char *a, const char *b)
{
	return json_string_value(json_object_get(json_object_get(j, a), b));
}

static void
json_is_json(void **state)
{
	struct scene *s = *state;
	json_t *j, *first;

	hostile(s);
	OWN_MEM char *text = ask(s, HOSTILE, "json");
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	j = parse(text);
	assert_string_equal(
	    json_string_value(json_object_get(j, "provider")), HOSTILE);
	first = json_array_get(json_object_get(j, "findings"), 0);
	assert_non_null(json_object_get(first, "path"));
	assert_int_equal(json_array_size(json_object_get(j, "findings")), 2);
	json_decref(j);
	OWN_MEM char *index = ask(s, NULL, "json");
	j = parse(index);
	assert_string_equal(
	    json_string_value(json_object_get(j, "report")), "index");
	json_decref(j);
}

static void
the_keys_stay(void **state)
{
	static const char *const KEYS[] = {"report", "provider", "version",
	    "generated", "user", "via", "period", "known", "canaries",
	    "summary", "complete", "coverage", "entries", "first", "last",
	    "attribution", "entries_of_nobody", "people", "files_touched",
	    "classes", "detectors", "view", "policies", "findings", "exact",
	    "allowed", "left", "days", "gaps", "alarms", "rules", "cut"};
	struct scene *s = *state;
	json_t *j;

	scene_watch(s, "a-1", 0, 60);
	OWN_MEM char *text = ask(s, "acme", "json");
	j = parse(text);
	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
		assert_non_null(json_object_get(j, KEYS[i]));
	assert_int_equal(json_object_size(j), ARRAY_LEN(KEYS));
	/* What is unknown is null. */
	assert_true(json_is_null(json_object_get(j, "first")));
	json_decref(j);
}

/* ---- what it says ---- */

static void
nothing_is_never_no_leak(void **state)
{
	struct scene *s = *state;
	uint8_t flags = 0;
	json_t *j;

	scene_watch(s, "a-1", 0, 100);
	OWN_MEM char *text = ask_at(s, "acme", "json", 110, &flags);
	j = parse(text);
	assert_int_equal(flags, WIRE_COMPLETE); /* and it is not known */
	assert_non_null(strstr(at(j, "summary", "what"), "is recorded"));
	assert_non_null(
	    strstr(at(j, "summary", "what"), "within the coverage"));
	assert_non_null(strstr(at(j, "summary", "coverage"), "may still have "
							     "happened"));
	json_decref(j);
	OWN_MEM char *page = ask_at(s, "acme", "html", 110, &flags);
	assert_non_null(strstr(page, "A mistyped name looks the same"));
}

static void
an_incomplete_period_says_so(void **state)
{
	struct scene *s = *state;
	uint8_t flags = 0;
	json_t *j, *hosts, *host;

	scene_watch(s, "a-1", 0, 60);
	scene_put(s, "a-1", 61, "cov.stop", "role", "supervise", NULL);
	scene_watch(s, "a-1", 90, 120);
	scene_put(s, "a-1", 100, "file", ANN, "op", "open", "path", "/a",
	    "count", "#1", NULL);
	OWN_MEM char *text = ask_at(s, "acme", "json", 120, &flags);
	assert_int_equal(flags, WIRE_KNOWN);
	j = parse(text);
	assert_true(json_is_false(json_object_get(j, "complete")));
	hosts = json_object_get(json_object_get(j, "coverage"), "hosts");
	host = json_array_get(hosts, 0);
	assert_int_equal(
	    json_integer_value(json_object_get(host, "seconds")), 120);
	assert_int_equal(
	    json_integer_value(json_object_get(host, "seconds_blind")), 30);
	assert_int_equal(
	    json_integer_value(json_object_get(host, "seconds_observed")), 90);
	assert_int_equal(
	    json_integer_value(json_object_get(host, "observed_permille")),
	    750);
	json_decref(j);
	OWN_MEM char *page = ask_at(s, "acme", "html", 120, &flags);
	assert_non_null(strstr(page, "75\u00a0%"));
	assert_non_null(strstr(page, "its agent was stopped"));
}

static void
unknown_is_printed_with_its_reason(void **state)
{
	struct scene *s = *state;

	scene_watch(s, "a-1", 0, 60);
	scene_put(s, "a-1", 30, "flow", "provider", "acme", "person", "unknown",
	    "grade", "unknown", "why", "its process was gone", "direction",
	    "out", "bytes_out", "#1", NULL);
	OWN_MEM char *page = ask(s, "acme", "html");
	assert_non_null(strstr(page, "<span class=\"u\">unknown</span>"));
	assert_non_null(strstr(page, "its process was gone"));
}

/* ---- what is allowed, and marks ---- */

static void
allows_and_flags_are_told(void **state)
{
	struct scene *s = *state;
	json_t *j, *f, *a;

	scene_put(s, "a-1", 10, "finding", ANN, "channel", "file", "op", "read",
	    "path", "/a", "detector", "d.one", "class", "pii.x", "confidence",
	    "high", "unique", "#4", "flags", "expired", "allow", "ops-1",
	    "allow_until", "2030-01-31", NULL);
	scene_put(s, "a-1", 11, "finding", ANN, "channel", "file", "op", "read",
	    "path", "/b", "detector", "d.one", "class", "pii.x", "confidence",
	    "high", "unique", "#2", NULL);
	OWN_MEM char *text = ask(s, "acme", "json");
	j = parse(text);
	f = json_array_get(json_object_get(j, "findings"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(f, "flags")), "expired");
	assert_string_equal(
	    json_string_value(json_object_get(f, "allow")), "ops-1");
	f = json_array_get(json_object_get(j, "findings"), 1);
	assert_true(json_is_null(json_object_get(f, "flags")));
	assert_true(json_is_null(json_object_get(f, "allow")));
	assert_int_equal(json_array_size(json_object_get(j, "allowed")), 1);
	a = json_array_get(json_object_get(j, "allowed"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(a, "allow")), "ops-1");
	assert_string_equal(
	    json_string_value(json_object_get(a, "until")), "2030-01-31");
	assert_int_equal(json_integer_value(json_object_get(a, "records")), 4);
	/* It counts, but not among what is sure. */
	a = json_array_get(json_object_get(j, "classes"), 0);
	assert_int_equal(
	    json_integer_value(json_object_get(a, "records_low")), 2);
	assert_int_equal(
	    json_integer_value(json_object_get(a, "records_high")), 6);
	json_decref(j);
	OWN_MEM char *csv = ask(s, "acme", "csv");
	assert_non_null(strstr(csv, ",ops-1,2030-01-31,,,expired,,,,,,\r\n"));
	OWN_MEM char *page = ask(s, "acme", "html");
	assert_non_null(strstr(page, "allowed by ops-1 until 2030-01-31"));
	assert_non_null(strstr(page, "Suppressed: found, and allowed"));
}

/* ---- what is refused ---- */

static void
bad_questions(void **state UNUSED)
{
	const struct expose_ask good = {.user = "u",
	    .via = "cli",
	    .action = "report",
	    .provider = "acme",
	    .format = "csv",
	    .now_us = 1000};
	struct expose_ask bad[8];
	struct diag why = {""};

	assert_int_equal(expose_check(&good, &why), 200);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = good;
	bad[0].action = "delete";
	bad[1].provider = "";
	bad[2].format = "pdf";
	bad[3].user = "";
	bad[4].provider = "\xff";
	bad[5].from_us = 9;
	bad[5].to_us = 9;
	bad[6].from_us = -1;
	bad[7].from_us = 1001;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct diag text = {""};

		assert_int_equal(expose_check(&bad[i], &text), 400);
		assert_true(text.text[0] != '\0');
	}
}

static void
no_store_is_told(void **state UNUSED)
{
	const struct expose_ask a = {.user = "u",
	    .via = "cli",
	    .action = "index",
	    .provider = "",
	    .format = "html",
	    .now_us = 1000};
	OWN(buf_done) struct buf out = {0};
	struct diag why = {""};
	const char *type = NULL;
	uint8_t flags = 0;

	buf_init(&out, 4096);
	assert_int_equal(
	    expose_body("/nonexistent/db", &a, &out, &type, &flags, &why), 503);
	assert_true(why.text[0] != '\0');
	assert_int_equal(out.len, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(hostile_names_stay_text_in_html),
	    TEST(csv_is_csv),
	    TEST(a_cut_list_says_so_in_csv),
	    TEST(csv_of_the_index),
	    TEST(json_is_json),
	    TEST(the_keys_stay),
	    TEST(nothing_is_never_no_leak),
	    TEST(an_incomplete_period_says_so),
	    TEST(unknown_is_printed_with_its_reason),
	    TEST(allows_and_flags_are_told),
	    TEST(bad_questions),
	    TEST(no_store_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
