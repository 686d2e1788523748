/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack_test - the rule format: a key is known and done, known and refused as
 * "not supported yet", or unknown and refused with its place and a suggestion.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/detect/rules.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

/* The parts of a pack that a case replaces; NULL is the usual one. */
struct parts {
	const char *head; /* inside pack: {…} */
	const char *top; /* before detectors: */
	const char *more; /* keys of the detector, each "    key: value\n" */
	const char *primary; /* inside primary: {…} */
	const char *levels;
};

static int
load(const struct parts *p, struct ruleset **out, struct problems *problems,
    struct diag *why)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 256 * 1024);
	buf_printf(&b,
	    "pack: {%s}\n%s"
	    "detectors:\n"
	    "  - id: t.one\n"
	    "    uuid: 00000000-0000-4000-8000-000000000001\n"
	    "    title: T\n"
	    "    class: pii.t\n"
	    "%s"
	    "    primary: {%s}\n"
	    "    levels: %s\n",
	    p->head != NULL ? p->head : "id: t, version: 1.0.0, format: 1",
	    p->top != NULL ? p->top : "", p->more != NULL ? p->more : "",
	    p->primary != NULL ? p->primary : "pattern: '\\d{4}'",
	    p->levels != NULL ? p->levels : "[{confidence: low, all: []}]");
	return ruleset_parse("t.yaml", b.data, b.len, out, problems, why);
}

#define POLICY(scope, of, then) \
	"policies: [{id: p, title: T, level: low, scope: " scope \
	", match: {any_of: {of: [" of "]}}, then: [" then "]}]\n"

/* The first problem that keeps the set from loading; others may be told. */
static const struct problem *
fatal(const struct problems *p)
{
	size_t i = 0;

	while (i < p->n && !p->list[i].fatal)
		i++;
	assert_true(i < p->n);
	return &p->list[i];
}

static void
check_refused(const struct parts *p, const char *wanted)
{
	OWN(problems_done) struct problems problems = {0};
	struct diag why = {""};
	struct ruleset *r = NULL;
	unsigned line, column;

	if (load(p, &r, &problems, &why) != -EBADMSG)
		fail_msg("not refused: %s", wanted);
	assert_null(r);
	if (strstr(why.text, wanted) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", why.text, wanted);
	/* The place stands in front. */
	if (sscanf(why.text, "t.yaml:%u:%u: ", &line, &column) != 2)
		fail_msg("no place: %s", why.text);
	assert_string_equal(fatal(&problems)->text, why.text);
}

static void
check_taken(const struct parts *p)
{
	OWN(ruleset_freep) struct ruleset *r = NULL;
	struct diag why = {""};

	if (load(p, &r, NULL, &why) != 0)
		fail_msg("refused: %s", why.text);
}

static void
test_taken(void **state UNUSED)
{
	static const struct parts rows[] = {
	    {0},
	    {.head = "id: t, version: 1.0.0, format: 1, license: X, "
		     "maintainers: [a], regimes: [GDPR]"},
	    {.more = "    status: experimental\n    sensitivity: critical\n"
		     "    description: D\n    date: 2026-01-01\n"
		     "    modified: 2026-01-02\n    author: A\n"
		     "    tags: [a]\n    references: [R]\n"
		     "    falsepositives: [f]\n"
		     "    prefilter: {keywords: [\"1\"]}\n"
		     "    thresholds: {event: {unique: 1}, bulk: {min: 5}}\n"
		     "    mask: {keep_first: 1, keep_last: 0}\n"
		     "    tests: [{text: \"1234\", expect: low, spans: [[0, "
		     "4]], unique: 1, why: w}, {base64: eHl6, expect: none}, "
		     "{text: \"1234\xe5\x8d\xa1\", encode: [gb18030], expect: "
		     "low}]\n"},
	    {.top = "lists: {k: {match: word, case: fold, encodings: [utf-8], "
		    "terms: [a]}, x: {match: exact, terms: [\"1\"]}}\n",
		.more = "    flags: [{when: {value_in: x}, set: test_data}]\n",
		.levels = "[{confidence: high, all: [{near: {list: k, before: "
			  "5}}]}, {confidence: low, any_of: {min: 1, max: 2, "
			  "of: [{near: {keywords: [a], after: 5, min_count: "
			  "2}}, {count: {min: 2, within: 512}}]}, none: "
			  "[{near: {pattern: 'a{1,2}', before: 1}}]}]"},
	    {.primary = "pattern: '(?P<v>[a-z]{4})', boundary: alnum, secret: "
			"v, normalize: [strip_dots, fold_case, "
			"fold_fullwidth], entropy: {group: v, min: 1.25, "
			"alphabet: auto}, validators: [{name: luhn, on_fail: "
			"flag}]",
		.levels = "[{confidence: medium, all: [{validator: luhn}]}]"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_taken(&rows[i]);
}

/* What a later release will do is never passed over. */
static void
test_not_yet(void **state UNUSED)
{
	static const struct {
		struct parts parts;
		const char *key;
	} rows[] = {
	    {{.primary = "function: f"}, "function"},
	    {{.primary = "fingerprint: {index: i}"}, "fingerprint"},
	    {{.primary = "fingerprint: {set: s}"}, "fingerprint"},
	    {{.primary = "canary: {set: s}"}, "canary"},
	    {{.primary = "pattern: a, normalize: [nfkc]"}, "nfkc"},
	    {{.primary = "pattern: a, validators: [{name: luhn, args: [1]}]"},
		"args"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(problems_done) struct problems problems = {0};
		struct diag why = {""};
		struct ruleset *r = NULL;

		check_refused(&rows[i].parts, "not supported yet");
		check_refused(&rows[i].parts, rows[i].key);
		assert_int_equal(
		    load(&rows[i].parts, &r, &problems, &why), -EBADMSG);
		assert_string_equal(
		    fatal(&problems)->name, "not-supported-yet");
	}
}

/* A slip of the pen at every depth. */
static void
test_unknown(void **state UNUSED)
{
	static const struct {
		struct parts parts;
		const char *wanted;
	} rows[] = {
	    {{.head = "id: t, versoin: 1.0.0, format: 1"},
		"t.yaml:1:15: unknown key \"versoin\" in pack; did you mean "
		"\"version\"?"},
	    {{.top = "detecors: []\n"}, "did you mean \"detectors\"?"},
	    {{.top = "lists: {k: {mach: word, terms: [a]}}\n"},
		"t.yaml:2:13: unknown key \"mach\""},
	    {{.more = "    titel: x\n"},
		"t.yaml:7:5: unknown key \"titel\" in a detector; did you "
		"mean \"title\"?"},
	    {{.more = "    prefilter: {keyword: [a]}\n"}, "\"keywords\"?"},
	    {{.more = "    mask: {keep_fist: 1}\n"}, "\"keep_first\"?"},
	    {{.more = "    flags: [{wen: {value_in: x}}]\n"}, "\"when\"?"},
	    {{.more = "    flags: [{when: {value_inn: x}, set: test_data}]\n"},
		"\"value_in\"?"},
	    {{.more = "    thresholds: {bulc: {min: 1}}\n"}, "\"bulk\"?"},
	    {{.more = "    thresholds: {bulk: {unik: 1}}\n"}, "\"unik\""},
	    {{.more = "    tests: [{txt: a, expect: low}]\n"}, "\"text\"?"},
	    {{.primary = "patern: a"}, "\"pattern\"?"},
	    {{.primary = "pattern: a, entropy: {mim: 1}"}, "\"min\"?"},
	    {{.primary = "pattern: a, validators: [luhm]"},
		"unknown validator \"luhm\"; did you mean \"luhn\"?"},
	    {{.primary = "pattern: a, validators: [{nam: luhn}]"}, "\"name\"?"},
	    {{.primary = "pattern: '(?P<a>a)', validators: [{checksum: {alg: "
			 "crc32_base62, ovr: a, equals: a}}]"},
		"\"over\"?"},
	    {{.primary = "pattern: '(?P<a>a)', validators: [{checksum: {alg: "
			 "md5, over: a, equals: a}}]"},
		"unknown checksum \"md5\""},
	    {{.levels = "[{confidance: low}]"}, "\"confidence\"?"},
	    {{.levels = "[{confidence: low, al: []}]"}, "\"all\"?"},
	    {{.levels = "[{confidence: low, any_of: {off: []}}]"}, "\"of\"?"},
	    {{.levels = "[{confidence: low, all: [{neer: {}}]}]"}, "\"near\"?"},
	    {{.levels = "[{confidence: low, all: [{near: {keywrds: [a]}}]}]"},
		"\"keywords\"?"},
	    {{.levels = "[{confidence: low, all: [{count: {uniqe: 1}}]}]"},
		"\"unique\"?"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_refused(&rows[i].parts, rows[i].wanted);
}

static void
test_bad_values(void **state UNUSED)
{
	static const struct {
		struct parts parts;
		const char *wanted;
	} rows[] = {
	    {{.head = "id: t, version: 1.0.0, format: 2"}, "format 2"},
	    {{.head = "id: t, version: 1.0, format: 1"}, "three numbers"},
	    {{.head = "id: t, format: 1"}, "needs the key \"version\""},
	    {{.top = "lists: {k: {match: word, terms: [\"\xe5\x8d\xa1\"]}}\n"},
		"substring"},
	    {{.top = "lists: {k: {match: word}}\n"}, "terms"},
	    {{.head = "id: t, version: 1.0.0, format: 1, requires: {engine: "
		      "999.0.0}"},
		"needs release 999.0.0"},
	    {{.head = "id: t, version: 1.0.0, format: 1, requires: {engine: "
		      "new}"},
		"the least release"},
	    {{.head = "id: t, version: 1.0.0, format: 1, requires: {packs: "
		      "[other]}"},
		"needs the pack \"other\""},
	    {{.top = "patterns: {p: {pattern: 'a*'}}\n"}, "unbounded"},
	    {{.top = "policies: [{id: p}]\n"}, "needs the key \"title\""},
	    {{.top = "policies: [{id: p, title: T, level: bad, match: {}, "
		     "then: [record]}]\n"},
		"informational"},
	    {{.top = POLICY("{}", "{detector: t.one, tag: x}", "record")},
		"one of \"detector\""},
	    {{.top = POLICY("{}", "{detector: t.one, unique: 20}", "record")},
		"\">=20\""},
	    {{.top = POLICY("{}", "{class: pii, window: 1y}", "record")},
		"24h"},
	    {{.top = POLICY("{}", "{class: pii, confidence: sure}", "record")},
		">=medium"},
	    {{.top = POLICY(
		  "{activity: [file.eat]}", "{class: pii}", "record")},
		"file.open"},
	    {{.top = POLICY(
		  "{paths: {include: []}}", "{class: pii}", "record")},
		"empty"},
	    {{.top = POLICY("{}", "{class: pii}", "shout")}, "notify"},
	    {{.primary = "pattern: patterns.p"}, "no pattern \"p\""},
	    {{.primary = "pattern: a, requirements: {min_digit: 1}"},
		"\"min_digits\"?"},
	    {{.more = "    override: perhaps\n"}, "override"},
	    {{.more = "    flags: [{when: {validator: luhn}, set: expired}]\n"},
		"no validator"},
	    {{.more = "    flags: [{when: {}, set: expired}]\n"},
		"when needs one of"},
	    {{.levels = "[{confidence: low, all: [{near: {keywords: [a], "
			"before: 5, side: left}}]}]"},
		"both, before, after"},
	    {{.more = "    status: done\n"}, "must be one of experimental"},
	    {{.more = "    sensitivity: huge\n"}, "low, medium, high"},
	    {{.more = "    prefilter: {keywords: []}\n"}, "reason"},
	    {{.more = "    mask: {keep_first: 7}\n"}, "6"},
	    {{.more = "    mask: {keep_last: 5}\n"}, "4"},
	    {{.more = "    tests: [{text: a, base64: YQ==, expect: low}]\n"},
		"either"},
	    {{.more = "    tests: [{base64: \"?\", expect: low}]\n"}, "base64"},
	    {{.more = "    tests: [{text: a, expect: maybe}]\n"},
		"none, low, medium, high"},
	    {{.more = "    tests: [{text: a, expect: low, spans: [[3, 3]]}]\n"},
		"4"},
	    {{.more = "    tests: [{text: a}]\n"}, "needs the key \"expect\""},
	    {{.more = "    flags: [{when: {value_in: none}, set: "
		      "test_data}]\n"},
		"no list \"none\""},
	    {{.primary = "pattern: 'a*'"}, "unbounded"},
	    {{.primary = "pattern: 'a{0,3}'"}, "empty"},
	    {{.primary = "pattern: 'a{5000}'"}, "5000"},
	    {{.primary = "pattern: '(?=a)b'"}, "look-around"},
	    {{.primary = "pattern: '(a'"}, "unclosed"},
	    {{.primary = "pattern: a, list: k"}, "either"},
	    {{.primary = "boundary: word"}, "either"},
	    {{.primary = "pattern: a, secret: x"}, "no group"},
	    {{.primary = "pattern: a, entropy: {min: 9}"}, "0 to 8"},
	    {{.primary = "pattern: a, boundary: words"}, "none, word"},
	    {{.levels = "[]"}, "at least one"},
	    {{.levels = "[{confidence: low}, {confidence: high}]"},
		"high to low"},
	    {{.levels = "[{confidence: low}, {confidence: low}]"},
		"high to low"},
	    {{.levels = "[{confidence: low, all: [{near: {keywords: [a]}}]}]"},
		"before"},
	    {{.levels = "[{confidence: low, all: [{near: {keywords: [a], "
			"before: 1001}}]}]"},
		"1000"},
	    {{.levels = "[{confidence: low, all: [{near: {before: 1}}]}]"},
		"one of"},
	    {{.levels = "[{confidence: low, all: [{count: {min: 1}}]}]"},
		"within"},
	    {{.levels = "[{confidence: low, all: [{count: {min: 1, within: "
			"17KiB}}]}]"},
		"16KiB"},
	    {{.levels = "[{confidence: low, all: [{count: {min: 1, unique: 1, "
			"within: 1}}]}]"},
		"either"},
	    {{.levels = "[{confidence: low, all: [{validator: luhn}]}]"},
		"no validator"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_refused(&rows[i].parts, rows[i].wanted);
}

/* ---- whole files and directories ---- */

static int
parse(const char *text, struct ruleset **out, struct diag *why)
{
	return ruleset_parse("t.yaml", text, strlen(text), out, NULL, why);
}

#define HEAD "pack: {id: t, version: 1.0.0, format: 1}\n"
#define DETECTOR(id, uuid) \
	"  - {id: " id ", uuid: 00000000-0000-4000-8000-00000000000" uuid \
	", title: T, class: t, primary: {pattern: a}, levels: [{confidence: " \
	"low}]}\n"

static void
test_whole(void **state UNUSED)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
	    {"", "t.yaml:"},
	    {"a: [", "t.yaml:"},
	    {"[]", "t.yaml:1:1"},
	    {HEAD, "no detector"},
	    {HEAD "detectors: {}\n", "must be a list"},
	    {HEAD "detectors:\n" DETECTOR("t.a", "1") DETECTOR("t.a", "2"),
		"t.yaml:4:5: \"t.a\" is defined at t.yaml:3 already"},
	    {HEAD "detectors:\n" DETECTOR("t.a", "1") DETECTOR("t.b", "1"),
		"uuid"},
	    {HEAD "detectors:\n" DETECTOR("T.a", "1"), "small letters"},
	    {HEAD "detectors:\n" DETECTOR("t.a", "G"), "hexadecimal"},
	    {HEAD "detectors: &x []\n", "t.yaml:"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ruleset *r = NULL;
		struct diag why = {""};

		if (parse(rows[i].text, &r, &why) != -EBADMSG ||
		    strstr(why.text, rows[i].wanted) == NULL)
			fail_msg("row %zu: \"%s\"", i, why.text);
		assert_null(r);
	}
}

/* Every problem of a file is told, not the first alone. */
static void
test_all_problems(void **state UNUSED)
{
	static const char text[] = HEAD "detectors:\n"
					"  - {id: t.a, uuid: x}\n"
					"  - {id: t.b}\n" DETECTOR("t.c", "1");
	OWN(problems_done) struct problems p = {0};
	struct ruleset *r = NULL;
	struct diag why = {""};
	size_t n = 0;

	assert_int_equal(
	    ruleset_parse("t.yaml", text, strlen(text), &r, &p, &why),
	    -EBADMSG);
	for (size_t i = 0; i < p.n; i++)
		n += p.list[i].fatal;
	assert_int_equal(n, 2);
	/* The good one is looked at as well: it has no tests. */
	assert_true(p.n > 2);
}

static void
put_file(int dir, const char *name, const char *text)
{
	OWN_FD int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* SHA-256 of length and bytes, by a tool of another hand. */
#define ONE HEAD "detectors:\n" DETECTOR("t.a", "1")
#define ONE_DIGEST \
	"0d30e2122267c144bb7448c7d629bc6c9ca007a408c4d19db28da3965d0f0d5e"

static void
test_digest(void **state UNUSED)
{
	char dir[] = "/tmp/pack_test.XXXXXX";
	const char *dirs[] = {dir};
	OWN(ruleset_freep) struct ruleset *r = NULL;
	OWN(ruleset_freep) struct ruleset *again = NULL;
	OWN(ruleset_freep) struct ruleset *more = NULL;
	struct diag why = {""};
	OWN_FD int fd = -1;
	int e;

	assert_int_equal(parse(ONE, &r, &why), 0);
	assert_string_equal(ruleset_digest(r), ONE_DIGEST);
	assert_int_equal(ruleset_count(r), 1);
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* The name and what is no pack do not count. */
	put_file(fd, "zz.yaml", ONE);
	put_file(fd, "README", "x");
	put_file(fd, ".hidden.yaml", "x");
	assert_int_equal(ruleset_load(dirs, 1, &again, NULL, &why), 0);
	assert_string_equal(ruleset_digest(again), ONE_DIGEST);
	/* Another pack is another set. */
	put_file(fd, "aa.yaml", HEAD "detectors:\n" DETECTOR("t.b", "2"));
	assert_int_equal(ruleset_load(dirs, 1, &more, NULL, &why), 0);
	assert_string_not_equal(ruleset_digest(more), ONE_DIGEST);
	assert_int_equal(ruleset_count(more), 2);
	/* A link is no pack, and nothing loads in part. */
	assert_int_equal(symlinkat("aa.yaml", fd, "bb.yaml"), 0);
	ruleset_free(again);
	again = NULL;
	e = ruleset_load(dirs, 1, &again, NULL, &why);
	assert_true(e < 0);
	assert_null(again);
	assert_non_null(strstr(why.text, "bb.yaml: is a symbolic link"));
	(void)unlinkat(fd, "aa.yaml", 0);
	(void)unlinkat(fd, "bb.yaml", 0);
	(void)unlinkat(fd, "zz.yaml", 0);
	(void)unlinkat(fd, "README", 0);
	(void)unlinkat(fd, ".hidden.yaml", 0);
	(void)rmdir(dir);
}

static bool
has_problem(const struct problems *p, const char *name, bool error)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_eq(p->list[i].name, name))
			return p->list[i].error == error;
	return false;
}

/* What is legal and weak. */
static void
test_lint(void **state UNUSED)
{
	static const struct {
		struct parts parts;
		const char *name;
		bool error;
	} rows[] = {
	    {{0}, "no-positive-test", true},
	    {{0}, "no-negative-test", true},
	    {{0}, "no-reference", false},
	    {{0}, "no-prefilter", true},
	    {{.levels = "[{confidence: high}]"}, "weak-high", true},
	    {{.more = "    mask: {keep_first: 2, keep_last: 2}\n"}, "wide-mask",
		true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(problems_done) struct problems p = {0};
		OWN(ruleset_freep) struct ruleset *r = NULL;
		struct diag why = {""};

		assert_int_equal(load(&rows[i].parts, &r, &p, &why), 0);
		if (!has_problem(&p, rows[i].name, rows[i].error))
			fail_msg("%s is not told", rows[i].name);
	}
}

static void
on_line(void *ctx, const struct ruleset_line *line)
{
	size_t *n = ctx;

	(*n)++;
	assert_true(line->len > 2);
	assert_null(memmem(line->json, line->len, "98765", 5));
	assert_null(strstr(line->text, "98765"));
}

/* A sample that fails is counted, and its text is not printed. */
static void
test_samples(void **state UNUSED)
{
	const struct parts p = {
	    .more =
		"    tests:\n"
		"      - {text: \"98765 x\", expect: low}\n"
		"      - {text: \"98765 x\", expect: high}\n"
		"      - {text: \"98765 x\", expect: low, spans: [[0, 4]]}\n"
		"      - {text: \"98765 x\", expect: low, spans: [[1, 4]]}\n"
		"      - {text: \"98765 x\", expect: low, unique: 2}\n"
		"      - {text: \"\xe5\x8d\xa1 9876\", expect: low, "
		"encode: [gb18030], spans: [[2, 6]]}\n",
	};
	OWN(ruleset_freep) struct ruleset *r = NULL;
	struct diag why = {""};
	size_t failed = 0, lines = 0;

	assert_int_equal(load(&p, &r, NULL, &why), 0);
	assert_int_equal(
	    ruleset_test(r, NULL, NULL, on_line, &lines, &failed), 0);
	assert_int_equal(lines, 7);
	assert_int_equal(failed, 3);
}

/* Each key of the worked example of the format is taken or refused by name. */
static void
test_example(void **state UNUSED)
{
	const char *shared = getenv("CHAPERONE_SHARED");
	OWN(problems_done) struct problems p = {0};
	int fd;
	static char data[65536];
	struct ruleset *r = NULL;
	struct diag why = {""};
	char path[4096];
	ssize_t n;

	if (shared == NULL) {
		print_message("# no CHAPERONE_SHARED\n");
		skip();
	}
	(void)snprintf(
	    path, sizeof path, "%s/design/example-pack.yaml", shared);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		print_message("# no %s\n", path);
		skip();
	}
	n = read(fd, data, sizeof data);
	close(fd);
	assert_true(n > 0);
	if (ruleset_parse("e.yaml", data, (size_t)n, &r, &p, &why) == 0)
		assert_int_equal(ruleset_count(r), 3);
	ruleset_free(r);
	for (size_t i = 0; i < p.n; i++)
		if (p.list[i].fatal &&
		    strstr(p.list[i].text, "\"decode\" is not") == NULL)
			fail_msg("%s", p.list[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_taken),
	    cmocka_unit_test(test_not_yet),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_bad_values),
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_all_problems),
	    cmocka_unit_test(test_digest),
	    cmocka_unit_test(test_lint),
	    cmocka_unit_test(test_samples),
	    cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
